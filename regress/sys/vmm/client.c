/* SPDX-License-Identifier: ISC */
/*
 * Programs written for OpenBSD's vmm(4): the headers they include, the states
 * they start VCPUs with, and what they expect of it all.
 */

#include <sys/types.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <machine/specialreg.h>
#include <machine/vmmvar.h>
#include <machine/cpu.h>
#include <dev/vmm/vmm.h>

#include "guest.h"
#include "harness.h"

#define KIB		1024UL
#define MIB		(1024 * KIB)
#define GIB		(1024 * MIB)
#define LOW_BYTES	(640 * KIB)
#define HIGH_BYTES	(64 * MIB - LOW_BYTES)
#define RESET_VECTOR	0xfffffff0UL
#define HANDLER		0xb5dUL
#define VECTOR_GP	13

static struct guest	g;
static uint8_t		*low, *high;

/* Reset state as such programs give it: type bits without S or with it. */
static void
flat16(struct vcpu_reg_state *s, uint32_t ar, uint64_t cs_base)
{
	unsigned int i;

	memset(s, 0, sizeof(*s));
	s->vrs_gprs[VCPU_REGS_RFLAGS] = 0x2;
	s->vrs_gprs[VCPU_REGS_RIP] = 0xfff0;
	s->vrs_gprs[VCPU_REGS_RDX] = 0x61;
	s->vrs_gprs[VCPU_REGS_RSP] = 0x800;
	s->vrs_crs[VCPU_REGS_CR0] = 0x60000010;
	s->vrs_crs[VCPU_REGS_XCR0] = XFEATURE_X87;
	for (i = VCPU_REGS_ES; i <= VCPU_REGS_GS; i++) {
		s->vrs_sregs[i].vsi_limit = 0xffff;
		s->vrs_sregs[i].vsi_ar = ar & ~0x0cU;	/* data */
	}
	s->vrs_sregs[VCPU_REGS_CS].vsi_ar = ar;
	s->vrs_sregs[VCPU_REGS_CS].vsi_sel = 0xf000;
	s->vrs_sregs[VCPU_REGS_CS].vsi_base = cs_base;
	s->vrs_sregs[VCPU_REGS_LDTR].vsi_limit = 0xffff;
	s->vrs_sregs[VCPU_REGS_LDTR].vsi_ar = 0x0082;
	s->vrs_sregs[VCPU_REGS_TR].vsi_limit = 0xffff;
	s->vrs_sregs[VCPU_REGS_TR].vsi_ar = 0x008b;
	s->vrs_gdtr.vsi_limit = s->vrs_idtr.vsi_limit = 0xffff;
	s->vrs_gdtr.vsi_ar = s->vrs_idtr.vsi_ar = 0x0082;
	s->vrs_drs[VCPU_REGS_DR6] = 0xffff0ff0;
	s->vrs_drs[VCPU_REGS_DR7] = 0x400;
}

/* Two ranges, the second ending at 4 GiB, filled with INT3. */
static void
create(void)
{
	struct vm_create_params vcp;

	memset(&g, 0, sizeof(g));
	low = memory_alloc(LOW_BYTES);
	high = memory_alloc(HIGH_BYTES);
	memset(low, 0xcc, LOW_BYTES);
	memset(high, 0xcc, HIGH_BYTES);
	create_params(&vcp, 1, low, LOW_BYTES);
	vcp.vcp_nmemranges = 2;
	vcp.vcp_memranges[1].vmr_gpa = 4 * GIB - HIGH_BYTES;
	vcp.vcp_memranges[1].vmr_va = (vaddr_t)high;
	vcp.vcp_memranges[1].vmr_size = HIGH_BYTES;
	g.fd = vmm_open();
	g.ram = low;
	CHECK_OK(ioctl(g.fd, VMM_IOC_CREATE, &vcp));
	g.id = vcp.vcp_id;
	g.cpu[0].vrp.vrp_vm_id = g.id;
	g.cpu[0].vrp.vrp_exit = &g.cpu[0].exit;
}

static void
reset_vector_write(const char *code, size_t n)
{
	memcpy(high + RESET_VECTOR - (4 * GIB - HIGH_BYTES), code, n);
}

static void
string_input_and_an_exception_in_16_bit_mode(void)
{
	struct vm_exit *e = &g.cpu[0].exit;
	struct vcpu_reg_state s;
	uint32_t ivt_entry = HANDLER;

	create();
	memcpy(low + VECTOR_GP * 4, &ivt_entry, sizeof(ivt_entry));
	memcpy(low + HANDLER, "\xe4\xf0", 2);		/* in $0xf0,%al */
	reset_vector_write("\x66\x52\x6c", 3);		/* push %edx; insb */
	flat16(&s, 0x0093, 0xffff0000);
	guest_reset(&g, 0, &s);
	CHECK_OK(vcpu_ioctl_run(&g, 0));
	CHECK_EQ(exit_kind(g.cpu[0].vrp.vrp_exit_reason), EXIT_IO);
	CHECK_EQ(g.cpu[0].vrp.vrp_vm_id, g.id);
	CHECK_EQ(e->vei.vei_port, 0x61);
	CHECK_EQ(e->vei.vei_string, 1);
	CHECK_EQ(e->vrs.vrs_gprs[VCPU_REGS_RIP], 0xfff2);
	CHECK_EQ(e->vrs.vrs_gprs[VCPU_REGS_RSP], 0x7fc);
	e->vrs.vrs_gprs[VCPU_REGS_RIP] += e->vei.vei_insn_len;
	inject(&g, VCPU_INJECT_EX, VECTOR_GP, 0x11223344);
	CHECK_OK(vcpu_ioctl_run(&g, 0));
	CHECK_EQ(exit_kind(g.cpu[0].vrp.vrp_exit_reason), EXIT_IO);
	CHECK_EQ(e->vei.vei_port, 0xf0);
	CHECK_EQ(e->vei.vei_dir, VEI_DIR_IN);
	CHECK_EQ(e->vrs.vrs_gprs[VCPU_REGS_RIP], HANDLER);
}

static void
start_states_of_other_programs_run(void)
{
	static const uint32_t rights[] = { 0x0093, 0x8093, 0x809f };
	static const uint64_t bases[] = { 0xffff0000, 0xf0000 };
	struct vcpu_reg_state s;
	size_t i, j;

	create();
	reset_vector_write("\xe6\x10", 2);		/* out %al,$0x10 */
	for (i = 0; i < 3; i++) {
		for (j = 0; j < 2; j++) {
			flat16(&s, rights[i], bases[j]);
			guest_reset(&g, 0, &s);
			if (bases[j] == 0xffff0000)
				expect_out(&g, 0x10, 0);
		}
	}
}

/* A unikernel's start: 64-bit mode, with the state a tender gives it. */
CODE64(unikernel, "mov $0x20000,%eax; mov $0x511,%edx; out %eax,%dx; hlt");

static void
tender_starts_a_unikernel_and_serves_its_call(void)
{
	struct vcpu_reg_state s;
	unsigned int i;

	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, unikernel);
	guest_init_state(&s, MODE_LONG, 0);
	s.vrs_crs[VCPU_REGS_CR0] = CR0_ET | CR0_NE | CR0_PE | CR0_PG | CR0_AM |
	    CR0_WP;
	s.vrs_crs[VCPU_REGS_CR4] = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT;
	s.vrs_msrs[VCPU_REGS_EFER] = EFER_LME | EFER_LMA | EFER_NXE;
	for (i = VCPU_REGS_ES; i <= VCPU_REGS_GS; i++)
		if (i != VCPU_REGS_CS)
			s.vrs_sregs[i].vsi_ar = 0x8093;
	guest_reset(&g, 0, &s);
	expect_out(&g, 0x511, 0x20000);
	CHECK_EQ(g.cpu[0].exit.vei.vei_size, 4);
	expect_hlt(&g);
}

static void
ioctl_numbers_are_openbsds(void)
{
	CHECK_EQ(_IOC_NR(VMM_IOC_CREATE), 1);
	CHECK_EQ(_IOC_NR(VMM_IOC_RUN), 2);
	CHECK_EQ(_IOC_NR(VMM_IOC_INFO), 3);
	CHECK_EQ(_IOC_NR(VMM_IOC_TERM), 4);
	CHECK_EQ(_IOC_NR(VMM_IOC_RESETCPU), 5);
	CHECK_EQ(_IOC_NR(VMM_IOC_INTR), 6);
	CHECK_EQ(_IOC_NR(VMM_IOC_READREGS), 7);
	CHECK_EQ(_IOC_NR(VMM_IOC_WRITEREGS), 8);
	CHECK_EQ(_IOC_NR(VMM_IOC_READVMPARAMS), 9);
	CHECK_EQ(_IOC_NR(VMM_IOC_WRITEVMPARAMS), 10);
	CHECK_EQ(_IOC_NR(VMM_IOC_MPROTECT_EPT), 11);
	CHECK_EQ(_IOC_TYPE(VMM_IOC_CREATE), 'V');
}

const struct test tests[] = {
	TEST(string_input_and_an_exception_in_16_bit_mode),
	TEST(start_states_of_other_programs_run),
	TEST(tender_starts_a_unikernel_and_serves_its_call),
	TEST(ioctl_numbers_are_openbsds),
	TEST_END
};

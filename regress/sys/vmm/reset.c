/* SPDX-License-Identifier: ISC */
/*
 * VMM_IOC_RESETCPU of vmm(4).
 */

#include "guest.h"
#include "harness.h"

#define NONCANONICAL	0x8000000000000000ULL

CODE64(halt, "hlt");
CODE64(count, "sti; 1: incq 0x20000; jmp 1b");
CODE64(enable, "sti; nop; nop; hlt");

static struct guest			g;
static struct vm_resetcpu_params	vrp;

static void
setup(enum mode mode)
{
	guest_create(&g, 1);
	guest_start(&g, mode, halt);
	memset(&vrp, 0, sizeof(vrp));
	vrp.vrp_vm_id = g.id;
	guest_init_state(&vrp.vrp_init_state, mode, 0);
}

static int
reset(void)
{
	return ioctl(g.fd, VMM_IOC_RESETCPU, &vrp);
}

static void
reset_does_not_know_other_vms_and_vcpus(void)
{
	setup(MODE_LONG);
	vrp.vrp_vm_id++;
	CHECK_ERRNO(reset(), ENOENT);
	vrp.vrp_vm_id--;
	vrp.vrp_vcpu_id = 1;
	CHECK_ERRNO(reset(), ENOENT);
	vrp.vrp_vcpu_id = UINT32_MAX;
	CHECK_ERRNO(reset(), ENOENT);
	vrp.vrp_vcpu_id = 0;
	CHECK_OK(reset());
}

static void
reset_faults_on_a_bad_pointer(void)
{
	setup(MODE_LONG);
	CHECK_ERRNO(ioctl(g.fd, VMM_IOC_RESETCPU, NULL), EFAULT);
}

static void
reset_refuses_a_vcpu_that_runs(void)
{
	struct vm_terminate_params vtp;
	struct runner r;

	setup(MODE_LONG);
	guest_start(&g, MODE_LONG, count);
	runner_start(&r, &g, 0, false);
	CHECK_ERRNO(reset(), EBUSY);
	guest_wait_count(&g);
	vtp.vtp_vm_id = g.id;
	CHECK_OK(ioctl(g.fd, VMM_IOC_TERM, &vtp));
	runner_join(&r);
}

struct bad_state {
	const char	*what;
	enum mode	 mode;
	size_t		 offset;
	uint64_t	 val;
};

#define BAD(mode, field, val) { #mode " " #field " = " #val, mode,	\
	offsetof(struct vcpu_reg_state, field), val }

#define CR0_LONG	(CR0_PG | CR0_PE | CR0_ET | CR0_NE)

static const struct bad_state bad_states[] = {
	BAD(MODE_REAL, vrs_crs[VCPU_REGS_CR0], CR0_PG | CR0_ET),
	BAD(MODE_REAL, vrs_crs[VCPU_REGS_CR0], CR0_NW | CR0_ET),
	BAD(MODE_REAL, vrs_crs[VCPU_REGS_CR0], 1ULL << 32 | CR0_ET),
	BAD(MODE_LONG, vrs_crs[VCPU_REGS_CR0], 1ULL << 63 | CR0_LONG),
	BAD(MODE_LONG, vrs_crs[VCPU_REGS_CR0], CR0_LONG & ~CR0_PE),
	BAD(MODE_LONG, vrs_crs[VCPU_REGS_CR4], 0),
	BAD(MODE_LONG, vrs_crs[VCPU_REGS_CR4], CR4_PAE | CR4_VMXE),
	BAD(MODE_LONG, vrs_crs[VCPU_REGS_CR4], CR4_PAE | 1ULL << 15),
	BAD(MODE_LONG, vrs_crs[VCPU_REGS_CR4], CR4_PAE | 1ULL << 32),
	BAD(MODE_LONG, vrs_crs[VCPU_REGS_CR8], 16),
	BAD(MODE_LONG, vrs_crs[VCPU_REGS_XCR0], 0),
	BAD(MODE_LONG, vrs_crs[VCPU_REGS_XCR0], XFEATURE_SSE),
	BAD(MODE_LONG, vrs_crs[VCPU_REGS_XCR0], XFEATURE_X87 | XFEATURE_AVX),
	BAD(MODE_LONG, vrs_crs[VCPU_REGS_XCR0], XFEATURE_X87 | 1ULL << 62),
	BAD(MODE_LONG, vrs_msrs[VCPU_REGS_EFER],
	    EFER_LME | EFER_LMA | 1ULL << 1),
	BAD(MODE_LONG, vrs_msrs[VCPU_REGS_EFER],
	    EFER_LME | EFER_LMA | 1ULL << 32),
	BAD(MODE_LONG, vrs_msrs[VCPU_REGS_LSTAR], NONCANONICAL),
	BAD(MODE_LONG, vrs_msrs[VCPU_REGS_CSTAR], NONCANONICAL),
	BAD(MODE_LONG, vrs_msrs[VCPU_REGS_KGSBASE], NONCANONICAL),
	BAD(MODE_LONG, vrs_drs[VCPU_REGS_DR6], 1ULL << 32 | DR6_INIT),
	BAD(MODE_LONG, vrs_drs[VCPU_REGS_DR7], 1ULL << 32 | DR7_INIT),
	BAD(MODE_LONG, vrs_sregs[VCPU_REGS_FS].vsi_base, NONCANONICAL),
	BAD(MODE_LONG, vrs_sregs[VCPU_REGS_GS].vsi_base, NONCANONICAL),
};
#define NBAD	(sizeof(bad_states) / sizeof(bad_states[0]))

static void
reset_refuses_states_that_no_cpu_has_and_changes_nothing(void)
{
	struct vcpu_reg_state before, after;
	const struct bad_state *b;

	setup(MODE_LONG);
	regs_read(&g, &before);
	for (b = bad_states; b < bad_states + NBAD; b++) {
		guest_init_state(&vrp.vrp_init_state, b->mode, 0);
		vrp.vrp_init_state.vrs_gprs[VCPU_REGS_RAX] = 0x77;
		memcpy((char *)&vrp.vrp_init_state + b->offset, &b->val,
		    sizeof(b->val));
		errno = 0;
		if (reset() != -1 || errno != EINVAL)
			FAIL("%s: %s, not EINVAL", b->what, strerror(errno));
		regs_read(&g, &after);
		if (memcmp(&before, &after, sizeof(before)) != 0)
			FAIL("%s: changed the registers", b->what);
	}
	expect_hlt(&g);
}

static void
reset_drops_a_pending_interrupt(void)
{
	setup(MODE_LONG);
	inject(&g, VCPU_INJECT_INTR, 0x40, 0);
	expect_hlt(&g);			/* IF is 0: it waits */
	guest_start(&g, MODE_LONG, enable);
	expect_hlt(&g);
	CHECK_EQ(gpr(&g, VCPU_REGS_RIP), GUEST_CODE + 4);
}

CODE64(nmi_block, "out %al,$0x10; hlt");

static void
reset_ends_the_blocking_of_nmis(void)
{
	setup(MODE_LONG);
	guest_start(&g, MODE_LONG, nmi_block);
	expect_out(&g, 0x10, 0);
	inject(&g, VCPU_INJECT_NMI, 0, 0);
	expect_trap(&g, 2, NULL);
	guest_start(&g, MODE_LONG, nmi_block);
	expect_out(&g, 0x10, 0);
	inject(&g, VCPU_INJECT_NMI, 0, 0);
	expect_trap(&g, 2, NULL);
}

CODE64(dirty,
    "fninit; fld1; mov $0x10,%ecx; xor %edx,%edx; mov $0x600,%eax\n"
    "mov %cr4,%rbx; or %rax,%rbx; mov %rbx,%cr4; pcmpeqb %xmm3,%xmm3\n"
    "mov $0x174,%ecx; mov $8,%eax; wrmsr; hlt");
CODE64(clean,
    "mov %cr4,%rbx; or $0x600,%rbx; mov %rbx,%cr4; fnstsw %ax\n"
    "movzwl %ax,%ebx; movq %xmm3,%rsi; mov $0x174,%ecx; rdmsr; hlt");

static void
reset_clears_what_is_not_in_the_register_state(void)
{
	setup(MODE_LONG);
	guest_start(&g, MODE_LONG, dirty);
	expect_hlt(&g);
	guest_start(&g, MODE_LONG, clean);
	expect_hlt(&g);
	CHECK_EQ(gpr(&g, VCPU_REGS_RBX), 0);	/* x87 status */
	CHECK_EQ(gpr(&g, VCPU_REGS_RSI), 0);	/* XMM3 */
	CHECK_EQ(gpr(&g, VCPU_REGS_RAX), 0);	/* SYSENTER_CS */
}

static void
reset_is_possible_any_number_of_times(void)
{
	enum mode mode;
	int i;

	setup(MODE_LONG);
	for (i = 0; i < 50; i++) {
		mode = i % MODE_COUNT;
		guest_start(&g, mode, halt);
		expect_hlt(&g);
	}
}

const struct test tests[] = {
	TEST(reset_does_not_know_other_vms_and_vcpus),
	TEST(reset_faults_on_a_bad_pointer),
	TEST(reset_refuses_a_vcpu_that_runs),
	TEST(reset_refuses_states_that_no_cpu_has_and_changes_nothing),
	TEST(reset_drops_a_pending_interrupt),
	TEST(reset_ends_the_blocking_of_nmis),
	TEST(reset_clears_what_is_not_in_the_register_state),
	TEST(reset_is_possible_any_number_of_times),
	TEST_END
};

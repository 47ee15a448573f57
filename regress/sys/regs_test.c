/* SPDX-License-Identifier: ISC */
/*
 * Promises of register state: what no CPU could be in is refused and
 * changes nothing, and what is accepted is what the guest has.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "md.h"
#include "world.h"

#include <machine/specialreg.h>

#define NONCANONICAL	0x0000800000000000ULL

static struct vcpu		*vcpu;
static struct vcpu_reg_state	 rs;

static int
begin(void **state)
{
	if (world_begin_vm(state) != 0)
		return (-1);
	vcpu = world_vcpu(0);
	regs_power_on(&rs);
	return (0);
}

static uint64_t *
cr(int n)
{
	return (&rs.vrs_crs[n]);
}

/* With *p set so the state is refused; it is fine otherwise. */
static void
refused(uint64_t *p, uint64_t val)
{
	uint64_t old = *p;

	assert_int_equal(regs_check(&rs), 0);
	*p = val;
	assert_int_equal(regs_check(&rs), EINVAL);
	*p = old;
}

static void
long_mode(void)
{
	*cr(VCPU_REGS_CR0) = CR0_PE | CR0_PG | CR0_ET;
	*cr(VCPU_REGS_CR4) = CR4_PAE;
	rs.vrs_msrs[VCPU_REGS_EFER] = EFER_LME | EFER_LMA;
	rs.vrs_sregs[VCPU_REGS_CS].vsi_ar = 0x209b;
}

static void
cr0_has_rules(void **state)
{
	(void)state;
	refused(cr(VCPU_REGS_CR0), 1ULL << 32);
	refused(cr(VCPU_REGS_CR0), CR0_PG);
	refused(cr(VCPU_REGS_CR0), CR0_NW);
	*cr(VCPU_REGS_CR0) = CR0_PG | CR0_PE;
	assert_int_equal(regs_check(&rs), 0);
}

static void
hidden_features_cannot_be_turned_on(void **state)
{
	(void)state;
	refused(cr(VCPU_REGS_CR4), CR4_VMXE);
	refused(cr(VCPU_REGS_CR4), CR4_SMXE);
	refused(cr(VCPU_REGS_CR4), CR4_MCE);
	refused(cr(VCPU_REGS_CR4), CR4_PCIDE);
	refused(cr(VCPU_REGS_CR4), CR4_LA57);
	refused(cr(VCPU_REGS_CR4), CR4_PKE);
	refused(cr(VCPU_REGS_CR4), CR4_CET);
	refused(cr(VCPU_REGS_CR4), CR4_PKS);
	refused(cr(VCPU_REGS_CR4), 1ULL << 32);
	refused(&rs.vrs_msrs[VCPU_REGS_EFER], EFER_SVME);
	refused(&rs.vrs_msrs[VCPU_REGS_EFER], EFER_LMSLE);
	refused(&rs.vrs_msrs[VCPU_REGS_EFER], EFER_FFXSR);
	refused(&rs.vrs_msrs[VCPU_REGS_EFER], EFER_TCE);
}

static void
cr3_and_cr8_have_a_size(void **state)
{
	(void)state;
	refused(cr(VCPU_REGS_CR3), 1ULL << cpuid_maxphyaddr());
	*cr(VCPU_REGS_CR3) = (1ULL << cpuid_maxphyaddr()) - 1;
	*cr(VCPU_REGS_CR8) = 15;
	refused(cr(VCPU_REGS_CR8), 16);
}

static void
xcr0_is_a_combination_that_exists(void **state)
{
	const uint64_t avx = XFEATURE_X87 | XFEATURE_SSE | XFEATURE_AVX;

	(void)state;
	refused(cr(VCPU_REGS_XCR0), 0);
	refused(cr(VCPU_REGS_XCR0), XFEATURE_SSE);
	refused(cr(VCPU_REGS_XCR0), XFEATURE_X87 | XFEATURE_AVX);
	refused(cr(VCPU_REGS_XCR0), avx | XFEATURE_PKRU);
	refused(cr(VCPU_REGS_XCR0), avx | XFEATURE_MPX);
	refused(cr(VCPU_REGS_XCR0), avx | 1ULL << 63);
	refused(cr(VCPU_REGS_XCR0), avx | XFEATURE_OPMASK);
	refused(cr(VCPU_REGS_XCR0), XFEATURE_X87 | XFEATURE_AVX512);
	*cr(VCPU_REGS_XCR0) = avx | XFEATURE_AVX512;
	assert_int_equal(regs_check(&rs), 0);
}

static void
long_mode_needs_pae_and_paging(void **state)
{
	(void)state;
	refused(&rs.vrs_msrs[VCPU_REGS_EFER], EFER_LMA);
	refused(&rs.vrs_msrs[VCPU_REGS_EFER], EFER_LMA | EFER_LME);
	long_mode();
	refused(cr(VCPU_REGS_CR4), 0);
	refused(&rs.vrs_msrs[VCPU_REGS_EFER], EFER_LMA);
	rs.vrs_sregs[VCPU_REGS_CS].vsi_ar = 0x609b;
	assert_int_equal(regs_check(&rs), EINVAL);
	rs.vrs_sregs[VCPU_REGS_CS].vsi_ar = 0x409b;
	assert_int_equal(regs_check(&rs), 0);
}

static void
addresses_are_canonical(void **state)
{
	int i;

	(void)state;
	refused(&rs.vrs_gprs[VCPU_REGS_RIP], NONCANONICAL);
	refused(&rs.vrs_gprs[VCPU_REGS_RIP], ~NONCANONICAL);
	refused(&rs.vrs_msrs[VCPU_REGS_LSTAR], NONCANONICAL);
	refused(&rs.vrs_msrs[VCPU_REGS_CSTAR], NONCANONICAL);
	refused(&rs.vrs_msrs[VCPU_REGS_KGSBASE], NONCANONICAL);
	refused(&rs.vrs_gdtr.vsi_base, NONCANONICAL);
	refused(&rs.vrs_idtr.vsi_base, NONCANONICAL);
	for (i = 0; i < VCPU_REGS_NSREGS; i++) {
		refused(&rs.vrs_sregs[i].vsi_base, NONCANONICAL);
		rs.vrs_sregs[i].vsi_base = 0xffff800000000000ULL;
	}
	assert_int_equal(regs_check(&rs), 0);
}

static void
reserved_bits_are_refused(void **state)
{
	uint64_t *rflags = &rs.vrs_gprs[VCPU_REGS_RFLAGS];
	int i;

	(void)state;
	refused(rflags, 1U << 3);
	refused(rflags, 1U << 5);
	refused(rflags, 1U << 15);
	refused(rflags, 1ULL << 22);
	refused(rflags, 1ULL << 63);
	refused(&rs.vrs_drs[VCPU_REGS_DR6], 1ULL << 32);
	refused(&rs.vrs_drs[VCPU_REGS_DR7], 1ULL << 32);
	for (i = 0; i < VCPU_REGS_NSREGS; i++) {
		rs.vrs_sregs[i].vsi_ar |= 0x100;
		assert_int_equal(regs_check(&rs), EINVAL);
		rs.vrs_sregs[i].vsi_ar ^= 0x20100;
		assert_int_equal(regs_check(&rs), EINVAL);
		rs.vrs_sregs[i].vsi_ar &= 0xf0ff;
	}
	rs.vrs_gdtr.vsi_limit = 0x10000;
	assert_int_equal(regs_check(&rs), EINVAL);
	rs.vrs_gdtr.vsi_limit = 0;
	rs.vrs_idtr.vsi_limit = 0x10000;
	assert_int_equal(regs_check(&rs), EINVAL);
}

static int
readregs(uint64_t mask)
{
	w.regs.vrwp_vm_id = w.create.vcp_id;
	w.regs.vrwp_vcpu_id = 0;
	w.regs.vrwp_mask = mask;
	return (world_ioctl(VMM_IOC_READREGS, &w.regs));
}

static int
writeregs(uint64_t mask)
{
	w.regs.vrwp_vm_id = w.create.vcp_id;
	w.regs.vrwp_mask = mask;
	w.regs.vrwp_regs = rs;
	return (world_ioctl(VMM_IOC_WRITEREGS, &w.regs));
}

static void
a_new_vcpu_is_as_at_power_on(void **state)
{
	(void)state;
	memset(&w.regs.vrwp_regs, 0xff, sizeof(w.regs.vrwp_regs));
	assert_int_equal(readregs(VM_RWREGS_ALL), 0);
	assert_memory_equal(&w.regs.vrwp_regs, &rs, sizeof(rs));
}

static void
a_refused_write_changes_nothing(void **state)
{
	(void)state;
	rs.vrs_gprs[VCPU_REGS_RAX] = 1;
	rs.vrs_crs[VCPU_REGS_CR8] = 16;
	assert_int_equal(writeregs(VM_RWREGS_ALL), EINVAL);
	hosted.fail_alloc = 2;
	rs.vrs_crs[VCPU_REGS_CR8] = 1;
	assert_int_equal(writeregs(VM_RWREGS_ALL), ENOMEM);
	regs_power_on(&rs);
	assert_int_equal(readregs(VM_RWREGS_ALL), 0);
	assert_memory_equal(&w.regs.vrwp_regs, &rs, sizeof(rs));
}

static void
groups_are_read_and_written_alone(void **state)
{
	struct vcpu_reg_state other;

	(void)state;
	memset(&w.regs.vrwp_regs, 0x77, sizeof(w.regs.vrwp_regs));
	memset(&other, 0x77, sizeof(other));
	memcpy(other.vrs_crs, rs.vrs_crs, sizeof(other.vrs_crs));
	assert_int_equal(readregs(VM_RWREGS_CRS), 0);
	assert_memory_equal(&w.regs.vrwp_regs, &other, sizeof(other));
	other = rs;
	memset(&rs, 0x77, sizeof(rs));
	memcpy(rs.vrs_drs, other.vrs_drs, sizeof(rs.vrs_drs));
	rs.vrs_drs[VCPU_REGS_DR0] = other.vrs_drs[VCPU_REGS_DR0] = 0x1234;
	assert_int_equal(writeregs(VM_RWREGS_DRS), 0);
	assert_int_equal(readregs(VM_RWREGS_ALL), 0);
	assert_memory_equal(&w.regs.vrwp_regs, &other, sizeof(other));
}

static void
written_registers_reach_the_hardware(void **state)
{
	(void)state;
	long_mode();
	rs.vrs_msrs[VCPU_REGS_EFER] = EFER_LME;
	rs.vrs_gprs[VCPU_REGS_RFLAGS] = 0;
	*cr(VCPU_REGS_CR3) = 0x5000;
	rs.vrs_sregs[VCPU_REGS_DS].vsi_base = 0x10;
	rs.vrs_msrs[VCPU_REGS_STAR] = 0x11;
	rs.vrs_drs[VCPU_REGS_DR3] = 0x12;
	assert_int_equal(writeregs(VM_RWREGS_ALL), 0);
	assert_int_equal(world_run(), 0);
	assert_int_equal(mock_hw(vcpu)->vrs_crs[VCPU_REGS_CR3], 0x5000);
	assert_int_equal(mock_hw(vcpu)->vrs_sregs[VCPU_REGS_DS].vsi_base,
	    0x10);
	assert_int_equal(mock_hw(vcpu)->vrs_msrs[VCPU_REGS_STAR], 0x11);
	assert_int_equal(mock_hw(vcpu)->vrs_drs[VCPU_REGS_DR3], 0x12);
	/* LMA follows LME and PG, and RFLAGS bit 1 is set. */
	assert_int_equal(mock_hw(vcpu)->vrs_msrs[VCPU_REGS_EFER],
	    EFER_LME | EFER_LMA);
	assert_true(w.exit.vrs.vrs_gprs[VCPU_REGS_RFLAGS] & PSL_MBO);
	assert_int_equal(w.exit.vrs.vrs_crs[VCPU_REGS_CR3], 0x5000);
}

/* Paging goes off, and with it long mode, in one group or the other. */
static void
paging_off_alone_ends_long_mode(void **state)
{
	(void)state;
	long_mode();
	assert_int_equal(writeregs(VM_RWREGS_ALL), 0);
	*cr(VCPU_REGS_CR0) = CR0_PE | CR0_ET;
	assert_int_equal(writeregs(VM_RWREGS_CRS), EINVAL);
	rs.vrs_msrs[VCPU_REGS_EFER] = EFER_LME;
	assert_int_equal(writeregs(VM_RWREGS_CRS | VM_RWREGS_MSRS), 0);
}

static void
a_reset_drops_what_waits(void **state)
{
	struct vcpu_inject_event vie = { 0x30, 0, VCPU_INJECT_INTR };

	(void)state;
	assert_int_equal(event_post(vcpu, &vie), 0);
	vcpu->shut_down = true;
	vcpu->completion = VCPU_COMPLETE_IO;
	vcpu->pat = 0;
	rs.vrs_gprs[VCPU_REGS_RAX] = 7;
	w.reset.vrp_vm_id = w.create.vcp_id;
	w.reset.vrp_init_state = rs;
	assert_int_equal(world_ioctl(VMM_IOC_RESETCPU, &w.reset), 0);
	assert_false(vcpu->ev.intr);
	assert_false(vcpu->shut_down);
	assert_int_equal(vcpu->completion, VCPU_COMPLETE_NONE);
	assert_int_equal(vcpu->pat, PAT_INIT);
	assert_int_equal(mock.pat, PAT_INIT);
	assert_int_equal(readregs(VM_RWREGS_ALL), 0);
	assert_memory_equal(&w.regs.vrwp_regs, &rs, sizeof(rs));
}

static void
a_refused_reset_changes_nothing(void **state)
{
	struct vcpu_inject_event vie = { 0x30, 0, VCPU_INJECT_INTR };

	(void)state;
	assert_int_equal(event_post(vcpu, &vie), 0);
	w.reset.vrp_vm_id = w.create.vcp_id;
	w.reset.vrp_init_state = rs;
	w.reset.vrp_init_state.vrs_crs[VCPU_REGS_XCR0] = 0;
	assert_int_equal(world_ioctl(VMM_IOC_RESETCPU, &w.reset), EINVAL);
	assert_true(vcpu->ev.intr);
	assert_int_equal(readregs(VM_RWREGS_ALL), 0);
	assert_memory_equal(&w.regs.vrwp_regs, &rs, sizeof(rs));
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, begin, world_end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(cr0_has_rules),
		TEST(hidden_features_cannot_be_turned_on),
		TEST(cr3_and_cr8_have_a_size),
		TEST(xcr0_is_a_combination_that_exists),
		TEST(long_mode_needs_pae_and_paging),
		TEST(addresses_are_canonical),
		TEST(reserved_bits_are_refused),
		TEST(a_new_vcpu_is_as_at_power_on),
		TEST(a_refused_write_changes_nothing),
		TEST(groups_are_read_and_written_alone),
		TEST(written_registers_reach_the_hardware),
		TEST(paging_off_alone_ends_long_mode),
		TEST(a_reset_drops_what_waits),
		TEST(a_refused_reset_changes_nothing),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}

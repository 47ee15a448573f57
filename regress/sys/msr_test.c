/* SPDX-License-Identifier: ISC */
/*
 * Promises of MSRs and of CPUID: what is not on a list does not exist.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cpufunc.h"
#include "world.h"

#include <machine/specialreg.h>

#define NONCANONICAL	0x0000800000000000ULL

static struct vcpu	*vcpu;

static int
begin(void **state)
{
	if (world_begin_vm(state) != 0)
		return (-1);
	vcpu = world_vcpu(0);
	return (0);
}

static const uint32_t	known[] = {
	MSR_TSC, MSR_PLATFORM_ID, MSR_BIOS_SIGN, MSR_MISC_ENABLE, MSR_CR_PAT,
	KVM_MSR_WALL_CLOCK, KVM_MSR_SYSTEM_TIME, MSR_EFER, MSR_STAR,
	MSR_LSTAR, MSR_CSTAR, MSR_SFMASK, MSR_SYSCFG, MSR_HWCR, MSR_NB_CFG,
	MSR_INT_PEN_MSG, MSR_PSTATEDEF, MSR_LS_CFG, MSR_IC_CFG, MSR_DE_CFG,
};

static bool
is_known(uint32_t msr)
{
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (known[i] == msr)
			return (true);
	}
	return (false);
}

static void
range_is_unknown(uint32_t first, uint32_t last)
{
	uint64_t val;
	uint32_t msr;

	for (msr = first; msr <= last; msr++) {
		if (is_known(msr)) {
			assert_int_equal(msr_read(vcpu, msr, &val), 0);
			continue;
		}
		assert_int_equal(msr_read(vcpu, msr, &val), EINVAL);
		assert_int_equal(msr_write(vcpu, msr, 0), EINVAL);
	}
}

static void
msrs_that_are_not_listed_do_not_exist(void **state)
{
	(void)state;
	range_is_unknown(0, 0x1fff);
	range_is_unknown(0x40000000, 0x400000ff);
	range_is_unknown(0x4b564d00, 0x4b564dff);
	range_is_unknown(0xc0000000, 0xc0001fff);
	range_is_unknown(0xc0010000, 0xc0011fff);
	range_is_unknown(0xffffff00, 0xfffffffe);
}

static void
msrs_to_read_cannot_be_written(void **state)
{
	(void)state;
	assert_int_equal(msr_write(vcpu, MSR_PLATFORM_ID, 0), EINVAL);
	assert_int_equal(msr_write(vcpu, MSR_SYSCFG, 0), EINVAL);
	assert_int_equal(msr_write(vcpu, MSR_NB_CFG, 0), EINVAL);
	assert_int_equal(msr_write(vcpu, MSR_PSTATEDEF, 0), EINVAL);
}

static void
a_pat_has_memory_types_that_exist(void **state)
{
	uint64_t val;
	int type, i;

	(void)state;
	for (type = 0; type < 256; type++) {
		for (i = 0; i < 64; i += 8) {
			val = PAT_INIT & ~(0xffULL << i);
			val |= (uint64_t)type << i;
			assert_int_equal(pat_valid(val), type <= 1 ||
			    (type >= 4 && type <= 7));
		}
	}
	assert_int_equal(msr_write(vcpu, MSR_CR_PAT, 2), EINVAL);
	assert_int_equal(vcpu->pat, PAT_INIT);
	assert_int_equal(msr_write(vcpu, MSR_CR_PAT, 6), 0);
	assert_int_equal(mock.pat, 6);
	assert_int_equal(msr_read(vcpu, MSR_CR_PAT, &val), 0);
	assert_int_equal(val, 6);
}

static uint64_t
efer(void)
{
	uint64_t val;

	assert_int_equal(msr_read(vcpu, MSR_EFER, &val), 0);
	return (val);
}

static void
efer_has_rules(void **state)
{
	(void)state;
	assert_int_equal(msr_write(vcpu, MSR_EFER, EFER_SVME), EINVAL);
	assert_int_equal(msr_write(vcpu, MSR_EFER, EFER_FFXSR), EINVAL);
	assert_int_equal(msr_write(vcpu, MSR_EFER, 1ULL << 63), EINVAL);
	assert_int_equal(efer(), 0);
	/* LMA is not the guest's to write. */
	assert_int_equal(msr_write(vcpu, MSR_EFER, EFER_LME | EFER_LMA), 0);
	assert_int_equal(efer(), EFER_LME);
	vcpu->regs.vrs_crs[VCPU_REGS_CR0] |= CR0_PG;
	assert_int_equal(msr_write(vcpu, MSR_EFER, EFER_SCE), EINVAL);
	assert_int_equal(msr_write(vcpu, MSR_EFER, EFER_LME | EFER_SCE), 0);
	assert_int_equal(efer(), EFER_LME | EFER_SCE);
}

static void
efer_has_what_cpuid_shows(void **state)
{
	(void)state;
	assert_int_equal(cpuid_efer_allowed(),
	    EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE);
	hosted_cpu.features = 0;
	cpuid_init();
	assert_int_equal(cpuid_efer_allowed(), 0);
	assert_int_equal(msr_write(vcpu, MSR_EFER, EFER_LME), EINVAL);
}

/* A bad value would raise #GP in the host. */
static void
addresses_of_system_calls_are_canonical(void **state)
{
	(void)state;
	assert_int_equal(msr_write(vcpu, MSR_LSTAR, NONCANONICAL), EINVAL);
	assert_int_equal(msr_write(vcpu, MSR_CSTAR, NONCANONICAL), EINVAL);
	assert_int_equal(msr_write(vcpu, MSR_SFMASK, 1ULL << 32), EINVAL);
	assert_int_equal(hosted_cpu.wrmsr_msr, 0);
	assert_int_equal(msr_write(vcpu, MSR_LSTAR, ~0ULL << 47), 0);
	assert_int_equal(hosted_cpu.wrmsr_msr, MSR_LSTAR);
	assert_int_equal(hosted_cpu.wrmsr_val, ~0ULL << 47);
}

static void
a_guest_sets_its_tsc(void **state)
{
	uint64_t val;

	(void)state;
	assert_int_equal(msr_write(vcpu, MSR_TSC, 5), 0);
	hosted_cpu.tsc += 100;
	assert_int_equal(msr_read(vcpu, MSR_TSC, &val), 0);
	assert_int_equal(val, 105);
	assert_int_equal(mock.tsc_offset + hosted_cpu.tsc, 105);
}

static void
a_clock_is_in_memory(void **state)
{
	const uint32_t time = KVM_MSR_SYSTEM_TIME, wall = KVM_MSR_WALL_CLOCK;
	uint64_t val;

	(void)state;
	assert_int_equal(msr_write(vcpu, time, 0x1000 | 1), 0);
	assert_int_equal(msr_read(vcpu, time, &val), 0);
	assert_int_equal(val, 0x1001);
	assert_int_equal(msr_write(vcpu, time, 0x1002 | 1), EINVAL);
	assert_int_equal(msr_write(vcpu, time, 0x1fe4 | 1), EINVAL);
	assert_int_equal(msr_write(vcpu, time, MMIO_GPA | 1), EINVAL);
	assert_int_equal(msr_write(vcpu, time, RAM_SIZE | 1), EINVAL);
	assert_int_equal(msr_write(vcpu, time, ~0ULL), EINVAL);
	assert_int_equal(vcpu->pvclock.gpa, 0x1000);
	assert_int_equal(msr_write(vcpu, time, 0x1fe0 | 1), 0);
	assert_int_equal(msr_write(vcpu, time, 0), 0);
	assert_int_equal(vcpu->pvclock.gpa, 0);
	assert_int_equal(msr_write(vcpu, wall, 0), EINVAL);
	assert_int_equal(msr_write(vcpu, wall, 0x1ff8), EINVAL);
	assert_int_equal(msr_write(vcpu, wall, RAM_SIZE - 12), 0);
	pvclock_update(vcpu);
	assert_int_equal(hosted.held, 0);
}

static struct cpuid_regs
guest(uint32_t leaf, uint32_t subleaf)
{
	struct cpuid_regs r;

	cpuid_guest(vcpu, leaf, subleaf, &r);
	return (r);
}

/* The host has all features: what guests see is the lists. */
static void
features_that_are_not_kept_are_hidden(void **state)
{
	struct cpuid_regs r = guest(1, 0);

	(void)state;
	assert_int_equal(r.ecx & (1U << 3 | 1U << 5 | 1U << 6 | 1U << 17 |
	    1U << 21 | 1U << 24), 0);	/* MONITOR VMX SMX PCID x2APIC */
	assert_int_equal(r.edx & (1U << 7 | 1U << 9 | 1U << 12 | 1U << 14),
	    0);				/* MCE APIC MTRR MCA */
	assert_true(r.ecx >> 31);	/* there is a hypervisor */
	r = guest(7, 0);
	assert_int_equal(r.eax, 0);
	assert_int_equal(r.ebx & (1U << 2 | 1U << 4 | 1U << 10 | 1U << 11 |
	    1U << 14), 0);		/* SGX HLE INVPCID RTM MPX */
	assert_int_equal(r.ecx & (1U << 3 | 1U << 7 | 1U << 16 | 1U << 22),
	    0);				/* PKU CET LA57 RDPID */
	assert_int_equal(r.edx & (1U << 26 | 1U << 27 | 1U << 29 | 1U << 31),
	    0);				/* speculation controls */
	r = guest(0xd, 1);
	assert_int_equal(r.eax & 1U << 3, 0);	/* XSAVES */
	r = guest(0x80000001, 0);
	assert_int_equal(r.ecx & (1U << 2 | 1U << 10 | 1U << 12), 0);
	assert_int_equal(r.edx & (1U << 25 | 1U << 27), 0);
}

static void
what_a_host_lacks_a_guest_lacks(void **state)
{
	(void)state;
	hosted_cpu.features = 0;
	hosted_cpu.cr4 = 0;
	cpuid_init();
	assert_int_equal(guest(1, 0).edx, 0);
	assert_int_equal(guest(1, 0).ecx, 1U << 31);
	assert_int_equal(guest(7, 0).ebx, 0);
	assert_int_equal(guest(0xd, 0).eax, 0);
	assert_int_equal(cpuid_xcr0_allowed(), XFEATURE_X87);
	assert_int_equal(cpuid_cr4_allowed() & (CR4_SMEP | CR4_SMAP |
	    CR4_UMIP | CR4_FSGSBASE | CR4_OSXSAVE | CR4_VME), 0);
}

static void
features_follow_the_states_that_the_host_saves(void **state)
{
	(void)state;
	hosted_cpu.xcr0 = XFEATURE_X87 | XFEATURE_SSE;
	cpuid_init();
	assert_int_equal(guest(1, 0).ecx & (1U << 28 | 1U << 12), 0);
	assert_int_equal(guest(7, 0).ebx & (1U << 5 | 1U << 16), 0);
	assert_true(guest(1, 0).ecx & 1U << 26);
	assert_int_equal(guest(0xd, 0).ecx, 576);
	hosted_cpu.xcr0 |= XFEATURE_AVX;
	cpuid_init();
	assert_true(guest(1, 0).ecx & 1U << 28);
	assert_int_equal(guest(7, 0).ebx & 1U << 16, 0);
	assert_int_equal(guest(0xd, 0).ecx, 832);
}

static void
osxsave_shows_the_guests_own_cr4(void **state)
{
	(void)state;
	assert_false(guest(1, 0).ecx & 1U << 27);
	vcpu->regs.vrs_crs[VCPU_REGS_CR4] |= CR4_OSXSAVE;
	vcpu->regs_dirty |= VM_RWREGS_CRS;
	assert_true(guest(1, 0).ecx & 1U << 27);
}

static void
a_leaf_out_of_range_is_the_last_basic_one(void **state)
{
	struct cpuid_regs last = guest(guest(0, 0).eax, 0), r;
	const uint32_t leaves[] = { 0x17, 0x1000, 0x3fffffff, 0x80000009,
	    0x8fffffff, 0xffffffff };
	size_t i;

	(void)state;
	assert_int_equal(guest(0, 0).eax, 0x16);
	assert_int_equal(guest(0x80000000, 0).eax, 0x80000008);
	for (i = 0; i < sizeof(leaves) / sizeof(leaves[0]); i++) {
		r = guest(leaves[i], 0);
		assert_memory_equal(&r, &last, sizeof(r));
	}
	/* A CPU with fewer leaves has fewer in a guest. */
	hosted_cpu.cpuid_max = 7;
	cpuid_init();
	last = guest(7, 0);
	r = guest(0xd, 0);
	assert_memory_equal(&r, &last, sizeof(r));
}

static void
hypervisor_leaves_name_the_driver(void **state)
{
	struct cpuid_regs r = guest(0x40000000, 0);
	const struct cpuid_regs zero = { 0, 0, 0, 0 };

	(void)state;
	assert_memory_equal(&r.ebx, "OpenBSDVMM58", 12);
	r = guest(0x40000100, 0);
	assert_memory_equal(&r.ebx, "KVMK", 4);
	r = guest(0x40000002, 0);
	assert_memory_equal(&r, &zero, sizeof(r));
	r = guest(0x7fffffff, 0);
	assert_memory_equal(&r, &zero, sizeof(r));
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, begin, world_end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(msrs_that_are_not_listed_do_not_exist),
		TEST(msrs_to_read_cannot_be_written),
		TEST(a_pat_has_memory_types_that_exist),
		TEST(efer_has_rules),
		TEST(efer_has_what_cpuid_shows),
		TEST(addresses_of_system_calls_are_canonical),
		TEST(a_guest_sets_its_tsc),
		TEST(a_clock_is_in_memory),
		TEST(features_that_are_not_kept_are_hidden),
		TEST(what_a_host_lacks_a_guest_lacks),
		TEST(features_follow_the_states_that_the_host_saves),
		TEST(osxsave_shows_the_guests_own_cr4),
		TEST(a_leaf_out_of_range_is_the_last_basic_one),
		TEST(hypervisor_leaves_name_the_driver),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}

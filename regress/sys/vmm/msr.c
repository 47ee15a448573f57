/* SPDX-License-Identifier: ISC */
/*
 * Model-specific registers and the TSC in guests of vmm(4).
 */

#include <x86intrin.h>

#include "guest.h"
#include "harness.h"

#define VECTOR_GP	13
#define NONCANONICAL	0x8000000000000000ULL
#define MSR_TRIES	0x2000	/* of each block that the hardware has */
#define MSR_PATCH_LOADER	0xc0010020

static struct guest	g;

CODE64(rdmsr_loop, "1: rdmsr; hlt; jmp 1b");
CODE64(wrmsr_loop, "1: wrmsr; hlt; jmp 1b");

static void
setup(void)
{
	guest_create(&g, 2);
	guest_start(&g, MODE_LONG, rdmsr_loop);
	guest_load(&g, GUEST_CODE + PAGE_BYTES, wrmsr_loop, wrmsr_loop_end);
}

/*
 * Run the instruction at GUEST_CODE, or a page further. True when the guest
 * got its HLT, false when it got a #GP(0) at the instruction.
 */
static bool
msr_run(bool write, uint32_t msr, uint64_t val)
{
	uint64_t rip = GUEST_CODE + (write ? PAGE_BYTES : 0);
	struct vcpu_reg_state vrs;
	struct trap t;

	regs_read(&g, &vrs);
	vrs.vrs_gprs[VCPU_REGS_RIP] = rip;
	vrs.vrs_gprs[VCPU_REGS_RSP] = GUEST_STACK;
	vrs.vrs_gprs[VCPU_REGS_RCX] = 0xdead000000000000 | msr;
	vrs.vrs_gprs[VCPU_REGS_RAX] = 0xdead000000000000 | (uint32_t)val;
	vrs.vrs_gprs[VCPU_REGS_RDX] = 0xdead000000000000 | val >> 32;
	regs_write(&g, VM_RWREGS_GPRS, &vrs);
	if (guest_run(&g) == EXIT_HLT) {
		CHECK_EQ(gpr(&g, VCPU_REGS_RIP), rip + 3);
		return true;
	}
	if (!trap_get(&g, &t) || t.vector != VECTOR_GP)
		FAIL("MSR %#x: neither done nor #GP", msr);
	CHECK_EQ(t.error, 0);
	CHECK_EQ(t.rip, rip);
	return false;
}

static uint64_t
msr_read(uint32_t msr)
{
	if (!msr_run(false, msr, 0))
		FAIL("RDMSR of %#x gives #GP", msr);
	CHECK_EQ(gpr(&g, VCPU_REGS_RAX) >> 32, 0);
	CHECK_EQ(gpr(&g, VCPU_REGS_RDX) >> 32, 0);
	return gpr(&g, VCPU_REGS_RDX) << 32 | gpr(&g, VCPU_REGS_RAX);
}

static void
msr_write(uint32_t msr, uint64_t val)
{
	if (!msr_run(true, msr, val))
		FAIL("WRMSR of %#llx to %#x gives #GP",
		    (unsigned long long)val, msr);
}

struct msr_value {
	uint32_t	msr;
	uint64_t	val;
};

static const struct msr_value plain[] = {
	{ MSR_SYSENTER_CS, 0x10 },
	{ MSR_SYSENTER_ESP, 0xffff800000001000 },
	{ MSR_SYSENTER_EIP, 0xffff800000002000 },
	{ MSR_CR_PAT, 0x0007040600070405 },
	{ MSR_STAR, 0x0023001000000000 },
	{ MSR_LSTAR, 0xffffffff81000000 },
	{ MSR_CSTAR, 0xffffffff82000000 },
	{ MSR_SFMASK, 0x47700 },
	{ MSR_FSBASE, 0x7f0000001000 },
	{ MSR_GSBASE, 0xffff888000001000 },
	{ MSR_KERNELGSBASE, 0xffff888000002000 },
};
#define NPLAIN	(sizeof(plain) / sizeof(plain[0]))

static void
registers_of_the_guest_keep_what_it_writes(void)
{
	size_t i;

	setup();
	for (i = 0; i < NPLAIN; i++)
		msr_write(plain[i].msr, plain[i].val);
	for (i = 0; i < NPLAIN; i++)
		if (msr_read(plain[i].msr) != plain[i].val)
			FAIL("MSR %#x is not what was written", plain[i].msr);
}

static void
registers_of_one_guest_are_not_anothers(void)
{
	struct guest first;
	size_t i;

	setup();
	for (i = 0; i < NPLAIN; i++)
		msr_write(plain[i].msr, plain[i].val);
	first = g;
	setup();
	for (i = 0; i < NPLAIN; i++)
		if (msr_read(plain[i].msr) == plain[i].val)
			FAIL("MSR %#x shows another guest's", plain[i].msr);
	g = first;
	for (i = 0; i < NPLAIN; i++)
		CHECK_EQ(msr_read(plain[i].msr), plain[i].val);
}

static void
unknown_registers_give_gp(void)
{
	static const uint32_t unknown[] = { 0x1234, 0x2000, 0x12345678,
	    0x40000000, 0x4b564d7f, 0xc0001fff, 0xc0002000, 0xc0011ff0,
	    0xffffffff, MSR_AMD_VM_HSAVE_PA, MSR_AMD_VM_CR };
	size_t i;

	setup();
	for (i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		if (unknown[i] != MSR_AMD_VM_CR &&
		    msr_run(false, unknown[i], 0))
			FAIL("RDMSR of %#x is allowed", unknown[i]);
		if (msr_run(true, unknown[i], 0))
			FAIL("WRMSR of %#x is allowed", unknown[i]);
	}
	CHECK(!msr_run(true, MSR_BIOS_UPDT_TRIG, 0x1000));
	CHECK(!msr_run(true, MSR_PATCH_LOADER, 0x1000));
}

/*
 * What a guest may write 0 to: its own registers, and some that it would not
 * do without but that ignore it. All else gives #GP.
 */
static const uint32_t writable[] = {
	MSR_TSC, MSR_BIOS_SIGN, MSR_SYSENTER_CS, MSR_SYSENTER_ESP,
	MSR_SYSENTER_EIP, MSR_MISC_ENABLE, MSR_CR_PAT, MSR_STAR, MSR_LSTAR,
	MSR_CSTAR, MSR_SFMASK, MSR_FSBASE, MSR_GSBASE, MSR_KERNELGSBASE,
	MSR_HWCR, MSR_LS_CFG, MSR_DE_CFG,
};

static bool
is_writable(uint32_t msr)
{
	size_t i;

	for (i = 0; i < sizeof(writable) / sizeof(writable[0]); i++)
		if (writable[i] == msr)
			return true;
	return false;
}

static void
only_listed_registers_can_be_written(void)
{
	static const uint32_t blocks[] = { 0, 0xc0000000, 0xc0010000 };
	uint32_t msr;
	size_t i;

	setup();
	for (i = 0; i < 3; i++)
		for (msr = blocks[i]; msr < blocks[i] + MSR_TRIES; msr++)
			if (msr_run(true, msr, 0) && !is_writable(msr))
				FAIL("WRMSR of %#x is allowed", msr);
}

static void
efer_takes_what_the_guest_may_have(void)
{
	const uint64_t efer = EFER_LME | EFER_LMA;

	setup();
	CHECK_EQ(msr_read(MSR_EFER), efer);
	msr_write(MSR_EFER, efer | EFER_SCE | EFER_NXE);
	CHECK_EQ(msr_read(MSR_EFER), efer | EFER_SCE | EFER_NXE);
	CHECK_EQ(g.cpu[0].exit.vrs.vrs_msrs[VCPU_REGS_EFER],
	    efer | EFER_SCE | EFER_NXE);
	msr_write(MSR_EFER, efer);
	CHECK_EQ(msr_read(MSR_EFER), efer);
}

static void
efer_refuses_the_rest(void)
{
	const uint64_t efer = EFER_LME | EFER_LMA;

	setup();
	CHECK(!msr_run(true, MSR_EFER, efer | EFER_SVME));
	CHECK(!msr_run(true, MSR_EFER, efer | 2));
	CHECK(!msr_run(true, MSR_EFER, efer | 1ULL << 32));
	/* LME cannot change while paging is on. */
	CHECK(!msr_run(true, MSR_EFER, 0));
	CHECK_EQ(msr_read(MSR_EFER), efer);
}

static void
pat_refuses_types_that_do_not_exist(void)
{
	static const uint8_t bad[] = { 2, 3, 8, 0x10, 0x80 };
	size_t i;
	int entry;

	setup();
	CHECK_EQ(msr_read(MSR_CR_PAT), PAT_INIT);
	for (i = 0; i < sizeof(bad); i++)
		for (entry = 0; entry < 8; entry++)
			CHECK(!msr_run(true, MSR_CR_PAT,
			    (uint64_t)bad[i] << entry * 8));
	msr_write(MSR_CR_PAT, 0x0001040506070100);
	CHECK(!msr_run(true, MSR_CR_PAT, 2));
	guest_start(&g, MODE_LONG, rdmsr_loop);
	CHECK_EQ(msr_read(MSR_CR_PAT), PAT_INIT);
}

static void
addresses_must_be_canonical(void)
{
	static const uint32_t msrs[] = { MSR_LSTAR, MSR_CSTAR, MSR_FSBASE,
	    MSR_GSBASE, MSR_KERNELGSBASE };
	size_t i;

	setup();
	if (host_is_qemu())
		test_skip("QEMU's CPU does not check this");
	for (i = 0; i < sizeof(msrs) / sizeof(msrs[0]); i++)
		if (msr_run(true, msrs[i], NONCANONICAL))
			FAIL("MSR %#x takes a non-canonical address", msrs[i]);
}

CODE64(rdmsr_user,
    "pushq $0x3b; pushq $0xd000; pushq $0x2; pushq $0x43\n"
    "lea 1f(%rip),%rax; push %rax; iretq\n"
    "1: mov $0xc0000080,%ecx; rdmsr; ud2");

static void
ring3_may_not_read_them(void)
{
	struct trap t;

	setup();
	guest_start(&g, MODE_LONG, rdmsr_user);
	expect_trap(&g, VECTOR_GP, &t);
	CHECK_EQ(t.error, 0);
	CHECK_EQ(t.cs, SEL_UCODE64);
}

CODE64(traced,
    "mov $0x277,%ecx; pushf; orl $0x100,(%rsp); popf; rdmsr; nop; hlt");

static void
single_step_over_rdmsr_traps_behind_it(void)
{
	struct trap t;

	single_step_or_skip();
	setup();
	guest_start(&g, MODE_LONG, traced);
	expect_trap(&g, 1, &t);
	CHECK_EQ(t.rip, GUEST_CODE + (traced_end - traced) - 2);
}

CODE64(tsc_read, "1: rdtsc; shl $32,%rdx; or %rdx,%rax; hlt; jmp 1b");

static uint64_t
guest_tsc(void)
{
	expect_hlt(&g);
	return gpr(&g, VCPU_REGS_RAX);
}

static void
tsc_starts_at_0_with_the_vm(void)
{
	uint64_t before, guest;

	before = __rdtsc();
	setup();
	guest_start(&g, MODE_LONG, tsc_read);
	guest = guest_tsc();
	CHECK(guest <= __rdtsc() - before);
}

/*
 * Each reading of the guest's is between two of the host's, so what passed
 * in the guest is bounded by what passed in the host.
 */
static void
tsc_counts_like_the_hosts(void)
{
	uint64_t before1, guest1, after1, before2, guest2, after2;
	int i;

	setup();
	guest_start(&g, MODE_LONG, tsc_read);
	for (i = 0; i < 10; i++) {
		before1 = __rdtsc();
		guest1 = guest_tsc();
		after1 = __rdtsc();
		test_sleep_ms(10);
		before2 = __rdtsc();
		guest2 = guest_tsc();
		after2 = __rdtsc();
		CHECK(guest2 - guest1 >= before2 - after1);
		CHECK(guest2 - guest1 <= after2 - before1);
	}
}

CODE64(tsc_store,
    "rdtsc; shl $32,%rdx; or %rdx,%rax; mov %rax,0x20000; hlt");

static void
tsc_is_the_same_on_all_vcpus(void)
{
	uint64_t last = 0, now;
	int i;

	setup();
	for (i = 0; i < 50; i++) {
		guest_start_cpu(&g, i & 1, MODE_LONG, GUEST_CODE, tsc_store,
		    tsc_store_end);
		CHECK_EQ(vcpu_run(&g, i & 1), EXIT_HLT);
		now = ram_read(&g, GUEST_DATA);
		CHECK(now > last);
		last = now;
	}
}

static void
tsc_can_be_set(void)
{
	const uint64_t set = 0x123456789abcULL;
	uint64_t before, now;

	setup();
	before = __rdtsc();
	msr_write(MSR_TSC, set);
	now = msr_read(MSR_TSC);
	CHECK(now >= set);
	CHECK(now - set <= __rdtsc() - before);
}

const struct test tests[] = {
	TEST(registers_of_the_guest_keep_what_it_writes),
	TEST(registers_of_one_guest_are_not_anothers),
	TEST(unknown_registers_give_gp),
	TEST(only_listed_registers_can_be_written),
	TEST(efer_takes_what_the_guest_may_have),
	TEST(efer_refuses_the_rest),
	TEST(pat_refuses_types_that_do_not_exist),
	TEST(addresses_must_be_canonical),
	TEST(ring3_may_not_read_them),
	TEST(single_step_over_rdmsr_traps_behind_it),
	TEST(tsc_starts_at_0_with_the_vm),
	TEST(tsc_counts_like_the_hosts),
	TEST(tsc_is_the_same_on_all_vcpus),
	TEST(tsc_can_be_set),
	TEST_END
};

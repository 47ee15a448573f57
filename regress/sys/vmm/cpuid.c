/* SPDX-License-Identifier: ISC */
/*
 * CPUID in guests of vmm(4).
 */

#include <cpuid.h>

#include "guest.h"
#include "harness.h"

/* Leaf 1 */
#define ECX_MONITOR	(1U << 3)
#define ECX_VMX		(1U << 5)
#define ECX_SMX		(1U << 6)
#define ECX_PCID	(1U << 17)
#define ECX_X2APIC	(1U << 21)
#define ECX_DEADLINE	(1U << 24)
#define ECX_XSAVE	(1U << 26)
#define ECX_OSXSAVE	(1U << 27)
#define ECX_HYPERVISOR	(1U << 31)
#define EDX_MCE		(1U << 7)
#define EDX_APIC	(1U << 9)
#define EDX_MTRR	(1U << 12)
#define EDX_MCA		(1U << 14)
/* Leaf 0x80000001 */
#define ECX_SVM		(1U << 2)

#define LEAF_VMM	0x40000000
#define LEAF_KVM	0x40000100
#define KVM_CLOCKSOURCE2	(1U << 3)
#define KVM_CLOCK_STABLE	(1U << 24)

struct leaf {
	uint32_t	eax;
	uint32_t	ebx;
	uint32_t	ecx;
	uint32_t	edx;
};

static struct guest	g;

CODE64(cpuid_loop, "1: cpuid; hlt; jmp 1b");

static void
setup(void)
{
	guest_create(&g, 2);
	guest_start(&g, MODE_LONG, cpuid_loop);
	/* Where the first one starts does not matter. */
	expect_hlt(&g);
}

/* CPUID in the guest, with all of RAX and RCX set. */
static struct leaf
guest_cpuid(uint32_t leaf, uint32_t subleaf)
{
	struct vcpu_reg_state vrs = g.cpu[0].exit.vrs;
	struct leaf l;

	vrs.vrs_gprs[VCPU_REGS_RAX] = 0xdead000000000000 | leaf;
	vrs.vrs_gprs[VCPU_REGS_RCX] = 0xdead000000000000 | subleaf;
	regs_write(&g, VM_RWREGS_GPRS, &vrs);
	expect_hlt(&g);
	/* It clears the upper halves. */
	CHECK_EQ(gpr(&g, VCPU_REGS_RAX) >> 32, 0);
	CHECK_EQ(gpr(&g, VCPU_REGS_RBX) >> 32, 0);
	CHECK_EQ(gpr(&g, VCPU_REGS_RCX) >> 32, 0);
	CHECK_EQ(gpr(&g, VCPU_REGS_RDX) >> 32, 0);
	CHECK_EQ(gpr(&g, VCPU_REGS_RIP), GUEST_CODE + 3);
	l.eax = gpr(&g, VCPU_REGS_RAX);
	l.ebx = gpr(&g, VCPU_REGS_RBX);
	l.ecx = gpr(&g, VCPU_REGS_RCX);
	l.edx = gpr(&g, VCPU_REGS_RDX);
	return l;
}

static struct leaf
host_cpuid(uint32_t leaf, uint32_t subleaf)
{
	struct leaf l;

	__cpuid_count(leaf, subleaf, l.eax, l.ebx, l.ecx, l.edx);
	return l;
}

static void
vendor_is_the_hosts(void)
{
	struct leaf guest, host;

	setup();
	guest = guest_cpuid(0, 0);
	host = host_cpuid(0, 0);
	CHECK_EQ(guest.ebx, host.ebx);
	CHECK_EQ(guest.ecx, host.ecx);
	CHECK_EQ(guest.edx, host.edx);
	CHECK(guest.eax >= 1);
	CHECK_EQ(guest_cpuid(1, 0).eax, host_cpuid(1, 0).eax);
}

static void
guest_is_told_that_it_is_one(void)
{
	setup();
	CHECK_EQ(guest_cpuid(1, 0).ecx & ECX_HYPERVISOR, ECX_HYPERVISOR);
}

static void
what_the_guest_cannot_have_is_hidden(void)
{
	struct leaf l;

	setup();
	l = guest_cpuid(1, 0);
	CHECK_EQ(l.ecx & (ECX_MONITOR | ECX_VMX | ECX_SMX | ECX_PCID |
	    ECX_X2APIC | ECX_DEADLINE), 0);
	CHECK_EQ(l.edx & (EDX_MCE | EDX_APIC | EDX_MTRR | EDX_MCA), 0);
	l = guest_cpuid(0x80000001, 0);
	CHECK_EQ(l.ecx & ECX_SVM, 0);
	if (host_is_svm())	/* repeats leaf 1 */
		CHECK_EQ(l.edx & (EDX_MCE | EDX_APIC | EDX_MTRR | EDX_MCA), 0);
	if (guest_cpuid(0x80000000, 0).eax >= 0x8000000a) {
		l = guest_cpuid(0x8000000a, 0);
		CHECK_EQ(l.eax | l.ebx | l.ecx | l.edx, 0);
	}
}

static void
features_of(uint32_t leaf, struct leaf mask)
{
	struct leaf guest = guest_cpuid(leaf, 0), host = host_cpuid(leaf, 0);

	if ((guest.ebx & ~host.ebx & mask.ebx) != 0 ||
	    (guest.ecx & ~host.ecx & mask.ecx) != 0 ||
	    (guest.edx & ~host.edx & mask.edx) != 0)
		FAIL("leaf %#x: ebx %#x ecx %#x edx %#x, host %#x %#x %#x",
		    leaf, guest.ebx, guest.ecx, guest.edx, host.ebx, host.ecx,
		    host.edx);
}

static void
no_feature_is_shown_that_the_host_lacks(void)
{
	const struct leaf leaf1 = { 0, 0, ~(ECX_HYPERVISOR | ECX_OSXSAVE),
	    ~0U };
	const struct leaf leaf7 = { 0, ~0U, ~(1U << 4), ~0U }; /* OSPKE */
	const struct leaf ext1 = { 0, 0, ~0U, ~0U };

	setup();
	features_of(1, leaf1);
	if (guest_cpuid(0, 0).eax >= 7)
		features_of(7, leaf7);
	features_of(0x80000001, ext1);
}

CODE64(osxsave,
    "mov $1,%eax; cpuid; mov %ecx,%esi\n"
    "mov %cr4,%rax; or $0x40000,%eax; mov %rax,%cr4\n"
    "mov $1,%eax; cpuid; mov %ecx,%edi\n"
    "mov %cr4,%rax; and $~0x40000,%rax; mov %rax,%cr4\n"
    "mov $1,%eax; cpuid; mov %ecx,%ebp; hlt");

static void
osxsave_follows_cr4(void)
{
	setup();
	if ((guest_cpuid(1, 0).ecx & ECX_XSAVE) == 0)
		test_skip("no XSAVE");
	guest_start(&g, MODE_LONG, osxsave);
	expect_hlt(&g);
	CHECK_EQ(gpr(&g, VCPU_REGS_RSI) & ECX_OSXSAVE, 0);
	CHECK_EQ(gpr(&g, VCPU_REGS_RDI) & ECX_OSXSAVE, ECX_OSXSAVE);
	CHECK_EQ(gpr(&g, VCPU_REGS_RBP) & ECX_OSXSAVE, 0);
}

CODE64(xsave_size,
    "mov %cr4,%rax; or $0x40600,%eax; mov %rax,%cr4\n"
    "xor %ecx,%ecx; xor %edx,%edx; mov $3,%eax; xsetbv\n"
    "mov $13,%eax; xor %ecx,%ecx; cpuid; mov %ebx,%esi; mov %eax,%ebp\n"
    "xor %edi,%edi; test $4,%al; jz 1f\n"
    "xor %ecx,%ecx; xor %edx,%edx; mov $7,%eax; xsetbv\n"
    "mov $13,%eax; xor %ecx,%ecx; cpuid; mov %ebx,%edi\n"
    "1: hlt");

static void
xsave_area_size_follows_xcr0(void)
{
	setup();
	if ((guest_cpuid(1, 0).ecx & ECX_XSAVE) == 0)
		test_skip("no XSAVE");
	guest_start(&g, MODE_LONG, xsave_size);
	expect_hlt(&g);
	CHECK_EQ(gpr(&g, VCPU_REGS_RSI), 512 + 64);
	if ((gpr(&g, VCPU_REGS_RBP) & XFEATURE_AVX) != 0)
		CHECK_EQ(gpr(&g, VCPU_REGS_RDI), 512 + 64 + 256);
}

static void
vmm_has_its_signature(void)
{
	struct leaf l;

	setup();
	l = guest_cpuid(LEAF_VMM, 0);
	CHECK(memcmp(&l.ebx, "OpenBSDVMM58", 12) == 0);
	CHECK(l.eax >= LEAF_VMM && l.eax < LEAF_KVM);
}

static void
linux_guests_find_the_clock(void)
{
	struct leaf l;

	setup();
	l = guest_cpuid(LEAF_KVM, 0);
	CHECK(memcmp(&l.ebx, "KVMKVMKVM\0\0\0", 12) == 0);
	CHECK_EQ(l.eax, LEAF_KVM + 1);
	l = guest_cpuid(LEAF_KVM + 1, 0);
	CHECK_EQ(l.eax & KVM_CLOCKSOURCE2, KVM_CLOCKSOURCE2);
	/* Nothing else is promised that we do not have. */
	CHECK_EQ(l.eax & ~(KVM_CLOCKSOURCE2 | KVM_CLOCK_STABLE | 1U | 2U), 0);
}

static void
unknown_leaves_answer_as_the_highest_basic_one(void)
{
	static const uint32_t unknown[] = { 0x1000, 0x30000000, 0x3fffffff,
	    0x80001000, 0xc0000000, 0xffffffff };
	struct leaf want, got;
	uint32_t max;
	size_t i;

	setup();
	max = guest_cpuid(0, 0).eax;
	CHECK(max < 0x1000);
	want = guest_cpuid(max, 0);
	got = guest_cpuid(max + 1, 0);
	CHECK(memcmp(&got, &want, sizeof(got)) == 0);
	for (i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		got = guest_cpuid(unknown[i], 0);
		if (memcmp(&got, &want, sizeof(got)) != 0)
			FAIL("leaf %#x is %#x %#x %#x %#x", unknown[i],
			    got.eax, got.ebx, got.ecx, got.edx);
	}
}

static void
every_leaf_and_subleaf_can_be_asked(void)
{
	static const uint32_t base[] = { 0, LEAF_VMM, LEAF_KVM, 0x80000000 };
	uint32_t leaf, sub;
	size_t i;

	setup();
	for (i = 0; i < 4; i++)
		for (leaf = 0; leaf < 0x30; leaf++)
			for (sub = 0; sub < 4; sub++)
				guest_cpuid(base[i] + leaf, sub);
	guest_cpuid(0x1d, UINT32_MAX);
}

CODE64(apic_id, "mov $1,%eax; cpuid; shr $24,%ebx; mov %ebx,0x20000; hlt");

static void
each_vcpu_has_its_own_apic_id(void)
{
	setup();
	guest_start_cpu(&g, 1, MODE_LONG, GUEST_CODE, apic_id, apic_id_end);
	CHECK_EQ(vcpu_run(&g, 1), EXIT_HLT);
	CHECK_EQ(ram_read(&g, GUEST_DATA), 1);
	guest_start(&g, MODE_LONG, apic_id);
	expect_hlt(&g);
	CHECK_EQ(ram_read(&g, GUEST_DATA), 0);
}

CODE64(traced,
    "xor %eax,%eax; pushf; orl $0x100,(%rsp); popf; cpuid; nop; hlt");

static void
single_step_over_cpuid_traps_behind_it(void)
{
	struct trap t;

	single_step_or_skip();
	setup();
	guest_start(&g, MODE_LONG, traced);
	expect_trap(&g, 1, &t);
	CHECK_EQ(t.rip, GUEST_CODE + (traced_end - traced) - 2);
}

CODE64(user,
    "pushq $0x3b; pushq $0xd000; pushq $0x2; pushq $0x43\n"
    "lea 1f(%rip),%rax; push %rax; iretq\n"
    "1: mov $0x40000000,%eax; cpuid; ud2");

static void
ring3_can_ask_too(void)
{
	setup();
	guest_start(&g, MODE_LONG, user);
	expect_trap(&g, 6, NULL);
	CHECK_EQ(gpr(&g, VCPU_REGS_RBX), 0x6e65704f);	/* "Open" */
}

const struct test tests[] = {
	TEST(vendor_is_the_hosts),
	TEST(guest_is_told_that_it_is_one),
	TEST(what_the_guest_cannot_have_is_hidden),
	TEST(no_feature_is_shown_that_the_host_lacks),
	TEST(osxsave_follows_cr4),
	TEST(xsave_area_size_follows_xcr0),
	TEST(vmm_has_its_signature),
	TEST(linux_guests_find_the_clock),
	TEST(unknown_leaves_answer_as_the_highest_basic_one),
	TEST(every_leaf_and_subleaf_can_be_asked),
	TEST(each_vcpu_has_its_own_apic_id),
	TEST(single_step_over_cpuid_traps_behind_it),
	TEST(ring3_can_ask_too),
	TEST_END
};

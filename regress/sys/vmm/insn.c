/* SPDX-License-Identifier: ISC */
/*
 * Instructions in guests of vmm(4) that the driver answers or refuses.
 */

#include <cpuid.h>

#include "guest.h"
#include "harness.h"

#define VECTOR_UD	6
#define VECTOR_GP	13
#define ECX_XSAVE	(1U << 26)

static struct guest	g;

struct insn {
	const char	*name;
	const uint8_t	*start;
	const uint8_t	*end;
};

#define INSN(name)	{ #name, name, name##_end }

CODE64(vmcall, "vmcall");
CODE64(vmmcall, "vmmcall");
CODE64(vmrun, "xor %eax,%eax; vmrun");
CODE64(vmload, "xor %eax,%eax; vmload");
CODE64(vmsave, "xor %eax,%eax; vmsave");
CODE64(clgi, "clgi");
CODE64(stgi, "stgi");
CODE64(skinit, "xor %eax,%eax; skinit");
CODE64(invlpga, "xor %eax,%eax; xor %ecx,%ecx; invlpga");
CODE64(monitor, "mov $0x20000,%eax; xor %ecx,%ecx; xor %edx,%edx; monitor");
CODE64(mwait, "xor %eax,%eax; xor %ecx,%ecx; mwait");
CODE64(vmxon, "vmxon 0x20000");
CODE64(vmlaunch, "vmlaunch");
CODE64(vmptrld, "vmptrld 0x20000");
CODE64(vmread, "vmread %rax,%rbx");
CODE64(vmxoff, "vmxoff");
CODE64(invept, "invept 0x20000,%rax");
CODE64(getsec, "xor %eax,%eax; getsec");
CODE64(xsetbv_off, "xor %ecx,%ecx; xor %edx,%edx; mov $3,%eax; xsetbv");

static const struct insn undefined[] = {
	INSN(vmcall), INSN(vmmcall), INSN(vmrun), INSN(vmload), INSN(vmsave),
	INSN(clgi), INSN(stgi), INSN(skinit), INSN(invlpga), INSN(monitor),
	INSN(mwait), INSN(vmxon), INSN(vmlaunch), INSN(vmptrld), INSN(vmread),
	INSN(vmxoff), INSN(invept), INSN(getsec), INSN(xsetbv_off),
};

static void
instructions_of_other_hypervisors_are_undefined(void)
{
	const struct insn *i;
	struct trap t;
	size_t n;

	guest_create(&g, 1);
	for (n = 0; n < sizeof(undefined) / sizeof(*i); n++) {
		i = &undefined[n];
		guest_start_cpu(&g, 0, MODE_LONG, GUEST_CODE, i->start, i->end);
		if (guest_run(&g) != EXIT_IO || !trap_get(&g, &t) ||
		    t.vector != VECTOR_UD)
			FAIL("%s: no #UD, but %s, vector %u", i->name,
			    exit_name(exit_kind(g.cpu[0].vrp.vrp_exit_reason)),
			    trap_get(&g, &t) ? t.vector : 0);
		if (t.rip < GUEST_CODE || t.rip >= GUEST_CODE +
		    (size_t)(i->end - i->start))
			FAIL("%s: #UD comes from %#llx", i->name,
			    (unsigned long long)t.rip);
	}
}

CODE64(abort_svm, "mov $0x1234,%eax; vmmcall; hlt");
CODE64(abort_vmx, "mov $0x1234,%eax; vmcall; hlt");

static void
hypercall_1234_ends_the_vm(void)
{
	guest_create(&g, 1);
	if (host_is_svm())
		guest_start(&g, MODE_LONG, abort_svm);
	else
		guest_start(&g, MODE_LONG, abort_vmx);
	expect_exit(&g, EXIT_TERMINATED);
	/* It stays so until somebody takes it away. */
	if (vcpu_ioctl_run(&g, 0) == 0)
		CHECK_EQ(exit_kind(g.cpu[0].vrp.vrp_exit_reason),
		    EXIT_TERMINATED);
	else
		CHECK_EQ(errno, ENOENT);
}

#define TO_RING3							\
    "pushq $0x3b; pushq $0xd000; pushq $0x2; pushq $0x43\n"		\
    "lea 1f(%rip),%rax; push %rax; iretq\n1: "

CODE64(user_abort_svm, TO_RING3 "mov $0x1234,%eax; vmmcall; hlt");
CODE64(user_abort_vmx, TO_RING3 "mov $0x1234,%eax; vmcall; hlt");

static void
hypercall_from_ring3_does_not(void)
{
	struct trap t;

	guest_create(&g, 1);
	if (host_is_svm())
		guest_start(&g, MODE_LONG, user_abort_svm);
	else
		guest_start(&g, MODE_LONG, user_abort_vmx);
	expect_trap(&g, VECTOR_UD, &t);
	CHECK_EQ(t.cs, SEL_UCODE64);
}

CODE64(xsetbv_loop,
    "mov %cr4,%rax; or $0x40600,%eax; mov %rax,%cr4; hlt\n"
    "1: mov %ebx,%eax; xor %edx,%edx; mov %ebp,%ecx; xsetbv\n"
    "xor %ecx,%ecx; xgetbv; hlt; jmp 1b");

/* XSETBV in the guest: true when it worked, false for #GP(0). */
static bool
xsetbv(uint32_t xcr, uint32_t val)
{
	struct vcpu_reg_state vrs;
	struct trap t;

	guest_start(&g, MODE_LONG, xsetbv_loop);
	expect_hlt(&g);
	vrs = g.cpu[0].exit.vrs;
	vrs.vrs_gprs[VCPU_REGS_RBX] = val;
	vrs.vrs_gprs[VCPU_REGS_RBP] = xcr;
	regs_write(&g, VM_RWREGS_GPRS, &vrs);
	if (guest_run(&g) == EXIT_HLT) {
		CHECK_EQ(gpr(&g, VCPU_REGS_RAX), val);
		CHECK_EQ(g.cpu[0].exit.vrs.vrs_crs[VCPU_REGS_XCR0], val);
		return true;
	}
	if (!trap_get(&g, &t) || t.vector != VECTOR_GP)
		FAIL("XSETBV: neither done nor #GP");
	CHECK_EQ(t.error, 0);
	return false;
}

static bool
guest_has_xsave(void)
{
	unsigned int eax, ebx, ecx, edx;

	__cpuid(1, eax, ebx, ecx, edx);
	return (ecx & ECX_XSAVE) != 0;
}

static void
xsetbv_takes_only_what_the_cpu_has(void)
{
	guest_create(&g, 1);
	if (!guest_has_xsave())
		test_skip("no XSAVE");
	CHECK(xsetbv(0, XFEATURE_X87));
	CHECK(xsetbv(0, XFEATURE_X87 | XFEATURE_SSE));
	if (host_has_avx())
		CHECK(xsetbv(0, XFEATURE_X87 | XFEATURE_SSE | XFEATURE_AVX));
	CHECK(!xsetbv(0, 0));
	CHECK(!xsetbv(0, XFEATURE_SSE));
	CHECK(!xsetbv(0, XFEATURE_X87 | XFEATURE_AVX));
	CHECK(!xsetbv(0, XFEATURE_X87 | XFEATURE_SSE | 1U << 30));
	CHECK(!xsetbv(1, XFEATURE_X87));
}

CODE64(user_xsetbv,
    "mov %cr4,%rax; or $0x40000,%eax; mov %rax,%cr4\n"
    TO_RING3 "xor %ecx,%ecx; xor %edx,%edx; mov $1,%eax; xsetbv");

static void
xsetbv_is_for_ring0(void)
{
	struct trap t;

	guest_create(&g, 1);
	if (!guest_has_xsave())
		test_skip("no XSAVE");
	guest_start(&g, MODE_LONG, user_xsetbv);
	expect_trap(&g, VECTOR_GP, &t);
	CHECK_EQ(t.cs, SEL_UCODE64);
}

CODE64(rdtscp_if_shown,
    "mov $0x80000001,%eax; cpuid; xor %esi,%esi; bt $27,%edx; jnc 1f\n"
    "mov $0xc0000103,%ecx; mov $0x77,%eax; xor %edx,%edx; wrmsr\n"
    "rdtscp; mov %ecx,%esi; 1: mov $0x55,%edi; hlt");

static void
rdtscp_works_where_cpuid_shows_it(void)
{
	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, rdtscp_if_shown);
	expect_hlt(&g);
	CHECK(gpr(&g, VCPU_REGS_RSI) == 0 || gpr(&g, VCPU_REGS_RSI) == 0x77);
	CHECK_EQ(gpr(&g, VCPU_REGS_RDI), 0x55);
}

CODE64(caches, "mov $0x55,%edi; wbinvd; invd; invlpg (%rdi); hlt");

static void
cache_instructions_do_no_harm(void)
{
	static uint64_t dirty[4096];
	size_t i;

	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, caches);
	for (i = 0; i < 4096; i++)
		dirty[i] = i * 3;
	expect_hlt(&g);
	CHECK_EQ(gpr(&g, VCPU_REGS_RDI), 0x55);
	for (i = 0; i < 4096; i++)
		CHECK_EQ(dirty[i], i * 3);
}

CODE64(cr0_upper, "movabs $0x180000033,%rax; mov %rax,%cr0");
CODE64(cr0_nw, "mov %cr0,%rax; or $0x20000000,%rax; mov %rax,%cr0");
CODE64(cr4_reserved, "mov %cr4,%rax; or $0x8000,%rax; mov %rax,%cr4");
CODE64(cr4_vmxe, "mov %cr4,%rax; or $0x2000,%rax; mov %rax,%cr4");
CODE64(cr4_no_pae, "mov %cr4,%rax; and $~0x20,%rax; mov %rax,%cr4");
CODE64(cr8_upper, "mov $16,%eax; mov %rax,%cr8");

static const struct insn bad_controls[] = {
	INSN(cr0_upper), INSN(cr0_nw), INSN(cr4_reserved),
	INSN(cr4_vmxe), INSN(cr4_no_pae), INSN(cr8_upper),
};

static void
bad_control_register_values_give_gp(void)
{
	const struct insn *i;
	struct trap t;
	size_t n;

	guest_create(&g, 1);
	if (host_is_qemu())
		test_skip("QEMU's CPU does not check this");
	for (n = 0; n < sizeof(bad_controls) / sizeof(*i); n++) {
		i = &bad_controls[n];
		guest_start_cpu(&g, 0, MODE_LONG, GUEST_CODE, i->start, i->end);
		if (guest_run(&g) != EXIT_IO || !trap_get(&g, &t) ||
		    t.vector != VECTOR_GP)
			FAIL("%s: no #GP", i->name);
	}
}

CODE64(good_controls,
    "mov %cr0,%rax; or $0x5000e,%eax; and $~0xc,%eax; mov %rax,%cr0\n"
    "mov %cr4,%rax; or $0x680,%eax; mov %rax,%cr4\n"
    "mov %cr0,%rbx; mov %cr4,%rcx; smsw %edx; clts; hlt");

static void
control_registers_can_be_written_and_read(void)
{
	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, good_controls);
	expect_hlt(&g);
	CHECK_EQ(gpr(&g, VCPU_REGS_RBX), CR0_PG | CR0_AM | CR0_WP | CR0_NE |
	    CR0_ET | CR0_MP | CR0_PE);
	CHECK_EQ(gpr(&g, VCPU_REGS_RCX), CR4_PAE | CR4_PGE | CR4_OSFXSR |
	    CR4_OSXMMEXCPT);
	CHECK_EQ(g.cpu[0].exit.vrs.vrs_crs[VCPU_REGS_CR0],
	    gpr(&g, VCPU_REGS_RBX));
}

const struct test tests[] = {
	TEST(instructions_of_other_hypervisors_are_undefined),
	TEST(hypercall_1234_ends_the_vm),
	TEST(hypercall_from_ring3_does_not),
	TEST(xsetbv_takes_only_what_the_cpu_has),
	TEST(xsetbv_is_for_ring0),
	TEST(rdtscp_works_where_cpuid_shows_it),
	TEST(cache_instructions_do_no_harm),
	TEST(bad_control_register_values_give_gp),
	TEST(control_registers_can_be_written_and_read),
	TEST_END
};

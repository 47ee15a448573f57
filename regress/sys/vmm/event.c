/* SPDX-License-Identifier: ISC */
/*
 * Events in guests of vmm(4) whose delivery needs memory that is not there
 * yet, or that the guest may not write to: none is lost, none comes twice.
 */

#include <sys/mman.h>

#include "guest.h"
#include "harness.h"

#define VECTOR		0x40
#define FRESH		0x400000UL	/* a stack that was never touched */
#define ROUNDS		200

static struct guest	g;

CODE64(out_loop, "mov $0x400ff0,%esp; 1: out %al,$0x10; jmp 1b");
CODE64(int_loop,
    "mov $0x400ff0,%esp; 1: out %al,$0x10; int $0x80; inc %rbx; jmp 1b");
CODE64(int3_once, "mov $0x400ff0,%esp; int3; hlt");
CODE64(ud_once, "mov $0x400ff0,%esp; ud2");
CODE64(pf_once, "mov $0x400ff0,%esp; movabs $0x140001000,%rax; mov (%rax),%al");
CODE64(bad_stack, "movabs $0x140001000,%rsp; ud2");

static void
stack_drop(void)
{
	CHECK_OK(madvise(g.ram + FRESH, PAGE_BYTES, MADV_DONTNEED));
}

static void
stack_protect(int prot)
{
	struct vm_mprotect_ept_params vmep;

	memset(&vmep, 0, sizeof(vmep));
	vmep.vmep_vm_id = g.id;
	vmep.vmep_sgpa = FRESH;
	vmep.vmep_size = PAGE_BYTES;
	vmep.vmep_prot = prot;
	CHECK_OK(ioctl(g.fd, VMM_IOC_MPROTECT_EPT, &vmep));
}

static void
injected_interrupt_onto_a_fresh_stack_comes_once(void)
{
	struct trap t;
	int i;

	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, out_loop);
	gpr_write(&g, VCPU_REGS_RFLAGS, PSL_MBO | PSL_I);
	expect_out(&g, 0x10, 0);
	for (i = 0; i < ROUNDS; i++) {
		stack_drop();
		inject(&g, VCPU_INJECT_INTR, VECTOR, 0);
		expect_trap(&g, VECTOR, &t);
		CHECK_EQ(t.rip, GUEST_CODE + 7);
		expect_out(&g, 0x10, 0);
	}
}

static void
injected_exception_onto_a_fresh_stack_comes_once(void)
{
	struct trap t;
	int i;

	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, out_loop);
	expect_out(&g, 0x10, 0);
	for (i = 0; i < ROUNDS; i++) {
		stack_drop();
		inject(&g, VCPU_INJECT_EX, 13, 0x10 + i);
		expect_trap(&g, 13, &t);
		CHECK_EQ(t.error, 0x10 + i);
		expect_out(&g, 0x10, 0);
	}
}

static void
injected_nmi_onto_a_fresh_stack_comes_once(void)
{
	int i;

	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, out_loop);
	expect_out(&g, 0x10, 0);
	for (i = 0; i < ROUNDS; i++) {
		stack_drop();
		inject(&g, VCPU_INJECT_NMI, 0, 0);
		expect_trap(&g, 2, NULL);
		expect_out(&g, 0x10, 0);
	}
}

/* Bochs tells of the last event that was not the guest's own instead. */
static void
software_interrupt_or_skip(void)
{
	if (host_is_svm() && host_is_bochs())
		test_skip("Bochs does not tell which INT was interrupted");
}

static void
software_interrupt_onto_a_fresh_stack_comes_once(void)
{
	struct trap t;
	int i;

	software_interrupt_or_skip();
	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, int_loop);
	test_tick(2);
	for (i = 0; i < ROUNDS; i++) {
		expect_out(&g, 0x10, 0);
		CHECK_EQ(gpr(&g, VCPU_REGS_RBX), i);
		stack_drop();
		expect_trap(&g, 0x80, &t);
		/* It returns behind the INT. */
		CHECK_EQ(t.rip, GUEST_CODE + 9);
	}
}

static void
breakpoint_onto_a_fresh_stack_returns_behind_it(void)
{
	struct trap t;

	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, int3_once);
	expect_trap(&g, 3, &t);
	CHECK_EQ(t.rip, GUEST_CODE + 6);
	expect_hlt(&g);
}

static void
fault_of_the_guest_onto_a_fresh_stack_comes_once(void)
{
	struct trap t;

	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, ud_once);
	expect_trap(&g, 6, &t);
	CHECK_EQ(t.rip, GUEST_CODE + 5);
	stack_drop();
	guest_start(&g, MODE_LONG, pf_once);
	expect_trap(&g, 14, &t);
	CHECK_EQ(t.error, 0);
	CHECK_EQ(t.rip, GUEST_CODE + 15);
	CHECK_EQ(g.cpu[0].exit.vrs.vrs_crs[VCPU_REGS_CR2], 0x140001000);
}

static void
fault_without_a_stack_is_a_triple_fault(void)
{
	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, bad_stack);
	expect_exit(&g, EXIT_TRIPLE);
}

static void
interrupt_onto_a_protected_stack_waits_for_the_client(void)
{
	struct trap t;
	int i;

	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, out_loop);
	gpr_write(&g, VCPU_REGS_RFLAGS, PSL_MBO | PSL_I);
	expect_out(&g, 0x10, 0);
	stack_protect(PROT_READ);
	inject(&g, VCPU_INJECT_INTR, VECTOR, 0);
	for (i = 0; i < 3; i++) {
		CHECK_EQ(guest_run(&g), EXIT_FAULT);
		CHECK_EQ(g.cpu[0].exit.vee.vee_fault_type, VEE_FAULT_PROTECT);
		CHECK_EQ(g.cpu[0].exit.vee.vee_gpa & -PAGE_BYTES, FRESH);
		CHECK_EQ(gpr(&g, VCPU_REGS_RIP), GUEST_CODE + 7);
		CHECK_EQ(gpr(&g, VCPU_REGS_RSP), FRESH + 0xff0);
		CHECK_EQ(g.cpu[0].vrp.vrp_irqready, 0);
	}
	stack_protect(PROT_READ | PROT_WRITE | PROT_EXEC);
	expect_trap(&g, VECTOR, &t);
	CHECK_EQ(t.rip, GUEST_CODE + 7);
	expect_out(&g, 0x10, 0);
	expect_out(&g, 0x10, 0);
}

static void
software_interrupt_onto_a_protected_stack_waits_for_the_client(void)
{
	struct trap t;

	software_interrupt_or_skip();
	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, int_loop);
	expect_out(&g, 0x10, 0);
	stack_protect(PROT_READ);
	CHECK_EQ(guest_run(&g), EXIT_FAULT);
	CHECK_EQ(g.cpu[0].exit.vee.vee_fault_type, VEE_FAULT_PROTECT);
	CHECK_EQ(gpr(&g, VCPU_REGS_RIP), GUEST_CODE + 7);
	stack_protect(PROT_READ | PROT_WRITE | PROT_EXEC);
	expect_trap(&g, 0x80, &t);
	CHECK_EQ(t.rip, GUEST_CODE + 9);
	expect_out(&g, 0x10, 0);
	CHECK_EQ(gpr(&g, VCPU_REGS_RBX), 1);
}

static void
stack_that_the_caller_does_not_have_keeps_the_event(void)
{
	struct trap t;

	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, out_loop);
	gpr_write(&g, VCPU_REGS_RFLAGS, PSL_MBO | PSL_I);
	expect_out(&g, 0x10, 0);
	CHECK_OK(munmap(g.ram + FRESH, PAGE_BYTES));
	inject(&g, VCPU_INJECT_INTR, VECTOR, 0);
	g.cpu[0].io_open = false;
	g.cpu[0].exit.vrs.vrs_gprs[VCPU_REGS_RIP] += 2;
	CHECK_ERRNO(vcpu_ioctl_run(&g, 0), EFAULT);
	CHECK(mmap(g.ram + FRESH, PAGE_BYTES, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED);
	inject(&g, VCPU_INJECT_NONE, 0, 0);
	expect_trap(&g, VECTOR, &t);
	CHECK_EQ(t.rip, GUEST_CODE + 7);
	expect_out(&g, 0x10, 0);
	expect_out(&g, 0x10, 0);
}

const struct test tests[] = {
	TEST(injected_interrupt_onto_a_fresh_stack_comes_once),
	TEST(injected_exception_onto_a_fresh_stack_comes_once),
	TEST(injected_nmi_onto_a_fresh_stack_comes_once),
	TEST(software_interrupt_onto_a_fresh_stack_comes_once),
	TEST(breakpoint_onto_a_fresh_stack_returns_behind_it),
	TEST(fault_of_the_guest_onto_a_fresh_stack_comes_once),
	TEST(fault_without_a_stack_is_a_triple_fault),
	TEST(interrupt_onto_a_protected_stack_waits_for_the_client),
	TEST(software_interrupt_onto_a_protected_stack_waits_for_the_client),
	TEST(stack_that_the_caller_does_not_have_keeps_the_event),
	TEST_END
};

/* SPDX-License-Identifier: ISC */
/*
 * VMM_IOC_INTR of vmm(4), vrp_irqready and interrupt windows.
 */

#include "guest.h"
#include "harness.h"

#define VECTOR	0x40
#define PROMPT	1000	/* rounds of a loop of two instructions */

static struct guest	g;

CODE64(count, "sti; 1: incq 0x20000; jmp 1b");
CODE64(count_off, "1: incq 0x20000; jmp 1b");
CODE64(sti_spin, "out %al,$0x10; sti; nop; 1: inc %rbx; jmp 1b");
CODE64(on_spin, "sti; nop; out %al,$0x10; 1: inc %rbx; jmp 1b");
CODE64(late_sti,
    "out %al,$0x10; mov $100000,%ecx; 1: dec %ecx; jnz 1b; sti\n"
    "nop; 1: inc %rbx; jmp 1b");
CODE64(out_loop, "1: out %al,$0x10; jmp 1b");
CODE64(on_loop, "sti; nop; 1: out %al,$0x10; jmp 1b");

static int
intr(uint16_t pending)
{
	struct vm_intr_params vip = { g.id, 0, pending };

	return ioctl(g.fd, VMM_IOC_INTR, &vip);
}

static void
intr_does_not_know_other_vms_and_vcpus(void)
{
	struct vm_intr_params vip;

	guest_create(&g, 1);
	memset(&vip, 0, sizeof(vip));
	vip.vip_intr = 1;
	vip.vip_vm_id = g.id + 1;
	CHECK_ERRNO(ioctl(g.fd, VMM_IOC_INTR, &vip), ENOENT);
	vip.vip_vm_id = g.id;
	vip.vip_vcpu_id = 1;
	CHECK_ERRNO(ioctl(g.fd, VMM_IOC_INTR, &vip), ENOENT);
	vip.vip_vcpu_id = UINT32_MAX;
	CHECK_ERRNO(ioctl(g.fd, VMM_IOC_INTR, &vip), ENOENT);
	vip.vip_vcpu_id = 0;
	CHECK_OK(ioctl(g.fd, VMM_IOC_INTR, &vip));
}

static void
intr_faults_on_a_bad_pointer(void)
{
	guest_create(&g, 1);
	CHECK_ERRNO(ioctl(g.fd, VMM_IOC_INTR, NULL), EFAULT);
}

static void
intr_brings_out_a_guest_that_is_not_ready(void)
{
	struct runner r;
	int i;

	if (host_is_svm() && host_is_bochs())
		test_skip("Bochs holds interrupts off with the guest's IF");
	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, count_off);
	for (i = 0; i < 20; i++) {
		runner_start(&r, &g, 0, true);
		CHECK_OK(intr(1));
		CHECK_EQ(runner_join(&r), EXIT_NONE);
		CHECK_EQ(g.cpu[0].vrp.vrp_irqready, 0);
	}
}

static void
intr_brings_out_a_guest_that_is_ready(void)
{
	struct runner r;
	int i;

	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, count);
	for (i = 0; i < 20; i++) {
		runner_start(&r, &g, 0, true);
		CHECK_OK(intr(1));
		runner_join(&r);
		CHECK(r.kind == EXIT_NONE || r.kind == EXIT_WINDOW);
		CHECK_EQ(g.cpu[0].vrp.vrp_irqready, 1);
	}
}

static void
intr_with_0_leaves_the_guest_alone(void)
{
	struct vm_terminate_params vtp;
	unsigned int before, i;
	struct runner r;

	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, count);
	runner_start(&r, &g, 0, false);
	before = r.returns;
	for (i = 0; i < 1000; i++)
		CHECK_OK(intr(0));
	/* The host itself may bring it out now and then. */
	CHECK(r.returns - before < 500);
	for (i = 0; i < 20; i++) {
		before = r.returns;
		CHECK_OK(intr(1));
		while (r.returns == before)
			test_sleep_ms(1);
	}
	vtp.vtp_vm_id = g.id;
	CHECK_OK(ioctl(g.fd, VMM_IOC_TERM, &vtp));
	CHECK_EQ(runner_join(&r), EXIT_TERMINATED);
}

static void
intr_between_two_runs_is_remembered(void)
{
	enum exit_kind kind;
	int i;

	guest_create(&g, 1);
	for (i = 0; i < 20; i++) {
		guest_start(&g, MODE_LONG, on_spin);
		expect_out(&g, 0x10, 0);
		CHECK_OK(intr(1));
		/* The guest would never exit by itself. */
		kind = guest_run_once(&g);
		CHECK(kind == EXIT_NONE || kind == EXIT_WINDOW);
		CHECK_EQ(g.cpu[0].vrp.vrp_irqready, 1);
		/* By itself, not with the host's next interrupt. */
		CHECK(gpr(&g, VCPU_REGS_RBX) < PROMPT);
	}
}

static void
client_gets_its_interrupt_to_a_guest_that_becomes_ready(void)
{
	int i, runs;

	guest_create(&g, 1);
	for (i = 0; i < 20; i++) {
		guest_start(&g, MODE_LONG, late_sti);
		expect_out(&g, 0x10, 0);
		CHECK_OK(intr(1));
		for (runs = 0; runs < 1000; runs++) {
			guest_run_once(&g);
			if (g.cpu[0].vrp.vrp_irqready)
				break;
			g.cpu[0].vrp.vrp_intr_pending = 1;
		}
		CHECK_EQ(g.cpu[0].vrp.vrp_irqready, 1);
		inject(&g, VCPU_INJECT_INTR, VECTOR, 0);
		expect_trap(&g, VECTOR, NULL);
	}
}

static void
window_opens_at_the_first_instruction_that_can_be_interrupted(void)
{
	struct trap t;

	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, sti_spin);
	expect_out(&g, 0x10, 0);
	CHECK_EQ(g.cpu[0].vrp.vrp_irqready, 0);
	g.cpu[0].vrp.vrp_intr_pending = 1;
	CHECK_EQ(guest_run(&g), EXIT_WINDOW);
	CHECK_EQ(g.cpu[0].vrp.vrp_irqready, 1);
	CHECK_EQ(gpr(&g, VCPU_REGS_RIP), GUEST_CODE + 4);
	CHECK_EQ(gpr(&g, VCPU_REGS_RBX), 0);
	inject(&g, VCPU_INJECT_INTR, VECTOR, 0);
	expect_trap(&g, VECTOR, &t);
	CHECK_EQ(t.rip, GUEST_CODE + 4);
}

static void
window_is_open_at_once_in_a_guest_that_is_ready(void)
{
	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, on_spin);
	expect_out(&g, 0x10, 0);
	CHECK_EQ(g.cpu[0].vrp.vrp_irqready, 1);
	g.cpu[0].vrp.vrp_intr_pending = 1;
	CHECK_EQ(guest_run(&g), EXIT_WINDOW);
	CHECK_EQ(gpr(&g, VCPU_REGS_RIP), GUEST_CODE + 4);
	CHECK_EQ(gpr(&g, VCPU_REGS_RBX), 0);
	CHECK_EQ(g.cpu[0].vrp.vrp_irqready, 1);
}

static void
window_is_open_behind_the_handler_of_the_interrupt_before_it(void)
{
	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, on_spin);
	expect_out(&g, 0x10, 0);
	inject(&g, VCPU_INJECT_INTR, VECTOR, 0);
	g.cpu[0].vrp.vrp_intr_pending = 1;
	expect_trap(&g, VECTOR, NULL);
	CHECK_EQ(g.cpu[0].vrp.vrp_irqready, 0);
	g.cpu[0].vrp.vrp_intr_pending = 1;
	CHECK_EQ(guest_run(&g), EXIT_WINDOW);
	CHECK_EQ(gpr(&g, VCPU_REGS_RIP), GUEST_CODE + 4);
	CHECK_EQ(g.cpu[0].vrp.vrp_irqready, 1);
}

static void
no_window_is_opened_unasked(void)
{
	int i;

	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, on_loop);
	expect_out(&g, 0x10, 0);
	g.cpu[0].vrp.vrp_intr_pending = 1;
	CHECK_EQ(guest_run(&g), EXIT_WINDOW);
	for (i = 0; i < 20; i++)
		expect_out(&g, 0x10, 0);
}

static void
other_exits_come_while_a_window_is_awaited(void)
{
	int i;

	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, out_loop);
	for (i = 0; i < 20; i++) {
		g.cpu[0].vrp.vrp_intr_pending = 1;
		expect_out(&g, 0x10, 0);
		CHECK_EQ(g.cpu[0].vrp.vrp_irqready, 0);
	}
}

static void
window_ignores_the_task_priority(void)
{
	struct vcpu_reg_state vrs;

	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, sti_spin);
	expect_out(&g, 0x10, 0);
	regs_read(&g, &vrs);
	vrs.vrs_crs[VCPU_REGS_CR8] = 15;
	regs_write(&g, VM_RWREGS_CRS, &vrs);
	g.cpu[0].vrp.vrp_intr_pending = 1;
	CHECK_EQ(guest_run(&g), EXIT_WINDOW);
	CHECK_EQ(g.cpu[0].exit.vrs.vrs_crs[VCPU_REGS_CR8], 15);
}

static void
window_leaves_the_guest_as_it_was(void)
{
	struct vcpu_reg_state before, after;

	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, on_spin);
	expect_out(&g, 0x10, 0);
	g.cpu[0].vrp.vrp_intr_pending = 1;
	CHECK_EQ(guest_run(&g), EXIT_WINDOW);
	regs_read(&g, &before);
	g.cpu[0].vrp.vrp_intr_pending = 1;
	CHECK_EQ(guest_run(&g), EXIT_WINDOW);
	regs_read(&g, &after);
	CHECK(memcmp(&before, &after, sizeof(before)) == 0);
}

const struct test tests[] = {
	TEST(intr_does_not_know_other_vms_and_vcpus),
	TEST(intr_faults_on_a_bad_pointer),
	TEST(intr_brings_out_a_guest_that_is_not_ready),
	TEST(intr_brings_out_a_guest_that_is_ready),
	TEST(intr_with_0_leaves_the_guest_alone),
	TEST(intr_between_two_runs_is_remembered),
	TEST(client_gets_its_interrupt_to_a_guest_that_becomes_ready),
	TEST(window_opens_at_the_first_instruction_that_can_be_interrupted),
	TEST(window_is_open_at_once_in_a_guest_that_is_ready),
	TEST(window_is_open_behind_the_handler_of_the_interrupt_before_it),
	TEST(no_window_is_opened_unasked),
	TEST(other_exits_come_while_a_window_is_awaited),
	TEST(window_ignores_the_task_priority),
	TEST(window_leaves_the_guest_as_it_was),
	TEST_END
};

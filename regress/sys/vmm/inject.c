/* SPDX-License-Identifier: ISC */
/*
 * Events that the client of vmm(4) injects with VMM_IOC_RUN.
 */

#include "guest.h"
#include "harness.h"

#define VECTOR		0x40
#define OTHER		0x41

static struct guest	g;

CODE64(out_loop, "1: out %al,$0x10; jmp 1b");
CODE64(out_sti, "out %al,$0x10; out %al,$0x11; sti; nop; out %al,$0x12; hlt");

/* Start out_loop with interrupts on, and run to its first exit. */
static void
start_enabled(void)
{
	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, out_loop);
	gpr_write(&g, VCPU_REGS_RFLAGS, PSL_MBO | PSL_I);
	expect_out(&g, 0x10, 0);
	CHECK_EQ(g.cpu[0].vrp.vrp_irqready, 1);
}

/* Start out_sti with interrupts off, and run to its first exit. */
static void
start_disabled(void)
{
	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, out_sti);
	expect_out(&g, 0x10, 0);
	CHECK_EQ(g.cpu[0].vrp.vrp_irqready, 0);
}

static void
interrupt_reaches_a_guest_that_is_ready(void)
{
	struct trap t;

	start_enabled();
	inject(&g, VCPU_INJECT_INTR, VECTOR, 0);
	expect_trap(&g, VECTOR, &t);
	CHECK_EQ(t.rip, GUEST_CODE + 2);
	CHECK_EQ(t.cs, SEL_CODE64);
	CHECK_EQ(t.rflags & PSL_I, PSL_I);
	CHECK_EQ(gpr(&g, VCPU_REGS_RFLAGS) & PSL_I, 0);
	CHECK_EQ(g.cpu[0].vrp.vrp_irqready, 0);
	expect_out(&g, 0x10, 0);
	CHECK_EQ(g.cpu[0].vrp.vrp_irqready, 1);
	expect_out(&g, 0x10, 0);
}

static void
every_vector_can_be_an_interrupt(void)
{
	struct trap t;
	unsigned int v;

	start_enabled();
	for (v = 0; v < 256; v++) {
		/* Our handlers would drop an error code that is not there. */
		if (vector_has_error(v))
			continue;
		inject(&g, VCPU_INJECT_INTR, v, 0xffff);
		expect_trap(&g, v, &t);
		CHECK_EQ(t.rip, GUEST_CODE + 2);
		expect_out(&g, 0x10, 0);
	}
}

static void
interrupt_waits_until_the_guest_is_ready(void)
{
	struct trap t;

	start_disabled();
	inject(&g, VCPU_INJECT_INTR, VECTOR, 0);
	expect_out(&g, 0x11, 0);
	CHECK_EQ(g.cpu[0].vrp.vrp_irqready, 0);
	expect_trap(&g, VECTOR, &t);
	/* STI holds it off for one more instruction. */
	CHECK_EQ(t.rip, GUEST_CODE + 6);
	expect_out(&g, 0x12, 0);
	expect_hlt(&g);
	CHECK_EQ(g.cpu[0].vrp.vrp_irqready, 1);
}

static void
waiting_interrupt_is_replaced_by_a_later_one(void)
{
	start_disabled();
	inject(&g, VCPU_INJECT_INTR, VECTOR, 0);
	expect_out(&g, 0x11, 0);
	inject(&g, VCPU_INJECT_INTR, OTHER, 0);
	expect_trap(&g, OTHER, NULL);
	expect_out(&g, 0x12, 0);
	expect_hlt(&g);
}

static void
waiting_interrupt_survives_register_access(void)
{
	struct vcpu_reg_state vrs;

	start_disabled();
	inject(&g, VCPU_INJECT_INTR, VECTOR, 0);
	expect_out(&g, 0x11, 0);
	regs_read(&g, &vrs);
	regs_write(&g, VM_RWREGS_SREGS | VM_RWREGS_CRS | VM_RWREGS_MSRS |
	    VM_RWREGS_DRS, &vrs);
	expect_trap(&g, VECTOR, NULL);
	expect_out(&g, 0x12, 0);
}

static void
exception_goes_before_a_waiting_interrupt(void)
{
	start_disabled();
	inject(&g, VCPU_INJECT_INTR, VECTOR, 0);
	expect_out(&g, 0x11, 0);
	inject(&g, VCPU_INJECT_EX, 6, 0);
	expect_trap(&g, 6, NULL);
	expect_trap(&g, VECTOR, NULL);
	expect_out(&g, 0x12, 0);
}

CODE64(sti_hlt, "sti; hlt; out %al,$0x10; hlt");

static void
interrupt_wakes_a_halted_guest_behind_its_hlt(void)
{
	struct trap t;

	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, sti_hlt);
	expect_hlt(&g);
	inject(&g, VCPU_INJECT_INTR, VECTOR, 0);
	expect_trap(&g, VECTOR, &t);
	CHECK_EQ(t.rip, GUEST_CODE + 2);
	expect_out(&g, 0x10, 0);
}

CODE32(out32_loop, "1: out %al,$0x10; jmp 1b");

/* The exceptions that both vendors' CPUs can have. */
static const uint8_t exceptions[] = { 0, 1, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13,
    14, 16, 17, 18, 19 };

static void
exceptions_in(enum mode mode)
{
	const uint32_t error = 0x18;
	struct trap t;
	size_t i;

	guest_start(&g, mode, out32_loop);
	for (i = 0; i < sizeof(exceptions); i++) {
		/* Not in 64-bit mode. */
		if (mode == MODE_LONG &&
		    (exceptions[i] == 4 || exceptions[i] == 5))
			continue;
		expect_out(&g, 0x10, 0);
		inject(&g, VCPU_INJECT_EX, exceptions[i], error);
		expect_trap(&g, exceptions[i], &t);
		CHECK_EQ(t.rip, GUEST_CODE + 2);
		CHECK_EQ(t.error, vector_has_error(exceptions[i]) ? error : 0);
	}
	expect_out(&g, 0x10, 0);
}

static void
exceptions_come_with_their_error_codes(void)
{
	guest_create(&g, 1);
	exceptions_in(MODE_FLAT32);
	exceptions_in(MODE_PAE);
	exceptions_in(MODE_LONG);
}

CODE16(out16_loop, "1: out %al,$0x10; jmp 1b");

static void
exceptions_in_real_mode_have_no_error_code(void)
{
	struct trap t;
	size_t i;

	guest_create(&g, 1);
	guest_start(&g, MODE_REAL, out16_loop);
	for (i = 0; i < sizeof(exceptions); i++) {
		expect_out(&g, 0x10, 0);
		inject(&g, VCPU_INJECT_EX, exceptions[i], 0x11223344);
		expect_trap(&g, exceptions[i], &t);
		CHECK_EQ(t.rip, 2);
		CHECK_EQ(t.cs, GUEST_CODE >> 4);
		CHECK_EQ(gpr(&g, VCPU_REGS_RSP), GUEST_STACK - 6);
	}
	expect_out(&g, 0x10, 0);
}

CODE64(in_loop, "1: in $0x10,%al; mov %al,%bl; jmp 1b");

static void
what_is_no_exception_is_refused_and_changes_nothing(void)
{
	static const uint8_t bad[] = { 2, 32, 33, 255 };
	struct vm_exit *e = &g.cpu[0].exit;
	size_t i;

	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, in_loop);
	for (i = 0; i < sizeof(bad); i++) {
		expect_in(&g, 0x10, 0x50 + i);
		g.cpu[0].io_open = false;
		e->vrs.vrs_gprs[VCPU_REGS_RIP] += e->vei.vei_insn_len;
		inject(&g, VCPU_INJECT_EX, bad[i], 0);
		CHECK_ERRNO(vcpu_ioctl_run(&g, 0), EINVAL);
		CHECK_ERRNO(vcpu_ioctl_run(&g, 0), EINVAL);
		/* The answer to the IN still arrives. */
		inject(&g, VCPU_INJECT_NONE, 0, 0);
		expect_in(&g, 0x10, 0);
		CHECK_EQ(gpr(&g, VCPU_REGS_RBX) & 0xff, 0x50 + i);
	}
}

static void
unknown_types_inject_nothing(void)
{
	static const uint8_t types[] = { VCPU_INJECT_NONE, 4, 0xa5, 255 };
	size_t i;

	start_enabled();
	for (i = 0; i < sizeof(types); i++) {
		inject(&g, types[i], VECTOR, 0);
		expect_out(&g, 0x10, 0);
	}
}

static void
event_is_injected_once(void)
{
	int i;

	start_enabled();
	test_tick(1);
	for (i = 0; i < 300; i++) {
		inject(&g, VCPU_INJECT_INTR, VECTOR, 0);
		expect_trap(&g, VECTOR, NULL);
		expect_out(&g, 0x10, 0);
	}
}

static void
event_comes_after_the_answer_to_a_port_access(void)
{
	struct trap t;

	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, in_loop);
	expect_in(&g, 0x10, 0x77);
	inject(&g, VCPU_INJECT_EX, 13, 0x18);
	expect_trap(&g, 13, &t);
	CHECK_EQ(t.rip, GUEST_CODE + 2);
	CHECK_EQ(gpr(&g, VCPU_REGS_RAX), 0x77);
	expect_in(&g, 0x10, 0);
	CHECK_EQ(gpr(&g, VCPU_REGS_RBX), 0x77);
}

static void
nmi_comes_whatever_if_is(void)
{
	struct trap t;

	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, out_loop);
	expect_out(&g, 0x10, 0);
	/* The vector does not matter. */
	inject(&g, VCPU_INJECT_NMI, 77, 0);
	expect_trap(&g, 2, &t);
	CHECK_EQ(t.rip, GUEST_CODE + 2);
	expect_out(&g, 0x10, 0);
	gpr_write(&g, VCPU_REGS_RFLAGS, PSL_MBO | PSL_I);
	inject(&g, VCPU_INJECT_NMI, 0, 0);
	expect_trap(&g, 2, NULL);
	expect_out(&g, 0x10, 0);
}

static void
nmi_in_an_nmi_handler_waits_for_its_iret(void)
{
	struct trap t;

	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, out_loop);
	expect_out(&g, 0x10, 0);
	inject(&g, VCPU_INJECT_NMI, 0, 0);
	expect_trap(&g, 2, &t);
	inject(&g, VCPU_INJECT_NMI, 0, 0);
	expect_trap(&g, 2, &t);
	/* Not nested: it came when the first handler had returned. */
	CHECK_EQ(t.rip, GUEST_CODE + 2);
	expect_out(&g, 0x10, 0);
	expect_out(&g, 0x10, 0);
}

static void
interrupt_ignores_the_task_priority(void)
{
	struct vcpu_reg_state vrs;

	start_enabled();
	regs_read(&g, &vrs);
	vrs.vrs_crs[VCPU_REGS_CR8] = 15;
	regs_write(&g, VM_RWREGS_CRS, &vrs);
	inject(&g, VCPU_INJECT_INTR, VECTOR, 0);
	expect_trap(&g, VECTOR, NULL);
}

const struct test tests[] = {
	TEST(interrupt_reaches_a_guest_that_is_ready),
	TEST(every_vector_can_be_an_interrupt),
	TEST(interrupt_waits_until_the_guest_is_ready),
	TEST(waiting_interrupt_is_replaced_by_a_later_one),
	TEST(waiting_interrupt_survives_register_access),
	TEST(exception_goes_before_a_waiting_interrupt),
	TEST(interrupt_wakes_a_halted_guest_behind_its_hlt),
	TEST(exceptions_come_with_their_error_codes),
	TEST(exceptions_in_real_mode_have_no_error_code),
	TEST(what_is_no_exception_is_refused_and_changes_nothing),
	TEST(unknown_types_inject_nothing),
	TEST(event_is_injected_once),
	TEST(event_comes_after_the_answer_to_a_port_access),
	TEST(nmi_comes_whatever_if_is),
	TEST(nmi_in_an_nmi_handler_waits_for_its_iret),
	TEST(interrupt_ignores_the_task_priority),
	TEST_END
};

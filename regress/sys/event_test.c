/* SPDX-License-Identifier: ISC */
/*
 * Promises of events: each goes in once, in the order of their priority,
 * and a window is open exactly while something waits for it.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "world.h"

#include <machine/specialreg.h>

#define ROUNDS	20000

static struct vcpu	*vcpu;

static int
begin(void **state)
{
	if (world_begin_vm(state) != 0)
		return (-1);
	vcpu = world_vcpu(0);
	vcpu->regs.vrs_crs[VCPU_REGS_CR0] |= CR0_PE;
	vcpu->regs.vrs_gprs[VCPU_REGS_RFLAGS] = PSL_MBO | PSL_I;
	return (0);
}

static int
post(uint8_t type, uint8_t vector)
{
	struct vcpu_inject_event vie = { vector, 0x5a5a, type };

	return (event_post(vcpu, &vie));
}

static void
post_ok(uint8_t type, uint8_t vector)
{
	assert_int_equal(post(type, vector), 0);
}

/* The event of one entry, or NULL. */
static const struct event *
entry(void)
{
	int n = mock.ninjected;

	mock.pending = false;
	event_commit(vcpu);
	return (mock.ninjected == n ? NULL :
	    &mock.injected[n % MOCK_EVENTS]);
}

static void
entry_injects(uint8_t type, uint8_t vector)
{
	const struct event *e = entry();

	assert_non_null(e);
	assert_int_equal(e->type, type);
	assert_int_equal(e->vector, vector);
}

static void
intr_flag(bool on)
{
	vcpu->regs.vrs_gprs[VCPU_REGS_RFLAGS] = PSL_MBO | (on ? PSL_I : 0);
}

static void
nothing_waits_nothing_happens(void **state)
{
	(void)state;
	assert_null(entry());
	assert_false(mock.intr_window);
	assert_false(mock.nmi_window);
	assert_true(event_intr_ready(vcpu));
}

static void
an_interrupt_waits_for_its_window(void **state)
{
	(void)state;
	intr_flag(false);
	post_ok(VCPU_INJECT_INTR, 0x30);
	assert_null(entry());
	assert_true(mock.intr_window);
	intr_flag(true);
	mock.shadow = true;
	assert_null(entry());
	assert_true(mock.intr_window);
	assert_false(mock.nmi_window);
	mock.shadow = false;
	entry_injects(EVENT_INTR, 0x30);
	assert_false(mock.intr_window);
	assert_null(entry());
}

static void
an_nmi_waits_until_it_is_not_blocked(void **state)
{
	(void)state;
	intr_flag(false);
	mock.nmi_blocked = true;
	post_ok(VCPU_INJECT_NMI, 0);
	assert_null(entry());
	assert_true(mock.nmi_window);
	assert_false(mock.intr_window);
	mock.nmi_blocked = false;
	entry_injects(EVENT_NMI, EXC_NMI);
	assert_false(mock.nmi_window);
	assert_null(entry());
}

static void
exceptions_then_nmis_then_interrupts(void **state)
{
	(void)state;
	post_ok(VCPU_INJECT_INTR, 0x40);
	post_ok(VCPU_INJECT_NMI, 0);
	post_ok(VCPU_INJECT_EX, EXC_GP);
	entry_injects(EVENT_EXCEPTION, EXC_GP);
	assert_true(mock.intr_window);
	assert_true(mock.nmi_window);
	entry_injects(EVENT_NMI, EXC_NMI);
	assert_true(mock.intr_window);
	assert_false(mock.nmi_window);
	entry_injects(EVENT_INTR, 0x40);
	assert_false(mock.intr_window);
	assert_null(entry());
}

static void
an_interrupted_delivery_comes_first_and_once(void **state)
{
	const struct event e = { .valid = true, .type = EVENT_SOFT_INTR,
	    .vector = 0x80, .insn_len = 2 };

	(void)state;
	post_ok(VCPU_INJECT_INTR, 0x40);
	intr_flag(false);
	event_interrupted(vcpu, &e);
	entry_injects(EVENT_SOFT_INTR, 0x80);
	assert_int_equal(mock.injected[0].insn_len, 2);
	assert_true(mock.intr_window);
	intr_flag(true);
	entry_injects(EVENT_INTR, 0x40);
	assert_null(entry());
}

static void
an_exception_overtakes_an_interrupted_interrupt(void **state)
{
	const struct event e = { .valid = true, .type = EVENT_INTR,
	    .vector = 0x55 };

	(void)state;
	event_interrupted(vcpu, &e);
	event_exception(vcpu, EXC_PF, 4);
	entry_injects(EVENT_EXCEPTION, EXC_PF);
	assert_true(mock.intr_window);
	/* Inside the handler of the exception it has to wait, as all do. */
	intr_flag(false);
	assert_null(entry());
	assert_true(mock.intr_window);
	intr_flag(true);
	entry_injects(EVENT_INTR, 0x55);
	assert_null(entry());
	assert_false(mock.intr_window);
}

static void
an_exception_overtakes_an_interrupted_nmi(void **state)
{
	const struct event e = { .valid = true, .type = EVENT_NMI,
	    .vector = EXC_NMI };

	(void)state;
	event_interrupted(vcpu, &e);
	event_exception(vcpu, EXC_PF, 4);
	entry_injects(EVENT_EXCEPTION, EXC_PF);
	assert_true(mock.nmi_window);
	mock.nmi_blocked = true;
	intr_flag(false);
	assert_null(entry());
	assert_true(mock.nmi_window);
	/* An NMI has no need of an interrupt window. */
	assert_false(mock.intr_window);
	mock.nmi_blocked = false;
	entry_injects(EVENT_NMI, EXC_NMI);
	assert_null(entry());
}

static void
an_exception_replaces_what_the_guest_does_again(void **state)
{
	const struct event e = { .valid = true, .type = EVENT_SOFT_INTR,
	    .vector = 0x80 };

	(void)state;
	event_interrupted(vcpu, &e);
	event_exception(vcpu, EXC_NP, 0x400);
	entry_injects(EVENT_EXCEPTION, EXC_NP);
	assert_null(entry());
	assert_false(mock.intr_window);
}

static void
error_codes_follow_the_vector_and_the_mode(void **state)
{
	const uint32_t with = 1U << 8 | 0x1fU << 10 | 1U << 17 | 1U << 21;
	int v;

	(void)state;
	for (v = 0; v < 32; v++) {
		if (v == EXC_NMI)
			continue;
		post_ok(VCPU_INJECT_EX, v);
		assert_int_equal(entry()->has_error, with >> v & 1);
	}
	vcpu->regs.vrs_crs[VCPU_REGS_CR0] &= ~(uint64_t)CR0_PE;
	post_ok(VCPU_INJECT_EX, EXC_GP);
	assert_false(entry()->has_error);
}

static void
what_is_no_exception_is_refused(void **state)
{
	(void)state;
	assert_int_equal(post(VCPU_INJECT_EX, EXC_NMI), EINVAL);
	assert_int_equal(post(VCPU_INJECT_EX, 32), EINVAL);
	assert_int_equal(post(VCPU_INJECT_EX, 255), EINVAL);
	assert_null(entry());
	/* Values without a meaning inject nothing. */
	post_ok(VCPU_INJECT_NONE, 13);
	post_ok(99, 13);
	assert_null(entry());
}

static void
an_interrupt_that_waits_is_replaced(void **state)
{
	(void)state;
	intr_flag(false);
	post_ok(VCPU_INJECT_INTR, 0x30);
	post_ok(VCPU_INJECT_INTR, 0x31);
	intr_flag(true);
	entry_injects(EVENT_INTR, 0x31);
	assert_null(entry());
}

static void
ready_means_that_an_interrupt_would_go_in(void **state)
{
	int n;

	(void)state;
	for (n = 0; n < ROUNDS; n++) {
		intr_flag(random() & 1);
		mock.shadow = random() & 1;
		if (random() % 8 == 0)
			post_ok(VCPU_INJECT_NMI, 0);
		if (random() % 8 == 0)
			post_ok(VCPU_INJECT_EX, EXC_UD);
		if (event_intr_ready(vcpu)) {
			post_ok(VCPU_INJECT_INTR, n & 0xff);
			entry_injects(EVENT_INTR, n & 0xff);
		} else
			entry();
	}
}

/*
 * Any order of posts, interrupted deliveries and states of the guest: what
 * goes in is what was posted, each as often, and windows are open for the
 * rest only.
 */
static void
nothing_is_lost_or_doubled(void **state)
{
	int posted[3] = { 0 }, done[3] = { 0 }, n, kind;
	const struct event *e;
	struct event again;

	(void)state;
	srandom(3);
	for (n = 0; n < ROUNDS; n++) {
		intr_flag(random() & 1);
		mock.shadow = random() % 4 == 0;
		mock.nmi_blocked = random() & 1;
		if (!vcpu->ev.intr && random() % 4 == 0) {
			post_ok(VCPU_INJECT_INTR, 0x20);
			posted[0]++;
		}
		if (!vcpu->ev.nmi && !(vcpu->ev.again.valid &&
		    vcpu->ev.again.type == EVENT_NMI) && random() % 4 == 0) {
			post_ok(VCPU_INJECT_NMI, 0);
			posted[1]++;
		}
		if (!(vcpu->ev.again.valid &&
		    vcpu->ev.again.type == EVENT_EXCEPTION) &&
		    random() % 4 == 0) {
			post_ok(VCPU_INJECT_EX, EXC_UD);
			posted[2]++;
		}
		e = entry();
		assert_int_equal(mock.nmi_window, vcpu->ev.nmi);
		assert_int_equal(mock.intr_window, vcpu->ev.intr ||
		    vcpu->ev.late.valid);
		if (e == NULL)
			continue;
		kind = e->type == EVENT_INTR ? 0 : e->type == EVENT_NMI ? 1 :
		    2;
		done[kind]++;
		/* A delivery may not finish; a second NMI would join. */
		if (!(kind == 1 && vcpu->ev.nmi) && random() % 3 == 0) {
			again = *e;
			event_interrupted(vcpu, &again);
			done[kind]--;
		}
	}
	intr_flag(true);
	mock.shadow = mock.nmi_blocked = false;
	while ((e = entry()) != NULL)
		done[e->type == EVENT_INTR ? 0 : e->type == EVENT_NMI ? 1 :
		    2]++;
	assert_int_equal(done[0], posted[0]);
	assert_int_equal(done[1], posted[1]);
	assert_int_equal(done[2], posted[2]);
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, begin, world_end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_waits_nothing_happens),
		TEST(an_interrupt_waits_for_its_window),
		TEST(an_nmi_waits_until_it_is_not_blocked),
		TEST(exceptions_then_nmis_then_interrupts),
		TEST(an_interrupted_delivery_comes_first_and_once),
		TEST(an_exception_overtakes_an_interrupted_interrupt),
		TEST(an_exception_overtakes_an_interrupted_nmi),
		TEST(an_exception_replaces_what_the_guest_does_again),
		TEST(error_codes_follow_the_vector_and_the_mode),
		TEST(what_is_no_exception_is_refused),
		TEST(an_interrupt_that_waits_is_replaced),
		TEST(ready_means_that_an_interrupt_would_go_in),
		TEST(nothing_is_lost_or_doubled),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}

/* SPDX-License-Identifier: ISC */
/*
 * Promises of the 8259A pair.
 */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

#include "i8259.h"

#define M0	0x20
#define M1	0x21
#define S0	0xa0
#define S1	0xa1

#define ICW4_8086	0x01
#define ICW4_AEOI	0x02
#define ICW4_SFNM	0x10

#define EOI		0x20
#define SPECIFIC_EOI	0x60
#define ROTATE_AEOI	0x80
#define ROTATE_EOI	0xa0
#define SET_PRIORITY	0xc0
#define ROTATE_SEOI	0xe0

#define READ_IRR	0x0a
#define READ_ISR	0x0b
#define POLL		0x0c
#define SMM_ON		0x68
#define SMM_OFF		0x48

static struct i8259_pair pic;
static int		 intr_level, intr_changes;

static void
test_intr(void *arg, int level)
{
	assert_ptr_equal(arg, &intr_level);
	assert_int_not_equal(level, intr_level);
	intr_level = level;
	intr_changes++;
}

static const struct i8259_ops ops = { test_intr };

static void
program(uint16_t port, uint8_t icw1, uint8_t icw2, uint8_t icw3, uint8_t icw4)
{
	i8259_write(&pic, port, icw1);
	i8259_write(&pic, port + 1, icw2);
	i8259_write(&pic, port + 1, icw3);
	i8259_write(&pic, port + 1, icw4);
}

/* As Linux and most others set the pair up: vectors 0x30 and 0x38. */
static int
setup(void **state)
{
	(void)state;
	intr_level = intr_changes = 0;
	i8259_init(&pic, &ops, &intr_level);
	program(M0, 0x11, 0x30, 0x04, ICW4_8086);
	program(S0, 0x11, 0x38, 0x02, ICW4_8086);
	return 0;
}

static void
up(unsigned int irq)
{
	i8259_set_irq(&pic, irq, 1);
}

static void
down(unsigned int irq)
{
	i8259_set_irq(&pic, irq, 0);
}

static uint8_t
reg(uint16_t port, uint8_t ocw3)
{
	i8259_write(&pic, port, ocw3);
	return i8259_read(&pic, port);
}

static void
pic_every_irq_has_its_vector(void **state)
{
	unsigned int	irq;

	(void)state;
	for (irq = 0; irq < I8259_NIRQ; irq++) {
		if (irq == I8259_CASCADE)
			continue;
		up(irq);
		assert_int_equal(i8259_pending(&pic), 1);
		assert_int_equal(intr_level, 1);
		assert_int_equal(i8259_ack(&pic), 0x30 + irq);
		assert_int_equal(i8259_pending(&pic), 0);
		assert_int_equal(reg(M0, READ_ISR),
		    irq < 8 ? 1 << irq : 1 << I8259_CASCADE);
		assert_int_equal(reg(S0, READ_ISR),
		    irq < 8 ? 0 : 1 << (irq - 8));
		down(irq);
		if (irq >= 8)
			i8259_write(&pic, S0, EOI);
		i8259_write(&pic, M0, EOI);
		assert_int_equal(reg(M0, READ_ISR), 0);
		assert_int_equal(reg(S0, READ_ISR), 0);
	}
}

static void
pic_is_silent_until_initialised(void **state)
{
	(void)state;
	i8259_init(&pic, &ops, &intr_level);
	up(0);
	up(9);
	assert_int_equal(i8259_pending(&pic), 0);
	i8259_write(&pic, M0, 0x11);
	assert_int_equal(i8259_pending(&pic), 0);
	i8259_write(&pic, M1, 0x30);
	i8259_write(&pic, M1, 0x04);
	down(1);
	up(1);
	assert_int_equal(i8259_pending(&pic), 0);
	i8259_write(&pic, M1, ICW4_8086);
	assert_int_equal(i8259_pending(&pic), 1);
	assert_int_equal(i8259_ack(&pic), 0x31);
}

static void
pic_icw1_forgets_edges_mask_and_service(void **state)
{
	(void)state;
	up(3);
	i8259_ack(&pic);
	up(4);
	i8259_write(&pic, M1, 0x55);
	i8259_write(&pic, M0, SMM_ON);
	i8259_write(&pic, M0, ROTATE_AEOI);
	i8259_write(&pic, M0, SET_PRIORITY | 3);
	i8259_write(&pic, M0, READ_ISR);
	i8259_write(&pic, M0, POLL);
	program(M0, 0x11, 0x70, 0x04, ICW4_8086);
	assert_int_equal(i8259_read(&pic, M1), 0);
	assert_int_equal(i8259_read(&pic, M0), 0);	/* IRR */
	assert_int_equal(reg(M0, READ_ISR), 0);
	assert_int_equal(i8259_pending(&pic), 0);
	down(4);
	up(4);
	up(0);
	up(6);
	assert_int_equal(i8259_ack(&pic), 0x70);
	i8259_write(&pic, M1, 0x01);		/* no special mask */
	assert_int_equal(i8259_pending(&pic), 0);
	i8259_write(&pic, M0, EOI);
	assert_int_equal(i8259_ack(&pic), 0x74);
}

static void
pic_icw1_forgets_the_modes_of_before(void **state)
{
	(void)state;
	program(M0, 0x11, 0x30, 0x04, ICW4_8086 | ICW4_AEOI);
	i8259_write(&pic, M0, ROTATE_AEOI);
	i8259_write(&pic, M0, 0x10);		/* no ICW4 */
	i8259_write(&pic, M1, 0x30);
	i8259_write(&pic, M1, 0x04);
	up(5);
	i8259_ack(&pic);
	assert_int_equal(reg(M0, READ_ISR), 1 << 5);	/* no auto EOI */
	program(M0, 0x11, 0x30, 0x04, ICW4_8086 | ICW4_AEOI);
	down(5);
	up(5);
	i8259_ack(&pic);			/* does not rotate */
	up(0);
	up(6);
	assert_int_equal(i8259_ack(&pic), 0x30);
}

static void
pic_single_needs_no_icw3_and_has_no_cascade(void **state)
{
	(void)state;
	i8259_write(&pic, M0, 0x13);
	i8259_write(&pic, M1, 0x40);
	i8259_write(&pic, M1, ICW4_8086);
	i8259_write(&pic, M1, 0x80);			/* OCW1 */
	assert_int_equal(i8259_read(&pic, M1), 0x80);
	up(10);
	assert_int_equal(i8259_ack(&pic), 0x42);
}

static void
pic_without_icw4_takes_ocw1_next(void **state)
{
	(void)state;
	i8259_write(&pic, M0, 0x10);
	i8259_write(&pic, M1, 0x40);
	i8259_write(&pic, M1, 0x04);
	assert_int_equal(i8259_read(&pic, M1), 0);
	i8259_write(&pic, M1, 0xa5);
	assert_int_equal(i8259_read(&pic, M1), 0xa5);
}

static void
pic_masked_request_waits_in_irr(void **state)
{
	(void)state;
	i8259_write(&pic, M1, 0x10);
	up(4);
	assert_int_equal(i8259_pending(&pic), 0);
	assert_int_equal(reg(M0, READ_IRR), 0x10);
	i8259_write(&pic, M1, 0);
	assert_int_equal(i8259_ack(&pic), 0x34);
	i8259_write(&pic, S1, 0x42);
	assert_int_equal(i8259_read(&pic, S1), 0x42);
	assert_int_equal(i8259_read(&pic, M1), 0);
}

static void
pic_edge_interrupts_once_while_the_line_stays_high(void **state)
{
	(void)state;
	up(4);
	up(4);
	assert_int_equal(i8259_ack(&pic), 0x34);
	i8259_write(&pic, M0, EOI);
	up(4);
	assert_int_equal(i8259_pending(&pic), 0);
	down(4);
	up(4);
	assert_int_equal(i8259_pending(&pic), 1);
}

static void
pic_level_interrupts_again_until_the_line_falls(void **state)
{
	(void)state;
	i8259_write(&pic, I8259_ELCR2_PORT, 1 << (10 - 8));
	up(10);
	assert_int_equal(i8259_ack(&pic), 0x3a);
	assert_int_equal(i8259_pending(&pic), 0);
	i8259_write(&pic, S0, EOI);
	i8259_write(&pic, M0, EOI);
	assert_int_equal(i8259_ack(&pic), 0x3a);
	down(10);
	i8259_write(&pic, S0, EOI);
	i8259_write(&pic, M0, EOI);
	assert_int_equal(i8259_pending(&pic), 0);
}

static void
pic_level_lines_do_not_disturb_each_other(void **state)
{
	(void)state;
	i8259_write(&pic, I8259_ELCR2_PORT, 0x0c);
	up(10);
	up(11);
	assert_int_equal(reg(S0, READ_IRR), 0x0c);
	down(10);
	assert_int_equal(reg(S0, READ_IRR), 0x08);
}

static void
pic_ltim_makes_every_input_level(void **state)
{
	(void)state;
	up(1);
	program(M0, 0x19, 0x30, 0x04, ICW4_8086);
	assert_int_equal(i8259_ack(&pic), 0x31);
	i8259_write(&pic, M0, EOI);
	assert_int_equal(i8259_pending(&pic), 1);
	down(1);
	assert_int_equal(i8259_pending(&pic), 0);
}

static void
pic_elcr_keeps_system_irqs_edge(void **state)
{
	(void)state;
	i8259_write(&pic, I8259_ELCR1_PORT, 0xff);
	i8259_write(&pic, I8259_ELCR2_PORT, 0xff);
	assert_int_equal(i8259_read(&pic, I8259_ELCR1_PORT), 0xf8);
	assert_int_equal(i8259_read(&pic, I8259_ELCR2_PORT), 0xde);
}

static void
pic_elcr_change_shows_the_line_at_once(void **state)
{
	(void)state;
	up(11);
	i8259_ack(&pic);
	i8259_write(&pic, S0, EOI);
	i8259_write(&pic, M0, EOI);
	assert_int_equal(i8259_pending(&pic), 0);
	i8259_write(&pic, I8259_ELCR2_PORT, 1 << (11 - 8));
	assert_int_equal(i8259_pending(&pic), 1);
	i8259_write(&pic, I8259_ELCR2_PORT, 0);
	assert_int_equal(i8259_pending(&pic), 0);
}

static void
pic_request_withdrawn_before_ack_is_gone(void **state)
{
	(void)state;
	up(5);
	down(5);
	assert_int_equal(i8259_pending(&pic), 0);
	assert_int_equal(intr_level, 0);
	assert_int_equal(intr_changes, 2);
	up(12);
	down(12);
	assert_int_equal(i8259_pending(&pic), 0);
	assert_int_equal(reg(M0, READ_IRR), 0);
}

static void
pic_spurious_irq7_sets_no_isr(void **state)
{
	(void)state;
	up(5);
	down(5);
	assert_int_equal(i8259_ack(&pic), 0x37);
	assert_int_equal(reg(M0, READ_ISR), 0);
	up(7);
	assert_int_equal(i8259_ack(&pic), 0x37);
	assert_int_equal(reg(M0, READ_ISR), 0x80);
}

/*
 * The request is lost between the two halves of an acknowledge: only the
 * state can show it, as calls are never that close.
 */
static void
pic_spurious_irq15_needs_eoi_on_the_master_only(void **state)
{
	(void)state;
	up(12);
	pic.slave.lines = pic.slave.latch = 0;
	assert_int_equal(i8259_ack(&pic), 0x3f);
	assert_int_equal(reg(S0, READ_ISR), 0);
	assert_int_equal(reg(M0, READ_ISR), 1 << I8259_CASCADE);
	i8259_write(&pic, M0, EOI);
	up(14);
	assert_int_equal(i8259_ack(&pic), 0x3e);
}

static void
pic_cascade_pin_cannot_be_driven(void **state)
{
	(void)state;
	up(2);
	up(16);
	up(1000);
	assert_int_equal(i8259_pending(&pic), 0);
	assert_int_equal(reg(M0, READ_IRR), 0);
}

static void
pic_urgent_irq_interrupts_a_lesser_one_only(void **state)
{
	(void)state;
	up(4);
	assert_int_equal(i8259_ack(&pic), 0x34);
	up(6);
	assert_int_equal(i8259_pending(&pic), 0);
	up(1);
	assert_int_equal(i8259_ack(&pic), 0x31);
	up(9);
	assert_int_equal(i8259_pending(&pic), 0);
	i8259_write(&pic, M0, EOI);			/* 1 */
	assert_int_equal(i8259_ack(&pic), 0x39);
	i8259_write(&pic, S0, EOI);
	i8259_write(&pic, M0, EOI);			/* cascade */
	assert_int_equal(i8259_pending(&pic), 0);
	i8259_write(&pic, M0, EOI);			/* 4 */
	assert_int_equal(i8259_ack(&pic), 0x36);
}

static void
pic_best_of_simultaneous_requests_wins(void **state)
{
	static const uint8_t	order[] = { 0, 1, 8, 11, 15, 3, 7 };
	size_t			i;

	(void)state;
	for (i = sizeof(order); i-- > 0;)
		up(order[i]);
	for (i = 0; i < sizeof(order); i++) {
		assert_int_equal(i8259_ack(&pic), 0x30 + order[i]);
		if (order[i] >= 8)
			i8259_write(&pic, S0, EOI);
		i8259_write(&pic, M0, EOI);
	}
	assert_int_equal(i8259_pending(&pic), 0);
}

static void
pic_specific_eoi_ends_the_named_irq(void **state)
{
	(void)state;
	up(5);
	i8259_ack(&pic);
	up(3);
	i8259_ack(&pic);
	i8259_write(&pic, M0, SPECIFIC_EOI | 5);
	assert_int_equal(reg(M0, READ_ISR), 1 << 3);
	i8259_write(&pic, M0, SPECIFIC_EOI | 6);
	assert_int_equal(reg(M0, READ_ISR), 1 << 3);
}

static void
pic_nonspecific_eoi_ends_the_most_urgent(void **state)
{
	(void)state;
	up(5);
	i8259_ack(&pic);
	up(3);
	i8259_ack(&pic);
	i8259_write(&pic, M0, EOI);
	assert_int_equal(reg(M0, READ_ISR), 1 << 5);
	i8259_write(&pic, M0, EOI);
	i8259_write(&pic, M0, EOI);
	assert_int_equal(reg(M0, READ_ISR), 0);
}

/* After each command, the order in which 0, 1, 3, ... 7 are served. */
static void
pic_rotations_move_the_lowest_priority(void **state)
{
	static const struct {
		uint8_t	serve, cmd, first;
	} row[] = {
		{ 4, ROTATE_EOI, 5 },
		{ 7, ROTATE_EOI, 0 },
		{ 0, ROTATE_EOI, 1 },
		{ 4, ROTATE_SEOI | 4, 5 },
		{ 4, SET_PRIORITY | 5, 6 },
		{ 4, SET_PRIORITY | 7, 0 },
	};
	unsigned int	i, irq, n;

	for (i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		setup(state);
		up(row[i].serve);
		i8259_ack(&pic);
		down(row[i].serve);
		i8259_write(&pic, M0, row[i].cmd);
		if ((row[i].cmd & EOI) != 0)
			assert_int_equal(reg(M0, READ_ISR), 0);
		i8259_write(&pic, M0, SPECIFIC_EOI | row[i].serve);
		for (irq = 0; irq < 8; irq++)
			up(irq);
		for (n = 0; n < 8; n++) {
			irq = (row[i].first + n) % 8;
			if (irq == I8259_CASCADE)
				continue;
			assert_int_equal(i8259_ack(&pic), 0x30 + irq);
			i8259_write(&pic, M0, SPECIFIC_EOI | irq);
		}
	}
}

static void
pic_rotate_eoi_with_nothing_in_service_changes_nothing(void **state)
{
	(void)state;
	i8259_write(&pic, M0, ROTATE_EOI);
	up(7);
	up(0);
	assert_int_equal(i8259_ack(&pic), 0x30);
}

static void
pic_auto_eoi_leaves_nothing_in_service(void **state)
{
	(void)state;
	program(M0, 0x11, 0x30, 0x04, ICW4_8086 | ICW4_AEOI);
	up(3);
	up(5);
	assert_int_equal(i8259_ack(&pic), 0x33);
	assert_int_equal(reg(M0, READ_ISR), 0);
	assert_int_equal(i8259_pending(&pic), 1);
	assert_int_equal(intr_changes, 3);	/* fell for the acknowledge */
	assert_int_equal(i8259_ack(&pic), 0x35);
	assert_int_equal(i8259_pending(&pic), 0);
}

static void
pic_auto_eoi_rotates_when_told(void **state)
{
	(void)state;
	program(M0, 0x11, 0x30, 0x04, ICW4_8086 | ICW4_AEOI);
	i8259_write(&pic, M0, ROTATE_AEOI);
	up(3);
	i8259_ack(&pic);
	up(1);
	up(6);
	assert_int_equal(i8259_ack(&pic), 0x36);
	i8259_write(&pic, M0, 0x00);		/* stop rotating */
	assert_int_equal(i8259_ack(&pic), 0x31);
	up(0);
	down(3);
	up(3);
	assert_int_equal(i8259_ack(&pic), 0x30);
}

static void
pic_auto_eoi_slave_loses_no_second_request(void **state)
{
	(void)state;
	program(M0, 0x11, 0x30, 0x04, ICW4_8086 | ICW4_AEOI);
	program(S0, 0x11, 0x38, 0x02, ICW4_8086 | ICW4_AEOI);
	up(9);
	up(12);
	up(14);
	assert_int_equal(i8259_ack(&pic), 0x39);
	assert_int_equal(i8259_ack(&pic), 0x3c);
	assert_int_equal(i8259_ack(&pic), 0x3e);
	assert_int_equal(i8259_pending(&pic), 0);
}

static void
pic_special_mask_lets_lesser_irqs_in(void **state)
{
	(void)state;
	up(1);
	i8259_ack(&pic);
	up(6);
	assert_int_equal(i8259_pending(&pic), 0);
	i8259_write(&pic, M1, 1 << 1);
	assert_int_equal(i8259_pending(&pic), 0);
	i8259_write(&pic, M0, SMM_ON);
	assert_int_equal(i8259_ack(&pic), 0x36);
	i8259_write(&pic, M0, EOI);		/* not the masked irq 1 */
	assert_int_equal(reg(M0, READ_ISR), 1 << 1);
	i8259_write(&pic, M0, EOI);
	assert_int_equal(reg(M0, READ_ISR), 1 << 1);
	i8259_write(&pic, M0, SMM_OFF);
	i8259_write(&pic, M0, EOI);
	assert_int_equal(reg(M0, READ_ISR), 0);
}

static void
pic_ocw3_without_esmm_keeps_special_mask(void **state)
{
	(void)state;
	i8259_write(&pic, M0, SMM_ON);
	i8259_write(&pic, M0, READ_IRR);
	assert_int_equal(pic.master.smm, 1);
	i8259_write(&pic, M0, SMM_OFF);
	i8259_write(&pic, M0, 0x2a);		/* SMM without ESMM */
	assert_int_equal(pic.master.smm, 0);
}

static void
pic_special_fully_nested_slave_interrupts_itself(void **state)
{
	(void)state;
	up(12);
	i8259_ack(&pic);
	up(9);
	assert_int_equal(i8259_pending(&pic), 0);
	setup(state);
	program(M0, 0x11, 0x30, 0x04, ICW4_8086 | ICW4_SFNM);
	up(12);
	assert_int_equal(i8259_ack(&pic), 0x3c);
	up(3);					/* below the cascade */
	assert_int_equal(i8259_pending(&pic), 0);
	up(9);
	assert_int_equal(i8259_ack(&pic), 0x39);
	assert_int_equal(reg(S0, READ_ISR), 0x12);
}

static void
pic_poll_acknowledges_and_names_the_irq(void **state)
{
	(void)state;
	assert_int_equal(reg(M0, POLL), 0);
	up(5);
	assert_int_equal(reg(M0, POLL), 0x85);
	assert_int_equal(i8259_pending(&pic), 0);
	assert_int_equal(reg(M0, READ_ISR), 1 << 5);
	i8259_write(&pic, M0, EOI);
	up(6);
	i8259_write(&pic, M1, 0x81);
	i8259_write(&pic, M0, POLL);
	assert_int_equal(i8259_read(&pic, M1), 0x86);
	assert_int_equal(i8259_read(&pic, M1), 0x81);	/* IMR again */
}

static void
pic_poll_goes_through_the_cascade_step_by_step(void **state)
{
	(void)state;
	up(11);
	assert_int_equal(reg(M0, POLL), 0x82);
	assert_int_equal(reg(S0, POLL), 0x83);
	assert_int_equal(reg(S0, READ_ISR), 1 << 3);
	i8259_write(&pic, S0, EOI);
	i8259_write(&pic, M0, EOI);
	up(12);
	assert_int_equal(reg(S0, POLL), 0x84);
	assert_int_equal(i8259_pending(&pic), 0);
}

static void
pic_reads_remember_irr_or_isr(void **state)
{
	(void)state;
	up(3);
	i8259_ack(&pic);
	up(4);
	assert_int_equal(reg(M0, READ_ISR), 1 << 3);
	assert_int_equal(i8259_read(&pic, M0), 1 << 3);
	i8259_write(&pic, M0, 0x08);		/* no RR: no change */
	assert_int_equal(i8259_read(&pic, M0), 1 << 3);
	assert_int_equal(reg(M0, READ_IRR), 1 << 4);
}

static void
pic_foreign_ports_read_all_ones(void **state)
{
	struct i8259_pair	before;

	(void)state;
	before = pic;
	assert_int_equal(i8259_read(&pic, 0x22), 0xff);
	assert_int_equal(i8259_read(&pic, 0x4d2), 0xff);
	i8259_write(&pic, 0x22, 0x11);
	assert_memory_equal(&before, &pic, sizeof(pic));
}

static void
pic_copy_continues_where_the_original_was(void **state)
{
	struct i8259_pair	copy;

	(void)state;
	up(4);
	i8259_ack(&pic);
	up(1);
	memcpy(&copy, &pic, sizeof(copy));
	assert_int_equal(i8259_ack(&pic), 0x31);
	intr_level = 1;
	assert_int_equal(i8259_ack(&copy), 0x31);
	assert_memory_equal(&copy, &pic, sizeof(copy));
}

#define T(f)	cmocka_unit_test_setup(f, setup)

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		T(pic_every_irq_has_its_vector),
		T(pic_is_silent_until_initialised),
		T(pic_icw1_forgets_edges_mask_and_service),
		T(pic_icw1_forgets_the_modes_of_before),
		T(pic_single_needs_no_icw3_and_has_no_cascade),
		T(pic_without_icw4_takes_ocw1_next),
		T(pic_masked_request_waits_in_irr),
		T(pic_edge_interrupts_once_while_the_line_stays_high),
		T(pic_level_interrupts_again_until_the_line_falls),
		T(pic_level_lines_do_not_disturb_each_other),
		T(pic_ltim_makes_every_input_level),
		T(pic_elcr_keeps_system_irqs_edge),
		T(pic_elcr_change_shows_the_line_at_once),
		T(pic_request_withdrawn_before_ack_is_gone),
		T(pic_spurious_irq7_sets_no_isr),
		T(pic_spurious_irq15_needs_eoi_on_the_master_only),
		T(pic_cascade_pin_cannot_be_driven),
		T(pic_urgent_irq_interrupts_a_lesser_one_only),
		T(pic_best_of_simultaneous_requests_wins),
		T(pic_specific_eoi_ends_the_named_irq),
		T(pic_nonspecific_eoi_ends_the_most_urgent),
		T(pic_rotations_move_the_lowest_priority),
		T(pic_rotate_eoi_with_nothing_in_service_changes_nothing),
		T(pic_auto_eoi_leaves_nothing_in_service),
		T(pic_auto_eoi_rotates_when_told),
		T(pic_auto_eoi_slave_loses_no_second_request),
		T(pic_special_mask_lets_lesser_irqs_in),
		T(pic_ocw3_without_esmm_keeps_special_mask),
		T(pic_special_fully_nested_slave_interrupts_itself),
		T(pic_poll_acknowledges_and_names_the_irq),
		T(pic_poll_goes_through_the_cascade_step_by_step),
		T(pic_reads_remember_irr_or_isr),
		T(pic_foreign_ports_read_all_ones),
		T(pic_copy_continues_where_the_original_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: ISC */
/*
 * Promises of the 16550A.
 */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

#include "ns8250.h"

#define BASE	NS8250_COM1_PORT

#define RBR	0
#define IER	1
#define IIR	2
#define FCR	2
#define LCR	3
#define MCR	4
#define LSR	5
#define MSR	6
#define SCR	7

#define DR	0x01
#define OE	0x02
#define BI	0x10
#define THRE	0x20
#define TEMT	0x40
#define FERR	0x80

#define OUT2	0x08
#define LOOP	0x10

static struct ns8250	com;
static uint8_t		wire[4096];	/* what the far side got */
static size_t		wire_len;
static size_t		wire_room;	/* what it takes from now on */
static int		line, edges, room_calls;

static size_t
test_tx(void *arg, const uint8_t *buf, size_t n)
{
	assert_ptr_equal(arg, &com);
	assert_in_range(n, 1, NS8250_FIFO_SIZE);
	if (n > wire_room)
		n = wire_room;
	assert_true(wire_len + n <= sizeof(wire));
	memcpy(wire + wire_len, buf, n);
	wire_len += n;
	wire_room -= n;
	return n;
}

static void
test_irq(void *arg, int level)
{
	assert_ptr_equal(arg, &com);
	assert_int_not_equal(level, line);
	line = level;
	edges += level;
}

static void
test_rx_room(void *arg)
{
	assert_ptr_equal(arg, &com);
	room_calls++;
}

static const struct ns8250_ops ops = { test_tx, test_irq, test_rx_room };

static uint8_t
in(int reg)
{
	return ns8250_read(&com, BASE + reg);
}

static void
out(int reg, uint8_t val)
{
	ns8250_write(&com, BASE + reg, val);
}

/* Reset state with an eager far side. */
static int
setup(void **state)
{
	(void)state;
	wire_len = 0;
	wire_room = SIZE_MAX;
	line = edges = room_calls = 0;
	ns8250_init(&com, BASE, &ops, &com);
	return 0;
}

/* 16550 in use: FIFOs on, 8n1, gate open. */
static int
setup_fifo(void **state)
{
	setup(state);
	out(LCR, 0x03);
	out(FCR, 0x07);
	out(MCR, 0x0b);
	(void)in(MSR);
	return 0;
}

static size_t
feed(const char *s)
{
	return ns8250_rx(&com, (const uint8_t *)s, strlen(s));
}

static void
com_reset_state_is_that_of_the_data_sheet(void **state)
{
	static const uint8_t	reset[] = { 0, 0, 0x01, 0, 0, 0x60, 0xb0, 0 };
	int			i;

	(void)state;
	for (i = 0; i < NS8250_NPORTS; i++)
		assert_int_equal(in(i), reset[i]);
}

static void
com_is_a_16550a_to_a_probing_driver(void **state)
{
	(void)state;
	out(IER, 0xff);
	assert_int_equal(in(IER), 0x0f);
	out(IER, 0);
	out(SCR, 0xa5);
	assert_int_equal(in(SCR), 0xa5);
	out(FCR, 0x01);
	assert_int_equal(in(IIR), 0xc1);
	out(LCR, 0x80);
	out(FCR, 0x21);				/* 16750: 64 bytes */
	out(LCR, 0x00);
	assert_int_equal(in(IIR) & 0x20, 0);
	out(FCR, 0x00);
	assert_int_equal(in(IIR), 0x01);
	out(MCR, 0xff);
	assert_int_equal(in(MCR), 0x1f);
	out(LCR, 0x5a);
	assert_int_equal(in(LCR), 0x5a);
}

static void
com_dlab_switches_to_the_divisor(void **state)
{
	(void)state;
	out(IER, 0x05);
	out(LCR, 0x83);
	assert_int_not_equal(in(0) | in(1), 0);
	out(0, 0x01);
	out(1, 0x23);
	assert_int_equal(in(0), 0x01);
	assert_int_equal(in(1), 0x23);
	out(LCR, 0x03);
	assert_int_equal(in(IER), 0x05);
	assert_int_equal(wire_len, 0);
}

static void
com_writes_reach_the_wire_in_order(void **state)
{
	int	i;

	(void)state;
	for (i = 0; i < 256; i++) {
		assert_int_equal(in(LSR), THRE | TEMT);
		out(0, i);
	}
	assert_int_equal(wire_len, 256);
	for (i = 0; i < 256; i++)
		assert_int_equal(wire[i], i);
}

static void
com_tx_fifo_holds_what_the_wire_does_not_take(void **state)
{
	int	i;

	(void)state;
	wire_room = 3;
	for (i = 0; i < 19; i++)
		out(0, 'a' + i);
	assert_int_equal(wire_len, 3);
	assert_int_equal(ns8250_tx_waiting(&com), 16);
	assert_int_equal(in(LSR), 0);
	out(0, '!');				/* full: lost */
	wire_room = 7;
	ns8250_tx_ready(&com);
	assert_int_equal(ns8250_tx_waiting(&com), 9);
	assert_int_equal(in(LSR), 0);
	wire_room = 100;
	ns8250_tx_ready(&com);
	assert_int_equal(in(LSR), THRE | TEMT);
	assert_memory_equal(wire, "abcdefghijklmnopqrs", 19);
	assert_int_equal(wire_len, 19);
}

static void
com_without_fifo_holds_one_character(void **state)
{
	(void)state;
	wire_room = 0;
	out(0, 'a');
	out(0, 'b');
	assert_int_equal(ns8250_tx_waiting(&com), 1);
	assert_int_equal(feed("xy"), 1);
	assert_int_equal(in(RBR), 'x');
	assert_int_equal(in(LSR) & DR, 0);
}

static void
com_discard_counts_as_sent(void **state)
{
	(void)state;
	wire_room = 0;
	out(IER, 0x02);
	(void)in(IIR);
	out(0, 'a');
	assert_int_equal(line, 0);
	ns8250_tx_discard(&com);
	assert_int_equal(line, 1);
	assert_int_equal(in(IIR), 0xc2);
	assert_int_equal(in(LSR), THRE | TEMT);
	wire_room = 9;
	ns8250_tx_ready(&com);
	assert_int_equal(wire_len, 0);
}

static void
com_thre_interrupts_once_per_emptying(void **state)
{
	(void)state;
	out(IER, 0x02);				/* empty already */
	assert_int_equal(line, 1);
	assert_int_equal(in(IIR), 0xc2);
	assert_int_equal(line, 0);
	assert_int_equal(in(IIR), 0xc1);
	out(0, 'a');
	assert_int_equal(edges, 2);
	out(0, 'b');				/* an edge for each */
	assert_int_equal(edges, 3);
	out(IER, 0x00);
	assert_int_equal(line, 0);
	out(IER, 0x02);				/* raised anew */
	assert_int_equal(in(IIR), 0xc2);
	out(IER, 0x02);				/* no change, no interrupt */
	assert_int_equal(line, 0);
}

static void
com_thre_waits_for_the_last_character(void **state)
{
	(void)state;
	out(IER, 0x02);
	(void)in(IIR);
	wire_room = 0;
	out(0, 'a');
	out(0, 'b');
	wire_room = 1;
	ns8250_tx_ready(&com);
	assert_int_equal(line, 0);
	wire_room = 1;
	ns8250_tx_ready(&com);
	assert_int_equal(line, 1);
}

static void
com_reading_iir_for_another_source_keeps_thre(void **state)
{
	(void)state;
	out(IER, 0x03);
	feed("x");
	assert_int_equal(in(IIR), 0xc4);
	assert_int_equal(in(RBR), 'x');
	assert_int_equal(in(IIR), 0xc2);
	assert_int_equal(in(IIR), 0xc1);
}

static void
com_sources_come_in_priority_order(void **state)
{
	(void)state;
	out(IER, 0x0f);
	out(MCR, LOOP);				/* modem lines move */
	out(MCR, 0x0b);
	ns8250_rx_break(&com);
	feed("x");
	assert_int_equal(line, 1);
	assert_int_equal(in(IIR), 0xc6);
	assert_int_equal(in(LSR) & BI, BI);
	assert_int_equal(in(IIR), 0xc4);
	(void)in(RBR);
	(void)in(RBR);
	assert_int_equal(in(IIR), 0xc2);
	assert_int_equal(in(IIR), 0xc0);
	assert_int_equal(in(MSR) & 0x0f, 0x0b);
	assert_int_equal(in(IIR), 0xc1);
	assert_int_equal(line, 0);
}

static void
com_source_without_its_enable_is_silent(void **state)
{
	static const uint8_t	iir[] = { 0xc4, 0xc2, 0xc6, 0xc0 };
	int			i;

	(void)state;
	out(IER, 0x02);
	out(MCR, LOOP);
	out(MCR, 0x0b);
	ns8250_rx_break(&com);
	for (i = 0; i < 4; i++) {
		out(IER, 0);
		assert_int_equal(in(IIR), 0xc1);
		assert_int_equal(line, 0);
		out(IER, 1 << i);
		assert_int_equal(in(IIR), iir[i]);
	}
}

static void
com_thre_stays_down_while_characters_wait(void **state)
{
	(void)state;
	wire_room = 0;
	out(0, 'a');
	out(IER, 0x02);
	assert_int_equal(line, 0);
	out(FCR, 0x05);				/* drops it: empty now */
	assert_int_equal(line, 1);
	(void)in(IIR);
	out(FCR, 0x05);				/* was empty before */
	assert_int_equal(line, 0);
}

static void
com_trigger_level_tells_data_from_timeout(void **state)
{
	static const struct {
		uint8_t	fcr, level;
	} row[] = { { 0x01, 1 }, { 0x41, 4 }, { 0x81, 8 }, { 0xc1, 14 } };
	size_t	i;
	int	n;

	for (i = 0; i < 4; i++) {
		setup_fifo(state);
		out(FCR, row[i].fcr);
		out(IER, 0x01);
		for (n = 1; n <= NS8250_FIFO_SIZE; n++) {
			assert_int_equal(feed("x"), 1);
			assert_int_equal(line, 1);
			assert_int_equal(in(IIR),
			    n < row[i].level ? 0xcc : 0xc4);
		}
		for (n = NS8250_FIFO_SIZE; n > 0; n--) {
			assert_int_equal(in(IIR),
			    n < row[i].level ? 0xcc : 0xc4);
			assert_int_equal(in(RBR), 'x');
		}
		assert_int_equal(in(IIR), 0xc1);
		assert_int_equal(line, 0);
	}
}

/* A driver that reads the trigger's worth and returns gets a new edge. */
static void
com_leftovers_below_the_trigger_raise_a_new_edge(void **state)
{
	int	i, before;

	(void)state;
	out(FCR, 0x81);
	out(IER, 0x01);
	assert_int_equal(feed("0123456789"), 10);
	assert_int_equal(edges, 1);
	for (i = 0; i < 2; i++)
		(void)in(RBR);
	assert_int_equal(edges, 1);		/* still at the trigger */
	before = edges;
	for (i = 2; i < 8; i++)
		(void)in(RBR);
	assert_true(edges > before);
	assert_int_equal(line, 1);
	assert_int_equal(in(IIR), 0xcc);
}

static void
com_burst_is_seen_whole(void **state)
{
	(void)state;
	out(FCR, 0x41);
	out(IER, 0x01);
	assert_int_equal(feed("abcd"), 4);
	assert_int_equal(edges, 1);
	assert_int_equal(in(IIR), 0xc4);
}

static void
com_receiver_takes_what_fits_and_asks_for_more(void **state)
{
	(void)state;
	assert_int_equal(ns8250_rx_space(&com), 16);
	assert_int_equal(feed("0123456789abcdefXYZ"), 16);
	assert_int_equal(ns8250_rx_space(&com), 0);
	assert_int_equal(feed("X"), 0);
	assert_int_equal(in(LSR) & OE, 0);
	assert_int_equal(room_calls, 0);
	assert_int_equal(in(RBR), '0');
	assert_int_equal(room_calls, 1);
	assert_int_equal(in(RBR), '1');
	assert_int_equal(room_calls, 1);
	assert_int_equal(feed("XY"), 2);
	assert_int_equal(in(RBR), '2');
	assert_int_equal(room_calls, 1);	/* everything had fitted */
	assert_int_equal(feed("Z"), 1);
	assert_int_equal(ns8250_rx_space(&com), 0);
	assert_int_equal(in(RBR), '3');
	assert_int_equal(room_calls, 2);
}

static void
com_fifo_reset_makes_room(void **state)
{
	(void)state;
	assert_int_equal(feed("0123456789abcdefX"), 16);
	out(FCR, 0x03);
	assert_int_equal(room_calls, 1);
	assert_int_equal(in(LSR) & DR, 0);
	assert_int_equal(ns8250_rx_space(&com), 16);
}

static void
com_fcr_resets_each_way_by_itself(void **state)
{
	(void)state;
	wire_room = 0;
	out(0, 'a');
	feed("x");
	out(FCR, 0x05);				/* transmitter */
	assert_int_equal(ns8250_tx_waiting(&com), 0);
	assert_int_equal(in(LSR), DR | THRE | TEMT);
	out(0, 'a');
	out(FCR, 0x03);				/* receiver */
	assert_int_equal(in(LSR), 0);
	feed("x");
	out(FCR, 0x06);				/* FIFOs off: both */
	assert_int_equal(in(LSR), THRE | TEMT);
	feed("x");
	out(0, 'a');
	out(FCR, 0x06);				/* and off they ignore it */
	assert_int_equal(in(LSR), DR);
}

static void
com_reading_an_empty_receiver_repeats_the_last(void **state)
{
	(void)state;
	feed("q");
	assert_int_equal(in(RBR), 'q');
	assert_int_equal(in(RBR), 'q');
	assert_int_equal(in(LSR) & DR, 0);
}

static void
com_break_shows_when_it_reaches_the_top(void **state)
{
	(void)state;
	out(IER, 0x04);
	feed("a");
	ns8250_rx_break(&com);
	feed("b");
	assert_int_equal(line, 0);
	assert_int_equal(in(LSR), DR | THRE | TEMT | FERR);
	assert_int_equal(in(RBR), 'a');
	assert_int_equal(line, 1);
	assert_int_equal(in(IIR), 0xc6);
	assert_int_equal(in(LSR), DR | BI | THRE | TEMT | FERR);
	assert_int_equal(line, 0);
	assert_int_equal(in(LSR), DR | THRE | TEMT);
	assert_int_equal(in(RBR), 0);
	assert_int_equal(in(RBR), 'b');
}

static void
com_unread_break_stays_until_lsr_is_read(void **state)
{
	(void)state;
	ns8250_rx_break(&com);
	assert_int_equal(in(RBR), 0);
	assert_int_equal(in(LSR) & BI, BI);
	assert_int_equal(in(LSR) & BI, 0);
}

static void
com_break_without_room_is_an_overrun(void **state)
{
	int	i;

	(void)state;
	feed("0123456789abcdef");
	out(IER, 0x04);
	ns8250_rx_break(&com);
	assert_int_equal(line, 1);
	assert_int_equal(in(IIR), 0xc6);
	assert_int_equal(in(LSR), DR | OE | THRE | TEMT);
	for (i = 0; i < 16; i++)
		assert_int_equal(in(RBR), "0123456789abcdef"[i]);
	assert_int_equal(in(LSR), THRE | TEMT);
}

static void
com_overrun_without_fifo_replaces(void **state)
{
	(void)state;
	feed("a");
	ns8250_rx_break(&com);
	assert_int_equal(in(LSR), DR | OE | BI | THRE | TEMT);
	assert_int_equal(in(RBR), 0);
	assert_int_equal(in(LSR), THRE | TEMT);
	ns8250_rx_break(&com);
	assert_int_equal(feed("b"), 0);
	ns8250_rx_break(&com);
	out(FCR, 0x01);				/* errors outlive the data */
	assert_int_equal(in(LSR) & (DR | OE | BI), OE | BI);
}

static void
com_out2_gates_the_interrupt(void **state)
{
	(void)state;
	out(MCR, 0x03);
	out(IER, 0x01);
	feed("x");
	assert_int_equal(line, 0);
	assert_int_equal(in(IIR), 0xc4);
	out(MCR, 0x0b);
	assert_int_equal(line, 1);
	out(MCR, 0x1b);				/* loopback drops the pin */
	assert_int_equal(line, 0);
	out(MCR, 0x0b);
	assert_int_equal(line, 1);
}

static void
com_loopback_returns_what_is_sent(void **state)
{
	int	i;

	(void)state;
	out(MCR, LOOP);
	for (i = 0; i < 16; i++)
		out(0, 0xf0 + i);
	out(0, 0x55);				/* the 17th */
	assert_int_equal(in(LSR), DR | OE | THRE | TEMT);
	for (i = 0; i < 16; i++)
		assert_int_equal(in(RBR), 0xf0 + i);
	assert_int_equal(wire_len, 0);
	assert_int_equal(in(LSR), THRE | TEMT);
	out(IER, 0x02);
	assert_int_equal(in(IIR), 0xc2);
	out(0, 'a');
	assert_int_equal(in(IIR), 0xc2);
}

static void
com_loopback_obeys_the_word_length(void **state)
{
	static const uint8_t	got[] = { 0x1f, 0x3f, 0x7f, 0xff };
	int			i;

	(void)state;
	out(MCR, LOOP);
	for (i = 0; i < 4; i++) {
		out(LCR, i);
		out(0, 0xff);
		assert_int_equal(in(RBR), got[i]);
	}
}

static void
com_loopback_connects_the_modem_lines(void **state)
{
	static const struct {
		uint8_t	mcr, msr;
	} row[] = {
		{ 0x00, 0x00 }, { 0x01, 0x20 }, { 0x02, 0x10 },
		{ 0x04, 0x40 }, { 0x08, 0x80 }, { 0x0a, 0x90 },
		{ 0x0f, 0xf0 },
	};
	size_t	i;

	(void)state;
	for (i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		out(MCR, LOOP | row[i].mcr);
		assert_int_equal(in(MSR) & 0xf0, row[i].msr);
	}
	out(MCR, 0x0b);
	assert_int_equal(in(MSR) & 0xf0, 0xb0);
}

static void
com_modem_deltas_tell_which_line_moved(void **state)
{
	static const struct {
		uint8_t	mcr, msr;
	} row[] = {
		{ 0x01, 0x22 }, { 0x00, 0x02 }, { 0x02, 0x11 },
		{ 0x00, 0x01 }, { 0x04, 0x40 }, { 0x00, 0x04 },
		{ 0x08, 0x88 }, { 0x00, 0x08 },
	};
	size_t	i;

	(void)state;
	out(MCR, LOOP);
	(void)in(MSR);
	for (i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		out(MCR, LOOP | row[i].mcr);
		assert_int_equal(in(MSR), row[i].msr);
	}
}

static void
com_modem_deltas_are_cleared_by_reading(void **state)
{
	(void)state;
	out(MCR, LOOP);
	(void)in(MSR);
	out(MCR, LOOP | 0x0f);
	assert_int_equal(in(MSR), 0xfb);	/* RI rose: no TERI */
	assert_int_equal(in(MSR), 0xf0);
	out(MCR, LOOP);
	assert_int_equal(in(MSR), 0x0f);
}

static void
com_loopback_is_cut_from_the_wire(void **state)
{
	(void)state;
	wire_room = 0;
	out(0, 'a');
	out(MCR, LOOP | 0x0b);
	assert_int_equal(in(LSR), THRE | TEMT);
	wire_room = 10;
	ns8250_tx_ready(&com);
	assert_int_equal(wire_len, 0);
	assert_int_equal(ns8250_rx_space(&com), 0);
	assert_int_equal(feed("x"), 0);
	ns8250_rx_break(&com);
	assert_int_equal(in(LSR) & DR, 0);
	out(MCR, 0x0b);
	assert_int_equal(room_calls, 1);
	assert_int_equal(feed("x"), 1);
	assert_int_equal(wire_len, 1);		/* what had waited */
	assert_int_equal(wire[0], 'a');
}

static void
com_loopback_break_arrives(void **state)
{
	(void)state;
	out(MCR, LOOP);
	out(LCR, 0x43);
	assert_int_equal(in(LSR) & (DR | BI), DR | BI);
	assert_int_equal(in(RBR), 0);
	out(LCR, 0x43);				/* not a second time */
	assert_int_equal(in(LSR) & DR, 0);
}

static void
com_read_only_registers_ignore_writes(void **state)
{
	(void)state;
	out(LSR, 0xff);
	out(MSR, 0xff);
	assert_int_equal(in(LSR), THRE | TEMT);
	assert_int_equal(in(MSR), 0xb0);
}

static void
com_foreign_ports_read_all_ones(void **state)
{
	struct ns8250	before = com;

	(void)state;
	assert_int_equal(ns8250_read(&com, BASE - 1), 0xff);
	assert_int_equal(ns8250_read(&com, BASE + 8), 0xff);
	assert_int_equal(ns8250_read(&com, 0), 0xff);
	ns8250_write(&com, BASE + 8, 0x55);
	ns8250_write(&com, BASE - 1, 0x55);
	assert_memory_equal(&before, &com, sizeof(com));
}

static void
com_works_without_the_rx_room_op(void **state)
{
	static const struct ns8250_ops	few = { test_tx, test_irq, NULL };

	(void)state;
	com.ops = &few;
	assert_int_equal(feed("0123456789abcdefX"), 16);
	assert_int_equal(in(RBR), '0');
}

#define T(f)	cmocka_unit_test_setup(f, setup)
#define F(f)	cmocka_unit_test_setup(f, setup_fifo)

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		T(com_reset_state_is_that_of_the_data_sheet),
		T(com_is_a_16550a_to_a_probing_driver),
		T(com_dlab_switches_to_the_divisor),
		F(com_writes_reach_the_wire_in_order),
		F(com_tx_fifo_holds_what_the_wire_does_not_take),
		T(com_without_fifo_holds_one_character),
		F(com_discard_counts_as_sent),
		F(com_thre_interrupts_once_per_emptying),
		F(com_thre_waits_for_the_last_character),
		F(com_reading_iir_for_another_source_keeps_thre),
		F(com_sources_come_in_priority_order),
		F(com_source_without_its_enable_is_silent),
		F(com_thre_stays_down_while_characters_wait),
		T(com_trigger_level_tells_data_from_timeout),
		F(com_leftovers_below_the_trigger_raise_a_new_edge),
		F(com_burst_is_seen_whole),
		F(com_receiver_takes_what_fits_and_asks_for_more),
		F(com_fifo_reset_makes_room),
		F(com_fcr_resets_each_way_by_itself),
		F(com_reading_an_empty_receiver_repeats_the_last),
		F(com_break_shows_when_it_reaches_the_top),
		F(com_unread_break_stays_until_lsr_is_read),
		F(com_break_without_room_is_an_overrun),
		T(com_overrun_without_fifo_replaces),
		F(com_out2_gates_the_interrupt),
		F(com_loopback_returns_what_is_sent),
		F(com_loopback_obeys_the_word_length),
		F(com_loopback_connects_the_modem_lines),
		F(com_modem_deltas_tell_which_line_moved),
		F(com_modem_deltas_are_cleared_by_reading),
		F(com_loopback_is_cut_from_the_wire),
		F(com_loopback_break_arrives),
		F(com_read_only_registers_ignore_writes),
		F(com_foreign_ports_read_all_ones),
		F(com_works_without_the_rx_room_op),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

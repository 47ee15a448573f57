/* SPDX-License-Identifier: ISC */
/*
 * Promises of the 8254.
 */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

#include "i8253.h"

#define CTL	I8253_PORT_CTL
#define SYS	I8253_PORT_SYS
#define C0	0x40
#define C1	0x41
#define C2	0x42

#define BOTH	0x30
#define LSB	0x10
#define MSB	0x20
#define MODE(n)	((n) << 1)
#define CHAN(n)	((n) << 6)

#define GATE2	0x01
#define REFRESH	0x10
#define OUT2	0x20

#define SEC	1000000000ULL

static struct i8253	pit;
static int		line, rises;
static uint64_t		now;

static void
test_irq(void *arg, int level)
{
	assert_ptr_equal(arg, &pit);
	assert_int_not_equal(level, line);
	line = level;
	rises += level;
}

static const struct i8253_ops ops = { test_irq };

static int
setup(void **state)
{
	(void)state;
	line = rises = 0;
	now = 0;
	i8253_init(&pit, &ops, &pit);
	return 0;
}

/* The first ns of a clock, rounded up. */
static uint64_t
ns(uint64_t clocks)
{
	return ((unsigned __int128)clocks * SEC + I8253_HZ - 1) / I8253_HZ;
}

static void
out(uint16_t port, uint8_t val)
{
	i8253_write(&pit, port, val, now);
}

static uint8_t
in(uint16_t port)
{
	return i8253_read(&pit, port, now);
}

static void
program(int chan, uint8_t mode, uint16_t count)
{
	out(CTL, CHAN(chan) | BOTH | mode);
	out(C0 + chan, count);
	out(C0 + chan, count >> 8);
}

static uint16_t
in16(uint16_t port)
{
	uint16_t	lsb = in(port);

	return lsb | in(port) << 8;
}

/* Count of channel 2 and its OUT at a clock after the present. */
static uint16_t
count2(uint64_t clock)
{
	now = ns(clock);
	out(CTL, CHAN(2));
	return in16(C2);
}

static int
out2(uint64_t clock)
{
	now = ns(clock);
	return !!(in(SYS) & OUT2);
}

static void
pit_is_silent_at_power_on(void **state)
{
	(void)state;
	assert_int_equal(i8253_deadline(&pit), UINT64_MAX);
	i8253_expire(&pit, 5 * SEC);
	assert_int_equal(rises, 0);
	now = 5 * SEC;
	assert_int_equal(in16(C0), 0);
}

static void
pit_mode0_interrupts_once(void **state)
{
	(void)state;
	program(0, MODE(0), 1000);
	assert_int_equal(line, 0);
	assert_int_equal(i8253_deadline(&pit), ns(1001));
	i8253_expire(&pit, ns(1001) - 1);
	assert_int_equal(line, 0);
	i8253_expire(&pit, ns(1001));
	assert_int_equal(line, 1);
	assert_int_equal(i8253_deadline(&pit), UINT64_MAX);
	now = 10 * SEC;
	out(CTL, CHAN(0) | BOTH | MODE(0));
	assert_int_equal(line, 0);
	assert_int_equal(rises, 1);
}

static void
pit_mode0_first_byte_stops_the_count(void **state)
{
	(void)state;
	program(0, MODE(0), 1000);
	now = ns(500);
	out(C0, 0x10);
	assert_int_equal(i8253_deadline(&pit), UINT64_MAX);
	now = ns(5000);
	out(C0, 0x00);
	assert_int_equal(i8253_deadline(&pit), ns(5017));
	now = ns(6000);
	i8253_expire(&pit, now);
	assert_int_equal(line, 1);
	out(C0, 0x10);
	assert_int_equal(line, 0);
	out(C0, 0x00);
	out(C0, 0x10);				/* within the same clock */
	now = ns(6005);
	assert_int_equal(in16(C0), 0);
	assert_int_equal(i8253_deadline(&pit), UINT64_MAX);
}

static void
pit_mode0_new_count_starts_over(void **state)
{
	(void)state;
	out(CTL, CHAN(0) | LSB | MODE(0));
	out(C0, 200);
	now = ns(201);
	i8253_expire(&pit, now);
	assert_int_equal(line, 1);
	out(C0, 100);
	assert_int_equal(line, 0);
	assert_int_equal(i8253_deadline(&pit), ns(201 + 101));
	now = ns(202);
	out(C0, 50);				/* before it ran out */
	assert_int_equal(i8253_deadline(&pit), ns(202 + 51));
}

static void
pit_channel1_counts_like_the_others(void **state)
{
	(void)state;
	program(1, MODE(2), 18);
	now = ns(1 + 18 * 10 + 7);
	assert_int_equal(in16(C1), 11);
	assert_int_equal(rises, 0);
}

static void
pit_one_is_no_period(void **state)
{
	(void)state;
	out(SYS, GATE2);
	program(2, MODE(2), 1);
	assert_int_equal(count2(1), 2);
	assert_int_equal(count2(2), 1);
	assert_int_equal(count2(3), 2);
}

static void
pit_mode2_interrupts_each_period(void **state)
{
	int	i;

	(void)state;
	program(0, MODE(2), 11932);
	assert_int_equal(line, 1);		/* OUT while it counts */
	rises = 0;
	for (i = 1; i <= 100; i++) {
		now = i8253_deadline(&pit);
		assert_int_equal(now, ns(1 + 11932 * i));
		i8253_expire(&pit, now);
		assert_int_equal(rises, i);
		assert_int_equal(line, 1);
	}
}

static void
pit_mode2_keeps_rate_over_a_million_periods(void **state)
{
	uint64_t	i, late = 0;

	(void)state;
	program(0, MODE(2), 1193);
	rises = 0;
	for (i = 1; i <= 1000000; i++) {
		now = i8253_deadline(&pit);
		if (now != ns(1 + 1193 * i))
			fail();
		late = (late + 12345) % 900000;	/* the host is late */
		i8253_expire(&pit, now + late);
	}
	assert_int_equal(rises, 1000000);
	assert_int_equal(i8253_deadline(&pit), ns(1 + 1193 * 1000001ULL));
}

static void
pit_missed_periods_give_one_edge(void **state)
{
	static const uint8_t	modes[] = { MODE(2), MODE(3),
				    MODE(6), MODE(7) };
	size_t			i;

	for (i = 0; i < sizeof(modes); i++) {
		setup(state);
		program(0, modes[i], 1000);
		rises = 0;
		i8253_expire(&pit, ns(1 + 1000 * 1000000ULL + 500));
		assert_int_equal(rises, 1);
		assert_int_equal(i8253_deadline(&pit),
		    ns(1 + 1000 * 1000001ULL));
	}
}

/* Exact to the clock also after centuries, where doubles would not be. */
static void
pit_rate_is_exact_far_from_time_zero(void **state)
{
	uint64_t	t0 = 12345678901ULL * I8253_HZ;

	(void)state;
	now = ns(t0);
	program(0, MODE(2), 1000);
	assert_int_equal(i8253_deadline(&pit), ns(t0 + 1001));
	i8253_expire(&pit, i8253_deadline(&pit));
	assert_int_equal(i8253_deadline(&pit), ns(t0 + 2001));
}

static void
pit_deadline_beyond_the_clock_is_never(void **state)
{
	(void)state;
	now = UINT64_MAX - 1000;
	program(0, MODE(2), 0);
	assert_int_equal(i8253_deadline(&pit), UINT64_MAX);
}

static void
pit_fast_guest_cannot_make_the_host_spin(void **state)
{
	uint64_t	last;
	uint32_t	n;
	int		i;

	for (n = 1; n < 200; n++) {
		setup(state);
		program(0, MODE(2), n);
		last = 0;
		for (i = 0; i < 50; i++) {
			now = i8253_deadline(&pit);
			assert_true(now - last >= 100000);
			assert_true(now - last <= 100000 + 2 * ns(n) + 1000);
			last = now;
			i8253_expire(&pit, now);
		}
		/* and events stay on the guest's own grid */
		n += n == 1;
		assert_int_equal((now * I8253_HZ / SEC - 1) % n, 0);
	}
}

static void
pit_time_going_back_is_time_standing_still(void **state)
{
	(void)state;
	program(2, MODE(2), 10000);
	now = ns(5000);
	out(CTL, CHAN(2));
	now = ns(100);
	out(CTL, CHAN(0));
	assert_int_equal(pit.clock, 5000);
}

static void
pit_mode2_counts_down_and_reloads(void **state)
{
	(void)state;
	out(SYS, GATE2);
	program(2, MODE(2), 100);
	assert_int_equal(count2(1), 100);
	assert_int_equal(count2(2), 99);
	assert_int_equal(out2(99), 1);
	assert_int_equal(count2(100), 1);
	assert_int_equal(out2(100), 0);
	assert_int_equal(count2(101), 100);
	assert_int_equal(out2(101), 1);
	assert_int_equal(count2(1 + 100 * 777 + 33), 67);
}

static void
pit_mode3_counts_by_two(void **state)
{
	static const uint16_t	even[] = { 6, 4, 2, 6, 4, 2, 6 };
	static const uint16_t	odd[] = { 4, 2, 0, 4, 2, 4 };
	static const int	even_out[] = { 1, 1, 1, 0, 0, 0, 1 };
	static const int	odd_out[] = { 1, 1, 1, 0, 0, 1 };
	int			i;

	(void)state;
	out(SYS, GATE2);
	program(2, MODE(3), 6);
	for (i = 0; i < 7; i++) {
		assert_int_equal(count2(1 + i), even[i]);
		assert_int_equal(out2(1 + i), even_out[i]);
	}
	setup(state);
	out(SYS, GATE2);
	program(2, MODE(3), 5);
	for (i = 0; i < 6; i++) {
		assert_int_equal(count2(1 + i), odd[i]);
		assert_int_equal(out2(1 + i), odd_out[i]);
	}
}

static void
pit_mode4_strobes_for_one_clock(void **state)
{
	(void)state;
	out(SYS, GATE2);
	program(2, MODE(4), 10);
	assert_int_equal(out2(10), 1);
	assert_int_equal(out2(11), 0);
	assert_int_equal(out2(12), 1);
	assert_int_equal(count2(13), 0xfffe);
	setup(state);
	program(0, MODE(4), 10);
	assert_int_equal(line, 1);
	rises = 0;
	assert_int_equal(i8253_deadline(&pit), ns(12));
	i8253_expire(&pit, ns(12));
	assert_int_equal(rises, 1);
	assert_int_equal(i8253_deadline(&pit), UINT64_MAX);
}

static void
pit_mode1_and_5_wait_for_the_gate(void **state)
{
	(void)state;
	program(2, MODE(1), 10);
	assert_int_equal(out2(100), 1);
	out(SYS, GATE2);
	assert_int_equal(out2(101), 0);
	assert_int_equal(out2(110), 0);
	out(SYS, 0);				/* retrigger */
	out(SYS, GATE2);
	assert_int_equal(out2(120), 0);
	assert_int_equal(out2(121), 1);
	setup(state);
	program(2, MODE(5), 10);
	assert_int_equal(out2(100), 1);
	out(SYS, GATE2);
	assert_int_equal(out2(110), 1);
	assert_int_equal(out2(111), 0);
	assert_int_equal(out2(112), 1);
	setup(state);
	program(0, MODE(1), 10);		/* gate 0 never rises */
	program(0, MODE(5), 10);
	assert_int_equal(i8253_deadline(&pit), UINT64_MAX);
}

static void
pit_gate_pauses_mode0(void **state)
{
	(void)state;
	out(SYS, GATE2);
	program(2, MODE(0), 100);
	now = ns(51);
	out(SYS, 0);
	assert_int_equal(count2(5000), 50);
	assert_int_equal(out2(5000), 0);
	out(SYS, GATE2);
	assert_int_equal(out2(5049), 0);
	assert_int_equal(out2(5050), 1);
	assert_int_equal(count2(5051), 0xffff);
}

static void
pit_count_written_under_a_low_gate_waits_whole(void **state)
{
	(void)state;
	out(SYS, GATE2);
	program(2, MODE(0), 100);
	now = ns(51);
	out(SYS, 0);
	out(C2, 80);
	out(C2, 0);
	assert_int_equal(count2(500), 80);
	out(SYS, GATE2);
	assert_int_equal(count2(510), 70);
	assert_int_equal(out2(579), 0);
	assert_int_equal(out2(580), 1);
}

static void
pit_gate_restarts_mode2_and_forces_out_high(void **state)
{
	(void)state;
	out(SYS, GATE2);
	program(2, MODE(3), 100);
	assert_int_equal(out2(60), 0);
	out(SYS, 0);
	assert_int_equal(out2(60), 1);
	assert_int_equal(count2(999), 82);	/* stopped */
	now = ns(1000);
	out(SYS, GATE2);
	assert_int_equal(count2(1001), 100);
	assert_int_equal(out2(1050), 1);
	assert_int_equal(out2(1051), 0);
}

static void
pit_new_rate_waits_for_the_period_to_end(void **state)
{
	(void)state;
	program(0, MODE(2), 1000);
	now = ns(301);
	out(C0, 2000 & 0xff);
	out(C0, 2000 >> 8);
	now = i8253_deadline(&pit);
	assert_int_equal(now, ns(1001));
	i8253_expire(&pit, now);
	assert_int_equal(i8253_deadline(&pit), ns(3001));
}

static void
pit_new_square_wave_waits_for_half_a_period(void **state)
{
	(void)state;
	out(SYS, GATE2);
	program(2, MODE(3), 100);
	now = ns(11);
	out(C2, 40);
	out(C2, 0);
	assert_int_equal(out2(50), 1);
	assert_int_equal(out2(51), 0);		/* low half, new length */
	assert_int_equal(out2(70), 0);
	assert_int_equal(out2(71), 1);
	assert_int_equal(out2(90), 1);
	assert_int_equal(out2(91), 0);
	setup(state);
	program(0, MODE(3), 1000);
	now = ns(101);
	out(C0, 2000 & 0xff);
	out(C0, 2000 >> 8);
	assert_int_equal(i8253_deadline(&pit), ns(1501));
	i8253_expire(&pit, ns(1501));
	assert_int_equal(i8253_deadline(&pit), ns(3501));
}

static void
pit_edge_due_is_delivered_by_any_access(void **state)
{
	(void)state;
	program(0, MODE(0), 1000);
	now = ns(2000);
	assert_int_equal(in16(C0), 0x10000 - 999);
	assert_int_equal(line, 1);
	assert_int_equal(rises, 1);
}

static void
pit_zero_is_the_longest_count(void **state)
{
	(void)state;
	program(0, MODE(2), 0);
	assert_int_equal(i8253_deadline(&pit), ns(65537));
	assert_int_equal(in16(C0), 0);
	program(0, MODE(2) | 1, 0);
	assert_int_equal(i8253_deadline(&pit), ns(10001));
}

static void
pit_bcd_counts_in_decimal(void **state)
{
	(void)state;
	out(SYS, GATE2);
	program(2, MODE(0) | 1, 0x1234);
	assert_int_equal(count2(1), 0x1234);
	assert_int_equal(count2(1 + 35), 0x1199);
	assert_int_equal(count2(1 + 1234), 0x0000);
	assert_int_equal(count2(1 + 1235), 0x9999);
}

static void
pit_single_byte_access(void **state)
{
	(void)state;
	out(SYS, GATE2);
	out(CTL, CHAN(2) | LSB | MODE(2));
	out(C2, 0x42);
	now = ns(1);
	assert_int_equal(in(C2), 0x42);
	assert_int_equal(in(C2), 0x42);
	out(CTL, CHAN(2) | MSB | MODE(2));
	out(C2, 0x42);
	now = ns(2);
	assert_int_equal(in(C2), 0x42);
	now = ns(3);
	assert_int_equal(in(C2), 0x41);
	assert_int_equal(pit.chan[2].count, 0x4200);
}

static void
pit_latch_holds_until_read_out(void **state)
{
	(void)state;
	out(SYS, GATE2);
	program(2, MODE(2), 0x1234);
	now = ns(1);
	out(CTL, CHAN(2));
	now = ns(100);
	out(CTL, CHAN(2));			/* ignored */
	assert_int_equal(in16(C2), 0x1234);
	assert_int_equal(in16(C2), 0x1234 - 99);
}

static void
pit_readback_latches_status_then_count(void **state)
{
	uint8_t	status;

	(void)state;
	out(SYS, GATE2);
	program(2, MODE(3), 0x1234);
	out(CTL, 0xe8);				/* status only */
	status = in(C2);
	assert_int_equal(status, 0x80 | 0x40 | BOTH | MODE(3));
	now = ns(1);
	out(CTL, 0xc8);				/* both */
	now = ns(0x1000);
	assert_int_equal(in(C2), 0x80 | BOTH | MODE(3));
	assert_int_equal(in16(C2), 0x1234);
	out(CTL, 0xe8);
	assert_int_equal(in(C2), BOTH | MODE(3));	/* OUT is low now */
	out(CTL, 0xdc);				/* counts of 1 and 2 */
	assert_int_equal(pit.chan[1].latched, 1);
	assert_int_equal(pit.chan[2].latched, 2);
	assert_int_equal(pit.chan[0].latched, 0);
	out(CTL, 0xe2);
	assert_int_equal(pit.chan[0].status_latched, 1);
}

static void
pit_null_count_until_the_new_count_is_in(void **state)
{
	(void)state;
	out(SYS, GATE2);
	out(CTL, CHAN(2) | BOTH | MODE(2));
	now = ns(5);
	out(CTL, 0xe8);
	assert_int_equal(in(C2), 0x80 | 0x40 | BOTH | MODE(2));
	setup(state);
	out(SYS, GATE2);
	program(2, MODE(2), 100);
	now = ns(11);
	out(CTL, 0xe8);
	assert_int_equal(in(C2) & 0x40, 0);
	out(C2, 50);
	out(C2, 0);
	out(CTL, 0xe8);
	assert_int_equal(in(C2) & 0x40, 0x40);
	now = ns(101);
	out(CTL, 0xe8);
	assert_int_equal(in(C2) & 0x40, 0);
}

static void
pit_control_word_cannot_be_read(void **state)
{
	(void)state;
	assert_int_equal(in(CTL), 0xff);
	assert_int_equal(in(0x44), 0xff);
}

static void
pit_sysport_keeps_four_bits_and_toggles_refresh(void **state)
{
	int	i, toggles = 0;
	uint8_t	val, last;

	(void)state;
	out(SYS, 0xff);
	program(2, MODE(3), 100);
	last = in(SYS) & REFRESH;
	for (i = 0; i < 1000; i++) {
		now += 1000;
		assert_int_equal(in(SYS) & 0xcf, 0x0f);
		val = in(SYS) & REFRESH;
		toggles += val != last;
		last = val;
	}
	assert_in_range(toggles, 65, 67);	/* 1 ms of 15.09 us */
}

/* As Linux and SeaBIOS measure the TSC. */
static void
pit_speaker_channel_times_fifty_ms(void **state)
{
	(void)state;
	out(SYS, (in(SYS) & ~0x02) | GATE2);
	out(CTL, 0xb0);
	out(C2, 59659 & 0xff);
	out(C2, 59659 >> 8);
	while (!(in(SYS) & OUT2))
		now += 1000;
	assert_in_range(now, 50000000, 50002000);
}

static void
pit_copy_continues_where_the_original_was(void **state)
{
	struct i8253	copy;

	(void)state;
	program(0, MODE(2), 1000);
	i8253_expire(&pit, ns(1001));
	memcpy(&copy, &pit, sizeof(copy));
	assert_int_equal(i8253_deadline(&copy), i8253_deadline(&pit));
	i8253_expire(&pit, ns(2001));
	i8253_expire(&copy, ns(2001));
	assert_memory_equal(&copy, &pit, sizeof(copy));
}

#define T(f)	cmocka_unit_test_setup(f, setup)

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		T(pit_is_silent_at_power_on),
		T(pit_mode0_interrupts_once),
		T(pit_mode0_first_byte_stops_the_count),
		T(pit_mode0_new_count_starts_over),
		T(pit_channel1_counts_like_the_others),
		T(pit_one_is_no_period),
		T(pit_mode2_interrupts_each_period),
		T(pit_mode2_keeps_rate_over_a_million_periods),
		T(pit_missed_periods_give_one_edge),
		T(pit_rate_is_exact_far_from_time_zero),
		T(pit_deadline_beyond_the_clock_is_never),
		T(pit_fast_guest_cannot_make_the_host_spin),
		T(pit_time_going_back_is_time_standing_still),
		T(pit_mode2_counts_down_and_reloads),
		T(pit_mode3_counts_by_two),
		T(pit_mode4_strobes_for_one_clock),
		T(pit_mode1_and_5_wait_for_the_gate),
		T(pit_gate_pauses_mode0),
		T(pit_count_written_under_a_low_gate_waits_whole),
		T(pit_gate_restarts_mode2_and_forces_out_high),
		T(pit_new_rate_waits_for_the_period_to_end),
		T(pit_new_square_wave_waits_for_half_a_period),
		T(pit_edge_due_is_delivered_by_any_access),
		T(pit_zero_is_the_longest_count),
		T(pit_bcd_counts_in_decimal),
		T(pit_single_byte_access),
		T(pit_latch_holds_until_read_out),
		T(pit_readback_latches_status_then_count),
		T(pit_null_count_until_the_new_count_is_in),
		T(pit_control_word_cannot_be_read),
		T(pit_sysport_keeps_four_bits_and_toggles_refresh),
		T(pit_speaker_channel_times_fifty_ms),
		T(pit_copy_continues_where_the_original_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: ISC */
/*
 * Promises of the MC146818.
 */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "mc146818.h"

#define SEC	0x00
#define SEC_AL	0x01
#define MIN	0x02
#define MIN_AL	0x03
#define HOUR	0x04
#define HOUR_AL	0x05
#define WDAY	0x06
#define DAY	0x07
#define MONTH	0x08
#define YEAR	0x09
#define RA	0x0a
#define RB	0x0b
#define RC	0x0c
#define RD	0x0d
#define CENTURY	0x32

#define UIP	0x80
#define B_24H	0x02
#define B_DM	0x04
#define B_UIE	0x10
#define B_AIE	0x20
#define B_PIE	0x40
#define B_SET	0x80
#define UF	0x10
#define AF	0x20
#define PF	0x40
#define IRQF	0x80
#define ANY	0xff

#define NS	1000000000ULL
#define T0	1700000000ULL	/* Tue 14 Nov 2023 22:13:20 UTC */

static struct mc146818	rtc;
static int		line, rises;
static uint64_t		now;

static void
test_irq(void *arg, int level)
{
	assert_ptr_equal(arg, &rtc);
	assert_int_not_equal(level, line);
	line = level;
	rises += level;
}

static const struct mc146818_ops ops = { test_irq };

static int
setup(void **state)
{
	(void)state;
	line = rises = 0;
	now = 5 * NS;
	mc146818_init(&rtc, &ops, &rtc, T0 * NS, now);
	return 0;
}

static uint8_t
get(uint8_t reg)
{
	mc146818_write(&rtc, 0x70, reg, now);
	return mc146818_read(&rtc, 0x71, now);
}

static void
set(uint8_t reg, uint8_t val)
{
	mc146818_write(&rtc, 0x70, reg, now);
	mc146818_write(&rtc, 0x71, val, now);
}

static void
assert_time(const char *want)
{
	static const uint8_t	regs[] = { CENTURY, YEAR, MONTH, DAY, HOUR, MIN,
				    SEC, WDAY };
	char			got[17];
	size_t			i;

	for (i = 0; i < sizeof(regs); i++) {
		got[2 * i] = "0123456789abcdef"[get(regs[i]) >> 4];
		got[2 * i + 1] = "0123456789abcdef"[get(regs[i]) & 15];
	}
	got[16] = '\0';
	assert_string_equal(got, want);
}

static void
set_time(uint64_t ccyymmdd, uint32_t hhmmss, uint8_t wday)
{
	set(CENTURY, ccyymmdd >> 24);
	set(YEAR, ccyymmdd >> 16);
	set(MONTH, ccyymmdd >> 8);
	set(DAY, ccyymmdd);
	set(HOUR, hhmmss >> 16);
	set(MIN, hhmmss >> 8);
	set(SEC, hhmmss);
	set(WDAY, wday);
}

/* Let the deadline come; returns how long that took. */
static uint64_t
wait_event(void)
{
	uint64_t	before = now;

	now = mc146818_deadline(&rtc);
	assert_true(now != UINT64_MAX && now > before);
	mc146818_expire(&rtc, now - 1);
	assert_int_equal(line, 0);
	mc146818_expire(&rtc, now);
	assert_int_equal(line, 1);
	return now - before;
}

static void
rtc_starts_at_utc_and_runs(void **state)
{
	(void)state;
	assert_time("2023111422132003");
	now += NS - 1;
	assert_time("2023111422132003");
	now += 1;
	assert_time("2023111422132103");
	now += 86400 * NS;
	assert_time("2023111522132104");
	assert_int_equal(get(RD), 0x80);
	assert_int_equal(get(RA), 0x26);
	assert_int_equal(get(RB), B_24H);
	assert_int_equal(mc146818_deadline(&rtc), UINT64_MAX);
}

/* Every 17 hours and a bit for 130 years, against the C library. */
static void
rtc_agrees_with_the_calendar(void **state)
{
	struct tm	tm;
	time_t		t;

	(void)state;
	now = 0;
	mc146818_init(&rtc, &ops, &rtc, 0, 0);
	set(RB, B_24H | B_DM);
	for (t = 0; t < 130LL * 365 * 86400; t += 61723) {
		now = t * NS;
		gmtime_r(&t, &tm);
		assert_int_equal(get(CENTURY) * 100 + get(YEAR),
		    tm.tm_year + 1900);
		assert_int_equal(get(MONTH), tm.tm_mon + 1);
		assert_int_equal(get(DAY), tm.tm_mday);
		assert_int_equal(get(WDAY), tm.tm_wday + 1);
		assert_int_equal(get(HOUR), tm.tm_hour);
		assert_int_equal(get(MIN), tm.tm_min);
		assert_int_equal(get(SEC), tm.tm_sec);
	}
}

static void
rtc_rolls_over_at_the_right_moments(void **state)
{
	static const struct {
		uint32_t	date, time;
		uint8_t		wday;
		const char	*next;
	} row[] = {
		{ 0x19991231, 0x235959, 6, "2000010100000007" },
		{ 0x20000228, 0x235959, 2, "2000022900000003" },
		{ 0x20000229, 0x235959, 3, "2000030100000004" },
		{ 0x19000228, 0x235959, 4, "1900030100000005" },
		{ 0x20240228, 0x235959, 4, "2024022900000005" },
		{ 0x20230228, 0x235959, 3, "2023030100000004" },
		{ 0x20380119, 0x031407, 3, "2038011903140803" },
		{ 0x99991231, 0x235959, 6, "0000010100000007" },
		{ 0x00000101, 0x000000, 7, "0000010100000107" },
	};
	size_t	i;

	for (i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		setup(state);
		set(RB, B_SET | B_24H);
		set_time(row[i].date, row[i].time, row[i].wday);
		set(RB, B_24H);
		now += NS;
		assert_time(row[i].next);
	}
}

static void
rtc_shows_every_format(void **state)
{
	static const struct {
		uint8_t	b, hour[5];	/* 0, 1, 11, 12 and 23 h */
	} row[] = {
		{ B_24H,	{ 0x00, 0x01, 0x11, 0x12, 0x23 } },
		{ B_24H | B_DM,	{ 0x00, 0x01, 0x0b, 0x0c, 0x17 } },
		{ 0,		{ 0x12, 0x01, 0x11, 0x92, 0x91 } },
		{ B_DM,		{ 0x0c, 0x01, 0x0b, 0x8c, 0x8b } },
	};
	static const int	h[] = { 0, 1, 11, 12, 23 };
	size_t			i, j;

	(void)state;
	for (i = 0; i < 4; i++)
		for (j = 0; j < 5; j++) {
			now = 0;
			mc146818_init(&rtc, &ops, &rtc, h[j] * 3600 * NS, 0);
			set(RB, row[i].b);
			assert_int_equal(get(HOUR), row[i].hour[j]);
			set(RB, B_SET | row[i].b);	/* and back */
			set(HOUR, row[i].hour[j]);
			set(RB, row[i].b);
			set(RB, B_24H | B_DM);
			assert_int_equal(get(HOUR), h[j]);
		}
}

static void
rtc_set_freezes_the_time(void **state)
{
	(void)state;
	set(RB, B_SET | B_24H);
	now += 100 * NS;
	assert_time("2023111422132003");
	assert_int_equal(get(RA) & UIP, 0);
	set(RB, B_24H);
	assert_time("2023111422132003");
	now += NS;
	assert_time("2023111422132103");
}

static void
rtc_keeps_the_time_a_guest_sets(void **state)
{
	(void)state;
	set(RB, B_SET | B_24H);
	set_time(0x19870605, 0x040302, 1);	/* a Friday it calls Sunday */
	assert_time("1987060504030201");
	set(RB, B_24H);
	now += 3600 * NS;
	assert_time("1987060505030201");
	now += 86400 * NS;
	assert_time("1987060605030202");
}

static void
rtc_takes_single_registers_while_running(void **state)
{
	(void)state;
	set(HOUR, 0x05);
	assert_time("2023111405132003");
	set(WDAY, 0x07);
	set(DAY, 0x15);
	assert_int_equal(get(DAY), 0x15);
	set(YEAR, 0x24);
	now += NS;
	(void)get(SEC);
	assert_int_equal(get(YEAR), 0x24);
	now += 100 * NS;
	assert_int_equal(get(MIN), 0x15);
	assert_int_equal(get(HOUR), 0x05);
}

static void
rtc_survives_nonsense_in_every_register(void **state)
{
	int	reg, val;

	(void)state;
	for (reg = 0; reg < 256; reg++)
		for (val = 0; val < 256; val++) {
			set(reg, val);
			now += 777777;
			(void)get(reg);
			(void)mc146818_deadline(&rtc);
		}
	set(RA, 0x26);
	set(RB, B_SET | B_24H);
	set_time(0xaabbccdd, 0xeeffee, 0xff);
	set(RB, B_24H);
	assert_time("0000010100000001");
	set(RB, B_SET | B_24H);
	set_time(0x20241332, 0x246060, 0x08);
	set(RB, B_24H);
	assert_time("2024010100000001");
	set(RB, B_SET);				/* 12 hours, none of them 0 */
	set(HOUR, 0x80);
	set(RB, B_24H);
	assert_int_equal(get(HOUR), 0x00);
}

static void
rtc_may_be_set_in_any_order(void **state)
{
	(void)state;
	set(RB, B_SET | B_24H);
	set_time(0x20230201, 0x000000, 4);
	set(DAY, 0x31);
	set(MONTH, 0x01);
	assert_time("2023013100000004");
	set(RB, B_24H);
	assert_time("2023013100000004");
}

static void
rtc_impossible_day_runs_into_the_next_month(void **state)
{
	(void)state;
	set(RB, B_SET | B_24H);
	set_time(0x20230231, 0x000000, 1);
	set(RB, B_24H);
	assert_int_equal(get(MONTH), 0x03);
	assert_int_equal(get(DAY), 0x03);
}

static void
rtc_uip_warns_before_the_second_changes(void **state)
{
	uint64_t	t;

	(void)state;
	for (t = 0; t < NS; t += 10000) {
		now = 5 * NS + t;
		assert_int_equal(!!(get(RA) & UIP), t >= NS - 2228000);
		assert_int_equal(get(SEC), 0x20);
	}
	now = 6 * NS;
	assert_int_equal(get(RA) & UIP, 0);
	assert_int_equal(get(SEC), 0x21);
	set(RA, 0xa6);				/* not writable */
	assert_int_equal(get(RA), 0x26);
}

static void
rtc_update_ended_interrupts_each_second(void **state)
{
	int	i;

	(void)state;
	now += 300000000;
	set(RA, 0x20);				/* no periodic flag */
	(void)get(RC);
	set(RB, B_24H | B_UIE);
	assert_int_equal(wait_event(), 700000000);
	for (i = 0; i < 5; i++) {
		assert_int_equal(get(RC), IRQF | UF);
		assert_int_equal(line, 0);
		assert_int_equal(get(RC), 0);
		assert_int_equal(wait_event(), NS);
	}
	(void)get(RC);
	set(HOUR, 0x01);			/* the clock goes back */
	assert_int_equal(wait_event(), NS);
}

static void
rtc_unread_interrupt_wakes_the_host_no_more(void **state)
{
	(void)state;
	set(RA, 0x23);
	set(RB, B_24H | B_UIE | B_PIE);
	(void)wait_event();
	assert_int_equal(mc146818_deadline(&rtc), UINT64_MAX);
	now += 1000 * NS;
	mc146818_expire(&rtc, now);
	assert_int_equal(rises, 1);
	assert_int_equal(get(RC), IRQF | UF | PF);
	assert_true(mc146818_deadline(&rtc) - now <= 122071);
}

static void
rtc_flags_come_up_without_their_enables(void **state)
{
	(void)state;
	set(HOUR_AL, ANY);
	set(MIN_AL, ANY);
	set(SEC_AL, ANY);
	(void)get(RC);
	now += 2 * NS;
	mc146818_expire(&rtc, now);
	now += NS / 10;
	assert_int_equal(get(RC), UF | AF | PF);
	assert_int_equal(line, 0);
	now += 2 * NS;
	set(RB, B_24H | B_UIE);			/* UF is up already */
	assert_int_equal(line, 1);
	set(RB, B_24H);
	assert_int_equal(line, 0);
}

static void
rtc_setting_the_clock_turns_update_interrupts_off(void **state)
{
	(void)state;
	set(RB, B_24H | B_UIE);
	set(RB, B_SET | B_24H | B_UIE);
	assert_int_equal(get(RB), B_SET | B_24H);
	assert_int_equal(mc146818_deadline(&rtc), UINT64_MAX);
}

/* From 22:13:20, in seconds. */
static void
rtc_alarm_comes_at_the_named_time(void **state)
{
	static const struct {
		uint8_t		h, m, s;
		uint64_t	secs;
	} row[] = {
		{ 0x22, 0x13, 0x21, 1 },
		{ 0x22, 0x13, 0x20, 86400 },
		{ 0x22, 0x13, 0x19, 86399 },
		{ 0x00, 0x00, 0x00, 6400 },
		{ ANY, ANY, ANY, 1 },
		{ ANY, ANY, 0x00, 40 },
		{ ANY, 0x13, 0x10, 3590 },
		{ ANY, 0x00, ANY, 2800 },
		{ 0xc0, 0xff, 0x20, 60 },
		{ 0x23, ANY, ANY, 2800 },
		{ 0x01, ANY, 0x05, 6400 + 3605 },
		{ 0x22, ANY, ANY, 1 },
	};
	size_t	i;

	for (i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		setup(state);
		set(HOUR_AL, row[i].h);
		set(MIN_AL, row[i].m);
		set(SEC_AL, row[i].s);
		set(RB, B_24H | B_AIE);
		assert_int_equal(wait_event(), row[i].secs * NS);
		assert_int_equal(get(RC) & (IRQF | AF), IRQF | AF);
	}
}

static void
rtc_alarm_in_twelve_hours_binary(void **state)
{
	(void)state;
	set(RB, B_DM);
	set(HOUR_AL, 0x80 | 11);		/* 11 PM */
	set(MIN_AL, 0);
	set(SEC_AL, 0);
	set(RB, B_DM | B_AIE);
	assert_int_equal(wait_event(), 2800 * NS);
	(void)get(RC);
	set(HOUR_AL, 0);			/* no such hour */
	assert_int_equal(mc146818_deadline(&rtc), UINT64_MAX);
}

static void
rtc_impossible_alarm_never_comes(void **state)
{
	static const uint8_t	bad[][3] = {
		{ 0x24, 0x00, 0x00 }, { 0x00, 0x60, 0x00 },
		{ 0x00, 0x00, 0x60 }, { 0x0a, 0x00, 0x00 },
		{ 0x00, 0x00, 0xbf },
	};
	size_t	i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		setup(state);
		set(HOUR_AL, bad[i][0]);
		set(MIN_AL, bad[i][1]);
		set(SEC_AL, bad[i][2]);
		set(RB, B_24H | B_AIE);
		assert_int_equal(mc146818_deadline(&rtc), UINT64_MAX);
		now += 3 * 86400 * NS;
		assert_int_equal(get(RC) & AF, 0);
	}
}

static void
rtc_periodic_has_every_rate(void **state)
{
	static const int	clocks[] = { 0, 128, 256, 4, 8, 16, 32, 64, 128,
				    256, 512, 1024, 2048, 4096, 8192, 16384 };
	uint64_t		start, n;
	int			rs;

	for (rs = 1; rs < 16; rs++) {
		setup(state);
		set(RA, 0x20 | rs);
		set(RB, B_24H | B_PIE);
		start = now;
		for (n = 1; n <= 50; n++) {
			(void)wait_event();
			assert_int_equal(now - start,
			    (n * clocks[rs] * NS + 32767) / 32768);
			assert_int_equal(get(RC) & (IRQF | PF), IRQF | PF);
		}
	}
	setup(state);
	set(RA, 0x20);
	set(RB, B_24H | B_PIE);
	assert_int_equal(mc146818_deadline(&rtc), UINT64_MAX);
}

static void
rtc_periodic_keeps_rate_over_a_million_ticks(void **state)
{
	uint64_t	i, late = 0, start = now;

	(void)state;
	set(RB, B_24H | B_PIE);
	for (i = 0; i < 1000000; i++) {
		late = (late + 12345) % 900000;
		now = mc146818_deadline(&rtc) + late;
		mc146818_expire(&rtc, now);
		(void)get(RC);
	}
	assert_int_equal(rises, 1000000);
	assert_int_equal(mc146818_deadline(&rtc) - start,
	    (1000001ULL * 32 * NS + 32767) / 32768);
}

static void
rtc_fastest_rate_leaves_the_host_time(void **state)
{
	uint64_t	last;
	int		i;

	(void)state;
	set(RA, 0x23);
	set(RB, B_24H | B_PIE);
	for (i = 0; i < 1000; i++) {
		last = now;
		now = mc146818_deadline(&rtc);
		assert_true(now - last >= 100000);
		mc146818_expire(&rtc, now);
		(void)get(RC);
	}
}

static void
rtc_divider_reset_gives_half_a_second(void **state)
{
	(void)state;
	now += 123456789;
	set(RB, B_SET | B_24H);
	set(RA, 0x76);
	set_time(0x20240101, 0x000000, 2);
	set(RB, B_24H);
	now += 50 * NS;
	assert_time("2024010100000002");	/* still held */
	set(RA, 0x26);
	set(RB, B_24H | B_UIE);
	(void)get(RC);
	assert_int_equal(wait_event(), NS / 2);
	assert_time("2024010100000102");
	set(RB, B_24H | B_PIE);
	(void)get(RC);
	assert_int_equal(wait_event(), 976563);
}

static void
rtc_divider_release_keeps_the_periodic_rate(void **state)
{
	(void)state;
	now += 900000000;
	set(RA, 0x76);
	(void)get(RC);
	set(RA, 0x26);
	set(RB, B_24H | B_PIE);
	assert_int_equal(wait_event(), 976563);
}

static void
rtc_host_clock_steps_move_the_guest(void **state)
{
	(void)state;
	set(RB, B_24H | B_UIE);
	mc146818_set_utc(&rtc, (T0 + 3600) * NS, now);
	assert_int_equal(line, 1);
	assert_time("2023111423132003");
	(void)get(RC);
	mc146818_set_utc(&rtc, (T0 - 10) * NS, now);
	assert_time("2023111422131003");
	assert_int_equal(line, 0);
	assert_int_equal(wait_event(), NS);
	(void)get(RC);
	now += 5 * NS;				/* five seconds unnoticed */
	mc146818_set_utc(&rtc, (T0 - 100) * NS, now);
	assert_int_equal(get(RC) & UF, UF);
	set(RB, B_24H | B_PIE);
	(void)get(RC);
	mc146818_set_utc(&rtc, (T0 - 200) * NS, now);
	assert_int_equal(wait_event(), 976563);
}

static void
rtc_host_clock_steps_keep_the_guests_own_offset(void **state)
{
	(void)state;
	set(HOUR, 0x20);			/* local time, say */
	mc146818_set_utc(&rtc, (T0 + 60) * NS, now);
	assert_time("2023111420142003");
}

static void
rtc_time_going_back_is_time_standing_still(void **state)
{
	(void)state;
	now += 10 * NS;
	assert_time("2023111422133003");
	now -= 5 * NS;
	assert_time("2023111422133003");
}

static void
rtc_tells_firmware_sizes_and_processors(void **state)
{
	static const struct {
		uint64_t	low, high;
		uint16_t	base, ext, ext16;
		uint32_t	above4g;
	} row[] = {
		{ 512ULL << 10, 0, 512, 0, 0, 0 },
		{ 16ULL << 20, 0, 640, 15 << 10, 0, 0 },
		{ 512ULL << 20, 0, 640, 65535, 496 * 16, 0 },
		{ 3ULL << 30, 1ULL << 30, 640, 65535, 3056 * 16, 0x4000 },
		{ 3ULL << 30, ~0ULL, 640, 65535, 3056 * 16, 0xffffff },
	};
	size_t	i;

	(void)state;
	for (i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		mc146818_set_memory(&rtc, row[i].low, row[i].high);
		assert_int_equal(get(0x15) | get(0x16) << 8, row[i].base);
		assert_int_equal(get(0x17) | get(0x18) << 8, row[i].ext);
		assert_int_equal(get(0x30) | get(0x31) << 8, row[i].ext);
		assert_int_equal(get(0x34) | get(0x35) << 8, row[i].ext16);
		assert_int_equal(get(0x5b) | get(0x5c) << 8 | get(0x5d) << 16,
		    row[i].above4g);
	}
	assert_int_equal(get(0x14) | get(0x19) | get(0x2f) | get(0x33) |
	    get(0x36) | get(0x5a) | get(0x5e), 0);
	mc146818_set_cpus(&rtc, 1);
	assert_int_equal(get(0x5f), 0);
	mc146818_set_cpus(&rtc, 64);
	assert_int_equal(get(0x5f), 63);
}

static void
rtc_cmos_memory_holds_what_is_written(void **state)
{
	int	i;

	(void)state;
	for (i = 0x0e; i < 128; i++)
		if (i != CENTURY)
			set(i, i ^ 0x5a);
	for (i = 0x0e; i < 128; i++)
		if (i != CENTURY)
			assert_int_equal(get(i), i ^ 0x5a);
	set(RD, 0);
	assert_int_equal(get(RD), 0x80);
	set(RC, 0xff);
	assert_int_equal(get(RC), 0);
}

static void
rtc_index_port_masks_nmi(void **state)
{
	(void)state;
	assert_int_equal(mc146818_nmi_masked(&rtc), 0);
	set(0x80 | 0x40, 0x77);
	assert_int_equal(mc146818_nmi_masked(&rtc), 1);
	assert_int_equal(get(0x40), 0x77);
	assert_int_equal(mc146818_nmi_masked(&rtc), 0);
	assert_int_equal(mc146818_read(&rtc, 0x70, now), 0xff);
	assert_int_equal(mc146818_read(&rtc, 0x72, now), 0xff);
}

static void
rtc_copy_continues_where_the_original_was(void **state)
{
	struct mc146818	copy;

	(void)state;
	set(RB, B_24H | B_PIE);
	(void)wait_event();
	(void)get(RC);
	memcpy(&copy, &rtc, sizeof(copy));
	now = mc146818_deadline(&rtc);
	assert_int_equal(mc146818_deadline(&copy), now);
	mc146818_expire(&rtc, now);
	copy.arg = &rtc;
	line = 0;
	mc146818_expire(&copy, now);
	assert_memory_equal(&copy, &rtc, sizeof(copy));
}

#define T(f)	cmocka_unit_test_setup(f, setup)

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		T(rtc_starts_at_utc_and_runs),
		T(rtc_agrees_with_the_calendar),
		T(rtc_rolls_over_at_the_right_moments),
		T(rtc_shows_every_format),
		T(rtc_set_freezes_the_time),
		T(rtc_keeps_the_time_a_guest_sets),
		T(rtc_takes_single_registers_while_running),
		T(rtc_survives_nonsense_in_every_register),
		T(rtc_may_be_set_in_any_order),
		T(rtc_impossible_day_runs_into_the_next_month),
		T(rtc_uip_warns_before_the_second_changes),
		T(rtc_update_ended_interrupts_each_second),
		T(rtc_unread_interrupt_wakes_the_host_no_more),
		T(rtc_flags_come_up_without_their_enables),
		T(rtc_setting_the_clock_turns_update_interrupts_off),
		T(rtc_alarm_comes_at_the_named_time),
		T(rtc_alarm_in_twelve_hours_binary),
		T(rtc_impossible_alarm_never_comes),
		T(rtc_periodic_has_every_rate),
		T(rtc_periodic_keeps_rate_over_a_million_ticks),
		T(rtc_fastest_rate_leaves_the_host_time),
		T(rtc_divider_reset_gives_half_a_second),
		T(rtc_divider_release_keeps_the_periodic_rate),
		T(rtc_host_clock_steps_move_the_guest),
		T(rtc_host_clock_steps_keep_the_guests_own_offset),
		T(rtc_time_going_back_is_time_standing_still),
		T(rtc_tells_firmware_sizes_and_processors),
		T(rtc_cmos_memory_holds_what_is_written),
		T(rtc_index_port_masks_nmi),
		T(rtc_copy_continues_where_the_original_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

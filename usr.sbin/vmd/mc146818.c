/* SPDX-License-Identifier: ISC */
/*
 * Motorola MC146818 real time clock.  Names are those of the data sheet;
 * the CMOS bytes are those PC firmware agrees on.
 *
 * Nothing ticks in here: the time registers are computed when they are
 * read.  While updates are off (SET, or the divider held in reset) they are
 * plain memory, and become the time when updates go on again.
 */

#include <string.h>

#include "mc146818.h"

/* Registers */
#define REG_SEC		0x00
#define REG_SEC_ALARM	0x01
#define REG_MIN		0x02
#define REG_MIN_ALARM	0x03
#define REG_HOUR	0x04
#define REG_HOUR_ALARM	0x05
#define REG_WEEKDAY	0x06	/* 1 is Sunday */
#define REG_DAY		0x07
#define REG_MONTH	0x08
#define REG_YEAR	0x09
#define REG_A		0x0a
#define REG_B		0x0b
#define REG_C		0x0c
#define REG_D		0x0d
#define REG_BASEMEM_LO	0x15	/* KB below 1 MB */
#define REG_EXTMEM_LO	0x17	/* KB above 1 MB, as set up */
#define REG_EXTMEM2_LO	0x30	/* KB above 1 MB, as found */
#define REG_CENTURY	0x32
#define REG_MEM16M_LO	0x34	/* 64 KB units above 16 MB */
#define REG_MEM4G_LO	0x5b	/* 64 KB units above 4 GB, three bytes */
#define REG_CPUS	0x5f	/* processors less one */

#define A_RS		0x0f	/* periodic rate */
#define A_DV		0x70	/* divider */
#define A_DV_RUN	0x20	/* the last setting that runs */
#define A_UIP		0x80
#define A_DEFAULT	0x26	/* 32768 Hz, rate 1024 Hz */

#define B_24H		0x02
#define B_DM		0x04	/* binary */
#define B_UIE		0x10
#define B_AIE		0x20
#define B_PIE		0x40
#define B_SET		0x80

#define C_UF		0x10	/* as the enables in B */
#define C_AF		0x20
#define C_PF		0x40
#define C_FLAGS		(C_UF | C_AF | C_PF)
#define C_IRQF		0x80

#define D_VRT		0x80	/* the battery is good */

#define HOUR_PM		0x80
#define ALARM_ANY	0xc0	/* don't care */

#define INDEX_MASK	0x7f
#define INDEX_NMI	0x80

#define NSEC_PER_SEC	1000000000ULL
#define SEC_PER_DAY	86400
#define DIVIDER_HZ	32768
#define NEVER		UINT64_MAX

/* UIP rises 244 us before an update, which takes 1984 us. */
#define UIP_NSEC	(244000 + 1984000)
#define RESTART_NSEC	500000000	/* first update after divider reset */

/*
 * The guest chooses the periodic rate, the host pays for each event.  The
 * fastest rate of the chip, every 4th clock of the divider, is 122 us apart
 * and needs no floor.
 */
#define MIN_PERIOD	4
_Static_assert(MIN_PERIOD * NSEC_PER_SEC / DIVIDER_HZ >= 100000,
    "periodic interrupts at most every 100 us");

#define YEARS		10000	/* what century and year can say */

/*
 * Calendar: years that begin in March put the leap day last, and month
 * lengths then follow a line of 153 days in five months.
 */
#define DAYS_PER_ERA	146097	/* 400 years */
#define DAYS_TO_1970	719468	/* from 1 March of year 0 */

static int64_t
rtc_days(int year, int month, int day)
{
	int64_t	y = year - (month <= 2), m = (month + 9) % 12;

	y += 400;		/* keep the division below positive */
	return y * 365 + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 +
	    day - 1 - DAYS_TO_1970 - DAYS_PER_ERA;
}

static void
rtc_date(int64_t days, int *year, int *month, int *day)
{
	int64_t	d = days + DAYS_TO_1970 + DAYS_PER_ERA, era, y, m;

	era = d / DAYS_PER_ERA;
	d %= DAYS_PER_ERA;
	y = (d - d / 1460 + d / 36524 - d / (DAYS_PER_ERA - 1)) / 365;
	d -= y * 365 + y / 4 - y / 100;
	m = (5 * d + 2) / 153;
	*day = d - (153 * m + 2) / 5 + 1;
	*month = m < 10 ? m + 3 : m - 9;
	*year = (era - 1) * 400 + y + (*month <= 2);
}

static int64_t
rtc_floormod(int64_t a, int64_t b)
{
	int64_t	r = a % b;

	return r < 0 ? r + b : r;
}

/* The calendar wraps around after its last year. */
static int64_t
rtc_wrap(int64_t sec)
{
	int64_t	first = rtc_days(0, 1, 1) * SEC_PER_DAY;
	int64_t	end = rtc_days(YEARS, 1, 1) * SEC_PER_DAY;

	return first + rtc_floormod(sec - first, end - first);
}

/* The divider chain is held in reset, or in a test mode. */
static int
rtc_held(const struct mc146818 *rtc)
{
	return (rtc->reg[REG_A] & A_DV) > A_DV_RUN;
}

static int
rtc_stopped(const struct mc146818 *rtc)
{
	return (rtc->reg[REG_B] & B_SET) || rtc_held(rtc);
}

/* Time on the divider chain: UTC, moved by less than a second. */
static unsigned __int128
rtc_divider(const struct mc146818 *rtc, uint64_t now)
{
	return (unsigned __int128)rtc->utc + now + rtc->phase;
}

/* The guest's time in whole seconds since 1970. */
static int64_t
rtc_sec(const struct mc146818 *rtc, uint64_t now)
{
	return (int64_t)(rtc_divider(rtc, now) / NSEC_PER_SEC) + rtc->offset;
}

/* Divider clocks between periodic interrupts, 0 for none. */
static unsigned int
rtc_period(const struct mc146818 *rtc)
{
	unsigned int	rs = rtc->reg[REG_A] & A_RS;

	if (rs == 0 || rtc_held(rtc))
		return 0;
	return 1U << (rs <= 2 ? rs + 6 : rs - 1);
}

static uint64_t
rtc_tick(const struct mc146818 *rtc, uint64_t now)
{
	return rtc_divider(rtc, now) * DIVIDER_HZ / NSEC_PER_SEC;
}

static uint8_t
rtc_encode(const struct mc146818 *rtc, int val)
{
	if (rtc->reg[REG_B] & B_DM)
		return val;
	return val / 10 << 4 | val % 10;
}

/* The value of a register, or -1 if it means none below limit. */
static int
rtc_decode(const struct mc146818 *rtc, uint8_t val, int limit)
{
	int	v = val;

	if (!(rtc->reg[REG_B] & B_DM)) {
		if ((val & 0x0f) > 9 || val >> 4 > 9)
			return -1;
		v = (val >> 4) * 10 + (val & 0x0f);
	}
	return v < limit ? v : -1;
}

static uint8_t
rtc_encode_hour(const struct mc146818 *rtc, int hour)
{
	int	h12 = hour % 12 == 0 ? 12 : hour % 12;

	if (rtc->reg[REG_B] & B_24H)
		return rtc_encode(rtc, hour);
	return rtc_encode(rtc, h12) | (hour >= 12 ? HOUR_PM : 0);
}

static int
rtc_decode_hour(const struct mc146818 *rtc, uint8_t val)
{
	int	hour;

	if (rtc->reg[REG_B] & B_24H)
		return rtc_decode(rtc, val, 24);
	hour = rtc_decode(rtc, val & ~HOUR_PM, 13);
	if (hour <= 0)
		return -1;
	return hour % 12 + ((val & HOUR_PM) ? 12 : 0);
}

/* Day of the week, 0 is Sunday; 1 January of year 0 was a Saturday. */
static int
rtc_weekday(int64_t sec)
{
	int64_t	days = rtc_wrap(sec) / SEC_PER_DAY;

	if (rtc_wrap(sec) % SEC_PER_DAY < 0)
		days--;
	return (days - rtc_days(0, 1, 1) + 6) % 7;
}

/* Show the guest's time in the registers. */
static void
rtc_store(struct mc146818 *rtc, uint64_t now)
{
	int64_t	sec = rtc_wrap(rtc_sec(rtc, now));
	int64_t	tod = rtc_floormod(sec, SEC_PER_DAY);
	int	year, month, day, weekday;

	rtc_date((sec - tod) / SEC_PER_DAY, &year, &month, &day);
	weekday = (rtc_weekday(sec) + rtc->weekday) % 7;
	rtc->reg[REG_SEC] = rtc_encode(rtc, tod % 60);
	rtc->reg[REG_MIN] = rtc_encode(rtc, tod / 60 % 60);
	rtc->reg[REG_HOUR] = rtc_encode_hour(rtc, tod / 3600);
	rtc->reg[REG_WEEKDAY] = rtc_encode(rtc, weekday + 1);
	rtc->reg[REG_DAY] = rtc_encode(rtc, day);
	rtc->reg[REG_MONTH] = rtc_encode(rtc, month);
	rtc->reg[REG_YEAR] = rtc_encode(rtc, year % 100);
	rtc->reg[REG_CENTURY] = rtc_encode(rtc, year / 100);
}

/* A time register, or the least it can be if it makes no sense. */
static int
rtc_field(const struct mc146818 *rtc, uint8_t reg, int first, int last)
{
	int	v = rtc_decode(rtc, rtc->reg[reg], last + 1);

	return v < first ? first : v;
}

/* Take the registers as the guest's time from now on. */
static void
rtc_load(struct mc146818 *rtc, uint64_t now)
{
	int	hour = rtc_decode_hour(rtc, rtc->reg[REG_HOUR]);
	int	weekday = rtc_field(rtc, REG_WEEKDAY, 1, 7) - 1;
	int	year = rtc_field(rtc, REG_CENTURY, 0, 99) * 100 +
		    rtc_field(rtc, REG_YEAR, 0, 99);
	int64_t	sec;

	sec = rtc_days(year, rtc_field(rtc, REG_MONTH, 1, 12),
	    rtc_field(rtc, REG_DAY, 1, 31)) * SEC_PER_DAY;
	sec += (hour < 0 ? 0 : hour) * 3600 +
	    rtc_field(rtc, REG_MIN, 0, 59) * 60 +
	    rtc_field(rtc, REG_SEC, 0, 59);
	rtc->offset += sec - rtc_sec(rtc, now);
	rtc->weekday = (weekday + 7 - rtc_weekday(sec)) % 7;
	rtc->last_sec = sec;
}

/* One part of the alarm time against its register; any is a match. */
static int
rtc_alarm_matches(const struct mc146818 *rtc, uint8_t reg, int val)
{
	uint8_t	want = rtc->reg[reg];

	if ((want & ALARM_ANY) == ALARM_ANY)
		return 1;
	if (reg == REG_HOUR_ALARM)
		return rtc_decode_hour(rtc, want) == val;
	return rtc_decode(rtc, want, 60) == val;
}

/* The first second not before from that the alarm names, or INT64_MAX. */
static int64_t
rtc_next_alarm(const struct mc146818 *rtc, int64_t from)
{
	int64_t	tod = rtc_floormod(from, SEC_PER_DAY), midnight = from - tod;

	while (tod < 2 * SEC_PER_DAY) {
		if (!rtc_alarm_matches(rtc, REG_HOUR_ALARM, tod / 3600 % 24))
			tod = (tod / 3600 + 1) * 3600;
		else if (!rtc_alarm_matches(rtc, REG_MIN_ALARM, tod / 60 % 60))
			tod = (tod / 60 + 1) * 60;
		else if (!rtc_alarm_matches(rtc, REG_SEC_ALARM, tod % 60))
			tod++;
		else
			return midnight + tod;
	}
	return INT64_MAX;
}

static void
rtc_update_irq(struct mc146818 *rtc)
{
	int	level;

	level = (rtc->reg[REG_B] & rtc->reg[REG_C] & C_FLAGS) != 0;
	if (rtc->irq == level)
		return;
	rtc->irq = level;
	rtc->ops->irq(rtc->arg, level);
}

/* Account for everything up to now; returns a time that never goes back. */
static uint64_t
rtc_sync(struct mc146818 *rtc, uint64_t now)
{
	unsigned int	period = rtc_period(rtc);
	uint64_t	tick;
	int64_t		sec;

	if (now < rtc->clock)
		now = rtc->clock;
	rtc->clock = now;
	tick = rtc_tick(rtc, now);
	if (period != 0 && tick / period > rtc->last_tick / period)
		rtc->reg[REG_C] |= C_PF;
	rtc->last_tick = tick;
	sec = rtc_sec(rtc, now);
	if (!rtc_stopped(rtc) && sec > rtc->last_sec) {
		rtc->reg[REG_C] |= C_UF;
		if (rtc_next_alarm(rtc, rtc->last_sec + 1) <= sec)
			rtc->reg[REG_C] |= C_AF;
		rtc->last_sec = sec;
	}
	rtc_update_irq(rtc);
	return now;
}

void
mc146818_init(struct mc146818 *rtc, const struct mc146818_ops *ops, void *arg,
    uint64_t utc, uint64_t now)
{
	memset(rtc, 0, sizeof(*rtc));
	rtc->reg[REG_A] = A_DEFAULT;
	rtc->reg[REG_B] = B_24H;
	rtc->reg[REG_D] = D_VRT;
	rtc->clock = now;
	rtc->utc = utc > now ? utc - now : 0;
	rtc->last_sec = rtc_sec(rtc, now);
	rtc->last_tick = rtc_tick(rtc, now);
	rtc->ops = ops;
	rtc->arg = arg;
}

void
mc146818_set_utc(struct mc146818 *rtc, uint64_t utc, uint64_t now)
{
	now = rtc_sync(rtc, now);
	rtc->utc = utc > now ? utc - now : 0;
	if (rtc_sec(rtc, now) < rtc->last_sec)
		rtc->last_sec = rtc_sec(rtc, now);
	rtc_sync(rtc, now);
}

/* A little-endian size in some unit, as much of it as the bytes can say. */
static void
rtc_set_size(struct mc146818 *rtc, uint8_t reg, int nbytes, uint64_t size)
{
	uint64_t	max = (1ULL << (8 * nbytes)) - 1;

	if (size > max)
		size = max;
	for (; nbytes > 0; nbytes--, size >>= 8)
		rtc->reg[reg++] = size;
}

void
mc146818_set_memory(struct mc146818 *rtc, uint64_t low, uint64_t high)
{
	const uint64_t	kb = 1 << 10, mb = 1 << 20;
	uint64_t	ext = low > mb ? (low - mb) / kb : 0;
	uint64_t	ext16 = low > 16 * mb ? (low - 16 * mb) / (64 * kb) : 0;

	rtc_set_size(rtc, REG_BASEMEM_LO, 2, low < mb ? low / kb : 640);
	rtc_set_size(rtc, REG_EXTMEM_LO, 2, ext);
	rtc_set_size(rtc, REG_EXTMEM2_LO, 2, ext);
	rtc_set_size(rtc, REG_MEM16M_LO, 2, ext16);
	rtc_set_size(rtc, REG_MEM4G_LO, 3, high / (64 * kb));
}

void
mc146818_set_cpus(struct mc146818 *rtc, unsigned int ncpus)
{
	rtc_set_size(rtc, REG_CPUS, 1, ncpus > 0 ? ncpus - 1 : 0);
}

int
mc146818_nmi_masked(const struct mc146818 *rtc)
{
	return rtc->nmi_masked;
}

static int
rtc_is_time(uint8_t reg)
{
	return (reg <= REG_YEAR && reg != REG_SEC_ALARM &&
	    reg != REG_MIN_ALARM && reg != REG_HOUR_ALARM) ||
	    reg == REG_CENTURY;
}

static uint8_t
rtc_read_a(const struct mc146818 *rtc, uint64_t now)
{
	uint64_t	nsec = rtc_divider(rtc, now) % NSEC_PER_SEC;

	if (!rtc_stopped(rtc) && nsec >= NSEC_PER_SEC - UIP_NSEC)
		return rtc->reg[REG_A] | A_UIP;
	return rtc->reg[REG_A];
}

static uint8_t
rtc_read_c(struct mc146818 *rtc)
{
	uint8_t	val = rtc->reg[REG_C];

	if (val & rtc->reg[REG_B])
		val |= C_IRQF;
	rtc->reg[REG_C] = 0;
	return val;
}

uint8_t
mc146818_read(struct mc146818 *rtc, uint16_t port, uint64_t now)
{
	uint8_t	reg = rtc->index, val;

	now = rtc_sync(rtc, now);
	if (port != MC146818_PORT_DATA)
		return 0xff;
	if (rtc_is_time(reg) && !rtc_stopped(rtc))
		rtc_store(rtc, now);
	if (reg == REG_A)
		val = rtc_read_a(rtc, now);
	else if (reg == REG_C)
		val = rtc_read_c(rtc);
	else
		val = rtc->reg[reg];
	rtc_update_irq(rtc);
	return val;
}

/* Let the divider go: the first update is due in half a second. */
static void
rtc_restart_divider(struct mc146818 *rtc, uint64_t now)
{
	uint64_t	nsec = (rtc->utc + now) % NSEC_PER_SEC;

	rtc->phase = (NSEC_PER_SEC + RESTART_NSEC - nsec) % NSEC_PER_SEC;
	rtc->last_tick = rtc_tick(rtc, now);
}

/* Registers A and B turn updates on and off. */
static void
rtc_write_control(struct mc146818 *rtc, uint8_t reg, uint8_t val,
    uint64_t now)
{
	int	held = rtc_held(rtc), stopped = rtc_stopped(rtc);

	if (!stopped)
		rtc_store(rtc, now);
	if (reg == REG_A)
		val &= ~A_UIP;
	else if (val & B_SET)
		val &= ~B_UIE;
	rtc->reg[reg] = val;
	if (held && !rtc_held(rtc))
		rtc_restart_divider(rtc, now);
	if (stopped && !rtc_stopped(rtc))
		rtc_load(rtc, now);
}

static void
rtc_write_reg(struct mc146818 *rtc, uint8_t val, uint64_t now)
{
	uint8_t	reg = rtc->index;
	int	running = rtc_is_time(reg) && !rtc_stopped(rtc);

	if (reg == REG_C || reg == REG_D)
		return;
	if (reg == REG_A || reg == REG_B) {
		rtc_write_control(rtc, reg, val, now);
		return;
	}
	if (running)
		rtc_store(rtc, now);
	rtc->reg[reg] = val;
	if (running)
		rtc_load(rtc, now);
}

void
mc146818_write(struct mc146818 *rtc, uint16_t port, uint8_t val, uint64_t now)
{
	now = rtc_sync(rtc, now);
	if (port == MC146818_PORT_INDEX) {
		rtc->index = val & INDEX_MASK;
		rtc->nmi_masked = !!(val & INDEX_NMI);
	} else if (port == MC146818_PORT_DATA)
		rtc_write_reg(rtc, val, now);
	rtc_update_irq(rtc);
}

/* Monotonic time of a point on the divider chain. */
static uint64_t
rtc_when(const struct mc146818 *rtc, unsigned __int128 divider)
{
	unsigned __int128	base = rtc_divider(rtc, 0);

	if (divider <= base)
		return 0;
	return divider - base < NEVER ? divider - base : NEVER;
}

static uint64_t
rtc_when_sec(const struct mc146818 *rtc, int64_t sec)
{
	if (sec == INT64_MAX)
		return NEVER;
	return rtc_when(rtc, (unsigned __int128)(sec - rtc->offset) *
	    NSEC_PER_SEC);
}

static uint64_t
rtc_when_tick(const struct mc146818 *rtc, uint64_t tick)
{
	return rtc_when(rtc, ((unsigned __int128)tick * NSEC_PER_SEC +
	    DIVIDER_HZ - 1) / DIVIDER_HZ);
}

uint64_t
mc146818_deadline(const struct mc146818 *rtc)
{
	uint8_t		wait = rtc->reg[REG_B] & ~rtc->reg[REG_C] & C_FLAGS;
	unsigned int	period = rtc_period(rtc);
	uint64_t	next = NEVER, t;

	if (rtc->irq)
		return NEVER;
	if ((wait & C_PF) && period != 0)
		next = rtc_when_tick(rtc,
		    (rtc->last_tick / period + 1) * period);
	if (rtc_stopped(rtc))
		return next;
	if (wait & C_UF) {
		t = rtc_when_sec(rtc, rtc->last_sec + 1);
		next = t < next ? t : next;
	}
	if (wait & C_AF) {
		t = rtc_when_sec(rtc, rtc_next_alarm(rtc, rtc->last_sec + 1));
		next = t < next ? t : next;
	}
	return next;
}

void
mc146818_expire(struct mc146818 *rtc, uint64_t now)
{
	rtc_sync(rtc, now);
}

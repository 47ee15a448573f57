/* SPDX-License-Identifier: ISC */
/*
 * Intel 8253/8254 programmable interval timer.  Names are those of the 8254
 * data sheet.
 *
 * Nothing ticks in here: each channel remembers at which clock its count
 * was loaded, and everything visible is computed from that.  Conversions
 * between ns and clocks start from time 0 each time, so no error adds up.
 */

#include <string.h>

#include "i8253.h"

/* Control word */
#define CTL_BCD		0x01
#define CTL_MODE_SHIFT	1
#define CTL_MODE	0x07
#define CTL_RW		0x30
#define CTL_RW_LATCH	0x00
#define CTL_RW_LSB	0x10
#define CTL_RW_MSB	0x20
#define CTL_RW_BOTH	0x30
#define CTL_KEPT	0x3f
#define CTL_SC_SHIFT	6
#define CTL_SC_READBACK	3

/* Read-back command; 0 latches */
#define READBACK_CHAN0	0x02
#define READBACK_STATUS	0x10
#define READBACK_COUNT	0x20

/* Status byte, above the low bits of the control word */
#define STATUS_NULL	0x40
#define STATUS_OUT	0x80

/* Port 0x61 */
#define SYS_GATE2	0x01
#define SYS_WRITABLE	0x0f	/* gate 2, speaker, parity and I/O check */
#define SYS_REFRESH	0x10
#define SYS_OUT2	0x20
#define SYS_SPEAKER_CHAN 2

#define REFRESH_CLOCKS	18	/* DRAM refresh, about 15 us */

#define COUNT_BINARY	0x10000	/* a written 0 */
#define COUNT_BCD	10000

/*
 * The guest chooses the rate, the host pays for each event.  A periodic
 * count below about 100 us interrupts at every n-th edge only, with n such
 * that events stay on the guest's own grid.  One-shot modes need no floor:
 * each shot costs the guest a write.
 */
#define MIN_CLOCKS	120

#define NSEC_PER_SEC	1000000000
#define NEVER		INT64_MAX

enum { MODE_TERMINAL, MODE_ONESHOT, MODE_RATE, MODE_SQUARE, MODE_SWSTROBE,
    MODE_HWSTROBE };

static int64_t
i8253_clocks(uint64_t ns)
{
	return (unsigned __int128)ns * I8253_HZ / NSEC_PER_SEC;
}

/* The first ns at which the given clock has been reached. */
static uint64_t
i8253_ns(int64_t clock)
{
	unsigned __int128	ns;

	ns = (unsigned __int128)clock * NSEC_PER_SEC + I8253_HZ - 1;
	ns /= I8253_HZ;
	return ns < UINT64_MAX ? ns : UINT64_MAX;
}

/* Modes 6 and 7 are 2 and 3. */
static int
chan_mode(const struct i8253_channel *ch)
{
	int	mode = (ch->ctl >> CTL_MODE_SHIFT) & CTL_MODE;

	return mode > MODE_HWSTROBE ? mode - 4 : mode;
}

static int
chan_periodic(const struct i8253_channel *ch)
{
	return chan_mode(ch) == MODE_RATE || chan_mode(ch) == MODE_SQUARE;
}

/* A rising gate starts these modes; a low gate does not stop them. */
static int
chan_triggered(const struct i8253_channel *ch)
{
	return chan_mode(ch) == MODE_ONESHOT || chan_mode(ch) == MODE_HWSTROBE;
}

static int64_t
chan_elapsed(const struct i8253_channel *ch, int64_t t)
{
	if (!ch->gate && !chan_triggered(ch))
		return ch->held;
	return t - ch->start;
}

/* OUT of a square wave is high for the longer half of an odd count. */
static int64_t
chan_high_half(uint32_t count)
{
	return (count + 1) / 2;
}

static int
chan_out(const struct i8253_channel *ch, int64_t t)
{
	int64_t	e = chan_elapsed(ch, t), n = ch->count;

	if (n == 0)
		return chan_mode(ch) != MODE_TERMINAL;
	switch (chan_mode(ch)) {
	case MODE_TERMINAL:
	case MODE_ONESHOT:
		return e >= n;
	case MODE_RATE:
		return !ch->gate || e % n != n - 1;
	case MODE_SQUARE:
		return !ch->gate || e % n < chan_high_half(n);
	default:
		return e != n;
	}
}

/* A square wave counts by two, twice per period, from an even number. */
static int64_t
chan_square_value(uint32_t count, int64_t e)
{
	int64_t	phase = e % count, high = chan_high_half(count);

	if (phase >= high)
		phase -= high;
	return (count & ~1U) - 2 * phase;
}

static uint16_t
chan_to_bcd(uint32_t v)
{
	return v % 10 | v / 10 % 10 << 4 | v / 100 % 10 << 8 |
	    v / 1000 % 10 << 12;
}

/* What the counting element holds, as the guest reads it. */
static uint16_t
chan_value(const struct i8253_channel *ch, int64_t t)
{
	int64_t	e = chan_elapsed(ch, t), n = ch->count, wrap, v;

	if (n == 0)
		return 0;
	wrap = (ch->ctl & CTL_BCD) ? COUNT_BCD : COUNT_BINARY;
	if (chan_mode(ch) == MODE_SQUARE)
		v = chan_square_value(n, e);
	else if (chan_mode(ch) == MODE_RATE)
		v = n - e % n;
	else
		v = (n - e % wrap + wrap) % wrap;
	return (ch->ctl & CTL_BCD) ? chan_to_bcd(v % wrap) : v;
}

/* Let a count that was written earlier take effect when its time has come. */
static void
chan_sync(struct i8253_channel *ch, int64_t t)
{
	if (ch->load_at > t)
		return;
	ch->count = ch->reload;
	ch->start = ch->load_start;
	ch->held = 0;
	ch->null = 0;
	ch->load_at = NEVER;
}

static void
chan_load_at(struct i8253_channel *ch, int64_t t)
{
	ch->load_at = t;
	ch->load_start = t;
}

/*
 * A new count in the middle of a period waits for the end of it, or of the
 * half period of a square wave.  After a high half the low half follows
 * with the new length.
 */
static void
chan_load_next_period(struct i8253_channel *ch, int64_t t)
{
	int64_t	n = ch->count, high = chan_high_half(n), begin;

	begin = t - (t - ch->start) % n;
	if (chan_mode(ch) == MODE_SQUARE && t < begin + high) {
		ch->load_at = begin + high;
		ch->load_start = ch->load_at - chan_high_half(ch->reload);
	} else
		chan_load_at(ch, begin + n);
}

/* The count register is complete. */
static void
chan_set_count(struct i8253_channel *ch, uint16_t val, int64_t t)
{
	uint32_t	n = val;

	if (ch->ctl & CTL_BCD)
		n = (val & 15) + (val >> 4 & 15) * 10 + (val >> 8 & 15) * 100 +
		    (val >> 12) * 1000;
	if (n == 0)
		n = (ch->ctl & CTL_BCD) ? COUNT_BCD : COUNT_BINARY;
	if (n == 1 && chan_periodic(ch))
		n = 2;		/* 1 is not a legal period */
	ch->reload = n;
	ch->null = 1;
	if (chan_triggered(ch))
		return;
	if (!chan_periodic(ch))
		ch->count = 0;
	if (ch->count == 0 || !ch->gate)
		chan_load_at(ch, t + 1);
	else
		chan_load_next_period(ch, t);
}

static void
chan_write(struct i8253_channel *ch, uint8_t val, int64_t t)
{
	switch (ch->ctl & CTL_RW) {
	case CTL_RW_LSB:
		chan_set_count(ch, val, t);
		break;
	case CTL_RW_MSB:
		chan_set_count(ch, val << 8, t);
		break;
	case CTL_RW_BOTH:
		ch->write_msb = !ch->write_msb;
		if (!ch->write_msb) {
			chan_set_count(ch, val << 8 | ch->lsb, t);
			break;
		}
		ch->lsb = val;
		if (chan_mode(ch) == MODE_TERMINAL) {
			ch->count = 0;		/* stops, OUT goes low */
			ch->load_at = NEVER;
		}
		break;
	}
}

/* One byte of a count, with the flip-flop of two-byte access. */
static uint8_t
chan_byte(struct i8253_channel *ch, uint16_t val)
{
	int	msb = (ch->ctl & CTL_RW) == CTL_RW_MSB;

	if ((ch->ctl & CTL_RW) == CTL_RW_BOTH) {
		msb = ch->read_msb;
		ch->read_msb = !ch->read_msb;
	}
	return msb ? val >> 8 : val;
}

static uint8_t
chan_read(struct i8253_channel *ch, int64_t t)
{
	if (ch->status_latched) {
		ch->status_latched = 0;
		return ch->status;
	}
	if (ch->latched > 0) {
		ch->latched--;
		return chan_byte(ch, ch->latch);
	}
	return chan_byte(ch, chan_value(ch, t));
}

/* A second latch command before the first was read out does nothing. */
static void
chan_latch_count(struct i8253_channel *ch, int64_t t)
{
	if (ch->latched > 0)
		return;
	ch->latch = chan_value(ch, t);
	ch->latched = (ch->ctl & CTL_RW) == CTL_RW_BOTH ? 2 : 1;
}

static void
chan_latch_status(struct i8253_channel *ch, int64_t t)
{
	if (ch->status_latched)
		return;
	ch->status = ch->ctl | (ch->null ? STATUS_NULL : 0) |
	    (chan_out(ch, t) ? STATUS_OUT : 0);
	ch->status_latched = 1;
}

static void
chan_program(struct i8253_channel *ch, uint8_t ctl)
{
	uint8_t	gate = ch->gate;

	memset(ch, 0, sizeof(*ch));
	ch->gate = gate;
	ch->ctl = ctl & CTL_KEPT;
	ch->null = 1;
	ch->load_at = NEVER;
}

/* Mode 0 and 4 pause while the gate is low, the others start afresh. */
static void
chan_set_gate(struct i8253_channel *ch, int gate, int64_t t)
{
	if (ch->gate == gate)
		return;
	if (!gate)
		ch->held = chan_elapsed(ch, t);
	else if (chan_triggered(ch) || chan_periodic(ch)) {
		if (ch->reload != 0)
			chan_load_at(ch, t + 1);
	} else
		ch->start = t - ch->held;
	ch->gate = gate;
}

/*
 * The first rising edge of OUT after t, for a channel whose gate is high.
 * While a new count waits, the old one's edge may come first.
 */
static int64_t
chan_next_edge(const struct i8253_channel *ch, int64_t t)
{
	int64_t	edge, n = ch->count, start = ch->start, step;

	if (ch->load_at != NEVER && chan_periodic(ch) && n != 0) {
		edge = t - (t - start) % n + n;
		if (edge <= ch->load_at)
			return edge;
	}
	if (ch->load_at != NEVER) {
		n = ch->reload;
		start = ch->load_start;
	}
	if (n == 0 || chan_triggered(ch))
		return NEVER;
	if (!chan_periodic(ch)) {
		edge = start + n + (chan_mode(ch) == MODE_SWSTROBE);
		return edge > t ? edge : NEVER;
	}
	step = (MIN_CLOCKS + n - 1) / n * n;
	if (t < start)
		return start + step;
	return t - (t - start) % step + step;
}

static void
i8253_irq(struct i8253 *pit, int level)
{
	if (pit->irq == level)
		return;
	pit->irq = level;
	pit->ops->irq(pit->arg, level);
}

/* Bring everything up to the time of the call; returns it in clocks. */
static int64_t
i8253_sync(struct i8253 *pit, uint64_t now)
{
	int64_t	t = i8253_clocks(now);
	int	i;

	if (t < pit->clock)
		t = pit->clock;
	pit->clock = t;
	for (i = 0; i < I8253_NCHAN; i++)
		chan_sync(&pit->chan[i], t);
	if (pit->edge <= t) {
		pit->edge = chan_next_edge(&pit->chan[0], t);
		i8253_irq(pit, 0);
		i8253_irq(pit, 1);
	}
	return t;
}

void
i8253_init(struct i8253 *pit, const struct i8253_ops *ops, void *arg)
{
	int	i;

	memset(pit, 0, sizeof(*pit));
	for (i = 0; i < I8253_NCHAN; i++) {
		pit->chan[i].load_at = NEVER;
		pit->chan[i].gate = i != SYS_SPEAKER_CHAN;
	}
	pit->edge = NEVER;
	pit->ops = ops;
	pit->arg = arg;
}

static void
i8253_readback(struct i8253 *pit, uint8_t val, int64_t t)
{
	int	i;

	for (i = 0; i < I8253_NCHAN; i++) {
		if (!(val & (READBACK_CHAN0 << i)))
			continue;
		if (!(val & READBACK_COUNT))
			chan_latch_count(&pit->chan[i], t);
		if (!(val & READBACK_STATUS))
			chan_latch_status(&pit->chan[i], t);
	}
}

static void
i8253_control(struct i8253 *pit, uint8_t val, int64_t t)
{
	int	sc = val >> CTL_SC_SHIFT;

	if (sc == CTL_SC_READBACK)
		i8253_readback(pit, val, t);
	else if ((val & CTL_RW) == CTL_RW_LATCH)
		chan_latch_count(&pit->chan[sc], t);
	else
		chan_program(&pit->chan[sc], val);
}

/*
 * Channel 0 may have been written to.  OUT moves at once only where a write
 * has stopped the count.
 */
static void
i8253_update(struct i8253 *pit, int64_t t)
{
	const struct i8253_channel	*ch = &pit->chan[0];

	if (ch->count == 0)
		i8253_irq(pit, chan_out(ch, t));
	pit->edge = chan_next_edge(ch, t);
}

void
i8253_write(struct i8253 *pit, uint16_t port, uint8_t val, uint64_t now)
{
	int64_t	t = i8253_sync(pit, now);

	switch (port) {
	case I8253_PORT_SYS:
		pit->sys = val & SYS_WRITABLE;
		chan_set_gate(&pit->chan[SYS_SPEAKER_CHAN],
		    val & SYS_GATE2, t);
		return;
	case I8253_PORT_CTL:
		i8253_control(pit, val, t);
		break;
	case I8253_PORT + 0:
	case I8253_PORT + 1:
	case I8253_PORT + 2:
		chan_write(&pit->chan[port - I8253_PORT], val, t);
		break;
	}
	i8253_update(pit, t);
}

static uint8_t
i8253_read_sys(const struct i8253 *pit, int64_t t)
{
	uint8_t	val = pit->sys;

	if (t / REFRESH_CLOCKS & 1)
		val |= SYS_REFRESH;
	if (chan_out(&pit->chan[SYS_SPEAKER_CHAN], t))
		val |= SYS_OUT2;
	return val;
}

uint8_t
i8253_read(struct i8253 *pit, uint16_t port, uint64_t now)
{
	int64_t	t = i8253_sync(pit, now);

	switch (port) {
	case I8253_PORT_SYS:
		return i8253_read_sys(pit, t);
	case I8253_PORT + 0:
	case I8253_PORT + 1:
	case I8253_PORT + 2:
		return chan_read(&pit->chan[port - I8253_PORT], t);
	}
	return 0xff;		/* the control word cannot be read */
}

uint64_t
i8253_deadline(const struct i8253 *pit)
{
	return pit->edge == NEVER ? UINT64_MAX : i8253_ns(pit->edge);
}

void
i8253_expire(struct i8253 *pit, uint64_t now)
{
	i8253_sync(pit, now);
}

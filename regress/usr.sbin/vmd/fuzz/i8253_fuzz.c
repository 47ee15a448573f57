/* SPDX-License-Identifier: ISC */
/*
 * Fuzz target of the 8254: bytes are port accesses and time that passes,
 * with and without the owner keeping the deadlines.
 */

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "i8253.h"

#define MIN_NSEC	100000
#define NEVER		UINT64_MAX

static int	level;
static uint64_t	rises;

static void
fuzz_irq(void *arg, int new)
{
	assert(arg == &level);
	assert(new == !level);
	level = new;
	rises += new;
}

static const struct i8253_ops ops = { fuzz_irq };

static void
check(const struct i8253 *pit, uint64_t now)
{
	int	i;

	assert(i8253_deadline(pit) > now);
	assert(pit->irq == level);
	for (i = 0; i < I8253_NCHAN; i++) {
		assert(pit->chan[i].load_at > pit->clock);
		assert(pit->chan[i].start <= pit->clock);
		assert(pit->chan[i].held >= 0);
		assert(pit->chan[i].latched <= 2);
		assert(pit->chan[i].gate || i == 2);
	}
}

/*
 * Keep every deadline for some time: each is one edge, and there are never
 * more than the floor allows, but for the end of one count and the change
 * to another.
 */
static void
run(struct i8253 *pit, uint64_t *now, uint64_t span)
{
	uint64_t	end = *now + span, first = rises, n = 0, next;

	while ((next = i8253_deadline(pit)) <= end) {
		assert(next > *now);
		*now = next;
		i8253_expire(pit, next);
		assert(rises == first + ++n);
	}
	*now = end;
	i8253_expire(pit, end);
	assert(rises == first + n);
	assert(n <= span / MIN_NSEC + 2);
}

static uint64_t
step(struct i8253 *pit, const uint8_t *data, uint64_t now)
{
	static const uint16_t	port[] = { 0x40, 0x41, 0x42, 0x43, 0x61, 0x43,
				    0x40, 0x44 };
	uint64_t		amount = data[1] | data[2] << 8, before = rises;
	struct i8253		copy = *pit;

	switch (data[0] >> 5) {
	case 0:
	case 1:
	case 2:
		i8253_write(pit, port[data[0] & 7], data[1], now);
		break;
	case 3:
	case 4:
		(void)i8253_read(pit, port[data[0] & 7], now);
		assert(i8253_deadline(pit) == i8253_deadline(&copy));
		break;
	case 5:					/* an owner in time */
		run(pit, &now, amount * 100);
		break;
	case 6:					/* an owner that is late */
		now += amount << (data[0] & 31);
		i8253_expire(pit, now);
		assert(rises - before <= 1);
		break;
	default:				/* a few clocks, no call */
		now += amount & 0x3ff;
		i8253_expire(pit, now);
		break;
	}
	return now;
}

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct i8253	pit;
	uint64_t	now = 0;
	size_t		i;

	level = 0;
	rises = 0;
	i8253_init(&pit, &ops, &level);
	for (i = 0; i + 2 < len; i += 3) {
		now = step(&pit, data + i, now);
		check(&pit, now);
	}
	return 0;
}

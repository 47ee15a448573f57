/* SPDX-License-Identifier: ISC */
/*
 * Fuzz target of the MC146818: bytes are register accesses, time that
 * passes and host clocks that jump.
 */

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "mc146818.h"

#define REG_A		0x0a
#define REG_B		0x0b
#define REG_C		0x0c
#define REG_D		0x0d
#define FLAGS		0x70
#define NSEC		1000000000ULL

static int	level;

static void
fuzz_irq(void *arg, int new)
{
	assert(arg == &level);
	assert(new == !level);
	level = new;
}

static const struct mc146818_ops ops = { fuzz_irq };

static void
check(const struct mc146818 *rtc, uint64_t now)
{
	uint64_t	next = mc146818_deadline(rtc);

	assert(next > now);
	assert(level == ((rtc->reg[REG_B] & rtc->reg[REG_C] & FLAGS) != 0));
	assert(!level || next == UINT64_MAX);
	assert(rtc->reg[REG_D] == 0x80);
	assert((rtc->reg[REG_A] & 0x80) == 0);
	assert((rtc->reg[REG_C] & ~FLAGS) == 0);
	assert(rtc->phase < NSEC);
	assert(rtc->weekday < 7);
	assert(rtc->index < MC146818_NREG);
}

static void
write_reg(struct mc146818 *rtc, uint8_t reg, uint8_t val, uint64_t now)
{
	mc146818_write(rtc, 0x70, reg, now);
	mc146818_write(rtc, 0x71, val, now);
}

static uint64_t
step(struct mc146818 *rtc, const uint8_t *data, uint64_t now)
{
	uint64_t	amount = data[1] | data[2] << 8, next;

	switch (data[0] >> 5) {
	case 0:
		write_reg(rtc, data[1], data[2], now);
		break;
	case 1:					/* mostly the clock itself */
		write_reg(rtc, data[1] & 15, data[2], now);
		break;
	case 2:
		mc146818_write(rtc, 0x70, data[1], now);
		(void)mc146818_read(rtc, 0x71, now);
		break;
	case 3:
		mc146818_write(rtc, 0x70, REG_C, now);
		(void)mc146818_read(rtc, 0x71, now);
		assert(level == 0);
		break;
	case 4:					/* an owner in time */
		next = mc146818_deadline(rtc);
		if (next == UINT64_MAX || next > UINT64_MAX / 2)
			break;
		now = next;
		mc146818_expire(rtc, now);
		assert(level == 1);
		break;
	case 5:
		now += amount << (data[0] & 31);
		mc146818_expire(rtc, now);
		break;
	case 6:
		mc146818_set_utc(rtc, amount << (data[0] & 31) * 3 / 2, now);
		break;
	default:
		now += amount * 1000;
		mc146818_expire(rtc, now);
		break;
	}
	return now;
}

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct mc146818	rtc;
	uint64_t	now = 0;
	size_t		i;

	level = 0;
	mc146818_init(&rtc, &ops, &level, 1700000000 * NSEC, now);
	for (i = 0; i + 2 < len; i += 3) {
		now = step(&rtc, data + i, now);
		check(&rtc, now);
	}
	return 0;
}

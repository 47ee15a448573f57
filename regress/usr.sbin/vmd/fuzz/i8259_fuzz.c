/* SPDX-License-Identifier: ISC */
/*
 * Fuzz target of the 8259A pair: bytes are port accesses, line changes and
 * acknowledges.
 */

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "i8259.h"

#define CASCADE_BIT	(1 << I8259_CASCADE)
#define ICW4_AEOI	0x02

static int	level;

static void
fuzz_intr(void *arg, int new)
{
	assert(arg == &level);
	assert(new == !level);
	level = new;
}

static const struct i8259_ops ops = { fuzz_intr };

static void
check(const struct i8259_pair *p)
{
	assert(i8259_pending(p) == level);
	assert(!!(p->master.lines & CASCADE_BIT) == p->slave.intr);
	assert((p->master.latch & ~p->master.lines) == 0);
	assert((p->slave.latch & ~p->slave.lines) == 0);
	assert((p->master.elcr & 0x07) == 0);
	assert((p->slave.elcr & 0x21) == 0);
	assert(p->master.lowest < 8 && p->slave.lowest < 8);
	assert(!level || (p->master.ready && p->master.step == 0));
	assert(!level || (p->master.lines & ~p->master.imr));
}

/* A real request goes into service exactly once, a spurious one never. */
static void
ack(struct i8259_pair *p)
{
	struct i8259_pair	old = *p;
	uint8_t			new_isr, vector;

	vector = i8259_ack(p);
	new_isr = p->master.isr & ~old.master.isr;
	assert((p->master.isr & old.master.isr) == old.master.isr);
	assert((p->slave.isr & old.slave.isr) == old.slave.isr);
	if (!old.master.intr) {
		assert((vector & 7) == 7);
		assert(new_isr == 0 && p->slave.isr == old.slave.isr);
	} else
		assert((new_isr & (new_isr - 1)) == 0);
	if (old.master.icw4 & ICW4_AEOI)
		assert(new_isr == 0);
}

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const uint16_t	port[] = { 0x20, 0x21, 0xa0, 0xa1, 0x4d0,
				    0x4d1, 0x22, 0xffff };
	struct i8259_pair	pair, before;
	size_t			i;

	level = 0;
	i8259_init(&pair, &ops, &level);
	for (i = 0; i + 1 < len; i += 2) {
		before = pair;
		switch (data[i] >> 6) {
		case 0:
			i8259_write(&pair, port[data[i] & 7], data[i + 1]);
			break;
		case 1:
			(void)i8259_read(&pair, port[data[i] & 7]);
			if (!before.master.poll && !before.slave.poll)
				assert(!memcmp(&pair, &before, sizeof(pair)));
			break;
		case 2:
			i8259_set_irq(&pair, data[i] & 0x1f,
			    data[i + 1] & 1);
			break;
		default:
			ack(&pair);
			break;
		}
		check(&pair);
	}
	return 0;
}

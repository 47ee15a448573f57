/* SPDX-License-Identifier: ISC */
/*
 * Fuzz target of the 16550A: bytes are port accesses and a far side that
 * sends, breaks, takes, stalls and gives up.
 */

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "ns8250.h"

#define BASE		NS8250_COM2_PORT
#define MCR_GATE	0x18
#define MCR_OUT2	0x08
#define IIR_NONE	0x01

static int	level;
static size_t	room, taken, offered;

static size_t
fuzz_tx(void *arg, const uint8_t *buf, size_t n)
{
	size_t	i, take = n < room ? n : room;

	assert(arg == &level);
	assert(n > 0 && n <= NS8250_FIFO_SIZE);
	for (i = 0; i < n; i++)
		assert(buf[i] <= 0xff);		/* readable */
	room -= take;
	taken += take;
	return take;
}

static void
fuzz_irq(void *arg, int new)
{
	assert(arg == &level);
	assert(new == !level);
	level = new;
}

static void
fuzz_rx_room(void *arg)
{
	assert(arg == &level);
}

static const struct ns8250_ops ops = { fuzz_tx, fuzz_irq, fuzz_rx_room };

static void
check(const struct ns8250 *dev)
{
	struct ns8250	copy = *dev;
	size_t		depth = (dev->fcr & 1) ? NS8250_FIFO_SIZE : 1;
	uint8_t		iir;
	int		was = level;

	assert(dev->rx.count <= depth && dev->tx.count <= depth);
	assert(dev->rx.head < NS8250_FIFO_SIZE);
	assert(dev->tx.head < NS8250_FIFO_SIZE);
	assert(taken + dev->tx.count <= offered);
	assert(dev->irq == level);
	/* The line says what IIR says, through the gate. */
	iir = ns8250_read(&copy, BASE + 2);
	if ((dev->mcr & MCR_GATE) == MCR_OUT2)
		assert(was == !(iir & IIR_NONE));
	else
		assert(was == 0);
	assert((ns8250_read(&copy, BASE + 5) & 1) == (dev->rx.count > 0));
	level = was;
}

static void
step(struct ns8250 *dev, uint8_t op, uint8_t val)
{
	static const uint8_t	burst[32];
	size_t			space, n;

	switch (op >> 5) {
	case 0:
	case 1:
		offered += (op & 15) == 0;
		ns8250_write(dev, BASE + (op & 15), val);
		break;
	case 2:
	case 3:
		(void)ns8250_read(dev, BASE + (op & 15));
		break;
	case 4:
		space = ns8250_rx_space(dev);
		n = ns8250_rx(dev, burst, op & 31);
		assert(n == ((op & 31U) < space ? (op & 31U) : space));
		break;
	case 5:
		ns8250_rx_break(dev);
		break;
	case 6:
		room = val;
		ns8250_tx_ready(dev);
		assert(room == 0 || (dev->mcr & 0x10) ||
		    ns8250_tx_waiting(dev) == 0);
		break;
	default:
		ns8250_tx_discard(dev);
		assert(ns8250_tx_waiting(dev) == 0);
		break;
	}
}

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct ns8250	dev;
	size_t		i;

	level = 0;
	room = taken = offered = 0;
	ns8250_init(&dev, BASE, &ops, &level);
	for (i = 0; i + 1 < len; i += 2) {
		step(&dev, data[i], data[i + 1]);
		check(&dev);
	}
	return 0;
}

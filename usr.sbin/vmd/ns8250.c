/* SPDX-License-Identifier: ISC */
/*
 * National Semiconductor 16550A serial port.  Register and bit names are
 * those of the PC16550D data sheet.
 *
 * The character timeout needs no timer.  On a real line it says that four
 * character times went by without traffic; on a wire without a baud rate a
 * character time is nothing, so whatever stays below the trigger level
 * once a burst is in has timed out already.
 */

#include <string.h>

#include "ns8250.h"

/* Registers, as offset from the base. */
#define REG_RBR		0	/* THR when written, DLL with DLAB */
#define REG_IER		1	/* DLM with DLAB */
#define REG_IIR		2	/* FCR when written */
#define REG_LCR		3
#define REG_MCR		4
#define REG_LSR		5
#define REG_MSR		6
#define REG_SCR		7

#define IER_ERBFI	0x01	/* received data available */
#define IER_ETBEI	0x02	/* THR empty */
#define IER_ELSI	0x04	/* receiver line status */
#define IER_EDSSI	0x08	/* modem status */
#define IER_MASK	0x0f

#define IIR_MSI		0x00
#define IIR_NONE	0x01
#define IIR_THRE	0x02
#define IIR_RDA		0x04
#define IIR_RLS		0x06
#define IIR_TIMEOUT	0x0c
#define IIR_FIFO	0xc0

#define FCR_ENABLE	0x01
#define FCR_RESET_RX	0x02
#define FCR_RESET_TX	0x04
#define FCR_DMA		0x08
#define FCR_TRIGGER	0xc0
#define FCR_TRIGGER_SHIFT 6

#define LCR_WLS		0x03	/* word length, 5 bits and up */
#define LCR_BREAK	0x40
#define LCR_DLAB	0x80

#define MCR_DTR		0x01
#define MCR_RTS		0x02
#define MCR_OUT1	0x04
#define MCR_OUT2	0x08	/* opens the interrupt gate on a PC */
#define MCR_LOOP	0x10
#define MCR_MASK	0x1f

#define LSR_DR		0x01
#define LSR_OE		0x02
#define LSR_PE		0x04
#define LSR_FE		0x08
#define LSR_BI		0x10
#define LSR_THRE	0x20
#define LSR_TEMT	0x40
#define LSR_FIFO_ERROR	0x80
#define LSR_ERRORS	(LSR_OE | LSR_PE | LSR_FE | LSR_BI)

#define MSR_DCTS	0x01
#define MSR_DDSR	0x02
#define MSR_TERI	0x04	/* trailing edge of RI */
#define MSR_DDCD	0x08
#define MSR_DELTAS	0x0f
#define MSR_CTS		0x10
#define MSR_DSR		0x20
#define MSR_RI		0x40
#define MSR_DCD		0x80

#define DLL_9600	12	/* drivers divide by what they find */

static int
ns8250_fifo_mode(const struct ns8250 *dev)
{
	return dev->fcr & FCR_ENABLE;
}

static int
ns8250_loopback(const struct ns8250 *dev)
{
	return dev->mcr & MCR_LOOP;
}

/* Without FIFOs there is one holding register each way. */
static size_t
ns8250_depth(const struct ns8250 *dev)
{
	return ns8250_fifo_mode(dev) ? NS8250_FIFO_SIZE : 1;
}

static uint8_t
ns8250_trigger(const struct ns8250 *dev)
{
	static const uint8_t	level[] = { 1, 4, 8, 14 };

	if (!ns8250_fifo_mode(dev))
		return 1;
	return level[(dev->fcr & FCR_TRIGGER) >> FCR_TRIGGER_SHIFT];
}

static void
ns8250_put(struct ns8250_fifo *f, uint8_t c, uint8_t error)
{
	uint8_t	i = (f->head + f->count++) % NS8250_FIFO_SIZE;

	f->data[i] = c;
	f->error[i] = error;
}

static void
ns8250_drop(struct ns8250_fifo *f, size_t n)
{
	f->head = (f->head + n) % NS8250_FIFO_SIZE;
	f->count -= n;
}

/* The most urgent interrupt that is pending and enabled, as IIR shows it. */
static uint8_t
ns8250_source(const struct ns8250 *dev)
{
	if ((dev->ier & IER_ELSI) && (dev->lsr & LSR_ERRORS))
		return IIR_RLS;
	if ((dev->ier & IER_ERBFI) && dev->rx.count >= ns8250_trigger(dev))
		return IIR_RDA;
	if ((dev->ier & IER_ERBFI) && dev->timeout)
		return IIR_TIMEOUT;
	if ((dev->ier & IER_ETBEI) && dev->thre)
		return IIR_THRE;
	if ((dev->ier & IER_EDSSI) && (dev->msr & MSR_DELTAS))
		return IIR_MSI;
	return IIR_NONE;
}

/* Loopback forces the OUT2 pin inactive, which shuts the gate as well. */
static void
ns8250_update(struct ns8250 *dev)
{
	int	level;

	level = (dev->mcr & MCR_OUT2) && !ns8250_loopback(dev) &&
	    ns8250_source(dev) != IIR_NONE;
	if (dev->irq == level)
		return;
	dev->irq = level;
	dev->ops->irq(dev->arg, level);
}

/* An error shows in LSR when its character gets to the top of the FIFO. */
static void
ns8250_reveal(struct ns8250 *dev)
{
	struct ns8250_fifo	*f = &dev->rx;

	if (f->count == 0)
		return;
	dev->lsr |= f->error[f->head];
	f->error[f->head] = 0;
}

/*
 * One character enters the receiver.  On overrun a FIFO keeps what it has;
 * without one the new character replaces the old.
 */
static void
ns8250_receive(struct ns8250 *dev, uint8_t c, uint8_t error)
{
	if (dev->rx.count >= ns8250_depth(dev)) {
		dev->lsr |= LSR_OE;
		if (ns8250_fifo_mode(dev))
			return;
		ns8250_drop(&dev->rx, 1);
	}
	ns8250_put(&dev->rx, c, error);
	ns8250_reveal(dev);
	dev->timeout = ns8250_fifo_mode(dev);
}

static size_t
ns8250_room(const struct ns8250 *dev)
{
	if (ns8250_loopback(dev))
		return 0;
	return ns8250_depth(dev) - dev->rx.count;
}

static void
ns8250_feed(struct ns8250 *dev)
{
	if (!dev->starved || ns8250_room(dev) == 0)
		return;
	dev->starved = 0;
	if (dev->ops->rx_room != NULL)
		dev->ops->rx_room(dev->arg);
}

/* Offer the waiting characters to the far side, in at most two pieces. */
static void
ns8250_send(struct ns8250 *dev)
{
	struct ns8250_fifo	*f = &dev->tx;
	size_t			 n, sent;

	if (f->count == 0 || ns8250_loopback(dev))
		return;
	do {
		n = NS8250_FIFO_SIZE - f->head;
		if (n > f->count)
			n = f->count;
		sent = dev->ops->tx(dev->arg, f->data + f->head, n);
		if (sent > n)
			sent = n;
		ns8250_drop(f, sent);
	} while (sent == n && f->count > 0);
	if (f->count == 0)
		dev->thre = 1;
}

/*
 * In loopback the transmitter feeds the receiver and is off the wire: what
 * still waits for the far side waits on, but does not show.
 */
static int
ns8250_tx_empty(const struct ns8250 *dev)
{
	return ns8250_loopback(dev) || dev->tx.count == 0;
}

/* The modem inputs: a ready peer, or the port's own outputs in loopback. */
static void
ns8250_update_msr(struct ns8250 *dev)
{
	uint8_t	new, changed, delta = 0;

	new = MSR_CTS | MSR_DSR | MSR_DCD;
	if (ns8250_loopback(dev))
		new = (dev->mcr & MCR_RTS ? MSR_CTS : 0) |
		    (dev->mcr & MCR_DTR ? MSR_DSR : 0) |
		    (dev->mcr & MCR_OUT1 ? MSR_RI : 0) |
		    (dev->mcr & MCR_OUT2 ? MSR_DCD : 0);
	changed = new ^ dev->msr;
	if (changed & MSR_CTS)
		delta |= MSR_DCTS;
	if (changed & MSR_DSR)
		delta |= MSR_DDSR;
	if ((changed & MSR_RI) && !(new & MSR_RI))
		delta |= MSR_TERI;
	if (changed & MSR_DCD)
		delta |= MSR_DDCD;
	dev->msr = new | (dev->msr & MSR_DELTAS) | delta;
}

void
ns8250_init(struct ns8250 *dev, uint16_t base, const struct ns8250_ops *ops,
    void *arg)
{
	memset(dev, 0, sizeof(*dev));
	dev->base = base;
	dev->dll = DLL_9600;
	dev->ops = ops;
	dev->arg = arg;
	ns8250_update_msr(dev);
	dev->msr &= ~MSR_DELTAS;
}

/*
 * Reading below the trigger level ends one timeout and, as no time is
 * needed, begins the next.  The line drops in between, so that an edge
 * triggered interrupt controller sees the new one: a driver may well read
 * just the trigger level's worth and return.
 */
static uint8_t
ns8250_read_rbr(struct ns8250 *dev)
{
	struct ns8250_fifo	*f = &dev->rx;

	if (dev->lcr & LCR_DLAB)
		return dev->dll;
	if (f->count == 0)
		return dev->rbr;
	dev->rbr = f->data[f->head];
	ns8250_drop(f, 1);
	ns8250_reveal(dev);
	dev->timeout = 0;
	ns8250_update(dev);
	dev->timeout = ns8250_fifo_mode(dev) && f->count > 0;
	return dev->rbr;
}

static uint8_t
ns8250_read_ier(struct ns8250 *dev)
{
	return (dev->lcr & LCR_DLAB) ? dev->dlm : dev->ier;
}

static uint8_t
ns8250_read_iir(struct ns8250 *dev)
{
	uint8_t	source = ns8250_source(dev);

	if (source == IIR_THRE)
		dev->thre = 0;
	return source | (ns8250_fifo_mode(dev) ? IIR_FIFO : 0);
}

static uint8_t
ns8250_read_lcr(struct ns8250 *dev)
{
	return dev->lcr;
}

static uint8_t
ns8250_read_mcr(struct ns8250 *dev)
{
	return dev->mcr;
}

/* Bit 7 stays while a character with an error is anywhere in the FIFO. */
static uint8_t
ns8250_fifo_error(const struct ns8250 *dev)
{
	const struct ns8250_fifo	*f = &dev->rx;
	uint8_t				 i, any;

	if (!ns8250_fifo_mode(dev))
		return 0;
	any = dev->lsr & (LSR_PE | LSR_FE | LSR_BI);
	for (i = 0; i < f->count; i++)
		any |= f->error[(f->head + i) % NS8250_FIFO_SIZE];
	return any ? LSR_FIFO_ERROR : 0;
}

static uint8_t
ns8250_read_lsr(struct ns8250 *dev)
{
	uint8_t	val;

	val = dev->lsr | ns8250_fifo_error(dev);
	if (dev->rx.count > 0)
		val |= LSR_DR;
	if (ns8250_tx_empty(dev))
		val |= LSR_THRE | LSR_TEMT;
	dev->lsr = 0;
	return val;
}

static uint8_t
ns8250_read_msr(struct ns8250 *dev)
{
	uint8_t	val = dev->msr;

	dev->msr &= ~MSR_DELTAS;
	return val;
}

static uint8_t
ns8250_read_scr(struct ns8250 *dev)
{
	return dev->scr;
}

/* A character written while the transmitter is full is lost. */
static void
ns8250_write_thr(struct ns8250 *dev, uint8_t val)
{
	if (dev->lcr & LCR_DLAB) {
		dev->dll = val;
		return;
	}
	dev->thre = 0;
	ns8250_update(dev);
	if (ns8250_loopback(dev)) {
		val &= 0xff >> (LCR_WLS - (dev->lcr & LCR_WLS));
		ns8250_receive(dev, val, 0);
		dev->thre = 1;
		return;
	}
	if (dev->tx.count < ns8250_depth(dev))
		ns8250_put(&dev->tx, val, 0);
	ns8250_send(dev);
}

/* Enabling the THRE interrupt while THR is empty raises it. */
static void
ns8250_write_ier(struct ns8250 *dev, uint8_t val)
{
	uint8_t	old = dev->ier;

	if (dev->lcr & LCR_DLAB) {
		dev->dlm = val;
		return;
	}
	dev->ier = val & IER_MASK;
	if ((dev->ier ^ old) & IER_ETBEI)
		dev->thre = (dev->ier & IER_ETBEI) && ns8250_tx_empty(dev);
}

static void
ns8250_reset_rx(struct ns8250 *dev)
{
	dev->rx.count = 0;
	dev->timeout = 0;
}

static void
ns8250_reset_tx(struct ns8250 *dev)
{
	if (dev->tx.count > 0)
		dev->thre = 1;
	dev->tx.count = 0;
}

/* Turning the FIFOs on or off empties them; the rest needs them to be on. */
static void
ns8250_write_fcr(struct ns8250 *dev, uint8_t val)
{
	int	toggled = (val ^ dev->fcr) & FCR_ENABLE;

	if (toggled || ((val & FCR_ENABLE) && (val & FCR_RESET_RX)))
		ns8250_reset_rx(dev);
	if (toggled || ((val & FCR_ENABLE) && (val & FCR_RESET_TX)))
		ns8250_reset_tx(dev);
	dev->fcr = 0;
	if (val & FCR_ENABLE)
		dev->fcr = val & (FCR_ENABLE | FCR_DMA | FCR_TRIGGER);
}

/* The wire has no way to carry a break, but loopback has. */
static void
ns8250_write_lcr(struct ns8250 *dev, uint8_t val)
{
	int	started = (val & ~dev->lcr) & LCR_BREAK;

	dev->lcr = val;
	if (started && ns8250_loopback(dev))
		ns8250_receive(dev, 0, LSR_BI);
}

static void
ns8250_write_mcr(struct ns8250 *dev, uint8_t val)
{
	dev->mcr = val & MCR_MASK;
	ns8250_update_msr(dev);
	ns8250_send(dev);
}

static void
ns8250_write_ro(struct ns8250 *dev __attribute__((unused)),
    uint8_t val __attribute__((unused)))
{
}

static void
ns8250_write_scr(struct ns8250 *dev, uint8_t val)
{
	dev->scr = val;
}

static const struct {
	uint8_t	(*read)(struct ns8250 *);
	void	(*write)(struct ns8250 *, uint8_t);
} ns8250_regs[NS8250_NPORTS] = {
	[REG_RBR] = { ns8250_read_rbr, ns8250_write_thr },
	[REG_IER] = { ns8250_read_ier, ns8250_write_ier },
	[REG_IIR] = { ns8250_read_iir, ns8250_write_fcr },
	[REG_LCR] = { ns8250_read_lcr, ns8250_write_lcr },
	[REG_MCR] = { ns8250_read_mcr, ns8250_write_mcr },
	[REG_LSR] = { ns8250_read_lsr, ns8250_write_ro },
	[REG_MSR] = { ns8250_read_msr, ns8250_write_ro },
	[REG_SCR] = { ns8250_read_scr, ns8250_write_scr },
};

uint8_t
ns8250_read(struct ns8250 *dev, uint16_t port)
{
	uint16_t	reg = port - dev->base;
	uint8_t		val;

	if (reg >= NS8250_NPORTS)
		return 0xff;
	val = ns8250_regs[reg].read(dev);
	ns8250_update(dev);
	ns8250_feed(dev);
	return val;
}

void
ns8250_write(struct ns8250 *dev, uint16_t port, uint8_t val)
{
	uint16_t	reg = port - dev->base;

	if (reg >= NS8250_NPORTS)
		return;
	ns8250_regs[reg].write(dev, val);
	ns8250_update(dev);
	ns8250_feed(dev);
}

size_t
ns8250_rx_space(struct ns8250 *dev)
{
	size_t	n = ns8250_room(dev);

	if (n == 0)
		dev->starved = 1;
	return n;
}

/* The whole burst goes in before the guest is told. */
size_t
ns8250_rx(struct ns8250 *dev, const uint8_t *buf, size_t n)
{
	size_t	i, room = ns8250_room(dev);

	if (n > room) {
		n = room;
		dev->starved = 1;
	}
	for (i = 0; i < n; i++)
		ns8250_receive(dev, buf[i], 0);
	ns8250_update(dev);
	return n;
}

void
ns8250_rx_break(struct ns8250 *dev)
{
	if (ns8250_loopback(dev))
		return;
	ns8250_receive(dev, 0, LSR_BI);
	ns8250_update(dev);
}

void
ns8250_tx_ready(struct ns8250 *dev)
{
	ns8250_send(dev);
	ns8250_update(dev);
}

size_t
ns8250_tx_waiting(const struct ns8250 *dev)
{
	return dev->tx.count;
}

void
ns8250_tx_discard(struct ns8250 *dev)
{
	ns8250_reset_tx(dev);
	ns8250_update(dev);
}

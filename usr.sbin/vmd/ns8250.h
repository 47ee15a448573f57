/* SPDX-License-Identifier: ISC */
/*
 * National Semiconductor 16550A serial port, of the ns8250 family.
 *
 * The far side is a virtual wire: bytes move as soon as both ends agree, the
 * divisor is kept but limits nothing, and flow control keeps either side
 * from losing data.  Characters on the wire are 8 bits whatever LCR says.
 *
 * A pure state machine.  The caller serialises all calls on one port.
 */

#ifndef VMD_NS8250_H
#define VMD_NS8250_H

#include <stddef.h>
#include <stdint.h>

#define NS8250_COM1_PORT	0x3f8	/* irq 4 */
#define NS8250_COM2_PORT	0x2f8	/* irq 3 */
#define NS8250_NPORTS		8
#define NS8250_FIFO_SIZE	16

/* None of these may call back into the port. */
struct ns8250_ops {
	/*
	 * Send n bytes; returns how many were taken, 0 to n.  The rest stays
	 * in the port until ns8250_tx_ready() or ns8250_tx_discard().
	 */
	size_t	(*tx)(void *arg, const uint8_t *buf, size_t n);
	/* The interrupt line changed. */
	void	(*irq)(void *arg, int level);
	/* Optional: the full receiver has room again, see ns8250_rx(). */
	void	(*rx_room)(void *arg);
};

struct ns8250_fifo {
	uint8_t	data[NS8250_FIFO_SIZE];
	uint8_t	error[NS8250_FIFO_SIZE];	/* LSR bits of the character */
	uint8_t	head;
	uint8_t	count;
};

/* Everything in front of ops is the state a snapshot keeps. */
struct ns8250 {
	uint16_t		 base;
	uint8_t			 ier;
	uint8_t			 fcr;
	uint8_t			 lcr;
	uint8_t			 mcr;
	uint8_t			 lsr;		/* OE, PE, FE, BI only */
	uint8_t			 msr;
	uint8_t			 scr;
	uint8_t			 dll;
	uint8_t			 dlm;
	uint8_t			 rbr;		/* last character read */
	uint8_t			 thre;		/* THRE interrupt pending */
	uint8_t			 timeout;	/* rx timed out, is not empty */
	uint8_t			 irq;		/* line as last reported */
	uint8_t			 starved;	/* rx_room is owed */
	struct ns8250_fifo	 rx;
	struct ns8250_fifo	 tx;
	const struct ns8250_ops	*ops;
	void			*arg;
};

/*
 * Reset state of a port at I/O ports base to base + 7, connected to a peer
 * that is present and ready (CTS, DSR, DCD).  ops stays referenced.
 */
void	ns8250_init(struct ns8250 *, uint16_t base, const struct ns8250_ops *,
	    void *arg);

/* Absolute I/O ports; outside of the port's eight, reads give all ones. */
uint8_t	ns8250_read(struct ns8250 *, uint16_t port);
void	ns8250_write(struct ns8250 *, uint16_t port, uint8_t val);

/*
 * Characters arrive: returns how many of the n fitted, the caller keeps the
 * rest.  After a short count the rx_room op is called once there is room.
 */
size_t	ns8250_rx(struct ns8250 *, const uint8_t *buf, size_t n);

/*
 * How many characters ns8250_rx() would take: 0 when full, and in loopback,
 * where the receiver is not connected to the wire.  The rx_room op follows
 * a 0 as it does a short count.
 */
size_t	ns8250_rx_space(struct ns8250 *);

/* The far side sends a break; one that finds no room is an overrun. */
void	ns8250_rx_break(struct ns8250 *);

/* The far side can take characters again: offer what is waiting. */
void	ns8250_tx_ready(struct ns8250 *);

/* Number of characters that wait for the far side. */
size_t	ns8250_tx_waiting(const struct ns8250 *);

/* The far side is gone or stuck: drop what is waiting, as if it was sent. */
void	ns8250_tx_discard(struct ns8250 *);

#endif /* VMD_NS8250_H */

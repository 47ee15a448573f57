/* SPDX-License-Identifier: ISC */
/*
 * Intel 8259A programmable interrupt controller: the pair of a PC/AT with
 * the edge/level control registers of an EISA or PCI chipset.
 *
 * A pure state machine.  The caller serialises all calls on one pair.
 */

#ifndef VMD_I8259_H
#define VMD_I8259_H

#include <stdint.h>

#define I8259_MASTER_PORT	0x20	/* A0 = 0; 0x21 is A0 = 1 */
#define I8259_SLAVE_PORT	0xa0
#define I8259_ELCR1_PORT	0x4d0	/* irq 0-7 */
#define I8259_ELCR2_PORT	0x4d1	/* irq 8-15 */

#define I8259_NIRQ		16
#define I8259_CASCADE		2	/* master input taken by the slave */

struct i8259_ops {
	/*
	 * The INT output that goes to the CPU changed.  The pair is settled
	 * when this is called; it must not call back into the pair.
	 */
	void	(*intr)(void *arg, int level);
};

struct i8259 {
	uint8_t	lines;		/* input pins, 1 is high */
	uint8_t	latch;		/* pins that rose and are not acknowledged */
	uint8_t	isr;		/* in service */
	uint8_t	imr;		/* masked */
	uint8_t	elcr;		/* level triggered inputs */
	uint8_t	icw1;
	uint8_t	icw2;
	uint8_t	icw4;
	uint8_t	step;		/* ICW that A0 = 1 expects, 0 is OCW1 */
	uint8_t	ready;		/* ICW1 was seen since power-on */
	uint8_t	lowest;		/* input of lowest priority */
	uint8_t	smm;		/* special mask mode */
	uint8_t	poll;		/* next read is a poll */
	uint8_t	read_isr;	/* A0 = 0 reads ISR, not IRR */
	uint8_t	rotate_aeoi;	/* rotate on automatic EOI */
	uint8_t	intr;		/* INT output */
};

/* Everything in front of ops is the state a snapshot keeps. */
struct i8259_pair {
	struct i8259		 master;
	struct i8259		 slave;
	const struct i8259_ops	*ops;
	void			*arg;
};

/*
 * Power-on state: no interrupt is given until the guest has initialised the
 * chips.  ops stays referenced.
 */
void	i8259_init(struct i8259_pair *, const struct i8259_ops *, void *arg);

/*
 * Drive input irq (0-15) high or low.  As on the chip, a request lives only
 * as long as its line is high: a device keeps the line up until it is
 * served, a pulse that ends before the acknowledge is lost.  Irq 2 is the
 * cascade; it and anything out of range are ignored.
 */
void	i8259_set_irq(struct i8259_pair *, unsigned int irq, int level);

/* The INT output: 1 when the CPU should run an acknowledge cycle. */
int	i8259_pending(const struct i8259_pair *);

/*
 * The CPU acknowledges: returns the vector.  Without a request the answer
 * is the spurious vector (irq 7, or 15 if only the slave has lost its
 * request) and no in-service bit of that irq is set.  INT falls for the
 * acknowledge and rises again if another request is waiting.
 */
uint8_t	i8259_ack(struct i8259_pair *);

/* Ports 0x20, 0x21, 0xa0, 0xa1, 0x4d0 and 0x4d1; others read all ones. */
uint8_t	i8259_read(struct i8259_pair *, uint16_t port);
void	i8259_write(struct i8259_pair *, uint16_t port, uint8_t val);

#endif /* VMD_I8259_H */

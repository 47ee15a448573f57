/* SPDX-License-Identifier: ISC */
/*
 * Intel 8259A programmable interrupt controller.  Names are those of the
 * 8259A data sheet; ELCR is that of the 82371 (PIIX) chipsets.
 *
 * Not modelled: the MCS-80 call sequence (a PC always selects 8086 mode),
 * buffered mode and the slave identity in ICW3 (the wiring is fixed).
 */

#include <string.h>

#include "i8259.h"

/* ICW1 */
#define ICW1_IC4	0x01	/* ICW4 follows */
#define ICW1_SNGL	0x02	/* no slave, no ICW3 */
#define ICW1_LTIM	0x08	/* all inputs level triggered */
#define ICW1_INIT	0x10	/* marks ICW1 */

#define ICW2_BASE	0xf8	/* vector of irq 0 */

/* ICW4 */
#define ICW4_AEOI	0x02
#define ICW4_SFNM	0x10	/* special fully nested mode */

/* OCW2 */
#define OCW2_LEVEL	0x07
#define OCW2_CMD_SHIFT	5	/* R, SL, EOI */

/* OCW3 */
#define OCW3_RIS	0x01
#define OCW3_RR		0x02
#define OCW3_POLL	0x04
#define OCW3_MARK	0x08	/* tells OCW3 from OCW2 */
#define OCW3_SMM	0x20
#define OCW3_ESMM	0x40

#define POLL_INTR	0x80

/* Inputs of the system board, and the cascade, are always edge triggered. */
#define ELCR1_MASK	0xf8	/* not 0, 1, 2 */
#define ELCR2_MASK	0xde	/* not 8, 13 */

#define NPIN		8
#define NO_REQUEST	(-1)
#define SPURIOUS	7

static uint8_t
i8259_irr(const struct i8259 *pic)
{
	uint8_t	level;

	level = (pic->icw1 & ICW1_LTIM) ? 0xff : pic->elcr;
	return (pic->lines & level) | (pic->latch & ~level);
}

/* Rank of an input in the rotating order, 0 is the most urgent. */
static int
i8259_rank(const struct i8259 *pic, int pin)
{
	return (pin - pic->lowest - 1) & (NPIN - 1);
}

/* Most urgent input of a set, or NO_REQUEST if it is empty. */
static int
i8259_first(const struct i8259 *pic, uint8_t set)
{
	int	i, pin;

	for (i = 1; i <= NPIN; i++) {
		pin = (pic->lowest + i) & (NPIN - 1);
		if (set & (1 << pin))
			return pin;
	}
	return NO_REQUEST;
}

/*
 * The input the chip would serve now.  In special mask mode an in-service
 * input that is masked holds nothing back.  In special fully nested mode
 * the cascade input may interrupt itself: the slave has ranks of its own.
 */
static int
i8259_request(const struct i8259 *pic, int is_master)
{
	uint8_t	busy;
	int	cur, pin;

	if (!pic->ready || pic->step != 0)
		return NO_REQUEST;
	pin = i8259_first(pic, i8259_irr(pic) & ~pic->imr);
	busy = pic->smm ? pic->isr & ~pic->imr : pic->isr;
	cur = i8259_first(pic, busy);
	if (pin == NO_REQUEST || cur == NO_REQUEST)
		return pin;
	if (pin == cur && is_master && pin == I8259_CASCADE &&
	    (pic->icw4 & ICW4_SFNM))
		return pin;
	if (i8259_rank(pic, pin) < i8259_rank(pic, cur))
		return pin;
	return NO_REQUEST;
}

static void
i8259_pin(struct i8259 *pic, unsigned int pin, int level)
{
	uint8_t	bit = 1 << pin;

	if (!level) {
		pic->lines &= ~bit;
		pic->latch &= ~bit;
	} else if (!(pic->lines & bit)) {
		pic->lines |= bit;
		pic->latch |= bit;
	}
}

static void
i8259_set_intr(struct i8259_pair *pair, int level)
{
	if (pair->master.intr == level)
		return;
	pair->master.intr = level;
	if (pair->ops->intr != NULL)
		pair->ops->intr(pair->arg, level);
}

/* Bring both INT outputs and the cascade input in line with the state. */
static void
i8259_update(struct i8259_pair *pair)
{
	pair->slave.intr = i8259_request(&pair->slave, 0) != NO_REQUEST;
	i8259_pin(&pair->master, I8259_CASCADE, pair->slave.intr);
	i8259_set_intr(pair, i8259_request(&pair->master, 1) != NO_REQUEST);
}

void
i8259_init(struct i8259_pair *pair, const struct i8259_ops *ops, void *arg)
{
	memset(pair, 0, sizeof(*pair));
	pair->ops = ops;
	pair->arg = arg;
}

void
i8259_set_irq(struct i8259_pair *pair, unsigned int irq, int level)
{
	if (irq >= I8259_NIRQ || irq == I8259_CASCADE)
		return;
	i8259_pin(irq < NPIN ? &pair->master : &pair->slave, irq % NPIN,
	    level);
	i8259_update(pair);
}

int
i8259_pending(const struct i8259_pair *pair)
{
	return pair->master.intr;
}

/* One chip's part of an acknowledge; returns the input, maybe SPURIOUS. */
static int
i8259_inta(struct i8259 *pic, int is_master)
{
	int	pin;

	pin = i8259_request(pic, is_master);
	if (pin == NO_REQUEST)
		return SPURIOUS;
	pic->latch &= ~(1 << pin);
	if (!(pic->icw4 & ICW4_AEOI))
		pic->isr |= 1 << pin;
	else if (pic->rotate_aeoi)
		pic->lowest = pin;
	return pin;
}

/*
 * The slave's INT falls during its acknowledge, so that the edge triggered
 * cascade input sees the next request also when nothing had to wait for an
 * EOI.
 */
static int
i8259_inta_slave(struct i8259_pair *pair)
{
	i8259_pin(&pair->master, I8259_CASCADE, 0);
	return i8259_inta(&pair->slave, 0);
}

uint8_t
i8259_ack(struct i8259_pair *pair)
{
	struct i8259	*pic = &pair->master;
	int		 pin, request;

	request = i8259_request(pic, 1);
	pin = i8259_inta(pic, 1);
	if (request == I8259_CASCADE && !(pic->icw1 & ICW1_SNGL)) {
		pin = i8259_inta_slave(pair);
		pic = &pair->slave;
	}
	i8259_set_intr(pair, 0);
	i8259_update(pair);
	return (pic->icw2 & ICW2_BASE) | pin;
}

static void
i8259_icw1(struct i8259 *pic, uint8_t val)
{
	pic->icw1 = val;
	pic->icw4 = 0;
	pic->latch = 0;
	pic->isr = 0;
	pic->imr = 0;
	pic->lowest = NPIN - 1;
	pic->smm = 0;
	pic->poll = 0;
	pic->read_isr = 0;
	pic->rotate_aeoi = 0;
	pic->step = 2;
	pic->ready = 1;
}

/* ICW2 to ICW4; ICW1 said which of them come. */
static void
i8259_icw(struct i8259 *pic, uint8_t val)
{
	int	next = 0;

	if (pic->step == 2) {
		pic->icw2 = val;
		next = (pic->icw1 & ICW1_SNGL) ? 4 : 3;
	} else if (pic->step == 3)
		next = 4;	/* the wiring is fixed */
	else
		pic->icw4 = val;
	if (next == 4 && !(pic->icw1 & ICW1_IC4))
		next = 0;
	pic->step = next;
}

/*
 * What a non-specific EOI ends: the most urgent input in service, but in
 * special mask mode never one that is masked.
 */
static int
i8259_eoi_target(const struct i8259 *pic)
{
	return i8259_first(pic, pic->smm ? pic->isr & ~pic->imr : pic->isr);
}

static void
i8259_rotate_aeoi_off(struct i8259 *pic, int pin __attribute__((unused)))
{
	pic->rotate_aeoi = 0;
}

static void
i8259_eoi(struct i8259 *pic, int pin __attribute__((unused)))
{
	int	cur = i8259_eoi_target(pic);

	if (cur != NO_REQUEST)
		pic->isr &= ~(1 << cur);
}

static void
i8259_nop(struct i8259 *pic __attribute__((unused)),
    int pin __attribute__((unused)))
{
}

static void
i8259_specific_eoi(struct i8259 *pic, int pin)
{
	pic->isr &= ~(1 << pin);
}

static void
i8259_rotate_aeoi_on(struct i8259 *pic, int pin __attribute__((unused)))
{
	pic->rotate_aeoi = 1;
}

static void
i8259_rotate_eoi(struct i8259 *pic, int pin __attribute__((unused)))
{
	int	cur = i8259_eoi_target(pic);

	if (cur == NO_REQUEST)
		return;
	pic->isr &= ~(1 << cur);
	pic->lowest = cur;
}

static void
i8259_set_priority(struct i8259 *pic, int pin)
{
	pic->lowest = pin;
}

static void
i8259_rotate_specific_eoi(struct i8259 *pic, int pin)
{
	pic->isr &= ~(1 << pin);
	pic->lowest = pin;
}

/* Indexed by R, SL and EOI of OCW2. */
static void (*const i8259_ocw2[])(struct i8259 *, int) = {
	i8259_rotate_aeoi_off,		/* 000 */
	i8259_eoi,			/* 001 */
	i8259_nop,			/* 010 */
	i8259_specific_eoi,		/* 011 */
	i8259_rotate_aeoi_on,		/* 100 */
	i8259_rotate_eoi,		/* 101 */
	i8259_set_priority,		/* 110 */
	i8259_rotate_specific_eoi,	/* 111 */
};

static void
i8259_ocw3(struct i8259 *pic, uint8_t val)
{
	if (val & OCW3_ESMM)
		pic->smm = !!(val & OCW3_SMM);
	pic->poll = !!(val & OCW3_POLL);
	if (val & OCW3_RR)
		pic->read_isr = val & OCW3_RIS;
}

static void
i8259_write_chip(struct i8259 *pic, int a0, uint8_t val)
{
	if (!a0 && (val & ICW1_INIT))
		i8259_icw1(pic, val);
	else if (!a0 && (val & OCW3_MARK))
		i8259_ocw3(pic, val);
	else if (!a0)
		i8259_ocw2[val >> OCW2_CMD_SHIFT](pic, val & OCW2_LEVEL);
	else if (pic->step != 0)
		i8259_icw(pic, val);
	else
		pic->imr = val;
}

void
i8259_write(struct i8259_pair *pair, uint16_t port, uint8_t val)
{
	switch (port) {
	case I8259_MASTER_PORT:
	case I8259_MASTER_PORT + 1:
		i8259_write_chip(&pair->master, port & 1, val);
		break;
	case I8259_SLAVE_PORT:
	case I8259_SLAVE_PORT + 1:
		i8259_write_chip(&pair->slave, port & 1, val);
		break;
	case I8259_ELCR1_PORT:
		pair->master.elcr = val & ELCR1_MASK;
		break;
	case I8259_ELCR2_PORT:
		pair->slave.elcr = val & ELCR2_MASK;
		break;
	}
	i8259_update(pair);
}

/* A poll acknowledges like INTA, but names the input instead of a vector. */
static uint8_t
i8259_poll(struct i8259_pair *pair, int is_master)
{
	struct i8259	*pic = is_master ? &pair->master : &pair->slave;
	int		 pin;

	pic->poll = 0;
	if (i8259_request(pic, is_master) == NO_REQUEST)
		return 0;
	pin = is_master ? i8259_inta(pic, 1) : i8259_inta_slave(pair);
	i8259_update(pair);
	return POLL_INTR | pin;
}

static uint8_t
i8259_read_chip(struct i8259_pair *pair, int is_master, int a0)
{
	struct i8259	*pic = is_master ? &pair->master : &pair->slave;

	if (pic->poll)
		return i8259_poll(pair, is_master);
	if (a0)
		return pic->imr;
	return pic->read_isr ? pic->isr : i8259_irr(pic);
}

uint8_t
i8259_read(struct i8259_pair *pair, uint16_t port)
{
	switch (port) {
	case I8259_MASTER_PORT:
	case I8259_MASTER_PORT + 1:
		return i8259_read_chip(pair, 1, port & 1);
	case I8259_SLAVE_PORT:
	case I8259_SLAVE_PORT + 1:
		return i8259_read_chip(pair, 0, port & 1);
	case I8259_ELCR1_PORT:
		return pair->master.elcr;
	case I8259_ELCR2_PORT:
		return pair->slave.elcr;
	}
	return 0xff;
}

/* SPDX-License-Identifier: ISC */
/*
 * Intel 8253/8254 programmable interval timer, and the system control port
 * 0x61 through which a PC gates and reads its channel 2.
 *
 * A pure state machine.  The caller serialises all calls on one timer and
 * passes the time in: nanoseconds on a clock that never goes back.
 */

#ifndef VMD_I8253_H
#define VMD_I8253_H

#include <stdint.h>

#define I8253_PORT	0x40	/* channels 0 to 2; 0x43 is the control word */
#define I8253_PORT_CTL	0x43
#define I8253_PORT_SYS	0x61	/* system control port B */

#define I8253_HZ	1193182
#define I8253_NCHAN	3

struct i8253_ops {
	/*
	 * OUT of channel 0, irq 0.  A square wave or rate generator is
	 * reported as a low-high pair at each rising edge: its falling edge
	 * interrupts nobody.  Must not call back into the timer.
	 */
	void	(*irq)(void *arg, int level);
};

/* Times are in clocks of the timer since time 0; NEVER is INT64_MAX. */
struct i8253_channel {
	int64_t		start;		/* the count in effect was loaded */
	int64_t		load_at;	/* a new count takes effect, or NEVER */
	int64_t		load_start;	/* what start will be then */
	int64_t		held;		/* clocks counted when gate fell */
	uint32_t	count;		/* count in effect, or 0 */
	uint32_t	reload;		/* count register, 0: unwritten */
	uint16_t	latch;		/* latched count */
	uint8_t		latched;	/* bytes of it still to be read */
	uint8_t		status;		/* latched status */
	uint8_t		status_latched;
	uint8_t		ctl;		/* control word, low 6 bits */
	uint8_t		null;		/* count written, not in effect yet */
	uint8_t		lsb;		/* first byte of a count */
	uint8_t		write_msb;	/* next byte written is the second */
	uint8_t		read_msb;	/* next byte read is the second */
	uint8_t		gate;
};

/* Everything in front of ops is the state a snapshot keeps. */
struct i8253 {
	struct i8253_channel	 chan[I8253_NCHAN];
	int64_t			 clock;		/* latest time seen */
	int64_t			 edge;		/* next event of channel 0 */
	uint8_t			 irq;		/* level last reported */
	uint8_t			 sys;		/* writable bits of port 0x61 */
	const struct i8253_ops	*ops;
	void			*arg;
};

/* Power-on state: nothing counts.  ops stays referenced. */
void	i8253_init(struct i8253 *, const struct i8253_ops *, void *arg);

/* Ports 0x40 to 0x43 and 0x61; others read all ones. */
uint8_t	i8253_read(struct i8253 *, uint16_t port, uint64_t now);
void	i8253_write(struct i8253 *, uint16_t port, uint8_t val, uint64_t now);

/*
 * Time in ns of the next event, UINT64_MAX for none.  It changes with each
 * write and each expiry.
 */
uint64_t i8253_deadline(const struct i8253 *);

/*
 * To be called at or after the deadline.  However late, there is one edge,
 * and the next deadline lies in the future on the same grid.
 */
void	i8253_expire(struct i8253 *, uint64_t now);

#endif /* VMD_I8253_H */

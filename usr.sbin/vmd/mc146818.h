/* SPDX-License-Identifier: ISC */
/*
 * Motorola MC146818 real time clock with 128 bytes of CMOS memory.
 *
 * The clock runs on UTC, given as a wall-clock time and moved on by the
 * monotonic time of each call.  A time that the guest sets is kept as a
 * distance to UTC.
 *
 * A pure state machine.  The caller serialises all calls on one clock.
 */

#ifndef VMD_MC146818_H
#define VMD_MC146818_H

#include <stdint.h>

#define MC146818_PORT_INDEX	0x70	/* bit 7 masks NMI; write only */
#define MC146818_PORT_DATA	0x71
#define MC146818_NREG		128

struct mc146818_ops {
	/* Irq 8 changed.  Must not call back into the clock. */
	void	(*irq)(void *arg, int level);
};

/* Everything in front of ops is the state a snapshot keeps. */
struct mc146818 {
	uint8_t		 reg[MC146818_NREG];	/* time: only while stopped */
	uint8_t		 index;
	uint8_t		 nmi_masked;
	uint8_t		 irq;		/* level last reported */
	uint64_t	 clock;		/* latest monotonic time seen, ns */
	uint64_t	 utc;		/* UTC at monotonic time 0, ns */
	uint32_t	 phase;		/* divider against UTC, ns below 1 s */
	int64_t		 offset;	/* guest's time against UTC, s */
	uint8_t		 weekday;	/* guest's day of week against ours */
	int64_t		 last_sec;	/* second last accounted for */
	uint64_t	 last_tick;	/* periodic tick last accounted for */
	const struct mc146818_ops *ops;
	void		*arg;
};

/*
 * Power-on state of a battery-backed clock: running, binary coded decimal,
 * 24 hours, CMOS memory clear.  utc is ns since 1970 at monotonic time now
 * (which is not later than utc).  ops stays referenced.
 */
void	mc146818_init(struct mc146818 *, const struct mc146818_ops *,
	    void *arg, uint64_t utc, uint64_t now);

/*
 * The host's wall clock jumped, or time stood still: now is utc.  The guest's
 * own distance to UTC stays.
 */
void	mc146818_set_utc(struct mc146818 *, uint64_t utc, uint64_t now);

/*
 * Tell firmware the size of memory in bytes: low is RAM from address 0 to
 * below 4 GB, high is RAM at 4 GB and up.
 */
void	mc146818_set_memory(struct mc146818 *, uint64_t low, uint64_t high);

/* Tell firmware the number of processors, 1 to 256. */
void	mc146818_set_cpus(struct mc146818 *, unsigned int ncpus);

/* 1 while bit 7 of the index port keeps NMI from the CPU. */
int	mc146818_nmi_masked(const struct mc146818 *);

/* Ports 0x70 and 0x71; others read all ones. */
uint8_t	mc146818_read(struct mc146818 *, uint16_t port, uint64_t now);
void	mc146818_write(struct mc146818 *, uint16_t port, uint8_t val,
	    uint64_t now);

/*
 * Time in ns of the next event, UINT64_MAX for none; changes with each
 * access and each expiry.  An interrupt the guest has not taken (register C
 * not read) has no successor.
 */
uint64_t mc146818_deadline(const struct mc146818 *);

/* To be called at or after the deadline, however late. */
void	mc146818_expire(struct mc146818 *, uint64_t now);

#endif /* VMD_MC146818_H */

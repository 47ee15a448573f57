/* SPDX-License-Identifier: ISC */
/*
 * Events for the guest: exceptions, NMIs and external interrupts that wait
 * to be delivered (Intel SDM 3, 6.9; AMD APM 2, 8.5 and 15.20).
 */
#ifndef _SYS_EVENT_H_
#define _SYS_EVENT_H_

#include "os.h"

#include <dev/vmm/vmm.h>

/* Exception vectors */
#define EXC_DE	0
#define EXC_DB	1
#define EXC_NMI	2
#define EXC_UD	6
#define EXC_DF	8
#define EXC_TS	10
#define EXC_NP	11
#define EXC_SS	12
#define EXC_GP	13
#define EXC_PF	14
#define EXC_AC	17
#define EXC_MC	18
#define EXC_CP	21

/* The types of an event, with the number both vendors give them. */
enum event_type {
	EVENT_INTR	= 0,
	EVENT_NMI	= 2,
	EVENT_EXCEPTION	= 3,
	EVENT_SOFT_INTR	= 4,
	EVENT_PRIV_SOFT	= 5,	/* Intel: INT1 */
	EVENT_SOFT_EXC	= 6	/* Intel: INT3 and INTO */
};

struct event {
	bool		valid;
	uint8_t		vector;
	uint8_t		type;		/* enum event_type */
	bool		has_error;
	uint32_t	error;
	uint8_t		insn_len;	/* of a software event */
};

/*
 * What waits. Delivered in this order, one at an entry. Each keeps its place
 * until it went in; an event whose delivery an exit interrupted comes back
 * as `again'.
 */
struct vcpu_events {
	struct event	again;
	struct event	exception;
	struct event	late;		/* interrupt behind an exception */
	bool		nmi;
	bool		intr;
	uint8_t		intr_vector;
	bool		want_window;	/* the caller has more interrupts */
};

struct vcpu;

void	 event_reset(struct vcpu_events *);
/* vie of VMM_IOC_RUN. EINVAL: no such exception. */
int	 event_post(struct vcpu *, const struct vcpu_inject_event *);
/* An exception of the guest's own making. has_error follows the vector. */
void	 event_exception(struct vcpu *, uint8_t vector, uint32_t error);
/*
 * Just before an entry: hand the next event to the back end and ask it for
 * the windows that the others need.
 */
void	 event_commit(struct vcpu *);
/* An exit interrupted the delivery of this event. */
void	 event_interrupted(struct vcpu *, const struct event *);
/* Could the guest take an external interrupt from the caller now? */
bool	 event_intr_ready(struct vcpu *);

#endif /* _SYS_EVENT_H_ */

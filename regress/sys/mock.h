/* SPDX-License-Identifier: ISC */
/*
 * A back end for tests of the driver's core: a CPU whose guest is a function
 * of the test. It keeps its own copy of the registers, as hardware does, and
 * spoils the driver's copy of those that it must load again.
 */
#ifndef _REGRESS_MOCK_H_
#define _REGRESS_MOCK_H_

#include "backend.h"
#include "hosted.h"
#include "vcpu.h"

#define MOCK_CODE	0x55		/* of all exits, but */
#define MOCK_WINDOW	0x56		/* that of no entry */
#define MOCK_EVENTS	8

struct mock {
	/* Set by tests; the state of all VCPUs. */
	void		(*enter)(struct vcpu *);	/* fills vcpu->exit */
	bool		  shadow;
	bool		  nmi_blocked;
	bool		  exec_only;
	bool		  fail_init;	/* no such hardware */
	int		  enable_error;	/* of the CPU in error_cpu */
	int		  error_cpu;

	/* Seen. */
	int		  entries;
	int		  flushes;
	int		  ninjected;	/* events since mock_reset */
	struct event	  injected[MOCK_EVENTS];	/* the last ones */
	bool		  pending;	/* one goes in with the next entry */
	bool		  intr_window;
	bool		  nmi_window;
	int		  debug_owned;
	int		  cpus_enabled;
	int		  vcpus;
	uint64_t	  pat;
	uint64_t	  tsc_offset;
};
extern struct mock	 mock;

/* The hardware's registers of a VCPU. */
struct vcpu_reg_state	*mock_hw(struct vcpu *);
void			 mock_reset(void);
/* An exit without details; insn_len is how long its instruction is. */
void			 mock_exit(struct vcpu *, enum vmexit_kind,
			    uint8_t insn_len);

#endif /* _REGRESS_MOCK_H_ */

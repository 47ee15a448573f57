/* SPDX-License-Identifier: ISC */
/*
 * A user process: what tests say about the system that the driver sees, and
 * what they learn about the driver. The controls are for one thread.
 */
#ifndef _OS_HOSTED_HOSTED_H_
#define _OS_HOSTED_HOSTED_H_

#include "os.h"

#define HOSTED_NCPUS	2

struct hosted {
	/* Set by tests. */
	int		 fail_alloc;	/* this one fails, from 1; 0: none */
	int		 fail_copy;	/* the same for copyin and copyout */
	int		 fail_hold;	/* and for os_page_hold: ENOMEM */
	unsigned int	 contig_shift;
	void		(*on_hold)(void);	/* os_page_hold calls it */
	bool		 mm_gone;	/* the address space has ended */
	bool		 privileged;
	int		 pid;
	unsigned int	 leave;		/* OS_LEAVE_*; a yield clears YIELD */
	bool		 lock_interrupted;	/* os_mutex_lock_intr: EINTR */
	bool		 tsc_unstable;
	uint32_t	 tsc_khz;
	uint64_t	 now;		/* ns */
	int		 cpu;		/* where the caller is */

	/* Counted for tests. */
	int		 allocs;	/* that live */
	int		 held;		/* pages */
	int		 mms;		/* references */
	int		 watches;
	int		 kicks;
	int		 yields;
	int		 short_sleeps;
	int		 machine_checks;
	int		 branch_barriers;
	char		 log[1024];	/* the last line */
};
extern struct hosted	 hosted;

/* To the state in which a test begins; counters of what lives stay. */
void	 hosted_reset(void);
/* Memory that the caller of the driver has; page-aligned where it is held. */
void	 hosted_user_add(const void *p, size_t size, bool writable);
void	 hosted_user_remove(const void *p);
/* The host changes [p, p + size): the watches over it are told. */
void	 hosted_invalidate(const void *p, size_t size);

/* The registers that <cpufunc.h> reaches. */
struct hosted_cpu {
	uint64_t	 cr4;
	uint64_t	 xcr0;
	uint64_t	 tsc;
	uint32_t	 pkru;
	uint32_t	 cpuid_max;	/* the last basic leaf */
	uint32_t	 features;	/* what all feature words are */
	bool		 intel;
	uint32_t	 wrmsr_msr;	/* the last one written */
	uint64_t	 wrmsr_val;
};
extern struct hosted_cpu hosted_cpu;

void	 hosted_cpu_reset(void);

#endif /* _OS_HOSTED_HOSTED_H_ */

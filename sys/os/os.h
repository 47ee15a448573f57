/* SPDX-License-Identifier: ISC */
/*
 * What the driver needs of the system it runs in. sys/os/linux implements it
 * with the kernel, sys/os/hosted with a user process for tests. Everything
 * above this line is the same source in both.
 *
 * <os_types.h> of the implementation brings: fixed-width integers, bool,
 * size_t, memset and friends, positive errno constants, struct os_mutex,
 * struct os_spin, struct os_memwatch and struct os_mm. Errors are positive
 * errno values.
 */
#ifndef _OS_OS_H_
#define _OS_OS_H_

#include "os_types.h"

#define OS_PAGE_SIZE	4096UL
#define OS_PAGE_SHIFT	12
#define OS_PAGE_MASK	(OS_PAGE_SIZE - 1)

/*
 * Memory. All of it is zeroed, charged to the caller's memory cgroup, and may
 * sleep; NULL when there is none. os_pages_zalloc returns 2^order physically
 * contiguous pages.
 */
void		*os_zalloc(size_t size);
void		 os_free(void *p);
void		*os_pages_zalloc(unsigned int order);
void		 os_pages_free(void *p, unsigned int order);
uint64_t	 os_pa(const void *p);		/* of such a page */
void		*os_va(uint64_t pa);		/* the way back */

/* Caller's memory: 0 or EFAULT. May sleep. */
int	 os_copyin(void *dst, uint64_t uaddr, size_t n);
int	 os_copyout(uint64_t uaddr, const void *src, size_t n);
bool	 os_user_range_ok(uint64_t uaddr, uint64_t n);

/*
 * Locks. A mutex may be held while sleeping; a spin lock may not, and may be
 * taken with a mutex held. os_mutex_lock_intr returns 0 or EINTR.
 */
void	 os_mutex_init(struct os_mutex *);
void	 os_mutex_lock(struct os_mutex *);
int	 os_mutex_lock_intr(struct os_mutex *);
void	 os_mutex_unlock(struct os_mutex *);
void	 os_spin_init(struct os_spin *);
void	 os_spin_lock(struct os_spin *);
void	 os_spin_unlock(struct os_spin *);

/*
 * The address space that a VM's memory belongs to. os_mm_get takes the
 * caller's and keeps its identity, not its contents, alive.
 */
struct os_mm	*os_mm_get(void);
void		 os_mm_put(struct os_mm *);

/*
 * A watch over [va, va + size) of an address space. When the system is about
 * to change what is mapped there it calls `invalidate' on the page-aligned
 * part [start, end), which takes the owner's spin lock, calls
 * os_memwatch_invalidated, removes its own mappings and returns when no CPU
 * can use them any more; it must not sleep.
 *
 * To map a page: seq = os_memwatch_begin(w) (may sleep), look the page up,
 * take that spin lock, and start again if os_memwatch_retry(w, seq).
 */
typedef void	 os_invalidate_fn(void *arg, uint64_t start, uint64_t end,
		    unsigned long seq);

int		 os_memwatch_start(struct os_memwatch *, struct os_mm *,
		    uint64_t va, uint64_t size, os_invalidate_fn *, void *arg);
void		 os_memwatch_stop(struct os_memwatch *);
unsigned long	 os_memwatch_begin(struct os_memwatch *);
bool		 os_memwatch_retry(struct os_memwatch *, unsigned long seq);
void		 os_memwatch_invalidated(struct os_memwatch *,
		    unsigned long seq);

/* A host page that is held in memory until os_page_release. */
struct os_page {
	uint64_t	 pa;
	bool		 writable;	/* the guest may write to it */
	void		*handle;
};

/*
 * Make the page at va present, for writing if `write', and hold it.
 * May sleep. 0; EFAULT: no such memory or right; EINTR: the caller is being
 * killed; ENOMEM.
 */
int	 os_page_hold(struct os_mm *, uint64_t va, bool write,
	    struct os_page *);
void	 os_page_release(struct os_page *);

/*
 * How much memory around va the host maps contiguously and aligned: 4 KiB,
 * 2 MiB or 1 GiB as a shift (12, 21, 30). The answer holds while the spin
 * lock of the memwatch is held and it was not invalidated.
 */
unsigned int	 os_page_contig_shift(struct os_mm *, uint64_t va);

/* Access to a held page by the driver itself, within one page. */
void	 os_page_copy_to(struct os_page *, size_t off, const void *src,
	    size_t n);
void	 os_page_copy_from(struct os_page *, size_t off, void *dst, size_t n);

/*
 * CPUs. os_cpu_id is stable with preemption or interrupts off.
 * os_cpus_run runs fn on every online CPU with interrupts off and waits.
 */
int	 os_cpu_id(void);
int	 os_cpu_count(void);			/* ids are below this */
void	 os_cpus_run(void (*fn)(void *), void *arg);
/*
 * The same, but from a thread on each CPU: never in the middle of something
 * that has preemption off. Sleeps.
 */
void	 os_cpus_visit(void (*fn)(void *), void *arg);
void	 os_cpus_hold(void);			/* no hot-plug until ... */
void	 os_cpus_unhold(void);
/* Interrupt a CPU, so that it leaves the guest; does not wait. */
void	 os_cpu_kick(int cpu);
/* Interrupt every CPU for which want(cpu, arg), and wait until it was. */
void	 os_cpus_kick_wait(bool (*want)(int cpu, void *arg), void *arg);

/* Run fn on one CPU, with interrupts off there, and wait. Interrupts on. */
void	 os_cpu_run(int cpu, void (*fn)(void *), void *arg);
void	 os_preempt_disable(void);
void	 os_preempt_enable(void);
void	 os_irq_disable(void);
void	 os_irq_enable(void);
void	 os_mb(void);			/* a full barrier */

/*
 * The FPU region: preemption and soft interrupts are off, the caller's
 * extended state is saved, and the registers are the driver's to use.
 */
void	 os_fpu_begin(void);
void	 os_fpu_end(void);

/* Why the run loop has to leave the FPU region. */
#define OS_LEAVE_SIGNAL	0x1		/* and return to user space */
#define OS_LEAVE_YIELD	0x2		/* let others run, then go on */
unsigned int	 os_must_leave(void);	/* interrupts off */
void		 os_yield(void);	/* outside the FPU region */
void		 os_sleep_short(void);	/* about 10 ms, or until a signal */

/*
 * Host state that entering a guest disturbs and Linux cannot know of.
 * os_host_debug_restore reloads the host's breakpoints, if it has any;
 * os_machine_check hands a machine check that hit the guest to the host.
 */
void	 os_host_debug_restore(void);
void	 os_machine_check(void);
void	 os_branch_barrier(void);	/* IBPB, where the host uses it */
/* L1TF: shall the L1 data cache be flushed before a guest is entered? */
enum os_l1d {
	OS_L1D_KEEP,		/* not affected, or the user does not want it */
	OS_L1D_FLUSH,		/* by MSR_FLUSH_CMD */
	OS_L1D_CANNOT		/* yes, but the CPU has no means */
};
enum os_l1d	 os_l1d(void);
/*
 * VT-x: CR4 bits of this CPU, with interrupts off; the host's CR4 as it is
 * to be again; an NMI that arrived in the guest; and the descriptor tables,
 * whose limits a VM exit changes, around a run of entries, preemption off.
 */
void	 os_cr4_change(uint64_t set, uint64_t clear);
uint64_t os_cr4(void);
void	 os_nmi(void);
void	 os_tables_save(void);
void	 os_tables_restore(void);
uint64_t os_tss_base(void);

/* Time: the scale of the TSC, and nanoseconds since some start. */
uint32_t	 os_tsc_khz(void);
bool		 os_tsc_stable(void);
uint64_t	 os_nanotime(void);	/* monotonic, not slewed */
void		 os_walltime(uint64_t *sec, uint32_t *nsec);

/* The caller. */
bool		 os_privileged(void);	/* may see and end all VMs */
int		 os_pid(void);

/* Model-specific registers that may not exist: 0 or EIO. */
int	 os_rdmsr_safe(uint32_t msr, uint64_t *val);
int	 os_wrmsr_safe(uint32_t msr, uint64_t val);

/* One line in the system log. */
void	 os_log(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The same, but not when guests or callers provoke it over and over. */
void	 os_log_limited(const char *fmt, ...)
	    __attribute__((format(printf, 1, 2)));

#endif /* _OS_OS_H_ */

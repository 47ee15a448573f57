/* SPDX-License-Identifier: ISC */
/*
 * Virtual machines, their VCPUs and their memory.
 *
 * Locks, in the order in which they are taken:
 *   vmm_lock	  (mutex, vmm.c) the list of all VMs and their files' lists
 *   vm.mprotect_lock (mutex) changes of the protections
 *   vcpu.lock	  (mutex) everything in a VCPU but `requests' and `guest_cpu'
 *   vmm_file.lock (spin) the list of a file's VMs, for look-up
 *   vm.prot_lock (spin) the protections of guest memory
 *   vm.npt_lock  (spin) nested page tables and the memory watches' state
 * The host's address space lock comes after vcpu.lock and before npt_lock.
 */
#ifndef _SYS_VM_H_
#define _SYS_VM_H_

#include "os.h"

#include <dev/vmm/vmm.h>

#include "vmexit.h"
#include "npt.h"
#include "vm_prot.h"
#include "event.h"

struct vm;
struct vmm_file;

/* A piece of guest-physical address space, as given to VMM_IOC_CREATE. */
struct vm_range {
	struct vm		*vm;
	uint64_t		 gpa;
	uint64_t		 va;
	uint64_t		 size;
	int			 type;		/* VM_MEM_* */
	struct os_memwatch	 watch;
};

/* vcpu.requests */
#define VCPU_REQ_TERM		0x1	/* the VM ends */
#define VCPU_REQ_INTR		0x2	/* VMM_IOC_INTR is latched */

/* What the next RUN takes from the caller's struct vm_exit. */
enum vcpu_completion {
	VCPU_COMPLETE_NONE,
	VCPU_COMPLETE_IO,		/* RIP, and RAX of an IN */
	VCPU_COMPLETE_GPRS		/* all general registers */
};

struct pvclock {
	uint64_t	gpa;		/* 0: off */
	uint32_t	version;
	bool		stale;		/* write it before the next entry */
	uint64_t	wall_gpa;	/* not 0: write the wall clock there */
	uint64_t	last_tsc;	/* of the host, when it was written */
	uint64_t	last_ns;	/* what was written then; 0: nothing */
};

struct vcpu {
	struct vm		*vm;
	uint32_t		 id;
	struct os_mutex		 lock;
	uint8_t			 state;		/* VCPU_STATE_*, atomic */
	uint32_t		 requests;	/* VCPU_REQ_*, atomic */
	int			 guest_cpu;	/* where it is, or -1 */
	int			 last_cpu;	/* where it was, or -1 */

	/* Registers: what is valid here, and what the hardware lacks. */
	struct vcpu_reg_state	 regs;
	uint32_t		 regs_valid;	/* VM_RWREGS_* */
	uint32_t		 regs_dirty;
	uint64_t		 pat;
	uint64_t		 tsc_offset;	/* what the hardware has */
	void			*fpu;		/* XSAVE area, one page */
	uint32_t		 host_pkru;	/* during the FPU region */

	struct vcpu_events	 ev;
	struct vmexit		 exit;		/* the last one, neutral */
	bool			 shut_down;	/* by a triple fault */
	bool			 pdptes_stale;	/* load them before entry */
	enum vcpu_completion	 completion;
	struct vm_exit		 uexit;		/* for and from the caller */
	struct pvclock		 pvclock;

	struct npt_cache	 npt_cache;
	uint64_t		 npt_gen;	/* of the last flush */
	uint64_t		 exits[VE_NKINDS];
	void			*hw;		/* the back end's */
};

/* vmm(4) lists the conditions for these; pvclock.c has the structures. */
int	 pvclock_set(struct vcpu *, uint64_t gpa);

struct vm {
	uint32_t	 id;
	uint32_t	 refs;			/* atomic */
	bool		 dying;			/* atomic */
	struct vmm_file	*file;			/* NULL: in no list */
	struct vm	*next_in_file;
	struct vm	*next;
	int		 creator;
	char		 name[VMM_MAX_NAME_LEN];

	struct os_mm	*mm;
	size_t		 nranges;
	struct vm_range	 ranges[VMM_MAX_MEM_RANGES];
	struct os_mutex	 mprotect_lock;	/* one change of prot at a time */
	struct os_spin	 prot_lock;
	struct vm_prot	 prot;

	struct os_spin	 npt_lock;
	struct npt	 npt;
	uint64_t	 npt_gen;		/* atomic; see vm_mem.c */

	uint64_t	 tsc_offset;		/* guest TSC - host TSC */
	size_t		 ncpus;
	struct vcpu	*vcpus;			/* ncpus of them */
};

/* vm.c */

/*
 * Make a VM from checked parameters. EBUSY, EIO: see vmm_hw_get; ENOMEM.
 * The VM has one reference, and is in no list.
 */
int		 vm_create(const struct vm_create_params *, struct vm **);
/* EINVAL or EOPNOTSUPP when vmm(4) says that these are not acceptable. */
int		 vm_create_check(const struct vm_create_params *);
void		 vm_ref(struct vm *);
void		 vm_unref(struct vm *);	/* the last one destroys; may sleep */
/* Make every VCPU leave RUN for good. */
void		 vm_stop(struct vm *);
/* NULL when there is no such VCPU. */
struct vcpu	*vm_vcpu(struct vm *, uint32_t id);
void		 vcpu_request(struct vcpu *, uint32_t req);

/* vm_mem.c */

/* The range that holds gpa, or NULL. */
struct vm_range	*vm_range_find(struct vm *, uint64_t gpa);
/* Is [gpa, gpa + size) inside one range that has memory? */
bool		 vm_range_backed(struct vm *, uint64_t gpa, uint64_t size);
int		 vm_mem_start(struct vm *);
void		 vm_mem_stop(struct vm *);

enum guest_fault {
	GUEST_FAULT_MAPPED,	/* enter the guest again */
	GUEST_FAULT_MMIO,		/* no memory there */
	GUEST_FAULT_DENIED,	/* against its protection */
	GUEST_FAULT_ERROR		/* the caller's memory is not there */
};
/*
 * Resolve a nested page fault of a VCPU. `access' is PROT_*. vcpu.lock is
 * held; sleeps. *error: EFAULT, ENOMEM or EINTR with GUEST_FAULT_ERROR.
 */
enum guest_fault
		 vm_fault(struct vcpu *, uint64_t gpa, int access, int *error);
/* VMM_IOC_MPROTECT_EPT: EINVAL, ENOSPC, ENOMEM. */
int		 vm_mprotect(struct vm *, uint64_t gpa, uint64_t size,
		    int prot);
/* Guest memory for the driver, within one page. EFAULT. Sleeps. */
int		 vm_mem_write(struct vm *, uint64_t gpa, const void *, size_t);
int		 vm_mem_read(struct vm *, uint64_t gpa, void *, size_t);

#endif /* _SYS_VM_H_ */

/* SPDX-License-Identifier: ISC */
/*
 * Protections of guest memory that VMM_IOC_MPROTECT_EPT set: a sorted list
 * of extents. What is in none of them may be read, written and executed.
 */
#ifndef _SYS_VM_PROT_H_
#define _SYS_VM_PROT_H_

#include "os.h"

/* As in <sys/mman.h>. */
#define VM_PROT_NONE	0x0
#define VM_PROT_READ	0x1
#define VM_PROT_WRITE	0x2
#define VM_PROT_EXEC	0x4
#define VM_PROT_ALL	(VM_PROT_READ | VM_PROT_WRITE | VM_PROT_EXEC)

#define VM_PROT_MAX_EXTENTS	1024

struct vm_prot_extent {
	uint64_t	start;
	uint64_t	end;		/* first byte behind it */
	int		prot;
};

struct vm_prot {
	size_t			 n;
	struct vm_prot_extent	*extents;
};

void	 vm_prot_init(struct vm_prot *);
void	 vm_prot_fini(struct vm_prot *);
/*
 * The protection at gpa. *start and *end tell how far around it the same
 * protection holds.
 */
int	 vm_prot_lookup(const struct vm_prot *, uint64_t gpa, uint64_t *start,
	    uint64_t *end);
/*
 * Make `to' a copy of `from' in which [start, end) has `prot'. Sleeps.
 * ENOSPC: more than VM_PROT_MAX_EXTENTS would be needed; ENOMEM. `to' is
 * empty on error.
 */
int	 vm_prot_set(struct vm_prot *to, const struct vm_prot *from,
	    uint64_t start, uint64_t end, int prot);

#endif /* _SYS_VM_PROT_H_ */

/* SPDX-License-Identifier: ISC */
/*
 * A VM's memory: what lies where in guest-physical address space, and the
 * sealed memory file behind it.
 */
#ifndef VMD_VMMEM_H
#define VMD_VMMEM_H

#include <stddef.h>
#include <stdint.h>

#include <dev/vmm/vmm.h>

#include "guestmem.h"

#define VMMEM_LOW_END	0xa0000ULL	/* 640 KiB */
#define VMMEM_HOLE_END	0x100000ULL	/* 1 MiB */
#define VMMEM_MAIN_END	0xf0000000ULL	/* RAM below 4 GiB ends here */
#define VMMEM_HIGH	0x100000000ULL	/* the rest starts at 4 GiB */
#define VMMEM_UNIT	0x100000ULL	/* sizes are whole MiB */
#define VMMEM_NRANGES	4

/*
 * All ranges are backed. They follow one another in the mapping and the file,
 * whose length is the size asked for.
 */
struct vmmem {
	uint64_t		 mm_size;	/* bytes */
	size_t			 mm_nranges;
	struct vm_mem_range	 mm_range[VMMEM_NRANGES];
	struct guestmem		 mm_guest;
	void			*mm_base;	/* NULL: not mapped */
	int			 mm_fd;		/* -1: none */
};

/*
 * Lay out size bytes: 640 KiB RAM, the reserved hole up to 1 MiB, RAM up to
 * VMMEM_MAIN_END, the rest from VMMEM_HIGH. Fills vmr_gpa, vmr_size and
 * vmr_type. Returns 0, or -1 with errno EINVAL if size is not a number of
 * whole MiB from 1 MiB to what fits below VMM_MAX_VM_MEM_SIZE.
 */
int	 vmmem_layout(struct vmmem *, uint64_t size);

/*
 * Lay out and allocate: a memory file of fixed size, mapped, all zero; no
 * page exists before it is touched. vmr_va and mm_guest are ready for use
 * until vmmem_free(). Returns 0, or -1 with errno.
 */
int	 vmmem_alloc(struct vmmem *, uint64_t size, const char *name);
void	 vmmem_free(struct vmmem *);

/* First address after the RAM that starts at 1 MiB; 1 MiB if there is none. */
uint64_t vmmem_main_end(const struct vmmem *);

#endif /* VMD_VMMEM_H */

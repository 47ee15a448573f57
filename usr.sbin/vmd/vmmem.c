/* SPDX-License-Identifier: ISC */

/* Guest-physical memory layout and the memory file; see vmmem.h. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmmem.h"

#define VMMEM_SEALS	(F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

/* Where memory may lie, in the order in which it is filled. */
static const struct vmmem_slot {
	uint64_t	 start;
	uint64_t	 end;
	int		 type;
} vmmem_slots[VMMEM_NRANGES] = {
	{ 0, VMMEM_LOW_END, VM_MEM_RAM },
	{ VMMEM_LOW_END, VMMEM_HOLE_END, VM_MEM_RESERVED },
	{ VMMEM_HOLE_END, VMMEM_MAIN_END, VM_MEM_RAM },
	{ VMMEM_HIGH, VMM_MAX_VM_MEM_SIZE, VM_MEM_RAM },
};

int
vmmem_layout(struct vmmem *mm, uint64_t size)
{
	uint64_t	 left = size, n;
	size_t		 i;

	memset(mm, 0, sizeof(*mm));
	mm->mm_fd = -1;
	if (size < VMMEM_UNIT || size % VMMEM_UNIT != 0)
		goto invalid;
	for (i = 0; i < VMMEM_NRANGES && left > 0; i++, left -= n) {
		const struct vmmem_slot *s = &vmmem_slots[i];

		n = s->end - s->start;
		if (n > left)
			n = left;
		mm->mm_range[i].vmr_gpa = s->start;
		mm->mm_range[i].vmr_size = n;
		mm->mm_range[i].vmr_type = s->type;
	}
	if (left > 0)
		goto invalid;
	mm->mm_size = size;
	mm->mm_nranges = i;
	return (0);
invalid:
	errno = EINVAL;
	return (-1);
}

/* A file of fixed size that nobody can truncate under the mapping. */
static int
vmmem_file(const char *name, uint64_t size)
{
	char	 title[VMM_MAX_NAME_LEN + 8];
	int	 fd, error;

	snprintf(title, sizeof(title), "vm/%s", name);
	fd = memfd_create(title, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd == -1)
		return (-1);
	if (ftruncate(fd, (off_t)size) == -1 ||
	    fcntl(fd, F_ADD_SEALS, VMMEM_SEALS) == -1) {
		error = errno;
		close(fd);
		errno = error;
		return (-1);
	}
	return (fd);
}

static int
vmmem_map(struct vmmem *mm)
{
	void	*p;

	p = mmap(NULL, mm->mm_size, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_NORESERVE, mm->mm_fd, 0);
	if (p == MAP_FAILED)
		return (-1);
	mm->mm_base = p;
	/* Hints: the VM works, if not as well, where they are not taken. */
	(void)madvise(p, mm->mm_size, MADV_HUGEPAGE);
	(void)madvise(p, mm->mm_size, MADV_DONTDUMP);
	(void)madvise(p, mm->mm_size, MADV_DONTFORK);
	return (0);
}

int
vmmem_alloc(struct vmmem *mm, uint64_t size, const char *name)
{
	struct guestmem_range	 gr[VMMEM_NRANGES];
	uint8_t			*va;
	size_t			 i;
	int			 error;

	if (vmmem_layout(mm, size) == -1)
		return (-1);
	if ((mm->mm_fd = vmmem_file(name, size)) == -1)
		return (-1);
	if (vmmem_map(mm) == -1)
		goto fail;
	va = mm->mm_base;
	for (i = 0; i < mm->mm_nranges; i++) {
		mm->mm_range[i].vmr_va = (vaddr_t)(uintptr_t)va;
		gr[i].gr_gpa = mm->mm_range[i].vmr_gpa;
		gr[i].gr_size = mm->mm_range[i].vmr_size;
		va += gr[i].gr_size;
	}
	if (guestmem_init(&mm->mm_guest, mm->mm_base, gr, i) == -1)
		goto fail;
	return (0);
fail:
	error = errno;
	vmmem_free(mm);
	errno = error;
	return (-1);
}

void
vmmem_free(struct vmmem *mm)
{
	if (mm->mm_base != NULL)
		munmap(mm->mm_base, mm->mm_size);
	if (mm->mm_fd != -1)
		close(mm->mm_fd);
	memset(mm, 0, sizeof(*mm));
	mm->mm_fd = -1;
}

uint64_t
vmmem_main_end(const struct vmmem *mm)
{
	const struct vm_mem_range	*r = &mm->mm_range[2];

	if (mm->mm_nranges < 3)
		return (VMMEM_HOLE_END);
	return (r->vmr_gpa + r->vmr_size);
}

/* SPDX-License-Identifier: ISC */

/*
 * guestmem: the only door to guest RAM.
 *
 * Guest RAM is one mapping; its ranges lie in it one after the other, so
 * that the offset of a range in the mapping (and in the file behind it) is
 * the sum of the sizes of the ranges before.  Everything here copies, checks
 * every byte of a span before it touches the first, and hands out no pointer.
 *
 * A guestmem is constant after guestmem_init(); any thread may use it without
 * a lock.  The guest may change the memory at any time: copy once, then look.
 */

#ifndef VMD_GUESTMEM_H
#define VMD_GUESTMEM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define GUESTMEM_MAX_RANGES	16	/* as VMM_MAX_MEM_RANGES */
#define GUESTMEM_PAGE_SIZE	4096

/* What a caller describes: a span of RAM in guest-physical addresses. */
struct guestmem_range {
	uint64_t	 gr_gpa;
	uint64_t	 gr_size;		/* bytes */
};

/* One piece of a scattered buffer in guest memory. */
struct guestmem_vec {
	uint64_t	 gv_gpa;
	uint64_t	 gv_len;		/* bytes */
};

struct guestmem {
	uint8_t			*gm_base;
	unsigned int		 gm_nranges;
	struct guestmem_range	 gm_range[GUESTMEM_MAX_RANGES];
	uint64_t		 gm_off[GUESTMEM_MAX_RANGES];
};

/*
 * Describe the RAM mapped at base.  Ranges are page-sized pieces in
 * ascending order without overlap.  Returns 0, or -1 with errno EINVAL.
 */
int	 guestmem_init(struct guestmem *, void *base,
	    const struct guestmem_range *, size_t nranges);

/* Bytes of RAM, the size of the mapping. */
uint64_t guestmem_size(const struct guestmem *);

/* 1 if every byte of [gpa, gpa + len) is RAM.  A len of 0 always is. */
int	 guestmem_contains(const struct guestmem *, uint64_t gpa,
	    uint64_t len);

/*
 * Copy out of, into, or clear guest RAM.  A span may cross ranges that touch.
 * Returns 0, or -1 with errno EFAULT and nothing done if any byte is not RAM.
 */
int	 guestmem_read(const struct guestmem *, uint64_t gpa, void *, size_t);
int	 guestmem_write(const struct guestmem *, uint64_t gpa, const void *,
	    size_t);
int	 guestmem_zero(const struct guestmem *, uint64_t gpa, size_t);

/*
 * Move data straight between file offset off and guest RAM, as preadv(2) and
 * pwritev(2) but without short transfers: only the end of the file makes the
 * result of a read smaller than asked.  Returns the number of bytes moved, or
 * -1 with errno: EFAULT (a byte is not RAM) and EINVAL (lengths or offset
 * out of range) before anything was moved, or that of the system call.
 */
ssize_t	 guestmem_preadv(const struct guestmem *, const struct guestmem_vec *,
	    size_t nvec, int fd, off_t off);
ssize_t	 guestmem_pwritev(const struct guestmem *, const struct guestmem_vec *,
	    size_t nvec, int fd, off_t off);
ssize_t	 guestmem_pread(const struct guestmem *, uint64_t gpa, size_t len,
	    int fd, off_t off);
ssize_t	 guestmem_pwrite(const struct guestmem *, uint64_t gpa, size_t len,
	    int fd, off_t off);

/*
 * One little-endian value, loaded with acquire or stored with release
 * ordering in a single access.  Returns 0, or -1 with errno EFAULT if it is
 * not in RAM or not naturally aligned.
 */
int	 guestmem_load16(const struct guestmem *, uint64_t gpa, uint16_t *);
int	 guestmem_load32(const struct guestmem *, uint64_t gpa, uint32_t *);
int	 guestmem_load64(const struct guestmem *, uint64_t gpa, uint64_t *);
int	 guestmem_store16(const struct guestmem *, uint64_t gpa, uint16_t);
int	 guestmem_store32(const struct guestmem *, uint64_t gpa, uint32_t);
int	 guestmem_store64(const struct guestmem *, uint64_t gpa, uint64_t);

#endif /* VMD_GUESTMEM_H */

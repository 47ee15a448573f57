/* SPDX-License-Identifier: ISC */

/* Checked, copying access to guest RAM; see guestmem.h. */

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/uio.h>

#include "guestmem.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
    "guest values are little-endian and used as they are");

#define GUESTMEM_IOV	64		/* pieces per system call */

typedef ssize_t (*iov_fn)(int, const struct iovec *, int, off_t);

int
guestmem_init(struct guestmem *gm, void *base,
    const struct guestmem_range *ranges, size_t nranges)
{
	uint64_t	 off = 0, end = 0;
	size_t		 i;

	memset(gm, 0, sizeof(*gm));
	if (base == NULL || nranges == 0 || nranges > GUESTMEM_MAX_RANGES)
		goto invalid;
	for (i = 0; i < nranges; i++) {
		const struct guestmem_range *r = &ranges[i];

		if (r->gr_size == 0 || r->gr_gpa < end ||
		    r->gr_gpa % GUESTMEM_PAGE_SIZE != 0 ||
		    r->gr_size % GUESTMEM_PAGE_SIZE != 0 ||
		    __builtin_add_overflow(r->gr_gpa, r->gr_size, &end))
			goto invalid;
		gm->gm_range[i] = *r;
		gm->gm_off[i] = off;
		off += r->gr_size;	/* no overflow: off <= end */
	}
	gm->gm_base = base;
	gm->gm_nranges = nranges;
	return (0);
invalid:
	errno = EINVAL;
	return (-1);
}

uint64_t
guestmem_size(const struct guestmem *gm)
{
	unsigned int	 last = gm->gm_nranges - 1;

	if (gm->gm_nranges == 0)
		return (0);
	return (gm->gm_off[last] + gm->gm_range[last].gr_size);
}

/*
 * The memory behind gpa, and in *len how much of the len bytes wanted lies
 * there in one piece.  NULL if gpa is not RAM.
 */
static uint8_t *
guestmem_piece(const struct guestmem *gm, uint64_t gpa, uint64_t *len)
{
	unsigned int	 i;

	for (i = 0; i < gm->gm_nranges; i++) {
		const struct guestmem_range *r = &gm->gm_range[i];
		uint64_t skip = gpa - r->gr_gpa;

		if (gpa < r->gr_gpa || skip >= r->gr_size)
			continue;
		if (*len > r->gr_size - skip)
			*len = r->gr_size - skip;
		return (gm->gm_base + gm->gm_off[i] + skip);
	}
	return (NULL);
}

int
guestmem_contains(const struct guestmem *gm, uint64_t gpa, uint64_t len)
{
	uint64_t	 end, n;

	if (__builtin_add_overflow(gpa, len, &end))
		return (0);
	for (; gpa < end; gpa += n) {
		n = end - gpa;
		if (guestmem_piece(gm, gpa, &n) == NULL)
			return (0);
	}
	return (1);
}

static int
guestmem_fault(void)
{
	errno = EFAULT;
	return (-1);
}

int
guestmem_read(const struct guestmem *gm, uint64_t gpa, void *buf, size_t len)
{
	uint8_t		*dst = buf;
	uint64_t	 n;

	if (!guestmem_contains(gm, gpa, len))
		return (guestmem_fault());
	for (; len > 0; gpa += n, dst += n, len -= n) {
		n = len;
		memcpy(dst, guestmem_piece(gm, gpa, &n), n);
	}
	/* The copy is what the caller checks: never fetched a second time. */
	atomic_signal_fence(memory_order_seq_cst);
	return (0);
}

int
guestmem_write(const struct guestmem *gm, uint64_t gpa, const void *buf,
    size_t len)
{
	const uint8_t	*src = buf;
	uint64_t	 n;

	if (!guestmem_contains(gm, gpa, len))
		return (guestmem_fault());
	for (; len > 0; gpa += n, src += n, len -= n) {
		n = len;
		memcpy(guestmem_piece(gm, gpa, &n), src, n);
	}
	return (0);
}

int
guestmem_zero(const struct guestmem *gm, uint64_t gpa, size_t len)
{
	uint64_t	 n;

	if (!guestmem_contains(gm, gpa, len))
		return (guestmem_fault());
	for (; len > 0; gpa += n, len -= n) {
		n = len;
		memset(guestmem_piece(gm, gpa, &n), 0, n);
	}
	return (0);
}

/* Check all of a scattered buffer; its length, or -1 with errno. */
static ssize_t
guestmem_check_vec(const struct guestmem *gm, const struct guestmem_vec *vec,
    size_t nvec, off_t off)
{
	uint64_t	 total = 0, end;
	size_t		 i;

	for (i = 0; i < nvec; i++) {
		if (!guestmem_contains(gm, vec[i].gv_gpa, vec[i].gv_len))
			return (guestmem_fault());
		if (__builtin_add_overflow(total, vec[i].gv_len, &total))
			break;
	}
	/* A negative offset is a very large one here. */
	if (i < nvec || __builtin_add_overflow((uint64_t)off, total, &end) ||
	    end > INT64_MAX) {
		errno = EINVAL;
		return (-1);
	}
	return ((ssize_t)total);
}

/*
 * Describe the checked buffer from byte skip on, as far as GUESTMEM_IOV
 * pieces reach.  Returns the number of pieces.
 */
static int
guestmem_fill_iov(const struct guestmem *gm, const struct guestmem_vec *vec,
    size_t nvec, uint64_t skip, struct iovec *iov)
{
	uint64_t	 gpa, len, n;
	size_t		 i;
	int		 niov = 0;

	for (i = 0; i < nvec; i++) {
		if (skip >= vec[i].gv_len) {
			skip -= vec[i].gv_len;
			continue;
		}
		gpa = vec[i].gv_gpa + skip;
		len = vec[i].gv_len - skip;
		skip = 0;
		for (; len > 0; gpa += n, len -= n) {
			if (niov == GUESTMEM_IOV)
				return (niov);
			n = len;
			iov[niov].iov_base = guestmem_piece(gm, gpa, &n);
			iov[niov++].iov_len = n;
		}
	}
	return (niov);
}

static ssize_t
guestmem_move(const struct guestmem *gm, const struct guestmem_vec *vec,
    size_t nvec, int fd, off_t off, iov_fn fn)
{
	struct iovec	 iov[GUESTMEM_IOV];
	ssize_t		 total, n, done = 0;
	int		 niov;

	if ((total = guestmem_check_vec(gm, vec, nvec, off)) == -1)
		return (-1);
	while (done < total) {
		niov = guestmem_fill_iov(gm, vec, nvec, done, iov);
		n = fn(fd, iov, niov, off + done);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return (-1);
		if (n == 0)
			break;
		done += n;
	}
	return (done);
}

ssize_t
guestmem_preadv(const struct guestmem *gm, const struct guestmem_vec *vec,
    size_t nvec, int fd, off_t off)
{
	return (guestmem_move(gm, vec, nvec, fd, off, preadv));
}

ssize_t
guestmem_pwritev(const struct guestmem *gm, const struct guestmem_vec *vec,
    size_t nvec, int fd, off_t off)
{
	return (guestmem_move(gm, vec, nvec, fd, off, pwritev));
}

ssize_t
guestmem_pread(const struct guestmem *gm, uint64_t gpa, size_t len, int fd,
    off_t off)
{
	struct guestmem_vec	 vec = { gpa, len };

	return (guestmem_preadv(gm, &vec, 1, fd, off));
}

ssize_t
guestmem_pwrite(const struct guestmem *gm, uint64_t gpa, size_t len, int fd,
    off_t off)
{
	struct guestmem_vec	 vec = { gpa, len };

	return (guestmem_pwritev(gm, &vec, 1, fd, off));
}

/*
 * The memory of one aligned value of size bytes, or NULL.  Ranges consist of
 * pages, so an aligned value lies in one range.
 */
static void *
guestmem_value(const struct guestmem *gm, uint64_t gpa, uint64_t size)
{
	void	*p = NULL;

	if (gpa % size == 0)
		p = guestmem_piece(gm, gpa, &size);
	if (p == NULL)
		errno = EFAULT;
	return (p);
}

#define GUESTMEM_ACCESSORS(bits)					\
int									\
guestmem_load##bits(const struct guestmem *gm, uint64_t gpa,		\
    uint##bits##_t *val)						\
{									\
	uint##bits##_t	*p = guestmem_value(gm, gpa, sizeof(*p));	\
									\
	if (p == NULL)							\
		return (-1);						\
	*val = __atomic_load_n(p, __ATOMIC_ACQUIRE);			\
	return (0);							\
}									\
									\
int									\
guestmem_store##bits(const struct guestmem *gm, uint64_t gpa,		\
    uint##bits##_t val)							\
{									\
	uint##bits##_t	*p = guestmem_value(gm, gpa, sizeof(*p));	\
									\
	if (p == NULL)							\
		return (-1);						\
	__atomic_store_n(p, val, __ATOMIC_RELEASE);			\
	return (0);							\
}

GUESTMEM_ACCESSORS(16)
GUESTMEM_ACCESSORS(32)
GUESTMEM_ACCESSORS(64)

/* SPDX-License-Identifier: ISC */

/* Raw disk images; see vioraw.h. */

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vioraw.h"

#define VIORAW_ZEROES	65536		/* bytes cleared by one write */

int
vioraw_init(struct vioraw *vr, int fd)
{
	struct stat	 st;
	off_t		 size;

	if (fstat(fd, &st) == -1)
		return (-1);
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode)) {
		errno = ENOTBLK;
		return (-1);
	}
	if ((size = lseek(fd, 0, SEEK_END)) == -1)
		return (-1);
	vr->vr_fd = fd;
	vr->vr_size = size;
	return (0);
}

static uint64_t
vioraw_size(void *arg)
{
	const struct vioraw	*vr = arg;

	return (vr->vr_size);
}

static ssize_t
vioraw_pread(void *arg, const struct guestmem *gm,
    const struct guestmem_vec *vec, size_t nvec, uint64_t off)
{
	const struct vioraw	*vr = arg;

	return (guestmem_preadv(gm, vec, nvec, vr->vr_fd, off));
}

static ssize_t
vioraw_pwrite(void *arg, const struct guestmem *gm,
    const struct guestmem_vec *vec, size_t nvec, uint64_t off)
{
	const struct vioraw	*vr = arg;

	return (guestmem_pwritev(gm, vec, nvec, vr->vr_fd, off));
}

static int
vioraw_flush(void *arg)
{
	const struct vioraw	*vr = arg;
	int			 error;

	do
		error = fdatasync(vr->vr_fd);
	while (error == -1 && errno == EINTR);
	return (error);
}

/* fallocate(2) without short cuts: 0 or -1 with errno. */
static int
vioraw_fallocate(const struct vioraw *vr, int mode, uint64_t off, uint64_t len)
{
	int	 error;

	if (len == 0)
		return (0);
	do
		error = fallocate(vr->vr_fd, mode | FALLOC_FL_KEEP_SIZE, off,
		    len);
	while (error == -1 && errno == EINTR);
	return (error);
}

static int
vioraw_discard(void *arg, uint64_t off, uint64_t len)
{
	/* A discard is advice: a file system that has no holes ignores it. */
	if (vioraw_fallocate(arg, FALLOC_FL_PUNCH_HOLE, off, len) == -1 &&
	    errno != EOPNOTSUPP)
		return (-1);
	return (0);
}

static int
vioraw_write_zeroes(const struct vioraw *vr, uint64_t off, uint64_t len)
{
	static const uint8_t	 zeroes[VIORAW_ZEROES];
	ssize_t			 n;

	for (; len > 0; off += n, len -= n) {
		n = pwrite(vr->vr_fd, zeroes,
		    len < sizeof(zeroes) ? len : sizeof(zeroes), off);
		if (n == -1 && errno == EINTR)
			n = 0;
		else if (n <= 0)
			return (-1);
	}
	return (0);
}

static int
vioraw_zero(void *arg, uint64_t off, uint64_t len, int unmap)
{
	int	 mode = unmap ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE;

	if (vioraw_fallocate(arg, mode, off, len) == 0)
		return (0);
	if (errno != EOPNOTSUPP)
		return (-1);
	return (vioraw_write_zeroes(arg, off, len));
}

const struct vioblk_backend vioraw_backend = {
	.vb_size = vioraw_size,
	.vb_pread = vioraw_pread,
	.vb_pwrite = vioraw_pwrite,
	.vb_flush = vioraw_flush,
	.vb_discard = vioraw_discard,
	.vb_zero = vioraw_zero,
};

/* SPDX-License-Identifier: ISC */
/*
 * A file to be read, that may be compressed as gzip(1) does.
 */
#ifndef VMD_GZFILE_H
#define VMD_GZFILE_H

#include <stddef.h>
#include <stdint.h>

#include "guestmem.h"

/* An open file; what was compressed is held in memory, unpacked. */
struct gzfile {
	int		 gz_fd;		/* the caller's */
	uint8_t		*gz_buf;	/* NULL: read gz_fd */
	size_t		 gz_room;	/* bytes mapped at gz_buf */
	uint64_t	 gz_size;	/* bytes of content */
};

/*
 * Start reading the regular file fd, which stays the caller's. Returns 0, or
 * -1 with errno: EINVAL (not a regular file), EFBIG (more than limit bytes of
 * content), EBADMSG (the compressed data is damaged or cut off), ENOMEM, or
 * that of the system call.
 */
int	 gzfile_open(struct gzfile *, int fd, uint64_t limit);
void	 gzfile_close(struct gzfile *);

/*
 * Read exactly len bytes of content at off, to buf or to guest RAM. Returns
 * 0, or -1 with errno: ERANGE when the content ends before that, EFAULT when
 * a byte of the target is not RAM, or that of the system call.
 */
int	 gzfile_read(const struct gzfile *, uint64_t off, void *buf,
	    size_t len);
int	 gzfile_load(const struct gzfile *, uint64_t off,
	    const struct guestmem *, uint64_t gpa, uint64_t len);

#endif /* VMD_GZFILE_H */

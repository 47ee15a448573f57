/* SPDX-License-Identifier: ISC */

/* vioraw: a raw disk image, in a regular file or a block device. */

#ifndef VMD_VIORAW_H
#define VMD_VIORAW_H

#include <stdint.h>

#include "vioblk.h"

struct vioraw {
	int		 vr_fd;
	uint64_t	 vr_size;	/* bytes */
};

/* The back end for vioblk_init(); its arg is a struct vioraw. */
extern const struct vioblk_backend	 vioraw_backend;

/*
 * Use the image behind fd, which stays the caller's to close.  System calls
 * from then on: preadv, pwritev, fdatasync, fallocate.  Returns 0, or -1
 * with errno; ENOTBLK if fd is neither a file nor a block device.
 */
int	 vioraw_init(struct vioraw *, int fd);

#endif /* VMD_VIORAW_H */

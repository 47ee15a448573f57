/* SPDX-License-Identifier: ISC */

/*
 * vioblk: the virtio block device, VIRTIO 1.1 section 5.2, over a back end
 * that stores the bytes (vioraw).
 */

#ifndef VMD_VIOBLK_H
#define VMD_VIOBLK_H

#include <linux/virtio_blk.h>
#include <sys/types.h>

#include "virtio.h"

#define VIOBLK_QUEUE_SIZE	128
#define VIOBLK_SECTOR		512
#define VIOBLK_SEG_MAX		(VIOBLK_QUEUE_SIZE - 2)
#define VIOBLK_SIZE_MAX		(1024 * 1024)	/* bytes in a segment */
#define VIOBLK_MAX_REQUEST	((uint64_t)VIOBLK_SEG_MAX * VIOBLK_SIZE_MAX)
#define VIOBLK_RANGES_MAX	16	/* of a discard or write zeroes */
#define VIOBLK_DISCARD_MAX	(1U << 21)	/* sectors in a range */
#define VIOBLK_ZEROES_MAX	(1U << 15)

/*
 * Where the bytes are.  Offsets and lengths are multiples of the sector size
 * and within vb_size.  All return -1 on failure.
 */
struct vioblk_backend {
	/* Bytes of the disk; does not change. */
	uint64_t (*vb_size)(void *arg);

	/* Move data from or to guest memory; the number of bytes moved. */
	ssize_t	 (*vb_pread)(void *arg, const struct guestmem *,
		    const struct guestmem_vec *, size_t nvec, uint64_t off);
	ssize_t	 (*vb_pwrite)(void *arg, const struct guestmem *,
		    const struct guestmem_vec *, size_t nvec, uint64_t off);

	/* Make everything written so far survive a power failure. */
	int	 (*vb_flush)(void *arg);

	/* The contents do not matter any more.  NULL: not offered. */
	int	 (*vb_discard)(void *arg, uint64_t off, uint64_t len);

	/* Clear; storage may be given up if unmap.  NULL: not offered. */
	int	 (*vb_zero)(void *arg, uint64_t off, uint64_t len,
		    int unmap);
};

struct vioblk {
	struct virtio			 vb_virtio;
	const struct vioblk_backend	*vb_ops;
	void				*vb_arg;
	int				 vb_readonly;
	uint64_t			 vb_sectors;
	char				 vb_id[VIRTIO_BLK_ID_BYTES];
	struct virtio_blk_config	 vb_config;
	struct guestmem_vec		 vb_vec[VIOBLK_QUEUE_SIZE];
};

/*
 * Plug in a disk; the first 20 bytes of name are its serial number.
 * Returns 0, or -1 if the bus is full.
 */
int	 vioblk_init(struct vioblk *, const struct virtio_env *,
	    const struct vioblk_backend *, void *arg, const char *name,
	    int readonly);

#endif /* VMD_VIOBLK_H */

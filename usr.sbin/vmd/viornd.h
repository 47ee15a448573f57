/* SPDX-License-Identifier: ISC */

/* viornd: the virtio entropy device, VIRTIO 1.1 section 5.4. */

#ifndef VMD_VIORND_H
#define VMD_VIORND_H

#include "virtio.h"

#define VIORND_QUEUE_SIZE	64
#define VIORND_MAX_REQUEST	65536	/* bytes; the guest may ask again */

struct viornd {
	struct virtio	 vr_virtio;
	void		 (*vr_random)(void *buf, size_t len);
};

/*
 * Plug the device in.  random fills a buffer with random bytes and cannot
 * fail, as arc4random_buf(3).  Returns 0, or -1 if the bus is full.
 */
int	 viornd_init(struct viornd *, const struct virtio_env *,
	    void (*random)(void *buf, size_t len));

#endif /* VMD_VIORND_H */

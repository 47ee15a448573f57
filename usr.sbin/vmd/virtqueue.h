/* SPDX-License-Identifier: ISC */

/*
 * virtqueue: the device's side of a split virtqueue (VIRTIO 1.1, section
 * 2.6) with indirect descriptors and event indexes.
 *
 * The rings belong to the guest.  Each entry is copied once and then judged;
 * a chain is handed out only if it is finite, readable part first, and lies
 * in RAM with every byte.  After a -1 the queue is of no use until reset, and
 * vq_error says why.
 */

#ifndef VMD_VIRTQUEUE_H
#define VMD_VIRTQUEUE_H

#include <stddef.h>
#include <stdint.h>

#include "guestmem.h"

#define VIRTQ_MAX_SIZE		1024

/* The three parts of a virtqueue, in the order of the registers. */
enum virtq_area {
	VIRTQ_DESC,
	VIRTQ_AVAIL,
	VIRTQ_USED,
	VIRTQ_NAREAS
};

struct virtqueue {
	uint16_t	 vq_max;	/* largest size, a power of two */
	uint16_t	 vq_size;	/* as chosen by the driver */
	int		 vq_enabled;
	int		 vq_event_idx;	/* VIRTIO_RING_F_EVENT_IDX accepted */
	int		 vq_indirect;	/* VIRTIO_RING_F_INDIRECT_DESC */
	uint64_t	 vq_addr[VIRTQ_NAREAS];
	uint16_t	 vq_last_avail;	/* next entry to take */
	uint16_t	 vq_used_idx;	/* next entry to fill */
	uint16_t	 vq_signalled;	/* vq_used_idx at the last decision */
	int		 vq_quiet;	/* VRING_USED_F_NO_NOTIFY is set */
	const char	*vq_error;
};

/* One buffer: readable pieces, then writable ones. */
struct virtq_chain {
	uint16_t		 vc_head;
	unsigned int		 vc_nout;	/* pieces the device reads */
	unsigned int		 vc_nin;	/* pieces the device writes */
	uint64_t		 vc_out_len;	/* bytes */
	uint64_t		 vc_in_len;
	struct guestmem_vec	 vc_vec[VIRTQ_MAX_SIZE];
};

/* max: a power of two up to VIRTQ_MAX_SIZE.  Reset keeps only that. */
void	 virtqueue_init(struct virtqueue *, uint16_t max);
void	 virtqueue_reset(struct virtqueue *);

/* 1 if a driver may choose this size. */
int	 virtqueue_size_valid(const struct virtqueue *, uint32_t size);

/*
 * Start the queue at vq_addr with vq_size entries under the accepted feature
 * bits.  Returns 0, or -1 if an area is misaligned or not in RAM.
 */
int	 virtqueue_enable(struct virtqueue *, const struct guestmem *,
	    uint64_t features);

/* Take the next buffer: 1 and the chain, 0 if there is none, -1 on error. */
int	 virtqueue_pop(struct virtqueue *, const struct guestmem *,
	    struct virtq_chain *);

/* Give a buffer back with len bytes written.  Returns 0 or -1. */
int	 virtqueue_push(struct virtqueue *, const struct guestmem *,
	    uint16_t head, uint32_t len);

/*
 * Tell the driver that notifications are not needed for now, and that they
 * are again.  The latter returns 1 if buffers came meanwhile, for which no
 * notification may arrive; 0 or -1 otherwise.
 */
int	 virtqueue_quiesce(struct virtqueue *, const struct guestmem *);
int	 virtqueue_rearm(struct virtqueue *, const struct guestmem *);

/* 1 if the driver wants an interrupt for what was pushed since last asked. */
int	 virtqueue_interrupt(struct virtqueue *, const struct guestmem *);

/*
 * Copy len bytes at offset off of the readable part, or to the writable part.
 * Returns 0, or -1 and nothing done if the part is shorter than that.
 */
int	 virtq_chain_read(const struct virtq_chain *, const struct guestmem *,
	    uint64_t off, void *, size_t len);
int	 virtq_chain_write(const struct virtq_chain *, const struct guestmem *,
	    uint64_t off, const void *, size_t len);

/*
 * Describe bytes [off, off + len) of n pieces in vec, which has room for n.
 * They must be that long.  Returns the number of pieces used.
 */
size_t	 virtq_slice(const struct guestmem_vec *pieces, size_t n,
	    uint64_t off, uint64_t len, struct guestmem_vec *vec);

#endif /* VMD_VIRTQUEUE_H */

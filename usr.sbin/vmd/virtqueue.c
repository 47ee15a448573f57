/* SPDX-License-Identifier: ISC */

/* Split virtqueues, VIRTIO 1.1 section 2.6; see virtqueue.h. */

#include <linux/virtio_ring.h>
#include <stdatomic.h>
#include <string.h>

#include "virtqueue.h"

_Static_assert(sizeof(struct vring_desc) == 16, "section 2.6.5");
_Static_assert(sizeof(struct vring_used_elem) == 8, "section 2.6.8");
_Static_assert(offsetof(struct vring_avail, idx) == 2, "section 2.6.6");
_Static_assert(offsetof(struct vring_avail, ring) == 4, "section 2.6.6");
_Static_assert(offsetof(struct vring_used, idx) == 2, "section 2.6.8");
_Static_assert(offsetof(struct vring_used, ring) == 4, "section 2.6.8");

/* Alignment and size of each area: base + per-entry bytes (section 2.6). */
static const struct {
	uint64_t	 align;
	uint64_t	 base;
	uint64_t	 entry;
} virtq_areas[VIRTQ_NAREAS] = {
	[VIRTQ_DESC] =	{ 16, 0, sizeof(struct vring_desc) },
	[VIRTQ_AVAIL] =	{ 2, 6, sizeof(uint16_t) },
	[VIRTQ_USED] =	{ 4, 6, sizeof(struct vring_used_elem) },
};

static int
virtqueue_fail(struct virtqueue *vq, const char *why)
{
	vq->vq_error = why;
	return (-1);
}

/* Addresses of ring fields. */
static uint64_t
avail_flags(const struct virtqueue *vq)
{
	return (vq->vq_addr[VIRTQ_AVAIL]);
}

static uint64_t
avail_idx(const struct virtqueue *vq)
{
	return (vq->vq_addr[VIRTQ_AVAIL] + 2);
}

static uint64_t
avail_ring(const struct virtqueue *vq, uint16_t i)
{
	return (vq->vq_addr[VIRTQ_AVAIL] + 4 +
	    sizeof(uint16_t) * (i & (vq->vq_size - 1)));
}

static uint64_t
used_event(const struct virtqueue *vq)
{
	return (vq->vq_addr[VIRTQ_AVAIL] + 4 +
	    sizeof(uint16_t) * vq->vq_size);
}

static uint64_t
used_flags(const struct virtqueue *vq)
{
	return (vq->vq_addr[VIRTQ_USED]);
}

static uint64_t
used_idx(const struct virtqueue *vq)
{
	return (vq->vq_addr[VIRTQ_USED] + 2);
}

static uint64_t
used_ring(const struct virtqueue *vq, uint16_t i)
{
	return (vq->vq_addr[VIRTQ_USED] + 4 +
	    sizeof(struct vring_used_elem) * (i & (vq->vq_size - 1)));
}

static uint64_t
avail_event(const struct virtqueue *vq)
{
	return (vq->vq_addr[VIRTQ_USED] + 4 +
	    sizeof(struct vring_used_elem) * vq->vq_size);
}

void
virtqueue_init(struct virtqueue *vq, uint16_t max)
{
	vq->vq_max = max;
	virtqueue_reset(vq);
}

void
virtqueue_reset(struct virtqueue *vq)
{
	uint16_t	 max = vq->vq_max;

	memset(vq, 0, sizeof(*vq));
	vq->vq_max = vq->vq_size = max;
}

int
virtqueue_size_valid(const struct virtqueue *vq, uint32_t size)
{
	return (size != 0 && size <= vq->vq_max && (size & (size - 1)) == 0);
}

int
virtqueue_enable(struct virtqueue *vq, const struct guestmem *gm,
    uint64_t features)
{
	int	 i;

	for (i = 0; i < VIRTQ_NAREAS; i++) {
		uint64_t len = virtq_areas[i].base +
		    virtq_areas[i].entry * vq->vq_size;

		if (vq->vq_addr[i] % virtq_areas[i].align != 0)
			return (virtqueue_fail(vq, "misaligned ring"));
		if (!guestmem_contains(gm, vq->vq_addr[i], len))
			return (virtqueue_fail(vq, "ring outside RAM"));
	}
	vq->vq_event_idx = (features >> VIRTIO_RING_F_EVENT_IDX) & 1;
	vq->vq_indirect = (features >> VIRTIO_RING_F_INDIRECT_DESC) & 1;
	vq->vq_enabled = 1;
	return (0);
}

/* Judge a descriptor that describes a buffer, and add it to the chain. */
static int
chain_add(struct virtqueue *vq, const struct guestmem *gm,
    struct virtq_chain *vc, const struct vring_desc *d)
{
	unsigned int	 n = vc->vc_nout + vc->vc_nin;

	if (n == vq->vq_max)
		return (virtqueue_fail(vq, "chain longer than the queue"));
	if (d->len == 0)
		return (virtqueue_fail(vq, "empty descriptor"));
	if (!guestmem_contains(gm, d->addr, d->len))
		return (virtqueue_fail(vq, "buffer outside RAM"));
	if (d->flags & VRING_DESC_F_WRITE) {
		vc->vc_nin++;
		vc->vc_in_len += d->len;
	} else {
		if (vc->vc_nin != 0)
			return (virtqueue_fail(vq,
			    "readable descriptor after a writable one"));
		vc->vc_nout++;
		vc->vc_out_len += d->len;
	}
	vc->vc_vec[n].gv_gpa = d->addr;
	vc->vc_vec[n].gv_len = d->len;
	return (0);
}

/*
 * Follow a chain from entry i of a table of n descriptors.  Unless the table
 * is an indirect one, the last descriptor may refer to such a table, which
 * is then left in *ind.
 */
static int
chain_walk(struct virtqueue *vq, const struct guestmem *gm,
    struct virtq_chain *vc, uint64_t table, uint32_t n, uint16_t i,
    struct vring_desc *ind)
{
	struct vring_desc	 d;
	uint32_t		 seen;

	for (seen = 0; seen < n; seen++) {
		if (i >= n)
			return (virtqueue_fail(vq, "descriptor index"));
		if (guestmem_read(gm, table + i * sizeof(d), &d,
		    sizeof(d)) == -1)
			return (virtqueue_fail(vq, "table outside RAM"));
		if (d.flags & VRING_DESC_F_INDIRECT) {
			if (ind == NULL || !vq->vq_indirect ||
			    d.flags & VRING_DESC_F_NEXT)
				return (virtqueue_fail(vq,
				    "indirect descriptor not allowed here"));
			*ind = d;
			return (0);
		}
		if (chain_add(vq, gm, vc, &d) == -1)
			return (-1);
		if (!(d.flags & VRING_DESC_F_NEXT))
			return (0);
		i = d.next;
	}
	return (virtqueue_fail(vq, "descriptor loop"));
}

/* Collect the chain at head, with the indirect table it may end in. */
static int
chain_collect(struct virtqueue *vq, const struct guestmem *gm,
    struct virtq_chain *vc, uint16_t head)
{
	struct vring_desc	 ind = { .len = 0, .flags = 0 };

	vc->vc_head = head;
	vc->vc_nout = vc->vc_nin = 0;
	vc->vc_out_len = vc->vc_in_len = 0;
	if (chain_walk(vq, gm, vc, vq->vq_addr[VIRTQ_DESC], vq->vq_size,
	    head, &ind) == -1)
		return (-1);
	if (!(ind.flags & VRING_DESC_F_INDIRECT))
		return (0);
	if (ind.len == 0 || ind.len % sizeof(ind) != 0)
		return (virtqueue_fail(vq, "indirect table size"));
	if (!guestmem_contains(gm, ind.addr, ind.len))
		return (virtqueue_fail(vq, "table outside RAM"));
	return (chain_walk(vq, gm, vc, ind.addr, ind.len / sizeof(ind), 0,
	    NULL));
}

int
virtqueue_pop(struct virtqueue *vq, const struct guestmem *gm,
    struct virtq_chain *vc)
{
	uint16_t	 idx, head;

	if (vq->vq_error != NULL)
		return (-1);
	if (guestmem_load16(gm, avail_idx(vq), &idx) == -1)
		return (virtqueue_fail(vq, "ring outside RAM"));
	if (idx == vq->vq_last_avail)
		return (0);
	if ((uint16_t)(idx - vq->vq_last_avail) > vq->vq_size)
		return (virtqueue_fail(vq, "available index"));
	if (guestmem_load16(gm, avail_ring(vq, vq->vq_last_avail),
	    &head) == -1)
		return (virtqueue_fail(vq, "ring outside RAM"));
	if (chain_collect(vq, gm, vc, head) == -1)
		return (-1);
	vq->vq_last_avail++;
	return (1);
}

int
virtqueue_push(struct virtqueue *vq, const struct guestmem *gm, uint16_t head,
    uint32_t len)
{
	struct vring_used_elem	 elem = { .id = head, .len = len };

	if (guestmem_write(gm, used_ring(vq, vq->vq_used_idx), &elem,
	    sizeof(elem)) == -1 ||
	    guestmem_store16(gm, used_idx(vq), vq->vq_used_idx + 1) == -1)
		return (virtqueue_fail(vq, "ring outside RAM"));
	vq->vq_used_idx++;
	return (0);
}

int
virtqueue_quiesce(struct virtqueue *vq, const struct guestmem *gm)
{
	/* An avail_event that is not moved does the same by itself. */
	if (vq->vq_event_idx || vq->vq_quiet)
		return (0);
	vq->vq_quiet = 1;
	return (guestmem_store16(gm, used_flags(vq), VRING_USED_F_NO_NOTIFY));
}

int
virtqueue_rearm(struct virtqueue *vq, const struct guestmem *gm)
{
	uint16_t	 idx;
	int		 error = 0;

	if (vq->vq_event_idx)
		error = guestmem_store16(gm, avail_event(vq),
		    vq->vq_last_avail);
	else if (vq->vq_quiet) {
		error = guestmem_store16(gm, used_flags(vq), 0);
		vq->vq_quiet = 0;
	}
	/* The driver publishes its index, then looks at what we just wrote. */
	atomic_thread_fence(memory_order_seq_cst);
	if (error == -1 || guestmem_load16(gm, avail_idx(vq), &idx) == -1)
		return (virtqueue_fail(vq, "ring outside RAM"));
	return (idx != vq->vq_last_avail);
}

int
virtqueue_interrupt(struct virtqueue *vq, const struct guestmem *gm)
{
	uint16_t	 old = vq->vq_signalled, want;

	if (vq->vq_used_idx == old)
		return (0);
	vq->vq_signalled = vq->vq_used_idx;
	/* The driver writes what it wants, then looks at the used index. */
	atomic_thread_fence(memory_order_seq_cst);
	if (vq->vq_event_idx) {
		if (guestmem_load16(gm, used_event(vq), &want) == -1)
			return (0);
		return (vring_need_event(want, vq->vq_used_idx, old));
	}
	if (guestmem_load16(gm, avail_flags(vq), &want) == -1)
		return (0);
	return (!(want & VRING_AVAIL_F_NO_INTERRUPT));
}

int
virtq_chain_read(const struct virtq_chain *vc, const struct guestmem *gm,
    uint64_t off, void *buf, size_t len)
{
	const struct guestmem_vec	*v;
	uint8_t				*dst = buf;
	uint64_t			 n;

	if (off > vc->vc_out_len || len > vc->vc_out_len - off)
		return (-1);
	for (v = vc->vc_vec; len > 0; v++) {
		if (off >= v->gv_len) {
			off -= v->gv_len;
			continue;
		}
		n = v->gv_len - off < len ? v->gv_len - off : len;
		if (guestmem_read(gm, v->gv_gpa + off, dst, n) == -1)
			return (-1);
		off = 0;
		dst += n;
		len -= n;
	}
	return (0);
}

int
virtq_chain_write(const struct virtq_chain *vc, const struct guestmem *gm,
    uint64_t off, const void *buf, size_t len)
{
	const struct guestmem_vec	*v;
	const uint8_t			*src = buf;
	uint64_t			 n;

	if (off > vc->vc_in_len || len > vc->vc_in_len - off)
		return (-1);
	for (v = vc->vc_vec + vc->vc_nout; len > 0; v++) {
		if (off >= v->gv_len) {
			off -= v->gv_len;
			continue;
		}
		n = v->gv_len - off < len ? v->gv_len - off : len;
		if (guestmem_write(gm, v->gv_gpa + off, src, n) == -1)
			return (-1);
		off = 0;
		src += n;
		len -= n;
	}
	return (0);
}

size_t
virtq_slice(const struct guestmem_vec *pieces, size_t n, uint64_t off,
    uint64_t len, struct guestmem_vec *vec)
{
	size_t	 i, used = 0;

	for (i = 0; i < n && len > 0; i++) {
		uint64_t have = pieces[i].gv_len;

		if (off >= have) {
			off -= have;
			continue;
		}
		have -= off;
		if (have > len)
			have = len;
		vec[used].gv_gpa = pieces[i].gv_gpa + off;
		vec[used++].gv_len = have;
		off = 0;
		len -= have;
	}
	return (used);
}

/* SPDX-License-Identifier: ISC */

/*
 * The virtio device model, VIRTIO 1.1 chapters 2 and 3: status, features,
 * queues and interrupts; see virtio.h.
 */

#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <string.h>

#include "virtio.h"

#define VIRTIO_ISR_QUEUE	0x1
#define VIRTIO_ISR_CONFIG	VIRTIO_PCI_ISR_CONFIG

#define VIRTIO_F(n)		(1ULL << (n))
#define VIRTIO_CORE_FEATURES						\
	(VIRTIO_F(VIRTIO_F_VERSION_1) |					\
	VIRTIO_F(VIRTIO_RING_F_INDIRECT_DESC) |				\
	VIRTIO_F(VIRTIO_RING_F_EVENT_IDX))

/* The status bits that are the driver's to set (section 2.1). */
#define VIRTIO_DRIVER_STATUS						\
	(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |		\
	VIRTIO_CONFIG_S_DRIVER_OK | VIRTIO_CONFIG_S_FEATURES_OK |	\
	VIRTIO_CONFIG_S_FAILED)

int
virtio_init(struct virtio *v, const struct virtio_class *class, void *dev,
    const struct virtio_env *env, uint64_t features, const void *config,
    size_t config_len)
{
	unsigned int	 q;

	memset(v, 0, sizeof(*v));
	v->v_env = *env;
	v->v_class = class;
	v->v_dev = dev;
	v->v_offered = features | VIRTIO_CORE_FEATURES;
	v->v_config = config;
	v->v_config_len = config_len;
	for (q = 0; q < class->vc_nqueues; q++)
		virtqueue_init(&v->v_vq[q], class->vc_queue_size);
	return (virtio_pci_attach(v));
}

int
virtio_has_feature(const struct virtio *v, unsigned int n)
{
	return ((v->v_accepted >> n) & 1);
}

void
virtio_reset(struct virtio *v)
{
	unsigned int	 q;

	for (q = 0; q < v->v_class->vc_nqueues; q++)
		virtqueue_reset(&v->v_vq[q]);
	v->v_accepted = 0;
	v->v_offered_sel = v->v_accepted_sel = 0;
	v->v_queue_sel = 0;
	v->v_status = 0;
	v->v_isr = 0;
	v->v_pending = 0;
	pci_intx(v->v_pci, 0);
	if (v->v_class->vc_reset != NULL)
		v->v_class->vc_reset(v->v_dev);
}

/* A live driver that has not been told to reset the device. */
static int
virtio_running(const struct virtio *v)
{
	return ((v->v_status & (VIRTIO_CONFIG_S_DRIVER_OK |
	    VIRTIO_CONFIG_S_NEEDS_RESET)) == VIRTIO_CONFIG_S_DRIVER_OK);
}

static void
virtio_interrupt(struct virtio *v, uint8_t cause)
{
	v->v_isr |= cause;
	pci_intx(v->v_pci, 1);
}

uint8_t
virtio_read_isr(struct virtio *v)
{
	uint8_t	 isr = v->v_isr;

	v->v_isr = 0;
	pci_intx(v->v_pci, 0);
	return (isr);
}

void
virtio_config_changed(struct virtio *v)
{
	v->v_generation++;
	if (v->v_status & VIRTIO_CONFIG_S_DRIVER_OK)
		virtio_interrupt(v, VIRTIO_ISR_CONFIG);
}

/* Section 2.1.2: nothing more is done for this driver until it resets us. */
static void
virtio_broken(struct virtio *v, const char *why)
{
	if (v->v_status & VIRTIO_CONFIG_S_NEEDS_RESET)
		return;
	v->v_status |= VIRTIO_CONFIG_S_NEEDS_RESET;
	v->v_pending = 0;
	v->v_stats.vs_broken++;
	if (v->v_env.ve_ops->vo_broken != NULL)
		v->v_env.ve_ops->vo_broken(v->v_env.ve_arg,
		    v->v_class->vc_name, why);
	if (v->v_status & VIRTIO_CONFIG_S_DRIVER_OK)
		virtio_interrupt(v, VIRTIO_ISR_CONFIG);
}

static void
virtio_mark(struct virtio *v, unsigned int q)
{
	v->v_pending |= 1U << q;
	v->v_env.ve_ops->vo_kick(v->v_env.ve_arg);
}

void
virtio_notify(struct virtio *v, unsigned int q)
{
	if (q >= v->v_class->vc_nqueues || !v->v_vq[q].vq_enabled ||
	    !virtio_running(v)) {
		v->v_stats.vs_bad_notify++;
		return;
	}
	virtio_mark(v, q);
}

/* Section 2.2.2: a subset of what is offered, and not a legacy driver. */
static int
virtio_features_valid(const struct virtio *v)
{
	return ((v->v_accepted & ~v->v_offered) == 0 &&
	    virtio_has_feature(v, VIRTIO_F_VERSION_1));
}

void
virtio_set_features(struct virtio *v, uint32_t bits)
{
	unsigned int	 shift = 32 * v->v_accepted_sel;

	/* There are 64 bits; drivers that know more write zeroes there. */
	if (v->v_accepted_sel > 1 && bits == 0)
		return;
	if (v->v_accepted_sel > 1 ||
	    v->v_status & VIRTIO_CONFIG_S_FEATURES_OK) {
		v->v_stats.vs_bad_write++;
		return;
	}
	v->v_accepted &= ~((uint64_t)UINT32_MAX << shift);
	v->v_accepted |= (uint64_t)bits << shift;
}

/* Buffers may have been made available before the driver was ready. */
static void
virtio_start(struct virtio *v)
{
	unsigned int	 q;

	for (q = 0; q < v->v_class->vc_nqueues; q++)
		if (v->v_vq[q].vq_enabled)
			virtio_mark(v, q);
}

/* Section 2.1.1 and 3.1.1: bits are only ever added, and in order. */
void
virtio_set_status(struct virtio *v, uint8_t val)
{
	uint8_t	 add = val & ~v->v_status & VIRTIO_DRIVER_STATUS;

	if (val == 0) {
		virtio_reset(v);
		return;
	}
	if ((add & VIRTIO_CONFIG_S_FEATURES_OK) && !virtio_features_valid(v)) {
		v->v_stats.vs_bad_write++;
		add &= ~VIRTIO_CONFIG_S_FEATURES_OK;
	}
	if ((add & VIRTIO_CONFIG_S_DRIVER_OK) &&
	    !((v->v_status | add) & VIRTIO_CONFIG_S_FEATURES_OK)) {
		v->v_stats.vs_bad_write++;
		add &= ~VIRTIO_CONFIG_S_DRIVER_OK;
	}
	v->v_status |= add;
	if ((add & VIRTIO_CONFIG_S_DRIVER_OK) && virtio_running(v))
		virtio_start(v);
}

struct virtqueue *
virtio_selected(struct virtio *v)
{
	if (v->v_queue_sel >= v->v_class->vc_nqueues)
		return (NULL);
	return (&v->v_vq[v->v_queue_sel]);
}

/* Start the selected queue; the features that rule it must be settled. */
void
virtio_enable_queue(struct virtio *v)
{
	struct virtqueue	*vq = virtio_selected(v);

	if (vq == NULL || vq->vq_enabled ||
	    !(v->v_status & VIRTIO_CONFIG_S_FEATURES_OK)) {
		v->v_stats.vs_bad_write++;
		return;
	}
	if (virtqueue_enable(vq, v->v_env.ve_gm, v->v_accepted) == -1)
		virtio_broken(v, vq->vq_error);
}

/* Serve one buffer: 1, or 0 if there is none; -1 if the driver erred. */
static int
virtio_serve(struct virtio *v, unsigned int q)
{
	const struct guestmem	*gm = v->v_env.ve_gm;
	struct virtqueue	*vq = &v->v_vq[q];
	uint32_t		 len = 0;
	int			 r;

	if ((r = virtqueue_pop(vq, gm, &v->v_chain)) != 1)
		return (r);
	if (v->v_class->vc_request(v->v_dev, q, &v->v_chain, &len) == -1) {
		vq->vq_error = "malformed request";
		return (-1);
	}
	if (virtqueue_push(vq, gm, v->v_chain.vc_head, len) == -1)
		return (-1);
	return (1);
}

/*
 * Serve a queue until it is empty or the budget is used up.  Looking at an
 * empty queue counts, too: the guest can make us look again and again.
 */
static void
virtio_process_queue(struct virtio *v, unsigned int q, unsigned int *budget)
{
	const struct guestmem	*gm = v->v_env.ve_gm;
	struct virtqueue	*vq = &v->v_vq[q];
	int			 r = virtqueue_quiesce(vq, gm);

	for (; r != -1 && *budget > 0; (*budget)--) {
		r = virtio_serve(v, q);
		if (r == 0 && (r = virtqueue_rearm(vq, gm)) == 0) {
			v->v_pending &= ~(1U << q);
			break;
		}
	}
	if (virtqueue_interrupt(vq, gm))
		virtio_interrupt(v, VIRTIO_ISR_QUEUE);
	if (r == -1)
		virtio_broken(v, vq->vq_error);
}

int
virtio_process(struct virtio *v, unsigned int budget)
{
	unsigned int	 q;

	for (q = 0; q < v->v_class->vc_nqueues; q++)
		if (v->v_pending & (1U << q))
			virtio_process_queue(v, q, &budget);
	return (v->v_pending != 0);
}

/* SPDX-License-Identifier: ISC */

/*
 * virtio: a VIRTIO 1.1 device on the PCI bus (chapters 2 to 4.1).
 *
 * virtio.c is the device model: status, features, queues, interrupts;
 * virtio_pci.c its registers, in one I/O BAR.  A device class (block,
 * entropy) fills in what the device is and what it does with a buffer.
 *
 * A notification only marks the queue and calls vo_kick; the owner then calls
 * virtio_process() where it likes to do the work.  Pure state: the owner
 * serialises all calls (the device mutex of the VM).  A struct virtio must
 * not move once set up.
 */

#ifndef VMD_VIRTIO_H
#define VMD_VIRTIO_H

#include <stddef.h>
#include <stdint.h>

#include "guestmem.h"
#include "pci.h"
#include "virtqueue.h"

#define VIRTIO_MAX_QUEUES	8
#define VIRTIO_PCI_VENDOR	0x1af4
#define VIRTIO_PCI_DEVICE	0x1040	/* plus the device type */
#define VIRTIO_PCI_REVISION	1
#define VIRTIO_PCI_SUBVENDOR	0x0b5d	/* OpenBSD */

/* Where the structures are in the BAR. */
#define VIRTIO_IO_COMMON	0x000
#define VIRTIO_IO_NOTIFY	0x100
#define VIRTIO_IO_ISR		0x200
#define VIRTIO_IO_DEVICE	0x300

/* A device class. */
struct virtio_class {
	const char	*vc_name;
	uint16_t	 vc_type;	/* section 5, 1 is net, 2 is block */
	uint32_t	 vc_pci_class;
	unsigned int	 vc_nqueues;
	uint16_t	 vc_queue_size;	/* largest, a power of two */

	/*
	 * Serve one buffer of queue q and set *len to the number of bytes
	 * written, counted from the first without a hole.  Returns 0, or
	 * -1 if the buffer is not a request at all: the device then needs
	 * a reset.
	 */
	int	 (*vc_request)(void *dev, unsigned int q,
		    const struct virtq_chain *, uint32_t *len);

	/* The driver reset the device.  May be NULL. */
	void	 (*vc_reset)(void *dev);
};

/* What a device asks of its owner. */
struct virtio_ops {
	/* Call virtio_process() on this device soon. */
	void	 (*vo_kick)(void *arg);
	/* The driver broke the rules; tell the log once.  May be NULL. */
	void	 (*vo_broken)(void *arg, const char *dev, const char *why);
};

/* Where a device is plugged in. */
struct virtio_env {
	struct pci		*ve_pci;
	const struct guestmem	*ve_gm;
	const struct virtio_ops	*ve_ops;
	void			*ve_arg;
};

/* Things guests do that have no effect. */
struct virtio_stats {
	uint64_t	 vs_bad_access;	/* no such register or width */
	uint64_t	 vs_bad_write;	/* value or moment not allowed */
	uint64_t	 vs_bad_notify;	/* no such or not a running queue */
	uint64_t	 vs_broken;	/* times a reset became needed */
};

struct virtio {
	struct virtio_env		 v_env;
	const struct virtio_class	*v_class;
	void				*v_dev;
	struct pci_dev			*v_pci;
	unsigned int			 v_pci_cfg;	/* that capability */

	uint64_t			 v_offered;
	uint64_t			 v_accepted;
	uint32_t			 v_offered_sel;
	uint32_t			 v_accepted_sel;
	uint16_t			 v_queue_sel;
	uint8_t				 v_status;
	uint8_t				 v_isr;
	uint8_t				 v_generation;
	uint32_t			 v_pending;	/* bit n: queue n */

	const uint8_t			*v_config;
	size_t				 v_config_len;

	struct virtqueue		 v_vq[VIRTIO_MAX_QUEUES];
	struct virtq_chain		 v_chain;
	struct virtio_stats		 v_stats;
};

/*
 * Plug a device of a class into the bus.  features are those of the class;
 * version 1 and the ring features are added here.  config is the device
 * configuration that the guest reads (read-only to it); it stays with the
 * caller.  Returns 0, or -1 if the bus has no slot, BAR or interrupt left.
 */
int	 virtio_init(struct virtio *, const struct virtio_class *, void *dev,
	    const struct virtio_env *, uint64_t features, const void *config,
	    size_t config_len);

/* As by the driver writing 0 to the status; also for a reset of the VM. */
void	 virtio_reset(struct virtio *);

/*
 * Serve notified queues, at most budget buffers.  Returns 1 if there is more
 * to do: call again, having let go of the lock in between.
 */
int	 virtio_process(struct virtio *, unsigned int budget);

/* The device configuration changed: tell the driver. */
void	 virtio_config_changed(struct virtio *);

/* 1 if the driver accepted feature bit n. */
int	 virtio_has_feature(const struct virtio *, unsigned int n);

/* Between virtio.c and virtio_pci.c. */
int	 virtio_pci_attach(struct virtio *);
void	 virtio_set_status(struct virtio *, uint8_t);
void	 virtio_set_features(struct virtio *, uint32_t);
void	 virtio_enable_queue(struct virtio *);
void	 virtio_notify(struct virtio *, unsigned int q);
uint8_t	 virtio_read_isr(struct virtio *);
struct virtqueue *virtio_selected(struct virtio *);

#endif /* VMD_VIRTIO_H */

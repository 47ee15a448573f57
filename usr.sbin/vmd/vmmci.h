/* SPDX-License-Identifier: ISC */

/*
 * vmmci: the VMM control interface, vmmci(4) in OpenBSD guests.  The host
 * asks the guest to shut down, to reboot or to set its clock.
 *
 * The registers are those of a legacy virtio device without queues (VIRTIO
 * 1.1 section 4.1.4.8) with a device configuration of command and host time.
 */

#ifndef VMD_VMMCI_H
#define VMD_VMMCI_H

#include <stdint.h>

#include "pci.h"

enum vmmci_cmd {
	VMMCI_NONE,
	VMMCI_SHUTDOWN,
	VMMCI_REBOOT,
	VMMCI_SYNCRTC,
	VMMCI_NCMDS
};

/* Feature bits. */
#define VMMCI_F_TIMESYNC	(1U << 0)
#define VMMCI_F_ACK		(1U << 1)
#define VMMCI_F_SYNCRTC		(1U << 2)

struct vmmci_ops {
	/*
	 * The guest wrote a command other than NONE: it has seen a request,
	 * or goes down by itself (SHUTDOWN).
	 */
	void	 (*ack)(void *arg, enum vmmci_cmd);

	/* The host's time of day. */
	void	 (*time)(void *arg, uint64_t *sec, uint64_t *usec);
};

struct vmmci {
	const struct vmmci_ops	*vc_ops;
	void			*vc_arg;
	struct pci_dev		*vc_pci;
	uint32_t		 vc_features;	/* accepted */
	uint16_t		 vc_queue_sel;
	uint8_t			 vc_status;
	uint8_t			 vc_isr;
	enum vmmci_cmd		 vc_cmd;
	uint64_t		 vc_sec;	/* as of the guest's last */
	uint64_t		 vc_usec;	/*   read of the seconds */
	uint64_t		 vc_bad_access;	/* accesses without effect */
};

/* Plug the device in.  Returns 0, or -1 if the bus is full. */
int	 vmmci_init(struct vmmci *, struct pci *, const struct vmmci_ops *,
	    void *arg);

/* The VM was reset. */
void	 vmmci_reset(struct vmmci *);

/*
 * Pass a command to the guest.  Returns 1, or 0 if no driver is there that
 * could obey.  Whether and when the guest acknowledges is the owner's to
 * watch.
 */
int	 vmmci_ctl(struct vmmci *, enum vmmci_cmd);

#endif /* VMD_VMMCI_H */

/* SPDX-License-Identifier: ISC */

/* The VMM control interface; see vmmci.h. */

#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <stddef.h>
#include <string.h>

#include "vmmci.h"

#define VMMCI_PCI_VENDOR	0x0b5d		/* OpenBSD */
#define VMMCI_PCI_DEVICE	0x0777		/* VMM control */
#define VMMCI_PCI_CLASS		0x078000	/* communications, other */
#define VMMCI_PCI_SUBVENDOR	0x0b5d
#define VMMCI_PCI_SUBDEVICE	0xffff		/* private virtio type */

#define VMMCI_FEATURES							\
	(VMMCI_F_TIMESYNC | VMMCI_F_ACK | VMMCI_F_SYNCRTC)

/* The I/O BAR. */
struct vmmci_regs {
	uint32_t	 device_features;
	uint32_t	 guest_features;
	uint32_t	 queue_address;
	uint16_t	 queue_size;
	uint16_t	 queue_select;
	uint16_t	 queue_notify;
	uint8_t		 status;
	uint8_t		 isr;
	uint32_t	 command;
	uint64_t	 time_sec;
	uint64_t	 time_usec;
} __attribute__((packed));

#define VMMCI_REG(field)	offsetof(struct vmmci_regs, field)

_Static_assert(VMMCI_REG(guest_features) == VIRTIO_PCI_GUEST_FEATURES, "");
_Static_assert(VMMCI_REG(queue_size) == VIRTIO_PCI_QUEUE_NUM, "");
_Static_assert(VMMCI_REG(queue_select) == VIRTIO_PCI_QUEUE_SEL, "");
_Static_assert(VMMCI_REG(queue_notify) == VIRTIO_PCI_QUEUE_NOTIFY, "");
_Static_assert(VMMCI_REG(status) == VIRTIO_PCI_STATUS, "");
_Static_assert(VMMCI_REG(isr) == VIRTIO_PCI_ISR, "");
_Static_assert(VMMCI_REG(command) == VIRTIO_PCI_CONFIG_OFF(0), "");
_Static_assert(VMMCI_REG(time_sec) == VIRTIO_PCI_CONFIG_OFF(0) + 4, "");
_Static_assert(VMMCI_REG(time_usec) == VIRTIO_PCI_CONFIG_OFF(0) + 12, "");

void
vmmci_reset(struct vmmci *vc)
{
	vc->vc_features = 0;
	vc->vc_queue_sel = 0;
	vc->vc_status = 0;
	vc->vc_isr = 0;
	vc->vc_cmd = VMMCI_NONE;
	pci_intx(vc->vc_pci, 0);
}

int
vmmci_ctl(struct vmmci *vc, enum vmmci_cmd cmd)
{
	if (!(vc->vc_status & VIRTIO_CONFIG_S_DRIVER_OK))
		return (0);
	if (cmd == VMMCI_SYNCRTC && !(vc->vc_features & VMMCI_F_SYNCRTC))
		return (0);
	vc->vc_cmd = cmd;
	vc->vc_isr |= VIRTIO_PCI_ISR_CONFIG;
	pci_intx(vc->vc_pci, 1);
	return (1);
}

/* 1 if [off, off + size) and a register share a byte. */
static int
touches(uint32_t off, unsigned int size, size_t reg, size_t len)
{
	return (off < reg + len && reg < off + size);
}

/*
 * 64-bit values are read in halves, in either order: the time is taken when
 * the guest looks at the seconds, and stands until it does so again.
 */
static uint32_t
vmmci_read(void *arg, unsigned int bar, uint32_t off, unsigned int size)
{
	struct vmmci		*vc = arg;
	struct vmmci_regs	 regs;
	uint32_t		 val = 0;

	(void)bar;
	if (off + size > sizeof(regs)) {
		vc->vc_bad_access++;
		return (UINT32_MAX);
	}
	if (touches(off, size, VMMCI_REG(time_sec), sizeof(regs.time_sec)))
		vc->vc_ops->time(vc->vc_arg, &vc->vc_sec, &vc->vc_usec);
	memset(&regs, 0, sizeof(regs));
	regs.device_features = VMMCI_FEATURES;
	regs.guest_features = vc->vc_features;
	regs.queue_select = vc->vc_queue_sel;
	regs.status = vc->vc_status;
	regs.isr = vc->vc_isr;
	regs.command = vc->vc_cmd;
	regs.time_sec = vc->vc_sec;
	regs.time_usec = vc->vc_usec;
	if (touches(off, size, VMMCI_REG(isr), sizeof(regs.isr))) {
		vc->vc_isr = 0;
		pci_intx(vc->vc_pci, 0);
	}
	memcpy(&val, (const uint8_t *)&regs + off, size);
	return (val);
}

static void
write_features(struct vmmci *vc, uint32_t val)
{
	vc->vc_features = val & VMMCI_FEATURES;
}

static void
write_queue_sel(struct vmmci *vc, uint32_t val)
{
	vc->vc_queue_sel = val;
}

static void
write_status(struct vmmci *vc, uint32_t val)
{
	if (val == 0)
		vmmci_reset(vc);
	else
		vc->vc_status = val;
}

static void
write_command(struct vmmci *vc, uint32_t val)
{
	if (val == VMMCI_NONE || val >= VMMCI_NCMDS) {
		vc->vc_bad_access++;
		return;
	}
	if (val == vc->vc_cmd)
		vc->vc_cmd = VMMCI_NONE;
	vc->vc_ops->ack(vc->vc_arg, val);
}

/* Registers with something to write; the rest is ignored. */
static const struct {
	uint32_t	 off;
	unsigned int	 size;
	void		 (*fn)(struct vmmci *, uint32_t);
} vmmci_writes[] = {
	{ VMMCI_REG(guest_features), 4, write_features },
	{ VMMCI_REG(queue_select), 2, write_queue_sel },
	{ VMMCI_REG(status), 1, write_status },
	{ VMMCI_REG(command), 4, write_command },
};
#define VMMCI_NWRITES	(sizeof(vmmci_writes) / sizeof(vmmci_writes[0]))

static void
vmmci_write(void *arg, unsigned int bar, uint32_t off, unsigned int size,
    uint32_t val)
{
	struct vmmci	*vc = arg;
	size_t		 i;

	(void)bar;
	for (i = 0; i < VMMCI_NWRITES; i++) {
		if (vmmci_writes[i].off == off &&
		    vmmci_writes[i].size == size) {
			vmmci_writes[i].fn(vc, val);
			return;
		}
	}
	vc->vc_bad_access++;
}

static const struct pci_dev_ops vmmci_pci_ops = {
	.io_read = vmmci_read,
	.io_write = vmmci_write,
};

int
vmmci_init(struct vmmci *vc, struct pci *pci, const struct vmmci_ops *ops,
    void *arg)
{
	static const struct pci_ids	 ids = {
		.pi_vendor = VMMCI_PCI_VENDOR,
		.pi_device = VMMCI_PCI_DEVICE,
		.pi_class = VMMCI_PCI_CLASS,
		.pi_subvendor = VMMCI_PCI_SUBVENDOR,
		.pi_subdevice = VMMCI_PCI_SUBDEVICE,
	};

	memset(vc, 0, sizeof(*vc));
	vc->vc_ops = ops;
	vc->vc_arg = arg;
	vc->vc_pci = pci_add_dev(pci, &ids, &vmmci_pci_ops, vc);
	if (vc->vc_pci == NULL || pci_add_io_bar(vc->vc_pci) == -1 ||
	    pci_add_intx(vc->vc_pci) == -1)
		return (-1);
	return (0);
}

/* SPDX-License-Identifier: ISC */

/*
 * pci: one conventional PCI bus behind configuration mechanism 1 (PCI Local
 * Bus Specification 3.0, section 3.2.2.3.2), with a host bridge at 0:0.0 and
 * single-function devices with I/O BARs, a capability list and INTx.
 *
 * There may be no firmware in the guest, so BARs and interrupt lines come
 * assigned and decoding enabled; the guest may move and disable them.
 *
 * Pure state: the owner serialises all calls on one struct pci and on the
 * devices plugged into it (the device mutex of the VM).  A struct pci must
 * not move once a device is added.
 */

#ifndef VMD_PCI_H
#define VMD_PCI_H

#include <stddef.h>
#include <stdint.h>

#define PCI_CONF_ADDRESS	0xcf8	/* CONFIG_ADDRESS, dword access only */
#define PCI_CONF_DATA		0xcfc	/* CONFIG_DATA, 4 ports */
#define PCI_CONF_END		0xcff	/* last port of the mechanism */

#define PCI_MAX_DEVS		32
#define PCI_MAX_BARS		6
#define PCI_CONF_SIZE		256
#define PCI_IO_FIRST		0x1000	/* where assigned I/O BARs start */
#define PCI_IO_BAR_SIZE		0x1000

struct pci_ids {
	uint16_t	 pi_vendor;
	uint16_t	 pi_device;
	uint32_t	 pi_class;	/* 24 bits, interface lowest */
	uint8_t		 pi_revision;
	uint16_t	 pi_subvendor;
	uint16_t	 pi_subdevice;
};

/*
 * What a device does.  off is within the BAR; size is 1, 2 or 4 and
 * off + size never passes the end of the BAR.  The conf hooks may be NULL:
 * conf_read is called before a read of [reg, reg + size) so that the device
 * can refresh it with pci_conf_poke(), conf_write after a write changed it.
 */
struct pci_dev_ops {
	uint32_t (*io_read)(void *arg, unsigned int bar, uint32_t off,
	    unsigned int size);
	void	 (*io_write)(void *arg, unsigned int bar, uint32_t off,
	    unsigned int size, uint32_t val);
	void	 (*conf_read)(void *arg, unsigned int reg, unsigned int size);
	void	 (*conf_write)(void *arg, unsigned int reg,
	    unsigned int size);
};

struct pci_ops {
	/* Drive the interrupt controller's input irq: level-triggered. */
	void	 (*irq)(void *arg, int irq, int level);
};

struct pci;

struct pci_dev {
	struct pci		*pd_bus;
	const struct pci_dev_ops *pd_ops;
	void			*pd_arg;
	uint8_t			 pd_conf[PCI_CONF_SIZE];
	uint8_t			 pd_init[PCI_CONF_SIZE];  /* after reset */
	uint8_t			 pd_wmask[PCI_CONF_SIZE]; /* writable */
	uint32_t		 pd_bar_size[PCI_MAX_BARS];
	unsigned int		 pd_nbars;
	unsigned int		 pd_cap_end;	/* first byte after the caps */
	unsigned int		 pd_cap_link;	/* pointer to the next cap */
	int			 pd_irq;	/* -1: no interrupt pin */
	int			 pd_asserted;	/* by the device */
	int			 pd_level;	/* at the pin */
};

struct pci {
	const struct pci_ops	*p_ops;
	void			*p_arg;
	uint32_t		 p_address;
	uint32_t		 p_io_next;	/* first port not assigned */
	unsigned int		 p_irq_next;	/* index into the pool */
	unsigned int		 p_ndevs;
	struct pci_dev		 p_dev[PCI_MAX_DEVS];
};

/* Set up the bus with nothing but the host bridge on it. */
void	 pci_init(struct pci *, const struct pci_ops *, void *arg);

/* The guest was reset: registers as after pci_init and the pci_add calls. */
void	 pci_reset(struct pci *);

/*
 * Plug a device into the next slot; NULL when all are taken.  Then, in any
 * order: pci_add_io_bar() returns the BAR's number, pci_add_intx() the
 * interrupt line and pci_add_cap() the offset of the capability, each -1 if
 * there is no room.  The next-capability byte of cap is filled in here.
 */
struct pci_dev *pci_add_dev(struct pci *, const struct pci_ids *,
	    const struct pci_dev_ops *, void *arg);
int	 pci_add_io_bar(struct pci_dev *);
int	 pci_add_intx(struct pci_dev *);
int	 pci_add_cap(struct pci_dev *, const void *cap, size_t len);

/* Let the guest write the bits in mask of the byte at reg. */
void	 pci_conf_writable(struct pci_dev *, unsigned int reg, uint8_t mask);

/*
 * What the guest sees at reg, for a device's own registers; size is 1, 2
 * or 4 and reg + size at most PCI_CONF_SIZE.
 */
uint32_t pci_conf_peek(const struct pci_dev *, unsigned int reg,
	    unsigned int size);
void	 pci_conf_poke(struct pci_dev *, unsigned int reg, unsigned int size,
	    uint32_t val);

/* The device asserts (1) or deasserts (0) its interrupt. */
void	 pci_intx(struct pci_dev *, int level);

/* Lines handed out, bit n for IRQ n: to be level-triggered in ELCR. */
uint16_t pci_irq_mask(const struct pci *);

/*
 * A guest's access of size 1, 2 or 4 to an I/O port: the configuration
 * mechanism or the BAR that decodes it.  Returns 1 if the access was ours
 * (and for reads sets *val), 0 if nothing here answers.  The byte and word
 * ports inside CONFIG_ADDRESS are not ours.
 */
int	 pci_in(struct pci *, uint16_t port, unsigned int size, uint32_t *val);
int	 pci_out(struct pci *, uint16_t port, unsigned int size, uint32_t val);

#endif /* VMD_PCI_H */

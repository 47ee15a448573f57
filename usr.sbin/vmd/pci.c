/* SPDX-License-Identifier: ISC */

/* The PCI bus: configuration space, I/O decoding and INTx; see pci.h. */

#include <linux/pci_regs.h>
#include <string.h>

#include "pci.h"

#define PCI_ADDRESS_ENABLE	0x80000000U
#define PCI_ADDRESS_BUS(a)	(((a) >> 16) & 0xff)
#define PCI_ADDRESS_DEV(a)	(((a) >> 11) & 0x1f)
#define PCI_ADDRESS_FUNC(a)	(((a) >> 8) & 0x07)
#define PCI_ADDRESS_REG(a)	((a) & 0xfc)
#define PCI_ADDRESS_MASK	0x80fffffcU	/* the bits that exist */

#define PCI_HOST_VENDOR		0x0b5d		/* OpenBSD */
#define PCI_HOST_DEVICE		0x0666		/* VMM host bridge */
#define PCI_HOST_CLASS		0x060000	/* bridge, host */

#define PCI_PIN_INTA		1
#define PCI_IO_END		0x10000
#define PCI_CONF_COMMAND_BITS						\
	(PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER |	\
	PCI_COMMAND_INTX_DISABLE)

/* ISA lines that no legacy device of ours uses; one device each. */
static const uint8_t pci_irq_pool[] = { 3, 5, 6, 7, 9, 10, 11, 12, 14, 15 };
#define PCI_NIRQS	(sizeof(pci_irq_pool) / sizeof(pci_irq_pool[0]))

static uint32_t
size_mask(unsigned int size)
{
	return (UINT32_MAX >> (32 - 8 * size));
}

uint32_t
pci_conf_peek(const struct pci_dev *pd, unsigned int reg, unsigned int size)
{
	uint32_t	 val = 0;

	memcpy(&val, pd->pd_conf + reg, size);
	return (val);
}

void
pci_conf_poke(struct pci_dev *pd, unsigned int reg, unsigned int size,
    uint32_t val)
{
	memcpy(pd->pd_conf + reg, &val, size);
}

/* Set a register and what it becomes on reset. */
static void
conf_set(struct pci_dev *pd, unsigned int reg, unsigned int size, uint32_t val)
{
	pci_conf_poke(pd, reg, size, val);
	memcpy(pd->pd_init + reg, &val, size);
}

static void
conf_set_mask(struct pci_dev *pd, unsigned int reg, unsigned int size,
    uint32_t mask)
{
	memcpy(pd->pd_wmask + reg, &mask, size);
}

void
pci_conf_writable(struct pci_dev *pd, unsigned int reg, uint8_t mask)
{
	pd->pd_wmask[reg] = mask;
}

/* STATUS shows what the device asserts, the pin what COMMAND lets through. */
static void
intx_update(struct pci_dev *pd)
{
	struct pci	*p = pd->pd_bus;
	uint32_t	 status;
	int		 level;

	if (pd->pd_irq == -1)
		return;
	status = pci_conf_peek(pd, PCI_STATUS, 2) & ~PCI_STATUS_INTERRUPT;
	if (pd->pd_asserted)
		status |= PCI_STATUS_INTERRUPT;
	pci_conf_poke(pd, PCI_STATUS, 2, status);

	level = pd->pd_asserted && !(pci_conf_peek(pd, PCI_COMMAND, 2) &
	    PCI_COMMAND_INTX_DISABLE);
	if (level == pd->pd_level)
		return;
	pd->pd_level = level;
	p->p_ops->irq(p->p_arg, pd->pd_irq, level);
}

void
pci_intx(struct pci_dev *pd, int level)
{
	pd->pd_asserted = level != 0;
	intx_update(pd);
}

void
pci_init(struct pci *p, const struct pci_ops *ops, void *arg)
{
	static const struct pci_ids	 host = {
		.pi_vendor = PCI_HOST_VENDOR,
		.pi_device = PCI_HOST_DEVICE,
		.pi_class = PCI_HOST_CLASS,
	};
	static const struct pci_dev_ops	 none;

	memset(p, 0, sizeof(*p));
	p->p_ops = ops;
	p->p_arg = arg;
	p->p_io_next = PCI_IO_FIRST;
	pci_add_dev(p, &host, &none, NULL);
}

void
pci_reset(struct pci *p)
{
	unsigned int	 i;

	p->p_address = 0;
	for (i = 0; i < p->p_ndevs; i++) {
		struct pci_dev *pd = &p->p_dev[i];

		memcpy(pd->pd_conf, pd->pd_init, sizeof(pd->pd_conf));
		pci_intx(pd, 0);
	}
}

struct pci_dev *
pci_add_dev(struct pci *p, const struct pci_ids *ids,
    const struct pci_dev_ops *ops, void *arg)
{
	struct pci_dev	*pd;

	if (p->p_ndevs == PCI_MAX_DEVS)
		return (NULL);
	pd = &p->p_dev[p->p_ndevs++];
	pd->pd_bus = p;
	pd->pd_ops = ops;
	pd->pd_arg = arg;
	pd->pd_irq = -1;
	pd->pd_cap_end = PCI_STD_HEADER_SIZEOF;
	pd->pd_cap_link = PCI_CAPABILITY_LIST;
	conf_set(pd, PCI_VENDOR_ID, 2, ids->pi_vendor);
	conf_set(pd, PCI_DEVICE_ID, 2, ids->pi_device);
	conf_set(pd, PCI_CLASS_REVISION, 4,
	    ids->pi_class << 8 | ids->pi_revision);
	conf_set(pd, PCI_SUBSYSTEM_VENDOR_ID, 2, ids->pi_subvendor);
	conf_set(pd, PCI_SUBSYSTEM_ID, 2, ids->pi_subdevice);
	conf_set(pd, PCI_COMMAND, 2, PCI_COMMAND_IO | PCI_COMMAND_MASTER);
	conf_set_mask(pd, PCI_COMMAND, 2, PCI_CONF_COMMAND_BITS);
	conf_set_mask(pd, PCI_CACHE_LINE_SIZE, 1, 0xff);
	conf_set_mask(pd, PCI_LATENCY_TIMER, 1, 0xff);
	conf_set_mask(pd, PCI_INTERRUPT_LINE, 1, 0xff);
	return (pd);
}

int
pci_add_io_bar(struct pci_dev *pd)
{
	struct pci	*p = pd->pd_bus;
	unsigned int	 bar = pd->pd_nbars;
	unsigned int	 reg = PCI_BASE_ADDRESS_0 + 4 * bar;

	if (bar == PCI_MAX_BARS || p->p_io_next + PCI_IO_BAR_SIZE > PCI_IO_END)
		return (-1);
	conf_set(pd, reg, 4, p->p_io_next | PCI_BASE_ADDRESS_SPACE_IO);
	conf_set_mask(pd, reg, 4, ~(uint32_t)(PCI_IO_BAR_SIZE - 1));
	pd->pd_bar_size[bar] = PCI_IO_BAR_SIZE;
	pd->pd_nbars++;
	p->p_io_next += PCI_IO_BAR_SIZE;
	return (bar);
}

int
pci_add_intx(struct pci_dev *pd)
{
	struct pci	*p = pd->pd_bus;

	if (pd->pd_irq != -1)
		return (pd->pd_irq);
	if (p->p_irq_next == PCI_NIRQS)
		return (-1);
	pd->pd_irq = pci_irq_pool[p->p_irq_next++];
	conf_set(pd, PCI_INTERRUPT_LINE, 1, pd->pd_irq);
	conf_set(pd, PCI_INTERRUPT_PIN, 1, PCI_PIN_INTA);
	return (pd->pd_irq);
}

int
pci_add_cap(struct pci_dev *pd, const void *cap, size_t len)
{
	unsigned int	 off = pd->pd_cap_end;

	if (len < PCI_CAP_SIZEOF || len > PCI_CONF_SIZE - off)
		return (-1);
	memcpy(pd->pd_conf + off, cap, len);
	memcpy(pd->pd_init + off, cap, len);
	conf_set(pd, off + PCI_CAP_LIST_NEXT, 1, 0);
	conf_set(pd, pd->pd_cap_link, 1, off);
	conf_set(pd, PCI_STATUS, 2, PCI_STATUS_CAP_LIST);
	pd->pd_cap_link = off + PCI_CAP_LIST_NEXT;
	pd->pd_cap_end = off + ((len + 3) & ~3U);
	return (off);
}

uint16_t
pci_irq_mask(const struct pci *p)
{
	unsigned int	 i;
	uint16_t	 mask = 0;

	for (i = 0; i < p->p_irq_next; i++)
		mask |= 1U << pci_irq_pool[i];
	return (mask);
}

/* The device that CONFIG_ADDRESS names, or NULL. */
static struct pci_dev *
conf_target(struct pci *p)
{
	uint32_t	 a = p->p_address;

	if (!(a & PCI_ADDRESS_ENABLE) || PCI_ADDRESS_BUS(a) != 0 ||
	    PCI_ADDRESS_FUNC(a) != 0 || PCI_ADDRESS_DEV(a) >= p->p_ndevs)
		return (NULL);
	return (&p->p_dev[PCI_ADDRESS_DEV(a)]);
}

/* size is cut by the caller so that the access stays within one dword. */
static uint32_t
conf_read(struct pci *p, unsigned int byte, unsigned int size)
{
	struct pci_dev	*pd = conf_target(p);
	unsigned int	 reg = PCI_ADDRESS_REG(p->p_address) + byte;

	if (pd == NULL)
		return (UINT32_MAX);
	if (pd->pd_ops->conf_read != NULL)
		pd->pd_ops->conf_read(pd->pd_arg, reg, size);
	/* Ports beyond CONFIG_DATA float. */
	return (pci_conf_peek(pd, reg, size) | ~size_mask(size));
}

static void
conf_write(struct pci *p, unsigned int byte, unsigned int size, uint32_t val)
{
	struct pci_dev	*pd = conf_target(p);
	unsigned int	 reg = PCI_ADDRESS_REG(p->p_address) + byte;
	unsigned int	 i;

	if (pd == NULL)
		return;
	for (i = 0; i < size; i++, val >>= 8) {
		uint8_t mask = pd->pd_wmask[reg + i];

		pd->pd_conf[reg + i] = (pd->pd_conf[reg + i] & ~mask) |
		    (val & mask);
	}
	if (reg < PCI_COMMAND + 2 && reg + size > PCI_COMMAND)
		intx_update(pd);
	if (pd->pd_ops->conf_write != NULL)
		pd->pd_ops->conf_write(pd->pd_arg, reg, size);
}

/*
 * Find the BAR that decodes port.  Where the guest made BARs overlap, the
 * device in the lowest slot answers.
 */
static struct pci_dev *
io_target(struct pci *p, uint16_t port, unsigned int *bar, uint32_t *off)
{
	struct pci_dev	*pd;
	uint32_t	 base;
	unsigned int	 b;

	for (pd = p->p_dev; pd < p->p_dev + p->p_ndevs; pd++) {
		if (!(pci_conf_peek(pd, PCI_COMMAND, 2) & PCI_COMMAND_IO))
			continue;
		for (b = 0; b < pd->pd_nbars; b++) {
			base = pci_conf_peek(pd, PCI_BASE_ADDRESS_0 + 4 * b,
			    4) & (uint32_t)PCI_BASE_ADDRESS_IO_MASK;
			if (port < base || port - base >= pd->pd_bar_size[b])
				continue;
			*bar = b;
			*off = port - base;
			return (pd);
		}
	}
	return (NULL);
}

/* Bytes of an access at port that still are in CONFIG_DATA. */
static unsigned int
conf_size(uint16_t port, unsigned int size)
{
	unsigned int	 room = PCI_CONF_END + 1 - port;

	return (size < room ? size : room);
}

int
pci_in(struct pci *p, uint16_t port, unsigned int size, uint32_t *val)
{
	struct pci_dev	*pd;
	unsigned int	 bar;
	uint32_t	 off;

	if (port == PCI_CONF_ADDRESS && size == 4) {
		*val = p->p_address;
		return (1);
	}
	if (port >= PCI_CONF_DATA && port <= PCI_CONF_END) {
		*val = conf_read(p, port - PCI_CONF_DATA,
		    conf_size(port, size)) & size_mask(size);
		return (1);
	}
	if ((pd = io_target(p, port, &bar, &off)) == NULL)
		return (0);
	*val = size_mask(size);
	if (off + size <= pd->pd_bar_size[bar])
		*val &= pd->pd_ops->io_read(pd->pd_arg, bar, off, size);
	return (1);
}

int
pci_out(struct pci *p, uint16_t port, unsigned int size, uint32_t val)
{
	struct pci_dev	*pd;
	unsigned int	 bar;
	uint32_t	 off;

	if (port == PCI_CONF_ADDRESS && size == 4) {
		p->p_address = val & PCI_ADDRESS_MASK;
		return (1);
	}
	if (port >= PCI_CONF_DATA && port <= PCI_CONF_END) {
		conf_write(p, port - PCI_CONF_DATA, conf_size(port, size),
		    val);
		return (1);
	}
	if ((pd = io_target(p, port, &bar, &off)) == NULL)
		return (0);
	if (off + size <= pd->pd_bar_size[bar])
		pd->pd_ops->io_write(pd->pd_arg, bar, off, size,
		    val & size_mask(size));
	return (1);
}

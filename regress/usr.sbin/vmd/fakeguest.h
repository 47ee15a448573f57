/* SPDX-License-Identifier: ISC */
/*
 * A guest without a CPU: RAM with a hole, a PCI bus, and as much of a virtio
 * driver as tests need to do right or wrong what drivers do.
 */

#ifndef FAKEGUEST_H
#define FAKEGUEST_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>

#include "guestmem.h"
#include "pci.h"
#include "virtio.h"

#define FG_LOW		0x10000ULL	/* RAM from 0 */
#define FG_HIGH		0x100000ULL	/* more from here */
#define FG_HIGH_SIZE	0x100000ULL
#define FG_RAM		(FG_LOW + FG_HIGH_SIZE)
#define FG_HOLE		0x20000ULL	/* an address that is not RAM */

/* Where a test's ring and buffers are. */
#define FG_DESC		0x1000ULL
#define FG_AVAIL	0x6000ULL
#define FG_USED		0x8000ULL
#define FG_TABLE	0xc000ULL	/* an indirect table */
#define FG_BUF		FG_HIGH

#define FG_BAR		0x1000		/* of the first device */

struct fakeguest {
	uint8_t			*ram;
	struct guestmem		 gm;
	struct pci		 pci;
	int			 irq[16];
	unsigned int		 irq_rises;
	unsigned int		 kicks;
	unsigned int		 broken;
	const char		*why;
	struct virtio_env	 env;
	uint16_t		 bar;
	/* the ring */
	uint16_t		 size;
	uint16_t		 avail;
	uint16_t		 used;
};

static void
fg_irq(void *arg, int irq, int level)
{
	struct fakeguest	*fg = arg;

	if (level && !fg->irq[irq])
		fg->irq_rises++;
	fg->irq[irq] = level;
}

static void
fg_kick(void *arg)
{
	struct fakeguest	*fg = arg;

	fg->kicks++;
}

static void
fg_broken(void *arg, const char *dev, const char *why)
{
	struct fakeguest	*fg = arg;

	(void)dev;
	fg->broken++;
	fg->why = why;
}

static const struct pci_ops	 fg_pci_ops = { .irq = fg_irq };
static const struct virtio_ops	 fg_virtio_ops = {
	.vo_kick = fg_kick,
	.vo_broken = fg_broken,
};

/* What cannot fail in a test that makes sense. */
static inline void
fg_must(int ok)
{
	if (!ok)
		abort();
}

static inline void
fg_init(struct fakeguest *fg)
{
	static const struct guestmem_range	 ranges[] = {
		{ 0, FG_LOW }, { FG_HIGH, FG_HIGH_SIZE },
	};

	memset(fg, 0, sizeof(*fg));
	fg->ram = calloc(1, FG_RAM);
	fg_must(fg->ram != NULL &&
	    guestmem_init(&fg->gm, fg->ram, ranges, 2) == 0);
	pci_init(&fg->pci, &fg_pci_ops, fg);
	fg->env.ve_pci = &fg->pci;
	fg->env.ve_gm = &fg->gm;
	fg->env.ve_ops = &fg_virtio_ops;
	fg->env.ve_arg = fg;
	fg->bar = FG_BAR;
}

static inline void
fg_free(struct fakeguest *fg)
{
	free(fg->ram);
}

static inline uint32_t
fg_in(struct fakeguest *fg, uint16_t off, unsigned int size)
{
	uint32_t	 val = 0;

	fg_must(pci_in(&fg->pci, fg->bar + off, size, &val));
	return (val);
}

static inline void
fg_out(struct fakeguest *fg, uint16_t off, unsigned int size, uint32_t val)
{
	fg_must(pci_out(&fg->pci, fg->bar + off, size, val));
}

static inline uint32_t
fg_conf_in(struct fakeguest *fg, unsigned int slot, unsigned int reg,
    unsigned int size)
{
	uint32_t	 val;

	pci_out(&fg->pci, PCI_CONF_ADDRESS, 4,
	    0x80000000U | slot << 11 | (reg & 0xfc));
	pci_in(&fg->pci, PCI_CONF_DATA + (reg & 3), size, &val);
	return (val);
}

static inline void
fg_conf_out(struct fakeguest *fg, unsigned int slot, unsigned int reg,
    unsigned int size, uint32_t val)
{
	pci_out(&fg->pci, PCI_CONF_ADDRESS, 4,
	    0x80000000U | slot << 11 | (reg & 0xfc));
	pci_out(&fg->pci, PCI_CONF_DATA + (reg & 3), size, val);
}

/* Registers of the common configuration. */
static inline uint8_t
fg_status(struct fakeguest *fg)
{
	return (fg_in(fg, VIRTIO_PCI_COMMON_STATUS, 1));
}

static inline void
fg_set_status(struct fakeguest *fg, uint8_t bits)
{
	fg_out(fg, VIRTIO_PCI_COMMON_STATUS, 1, fg_status(fg) | bits);
}

static inline uint64_t
fg_offered(struct fakeguest *fg)
{
	uint64_t	 f;

	fg_out(fg, VIRTIO_PCI_COMMON_DFSELECT, 4, 1);
	f = (uint64_t)fg_in(fg, VIRTIO_PCI_COMMON_DF, 4) << 32;
	fg_out(fg, VIRTIO_PCI_COMMON_DFSELECT, 4, 0);
	return (f | fg_in(fg, VIRTIO_PCI_COMMON_DF, 4));
}

static inline void
fg_accept(struct fakeguest *fg, uint64_t features)
{
	fg_out(fg, VIRTIO_PCI_COMMON_GFSELECT, 4, 0);
	fg_out(fg, VIRTIO_PCI_COMMON_GF, 4, (uint32_t)features);
	fg_out(fg, VIRTIO_PCI_COMMON_GFSELECT, 4, 1);
	fg_out(fg, VIRTIO_PCI_COMMON_GF, 4, features >> 32);
}

/* Steps of a driver's initialisation, section 3.1.1. */
static inline void
fg_negotiate(struct fakeguest *fg, uint64_t features)
{
	fg_out(fg, VIRTIO_PCI_COMMON_STATUS, 1, 0);
	fg_set_status(fg, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	fg_set_status(fg, VIRTIO_CONFIG_S_DRIVER);
	fg_accept(fg, features | 1ULL << VIRTIO_F_VERSION_1);
	fg_set_status(fg, VIRTIO_CONFIG_S_FEATURES_OK);
}

static inline void
fg_area(struct fakeguest *fg, uint16_t reg, uint64_t gpa)
{
	fg_out(fg, reg, 4, (uint32_t)gpa);
	fg_out(fg, reg + 4, 4, gpa >> 32);
}

static inline void
fg_queue(struct fakeguest *fg, uint16_t q, uint16_t size)
{
	guestmem_zero(&fg->gm, FG_DESC, FG_TABLE - FG_DESC);
	fg->size = size;
	fg->avail = fg->used = 0;
	fg_out(fg, VIRTIO_PCI_COMMON_Q_SELECT, 2, q);
	fg_out(fg, VIRTIO_PCI_COMMON_Q_SIZE, 2, size);
	fg_area(fg, VIRTIO_PCI_COMMON_Q_DESCLO, FG_DESC);
	fg_area(fg, VIRTIO_PCI_COMMON_Q_AVAILLO, FG_AVAIL);
	fg_area(fg, VIRTIO_PCI_COMMON_Q_USEDLO, FG_USED);
	fg_out(fg, VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
}

static inline void
fg_start(struct fakeguest *fg, uint64_t features, uint16_t size)
{
	fg_negotiate(fg, features);
	fg_queue(fg, 0, size);
	fg_set_status(fg, VIRTIO_CONFIG_S_DRIVER_OK);
}

/* Ring entries. */
static inline void
fg_desc_at(struct fakeguest *fg, uint64_t table, uint16_t i, uint64_t addr,
    uint32_t len, uint16_t flags, uint16_t next)
{
	struct vring_desc	 d = { addr, len, flags, next };

	guestmem_write(&fg->gm, table + i * sizeof(d), &d, sizeof(d));
}

static inline void
fg_desc(struct fakeguest *fg, uint16_t i, uint64_t addr, uint32_t len,
    uint16_t flags, uint16_t next)
{
	fg_desc_at(fg, FG_DESC, i, addr, len, flags, next);
}

static inline void
fg_avail(struct fakeguest *fg, uint16_t head)
{
	guestmem_store16(&fg->gm, FG_AVAIL + 4 + 2 * (fg->avail % fg->size),
	    head);
	guestmem_store16(&fg->gm, FG_AVAIL + 2, ++fg->avail);
}

static inline void
fg_notify(struct fakeguest *fg, uint16_t q)
{
	fg_out(fg, VIRTIO_IO_NOTIFY, 2, q);
}

/* Make a chain available and let the device do all there is. */
static inline void
fg_submit(struct fakeguest *fg, struct virtio *v, uint16_t head)
{
	fg_avail(fg, head);
	fg_notify(fg, 0);
	while (virtio_process(v, 16))
		continue;
}

/* The next used entry: 1, or 0 if there is none. */
static inline int
fg_used(struct fakeguest *fg, uint32_t *id, uint32_t *len)
{
	uint64_t	 gpa = FG_USED + 4 + 8 * (fg->used % fg->size);
	uint16_t	 idx;

	guestmem_load16(&fg->gm, FG_USED + 2, &idx);
	if (idx == fg->used)
		return (0);
	guestmem_load32(&fg->gm, gpa, id);
	guestmem_load32(&fg->gm, gpa + 4, len);
	fg->used++;
	return (1);
}

static inline uint8_t
fg_isr(struct fakeguest *fg)
{
	return (fg_in(fg, VIRTIO_IO_ISR, 1));
}

#endif /* FAKEGUEST_H */

/* SPDX-License-Identifier: ISC */
/*
 * Any sequence of port accesses to a bus full of devices ends well, and
 * interrupt lines stay those handed out.
 */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <linux/virtio_pci.h>

#include "vioblk.h"
#include "viornd.h"
#include "vmmci.h"

#define PAGE	((uint64_t)GUESTMEM_PAGE_SIZE)
#define RAM	(4 * PAGE)
#define DISK	8192

int	 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct pci	 pci;
static struct viornd	 vr;
static struct vioblk	 vb;
static struct vmmci	 vc;
static int		 level[16];

static void
check(int ok)
{
	if (!ok)
		abort();
}

static void
fuzz_irq(void *arg, int irq, int l)
{
	(void)arg;
	check(irq >= 0 && irq < 16 && pci_irq_mask(&pci) & 1 << irq);
	check(l == !level[irq]);
	level[irq] = l;
}

static void
fuzz_kick(void *arg)
{
	(void)arg;
}

static void
fuzz_random(void *buf, size_t len)
{
	memset(buf, 0x55, len);
}

static uint64_t
fuzz_size(void *arg)
{
	(void)arg;
	return (DISK);
}

static ssize_t
fuzz_move(void *arg, const struct guestmem *gm,
    const struct guestmem_vec *vec, size_t n, uint64_t off)
{
	ssize_t	 len = 0;
	size_t	 i;

	(void)arg;
	for (i = 0; i < n; i++) {
		check(guestmem_contains(gm, vec[i].gv_gpa, vec[i].gv_len));
		len += vec[i].gv_len;
	}
	check(off + len <= DISK);
	return (len);
}

static int
fuzz_flush(void *arg)
{
	(void)arg;
	return (0);
}

static void
fuzz_ack(void *arg, enum vmmci_cmd cmd)
{
	(void)arg;
	check(cmd > VMMCI_NONE && cmd < VMMCI_NCMDS);
}

static void
fuzz_time(void *arg, uint64_t *sec, uint64_t *usec)
{
	(void)arg;
	*sec = 1;
	*usec = 2;
}

static const struct pci_ops		 pci_ops = { .irq = fuzz_irq };
static const struct virtio_ops		 virtio_ops = {
	.vo_kick = fuzz_kick,
};
static const struct vmmci_ops		 vmmci_ops = {
	.ack = fuzz_ack,
	.time = fuzz_time,
};
static const struct vioblk_backend	 backend = {
	.vb_size = fuzz_size,
	.vb_pread = fuzz_move,
	.vb_pwrite = fuzz_move,
	.vb_flush = fuzz_flush,
};

/* One step of the guest: 8 bytes of input. */
struct step {
	uint8_t		 what;
	uint8_t		 size;
	uint16_t	 port;
	uint32_t	 val;
};

/* A driver that gets as far as a running queue. */
static void
start(uint16_t bar)
{
	pci_out(&pci, bar + VIRTIO_PCI_COMMON_STATUS, 1, 3);
	pci_out(&pci, bar + VIRTIO_PCI_COMMON_GFSELECT, 4, 1);
	pci_out(&pci, bar + VIRTIO_PCI_COMMON_GF, 4, 1);
	pci_out(&pci, bar + VIRTIO_PCI_COMMON_STATUS, 1, 11);
	pci_out(&pci, bar + VIRTIO_PCI_COMMON_Q_SELECT, 2, 0);
	pci_out(&pci, bar + VIRTIO_PCI_COMMON_Q_DESCLO, 4, 0);
	pci_out(&pci, bar + VIRTIO_PCI_COMMON_Q_AVAILLO, 4, 0x1000);
	pci_out(&pci, bar + VIRTIO_PCI_COMMON_Q_USEDLO, 4, 0x2000);
	pci_out(&pci, bar + VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
	pci_out(&pci, bar + VIRTIO_PCI_COMMON_STATUS, 1, 15);
}

static void
take(const struct step *s, const struct guestmem *gm)
{
	static const unsigned int	 sizes[] = { 1, 2, 4, 4 };
	unsigned int			 size = sizes[s->size & 3];
	uint16_t			 port = s->port;
	uint32_t			 val;

	if (s->what & 0x10)		/* configuration */
		port = PCI_CONF_ADDRESS + port % 8;
	else if (s->what & 0x20)	/* assigned BARs */
		port = PCI_IO_FIRST + port % 0x4000;
	switch (s->what & 7) {
	case 0:
	case 1:
		if (pci_in(&pci, port, size, &val))
			check(size == 4 || val >> (8 * size) == 0);
		break;
	case 2:
		guestmem_write(gm, s->port, &s->val, 4);
		break;
	case 3:
		virtio_process(&vr.vr_virtio, 8);
		virtio_process(&vb.vb_virtio, 8);
		break;
	case 4:
		vmmci_ctl(&vc, s->val % VMMCI_NCMDS);
		break;
	case 5:
		start(PCI_IO_FIRST + s->port % 4 * PCI_IO_BAR_SIZE);
		break;
	default:
		pci_out(&pci, port, size, s->val);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct guestmem_range	 range = { 0, RAM };
	struct guestmem		 gm;
	struct virtio_env	 env = { &pci, &gm, &virtio_ops, NULL };
	struct step		 s;
	uint8_t			*ram = calloc(1, RAM);
	int			 i;

	check(guestmem_init(&gm, ram, &range, 1) == 0);
	memset(level, 0, sizeof(level));
	pci_init(&pci, &pci_ops, NULL);
	check(viornd_init(&vr, &env, fuzz_random) == 0);
	check(vioblk_init(&vb, &env, &backend, NULL, "disk", 0) == 0);
	check(vmmci_init(&vc, &pci, &vmmci_ops, NULL) == 0);
	for (; len >= sizeof(s); data += sizeof(s), len -= sizeof(s)) {
		memcpy(&s, data, sizeof(s));
		take(&s, &gm);
	}
	pci_reset(&pci);
	virtio_reset(&vr.vr_virtio);
	virtio_reset(&vb.vb_virtio);
	vmmci_reset(&vc);
	for (i = 0; i < 16; i++)
		check(level[i] == 0);
	free(ram);
	return (0);
}

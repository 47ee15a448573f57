/* SPDX-License-Identifier: ISC */
/*
 * Whatever a driver puts into the rings and registers of a disk, the back end
 * sees only whole sectors of the disk and buffers in RAM.
 */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>

#include "vioblk.h"

#define PAGE	((uint64_t)GUESTMEM_PAGE_SIZE)
#define RAM	(8 * PAGE)
#define SECTORS	16
#define DISK	(SECTORS * VIOBLK_SECTOR)
#define BAR	0x1000

/* Close together, for the fuzzer to reach all of it. */
#define AVAIL	0x0000
#define DESC	0x0020
#define HDR	0x00a0
#define TABLE	0x0100
#define USED	0x1000
#define BUF	0x2000
#define QSIZE	8

int	 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
check(int ok)
{
	if (!ok)
		abort();
}

static void
check_span(uint64_t off, uint64_t len)
{
	check(off % VIOBLK_SECTOR == 0 && len % VIOBLK_SECTOR == 0);
	check(off <= DISK && len <= DISK - off);
}

static uint64_t
fuzz_size(void *arg)
{
	(void)arg;
	return (DISK);
}

static ssize_t
fuzz_move(const struct guestmem *gm, const struct guestmem_vec *vec, size_t n,
    uint64_t off)
{
	uint64_t	 len = 0;
	size_t		 i;

	for (i = 0; i < n; i++) {
		check(guestmem_contains(gm, vec[i].gv_gpa, vec[i].gv_len));
		len += vec[i].gv_len;
	}
	check_span(off, len);
	return (len);
}

static ssize_t
fuzz_pread(void *arg, const struct guestmem *gm,
    const struct guestmem_vec *vec, size_t n, uint64_t off)
{
	ssize_t	 len = fuzz_move(gm, vec, n, off);
	size_t	 i;

	(void)arg;
	for (i = 0; i < n; i++)
		check(guestmem_zero(gm, vec[i].gv_gpa, vec[i].gv_len) == 0);
	return (len);
}

static ssize_t
fuzz_pwrite(void *arg, const struct guestmem *gm,
    const struct guestmem_vec *vec, size_t n, uint64_t off)
{
	(void)arg;
	return (fuzz_move(gm, vec, n, off));
}

static int
fuzz_flush(void *arg)
{
	(void)arg;
	return (0);
}

static int
fuzz_discard(void *arg, uint64_t off, uint64_t len)
{
	(void)arg;
	check_span(off, len);
	return (0);
}

static int
fuzz_zero(void *arg, uint64_t off, uint64_t len, int unmap)
{
	(void)arg;
	check(unmap == 0 || unmap == 1);
	check_span(off, len);
	return (0);
}

static const struct vioblk_backend	 backend = {
	.vb_size = fuzz_size,
	.vb_pread = fuzz_pread,
	.vb_pwrite = fuzz_pwrite,
	.vb_flush = fuzz_flush,
	.vb_discard = fuzz_discard,
	.vb_zero = fuzz_zero,
};

static void
fuzz_irq(void *arg, int irq, int level)
{
	(void)arg;
	check(irq == 3 && (level == 0 || level == 1));
}

static void
fuzz_kick(void *arg)
{
	(void)arg;
}

static const struct pci_ops	 pci_ops = { .irq = fuzz_irq };
static const struct virtio_ops	 virtio_ops = { .vo_kick = fuzz_kick };

static struct pci	 pci;

static void
out(uint16_t off, unsigned int size, uint32_t val)
{
	check(pci_out(&pci, BAR + off, size, val));
}

static void
start(int indirect, int event_idx)
{
	out(VIRTIO_PCI_COMMON_STATUS, 1, 3);
	out(VIRTIO_PCI_COMMON_GF, 4, indirect << 28 | event_idx << 29);
	out(VIRTIO_PCI_COMMON_GFSELECT, 4, 1);
	out(VIRTIO_PCI_COMMON_GF, 4, 1);
	out(VIRTIO_PCI_COMMON_STATUS, 1, 11);
	out(VIRTIO_PCI_COMMON_Q_SIZE, 2, QSIZE);
	out(VIRTIO_PCI_COMMON_Q_DESCLO, 4, DESC);
	out(VIRTIO_PCI_COMMON_Q_AVAILLO, 4, AVAIL);
	out(VIRTIO_PCI_COMMON_Q_USEDLO, 4, USED);
	out(VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
	out(VIRTIO_PCI_COMMON_STATUS, 1, 15);
}

/* Two good requests, one direct and one indirect, to be spoilt. */
static void
prepare(uint8_t *ram)
{
	static const struct vring_desc	 desc[QSIZE] = {
		{ HDR, 16, VRING_DESC_F_NEXT, 1 },
		{ BUF, 512, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 2 },
		{ BUF + 512, 1, VRING_DESC_F_WRITE, 0 },
		{ TABLE, 48, VRING_DESC_F_INDIRECT, 0 },
	};
	static const struct vring_desc	 table[] = {
		{ HDR + 16, 16, VRING_DESC_F_NEXT, 1 },
		{ HDR + 32, 32, VRING_DESC_F_NEXT, 2 },
		{ BUF, 1, VRING_DESC_F_WRITE, 0 },
	};
	static const uint16_t		 avail[] = { 0, 2, 0, 3 };
	static const struct virtio_blk_outhdr	 hdr[] = {
		{ VIRTIO_BLK_T_IN, 0, 3 }, { VIRTIO_BLK_T_DISCARD, 0, 0 },
		{ 2, 0, 4 }, { 1, 0, 1 },
	};

	memcpy(ram + AVAIL, avail, sizeof(avail));
	memcpy(ram + DESC, desc, sizeof(desc));
	memcpy(ram + HDR, hdr, sizeof(hdr));
	memcpy(ram + TABLE, table, sizeof(table));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct guestmem_range	 ranges[] = {
		{ 0, 4 * PAGE }, { 8 * PAGE, 4 * PAGE },
	};
	static struct vioblk	 vb;
	struct guestmem		 gm;
	struct virtio_env	 env = { &pci, &gm, &virtio_ops, NULL };
	uint8_t			*ram;
	unsigned int		 rounds;
	size_t			 i;

	if (len < 4)
		return (0);
	ram = calloc(1, RAM);
	prepare(ram);
	for (i = 4; i < len && i - 4 < RAM; i++)
		ram[i - 4] ^= data[i];
	check(guestmem_init(&gm, ram, ranges, 2) == 0);
	pci_init(&pci, &pci_ops, NULL);
	check(vioblk_init(&vb, &env, &backend, NULL, "disk",
	    data[1] & 1) == 0);
	start(~data[1] >> 1 & 1, data[1] >> 2 & 1);
	for (rounds = 1 + data[2] % 4; rounds > 0; rounds--) {
		out(VIRTIO_IO_NOTIFY, 2, data[3]);
		virtio_process(&vb.vb_virtio, 1 + data[0]);
	}
	free(ram);
	return (0);
}

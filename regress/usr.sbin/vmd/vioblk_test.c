/* SPDX-License-Identifier: ISC */
/*
 * Promises of the virtio block device and of raw images.
 */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "fakeguest.h"
#include "vioblk.h"
#include "vioraw.h"

#define W		VRING_DESC_F_WRITE
#define NEXT		VRING_DESC_F_NEXT
#define SECTORS		64
#define DISK		(SECTORS * VIOBLK_SECTOR)
#define PENDING		0xee		/* no status yet */

#define HDR		(FG_HIGH + 0x80000)
#define STATUS		(FG_HIGH + 0x80100)
#define RANGES		(FG_HIGH + 0x80200)

static struct fakeguest	 fg;
static struct vioblk	 vb;
static struct vioraw	 raw;

/* A back end that counts, and fails when told to, over the raw one. */
static int		 fail;
static int		 shorten;
static unsigned int	 flushes, moves;

static uint64_t
test_size(void *arg)
{
	return (vioraw_backend.vb_size(arg));
}

static ssize_t
test_pread(void *arg, const struct guestmem *gm,
    const struct guestmem_vec *vec, size_t n, uint64_t off)
{
	moves++;
	if (fail)
		return (-1);
	return (vioraw_backend.vb_pread(arg, gm, vec, n, off) - shorten);
}

static ssize_t
test_pwrite(void *arg, const struct guestmem *gm,
    const struct guestmem_vec *vec, size_t n, uint64_t off)
{
	moves++;
	if (fail)
		return (-1);
	return (vioraw_backend.vb_pwrite(arg, gm, vec, n, off) - shorten);
}

static int
test_flush(void *arg)
{
	flushes++;
	return (fail ? -1 : vioraw_backend.vb_flush(arg));
}

static int
test_discard(void *arg, uint64_t off, uint64_t len)
{
	moves++;
	return (fail ? -1 : vioraw_backend.vb_discard(arg, off, len));
}

static int
test_zero(void *arg, uint64_t off, uint64_t len, int unmap)
{
	moves++;
	return (fail ? -1 : vioraw_backend.vb_zero(arg, off, len, unmap));
}

static const struct vioblk_backend	 full = {
	.vb_size = test_size,
	.vb_pread = test_pread,
	.vb_pwrite = test_pwrite,
	.vb_flush = test_flush,
	.vb_discard = test_discard,
	.vb_zero = test_zero,
};
static const struct vioblk_backend	 plain = {
	.vb_size = test_size,
	.vb_pread = test_pread,
	.vb_pwrite = test_pwrite,
	.vb_flush = test_flush,
};

static void
plug_in(const struct vioblk_backend *ops, int readonly)
{
	pci_init(&fg.pci, &fg_pci_ops, &fg);
	assert_int_equal(vioblk_init(&vb, &fg.env, ops, &raw,
	    "a-serial-number-of-30-letters", readonly), 0);
	fg_start(&fg, fg_offered(&fg), VIOBLK_QUEUE_SIZE);
}

static uint8_t
disk_byte(size_t i)
{
	return (i * 31 + i / VIOBLK_SECTOR);
}

static int
setup(void **state)
{
	uint8_t	 disk[DISK];
	size_t	 i;
	int	 fd = memfd_create("disk", 0);

	(void)state;
	for (i = 0; i < DISK; i++)
		disk[i] = disk_byte(i);
	if (write(fd, disk, DISK) != DISK || vioraw_init(&raw, fd) == -1)
		return (-1);
	fail = shorten = 0;
	flushes = moves = 0;
	fg_init(&fg);
	plug_in(&full, 0);
	return (0);
}

static int
teardown(void **state)
{
	(void)state;
	close(raw.vr_fd);
	fg_free(&fg);
	return (0);
}

static void
header(uint32_t type, uint64_t sector)
{
	struct virtio_blk_outhdr	 hdr = { type, 0, sector };
	uint8_t				 pending = PENDING;

	guestmem_write(&fg.gm, HDR, &hdr, sizeof(hdr));
	guestmem_write(&fg.gm, STATUS, &pending, 1);
}

static uint8_t
status(void)
{
	uint8_t	 s;

	guestmem_read(&fg.gm, STATUS, &s, 1);
	return (s);
}

/* Send the chain at 0; the used length must be as told. */
static uint8_t
send(uint32_t want_len)
{
	uint32_t	 id, len;

	fg_submit(&fg, &vb.vb_virtio, 0);
	assert_int_equal(fg_used(&fg, &id, &len), 1);
	assert_int_equal(id, 0);
	assert_int_equal(len, want_len);
	return (status());
}

/* A request in the usual three pieces; no data piece if len is 0. */
static uint8_t
request(uint32_t type, uint64_t sector, uint64_t gpa, uint32_t len,
    uint16_t flags, uint32_t want_len)
{
	header(type, sector);
	fg_desc(&fg, 0, HDR, 16, NEXT, len != 0 ? 1 : 2);
	fg_desc(&fg, 1, gpa, len, flags | NEXT, 2);
	fg_desc(&fg, 2, STATUS, 1, W, 0);
	return (send(want_len));
}

static void
assert_disk(size_t off, const void *data, size_t len)
{
	uint8_t	 buf[DISK];

	assert_int_equal(pread(raw.vr_fd, buf, len, off), len);
	assert_memory_equal(buf, data, len);
}

static void
assert_disk_untouched(void)
{
	uint8_t	 disk[DISK];
	size_t	 i;

	for (i = 0; i < DISK; i++)
		disk[i] = disk_byte(i);
	assert_disk(0, disk, DISK);
	assert_int_equal(lseek(raw.vr_fd, 0, SEEK_END), DISK);
}

static void
the_device_says_what_it_is(void **state)
{
	(void)state;
	assert_int_equal(fg_conf_in(&fg, 1, 0, 4), 0x10421af4);
	assert_int_equal(fg_in(&fg, VIRTIO_IO_DEVICE, 4), SECTORS);
	assert_int_equal(fg_in(&fg, VIRTIO_IO_DEVICE + 4, 4), 0);
	assert_int_equal(fg_in(&fg, VIRTIO_IO_DEVICE + 12, 4), 126);
	assert_int_equal(fg_in(&fg, VIRTIO_IO_DEVICE + 20, 4), 512);
	assert_int_equal(fg_in(&fg, VIRTIO_PCI_COMMON_Q_SIZE, 2), 128);
	assert_int_equal(fg_offered(&fg) & 0xffffff,
	    1 << VIRTIO_BLK_F_SIZE_MAX | 1 << VIRTIO_BLK_F_SEG_MAX |
	    1 << VIRTIO_BLK_F_BLK_SIZE | 1 << VIRTIO_BLK_F_FLUSH |
	    1 << VIRTIO_BLK_F_DISCARD | 1 << VIRTIO_BLK_F_WRITE_ZEROES);
	plug_in(&plain, 0);
	assert_int_equal(fg_offered(&fg) & 0xffffff,
	    1 << VIRTIO_BLK_F_SIZE_MAX | 1 << VIRTIO_BLK_F_SEG_MAX |
	    1 << VIRTIO_BLK_F_BLK_SIZE | 1 << VIRTIO_BLK_F_FLUSH);
	plug_in(&full, 1);
	assert_int_equal(fg_offered(&fg) & 0xffffff,
	    1 << VIRTIO_BLK_F_SIZE_MAX | 1 << VIRTIO_BLK_F_SEG_MAX |
	    1 << VIRTIO_BLK_F_BLK_SIZE | 1 << VIRTIO_BLK_F_FLUSH |
	    1 << VIRTIO_BLK_F_RO);
}

static void
sectors_are_read(void **state)
{
	size_t	 i;

	(void)state;
	assert_int_equal(request(VIRTIO_BLK_T_IN, 3, FG_BUF, 1024, W, 1025),
	    VIRTIO_BLK_S_OK);
	for (i = 0; i < 1024; i++)
		assert_int_equal(fg.ram[FG_LOW + i],
		    disk_byte(3 * VIOBLK_SECTOR + i));
	assert_int_equal(fg.ram[FG_LOW + 1024], 0);
	/* The last one, and none at all. */
	assert_int_equal(request(VIRTIO_BLK_T_IN, SECTORS - 1, FG_BUF, 512, W,
	    513), VIRTIO_BLK_S_OK);
	assert_int_equal(request(VIRTIO_BLK_T_IN, SECTORS, FG_BUF, 0, W, 1),
	    VIRTIO_BLK_S_OK);
}

static void
sectors_are_written(void **state)
{
	uint8_t	 data[1536];

	(void)state;
	memset(data, 0x99, sizeof(data));
	guestmem_write(&fg.gm, FG_BUF, data, sizeof(data));
	assert_int_equal(request(VIRTIO_BLK_T_OUT, 5, FG_BUF, 1536, 0, 1),
	    VIRTIO_BLK_S_OK);
	assert_disk(5 * VIOBLK_SECTOR, data, 1536);
	data[0] = disk_byte(5 * VIOBLK_SECTOR - 1);
	assert_disk(5 * VIOBLK_SECTOR - 1, data, 1);
	data[0] = disk_byte(8 * VIOBLK_SECTOR);
	assert_disk(8 * VIOBLK_SECTOR, data, 1);
}

static void
a_request_may_be_cut_anywhere(void **state)
{
	uint8_t	 data[512];

	(void)state;
	/* The header in three, data with the status in two pieces. */
	header(VIRTIO_BLK_T_IN, 2);
	fg_desc(&fg, 0, HDR, 1, NEXT, 1);
	fg_desc(&fg, 1, HDR + 1, 7, NEXT, 2);
	fg_desc(&fg, 2, HDR + 8, 8, NEXT, 3);
	fg_desc(&fg, 3, FG_BUF, 500, W | NEXT, 4);
	fg_desc(&fg, 4, STATUS - 12, 13, W, 0);
	assert_int_equal(send(513), VIRTIO_BLK_S_OK);
	assert_int_equal(fg.ram[FG_LOW + 499], disk_byte(1024 + 499));
	guestmem_read(&fg.gm, STATUS - 12, data, 12);
	assert_int_equal(data[0], disk_byte(1024 + 500));
	assert_int_equal(data[11], disk_byte(1024 + 511));

	/* Header and data to write in one. */
	memset(data, 0x42, sizeof(data));
	guestmem_write(&fg.gm, FG_BUF + 16, data, 512);
	header(VIRTIO_BLK_T_OUT, 9);
	guestmem_read(&fg.gm, HDR, data, 16);
	guestmem_write(&fg.gm, FG_BUF, data, 16);
	fg_desc(&fg, 0, FG_BUF, 528, NEXT, 1);
	fg_desc(&fg, 1, STATUS, 1, W, 0);
	assert_int_equal(send(1), VIRTIO_BLK_S_OK);
	memset(data, 0x42, sizeof(data));
	assert_disk(9 * VIOBLK_SECTOR, data, 512);
}

static void
all_segments_offered_can_be_used(void **state)
{
	uint16_t	 i;

	(void)state;
	header(VIRTIO_BLK_T_OUT, 0);
	fg_desc(&fg, 0, HDR, 16, NEXT, 1);
	for (i = 1; i <= VIOBLK_SEG_MAX; i++)
		fg_desc(&fg, i, FG_BUF + i * 256, 256, NEXT, i + 1);
	fg_desc(&fg, i, STATUS, 1, W, 0);
	assert_int_equal(send(1), VIRTIO_BLK_S_OK);
}

static void
sectors_beyond_the_disk_are_errors(void **state)
{
	static const uint64_t	 bad[] = { SECTORS - 1, SECTORS, SECTORS + 1,
	    1ULL << 54, 1ULL << 55, INT64_MAX, 1ULL << 63, UINT64_MAX - 1,
	    UINT64_MAX };
	size_t			 i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(request(VIRTIO_BLK_T_IN, bad[i], FG_BUF,
		    1024, W, 0), VIRTIO_BLK_S_IOERR);
		assert_int_equal(request(VIRTIO_BLK_T_OUT, bad[i], FG_BUF,
		    1024, 0, 1), VIRTIO_BLK_S_IOERR);
	}
	assert_int_equal(moves, 0);
	assert_disk_untouched();
}

static void
parts_of_a_sector_are_errors(void **state)
{
	static const uint32_t	 bad[] = { 1, 511, 513, 1000 };
	size_t			 i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(request(VIRTIO_BLK_T_IN, 0, FG_BUF, bad[i],
		    W, 0), VIRTIO_BLK_S_IOERR);
		assert_int_equal(request(VIRTIO_BLK_T_OUT, 0, FG_BUF, bad[i],
		    0, 1), VIRTIO_BLK_S_IOERR);
	}
	assert_int_equal(moves, 0);
}

static void
a_failing_disk_is_an_error_of_the_request(void **state)
{
	(void)state;
	fail = 1;
	assert_int_equal(request(VIRTIO_BLK_T_IN, 0, FG_BUF, 512, W, 0),
	    VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(VIRTIO_BLK_T_OUT, 0, FG_BUF, 512, 0, 1),
	    VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(VIRTIO_BLK_T_FLUSH, 0, 0, 0, 0, 1),
	    VIRTIO_BLK_S_IOERR);
	fail = 0;
	shorten = 12;
	assert_int_equal(request(VIRTIO_BLK_T_IN, 0, FG_BUF, 512, W, 500),
	    VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(VIRTIO_BLK_T_OUT, 0, FG_BUF, 512, 0, 1),
	    VIRTIO_BLK_S_IOERR);
	shorten = 0;
	assert_int_equal(request(VIRTIO_BLK_T_IN, 0, FG_BUF, 512, W, 513),
	    VIRTIO_BLK_S_OK);
}

static void
an_image_cut_short_is_an_error_of_the_request(void **state)
{
	(void)state;
	assert_int_equal(ftruncate(raw.vr_fd, 700), 0);
	assert_int_equal(request(VIRTIO_BLK_T_IN, 0, FG_BUF, 1024, W, 700),
	    VIRTIO_BLK_S_IOERR);
}

static void
used_length_covers_only_what_was_written(void **state)
{
	size_t	 i;

	(void)state;
	/* Poison, then fail: nothing of the poison may be claimed. */
	memset(fg.ram + FG_LOW, 0xa5, 1024);
	fail = 1;
	assert_int_equal(request(VIRTIO_BLK_T_IN, 0, FG_BUF, 1024, W, 0),
	    VIRTIO_BLK_S_IOERR);
	for (i = 0; i < 1024; i++)
		assert_int_equal(fg.ram[FG_LOW + i], 0xa5);
	/* Room for an id and more: the tail is not claimed either. */
	fail = 0;
	assert_int_equal(request(VIRTIO_BLK_T_GET_ID, 0, FG_BUF, 64, W, 20),
	    VIRTIO_BLK_S_OK);
	assert_int_equal(fg.ram[FG_LOW + 20], 0xa5);
	/* Writable room in a request that writes nothing. */
	assert_int_equal(request(VIRTIO_BLK_T_FLUSH, 0, FG_BUF, 64, W, 0),
	    VIRTIO_BLK_S_OK);
}

static void
flush_reaches_the_disk(void **state)
{
	(void)state;
	assert_int_equal(request(VIRTIO_BLK_T_FLUSH, 0, 0, 0, 0, 1),
	    VIRTIO_BLK_S_OK);
	assert_int_equal(flushes, 1);
}

static void
the_serial_number_is_20_bytes(void **state)
{
	(void)state;
	assert_int_equal(request(VIRTIO_BLK_T_GET_ID, 0, FG_BUF, 20, W, 21),
	    VIRTIO_BLK_S_OK);
	assert_memory_equal(fg.ram + FG_LOW, "a-serial-number-of-3", 20);
	memset(fg.ram + FG_LOW, 0, 20);
	assert_int_equal(request(VIRTIO_BLK_T_GET_ID, 0, FG_BUF, 8, W, 9),
	    VIRTIO_BLK_S_OK);
	assert_memory_equal(fg.ram + FG_LOW, "a-serial\0\0", 10);
}

static void
unknown_requests_are_unsupported(void **state)
{
	static const uint32_t	 bad[] = { 2, 3, 5, 7, 9, 10, 12, 14, 16, 24,
	    0x80000000, 0xffffffff };
	size_t			 i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(request(bad[i], 0, FG_BUF, 512, W, 0),
		    VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(moves, 0);
	assert_disk_untouched();
}

static void
a_request_needs_a_header_and_a_status(void **state)
{
	struct {
		uint32_t	 hdr;
		uint16_t	 status;
	} bad[] = { { 15, W }, { 1, W }, { 16, 0 }, { 512, 0 } };
	uint32_t	 id, len;
	size_t		 i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		header(VIRTIO_BLK_T_FLUSH, 0);
		fg_desc(&fg, 0, HDR, bad[i].hdr, NEXT, 1);
		fg_desc(&fg, 1, STATUS, 1, bad[i].status, 0);
		fg_submit(&fg, &vb.vb_virtio, 0);
		assert_int_equal(fg_used(&fg, &id, &len), 0);
		assert_true(fg_status(&fg) & VIRTIO_CONFIG_S_NEEDS_RESET);
		assert_int_equal(status(), PENDING);
		fg_start(&fg, fg_offered(&fg), VIOBLK_QUEUE_SIZE);
	}
	/* All of it writable: no header. */
	fg_desc(&fg, 0, HDR, 512, W, 0);
	fg_submit(&fg, &vb.vb_virtio, 0);
	assert_true(fg_status(&fg) & VIRTIO_CONFIG_S_NEEDS_RESET);
	assert_int_equal(flushes, 0);
}

static void
a_read_only_disk_is_not_written(void **state)
{
	struct virtio_blk_discard_write_zeroes	 r = { 0, 8, 0 };

	(void)state;
	plug_in(&full, 1);
	guestmem_write(&fg.gm, RANGES, &r, sizeof(r));
	assert_int_equal(request(VIRTIO_BLK_T_OUT, 0, FG_BUF, 512, 0, 1),
	    VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(VIRTIO_BLK_T_DISCARD, 0, RANGES, 16, 0, 1),
	    VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(VIRTIO_BLK_T_WRITE_ZEROES, 0, RANGES, 16, 0,
	    1), VIRTIO_BLK_S_IOERR);
	assert_int_equal(moves, 0);
	assert_int_equal(request(VIRTIO_BLK_T_IN, 0, FG_BUF, 512, W, 513),
	    VIRTIO_BLK_S_OK);
	assert_disk_untouched();
}

static void
ranges_are_cleared(void **state)
{
	struct virtio_blk_discard_write_zeroes	 r[] = {
		{ 1, 1, 0 },
		{ 8, 8, VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP },
	};
	uint8_t					 b, zero[8 * 512] = { 0 };

	(void)state;
	guestmem_write(&fg.gm, RANGES, r, sizeof(r));
	assert_int_equal(request(VIRTIO_BLK_T_WRITE_ZEROES, 0, RANGES, 32, 0,
	    1), VIRTIO_BLK_S_OK);
	assert_disk(512, zero, 512);
	assert_disk(8 * 512, zero, 8 * 512);
	b = disk_byte(511);
	assert_disk(511, &b, 1);
	b = disk_byte(1024);
	assert_disk(1024, &b, 1);
	assert_int_equal(lseek(raw.vr_fd, 0, SEEK_END), DISK);
	assert_int_equal(request(VIRTIO_BLK_T_DISCARD, 0, RANGES, 16, 0, 1),
	    VIRTIO_BLK_S_OK);
}

static void
bad_ranges_are_refused(void **state)
{
	static const struct {
		struct virtio_blk_discard_write_zeroes	 r;
		uint8_t					 discard, zeroes;
	} bad[] = {
		{ { 0, 8, 2 }, VIRTIO_BLK_S_UNSUPP, VIRTIO_BLK_S_UNSUPP },
		{ { 0, 8, 0x80000000 }, VIRTIO_BLK_S_UNSUPP,
		    VIRTIO_BLK_S_UNSUPP },
		{ { 0, 8, 1 }, VIRTIO_BLK_S_UNSUPP, VIRTIO_BLK_S_OK },
		{ { SECTORS, 1, 0 }, VIRTIO_BLK_S_IOERR, VIRTIO_BLK_S_IOERR },
		{ { 0, SECTORS + 1, 0 }, VIRTIO_BLK_S_IOERR,
		    VIRTIO_BLK_S_IOERR },
		{ { UINT64_MAX, 2, 0 }, VIRTIO_BLK_S_IOERR,
		    VIRTIO_BLK_S_IOERR },
		{ { 0, UINT32_MAX, 0 }, VIRTIO_BLK_S_IOERR,
		    VIRTIO_BLK_S_IOERR },
		{ { 1ULL << 55, 1, 0 }, VIRTIO_BLK_S_IOERR,
		    VIRTIO_BLK_S_IOERR },
	};
	static const struct virtio_blk_discard_write_zeroes	 good = {
		0, 8, 0
	};
	static const uint32_t	 sizes[] = { 0, 8, 17, 17 * 16 };
	size_t			 i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		guestmem_write(&fg.gm, RANGES, &bad[i].r, 16);
		assert_int_equal(request(VIRTIO_BLK_T_DISCARD, 0, RANGES, 16,
		    0, 1), bad[i].discard);
		assert_int_equal(request(VIRTIO_BLK_T_WRITE_ZEROES, 0, RANGES,
		    16, 0, 1), bad[i].zeroes);
	}
	moves = 0;
	guestmem_write(&fg.gm, RANGES, &good, 16);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		assert_int_equal(request(VIRTIO_BLK_T_DISCARD, 0, RANGES,
		    sizes[i], 0, 1), VIRTIO_BLK_S_IOERR);
	assert_int_equal(moves, 0);
}

static void
ranges_have_a_largest_size(void **state)
{
	static const struct {
		uint32_t	 type, max;
	} kinds[] = {
		{ VIRTIO_BLK_T_DISCARD, VIOBLK_DISCARD_MAX },
		{ VIRTIO_BLK_T_WRITE_ZEROES, VIOBLK_ZEROES_MAX },
	};
	struct virtio_blk_discard_write_zeroes	 r = { 1, 0, 0 };
	size_t					 i;

	(void)state;
	assert_int_equal(ftruncate(raw.vr_fd, (off_t)1 << 31), 0);
	assert_int_equal(vioraw_init(&raw, raw.vr_fd), 0);
	plug_in(&full, 0);
	for (i = 0; i < 2; i++) {
		r.num_sectors = kinds[i].max + 1;
		guestmem_write(&fg.gm, RANGES, &r, sizeof(r));
		assert_int_equal(request(kinds[i].type, 0, RANGES, 16, 0, 1),
		    VIRTIO_BLK_S_IOERR);
		r.num_sectors--;
		guestmem_write(&fg.gm, RANGES, &r, sizeof(r));
		assert_int_equal(request(kinds[i].type, 0, RANGES, 16, 0, 1),
		    VIRTIO_BLK_S_OK);
	}
}

static void
what_the_back_end_cannot_is_unsupported(void **state)
{
	struct virtio_blk_discard_write_zeroes	 r = { 0, 8, 0 };

	(void)state;
	plug_in(&plain, 0);
	guestmem_write(&fg.gm, RANGES, &r, sizeof(r));
	assert_int_equal(request(VIRTIO_BLK_T_DISCARD, 0, RANGES, 16, 0, 1),
	    VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(request(VIRTIO_BLK_T_WRITE_ZEROES, 0, RANGES, 16, 0,
	    1), VIRTIO_BLK_S_UNSUPP);
}

static void
a_request_has_a_largest_size(void **state)
{
	uint16_t	 i;

	(void)state;
	/* A disk large enough, all of the data through the same memory. */
	assert_int_equal(ftruncate(raw.vr_fd, 1 << 28), 0);
	assert_int_equal(vioraw_init(&raw, raw.vr_fd), 0);
	plug_in(&full, 0);
	header(VIRTIO_BLK_T_IN, 0);
	fg_desc(&fg, 0, HDR, 16, NEXT, 1);
	fg_desc(&fg, 1, FG_TABLE, 127 * 16, VRING_DESC_F_INDIRECT, 0);
	for (i = 0; i < 126; i++)
		fg_desc_at(&fg, FG_TABLE, i, FG_BUF, VIOBLK_SIZE_MAX,
		    W | NEXT, i + 1);
	fg_desc_at(&fg, FG_TABLE, 126, STATUS, 1, W, 0);
	/* The data went over the status, but for the last byte of it. */
	assert_int_equal(send(VIOBLK_MAX_REQUEST + 1), VIRTIO_BLK_S_OK);
	fg_desc_at(&fg, FG_TABLE, 126, FG_BUF, 513, W, 0);
	header(VIRTIO_BLK_T_IN, 0);
	moves = 0;
	send(0);
	assert_int_equal(moves, 0);
	assert_int_equal(fg.ram[FG_LOW + 512], VIRTIO_BLK_S_IOERR);
}

static void
only_files_and_block_devices_are_images(void **state)
{
	struct vioraw	 r;
	int		 p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	assert_int_equal(vioraw_init(&r, p[0]), -1);
	assert_int_equal(errno, ENOTBLK);
	assert_int_equal(vioraw_init(&r, -1), -1);
	assert_int_equal(errno, EBADF);
	close(p[0]);
	close(p[1]);
}

static void
a_size_that_is_no_whole_sector_is_rounded_down(void **state)
{
	(void)state;
	assert_int_equal(ftruncate(raw.vr_fd, 1025), 0);
	assert_int_equal(vioraw_init(&raw, raw.vr_fd), 0);
	plug_in(&full, 0);
	assert_int_equal(fg_in(&fg, VIRTIO_IO_DEVICE, 4), 2);
	assert_int_equal(request(VIRTIO_BLK_T_IN, 2, FG_BUF, 512, W, 0),
	    VIRTIO_BLK_S_IOERR);
}

#define TEST(name)							\
	cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		TEST(the_device_says_what_it_is),
		TEST(sectors_are_read),
		TEST(sectors_are_written),
		TEST(a_request_may_be_cut_anywhere),
		TEST(all_segments_offered_can_be_used),
		TEST(sectors_beyond_the_disk_are_errors),
		TEST(parts_of_a_sector_are_errors),
		TEST(a_failing_disk_is_an_error_of_the_request),
		TEST(an_image_cut_short_is_an_error_of_the_request),
		TEST(used_length_covers_only_what_was_written),
		TEST(flush_reaches_the_disk),
		TEST(the_serial_number_is_20_bytes),
		TEST(unknown_requests_are_unsupported),
		TEST(a_request_needs_a_header_and_a_status),
		TEST(a_read_only_disk_is_not_written),
		TEST(ranges_are_cleared),
		TEST(bad_ranges_are_refused),
		TEST(ranges_have_a_largest_size),
		TEST(what_the_back_end_cannot_is_unsupported),
		TEST(a_request_has_a_largest_size),
		TEST(only_files_and_block_devices_are_images),
		TEST(a_size_that_is_no_whole_sector_is_rounded_down),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}

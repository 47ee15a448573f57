/* SPDX-License-Identifier: ISC */
/*
 * Promises of the door to guest RAM.
 */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "guestmem.h"

#define PAGE	((uint64_t)GUESTMEM_PAGE_SIZE)
#define HIGH	0x100000000ULL

/* Two ranges that touch, a hole, a third one. */
static const struct guestmem_range	 ranges[] = {
	{ 0,		2 * PAGE },
	{ 2 * PAGE,	PAGE },
	{ HIGH,		2 * PAGE },
};
#define RAM	(5 * PAGE)

static uint8_t		*ram;
static struct guestmem	 gm;

static int
setup(void **state)
{
	size_t	 i;

	(void)state;
	ram = malloc(RAM);	/* exact: sanitizers see a byte too far */
	for (i = 0; i < RAM; i++)
		ram[i] = i * 7;
	return (guestmem_init(&gm, ram, ranges, 3));
}

static int
teardown(void **state)
{
	(void)state;
	free(ram);
	return (0);
}

static int
image(size_t len)
{
	int	 fd = memfd_create("image", 0);
	size_t	 i;

	for (i = 0; i < len; i++) {
		uint8_t b = i * 3;

		assert_int_equal(write(fd, &b, 1), 1);
	}
	return (fd);
}

static void
bad_ranges_are_refused(void **state)
{
	static const struct guestmem_range	 bad[][2] = {
		{ { 0, PAGE }, { 0, PAGE } },
		{ { 0, 2 * PAGE }, { PAGE, PAGE } },
		{ { HIGH, PAGE }, { 0, PAGE } },
		{ { 0, 0 }, { PAGE, PAGE } },
		{ { 0, PAGE + 1 }, { HIGH, PAGE } },
		{ { 1, PAGE }, { HIGH, PAGE } },
		{ { 0, PAGE }, { -2 * PAGE, 2 * PAGE } },
		{ { 0, PAGE }, { -PAGE, 2 * PAGE } },
	};
	struct guestmem_range	 many[GUESTMEM_MAX_RANGES + 1];
	struct guestmem		 g;
	size_t			 i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		errno = 0;
		assert_int_equal(guestmem_init(&g, ram, bad[i], 2), -1);
		assert_int_equal(errno, EINVAL);
	}
	for (i = 0; i <= GUESTMEM_MAX_RANGES; i++)
		many[i] = (struct guestmem_range){ i * 2 * PAGE, PAGE };
	assert_int_equal(guestmem_init(&g, ram, many, i), -1);
	assert_int_equal(guestmem_init(&g, ram, many, i - 1), 0);
	assert_int_equal(guestmem_init(&g, ram, many, 0), -1);
	assert_int_equal(guestmem_init(&g, NULL, ranges, 3), -1);
}

static void
only_ram_is_contained(void **state)
{
	(void)state;
	assert_int_equal(guestmem_size(&gm), RAM);
	assert_true(guestmem_contains(&gm, 0, 3 * PAGE));
	assert_false(guestmem_contains(&gm, 0, 3 * PAGE + 1));
	assert_true(guestmem_contains(&gm, HIGH, 2 * PAGE));
	assert_false(guestmem_contains(&gm, HIGH - 1, 2));
	assert_false(guestmem_contains(&gm, HIGH + 2 * PAGE, 1));
	assert_false(guestmem_contains(&gm, 3 * PAGE, 1));
	assert_false(guestmem_contains(&gm, 0, HIGH + PAGE));
	assert_true(guestmem_contains(&gm, 5, 0));
}

static void
address_plus_length_does_not_wrap(void **state)
{
	uint8_t	 b[16];

	(void)state;
	assert_false(guestmem_contains(&gm, UINT64_MAX, 1));
	assert_false(guestmem_contains(&gm, UINT64_MAX - 7, 16));
	assert_false(guestmem_contains(&gm, PAGE, UINT64_MAX));
	assert_int_equal(guestmem_read(&gm, UINT64_MAX - 7, b, 16), -1);
	assert_int_equal(guestmem_write(&gm, -8ULL, b, 16), -1);
	assert_int_equal(guestmem_zero(&gm, 0, SIZE_MAX), -1);
}

static void
copies_cross_ranges_that_touch(void **state)
{
	uint8_t	 buf[64], back[64];

	(void)state;
	memset(buf, 0xa5, sizeof(buf));
	assert_int_equal(guestmem_write(&gm, 2 * PAGE - 32, buf, 64), 0);
	assert_memory_equal(ram + 2 * PAGE - 32, buf, 64);
	assert_int_equal(guestmem_read(&gm, 2 * PAGE - 32, back, 64), 0);
	assert_memory_equal(back, buf, 64);
	assert_int_equal(guestmem_zero(&gm, 2 * PAGE - 1, 2), 0);
	assert_int_equal(ram[2 * PAGE - 1], 0);
	assert_int_equal(ram[2 * PAGE], 0);
	assert_int_equal(ram[2 * PAGE + 1], 0xa5);
}

static void
the_hole_takes_no_room_in_the_mapping(void **state)
{
	uint8_t	 b;

	(void)state;
	assert_int_equal(guestmem_read(&gm, HIGH, &b, 1), 0);
	assert_int_equal(b, ram[3 * PAGE]);
}

static void
a_bad_span_changes_nothing(void **state)
{
	uint8_t	 before[RAM], buf[64];

	(void)state;
	memcpy(before, ram, RAM);
	memset(buf, 0x5a, sizeof(buf));
	errno = 0;
	assert_int_equal(guestmem_write(&gm, 3 * PAGE - 32, buf, 64), -1);
	assert_int_equal(errno, EFAULT);
	assert_int_equal(guestmem_zero(&gm, 3 * PAGE - 32, 64), -1);
	assert_memory_equal(ram, before, RAM);
	assert_int_equal(guestmem_read(&gm, 3 * PAGE - 32, buf, 64), -1);
	assert_int_equal(buf[0], 0x5a);
}

static void
values_are_aligned_and_in_ram(void **state)
{
	uint16_t	 v16;
	uint32_t	 v32;
	uint64_t	 v64;

	(void)state;
	assert_int_equal(guestmem_store64(&gm, 8, 0x1122334455667788), 0);
	assert_int_equal(ram[8], 0x88);
	assert_int_equal(guestmem_load16(&gm, 14, &v16), 0);
	assert_int_equal(v16, 0x1122);
	assert_int_equal(guestmem_load32(&gm, 8, &v32), 0);
	assert_int_equal(v32, 0x55667788);
	assert_int_equal(guestmem_load64(&gm, 8, &v64), 0);
	assert_true(v64 == 0x1122334455667788);
	assert_int_equal(guestmem_store16(&gm, 8, 1), 0);
	assert_int_equal(guestmem_store32(&gm, 12, 2), 0);
	assert_int_equal(guestmem_load16(&gm, 9, &v16), -1);
	assert_int_equal(guestmem_load32(&gm, 10, &v32), -1);
	assert_int_equal(guestmem_store64(&gm, 12, 0), -1);
	assert_int_equal(guestmem_load16(&gm, 3 * PAGE, &v16), -1);
	assert_int_equal(guestmem_store16(&gm, UINT64_MAX - 1, 0), -1);
}

static void
file_data_moves_in_pieces_of_any_number(void **state)
{
	struct guestmem_vec	 vec[200];
	uint8_t			 want[400], got[400];
	int			 fd = image(1000);
	size_t			 i;

	(void)state;
	for (i = 0; i < 200; i++) {
		vec[i].gv_gpa = PAGE + 4 * i;
		vec[i].gv_len = 2;
	}
	assert_int_equal(guestmem_preadv(&gm, vec, 200, fd, 100), 400);
	assert_int_equal(pread(fd, want, 400, 100), 400);
	for (i = 0; i < 200; i++)
		memcpy(got + 2 * i, ram + PAGE + 4 * i, 2);
	assert_memory_equal(got, want, 400);
	assert_int_equal(ram[PAGE + 2], (uint8_t)((PAGE + 2) * 7));

	assert_int_equal(guestmem_pwritev(&gm, vec, 200, fd, 500), 400);
	assert_int_equal(pread(fd, got, 400, 500), 400);
	assert_memory_equal(got, want, 400);
	close(fd);
}

static void
file_data_crosses_ranges_that_touch(void **state)
{
	int	 fd = image(PAGE);

	(void)state;
	assert_int_equal(guestmem_pread(&gm, 2 * PAGE - 100, 200, fd, 0), 200);
	assert_int_equal(ram[2 * PAGE - 100], 0);
	assert_int_equal(ram[2 * PAGE], (uint8_t)300);
	assert_int_equal(guestmem_pwrite(&gm, 0, 3 * PAGE, fd, 0), 3 * PAGE);
	assert_int_equal(lseek(fd, 0, SEEK_END), 3 * PAGE);
	close(fd);
}

static void
only_the_end_of_the_file_makes_a_read_short(void **state)
{
	int	 fd = image(100);

	(void)state;
	assert_int_equal(guestmem_pread(&gm, 0, 200, fd, 50), 50);
	assert_int_equal(guestmem_pread(&gm, 0, 200, fd, 100), 0);
	assert_int_equal(guestmem_pread(&gm, 0, 0, fd, 0), 0);
	close(fd);
}

static void
bad_file_transfers_move_nothing(void **state)
{
	struct guestmem_vec	 vec[2] = { { 0, 16 }, { 3 * PAGE, 1 } };
	uint8_t			 before[RAM];
	int			 fd = image(100);

	(void)state;
	memcpy(before, ram, RAM);
	errno = 0;
	assert_int_equal(guestmem_preadv(&gm, vec, 2, fd, 0), -1);
	assert_int_equal(errno, EFAULT);
	assert_int_equal(guestmem_pread(&gm, 0, 16, fd, -1), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(guestmem_pwrite(&gm, 0, 16, fd, INT64_MAX - 8), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(guestmem_pread(&gm, 0, 16, -1, 0), -1);
	assert_int_equal(errno, EBADF);
	assert_memory_equal(ram, before, RAM);
	close(fd);
}

#define TEST(name)							\
	cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		TEST(bad_ranges_are_refused),
		TEST(only_ram_is_contained),
		TEST(address_plus_length_does_not_wrap),
		TEST(copies_cross_ranges_that_touch),
		TEST(the_hole_takes_no_room_in_the_mapping),
		TEST(a_bad_span_changes_nothing),
		TEST(values_are_aligned_and_in_ram),
		TEST(file_data_moves_in_pieces_of_any_number),
		TEST(file_data_crosses_ranges_that_touch),
		TEST(only_the_end_of_the_file_makes_a_read_short),
		TEST(bad_file_transfers_move_nothing),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}

/* SPDX-License-Identifier: ISC */
/*
 * Promises of the virtio entropy device.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "fakeguest.h"
#include "viornd.h"

#define W	VRING_DESC_F_WRITE
#define NEXT	VRING_DESC_F_NEXT

static struct fakeguest	 fg;
static struct viornd	 vr;
static size_t		 drawn;

static void
test_random(void *buf, size_t len)
{
	uint8_t	*p = buf;
	size_t	 i;

	for (i = 0; i < len; i++)
		p[i] = ++drawn % 255 + 1;
}

static int
setup(void **state)
{
	(void)state;
	fg_init(&fg);
	drawn = 0;
	if (viornd_init(&vr, &fg.env, test_random) == -1)
		return (-1);
	fg_start(&fg, fg_offered(&fg), VIORND_QUEUE_SIZE);
	return (0);
}

static int
teardown(void **state)
{
	(void)state;
	fg_free(&fg);
	return (0);
}

static uint32_t
submit(void)
{
	uint32_t	 id, len;

	fg_submit(&fg, &vr.vr_virtio, 0);
	assert_int_equal(fg_used(&fg, &id, &len), 1);
	return (len);
}

static void
the_device_says_what_it_is(void **state)
{
	(void)state;
	assert_int_equal(fg_conf_in(&fg, 1, 0, 4), 0x10441af4);
	assert_int_equal(fg_in(&fg, VIRTIO_PCI_COMMON_NUMQ, 2), 1);
	assert_int_equal(fg_in(&fg, VIRTIO_PCI_COMMON_Q_SIZE, 2), 64);
}

static void
buffers_are_filled_to_the_byte(void **state)
{
	size_t	 i;

	(void)state;
	fg_desc(&fg, 0, FG_BUF, 1, W | NEXT, 1);
	fg_desc(&fg, 1, FG_BUF + 1, 3000, W, 0);
	assert_int_equal(submit(), 3001);
	assert_int_equal(drawn, 3001);
	for (i = 0; i < 3001; i++)
		assert_int_equal(fg.ram[FG_LOW + i], (i + 1) % 255 + 1);
	assert_int_equal(fg.ram[FG_LOW + 3001], 0);
}

static void
a_request_gets_at_most_64_kib(void **state)
{
	(void)state;
	fg_desc(&fg, 0, FG_BUF, 65536, W, 0);
	assert_int_equal(submit(), 65536);
	drawn = 0;
	fg_desc(&fg, 0, FG_BUF, FG_HIGH_SIZE, W, 0);
	assert_int_equal(submit(), VIORND_MAX_REQUEST);
	assert_int_equal(drawn, 65536);
	assert_int_equal(fg.ram[FG_LOW + 65536], 0);
}

static void
a_buffer_to_read_gets_nothing(void **state)
{
	(void)state;
	fg_desc(&fg, 0, FG_BUF, 64, 0, 0);
	assert_int_equal(submit(), 0);
	assert_int_equal(drawn, 0);
	fg_desc(&fg, 0, FG_BUF, 64, NEXT, 1);
	fg_desc(&fg, 1, FG_BUF + 64, 2, W, 1);
	assert_int_equal(submit(), 2);
	assert_int_equal(fg.ram[FG_LOW], 0);
}

#define TEST(name)							\
	cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		TEST(the_device_says_what_it_is),
		TEST(buffers_are_filled_to_the_byte),
		TEST(a_request_gets_at_most_64_kib),
		TEST(a_buffer_to_read_gets_nothing),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}

/* SPDX-License-Identifier: ISC */
/*
 * Promises of sizes as people write and read them.
 */

#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "scaled.h"

static void
scan(const char *text, long long want)
{
	long long	 got = 0;

	assert_int_equal(scan_scaled(text, &got), 0);
	assert_int_equal(got, want);
}

static void
refuse(const char *text, int error)
{
	long long	 got = 42;

	errno = 0;
	assert_int_equal(scan_scaled(text, &got), -1);
	assert_int_equal(errno, error);
	assert_int_equal(got, 42);
}

static void
scan_takes_numbers_with_units(void **state)
{
	(void)state;
	scan("0", 0);
	scan("1", 1);
	scan("12B", 12);
	scan("1k", 1024);
	scan("512M", 512LL << 20);
	scan("1.5G", 3LL << 29);
	scan(".5K", 512);
	scan("5.", 5);
	scan(" 12K ", 12288);
	scan("+1T", 1LL << 40);
	scan("-1M", -(1LL << 20));
	scan("7E", 7LL << 60);
}

static void
scan_refuses_what_is_no_size(void **state)
{
	(void)state;
	refuse("", EINVAL);
	refuse(".", EINVAL);
	refuse("M", EINVAL);
	refuse("1X", EINVAL);
	refuse("1MM", EINVAL);
	refuse("1M x", EINVAL);
	refuse("0x10", EINVAL);
	refuse("--1", EINVAL);
}

static void
scan_refuses_what_does_not_fit(void **state)
{
	(void)state;
	scan("9223372036854775807", LLONG_MAX);
	refuse("9223372036854775808", ERANGE);
	refuse("99999999999999999999999", ERANGE);
	refuse("8E", ERANGE);
	refuse("8388608T", ERANGE);
}

static void
format(long long number, const char *want)
{
	char	 got[FMT_SCALED_STRSIZE];

	assert_int_equal(fmt_scaled(number, got), 0);
	assert_string_equal(got, want);
}

static void
format_keeps_three_digits(void **state)
{
	(void)state;
	format(0, "0B");
	format(1023, "1023B");
	format(1024, "1.0K");
	format(64LL << 20, "64.0M");
	format(512LL << 20, "512M");
	format(1LL << 30, "1.0G");
	format(3LL << 29, "1.5G");
	format((1LL << 30) - 1, "1.0G");
	format(LLONG_MAX, "8.0E");
	format(LLONG_MIN, "-8.0E");
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(scan_takes_numbers_with_units),
		cmocka_unit_test(scan_refuses_what_is_no_size),
		cmocka_unit_test(scan_refuses_what_does_not_fit),
		cmocka_unit_test(format_keeps_three_digits),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}

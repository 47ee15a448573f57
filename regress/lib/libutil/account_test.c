/* SPDX-License-Identifier: ISC */
/*
 * Promises of local users and groups.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "account.h"

static void
names_are_found(void **state)
{
	struct account	 ac;
	uid_t		 uid = 1;
	gid_t		 gid = 1;
	char		 name[32];

	(void)state;
	assert_int_equal(account_user("root", &uid, &gid), 0);
	assert_int_equal(uid, 0);
	assert_int_equal(gid, 0);
	gid = 1;
	assert_int_equal(account_group("root", &gid), 0);
	assert_int_equal(gid, 0);
	assert_int_equal(account_find("root", &ac), 0);
	assert_string_equal(ac.ac_home, "/root");
	account_user_name(0, name, sizeof(name));
	assert_string_equal(name, "root");
	account_group_name(0, name, sizeof(name));
	assert_string_equal(name, "root");
}

static void
numbers_need_no_entry(void **state)
{
	uid_t	 uid = 0;
	gid_t	 gid = 0;
	char	 name[32];

	(void)state;
	assert_int_equal(account_user("3999999999", &uid, &gid), 0);
	assert_int_equal(uid, 3999999999U);
	assert_int_equal(gid, (gid_t)-1);
	assert_int_equal(account_group("3999999999", &gid), 0);
	assert_int_equal(gid, 3999999999U);
	account_user_name(3999999999U, name, sizeof(name));
	assert_string_equal(name, "3999999999");
}

static void
unknown_ones_are_refused(void **state)
{
	struct account	 ac;
	uid_t		 uid;
	gid_t		 gid;

	(void)state;
	assert_int_equal(account_user("no-such-user", &uid, &gid), -1);
	assert_int_equal(account_user("", &uid, &gid), -1);
	assert_int_equal(account_user("-1", &uid, &gid), -1);
	assert_int_equal(account_user("4294967295", &uid, &gid), -1);
	assert_int_equal(account_group("no-such-group", &gid), -1);
	assert_int_equal(account_find("0", &ac), -1);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(names_are_found),
		cmocka_unit_test(numbers_need_no_entry),
		cmocka_unit_test(unknown_ones_are_refused),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}

/* SPDX-License-Identifier: ISC */
/*
 * Promises of the protections of guest memory, against an array that has
 * the protection of every page.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hosted.h"
#include "vm_prot.h"

#define PAGES	64
#define ROUNDS	20000

static struct vm_prot	 prot;
static int		 model[PAGES];

static int
setup(void **state)
{
	int i;

	(void)state;
	hosted_reset();
	vm_prot_init(&prot);
	for (i = 0; i < PAGES; i++)
		model[i] = VM_PROT_ALL;
	srandom(1);
	return (0);
}

static int
teardown(void **state)
{
	(void)state;
	vm_prot_fini(&prot);
	assert_int_equal(hosted.allocs, 0);
	return (0);
}

static int
set(uint64_t first, uint64_t last, int p)
{
	struct vm_prot to;
	int error;

	error = vm_prot_set(&to, &prot, first * OS_PAGE_SIZE,
	    last * OS_PAGE_SIZE, p);
	if (error == 0) {
		vm_prot_fini(&prot);
		prot = to;
	} else {
		assert_int_equal(to.n, 0);
		assert_null(to.extents);
	}
	return (error);
}

static void
check_page(int i)
{
	uint64_t gpa = i * OS_PAGE_SIZE, start, end, j;

	assert_int_equal(vm_prot_lookup(&prot, gpa + 5, &start, &end),
	    model[i]);
	assert_in_range(gpa, start, end - 1);
	for (j = start / OS_PAGE_SIZE; j < PAGES && j < end / OS_PAGE_SIZE; j++)
		assert_int_equal(model[j], model[i]);
	/* Merged: next to it, the protection is another one. */
	if (start > 0)
		assert_int_not_equal(model[start / OS_PAGE_SIZE - 1],
		    model[i]);
	if (end / OS_PAGE_SIZE < PAGES)
		assert_int_not_equal(model[end / OS_PAGE_SIZE], model[i]);
}

static void
a_page_has_the_protection_that_was_set_last(void **state)
{
	int n, i, first, last, p;

	(void)state;
	for (n = 0; n < ROUNDS; n++) {
		first = random() % PAGES;
		last = first + 1 + random() % (PAGES - first);
		p = random() % 4 == 0 ? VM_PROT_ALL : (int)(random() & 7);
		assert_int_equal(set(first, last, p), 0);
		for (i = first; i < last; i++)
			model[i] = p;
		for (i = 0; i < PAGES; i++)
			check_page(i);
	}
}

static void
all_rights_everywhere_take_no_extent(void **state)
{
	(void)state;
	assert_int_equal(set(3, 9, VM_PROT_READ), 0);
	assert_int_equal(set(5, 6, VM_PROT_NONE), 0);
	assert_int_equal(prot.n, 3);
	assert_int_equal(set(0, PAGES, VM_PROT_ALL), 0);
	assert_int_equal(prot.n, 0);
}

static void
one_extent_too_many_is_refused_and_changes_nothing(void **state)
{
	uint64_t i, start, end;

	(void)state;
	for (i = 0; i < VM_PROT_MAX_EXTENTS; i++)
		assert_int_equal(set(2 * i, 2 * i + 1, VM_PROT_READ), 0);
	assert_int_equal(prot.n, VM_PROT_MAX_EXTENTS);
	assert_int_equal(set(2 * i, 2 * i + 1, VM_PROT_READ), ENOSPC);
	assert_int_equal(prot.n, VM_PROT_MAX_EXTENTS);
	assert_int_equal(vm_prot_lookup(&prot, 2 * i * OS_PAGE_SIZE, &start,
	    &end), VM_PROT_ALL);
	/* What joins two makes room. */
	assert_int_equal(set(1, 2, VM_PROT_READ), 0);
	assert_int_equal(prot.n, VM_PROT_MAX_EXTENTS - 1);
	assert_int_equal(set(2 * i, 2 * i + 1, VM_PROT_READ), 0);
}

static void
no_memory_is_said_and_changes_nothing(void **state)
{
	(void)state;
	assert_int_equal(set(1, 2, VM_PROT_READ), 0);
	hosted.fail_alloc = 1;
	assert_int_equal(set(2, 3, VM_PROT_READ), ENOMEM);
	model[1] = VM_PROT_READ;
	check_page(1);
	check_page(2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    a_page_has_the_protection_that_was_set_last, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(
		    all_rights_everywhere_take_no_extent, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    one_extent_too_many_is_refused_and_changes_nothing, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(
		    no_memory_is_said_and_changes_nothing, setup, teardown),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}

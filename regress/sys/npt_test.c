/* SPDX-License-Identifier: ISC */
/*
 * Promises of nested page tables, against an array that has the mapping of
 * every page. The tables are read as the CPU does.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hosted.h"
#include "npt.h"
#include "vm_prot.h"

#define BIG		21
#define BIG_SIZE	(1ULL << BIG)
#define BIG_PAGES	512
#define REGIONS		4
#define PAGES		(REGIONS * BIG_PAGES)
#define ROUNDS		2000

/* The middle of the window is where a table of 1 GiB ends. */
#define BASE		((96ULL << 30) - REGIONS / 2 * BIG_SIZE)

struct page {
	uint64_t	pa;
	int		prot;		/* 0: not there */
	unsigned int	shift;
};

struct kind {
	struct npt_format	fmt;
	int			levels;
	int			prots[6];	/* that this CPU has */
	int			nprots;
};

#define NPT_AMD	{ .table = 0x7, .leaf = 0x5, .write = 0x2,		\
		    .noexec = 1ULL << 63, .large = 0x80, .present = 0x1 }
#define NPT_EPT	{ .table = 0x7, .leaf = 0x30, .read = 0x1,		\
		    .write = 0x2, .exec = 0x4, .large = 0x80,		\
		    .present = 0x7 }
#define PROTS_AMD	{ 0, 1, 3, 5, 7 }, 5
#define PROTS_EPT	{ 0, 1, 3, 4, 5, 7 }, 6

static struct kind	 kinds[] = {
	{ NPT_AMD, 4, PROTS_AMD }, { NPT_AMD, 5, PROTS_AMD },
	{ NPT_EPT, 4, PROTS_EPT }, { NPT_EPT, 5, PROTS_EPT },
};

static const struct kind	*kind;
static struct npt		 npt;
static struct npt_cache		 cache;
static struct page		 model[PAGES], before[PAGES];
static bool			 table[REGIONS];	/* of 4 KiB pages */

static int
setup(void **state)
{
	kind = *state;
	hosted_reset();
	assert_int_equal(npt_init(&npt, &kind->fmt, kind->levels, BIG), 0);
	memset(model, 0, sizeof(model));
	memset(table, 0, sizeof(table));
	srandom(2);
	return (0);
}

static int
teardown(void **state)
{
	(void)state;
	npt_fini(&npt);
	npt_cache_drain(&cache);
	assert_int_equal(hosted.allocs, 0);
	return (0);
}

static int
entry_prot(uint64_t e)
{
	if (kind->fmt.read != 0)
		return (e & 7);
	return (VM_PROT_READ | (e & 2 ? VM_PROT_WRITE : 0) |
	    (e >> 63 ? 0 : VM_PROT_EXEC));
}

static struct page
walk(uint64_t gpa)
{
	struct page p = { 0, 0, 0 };
	const uint64_t *t = npt.root;
	unsigned int shift;
	uint64_t e;

	for (shift = 12 + 9 * (kind->levels - 1); ; shift -= 9) {
		e = t[gpa >> shift & 511];
		if ((e & kind->fmt.present) == 0)
			return (p);
		if (shift == 12 || (e & 0x80))
			break;
		assert_int_equal(e & 0xfff, 7);
		t = (const uint64_t *)(uintptr_t)(e & 0xffffffffff000ULL);
	}
	if (kind->fmt.read != 0)
		assert_int_equal(e >> 3 & 7, 6);	/* write-back */
	else
		assert_int_equal(e & 5, 5);
	p.shift = shift;
	p.prot = entry_prot(e);
	p.pa = (e & 0xffffffffff000ULL) + (gpa & ((1ULL << shift) - 1));
	return (p);
}

static void
check_all(void)
{
	uint64_t mapped = 0;
	struct page p;
	int i;

	for (i = 0; i < PAGES; i++) {
		p = walk(BASE + i * OS_PAGE_SIZE);
		assert_int_equal(p.prot, model[i].prot);
		if (p.prot == 0)
			continue;
		assert_int_equal(p.pa, model[i].pa);
		assert_int_equal(p.shift, model[i].shift);
		mapped += OS_PAGE_SIZE;
	}
	assert_int_equal(npt.mapped, mapped);
}

/* Is there a page that is now elsewhere, or lost a right? */
static bool
needs_flush(void)
{
	int i;

	for (i = 0; i < PAGES; i++) {
		if (before[i].prot != 0 && ((before[i].prot &
		    ~model[i].prot) != 0 || before[i].pa != model[i].pa))
			return (true);
	}
	return (false);
}

static void
model_map(int page, uint64_t pa, unsigned int shift, int prot)
{
	int region = page / BIG_PAGES, low = region * BIG_PAGES;
	int first = page, n = 1, i;

	if (shift == BIG && !table[region]) {
		first = low;
		n = BIG_PAGES;
		pa &= ~(BIG_SIZE - 1);
	} else {
		shift = OS_PAGE_SHIFT;
		/* A large page makes way as a whole. */
		for (i = low; i < low + BIG_PAGES; i++) {
			if (model[i].shift == BIG)
				model[i].prot = model[i].shift = 0;
		}
		table[region] = true;
	}
	for (i = first; i < first + n; i++) {
		model[i].pa = pa + (i - first) * OS_PAGE_SIZE;
		model[i].prot = prot;
		model[i].shift = prot != 0 ? shift : 0;
	}
}

static void
model_unmap(int first, int last)
{
	int i, j, region;

	for (i = first; i < last; i++) {
		region = i / BIG_PAGES;
		if (model[i].shift == BIG) {
			for (j = 0; j < BIG_PAGES; j++)
				memset(&model[region * BIG_PAGES + j], 0,
				    sizeof(model[0]));
		}
		memset(&model[i], 0, sizeof(model[i]));
		if (first <= region * BIG_PAGES &&
		    last >= (region + 1) * BIG_PAGES)
			table[region] = false;
	}
}

static void
random_map(void)
{
	int page = random() % PAGES;
	unsigned int shift = random() % 8 == 0 ? BIG : OS_PAGE_SHIFT;
	int prot = kind->prots[random() % kind->nprots];
	uint64_t pa = (uint64_t)(random() % 4) << 32 |
	    (BASE + page * OS_PAGE_SIZE);
	bool flush;

	assert_int_equal(npt_cache_fill(&cache), 0);
	flush = npt_map(&npt, &cache, BASE + page * OS_PAGE_SIZE, pa, shift,
	    prot);
	model_map(page, pa, shift, prot);
	if (needs_flush())
		assert_true(flush);
}

static void
random_unmap(void)
{
	struct npt_freelist fl = { NULL };
	int first = random() % PAGES, last = first + 1;
	bool flush;

	if (random() % 4 == 0)
		last = first + 1 + random() % (PAGES - first);
	flush = npt_unmap(&npt, BASE + first * OS_PAGE_SIZE,
	    BASE + last * OS_PAGE_SIZE, &fl);
	model_unmap(first, last);
	if (needs_flush() || fl.first != NULL)
		assert_true(flush);
	else
		assert_false(flush);
	npt_freelist_free(&fl);
}

static void
a_page_is_where_it_was_mapped_last_and_flushes_are_asked(void **state)
{
	int n;

	(void)state;
	for (n = 0; n < ROUNDS; n++) {
		memcpy(before, model, sizeof(before));
		if (random() % 4 == 0)
			random_unmap();
		else
			random_map();
		check_all();
	}
}

static bool
map_one(uint64_t gpa, uint64_t pa, unsigned int shift, int prot)
{
	assert_int_equal(npt_cache_fill(&cache), 0);
	return (npt_map(&npt, &cache, gpa, pa, shift, prot));
}

static void
more_rights_need_no_flush(void **state)
{
	(void)state;
	assert_false(map_one(BASE, BASE, 12, VM_PROT_READ));
	assert_false(map_one(BASE, BASE, 12, VM_PROT_READ));
	assert_false(map_one(BASE, BASE, 12, VM_PROT_READ | VM_PROT_WRITE));
	assert_false(map_one(BASE, BASE, 12, VM_PROT_ALL));
	assert_true(map_one(BASE, BASE, 12, VM_PROT_READ | VM_PROT_WRITE));
	assert_true(map_one(BASE, BASE, 12, VM_PROT_READ));
	assert_true(map_one(BASE, BASE + BIG_SIZE, 12, VM_PROT_READ));
	assert_true(map_one(BASE, BASE + BIG_SIZE, 12, VM_PROT_NONE));
	assert_false(map_one(BASE, BASE, 12, VM_PROT_READ));
}

static void
tables_of_an_emptied_area_go(void **state)
{
	struct npt_freelist fl = { NULL };
	int i, tables;

	(void)state;
	for (i = 0; i < PAGES; i += 7)
		map_one(BASE + i * OS_PAGE_SIZE, BASE, 12, VM_PROT_ALL);
	npt_cache_drain(&cache);
	tables = hosted.allocs;
	assert_true(npt_unmap(&npt, BASE, BASE + REGIONS * BIG_SIZE, &fl));
	/* Not before the flush. */
	assert_int_equal(hosted.allocs, tables);
	npt_freelist_free(&fl);
	assert_int_equal(hosted.allocs, tables - REGIONS);
	assert_false(npt_unmap(&npt, 0, 128ULL << 30, &fl));
	assert_null(fl.first);
}

static void
no_memory_for_tables_is_said(void **state)
{
	int n;

	(void)state;
	for (n = 1; n < NPT_MAX_LEVELS; n++) {
		hosted.fail_alloc = n;
		assert_int_equal(npt_cache_fill(&cache), ENOMEM);
		npt_cache_drain(&cache);
	}
	assert_int_equal(npt_cache_fill(&cache), 0);
}

#define TEST(f, k)	{ #f, f, setup, teardown, &kinds[k] }
#define TESTS(f)	TEST(f, 0), TEST(f, 1), TEST(f, 2), TEST(f, 3)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TESTS(a_page_is_where_it_was_mapped_last_and_flushes_are_asked),
		TESTS(more_rights_need_no_flush),
		TESTS(tables_of_an_emptied_area_go),
		TESTS(no_memory_for_tables_is_said),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}

/* SPDX-License-Identifier: ISC */
/*
 * Nested page tables.
 */
#include "npt.h"
#include "vm_prot.h"

#define PA_MASK		0x000ffffffffff000ULL

static unsigned int
level_shift(int level)
{
	return OS_PAGE_SHIFT + 9 * (level - 1);
}

static unsigned int
level_index(uint64_t gpa, int level)
{
	return gpa >> level_shift(level) & (NPT_ENTRIES - 1);
}

static bool
is_present(const struct npt *npt, uint64_t e)
{
	return (e & npt->fmt->present) != 0;
}

static bool
is_leaf(const struct npt *npt, uint64_t e, int level)
{
	return level == 1 || (e & npt->fmt->large) != 0;
}

static uint64_t *
entry_table(uint64_t e)
{
	return os_va(e & PA_MASK);
}

/* Hardware walks these tables while they are written. */
static void
entry_set(uint64_t *e, uint64_t val)
{
	__atomic_store_n(e, val, __ATOMIC_RELEASE);
}

int
npt_init(struct npt *npt, const struct npt_format *fmt, int levels,
    unsigned int max_shift)
{
	npt->fmt = fmt;
	npt->levels = levels;
	npt->mapped = 0;
	npt->max_shift = max_shift;
	npt->root = os_pages_zalloc(0);
	return npt->root == NULL ? ENOMEM : 0;
}

static void
table_free(struct npt *npt, uint64_t *table, int level)
{
	int i;

	for (i = 0; level > 1 && i < NPT_ENTRIES; i++) {
		if (is_present(npt, table[i]) &&
		    !is_leaf(npt, table[i], level))
			table_free(npt, entry_table(table[i]), level - 1);
	}
	os_pages_free(table, 0);
}

void
npt_fini(struct npt *npt)
{
	if (npt->root != NULL)
		table_free(npt, npt->root, npt->levels);
	npt->root = NULL;
}

int
npt_cache_fill(struct npt_cache *c)
{
	while (c->n < NPT_MAX_LEVELS - 1) {
		c->page[c->n] = os_pages_zalloc(0);
		if (c->page[c->n] == NULL)
			return ENOMEM;
		c->n++;
	}
	return 0;
}

void
npt_cache_drain(struct npt_cache *c)
{
	while (c->n > 0)
		os_pages_free(c->page[--c->n], 0);
}

static uint64_t
leaf_entry(const struct npt *npt, uint64_t pa, int level, int prot)
{
	const struct npt_format *f = npt->fmt;
	uint64_t e;

	if (prot == VM_PROT_NONE)
		return 0;
	e = pa | f->leaf;
	e |= prot & VM_PROT_READ ? f->read : 0;
	e |= prot & VM_PROT_WRITE ? f->write : 0;
	e |= prot & VM_PROT_EXEC ? f->exec : f->noexec;
	e |= level > 1 ? f->large : 0;
	return e;
}

static bool
entry_shrinks(const struct npt *npt, uint64_t old, uint64_t new)
{
	const struct npt_format *f = npt->fmt;
	uint64_t rights = f->read | f->write | f->exec;

	if (!is_present(npt, old))
		return false;
	return (old & PA_MASK) != (new & PA_MASK) ||
	    (old & rights & ~new) != 0 || (new & f->noexec & ~old) != 0;
}

static bool
leaf_set(struct npt *npt, uint64_t *e, uint64_t new, int level)
{
	uint64_t old = *e;

	entry_set(e, new);
	if (is_present(npt, old))
		npt->mapped -= 1ULL << level_shift(level);
	if (is_present(npt, new))
		npt->mapped += 1ULL << level_shift(level);
	return entry_shrinks(npt, old, new);
}

bool
npt_map(struct npt *npt, struct npt_cache *cache, uint64_t gpa, uint64_t pa,
    unsigned int shift, int prot)
{
	uint64_t *table = npt->root, *e, *sub;
	bool flush = false;
	int level;

	for (level = npt->levels; ; level--) {
		e = &table[level_index(gpa, level)];
		if (level_shift(level) == OS_PAGE_SHIFT)
			break;
		if (level_shift(level) == shift &&
		    (!is_present(npt, *e) || is_leaf(npt, *e, level)))
			break;
		if (is_present(npt, *e) && is_leaf(npt, *e, level))
			flush |= leaf_set(npt, e, 0, level);
		if (!is_present(npt, *e)) {
			sub = cache->page[--cache->n];
			entry_set(e, os_pa(sub) | npt->fmt->table);
		}
		table = entry_table(*e);
	}
	pa &= ~((1ULL << level_shift(level)) - 1);
	return leaf_set(npt, e, leaf_entry(npt, pa, level, prot), level) ||
	    flush;
}

static bool
table_empty(const struct npt *npt, const uint64_t *table)
{
	int i;

	for (i = 0; i < NPT_ENTRIES; i++) {
		if (is_present(npt, table[i]))
			return false;
	}
	return true;
}

/* A table on the free list is linked through its first entry. */
static void
table_retire(struct npt_freelist *fl, uint64_t *e)
{
	uint64_t *table = entry_table(*e);

	entry_set(e, 0);
	table[0] = (uint64_t)(uintptr_t)fl->first;
	fl->first = table;
}

static bool
unmap_level(struct npt *npt, uint64_t *table, int level, uint64_t start,
    uint64_t end, struct npt_freelist *fl)
{
	uint64_t size = 1ULL << level_shift(level), base, next, *e;
	bool flush = false;

	for (base = start & ~(size - 1); base < end; base = next) {
		next = base + size;
		e = &table[level_index(base, level)];
		if (!is_present(npt, *e))
			continue;
		if (is_leaf(npt, *e, level)) {
			flush |= leaf_set(npt, e, 0, level);
			continue;
		}
		flush |= unmap_level(npt, entry_table(*e), level - 1,
		    base > start ? base : start, next < end ? next : end, fl);
		if (level == 2 && base >= start && next <= end &&
		    table_empty(npt, entry_table(*e))) {
			table_retire(fl, e);
			flush = true;
		}
	}
	return flush;
}

bool
npt_unmap(struct npt *npt, uint64_t start, uint64_t end,
    struct npt_freelist *fl)
{
	return unmap_level(npt, npt->root, npt->levels, start, end, fl);
}

void
npt_freelist_free(struct npt_freelist *fl)
{
	uint64_t *table;

	while ((table = fl->first) != NULL) {
		fl->first = (uint64_t *)(uintptr_t)table[0];
		os_pages_free(table, 0);
	}
}

/* SPDX-License-Identifier: ISC */
/*
 * Extents of guest-physical memory with a protection of their own.
 */
#include "vm_prot.h"

void
vm_prot_init(struct vm_prot *p)
{
	p->n = 0;
	p->extents = NULL;
}

void
vm_prot_fini(struct vm_prot *p)
{
	os_free(p->extents);
	vm_prot_init(p);
}

/* The first extent that ends behind gpa, or n. */
static size_t
prot_search(const struct vm_prot *p, uint64_t gpa)
{
	size_t lo = 0, hi = p->n, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (p->extents[mid].end <= gpa)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

int
vm_prot_lookup(const struct vm_prot *p, uint64_t gpa, uint64_t *start,
    uint64_t *end)
{
	size_t i = prot_search(p, gpa);

	if (i < p->n && p->extents[i].start <= gpa) {
		*start = p->extents[i].start;
		*end = p->extents[i].end;
		return p->extents[i].prot;
	}
	*start = i > 0 ? p->extents[i - 1].end : 0;
	*end = i < p->n ? p->extents[i].start : ~0ULL;
	return VM_PROT_ALL;
}

/* Add an extent behind all others, merged with the last one if they touch. */
static void
prot_append(struct vm_prot *p, uint64_t start, uint64_t end, int prot)
{
	struct vm_prot_extent *e;

	if (start >= end || prot == VM_PROT_ALL)
		return;
	if (p->n > 0) {
		e = &p->extents[p->n - 1];
		if (e->end == start && e->prot == prot) {
			e->end = end;
			return;
		}
	}
	e = &p->extents[p->n++];
	e->start = start;
	e->end = end;
	e->prot = prot;
}

int
vm_prot_set(struct vm_prot *to, const struct vm_prot *from, uint64_t start,
    uint64_t end, int prot)
{
	const struct vm_prot_extent *e;
	size_t i;

	vm_prot_init(to);
	to->extents = os_zalloc((from->n + 3) * sizeof(*to->extents));
	if (to->extents == NULL)
		return ENOMEM;
	for (i = 0; i < from->n && from->extents[i].start < start; i++) {
		e = &from->extents[i];
		prot_append(to, e->start, e->end < start ? e->end : start,
		    e->prot);
	}
	prot_append(to, start, end, prot);
	for (i = prot_search(from, end); i < from->n; i++) {
		e = &from->extents[i];
		prot_append(to, e->start > end ? e->start : end, e->end,
		    e->prot);
	}
	if (to->n > VM_PROT_MAX_EXTENTS) {
		vm_prot_fini(to);
		return ENOSPC;
	}
	return 0;
}

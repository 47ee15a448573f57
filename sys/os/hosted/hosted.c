/* SPDX-License-Identifier: ISC */
/*
 * A user process: memory, the caller's memory, locks and memory watches.
 * What may sleep is refused where it may not: the program ends.
 */
#include <stdio.h>
#include <stdlib.h>

#include "hosted.h"
#include "hosted_atomic.h"

#define USER_END	(1ULL << 47)
#define USER_MAX	32

struct hosted	 hosted;

static struct hosted_user {
	uint64_t	start, end;
	bool		writable;
} users[USER_MAX];

static struct os_memwatch	*watches;
static __thread int		 spins;		/* that this thread holds */

void
hosted_atomic_enter(void)
{
	spins++;
}

void
hosted_atomic_leave(void)
{
	if (--spins < 0)
		hosted_panic("atomic section left twice");
}

void
hosted_panic(const char *what)
{
	fprintf(stderr, "hosted: %s\n", what);
	abort();
}

void
hosted_may_sleep(void)
{
	if (spins > 0)
		hosted_panic("sleep in an atomic section");
}

/* Is this the one that shall fail? */
static bool
fail_now(int *count)
{
	return *count > 0 && --*count == 0;
}

void
hosted_reset(void)
{
	struct hosted old = hosted;

	memset(&hosted, 0, sizeof(hosted));
	hosted.contig_shift = OS_PAGE_SHIFT;
	hosted.pid = 4711;
	hosted.tsc_khz = 2000000;
	hosted.now = 1000000000;
	hosted.allocs = old.allocs;
	hosted.held = old.held;
	hosted.mms = old.mms;
	hosted.watches = old.watches;
	memset(users, 0, sizeof(users));
}

static void *
zalloc(size_t align, size_t size)
{
	void *p;

	hosted_may_sleep();
	if (fail_now(&hosted.fail_alloc))
		return NULL;
	if (posix_memalign(&p, align, size) != 0)
		hosted_panic("out of memory");
	memset(p, 0, size);
	hosted.allocs++;
	return p;
}

void *
os_zalloc(size_t size)
{
	return zalloc(64, size);
}

void
os_free(void *p)
{
	if (p != NULL)
		hosted.allocs--;
	free(p);
}

void *
os_pages_zalloc(unsigned int order)
{
	return zalloc(OS_PAGE_SIZE << order, OS_PAGE_SIZE << order);
}

void
os_pages_free(void *p, unsigned int order)
{
	(void)order;
	os_free(p);
}

uint64_t
os_pa(const void *p)
{
	return (uint64_t)(uintptr_t)p;
}

void *
os_va(uint64_t pa)
{
	return (void *)(uintptr_t)pa;
}

void
hosted_user_add(const void *p, size_t size, bool writable)
{
	int i;

	for (i = 0; users[i].end != 0; i++) {
		if (i == USER_MAX - 1)
			hosted_panic("too many user ranges");
	}
	users[i].start = (uint64_t)(uintptr_t)p;
	users[i].end = users[i].start + size;
	users[i].writable = writable;
}

void
hosted_user_remove(const void *p)
{
	int i;

	for (i = 0; i < USER_MAX; i++) {
		if (users[i].start == (uint64_t)(uintptr_t)p)
			users[i].start = users[i].end = 1;
	}
}

/* The user range that holds [va, va + n), or NULL. */
static const struct hosted_user *
user_find(uint64_t va, size_t n)
{
	int i;

	for (i = 0; i < USER_MAX; i++) {
		if (va >= users[i].start && va < users[i].end &&
		    n <= users[i].end - va)
			return &users[i];
	}
	return NULL;
}

int
os_copyin(void *dst, uint64_t uaddr, size_t n)
{
	hosted_may_sleep();
	if (fail_now(&hosted.fail_copy) || user_find(uaddr, n) == NULL)
		return EFAULT;
	memcpy(dst, (const void *)(uintptr_t)uaddr, n);
	return 0;
}

int
os_copyout(uint64_t uaddr, const void *src, size_t n)
{
	const struct hosted_user *u = user_find(uaddr, n);

	hosted_may_sleep();
	if (fail_now(&hosted.fail_copy) || u == NULL || !u->writable)
		return EFAULT;
	memcpy((void *)(uintptr_t)uaddr, src, n);
	return 0;
}

bool
os_user_range_ok(uint64_t uaddr, uint64_t n)
{
	return n <= USER_END && uaddr <= USER_END - n;
}

void
os_mutex_init(struct os_mutex *m)
{
	pthread_mutex_init(&m->mutex, NULL);
}

void
os_mutex_lock(struct os_mutex *m)
{
	hosted_may_sleep();
	if (pthread_mutex_lock(&m->mutex) != 0)
		hosted_panic("mutex lock");
}

int
os_mutex_lock_intr(struct os_mutex *m)
{
	if (hosted.lock_interrupted)
		return EINTR;
	os_mutex_lock(m);
	return 0;
}

void
os_mutex_unlock(struct os_mutex *m)
{
	if (pthread_mutex_unlock(&m->mutex) != 0)
		hosted_panic("mutex unlock");
}

void
os_spin_init(struct os_spin *s)
{
	pthread_mutex_init(&s->mutex, NULL);
}

void
os_spin_lock(struct os_spin *s)
{
	if (pthread_mutex_lock(&s->mutex) != 0)
		hosted_panic("spin lock");
	hosted_atomic_enter();
}

void
os_spin_unlock(struct os_spin *s)
{
	hosted_atomic_leave();
	if (pthread_mutex_unlock(&s->mutex) != 0)
		hosted_panic("spin unlock");
}

/* There is one address space. */
struct os_mm *
os_mm_get(void)
{
	hosted.mms++;
	return (struct os_mm *)&hosted;
}

void
os_mm_put(struct os_mm *mm)
{
	(void)mm;
	hosted.mms--;
}

int
os_memwatch_start(struct os_memwatch *w, struct os_mm *mm, uint64_t va,
    uint64_t size, os_invalidate_fn *invalidate, void *arg)
{
	(void)mm;
	hosted_may_sleep();
	if (fail_now(&hosted.fail_alloc))
		return ENOMEM;
	w->invalidate = invalidate;
	w->arg = arg;
	w->start = va;
	w->end = va + size;
	w->seq = 0;
	w->active = true;
	w->next = watches;
	watches = w;
	hosted.watches++;
	return 0;
}

void
os_memwatch_stop(struct os_memwatch *w)
{
	struct os_memwatch **p;

	hosted_may_sleep();
	if (!w->active)
		return;
	for (p = &watches; *p != w; p = &(*p)->next)
		;
	*p = w->next;
	w->active = false;
	hosted.watches--;
}

unsigned long
os_memwatch_begin(struct os_memwatch *w)
{
	hosted_may_sleep();
	if (!w->active)
		hosted_panic("memory watch is not active");
	return w->seq;
}

bool
os_memwatch_retry(struct os_memwatch *w, unsigned long seq)
{
	if (spins == 0)
		hosted_panic("memory watch without a lock");
	return w->seq != seq;
}

void
os_memwatch_invalidated(struct os_memwatch *w, unsigned long seq)
{
	if (spins == 0)
		hosted_panic("memory watch without a lock");
	w->seq = seq;
}

void
hosted_invalidate(const void *p, size_t size)
{
	uint64_t start = (uint64_t)(uintptr_t)p, end = start + size;
	struct os_memwatch *w;

	for (w = watches; w != NULL; w = w->next) {
		if (start >= w->end || end <= w->start)
			continue;
		w->invalidate(w->arg, start > w->start ? start : w->start,
		    end < w->end ? end : w->end, w->seq + 1);
	}
}

int
os_page_hold(struct os_mm *mm, uint64_t va, bool write, struct os_page *pg)
{
	const struct hosted_user *u = user_find(va, OS_PAGE_SIZE);

	(void)mm;
	hosted_may_sleep();
	if (fail_now(&hosted.fail_hold))
		return ENOMEM;
	if (hosted.on_hold != NULL)
		hosted.on_hold();
	if (hosted.mm_gone || u == NULL || (write && !u->writable))
		return EFAULT;
	pg->pa = va;
	pg->writable = u->writable;
	pg->handle = (void *)(uintptr_t)va;
	hosted.held++;
	return 0;
}

void
os_page_release(struct os_page *pg)
{
	pg->handle = NULL;
	hosted.held--;
}

unsigned int
os_page_contig_shift(struct os_mm *mm, uint64_t va)
{
	(void)mm;
	(void)va;
	return hosted.contig_shift;
}

static void
page_bounds(size_t off, size_t n)
{
	if (off > OS_PAGE_SIZE || n > OS_PAGE_SIZE - off)
		hosted_panic("access beyond a page");
}

void
os_page_copy_to(struct os_page *pg, size_t off, const void *src, size_t n)
{
	page_bounds(off, n);
	memcpy((char *)pg->handle + off, src, n);
}

void
os_page_copy_from(struct os_page *pg, size_t off, void *dst, size_t n)
{
	page_bounds(off, n);
	memcpy(dst, (const char *)pg->handle + off, n);
}

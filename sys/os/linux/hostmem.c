// SPDX-License-Identifier: ISC
/*
 * Linux: kernel memory, the caller's memory, and guest memory, which is
 * followed through MMU interval notifiers.
 */
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/pgtable.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/version.h>

#include "os.h"

void *
os_zalloc(size_t size)
{
	return kvzalloc(size, GFP_KERNEL_ACCOUNT);
}

void
os_free(void *p)
{
	kvfree(p);
}

void *
os_pages_zalloc(unsigned int order)
{
	return (void *)__get_free_pages(GFP_KERNEL_ACCOUNT | __GFP_ZERO,
	    order);
}

void
os_pages_free(void *p, unsigned int order)
{
	if (p != NULL)
		free_pages((unsigned long)p, order);
}

uint64_t
os_pa(const void *p)
{
	return __pa(p);
}

void *
os_va(uint64_t pa)
{
	return __va(pa);
}

int
os_copyin(void *dst, uint64_t uaddr, size_t n)
{
	return copy_from_user(dst, (const void __user *)uaddr, n) ? EFAULT : 0;
}

int
os_copyout(uint64_t uaddr, const void *src, size_t n)
{
	return copy_to_user((void __user *)uaddr, src, n) ? EFAULT : 0;
}

bool
os_user_range_ok(uint64_t uaddr, uint64_t n)
{
	return n <= TASK_SIZE && uaddr <= TASK_SIZE - n;
}

/* A struct os_mm is a struct mm_struct: mmgrab'ed, not mmget'ed. */
static struct mm_struct *
os_mm_linux(struct os_mm *mm)
{
	return (struct mm_struct *)mm;
}

struct os_mm *
os_mm_get(void)
{
	mmgrab(current->mm);
	return (struct os_mm *)current->mm;
}

void
os_mm_put(struct os_mm *mm)
{
	mmdrop(os_mm_linux(mm));
}

struct memwatch {
	struct mmu_interval_notifier	 mni;
	os_invalidate_fn		*invalidate;
	void				*arg;
	bool				 active;
};
static_assert(sizeof(struct memwatch) <= sizeof(struct os_memwatch));

static struct memwatch *
memwatch_linux(struct os_memwatch *w)
{
	return (struct memwatch *)w;
}

static bool
memwatch_invalidate(struct mmu_interval_notifier *mni,
    const struct mmu_notifier_range *range, unsigned long seq)
{
	struct memwatch *w = container_of(mni, struct memwatch, mni);
	uint64_t start, end;

	start = max(range->start, mni->interval_tree.start);
	end = min(range->end - 1, mni->interval_tree.last) + 1;
	w->invalidate(w->arg, start & PAGE_MASK, PAGE_ALIGN(end), seq);
	return true;
}

static const struct mmu_interval_notifier_ops memwatch_ops = {
	.invalidate = memwatch_invalidate,
};

int
os_memwatch_start(struct os_memwatch *osw, struct os_mm *mm, uint64_t va,
    uint64_t size, os_invalidate_fn *invalidate, void *arg)
{
	struct memwatch *w = memwatch_linux(osw);
	int error;

	w->invalidate = invalidate;
	w->arg = arg;
	error = mmu_interval_notifier_insert(&w->mni, os_mm_linux(mm), va,
	    size, &memwatch_ops);
	w->active = error == 0;
	return -error;
}

void
os_memwatch_stop(struct os_memwatch *osw)
{
	struct memwatch *w = memwatch_linux(osw);

	if (w->active)
		mmu_interval_notifier_remove(&w->mni);
	w->active = false;
}

unsigned long
os_memwatch_begin(struct os_memwatch *w)
{
	return mmu_interval_read_begin(&memwatch_linux(w)->mni);
}

bool
os_memwatch_retry(struct os_memwatch *w, unsigned long seq)
{
	return mmu_interval_read_retry(&memwatch_linux(w)->mni, seq);
}

void
os_memwatch_invalidated(struct os_memwatch *w, unsigned long seq)
{
	mmu_interval_set_seq(&memwatch_linux(w)->mni, seq);
}

static long
gup_one(struct mm_struct *mm, unsigned long va, unsigned int flags,
    struct page **page, int *locked)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
	return get_user_pages_remote(mm, va, 1, flags, page, locked);
#else
	return get_user_pages_remote(mm, va, 1, flags, page, NULL, locked);
#endif
}

/*
 * Shared writable memory is taken for writing at once: its pages exist only
 * once, so that a first read would cost a second fault and save nothing.
 */
static int
page_hold_locked(struct mm_struct *mm, uint64_t va, bool write,
    struct os_page *pg, int *locked)
{
	struct vm_area_struct *vma;
	struct page *page;
	long n;

	vma = vma_lookup(mm, va);
	if (vma == NULL)
		return EFAULT;
	if ((vma->vm_flags & (VM_SHARED | VM_WRITE)) == (VM_SHARED | VM_WRITE))
		write = true;
	n = gup_one(mm, va, write ? FOLL_WRITE : 0, &page, locked);
	if (n != 1) {
		if (fatal_signal_pending(current))
			return EINTR;
		return n == -ENOMEM ? ENOMEM : EFAULT;
	}
	pg->pa = PFN_PHYS(page_to_pfn(page));
	pg->writable = write;
	pg->handle = page;
	return 0;
}

int
os_page_hold(struct os_mm *osmm, uint64_t va, bool write, struct os_page *pg)
{
	struct mm_struct *mm = os_mm_linux(osmm);
	int error, locked = 1;

	if (!mmget_not_zero(mm))
		return EFAULT;
	mmap_read_lock(mm);
	error = page_hold_locked(mm, va, write, pg, &locked);
	if (locked)
		mmap_read_unlock(mm);
	mmput(mm);
	return error;
}

void
os_page_release(struct os_page *pg)
{
	put_page(pg->handle);
}

/*
 * The page tables of another process, read without its locks: interrupts are
 * off, so that they are not freed under us, and every entry is read once.
 */
static unsigned int
contig_shift_walk(struct mm_struct *mm, unsigned long va)
{
	pgd_t pgd;
	p4d_t p4d;
	pud_t pud;
	pmd_t pmd;

	pgd = READ_ONCE(*pgd_offset(mm, va));
	if (pgd_none(pgd))
		return PAGE_SHIFT;
	p4d = READ_ONCE(*p4d_offset(&pgd, va));
	if (p4d_none(p4d) || !p4d_present(p4d))
		return PAGE_SHIFT;
	pud = READ_ONCE(*pud_offset(&p4d, va));
	if (pud_none(pud) || !pud_present(pud))
		return PAGE_SHIFT;
	if (pud_leaf(pud))
		return PUD_SHIFT;
	pmd = READ_ONCE(*pmd_offset(&pud, va));
	if (pmd_none(pmd) || !pmd_present(pmd) || !pmd_leaf(pmd))
		return PAGE_SHIFT;
	return PMD_SHIFT;
}

unsigned int
os_page_contig_shift(struct os_mm *mm, uint64_t va)
{
	unsigned long flags;
	unsigned int shift;

	local_irq_save(flags);
	shift = contig_shift_walk(os_mm_linux(mm), va);
	local_irq_restore(flags);
	return shift;
}

void
os_page_copy_to(struct os_page *pg, size_t off, const void *src, size_t n)
{
	char *p;

	p = kmap_local_page(pg->handle);
	memcpy(p + off, src, n);
	kunmap_local(p);
	set_page_dirty_lock(pg->handle);
}

void
os_page_copy_from(struct os_page *pg, size_t off, void *dst, size_t n)
{
	char *p;

	p = kmap_local_page(pg->handle);
	memcpy(dst, p + off, n);
	kunmap_local(p);
}

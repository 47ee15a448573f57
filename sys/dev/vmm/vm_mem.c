/* SPDX-License-Identifier: ISC */
/*
 * Guest memory: the caller's memory, mapped into the guest on demand and
 * taken out again when the host changes it.
 *
 * vm.npt_gen counts the changes after which translations that a CPU may
 * have cached are wrong. A VCPU compares it before it enters the guest, with
 * guest_cpu already set; whoever changes it afterwards looks at guest_cpu
 * and interrupts the CPU. So one of the two always sees the other.
 */
#include "vm.h"
#include "md.h"

struct vm_range *
vm_range_find(struct vm *vm, uint64_t gpa)
{
	size_t i;

	for (i = 0; i < vm->nranges; i++) {
		if (gpa - vm->ranges[i].gpa < vm->ranges[i].size)
			return &vm->ranges[i];
	}
	return NULL;
}

bool
vm_range_backed(struct vm *vm, uint64_t gpa, uint64_t size)
{
	struct vm_range *r = vm_range_find(vm, gpa);

	return r != NULL && r->type != VM_MEM_MMIO &&
	    size <= r->size - (gpa - r->gpa);
}

/* No CPU uses an old translation of this VM when this returns. */
static void
vm_flush(struct vm *vm)
{
	__atomic_fetch_add(&vm->npt_gen, 1, __ATOMIC_SEQ_CST);
	os_mb();
	md_vm_kick_wait(vm);
}

static void
range_invalidate(void *arg, uint64_t start, uint64_t end, unsigned long seq)
{
	struct vm_range *r = arg;
	struct vm *vm = r->vm;
	struct npt_freelist fl = { NULL };
	bool flush;

	os_spin_lock(&vm->npt_lock);
	os_memwatch_invalidated(&r->watch, seq);
	flush = npt_unmap(&vm->npt, start - r->va + r->gpa,
	    end - r->va + r->gpa, &fl);
	os_spin_unlock(&vm->npt_lock);
	if (flush)
		vm_flush(vm);
	npt_freelist_free(&fl);
}

int
vm_mem_start(struct vm *vm)
{
	struct vm_range *r;
	size_t i;
	int error;

	for (i = 0; i < vm->nranges; i++) {
		r = &vm->ranges[i];
		if (r->type == VM_MEM_MMIO)
			continue;
		error = os_memwatch_start(&r->watch, vm->mm, r->va, r->size,
		    range_invalidate, r);
		if (error)
			return error;
	}
	return 0;
}

void
vm_mem_stop(struct vm *vm)
{
	size_t i;

	for (i = 0; i < vm->nranges; i++)
		os_memwatch_stop(&vm->ranges[i].watch);
}

/*
 * The largest page, as a shift, that may map gpa: host memory is contiguous
 * over it, it lies inside the range and its protection, and guest-physical
 * and host addresses are congruent.
 */
static unsigned int
fault_shift(const struct vm *vm, const struct vm_range *r, uint64_t gpa,
    uint64_t pstart, uint64_t pend)
{
	uint64_t va = r->va + (gpa - r->gpa), lo, hi, size;
	unsigned int shift;

	shift = os_page_contig_shift(vm->mm, va);
	if (shift > vm->npt.max_shift)
		shift = vm->npt.max_shift;
	lo = pstart > r->gpa ? pstart : r->gpa;
	hi = pend < r->gpa + r->size ? pend : r->gpa + r->size;
	for (; shift > OS_PAGE_SHIFT; shift -= 9) {
		size = 1ULL << shift;
		if ((va & (size - 1)) == (gpa & (size - 1)) &&
		    (gpa & ~(size - 1)) >= lo &&
		    (gpa & ~(size - 1)) + size <= hi)
			break;
	}
	return shift;
}

/* Map a held page, unless the host has changed its mind since `seq'. */
static bool
fault_map(struct vcpu *vcpu, struct vm_range *r, uint64_t gpa,
    const struct os_page *pg, unsigned long seq)
{
	struct vm *vm = vcpu->vm;
	uint64_t pstart, pend;
	unsigned int shift;
	bool flush = false, done;
	int prot;

	os_spin_lock(&vm->npt_lock);
	done = !os_memwatch_retry(&r->watch, seq);
	if (done) {
		os_spin_lock(&vm->prot_lock);
		prot = vm_prot_lookup(&vm->prot, gpa, &pstart, &pend);
		os_spin_unlock(&vm->prot_lock);
		if (!pg->writable)
			prot &= ~VM_PROT_WRITE;
		shift = fault_shift(vm, r, gpa, pstart, pend);
		flush = npt_map(&vm->npt, &vcpu->npt_cache, gpa, pg->pa,
		    shift, prot);
	}
	os_spin_unlock(&vm->npt_lock);
	if (flush)
		vm_flush(vm);
	return done;
}

enum guest_fault
vm_fault(struct vcpu *vcpu, uint64_t gpa, int access, int *error)
{
	struct vm *vm = vcpu->vm;
	struct vm_range *r = vm_range_find(vm, gpa);
	struct os_page pg;
	uint64_t start, end;
	unsigned long seq;
	bool mapped;
	int prot;

	if (r == NULL || r->type == VM_MEM_MMIO)
		return GUEST_FAULT_MMIO;
	os_spin_lock(&vm->prot_lock);
	prot = vm_prot_lookup(&vm->prot, gpa, &start, &end);
	os_spin_unlock(&vm->prot_lock);
	if (access & ~prot)
		return GUEST_FAULT_DENIED;
	gpa &= ~OS_PAGE_MASK;
	do {
		*error = npt_cache_fill(&vcpu->npt_cache);
		if (*error)
			return GUEST_FAULT_ERROR;
		seq = os_memwatch_begin(&r->watch);
		*error = os_page_hold(vm->mm, r->va + (gpa - r->gpa),
		    (access & VM_PROT_WRITE) != 0, &pg);
		if (*error)
			return GUEST_FAULT_ERROR;
		mapped = fault_map(vcpu, r, gpa, &pg, seq);
		os_page_release(&pg);
	} while (!mapped);
	return GUEST_FAULT_MAPPED;
}

/* Put new protections in place; the old ones are left in *prot. */
static void
prot_replace(struct vm *vm, struct vm_prot *prot, uint64_t start, uint64_t end)
{
	struct npt_freelist fl = { NULL };
	struct vm_prot old;
	bool flush;

	os_spin_lock(&vm->npt_lock);
	os_spin_lock(&vm->prot_lock);
	old = vm->prot;
	vm->prot = *prot;
	os_spin_unlock(&vm->prot_lock);
	flush = npt_unmap(&vm->npt, start, end, &fl);
	os_spin_unlock(&vm->npt_lock);
	if (flush)
		vm_flush(vm);
	npt_freelist_free(&fl);
	*prot = old;
}

int
vm_mprotect(struct vm *vm, uint64_t gpa, uint64_t size, int prot)
{
	struct vm_prot new;
	int error;

	if (!vm_range_backed(vm, gpa, size))
		return EINVAL;
	os_mutex_lock(&vm->mprotect_lock);
	error = vm_prot_set(&new, &vm->prot, gpa, gpa + size, prot);
	if (error == 0)
		prot_replace(vm, &new, gpa, gpa + size);
	os_mutex_unlock(&vm->mprotect_lock);
	if (error == 0)
		vm_prot_fini(&new);
	return error;
}

static int
mem_hold(struct vm *vm, uint64_t gpa, size_t n, bool write,
    struct os_page *pg)
{
	struct vm_range *r = vm_range_find(vm, gpa);

	if (r == NULL || !vm_range_backed(vm, gpa, n))
		return EFAULT;
	return os_page_hold(vm->mm,
	    (r->va + (gpa - r->gpa)) & ~OS_PAGE_MASK, write, pg);
}

int
vm_mem_read(struct vm *vm, uint64_t gpa, void *dst, size_t n)
{
	struct os_page pg;
	int error;

	error = mem_hold(vm, gpa, n, false, &pg);
	if (error)
		return error;
	os_page_copy_from(&pg, gpa & OS_PAGE_MASK, dst, n);
	os_page_release(&pg);
	return 0;
}

int
vm_mem_write(struct vm *vm, uint64_t gpa, const void *src, size_t n)
{
	struct os_page pg;
	int error;

	error = mem_hold(vm, gpa, n, true, &pg);
	if (error)
		return error;
	os_page_copy_to(&pg, gpa & OS_PAGE_MASK, src, n);
	os_page_release(&pg);
	return 0;
}

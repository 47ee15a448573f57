/* SPDX-License-Identifier: ISC */
/*
 * Virtual machines: creation, references, and their end.
 */
#include "vm.h"
#include "md.h"
#include "vmm.h"

static bool
range_ok(const struct vm_mem_range *r, uint64_t floor)
{
	if (((r->vmr_gpa | r->vmr_va | r->vmr_size) & OS_PAGE_MASK) != 0 ||
	    r->vmr_size == 0)
		return false;
	if (r->vmr_gpa < floor || r->vmr_gpa > VMM_MAX_VM_MEM_SIZE ||
	    r->vmr_size > VMM_MAX_VM_MEM_SIZE - r->vmr_gpa)
		return false;
	switch (r->vmr_type) {
	case VM_MEM_RAM:
	case VM_MEM_RESERVED:
		return r->vmr_va != 0 &&
		    os_user_range_ok(r->vmr_va, r->vmr_size);
	case VM_MEM_MMIO:
		return true;
	}
	return false;
}

int
vm_create_check(const struct vm_create_params *vcp)
{
	const struct vm_mem_range *r;
	uint64_t floor = 0;
	size_t i;

	if (vcp->vcp_nmemranges == 0 ||
	    vcp->vcp_nmemranges > VMM_MAX_MEM_RANGES ||
	    vcp->vcp_ncpus == 0 || vcp->vcp_ncpus > VMM_MAX_VCPUS_PER_VM)
		return EINVAL;
	if (memchr(vcp->vcp_name, '\0', sizeof(vcp->vcp_name)) == NULL)
		return EINVAL;
	if (vcp->vcp_sev != 0 || vcp->vcp_seves != 0)
		return EOPNOTSUPP;
	for (i = 0; i < vcp->vcp_nmemranges; i++) {
		r = &vcp->vcp_memranges[i];
		if (!range_ok(r, floor))
			return EINVAL;
		floor = r->vmr_gpa + r->vmr_size;
	}
	return 0;
}

static void
vm_set_ranges(struct vm *vm, const struct vm_create_params *vcp)
{
	struct vm_range *r;
	size_t i;

	vm->nranges = vcp->vcp_nmemranges;
	for (i = 0; i < vm->nranges; i++) {
		r = &vm->ranges[i];
		r->vm = vm;
		r->gpa = vcp->vcp_memranges[i].vmr_gpa;
		r->va = vcp->vcp_memranges[i].vmr_va;
		r->size = vcp->vcp_memranges[i].vmr_size;
		r->type = vcp->vcp_memranges[i].vmr_type;
	}
}

static int
vcpu_init(struct vcpu *vcpu, struct vm *vm, uint32_t id)
{
	vcpu->vm = vm;
	vcpu->id = id;
	vcpu->guest_cpu = -1;
	vcpu->last_cpu = -1;
	os_mutex_init(&vcpu->lock);
	return md_vcpu_init(vcpu);
}

static int
vm_init_vcpus(struct vm *vm, size_t n)
{
	int error = 0;

	vm->vcpus = os_zalloc(n * sizeof(*vm->vcpus));
	if (vm->vcpus == NULL)
		return ENOMEM;
	while (error == 0 && vm->ncpus < n) {
		error = vcpu_init(&vm->vcpus[vm->ncpus], vm, vm->ncpus);
		vm->ncpus++;
	}
	return error;
}

static void
vm_fini_vcpus(struct vm *vm)
{
	size_t i;

	for (i = 0; i < vm->ncpus; i++) {
		md_vcpu_fini(&vm->vcpus[i]);
		npt_cache_drain(&vm->vcpus[i].npt_cache);
	}
	os_free(vm->vcpus);
}

/* Everything that vm_create did, whole or in part. */
static void
vm_destroy(struct vm *vm)
{
	vm_mem_stop(vm);
	vm_fini_vcpus(vm);
	md_vm_fini(vm);
	vm_prot_fini(&vm->prot);
	os_mm_put(vm->mm);
	os_free(vm);
	vmm_hw_put();
}

int
vm_create(const struct vm_create_params *vcp, struct vm **vmp)
{
	struct vm *vm;
	int error;

	error = vmm_hw_get();
	if (error)
		return error;
	vm = os_zalloc(sizeof(*vm));
	if (vm == NULL) {
		vmm_hw_put();
		return ENOMEM;
	}
	vm->refs = 1;
	vm->creator = os_pid();
	vm->mm = os_mm_get();
	memcpy(vm->name, vcp->vcp_name, sizeof(vm->name));
	os_mutex_init(&vm->mprotect_lock);
	os_spin_init(&vm->prot_lock);
	os_spin_init(&vm->npt_lock);
	vm_prot_init(&vm->prot);
	vm_set_ranges(vm, vcp);
	error = md_vm_init(vm);
	if (error == 0)
		error = vm_init_vcpus(vm, vcp->vcp_ncpus);
	if (error == 0)
		error = vm_mem_start(vm);
	if (error) {
		vm_destroy(vm);
		return error;
	}
	*vmp = vm;
	return 0;
}

void
vm_ref(struct vm *vm)
{
	__atomic_fetch_add(&vm->refs, 1, __ATOMIC_RELAXED);
}

void
vm_unref(struct vm *vm)
{
	if (__atomic_sub_fetch(&vm->refs, 1, __ATOMIC_ACQ_REL) == 0)
		vm_destroy(vm);
}

struct vcpu *
vm_vcpu(struct vm *vm, uint32_t id)
{
	return id < vm->ncpus ? &vm->vcpus[id] : NULL;
}

void
vcpu_request(struct vcpu *vcpu, uint32_t req)
{
	int cpu;

	__atomic_fetch_or(&vcpu->requests, req, __ATOMIC_SEQ_CST);
	os_mb();
	cpu = __atomic_load_n(&vcpu->guest_cpu, __ATOMIC_RELAXED);
	if (cpu >= 0)
		os_cpu_kick(cpu);
}

void
vm_stop(struct vm *vm)
{
	size_t i;

	__atomic_store_n(&vm->dying, true, __ATOMIC_SEQ_CST);
	for (i = 0; i < vm->ncpus; i++)
		vcpu_request(&vm->vcpus[i], VCPU_REQ_TERM);
}

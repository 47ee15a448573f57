/* SPDX-License-Identifier: ISC */
/*
 * Open files of /dev/vmm and the VMs that belong to them.
 */
#include "vmm.h"
#include "vmm_file.h"
#include "vmm_hw.h"
#include "md.h"

static struct os_mutex	 vmm_lock;
static struct vm	*vmm_vms;		/* all of them */
static uint32_t		 vmm_last_id;
static size_t		 vmm_nvcpus;

struct vmm_file {
	struct os_spin	 lock;
	struct vm	*vms;
};

int
vmm_init(void)
{
	os_mutex_init(&vmm_lock);
	vmm_hw_init();
	return md_init();
}

void
vmm_fini(void)
{
	md_fini();
}

struct vmm_file *
vmm_file_create(void)
{
	struct vmm_file *vf = os_zalloc(sizeof(*vf));

	if (vf != NULL)
		os_spin_init(&vf->lock);
	return vf;
}

static void
list_remove(struct vm **head, struct vm *vm)
{
	while (*head != vm)
		head = &(*head)->next;
	*head = vm->next;
}

static void
file_list_remove(struct vmm_file *vf, struct vm *vm)
{
	struct vm **p;

	os_spin_lock(&vf->lock);
	for (p = &vf->vms; *p != vm; p = &(*p)->next_in_file)
		;
	*p = vm->next_in_file;
	os_spin_unlock(&vf->lock);
}

/* Take a VM out of all lists and end it. vmm_lock is held. */
static void
vm_end(struct vm *vm)
{
	file_list_remove(vm->file, vm);
	list_remove(&vmm_vms, vm);
	vm->file = NULL;
	vmm_nvcpus -= vm->ncpus;
	vm_stop(vm);
}

void
vmm_file_destroy(struct vmm_file *vf)
{
	struct vm *vm;

	for (;;) {
		os_mutex_lock(&vmm_lock);
		vm = vf->vms;
		if (vm != NULL)
			vm_end(vm);
		os_mutex_unlock(&vmm_lock);
		if (vm == NULL)
			break;
		vm_unref(vm);
	}
	os_free(vf);
}

static struct vm *
vm_find_all(uint32_t id)
{
	struct vm *vm;

	for (vm = vmm_vms; vm != NULL; vm = vm->next) {
		if (vm->id == id)
			break;
	}
	return vm;
}

/* The next id that is not in use; never 0. */
static uint32_t
vm_new_id(void)
{
	do {
		vmm_last_id++;
	} while (vmm_last_id == 0 || vm_find_all(vmm_last_id) != NULL);
	return vmm_last_id;
}

int
vmm_vm_insert(struct vmm_file *vf, struct vm *vm)
{
	int error = 0;

	os_mutex_lock(&vmm_lock);
	if (vmm_nvcpus + vm->ncpus > VMM_MAX_VCPUS)
		error = ENOMEM;
	if (error == 0) {
		vmm_nvcpus += vm->ncpus;
		vm->id = vm_new_id();
		vm->next = vmm_vms;
		vmm_vms = vm;
		vm->file = vf;
		os_spin_lock(&vf->lock);
		vm->next_in_file = vf->vms;
		vf->vms = vm;
		os_spin_unlock(&vf->lock);
	}
	os_mutex_unlock(&vmm_lock);
	return error;
}

struct vm *
vmm_vm_lookup(struct vmm_file *vf, uint32_t id)
{
	struct vm *vm;

	os_spin_lock(&vf->lock);
	for (vm = vf->vms; vm != NULL; vm = vm->next_in_file) {
		if (vm->id == id) {
			vm_ref(vm);
			break;
		}
	}
	os_spin_unlock(&vf->lock);
	return vm;
}

int
vmm_vm_terminate(struct vmm_file *vf, uint32_t id)
{
	struct vm *vm;

	os_mutex_lock(&vmm_lock);
	vm = vm_find_all(id);
	if (vm != NULL && vm->file != vf && !os_privileged())
		vm = NULL;
	if (vm != NULL)
		vm_end(vm);
	os_mutex_unlock(&vmm_lock);
	if (vm == NULL)
		return ENOENT;
	vm_unref(vm);
	return 0;
}

static void
vm_fill_info(const struct vm *vm, struct vm_info_result *r)
{
	size_t i;

	for (i = 0; i < vm->nranges; i++) {
		if (vm->ranges[i].type != VM_MEM_MMIO)
			r->vir_memory_size += vm->ranges[i].size;
	}
	r->vir_used_size = vm->npt.mapped;
	r->vir_ncpus = vm->ncpus;
	for (i = 0; i < vm->ncpus; i++)
		r->vir_vcpu_state[i] = __atomic_load_n(&vm->vcpus[i].state,
		    __ATOMIC_RELAXED);
	for (; i < VMM_MAX_VCPUS_PER_VM; i++)
		r->vir_vcpu_state[i] = VCPU_STATE_UNKNOWN;
	r->vir_creator_pid = vm->creator;
	r->vir_id = vm->id;
	memcpy(r->vir_name, vm->name, sizeof(r->vir_name));
}

static bool
vm_visible(const struct vmm_file *vf, const struct vm *vm, bool all)
{
	return all || vm->file == vf;
}

static size_t
vm_count_visible(const struct vmm_file *vf, bool all)
{
	const struct vm *vm;
	size_t n = 0;

	for (vm = vmm_vms; vm != NULL; vm = vm->next)
		n += vm_visible(vf, vm, all);
	return n;
}

/* vmm_lock is held. An array of *n entries, to be freed, or NULL. */
static struct vm_info_result *
vm_collect_info(const struct vmm_file *vf, bool all, size_t n)
{
	struct vm_info_result *res;
	const struct vm *vm;
	size_t i = 0;

	res = os_zalloc(n * sizeof(*res));
	if (res == NULL)
		return NULL;
	for (vm = vmm_vms; vm != NULL; vm = vm->next) {
		if (vm_visible(vf, vm, all))
			vm_fill_info(vm, &res[i++]);
	}
	return res;
}

int
vmm_vm_info(struct vmm_file *vf, struct vm_info_params *vip)
{
	struct vm_info_result *res = NULL;
	bool all = os_privileged();
	size_t n, size = 0;
	int error = 0;

	os_mutex_lock(&vmm_lock);
	n = vm_count_visible(vf, all);
	if (n > 0 && vip->vip_size / sizeof(*res) >= n) {
		res = vm_collect_info(vf, all, n);
		error = res == NULL ? ENOMEM : 0;
	}
	os_mutex_unlock(&vmm_lock);
	if (error)
		return error;
	vip->vip_info_ct = res == NULL ? 0 : n;
	size = n * sizeof(*res);
	if (res == NULL) {
		vip->vip_size = size;
		return 0;
	}
	error = os_copyout((uint64_t)(uintptr_t)vip->vip_info, res, size);
	os_free(res);
	return error;
}

/* SPDX-License-Identifier: ISC */
/*
 * A host with the driver, a caller with memory and an open file, and a VM.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "vmm_file.h"
#include "world.h"

struct world	 w;

int
world_begin(void **state)
{
	void *p;

	(void)state;
	hosted_reset();
	hosted_cpu_reset();
	mock_reset();
	memset(&w, 0, sizeof(w));
	if (posix_memalign(&p, OS_PAGE_SIZE, RAM_SIZE) != 0)
		return (-1);
	w.ram = memset(p, 0, RAM_SIZE);
	hosted_user_add(&w, sizeof(w), true);
	hosted_user_add(w.ram, RAM_SIZE, true);
	if (vmm_init() != 0)
		return (-1);
	w.file = vmm_file_create();
	return (w.file == NULL ? -1 : 0);
}

int
world_end(void **state)
{
	(void)state;
	vmm_file_destroy(w.file);
	vmm_fini();
	free(w.ram);
	assert_int_equal(hosted.allocs, 0);
	assert_int_equal(hosted.held, 0);
	assert_int_equal(hosted.mms, 0);
	assert_int_equal(hosted.watches, 0);
	assert_int_equal(mock.vcpus, 0);
	assert_int_equal(mock.cpus_enabled, 0);
	return (0);
}

int
world_live(void)
{
	return (hosted.allocs + hosted.held + hosted.mms + hosted.watches +
	    mock.vcpus + mock.cpus_enabled);
}

void
world_params(size_t ncpus)
{
	struct vm_create_params *vcp = &w.create;

	memset(vcp, 0, sizeof(*vcp));
	vcp->vcp_ncpus = ncpus;
	vcp->vcp_nmemranges = 2;
	vcp->vcp_memranges[0].vmr_va = (uint64_t)(uintptr_t)w.ram;
	vcp->vcp_memranges[0].vmr_size = RAM_SIZE;
	vcp->vcp_memranges[0].vmr_type = VM_MEM_RAM;
	vcp->vcp_memranges[1].vmr_gpa = MMIO_GPA;
	vcp->vcp_memranges[1].vmr_size = OS_PAGE_SIZE;
	vcp->vcp_memranges[1].vmr_type = VM_MEM_MMIO;
	memcpy(vcp->vcp_name, "test", sizeof("test"));
}

int
world_create(size_t ncpus)
{
	world_params(ncpus);
	return (world_ioctl(VMM_IOC_CREATE, &w.create));
}

int
world_begin_vm(void **state)
{
	return (world_begin(state) != 0 || world_create(1) != 0 ? -1 : 0);
}

struct vcpu *
world_vcpu(uint32_t id)
{
	struct vm *vm = vmm_vm_lookup(w.file, w.create.vcp_id);

	assert_non_null(vm);
	vm_unref(vm);
	return (vm_vcpu(vm, id));
}

int
world_ioctl(unsigned long cmd, void *arg)
{
	return (vmm_ioctl(w.file, cmd, (uint64_t)(uintptr_t)arg));
}

int
world_run(void)
{
	w.run.vrp_vm_id = w.create.vcp_id;
	w.run.vrp_exit = &w.exit;
	return (world_ioctl(VMM_IOC_RUN, &w.run));
}

/* SPDX-License-Identifier: ISC */
/*
 * Promises of VMM_IOC_CREATE and of the ranges of guest memory: what is
 * refused, and that a creation that fails leaves nothing.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "world.h"

#define TOP	VMM_MAX_VM_MEM_SIZE
#define USER	(1ULL << 47)

static struct vm_mem_range	*range = w.create.vcp_memranges;

static int
check(void)
{
	return (vm_create_check(&w.create));
}

static int
begin(void **state)
{
	if (world_begin(state) != 0)
		return (-1);
	world_params(1);
	return (0);
}

static void
counts_have_limits(void **state)
{
	(void)state;
	assert_int_equal(check(), 0);
	w.create.vcp_ncpus = 0;
	assert_int_equal(check(), EINVAL);
	w.create.vcp_ncpus = VMM_MAX_VCPUS_PER_VM;
	assert_int_equal(check(), 0);
	w.create.vcp_ncpus = VMM_MAX_VCPUS_PER_VM + 1;
	assert_int_equal(check(), EINVAL);
	w.create.vcp_ncpus = SIZE_MAX;
	assert_int_equal(check(), EINVAL);
	w.create.vcp_ncpus = 1;
	w.create.vcp_nmemranges = 0;
	assert_int_equal(check(), EINVAL);
	w.create.vcp_nmemranges = VMM_MAX_MEM_RANGES + 1;
	assert_int_equal(check(), EINVAL);
	w.create.vcp_nmemranges = SIZE_MAX;
	assert_int_equal(check(), EINVAL);
}

static void
a_name_ends(void **state)
{
	(void)state;
	memset(w.create.vcp_name, 'a', sizeof(w.create.vcp_name));
	assert_int_equal(check(), EINVAL);
	w.create.vcp_name[VMM_MAX_NAME_LEN - 1] = '\0';
	assert_int_equal(check(), 0);
}

static void
encryption_is_not_supported(void **state)
{
	(void)state;
	w.create.vcp_sev = 1;
	assert_int_equal(check(), EOPNOTSUPP);
	w.create.vcp_sev = 0;
	w.create.vcp_seves = 1;
	assert_int_equal(check(), EOPNOTSUPP);
}

static void
ranges_are_made_of_pages(void **state)
{
	(void)state;
	range->vmr_size = 0;
	assert_int_equal(check(), EINVAL);
	range->vmr_size = OS_PAGE_SIZE + 1;
	assert_int_equal(check(), EINVAL);
	range->vmr_size = OS_PAGE_SIZE;
	range->vmr_gpa = 0x800;
	assert_int_equal(check(), EINVAL);
	range->vmr_gpa = 0;
	range->vmr_va++;
	assert_int_equal(check(), EINVAL);
}

static void
ranges_ascend_and_do_not_overlap(void **state)
{
	(void)state;
	range[1].vmr_gpa = RAM_SIZE;
	assert_int_equal(check(), 0);
	range[1].vmr_gpa = RAM_SIZE - OS_PAGE_SIZE;
	assert_int_equal(check(), EINVAL);
	range[0].vmr_gpa = 2 * MMIO_GPA;
	range[1].vmr_gpa = MMIO_GPA;
	assert_int_equal(check(), EINVAL);
}

static void
ranges_end_below_the_top(void **state)
{
	(void)state;
	w.create.vcp_nmemranges = 1;
	range->vmr_gpa = TOP - RAM_SIZE;
	assert_int_equal(check(), 0);
	range->vmr_gpa += OS_PAGE_SIZE;
	assert_int_equal(check(), EINVAL);
	range->vmr_gpa = -OS_PAGE_SIZE;
	assert_int_equal(check(), EINVAL);
	range->vmr_gpa = 2 * OS_PAGE_SIZE;
	range->vmr_size = -OS_PAGE_SIZE;
	assert_int_equal(check(), EINVAL);
}

static void
memory_is_the_callers(void **state)
{
	(void)state;
	range->vmr_va = 0;
	assert_int_equal(check(), EINVAL);
	range->vmr_va = USER - RAM_SIZE;
	assert_int_equal(check(), 0);
	range->vmr_va += OS_PAGE_SIZE;
	assert_int_equal(check(), EINVAL);
	range->vmr_va = -OS_PAGE_SIZE;
	assert_int_equal(check(), EINVAL);
	range->vmr_type = VM_MEM_RESERVED;
	assert_int_equal(check(), EINVAL);
	range->vmr_type = VM_MEM_MMIO;
	assert_int_equal(check(), 0);
	range->vmr_type = 3;
	assert_int_equal(check(), EINVAL);
	range->vmr_type = -1;
	assert_int_equal(check(), EINVAL);
}

static void
a_refused_creation_leaves_nothing(void **state)
{
	int live = world_live();

	(void)state;
	w.create.vcp_ncpus = 0;
	assert_int_equal(world_ioctl(VMM_IOC_CREATE, &w.create), EINVAL);
	assert_int_equal(world_live(), live);
}

/* Every allocation fails once; in the end none does. */
static void
no_memory_at_any_point_leaves_nothing(void **state)
{
	int n, error, live = world_live();

	(void)state;
	for (n = 1; ; n++) {
		world_params(3);
		hosted.fail_alloc = n;
		error = world_ioctl(VMM_IOC_CREATE, &w.create);
		if (error == 0)
			break;
		assert_int_equal(error, ENOMEM);
		assert_int_equal(hosted.fail_alloc, 0);
		assert_int_equal(world_live(), live);
	}
	assert_true(n > 10);
}

static void
a_creation_that_cannot_be_told_is_undone(void **state)
{
	int n, live = world_live();

	(void)state;
	for (n = 1; n <= 2; n++) {
		hosted.fail_copy = n;
		assert_int_equal(world_ioctl(VMM_IOC_CREATE, &w.create),
		    EFAULT);
		assert_int_equal(world_live(), live);
	}
	hosted.fail_copy = 3;
	assert_int_equal(world_ioctl(VMM_IOC_CREATE, &w.create), 0);
}

static void
hardware_that_refuses_on_one_cpu_is_off_on_all(void **state)
{
	int live = world_live();

	(void)state;
	mock.enable_error = EBUSY;
	mock.error_cpu = HOSTED_NCPUS - 1;
	assert_int_equal(world_ioctl(VMM_IOC_CREATE, &w.create), EBUSY);
	assert_int_equal(world_live(), live);
	mock.enable_error = 0;
	assert_int_equal(world_ioctl(VMM_IOC_CREATE, &w.create), 0);
	assert_int_equal(mock.cpus_enabled, HOSTED_NCPUS);
}

static void
hardware_is_on_while_a_vm_exists(void **state)
{
	uint32_t first;

	(void)state;
	assert_int_equal(mock.cpus_enabled, 0);
	assert_int_equal(world_create(1), 0);
	first = w.create.vcp_id;
	assert_int_equal(world_create(1), 0);
	assert_int_equal(mock.cpus_enabled, HOSTED_NCPUS);
	w.term.vtp_vm_id = first;
	assert_int_equal(world_ioctl(VMM_IOC_TERM, &w.term), 0);
	assert_int_equal(mock.cpus_enabled, HOSTED_NCPUS);
	w.term.vtp_vm_id = w.create.vcp_id;
	assert_int_equal(world_ioctl(VMM_IOC_TERM, &w.term), 0);
	assert_int_equal(mock.cpus_enabled, 0);
}

static void
hardware_is_off_during_suspend(void **state)
{
	(void)state;
	assert_int_equal(world_create(1), 0);
	vmm_hw_suspend();
	assert_int_equal(mock.cpus_enabled, 0);
	assert_int_equal(world_create(1), EBUSY);
	vmm_hw_resume();
	assert_int_equal(mock.cpus_enabled, HOSTED_NCPUS);
	assert_int_equal(world_create(1), 0);
}

static void
the_host_has_so_many_vcpus(void **state)
{
	int i, n = VMM_MAX_VCPUS / VMM_MAX_VCPUS_PER_VM, live;
	uint32_t last;

	(void)state;
	for (i = 0; i < n; i++)
		assert_int_equal(world_create(VMM_MAX_VCPUS_PER_VM), 0);
	last = w.create.vcp_id;
	live = world_live();
	assert_int_equal(world_create(1), ENOMEM);
	assert_int_equal(world_live(), live);
	w.term.vtp_vm_id = last;
	assert_int_equal(world_ioctl(VMM_IOC_TERM, &w.term), 0);
	assert_int_equal(world_create(1), 0);
}

static struct vm *
vm_of_ranges(void)
{
	world_params(1);
	w.create.vcp_nmemranges = 3;
	range[2] = range[0];
	range[2].vmr_gpa = TOP - OS_PAGE_SIZE;
	range[2].vmr_size = OS_PAGE_SIZE;
	assert_int_equal(world_ioctl(VMM_IOC_CREATE, &w.create), 0);
	return (world_vcpu(0)->vm);
}

static void
a_range_has_its_addresses_and_no_others(void **state)
{
	struct vm *vm = vm_of_ranges();

	(void)state;
	assert_ptr_equal(vm_range_find(vm, 0), &vm->ranges[0]);
	assert_ptr_equal(vm_range_find(vm, RAM_SIZE - 1), &vm->ranges[0]);
	assert_null(vm_range_find(vm, RAM_SIZE));
	assert_null(vm_range_find(vm, MMIO_GPA - 1));
	assert_ptr_equal(vm_range_find(vm, MMIO_GPA), &vm->ranges[1]);
	assert_ptr_equal(vm_range_find(vm, TOP - 1), &vm->ranges[2]);
	assert_null(vm_range_find(vm, TOP));
	assert_null(vm_range_find(vm, UINT64_MAX));
}

static void
memory_is_inside_one_range_and_none_wraps(void **state)
{
	struct vm *vm = vm_of_ranges();

	(void)state;
	assert_true(vm_range_backed(vm, 0, RAM_SIZE));
	assert_false(vm_range_backed(vm, 0, RAM_SIZE + 1));
	assert_false(vm_range_backed(vm, 1, RAM_SIZE));
	assert_false(vm_range_backed(vm, 0, UINT64_MAX));
	assert_false(vm_range_backed(vm, OS_PAGE_SIZE, -OS_PAGE_SIZE));
	assert_true(vm_range_backed(vm, RAM_SIZE - 1, 1));
	assert_false(vm_range_backed(vm, RAM_SIZE, 1));
	assert_false(vm_range_backed(vm, MMIO_GPA, 1));
	assert_true(vm_range_backed(vm, TOP - 8, 8));
	assert_false(vm_range_backed(vm, TOP - 8, 9));
	assert_false(vm_range_backed(vm, -8ULL, 16));
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, begin, world_end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(counts_have_limits),
		TEST(a_name_ends),
		TEST(encryption_is_not_supported),
		TEST(ranges_are_made_of_pages),
		TEST(ranges_ascend_and_do_not_overlap),
		TEST(ranges_end_below_the_top),
		TEST(memory_is_the_callers),
		TEST(a_refused_creation_leaves_nothing),
		TEST(no_memory_at_any_point_leaves_nothing),
		TEST(a_creation_that_cannot_be_told_is_undone),
		TEST(hardware_that_refuses_on_one_cpu_is_off_on_all),
		TEST(hardware_is_on_while_a_vm_exists),
		TEST(hardware_is_off_during_suspend),
		TEST(the_host_has_so_many_vcpus),
		TEST(a_range_has_its_addresses_and_no_others),
		TEST(memory_is_inside_one_range_and_none_wraps),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}

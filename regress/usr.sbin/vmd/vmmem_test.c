/* SPDX-License-Identifier: ISC */
/*
 * Promises of the guest-physical memory layout and the memory file.
 */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "vmmem.h"

#define MIB	(1ULL << 20)
#define GIB	(1ULL << 30)

static void
check_range(const struct vmmem *mm, size_t i, uint64_t gpa, uint64_t size,
    int type)
{
	assert_int_equal(mm->mm_range[i].vmr_gpa, gpa);
	assert_int_equal(mm->mm_range[i].vmr_size, size);
	assert_int_equal(mm->mm_range[i].vmr_type, type);
}

static void
smallest_vm_has_low_ram_and_the_hole(void **state)
{
	struct vmmem	 mm;

	(void)state;
	assert_int_equal(vmmem_layout(&mm, MIB), 0);
	assert_int_equal(mm.mm_nranges, 2);
	check_range(&mm, 0, 0, 640 * 1024, VM_MEM_RAM);
	check_range(&mm, 1, 640 * 1024, 384 * 1024, VM_MEM_RESERVED);
	assert_int_equal(vmmem_main_end(&mm), MIB);
}

static void
common_vm_has_one_range_above_1_mib(void **state)
{
	struct vmmem	 mm;

	(void)state;
	assert_int_equal(vmmem_layout(&mm, 512 * MIB), 0);
	assert_int_equal(mm.mm_nranges, 3);
	check_range(&mm, 2, MIB, 511 * MIB, VM_MEM_RAM);
	assert_int_equal(vmmem_main_end(&mm), 512 * MIB);
}

static void
ram_stops_below_the_device_area_and_goes_on_at_4_gib(void **state)
{
	struct vmmem	 mm;

	(void)state;
	assert_int_equal(vmmem_layout(&mm, 0xf0000000), 0);
	assert_int_equal(mm.mm_nranges, 3);
	assert_int_equal(vmmem_layout(&mm, 0xf0000000 + MIB), 0);
	assert_int_equal(mm.mm_nranges, 4);
	check_range(&mm, 2, MIB, 0xf0000000 - MIB, VM_MEM_RAM);
	check_range(&mm, 3, 4 * GIB, MIB, VM_MEM_RAM);
	assert_int_equal(vmmem_main_end(&mm), 0xf0000000);
}

static void
sizes_out_of_bounds_are_refused(void **state)
{
	struct vmmem	 mm;
	uint64_t	 most = VMM_MAX_VM_MEM_SIZE - (4 * GIB - 0xf0000000);

	(void)state;
	assert_int_equal(vmmem_layout(&mm, most), 0);
	assert_int_equal(mm.mm_range[3].vmr_gpa + mm.mm_range[3].vmr_size,
	    VMM_MAX_VM_MEM_SIZE);
	assert_int_equal(vmmem_layout(&mm, most + MIB), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(vmmem_layout(&mm, 0), -1);
	assert_int_equal(vmmem_layout(&mm, MIB - 4096), -1);
	assert_int_equal(vmmem_layout(&mm, MIB + 4096), -1);
	assert_int_equal(vmmem_layout(&mm, UINT64_MAX), -1);
	assert_int_equal(vmmem_layout(&mm, UINT64_MAX & ~(MIB - 1)), -1);
}

static void
memory_is_zero_mapped_in_order_and_of_fixed_size(void **state)
{
	struct vmmem	 mm;
	struct stat	 st;
	uint32_t	 v = 1;
	uint8_t		*base;

	(void)state;
	assert_int_equal(vmmem_alloc(&mm, 4 * MIB, "test"), 0);
	base = mm.mm_base;
	assert_int_equal(guestmem_size(&mm.mm_guest), 4 * MIB);
	assert_int_equal(guestmem_read(&mm.mm_guest, 4 * MIB - 4, &v, 4), 0);
	assert_int_equal(v, 0);
	v = 0x12345678;
	assert_int_equal(guestmem_write(&mm.mm_guest, 3 * MIB, &v, 4), 0);
	assert_memory_equal(base + 3 * MIB, &v, 4);
	assert_int_equal(mm.mm_range[2].vmr_va, (uintptr_t)base + MIB);
	assert_int_equal(fstat(mm.mm_fd, &st), 0);
	assert_int_equal(st.st_size, 4 * MIB);
	assert_int_equal(ftruncate(mm.mm_fd, MIB), -1);
	assert_int_equal(ftruncate(mm.mm_fd, 8 * MIB), -1);
	assert_int_equal(fcntl(mm.mm_fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
	assert_true(fcntl(mm.mm_fd, F_GETFD) & FD_CLOEXEC);
	vmmem_free(&mm);
	assert_int_equal(mm.mm_fd, -1);
	assert_null(mm.mm_base);
}

static void
memory_that_is_not_touched_is_not_there(void **state)
{
	struct vmmem	 mm;
	struct stat	 st;

	(void)state;
	assert_int_equal(vmmem_alloc(&mm, 8 * GIB, "large"), 0);
	assert_int_equal(fstat(mm.mm_fd, &st), 0);
	assert_int_equal(st.st_blocks, 0);
	vmmem_free(&mm);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(smallest_vm_has_low_ram_and_the_hole),
		cmocka_unit_test(common_vm_has_one_range_above_1_mib),
		cmocka_unit_test(
		    ram_stops_below_the_device_area_and_goes_on_at_4_gib),
		cmocka_unit_test(sizes_out_of_bounds_are_refused),
		cmocka_unit_test(
		    memory_is_zero_mapped_in_order_and_of_fixed_size),
		cmocka_unit_test(memory_that_is_not_touched_is_not_there),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}

/* SPDX-License-Identifier: ISC */
/*
 * VMM_IOC_MPROTECT_EPT of vmm(4).
 */

#include <sys/mman.h>

#include "guest.h"
#include "harness.h"

#define RWX		(PROT_READ | PROT_WRITE | PROT_EXEC)
#define PAGE		0x400000UL	/* the page that is protected */
#define EXTENTS		1024		/* separate ones in a VM */

static struct guest			g;
static struct vm_mprotect_ept_params	vmep;

CODE64(load, "mov 0x400000,%rbx; hlt");
CODE64(store, "mov $0x55,%eax; mov %rax,0x400000; hlt");
CODE64(store_across, "movabs $-1,%rax; mov %rax,0x3ffffc; hlt");
CODE64(call, "mov $0x400000,%eax; call *%rax; hlt");
CODE64(subroutine, "mov $0x66,%ebx; ret");
CODE64(count, "sti; 1: incq 0x20000; lock incq 0x400000; jmp 1b");

static void
setup(void)
{
	guest_create(&g, 1);
	memset(&vmep, 0, sizeof(vmep));
	vmep.vmep_vm_id = g.id;
	vmep.vmep_sgpa = PAGE;
	vmep.vmep_size = PAGE_BYTES;
	vmep.vmep_prot = PROT_READ;
}

static int
mprotect_ept(void)
{
	return ioctl(g.fd, VMM_IOC_MPROTECT_EPT, &vmep);
}

static void
protect(uint64_t gpa, size_t size, int prot)
{
	vmep.vmep_sgpa = gpa;
	vmep.vmep_size = size;
	vmep.vmep_prot = prot;
	CHECK_OK(mprotect_ept());
}

static void
mprotect_does_not_know_other_vms_and_vcpus(void)
{
	setup();
	vmep.vmep_vm_id = g.id + 1;
	CHECK_ERRNO(mprotect_ept(), ENOENT);
	vmep.vmep_vm_id = g.id;
	vmep.vmep_vcpu_id = 1;
	CHECK_ERRNO(mprotect_ept(), ENOENT);
	vmep.vmep_vcpu_id = 0;
	CHECK_OK(mprotect_ept());
}

static void
mprotect_faults_on_a_bad_pointer(void)
{
	setup();
	CHECK_ERRNO(ioctl(g.fd, VMM_IOC_MPROTECT_EPT, NULL), EFAULT);
}

static void
refused(const char *what, uint64_t gpa, size_t size, int prot)
{
	vmep.vmep_sgpa = gpa;
	vmep.vmep_size = size;
	vmep.vmep_prot = prot;
	errno = 0;
	if (mprotect_ept() != -1 || errno != EINVAL)
		FAIL("%s: %s, not EINVAL", what, strerror(errno));
}

static void
mprotect_refuses_bad_ranges(void)
{
	setup();
	refused("no size", PAGE, 0, PROT_READ);
	refused("start", PAGE + 1, PAGE_BYTES, PROT_READ);
	refused("size", PAGE, PAGE_BYTES + 1, PROT_READ);
	refused("size below a page", PAGE, 1, PROT_READ);
	refused("behind RAM", GUEST_HOLE, PAGE_BYTES, PROT_READ);
	refused("past the end of RAM", GUEST_RAM - PAGE_BYTES, 2 * PAGE_BYTES,
	    PROT_READ);
	refused("wrap", PAGE, -PAGE_BYTES, PROT_READ);
	refused("wrap to 0", PAGE, -PAGE, PROT_READ);
	refused("far away", -PAGE_BYTES, PAGE_BYTES, PROT_READ);
	guest_start(&g, MODE_LONG, store);
	expect_hlt(&g);
}

static void
mprotect_refuses_bad_rights(void)
{
	setup();
	refused("bit 3", PAGE, PAGE_BYTES, PROT_READ | 8);
	refused("negative", PAGE, PAGE_BYTES, -1);
	refused("write only", PAGE, PAGE_BYTES, PROT_WRITE);
	refused("write and execute", PAGE, PAGE_BYTES, PROT_WRITE | PROT_EXEC);
	if (host_is_svm())
		refused("execute only", PAGE, PAGE_BYTES, PROT_EXEC);
	guest_start(&g, MODE_LONG, store);
	expect_hlt(&g);
}

static void
mprotect_wants_one_range_of_memory(void)
{
	struct vm_create_params vcp;
	struct vm_mem_range *r;
	uint8_t *ram = memory_alloc(4 * PAGE_BYTES);
	int i;

	setup();
	create_params(&vcp, 1, ram, PAGE_BYTES);
	vcp.vcp_nmemranges = 3;
	for (i = 1, r = &vcp.vcp_memranges[1]; i < 3; i++, r++) {
		*r = vcp.vcp_memranges[0];
		r->vmr_gpa = i * PAGE_BYTES;
		r->vmr_va += i * PAGE_BYTES;
	}
	vcp.vcp_memranges[1].vmr_type = VM_MEM_RESERVED;
	vcp.vcp_memranges[2].vmr_type = VM_MEM_MMIO;
	CHECK_OK(ioctl(g.fd, VMM_IOC_CREATE, &vcp));
	vmep.vmep_vm_id = vcp.vcp_id;
	refused("two ranges", 0, 2 * PAGE_BYTES, PROT_READ);
	refused("MMIO", 2 * PAGE_BYTES, PAGE_BYTES, PROT_READ);
	protect(0, PAGE_BYTES, PROT_READ);
	protect(PAGE_BYTES, PAGE_BYTES, PROT_READ);
}

static void
store_is_refused_and_done_when_it_becomes_allowed(void)
{
	int i;

	setup();
	protect(PAGE, PAGE_BYTES, PROT_READ);
	guest_start(&g, MODE_LONG, store);
	for (i = 0; i < 3; i++) {
		expect_fault(&g, VEE_FAULT_PROTECT, PAGE);
		CHECK_EQ(gpr(&g, VCPU_REGS_RIP), GUEST_CODE + 5);
		CHECK_EQ(gpr(&g, VCPU_REGS_RAX), 0x55);
		CHECK_EQ(ram_read(&g, PAGE), 0);
	}
	protect(PAGE, PAGE_BYTES, PROT_READ | PROT_WRITE);
	expect_hlt(&g);
	CHECK_EQ(ram_read(&g, PAGE), 0x55);
}

static void
protection_also_holds_for_pages_that_the_guest_already_has(void)
{
	setup();
	guest_start(&g, MODE_LONG, store);
	expect_hlt(&g);
	ram_write(&g, PAGE, 0);
	protect(PAGE, PAGE_BYTES, PROT_READ);
	guest_start(&g, MODE_LONG, store);
	expect_fault(&g, VEE_FAULT_PROTECT, PAGE);
	guest_start(&g, MODE_LONG, load);
	expect_hlt(&g);
	CHECK_EQ(ram_read(&g, PAGE), 0);
}

static void
store_onto_the_edge_of_a_protected_page_changes_neither(void)
{
	setup();
	protect(PAGE, PAGE_BYTES, PROT_READ);
	guest_start(&g, MODE_LONG, store_across);
	expect_exit(&g, EXIT_FAULT);
	CHECK_EQ(g.cpu[0].exit.vee.vee_fault_type, VEE_FAULT_PROTECT);
	CHECK_EQ(g.cpu[0].exit.vee.vee_gpa, PAGE);
	CHECK_EQ(ram_read(&g, PAGE - 8), 0);
	CHECK_EQ(ram_read(&g, PAGE), 0);
}

static void
nothing_is_allowed_with_no_rights(void)
{
	setup();
	ram_write(&g, PAGE, 0x1234);
	protect(PAGE, PAGE_BYTES, PROT_NONE);
	guest_start(&g, MODE_LONG, load);
	expect_fault(&g, VEE_FAULT_PROTECT, PAGE);
	CHECK_EQ(gpr(&g, VCPU_REGS_RBX), 0);
	guest_start(&g, MODE_LONG, store);
	expect_fault(&g, VEE_FAULT_PROTECT, PAGE);
	guest_start(&g, MODE_LONG, call);
	expect_fault(&g, VEE_FAULT_PROTECT, PAGE);
	guest_start(&g, MODE_LONG, load);
	expect_fault(&g, VEE_FAULT_PROTECT, PAGE);
	protect(PAGE, PAGE_BYTES, PROT_READ);
	expect_hlt(&g);
	CHECK_EQ(gpr(&g, VCPU_REGS_RBX), 0x1234);
}

static void
code_runs_only_where_it_is_allowed_to(void)
{
	setup();
	guest_load(&g, PAGE, subroutine, subroutine_end);
	protect(PAGE, PAGE_BYTES, PROT_READ | PROT_WRITE);
	guest_start(&g, MODE_LONG, call);
	expect_fault(&g, VEE_FAULT_PROTECT, PAGE);
	CHECK_EQ(gpr(&g, VCPU_REGS_RIP), PAGE);
	protect(PAGE, PAGE_BYTES, PROT_READ | PROT_EXEC);
	expect_hlt(&g);
	CHECK_EQ(gpr(&g, VCPU_REGS_RBX), 0x66);
	guest_start(&g, MODE_LONG, store);
	expect_fault(&g, VEE_FAULT_PROTECT, PAGE);
}

static void
only_the_pages_that_were_named_are_protected(void)
{
	setup();
	protect(PAGE - PAGE_BYTES, PAGE_BYTES, PROT_READ);
	protect(PAGE + PAGE_BYTES, PAGE_BYTES, PROT_NONE);
	guest_start(&g, MODE_LONG, store);
	expect_hlt(&g);
	CHECK_EQ(ram_read(&g, PAGE), 0x55);
	/* A hole in a protected area. */
	protect(PAGE - PAGE_BYTES, 3 * PAGE_BYTES, PROT_READ);
	protect(PAGE, PAGE_BYTES, RWX);
	guest_start(&g, MODE_LONG, store);
	expect_hlt(&g);
	guest_start(&g, MODE_LONG, store_across);
	expect_exit(&g, EXIT_FAULT);
	CHECK_EQ(g.cpu[0].exit.vee.vee_gpa & -PAGE_BYTES, PAGE - PAGE_BYTES);
}

static void
protection_outlives_the_page_and_a_reset(void)
{
	setup();
	guest_start(&g, MODE_LONG, load);
	expect_hlt(&g);
	protect(PAGE, PAGE_BYTES, PROT_READ);
	CHECK_OK(madvise(g.ram + PAGE, PAGE_BYTES, MADV_DONTNEED));
	guest_start(&g, MODE_LONG, load);
	expect_hlt(&g);
	guest_start(&g, MODE_LONG, store);
	expect_fault(&g, VEE_FAULT_PROTECT, PAGE);
}

static void
protection_is_the_guests_alone(void)
{
	setup();
	protect(PAGE, PAGE_BYTES, PROT_NONE);
	ram_write(&g, PAGE, 0x77);
	CHECK_EQ(ram_read(&g, PAGE), 0x77);
}

static void
protection_reaches_a_guest_that_runs(void)
{
	struct runner r;
	uint64_t seen;
	int i;

	setup();
	for (i = 0; i < 10; i++) {
		protect(PAGE, PAGE_BYTES, RWX);
		guest_start(&g, MODE_LONG, count);
		runner_start(&r, &g, 0, false);
		protect(PAGE, PAGE_BYTES, PROT_READ);
		seen = ram_read(&g, PAGE);
		CHECK_EQ(runner_join(&r), EXIT_FAULT);
		CHECK_EQ(g.cpu[0].exit.vee.vee_fault_type, VEE_FAULT_PROTECT);
		CHECK_EQ(g.cpu[0].exit.vee.vee_gpa, PAGE);
		CHECK_EQ(ram_read(&g, PAGE), seen);
	}
}

static void
protected_extents_are_limited_and_merged(void)
{
	unsigned int i, n;

	setup();
	/* Neighbours with the same rights count as one. */
	for (i = 0; i < 3000; i++)
		protect(PAGE_BYTES * i, PAGE_BYTES, PROT_READ | PROT_EXEC);
	protect(0, GUEST_RAM, RWX);
	for (n = 0; n < GUEST_RAM / PAGE_BYTES / 2; n++) {
		vmep.vmep_sgpa = 2 * n * PAGE_BYTES;
		vmep.vmep_size = PAGE_BYTES;
		vmep.vmep_prot = PROT_READ | PROT_WRITE;
		if (mprotect_ept() == -1)
			break;
	}
	CHECK_EQ(errno, ENOSPC);
	CHECK_EQ(n, EXTENTS);
	/* Those that there was room for hold. */
	guest_start(&g, MODE_LONG, call);
	expect_fault(&g, VEE_FAULT_PROTECT, GUEST_CODE);
	protect(GUEST_CODE, PAGE_BYTES, RWX);
	expect_fault(&g, VEE_FAULT_PROTECT, PAGE);
	/* And one that was given back can be used again. */
	protect(GUEST_RAM - PAGE_BYTES, PAGE_BYTES, PROT_READ);
}

static void
memory_that_the_client_may_not_write_to_runs(void)
{
	setup();
	guest_load(&g, PAGE, subroutine, subroutine_end);
	ram_write(&g, PAGE + 64, 1);
	protect(PAGE, PAGE_BYTES, PROT_READ | PROT_EXEC);
	CHECK_OK(mprotect(g.ram + PAGE, PAGE_BYTES, PROT_READ));
	guest_start(&g, MODE_LONG, call);
	expect_hlt(&g);
	CHECK_EQ(gpr(&g, VCPU_REGS_RBX), 0x66);
	guest_start(&g, MODE_LONG, store);
	expect_fault(&g, VEE_FAULT_PROTECT, PAGE);
}

const struct test tests[] = {
	TEST(mprotect_does_not_know_other_vms_and_vcpus),
	TEST(mprotect_faults_on_a_bad_pointer),
	TEST(mprotect_refuses_bad_ranges),
	TEST(mprotect_refuses_bad_rights),
	TEST(mprotect_wants_one_range_of_memory),
	TEST(store_is_refused_and_done_when_it_becomes_allowed),
	TEST(protection_also_holds_for_pages_that_the_guest_already_has),
	TEST(store_onto_the_edge_of_a_protected_page_changes_neither),
	TEST(nothing_is_allowed_with_no_rights),
	TEST(code_runs_only_where_it_is_allowed_to),
	TEST(only_the_pages_that_were_named_are_protected),
	TEST(protection_outlives_the_page_and_a_reset),
	TEST(protection_is_the_guests_alone),
	TEST(protection_reaches_a_guest_that_runs),
	TEST(protected_extents_are_limited_and_merged),
	TEST(memory_that_the_client_may_not_write_to_runs),
	TEST_END
};

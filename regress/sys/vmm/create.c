/* SPDX-License-Identifier: ISC */
/*
 * VMM_IOC_CREATE of vmm(4).
 */

#include <sys/mman.h>
#include <sys/sysinfo.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "guest.h"
#include "harness.h"

#define MIB		(1UL << 20)
#define GIB		(1UL << 30)
#define KERNEL_VA	0xffff888000000000UL
#define USER_END	0x0100000000000000UL /* with 5-level paging */
#define KVM_CREATE_VM	_IO(0xae, 1)
#define WHOLE_HOST_RAM	(2 * GIB) /* for VMM_MAX_VCPUS VCPUs */

static int			 fd;
static uint8_t			*ram;
static struct vm_create_params	 vcp;

static void
setup(void)
{
	fd = vmm_open();
	ram = memory_alloc(MIB);
	create_params(&vcp, 1, ram, MIB);
}

static size_t
vm_count(int from)
{
	struct vm_info_params vip;

	memset(&vip, 0, sizeof(vip));
	CHECK_OK(ioctl(from, VMM_IOC_INFO, &vip));
	return vip.vip_size / sizeof(struct vm_info_result);
}

/* CREATE refuses vcp as it stands, and leaves nothing behind. */
static void
refused(const char *what, int want)
{
	size_t before = vm_count(fd);
	int ret;

	errno = 0;
	ret = ioctl(fd, VMM_IOC_CREATE, &vcp);
	if (ret != -1 || errno != want)
		FAIL("%s: %d (%s), not %s", what, ret, strerror(errno),
		    strerror(want));
	if (vm_count(fd) != before)
		FAIL("%s: a VM was left behind", what);
}

static void
accepted(const char *what)
{
	struct vm_terminate_params vtp;

	vcp.vcp_id = 0;
	if (ioctl(fd, VMM_IOC_CREATE, &vcp) == -1)
		FAIL("%s: %s", what, strerror(errno));
	if (vcp.vcp_id == 0)
		FAIL("%s: id 0", what);
	vtp.vtp_vm_id = vcp.vcp_id;
	CHECK_OK(ioctl(fd, VMM_IOC_TERM, &vtp));
}

static void
create_gives_ids_that_are_not_reused(void)
{
	struct vm_terminate_params vtp;
	uint32_t seen[8];
	unsigned int i, j;

	setup();
	for (i = 0; i < 8; i++) {
		CHECK_OK(ioctl(fd, VMM_IOC_CREATE, &vcp));
		CHECK(vcp.vcp_id != 0);
		for (j = 0; j < i; j++)
			CHECK(seen[j] != vcp.vcp_id);
		seen[i] = vcp.vcp_id;
		vtp.vtp_vm_id = vcp.vcp_id;
		if (i % 2 == 0)
			CHECK_OK(ioctl(fd, VMM_IOC_TERM, &vtp));
	}
}

static void
create_takes_every_count_of_ranges_from_1_to_16(void)
{
	size_t i;

	setup();
	for (i = 0; i < VMM_MAX_MEM_RANGES; i++) {
		vcp.vcp_memranges[i].vmr_gpa = i * 2 * PAGE_BYTES;
		vcp.vcp_memranges[i].vmr_va = (uintptr_t)ram + i * PAGE_BYTES;
		vcp.vcp_memranges[i].vmr_size = PAGE_BYTES;
		vcp.vcp_nmemranges = i + 1;
		accepted("ranges");
	}
}

static void
create_refuses_no_or_too_many_ranges(void)
{
	setup();
	vcp.vcp_nmemranges = 0;
	refused("no range", EINVAL);
	vcp.vcp_nmemranges = VMM_MAX_MEM_RANGES + 1;
	refused("17 ranges", EINVAL);
	vcp.vcp_nmemranges = SIZE_MAX;
	refused("SIZE_MAX ranges", EINVAL);
}

static void
create_refuses_what_is_not_page_aligned(void)
{
	setup();
	vcp.vcp_memranges[0].vmr_gpa = 0x800;
	refused("gpa", EINVAL);
	vcp.vcp_memranges[0].vmr_gpa = 0;
	vcp.vcp_memranges[0].vmr_va += 16;
	refused("va", EINVAL);
	vcp.vcp_memranges[0].vmr_va -= 16;
	vcp.vcp_memranges[0].vmr_size = MIB - 1;
	refused("size", EINVAL);
}

static void
create_refuses_an_empty_range(void)
{
	setup();
	vcp.vcp_memranges[0].vmr_size = 0;
	refused("size 0", EINVAL);
}

static void
create_refuses_memory_outside_user_space(void)
{
	setup();
	vcp.vcp_memranges[0].vmr_va = KERNEL_VA;
	refused("kernel address", EINVAL);
	vcp.vcp_memranges[0].vmr_va = USER_END - PAGE_BYTES;
	refused("beyond the end of user space", EINVAL);
	vcp.vcp_memranges[0].vmr_va = -(vaddr_t)MIB;
	vcp.vcp_memranges[0].vmr_size = 2 * MIB;
	refused("address that wraps", EINVAL);
}

static void
create_refuses_ranges_out_of_order_or_overlapping(void)
{
	setup();
	vcp.vcp_nmemranges = 2;
	vcp.vcp_memranges[1] = vcp.vcp_memranges[0];
	refused("the same range twice", EINVAL);
	vcp.vcp_memranges[1].vmr_gpa = MIB - PAGE_BYTES;
	refused("overlap of a page", EINVAL);
	vcp.vcp_memranges[1].vmr_gpa = MIB;
	accepted("adjacent ranges");
	vcp.vcp_memranges[0].vmr_gpa = 2 * MIB;
	refused("descending ranges", EINVAL);
}

static void
create_ends_guest_memory_at_128_gib(void)
{
	setup();
	vcp.vcp_memranges[0].vmr_gpa = VMM_MAX_VM_MEM_SIZE - MIB;
	accepted("up to the end");
	vcp.vcp_memranges[0].vmr_gpa += PAGE_BYTES;
	refused("a page too far", EINVAL);
	vcp.vcp_memranges[0].vmr_gpa = VMM_MAX_VM_MEM_SIZE;
	refused("behind the end", EINVAL);
	vcp.vcp_memranges[0].vmr_gpa = -(paddr_t)PAGE_BYTES;
	refused("GPA that wraps", EINVAL);
	vcp.vcp_memranges[0].vmr_gpa = PAGE_BYTES;
	vcp.vcp_memranges[0].vmr_size = -PAGE_BYTES;
	refused("size that wraps", EINVAL);
}

static void
create_refuses_unknown_range_types(void)
{
	setup();
	vcp.vcp_memranges[0].vmr_type = VM_MEM_MMIO + 1;
	refused("type 3", EINVAL);
	vcp.vcp_memranges[0].vmr_type = -1;
	refused("type -1", EINVAL);
}

static void
create_wants_memory_for_ram_and_reserved_but_not_mmio(void)
{
	setup();
	vcp.vcp_memranges[0].vmr_va = 0;
	refused("RAM at address 0", EINVAL);
	vcp.vcp_memranges[0].vmr_type = VM_MEM_RESERVED;
	refused("RESERVED at address 0", EINVAL);
	vcp.vcp_memranges[0].vmr_type = VM_MEM_MMIO;
	accepted("MMIO at address 0");
}

static void
create_checks_all_ranges(void)
{
	setup();
	vcp.vcp_nmemranges = 3;
	vcp.vcp_memranges[0].vmr_size = PAGE_BYTES;
	vcp.vcp_memranges[1] = vcp.vcp_memranges[0];
	vcp.vcp_memranges[1].vmr_gpa = PAGE_BYTES;
	vcp.vcp_memranges[2] = vcp.vcp_memranges[0];
	vcp.vcp_memranges[2].vmr_gpa = 2 * PAGE_BYTES;
	accepted("three pages");
	vcp.vcp_memranges[2].vmr_size = PAGE_BYTES + 1;
	refused("third range", EINVAL);
}

static void
create_takes_1_to_256_vcpus(void)
{
	setup();
	vcp.vcp_ncpus = VMM_MAX_VCPUS_PER_VM;
	accepted("256 VCPUs");
	vcp.vcp_ncpus = VMM_MAX_VCPUS_PER_VM + 1;
	refused("257 VCPUs", EINVAL);
	vcp.vcp_ncpus = 0;
	refused("0 VCPUs", EINVAL);
	vcp.vcp_ncpus = (size_t)1 << 32 | 1;
	refused("2^32 + 1 VCPUs", EINVAL);
}

static void
create_wants_a_terminated_name(void)
{
	setup();
	memset(vcp.vcp_name, 'x', VMM_MAX_NAME_LEN);
	refused("64 bytes", EINVAL);
	vcp.vcp_name[VMM_MAX_NAME_LEN - 1] = '\0';
	accepted("63 bytes");
	vcp.vcp_name[0] = '\0';
	accepted("no name");
}

static void
create_does_not_do_sev(void)
{
	setup();
	vcp.vcp_sev = 1;
	refused("SEV", EOPNOTSUPP);
	vcp.vcp_sev = 0;
	vcp.vcp_seves = 1;
	refused("SEV-ES", EOPNOTSUPP);
}

static void
create_faults_on_a_bad_pointer(void)
{
	struct vm_create_params *ro;

	setup();
	CHECK_ERRNO(ioctl(fd, VMM_IOC_CREATE, NULL), EFAULT);
	CHECK_ERRNO(ioctl(fd, VMM_IOC_CREATE, KERNEL_VA), EFAULT);
	ro = memory_alloc(PAGE_BYTES);
	*ro = vcp;
	CHECK_OK(mprotect(ro, PAGE_BYTES, PROT_READ));
	CHECK_ERRNO(ioctl(fd, VMM_IOC_CREATE, ro), EFAULT);
	CHECK_EQ(vm_count(fd), 0);
}

static void
create_does_not_touch_guest_memory(void)
{
	unsigned char resident[MIB / PAGE_BYTES];
	size_t i;

	setup();
	CHECK_OK(madvise(ram, MIB, MADV_NOHUGEPAGE));
	CHECK_OK(ioctl(fd, VMM_IOC_CREATE, &vcp));
	CHECK_OK(mincore(ram, MIB, resident));
	for (i = 0; i < sizeof(resident); i++)
		CHECK((resident[i] & 1) == 0);
}

static void
create_takes_memory_that_is_not_mapped_yet(void)
{
	setup();
	CHECK_OK(munmap(ram, MIB));
	accepted("unmapped memory");
}

/* The output fields, and nothing of the kernel's memory in the rest. */
static void
create_changes_only_its_output(void)
{
	struct vm_create_params in;

	setup();
	in = vcp;
	CHECK_OK(ioctl(fd, VMM_IOC_CREATE, &vcp));
	CHECK(memcmp(&in, &vcp, offsetof(struct vm_create_params, vcp_id)) ==
	    0);
	CHECK_EQ(vcp.vcp_poscbit, 0);
}

static void
create_gives_the_host_no_more_than_its_limit_of_vcpus(void)
{
	struct sysinfo si;
	size_t n;

	setup();
	CHECK_OK(sysinfo(&si));
	if (si.freeram * si.mem_unit < WHOLE_HOST_RAM)
		test_skip("needs %lu GiB of free memory", WHOLE_HOST_RAM / GIB);
	vcp.vcp_ncpus = VMM_MAX_VCPUS_PER_VM;
	for (n = 0; n < VMM_MAX_VCPUS / VMM_MAX_VCPUS_PER_VM; n++)
		CHECK_OK(ioctl(fd, VMM_IOC_CREATE, &vcp));
	refused("a VM more", ENOMEM);
	vcp.vcp_ncpus = 1;
	refused("a VCPU more", ENOMEM);
	CHECK_OK(close(fd));
	setup();
	accepted("after they are gone");
}

/* Linux 6.12 and later let KVM hold the CPU without a VM, if not told. */
#define KVM_LOAD	"modprobe kvm enable_virt_at_load=0 2>/dev/null; "

static int
kvm_open(void)
{
	int kvm;

	kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm == -1 && system(host_is_svm() ?
	    KVM_LOAD "modprobe kvm_amd 2>/dev/null" :
	    KVM_LOAD "modprobe kvm_intel 2>/dev/null") == 0)
		kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm == -1)
		test_skip("no KVM on this host");
	return kvm;
}

static void
create_is_refused_while_kvm_has_a_vm(void)
{
	int kvm, vm;

	setup();
	kvm = kvm_open();
	if ((vm = ioctl(kvm, KVM_CREATE_VM, 0)) == -1)
		test_skip("KVM cannot make a VM: %s", strerror(errno));
	refused("while KVM has a VM", EBUSY);
	CHECK_OK(close(vm));
	accepted("after KVM's VM is gone");
}

static void
create_keeps_the_cpu_from_kvm_while_a_vm_exists(void)
{
	struct vm_terminate_params vtp;
	int kvm, vm;

	setup();
	kvm = kvm_open();
	CHECK_OK(ioctl(fd, VMM_IOC_CREATE, &vcp));
	CHECK((vm = ioctl(kvm, KVM_CREATE_VM, 0)) == -1);
	vtp.vtp_vm_id = vcp.vcp_id;
	CHECK_OK(ioctl(fd, VMM_IOC_TERM, &vtp));
	CHECK((vm = ioctl(kvm, KVM_CREATE_VM, 0)) != -1);
	CHECK_OK(close(vm));
	accepted("when KVM is done");
}

static void
create_and_unknown_ioctls_are_told_apart(void)
{
	setup();
	CHECK_ERRNO(ioctl(fd, _IOWR('V', 1, int), &vcp), ENOTTY);
	CHECK_ERRNO(ioctl(fd, _IOWR('V', 0, struct vm_create_params), &vcp),
	    ENOTTY);
	CHECK_ERRNO(ioctl(fd, _IOWR('V', 0x7f, struct vm_create_params), &vcp),
	    ENOTTY);
	CHECK_ERRNO(ioctl(fd, _IOWR('W', 1, struct vm_create_params), &vcp),
	    ENOTTY);
	CHECK_ERRNO(ioctl(fd, _IOW('V', 1, struct vm_create_params), &vcp),
	    ENOTTY);
	CHECK_EQ(vm_count(fd), 0);
}

static void
device_neither_reads_nor_writes(void)
{
	char c = 0;

	setup();
	CHECK_EQ(read(fd, &c, 1), -1);
	CHECK_EQ(write(fd, &c, 1), -1);
	CHECK(mmap(NULL, PAGE_BYTES, PROT_READ, MAP_SHARED, fd, 0) ==
	    MAP_FAILED);
}

const struct test tests[] = {
	TEST(create_gives_ids_that_are_not_reused),
	TEST(create_takes_every_count_of_ranges_from_1_to_16),
	TEST(create_refuses_no_or_too_many_ranges),
	TEST(create_refuses_what_is_not_page_aligned),
	TEST(create_refuses_an_empty_range),
	TEST(create_refuses_memory_outside_user_space),
	TEST(create_refuses_ranges_out_of_order_or_overlapping),
	TEST(create_ends_guest_memory_at_128_gib),
	TEST(create_refuses_unknown_range_types),
	TEST(create_wants_memory_for_ram_and_reserved_but_not_mmio),
	TEST(create_checks_all_ranges),
	TEST(create_takes_1_to_256_vcpus),
	TEST(create_wants_a_terminated_name),
	TEST(create_does_not_do_sev),
	TEST(create_faults_on_a_bad_pointer),
	TEST(create_does_not_touch_guest_memory),
	TEST(create_takes_memory_that_is_not_mapped_yet),
	TEST(create_changes_only_its_output),
	TEST(create_gives_the_host_no_more_than_its_limit_of_vcpus),
	TEST(create_is_refused_while_kvm_has_a_vm),
	TEST(create_keeps_the_cpu_from_kvm_while_a_vm_exists),
	TEST(create_and_unknown_ioctls_are_told_apart),
	TEST(device_neither_reads_nor_writes),
	TEST_END
};

/* SPDX-License-Identifier: ISC */
/*
 * VMM_IOC_INFO of vmm(4).
 */

#include <sys/mman.h>

#include <unistd.h>

#include "guest.h"
#include "harness.h"

#define RESULT_BYTES	sizeof(struct vm_info_result)

static struct guest		g;
static struct vm_info_params	vip;
static struct vm_info_result	result[8];

CODE64(touch,
    "mov $0x400000,%eax; 1: incb (%rax); add $0x1000,%eax\n"
    "cmp $0x600000,%eax; jb 1b; hlt");
CODE64(count, "sti; 1: incq 0x20000; jmp 1b");

static int
info(size_t size)
{
	memset(&vip, 0, sizeof(vip));
	memset(result, 0xa5, sizeof(result));
	vip.vip_size = size;
	vip.vip_info = result;
	return ioctl(g.fd, VMM_IOC_INFO, &vip);
}

static void
info_of_no_vms_is_empty(void)
{
	g.fd = vmm_open();
	CHECK_OK(info(sizeof(result)));
	CHECK_EQ(vip.vip_info_ct, 0);
	CHECK_EQ(((uint8_t *)result)[0], 0xa5);
}

static void
info_tells_the_size_that_it_needs(void)
{
	guest_create(&g, 1);
	CHECK_OK(info(0));
	CHECK_EQ(vip.vip_size, RESULT_BYTES);
	CHECK_EQ(vip.vip_info_ct, 0);
	CHECK_OK(info(RESULT_BYTES - 1));
	CHECK_EQ(vip.vip_size, RESULT_BYTES);
	CHECK_EQ(vip.vip_info_ct, 0);
	CHECK_EQ(((uint8_t *)result)[0], 0xa5);
	/* Nothing is written then, so that there need be no place for it. */
	vip.vip_size = 0;
	vip.vip_info = NULL;
	CHECK_OK(ioctl(g.fd, VMM_IOC_INFO, &vip));
	CHECK_EQ(vip.vip_size, RESULT_BYTES);
}

static void
info_fills_what_there_is(void)
{
	struct guest other;

	guest_create(&g, 3);
	guest_create_on(&other, g.fd, 1, memory_alloc(GUEST_RAM));
	CHECK_OK(info(RESULT_BYTES));
	CHECK_EQ(vip.vip_info_ct, 0);
	CHECK_EQ(vip.vip_size, 2 * RESULT_BYTES);
	CHECK_OK(info(sizeof(result)));
	CHECK_EQ(vip.vip_info_ct, 2);
	CHECK_EQ(((uint8_t *)&result[2])[0], 0xa5);
	CHECK_EQ(result[0].vir_id + result[1].vir_id, g.id + other.id);
	CHECK(result[0].vir_id == g.id || result[1].vir_id == g.id);
}

static void
info_describes_the_vm(void)
{
	struct vm_create_params vcp;
	unsigned int i;

	g.fd = vmm_open();
	create_params(&vcp, 3, memory_alloc(GUEST_RAM), 0x200000);
	vcp.vcp_nmemranges = 3;
	vcp.vcp_memranges[1] = vcp.vcp_memranges[0];
	vcp.vcp_memranges[1].vmr_gpa = 0x400000;
	vcp.vcp_memranges[1].vmr_va += 0x200000;
	vcp.vcp_memranges[2].vmr_gpa = 0x800000;
	vcp.vcp_memranges[2].vmr_size = 0x100000;
	vcp.vcp_memranges[2].vmr_type = VM_MEM_MMIO;
	memset(vcp.vcp_name, 0, sizeof(vcp.vcp_name));
	memset(vcp.vcp_name, 'n', VMM_MAX_NAME_LEN - 1);
	CHECK_OK(ioctl(g.fd, VMM_IOC_CREATE, &vcp));
	CHECK_OK(info(sizeof(result)));
	CHECK_EQ(vip.vip_info_ct, 1);
	CHECK_EQ(result[0].vir_id, vcp.vcp_id);
	CHECK_EQ(result[0].vir_ncpus, 3);
	CHECK_EQ(result[0].vir_memory_size, 0x400000);
	CHECK_EQ(result[0].vir_used_size, 0);
	CHECK_EQ(result[0].vir_creator_pid, getpid());
	CHECK(strcmp(result[0].vir_name, vcp.vcp_name) == 0);
	for (i = 0; i < 3; i++)
		CHECK_EQ(result[0].vir_vcpu_state[i], VCPU_STATE_STOPPED);
	/* Nothing of the kernel's in what does not exist. */
	for (i = 3; i < VMM_MAX_VCPUS_PER_VM; i++)
		CHECK(result[0].vir_vcpu_state[i] == 0 ||
		    result[0].vir_vcpu_state[i] == VCPU_STATE_UNKNOWN);
}

static void
info_counts_the_memory_that_the_guest_uses(void)
{
	size_t before;

	guest_create(&g, 1);
	CHECK_OK(madvise(g.ram, GUEST_RAM, MADV_NOHUGEPAGE));
	guest_start(&g, MODE_LONG, touch);
	CHECK_OK(info(sizeof(result)));
	before = result[0].vir_used_size;
	expect_hlt(&g);
	CHECK_OK(info(sizeof(result)));
	CHECK(result[0].vir_used_size - before >= 0x200000);
	CHECK(result[0].vir_used_size - before < 0x240000);
	CHECK_OK(munmap(g.ram + 0x400000, 0x200000));
	CHECK_OK(info(sizeof(result)));
	CHECK(result[0].vir_used_size - before < 0x40000);
}

static void
info_shows_which_vcpus_run(void)
{
	struct vm_terminate_params vtp;
	struct runner r;
	unsigned int i, running = 0;

	guest_create(&g, 2);
	guest_start_cpu(&g, 1, MODE_LONG, GUEST_CODE, count, count_end);
	runner_start(&r, &g, 1, false);
	for (i = 0; i < 100; i++) {
		CHECK_OK(info(sizeof(result)));
		CHECK_EQ(result[0].vir_vcpu_state[0], VCPU_STATE_STOPPED);
		running += result[0].vir_vcpu_state[1] == VCPU_STATE_RUNNING;
	}
	/* Now and then it is on its way back into RUN. */
	CHECK(running > 50);
	vtp.vtp_vm_id = g.id;
	CHECK_OK(ioctl(g.fd, VMM_IOC_TERM, &vtp));
	runner_join(&r);
}

static void
info_faults_on_bad_pointers(void)
{
	struct vm_info_params *ro;

	guest_create(&g, 1);
	CHECK_ERRNO(ioctl(g.fd, VMM_IOC_INFO, NULL), EFAULT);
	memset(&vip, 0, sizeof(vip));
	vip.vip_size = sizeof(result);
	CHECK_ERRNO(ioctl(g.fd, VMM_IOC_INFO, &vip), EFAULT);
	vip.vip_info = (void *)0xffff888000000000UL;
	CHECK_ERRNO(ioctl(g.fd, VMM_IOC_INFO, &vip), EFAULT);
	ro = memory_alloc(PAGE_BYTES);
	ro->vip_size = sizeof(result);
	ro->vip_info = result;
	CHECK_OK(mprotect(ro, PAGE_BYTES, PROT_READ));
	CHECK_ERRNO(ioctl(g.fd, VMM_IOC_INFO, ro), EFAULT);
}

static void
info_bears_any_size(void)
{
	guest_create(&g, 1);
	CHECK_OK(info(SIZE_MAX));
	CHECK_EQ(vip.vip_info_ct, 1);
	CHECK_EQ(result[0].vir_id, g.id);
	CHECK_EQ(((uint8_t *)&result[1])[0], 0xa5);
}

const struct test tests[] = {
	TEST(info_of_no_vms_is_empty),
	TEST(info_tells_the_size_that_it_needs),
	TEST(info_fills_what_there_is),
	TEST(info_describes_the_vm),
	TEST(info_counts_the_memory_that_the_guest_uses),
	TEST(info_shows_which_vcpus_run),
	TEST(info_faults_on_bad_pointers),
	TEST(info_bears_any_size),
	TEST_END
};

/* SPDX-License-Identifier: ISC */
/*
 * A VM of vmm(4) belongs to the open file that made it.
 */

#include <sys/stat.h>

#include <fcntl.h>
#include <grp.h>
#include <unistd.h>

#include "guest.h"
#include "harness.h"

#define NOBODY	65534

static struct guest	g;

CODE64(halt, "hlt");

/* A file that a user without privileges opened, who may use the device. */
static int
open_as_nobody(void)
{
	struct stat st;
	int fd;

	CHECK_OK(stat(VMM_DEVICE, &st));
	CHECK_OK(setegid(st.st_gid));
	CHECK_OK(seteuid(NOBODY));
	if ((fd = open(VMM_DEVICE, O_RDWR)) == -1) {
		CHECK_OK(seteuid(0));
		test_skip("%s is for root alone", VMM_DEVICE);
	}
	return fd;
}

static void
become_root(void)
{
	CHECK_OK(seteuid(0));
	CHECK_OK(setegid(0));
}

static size_t
vm_count(int fd)
{
	struct vm_info_params vip;

	memset(&vip, 0, sizeof(vip));
	CHECK_OK(ioctl(fd, VMM_IOC_INFO, &vip));
	return vip.vip_size / sizeof(struct vm_info_result);
}

/* Each ioctl that names a VM, but TERM, through this file. */
static void
all_unknown(int fd, uint32_t id)
{
	struct vm_rwvmparams_params vpp = { id, 0, 1, 0, 0 };
	struct vm_mprotect_ept_params vmep = { id, 0, 0, PAGE_BYTES, 1 };
	struct vm_intr_params vip = { id, 0, 1 };
	struct vm_rwregs_params vrwp;
	struct vm_resetcpu_params vrp;
	struct vm_run_params run;
	struct vm_exit exit;

	memset(&run, 0, sizeof(run));
	run.vrp_vm_id = id;
	run.vrp_exit = &exit;
	CHECK_ERRNO(ioctl(fd, VMM_IOC_RUN, &run), ENOENT);
	memset(&vrp, 0, sizeof(vrp));
	vrp.vrp_vm_id = id;
	guest_init_state(&vrp.vrp_init_state, MODE_LONG, 0);
	CHECK_ERRNO(ioctl(fd, VMM_IOC_RESETCPU, &vrp), ENOENT);
	CHECK_ERRNO(ioctl(fd, VMM_IOC_INTR, &vip), ENOENT);
	memset(&vrwp, 0, sizeof(vrwp));
	vrwp.vrwp_vm_id = id;
	vrwp.vrwp_mask = VM_RWREGS_ALL;
	vrwp.vrwp_regs = vrp.vrp_init_state;
	CHECK_ERRNO(ioctl(fd, VMM_IOC_READREGS, &vrwp), ENOENT);
	CHECK_ERRNO(ioctl(fd, VMM_IOC_WRITEREGS, &vrwp), ENOENT);
	CHECK_ERRNO(ioctl(fd, VMM_IOC_READVMPARAMS, &vpp), ENOENT);
	CHECK_ERRNO(ioctl(fd, VMM_IOC_WRITEVMPARAMS, &vpp), ENOENT);
	CHECK_ERRNO(ioctl(fd, VMM_IOC_MPROTECT_EPT, &vmep), ENOENT);
}

static int
term(int fd, uint32_t id)
{
	struct vm_terminate_params vtp = { id };

	return ioctl(fd, VMM_IOC_TERM, &vtp);
}

static void
vm_is_unknown_through_another_file_of_the_same_process(void)
{
	struct vcpu_reg_state before, after;
	int other;

	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, halt);
	regs_read(&g, &before);
	other = vmm_open();
	all_unknown(other, g.id);
	regs_read(&g, &after);
	CHECK(memcmp(&before, &after, sizeof(before)) == 0);
	expect_hlt(&g);
}

static void
vm_is_unknown_to_other_users(void)
{
	int other;

	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, halt);
	other = open_as_nobody();
	all_unknown(other, g.id);
	CHECK_ERRNO(term(other, g.id), ENOENT);
	CHECK_EQ(vm_count(other), 0);
	become_root();
	expect_hlt(&g);
}

static void
user_sees_and_ends_what_is_his(void)
{
	int fd;

	fd = open_as_nobody();
	guest_create_on(&g, fd, 1, memory_alloc(GUEST_RAM));
	CHECK_EQ(vm_count(fd), 1);
	guest_start(&g, MODE_LONG, halt);
	expect_hlt(&g);
	CHECK_OK(term(fd, g.id));
	CHECK_EQ(vm_count(fd), 0);
}

static void
root_sees_and_ends_all_vms(void)
{
	struct vm_info_params vip;
	struct vm_info_result r[2];
	int fd, root;

	fd = open_as_nobody();
	guest_create_on(&g, fd, 1, memory_alloc(GUEST_RAM));
	become_root();
	root = vmm_open();
	memset(&vip, 0, sizeof(vip));
	vip.vip_size = sizeof(r);
	vip.vip_info = r;
	CHECK_OK(ioctl(root, VMM_IOC_INFO, &vip));
	CHECK_EQ(vip.vip_info_ct, 1);
	CHECK_EQ(r[0].vir_id, g.id);
	all_unknown(root, g.id);
	CHECK_OK(term(root, g.id));
	CHECK_EQ(vm_count(root), 0);
	CHECK_ERRNO(term(fd, g.id), ENOENT);
}

static void
two_users_do_not_see_each_other(void)
{
	int first, second;

	first = open_as_nobody();
	become_root();
	second = open_as_nobody();
	guest_create_on(&g, first, 1, memory_alloc(GUEST_RAM));
	CHECK_EQ(vm_count(first), 1);
	CHECK_EQ(vm_count(second), 0);
	CHECK_ERRNO(term(second, g.id), ENOENT);
	all_unknown(second, g.id);
	CHECK_OK(term(first, g.id));
}

/*
 * A daemon opens the device as root and passes the file to a process without
 * privileges. That process has its own VMs and no others.
 */
static void
file_that_root_opened_gives_no_power_to_a_user(void)
{
	struct stat st;
	int passed;

	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, halt);
	passed = vmm_open();
	CHECK_OK(stat(VMM_DEVICE, &st));
	CHECK_OK(setegid(st.st_gid));
	CHECK_OK(seteuid(NOBODY));
	CHECK_EQ(vm_count(passed), 0);
	CHECK_ERRNO(term(passed, g.id), ENOENT);
	become_root();
	expect_hlt(&g);
}

static void
ids_cannot_be_guessed_around_the_own_one(void)
{
	struct guest other;
	uint32_t id;
	int fd;

	guest_create(&g, 1);
	guest_create(&other, 1);
	fd = open_as_nobody();
	for (id = g.id - 8; id != g.id + 8; id++)
		CHECK_ERRNO(term(fd, id), ENOENT);
	become_root();
	guest_start(&g, MODE_LONG, halt);
	expect_hlt(&g);
}

const struct test tests[] = {
	TEST(vm_is_unknown_through_another_file_of_the_same_process),
	TEST(vm_is_unknown_to_other_users),
	TEST(user_sees_and_ends_what_is_his),
	TEST(root_sees_and_ends_all_vms),
	TEST(two_users_do_not_see_each_other),
	TEST(file_that_root_opened_gives_no_power_to_a_user),
	TEST(ids_cannot_be_guessed_around_the_own_one),
	TEST_END
};

/* SPDX-License-Identifier: ISC */
/* Promises of a VM's start on its way: it arrives whole, or not at all. */
#include <sys/socket.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <bsd/string.h>
#include <cmocka.h>

#include "vmd.h"

#define VM_ID	7

static struct {
	struct imsgbuf	 parent;
	struct imsgbuf	 vm;
	struct vm_start	 got;
	int		 fds;
} t;

static int
open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

static int
setup(void **state)
{
	int sv[2];

	(void)state;
	t.fds = open_fds();
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sv) == -1)
		return -1;
	imsg_init(&t.parent, sv[0]);
	imsg_init(&t.vm, sv[1]);
	vm_start_init(&t.got);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	vm_start_close(&t.got);
	imsg_clear(&t.parent);
	imsg_clear(&t.vm);
	close(t.parent.fd);
	close(t.vm.fd);
	return open_fds() == t.fds ? 0 : -1;
}

static int
some_fd(void)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static struct vm_config
config(uint32_t ndisks)
{
	struct vm_config vc = {
		.vc_id = VM_ID,
		.vc_ncpus = 1,
		.vc_memory = VM_MEM_DEFAULT,
		.vc_ndisks = ndisks,
		.vc_name = "x",
	};

	return vc;
}

/* A complete start with the given number of disks. */
static void
fill(struct vm_start *vst, uint32_t ndisks)
{
	uint32_t i;

	vm_start_init(vst);
	vst->vst_config = config(ndisks);
	for (i = 0; i < VM_FD_DISK; i++)
		vst->vst_fds[i] = some_fd();
	for (i = 0; i < ndisks; i++)
		vst->vst_disks[i] = some_fd();
}

/* Take all that was sent; what the last message gave. */
static int
receive(void)
{
	struct imsg imsg;
	int ret = 0;

	imsg_flush(&t.parent);
	while (ret == 0) {
		while (imsg_get(&t.vm, &imsg) <= 0)
			if (imsg_read(&t.vm) <= 0)
				return 0;
		ret = vm_start_take(&t.got, &imsg);
		imsg_free(&imsg);
	}
	return ret;
}

static void
send_msg(uint32_t type, int fd, const void *data, size_t len)
{
	assert_int_equal(imsg_compose(&t.parent, type, VM_ID, 0, fd, data,
	    len), 1);
}

static void
send_config(const struct vm_config *vc)
{
	send_msg(IMSG_VMDOP_VM_START, -1, vc, sizeof(*vc));
}

static void
send_fd(uint32_t kind, uint32_t index)
{
	struct vm_fd vf = { kind, index };

	send_msg(IMSG_VMDOP_VM_FD, some_fd(), &vf, sizeof(vf));
}

static void
start_arrives_whole(void **state)
{
	struct vm_start vst;
	int i;

	(void)state;
	fill(&vst, 4);
	assert_int_equal(vm_start_send(&t.parent, VM_ID, &vst), 0);
	assert_int_equal(receive(), 1);
	assert_string_equal(t.got.vst_config.vc_name, "x");
	for (i = 0; i < VM_FD_DISK; i++)
		assert_int_not_equal(t.got.vst_fds[i], -1);
	for (i = 0; i < 4; i++)
		assert_int_not_equal(t.got.vst_disks[i], -1);
}

static void
initrd_and_disks_are_optional(void **state)
{
	struct vm_start vst;

	(void)state;
	fill(&vst, 0);
	close(vst.vst_fds[VM_FD_INITRD]);
	vst.vst_fds[VM_FD_INITRD] = -1;
	assert_int_equal(vm_start_send(&t.parent, VM_ID, &vst), 0);
	assert_int_equal(receive(), 1);
	assert_int_equal(t.got.vst_fds[VM_FD_INITRD], -1);
}

static void
anything_else_missing_is_an_error(void **state)
{
	struct vm_start vst;
	uint32_t i;

	for (i = 0; i < VM_FD_DISK + 2; i++) {
		if (i == VM_FD_INITRD)
			continue;
		fill(&vst, 2);
		if (i < VM_FD_DISK) {
			close(vst.vst_fds[i]);
			vst.vst_fds[i] = -1;
		} else {
			close(vst.vst_disks[i - VM_FD_DISK]);
			vst.vst_disks[i - VM_FD_DISK] = -1;
		}
		assert_int_equal(vm_start_send(&t.parent, VM_ID, &vst), 0);
		assert_int_equal(receive(), -1);
		assert_int_equal(teardown(state), 0);
		assert_int_equal(setup(state), 0);
	}
}

static void
configuration_is_checked(void **state)
{
	struct vm_config bad[8];
	size_t i;

	for (i = 0; i < 8; i++)
		bad[i] = config(0);
	bad[0].vc_id = 0;
	bad[1].vc_ncpus = 0;
	bad[2].vc_ncpus = VM_MAX_CPUS + 1;
	bad[3].vc_memory = VM_MEM_MIN - 1;
	bad[4].vc_memory = VM_MEM_MAX + 1;
	bad[5].vc_ndisks = VMM_MAX_DISKS_PER_VM + 1;
	memset(bad[6].vc_name, 'x', sizeof(bad[6].vc_name));
	memset(bad[7].vc_args, 'x', sizeof(bad[7].vc_args));
	for (i = 0; i < 8; i++) {
		send_config(&bad[i]);
		assert_int_equal(receive(), -1);
		assert_int_equal(errno, EBADMSG);
		assert_int_equal(teardown(state), 0);
		assert_int_equal(setup(state), 0);
	}
}

static void
configuration_comes_once(void **state)
{
	struct vm_config vc = config(0);

	(void)state;
	send_config(&vc);
	send_config(&vc);
	assert_int_equal(receive(), -1);
}

static void
configuration_comes_first(void **state)
{
	(void)state;
	send_fd(VM_FD_KERNEL, 0);
	assert_int_equal(receive(), -1);
}

static void
descriptors_are_checked(void **state)
{
	static const struct vm_fd bad[] = {
		{ VM_FD_KINDS, 0 }, { UINT32_MAX, 0 }, { VM_FD_KERNEL, 1 },
		{ VM_FD_DISK, 2 }, { VM_FD_DISK, UINT32_MAX },
	};
	struct vm_config vc = config(2);
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		send_config(&vc);
		send_fd(bad[i].vf_kind, bad[i].vf_index);
		assert_int_equal(receive(), -1);
		assert_int_equal(teardown(state), 0);
		assert_int_equal(setup(state), 0);
	}
	send_config(&vc);
	send_fd(VM_FD_DISK, 1);
	send_fd(VM_FD_DISK, 1);
	assert_int_equal(receive(), -1);
}

static void
descriptor_must_be_there(void **state)
{
	struct vm_fd vf = { VM_FD_KERNEL, 0 };
	struct vm_config vc = config(0);

	(void)state;
	send_config(&vc);
	send_msg(IMSG_VMDOP_VM_FD, -1, &vf, sizeof(vf));
	assert_int_equal(receive(), -1);
}

static void
sizes_are_exact(void **state)
{
	struct vm_config vc = config(0);
	struct vm_fd vf = { VM_FD_KERNEL, 0 };

	send_msg(IMSG_VMDOP_VM_START, -1, &vc, sizeof(vc) - 1);
	assert_int_equal(receive(), -1);
	assert_int_equal(teardown(state), 0);
	assert_int_equal(setup(state), 0);
	send_config(&vc);
	send_msg(IMSG_VMDOP_VM_FD, some_fd(), &vf, sizeof(vf) - 1);
	assert_int_equal(receive(), -1);
	assert_int_equal(teardown(state), 0);
	assert_int_equal(setup(state), 0);
	send_msg(IMSG_VMDOP_VM_END, -1, NULL, 0);
	assert_int_equal(receive(), -1);
}

int
main(void)
{
#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(start_arrives_whole),
		TEST(initrd_and_disks_are_optional),
		TEST(anything_else_missing_is_an_error),
		TEST(configuration_is_checked),
		TEST(configuration_comes_once),
		TEST(configuration_comes_first),
		TEST(descriptors_are_checked),
		TEST(descriptor_must_be_there),
		TEST(sizes_are_exact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: ISC */
/*
 * How long VMs of vmm(4) live, and what they leave behind.
 */

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "guest.h"
#include "harness.h"

#define GONE_MS		10000	/* within which a VM must be gone */
#define CYCLES		200
#define LEAK_KIB	16384	/* what CYCLES VMs may not exceed */

static struct guest	g;

CODE64(halt, "1: hlt; jmp 1b");
CODE64(count, "sti; 1: incq 0x20000; jmp 1b");
CODE64(increment, "1: incq 0x20000; mov 0x20000,%rbx; hlt; jmp 1b");

/* All VMs of the host, as root sees them. */
static size_t
vm_count(void)
{
	struct vm_info_params vip;
	int fd = vmm_open();

	memset(&vip, 0, sizeof(vip));
	CHECK_OK(ioctl(fd, VMM_IOC_INFO, &vip));
	close(fd);
	return vip.vip_size / sizeof(struct vm_info_result);
}

static void
expect_gone(size_t others)
{
	unsigned int i;

	for (i = 0; i < GONE_MS; i++) {
		if (vm_count() == others)
			return;
		test_sleep_ms(1);
	}
	FAIL("the VM is still there after %d ms", GONE_MS);
}

static void
vm_ends_with_the_last_descriptor_of_its_file(void)
{
	size_t others = vm_count();
	int copy;

	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, halt);
	CHECK_EQ(vm_count(), others + 1);
	copy = dup(g.fd);
	CHECK(copy != -1);
	CHECK_OK(close(g.fd));
	CHECK_EQ(vm_count(), others + 1);
	g.fd = copy;
	expect_hlt(&g);
	CHECK_OK(close(copy));
	CHECK_EQ(vm_count(), others);
}

static void
vm_ends_when_its_owner_is_killed(void)
{
	size_t others = vm_count();
	int ready[2], i;
	pid_t child;
	char c = 0;

	for (i = 0; i < 5; i++) {
		CHECK_OK(pipe(ready));
		if ((child = fork()) == 0) {
			guest_create(&g, 2);
			guest_start(&g, MODE_LONG, count);
			CHECK_EQ(write(ready[1], &c, 1), 1);
			guest_run(&g);
			_exit(1);
		}
		CHECK_EQ(read(ready[0], &c, 1), 1);
		CHECK_EQ(vm_count(), others + 1);
		test_sleep_ms(10 * i);
		CHECK_OK(kill(child, SIGKILL));
		CHECK_EQ(waitpid(child, NULL, 0), child);
		expect_gone(others);
		close(ready[0]);
		close(ready[1]);
	}
}

static void
vm_lives_on_in_a_child_that_has_the_descriptor(void)
{
	size_t others = vm_count();
	pid_t child;
	int go[2];
	char c = 0;

	CHECK_OK(pipe(go));
	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, increment);
	if ((child = fork()) == 0) {
		close(go[1]);
		CHECK_EQ(read(go[0], &c, 1), 1);
		/* The memory is the parent's. */
		expect_hlt(&g);
		CHECK_EQ(gpr(&g, VCPU_REGS_RBX), 1);
		CHECK_EQ(ram_read(&g, GUEST_DATA), 0);
		_exit(0);
	}
	CHECK_OK(close(g.fd));
	CHECK_EQ(vm_count(), others + 1);
	CHECK_EQ(write(go[1], &c, 1), 1);
	test_join(child);
	CHECK_EQ(ram_read(&g, GUEST_DATA), 1);
	expect_gone(others);
}

static void
fd_send(int sock, int fd)
{
	char c = 0, buf[CMSG_SPACE(sizeof(fd))] = { 0 };
	struct iovec iov = { &c, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
	    .msg_control = buf, .msg_controllen = sizeof(buf) };
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	CHECK_EQ(sendmsg(sock, &msg, 0), 1);
}

static int
fd_receive(int sock)
{
	char c, buf[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { &c, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
	    .msg_control = buf, .msg_controllen = sizeof(buf) };
	int fd;

	CHECK_EQ(recvmsg(sock, &msg, 0), 1);
	CHECK(CMSG_FIRSTHDR(&msg) != NULL);
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	return fd;
}

/*
 * The creator passes the descriptor and ends. The VM is there, but its memory
 * is not: RUN says so, and everything else works.
 */
static void
vm_outlives_the_memory_of_its_creator(void)
{
	struct vcpu_reg_state vrs;
	size_t others = vm_count();
	int pair[2];
	pid_t child;

	CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	guest_create(&g, 1);	/* for its record of exits */
	guest_destroy(&g);
	if ((child = fork()) == 0) {
		guest_create(&g, 1);
		guest_start(&g, MODE_LONG, increment);
		expect_hlt(&g);
		fd_send(pair[1], g.fd);
		CHECK_EQ(write(pair[1], &g.id, sizeof(g.id)), sizeof(g.id));
		_exit(0);
	}
	g.fd = fd_receive(pair[0]);
	CHECK_EQ(read(pair[0], &g.id, sizeof(g.id)), sizeof(g.id));
	test_join(child);
	g.cpu[0].vrp.vrp_vm_id = g.id;
	CHECK_EQ(vm_count(), others + 1);
	regs_read(&g, &vrs);
	CHECK_EQ(vrs.vrs_gprs[VCPU_REGS_RBX], 1);
	CHECK_ERRNO(vcpu_ioctl_run(&g, 0), EFAULT);
	CHECK_ERRNO(vcpu_ioctl_run(&g, 0), EFAULT);
	CHECK_OK(close(g.fd));
	expect_gone(others);
}

static void
vm_of_a_descriptor_in_flight_lives_until_it_arrives(void)
{
	size_t others = vm_count();
	int pair[2];

	CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, increment);
	fd_send(pair[1], g.fd);
	CHECK_OK(close(g.fd));
	CHECK_EQ(vm_count(), others + 1);
	g.fd = fd_receive(pair[0]);
	expect_hlt(&g);
	fd_send(pair[1], g.fd);
	CHECK_OK(close(g.fd));
	CHECK_OK(close(pair[0]));
	CHECK_OK(close(pair[1]));
	expect_gone(others);
}

static void
closing_a_descriptor_in_use_by_run_ends_the_vm_after_it(void)
{
	size_t others = vm_count();
	struct vm_terminate_params vtp;
	struct runner r;
	int root;

	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, count);
	runner_start(&r, &g, 0, true);
	root = vmm_open();
	vtp.vtp_vm_id = g.id;
	CHECK_OK(close(g.fd));
	g.fd = -1;
	/* If RUN is still inside it holds the file; root can end it. */
	if (ioctl(root, VMM_IOC_TERM, &vtp) == -1)
		CHECK_EQ(errno, ENOENT);
	runner_join(&r);
	expect_gone(others);
}

static void
exec_closes_what_was_opened_so(void)
{
	size_t others = vm_count();
	pid_t child;
	int status;

	if ((child = fork()) == 0) {
		guest_create(&g, 1);	/* with O_CLOEXEC */
		execl("/proc/self/exe", "test", "-l", "no_such_test", NULL);
		_exit(1);
	}
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	expect_gone(others);
}

static long
memory_available_kib(void)
{
	char line[128];
	long kib = -1;
	FILE *f;

	CHECK((f = fopen("/proc/meminfo", "r")) != NULL);
	while (fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "MemAvailable: %ld", &kib) == 1)
			break;
	fclose(f);
	return kib;
}

static void
cycle(void)
{
	guest_create(&g, 16);
	guest_start(&g, MODE_LONG, halt);
	expect_hlt(&g);
	guest_destroy(&g);
}

static void
vms_leave_no_memory_behind(void)
{
	long before;
	int i;

	for (i = 0; i < 20; i++)
		cycle();
	before = memory_available_kib();
	for (i = 0; i < CYCLES; i++)
		cycle();
	/* Frees may come a little later. */
	for (i = 0; i < 100; i++) {
		if (memory_available_kib() > before - LEAK_KIB)
			return;
		test_sleep_ms(20);
	}
	FAIL("%ld KiB are gone after %d VMs", before - memory_available_kib(),
	    CYCLES);
}

static void
many_vms_live_at_once(void)
{
	static struct guest vm[40];
	size_t others = vm_count();
	int i, round;

	guest_create(&vm[0], 1);
	for (i = 1; i < 40; i++)
		guest_create_on(&vm[i], vm[0].fd, 1, memory_alloc(GUEST_RAM));
	CHECK_EQ(vm_count(), others + 40);
	for (i = 0; i < 40; i++)
		guest_start(&vm[i], MODE_LONG, increment);
	for (round = 1; round <= 5; round++)
		for (i = 0; i < 40; i++) {
			expect_hlt(&vm[i]);
			CHECK_EQ(gpr(&vm[i], VCPU_REGS_RBX), round);
		}
	CHECK_OK(close(vm[0].fd));
	CHECK_EQ(vm_count(), others);
}

static void
module_cannot_be_unloaded_while_a_vm_exists(void)
{
	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, increment);
	if (access("/sys/module/vmm/refcnt", F_OK) == -1)
		test_skip("vmm is not a module");
	CHECK_EQ(syscall(SYS_delete_module, "vmm", O_NONBLOCK), -1);
	CHECK_EQ(errno, EAGAIN);
	expect_hlt(&g);
}

const struct test tests[] = {
	TEST(vm_ends_with_the_last_descriptor_of_its_file),
	TEST(vm_ends_when_its_owner_is_killed),
	TEST(vm_lives_on_in_a_child_that_has_the_descriptor),
	TEST(vm_outlives_the_memory_of_its_creator),
	TEST(vm_of_a_descriptor_in_flight_lives_until_it_arrives),
	TEST(closing_a_descriptor_in_use_by_run_ends_the_vm_after_it),
	TEST(exec_closes_what_was_opened_so),
	TEST(vms_leave_no_memory_behind),
	TEST(many_vms_live_at_once),
	TEST(module_cannot_be_unloaded_while_a_vm_exists),
	TEST_END
};

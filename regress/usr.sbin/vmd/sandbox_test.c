/* SPDX-License-Identifier: ISC */
/* Promises of the system call filters: what kills a process of each role. */
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>

#include <dev/vmm/vmm.h>

#include "sandbox.h"

#define IN(role)	(1 << SANDBOX_##role)
#define NOWHERE		0
#define EVERYWHERE	(IN(CONTROL) | IN(VMM) | IN(VM))

#ifndef __SANITIZE_ADDRESS__
static char page[4096] __attribute__((__aligned__(4096)));

static const struct {
	const char	*name;
	int		 allowed;	/* the roles that may */
	long		 nr;
	long		 arg[6];
} calls[] = {
	{ "getpid", EVERYWHERE, SYS_getpid, { 0 } },
	{ "mmap data", EVERYWHERE, SYS_mmap, { 0, 4096,
	    PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0 } },
	{ "accept4", IN(CONTROL), SYS_accept4, { -1 } },
	{ "kill", IN(VMM), SYS_kill, { 0x3fffffff, 0 } },
	{ "wait4", IN(VMM), SYS_wait4, { -1, 0, WNOHANG } },
	{ "run", IN(VMM) | IN(VM), SYS_ioctl, { -1, VMM_IOC_RUN } },
	{ "preadv", IN(VMM) | IN(VM), SYS_preadv, { -1 } },
	{ "execveat of an open file", IN(VMM), SYS_execveat,
	    { -1, (long)(intptr_t)"", 0, 0, AT_EMPTY_PATH } },

	{ "execveat of a path", NOWHERE, SYS_execveat,
	    { -1, (long)(intptr_t)"/nonexistent", 0, 0, 0 } },
	{ "execve", NOWHERE, SYS_execve, { (long)(intptr_t)"/nonexistent" } },
	{ "open", NOWHERE, SYS_open, { (long)(intptr_t)"/etc/passwd" } },
	{ "openat", NOWHERE, SYS_openat,
	    { AT_FDCWD, (long)(intptr_t)"/etc/passwd" } },
	{ "mmap code", NOWHERE, SYS_mmap, { 0, 4096,
	    PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0 } },
	{ "mprotect code", NOWHERE, SYS_mprotect, { (long)(intptr_t)page,
	    sizeof(page), PROT_READ | PROT_EXEC } },
	{ "socket", NOWHERE, SYS_socket, { AF_INET, SOCK_STREAM } },
	{ "connect", NOWHERE, SYS_connect, { -1 } },
	{ "ptrace", NOWHERE, SYS_ptrace, { PTRACE_TRACEME } },
	{ "process_vm_readv", NOWHERE, SYS_process_vm_readv, { 0 } },
	{ "mount", NOWHERE, SYS_mount, { 0 } },
	{ "unshare", NOWHERE, SYS_unshare, { CLONE_NEWUSER } },
	{ "clone into a namespace", NOWHERE, SYS_clone,
	    { CLONE_NEWUSER | SIGCHLD } },
	{ "setuid", NOWHERE, SYS_setuid, { 0 } },
	{ "chmod", NOWHERE, SYS_chmod, { (long)(intptr_t)"/", 0 } },
	{ "bpf", NOWHERE, SYS_bpf, { 0 } },
	{ "io_uring_setup", NOWHERE, SYS_io_uring_setup, { 0 } },
	{ "info of all VMs", NOWHERE, SYS_ioctl, { -1, VMM_IOC_INFO } },
	{ "put keys into a terminal", NOWHERE, SYS_ioctl, { -1, TIOCSTI } },
};

/* 1 when a process of the role lives through the call. */
static int
survives(enum sandbox_role role, size_t i)
{
	const long *a = calls[i].arg;
	int status;
	pid_t pid;

	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		sandbox_harden();
		sandbox_enter(role);
		syscall(calls[i].nr, a[0], a[1], a[2], a[3], a[4], a[5]);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status))
		assert_int_equal(WTERMSIG(status), SIGSYS);
	else
		assert_int_equal(status, 0);
	return WIFEXITED(status);
}

static void
role_is_kept(enum sandbox_role role)
{
	size_t i;

	for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (survives(role, i) != ((calls[i].allowed >> role) & 1))
			fail_msg("%s: wrong outcome", calls[i].name);
	}
}

static void
control_has_its_calls_alone(void **state)
{
	(void)state;
	role_is_kept(SANDBOX_CONTROL);
}

static void
vmm_has_its_calls_alone(void **state)
{
	(void)state;
	role_is_kept(SANDBOX_VMM);
}

static void
vm_has_its_calls_alone(void **state)
{
	(void)state;
	role_is_kept(SANDBOX_VM);
}

/* What vmm's filter lets pass, the vm's that is added on top does not. */
static void
vm_narrows_what_vmm_had(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	if ((pid = fork()) == 0) {
		sandbox_harden();
		sandbox_enter(SANDBOX_VMM);
		sandbox_enter(SANDBOX_VM);
		syscall(SYS_kill, getpid(), 0);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSYS);
}

#endif /* !__SANITIZE_ADDRESS__ */

static void
landlock_denies_paths(void **state)
{
	int fd, status;
	pid_t pid;

	(void)state;
	if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1) < 1)
		skip();
	if ((pid = fork()) == 0) {
		sandbox_harden();
		sandbox_landlock(-1);
		fd = open("/etc/passwd", O_RDONLY);
		_exit(fd == -1 && errno == EACCES ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int
main(void)
{
	/* The address sanitizer makes system calls of its own. */
	const struct CMUnitTest tests[] = {
#ifndef __SANITIZE_ADDRESS__
		cmocka_unit_test(control_has_its_calls_alone),
		cmocka_unit_test(vmm_has_its_calls_alone),
		cmocka_unit_test(vm_has_its_calls_alone),
		cmocka_unit_test(vm_narrows_what_vmm_had),
#endif
		cmocka_unit_test(landlock_denies_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: ISC */
/*
 * The system calls of each role, one per line with the reason. Anything else
 * kills the process. The filter of a process also holds for what it executes,
 * so vmm's is its own list and all of vm's.
 */
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <dev/vmm/vmm.h>

#include "log.h"
#include "sandbox.h"

/* A call, or with test == CALL_EQ or CALL_CLEAR only with such an argument. */
struct call {
	int		nr;
	enum { CALL_ANY, CALL_EQ, CALL_CLEAR } test;
	unsigned int	arg;
	uint64_t	value;		/* equal to it; none of its bits */
};

#define ANY(name)		{ SCMP_SYS(name), CALL_ANY, 0, 0 }
#define EQ(name, arg, v)	{ SCMP_SYS(name), CALL_EQ, arg, v }
#define CLEAR(name, arg, v)	{ SCMP_SYS(name), CALL_CLEAR, arg, v }

/* Every role: messages, the event loop, memory, logging, the end. */
static const struct call calls_base[] = {
	ANY(recvmsg),			/* imsg, both directions */
	ANY(sendmsg),
	ANY(write),			/* log lines, wake-ups */
	ANY(writev),			/* messages of the C library's abort */
	ANY(read),			/* signals and wake-ups in libevent */
	ANY(close),			/* descriptors that were passed on */
	EQ(fcntl, 1, F_GETFL),		/* a new channel is non-blocking */
	EQ(fcntl, 1, F_SETFL),
	ANY(epoll_create1),		/* libevent */
	ANY(epoll_ctl),
	ANY(epoll_wait),
	ANY(epoll_pwait),
	ANY(poll),			/* imsg_flush() */
	ANY(ppoll),
	ANY(restart_syscall),		/* poll() interrupted by a stop signal */
	ANY(clock_gettime),		/* where the vDSO cannot answer */
	ANY(gettimeofday),
	ANY(brk),			/* malloc */
	ANY(munmap),
	ANY(mremap),
	ANY(madvise),
	CLEAR(mmap, 2, PROT_EXEC),	/* no new code, ever */
	CLEAR(mprotect, 2, PROT_EXEC),
	ANY(getrandom),			/* malloc and libbsd */
	ANY(futex),			/* locks in the C library */
	ANY(getpid),			/* imsg, log lines */
	ANY(gettid),
	ANY(getppid),
	ANY(rt_sigprocmask),		/* libevent and threads */
	ANY(rt_sigaction),
	ANY(rt_sigreturn),
	ANY(exit),
	ANY(exit_group),
};

static const struct call calls_control[] = {
	ANY(accept4),			/* clients */
	EQ(getsockopt, 1, SOL_SOCKET),	/* who they are */
};

/* vmm starts, signals and reaps vm processes. */
static const struct call calls_vmm[] = {
	EQ(socketpair, 0, AF_UNIX),	/* the connection to a vm process */
	CLEAR(clone, 0, CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID |
	    CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP),
					/* fork */
	ANY(set_robust_list),		/* the C library after fork */
	ANY(dup2),			/* the child's only descriptor */
	EQ(fcntl, 1, F_SETFD),
	EQ(fcntl, 1, F_DUPFD_CLOEXEC),
	ANY(close_range),		/* and no other one */
	EQ(execveat, 4, AT_EMPTY_PATH),	/* our executable, by descriptor */
	ANY(wait4),
	ANY(kill),			/* SIGTERM, SIGKILL */
};

/* What a new vm process does until it enters its own filter. */
static const struct call calls_vm_exec[] = {
	ANY(arch_prctl),		/* the C library's start */
	ANY(set_tid_address),
	ANY(set_robust_list),
	ANY(rseq),
	ANY(prlimit64),
	ANY(readlink),
	ANY(readlinkat),
	ANY(getuid),			/* libevent: is this program set-user-id */
	ANY(geteuid),
	ANY(getgid),
	ANY(getegid),
	ANY(close_range),		/* nothing inherited but PROC_FD */
	EQ(prctl, 0, PR_SET_PDEATHSIG),	/* the confinement's own calls */
	EQ(prctl, 0, PR_SET_NO_NEW_PRIVS),
	EQ(prctl, 0, PR_SET_DUMPABLE),
	EQ(prctl, 0, PR_SET_NAME),
	EQ(prctl, 0, PR_SET_SECCOMP),	/* libseccomp asks what there is */
	EQ(prctl, 0, PR_GET_SECCOMP),
	ANY(seccomp),
	ANY(landlock_create_ruleset),
	ANY(landlock_restrict_self),
};

/* Setting up a VM, until its VCPUs run; vm.c. */
static const struct call calls_vm_setup[] = {
	ANY(memfd_create),		/* guest memory */
	ANY(ftruncate),
	EQ(fcntl, 1, F_ADD_SEALS),
	EQ(ioctl, 1, VMM_IOC_CREATE),
	EQ(ioctl, 1, VMM_IOC_RESETCPU),
	ANY(lseek),			/* size of a disk */
	ANY(fstat),
	EQ(newfstatat, 3, AT_EMPTY_PATH), /* fstat() of the C library */
	ANY(pread64),			/* kernel */
	ANY(pipe2),			/* libevent's signals, not used */
	ANY(signalfd4),			/* SIGTERM */
	ANY(eventfd2),			/* from VCPU threads to the event loop */
	ANY(timerfd_create),		/* clocks */
	CLEAR(clone, 0, CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID |
	    CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP),
					/* VCPU threads */
};

/* A running VM: event thread and VCPU threads. */
static const struct call calls_vm[] = {
	EQ(ioctl, 1, VMM_IOC_RUN),
	EQ(ioctl, 1, VMM_IOC_INTR),
	EQ(ioctl, 1, VMM_IOC_WRITEREGS),	/* CR2 of a page fault */
	EQ(ioctl, 1, VMM_IOC_TERM),
	ANY(preadv),			/* disks */
	ANY(pwritev),
	ANY(fdatasync),
	ANY(fallocate),			/* discard, write zeroes */
	ANY(pwrite64),			/* zeroes, where a hole cannot be */
	ANY(timerfd_settime),		/* clocks */
	ANY(set_robust_list),		/* a VCPU thread's first steps */
	ANY(rseq),
	EQ(prctl, 0, PR_SET_NAME),
	ANY(tgkill),			/* abort() */
};

#define LIST(a)		{ a, sizeof(a) / sizeof((a)[0]) }
#define MAX_LISTS	5

static const struct {
	const char *name;
	struct { const struct call *calls; size_t n; } lists[MAX_LISTS];
} roles[SANDBOX_ROLES] = {
	[SANDBOX_CONTROL] = { "control",
	    { LIST(calls_base), LIST(calls_control) } },
	[SANDBOX_VMM] = { "vmm",
	    { LIST(calls_base), LIST(calls_vmm), LIST(calls_vm_exec),
	      LIST(calls_vm_setup), LIST(calls_vm) } },
	[SANDBOX_VM] = { "vm", { LIST(calls_base), LIST(calls_vm) } },
};

static int
call_allow(scmp_filter_ctx ctx, const struct call *c)
{
	struct scmp_arg_cmp cmp = { .arg = c->arg };
	int ret;

	switch (c->test) {
	case CALL_EQ:
		cmp.op = SCMP_CMP_EQ;
		cmp.datum_a = c->value;
		break;
	case CALL_CLEAR:
		cmp.op = SCMP_CMP_MASKED_EQ;
		cmp.datum_a = c->value;
		cmp.datum_b = 0;
		break;
	case CALL_ANY:
		break;
	}
	ret = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, c->nr,
	    c->test == CALL_ANY ? 0 : 1, &cmp);
	return ret == -EEXIST ? 0 : ret;
}

static int
filter_fill(scmp_filter_ctx ctx, enum sandbox_role role)
{
	const struct call *calls;
	size_t i, j;
	int ret;

	for (i = 0; i < MAX_LISTS; i++) {
		calls = roles[role].lists[i].calls;
		for (j = 0; j < roles[role].lists[i].n; j++)
			if ((ret = call_allow(ctx, &calls[j])) != 0)
				return ret;
	}
	/* The C library prefers clone3(), which a filter cannot look into. */
	return seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3),
	    0);
}

void
sandbox_enter(enum sandbox_role role)
{
	scmp_filter_ctx ctx;
	int ret;

	if ((ctx = seccomp_init(SCMP_ACT_KILL_PROCESS)) == NULL)
		fatalx("cannot make the system call filter");
	seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	ret = filter_fill(ctx, role);
	if (ret == 0)
		ret = seccomp_load(ctx);
	if (ret != 0)
		fatalx("cannot enter the system call filter of %s: %s",
		    roles[role].name, strerror(-ret));
	seccomp_release(ctx);
}

/* SPDX-License-Identifier: ISC */
/* Starting a process of another role from our own executable. */
#include <sys/socket.h>
#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "proc.h"
#include "sandbox.h"

/*
 * In the child: leave only descriptors 0 to PROC_FD, and become the role.
 * sock and exe_fd are above PROC_FD or handled where they are not.
 */
static void
proc_child(int exe_fd, int sock, pid_t ppid, char *const argv[])
{
	char *const envp[] = { NULL };
	sigset_t none;

	sandbox_die_with(ppid);
	if (exe_fd == PROC_FD &&
	    (exe_fd = fcntl(exe_fd, F_DUPFD_CLOEXEC, PROC_FD + 1)) == -1)
		_exit(1);
	if (sock == PROC_FD ? fcntl(sock, F_SETFD, 0) == -1 :
	    dup2(sock, PROC_FD) == -1)
		_exit(1);
	close_range(PROC_FD + 1, ~0U, CLOSE_RANGE_CLOEXEC);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execveat(exe_fd, "", argv, envp, AT_EMPTY_PATH);
	log_warn("cannot execute the %s process", argv[2]);
	_exit(1);
}

pid_t
proc_exec(int exe_fd, const char *role, int foreground, int verbose, int *fd)
{
	char ppid[16], name[16];
	char *argv[8] = { "vmd", "-R", name, "-P", ppid };
	int sv[2], n = 5, saved;
	pid_t pid, self = getpid();

	snprintf(ppid, sizeof(ppid), "%ld", (long)self);
	snprintf(name, sizeof(name), "%s", role);
	if (foreground)
		argv[n++] = "-d";
	if (verbose > 0)
		argv[n++] = verbose > 1 ? "-vv" : "-v";
	argv[n] = NULL;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) == -1)
		return -1;
	pid = fork();
	if (pid == 0)
		proc_child(exe_fd, sv[1], self, argv);
	saved = errno;
	close(sv[1]);
	if (pid == -1)
		close(sv[0]);
	else
		*fd = sv[0];
	errno = saved;
	return pid;
}

void
proc_status(int status, char *text, size_t len)
{
	int sig = WTERMSIG(status);

	if (WIFEXITED(status))
		snprintf(text, len, "exited with status %d",
		    WEXITSTATUS(status));
	else if (sig == SIGSYS)
		snprintf(text, len,
		    "was killed for a system call outside of its role");
	else
		snprintf(text, len, "was killed by signal %d", sig);
}

/* SPDX-License-Identifier: ISC */
/*
 * Confinement of vmd(8)'s processes: user, root directory, namespaces,
 * capabilities, Landlock and the system calls of each role.
 */
#ifndef _SANDBOX_H_
#define _SANDBOX_H_

#include <sys/types.h>

enum sandbox_role {
	SANDBOX_CONTROL,
	SANDBOX_VMM,		/* includes SANDBOX_VM: filters add up */
	SANDBOX_VM,
	SANDBOX_ROLES
};

/*
 * Give up everything but open descriptors for good: become _vmd in its empty
 * home as root directory, in namespaces of our own, without capabilities,
 * core dumps and ptrace(2). Must be called as root in a single-threaded
 * process. Ends the process with a line that says what is wrong when any of
 * it is not possible.
 */
void	 sandbox_drop(void);

/*
 * The part of sandbox_drop() that execve(2) undoes, or that costs nothing to
 * repeat: no new privileges, not dumpable.
 */
void	 sandbox_harden(void);

/*
 * Let Landlock deny every path, except executing the file exe_fd (-1: not
 * even that), where the kernel has Landlock. For the calling thread and those
 * that it will create.
 */
void	 sandbox_landlock(int exe_fd);

/*
 * Install the system call filter of a role; from now on any other call kills
 * the process. Call it before threads are created. Ends the process on error.
 */
void	 sandbox_enter(enum sandbox_role);

/*
 * Check _vmd and its home directory. Returns 0, or -1 after logging what to
 * do about it.
 */
int	 sandbox_check(void);

/* Die with the parent process, and at once when ppid is no longer it. */
void	 sandbox_die_with(pid_t ppid);

#endif /* _SANDBOX_H_ */

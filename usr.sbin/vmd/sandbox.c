/* SPDX-License-Identifier: ISC */
/*
 * Confinement of vmd(8)'s processes. What remains of a process after
 * sandbox_drop() is its descriptors and memory: the user has no other use, the
 * root directory is empty and read-only, the network, System V IPC and host
 * name are namespaces with nothing in them, and Landlock denies all paths.
 */
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "landlock.h"
#include "log.h"
#include "sandbox.h"
#include "vmd.h"

#define EMPTY_HINT	"make it an empty directory that root owns and only " \
			"root can write, or give " VMD_USER " such a home"

/* The number of entries in an open directory, other than itself. */
static int
dir_entries(int dirfd)
{
	DIR *dir;
	int fd, n = 0;

	if ((fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1)
		return -1;
	if ((dir = fdopendir(fd)) == NULL) {
		close(fd);
		return -1;
	}
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n - 2;
}

/* Open the home directory if it can serve as an empty root. */
static int
home_open(const struct account *ac)
{
	struct stat st;
	int fd;

	fd = open(ac->ac_home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1) {
		log_warn("home directory %s of user %s: %s", ac->ac_home,
		    VMD_USER, EMPTY_HINT);
		return -1;
	}
	if (fstat(fd, &st) == -1 || st.st_uid != 0 ||
	    (st.st_mode & (S_IWGRP | S_IWOTH)) != 0 || dir_entries(fd) != 0) {
		log_warnx("home directory %s of user %s: %s", ac->ac_home,
		    VMD_USER, EMPTY_HINT);
		close(fd);
		return -1;
	}
	return fd;
}

/* Find the account and its home, or say what is missing. */
static int
account_check(struct account *ac)
{
	if (account_find(VMD_USER, ac) == -1) {
		log_warnx("there is no user %s in /etc/passwd: add it with "
		    "\"useradd -r -d /var/empty -s /usr/sbin/nologin %s\"",
		    VMD_USER, VMD_USER);
		return -1;
	}
	if (ac->ac_uid == 0 || ac->ac_gid == 0) {
		log_warnx("user %s must have a user and group of its own",
		    VMD_USER);
		return -1;
	}
	return home_open(ac);
}

int
sandbox_check(void)
{
	struct account ac;
	int fd;

	if ((fd = account_check(&ac)) == -1)
		return -1;
	close(fd);
	return 0;
}

/* Enter a new namespace if this kernel has that kind. */
static int
namespace_enter(int kind, const char *name)
{
	if (unshare(kind) == 0)
		return 0;
	log_debug("no %s namespace: %s", name, strerror(errno));
	return -1;
}

/*
 * Make the current directory the only mount of a namespace of our own, so
 * that no file system of the host is held, or reachable. On a host that runs
 * from its initial ramdisk the root cannot be changed: chroot(2) has to do.
 */
static void
mounts_leave(const char *home)
{
	unsigned long flags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;

	if (namespace_enter(CLONE_NEWNS, "mount") == -1)
		return;
	if (mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) == -1 ||
	    mount(home, home, NULL, MS_BIND, NULL) == -1 ||
	    mount(NULL, home, NULL, MS_BIND | MS_REMOUNT | flags, NULL) == -1 ||
	    chdir(home) == -1) {
		log_debug("mounts: %s", strerror(errno));
		return;
	}
	if (syscall(SYS_pivot_root, ".", ".") == -1 ||
	    umount2(".", MNT_DETACH) == -1)
		log_debug("pivot_root: %s", strerror(errno));
}

static void
root_leave(const struct account *ac)
{
	int fd;

	if ((fd = home_open(ac)) == -1)
		fatalx("cannot leave the root directory");
	namespace_enter(CLONE_NEWNET, "network");
	namespace_enter(CLONE_NEWIPC, "IPC");
	namespace_enter(CLONE_NEWUTS, "UTS");
	if (fchdir(fd) == -1)
		fatal("%s", ac->ac_home);
	close(fd);
	mounts_leave(ac->ac_home);
	if (chroot(".") == -1 || chdir("/") == -1)
		fatal("cannot change the root directory to %s", ac->ac_home);
}

/*
 * Empty all capability sets, once the user is no longer root. Done with the
 * system calls themselves: libraries for this look at /proc when any program
 * that is linked with them starts, which a vm process must not.
 */
static void
caps_clear(void)
{
	struct __user_cap_header_struct hdr = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == -1 ||
	    syscall(SYS_capset, &hdr, data) == -1)
		fatal("cannot drop capabilities");
}

/* No program executed from here can have capabilities; while still root. */
static void
caps_bound(void)
{
	unsigned long cap;

	for (cap = 0; prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0; cap++)
		continue;
	if (errno != EINVAL || cap <= CAP_SYS_ADMIN)
		fatal("cannot clear the capability bounding set");
}

/* Become the user, for good, with no capability left in any set. */
static void
user_drop(const struct account *ac)
{
	caps_bound();
	if (setgroups(0, NULL) == -1 ||
	    setresgid(ac->ac_gid, ac->ac_gid, ac->ac_gid) == -1 ||
	    setresuid(ac->ac_uid, ac->ac_uid, ac->ac_uid) == -1)
		fatal("cannot become user %s", VMD_USER);
	caps_clear();
}

void
sandbox_drop(void)
{
	struct rlimit zero = { 0, 0 };
	pid_t ppid = getppid();
	struct account ac;
	int fd;

	if ((fd = account_check(&ac)) == -1)
		fatalx("cannot become user %s", VMD_USER);
	close(fd);
	if (setrlimit(RLIMIT_CORE, &zero) == -1)
		fatal("setrlimit");
	root_leave(&ac);
	user_drop(&ac);
	sandbox_harden();
	sandbox_die_with(ppid);		/* the new user has undone it */
}

void
sandbox_harden(void)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		fatal("no_new_privs");
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1)
		fatal("dumpable");
}

/* The rights of each kind that a Landlock ABI version knows. */
static void
landlock_rights(int abi, struct landlock_rules *rules)
{
	rules->fs = LANDLOCK_FS_ABI1;
	rules->net = rules->scoped = 0;
	if (abi >= 2)
		rules->fs |= LANDLOCK_FS_REFER;
	if (abi >= 3)
		rules->fs |= LANDLOCK_FS_TRUNCATE;
	if (abi >= 4)
		rules->net = LANDLOCK_NET_BIND_TCP | LANDLOCK_NET_CONNECT_TCP;
	if (abi >= 5)
		rules->fs |= LANDLOCK_FS_IOCTL_DEV;
	if (abi >= 6)
		rules->scoped = LANDLOCK_SCOPE_ABSTRACT_UNIX |
		    LANDLOCK_SCOPE_SIGNAL;
}

void
sandbox_landlock(int exe_fd)
{
	struct landlock_beneath exe = {
		.access = LANDLOCK_FS_EXECUTE | LANDLOCK_FS_READ_FILE,
		.parent_fd = exe_fd,
	};
	struct landlock_rules rules;
	int abi, fd;

	abi = syscall(SYS_landlock_create_ruleset, NULL, 0,
	    LANDLOCK_VERSION_FLAG);
	if (abi < 1) {
		log_debug("no Landlock: %s", strerror(errno));
		return;
	}
	landlock_rights(abi, &rules);
	fd = syscall(SYS_landlock_create_ruleset, &rules,
	    abi >= 6 ? sizeof(rules) : abi >= 4 ? LANDLOCK_SIZE_ABI4 :
	    LANDLOCK_SIZE_ABI1, 0);
	if (fd == -1)
		fatal("cannot create a Landlock ruleset");
	if (exe_fd != -1 && syscall(SYS_landlock_add_rule, fd,
	    LANDLOCK_PATH_BENEATH, &exe, 0) == -1)
		fatal("cannot add to the Landlock ruleset");
	if (syscall(SYS_landlock_restrict_self, fd, 0) == -1)
		fatal("cannot enter Landlock");
	close(fd);
}

void
sandbox_die_with(pid_t ppid)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == -1)
		fatal("pdeathsig");
	if (getppid() != ppid)
		_exit(1);
}

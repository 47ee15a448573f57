/* SPDX-License-Identifier: ISC */
/*
 * vmd(8): the command line, becoming a daemon, and the choice of the role
 * that a process has. Roles other than the parent are started by the daemon
 * itself, with -R role -P parent.
 */
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <bsd/stdlib.h>
#include <bsd/string.h>
#include <bsd/unistd.h>

#include "log.h"
#include "parent.h"
#include "sandbox.h"

#define VMD_PIDFILE		"/run/vmd.pid"
#define CONTROL_BACKLOG		64
#define CONTROL_SOCKET_MODE	0660

struct options {
	int		 op_foreground;
	int		 op_check;		/* -n */
	int		 op_verbose;
	const char	*op_conffile;
	int		 op_conf_given;
	const char	*op_role;
	pid_t		 op_ppid;
};

static noreturn void
usage(void)
{
	fprintf(stderr, "usage: vmd [-dnv] [-D macro=value] [-f file]\n");
	exit(1);
}

static void
options_get(struct options *op, int argc, char **argv)
{
	int c;

	op->op_conffile = VMD_CONF;
	while ((c = getopt(argc, argv, "D:df:nP:R:v")) != -1) {
		switch (c) {
		case 'D':
			if (cmdline_symset(optarg) == -1)
				errx(1, "bad macro: %s", optarg);
			break;
		case 'd':
			op->op_foreground = 1;
			break;
		case 'f':
			op->op_conffile = optarg;
			op->op_conf_given = 1;
			break;
		case 'n':
			op->op_check = 1;
			break;
		case 'P':
			op->op_ppid = strtonum(optarg, 1, INT_MAX, NULL);
			break;
		case 'R':
			op->op_role = optarg;
			break;
		case 'v':
			op->op_verbose++;
			break;
		default:
			usage();
		}
	}
	if (argc != optind)
		usage();
}

/* Only the parent reads paths, and it does so until its end. */
static const char *
conffile_absolute(const struct options *op)
{
	char *path;

	if ((path = realpath(op->op_conffile, NULL)) == NULL)
		return op->op_conffile;
	return path;
}

/* The default file may be absent, a given one may not. */
static int
config_read(const struct options *op, struct vmd_conf *conf)
{
	conf_init(conf);
	if (!op->op_conf_given && access(op->op_conffile, F_OK) == -1 &&
	    errno == ENOENT)
		return 0;
	return parse_config(op->op_conffile, conf);
}

static int
config_check(const struct options *op)
{
	struct vmd_conf conf;
	int ret;

	ret = config_read(op, &conf);
	conf_free(&conf);
	if (ret == -1)
		return 1;
	fprintf(stderr, "configuration OK\n");
	return 0;
}

/* Make sure that there is one vmd; the descriptor holds that claim. */
static int
pidfile_claim(void)
{
	int fd;

	fd = open(VMD_PIDFILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd == -1)
		fatal("cannot open %s", VMD_PIDFILE);
	if (flock(fd, LOCK_EX | LOCK_NB) == -1)
		fatalx("another vmd is running: stop it first (%s has its "
		    "process id)", VMD_PIDFILE);
	return fd;
}

static void
pidfile_fill(int fd)
{
	char buf[16];
	int len;

	len = snprintf(buf, sizeof(buf), "%ld\n", (long)getpid());
	if (ftruncate(fd, 0) == -1 || pwrite(fd, buf, len, 0) != len)
		fatal("cannot write %s", VMD_PIDFILE);
}

/* The socket for clients. One left behind by a dead vmd is replaced. */
static int
control_listen(const struct vmop_owner *owner)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	mode_t mask;
	int fd, ret;

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		fatal("cannot make a socket");
	strlcpy(sun.sun_path, SOCKET_NAME, sizeof(sun.sun_path));
	if (unlink(SOCKET_NAME) == -1 && errno != ENOENT)
		fatal("cannot remove the old %s", SOCKET_NAME);
	mask = umask(0177);
	ret = bind(fd, (struct sockaddr *)&sun, sizeof(sun));
	umask(mask);
	if (ret == -1 ||
	    chown(SOCKET_NAME, owner->uid, owner->gid) == -1 ||
	    chmod(SOCKET_NAME, CONTROL_SOCKET_MODE) == -1 ||
	    listen(fd, CONTROL_BACKLOG) == -1)
		fatal("cannot listen on %s", SOCKET_NAME);
	return fd;
}

/* Descriptors 0 to 2 exist, so that nothing else gets their numbers. */
static void
std_fds(int foreground)
{
	int fd;

	do {
		if ((fd = open("/dev/null", O_RDWR)) == -1)
			fatal("cannot open /dev/null");
	} while (fd <= STDERR_FILENO);
	dup2(fd, STDIN_FILENO);
	if (!foreground)
		dup2(fd, STDOUT_FILENO);
	close(fd);
}

/*
 * Go to the background. The process that the user started stays until the
 * daemon is ready or has failed, and has an exit status that says which.
 * Returns the descriptor to report on.
 */
static int
daemon_start(void)
{
	char ok = 0;
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) == -1)
		fatal("pipe");
	switch (fork()) {
	case -1:
		fatal("cannot fork");
	case 0:
		break;
	default:
		close(fds[1]);
		if (read(fds[0], &ok, 1) != 1 || ok != 1)
			fatalx("the daemon could not start: see the system "
			    "log, or run it with -d");
		_exit(0);
	}
	close(fds[0]);
	setsid();
	if (chdir("/") == -1)
		fatal("chdir");
	return fds[1];
}

static int
parent_role(const struct options *op)
{
	struct vmd env = { .env_ready_fd = -1 };
	struct vmd_conf conf;
	int pidfd, ret, sock;

	if (geteuid() != 0)
		errx(1, "need root privileges");
	if (sandbox_check() == -1 || config_read(op, &conf) == -1)
		return 1;
	std_fds(op->op_foreground);
	pidfd = pidfile_claim();
	sock = control_listen(&conf.cf_socket);
	vms_init(&env.env_vms);
	env.env_conffile = conffile_absolute(op);
	env.env_foreground = op->op_foreground;
	env.env_exe = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	if (env.env_exe == -1)
		fatal("cannot open our executable in /proc");
	if (!op->op_foreground) {
		env.env_ready_fd = daemon_start();
		log_init(0, 1);
	}
	pidfile_fill(pidfd);
	setproctitle("parent");
	ret = parent_main(&env, &conf, sock);
	unlink(SOCKET_NAME);
	unlink(VMD_PIDFILE);
	conf_free(&conf);
	return ret;
}

static const struct {
	const char	*name;
	int		(*fn)(int);
} child_roles[] = {
	{ "control", control_main },
	{ "vmm", vmm_main },
	{ "vm", vm_main },
};

/*
 * A process that the daemon started. Nothing but PROC_FD and the standard
 * descriptors is open, whatever happened before.
 */
static int
child_role(const struct options *op)
{
	size_t i;

	log_init(op->op_foreground, 0);
	log_procinit(op->op_role);
	if (close_range(PROC_FD + 1, ~0U, 0) == -1)
		closefrom(PROC_FD + 1);
	for (i = 0; i < sizeof(child_roles) / sizeof(child_roles[0]); i++) {
		if (strcmp(child_roles[i].name, op->op_role) != 0)
			continue;
		sandbox_harden();
		sandbox_die_with(op->op_ppid);
		prctl(PR_SET_NAME, "vmd", 0, 0, 0);
		setproctitle("%s", op->op_role);
		return child_roles[i].fn(PROC_FD);
	}
	usage();
}

int
main(int argc, char **argv)
{
	struct options op = { 0 };

	setprogname("vmd");
	setproctitle_init(argc, argv, environ);
	log_init(1, 0);
	options_get(&op, argc, argv);
	log_setverbose(op.op_verbose);
	if (op.op_role != NULL)
		return child_role(&op);
	if (op.op_check)
		return config_check(&op);
	return parent_role(&op);
}

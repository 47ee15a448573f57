/* SPDX-License-Identifier: ISC */
/*
 * init: process 1 of a lab host.
 *
 * Mounts what a Linux system has, runs /lab/rc, then the command in /lab/argv
 * with its output on the second serial port, and powers off.  How the command
 * ended goes to the first serial port, the console, as the line
 * "lab <token> exit <status>", where <token> is the secret in /lab/token; if
 * the host could not be set up, the line is "lab <token> failed".
 */

#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define CONSOLE		"/dev/ttyS0"
#define COMMAND		"/dev/ttyS1"
#define ARGV_MAX	1024	/* words of a command */
#define ENDS_WITHIN	5	/* seconds killed processes have to go */

/* Shell exit statuses for a command that cannot be run. */
#define STATUS_NOEXEC	126
#define STATUS_NOENT	127
#define STATUS_SIGNAL	128

/* syslog(2) */
#define SYSLOG_ACTION_CONSOLE_OFF	6
#define SYSLOG_ACTION_CONSOLE_LEVEL	8
#define CONSOLE_LEVEL_INFO		7

struct mountpoint {
	const char	*type;
	const char	*dir;
	const char	*options;
};

static const struct mountpoint mounts[] = {
	{ "proc",	"/proc",		NULL },
	{ "sysfs",	"/sys",			NULL },
	{ "devtmpfs",	"/dev",			NULL },
	{ "devpts",	"/dev/pts",		"ptmxmode=666,gid=5" },
	{ "tmpfs",	"/dev/shm",		"mode=1777" },
	{ "tmpfs",	"/run",			"mode=755" },
	{ "tmpfs",	"/tmp",			"mode=1777" },
	{ "cgroup2",	"/sys/fs/cgroup",	NULL },
	{ "securityfs",	"/sys/kernel/security",	NULL },
	{ "debugfs",	"/sys/kernel/debug",	NULL },
};

/* The terminal of the person who started the lab, if there is one. */
struct terminal {
	int		present;
	struct winsize	size;
	char		type[64];
};

static void
mount_all(void)
{
	const struct mountpoint *m;

	for (m = mounts; m < mounts + sizeof(mounts) / sizeof(*m); m++) {
		mkdir(m->dir, 0755);
		if (mount(m->type, m->dir, m->type, 0, m->options) == -1)
			warn("mount %s", m->dir);
	}
}

/* Make fd the standard input, output or error of this process. */
static void
stdio_set(const char *path, int flags, int first, int last)
{
	int fd, i;

	if ((fd = open(path, flags | O_NOCTTY)) == -1) {
		warn("%s", path);
		return;
	}
	for (i = first; i <= last; i++)
		if (fd != i)
			dup2(fd, i);
	if (fd > last)
		close(fd);
}

/* Read the file path into buf and terminate it; its length, or -1. */
static ssize_t
file_read(const char *path, char *buf, size_t size)
{
	ssize_t n, len = 0;
	int fd;

	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return -1;
	while ((n = read(fd, buf + len, size - 1 - len)) > 0)
		len += n;
	close(fd);
	buf[len] = '\0';
	return n == -1 ? -1 : len;
}

/* /lab/tty is "rows columns type". */
static void
terminal_read(struct terminal *t)
{
	char buf[128];

	memset(t, 0, sizeof(*t));
	if (file_read("/lab/tty", buf, sizeof(buf)) == -1)
		return;
	t->present = sscanf(buf, "%hu %hu %63s", &t->size.ws_row,
	    &t->size.ws_col, t->type) == 3;
}

/* Bytes go through the command's serial port as they are. */
static void
port_setup(const struct terminal *t)
{
	struct termios tio;
	int fd;

	if ((fd = open(COMMAND, O_RDWR | O_NOCTTY | O_NONBLOCK)) == -1 ||
	    tcgetattr(fd, &tio) == -1)
		err(1, COMMAND);
	if (!t->present)
		cfmakeraw(&tio);
	tio.c_cflag |= CLOCAL | CREAD;
	tio.c_cflag &= ~CRTSCTS;
	cfsetspeed(&tio, B115200);
	if (tcsetattr(fd, TCSANOW, &tio) == -1)
		err(1, COMMAND);
	close(fd);
}

/* Split the len bytes at buf, words that end with NUL, into argv. */
static void
argv_split(char *buf, size_t len, char **argv)
{
	char *p;
	int n = 0;

	for (p = buf; p < buf + len && n < ARGV_MAX - 1; p += strlen(p) + 1)
		argv[n++] = p;
	argv[n] = NULL;
}

/* Become the command; does not return. */
static void
command_exec(const struct terminal *t)
{
	static char buf[131072];
	char *argv[ARGV_MAX];
	ssize_t len;

	setsid();
	if (t->present) {
		stdio_set(COMMAND, O_RDWR, 0, 2);
		ioctl(0, TIOCSCTTY, 0);
		ioctl(0, TIOCSWINSZ, &t->size);
		setenv("TERM", t->type, 1);
	} else {
		stdio_set("/dev/null", O_RDONLY, 0, 0);
		stdio_set(COMMAND, O_WRONLY, 1, 2);
	}
	if ((len = file_read("/lab/argv", buf, sizeof(buf))) <= 0)
		errx(STATUS_NOEXEC, "no command");
	argv_split(buf, len, argv);
	execvp(argv[0], argv);
	err(errno == ENOENT ? STATUS_NOENT : STATUS_NOEXEC, "%s", argv[0]);
}

/* Become the set-up script; does not return. */
static void
rc_exec(const struct terminal *t)
{
	(void)t;
	stdio_set("/dev/null", O_RDONLY, 0, 0);
	execl("/bin/sh", "sh", "/lab/rc", (char *)NULL);
	err(STATUS_NOEXEC, "/bin/sh");
}

/*
 * Run start in a child and wait for it, and for whatever else ends meanwhile.
 * Returns its exit status as a shell would.
 */
static int
child_run(void (*start)(const struct terminal *), const struct terminal *t)
{
	pid_t child, pid;
	int status;

	if ((child = fork()) == 0)
		start(t);
	if (child == -1)
		return STATUS_NOEXEC;
	while ((pid = wait(&status)) != child)
		if (pid == -1 && errno != EINTR)
			return STATUS_NOEXEC;
	if (WIFSIGNALED(status))
		return STATUS_SIGNAL + WTERMSIG(status);
	return WEXITSTATUS(status);
}

/* End all other processes, so that what they hold is seen to be released. */
static void
kill_all(void)
{
	const struct timespec tick = { .tv_nsec = 20000000 };
	int i;

	kill(-1, SIGKILL);
	for (i = 0; i < ENDS_WITHIN * 50; i++) {
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		if (waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD)
			return;
		nanosleep(&tick, NULL);
	}
	warnx("a killed process does not end");
}

/* Wait until the command's output has left the serial port. */
static void
port_drain(void)
{
	int fd;

	if ((fd = open(COMMAND, O_RDWR | O_NOCTTY | O_NONBLOCK)) == -1)
		return;
	tcdrain(fd);
	close(fd);
}

static void
limits_set(void)
{
	const struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_CORE, &none);
	setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
	setenv("HOME", "/root", 1);
	if (sethostname("lab", 3) == -1 || chdir("/root") == -1)
		warn("lab");
}

int
main(void)
{
	struct terminal t;
	char token[64] = "";
	int status;

	mount_all();
	stdio_set("/dev/null", O_RDONLY, 0, 0);
	stdio_set(CONSOLE, O_WRONLY, 1, 2);
	limits_set();
	terminal_read(&t);
	file_read("/lab/token", token, sizeof(token));
	port_setup(&t);
	klogctl(SYSLOG_ACTION_CONSOLE_LEVEL, NULL, CONSOLE_LEVEL_INFO);
	dprintf(1, "\nlab %s ready\n", token);
	if (child_run(rc_exec, &t) != 0) {
		dprintf(1, "\nlab %s failed\n", token);
	} else {
		status = child_run(command_exec, &t);
		kill_all();
		port_drain();
		klogctl(SYSLOG_ACTION_CONSOLE_OFF, NULL, 0);
		dprintf(1, "\nlab %s exit %d\n", token, status);
	}
	tcdrain(1);
	sync();
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

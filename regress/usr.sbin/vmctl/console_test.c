/* SPDX-License-Identifier: ISC */
/*
 * Promises of the console: a child attaches to a pty, of which this program
 * is the VM, from a terminal or a pipe, of which it is the user.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <cmocka.h>

#include "console.h"

#define WAIT_MSEC	5000	/* for what must come */
#define QUIET_MSEC	200	/* for what must not */

struct fixture {
	int		 vm_master;	/* the VM's side of its console */
	int		 vm_slave;	/* kept open, as vmd does */
	char		 vm_path[64];
	int		 user_master;	/* the user's keyboard and screen */
	int		 user_slave;
	struct termios	 user_before;
	pid_t		 pid;
};

static void
pty_pair(int *master, int *slave, char *path, size_t len)
{
	char	 name[64];

	assert_int_not_equal(*master = posix_openpt(O_RDWR | O_NOCTTY), -1);
	assert_int_equal(grantpt(*master), 0);
	assert_int_equal(unlockpt(*master), 0);
	assert_int_equal(ptsname_r(*master, name, sizeof(name)), 0);
	assert_int_not_equal(*slave = open(name, O_RDWR | O_NOCTTY), -1);
	if (path != NULL)
		snprintf(path, len, "%s", name);
}

static int
setup(void **state)
{
	struct fixture	*f = calloc(1, sizeof(*f));
	struct termios	 raw;

	pty_pair(&f->vm_master, &f->vm_slave, f->vm_path, sizeof(f->vm_path));
	assert_int_equal(tcgetattr(f->vm_slave, &raw), 0);
	cfmakeraw(&raw);
	assert_int_equal(tcsetattr(f->vm_slave, TCSANOW, &raw), 0);
	pty_pair(&f->user_master, &f->user_slave, NULL, 0);
	assert_int_equal(tcgetattr(f->user_slave, &f->user_before), 0);
	f->pid = -1;
	*state = f;
	return (0);
}

static int
teardown(void **state)
{
	struct fixture	*f = *state;

	if (f->pid != -1) {
		kill(f->pid, SIGKILL);
		waitpid(f->pid, NULL, 0);
	}
	if (f->vm_master != -1) {
		close(f->vm_master);
		close(f->vm_slave);
	}
	close(f->user_master);
	close(f->user_slave);
	free(f);
	return (0);
}

/* Attach in a child with these as its standard input and output. */
static void
attach(struct fixture *f, int in, int out)
{
	assert_int_not_equal(f->pid = fork(), -1);
	if (f->pid != 0)
		return;
	dup2(in, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	closefrom(STDERR_FILENO + 1);
	_exit(console_attach("test", f->vm_path));
}

/* Read until the text has come, or for some time. 1 if it has. */
static int
comes(int fd, const char *text, int msec)
{
	struct pollfd	 pfd = { .fd = fd, .events = POLLIN };
	static char	 buf[1 << 16];
	size_t		 len = 0;
	ssize_t		 n;

	memset(buf, 0, sizeof(buf));
	while (poll(&pfd, 1, msec) == 1) {
		n = read(fd, buf + len, sizeof(buf) - 1 - len);
		if (n <= 0)
			return (0);
		len += (size_t)n;
		if (strstr(buf, text) != NULL)
			return (1);
	}
	return (0);
}

static void
say(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

/* Attach from the terminal, and wait until it is raw. */
static void
attach_terminal(struct fixture *f)
{
	struct termios	 now;
	int		 i;

	attach(f, f->user_slave, f->user_slave);
	assert_true(comes(f->user_master, "Connected to ", WAIT_MSEC));
	for (i = 0; i < WAIT_MSEC; i++) {
		assert_int_equal(tcgetattr(f->user_slave, &now), 0);
		if ((now.c_lflag & (ICANON | ECHO | ISIG)) == 0)
			return;
		usleep(1000);
	}
	fail_msg("the terminal is not raw");
}

static int
ended(struct fixture *f)
{
	int	 status;

	assert_int_equal(waitpid(f->pid, &status, 0), f->pid);
	f->pid = -1;
	return (status);
}

static void
vm_ends(struct fixture *f)
{
	close(f->vm_master);
	close(f->vm_slave);
	f->vm_master = f->vm_slave = -1;
}

static void
assert_restored(struct fixture *f)
{
	struct termios	 now;

	assert_int_equal(tcgetattr(f->user_slave, &now), 0);
	assert_int_equal(now.c_lflag, f->user_before.c_lflag);
	assert_int_equal(now.c_iflag, f->user_before.c_iflag);
	assert_int_equal(now.c_oflag, f->user_before.c_oflag);
}

static void
bytes_go_both_ways(void **state)
{
	struct fixture	*f = *state;

	attach_terminal(f);
	say(f->vm_master, "login: ");
	assert_true(comes(f->user_master, "login: ", WAIT_MSEC));
	say(f->user_master, "root\003\r");
	assert_true(comes(f->vm_master, "root\003\r", WAIT_MSEC));
}

static void
output_from_before_is_not_lost(void **state)
{
	struct fixture	*f = *state;

	say(f->vm_master, "early words");
	attach(f, f->user_slave, f->user_slave);
	assert_true(comes(f->user_master, "early words", WAIT_MSEC));
}

static void
tilde_dot_leaves_and_restores(void **state)
{
	struct fixture	*f = *state;

	attach_terminal(f);
	say(f->user_master, "~.");
	assert_true(comes(f->user_master, "[EOT]", WAIT_MSEC));
	assert_int_equal(ended(f), 0);
	assert_restored(f);
	assert_false(comes(f->vm_master, "", QUIET_MSEC));
}

static void
help_is_shown_and_not_sent(void **state)
{
	struct fixture	*f = *state;

	attach_terminal(f);
	say(f->user_master, "~?x");
	assert_true(comes(f->user_master, "~.  leave", WAIT_MSEC));
	assert_true(comes(f->vm_master, "x", WAIT_MSEC));
}

static void
end_of_the_vm_ends_and_restores(void **state)
{
	struct fixture	*f = *state;

	attach_terminal(f);
	vm_ends(f);
	assert_true(comes(f->user_master, "[EOF]", WAIT_MSEC));
	assert_int_equal(ended(f), 0);
	assert_restored(f);
}

static void
a_signal_ends_and_restores(void **state)
{
	static const int	 signals[] = { SIGTERM, SIGHUP, SIGINT };
	struct fixture		*f = *state;
	size_t			 i;
	int			 status;

	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		attach_terminal(f);
		kill(f->pid, signals[i]);
		status = ended(f);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), signals[i]);
		assert_restored(f);
	}
}

static void
a_resized_window_changes_nothing(void **state)
{
	struct fixture	*f = *state;

	attach_terminal(f);
	kill(f->pid, SIGWINCH);
	say(f->user_master, "x");
	assert_true(comes(f->vm_master, "x", WAIT_MSEC));
}

static void
a_vm_that_takes_nothing_can_be_left(void **state)
{
	struct fixture	*f = *state;
	char		 line[1024];
	int		 i;

	attach_terminal(f);
	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = '\0';
	for (i = 0; i < 256; i++)
		say(f->user_master, line);
	say(f->user_master, "\r~.");
	assert_true(comes(f->user_master, "[EOT]", WAIT_MSEC));
	assert_int_equal(ended(f), 0);
}

static void
a_second_user_is_refused(void **state)
{
	struct fixture	*f = *state;
	pid_t		 first;
	int		 status;

	attach_terminal(f);
	first = f->pid;
	attach(f, f->user_slave, f->user_slave);
	status = ended(f);
	f->pid = first;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
	assert_true(comes(f->user_master, "is in use", WAIT_MSEC));
}

static void
a_pipe_can_drive_it(void **state)
{
	struct fixture	*f = *state;
	int		 in[2], out[2];

	assert_int_equal(pipe(in), 0);
	assert_int_equal(pipe(out), 0);
	attach(f, in[0], out[1]);
	close(in[0]);
	close(out[1]);
	say(in[1], "~.uname\n");
	close(in[1]);
	assert_true(comes(f->vm_master, "~.uname\n", WAIT_MSEC));

	/* The end of the input is not the end of the output. */
	usleep(QUIET_MSEC * 1000);
	say(f->vm_master, "Linux\r\n");
	assert_true(comes(out[0], "Linux\r\n", WAIT_MSEC));
	vm_ends(f);
	assert_true(comes(out[0], "[EOF]", WAIT_MSEC));
	assert_int_equal(ended(f), 0);
	close(out[0]);
}

static void
a_vm_that_is_gone_is_an_error(void **state)
{
	struct fixture	*f = *state;
	int		 status;

	vm_ends(f);
	attach(f, f->user_slave, f->user_slave);
	status = ended(f);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
	assert_true(comes(f->user_master, "has ended", WAIT_MSEC));
	assert_restored(f);
}

#define console_test(t)	cmocka_unit_test_setup_teardown(t, setup, teardown)

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		console_test(bytes_go_both_ways),
		console_test(output_from_before_is_not_lost),
		console_test(tilde_dot_leaves_and_restores),
		console_test(help_is_shown_and_not_sent),
		console_test(end_of_the_vm_ends_and_restores),
		console_test(a_signal_ends_and_restores),
		console_test(a_resized_window_changes_nothing),
		console_test(a_vm_that_takes_nothing_can_be_left),
		console_test(a_second_user_is_refused),
		console_test(a_pipe_can_drive_it),
		console_test(a_vm_that_is_gone_is_an_error),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}

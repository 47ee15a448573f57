/* SPDX-License-Identifier: ISC */
/*
 * vmctl(8) console
 */

#include <bsd/string.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <termios.h>
#include <unistd.h>

#include "console.h"
#include "escape.h"
#include "vmctl.h"

#define CONSOLE_BUFSIZE		4096
#define CONSOLE_TYPEAHEAD	65536

enum console_end {
	CONSOLE_RUNNING,
	CONSOLE_LEFT,		/* the user left */
	CONSOLE_EOF,		/* the VM has ended, or our output has */
	CONSOLE_SIGNAL,
	CONSOLE_ERROR
};

struct console {
	int		 co_tty;
	int		 co_in_open;	/* standard input has not ended */
	int		 co_interactive; /* standard input is a terminal */
	struct escape	 co_escape;

	/* what was typed and the pty has not yet taken */
	char		 co_buf[CONSOLE_TYPEAHEAD];
	size_t		 co_len;
};

static const int	 end_signals[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM };
#define NSIGNALS	(sizeof(end_signals) / sizeof(end_signals[0]))

/* A signal is a byte in a pipe, so that none can slip in before poll(2). */
static int			 signal_pipe[2] = { -1, -1 };
static volatile sig_atomic_t	 signal_got;

static void
signal_note(int signo)
{
	int	 save_errno = errno;

	signal_got = signo;
	if (write(signal_pipe[1], "", 1) == -1)
		(void)0;	/* full: a byte is there already */
	errno = save_errno;
}

static int
signal_start(struct sigaction *saved)
{
	struct sigaction	 sa;
	size_t			 i;

	if (pipe2(signal_pipe, O_CLOEXEC | O_NONBLOCK) == -1)
		return (-1);
	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = signal_note;
	sigfillset(&sa.sa_mask);
	for (i = 0; i < NSIGNALS; i++) {
		sigaction(end_signals[i], NULL, &saved[i]);
		if (saved[i].sa_handler != SIG_IGN)
			sigaction(end_signals[i], &sa, NULL);
	}
	return (0);
}

static void
signal_stop(const struct sigaction *saved)
{
	size_t	 i;

	for (i = 0; i < NSIGNALS; i++)
		sigaction(end_signals[i], &saved[i], NULL);
	close(signal_pipe[0]);
	close(signal_pipe[1]);
}

/*
 * The pty must be ours alone: two readers would each see half of the output.
 */
static int
console_open(const char *name, const char *path)
{
	int	 fd;

	if ((fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)) ==
	    -1) {
		if (errno == ENOENT || errno == EIO || errno == ENXIO)
			warnx("vm \"%s\": console %s is gone: the vm has "
			    "ended", name, path);
		else if (errno == EACCES)
			warn("vm \"%s\": console %s is its owner's and root's",
			    name, path);
		else
			warn("vm \"%s\": console %s", name, path);
		return (-1);
	}
	if (!isatty(fd)) {
		warnx("vm \"%s\": console %s is not a terminal", name, path);
		goto fail;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) == -1) {
		if (errno == EWOULDBLOCK)
			warnx("vm \"%s\": console %s is in use; leave it there "
			    "with ~.", name, path);
		else
			warn("vm \"%s\": lock console %s", name, path);
		goto fail;
	}
	return (fd);
fail:
	close(fd);
	return (-1);
}

static int
terminal_raw(struct termios *saved)
{
	struct termios	 raw;

	if (tcgetattr(STDIN_FILENO, saved) == -1)
		return (-1);
	raw = *saved;
	cfmakeraw(&raw);
	return (tcsetattr(STDIN_FILENO, TCSANOW, &raw));
}

/* Standard output may block; a signal ends the wait. */
static enum console_end
output_write(const char *buf, size_t len)
{
	struct pollfd	 pfd = { .fd = STDOUT_FILENO, .events = POLLOUT };
	ssize_t		 n;

	while (len > 0) {
		if (signal_got)
			return (CONSOLE_SIGNAL);
		n = write(STDOUT_FILENO, buf, len);
		if (n == -1 && errno == EAGAIN)
			poll(&pfd, 1, -1);
		else if (n == -1 && errno == EPIPE)
			return (CONSOLE_EOF);
		else if (n == -1 && errno != EINTR)
			return (CONSOLE_ERROR);
		if (n > 0) {
			buf += n;
			len -= (size_t)n;
		}
	}
	return (CONSOLE_RUNNING);
}

/* The help goes out by hand: the terminal is raw and does not add \r. */
static enum console_end
console_help(void)
{
	static const char	 help[] =
	    "~?\r\n"
	    "~.  leave the console, the vm keeps running\r\n"
	    "~~  send one ~\r\n"
	    "~?  show this list\r\n"
	    "(only at the start of a line)\r\n";

	return (output_write(help, sizeof(help) - 1));
}

/* The pty speaks. */
static enum console_end
console_from_tty(struct console *co)
{
	char	 buf[CONSOLE_BUFSIZE];
	ssize_t	 n;

	n = read(co->co_tty, buf, sizeof(buf));
	if (n > 0)
		return (output_write(buf, (size_t)n));
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return (CONSOLE_RUNNING);
	return (n == 0 || errno == EIO ? CONSOLE_EOF : CONSOLE_ERROR);
}

/* The pty takes what was typed. */
static enum console_end
console_to_tty(struct console *co)
{
	ssize_t	 n;

	n = write(co->co_tty, co->co_buf, co->co_len);
	if (n == -1) {
		if (errno == EAGAIN || errno == EINTR)
			return (CONSOLE_RUNNING);
		return (errno == EIO ? CONSOLE_EOF : CONSOLE_ERROR);
	}
	co->co_len -= (size_t)n;
	memmove(co->co_buf, co->co_buf + n, co->co_len);
	return (CONSOLE_RUNNING);
}

/*
 * Keep bytes for the pty. A guest that takes none must not keep the user from
 * typing "~.", so what no longer fits is lost, as on a serial line.
 */
static void
console_queue(struct console *co, const char *buf, size_t len)
{
	size_t	 room = sizeof(co->co_buf) - co->co_len;

	if (len > room)
		len = room;
	memcpy(co->co_buf + co->co_len, buf, len);
	co->co_len += len;
}

static enum console_end
console_typed(struct console *co, const char *in, size_t inlen)
{
	char			 out[ESCAPE_OUTPUT_MAX(CONSOLE_BUFSIZE)];
	enum console_end	 end = CONSOLE_RUNNING;
	enum escape_action	 action;
	size_t			 taken, outlen;

	while (inlen > 0 && end == CONSOLE_RUNNING) {
		taken = inlen;
		action = escape_filter(&co->co_escape, in, &taken, out,
		    &outlen);
		console_queue(co, out, outlen);
		in += taken;
		inlen -= taken;
		if (action == ESCAPE_LEAVE)
			end = CONSOLE_LEFT;
		else if (action == ESCAPE_HELP)
			end = console_help();
	}
	return (end);
}

/* The user speaks. */
static enum console_end
console_from_user(struct console *co)
{
	char	 buf[CONSOLE_BUFSIZE];
	ssize_t	 n;

	n = read(STDIN_FILENO, buf, sizeof(buf));
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return (CONSOLE_RUNNING);
	if (n <= 0) {
		co->co_in_open = 0;
		/* A terminal that has ended has nobody to show output to. */
		return (co->co_interactive ? CONSOLE_LEFT : CONSOLE_RUNNING);
	}
	if (co->co_interactive)
		return (console_typed(co, buf, (size_t)n));
	console_queue(co, buf, (size_t)n);
	return (CONSOLE_RUNNING);
}

/* A file or a pipe can wait until all of it fits; a person cannot. */
static int
console_wants_input(const struct console *co)
{
	return (co->co_in_open && (co->co_interactive ||
	    co->co_len <= sizeof(co->co_buf) - CONSOLE_BUFSIZE));
}

static enum console_end
console_copy(struct console *co)
{
	struct pollfd		 pfd[3];
	enum console_end	 end = CONSOLE_RUNNING;

	while (end == CONSOLE_RUNNING) {
		pfd[0].fd = co->co_tty;
		pfd[0].events = POLLIN | (co->co_len > 0 ? POLLOUT : 0);
		pfd[1].fd = console_wants_input(co) ? STDIN_FILENO : -1;
		pfd[1].events = POLLIN;
		pfd[2].fd = signal_pipe[0];
		pfd[2].events = POLLIN;
		if (poll(pfd, 3, -1) == -1) {
			if (errno != EINTR)
				return (CONSOLE_ERROR);
			continue;
		}
		if (pfd[2].revents)
			return (CONSOLE_SIGNAL);
		if (pfd[0].revents & (POLLIN | POLLHUP | POLLERR | POLLNVAL))
			end = console_from_tty(co);
		if (end == CONSOLE_RUNNING && (pfd[0].revents & POLLOUT))
			end = console_to_tty(co);
		if (end == CONSOLE_RUNNING && pfd[1].revents)
			end = console_from_user(co);
	}
	return (end);
}

/* Say why it ended; messages stay out of the VM's output. */
static int
console_report(const struct console *co, enum console_end end,
    int error)
{
	const char	*nl = co->co_interactive ? "\n" : "";

	switch (end) {
	case CONSOLE_LEFT:
		fprintf(stderr, "%s[EOT]\n", nl);
		return (0);
	case CONSOLE_EOF:
		fprintf(stderr, "%s[EOF]\n", nl);
		return (0);
	case CONSOLE_SIGNAL:
		raise(signal_got);
		return (1);
	default:
		fprintf(stderr, "%s", nl);
		warnx("console: %s", strerror(error));
		return (1);
	}
}

int
console_attach(const char *name, const char *path)
{
	struct sigaction	 saved_sa[NSIGNALS];
	struct termios		 saved_term;
	struct console		 co;
	enum console_end	 end;
	int			 error, raw = 0;

	memset(&co, 0, sizeof(co));
	co.co_in_open = 1;
	co.co_interactive = isatty(STDIN_FILENO);
	if ((co.co_tty = console_open(name, path)) == -1)
		return (1);
	if (signal_start(saved_sa) == -1) {
		warn("console");
		close(co.co_tty);
		return (1);
	}
	signal(SIGPIPE, SIG_IGN);
	if (co.co_interactive) {
		fprintf(stderr, "Connected to %s (leave with ~., help ~?)\n",
		    path);
		raw = terminal_raw(&saved_term) == 0;
	}
	end = console_copy(&co);
	error = errno;
	if (raw)
		tcsetattr(STDIN_FILENO, TCSANOW, &saved_term);
	signal_stop(saved_sa);
	close(co.co_tty);
	return (console_report(&co, end, error));
}

int
console_main(const struct command *cmd, int argc, char **argv)
{
	struct vmop_info_result	 vir;
	struct vmop_id		 vid;
	struct client		 cl;
	int			 rv;

	if (getopt(argc, argv, "") != -1 || argc - optind != 1)
		return (command_usage(cmd));
	if (argument_vm(argv[optind], &vid) == -1 || client_open(&cl) == -1)
		return (1);
	rv = client_info_one(&cl, &vid, &vir);
	client_close(&cl);
	if (rv == -1)
		return (1);
	if ((vir.vir_state & VM_STATE_RUNNING) == 0 ||
	    vir.vir_tty[0] == '\0') {
		warnx("vm \"%s\" is not running; start it with \"vmctl start "
		    "%s\"", vir.vir_name, vir.vir_name);
		return (1);
	}
	return (console_attach(vir.vir_name, vir.vir_tty));
}

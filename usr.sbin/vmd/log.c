/* SPDX-License-Identifier: ISC */
/*
 * Log lines of vmd(8). Every line is one write(2) to descriptor 2, which is
 * a terminal or file in the foreground and a datagram socket to syslog in a
 * daemon: a process in an empty root directory can log with nothing else.
 */
#include <sys/socket.h>
#include <sys/un.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <bsd/string.h>

#include "log.h"

#define LOG_SOCKET	"/dev/log"
#define LOG_LINE_MAX	1400

static int	log_foreground = 1;
static int	log_verbose;
static char	log_procname[96] = "vmd";

/* Make descriptor 2 the way to syslog, or to nowhere without a syslog. */
static void
log_attach(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd;

	strlcpy(sun.sun_path, LOG_SOCKET, sizeof(sun.sun_path));
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd != -1 &&
	    connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1) {
		close(fd);
		fd = -1;
	}
	if (fd == -1)
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (fd != -1) {
		dup2(fd, STDERR_FILENO);
		close(fd);
	}
}

void
log_init(int foreground, int attach)
{
	log_foreground = foreground;
	if (!foreground && attach)
		log_attach();
}

void
log_procinit(const char *name)
{
	strlcpy(log_procname, name, sizeof(log_procname));
}

void
log_setverbose(int verbose)
{
	log_verbose = verbose;
}

int
log_getverbose(void)
{
	return log_verbose;
}

void
log_clean(char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			*s = '?';
}

void
vlog(int pri, const char *fmt, va_list ap)
{
	char line[LOG_LINE_MAX], text[LOG_LINE_MAX - 128];
	int len, saved = errno;

	vsnprintf(text, sizeof(text), fmt, ap);
	log_clean(text);
	if (log_foreground)
		len = snprintf(line, sizeof(line), "%s: %s\n", log_procname,
		    text);
	else
		len = snprintf(line, sizeof(line), "<%d>%s[%ld]: %s",
		    LOG_DAEMON | pri, log_procname, (long)getpid(), text);
	if (write(STDERR_FILENO, line, len) == -1) {
		/* There is nowhere to complain to. */
	}
	errno = saved;
}

void
logit(int pri, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vlog(pri, fmt, ap);
	va_end(ap);
}

static void
vlog_errno(int pri, const char *fmt, va_list ap)
{
	char text[LOG_LINE_MAX - 128];
	int saved = errno;

	vsnprintf(text, sizeof(text), fmt, ap);
	logit(pri, "%s: %s", text, strerror(saved));
	errno = saved;
}

void
log_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vlog_errno(LOG_ERR, fmt, ap);
	va_end(ap);
}

void
log_warnx(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vlog(LOG_ERR, fmt, ap);
	va_end(ap);
}

void
log_info(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vlog(LOG_INFO, fmt, ap);
	va_end(ap);
}

void
log_debug(const char *fmt, ...)
{
	va_list ap;

	if (log_verbose < 1)
		return;
	va_start(ap, fmt);
	vlog(LOG_DEBUG, fmt, ap);
	va_end(ap);
}

void
fatal(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vlog_errno(LOG_CRIT, fmt, ap);
	va_end(ap);
	exit(1);
}

void
fatalx(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vlog(LOG_CRIT, fmt, ap);
	va_end(ap);
	exit(1);
}

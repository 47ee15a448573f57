/* SPDX-License-Identifier: ISC */
/*
 * Log lines of vmd(8): to standard error in the foreground (-d) and when
 * checking a configuration, to syslog otherwise.
 */
#ifndef _LOG_H_
#define _LOG_H_

#include <stdarg.h>
#include <stdnoreturn.h>
#include <syslog.h>

/*
 * Choose where lines go. In a daemon, descriptor 2 is made a connection to
 * the syslog socket, so that it survives chroot and exec; a child started
 * with that descriptor passes attach = 0.
 */
void	 log_init(int foreground, int attach);

/* The name in front of each line, such as "vmm" or "vm/alpine". */
void	 log_procinit(const char *);

/* 0: errors and notices, 1 and more: log_debug as well. */
void	 log_setverbose(int);
int	 log_getverbose(void);

void	 log_warn(const char *, ...)	/* adds the text of errno */
	    __attribute__((__format__(printf, 1, 2)));
void	 log_warnx(const char *, ...)
	    __attribute__((__format__(printf, 1, 2)));
void	 log_info(const char *, ...)
	    __attribute__((__format__(printf, 1, 2)));
void	 log_debug(const char *, ...)
	    __attribute__((__format__(printf, 1, 2)));
void	 logit(int pri, const char *, ...)
	    __attribute__((__format__(printf, 2, 3)));
void	 vlog(int pri, const char *, va_list)
	    __attribute__((__format__(printf, 2, 0)));

/* Make one printable line of a text that quotes a guest or a client. */
void	 log_clean(char *);

/* For what can only be a bug or the end of us: log, exit with status 1. */
noreturn void fatal(const char *, ...)	/* adds the text of errno */
	    __attribute__((__format__(printf, 1, 2)));
noreturn void fatalx(const char *, ...)
	    __attribute__((__format__(printf, 1, 2)));

#endif /* _LOG_H_ */

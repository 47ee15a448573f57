/* SPDX-License-Identifier: ISC */
/*
 * What vmd(8) says of errors in vm.conf(5).
 */

#include <stdarg.h>
#include <stdio.h>

#include "conf_lex.h"
#include "log.h"

static unsigned int	 nerrors;

static void
conf_report(const struct conf_token *ct, const char *level, const char *fmt,
    va_list ap)
{
	char	 text[1024];

	vsnprintf(text, sizeof(text), fmt, ap);
	if (ct->ct_file != NULL)
		log_warnx("%s:%d: %s%s", ct->ct_file, ct->ct_line, level,
		    text);
	else
		log_warnx("%s%s", level, text);
}

void
conf_error_at(const struct conf_token *ct, const char *fmt, ...)
{
	va_list	 ap;

	nerrors++;
	va_start(ap, fmt);
	conf_report(ct, "", fmt, ap);
	va_end(ap);
}

void
conf_error(const char *fmt, ...)
{
	struct conf_token	 ct;
	va_list			 ap;

	nerrors++;
	va_start(ap, fmt);
	conf_position(&ct);
	conf_report(&ct, "", fmt, ap);
	va_end(ap);
}

void
conf_warning(const char *fmt, ...)
{
	struct conf_token	 ct;
	va_list			 ap;

	va_start(ap, fmt);
	conf_position(&ct);
	conf_report(&ct, "warning: ", fmt, ap);
	va_end(ap);
}

unsigned int
conf_errors(void)
{
	return (nerrors);
}

void
conf_errors_reset(void)
{
	nerrors = 0;
}

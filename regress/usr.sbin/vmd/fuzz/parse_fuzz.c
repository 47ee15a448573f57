/* SPDX-License-Identifier: ISC */
/*
 * vm.conf(5) from a buffer of anything: no crash, no leak, and whatever is
 * accepted is a configuration that the daemon may trust.
 */

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf_parse.h"
#include "log.h"
#include "vmd.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static unsigned int	 nlines;	/* logged */

/* In place of log.c: format everything, show nothing. */
void
log_warnx(const char *fmt, ...)
{
	char	 line[2048];
	va_list	 ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	nlines++;
}

static void
promise(int kept)
{
	if (!kept)
		abort();
}

static void
check_conf(struct vmd_conf *conf)
{
	struct conf_vm	*cv, *other;
	char		 text[VM_TEXT_MAX];

	TAILQ_FOREACH(cv, &conf->cf_vms, cv_entry) {
		promise(vm_params_check(&cv->cv_params, text,
		    sizeof(text)) == 0);
		TAILQ_FOREACH(other, &conf->cf_vms, cv_entry)
			promise(other == cv ||
			    strcmp(other->cv_params.vmc_name,
			    cv->cv_params.vmc_name) != 0);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vmd_conf	 conf;

	nlines = 0;
	conf_init(&conf);
	if (parse_buffer("fuzz.conf", (const char *)data, size, &conf) == -1)
		promise(nlines > 0);	/* no refusal without a reason */
	check_conf(&conf);
	conf_free(&conf);
	return (0);
}

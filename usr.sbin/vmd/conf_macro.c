/* SPDX-License-Identifier: ISC */
/*
 * Macros of vm.conf(5).
 */

#include <bsd/sys/queue.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "conf_lex.h"
#include "log.h"
#include "vmd.h"

struct macro {
	TAILQ_ENTRY(macro)	 ma_entry;
	char			*ma_name;
	char			*ma_value;
	int			 ma_cmdline;	/* of -D: cannot be changed */
	int			 ma_used;
};

static TAILQ_HEAD(, macro)	 macros = TAILQ_HEAD_INITIALIZER(macros);

static struct macro *
macro_find(const char *name)
{
	struct macro	*ma;

	TAILQ_FOREACH(ma, &macros, ma_entry)
		if (strcmp(ma->ma_name, name) == 0)
			break;
	return (ma);
}

static void
macro_free(struct macro *ma)
{
	free(ma->ma_name);
	free(ma->ma_value);
	free(ma);
}

int
conf_macro_name_ok(const char *name)
{
	const unsigned char	*p = (const unsigned char *)name;

	if (*p == '\0')
		return (0);
	for (; *p != '\0'; p++)
		if (*p > 0x7f || (!isalnum(*p) && *p != '_'))
			return (0);
	return (1);
}

int
conf_macro_set(const char *name, const char *value, int cmdline)
{
	struct macro	*ma;

	if ((ma = macro_find(name)) != NULL) {
		if (ma->ma_cmdline && !cmdline)
			return (0);
		TAILQ_REMOVE(&macros, ma, ma_entry);
		macro_free(ma);
	}
	if ((ma = calloc(1, sizeof(*ma))) == NULL)
		return (-1);
	ma->ma_name = strdup(name);
	ma->ma_value = strdup(value);
	ma->ma_cmdline = cmdline;
	if (ma->ma_name == NULL || ma->ma_value == NULL) {
		macro_free(ma);
		return (-1);
	}
	TAILQ_INSERT_TAIL(&macros, ma, ma_entry);
	return (0);
}

const char *
conf_macro_get(const char *name)
{
	struct macro	*ma;

	if ((ma = macro_find(name)) == NULL)
		return (NULL);
	ma->ma_used = 1;
	return (ma->ma_value);
}

void
conf_macro_done(void)
{
	struct macro	*ma, *next;

	TAILQ_FOREACH_SAFE(ma, &macros, ma_entry, next) {
		if (ma->ma_cmdline) {
			if (!ma->ma_used)
				log_warnx("warning: macro \"%s\" of the "
				    "command line is not used", ma->ma_name);
			ma->ma_used = 0;
			continue;
		}
		TAILQ_REMOVE(&macros, ma, ma_entry);
		macro_free(ma);
	}
}

int
cmdline_symset(char *definition)
{
	char	*value;
	int	 rv;

	if ((value = strchr(definition, '=')) == NULL)
		return (-1);
	*value = '\0';
	rv = conf_macro_name_ok(definition) ?
	    conf_macro_set(definition, value + 1, 1) : -1;
	*value = '=';
	return (rv);
}

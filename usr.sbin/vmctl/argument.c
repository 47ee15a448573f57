/* SPDX-License-Identifier: ISC */
/*
 * Words of vmctl(8)'s command line.
 */

#include <bsd/stdlib.h>
#include <bsd/string.h>
#include <err.h>
#include <errno.h>
#include <limits.h>
#include <scaled.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmctl.h"

#define MEGABYTE	(1LL << 20)

int
argument_vm(const char *word, struct vmop_id *vid)
{
	const char	*errstr;

	memset(vid, 0, sizeof(*vid));
	vid->vid_id = (uint32_t)strtonum(word, 1, UINT32_MAX, &errstr);
	if (errstr == NULL)
		return (0);
	vid->vid_id = 0;
	if (*word == '\0') {
		warnx("a vm's name is missing");
		return (-1);
	}
	if (strlcpy(vid->vid_name, word, sizeof(vid->vid_name)) >=
	    sizeof(vid->vid_name)) {
		warnx("vm name \"%s\" is too long: at most %zu characters",
		    word, sizeof(vid->vid_name) - 1);
		return (-1);
	}
	return (0);
}

int
argument_size(const char *word, const char *what, uint64_t *size)
{
	long long	 val;

	if (scan_scaled(word, &val) == -1) {
		warnx("%s size \"%s\" is %s; give a number and K, M, G or T, "
		    "such as 512M", what, word,
		    errno == ERANGE ? "too large" : "not a size");
		return (-1);
	}
	if (val < MEGABYTE) {
		warnx("%s size must be at least one megabyte", what);
		return (-1);
	}
	if (val % MEGABYTE != 0) {
		val -= val % MEGABYTE;
		warnx("%s size rounded to %lldM", what, val / MEGABYTE);
	}
	*size = (uint64_t)val;
	return (0);
}

/*
 * The path from the root. What cannot be resolved here, vmd reports as it
 * opens it, with the name of the VM and what to do.
 */
static int
path_absolute(const char *word, char real[PATH_MAX])
{
	char	 cwd[PATH_MAX];
	int	 n;

	if (realpath(word, real) != NULL)
		return (0);
	if (word[0] == '/')
		n = snprintf(real, PATH_MAX, "%s", word);
	else if (getcwd(cwd, sizeof(cwd)) != NULL)
		n = snprintf(real, PATH_MAX, "%s/%s", cwd, word);
	else
		return (-1);
	return (n < PATH_MAX ? 0 : -1);
}

int
argument_path(const char *word, const char *what, char *path, size_t size)
{
	char	 real[PATH_MAX];

	if (path_absolute(word, real) == -1) {
		warn("%s %s", what, word);
		return (-1);
	}
	if (strlcpy(path, real, size) >= size) {
		warnx("%s %s: path is too long: at most %zu characters", what,
		    real, size - 1);
		return (-1);
	}
	return (0);
}

uint32_t
argument_disk_format(const char **path)
{
	static const struct {
		const char	*prefix;
		uint32_t	 format;
	} formats[] = {
		{ "raw:",	VMD_DISK_FORMAT_RAW },
		{ "qcow2:",	VMD_DISK_FORMAT_QCOW2 },
	};
	size_t	 i, len;

	for (i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		len = strlen(formats[i].prefix);
		if (strncmp(*path, formats[i].prefix, len) == 0) {
			*path += len;
			return (formats[i].format);
		}
	}
	return (0);
}

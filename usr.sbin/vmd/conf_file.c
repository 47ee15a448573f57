/* SPDX-License-Identifier: ISC */
/*
 * The files of vm.conf(5), and whether they can be trusted.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf_lex.h"

/*
 * Whoever can write the file can have anything done as root.
 */
static int
file_trusted(int fd, const char *path)
{
	struct stat	 st;

	if (fstat(fd, &st) == -1) {
		conf_error("%s: %s", path, strerror(errno));
		return (0);
	}
	if (!S_ISREG(st.st_mode)) {
		conf_error("%s: not a regular file", path);
		return (0);
	}
	if (st.st_uid != 0 && st.st_uid != getuid()) {
		conf_error("%s: belongs to user %u; its owner must be root or "
		    "the current user", path, st.st_uid);
		return (0);
	}
	if (st.st_mode & (S_IWGRP | S_IWOTH)) {
		conf_error("%s: writable for group or others; do \"chmod "
		    "go-w\" after a look at what it says", path);
		return (0);
	}
	return (1);
}

/* Read all of a file. The length, or -1 after the error was reported. */
static ssize_t
file_read_all(int fd, const char *path, char *buf, size_t size)
{
	size_t	 len = 0;
	ssize_t	 n;

	while ((n = read(fd, buf + len, size - len)) > 0)
		len += (size_t)n;
	if (n == -1) {
		conf_error("%s: %s", path, strerror(errno));
		return (-1);
	}
	if (len == size) {
		conf_error("%s: larger than %d bytes", path, CONF_FILE_MAX);
		return (-1);
	}
	return ((ssize_t)len);
}

ssize_t
conf_file_read(const char *path, char **text)
{
	ssize_t	 len = -1;
	int	 fd;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd == -1) {
		conf_error("%s: %s", path, strerror(errno));
		return (-1);
	}
	if ((*text = malloc(CONF_FILE_MAX + 1)) == NULL)
		conf_error("out of memory");
	else if (file_trusted(fd, path))
		len = file_read_all(fd, path, *text, CONF_FILE_MAX + 1);
	close(fd);
	if (len == -1)
		free(*text);
	return (len);
}

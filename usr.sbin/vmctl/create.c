/* SPDX-License-Identifier: ISC */
/*
 * vmctl(8) create
 */

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmctl.h"

/*
 * The format of a new image: what the prefix says, else what the name's end
 * says, else raw.
 */
static int
create_format_ok(const char **path)
{
	uint32_t	 format = argument_disk_format(path);
	const char	*dot = strrchr(*path, '.');

	if (format == VMD_DISK_FORMAT_QCOW2 || (format == 0 && dot != NULL &&
	    strcmp(dot, ".qcow2") == 0)) {
		warnx("%s: qcow2 images are not supported yet; make a raw one "
		    "with raw:%s", *path, *path);
		return (0);
	}
	return (1);
}

/* A file of this size that is all hole; never one that was there before. */
static int
create_raw(const char *path, uint64_t size)
{
	int	 error, fd;

	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
	    S_IRUSR | S_IWUSR);
	if (fd == -1) {
		if (errno == EEXIST)
			warnx("%s exists and is left alone; remove it first, "
			    "or take another name", path);
		else
			warn("create %s", path);
		return (-1);
	}
	if (ftruncate(fd, (off_t)size) == 0 && close(fd) == 0)
		return (0);
	error = errno;
	unlink(path);
	errno = error;
	warn("create %s", path);
	return (-1);
}

int
create_main(const struct command *cmd, int argc, char **argv)
{
	const char	*disk;
	uint64_t	 size = 0;
	int		 ch;

	while ((ch = getopt(argc, argv, "s:")) != -1) {
		if (ch != 's')
			return (command_usage(cmd));
		if (argument_size(optarg, "disk", &size) == -1)
			return (1);
	}
	if (argc - optind != 1 || size == 0)
		return (command_usage(cmd));
	disk = argv[optind];
	if (!create_format_ok(&disk) || create_raw(disk, size) == -1)
		return (1);
	warnx("raw imagefile created");
	return (0);
}

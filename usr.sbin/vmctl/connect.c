/* SPDX-License-Identifier: ISC */
/*
 * The way to vmd(8): its control socket.
 */

#include <bsd/string.h>
#include <err.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "vmctl.h"

static void
client_open_failed(int error)
{
	switch (error) {
	case ENOENT:
	case ECONNREFUSED:
		warnx("vmd is not running; start it with \"vmd\", as root");
		break;
	case EACCES:
	case EPERM:
		warnx("no permission to use %s; be root, or have an "
		    "administrator set \"socket owner\" in vm.conf(5)",
		    SOCKET_NAME);
		break;
	default:
		errno = error;
		warn("connect to vmd at %s", SOCKET_NAME);
	}
}

int
client_open(struct client *cl)
{
	struct sockaddr_un	 sun;
	int			 fd;

	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	strlcpy(sun.sun_path, SOCKET_NAME, sizeof(sun.sun_path));
	if ((fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) == -1) {
		warn("socket");
		return (-1);
	}
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1) {
		client_open_failed(errno);
		close(fd);
		return (-1);
	}
	imsg_init(&cl->cl_ibuf, fd);
	return (0);
}

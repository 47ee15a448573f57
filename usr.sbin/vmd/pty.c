/* SPDX-License-Identifier: ISC */
/* pty(7): a pseudo terminal as a VM's console. */
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <asm/ioctls.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "vms.h"

#define TTY_GROUP	"tty"

/*
 * The console passes bytes as they are. The settings are lost when the last
 * descriptor of the slave is closed, so one must stay open.
 */
static int
pty_raw(int slave)
{
	struct termios tio;

	if (tcgetattr(slave, &tio) == -1)
		return -1;
	cfmakeraw(&tio);
	cfsetspeed(&tio, B115200);
	return tcsetattr(slave, TCSANOW, &tio);
}

/* An owner's group may use the console; without one tty(4)'s may write. */
static int
pty_chown(int slave, const struct vmop_owner *owner)
{
	mode_t mode = S_IRUSR | S_IWUSR;
	gid_t gid = (gid_t)-1;

	if (owner->gid != VMOP_NOGROUP) {
		gid = owner->gid;
		mode |= S_IRGRP | S_IWGRP;
	} else if (account_group(TTY_GROUP, &gid) == 0) {
		mode |= S_IWGRP;
	} else {
		gid = (gid_t)-1;
	}
	if (fchown(slave, owner->uid, gid) == -1)
		return -1;
	return fchmod(slave, mode);
}

int
pty_open(const struct vmop_owner *owner, int *master, int *slave,
    char name[VM_TTYNAME_MAX])
{
	int m, s = -1, saved;

	m = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (m == -1)
		return -1;
	if (unlockpt(m) == -1 || ptsname_r(m, name, VM_TTYNAME_MAX) != 0)
		goto fail;
	s = ioctl(m, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (s == -1 || pty_raw(s) == -1 || pty_chown(s, owner) == -1)
		goto fail;
	*master = m;
	*slave = s;
	return 0;
fail:
	saved = errno;
	if (s != -1)
		close(s);
	close(m);
	errno = saved;
	return -1;
}

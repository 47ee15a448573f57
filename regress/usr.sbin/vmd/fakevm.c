/* SPDX-License-Identifier: ISC */
/*
 * A vm role without a VM, to test the other processes of vmd(8) with: linked
 * in place of vm.c. What it does depends on the name of the VM, up to a "-".
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <bsd/string.h>

#include "log.h"
#include "sandbox.h"
#include "vmd.h"

struct fake {
	struct imsgbuf	 ibuf;
	struct vm_start	 start;
	int		 ack;	/* answer to a request to power off */
	int		 off;	/* power off when asked to */
};

/* The next message; the process ends with the stream. */
static uint32_t
fake_next(struct fake *f, struct imsg *imsg)
{
	ssize_t n;

	while ((n = imsg_get(&f->ibuf, imsg)) == 0)
		if (imsg_read(&f->ibuf) <= 0)
			_exit(VMD_EXIT_POWEROFF);
	if (n == -1)
		_exit(VMD_EXIT_FAIL);
	return imsg_get_type(imsg);
}

static void
fake_send(struct fake *f, uint32_t type, const void *data, size_t len)
{
	imsg_compose(&f->ibuf, type, f->start.vst_config.vc_id, 0, -1, data,
	    len);
	imsg_flush(&f->ibuf);
}

static int
fake_poweroff(struct fake *f)
{
	(void)f;
	return VMD_EXIT_POWEROFF;
}

/* Restarts come close upon each other. */
static int
fake_reboot(struct fake *f)
{
	(void)f;
	poll(NULL, 0, 200);
	return VMD_EXIT_REBOOT;
}

static int
fake_fail(struct fake *f)
{
	struct vm_fail vf = { .vf_errno = 8 };

	strlcpy(vf.vf_text, "no \001 kernel", sizeof(vf.vf_text));
	fake_send(f, IMSG_VMDOP_VM_FAIL, &vf, sizeof(vf));
	return VMD_EXIT_FAIL;
}

static int
fake_crash(struct fake *f)
{
	(void)f;
	__builtin_trap();
}

static int
fake_open(struct fake *f)
{
	(void)f;
	return access("/etc/passwd", R_OK);
}

/* Serve messages until told to end. */
static int
fake_serve(struct fake *f)
{
	struct imsg imsg;

	for (;;) {
		if (fake_next(f, &imsg) == IMSG_VMDOP_VM_SHUTDOWN) {
			if (f->ack)
				fake_send(f, IMSG_VMDOP_VM_SHUTDOWN_ACK, NULL,
				    0);
			if (f->off)
				return VMD_EXIT_POWEROFF;
		}
		imsg_free(&imsg);
	}
}

static int
fake_good(struct fake *f)
{
	f->ack = f->off = 1;
	return fake_serve(f);
}

static int
fake_stuck(struct fake *f)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	return fake_serve(f);
}

/* A message that only the parent may send. */
static int
fake_rogue(struct fake *f)
{
	fake_send(f, IMSG_VMDOP_VM_STARTED, "abcd", 4);
	return fake_serve(f);
}

/* A header that cannot be. */
static int
fake_garbage(struct fake *f)
{
	static const char junk[64] = { 1, 2, 3 };

	if (write(f->ibuf.fd, junk, sizeof(junk)) == -1)
		return VMD_EXIT_FAIL;
	return fake_serve(f);
}

static const struct {
	const char	*name;
	int		 ready;
	int		(*fn)(struct fake *);
} fakes[] = {
	{ "good", 1, fake_good },		/* as a VM should be */
	{ "deaf", 1, fake_serve },		/* its guest does not answer */
	{ "stuck", 1, fake_stuck },		/* nor does the process */
	{ "off", 1, fake_poweroff },
	{ "reboot", 1, fake_reboot },
	{ "crash", 1, fake_crash },
	{ "open", 1, fake_open },		/* uses a path */
	{ "rogue", 1, fake_rogue },
	{ "garbage", 1, fake_garbage },
	{ "fail", 0, fake_fail },
	{ "slow", 0, fake_serve },		/* never becomes ready */
};

int
vm_main(int fd)
{
	struct fake f = { 0 };
	struct imsg imsg;
	size_t i, len;
	int ret;

	imsg_init(&f.ibuf, fd);
	vm_start_init(&f.start);
	do {
		fake_next(&f, &imsg);
		ret = vm_start_take(&f.start, &imsg);
		imsg_free(&imsg);
	} while (ret == 0);
	if (ret == -1)
		return VMD_EXIT_FAIL;
	sandbox_enter(SANDBOX_VM);
	len = strcspn(f.start.vst_config.vc_name, "-");
	for (i = 0; i < sizeof(fakes) / sizeof(fakes[0]); i++) {
		if (strlen(fakes[i].name) != len ||
		    memcmp(fakes[i].name, f.start.vst_config.vc_name, len) != 0)
			continue;
		if (fakes[i].ready)
			fake_send(&f, IMSG_VMDOP_VM_READY, NULL, 0);
		return fakes[i].fn(&f);
	}
	return VMD_EXIT_FAIL;
}

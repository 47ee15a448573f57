/* SPDX-License-Identifier: ISC */
/*
 * For the tests of the kernel loaders: a file that is being made, a VM's
 * memory that it is loaded into, and looking at the outcome.
 */
#ifndef LOADTEST_H
#define LOADTEST_H

#include <asm/bootparam.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include <machine/specialreg.h>

#include "linuxboot.h"
#include "loadfile.h"

#define MIB		(1ULL << 20)
#define IMAGE_MAX	(4 * MIB)

static uint8_t			*image;		/* the file being made */
static size_t			 image_len;
static struct vmmem		 mm;
static struct vcpu_reg_state	 regs;
static char			 err[512];
static const char		*args;
static const char		*initrd;	/* its content, or NULL */
static off_t			 initrd_len;	/* 0: all of that */

static int
setup(void **state)
{
	(void)state;
	image = calloc(1, IMAGE_MAX);
	image_len = 0;
	args = "";
	initrd = NULL;
	initrd_len = 0;
	err[0] = '\0';
	memset(&regs, 0xa5, sizeof(regs));
	return (vmmem_alloc(&mm, 64 * MIB, "test"));
}

static int
teardown(void **state)
{
	(void)state;
	free(image);
	vmmem_free(&mm);
	return (0);
}

static int
file(const void *data, size_t len)
{
	int	 fd = memfd_create("file", MFD_CLOEXEC);

	assert_int_equal(write(fd, data, len), (ssize_t)len);
	return (fd);
}

static int
load_fd(int fd)
{
	struct loadfile	 lf = { &mm, fd, -1, args };
	int		 ret;

	if (initrd != NULL)
		lf.lf_initrd = file(initrd, strlen(initrd));
	if (initrd_len != 0)
		assert_int_equal(ftruncate(lf.lf_initrd, initrd_len), 0);
	ret = loadfile(&lf, &regs, err, sizeof(err));
	if (lf.lf_initrd != -1)
		close(lf.lf_initrd);
	close(fd);
	return (ret);
}

static int
load(void)
{
	return (load_fd(file(image, image_len)));
}

static void
load_fails(const char *why)
{
	assert_int_equal(load(), -1);
	if (strstr(err, why) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", err, why);
}

static void
put(size_t off, const void *data, size_t len)
{
	assert_true(off + len <= IMAGE_MAX);
	memcpy(image + off, data, len);
	if (image_len < off + len)
		image_len = off + len;
}

static void
get(uint64_t gpa, void *buf, size_t len)
{
	assert_int_equal(guestmem_read(&mm.mm_guest, gpa, buf, len), 0);
}

static void
string_is(uint64_t gpa, const char *want)
{
	char	 buf[256];

	get(gpa, buf, sizeof(buf));
	assert_string_equal(buf, want);
}

static struct boot_params
zero_page(void)
{
	struct boot_params	 bp;

	get(BOOT_INFO, &bp, sizeof(bp));
	return (bp);
}

#define T(name)	cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif /* LOADTEST_H */

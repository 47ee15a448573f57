/* SPDX-License-Identifier: ISC */
/*
 * Any file with the marks of a Linux bzImage, plain or compressed, is loaded
 * or refused with a text. What is loaded starts as the protocol says, and
 * everything it is told lies in RAM.
 */

#include <asm/bootparam.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "linuxboot.h"
#include "loadfile.h"

#define MIB	(1ULL << 20)

int	 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct vmmem	 mm;
static int		 kernel = -1, initrd;

static void
check(int ok)
{
	if (!ok)
		abort();
}

static void
init(void)
{
	check(vmmem_alloc(&mm, 32 * MIB, "fuzz") == 0);
	kernel = memfd_create("kernel", MFD_CLOEXEC);
	initrd = memfd_create("initrd", MFD_CLOEXEC);
	check(kernel != -1 && initrd != -1);
	check(ftruncate(initrd, 5000) == 0);
}

/* The input, with the marks without which it would be nothing. */
static void
make(const uint8_t *data, size_t len)
{
	static const uint8_t	 marks[] = { 0x55, 0xaa, 0xeb, 0x6a, 'H',
				    'd', 'r', 'S' };
	static const uint8_t	 version[] = { 0x0f, 0x02 };

	check(ftruncate(kernel, 0) == 0);
	check(pwrite(kernel, data, len, 0) == (ssize_t)len);
	if (len < 0x220 || (data[0] & 1))
		return;
	check(pwrite(kernel, marks, sizeof(marks), 0x1fe) == sizeof(marks));
	if (data[0] & 2)
		check(pwrite(kernel, version, 2, 0x206) == 2);
}

static void
check_loaded(const struct vcpu_reg_state *regs)
{
	struct boot_params	 bp;
	uint64_t		 end;

	check(regs->vrs_gprs[VCPU_REGS_RSI] == BOOT_INFO);
	check(guestmem_read(&mm.mm_guest, BOOT_INFO, &bp, sizeof(bp)) == 0);
	check(bp.hdr.header == LINUX_HDRS);
	check(bp.hdr.ramdisk_size == 5000);
	check(guestmem_contains(&mm.mm_guest, bp.hdr.ramdisk_image,
	    bp.hdr.ramdisk_size));
	end = (uint64_t)bp.hdr.ramdisk_image + bp.hdr.ramdisk_size;
	check(end <= (uint64_t)bp.hdr.initrd_addr_max + 1);
	check(bp.hdr.ramdisk_image >= VMMEM_HOLE_END);
	check(bp.hdr.cmd_line_ptr == BOOT_CMDLINE);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct vcpu_reg_state	 regs;
	struct loadfile		 lf = { &mm, -1, -1, "" };
	char			 err[512] = "";

	if (kernel == -1)
		init();
	if (len == 0)
		return (0);
	make(data, len);
	lf.lf_kernel = kernel;
	lf.lf_initrd = initrd;
	if (loadfile(&lf, &regs, err, sizeof(err)) == -1)
		check(err[0] != '\0');
	else if (regs.vrs_gprs[VCPU_REGS_RSI] != 0)
		check_loaded(&regs);
	return (0);
}

/* SPDX-License-Identifier: ISC */

/*
 * Linux/x86 boot protocol: the boot parameters ("zero page"), and the 64-bit
 * entry of a kernel that comes as ELF.
 */

#include <asm/bootparam.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "linuxboot.h"
#include "loadfile.h"

_Static_assert(sizeof(struct boot_params) == BOOT_PAGE, "the zero page");
_Static_assert(offsetof(struct boot_params, hdr) == LINUX_HDR_OFF,
    "setup header");
_Static_assert(offsetof(struct boot_params, e820_table) == 0x2d0,
    "memory map");
_Static_assert(VMMEM_NRANGES <= E820_MAX_ENTRIES_ZEROPAGE, "memory map");

#define E820_RAM	1
#define E820_RESERVED	2

static void
linux_e820(const struct vmmem *mm, struct boot_params *bp)
{
	size_t	 i;

	for (i = 0; i < mm->mm_nranges; i++) {
		bp->e820_table[i].addr = mm->mm_range[i].vmr_gpa;
		bp->e820_table[i].size = mm->mm_range[i].vmr_size;
		bp->e820_table[i].type =
		    mm->mm_range[i].vmr_type == VM_MEM_RAM ?
		    E820_RAM : E820_RESERVED;
	}
	bp->e820_entries = i;
}

int
linux_params(struct boot *b, const struct setup_header *hdr)
{
	struct boot_params	 bp;

	if (boot_cmdline(b, hdr->cmdline_size) == -1 ||
	    boot_initrd(b, hdr->initrd_addr_max) == -1)
		return (-1);
	memset(&bp, 0, sizeof(bp));
	bp.hdr = *hdr;
	bp.hdr.type_of_loader = LINUX_LOADER_UNDEFINED;
	bp.hdr.vid_mode = LINUX_VID_NORMAL;
	bp.hdr.loadflags &= ~CAN_USE_HEAP;
	bp.hdr.cmd_line_ptr = BOOT_CMDLINE;
	bp.hdr.ramdisk_image = b->b_initrd_gpa;		/* below 4 GiB */
	bp.hdr.ramdisk_size = b->b_initrd_len;
	bp.hdr.setup_data = 0;
	linux_e820(b->b_mem, &bp);
	if (guestmem_write(b->b_gm, BOOT_INFO, &bp, sizeof(bp)) == -1)
		return (boot_fail(b, "%s", strerror(errno)));
	return (0);
}

int
linux_enter64(struct boot *b, uint64_t entry)
{
	struct setup_header	 hdr;

	/* An ELF kernel has no setup header: what such a kernel relies on. */
	memset(&hdr, 0, sizeof(hdr));
	hdr.boot_flag = LINUX_BOOT_FLAG;
	hdr.header = LINUX_HDRS;
	hdr.version = LINUX_VERSION_64;
	hdr.loadflags = LOADED_HIGH;
	hdr.kernel_alignment = LINUX_ALIGN_64;
	hdr.initrd_addr_max = LINUX_INITRD_MAX;
	hdr.cmdline_size = LINUX_CMDLINE_MAX;
	if (linux_params(b, &hdr) == -1)
		return (-1);
	boot_regs64(b, entry);
	b->b_regs->vrs_gprs[VCPU_REGS_RSI] = BOOT_INFO;
	return (0);
}

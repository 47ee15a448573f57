/* SPDX-License-Identifier: ISC */

/* Linux bzImage, entered in 32-bit mode; Linux/x86 boot protocol. */

#include <asm/bootparam.h>
#include <stddef.h>
#include <string.h>

#include "linuxboot.h"
#include "loadfile.h"

_Static_assert(LINUX_HDR_OFF + offsetof(struct setup_header, boot_flag) ==
    0x1fe, "boot_flag");
_Static_assert(LINUX_HDR_OFF + offsetof(struct setup_header, header) ==
    LINUX_HDR_BASE, "header");
_Static_assert(LINUX_HDR_OFF + offsetof(struct setup_header, init_size) ==
    0x260, "init_size");

#define BZIMAGE_LOAD	VMMEM_HOLE_END		/* of all bzImages */

int
bzimage_probe(struct boot *b)
{
	uint16_t	 flag;
	uint32_t	 magic;

	if (b->b_kernel.gz_size < LINUX_HDR_BASE + sizeof(magic))
		return (0);
	if (boot_read(b, LINUX_HDR_BASE - 4, &flag, sizeof(flag)) == -1 ||
	    boot_read(b, LINUX_HDR_BASE, &magic, sizeof(magic)) == -1)
		return (-1);
	return (flag == LINUX_BOOT_FLAG && magic == LINUX_HDRS);
}

/* The setup header, as much as this kernel has; the rest is 0. */
static int
bzimage_header(struct boot *b, struct setup_header *hdr)
{
	uint8_t	 jump;
	size_t	 len;

	memset(hdr, 0, sizeof(*hdr));
	if (boot_read(b, LINUX_JUMP_OFF, &jump, sizeof(jump)) == -1)
		return (-1);
	len = LINUX_HDR_BASE + jump - LINUX_HDR_OFF;
	if (len > sizeof(*hdr))
		len = sizeof(*hdr);
	if (boot_read(b, LINUX_HDR_OFF, hdr, len) == -1)
		return (-1);
	if (hdr->version < LINUX_VERSION_MIN)
		return (boot_fail(b, "Linux boot protocol %u.%02u is too old: "
		    "2.06 (Linux 2.6.22) or later is needed",
		    hdr->version >> 8, hdr->version & 0xff));
	if (!(hdr->loadflags & LOADED_HIGH))
		return (boot_fail(b, "a Linux zImage: only a bzImage will do"));
	if (hdr->initrd_addr_max == 0)
		hdr->initrd_addr_max = LINUX_INITRD_MAX_OLD;
	return (0);
}

/* Where the protected-mode part is in the file. */
static int
bzimage_extent(struct boot *b, const struct setup_header *hdr, uint64_t *off,
    uint64_t *len)
{
	uint64_t	 sects = hdr->setup_sects;

	if (sects == 0)
		sects = LINUX_SETUP_SECTS;
	*off = (sects + 1) * LINUX_SECTOR;
	*len = (uint64_t)hdr->syssize * LINUX_PARAGRAPH;
	if (*len == 0 || *off >= b->b_kernel.gz_size ||
	    *len > b->b_kernel.gz_size - *off)
		return (boot_fail(b, "the file is cut off"));
	return (0);
}

/*
 * The kernel moves and unpacks itself: where it will be then must be RAM
 * and free of the initial RAM disk.
 */
static int
bzimage_claim_init(struct boot *b, const struct setup_header *hdr)
{
	uint64_t	 start = BZIMAGE_LOAD, align = hdr->kernel_alignment;

	if (hdr->version < LINUX_VERSION_INIT_SIZE)
		return (0);
	if (hdr->relocatable_kernel && align != 0)
		start = (start + align - 1) / align * align;
	if (!hdr->relocatable_kernel || start < hdr->pref_address)
		start = hdr->pref_address;
	return (boot_claim(b, start, hdr->init_size));
}

int
bzimage_load(struct boot *b)
{
	struct setup_header	 hdr;
	uint64_t		 off, len;

	boot_is_linux(b);
	if (bzimage_header(b, &hdr) == -1 ||
	    bzimage_extent(b, &hdr, &off, &len) == -1 ||
	    boot_load(b, off, len, BZIMAGE_LOAD, len) == -1 ||
	    bzimage_claim_init(b, &hdr) == -1 ||
	    linux_params(b, &hdr) == -1)
		return (-1);
	boot_regs32(b, hdr.code32_start);
	b->b_regs->vrs_gprs[VCPU_REGS_RSI] = BOOT_INFO;
	return (0);
}

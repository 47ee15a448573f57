/* SPDX-License-Identifier: ISC */
/*
 * Linux/x86 boot protocol (Documentation/arch/x86/boot.rst): values that
 * <asm/bootparam.h> does not name.
 */
#ifndef VMD_LINUXBOOT_H
#define VMD_LINUXBOOT_H

#define LINUX_HDR_OFF		0x1f1		/* setup header in the file */
#define LINUX_JUMP_OFF		0x201		/* its length beyond 0x202 */
#define LINUX_HDR_BASE		0x202
#define LINUX_BOOT_FLAG		0xaa55
#define LINUX_HDRS		0x53726448	/* "HdrS" */
#define LINUX_SECTOR		512
#define LINUX_SETUP_SECTS	4		/* meant by 0 */
#define LINUX_PARAGRAPH		16		/* unit of syssize */

#define LINUX_VERSION_MIN	0x0206		/* brings cmdline_size */
#define LINUX_VERSION_INIT_SIZE	0x020a		/* pref_address, init_size */
#define LINUX_VERSION_64	0x020c

#define LINUX_LOADER_UNDEFINED	0xff
#define LINUX_VID_NORMAL	0xffff
#define LINUX_ALIGN_64		0x1000000
#define LINUX_INITRD_MAX	0x7fffffff	/* last address */
#define LINUX_INITRD_MAX_OLD	0x37ffffff	/* when the header has 0 */
#define LINUX_CMDLINE_MAX	2047		/* COMMAND_LINE_SIZE - 1 */

#endif /* VMD_LINUXBOOT_H */

/* SPDX-License-Identifier: ISC */

/*
 * The PVH boot protocol: 32-bit entry with EBX = struct hvm_start_info,
 * version 1 (Xen's public/arch-x86/hvm/start_info.h).
 */

#include <errno.h>
#include <string.h>

#include "loadfile.h"

#define PVH_MAGIC		0x336ec578
#define PVH_VERSION		1	/* has a memory map */
#define PVH_MEM_RAM		1	/* types as in an E820 map */
#define PVH_MEM_RESERVED	2

struct hvm_start_info {
	uint32_t	 magic;
	uint32_t	 version;
	uint32_t	 flags;
	uint32_t	 nr_modules;
	uint64_t	 modlist_paddr;
	uint64_t	 cmdline_paddr;
	uint64_t	 rsdp_paddr;
	uint64_t	 memmap_paddr;
	uint32_t	 memmap_entries;
	uint32_t	 reserved;
};
_Static_assert(sizeof(struct hvm_start_info) == 56, "start_info.h");

struct hvm_modlist_entry {
	uint64_t	 paddr;
	uint64_t	 size;
	uint64_t	 cmdline_paddr;
	uint64_t	 reserved;
};
_Static_assert(sizeof(struct hvm_modlist_entry) == 32, "start_info.h");

struct hvm_memmap_table_entry {
	uint64_t	 addr;
	uint64_t	 size;
	uint32_t	 type;
	uint32_t	 reserved;
};
_Static_assert(sizeof(struct hvm_memmap_table_entry) == 24, "start_info.h");

/* All that the kernel is told, as it lies at BOOT_INFO. */
struct pvh_page {
	struct hvm_start_info		 info;
	struct hvm_modlist_entry	 initrd;
	struct hvm_memmap_table_entry	 map[VMMEM_NRANGES];
};
_Static_assert(sizeof(struct pvh_page) <= BOOT_PAGE, "one page");

int
pvh_info(struct boot *b)
{
	const struct vmmem	*mm = b->b_mem;
	struct pvh_page		 p;
	size_t			 i;

	if (boot_cmdline(b, BOOT_PAGE) == -1 ||
	    boot_initrd(b, UINT32_MAX) == -1)
		return (-1);
	memset(&p, 0, sizeof(p));
	p.info.magic = PVH_MAGIC;
	p.info.version = PVH_VERSION;
	p.info.cmdline_paddr = BOOT_CMDLINE;
	p.info.memmap_paddr = BOOT_INFO + offsetof(struct pvh_page, map);
	p.info.memmap_entries = mm->mm_nranges;
	if (b->b_initrd_len > 0) {
		p.info.nr_modules = 1;
		p.info.modlist_paddr = BOOT_INFO +
		    offsetof(struct pvh_page, initrd);
		p.initrd.paddr = b->b_initrd_gpa;
		p.initrd.size = b->b_initrd_len;
	}
	for (i = 0; i < mm->mm_nranges; i++) {
		p.map[i].addr = mm->mm_range[i].vmr_gpa;
		p.map[i].size = mm->mm_range[i].vmr_size;
		p.map[i].type = mm->mm_range[i].vmr_type == VM_MEM_RAM ?
		    PVH_MEM_RAM : PVH_MEM_RESERVED;
	}
	if (guestmem_write(b->b_gm, BOOT_INFO, &p, sizeof(p)) == -1)
		return (boot_fail(b, "%s", strerror(errno)));
	return (0);
}

int
pvh_enter(struct boot *b, uint64_t entry)
{
	if (pvh_info(b) == -1)
		return (-1);
	boot_regs32(b, entry);
	b->b_regs->vrs_gprs[VCPU_REGS_RBX] = BOOT_INFO;
	return (0);
}

/* SPDX-License-Identifier: ISC */

/* Kernels with a multiboot header; Multiboot Specification 0.6.96. */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "loadfile.h"

#define MB_SEARCH		8192		/* section 3.1: it is there */
#define MB_HEADER_MAGIC		0x1badb002
#define MB_BOOT_MAGIC		0x2badb002	/* in EAX */
#define MB_REQUIRED		0x0000ffff	/* flags to be understood */
#define MB_PAGE_ALIGN		0x00000001
#define MB_MEMORY_INFO		0x00000002
#define MB_VIDEO_MODE		0x00000004	/* a wish: there is none */
#define MB_KNOWN		(MB_PAGE_ALIGN | MB_MEMORY_INFO | MB_VIDEO_MODE)

#define MB_INFO_MEMORY		0x001
#define MB_INFO_CMDLINE		0x004
#define MB_INFO_MODS		0x008
#define MB_INFO_MMAP		0x040
#define MB_INFO_LOADER		0x200

#define MB_MEM_RAM		1
#define MB_MEM_RESERVED		2

struct mb_header {
	uint32_t	 magic;
	uint32_t	 flags;
	uint32_t	 checksum;
	/* with MULTIBOOT_ADDRESSES */
	uint32_t	 header_addr;
	uint32_t	 load_addr;
	uint32_t	 load_end_addr;
	uint32_t	 bss_end_addr;
	uint32_t	 entry_addr;
};
_Static_assert(sizeof(struct mb_header) == 32, "section 3.1.1");
#define MB_HEADER_MIN		12		/* up to checksum */

struct mb_info {
	uint32_t	 flags;
	uint32_t	 mem_lower;		/* KiB from 0 */
	uint32_t	 mem_upper;		/* KiB from 1 MiB */
	uint32_t	 boot_device;
	uint32_t	 cmdline;
	uint32_t	 mods_count;
	uint32_t	 mods_addr;
	uint32_t	 syms[4];
	uint32_t	 mmap_length;
	uint32_t	 mmap_addr;
	uint32_t	 drives_length;
	uint32_t	 drives_addr;
	uint32_t	 config_table;
	uint32_t	 boot_loader_name;
	uint32_t	 apm_table;
};
_Static_assert(sizeof(struct mb_info) == 72, "section 3.3");

struct mb_module {
	uint32_t	 start;
	uint32_t	 end;			/* first byte after it */
	uint32_t	 string;
	uint32_t	 reserved;
};
_Static_assert(sizeof(struct mb_module) == 16, "section 3.3");

struct mb_mmap {
	uint32_t	 size;			/* of what follows it */
	uint64_t	 addr;
	uint64_t	 len;
	uint32_t	 type;
} __attribute__((__packed__));
_Static_assert(sizeof(struct mb_mmap) == 24, "section 3.3");

/* All that the kernel is told, as it lies at BOOT_INFO. */
struct mb_page {
	struct mb_info		 info;
	struct mb_module	 initrd;
	struct mb_mmap		 map[VMMEM_NRANGES];
	char			 loader[8];
	char			 empty[8];	/* string of the module */
};
_Static_assert(sizeof(struct mb_page) <= BOOT_PAGE, "one page");
#define MB_AT(field)	(BOOT_INFO + (uint32_t)offsetof(struct mb_page, field))

int
multiboot_find(struct boot *b, struct multiboot *m)
{
	uint32_t	 w[MB_SEARCH / sizeof(uint32_t)];
	size_t		 i, n;

	memset(m, 0, sizeof(*m));
	n = sizeof(w);
	if (n > b->b_kernel.gz_size)
		n = b->b_kernel.gz_size & ~(uint64_t)(sizeof(w[0]) - 1);
	if (boot_read(b, 0, w, n) == -1)
		return (-1);
	for (i = 0; i + 2 < n / sizeof(w[0]); i++) {
		if (w[i] != MB_HEADER_MAGIC || w[i] + w[i + 1] + w[i + 2] != 0)
			continue;
		m->m_off = i * sizeof(w[0]);
		m->m_flags = w[i + 1];
		if (m->m_flags & MB_REQUIRED & ~MB_KNOWN)
			return (boot_fail(b, "multiboot, but with demands "
			    "(0x%x) that nobody knows",
			    m->m_flags & MB_REQUIRED & ~MB_KNOWN));
		return (1);
	}
	return (0);
}

/*
 * Section 3.1.3: the address fields say where the file goes. The header is
 * known to be at m_off, the text starts as far in front of it in the file as
 * it does in memory.
 */
int
multiboot_load_raw(struct boot *b, const struct multiboot *m)
{
	struct mb_header	 h;
	uint64_t		 off, filelen, len, size = b->b_kernel.gz_size;

	if (boot_read(b, m->m_off, &h, sizeof(h)) == -1)
		return (-1);
	if (h.load_addr > h.header_addr ||
	    h.header_addr - h.load_addr > m->m_off)
		return (boot_fail(b, "damaged: its multiboot header gives a "
		    "load address outside of the file"));
	off = m->m_off - (h.header_addr - h.load_addr);
	filelen = size - off;
	if (h.load_end_addr != 0) {
		if (h.load_end_addr < h.load_addr ||
		    h.load_end_addr - h.load_addr > filelen)
			return (boot_fail(b, "the file is cut off"));
		filelen = h.load_end_addr - h.load_addr;
	}
	len = filelen;
	if (h.bss_end_addr != 0 && h.bss_end_addr > h.load_addr + len)
		len = h.bss_end_addr - h.load_addr;
	if (boot_load(b, off, filelen, h.load_addr, len) == -1)
		return (-1);
	return (multiboot_enter(b, h.entry_addr));
}

static void
multiboot_mmap(const struct vmmem *mm, struct mb_page *p)
{
	size_t	 i;

	for (i = 0; i < mm->mm_nranges; i++) {
		p->map[i].size = sizeof(p->map[i]) - sizeof(p->map[i].size);
		p->map[i].addr = mm->mm_range[i].vmr_gpa;
		p->map[i].len = mm->mm_range[i].vmr_size;
		p->map[i].type = mm->mm_range[i].vmr_type == VM_MEM_RAM ?
		    MB_MEM_RAM : MB_MEM_RESERVED;
	}
	p->info.flags |= MB_INFO_MMAP;
	p->info.mmap_addr = MB_AT(map);
	p->info.mmap_length = i * sizeof(p->map[0]);
}

int
multiboot_enter(struct boot *b, uint64_t entry)
{
	struct mb_page	 p;

	if (boot_cmdline(b, BOOT_PAGE) == -1 ||
	    boot_initrd(b, UINT32_MAX) == -1)
		return (-1);
	memset(&p, 0, sizeof(p));
	p.info.flags = MB_INFO_MEMORY | MB_INFO_CMDLINE | MB_INFO_LOADER;
	p.info.mem_lower = VMMEM_LOW_END / 1024;
	p.info.mem_upper = (vmmem_main_end(b->b_mem) - VMMEM_HOLE_END) / 1024;
	p.info.cmdline = BOOT_CMDLINE;
	p.info.boot_loader_name = MB_AT(loader);
	memcpy(p.loader, "vmd", sizeof("vmd"));
	if (b->b_initrd_len > 0) {
		p.info.flags |= MB_INFO_MODS;
		p.info.mods_count = 1;
		p.info.mods_addr = MB_AT(initrd);
		p.initrd.start = b->b_initrd_gpa;
		p.initrd.end = b->b_initrd_gpa + b->b_initrd_len;
		p.initrd.string = MB_AT(empty);
	}
	multiboot_mmap(b->b_mem, &p);
	if (guestmem_write(b->b_gm, BOOT_INFO, &p, sizeof(p)) == -1)
		return (boot_fail(b, "%s", strerror(errno)));
	boot_regs32(b, entry);
	b->b_regs->vrs_gprs[VCPU_REGS_RAX] = MB_BOOT_MAGIC;
	b->b_regs->vrs_gprs[VCPU_REGS_RBX] = BOOT_INFO;
	return (0);
}

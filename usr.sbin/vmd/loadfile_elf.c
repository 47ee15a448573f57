/* SPDX-License-Identifier: ISC */

/* ELF kernels: segments, notes and the choice of how to enter; elf(5). */

#include <elf.h>
#include <inttypes.h>
#include <string.h>

#include "loadfile.h"

#define ELF_MAX_PHDRS		64
#define ELF_MAX_NOTES		256	/* looked at in one segment */
#define ELF_NOTE_NAME		8	/* long enough for those we know */
#define ELF_ENTRY_MAX		UINT32_MAX
#define XEN_ELFNOTE_PHYS32_ENTRY 18	/* Xen's public/elfnote.h */

/* One program header of either class. */
struct elf_segment {
	uint32_t	 type;
	uint64_t	 off;
	uint64_t	 vaddr;
	uint64_t	 paddr;
	uint64_t	 filesz;
	uint64_t	 memsz;
};

struct elf_image {
	int			 is64;
	uint64_t		 entry;		/* physical */
	uint64_t		 phoff;
	size_t			 phentsize;
	size_t			 nsegs;
	struct elf_segment	 seg[ELF_MAX_PHDRS];
	int			 has_pvh;
	uint64_t		 pvh_entry;
	int			 is_linux;
};

int
elf_probe(struct boot *b)
{
	uint8_t	 magic[SELFMAG];

	if (b->b_kernel.gz_size < sizeof(magic))
		return (0);
	if (boot_read(b, 0, magic, sizeof(magic)) == -1)
		return (-1);
	return (memcmp(magic, ELFMAG, SELFMAG) == 0);
}

static int
elf_header64(struct boot *b, struct elf_image *e)
{
	Elf64_Ehdr	 eh;

	if (boot_read(b, 0, &eh, sizeof(eh)) == -1)
		return (-1);
	if (eh.e_machine != EM_X86_64 || eh.e_type == ET_REL)
		return (boot_fail(b, "ELF, but no executable for x86-64"));
	e->is64 = 1;
	e->entry = eh.e_entry;
	e->phoff = eh.e_phoff;
	e->phentsize = eh.e_phentsize;
	e->nsegs = eh.e_phnum;
	return (0);
}

static int
elf_header32(struct boot *b, struct elf_image *e)
{
	Elf32_Ehdr	 eh;

	if (boot_read(b, 0, &eh, sizeof(eh)) == -1)
		return (-1);
	if ((eh.e_machine != EM_386 && eh.e_machine != EM_X86_64) ||
	    eh.e_type == ET_REL)
		return (boot_fail(b, "ELF, but no executable for x86"));
	e->entry = eh.e_entry;
	e->phoff = eh.e_phoff;
	e->phentsize = eh.e_phentsize;
	e->nsegs = eh.e_phnum;
	return (0);
}

static int
elf_header(struct boot *b, struct elf_image *e)
{
	uint8_t	 ident[EI_NIDENT];
	size_t	 want;
	int	 ret;

	if (boot_read(b, 0, ident, sizeof(ident)) == -1)
		return (-1);
	if (ident[EI_DATA] != ELFDATA2LSB)
		return (boot_fail(b, "ELF, but not little-endian"));
	if (ident[EI_CLASS] == ELFCLASS64)
		ret = elf_header64(b, e);
	else
		ret = elf_header32(b, e);
	if (ret == -1)
		return (-1);
	want = e->is64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
	if (e->phentsize != want || e->nsegs == 0 ||
	    e->nsegs > ELF_MAX_PHDRS)
		return (boot_fail(b, "ELF, but without usable program headers "
		    "(1 to %d)", ELF_MAX_PHDRS));
	return (0);
}

static void
elf_segment64(struct elf_segment *s, const Elf64_Phdr *ph)
{
	s->type = ph->p_type;
	s->off = ph->p_offset;
	s->vaddr = ph->p_vaddr;
	s->paddr = ph->p_paddr;
	s->filesz = ph->p_filesz;
	s->memsz = ph->p_memsz;
}

static void
elf_segment32(struct elf_segment *s, const Elf32_Phdr *ph)
{
	s->type = ph->p_type;
	s->off = ph->p_offset;
	s->vaddr = ph->p_vaddr;
	s->paddr = ph->p_paddr;
	s->filesz = ph->p_filesz;
	s->memsz = ph->p_memsz;
}

static int
elf_segments(struct boot *b, struct elf_image *e)
{
	Elf64_Phdr	 ph64;
	Elf32_Phdr	 ph32;
	uint64_t	 off = e->phoff, next;
	size_t		 i;

	for (i = 0; i < e->nsegs; i++, off = next) {
		if (__builtin_add_overflow(off, e->phentsize, &next))
			return (boot_fail(b, "the file is cut off"));
		if (e->is64) {
			if (boot_read(b, off, &ph64, sizeof(ph64)) == -1)
				return (-1);
			elf_segment64(&e->seg[i], &ph64);
		} else {
			if (boot_read(b, off, &ph32, sizeof(ph32)) == -1)
				return (-1);
			elf_segment32(&e->seg[i], &ph32);
		}
	}
	return (0);
}

/* A note with its description at off: is it one that we know? */
static int
elf_note(struct boot *b, struct elf_image *e, const Elf32_Nhdr *nh,
    const char *name, uint64_t off)
{
	uint64_t	 entry = 0;

	/* Linux marks its kernels with notes of its own name. */
	if (nh->n_namesz == sizeof("Linux") && strcmp(name, "Linux") == 0)
		e->is_linux = 1;
	if (nh->n_namesz != sizeof("Xen") || strcmp(name, "Xen") != 0 ||
	    nh->n_type != XEN_ELFNOTE_PHYS32_ENTRY)
		return (0);
	if (nh->n_descsz != sizeof(uint32_t) &&
	    nh->n_descsz != sizeof(uint64_t))
		return (boot_fail(b, "ELF, but its PVH note has a wrong size"));
	if (boot_read(b, off, &entry, nh->n_descsz) == -1)
		return (-1);
	e->has_pvh = 1;
	e->pvh_entry = entry;
	return (0);
}

static uint64_t
elf_note_align(uint32_t n)
{
	return (((uint64_t)n + 3) & ~(uint64_t)3);
}

/* A damaged list of notes ends where it makes no sense any more. */
static int
elf_notes(struct boot *b, struct elf_image *e, const struct elf_segment *s)
{
	char		 name[ELF_NOTE_NAME + 1];
	Elf32_Nhdr	 nh;
	uint64_t	 off = 0, len, end;
	int		 n;

	if (s->off > b->b_kernel.gz_size ||
	    s->filesz > b->b_kernel.gz_size - s->off)
		return (boot_fail(b, "the file is cut off"));
	for (n = 0; n < ELF_MAX_NOTES; n++, off = end) {
		if (s->filesz < sizeof(nh) || off > s->filesz - sizeof(nh))
			break;
		if (boot_read(b, s->off + off, &nh, sizeof(nh)) == -1)
			return (-1);
		len = elf_note_align(nh.n_namesz);
		end = off + sizeof(nh) + len + elf_note_align(nh.n_descsz);
		if (end > s->filesz)
			break;
		memset(name, 0, sizeof(name));
		if (nh.n_namesz <= ELF_NOTE_NAME && boot_read(b,
		    s->off + off + sizeof(nh), name, nh.n_namesz) == -1)
			return (-1);
		if (elf_note(b, e, &nh, name,
		    s->off + off + sizeof(nh) + len) == -1)
			return (-1);
	}
	return (0);
}

/* 1 if a loadable segment before n shares memory with it. */
static int
elf_overlaps(const struct elf_image *e, size_t n)
{
	const struct elf_segment	*s = &e->seg[n], *t;
	size_t				 i;

	for (i = 0; i < n; i++) {
		t = &e->seg[i];
		if (t->type == PT_LOAD && t->memsz > 0 &&
		    s->paddr < t->paddr + t->memsz &&
		    t->paddr < s->paddr + s->memsz)
			return (1);
	}
	return (0);
}

static int
elf_load_segments(struct boot *b, struct elf_image *e)
{
	const struct elf_segment	*s;
	size_t				 i, loaded = 0;

	for (i = 0; i < e->nsegs; i++) {
		s = &e->seg[i];
		if (s->type == PT_NOTE && elf_notes(b, e, s) == -1)
			return (-1);
		if (s->type != PT_LOAD || s->memsz == 0)
			continue;
		if (boot_load(b, s->off, s->filesz, s->paddr, s->memsz) == -1)
			return (-1);
		if (elf_overlaps(e, i))
			return (boot_fail(b, "damaged: two segments share "
			    "memory at 0x%" PRIx64, s->paddr));
		loaded++;
	}
	if (loaded == 0)
		return (boot_fail(b, "ELF, but with nothing to load"));
	return (0);
}

/*
 * The entry is meant as a virtual address, before the guest maps any: follow
 * the segment that it is in. Linux gives a physical one that is in none.
 */
static void
elf_fix_entry(struct elf_image *e)
{
	const struct elf_segment	*s;
	size_t				 i;

	for (i = 0; i < e->nsegs; i++) {
		s = &e->seg[i];
		if (s->type == PT_LOAD && e->entry >= s->vaddr &&
		    e->entry - s->vaddr < s->memsz) {
			e->entry = e->entry - s->vaddr + s->paddr;
			return;
		}
	}
}

/* The last resort: the machine is as simple as it can be. */
static int
elf_enter_plain(struct boot *b, const struct elf_image *e)
{
	if (pvh_info(b) == -1)
		return (-1);
	if (e->is64) {
		boot_regs64(b, e->entry);
		b->b_regs->vrs_gprs[VCPU_REGS_RDI] = BOOT_INFO;
	} else {
		boot_regs32(b, e->entry);
		b->b_regs->vrs_gprs[VCPU_REGS_RBX] = BOOT_INFO;
	}
	return (0);
}

int
elf_load(struct boot *b)
{
	struct elf_image	 e;
	struct multiboot	 m;
	int			 found;

	memset(&e, 0, sizeof(e));
	if (elf_header(b, &e) == -1 || elf_segments(b, &e) == -1)
		return (-1);
	if ((found = multiboot_find(b, &m)) == -1)
		return (-1);
	if (found && (m.m_flags & MULTIBOOT_ADDRESSES))
		return (multiboot_load_raw(b, &m));
	if (elf_load_segments(b, &e) == -1)
		return (-1);
	elf_fix_entry(&e);
	if (e.is_linux)
		boot_is_linux(b);
	if (e.has_pvh)
		e.entry = e.pvh_entry;
	if (e.entry > ELF_ENTRY_MAX)
		return (boot_fail(b, "its entry point 0x%" PRIx64 " is not "
		    "below 4 GiB", e.entry));
	if (e.has_pvh)
		return (pvh_enter(b, e.entry));
	if (e.is_linux && e.is64)
		return (linux_enter64(b, e.entry));
	if (found)
		return (multiboot_enter(b, e.entry));
	return (elf_enter_plain(b, &e));
}

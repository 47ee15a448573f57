/* SPDX-License-Identifier: ISC */
/*
 * Promises of loading ELF and multiboot kernels: what each kind is told and
 * where it starts, and what becomes of damaged and hostile files.
 */

#include <elf.h>

#include "loadtest.h"

/* ELF */

#define TEXT	0x1000		/* offset of the only segment's bytes */

static Elf64_Phdr *
elf64(uint64_t entry, uint16_t nsegs)
{
	Elf64_Ehdr	 eh;
	Elf64_Phdr	*ph = (Elf64_Phdr *)(image + sizeof(eh));

	memset(&eh, 0, sizeof(eh));
	memcpy(eh.e_ident, ELFMAG, SELFMAG);
	eh.e_ident[EI_CLASS] = ELFCLASS64;
	eh.e_ident[EI_DATA] = ELFDATA2LSB;
	eh.e_type = ET_EXEC;
	eh.e_machine = EM_X86_64;
	eh.e_entry = entry;
	eh.e_phoff = sizeof(eh);
	eh.e_phentsize = sizeof(*ph);
	eh.e_phnum = nsegs;
	put(0, &eh, sizeof(eh));
	memset(image + TEXT, 0xe1, 0x1000);
	image_len = TEXT + 0x1000;
	ph[0].p_type = PT_LOAD;
	ph[0].p_offset = TEXT;
	ph[0].p_vaddr = ph[0].p_paddr = 2 * MIB;
	ph[0].p_filesz = 0x1000;
	ph[0].p_memsz = 0x3000;
	return (ph);
}

static Elf32_Phdr *
elf32(uint32_t entry)
{
	Elf32_Ehdr	 eh;
	Elf32_Phdr	*ph = (Elf32_Phdr *)(image + sizeof(eh));

	memset(&eh, 0, sizeof(eh));
	memcpy(eh.e_ident, ELFMAG, SELFMAG);
	eh.e_ident[EI_CLASS] = ELFCLASS32;
	eh.e_ident[EI_DATA] = ELFDATA2LSB;
	eh.e_type = ET_EXEC;
	eh.e_machine = EM_386;
	eh.e_entry = entry;
	eh.e_phoff = sizeof(eh);
	eh.e_phentsize = sizeof(*ph);
	eh.e_phnum = 1;
	put(0, &eh, sizeof(eh));
	memset(image + TEXT, 0xe3, 0x1000);
	image_len = TEXT + 0x1000;
	ph[0].p_type = PT_LOAD;
	ph[0].p_offset = TEXT;
	ph[0].p_vaddr = ph[0].p_paddr = MIB;
	ph[0].p_filesz = ph[0].p_memsz = 0x1000;
	return (ph);
}

/* A second segment with one note. */
static void
note(Elf64_Phdr *ph, const char *name, uint32_t type, const void *desc,
    uint32_t desclen)
{
	Elf64_Nhdr	 nh = { strlen(name) + 1, desclen, type };
	size_t		 at = 0x800, n = (strlen(name) + 4) & ~3u;

	memset(image + at, 0, 64);
	put(at, &nh, sizeof(nh));
	put(at + sizeof(nh), name, nh.n_namesz);
	put(at + sizeof(nh) + n, desc, desclen);
	ph[1].p_type = PT_NOTE;
	ph[1].p_offset = at;
	ph[1].p_filesz = sizeof(nh) + n + ((desclen + 3) & ~3u);
}

static void
plain_elf64_starts_in_long_mode_with_4_gib_mapped(void **state)
{
	uint64_t	 pt[512], pd;
	uint8_t		 code;
	int		 i;

	(void)state;
	elf64(2 * MIB + 8, 1);
	assert_int_equal(load(), 0);
	get(2 * MIB + 0xfff, &code, 1);
	assert_int_equal(code, 0xe1);
	assert_int_equal(regs.vrs_gprs[VCPU_REGS_RIP], 2 * MIB + 8);
	assert_int_equal(regs.vrs_gprs[VCPU_REGS_RDI], BOOT_INFO);
	assert_int_equal(regs.vrs_crs[VCPU_REGS_CR0],
	    CR0_PE | CR0_ET | CR0_PG);
	assert_int_equal(regs.vrs_crs[VCPU_REGS_CR4], CR4_PAE);
	assert_int_equal(regs.vrs_msrs[VCPU_REGS_EFER], EFER_LME | EFER_LMA);
	assert_int_equal(regs.vrs_sregs[VCPU_REGS_CS].vsi_ar, 0xa09b);
	get(regs.vrs_crs[VCPU_REGS_CR3], pt, sizeof(pt));
	assert_int_equal(pt[0], BOOT_PDPT | 3);
	get(BOOT_PDPT, pt, sizeof(pt));
	for (i = 0; i < 4; i++) {
		get((pt[i] & ~0xfffULL) + 511 * 8, &pd, sizeof(pd));
		assert_int_equal(pd, ((uint64_t)i << 30 | 511ULL << 21) |
		    0x83);
	}
	assert_int_equal(pt[4], 0);
}

static void
plain_elf32_starts_in_flat_32_bit_mode(void **state)
{
	(void)state;
	elf32(MIB + 4);
	assert_int_equal(load(), 0);
	assert_int_equal(regs.vrs_gprs[VCPU_REGS_RIP], MIB + 4);
	assert_int_equal(regs.vrs_gprs[VCPU_REGS_RBX], BOOT_INFO);
	assert_int_equal(regs.vrs_crs[VCPU_REGS_CR0], CR0_PE | CR0_ET);
}

static void
a_virtual_entry_follows_its_segment(void **state)
{
	(void)state;
	elf64(0xffffffff80200010, 1)->p_vaddr = 0xffffffff80200000;
	assert_int_equal(load(), 0);
	assert_int_equal(regs.vrs_gprs[VCPU_REGS_RIP], 2 * MIB + 0x10);
	elf64(0xffffffff80200000, 1)->p_vaddr = 0xffffffff80200000;
	assert_int_equal(load(), 0);
	assert_int_equal(regs.vrs_gprs[VCPU_REGS_RIP], 2 * MIB);
	elf64(0xffffffff80203000, 1)->p_vaddr = 0xffffffff80200000;
	load_fails("not below 4 GiB");
	elf64(0x100000000, 1);
	load_fails("not below 4 GiB");
	elf64(0xffffffff, 1);
	assert_int_equal(load(), 0);
}

/* struct hvm_start_info, by the offsets of Xen's start_info.h */
static void
check_start_info(const char *cmdline)
{
	uint8_t		 b[56], mod[32], map[3 * 24];
	uint64_t	 at;
	uint32_t	 n;

	get(BOOT_INFO, b, sizeof(b));
	assert_memory_equal(b, "\x78\xc5\x6e\x33\x01\0\0\0", 8);
	memcpy(&n, b + 12, 4);
	assert_int_equal(n, initrd != NULL);
	memcpy(&at, b + 16, 8);
	if (initrd != NULL) {
		get(at, mod, sizeof(mod));
		memcpy(&at, mod, 8);
		assert_int_equal(at, 64 * MIB - 4096);
		memcpy(&at, mod + 8, 8);
		assert_int_equal(at, strlen(initrd));
	}
	memcpy(&at, b + 24, 8);
	string_is(at, cmdline);
	memcpy(&n, b + 48, 4);
	assert_int_equal(n, 3);
	memcpy(&at, b + 40, 8);
	get(at, map, sizeof(map));
	assert_memory_equal(map, "\0\0\0\0\0\0\0\0" "\0\0\x0a\0\0\0\0\0" "\1",
	    17);
	assert_memory_equal(map + 24, "\0\0\x0a\0\0\0\0\0", 8);
	assert_int_equal(map[24 + 16], 2);
	assert_memory_equal(map + 48, "\0\0\x10\0\0\0\0\0" "\0\0\xf0\3", 12);
}

static void
pvh_note_decides_entry_and_start_info(void **state)
{
	uint32_t	 entry = 2 * MIB + 0x100;

	(void)state;
	note(elf64(0x123456, 2), "Xen", 18, &entry, sizeof(entry));
	args = "hello";
	initrd = "RAMDISK";
	assert_int_equal(load(), 0);
	assert_int_equal(regs.vrs_gprs[VCPU_REGS_RIP], entry);
	assert_int_equal(regs.vrs_gprs[VCPU_REGS_RBX], BOOT_INFO);
	assert_int_equal(regs.vrs_crs[VCPU_REGS_CR0], CR0_PE | CR0_ET);
	assert_int_equal(regs.vrs_crs[VCPU_REGS_CR4], 0);
	check_start_info("hello");
}

static void
pvh_note_may_have_8_bytes(void **state)
{
	uint64_t	 entry = 2 * MIB;

	(void)state;
	note(elf64(0, 2), "Xen", 18, &entry, sizeof(entry));
	assert_int_equal(load(), 0);
	assert_int_equal(regs.vrs_gprs[VCPU_REGS_RIP], entry);
	check_start_info("");
	note(elf64(0, 2), "Xen", 18, &entry, 6);
	load_fails("PVH note has a wrong size");
	entry = 4096 * MIB;
	note(elf64(0, 2), "Xen", 18, &entry, sizeof(entry));
	load_fails("not below 4 GiB");
}

static void
linux_elf_is_entered_by_the_64_bit_protocol(void **state)
{
	struct boot_params	 bp;

	(void)state;
	note(elf64(2 * MIB, 2), "Linux", 0x100, "", 1);
	initrd = "RAMDISK";
	assert_int_equal(load(), 0);
	assert_int_equal(regs.vrs_gprs[VCPU_REGS_RIP], 2 * MIB);
	assert_int_equal(regs.vrs_gprs[VCPU_REGS_RSI], BOOT_INFO);
	assert_int_equal(regs.vrs_msrs[VCPU_REGS_EFER], EFER_LME | EFER_LMA);
	assert_int_equal(regs.vrs_sregs[VCPU_REGS_CS].vsi_sel, 0x10);
	bp = zero_page();
	assert_int_equal(bp.hdr.boot_flag, 0xaa55);
	assert_int_equal(bp.hdr.header, LINUX_HDRS);
	assert_int_equal(bp.hdr.type_of_loader, 0xff);
	assert_int_equal(bp.hdr.ramdisk_size, 7);
	assert_int_equal(bp.e820_entries, 3);
	string_is(bp.hdr.cmd_line_ptr, "console=ttyS0");
}

static void
damaged_notes_are_no_notes(void **state)
{
	uint32_t	 entry = 2 * MIB;
	Elf64_Phdr	*ph;
	Elf64_Nhdr	 nh = { UINT32_MAX, UINT32_MAX, 18 };

	(void)state;
	ph = elf64(2 * MIB + 4, 2);
	note(ph, "Xen", 18, &entry, sizeof(entry));
	put(0x800, &nh, sizeof(nh));
	assert_int_equal(load(), 0);
	assert_int_equal(regs.vrs_gprs[VCPU_REGS_RIP], 2 * MIB + 4);
	ph[1].p_filesz = UINT64_MAX;
	load_fails("cut off");
	ph[1].p_offset = UINT64_MAX;
	load_fails("cut off");
}

static void
a_note_may_fill_its_segment_and_the_file(void **state)
{
	uint32_t	 entry = 2 * MIB + 0x100;
	Elf64_Phdr	*ph = elf64(2 * MIB, 2);

	(void)state;
	note(ph, "Xen", 18, &entry, sizeof(entry));
	memmove(image + image_len, image + 0x800, 20);
	ph[1].p_offset = image_len;
	ph[1].p_filesz = 20;
	image_len += 20;
	assert_int_equal(load(), 0);
	assert_int_equal(regs.vrs_gprs[VCPU_REGS_RIP], entry);
	ph[1].p_filesz = 19;
	assert_int_equal(load(), 0);
	assert_int_equal(regs.vrs_gprs[VCPU_REGS_RIP], 2 * MIB);
	ph[1].p_filesz = 21;
	load_fails("cut off");
	for (ph[1].p_filesz = 0; ph[1].p_filesz < 19; ph[1].p_filesz++)
		assert_int_equal(load(), 0);
}

static void
notes_after_the_first_count(void **state)
{
	uint32_t	 entry = 2 * MIB + 0x100;
	Elf64_Nhdr	 other = { 4, 5, 18 };
	Elf64_Phdr	*ph = elf64(2 * MIB, 2);

	(void)state;
	note(ph, "Xen", 18, &entry, sizeof(entry));
	memmove(image + 0x800 + 24, image + 0x800, 20);
	put(0x800, &other, sizeof(other));
	put(0x800 + 12, "GNU\0" "\0\0\0\0" "\0\0\0\0", 12);
	ph[1].p_filesz = 44;
	assert_int_equal(load(), 0);
	assert_int_equal(regs.vrs_gprs[VCPU_REGS_RIP], entry);
	assert_int_equal(regs.vrs_gprs[VCPU_REGS_RBX], BOOT_INFO);
}

static void
arguments_fill_a_page_at_most(void **state)
{
	static char	 text[4097];

	(void)state;
	elf64(2 * MIB, 1);
	memset(text, 'a', 4095);
	args = text;
	assert_int_equal(load(), 0);
	text[4095] = 'a';
	load_fails("takes 4095 at most");
}

static void
hostile_segments_are_refused(void **state)
{
	Elf64_Phdr	*ph = elf64(2 * MIB, 2), good = ph[0];

	(void)state;
	ph[0].p_paddr = UINT64_MAX - 0x1000;
	load_fails("where no VM has memory");
	ph[0] = good;
	ph[0].p_memsz = UINT64_MAX;
	load_fails("where no VM has memory");
	ph[0].p_memsz = 63 * MIB;
	load_fails("needs memory up to 65 MiB");
	ph[0].p_memsz = 0x800;
	load_fails("more bytes in the file than in memory");
	ph[0] = good;
	ph[0].p_offset = UINT64_MAX - 0x800;
	load_fails("cut off");
	ph[0].p_offset = image_len;
	load_fails("cut off");
	ph[0] = good;
	ph[0].p_paddr = 0x1000;
	ph[0].p_memsz = 65 * MIB;
	load_fails("needs memory up to 66 MiB");
	ph[0] = good;
	ph[0].p_paddr = BOOT_AREA - 0x1000;
	load_fails("which vmd uses for itself");
	ph[0].p_paddr = BOOT_AREA_END - 1;
	load_fails("which vmd uses for itself");
	ph[0].p_paddr = BOOT_AREA_END;
	assert_int_equal(load(), 0);
	ph[1] = ph[0] = good;
	ph[1].p_paddr += 0x2fff;
	load_fails("two segments share memory");
	ph[1].p_paddr++;
	assert_int_equal(load(), 0);
}

static void
headers_may_be_loaded_below_1_mib(void **state)
{
	(void)state;
	elf64(MIB, 1)->p_paddr = MIB - 0x1000;
	assert_int_equal(load(), 0);
}

static void
elf_headers_are_checked(void **state)
{
	Elf64_Ehdr	*eh = (Elf64_Ehdr *)image, good;

	(void)state;
	elf64(2 * MIB, 1);
	good = *eh;
	eh->e_machine = EM_AARCH64;
	load_fails("no executable for x86-64");
	*eh = good;
	eh->e_type = ET_REL;
	load_fails("no executable for x86-64");
	*eh = good;
	eh->e_ident[EI_DATA] = ELFDATA2MSB;
	load_fails("little-endian");
	*eh = good;
	eh->e_phnum = 0;
	load_fails("program headers");
	eh->e_phnum = 65;
	load_fails("program headers");
	eh->e_phnum = 64;
	assert_int_equal(load(), 0);
	*eh = good;
	eh->e_phentsize = 1;
	load_fails("program headers");
	*eh = good;
	eh->e_phoff = UINT64_MAX - 8;
	load_fails("cut off");
	*eh = good;
	((Elf64_Phdr *)(eh + 1))->p_type = PT_NULL;
	load_fails("nothing to load");
	((Elf64_Phdr *)(eh + 1))->p_type = PT_LOAD;
	for (image_len = TEXT; image_len > 4; image_len -= 5)
		load_fails("cut off");
}

/* Multiboot */

static void
multiboot(size_t off, uint32_t flags, uint32_t load_end, uint32_t bss_end)
{
	uint32_t	 h[8] = { 0x1badb002, flags, -(0x1badb002 + flags),
			    MIB + off, MIB, load_end, bss_end, MIB + 0x40 };

	put(off, h, sizeof(h));
}

static void
multiboot_elf_gets_magic_and_information(void **state)
{
	uint32_t	 info[18], mod[4];
	uint8_t		 map[3 * 24];

	(void)state;
	elf32(MIB + 4);
	multiboot(TEXT, 3, 0, 0);
	args = "hello";
	initrd = "RAMDISK";
	assert_int_equal(load(), 0);
	assert_int_equal(regs.vrs_gprs[VCPU_REGS_RIP], MIB + 4);
	assert_int_equal(regs.vrs_gprs[VCPU_REGS_RAX], 0x2badb002);
	assert_int_equal(regs.vrs_gprs[VCPU_REGS_RBX], BOOT_INFO);
	get(BOOT_INFO, info, sizeof(info));
	assert_int_equal(info[0] & 0x4d, 0x4d);
	assert_int_equal(info[1], 640);
	assert_int_equal(info[2], 63 * 1024);
	string_is(info[4], "hello");
	assert_int_equal(info[5], 1);
	get(info[6], mod, sizeof(mod));
	assert_int_equal(mod[0], 64 * MIB - 4096);
	assert_int_equal(mod[1], 64 * MIB - 4096 + 7);
	assert_int_equal(info[11], sizeof(map));
	get(info[12], map, sizeof(map));
	assert_int_equal(map[0], 20);
	assert_int_equal(map[24 + 20], 2);
	assert_memory_equal(map + 52, "\0\0\x10\0\0\0\0\0\0\0\xf0\3", 12);
}

static void
multiboot_addresses_load_what_is_no_elf(void **state)
{
	uint8_t	 code;

	(void)state;
	memset(image, 0x4d, 0x2000);
	image_len = 0x2000;
	multiboot(0x100, 0x10003, MIB + 0x1800, MIB + 0x9000);
	assert_int_equal(load(), 0);
	assert_int_equal(regs.vrs_gprs[VCPU_REGS_RIP], MIB + 0x40);
	get(MIB + 0x17ff, &code, 1);
	assert_int_equal(code, 0x4d);
	get(MIB + 0x1800, &code, 1);
	assert_int_equal(code, 0);
	multiboot(0x100, 0x10003, 0, 0);
	assert_int_equal(load(), 0);
	get(MIB + 0x1fff, &code, 1);
	assert_int_equal(code, 0x4d);
}

static void
multiboot_addresses_may_reach_the_ends(void **state)
{
	(void)state;
	image_len = 0x2000;
	multiboot(8192 - 32, 0x10000, MIB + 0x2000, MIB + 0x2000);
	assert_int_equal(load(), 0);
	multiboot(8192 - 32, 0x10000, MIB, 64 * MIB);
	assert_int_equal(load(), 0);
	multiboot(8192 - 32, 0x10000, MIB, 64 * MIB + 1);
	load_fails("needs memory up to 65 MiB");
	memset(image, 0, 0x2000);
	image_len = 0x3000;
	multiboot(8192 - 12, 0x10000, 0, 0);
	assert_int_equal(load(), 0);
}

static void
hostile_multiboot_headers_are_refused(void **state)
{
	uint32_t	 h[8] = { 0x1badb002, 0x10000, -(0x1badb002 + 0x10000),
			    MIB, 2 * MIB, 0, 0, MIB };

	(void)state;
	image_len = 0x1000;
	put(0, h, sizeof(h));
	load_fails("load address outside of the file");
	h[3] = 2 * MIB + 0x800;		/* 0x800 bytes before the file */
	put(0, h, sizeof(h));
	load_fails("load address outside of the file");
	multiboot(0, 0x10000, MIB + 0x1001, 0);
	load_fails("cut off");
	multiboot(0, 0x10000, MIB - 1, 0);
	load_fails("cut off");
	multiboot(0, 0x10000, 0, UINT32_MAX);
	load_fails("where no VM has memory");
	multiboot(0, 0x10008, 0, 0);
	load_fails("demands (0x8)");
	multiboot(0, 3, 0, 0);
	load_fails("not a kernel");
	multiboot(0, 0x10000, 0, 0);
	image_len = 31;
	load_fails("cut off");
}

static void
a_multiboot_header_behind_8_kib_is_none(void **state)
{
	(void)state;
	multiboot(8192 - 8, 0x10000, 0, 0);
	load_fails("not a kernel");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(plain_elf64_starts_in_long_mode_with_4_gib_mapped),
		T(plain_elf32_starts_in_flat_32_bit_mode),
		T(a_virtual_entry_follows_its_segment),
		T(pvh_note_decides_entry_and_start_info),
		T(pvh_note_may_have_8_bytes),
		T(linux_elf_is_entered_by_the_64_bit_protocol),
		T(damaged_notes_are_no_notes),
		T(a_note_may_fill_its_segment_and_the_file),
		T(notes_after_the_first_count),
		T(arguments_fill_a_page_at_most),
		T(hostile_segments_are_refused),
		T(headers_may_be_loaded_below_1_mib),
		T(elf_headers_are_checked),
		T(multiboot_elf_gets_magic_and_information),
		T(multiboot_addresses_load_what_is_no_elf),
		T(multiboot_addresses_may_reach_the_ends),
		T(hostile_multiboot_headers_are_refused),
		T(a_multiboot_header_behind_8_kib_is_none),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}

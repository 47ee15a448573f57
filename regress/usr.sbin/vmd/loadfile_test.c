/* SPDX-License-Identifier: ISC */
/*
 * Promises of loading Linux bzImages and compressed files: what the kernel is
 * told and where it starts, and what becomes of damaged and hostile files.
 */

#include <zlib.h>

#include "loadtest.h"

/* bzImage */

static struct setup_header *
bzimage(void)
{
	struct setup_header	*h;

	h = (struct setup_header *)(image + LINUX_HDR_OFF);
	memset(image + 5 * 512, 0xb2, 4096);
	image_len = 5 * 512 + 4096;
	h->setup_sects = 4;
	h->syssize = 4096 / 16;
	h->boot_flag = 0xaa55;
	h->jump = 0x66eb;
	h->header = LINUX_HDRS;
	h->version = 0x020f;
	h->loadflags = LOADED_HIGH | CAN_USE_HEAP;
	h->code32_start = 0x100000;
	h->initrd_addr_max = 0x7fffffff;
	h->kernel_alignment = 0x200000;
	h->relocatable_kernel = 1;
	h->cmdline_size = 2047;
	h->pref_address = 16 * MIB;
	h->init_size = 8 * MIB;
	return (h);
}

static void
bzimage_starts_in_flat_32_bit_mode(void **state)
{
	uint8_t		 code;
	uint64_t	 gdt[4];

	(void)state;
	bzimage();
	assert_int_equal(load(), 0);
	get(0x100000 + 4095, &code, 1);
	assert_int_equal(code, 0xb2);
	get(0x100000 + 4096, &code, 1);
	assert_int_equal(code, 0);
	assert_int_equal(regs.vrs_gprs[VCPU_REGS_RIP], 0x100000);
	assert_int_equal(regs.vrs_gprs[VCPU_REGS_RSI], BOOT_INFO);
	assert_int_equal(regs.vrs_gprs[VCPU_REGS_RBX], 0);
	assert_int_equal(regs.vrs_gprs[VCPU_REGS_RBP], 0);
	assert_int_equal(regs.vrs_gprs[VCPU_REGS_RDI], 0);
	assert_int_equal(regs.vrs_gprs[VCPU_REGS_RFLAGS], PSL_MBO);
	assert_int_equal(regs.vrs_crs[VCPU_REGS_CR0], CR0_PE | CR0_ET);
	assert_int_equal(regs.vrs_msrs[VCPU_REGS_EFER], 0);
	assert_int_equal(regs.vrs_sregs[VCPU_REGS_CS].vsi_sel, 0x10);
	assert_int_equal(regs.vrs_sregs[VCPU_REGS_CS].vsi_ar, 0xc09b);
	assert_int_equal(regs.vrs_sregs[VCPU_REGS_CS].vsi_limit, 0xffffffff);
	assert_int_equal(regs.vrs_sregs[VCPU_REGS_DS].vsi_sel, 0x18);
	assert_int_equal(regs.vrs_sregs[VCPU_REGS_SS].vsi_ar, 0xc093);
	assert_int_equal(regs.vrs_gdtr.vsi_limit, 47);
	get(regs.vrs_gdtr.vsi_base, gdt, sizeof(gdt));
	assert_int_equal(gdt[2], 0x00cf9b000000ffff);
	assert_int_equal(gdt[3], 0x00cf93000000ffff);
}

static void
bzimage_gets_header_memory_map_and_loader_type(void **state)
{
	struct boot_params	 bp;

	(void)state;
	bzimage()->setup_data = 0x1234;
	assert_int_equal(load(), 0);
	bp = zero_page();
	assert_int_equal(bp.hdr.header, LINUX_HDRS);
	assert_int_equal(bp.hdr.init_size, 8 * MIB);
	assert_int_equal(bp.hdr.type_of_loader, 0xff);
	assert_int_equal(bp.hdr.loadflags, LOADED_HIGH);
	assert_int_equal(bp.hdr.ramdisk_size, 0);
	assert_int_equal(bp.hdr.setup_data, 0);
	assert_int_equal(bp.screen_info.orig_video_isVGA, 0);
	assert_int_equal(bp.sentinel, 0);
	assert_int_equal(bp.e820_entries, 3);
	assert_int_equal(bp.e820_table[0].size, 0xa0000);
	assert_int_equal(bp.e820_table[0].type, 1);
	assert_int_equal(bp.e820_table[1].addr, 0xa0000);
	assert_int_equal(bp.e820_table[1].type, 2);
	assert_int_equal(bp.e820_table[2].addr, MIB);
	assert_int_equal(bp.e820_table[2].size, 63 * MIB);
	assert_int_equal(bp.e820_table[2].type, 1);
}

static void
bzimage_header_ends_where_its_jump_says(void **state)
{
	(void)state;
	bzimage()->jump = 0x3aeb;	/* up to hardware_subarch */
	assert_int_equal(load(), 0);
	assert_int_equal(zero_page().hdr.cmdline_size, 2047);
	assert_int_equal(zero_page().hdr.init_size, 0);
}

static void
linux_without_arguments_uses_the_serial_console(void **state)
{
	(void)state;
	bzimage();
	assert_int_equal(load(), 0);
	string_is(zero_page().hdr.cmd_line_ptr, "console=ttyS0");
}

static void
arguments_become_the_command_line(void **state)
{
	(void)state;
	bzimage();
	args = "root=/dev/vda ro";
	assert_int_equal(load(), 0);
	string_is(zero_page().hdr.cmd_line_ptr, "root=/dev/vda ro");
}

static void
arguments_longer_than_the_kernel_takes_are_refused(void **state)
{
	(void)state;
	bzimage()->cmdline_size = 4;
	args = "quiet";
	load_fails("arguments are 5 bytes long");
	args = "quie";
	assert_int_equal(load(), 0);
}

static void
initrd_lies_high_and_page_aligned(void **state)
{
	char	 buf[8] = { 0 };

	(void)state;
	bzimage();
	initrd = "RAMDISK";
	assert_int_equal(load(), 0);
	assert_int_equal(zero_page().hdr.ramdisk_image, 64 * MIB - 4096);
	assert_int_equal(zero_page().hdr.ramdisk_size, 7);
	get(64 * MIB - 4096, buf, 7);
	assert_string_equal(buf, "RAMDISK");
}

static void
initrd_stays_below_what_the_kernel_reaches(void **state)
{
	(void)state;
	bzimage()->initrd_addr_max = 32 * MIB - 1;
	initrd = "RAMDISK";
	assert_int_equal(load(), 0);
	assert_int_equal(zero_page().hdr.ramdisk_image, 32 * MIB - 4096);
}

static void
initrd_never_overlaps_the_unpacked_kernel(void **state)
{
	(void)state;
	bzimage()->initrd_addr_max = 24 * MIB;
	initrd = "RAMDISK";
	load_fails("do not fit above the kernel");
}

static void
initrd_may_use_the_last_byte_and_the_first_after_the_kernel(void **state)
{
	struct setup_header	*h = bzimage();

	(void)state;
	initrd = "RAMDISK";
	initrd_len = 4096;
	h->initrd_addr_max = 32 * MIB - 1;
	assert_int_equal(load(), 0);
	assert_int_equal(zero_page().hdr.ramdisk_image, 32 * MIB - 4096);
	initrd_len = 8 * MIB;		/* the kernel ends at 24 MiB */
	assert_int_equal(load(), 0);
	assert_int_equal(zero_page().hdr.ramdisk_image, 24 * MIB);
	initrd_len++;
	load_fails("do not fit above the kernel");
	h->initrd_addr_max = 24 * MIB - 1;
	load_fails("do not fit above the kernel");
	h->initrd_addr_max = 0x7fffffff;
	initrd_len = 40 * MIB;
	assert_int_equal(load(), 0);
	initrd_len = 4096 * MIB;
	load_fails("do not fit above the kernel");
}

static void
the_kernel_may_need_all_memory(void **state)
{
	(void)state;
	bzimage()->init_size = 48 * MIB;
	assert_int_equal(load(), 0);
}

static void
the_oldest_protocol_has_no_init_size(void **state)
{
	struct setup_header	*h = bzimage();

	(void)state;
	h->version = 0x0206;
	h->init_size = UINT32_MAX;
	assert_int_equal(load(), 0);
	h->version = 0x020a;
	load_fails("where no VM has memory");
}

static void
a_header_without_initrd_limit_means_the_old_one(void **state)
{
	(void)state;
	bzimage()->initrd_addr_max = 0;
	assert_int_equal(load(), 0);
	assert_int_equal(zero_page().hdr.initrd_addr_max, 0x37ffffff);
}

static void
an_empty_initrd_is_refused(void **state)
{
	(void)state;
	bzimage();
	initrd = "";
	load_fails("initrd: not a file with content");
}

static void
too_little_memory_says_how_much_is_needed(void **state)
{
	(void)state;
	bzimage()->init_size = 48 * MIB + 1;
	load_fails("needs memory up to 65 MiB, the VM has 64 MiB");
}

static void
bzimage_addresses_do_not_wrap(void **state)
{
	struct setup_header	*h = bzimage();

	(void)state;
	h->pref_address = UINT64_MAX - 4095;
	load_fails("where no VM has memory");
	h->pref_address = UINT64_MAX;
	load_fails("where no VM has memory");
	h->pref_address = 16 * MIB;
	h->kernel_alignment = UINT32_MAX;
	load_fails("where no VM has memory");
	h->relocatable_kernel = 0;
	h->kernel_alignment = 0;
	h->pref_address = 0x80000;
	load_fails("which vmd uses for itself");
	h->pref_address = 0x90000;
	h->init_size = 4096;
	load_fails("which vmd uses for itself");
}

static void
damaged_bzimages_are_refused(void **state)
{
	struct setup_header	*h = bzimage();
	size_t			 whole = image_len;

	(void)state;
	h->version = 0x0205;
	load_fails("2.05 is too old");
	h->version = 0x020f;
	h->loadflags = 0;
	load_fails("zImage");
	h->loadflags = LOADED_HIGH;
	for (image_len = whole - 1; image_len > 0x206; image_len -= 97)
		load_fails("cut off");
	image_len = whole;
	h->syssize = 0;
	load_fails("cut off");
	h->syssize = UINT32_MAX;
	load_fails("cut off");
	h->syssize = 4096 / 16;
	h->setup_sects = 255;
	load_fails("cut off");
}

static void
what_is_no_kernel_is_called_that(void **state)
{
	(void)state;
	load_fails("not a kernel");
	put(0, "MZ", 2);
	load_fails("not a kernel");
	put(0x1fe, "\x55\xaa" "\0\0HdrX", 8);
	load_fails("not a kernel");
}

/* Compressed files */

/* Append a gzip member of n bytes to a file. */
static void
gzip_add(int fd, const uint8_t *data, size_t n)
{
	uLongf		 len = compressBound(n) + 64;
	uint8_t		*out = malloc(len);
	z_stream	 zs;

	memset(&zs, 0, sizeof(zs));
	assert_int_equal(deflateInit2(&zs, 9, Z_DEFLATED, MAX_WBITS + 16, 8,
	    Z_DEFAULT_STRATEGY), Z_OK);
	zs.next_in = (uint8_t *)(uintptr_t)data;
	zs.avail_in = n;
	zs.next_out = out;
	zs.avail_out = len;
	assert_int_equal(deflate(&zs, Z_FINISH), Z_STREAM_END);
	assert_int_equal(write(fd, out, zs.total_out), zs.total_out);
	deflateEnd(&zs);
	free(out);
}

/* The image, compressed, without the last cut bytes of that. */
static int
gzipped(size_t cut)
{
	int	 fd = memfd_create("gz", MFD_CLOEXEC);

	gzip_add(fd, image, image_len);
	assert_int_equal(ftruncate(fd, lseek(fd, 0, SEEK_END) - cut), 0);
	return (fd);
}

static void
gzipped_kernels_load_as_plain_ones(void **state)
{
	uint8_t	 code;

	(void)state;
	bzimage();
	assert_int_equal(load_fd(gzipped(0)), 0);
	get(0x100000, &code, 1);
	assert_int_equal(code, 0xb2);
	assert_int_equal(zero_page().hdr.header, LINUX_HDRS);
}

static void
a_compressed_file_ends_where_its_content_does(void **state)
{
	(void)state;
	bzimage();
	image_len--;
	assert_int_equal(load_fd(gzipped(0)), -1);
	assert_non_null(strstr(err, "the file is cut off"));
}

static void
members_follow_each_other_and_a_tail_is_ignored(void **state)
{
	int	 fd = memfd_create("gz", MFD_CLOEXEC);

	(void)state;
	bzimage();
	gzip_add(fd, image, 1000);
	gzip_add(fd, image + 1000, image_len - 1000);
	assert_int_equal(write(fd, "tail", 4), 4);
	assert_int_equal(load_fd(fd), 0);
	assert_int_equal(zero_page().hdr.header, LINUX_HDRS);
}

static void
damaged_compression_is_refused(void **state)
{
	int	 fd;

	(void)state;
	bzimage();
	assert_int_equal(load_fd(gzipped(1)), -1);
	assert_non_null(strstr(err, "damaged or cut off"));
	fd = gzipped(0);
	assert_int_equal(pwrite(fd, "\xff\xff\xff", 3, 20), 3);
	assert_int_equal(load_fd(fd), -1);
	assert_non_null(strstr(err, "damaged or cut off"));
}

static void
a_decompression_bomb_is_refused(void **state)
{
	static uint8_t	 zeroes[MIB];
	uint8_t		 out[65536];
	z_stream	 zs;
	int		 fd = memfd_create("bomb", MFD_CLOEXEC), i, flush;

	(void)state;
	memset(&zs, 0, sizeof(zs));
	assert_int_equal(deflateInit2(&zs, 1, Z_DEFLATED, MAX_WBITS + 16, 8,
	    Z_DEFAULT_STRATEGY), Z_OK);
	for (i = 0; i < 256; i++) {
		zs.next_in = zeroes;
		zs.avail_in = sizeof(zeroes);
		flush = i == 255 ? Z_FINISH : Z_NO_FLUSH;
		do {
			zs.next_out = out;
			zs.avail_out = sizeof(out);
			deflate(&zs, flush);
			assert_true(write(fd, out, sizeof(out) -
			    zs.avail_out) >= 0);
		} while (zs.avail_out == 0);
	}
	deflateEnd(&zs);
	assert_int_equal(load_fd(fd), -1);
	assert_non_null(strstr(err, "far larger than the memory"));
}

static void
what_is_no_regular_file_is_refused(void **state)
{
	int	 fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	close(fds[1]);
	assert_int_equal(load_fd(fds[0]), -1);
	assert_string_equal(err, "not a regular file");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(bzimage_starts_in_flat_32_bit_mode),
		T(bzimage_gets_header_memory_map_and_loader_type),
		T(bzimage_header_ends_where_its_jump_says),
		T(linux_without_arguments_uses_the_serial_console),
		T(arguments_become_the_command_line),
		T(arguments_longer_than_the_kernel_takes_are_refused),
		T(initrd_lies_high_and_page_aligned),
		T(initrd_stays_below_what_the_kernel_reaches),
		T(initrd_never_overlaps_the_unpacked_kernel),
		T(initrd_may_use_the_last_byte_and_the_first_after_the_kernel),
		T(the_kernel_may_need_all_memory),
		T(the_oldest_protocol_has_no_init_size),
		T(a_header_without_initrd_limit_means_the_old_one),
		T(an_empty_initrd_is_refused),
		T(too_little_memory_says_how_much_is_needed),
		T(bzimage_addresses_do_not_wrap),
		T(damaged_bzimages_are_refused),
		T(what_is_no_kernel_is_called_that),
		T(gzipped_kernels_load_as_plain_ones),
		T(a_compressed_file_ends_where_its_content_does),
		T(members_follow_each_other_and_a_tail_is_ignored),
		T(damaged_compression_is_refused),
		T(a_decompression_bomb_is_refused),
		T(what_is_no_regular_file_is_refused),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}

/* SPDX-License-Identifier: ISC */

/* Loading a kernel: what is the same for all kinds; see loadfile.h. */

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "loadfile.h"

/* Files may be larger than the memory they fill: symbols are not loaded. */
#define LOADFILE_EXTRA		(64ULL << 20)


/* Bytes in MiB, rounded up. */
static uint64_t
boot_mib(uint64_t n)
{
	return ((n + VMMEM_UNIT - 1) / VMMEM_UNIT);
}

int
boot_fail(struct boot *b, const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	vsnprintf(b->b_err, b->b_errlen, fmt, ap);
	va_end(ap);
	return (-1);
}

int
boot_read(struct boot *b, uint64_t off, void *buf, size_t len)
{
	if (gzfile_read(&b->b_kernel, off, buf, len) == 0)
		return (0);
	if (errno == ERANGE)
		return (boot_fail(b, "the file is cut off"));
	return (boot_fail(b, "%s", strerror(errno)));
}

int
boot_claim(struct boot *b, uint64_t gpa, uint64_t len)
{
	uint64_t	 end, main_end = vmmem_main_end(b->b_mem);

	if (__builtin_add_overflow(gpa, len, &end) || end > VMMEM_MAIN_END)
		return (boot_fail(b, "the kernel wants 0x%" PRIx64 " bytes at "
		    "0x%" PRIx64 ", where no VM has memory", len, gpa));
	if (end > main_end)
		return (boot_fail(b, "the kernel needs memory up to %" PRIu64
		    " MiB, the VM has %" PRIu64 " MiB: give it more",
		    boot_mib(end), boot_mib(main_end)));
	if (len > 0 && gpa < BOOT_AREA_END && end > BOOT_AREA)
		return (boot_fail(b, "the kernel wants 0x%" PRIx64 " bytes at "
		    "0x%" PRIx64 ", which vmd uses for itself (0x%x to 0x%x)",
		    len, gpa, BOOT_AREA, BOOT_AREA_END));
	if (end > b->b_end)
		b->b_end = end;
	return (0);
}

int
boot_load(struct boot *b, uint64_t off, uint64_t filelen, uint64_t gpa,
    uint64_t len)
{
	if (filelen > len)
		return (boot_fail(b, "damaged: a segment has more bytes in the "
		    "file than in memory"));
	if (boot_claim(b, gpa, len) == -1)
		return (-1);
	if (gzfile_load(&b->b_kernel, off, b->b_gm, gpa, filelen) == 0)
		return (0);
	if (errno == ERANGE)
		return (boot_fail(b, "the file is cut off"));
	return (boot_fail(b, "%s", strerror(errno)));
}

int
boot_initrd(struct boot *b, uint64_t last)
{
	uint64_t	 top = vmmem_main_end(b->b_mem), len;
	struct stat	 st;
	ssize_t		 n;

	if (b->b_initrd_fd == -1)
		return (0);
	if (fstat(b->b_initrd_fd, &st) == -1)
		return (boot_fail(b, "initrd: %s", strerror(errno)));
	if (!S_ISREG(st.st_mode) || st.st_size == 0)
		return (boot_fail(b, "initrd: not a file with content"));
	len = st.st_size;
	if (top > last)
		top = last + 1;
	if (top < b->b_end || len > top - b->b_end ||
	    ((top - len) & ~(uint64_t)(BOOT_PAGE - 1)) < b->b_end)
		return (boot_fail(b, "initrd: %" PRIu64 " MiB do not fit above "
		    "the kernel, which ends at %" PRIu64 " MiB, and below %"
		    PRIu64 " MiB: give the VM more memory", boot_mib(len),
		    boot_mib(b->b_end), boot_mib(top)));
	b->b_initrd_gpa = (top - len) & ~(uint64_t)(BOOT_PAGE - 1);
	b->b_initrd_len = len;
	n = guestmem_pread(b->b_gm, b->b_initrd_gpa, len, b->b_initrd_fd, 0);
	if (n == -1)
		return (boot_fail(b, "initrd: %s", strerror(errno)));
	if ((uint64_t)n != len)
		return (boot_fail(b, "initrd: the file is being changed"));
	return (0);
}

int
boot_cmdline(struct boot *b, uint64_t max)
{
	size_t	 len = strlen(b->b_args);

	if (max > BOOT_PAGE - 1)
		max = BOOT_PAGE - 1;
	if (len > max)
		return (boot_fail(b, "the arguments are %zu bytes long, this "
		    "kernel takes %" PRIu64 " at most", len, max));
	if (guestmem_write(b->b_gm, BOOT_CMDLINE, b->b_args, len + 1) == -1)
		return (boot_fail(b, "%s", strerror(errno)));
	return (0);
}

void
boot_is_linux(struct boot *b)
{
	if (b->b_args[0] == '\0')
		b->b_args = "console=ttyS0";
}

static int
loadfile_multiboot(struct boot *b)
{
	struct multiboot	 m;
	int			 found;

	if ((found = multiboot_find(b, &m)) == -1)
		return (-1);
	if (!found || !(m.m_flags & MULTIBOOT_ADDRESSES))
		return (boot_fail(b, "not a kernel: neither ELF, nor a Linux "
		    "bzImage, nor multiboot"));
	return (multiboot_load_raw(b, &m));
}

static int
loadfile_any(struct boot *b)
{
	int	 found;

	if ((found = elf_probe(b)) != 0)
		return (found == -1 ? -1 : elf_load(b));
	if ((found = bzimage_probe(b)) != 0)
		return (found == -1 ? -1 : bzimage_load(b));
	return (loadfile_multiboot(b));
}

/* What went wrong with opening the file. */
static const char *
loadfile_strerror(int error)
{
	switch (error) {
	case EINVAL:
		return ("not a regular file");
	case EFBIG:
		return ("far larger than the memory of the VM");
	case EBADMSG:
		return ("the compressed data is damaged or cut off");
	default:
		return (strerror(error));
	}
}

int
loadfile(const struct loadfile *lf, struct vcpu_reg_state *regs, char *err,
    size_t errlen)
{
	struct boot	 b;
	int		 ret;

	memset(&b, 0, sizeof(b));
	b.b_mem = lf->lf_mem;
	b.b_gm = &lf->lf_mem->mm_guest;
	b.b_initrd_fd = lf->lf_initrd;
	b.b_args = lf->lf_args;
	b.b_end = VMMEM_HOLE_END;
	b.b_regs = regs;
	b.b_err = err;
	b.b_errlen = errlen;
	if (gzfile_open(&b.b_kernel, lf->lf_kernel,
	    lf->lf_mem->mm_size + LOADFILE_EXTRA) == -1)
		return (boot_fail(&b, "%s", loadfile_strerror(errno)));
	ret = loadfile_any(&b);
	gzfile_close(&b.b_kernel);
	return (ret);
}

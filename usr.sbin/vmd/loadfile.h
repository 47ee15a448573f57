/* SPDX-License-Identifier: ISC */
/*
 * Loading a kernel into a new VM without any firmware.
 *
 * What a kernel file may be, the first that fits:
 *   - a Linux bzImage of boot protocol 2.06 or later (entered in 32-bit mode);
 *   - ELF with a PVH note: flat 32-bit mode, EBX = struct hvm_start_info;
 *   - ELF that is Linux without such a note: the 64-bit boot protocol,
 *     RSI = boot parameters;
 *   - multiboot 1, ELF or with addresses of its own: flat 32-bit mode,
 *     EAX = 0x2badb002, EBX = multiboot information;
 *   - any other ELF: ELF64 in long mode with the first 4 GiB mapped one to
 *     one, RDI = struct hvm_start_info; ELF32 in flat 32-bit mode with that
 *     in EBX. The stack is a page.
 * The file may be compressed with gzip(1). Interrupts are off at the entry.
 *
 * Arguments become the kernel's command line. When there are none, a Linux
 * kernel gets "console=ttyS0".
 */
#ifndef VMD_LOADFILE_H
#define VMD_LOADFILE_H

#include <stddef.h>
#include <stdint.h>

#include "gzfile.h"
#include "vmmem.h"

/*
 * What the loader itself leaves in low memory; no part of a kernel may lie
 * there.
 */
#define BOOT_AREA	0x90000
#define BOOT_GDT	0x90000
#define BOOT_PML4	0x91000
#define BOOT_PDPT	0x92000
#define BOOT_PD		0x93000		/* four pages, for 4 GiB */
#define BOOT_INFO	0x97000		/* what the kernel is told */
#define BOOT_CMDLINE	0x98000
#define BOOT_STACK	0x9a000		/* its end; one page */
#define BOOT_AREA_END	0x9a000
#define BOOT_PAGE	0x1000

/* Segment selectors at the entry: Linux' __BOOT_CS and __BOOT_DS. */
#define BOOT_CS		0x10
#define BOOT_DS		0x18
#define BOOT_TSS	0x20

struct loadfile {
	const struct vmmem	*lf_mem;	/* fresh: all zero */
	int			 lf_kernel;	/* descriptors, the caller's */
	int			 lf_initrd;	/* -1: none */
	const char		*lf_args;	/* "": default */
};

/*
 * Load a kernel and tell how VCPU 0 has to start. Returns 0, or -1 with what
 * is wrong and what helps in err. Nothing in the file is trusted.
 */
int	 loadfile(const struct loadfile *, struct vcpu_reg_state *, char *err,
	    size_t errlen);

/*
 * Between the loaders.
 */
struct boot {
	const struct vmmem	*b_mem;
	const struct guestmem	*b_gm;
	struct gzfile		 b_kernel;
	int			 b_initrd_fd;
	uint64_t		 b_initrd_gpa;
	uint64_t		 b_initrd_len;	/* 0: none */
	const char		*b_args;
	uint64_t		 b_end;		/* the kernel needs all below */
	struct vcpu_reg_state	*b_regs;
	char			*b_err;
	size_t			 b_errlen;
};

/* Fill in the text of the error; returns -1. */
int	 boot_fail(struct boot *, const char *, ...)
	    __attribute__((__format__(printf, 2, 3)));

/* Read from the kernel's file. Returns 0, or -1 after boot_fail(). */
int	 boot_read(struct boot *, uint64_t off, void *buf, size_t len);

/*
 * Claim [gpa, gpa + len) for the kernel: memory outside of the loader's area.
 * The hole below 1 MiB is memory too: linkers put headers there. boot_load()
 * also puts filelen bytes of the file at off there. Return 0, or -1 after
 * boot_fail().
 */
int	 boot_claim(struct boot *, uint64_t gpa, uint64_t len);
int	 boot_load(struct boot *, uint64_t off, uint64_t filelen, uint64_t gpa,
	    uint64_t len);

/* Place the initial RAM disk as high as possible, at most up to last. */
int	 boot_initrd(struct boot *, uint64_t last);

/* Write the arguments, at most max bytes without the NUL, at BOOT_CMDLINE. */
int	 boot_cmdline(struct boot *, uint64_t max);

/* Linux was recognised: apply its default arguments. */
void	 boot_is_linux(struct boot *);

/* Initial registers and the tables they refer to. */
void	 boot_regs32(struct boot *, uint64_t entry);
void	 boot_regs64(struct boot *, uint64_t entry);

/* 1: a file of that kind, 0: not, -1: it cannot be read. */
int	 bzimage_probe(struct boot *);
int	 elf_probe(struct boot *);

int	 bzimage_load(struct boot *);
int	 elf_load(struct boot *);

/*
 * Multiboot: multiboot_find() looks for the header and returns as a probe;
 * multiboot_load_raw() loads a file that brings addresses of its own in it,
 * multiboot_enter() completes either.
 */
struct multiboot {
	uint64_t	 m_off;		/* of the header in the file */
	uint32_t	 m_flags;
};
int	 multiboot_find(struct boot *, struct multiboot *);
int	 multiboot_load_raw(struct boot *, const struct multiboot *);
int	 multiboot_enter(struct boot *, uint64_t entry);
#define MULTIBOOT_ADDRESSES	0x00010000	/* it has such addresses */

/* Enter an ELF Linux kernel at its 64-bit entry point. */
int	 linux_enter64(struct boot *, uint64_t entry);

/* Write struct hvm_start_info at BOOT_INFO; PVH kernels are entered so. */
int	 pvh_info(struct boot *);
int	 pvh_enter(struct boot *, uint64_t entry);

/* Complete Linux' boot parameters with everything but hdr and write them. */
struct setup_header;
int	 linux_params(struct boot *, const struct setup_header *);

#endif /* VMD_LOADFILE_H */

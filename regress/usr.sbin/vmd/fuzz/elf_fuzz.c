/* SPDX-License-Identifier: ISC */
/*
 * Any ELF or multiboot file is loaded or refused with a text; nothing is
 * written over what the loader itself leaves in memory.
 */

#include <elf.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <machine/specialreg.h>

#include "loadfile.h"

#define MIB	(1ULL << 20)
#define ARGS	"arguments of the fuzzer"

int	 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct vmmem	 mm;
static int		 kernel = -1;

static void
check(int ok)
{
	if (!ok)
		abort();
}

static void
init(void)
{
	check(vmmem_alloc(&mm, 8 * MIB, "fuzz") == 0);
	kernel = memfd_create("kernel", MFD_CLOEXEC);
	check(kernel != -1);
}

/* The input, made something that gets past the first checks. */
static void
make(const uint8_t *data, size_t len)
{
	static const uint8_t	 ident[2][7] = {
		{ 0x7f, 'E', 'L', 'F', ELFCLASS32, ELFDATA2LSB, EV_CURRENT },
		{ 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
	};
	uint8_t			 type[4] = { ET_EXEC, 0, EM_386, 0 };
	uint8_t			 size[4] = { sizeof(Elf32_Phdr), 0, 3, 0 };
	int			 is64 = (data[0] & 1) != 0;

	check(ftruncate(kernel, 0) == 0);
	check(pwrite(kernel, data, len, 0) == (ssize_t)len);
	if (len < sizeof(Elf64_Ehdr) || (data[0] & 2))
		return;
	if (is64) {
		type[2] = EM_X86_64;
		size[0] = sizeof(Elf64_Phdr);
	}
	check(pwrite(kernel, ident[is64], 7, 0) == 7);
	check(pwrite(kernel, type, 4, 16) == 4);
	check(pwrite(kernel, size, 4, is64 ? 54 : 42) == 4);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct vcpu_reg_state	 regs;
	struct loadfile		 lf = { &mm, -1, -1, ARGS };
	char			 err[512] = "", args[sizeof(ARGS)];
	uint64_t		 gdt[4];

	if (kernel == -1)
		init();
	if (len == 0)
		return (0);
	make(data, len);
	lf.lf_kernel = kernel;
	if (loadfile(&lf, &regs, err, sizeof(err)) == -1) {
		check(err[0] != '\0');
		return (0);
	}
	check(regs.vrs_crs[VCPU_REGS_CR0] & CR0_PE);
	check(regs.vrs_gprs[VCPU_REGS_RIP] <= UINT32_MAX);
	check(guestmem_read(&mm.mm_guest, BOOT_CMDLINE, args,
	    sizeof(args)) == 0 && strcmp(args, ARGS) == 0);
	check(guestmem_read(&mm.mm_guest, BOOT_GDT, gdt, sizeof(gdt)) == 0);
	check(gdt[0] == 0 && gdt[1] == 0 && gdt[2] >> 40 != 0);
	check(gdt[3] == 0x00cf93000000ffff);
	return (0);
}

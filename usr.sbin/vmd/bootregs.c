/* SPDX-License-Identifier: ISC */

/*
 * The state in which VCPU 0 enters a kernel that was loaded directly:
 * segments, descriptor table, page tables (AMD APM 2, chapters 4 and 5).
 */

#include <machine/specialreg.h>
#include <string.h>

#include "loadfile.h"

/* vsi_ar of flat segments: present, accessed, 4 KiB granular. */
#define AR_CODE32	0xc09b
#define AR_CODE64	0xa09b
#define AR_DATA		0xc093
#define AR_TSS_BUSY	0x008b
#define AR_LDT_UNUSABLE	0x10082
#define TSS_LIMIT	0x67

#define PG_V		0x001		/* present */
#define PG_RW		0x002		/* writable */
#define PG_PS		0x080		/* in a PD: 2 MiB */

#define GDT_ENTRIES	6		/* the TSS of long mode takes two */
#define PT_ENTRIES	512
#define PD_COUNT	4		/* 1 GiB each */

/* A descriptor of 8 bytes with base 0; limit in units of its granularity. */
static uint64_t
gdt_entry(uint32_t ar, uint32_t limit)
{
	return ((limit & 0xffff) | (uint64_t)(ar & 0xf0ff) << 40 |
	    (uint64_t)(limit >> 16 & 0xf) << 48);
}

static void
segment_set(struct vcpu_segment_info *s, uint16_t sel, uint32_t ar,
    uint32_t limit)
{
	s->vsi_sel = sel;
	s->vsi_ar = ar;
	s->vsi_limit = limit;
	s->vsi_base = 0;
}

/* All but CS, which differs. The loader's area is always RAM. */
static void
boot_segments(struct boot *b, uint32_t code_ar)
{
	struct vcpu_segment_info	*s = b->b_regs->vrs_sregs;
	uint64_t			 gdt[GDT_ENTRIES];
	int				 i;

	memset(gdt, 0, sizeof(gdt));
	gdt[BOOT_CS / 8] = gdt_entry(code_ar, 0xfffff);
	gdt[BOOT_DS / 8] = gdt_entry(AR_DATA, 0xfffff);
	gdt[BOOT_TSS / 8] = gdt_entry(AR_TSS_BUSY, TSS_LIMIT);
	(void)guestmem_write(b->b_gm, BOOT_GDT, gdt, sizeof(gdt));
	for (i = 0; i < VCPU_REGS_NSREGS; i++)
		segment_set(&s[i], BOOT_DS, AR_DATA, UINT32_MAX);
	segment_set(&s[VCPU_REGS_CS], BOOT_CS, code_ar, UINT32_MAX);
	segment_set(&s[VCPU_REGS_TR], BOOT_TSS, AR_TSS_BUSY, TSS_LIMIT);
	segment_set(&s[VCPU_REGS_LDTR], 0, AR_LDT_UNUSABLE, 0);
	b->b_regs->vrs_gdtr.vsi_base = BOOT_GDT;
	b->b_regs->vrs_gdtr.vsi_limit = sizeof(gdt) - 1;
}

static void
boot_regs(struct boot *b, uint64_t entry, uint32_t code_ar)
{
	struct vcpu_reg_state	*r = b->b_regs;

	memset(r, 0, sizeof(*r));
	r->vrs_gprs[VCPU_REGS_RIP] = entry;
	r->vrs_gprs[VCPU_REGS_RFLAGS] = PSL_MBO;
	r->vrs_gprs[VCPU_REGS_RSP] = BOOT_STACK;
	r->vrs_crs[VCPU_REGS_CR0] = CR0_PE | CR0_ET;
	r->vrs_crs[VCPU_REGS_XCR0] = XFEATURE_X87;
	r->vrs_drs[VCPU_REGS_DR6] = DR6_INIT;
	r->vrs_drs[VCPU_REGS_DR7] = DR7_INIT;
	boot_segments(b, code_ar);
}

void
boot_regs32(struct boot *b, uint64_t entry)
{
	boot_regs(b, entry, AR_CODE32);
}

/* Map the first 4 GiB one to one with pages of 2 MiB. */
static void
boot_page_tables(struct boot *b)
{
	uint64_t	 pt[PT_ENTRIES];
	int		 i, pd;

	memset(pt, 0, sizeof(pt));
	pt[0] = BOOT_PDPT | PG_V | PG_RW;
	(void)guestmem_write(b->b_gm, BOOT_PML4, pt, sizeof(pt));
	for (pd = 0; pd < PD_COUNT; pd++)
		pt[pd] = (BOOT_PD + (uint64_t)pd * BOOT_PAGE) | PG_V | PG_RW;
	(void)guestmem_write(b->b_gm, BOOT_PDPT, pt, sizeof(pt));
	for (pd = 0; pd < PD_COUNT; pd++) {
		for (i = 0; i < PT_ENTRIES; i++)
			pt[i] = ((uint64_t)pd << 30) | ((uint64_t)i << 21) |
			    PG_PS | PG_V | PG_RW;
		(void)guestmem_write(b->b_gm, BOOT_PD +
		    (uint64_t)pd * BOOT_PAGE, pt, sizeof(pt));
	}
}

void
boot_regs64(struct boot *b, uint64_t entry)
{
	struct vcpu_reg_state	*r = b->b_regs;

	boot_regs(b, entry, AR_CODE64);
	boot_page_tables(b);
	r->vrs_crs[VCPU_REGS_CR0] |= CR0_PG;
	r->vrs_crs[VCPU_REGS_CR3] = BOOT_PML4;
	r->vrs_crs[VCPU_REGS_CR4] = CR4_PAE;
	r->vrs_msrs[VCPU_REGS_EFER] = EFER_LME | EFER_LMA;
}

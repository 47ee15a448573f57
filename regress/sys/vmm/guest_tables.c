/* SPDX-License-Identifier: ISC */
/*
 * What the guests of the regress programs find in their memory and registers
 * when they start: descriptor tables, handlers and page tables for each mode.
 */

#include "guest.h"
#include "harness.h"

#define VECTORS		256
#define STUB_BYTES	16
#define STACK_PER_CPU	0x400

/* Page-table entries (Intel SDM 3, chapter 4) */
#define PTE_P		0x001ULL
#define PTE_RW		0x002ULL
#define PTE_US		0x004ULL
#define PTE_PS		0x080ULL
#define PTE_ALL		(PTE_P | PTE_RW | PTE_US)

/* Access rights as in vsi_ar */
#define AR_CODE16	0x009b
#define AR_DATA16	0x0093
#define AR_CODE32	0xc09b
#define AR_DATA32	0xc093
#define AR_CODE64	0xa09b
#define AR_LDT		0x0082
#define AR_TSS_BUSY	0x008b

#define GATE_INTERRUPT	0x8e00	/* present, DPL 0, 32- or 64-bit */
#define TSS_LIMIT	0x67
#define TSS_IOMAP	102	/* offset of the I/O map's offset */

static const uint64_t gdt[] = {
	0,
	0x00cf9b000000ffffULL,	/* SEL_CODE32 */
	0x00cf93000000ffffULL,	/* SEL_DATA */
	0x00af9b000000ffffULL,	/* SEL_CODE64 */
	0x0000890000000067ULL | GUEST_TSS << 16, /* SEL_TSS */
	0,
	0x00cffb000000ffffULL,	/* SEL_UCODE32 */
	0x00cff3000000ffffULL,	/* SEL_UDATA */
	0x00affb000000ffffULL,	/* SEL_UCODE64 */
	0x00009b000000ffffULL,	/* SEL_CODE16 */
	0x000093000000ffffULL,	/* SEL_DATA16 */
};

bool
vector_has_error(unsigned int vector)
{
	return vector == 8 || (vector >= 10 && vector <= 14) ||
	    vector == 17 || vector == 21;
}

/*
 * The handler for a vector: out %al,$0xee; drop the error code; iret.
 * Which one it is shows in the RIP of the exit.
 */
static void
stub_write(uint8_t *p, unsigned int vector, enum mode mode)
{
	static const uint8_t report[] = { 0xe6, 0xee };
	static const uint8_t drop32[] = { 0x83, 0xc4, 0x04 };
	static const uint8_t drop64[] = { 0x48, 0x83, 0xc4, 0x08 };

	memcpy(p, report, sizeof(report));
	p += sizeof(report);
	if (vector_has_error(vector) && mode == MODE_LONG) {
		memcpy(p, drop64, sizeof(drop64));
		p += sizeof(drop64);
	} else if (vector_has_error(vector) && mode != MODE_REAL) {
		memcpy(p, drop32, sizeof(drop32));
		p += sizeof(drop32);
	}
	if (mode == MODE_LONG)
		*p++ = 0x48;
	*p = 0xcf;
}

static void
gate_write(struct guest *g, unsigned int vector, enum mode mode)
{
	uint64_t stub = GUEST_STUBS + vector * STUB_BYTES;
	uint64_t gate;
	uint32_t entry;

	if (mode == MODE_REAL) {
		entry = (uint32_t)(GUEST_STUBS >> 4) << 16 |
		    vector * STUB_BYTES;
		memcpy(g->ram + vector * sizeof(entry), &entry, sizeof(entry));
		return;
	}
	gate = (stub & 0xffff) | (stub >> 16) << 48 |
	    (uint64_t)GATE_INTERRUPT << 32 |
	    (uint64_t)(mode == MODE_LONG ? SEL_CODE64 : SEL_CODE32) << 16;
	if (mode == MODE_LONG) {
		ram_write(g, GUEST_IDT + vector * 16, gate);
		ram_write(g, GUEST_IDT + vector * 16 + 8, 0);
	} else {
		ram_write(g, GUEST_IDT + vector * 8, gate);
	}
}

static void
tss_write(struct guest *g, enum mode mode)
{
	uint32_t *tss = (uint32_t *)(void *)(g->ram + GUEST_TSS);

	memset(tss, 0, TSS_LIMIT + 1);
	tss[1] = GUEST_RSP0;
	tss[2] = mode == MODE_LONG ? 0 : SEL_DATA;
	g->ram[GUEST_TSS + TSS_IOMAP] = TSS_LIMIT + 1;
}

/* 4 GiB one to one, for each kind of paging. */
static void
paging_write(struct guest *g)
{
	uint32_t *pd32 = (uint32_t *)(void *)(g->ram + GUEST_PD32);
	unsigned int i;

	ram_write(g, GUEST_PML4, GUEST_PDPT | PTE_ALL);
	for (i = 0; i < 4; i++) {
		ram_write(g, GUEST_PDPT + i * 8,
		    (GUEST_PD + i * PAGE_BYTES) | PTE_ALL);
		ram_write(g, GUEST_PAE + i * 8,
		    (GUEST_PD + i * PAGE_BYTES) | PTE_P);
	}
	for (i = 0; i < 4 * 512; i++)
		ram_write(g, GUEST_PD + i * 8,
		    (uint64_t)i << 21 | PTE_PS | PTE_ALL);
	for (i = 0; i < 1024; i++)
		pd32[i] = i << 22 | PTE_PS | PTE_ALL;
}

void
guest_tables(struct guest *g, enum mode mode)
{
	unsigned int v;

	memcpy(g->ram + GUEST_GDT, gdt, sizeof(gdt));
	for (v = 0; v < VECTORS; v++) {
		gate_write(g, v, mode);
		stub_write(g->ram + GUEST_STUBS + v * STUB_BYTES, v, mode);
	}
	tss_write(g, mode);
	paging_write(g);
}

static void
segments_init(struct vcpu_reg_state *s, enum mode mode)
{
	struct vcpu_segment_info data = { SEL_DATA, 0xffffffff, AR_DATA32, 0 };
	struct vcpu_segment_info code = { SEL_CODE32, 0xffffffff, AR_CODE32,
	    0 };
	struct vcpu_segment_info ldt = { 0, 0xffff, AR_LDT, 0 };
	struct vcpu_segment_info tss = { SEL_TSS, TSS_LIMIT, AR_TSS_BUSY,
	    GUEST_TSS };
	unsigned int i;

	if (mode == MODE_REAL) {
		data.vsi_sel = code.vsi_sel = tss.vsi_sel = 0;
		data.vsi_limit = code.vsi_limit = 0xffff;
		data.vsi_ar = AR_DATA16;
		code.vsi_ar = AR_CODE16;
	} else if (mode == MODE_LONG) {
		code.vsi_sel = SEL_CODE64;
		code.vsi_ar = AR_CODE64;
	}
	for (i = VCPU_REGS_ES; i <= VCPU_REGS_GS; i++)
		s->vrs_sregs[i] = data;
	s->vrs_sregs[VCPU_REGS_CS] = code;
	s->vrs_sregs[VCPU_REGS_LDTR] = ldt;
	s->vrs_sregs[VCPU_REGS_TR] = tss;
}

static void
tables_init(struct vcpu_reg_state *s, enum mode mode)
{
	s->vrs_gdtr.vsi_base = GUEST_GDT;
	s->vrs_gdtr.vsi_limit = sizeof(gdt) - 1;
	s->vrs_idtr.vsi_base = mode == MODE_REAL ? 0 : GUEST_IDT;
	s->vrs_idtr.vsi_limit = mode == MODE_REAL ? VECTORS * 4 - 1 :
	    mode == MODE_LONG ? VECTORS * 16 - 1 : VECTORS * 8 - 1;
}

struct mode_controls {
	uint64_t	cr0;
	uint64_t	cr3;
	uint64_t	cr4;
	uint64_t	efer;
};

static const struct mode_controls controls[MODE_COUNT] = {
	[MODE_REAL] = { CR0_ET, 0, 0, 0 },
	[MODE_FLAT32] = { CR0_PE | CR0_ET | CR0_NE, 0, 0, 0 },
	[MODE_PAGED32] = { CR0_PG | CR0_PE | CR0_ET | CR0_NE, GUEST_PD32,
	    CR4_PSE, 0 },
	[MODE_PAE] = { CR0_PG | CR0_PE | CR0_ET | CR0_NE, GUEST_PAE, CR4_PAE,
	    0 },
	[MODE_LONG] = { CR0_PG | CR0_PE | CR0_ET | CR0_NE, GUEST_PML4,
	    CR4_PAE, EFER_LME | EFER_LMA },
};

void
guest_init_state(struct vcpu_reg_state *s, enum mode mode, unsigned int cpu)
{
	const struct mode_controls *c = &controls[mode];
	unsigned int i;

	memset(s, 0, sizeof(*s));
	s->vrs_gprs[VCPU_REGS_RSP] = GUEST_STACK - cpu * STACK_PER_CPU;
	s->vrs_gprs[VCPU_REGS_RIP] = GUEST_CODE;
	s->vrs_gprs[VCPU_REGS_RFLAGS] = PSL_MBO;
	s->vrs_crs[VCPU_REGS_CR0] = c->cr0;
	s->vrs_crs[VCPU_REGS_CR3] = c->cr3;
	s->vrs_crs[VCPU_REGS_CR4] = c->cr4;
	s->vrs_crs[VCPU_REGS_XCR0] = XFEATURE_X87;
	if (mode == MODE_PAE)
		for (i = 0; i < 4; i++)
			s->vrs_crs[VCPU_REGS_PDPTE0 + i] =
			    (GUEST_PD + i * PAGE_BYTES) | PTE_P;
	s->vrs_msrs[VCPU_REGS_EFER] = c->efer;
	s->vrs_drs[VCPU_REGS_DR6] = DR6_INIT;
	s->vrs_drs[VCPU_REGS_DR7] = DR7_INIT;
	segments_init(s, mode);
	tables_init(s, mode);
}

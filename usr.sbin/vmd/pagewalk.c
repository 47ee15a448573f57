/* SPDX-License-Identifier: ISC */

/* Walking a guest's page tables; see pagewalk.h. */

#include <machine/specialreg.h>

#include "pagewalk.h"

/* Page table entry bits (APM 2, 5.4). */
#define PTE_P		0x001
#define PTE_RW		0x002
#define PTE_US		0x004
#define PTE_A		0x020
#define PTE_D		0x040
#define PTE_PS		0x080
#define PTE_ADDR	0x000ffffffffff000ULL
#define PTE_ADDR32	0xfffff000ULL
#define PSE_HIGH	0x001fe000ULL	/* bits 39-32 of a 4 MiB page */

/* A paging mode: how many levels of what. */
struct paging {
	unsigned int	 levels;
	unsigned int	 bits;		/* of the index into a table */
	unsigned int	 entry;		/* bytes */
	uint64_t	 root;
	unsigned int	 top_bits;	/* of the index into the root */
	int		 pse;		/* large pages are allowed */
};

/* One walk under way. */
struct walk {
	const struct guestmem	*gm;
	const struct paging	*pg;
	uint64_t		 la;
	unsigned int		 access;
	uint64_t		 rights;	/* US and RW of all levels */
};

static const struct paging paging_legacy = { 2, 10, 4, 0, 10, 0 };
static const struct paging paging_pae = { 3, 9, 8, 0, 2, 1 };
static const struct paging paging_long4 = { 4, 9, 8, 0, 9, 1 };
static const struct paging paging_long5 = { 5, 9, 8, 0, 9, 1 };

/* The mode that the registers select; with paging off, levels is 0. */
static void
paging_mode(struct paging *pg, const struct vcpu_reg_state *r)
{
	uint64_t	 cr0 = r->vrs_crs[VCPU_REGS_CR0];
	uint64_t	 cr3 = r->vrs_crs[VCPU_REGS_CR3];
	uint64_t	 cr4 = r->vrs_crs[VCPU_REGS_CR4];

	if (!(cr0 & CR0_PG)) {
		*pg = paging_legacy;
		pg->levels = 0;
	} else if (r->vrs_msrs[VCPU_REGS_EFER] & EFER_LMA) {
		*pg = cr4 & CR4_LA57 ? paging_long5 : paging_long4;
		pg->root = cr3 & PTE_ADDR;
	} else if (cr4 & CR4_PAE) {
		*pg = paging_pae;
		pg->root = cr3 & 0xffffffe0;
	} else {
		*pg = paging_legacy;
		pg->root = cr3 & PTE_ADDR32;
		pg->pse = (cr4 & CR4_PSE) != 0;
	}
}

static int
pte_load(const struct walk *w, uint64_t gpa, uint64_t *pte)
{
	uint32_t	 pte32;

	if (w->pg->entry == sizeof(*pte))
		return (guestmem_load64(w->gm, gpa, pte));
	if (guestmem_load32(w->gm, gpa, &pte32) == -1)
		return (-1);
	*pte = pte32;
	return (0);
}

/* The guest's tables are in RAM: they were loaded from there. */
static void
pte_mark(const struct walk *w, uint64_t gpa, uint64_t pte, uint64_t bits)
{
	if ((pte & bits) == bits)
		return;
	if (w->pg->entry == sizeof(pte))
		(void)guestmem_store64(w->gm, gpa, pte | bits);
	else
		(void)guestmem_store32(w->gm, gpa, pte | bits);
}

/* Linear address bits below the index of a level. */
static unsigned int
level_shift(const struct paging *pg, unsigned int level)
{
	return (12 + pg->bits * (level - 1));
}

static uint64_t
leaf_address(const struct walk *w, uint64_t pte, unsigned int shift)
{
	uint64_t	 mask = ((uint64_t)1 << shift) - 1, high = 0;

	if (w->pg->entry == sizeof(uint32_t) && shift > 12)
		high = (pte & PSE_HIGH) << 19;
	return ((pte & PTE_ADDR & ~mask) | high | (w->la & mask));
}

/* May the access be done with the rights that all levels grant? */
static int
rights_allow(const struct walk *w, const struct vcpu_reg_state *r)
{
	uint64_t	 cr0 = r->vrs_crs[VCPU_REGS_CR0];
	uint64_t	 cr4 = r->vrs_crs[VCPU_REGS_CR4];
	int		 user = (w->access & PAGEWALK_USER) != 0;

	if (user && !(w->rights & PTE_US))
		return (0);
	if (!user && (w->rights & PTE_US) && (cr4 & CR4_SMAP) &&
	    !(r->vrs_gprs[VCPU_REGS_RFLAGS] & PSL_AC))
		return (0);
	if (!(w->access & PAGEWALK_WRITE) || (w->rights & PTE_RW))
		return (1);
	return (!user && !(cr0 & CR0_WP));
}

/*
 * One level: look at the entry for w->la in *table. Returns 1 when it maps
 * the page, with *gpa; 0 to go on in *table; -1 with *error.
 */
static int
walk_level(struct walk *w, const struct vcpu_reg_state *r, unsigned int level,
    uint64_t *table, uint64_t *gpa, uint32_t *error)
{
	const struct paging	*pg = w->pg;
	unsigned int		 shift = level_shift(pg, level);
	unsigned int		 bits;
	uint64_t		 at, pte;
	int			 pdpte;

	bits = level == pg->levels ? pg->top_bits : pg->bits;
	pdpte = pg->levels == 3 && level == 3;	/* has no rights in it */
	at = *table + (w->la >> shift & (((uint64_t)1 << bits) - 1)) *
	    pg->entry;
	if (pte_load(w, at, &pte) == -1 || !(pte & PTE_P))
		return (-1);
	if (!pdpte)
		w->rights &= pte;
	if (level > 1 && (pdpte || !(pte & PTE_PS) || !pg->pse)) {
		if (!pdpte)
			pte_mark(w, at, pte, PTE_A);
		*table = pte & PTE_ADDR;
		return (0);
	}
	*error |= PAGEWALK_P;
	if (level > 3) {
		*error |= PAGEWALK_RSVD;
		return (-1);
	}
	if (!rights_allow(w, r))
		return (-1);
	pte_mark(w, at, pte, w->access & PAGEWALK_WRITE ?
	    PTE_A | PTE_D : PTE_A);
	*gpa = leaf_address(w, pte, shift);
	return (1);
}

int
pagewalk(const struct guestmem *gm, const struct vcpu_reg_state *r,
    uint64_t la, unsigned int access, uint64_t *gpa, uint32_t *error)
{
	struct paging	 pg;
	struct walk	 w = { gm, &pg, la, access, PTE_US | PTE_RW };
	unsigned int	 level;
	uint64_t	 table;
	int		 ret;

	paging_mode(&pg, r);
	*error = access;
	*gpa = la;
	table = pg.root;
	for (level = pg.levels; level > 0; level--)
		if ((ret = walk_level(&w, r, level, &table, gpa, error)) != 0)
			return (ret == 1 ? 0 : -1);
	return (0);
}

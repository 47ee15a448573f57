/* SPDX-License-Identifier: ISC */
/*
 * Writes to CR0 and CR4 that exits bring here, and the PDPTEs that a CPU in
 * PAE mode keeps (Intel SDM 3, 2.5 and 4.4.1).
 */
#include "backend.h"
#include "vcpu.h"

#include <machine/specialreg.h>

#define CR3_PAE_MASK	0xffffffe0ULL
#define PDPTE_PRESENT	0x1ULL
#define PDPTE_RESERVED	0x1e6ULL

/* Bits whose change makes a CPU in PAE mode load its PDPTEs. */
#define CR0_PDPTES	(CR0_PG | CR0_CD | CR0_NW)
#define CR4_PDPTES	(CR4_PAE | CR4_PGE | CR4_PSE | CR4_SMEP)

static bool
pae_paging(const struct vcpu_reg_state *rs)
{
	return (rs->vrs_crs[VCPU_REGS_CR0] & CR0_PG) &&
	    (rs->vrs_crs[VCPU_REGS_CR4] & CR4_PAE) &&
	    !(rs->vrs_msrs[VCPU_REGS_EFER] & EFER_LMA);
}

void
cr_pdptes_changed(struct vcpu *vcpu)
{
	vcpu->pdptes_stale = backend->pdptes && pae_paging(&vcpu->regs);
}

void
cr_pdptes_load(struct vcpu *vcpu)
{
	uint64_t *pdpte = &vcpu->regs.vrs_crs[VCPU_REGS_PDPTE0];
	uint64_t gpa;
	int i;

	vcpu->pdptes_stale = false;
	vcpu_regs_need(vcpu, VM_RWREGS_CRS);
	gpa = vcpu->regs.vrs_crs[VCPU_REGS_CR3] & CR3_PAE_MASK;
	for (i = 0; i < 4; i++) {
		if (vm_mem_read(vcpu->vm, gpa + i * 8, &pdpte[i], 8) != 0 ||
		    ((pdpte[i] & PDPTE_PRESENT) &&
		    (pdpte[i] & PDPTE_RESERVED)))
			pdpte[i] = 0;
	}
	vcpu->regs_dirty |= VM_RWREGS_CRS;
}

/* Long mode begins and ends with paging. */
static int
cr0_paging(struct vcpu *vcpu, bool on)
{
	struct vcpu_reg_state *rs = &vcpu->regs;
	uint64_t *efer = &rs->vrs_msrs[VCPU_REGS_EFER];

	vcpu_regs_need(vcpu, VM_RWREGS_SREGS);
	if (on && (*efer & EFER_LME)) {
		if ((rs->vrs_crs[VCPU_REGS_CR4] & CR4_PAE) == 0 ||
		    (rs->vrs_sregs[VCPU_REGS_CS].vsi_ar & 0x2000) != 0)
			return EINVAL;
		*efer |= EFER_LMA;
	}
	if (!on) {
		if (rs->vrs_sregs[VCPU_REGS_CS].vsi_ar & 0x2000 &&
		    (*efer & EFER_LMA))
			return EINVAL;
		*efer &= ~(uint64_t)EFER_LMA;
	}
	vcpu->regs_dirty |= VM_RWREGS_MSRS;
	return 0;
}

static int
cr0_write(struct vcpu *vcpu, uint64_t val)
{
	uint64_t *cr0 = &vcpu->regs.vrs_crs[VCPU_REGS_CR0];
	uint64_t changed = *cr0 ^ val;
	int error = 0;

	if (val >> 32 != 0 || ((val & CR0_PG) && !(val & CR0_PE)) ||
	    ((val & CR0_NW) && !(val & CR0_CD)))
		return EINVAL;
	if (changed & CR0_PG)
		error = cr0_paging(vcpu, (val & CR0_PG) != 0);
	if (error)
		return error;
	*cr0 = val | CR0_ET;
	if (changed & CR0_PDPTES)
		cr_pdptes_changed(vcpu);
	return 0;
}

static int
cr4_write(struct vcpu *vcpu, uint64_t val)
{
	uint64_t *cr4 = &vcpu->regs.vrs_crs[VCPU_REGS_CR4];
	uint64_t changed = *cr4 ^ val;

	if ((val & ~cpuid_cr4_allowed()) || (!(val & CR4_PAE) &&
	    (vcpu->regs.vrs_msrs[VCPU_REGS_EFER] & EFER_LMA)))
		return EINVAL;
	*cr4 = val;
	if (changed & CR4_PDPTES)
		cr_pdptes_changed(vcpu);
	return 0;
}

int
cr_write(struct vcpu *vcpu, uint8_t number, uint64_t val)
{
	int error;

	vcpu_regs_need(vcpu, VM_RWREGS_CRS | VM_RWREGS_MSRS);
	error = number == 0 ? cr0_write(vcpu, val) :
	    number == 4 ? cr4_write(vcpu, val) : EINVAL;
	if (error == 0)
		vcpu->regs_dirty |= VM_RWREGS_CRS;
	return error;
}

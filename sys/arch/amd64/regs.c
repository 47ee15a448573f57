/* SPDX-License-Identifier: ISC */
/*
 * Register state: which states a CPU can be in, and VMM_IOC_READREGS,
 * WRITEREGS and RESETCPU (Intel SDM 3, 26.3.1; AMD APM 2, 15.5.1).
 */
#include "backend.h"
#include "md.h"
#include "vcpu.h"

#include <machine/specialreg.h>

#define RFLAGS_DEFINED	(PSL_C | PSL_MBO | PSL_PF | PSL_AF | PSL_Z | PSL_N | \
			 PSL_T | PSL_I | PSL_D | PSL_V | PSL_IOPL | PSL_NT | \
			 PSL_RF | PSL_VM | PSL_AC | PSL_VIF | PSL_VIP | PSL_ID)

#define AR_DEFINED	0x1f0ff		/* vcpu_segment_info.vsi_ar */

void
vcpu_regs_need(struct vcpu *vcpu, uint32_t groups)
{
	groups &= ~vcpu->regs_valid;
	if (groups == 0)
		return;
	backend->regs_load(vcpu, groups);
	vcpu->regs_valid |= groups;
}

static bool
crs_ok(const struct vcpu_reg_state *rs)
{
	uint64_t cr0 = rs->vrs_crs[VCPU_REGS_CR0];
	uint64_t cr4 = rs->vrs_crs[VCPU_REGS_CR4];

	if (cr0 >> 32 != 0 ||
	    ((cr0 & CR0_PG) && !(cr0 & CR0_PE)) ||
	    ((cr0 & CR0_NW) && !(cr0 & CR0_CD)))
		return false;
	if (cr4 & ~cpuid_cr4_allowed())
		return false;
	if (rs->vrs_crs[VCPU_REGS_CR3] >> cpuid_maxphyaddr() != 0 ||
	    rs->vrs_crs[VCPU_REGS_CR8] > 15)
		return false;
	return fpu_xcr0_valid(rs->vrs_crs[VCPU_REGS_XCR0]);
}

static bool
efer_ok(const struct vcpu_reg_state *rs)
{
	uint64_t efer = rs->vrs_msrs[VCPU_REGS_EFER];
	bool paging = (rs->vrs_crs[VCPU_REGS_CR0] & CR0_PG) != 0;
	bool lme = (efer & EFER_LME) != 0;

	if (efer & ~cpuid_efer_allowed())
		return false;
	if ((efer & EFER_LMA) && !(lme && paging))
		return false;
	return !(lme && paging) || (rs->vrs_crs[VCPU_REGS_CR4] & CR4_PAE);
}

static bool
msrs_ok(const struct vcpu_reg_state *rs)
{
	return canonical(rs->vrs_msrs[VCPU_REGS_LSTAR]) &&
	    canonical(rs->vrs_msrs[VCPU_REGS_CSTAR]) &&
	    canonical(rs->vrs_msrs[VCPU_REGS_KGSBASE]);
}

static bool
sregs_ok(const struct vcpu_reg_state *rs)
{
	const struct vcpu_segment_info *s;
	int i;

	for (i = 0; i < VCPU_REGS_NSREGS; i++) {
		s = &rs->vrs_sregs[i];
		if ((s->vsi_ar & ~AR_DEFINED) != 0 || !canonical(s->vsi_base))
			return false;
	}
	s = &rs->vrs_sregs[VCPU_REGS_CS];
	if ((rs->vrs_msrs[VCPU_REGS_EFER] & EFER_LMA) &&
	    (s->vsi_ar & 0x6000) == 0x6000)
		return false;		/* L and D together */
	return canonical(rs->vrs_gdtr.vsi_base) &&
	    canonical(rs->vrs_idtr.vsi_base) &&
	    rs->vrs_gdtr.vsi_limit <= 0xffff &&
	    rs->vrs_idtr.vsi_limit <= 0xffff;
}

bool
regs_gprs_ok(const struct vcpu_reg_state *rs)
{
	return (rs->vrs_gprs[VCPU_REGS_RFLAGS] &
	    ~(uint64_t)RFLAGS_DEFINED) == 0 &&
	    canonical(rs->vrs_gprs[VCPU_REGS_RIP]);
}

int
regs_check(const struct vcpu_reg_state *rs)
{
	if (!regs_gprs_ok(rs))
		return EINVAL;
	if (rs->vrs_drs[VCPU_REGS_DR6] >> 32 != 0 ||
	    rs->vrs_drs[VCPU_REGS_DR7] >> 32 != 0)
		return EINVAL;
	if (!crs_ok(rs) || !efer_ok(rs) || !msrs_ok(rs) || !sregs_ok(rs))
		return EINVAL;
	return 0;
}

static void
regs_copy(struct vcpu_reg_state *dst, const struct vcpu_reg_state *src,
    uint64_t mask)
{
	if (mask & VM_RWREGS_GPRS)
		memcpy(dst->vrs_gprs, src->vrs_gprs, sizeof(dst->vrs_gprs));
	if (mask & VM_RWREGS_SREGS) {
		memcpy(dst->vrs_sregs, src->vrs_sregs,
		    sizeof(dst->vrs_sregs));
		dst->vrs_gdtr = src->vrs_gdtr;
		dst->vrs_idtr = src->vrs_idtr;
	}
	if (mask & VM_RWREGS_CRS)
		memcpy(dst->vrs_crs, src->vrs_crs, sizeof(dst->vrs_crs));
	if (mask & VM_RWREGS_MSRS)
		memcpy(dst->vrs_msrs, src->vrs_msrs, sizeof(dst->vrs_msrs));
	if (mask & VM_RWREGS_DRS)
		memcpy(dst->vrs_drs, src->vrs_drs, sizeof(dst->vrs_drs));
}

/* Bits that a CPU computes itself rather than takes. */
static void
regs_fix(struct vcpu_reg_state *rs)
{
	uint64_t *efer = &rs->vrs_msrs[VCPU_REGS_EFER];

	rs->vrs_gprs[VCPU_REGS_RFLAGS] |= PSL_MBO;
	if ((*efer & EFER_LME) && (rs->vrs_crs[VCPU_REGS_CR0] & CR0_PG))
		*efer |= EFER_LMA;
}

int
md_vcpu_writeregs(struct vcpu *vcpu, const struct vcpu_reg_state *rs,
    uint64_t mask)
{
	struct vcpu_reg_state *new;
	int error;

	new = os_zalloc(sizeof(*new));
	if (new == NULL)
		return ENOMEM;
	vcpu_regs_need(vcpu, VM_RWREGS_ALL);
	*new = vcpu->regs;
	regs_copy(new, rs, mask);
	regs_fix(new);
	error = regs_check(new);
	if (error == 0) {
		vcpu->regs = *new;
		/* LMA follows CR0, and paging decides what EFER means. */
		if (mask & (VM_RWREGS_CRS | VM_RWREGS_MSRS))
			mask |= VM_RWREGS_CRS | VM_RWREGS_MSRS;
		vcpu->regs_dirty |= mask;
		if (mask & VM_RWREGS_CRS)
			cr_pdptes_changed(vcpu);
		/* The new registers are the answer to an open exit. */
		if (mask & VM_RWREGS_GPRS)
			vcpu->completion = VCPU_COMPLETE_NONE;
	}
	os_free(new);
	return error;
}

void
md_vcpu_readregs(struct vcpu *vcpu, struct vcpu_reg_state *rs, uint64_t mask)
{
	vcpu_regs_need(vcpu, mask);
	regs_copy(rs, &vcpu->regs, mask);
}

int
md_vcpu_reset(struct vcpu *vcpu, const struct vcpu_reg_state *rs)
{
	struct vcpu_reg_state *new;
	int error;

	new = os_zalloc(sizeof(*new));
	if (new == NULL)
		return ENOMEM;
	*new = *rs;
	regs_fix(new);
	error = regs_check(new);
	if (error == 0) {
		backend->vcpu_reset(vcpu);
		vcpu->regs = *new;
		vcpu->regs_valid = vcpu->regs_dirty = VM_RWREGS_ALL;
		vcpu->pat = PAT_INIT;
		backend->set_pat(vcpu, PAT_INIT);
		fpu_vcpu_reset(vcpu);
		event_reset(&vcpu->ev);
		vcpu->shut_down = false;
		cr_pdptes_changed(vcpu);
		vcpu->completion = VCPU_COMPLETE_NONE;
		vcpu->pvclock.gpa = 0;
		vcpu->pvclock.wall_gpa = 0;
	}
	os_free(new);
	return error;
}

static void
segment_set(struct vcpu_segment_info *s, uint16_t sel, uint64_t base,
    uint32_t limit, uint32_t ar)
{
	s->vsi_sel = sel;
	s->vsi_base = base;
	s->vsi_limit = limit;
	s->vsi_ar = ar;
}

/* Intel SDM 3, table 9-1: after power-on. */
void
regs_power_on(struct vcpu_reg_state *rs)
{
	int i;

	memset(rs, 0, sizeof(*rs));
	rs->vrs_gprs[VCPU_REGS_RIP] = 0xfff0;
	rs->vrs_gprs[VCPU_REGS_RFLAGS] = PSL_MBO;
	rs->vrs_crs[VCPU_REGS_CR0] = CR0_CD | CR0_NW | CR0_ET;
	rs->vrs_crs[VCPU_REGS_XCR0] = XFEATURE_X87;
	rs->vrs_drs[VCPU_REGS_DR6] = DR6_INIT;
	rs->vrs_drs[VCPU_REGS_DR7] = DR7_INIT;
	for (i = 0; i < VCPU_REGS_NSREGS; i++)
		segment_set(&rs->vrs_sregs[i], 0, 0, 0xffff, 0x93);
	segment_set(&rs->vrs_sregs[VCPU_REGS_CS], 0xf000, 0xffff0000, 0xffff,
	    0x9b);
	segment_set(&rs->vrs_sregs[VCPU_REGS_LDTR], 0, 0, 0xffff, 0x82);
	segment_set(&rs->vrs_sregs[VCPU_REGS_TR], 0, 0, 0xffff, 0x8b);
	segment_set(&rs->vrs_gdtr, 0, 0, 0xffff, 0);
	segment_set(&rs->vrs_idtr, 0, 0, 0xffff, 0);
}

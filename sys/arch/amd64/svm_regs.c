/* SPDX-License-Identifier: ISC */
/*
 * AMD-V: register groups and the VMCB's state save area.
 */
#include "svm.h"
#include "vm.h"

#include <machine/specialreg.h>

/* vsi_ar has bits 12-15 where the VMCB has 8-11. */
#define AR_LOW		0x00ff
#define AR_HIGH		0xf000
#define AR_UNUSABLE	0x10000
#define ATTRIB_PRESENT	0x0080

static void
segment_load(struct vcpu_segment_info *s, const struct vmcb_segment *v)
{
	s->vsi_sel = v->selector;
	s->vsi_limit = v->limit;
	s->vsi_base = v->base;
	s->vsi_ar = (v->attrib & AR_LOW) | (v->attrib << 4 & AR_HIGH);
	if ((v->attrib & ATTRIB_PRESENT) == 0)
		s->vsi_ar |= AR_UNUSABLE;
}

static void
segment_store(struct vmcb_segment *v, const struct vcpu_segment_info *s)
{
	v->selector = s->vsi_sel;
	v->limit = s->vsi_limit;
	v->base = s->vsi_base;
	v->attrib = (s->vsi_ar & AR_LOW) | (s->vsi_ar & AR_HIGH) >> 4;
	if (s->vsi_ar & AR_UNUSABLE)
		v->attrib &= ~ATTRIB_PRESENT;
}

static struct vmcb_segment *
vmcb_segment(struct vmcb *vmcb, int i)
{
	switch (i) {
	case VCPU_REGS_LDTR:
		return &vmcb->ldtr;
	case VCPU_REGS_TR:
		return &vmcb->tr;
	default:
		return &vmcb->es + i;	/* ES, CS, SS, DS, FS, GS */
	}
}

static void
sregs_load(struct vcpu_reg_state *rs, struct vmcb *vmcb)
{
	int i;

	for (i = 0; i < VCPU_REGS_NSREGS; i++)
		segment_load(&rs->vrs_sregs[i], vmcb_segment(vmcb, i));
	memset(&rs->vrs_gdtr, 0, sizeof(rs->vrs_gdtr));
	rs->vrs_gdtr.vsi_base = vmcb->gdtr.base;
	rs->vrs_gdtr.vsi_limit = vmcb->gdtr.limit;
	memset(&rs->vrs_idtr, 0, sizeof(rs->vrs_idtr));
	rs->vrs_idtr.vsi_base = vmcb->idtr.base;
	rs->vrs_idtr.vsi_limit = vmcb->idtr.limit;
}

static void
sregs_store(const struct vcpu_reg_state *rs, struct vmcb *vmcb)
{
	int i;

	for (i = 0; i < VCPU_REGS_NSREGS; i++)
		segment_store(vmcb_segment(vmcb, i), &rs->vrs_sregs[i]);
	vmcb->gdtr.base = rs->vrs_gdtr.vsi_base;
	vmcb->gdtr.limit = rs->vrs_gdtr.vsi_limit;
	vmcb->idtr.base = rs->vrs_idtr.vsi_base;
	vmcb->idtr.limit = rs->vrs_idtr.vsi_limit;
	vmcb->cpl = rs->vrs_sregs[VCPU_REGS_SS].vsi_ar >> 5 & 3;
	vmcb->clean &= ~(SVM_CLEAN_SEG | SVM_CLEAN_DT);
}

static void
crs_load(struct vcpu_reg_state *rs, const struct vmcb *vmcb)
{
	rs->vrs_crs[VCPU_REGS_CR0] = vmcb->cr0;
	rs->vrs_crs[VCPU_REGS_CR2] = vmcb->cr2;
	rs->vrs_crs[VCPU_REGS_CR3] = vmcb->cr3;
	rs->vrs_crs[VCPU_REGS_CR4] = vmcb->cr4;
	rs->vrs_crs[VCPU_REGS_CR8] = vmcb->vintr & SVM_VINTR_TPR;
}

static void
crs_store(const struct vcpu_reg_state *rs, struct vmcb *vmcb)
{
	vmcb->cr0 = rs->vrs_crs[VCPU_REGS_CR0];
	vmcb->cr2 = rs->vrs_crs[VCPU_REGS_CR2];
	vmcb->cr3 = rs->vrs_crs[VCPU_REGS_CR3];
	vmcb->cr4 = rs->vrs_crs[VCPU_REGS_CR4];
	vmcb->vintr = (vmcb->vintr & ~SVM_VINTR_TPR) |
	    rs->vrs_crs[VCPU_REGS_CR8];
	vmcb->clean &= ~(SVM_CLEAN_CRX | SVM_CLEAN_CR2 | SVM_CLEAN_TPR);
}

/* MISC_ENABLE is Intel's; it lives in vcpu->regs alone. */
static void
msrs_load(struct vcpu_reg_state *rs, const struct vmcb *vmcb)
{
	rs->vrs_msrs[VCPU_REGS_EFER] = vmcb->efer & ~(uint64_t)EFER_SVME;
	rs->vrs_msrs[VCPU_REGS_STAR] = vmcb->star;
	rs->vrs_msrs[VCPU_REGS_LSTAR] = vmcb->lstar;
	rs->vrs_msrs[VCPU_REGS_CSTAR] = vmcb->cstar;
	rs->vrs_msrs[VCPU_REGS_SFMASK] = vmcb->sfmask;
	rs->vrs_msrs[VCPU_REGS_KGSBASE] = vmcb->kernel_gs_base;
}

static void
msrs_store(const struct vcpu_reg_state *rs, struct vmcb *vmcb)
{
	vmcb->efer = rs->vrs_msrs[VCPU_REGS_EFER] | EFER_SVME;
	vmcb->star = rs->vrs_msrs[VCPU_REGS_STAR];
	vmcb->lstar = rs->vrs_msrs[VCPU_REGS_LSTAR];
	vmcb->cstar = rs->vrs_msrs[VCPU_REGS_CSTAR];
	vmcb->sfmask = rs->vrs_msrs[VCPU_REGS_SFMASK];
	vmcb->kernel_gs_base = rs->vrs_msrs[VCPU_REGS_KGSBASE];
	vmcb->clean &= ~SVM_CLEAN_CRX;
}

/* The GPRs that the VMCB holds are copied at every exit and entry. */
void
svm_regs_load(struct vcpu *vcpu, uint32_t groups)
{
	struct vmcb *vmcb = svm_vcpu_fromhw(vcpu->hw)->vmcb;
	struct vcpu_reg_state *rs = &vcpu->regs;

	if (groups & VM_RWREGS_SREGS)
		sregs_load(rs, vmcb);
	if (groups & VM_RWREGS_CRS)
		crs_load(rs, vmcb);
	if (groups & VM_RWREGS_MSRS)
		msrs_load(rs, vmcb);
	if (groups & VM_RWREGS_DRS) {
		rs->vrs_drs[VCPU_REGS_DR6] = vmcb->dr6;
		rs->vrs_drs[VCPU_REGS_DR7] = vmcb->dr7;
	}
}

void
svm_regs_store(struct vcpu *vcpu, uint32_t groups)
{
	struct vmcb *vmcb = svm_vcpu_fromhw(vcpu->hw)->vmcb;
	const struct vcpu_reg_state *rs = &vcpu->regs;

	if (groups & VM_RWREGS_SREGS)
		sregs_store(rs, vmcb);
	if (groups & VM_RWREGS_CRS)
		crs_store(rs, vmcb);
	if (groups & VM_RWREGS_MSRS)
		msrs_store(rs, vmcb);
	if (groups & VM_RWREGS_DRS) {
		vmcb->dr6 = rs->vrs_drs[VCPU_REGS_DR6];
		vmcb->dr7 = rs->vrs_drs[VCPU_REGS_DR7];
		vmcb->clean &= ~SVM_CLEAN_DRX;
	}
}

/* SPDX-License-Identifier: ISC */
/*
 * VT-x: register groups and the VMCS's guest-state area.
 *
 * The guest reads from the shadows those bits of CR0 and CR4 that the host
 * owns. In CR0 that is NE, which VMX wants set, and NW and CD, which VM
 * entries and exits do not switch; in CR4 VMXE, and what guests do not have.
 */
#include "vmx.h"
#include "backend.h"
#include "cpufunc.h"
#include "vcpu.h"

#include <machine/specialreg.h>

#define AR_UNUSABLE	0x10000U

uint64_t
vmx_cr4_owned(void)
{
	return ~cpuid_cr4_allowed();
}

static void
sregs_load(struct vcpu_reg_state *rs)
{
	struct vcpu_segment_info *s;
	int i;

	for (i = 0; i < VCPU_REGS_NSREGS; i++) {
		s = &rs->vrs_sregs[i];
		s->vsi_sel = vmread(VMCS_SEG(VMCS_GUEST_ES_SEL, i));
		s->vsi_limit = vmread(VMCS_SEG(VMCS_GUEST_ES_LIMIT, i));
		s->vsi_ar = vmread(VMCS_SEG(VMCS_GUEST_ES_AR, i));
		s->vsi_base = vmread(VMCS_SEG(VMCS_GUEST_ES_BASE, i));
	}
	rs->vrs_gdtr.vsi_base = vmread(VMCS_GUEST_GDTR_BASE);
	rs->vrs_gdtr.vsi_limit = vmread(VMCS_GUEST_GDTR_LIMIT);
	rs->vrs_idtr.vsi_base = vmread(VMCS_GUEST_IDTR_BASE);
	rs->vrs_idtr.vsi_limit = vmread(VMCS_GUEST_IDTR_LIMIT);
}

static uint32_t
segment_ar(const struct vcpu_segment_info *s)
{
	return (s->vsi_ar & 0x80) == 0 ? s->vsi_ar | AR_UNUSABLE : s->vsi_ar;
}

static void
sregs_store(const struct vcpu_reg_state *rs)
{
	const struct vcpu_segment_info *s;
	int i;

	for (i = 0; i < VCPU_REGS_NSREGS; i++) {
		s = &rs->vrs_sregs[i];
		vmwrite(VMCS_SEG(VMCS_GUEST_ES_SEL, i), s->vsi_sel);
		vmwrite(VMCS_SEG(VMCS_GUEST_ES_LIMIT, i), s->vsi_limit);
		vmwrite(VMCS_SEG(VMCS_GUEST_ES_AR, i), segment_ar(s));
		vmwrite(VMCS_SEG(VMCS_GUEST_ES_BASE, i), s->vsi_base);
	}
	vmwrite(VMCS_GUEST_GDTR_BASE, rs->vrs_gdtr.vsi_base);
	vmwrite(VMCS_GUEST_GDTR_LIMIT, rs->vrs_gdtr.vsi_limit);
	vmwrite(VMCS_GUEST_IDTR_BASE, rs->vrs_idtr.vsi_base);
	vmwrite(VMCS_GUEST_IDTR_LIMIT, rs->vrs_idtr.vsi_limit);
}

/* CR2 and XCR0 are not in the VMCS: they live in vcpu->regs alone. */
static void
crs_load(struct vcpu_reg_state *rs, const struct vmx_vcpu *vv)
{
	int i;

	rs->vrs_crs[VCPU_REGS_CR0] =
	    (vmread(VMCS_GUEST_CR0) & ~(uint64_t)VMX_CR0_OWNED) |
	    (vmread(VMCS_CR0_SHADOW) & VMX_CR0_OWNED);
	rs->vrs_crs[VCPU_REGS_CR4] =
	    (vmread(VMCS_GUEST_CR4) & ~vmx_cr4_owned()) |
	    (vmread(VMCS_CR4_SHADOW) & vmx_cr4_owned());
	rs->vrs_crs[VCPU_REGS_CR3] = vmread(VMCS_GUEST_CR3);
	rs->vrs_crs[VCPU_REGS_CR8] = vv->vapic[VAPIC_TPR] >> 4;
	for (i = 0; i < 4; i++)
		rs->vrs_crs[VCPU_REGS_PDPTE0 + i] =
		    vmread(VMCS_SEG(VMCS_GUEST_PDPTE0, i));
}

static void
crs_store(const struct vcpu_reg_state *rs, struct vmx_vcpu *vv)
{
	uint64_t cr0 = rs->vrs_crs[VCPU_REGS_CR0];
	int i;

	vmwrite(VMCS_CR0_SHADOW, cr0);
	vmwrite(VMCS_GUEST_CR0, (cr0 & ~(uint64_t)(CR0_NW | CR0_CD)) |
	    CR0_NE | CR0_ET);
	vmwrite(VMCS_CR4_SHADOW, rs->vrs_crs[VCPU_REGS_CR4]);
	vmwrite(VMCS_GUEST_CR4, rs->vrs_crs[VCPU_REGS_CR4] | CR4_VMXE);
	vmwrite(VMCS_GUEST_CR3, rs->vrs_crs[VCPU_REGS_CR3]);
	vv->vapic[VAPIC_TPR] = rs->vrs_crs[VCPU_REGS_CR8] << 4;
	for (i = 0; i < 4; i++)
		vmwrite(VMCS_SEG(VMCS_GUEST_PDPTE0, i),
		    rs->vrs_crs[VCPU_REGS_PDPTE0 + i]);
	vv->flush_vpid = true;
}

/* The SYSCALL MSRs and KERNEL_GS_BASE are the CPU's; see vmx_region_begin. */
static void
msrs_load(struct vcpu_reg_state *rs)
{
	rs->vrs_msrs[VCPU_REGS_EFER] = vmread(VMCS_GUEST_EFER);
}

static void
msrs_store(const struct vcpu_reg_state *rs, struct vmx_vcpu *vv)
{
	uint64_t efer = rs->vrs_msrs[VCPU_REGS_EFER];
	uint32_t ctls;

	vmwrite(VMCS_GUEST_EFER, efer);
	ctls = efer & EFER_LMA ? vv->entry_ctls | ENTRY_IA32E_GUEST :
	    vv->entry_ctls & ~ENTRY_IA32E_GUEST;
	vv->entry_ctls = ctls;
	vmwrite(VMCS_ENTRY_CTLS, ctls);
	vv->flush_vpid = true;
}

void
vmx_regs_load(struct vcpu *vcpu, uint32_t groups)
{
	struct vcpu_reg_state *rs = &vcpu->regs;

	vmx_acquire(vcpu);
	if (groups & VM_RWREGS_SREGS)
		sregs_load(rs);
	if (groups & VM_RWREGS_CRS)
		crs_load(rs, vcpu->hw);
	if (groups & VM_RWREGS_MSRS)
		msrs_load(rs);
	if (groups & VM_RWREGS_DRS)
		rs->vrs_drs[VCPU_REGS_DR7] = vmread(VMCS_GUEST_DR7);
	vmx_release();
}

void
vmx_regs_store(struct vcpu *vcpu, uint32_t groups)
{
	const struct vcpu_reg_state *rs = &vcpu->regs;

	if (groups & VM_RWREGS_SREGS)
		sregs_store(rs);
	if (groups & VM_RWREGS_CRS)
		crs_store(rs, vcpu->hw);
	if (groups & VM_RWREGS_MSRS)
		msrs_store(rs, vcpu->hw);
	if (groups & VM_RWREGS_DRS)
		vmwrite(VMCS_GUEST_DR7, rs->vrs_drs[VCPU_REGS_DR7]);
}

/* SPDX-License-Identifier: ISC */
/*
 * A back end for tests of the driver's core.
 */
#include <stdlib.h>

#include "mock.h"

#include <machine/specialreg.h>

struct mock	 mock;

static const struct npt_format mock_format = {
	.table		= 0x7,
	.leaf		= 0x5,
	.write		= 0x2,
	.noexec		= 1ULL << 63,
	.large		= 0x80,
	.present	= 0x1,
};

struct vcpu_reg_state *
mock_hw(struct vcpu *vcpu)
{
	return vcpu->hw;
}

void
mock_reset(void)
{
	int vcpus = mock.vcpus, enabled = mock.cpus_enabled;

	memset(&mock, 0, sizeof(mock));
	mock.vcpus = vcpus;
	mock.cpus_enabled = enabled;
}

void
mock_exit(struct vcpu *vcpu, enum vmexit_kind kind, uint8_t insn_len)
{
	memset(&vcpu->exit, 0, sizeof(vcpu->exit));
	vcpu->exit.kind = kind;
	vcpu->exit.code = MOCK_CODE;
	vcpu->exit.insn_len = insn_len;
}

static void
mock_geometry(int *levels, unsigned int *max_shift)
{
	*levels = 4;
	*max_shift = 21;
}

static bool
mock_exec_only(void)
{
	return mock.exec_only;
}

static int
mock_init(void)
{
	return mock.fail_init ? ENODEV : 0;
}

static void
mock_fini(void)
{
}

static int
mock_cpu_enable(void)
{
	if (mock.enable_error != 0 && os_cpu_id() == mock.error_cpu)
		return mock.enable_error;
	mock.cpus_enabled++;
	return 0;
}

static void
mock_cpu_disable(void)
{
	mock.cpus_enabled--;
}

static int
mock_vcpu_init(struct vcpu *vcpu)
{
	vcpu->hw = os_zalloc(sizeof(struct vcpu_reg_state));
	if (vcpu->hw == NULL)
		return ENOMEM;
	mock.vcpus++;
	return 0;
}

/* Also for a VCPU whose init failed, or was not called. */
static void
mock_vcpu_fini(struct vcpu *vcpu)
{
	if (vcpu->hw != NULL)
		mock.vcpus--;
	os_free(vcpu->hw);
}

static void
mock_vcpu_reset(struct vcpu *vcpu)
{
	(void)vcpu;
	mock.shadow = mock.nmi_blocked = mock.pending = false;
}

static void
mock_copy(struct vcpu_reg_state *dst, const struct vcpu_reg_state *src,
    uint32_t groups)
{
	if (groups & VM_RWREGS_SREGS) {
		memcpy(dst->vrs_sregs, src->vrs_sregs, sizeof(dst->vrs_sregs));
		dst->vrs_gdtr = src->vrs_gdtr;
		dst->vrs_idtr = src->vrs_idtr;
	}
	/* XCR0 and what follows it is not the back end's. */
	if (groups & VM_RWREGS_CRS)
		memcpy(dst->vrs_crs, src->vrs_crs,
		    VCPU_REGS_XCR0 * sizeof(dst->vrs_crs[0]));
	if (groups & VM_RWREGS_MSRS)
		memcpy(dst->vrs_msrs, src->vrs_msrs,
		    VCPU_REGS_MISC_ENABLE * sizeof(dst->vrs_msrs[0]));
	if (groups & VM_RWREGS_DRS)
		memcpy(dst->vrs_drs, src->vrs_drs, sizeof(dst->vrs_drs));
}

static void
mock_regs_load(struct vcpu *vcpu, uint32_t groups)
{
	if (groups & vcpu->regs_dirty)
		abort();
	mock_copy(&vcpu->regs, mock_hw(vcpu), groups);
}

static void
mock_regs_store(struct vcpu *vcpu, uint32_t groups)
{
	if (groups & ~vcpu->regs_valid)
		abort();
	mock_copy(mock_hw(vcpu), &vcpu->regs, groups);
}

static uint64_t
mock_efer(struct vcpu *vcpu)
{
	return vcpu->regs_dirty & VM_RWREGS_MSRS ?
	    vcpu->regs.vrs_msrs[VCPU_REGS_EFER] :
	    mock_hw(vcpu)->vrs_msrs[VCPU_REGS_EFER];
}

static uint64_t
mock_cr4(struct vcpu *vcpu)
{
	return vcpu->regs_dirty & VM_RWREGS_CRS ?
	    vcpu->regs.vrs_crs[VCPU_REGS_CR4] :
	    mock_hw(vcpu)->vrs_crs[VCPU_REGS_CR4];
}

static int
mock_cpl(struct vcpu *vcpu)
{
	return (vcpu->regs_dirty & VM_RWREGS_SREGS ?
	    vcpu->regs.vrs_sregs[VCPU_REGS_SS].vsi_ar :
	    mock_hw(vcpu)->vrs_sregs[VCPU_REGS_SS].vsi_ar) >> 5 & 3;
}

static void
mock_set_efer(struct vcpu *vcpu, uint64_t efer)
{
	vcpu->regs.vrs_msrs[VCPU_REGS_EFER] = efer;
	mock_hw(vcpu)->vrs_msrs[VCPU_REGS_EFER] = efer;
}

static void
mock_set_pat(struct vcpu *vcpu, uint64_t pat)
{
	(void)vcpu;
	mock.pat = pat;
}

static void
mock_set_tsc_offset(struct vcpu *vcpu, uint64_t offset)
{
	(void)vcpu;
	mock.tsc_offset = offset;
}

static bool
mock_shadow(struct vcpu *vcpu)
{
	(void)vcpu;
	return mock.shadow;
}

static void
mock_clear_shadow(struct vcpu *vcpu)
{
	(void)vcpu;
	mock.shadow = false;
}

static bool
mock_nmi_blocked(struct vcpu *vcpu)
{
	(void)vcpu;
	return mock.nmi_blocked;
}

static void
mock_inject(struct vcpu *vcpu, const struct event *e)
{
	(void)vcpu;
	if (mock.pending || !e->valid)
		abort();
	mock.pending = true;
	mock.injected[mock.ninjected++ % MOCK_EVENTS] = *e;
}

static void
mock_window(struct vcpu *vcpu, bool intr, bool nmi)
{
	(void)vcpu;
	mock.intr_window = intr;
	mock.nmi_window = nmi;
}

static void
mock_own_debug(struct vcpu *vcpu)
{
	(void)vcpu;
	mock.debug_owned++;
}

static void
mock_region(struct vcpu *vcpu)
{
	(void)vcpu;
}

/* What the driver must load before it looks. */
static void
mock_spoil(struct vcpu *vcpu)
{
	struct vcpu_reg_state bad;

	memset(&bad, 0x5a, sizeof(bad));
	mock_copy(&vcpu->regs, &bad, VM_RWREGS_ALL & ~VM_RWREGS_GPRS);
}

static void
mock_enter(struct vcpu *vcpu, bool flush)
{
	mock.entries++;
	mock.flushes += flush;
	mock.pending = false;
	mock_spoil(vcpu);
	mock_exit(vcpu, VE_HLT, 1);
	if (mock.enter != NULL)
		mock.enter(vcpu);
}

#define MOCK_BACKEND(brand)						\
{									\
	.name		= brand,					\
	.npt_format	= &mock_format,					\
	.pdptes		= true,						\
	.code_window	= MOCK_WINDOW,					\
	.npt_geometry	= mock_geometry,				\
	.exec_only	= mock_exec_only,				\
	.init		= mock_init,					\
	.fini		= mock_fini,					\
	.cpu_enable	= mock_cpu_enable,				\
	.cpu_disable	= mock_cpu_disable,				\
	.vcpu_init	= mock_vcpu_init,				\
	.vcpu_fini	= mock_vcpu_fini,				\
	.vcpu_reset	= mock_vcpu_reset,				\
	.regs_load	= mock_regs_load,				\
	.regs_store	= mock_regs_store,				\
	.efer		= mock_efer,					\
	.cr4		= mock_cr4,					\
	.cpl		= mock_cpl,					\
	.set_efer	= mock_set_efer,				\
	.set_pat	= mock_set_pat,					\
	.set_tsc_offset	= mock_set_tsc_offset,				\
	.shadow		= mock_shadow,					\
	.clear_shadow	= mock_clear_shadow,				\
	.nmi_blocked	= mock_nmi_blocked,				\
	.inject		= mock_inject,					\
	.window		= mock_window,					\
	.own_debug	= mock_own_debug,				\
	.region_begin	= mock_region,					\
	.region_end	= mock_region,					\
	.enter		= mock_enter,					\
}

const struct backend svm_backend = MOCK_BACKEND("AMD-V");
const struct backend vmx_backend = MOCK_BACKEND("VT-x");

/* SPDX-License-Identifier: ISC */
/*
 * The guest's x87, SSE and AVX state (Intel SDM 1, chapter 13).
 *
 * XSAVE and XRSTOR run with the host's XCR0, which covers everything that a
 * guest may use; the guest's own XCR0 is in force, and lives in the CPU, only
 * between them: there are emulated CPUs where XSETBV causes no exit. PKRU is
 * not among what guests have, but a guest can write to it on AMD, where it
 * may set CR4.PKE unseen; so the host's value is put back.
 */
#include "backend.h"
#include "cpufunc.h"
#include "vcpu.h"

#include <machine/specialreg.h>

#define FPU_MXCSR_OFFSET	24	/* in the legacy area */
#define FPU_FCW_OFFSET		0
#define FPU_MXCSR_INIT		0x1f80
#define FPU_FCW_INIT		0x0040	/* at power-on */
#define XSAVE_XSTATE_BV		512	/* in the XSAVE header */

static uint64_t	fpu_host_xcr0;		/* 0: no XSAVE */
static bool	fpu_host_pku;

void
fpu_init(void)
{
	fpu_host_xcr0 = rcr4() & CR4_OSXSAVE ? xgetbv0() : 0;
	fpu_host_pku = (rcr4() & CR4_PKE) != 0;
}

int
fpu_vcpu_init(struct vcpu *vcpu)
{
	vcpu->fpu = os_pages_zalloc(0);
	return vcpu->fpu == NULL ? ENOMEM : 0;
}

void
fpu_vcpu_fini(struct vcpu *vcpu)
{
	os_pages_free(vcpu->fpu, 0);
}

void
fpu_vcpu_reset(struct vcpu *vcpu)
{
	uint8_t *area = vcpu->fpu;
	uint32_t mxcsr = FPU_MXCSR_INIT;
	uint16_t fcw = FPU_FCW_INIT;
	uint64_t bv = XFEATURE_X87;

	memset(area, 0, OS_PAGE_SIZE);
	memcpy(area + FPU_FCW_OFFSET, &fcw, sizeof(fcw));
	memcpy(area + FPU_MXCSR_OFFSET, &mxcsr, sizeof(mxcsr));
	if (fpu_host_xcr0 != 0)
		memcpy(area + XSAVE_XSTATE_BV, &bv, sizeof(bv));
}

bool
fpu_xcr0_valid(uint64_t xcr0)
{
	uint64_t avx512 = xcr0 & XFEATURE_AVX512;

	return (xcr0 & XFEATURE_X87) && !(xcr0 & ~cpuid_xcr0_allowed()) &&
	    (!(xcr0 & XFEATURE_AVX) || (xcr0 & XFEATURE_SSE)) &&
	    (avx512 == 0 || (avx512 == XFEATURE_AVX512 &&
	    (xcr0 & XFEATURE_AVX)));
}

void
fpu_set_xcr0(struct vcpu *vcpu)
{
	xsetbv0(vcpu->regs.vrs_crs[VCPU_REGS_XCR0]);
}

void
fpu_load(struct vcpu *vcpu)
{
	if (fpu_host_pku)
		vcpu->host_pkru = rdpkru();
	if (fpu_host_xcr0 == 0) {
		fxrstor64(vcpu->fpu);
		return;
	}
	xrstor64(vcpu->fpu, cpuid_xcr0_allowed());
	if (vcpu->regs.vrs_crs[VCPU_REGS_XCR0] != fpu_host_xcr0)
		fpu_set_xcr0(vcpu);
}

void
fpu_save(struct vcpu *vcpu)
{
	if (fpu_host_pku && rdpkru() != vcpu->host_pkru)
		wrpkru(vcpu->host_pkru);
	if (fpu_host_xcr0 == 0) {
		fxsave64(vcpu->fpu);
		return;
	}
	vcpu->regs.vrs_crs[VCPU_REGS_XCR0] = xgetbv0();
	if (vcpu->regs.vrs_crs[VCPU_REGS_XCR0] != fpu_host_xcr0)
		xsetbv0(fpu_host_xcr0);
	xsave64(vcpu->fpu, cpuid_xcr0_allowed());
}

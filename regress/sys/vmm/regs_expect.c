/* SPDX-License-Identifier: ISC */
/*
 * Comparing register states in the regress programs of vmm(4).
 */

#include "guest.h"
#include "harness.h"

static void
segment_check(const char *what, const struct vcpu_segment_info *got,
    const struct vcpu_segment_info *want)
{
	if (got->vsi_sel != want->vsi_sel || got->vsi_base != want->vsi_base ||
	    got->vsi_limit != want->vsi_limit || got->vsi_ar != want->vsi_ar)
		FAIL("%s is %#x base %#llx limit %#x ar %#x, not %#x base "
		    "%#llx limit %#x ar %#x", what, got->vsi_sel,
		    (unsigned long long)got->vsi_base, got->vsi_limit,
		    got->vsi_ar, want->vsi_sel,
		    (unsigned long long)want->vsi_base, want->vsi_limit,
		    want->vsi_ar);
}

static void
words_check(const char *what, const uint64_t *got, const uint64_t *want,
    unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		if (got[i] != want[i])
			FAIL("%s %u is %#llx, not %#llx", what, i,
			    (unsigned long long)got[i],
			    (unsigned long long)want[i]);
}

void
regs_expect(uint64_t mask, const struct vcpu_reg_state *got,
    const struct vcpu_reg_state *want)
{
	static const char *const names[] = { "ES", "CS", "SS", "DS", "FS",
	    "GS", "LDTR", "TR" };
	unsigned int i;

	if (mask & VM_RWREGS_GPRS)
		words_check("GPR", got->vrs_gprs, want->vrs_gprs,
		    VCPU_REGS_NGPRS);
	if (mask & VM_RWREGS_CRS)
		words_check("CR", got->vrs_crs, want->vrs_crs,
		    VCPU_REGS_PDPTE0);
	if (mask & VM_RWREGS_MSRS)
		words_check("MSR", got->vrs_msrs, want->vrs_msrs,
		    VCPU_REGS_MISC_ENABLE);
	if (mask & VM_RWREGS_DRS)
		words_check("DR", got->vrs_drs, want->vrs_drs,
		    VCPU_REGS_NDRS);
	if ((mask & VM_RWREGS_SREGS) == 0)
		return;
	for (i = 0; i < VCPU_REGS_NSREGS; i++)
		segment_check(names[i], &got->vrs_sregs[i],
		    &want->vrs_sregs[i]);
	CHECK_EQ(got->vrs_gdtr.vsi_base, want->vrs_gdtr.vsi_base);
	CHECK_EQ(got->vrs_gdtr.vsi_limit, want->vrs_gdtr.vsi_limit);
	CHECK_EQ(got->vrs_idtr.vsi_base, want->vrs_idtr.vsi_base);
	CHECK_EQ(got->vrs_idtr.vsi_limit, want->vrs_idtr.vsi_limit);
}

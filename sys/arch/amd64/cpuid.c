/* SPDX-License-Identifier: ISC */
/*
 * The CPU that a guest sees. Feature words are allow-lists: a bit that is
 * not named here is hidden, whatever the host has.
 *
 * Left out, with the reason:
 *  leaf 1: MONITOR, VMX, SMX, EIST, TM2, DS: not virtualized; PCID: no
 *   INVPCID; x2APIC, APIC, TSC deadline: no local APIC in the driver;
 *   MTRR, MCE, MCA: no such MSRs; HTT: from the VM's VCPUs
 *  leaf 7: INVPCID, PKU, SGX, MPX, CET, TSX, RDPID, speculation controls:
 *   state or MSRs that are not kept
 *  0xD.1: XSAVES: XSS is not kept
 *  0x80000001: SVM, RDTSCP, IBS, LWP, perf counters, FFXSR: not kept
 */
#include "backend.h"
#include "cpufunc.h"
#include "vcpu.h"

#include <machine/specialreg.h>

#define CPUID_BIT(n)	(1U << (n))

/* CPUID.1:ECX */
#define F1C_SSE3	CPUID_BIT(0)
#define F1C_PCLMUL	CPUID_BIT(1)
#define F1C_SSSE3	CPUID_BIT(9)
#define F1C_FMA		CPUID_BIT(12)
#define F1C_CX16	CPUID_BIT(13)
#define F1C_SSE41	CPUID_BIT(19)
#define F1C_SSE42	CPUID_BIT(20)
#define F1C_MOVBE	CPUID_BIT(22)
#define F1C_POPCNT	CPUID_BIT(23)
#define F1C_AES		CPUID_BIT(25)
#define F1C_XSAVE	CPUID_BIT(26)
#define F1C_OSXSAVE	CPUID_BIT(27)
#define F1C_AVX		CPUID_BIT(28)
#define F1C_F16C	CPUID_BIT(29)
#define F1C_RDRAND	CPUID_BIT(30)
#define F1C_HV		CPUID_BIT(31)

#define F1C_ALLOWED	(F1C_SSE3 | F1C_PCLMUL | F1C_SSSE3 | F1C_FMA | \
			 F1C_CX16 | F1C_SSE41 | F1C_SSE42 | F1C_MOVBE | \
			 F1C_POPCNT | F1C_AES | F1C_XSAVE | F1C_AVX | \
			 F1C_F16C | F1C_RDRAND)
#define F1C_NEED_AVX	(F1C_FMA | F1C_AVX | F1C_F16C)

/* CPUID.1:EDX */
#define F1D_FPU		CPUID_BIT(0)
#define F1D_VME		CPUID_BIT(1)
#define F1D_DE		CPUID_BIT(2)
#define F1D_PSE		CPUID_BIT(3)
#define F1D_TSC		CPUID_BIT(4)
#define F1D_MSR		CPUID_BIT(5)
#define F1D_PAE		CPUID_BIT(6)
#define F1D_CX8		CPUID_BIT(8)
#define F1D_SEP		CPUID_BIT(11)
#define F1D_PGE		CPUID_BIT(13)
#define F1D_CMOV	CPUID_BIT(15)
#define F1D_PAT		CPUID_BIT(16)
#define F1D_PSE36	CPUID_BIT(17)
#define F1D_CLFSH	CPUID_BIT(19)
#define F1D_MMX		CPUID_BIT(23)
#define F1D_FXSR	CPUID_BIT(24)
#define F1D_SSE		CPUID_BIT(25)
#define F1D_SSE2	CPUID_BIT(26)
#define F1D_HTT		CPUID_BIT(28)

#define F1D_ALLOWED	(F1D_FPU | F1D_VME | F1D_DE | F1D_PSE | F1D_TSC | \
			 F1D_MSR | F1D_PAE | F1D_CX8 | F1D_SEP | F1D_PGE | \
			 F1D_CMOV | F1D_PAT | F1D_PSE36 | F1D_CLFSH | \
			 F1D_MMX | F1D_FXSR | F1D_SSE | F1D_SSE2)

/* CPUID.7.0:EBX */
#define F7B_FSGSBASE	CPUID_BIT(0)
#define F7B_BMI1	CPUID_BIT(3)
#define F7B_AVX2	CPUID_BIT(5)
#define F7B_SMEP	CPUID_BIT(7)
#define F7B_BMI2	CPUID_BIT(8)
#define F7B_ERMS	CPUID_BIT(9)
#define F7B_RDSEED	CPUID_BIT(18)
#define F7B_ADX		CPUID_BIT(19)
#define F7B_SMAP	CPUID_BIT(20)
#define F7B_CLFLUSHOPT	CPUID_BIT(23)
#define F7B_CLWB	CPUID_BIT(24)
#define F7B_SHA		CPUID_BIT(29)
#define F7B_AVX512	(CPUID_BIT(16) | CPUID_BIT(17) | CPUID_BIT(21) | CPUID_BIT(28) | CPUID_BIT(30) | \
			 CPUID_BIT(31))	/* F, DQ, IFMA, CD, BW, VL */

#define F7B_ALLOWED	(F7B_FSGSBASE | F7B_BMI1 | F7B_AVX2 | F7B_SMEP | \
			 F7B_BMI2 | F7B_ERMS | F7B_RDSEED | F7B_ADX | \
			 F7B_SMAP | F7B_CLFLUSHOPT | F7B_CLWB | F7B_SHA | \
			 F7B_AVX512)

/* CPUID.7.0:ECX and EDX */
#define F7C_UMIP	CPUID_BIT(2)
#define F7C_GFNI	CPUID_BIT(8)
#define F7C_VAES	CPUID_BIT(9)
#define F7C_VPCLMUL	CPUID_BIT(10)
#define F7C_AVX512	(CPUID_BIT(1) | CPUID_BIT(6) | CPUID_BIT(11) | CPUID_BIT(12) | CPUID_BIT(14))
					/* VBMI, VBMI2, VNNI, BITALG, POPCNT */
#define F7C_ALLOWED	(F7C_UMIP | F7C_GFNI | F7C_VAES | F7C_VPCLMUL | \
			 F7C_AVX512)
#define F7D_FSRM	CPUID_BIT(4)
#define F7D_MD_CLEAR	CPUID_BIT(10)
#define F7D_ALLOWED	(F7D_FSRM | F7D_MD_CLEAR)

/* CPUID.0xD.1:EAX */
#define FDA_XSAVEOPT	CPUID_BIT(0)
#define FDA_XSAVEC	CPUID_BIT(1)
#define FDA_XGETBV1	CPUID_BIT(2)
#define FDA_ALLOWED	(FDA_XSAVEOPT | FDA_XSAVEC | FDA_XGETBV1)

/* CPUID.0x80000001:ECX */
#define E1C_LAHF	CPUID_BIT(0)
#define E1C_CR8		CPUID_BIT(4)
#define E1C_ABM		CPUID_BIT(5)
#define E1C_SSE4A	CPUID_BIT(6)
#define E1C_MISALIGN	CPUID_BIT(7)
#define E1C_PREFETCHW	CPUID_BIT(8)
#define E1C_XOP		CPUID_BIT(11)
#define E1C_FMA4	CPUID_BIT(16)
#define E1C_TBM		CPUID_BIT(21)
#define E1C_ALLOWED	(E1C_LAHF | E1C_CR8 | E1C_ABM | E1C_SSE4A | \
			 E1C_MISALIGN | E1C_PREFETCHW | E1C_XOP | E1C_FMA4 | \
			 E1C_TBM)
#define E1C_NEED_AVX	(E1C_XOP | E1C_FMA4)

/* CPUID.0x80000001:EDX; AMD repeats bits of leaf 1 here. */
#define E1D_SYSCALL	CPUID_BIT(11)
#define E1D_NX		CPUID_BIT(20)
#define E1D_MMXEXT	CPUID_BIT(22)
#define E1D_PAGE1GB	CPUID_BIT(26)
#define E1D_LM		CPUID_BIT(29)
#define E1D_3DNOWEXT	CPUID_BIT(30)
#define E1D_3DNOW	CPUID_BIT(31)
#define E1D_REPEATED	(F1D_FPU | F1D_VME | F1D_DE | F1D_PSE | F1D_TSC | \
			 F1D_MSR | F1D_PAE | F1D_CX8 | F1D_PGE | F1D_CMOV | \
			 F1D_PAT | F1D_PSE36 | F1D_MMX | F1D_FXSR)
#define E1D_ALLOWED	(E1D_REPEATED | E1D_SYSCALL | E1D_NX | E1D_MMXEXT | \
			 E1D_PAGE1GB | E1D_LM | E1D_3DNOWEXT | E1D_3DNOW)

/* CPUID.0x80000007:EDX and 0x80000008:EBX */
#define E7D_ITSC	CPUID_BIT(8)
#define E8B_CLZERO	CPUID_BIT(0)
#define E8B_XSAVEERPTR	CPUID_BIT(2)

/* Hypervisor leaves */
#define HV_BASE		0x40000000U
#define HV_KVM_BASE	0x40000100U
#define KVM_NOP_IO_DELAY	CPUID_BIT(1)
#define KVM_CLOCKSOURCE2	CPUID_BIT(3)
#define KVM_CLOCK_STABLE	CPUID_BIT(24)

#define BASIC_MAX	0x16U
#define EXT_BASE	0x80000000U
#define EXT_MAX		0x80000008U

/* Masked once, when the driver starts; subleaf 0 of each. */
static struct cpuid_regs basic[BASIC_MAX + 1];
static struct cpuid_regs extended[EXT_MAX - EXT_BASE + 1];
static uint64_t xcr0_allowed;

static const struct cpuid_regs zero;

uint64_t
cpuid_xcr0_allowed(void)
{
	return xcr0_allowed;
}

/* By the vendor's name: compatible makers follow one or the other. */
bool
cpuid_is_intel(void)
{
	return memcmp(&basic[0].ebx, "Genu", 4) == 0 ||
	    memcmp(&basic[0].ebx, "Cent", 4) == 0;
}

unsigned int
cpuid_maxphyaddr(void)
{
	return extended[8].eax & 0xff;
}

bool
cpuid_has_1g_pages(void)
{
	return (extended[1].edx & E1D_PAGE1GB) != 0;
}

uint64_t
cpuid_efer_allowed(void)
{
	uint64_t efer = 0;

	efer |= extended[1].edx & E1D_SYSCALL ? EFER_SCE : 0;
	efer |= extended[1].edx & E1D_LM ? EFER_LME | EFER_LMA : 0;
	efer |= extended[1].edx & E1D_NX ? EFER_NXE : 0;
	return efer;
}

uint64_t
cpuid_cr4_allowed(void)
{
	uint64_t cr4 = CR4_TSD | CR4_PSE | CR4_PAE | CR4_PGE | CR4_PCE |
	    CR4_DE | CR4_OSFXSR | CR4_OSXMMEXCPT;

	cr4 |= basic[1].edx & F1D_VME ? CR4_VME | CR4_PVI : 0;
	cr4 |= basic[1].ecx & F1C_XSAVE ? CR4_OSXSAVE : 0;
	cr4 |= basic[7].ebx & F7B_FSGSBASE ? CR4_FSGSBASE : 0;
	cr4 |= basic[7].ebx & F7B_SMEP ? CR4_SMEP : 0;
	cr4 |= basic[7].ebx & F7B_SMAP ? CR4_SMAP : 0;
	cr4 |= basic[7].ecx & F7C_UMIP ? CR4_UMIP : 0;
	return cr4;
}

static void
init_xcr0(void)
{
	uint64_t host = rcr4() & CR4_OSXSAVE ? xgetbv0() : 0;

	xcr0_allowed = host & (XFEATURE_X87 | XFEATURE_SSE | XFEATURE_AVX);
	if ((host & XFEATURE_AVX512) == XFEATURE_AVX512)
		xcr0_allowed |= XFEATURE_AVX512;
	if (xcr0_allowed == 0)
		xcr0_allowed = XFEATURE_X87;
}

static void
mask_features(void)
{
	bool xsave = (xcr0_allowed & XFEATURE_SSE) != 0;
	bool avx = (xcr0_allowed & XFEATURE_AVX) != 0;
	bool avx512 = (xcr0_allowed & XFEATURE_OPMASK) != 0;

	basic[1].ecx &= F1C_ALLOWED;
	basic[1].edx &= F1D_ALLOWED;
	basic[7].eax = 0;
	basic[7].ebx &= F7B_ALLOWED;
	basic[7].ecx &= F7C_ALLOWED;
	basic[7].edx &= F7D_ALLOWED;
	extended[1].ebx = 0;
	extended[1].ecx &= E1C_ALLOWED;
	extended[1].edx &= E1D_ALLOWED;
	if (!xsave)
		basic[1].ecx &= ~F1C_XSAVE;
	if (!avx) {
		basic[1].ecx &= ~F1C_NEED_AVX;
		basic[7].ebx &= ~F7B_AVX2;
		basic[7].ecx &= ~(F7C_VAES | F7C_VPCLMUL);
		extended[1].ecx &= ~E1C_NEED_AVX;
	}
	if (!avx512) {
		basic[7].ebx &= ~F7B_AVX512;
		basic[7].ecx &= ~F7C_AVX512;
	}
}

/* Leaves that say nothing of use, or that are made anew for each VCPU. */
static const uint8_t basic_hidden[] = {
	0x3, 0x5, 0x6, 0x8, 0x9, 0xa, 0xb, 0xc, 0xe, 0xf,
	0x10, 0x11, 0x12, 0x13, 0x14
};

void
cpuid_init(void)
{
	struct cpuid_regs top;
	uint32_t i;

	init_xcr0();
	cpuid(0, 0, &top);
	for (i = 0; i <= BASIC_MAX && i <= top.eax; i++)
		cpuid(i, 0, &basic[i]);
	basic[0].eax = top.eax < BASIC_MAX ? top.eax : BASIC_MAX;
	for (i = 0; i < sizeof(basic_hidden); i++)
		basic[basic_hidden[i]] = zero;
	cpuid(EXT_BASE, 0, &top);
	for (i = EXT_BASE; i <= EXT_MAX && i <= top.eax; i++)
		cpuid(i, 0, &extended[i - EXT_BASE]);
	extended[0].eax = top.eax < EXT_MAX ? top.eax : EXT_MAX;
	mask_features();
	extended[7].eax = extended[7].ebx = extended[7].ecx = 0;
	extended[7].edx &= E7D_ITSC;
	extended[8].eax &= 0xffff;
	extended[8].ebx &= E8B_CLZERO | E8B_XSAVEERPTR;
	extended[8].ecx = extended[8].edx = 0;
}

static uint32_t
vcpu_count_field(const struct vcpu *vcpu)
{
	return vcpu->vm->ncpus < 255 ? vcpu->vm->ncpus : 255;
}

/* Version, APIC id, features; OSXSAVE shows the guest's own CR4. */
static void
leaf_1(struct vcpu *vcpu, uint32_t subleaf, struct cpuid_regs *r)
{
	r->ebx = (r->ebx & 0xff00) | vcpu->id << 24 |
	    vcpu_count_field(vcpu) << 16;
	r->ecx |= F1C_HV;
	if (backend->cr4(vcpu) & CR4_OSXSAVE)
		r->ecx |= F1C_OSXSAVE;
	if (vcpu->vm->ncpus > 1)
		r->edx |= F1D_HTT;
}

/* Caches: private to a VCPU as far as the guest is told. */
static void
leaf_4(struct vcpu *vcpu, uint32_t subleaf, struct cpuid_regs *r)
{
	if (basic[4].eax == 0) {
		*r = zero;
		return;
	}
	cpuid(4, subleaf, r);
	r->eax &= 0x3ff;
}

static void
leaf_7(struct vcpu *vcpu, uint32_t subleaf, struct cpuid_regs *r)
{
	if (subleaf != 0)
		*r = zero;
}

/* The size of a standard-format XSAVE area with these components. */
static uint32_t
xsave_size(uint64_t xcr0)
{
	struct cpuid_regs r;
	uint32_t size = 576;
	int i;

	for (i = 2; i < 63; i++) {
		if ((xcr0 >> i & 1) == 0)
			continue;
		cpuid(0xd, i, &r);
		if (r.ebx + r.eax > size)
			size = r.ebx + r.eax;
	}
	return size;
}

/* In the FPU region: XCR0 is the guest's. */
static void
leaf_d(struct vcpu *vcpu, uint32_t subleaf, struct cpuid_regs *r)
{
	*r = zero;
	if ((basic[1].ecx & F1C_XSAVE) == 0)
		return;
	if (subleaf == 0) {
		r->eax = (uint32_t)xcr0_allowed;
		r->ebx = xsave_size(xgetbv0());
		r->ecx = xsave_size(xcr0_allowed);
	} else if (subleaf == 1) {
		cpuid(0xd, 1, r);
		r->eax &= FDA_ALLOWED;
		r->ebx = r->eax & FDA_XSAVEC ?
		    xsave_size(xgetbv0()) : 0;
		r->ecx = r->edx = 0;
	} else if (subleaf < 63 && (xcr0_allowed >> subleaf & 1) != 0) {
		cpuid(0xd, subleaf, r);
		r->edx = 0;
	}
}

static void
leaf_ext_8(struct vcpu *vcpu, uint32_t subleaf, struct cpuid_regs *r)
{
	r->ecx = vcpu_count_field(vcpu) - 1;
}

static void
leaf_signature(struct cpuid_regs *r, uint32_t max, const char *sig)
{
	r->eax = max;
	memcpy(&r->ebx, sig, 4);
	memcpy(&r->ecx, sig + 4, 4);
	memcpy(&r->edx, sig + 8, 4);
}

static void
leaf_hypervisor(uint32_t leaf, struct cpuid_regs *r)
{
	*r = zero;
	switch (leaf) {
	case HV_BASE:
		leaf_signature(r, HV_BASE + 1, "OpenBSDVMM58");
		break;
	case HV_KVM_BASE:
		leaf_signature(r, HV_KVM_BASE + 1, "KVMKVMKVM\0\0\0");
		break;
	case HV_BASE + 1:
	case HV_KVM_BASE + 1:
		r->eax = KVM_NOP_IO_DELAY | KVM_CLOCKSOURCE2 |
		    (os_tsc_stable() ? KVM_CLOCK_STABLE : 0);
		break;
	}
}

/* Leaves that are more than a masked copy of the host's. */
static const struct cpuid_leaf {
	uint32_t	  leaf;
	void		(*fix)(struct vcpu *, uint32_t, struct cpuid_regs *);
} cpuid_leaves[] = {
	{ 0x1,		leaf_1 },
	{ 0x4,		leaf_4 },
	{ 0x7,		leaf_7 },
	{ 0xd,		leaf_d },
	{ EXT_MAX,	leaf_ext_8 },
};

void
cpuid_guest(struct vcpu *vcpu, uint32_t leaf, uint32_t subleaf,
    struct cpuid_regs *r)
{
	size_t i;

	if (leaf >= HV_BASE && leaf < EXT_BASE) {
		leaf_hypervisor(leaf, r);
		return;
	}
	if (leaf >= EXT_BASE && leaf <= extended[0].eax)
		*r = extended[leaf - EXT_BASE];
	else {
		if (leaf > basic[0].eax)
			leaf = basic[0].eax;
		*r = basic[leaf];
	}
	for (i = 0; i < sizeof(cpuid_leaves) / sizeof(cpuid_leaves[0]); i++) {
		if (cpuid_leaves[i].leaf == leaf)
			cpuid_leaves[i].fix(vcpu, subleaf, r);
	}
}

/* SPDX-License-Identifier: ISC */
/*
 * amd64 control registers, RFLAGS, EFER, XCR0 and model-specific registers
 * (Intel SDM 3, chapter 2; AMD APM 2, chapter 3 and appendix A).
 */
#ifndef _MACHINE_SPECIALREG_H_
#define _MACHINE_SPECIALREG_H_

/* CR0 */
#define CR0_PE		0x00000001	/* protected mode */
#define CR0_MP		0x00000002	/* WAIT heeds TS */
#define CR0_EM		0x00000004	/* no x87 */
#define CR0_TS		0x00000008	/* task switched */
#define CR0_ET		0x00000010	/* always 1 */
#define CR0_NE		0x00000020	/* x87 errors raise #MF */
#define CR0_WP		0x00010000	/* supervisor heeds R/W */
#define CR0_AM		0x00040000	/* alignment checks */
#define CR0_NW		0x20000000	/* not write-through */
#define CR0_CD		0x40000000	/* caches off */
#define CR0_PG		0x80000000	/* paging */

/* CR3 */
#define CR3_PWT		(1ULL << 3)
#define CR3_PCD		(1ULL << 4)

/* CR4 */
#define CR4_VME		0x00000001	/* virtual-8086 extensions */
#define CR4_PVI		0x00000002	/* virtual interrupts in PM */
#define CR4_TSD		0x00000004	/* RDTSC is privileged */
#define CR4_DE		0x00000008	/* debugging extensions */
#define CR4_PSE		0x00000010	/* 4 MiB pages */
#define CR4_PAE		0x00000020	/* physical address extension */
#define CR4_MCE		0x00000040	/* machine checks */
#define CR4_PGE		0x00000080	/* global pages */
#define CR4_PCE		0x00000100	/* RDPMC for all */
#define CR4_OSFXSR	0x00000200	/* FXSAVE and SSE */
#define CR4_OSXMMEXCPT	0x00000400	/* #XM */
#define CR4_UMIP	0x00000800	/* SGDT and friends privileged */
#define CR4_LA57	0x00001000	/* 5-level paging */
#define CR4_VMXE	0x00002000	/* VMX */
#define CR4_SMXE	0x00004000	/* SMX */
#define CR4_FSGSBASE	0x00010000	/* RDFSBASE and friends */
#define CR4_PCIDE	0x00020000	/* process-context ids */
#define CR4_OSXSAVE	0x00040000	/* XSAVE */
#define CR4_SMEP	0x00100000	/* no supervisor fetch of user pages */
#define CR4_SMAP	0x00200000	/* no supervisor access to user pages */
#define CR4_PKE		0x00400000	/* protection keys, user */
#define CR4_CET		0x00800000	/* control-flow enforcement */
#define CR4_PKS		0x01000000	/* protection keys, supervisor */

/* RFLAGS */
#define PSL_C		0x00000001
#define PSL_MBO		0x00000002	/* must be one */
#define PSL_PF		0x00000004
#define PSL_AF		0x00000010
#define PSL_Z		0x00000040
#define PSL_N		0x00000080
#define PSL_T		0x00000100
#define PSL_I		0x00000200
#define PSL_D		0x00000400
#define PSL_V		0x00000800
#define PSL_IOPL	0x00003000
#define PSL_NT		0x00004000
#define PSL_RF		0x00010000
#define PSL_VM		0x00020000
#define PSL_AC		0x00040000
#define PSL_VIF		0x00080000
#define PSL_VIP		0x00100000
#define PSL_ID		0x00200000

/* EFER */
#define EFER_SCE	0x00000001	/* SYSCALL */
#define EFER_LME	0x00000100	/* long mode enable */
#define EFER_LMA	0x00000400	/* long mode active */
#define EFER_NXE	0x00000800	/* no-execute */
#define EFER_SVME	0x00001000	/* SVM */
#define EFER_LMSLE	0x00002000	/* long-mode segment limits */
#define EFER_FFXSR	0x00004000	/* fast FXSAVE */
#define EFER_TCE	0x00008000	/* translation cache extension */

/* XCR0 */
#define XFEATURE_X87		0x00000001
#define XFEATURE_SSE		0x00000002
#define XFEATURE_AVX		0x00000004
#define XFEATURE_BNDREG		0x00000008
#define XFEATURE_BNDCSR		0x00000010
#define XFEATURE_MPX		(XFEATURE_BNDREG | XFEATURE_BNDCSR)
#define XFEATURE_OPMASK		0x00000020
#define XFEATURE_ZMM_HI256	0x00000040
#define XFEATURE_HI16_ZMM	0x00000080
#define XFEATURE_AVX512		(XFEATURE_OPMASK | XFEATURE_ZMM_HI256 | \
				 XFEATURE_HI16_ZMM)
#define XFEATURE_PKRU		0x00000200

/* DR6 and DR7 at power-on */
#define DR6_INIT		0xffff0ff0
#define DR7_INIT		0x00000400

/* Model-specific registers */
#define MSR_TSC			0x00000010
#define MSR_PLATFORM_ID		0x00000017
#define MSR_APICBASE		0x0000001b
#define MSR_FEATURE_CONTROL	0x0000003a
#define MSR_TSC_ADJUST		0x0000003b
#define MSR_SPEC_CTRL		0x00000048
#define MSR_PRED_CMD		0x00000049
#define MSR_BIOS_UPDT_TRIG	0x00000079
#define MSR_BIOS_SIGN		0x0000008b
#define MSR_MTRRcap		0x000000fe
#define MSR_ARCH_CAPABILITIES	0x0000010a
#define MSR_FLUSH_CMD		0x0000010b
#define MSR_SYSENTER_CS		0x00000174
#define MSR_SYSENTER_ESP	0x00000175
#define MSR_SYSENTER_EIP	0x00000176
#define MSR_MCG_CAP		0x00000179
#define MSR_MCG_STATUS		0x0000017a
#define MSR_MISC_ENABLE		0x000001a0
#define MSR_DEBUGCTLMSR		0x000001d9
#define MSR_CR_PAT		0x00000277
#define MSR_MTRRdefType		0x000002ff
#define MSR_XSS			0x00000da0
#define MSR_EFER		0xc0000080
#define MSR_STAR		0xc0000081
#define MSR_LSTAR		0xc0000082
#define MSR_CSTAR		0xc0000083
#define MSR_SFMASK		0xc0000084
#define MSR_FSBASE		0xc0000100
#define MSR_GSBASE		0xc0000101
#define MSR_KERNELGSBASE	0xc0000102
#define MSR_TSC_AUX		0xc0000103
#define MSR_SYSCFG		0xc0010010
#define MSR_HWCR		0xc0010015
#define MSR_NB_CFG		0xc001001f
#define MSR_PATCH_LEVEL		0x0000008b
#define MSR_INT_PEN_MSG		0xc0010055
#define MSR_PSTATEDEF		0xc0010064
#define MSR_AMD_VM_CR		0xc0010114
#define MSR_AMD_VM_HSAVE_PA	0xc0010117
#define MSR_LS_CFG		0xc0011020
#define MSR_IC_CFG		0xc0011021
#define MSR_DE_CFG		0xc0011029

/* Paravirtual clock, as Linux guests know it */
#define KVM_MSR_WALL_CLOCK	0x4b564d00
#define KVM_MSR_SYSTEM_TIME	0x4b564d01

/* PAT at power-on: WB, WT, UC-, UC, twice */
#define PAT_INIT		0x0007040600070406ULL

#endif /* _MACHINE_SPECIALREG_H_ */

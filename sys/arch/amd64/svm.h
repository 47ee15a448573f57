/* SPDX-License-Identifier: ISC */
/*
 * AMD-V: the VMCB and its fields (AMD APM 2, chapter 15 and appendix B).
 */
#ifndef _SYS_SVM_H_
#define _SYS_SVM_H_

#include "os.h"

/* CPUID 0x8000000A:EDX */
#define SVM_CPUID_LEAF		0x8000000aU
#define SVM_CPUID_NP		(1U << 0)
#define SVM_CPUID_NRIPS		(1U << 3)
#define SVM_CPUID_CLEAN		(1U << 5)
#define SVM_CPUID_FLUSHBYASID	(1U << 6)
#define SVM_CPUID_DECODE	(1U << 7)

#define VM_CR_SVMDIS		(1ULL << 4)

/* Intercepts, word 3 (offset 0x00c) */
#define SVM_INTERCEPT_INTR	(1U << 0)
#define SVM_INTERCEPT_NMI	(1U << 1)
#define SVM_INTERCEPT_SMI	(1U << 2)
#define SVM_INTERCEPT_INIT	(1U << 3)
#define SVM_INTERCEPT_VINTR	(1U << 4)
#define SVM_INTERCEPT_RDPMC	(1U << 15)
#define SVM_INTERCEPT_CPUID	(1U << 18)
#define SVM_INTERCEPT_IRET	(1U << 20)
#define SVM_INTERCEPT_INVD	(1U << 22)
#define SVM_INTERCEPT_HLT	(1U << 24)
#define SVM_INTERCEPT_INVLPGA	(1U << 26)
#define SVM_INTERCEPT_IOIO	(1U << 27)
#define SVM_INTERCEPT_MSR	(1U << 28)
#define SVM_INTERCEPT_SHUTDOWN	(1U << 31)

/* Intercepts, word 4 (offset 0x010) */
#define SVM_INTERCEPT_VMRUN	(1U << 0)
#define SVM_INTERCEPT_VMMCALL	(1U << 1)
#define SVM_INTERCEPT_VMLOAD	(1U << 2)
#define SVM_INTERCEPT_VMSAVE	(1U << 3)
#define SVM_INTERCEPT_STGI	(1U << 4)
#define SVM_INTERCEPT_CLGI	(1U << 5)
#define SVM_INTERCEPT_SKINIT	(1U << 6)
#define SVM_INTERCEPT_RDTSCP	(1U << 7)
#define SVM_INTERCEPT_ICEBP	(1U << 8)
#define SVM_INTERCEPT_WBINVD	(1U << 9)
#define SVM_INTERCEPT_MONITOR	(1U << 10)
#define SVM_INTERCEPT_MWAIT	(1U << 11)
#define SVM_INTERCEPT_MWAIT_ARMED (1U << 12)
#define SVM_INTERCEPT_XSETBV	(1U << 13)
#define SVM_INTERCEPT_RDPRU	(1U << 14)

/* Intercepts, word 5 (offset 0x014) */
#define SVM_INTERCEPT_INVLPGB	(1U << 0)
#define SVM_INTERCEPT_INVPCID	(1U << 2)
#define SVM_INTERCEPT_MCOMMIT	(1U << 3)
#define SVM_INTERCEPT_TLBSYNC	(1U << 4)

#define SVM_INTERCEPT_EXC_DB	(1U << 1)
#define SVM_INTERCEPT_EXC_MC	(1U << 18)

/* tlb_control */
#define SVM_TLB_NOTHING		0
#define SVM_TLB_FLUSH_ALL	1

/* vintr */
#define SVM_VINTR_TPR		0x0fULL
#define SVM_VINTR_IRQ		(1ULL << 8)
#define SVM_VINTR_PRIO_MAX	(0xfULL << 16)
#define SVM_VINTR_IGN_TPR	(1ULL << 20)
#define SVM_VINTR_MASKING	(1ULL << 24)

/* interrupt_state */
#define SVM_SHADOW		(1ULL << 0)

/* event_inject and exit_int_info */
#define SVM_EVENT_VECTOR	0xffULL
#define SVM_EVENT_TYPE_SHIFT	8
#define SVM_EVENT_TYPE		0x7ULL
#define SVM_EVENT_EV		(1ULL << 11)
#define SVM_EVENT_VALID		(1ULL << 31)
#define SVM_EVENT_ERROR_SHIFT	32

#define SVM_NP_ENABLE		(1ULL << 0)

/* clean: what the CPU may keep from the last entry */
#define SVM_CLEAN_I		(1U << 0)	/* intercepts, TSC offset */
#define SVM_CLEAN_ASID		(1U << 2)
#define SVM_CLEAN_TPR		(1U << 3)	/* vintr */
#define SVM_CLEAN_NP		(1U << 4)	/* nCR3, PAT */
#define SVM_CLEAN_CRX		(1U << 5)	/* CR0, 3, 4, EFER */
#define SVM_CLEAN_DRX		(1U << 6)
#define SVM_CLEAN_DT		(1U << 7)
#define SVM_CLEAN_SEG		(1U << 8)
#define SVM_CLEAN_CR2		(1U << 9)
#define SVM_CLEAN_ALL		0x3ffU

/* EXITINFO1 of IOIO */
#define SVM_IOIO_IN		(1U << 0)
#define SVM_IOIO_STR		(1U << 2)
#define SVM_IOIO_REP		(1U << 3)
#define SVM_IOIO_SIZE(info)	((info) >> 4 & 7)	/* 1, 2 or 4 */
#define SVM_IOIO_PORT(info)	((info) >> 16 & 0xffff)

/* EXITINFO1 of a nested page fault */
#define SVM_NPF_WRITE		(1ULL << 1)
#define SVM_NPF_FETCH		(1ULL << 4)

#define SVM_DR6_BS		(1ULL << 14)	/* a single step */

struct vmcb_segment {
	uint16_t	selector;
	uint16_t	attrib;
	uint32_t	limit;
	uint64_t	base;
};

struct vmcb {
	/* Control area */
	uint16_t	intercept_cr_read;
	uint16_t	intercept_cr_write;
	uint16_t	intercept_dr_read;
	uint16_t	intercept_dr_write;
	uint32_t	intercept_exceptions;
	uint32_t	intercept3;
	uint32_t	intercept4;
	uint32_t	intercept5;
	uint8_t		reserved1[0x03c - 0x018];
	uint16_t	pause_filter_threshold;
	uint16_t	pause_filter_count;
	uint64_t	iopm_base_pa;
	uint64_t	msrpm_base_pa;
	uint64_t	tsc_offset;
	uint32_t	asid;
	uint8_t		tlb_control;
	uint8_t		reserved2[3];
	uint64_t	vintr;
	uint64_t	interrupt_state;
	uint64_t	exit_code;
	uint64_t	exit_info1;
	uint64_t	exit_info2;
	uint64_t	exit_int_info;
	uint64_t	np_enable;
	uint8_t		reserved3[16];
	uint64_t	event_inject;
	uint64_t	n_cr3;
	uint64_t	lbr_control;
	uint32_t	clean;
	uint32_t	reserved4;
	uint64_t	nrip;
	uint8_t		nbytes;
	uint8_t		bytes[15];
	uint8_t		reserved5[0x400 - 0x0e0];

	/* State save area */
	struct vmcb_segment es, cs, ss, ds, fs, gs;
	struct vmcb_segment gdtr, ldtr, idtr, tr;
	uint8_t		reserved6[0x4cb - 0x4a0];
	uint8_t		cpl;
	uint32_t	reserved7;
	uint64_t	efer;
	uint8_t		reserved8[0x548 - 0x4d8];
	uint64_t	cr4;
	uint64_t	cr3;
	uint64_t	cr0;
	uint64_t	dr7;
	uint64_t	dr6;
	uint64_t	rflags;
	uint64_t	rip;
	uint8_t		reserved9[0x5d8 - 0x580];
	uint64_t	rsp;
	uint8_t		reserved10[0x5f8 - 0x5e0];
	uint64_t	rax;
	uint64_t	star;
	uint64_t	lstar;
	uint64_t	cstar;
	uint64_t	sfmask;
	uint64_t	kernel_gs_base;
	uint64_t	sysenter_cs;
	uint64_t	sysenter_esp;
	uint64_t	sysenter_eip;
	uint64_t	cr2;
	uint8_t		reserved11[0x668 - 0x648];
	uint64_t	g_pat;
	uint8_t		reserved12[0x1000 - 0x670];
};

_Static_assert(sizeof(struct vmcb) == 4096, "VMCB");
_Static_assert(offsetof(struct vmcb, iopm_base_pa) == 0x040, "VMCB");
_Static_assert(offsetof(struct vmcb, asid) == 0x058, "VMCB");
_Static_assert(offsetof(struct vmcb, vintr) == 0x060, "VMCB");
_Static_assert(offsetof(struct vmcb, exit_code) == 0x070, "VMCB");
_Static_assert(offsetof(struct vmcb, np_enable) == 0x090, "VMCB");
_Static_assert(offsetof(struct vmcb, event_inject) == 0x0a8, "VMCB");
_Static_assert(offsetof(struct vmcb, clean) == 0x0c0, "VMCB");
_Static_assert(offsetof(struct vmcb, nbytes) == 0x0d0, "VMCB");
_Static_assert(offsetof(struct vmcb, es) == 0x400, "VMCB");
_Static_assert(offsetof(struct vmcb, tr) == 0x490, "VMCB");
_Static_assert(offsetof(struct vmcb, cpl) == 0x4cb, "VMCB");
_Static_assert(offsetof(struct vmcb, efer) == 0x4d0, "VMCB");
_Static_assert(offsetof(struct vmcb, cr4) == 0x548, "VMCB");
_Static_assert(offsetof(struct vmcb, rsp) == 0x5d8, "VMCB");
_Static_assert(offsetof(struct vmcb, rax) == 0x5f8, "VMCB");
_Static_assert(offsetof(struct vmcb, cr2) == 0x640, "VMCB");
_Static_assert(offsetof(struct vmcb, g_pat) == 0x668, "VMCB");

/* What a VCPU has of AMD-V. */
struct svm_vcpu {
	struct vmcb	*vmcb;
	uint64_t	 vmcb_pa;
	uint32_t	 asid_gen;	/* of the CPU vcpu.last_cpu */
	bool		 nmi_masked;	/* until the guest's IRET */
	bool		 iret_seen;	/* it is about to execute it ... */
	uint64_t	 iret_rip;	/* ... here */
	bool		 stepping;	/* over it, as an NMI waits behind */
	bool		 guest_tf;	/* the guest steps itself */
	bool		 owns_debug;	/* DR0-3 are the guest's */
};

/* svm_entry.S */

struct vcpu_reg_state;
/*
 * Run the guest of a VMCB with the general registers in regs->vrs_gprs, all
 * but RAX, RSP, RIP and RFLAGS; those are in the VMCB. Interrupts are off.
 * host_pa is a page that VMSAVE has filled with the host's state.
 */
void	 svm_run(struct vcpu_reg_state *regs, uint64_t vmcb_pa,
	    uint64_t host_pa);
void	 svm_save_host(uint64_t host_pa);

/* svm_exit.c: fill vcpu->exit from the VMCB. */
struct vcpu;
void	 svm_exit_decode(struct vcpu *);

/* svm_regs.c */
void	 svm_regs_load(struct vcpu *, uint32_t groups);
void	 svm_regs_store(struct vcpu *, uint32_t groups);

static inline struct svm_vcpu *
svm_vcpu_fromhw(void *hw)
{
	return hw;
}

#endif /* _SYS_SVM_H_ */

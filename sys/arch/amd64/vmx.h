/* SPDX-License-Identifier: ISC */
/*
 * VT-x: capability MSRs, controls and VMCS fields (Intel SDM 3, chapters 24
 * to 28, appendices A and B).
 */
#ifndef _SYS_VMX_H_
#define _SYS_VMX_H_

#include "vm.h"

/* MSRs */
#define MSR_VMX_BASIC			0x480
#define MSR_VMX_PINBASED_CTLS		0x481
#define MSR_VMX_PROCBASED_CTLS		0x482
#define MSR_VMX_EXIT_CTLS		0x483
#define MSR_VMX_ENTRY_CTLS		0x484
#define MSR_VMX_MISC			0x485
#define MSR_VMX_PROCBASED_CTLS2		0x48b
#define MSR_VMX_EPT_VPID_CAP		0x48c
#define MSR_VMX_TRUE_PINBASED_CTLS	0x48d
#define MSR_VMX_TRUE_PROCBASED_CTLS	0x48e
#define MSR_VMX_TRUE_EXIT_CTLS		0x48f
#define MSR_VMX_TRUE_ENTRY_CTLS		0x490

#define VMX_BASIC_REVISION		0x7fffffffULL
#define VMX_BASIC_TRUE_CTLS		(1ULL << 55)

#define FEATURE_CONTROL_LOCK		(1ULL << 0)
#define FEATURE_CONTROL_VMXON		(1ULL << 2)	/* outside SMX */

#define FLUSH_CMD_L1D			(1ULL << 0)

/* MSR_VMX_EPT_VPID_CAP */
#define EPT_CAP_EXEC_ONLY		(1ULL << 0)
#define EPT_CAP_4_LEVELS		(1ULL << 6)
#define EPT_CAP_WB			(1ULL << 14)
#define EPT_CAP_2M			(1ULL << 16)
#define EPT_CAP_1G			(1ULL << 17)
#define EPT_CAP_INVEPT			(1ULL << 20)
#define EPT_CAP_INVEPT_SINGLE		(1ULL << 25)
#define VPID_CAP_INVVPID		(1ULL << 32)
#define VPID_CAP_INVVPID_ALL		(1ULL << 42)

#define INVEPT_SINGLE			1
#define INVVPID_ALL			2

/* EPTP */
#define EPTP_WB				6ULL
#define EPTP_4_LEVELS			(3ULL << 3)

/* Pin-based controls */
#define PIN_EXTINT_EXITING		(1U << 0)
#define PIN_NMI_EXITING			(1U << 3)
#define PIN_VIRTUAL_NMIS		(1U << 5)
#define PIN_PREEMPTION_TIMER		(1U << 6)

/* Primary processor-based controls */
#define PROC_INTR_WINDOW		(1U << 2)
#define PROC_TSC_OFFSETTING		(1U << 3)
#define PROC_HLT_EXITING		(1U << 7)
#define PROC_MWAIT_EXITING		(1U << 10)
#define PROC_RDPMC_EXITING		(1U << 11)
#define PROC_TPR_SHADOW			(1U << 21)
#define PROC_NMI_WINDOW			(1U << 22)
#define PROC_MOV_DR_EXITING		(1U << 23)
#define PROC_IO_EXITING			(1U << 24)
#define PROC_MSR_BITMAPS		(1U << 28)
#define PROC_MONITOR_EXITING		(1U << 29)
#define PROC_SECONDARY			(1U << 31)

/* Secondary processor-based controls */
#define PROC2_EPT			(1U << 1)
#define PROC2_VPID			(1U << 5)
#define PROC2_WBINVD_EXITING		(1U << 6)
#define PROC2_UNRESTRICTED_GUEST	(1U << 7)

/* VM-exit controls */
#define EXIT_SAVE_DEBUG			(1U << 2)
#define EXIT_HOST_64			(1U << 9)
#define EXIT_SAVE_PAT			(1U << 18)
#define EXIT_LOAD_PAT			(1U << 19)
#define EXIT_SAVE_EFER			(1U << 20)
#define EXIT_LOAD_EFER			(1U << 21)

/* VM-entry controls */
#define ENTRY_LOAD_DEBUG		(1U << 2)
#define ENTRY_IA32E_GUEST		(1U << 9)
#define ENTRY_LOAD_PAT			(1U << 14)
#define ENTRY_LOAD_EFER			(1U << 15)

/* 16-bit fields */
#define VMCS_VPID			0x0000
#define VMCS_GUEST_ES_SEL		0x0800	/* + 2 per register */
#define VMCS_HOST_ES_SEL		0x0c00
#define VMCS_HOST_CS_SEL		0x0c02
#define VMCS_HOST_SS_SEL		0x0c04
#define VMCS_HOST_DS_SEL		0x0c06
#define VMCS_HOST_FS_SEL		0x0c08
#define VMCS_HOST_GS_SEL		0x0c0a
#define VMCS_HOST_TR_SEL		0x0c0c

/* 64-bit fields */
#define VMCS_MSR_BITMAP			0x2004
#define VMCS_TSC_OFFSET			0x2010
#define VMCS_VIRTUAL_APIC		0x2012
#define VMCS_EPTP			0x201a
#define VMCS_GUEST_PA			0x2400
#define VMCS_LINK_POINTER		0x2800
#define VMCS_GUEST_DEBUGCTL		0x2802
#define VMCS_GUEST_PAT			0x2804
#define VMCS_GUEST_EFER			0x2806
#define VMCS_GUEST_PDPTE0		0x280a	/* + 2 each */
#define VMCS_HOST_PAT			0x2c00
#define VMCS_HOST_EFER			0x2c02

/* 32-bit fields */
#define VMCS_PIN_CTLS			0x4000
#define VMCS_PROC_CTLS			0x4002
#define VMCS_EXCEPTION_BITMAP		0x4004
#define VMCS_PF_ERROR_MASK		0x4006
#define VMCS_PF_ERROR_MATCH		0x4008
#define VMCS_CR3_TARGET_COUNT		0x400a
#define VMCS_EXIT_CTLS			0x400c
#define VMCS_EXIT_MSR_STORE_COUNT	0x400e
#define VMCS_EXIT_MSR_LOAD_COUNT	0x4010
#define VMCS_ENTRY_CTLS			0x4012
#define VMCS_ENTRY_MSR_LOAD_COUNT	0x4014
#define VMCS_ENTRY_INTR_INFO		0x4016
#define VMCS_ENTRY_ERROR_CODE		0x4018
#define VMCS_ENTRY_INSN_LEN		0x401a
#define VMCS_TPR_THRESHOLD		0x401c
#define VMCS_PROC_CTLS2			0x401e
#define VMCS_INSN_ERROR			0x4400
#define VMCS_EXIT_REASON		0x4402
#define VMCS_EXIT_INTR_INFO		0x4404
#define VMCS_EXIT_INTR_ERROR		0x4406
#define VMCS_IDT_INFO			0x4408
#define VMCS_IDT_ERROR			0x440a
#define VMCS_EXIT_INSN_LEN		0x440c
#define VMCS_GUEST_ES_LIMIT		0x4800	/* + 2 per register */
#define VMCS_GUEST_GDTR_LIMIT		0x4810
#define VMCS_GUEST_IDTR_LIMIT		0x4812
#define VMCS_GUEST_ES_AR		0x4814	/* + 2 per register */
#define VMCS_GUEST_INTERRUPTIBILITY	0x4824
#define VMCS_GUEST_ACTIVITY		0x4826
#define VMCS_GUEST_SYSENTER_CS		0x482a
#define VMCS_PREEMPTION_TIMER		0x482e
#define VMCS_HOST_SYSENTER_CS		0x4c00

/* Natural-width fields */
#define VMCS_CR0_MASK			0x6000
#define VMCS_CR4_MASK			0x6002
#define VMCS_CR0_SHADOW			0x6004
#define VMCS_CR4_SHADOW			0x6006
#define VMCS_EXIT_QUALIFICATION		0x6400
#define VMCS_GUEST_CR0			0x6800
#define VMCS_GUEST_CR3			0x6802
#define VMCS_GUEST_CR4			0x6804
#define VMCS_GUEST_ES_BASE		0x6806	/* + 2 per register */
#define VMCS_GUEST_GDTR_BASE		0x6816
#define VMCS_GUEST_IDTR_BASE		0x6818
#define VMCS_GUEST_DR7			0x681a
#define VMCS_GUEST_RSP			0x681c
#define VMCS_GUEST_RIP			0x681e
#define VMCS_GUEST_RFLAGS		0x6820
#define VMCS_GUEST_PENDING_DEBUG	0x6822
#define VMCS_GUEST_SYSENTER_ESP		0x6824
#define VMCS_GUEST_SYSENTER_EIP		0x6826
#define VMCS_HOST_CR0			0x6c00
#define VMCS_HOST_CR3			0x6c02
#define VMCS_HOST_CR4			0x6c04
#define VMCS_HOST_FS_BASE		0x6c06
#define VMCS_HOST_GS_BASE		0x6c08
#define VMCS_HOST_TR_BASE		0x6c0a
#define VMCS_HOST_GDTR_BASE		0x6c0c
#define VMCS_HOST_IDTR_BASE		0x6c0e
#define VMCS_HOST_SYSENTER_ESP		0x6c10
#define VMCS_HOST_SYSENTER_EIP		0x6c12
#define VMCS_HOST_RSP			0x6c14
#define VMCS_HOST_RIP			0x6c16

/* Interruption information, of entries, exits and IDT vectoring */
#define VMX_INTR_VECTOR			0xffU
#define VMX_INTR_TYPE_SHIFT		8
#define VMX_INTR_TYPE			0x7U
#define VMX_INTR_ERROR			(1U << 11)
#define VMX_INTR_VALID			(1U << 31)

/* Guest interruptibility */
#define VMX_BLOCK_STI			(1U << 0)
#define VMX_BLOCK_MOV_SS		(1U << 1)
#define VMX_BLOCK_NMI			(1U << 3)

#define VMX_PENDING_DEBUG_BS		(1U << 14)

#define VMX_REASON_ENTRY_FAILED		(1U << 31)

/* Virtual-APIC page */
#define VAPIC_TPR			0x80

/* The segment of a VCPU_REGS_* index; the VMCS has the same order. */
#define VMCS_SEG(field, i)		((field) + 2 * (i))

struct vmx_vcpu {
	void		*vmcs;
	uint64_t	 vmcs_pa;
	uint8_t		*vapic;
	bool		 launched;
	int		 loaded_cpu;	/* where the VMCS is active, or -1 */
	struct vcpu	*next_loaded;	/* on that CPU */

	/* What the VMCS holds, so that it is not written again. */
	uint32_t	 proc_ctls;
	uint32_t	 entry_ctls;
	uint64_t	 host_cr3;
	uint64_t	 host_cr4;
	uint64_t	 host_rsp;
	uint64_t	 rip, rsp, rflags;
	uint32_t	 interruptibility;
	bool		 interruptibility_valid;

	uint32_t	 vpid_gen;
	bool		 owns_debug;
	bool		 flush_vpid;	/* the guest changed its paging */
};

/* The host's side of a region. */
struct vmx_host {
	uint64_t	star, lstar, cstar, sfmask, kgsbase;
	uint64_t	debugctl;
	uint16_t	ds, es, fs, gs;
};

static inline struct vmx_vcpu *
vmx_fromhw(void *hw)
{
	return hw;
}

static inline uint64_t
vmread(uint64_t field)
{
	uint64_t val;

	__asm__ volatile("vmread %1, %0" : "=rm" (val) : "r" (field) : "cc");
	return val;
}

static inline void
vmwrite(uint64_t field, uint64_t val)
{
	__asm__ volatile("vmwrite %1, %0" : : "r" (field), "rm" (val) : "cc");
}

/*
 * vmx_entry.S: enter the guest with the general registers of regs, all but
 * RSP, RIP and RFLAGS. host_rsp is what the VMCS holds. 0: the guest has
 * left; 1: the entry failed, VMCS_INSN_ERROR tells why.
 */
int	 vmx_run(struct vcpu_reg_state *regs, bool launched,
	    uint64_t *host_rsp);
void	 vmx_left(void);		/* where VM exits arrive */

/*
 * vmx_vmcs.c: make a VCPU's VMCS the current one of this CPU until
 * vmx_release; nests. Interrupts are on, or the VMCS is current already.
 * Outside the FPU region it waits while VMX is off, as the host sleeps.
 */
int	 vmx_vmcs_init(void);		/* ENOMEM */
void	 vmx_vmcs_fini(void);
void	 vmx_acquire(struct vcpu *);
void	 vmx_set_on(bool on);		/* this CPU */
void	 vmx_release(void);
/* On this CPU, interrupts off: no VMCS is active afterwards. */
void	 vmx_clear_all(void);
/* A VMCS that is active nowhere, before it is freed or made anew. */
void	 vmx_clear(struct vcpu *);

/* vmx_exit.c: fill vcpu->exit. */
void	 vmx_exit_decode(struct vcpu *, uint32_t reason);

/* vmx_regs.c */
#define VMX_CR0_OWNED	(CR0_NE | CR0_NW | CR0_CD)
void	 vmx_regs_load(struct vcpu *, uint32_t groups);
void	 vmx_regs_store(struct vcpu *, uint32_t groups);
uint64_t vmx_cr4_owned(void);

#endif /* _SYS_VMX_H_ */

/* SPDX-License-Identifier: ISC */
/*
 * VT-x: from exit reason and qualification to a neutral exit (Intel SDM 3,
 * 27.2 and appendix C).
 */
#include "vmx.h"
#include "backend.h"
#include "vcpu.h"

#include <machine/specialreg.h>

/* Exit qualification of an I/O instruction */
#define QUAL_IO_SIZE(q)		(((q) & 7) + 1)
#define QUAL_IO_IN		(1ULL << 3)
#define QUAL_IO_STRING		(1ULL << 4)
#define QUAL_IO_REP		(1ULL << 5)
#define QUAL_IO_IMMEDIATE	(1ULL << 6)
#define QUAL_IO_PORT(q)		((q) >> 16 & 0xffff)

/* of an EPT violation */
#define QUAL_EPT_WRITE		(1ULL << 1)
#define QUAL_EPT_FETCH		(1ULL << 2)
#define QUAL_EPT_NMI_UNBLOCKED	(1ULL << 12)

/* of an access to a control register */
#define QUAL_CR_NUMBER(q)	((q) & 15)
#define QUAL_CR_TYPE(q)		((q) >> 4 & 3)
#define QUAL_CR_GPR(q)		((q) >> 8 & 15)
#define QUAL_CR_LMSW(q)		((q) >> 16 & 0xffff)

static void
decode_io(struct vcpu *vcpu)
{
	struct vmexit *x = &vcpu->exit;
	uint64_t q = vmread(VMCS_EXIT_QUALIFICATION);

	x->io.port = QUAL_IO_PORT(q);
	x->io.size = QUAL_IO_SIZE(q);
	x->io.in = (q & QUAL_IO_IN) != 0;
	x->io.string = (q & QUAL_IO_STRING) != 0;
	x->io.rep = (q & QUAL_IO_REP) != 0;
	x->io.immediate = (q & QUAL_IO_IMMEDIATE) != 0;
}

/* An IRET that faulted has already ended the blocking of NMIs. */
static void
decode_ept_violation(struct vcpu *vcpu)
{
	struct vmexit *x = &vcpu->exit;
	uint64_t q = vmread(VMCS_EXIT_QUALIFICATION);

	x->fault.gpa = vmread(VMCS_GUEST_PA);
	x->fault.access = q & QUAL_EPT_WRITE ? VM_PROT_WRITE :
	    q & QUAL_EPT_FETCH ? VM_PROT_EXEC : VM_PROT_READ;
	x->fault.nbytes = 0;
	if ((q & QUAL_EPT_NMI_UNBLOCKED) && !vcpu->ev.again.valid)
		vmwrite(VMCS_GUEST_INTERRUPTIBILITY,
		    vmread(VMCS_GUEST_INTERRUPTIBILITY) | VMX_BLOCK_NMI);
}

/*
 * An exception or NMI. The host's handlers run at once: NMIs stay blocked
 * until the next IRET, which is theirs.
 */
static void
decode_exception(struct vcpu *vcpu)
{
	uint32_t info = vmread(VMCS_EXIT_INTR_INFO);

	if ((info >> VMX_INTR_TYPE_SHIFT & VMX_INTR_TYPE) == EVENT_NMI) {
		vcpu->exit.kind = VE_NMI;
		os_nmi();
	} else if ((info & VMX_INTR_VECTOR) == EXC_MC)
		vcpu->exit.kind = VE_MCE;
	else {
		vcpu->exit.kind = VE_UNKNOWN;
		vcpu->exit.info[0] = info;
		vcpu->exit.info[1] = vmread(VMCS_EXIT_QUALIFICATION);
	}
}

/* Only what changes a bit that the host owns comes here: CR0 and CR4. */
static void
decode_cr(struct vcpu *vcpu)
{
	struct vmexit *x = &vcpu->exit;
	uint64_t q = vmread(VMCS_EXIT_QUALIFICATION);

	x->cr.number = QUAL_CR_NUMBER(q);
	vcpu_regs_need(vcpu, VM_RWREGS_CRS);
	x->cr.val = vcpu->regs.vrs_crs[VCPU_REGS_CR0];
	switch (QUAL_CR_TYPE(q)) {
	case 0:
		x->cr.val = vcpu->regs.vrs_gprs[QUAL_CR_GPR(q)];
		break;
	case 2:	/* CLTS */
		x->cr.val &= ~(uint64_t)CR0_TS;
		break;
	case 3:	/* LMSW cannot clear PE */
		x->cr.val = (x->cr.val & ~(uint64_t)(CR0_MP | CR0_EM |
		    CR0_TS)) | (QUAL_CR_LMSW(q) & (CR0_PE | CR0_MP | CR0_EM |
		    CR0_TS));
		break;
	}
}

static void
decode_failed(struct vcpu *vcpu)
{
	vcpu->exit.info[0] = vmread(VMCS_EXIT_QUALIFICATION);
	vcpu->exit.info[1] = vmread(VMCS_GUEST_PA);
}

/* insn: the CPU gives the instruction's length. 0: unknown. */
static const struct vmx_exit {
	uint8_t		  kind;		/* enum vmexit_kind */
	bool		  insn;
	void		(*decode)(struct vcpu *);
} vmx_exits[VMX_EXIT_XRSTORS + 1] = {
	[VMX_EXIT_NMI]			= { VE_UNKNOWN, false,
					    decode_exception },
	[VMX_EXIT_EXTINT]		= { VE_INTR, false, NULL },
	[VMX_EXIT_TRIPLE_FAULT]		= { VE_SHUTDOWN, false, NULL },
	[VMX_EXIT_INT_WINDOW]		= { VE_INTR_WINDOW, false, NULL },
	[VMX_EXIT_NMI_WINDOW]		= { VE_NMI_WINDOW, false, NULL },
	[VMX_EXIT_CPUID]		= { VE_CPUID, true, NULL },
	[VMX_EXIT_HLT]			= { VE_HLT, true, NULL },
	[VMX_EXIT_INVD]			= { VE_WBINVD, true, NULL },
	[VMX_EXIT_WBINVD]		= { VE_WBINVD, true, NULL },
	[VMX_EXIT_RDPMC]		= { VE_PROTECTED, false, NULL },
	[VMX_EXIT_VMCALL]		= { VE_VMCALL, true, NULL },
	[VMX_EXIT_VMCLEAR ... VMX_EXIT_VMXON] = { VE_UNDEFINED, false, NULL },
	[VMX_EXIT_CR_ACCESS]		= { VE_CR, true, decode_cr },
	[VMX_EXIT_MOV_DR]		= { VE_DR, false, NULL },
	[VMX_EXIT_IO]			= { VE_IO, true, decode_io },
	[VMX_EXIT_RDMSR]		= { VE_RDMSR, true, NULL },
	[VMX_EXIT_WRMSR]		= { VE_WRMSR, true, NULL },
	[VMX_EXIT_ENTRY_FAILED_GUEST_STATE] = { VE_ENTRY_FAILED, false,
					    decode_failed },
	[VMX_EXIT_ENTRY_FAILED_MSR_LOAD] = { VE_ENTRY_FAILED, false,
					    decode_failed },
	[VMX_EXIT_ENTRY_FAILED_MCE]	= { VE_MCE, false, NULL },
	[VMX_EXIT_MWAIT]		= { VE_UNDEFINED, false, NULL },
	[VMX_EXIT_MONITOR]		= { VE_UNDEFINED, false, NULL },
	[VMX_EXIT_EPT_VIOLATION]	= { VE_NESTED_FAULT, false,
					    decode_ept_violation },
	[VMX_EXIT_INVEPT]		= { VE_UNDEFINED, false, NULL },
	[VMX_EXIT_VMX_PREEMPTION_TIMER_EXPIRED] = { VE_INTR, false, NULL },
	[VMX_EXIT_INVVPID]		= { VE_UNDEFINED, false, NULL },
	[VMX_EXIT_VMFUNC]		= { VE_UNDEFINED, false, NULL },
	[VMX_EXIT_XSETBV]		= { VE_XSETBV, true, NULL },
};

void
vmx_exit_decode(struct vcpu *vcpu, uint32_t reason)
{
	static const struct vmx_exit unknown = { VE_UNKNOWN, false,
	    decode_failed };
	const struct vmx_exit *e = &unknown;
	struct vmexit *x = &vcpu->exit;

	x->code = reason & 0xffff;
	if (x->code < sizeof(vmx_exits) / sizeof(vmx_exits[0]) &&
	    vmx_exits[x->code].kind != VE_NONE)
		e = &vmx_exits[x->code];
	x->kind = e->kind;
	x->insn_len = e->insn ? vmread(VMCS_EXIT_INSN_LEN) : 0;
	if (e->decode != NULL)
		e->decode(vcpu);
}

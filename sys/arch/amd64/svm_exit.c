/* SPDX-License-Identifier: ISC */
/*
 * AMD-V: from the VMCB's exit fields to a neutral exit (AMD APM 2, 15.6 and
 * appendix C).
 */
#include "svm.h"
#include "vcpu.h"

/*
 * Lengths for a CPU that does not save the next RIP: those of the
 * instructions without redundant prefixes.
 */
#define LEN_CPUID	2
#define LEN_HLT		1
#define LEN_MSR		2
#define LEN_XSETBV	3
#define LEN_VMMCALL	3

static void
decode_io(struct vcpu *vcpu, const struct vmcb *vmcb)
{
	struct vmexit *x = &vcpu->exit;
	uint64_t info = vmcb->exit_info1;

	x->io.port = SVM_IOIO_PORT(info);
	x->io.size = SVM_IOIO_SIZE(info);
	x->io.in = (info & SVM_IOIO_IN) != 0;
	x->io.string = (info & SVM_IOIO_STR) != 0;
	x->io.rep = (info & SVM_IOIO_REP) != 0;
	x->insn_len = (uint8_t)(vmcb->exit_info2 - vmcb->rip);
	x->io.immediate = false;	/* AMD-V does not tell */
}

static void
decode_msr(struct vcpu *vcpu, const struct vmcb *vmcb)
{
	vcpu->exit.kind = vmcb->exit_info1 & 1 ? VE_WRMSR : VE_RDMSR;
}

static void
decode_npf(struct vcpu *vcpu, const struct vmcb *vmcb)
{
	struct vmexit *x = &vcpu->exit;

	x->fault.gpa = vmcb->exit_info2;
	x->fault.access = vmcb->exit_info1 & SVM_NPF_WRITE ? VM_PROT_WRITE :
	    vmcb->exit_info1 & SVM_NPF_FETCH ? VM_PROT_EXEC : VM_PROT_READ;
	x->fault.nbytes = vmcb->nbytes & 15;
	memcpy(x->fault.bytes, vmcb->bytes, sizeof(x->fault.bytes));
	x->insn_len = 0;
}

static void
decode_iret(struct vcpu *vcpu, const struct vmcb *vmcb)
{
	struct svm_vcpu *sv = vcpu->hw;

	sv->iret_seen = true;
	sv->iret_rip = vmcb->rip;
}

/*
 * The step over IRET is done. A trap that the guest has set up, too, is for
 * the guest.
 */
static void
decode_step(struct vcpu *vcpu, const struct vmcb *vmcb)
{
	struct svm_vcpu *sv = vcpu->hw;

	sv->nmi_masked = sv->iret_seen = false;
	if (sv->guest_tf)
		event_exception(vcpu, EXC_DB, 0);
	else
		sv->vmcb->dr6 &= ~SVM_DR6_BS;
	sv->vmcb->clean &= ~SVM_CLEAN_DRX;
}

static const struct svm_exit {
	uint8_t		  kind;		/* enum vmexit_kind */
	uint8_t		  insn_len;
	void		(*decode)(struct vcpu *, const struct vmcb *);
} svm_exits[SVM_VMEXIT_TLBSYNC + 1] = {
	[SVM_VMEXIT_EXCP0 + EXC_DB] = { VE_NMI_WINDOW, 0, decode_step },
	[SVM_VMEXIT_EXCP0 + EXC_MC] = { VE_MCE, 0, NULL },
	[SVM_VMEXIT_INTR]	= { VE_INTR, 0, NULL },
	[SVM_VMEXIT_NMI]	= { VE_NMI, 0, NULL },
	[SVM_VMEXIT_SMI]	= { VE_INTR, 0, NULL },
	[SVM_VMEXIT_INIT]	= { VE_INTR, 0, NULL },
	[SVM_VMEXIT_VINTR]	= { VE_INTR_WINDOW, 0, NULL },
	[SVM_VMEXIT_IRET]	= { VE_NMI_WINDOW, 0, decode_iret },
	[SVM_VMEXIT_CPUID]	= { VE_CPUID, LEN_CPUID, NULL },
	[SVM_VMEXIT_RDPMC]	= { VE_PROTECTED, 0, NULL },
	[SVM_VMEXIT_INVD]	= { VE_WBINVD, LEN_CPUID, NULL },
	[SVM_VMEXIT_WBINVD]	= { VE_WBINVD, LEN_CPUID, NULL },
	[SVM_VMEXIT_HLT]	= { VE_HLT, LEN_HLT, NULL },
	[SVM_VMEXIT_IOIO]	= { VE_IO, 0, decode_io },
	[SVM_VMEXIT_MSR]	= { VE_RDMSR, LEN_MSR, decode_msr },
	[SVM_VMEXIT_SHUTDOWN]	= { VE_SHUTDOWN, 0, NULL },
	[SVM_VMEXIT_VMMCALL]	= { VE_VMCALL, LEN_VMMCALL, NULL },
	[SVM_VMEXIT_XSETBV]	= { VE_XSETBV, LEN_XSETBV, NULL },
	[SVM_VMEXIT_INVLPGA]	= { VE_UNDEFINED, 0, NULL },
	[SVM_VMEXIT_VMRUN]	= { VE_UNDEFINED, 0, NULL },
	[SVM_VMEXIT_VMLOAD]	= { VE_UNDEFINED, 0, NULL },
	[SVM_VMEXIT_VMSAVE]	= { VE_UNDEFINED, 0, NULL },
	[SVM_VMEXIT_STGI]	= { VE_UNDEFINED, 0, NULL },
	[SVM_VMEXIT_CLGI]	= { VE_UNDEFINED, 0, NULL },
	[SVM_VMEXIT_SKINIT]	= { VE_UNDEFINED, 0, NULL },
	[SVM_VMEXIT_RDTSCP]	= { VE_UNDEFINED, 0, NULL },
	[SVM_VMEXIT_MONITOR]	= { VE_UNDEFINED, 0, NULL },
	[SVM_VMEXIT_MWAIT]	= { VE_UNDEFINED, 0, NULL },
	[SVM_VMEXIT_MWAIT_CONDITIONAL] = { VE_UNDEFINED, 0, NULL },
	[SVM_VMEXIT_RDPRU]	= { VE_UNDEFINED, 0, NULL },
	[SVM_VMEXIT_INVLPGB]	= { VE_UNDEFINED, 0, NULL },
	[SVM_VMEXIT_INVPCID]	= { VE_UNDEFINED, 0, NULL },
	[SVM_VMEXIT_MCOMMIT]	= { VE_UNDEFINED, 0, NULL },
	[SVM_VMEXIT_TLBSYNC]	= { VE_UNDEFINED, 0, NULL },
	[SVM_VMEXIT_DR0_READ ... SVM_VMEXIT_DR15_READ] = { VE_DR, 0, NULL },
	[SVM_VMEXIT_DR0_WRITE ... SVM_VMEXIT_DR15_WRITE] = { VE_DR, 0, NULL },
};
_Static_assert(VE_NONE == 0, "what svm_exits does not name is unknown");

static void
decode_unknown(struct vcpu *vcpu, const struct vmcb *vmcb)
{
	struct vmexit *x = &vcpu->exit;

	x->kind = vmcb->exit_code == (uint64_t)SVM_VMEXIT_INVALID ?
	    VE_ENTRY_FAILED : VE_UNKNOWN;
	x->info[0] = vmcb->exit_info1;
	x->info[1] = vmcb->exit_info2;
}

void
svm_exit_decode(struct vcpu *vcpu)
{
	const struct vmcb *vmcb = svm_vcpu_fromhw(vcpu->hw)->vmcb;
	const struct svm_exit *e = NULL;
	struct vmexit *x = &vcpu->exit;

	x->code = (uint16_t)vmcb->exit_code;
	x->insn_len = 0;
	if (vmcb->exit_code == SVM_VMEXIT_NPF) {
		x->kind = VE_NESTED_FAULT;
		decode_npf(vcpu, vmcb);
		return;
	}
	if (vmcb->exit_code < sizeof(svm_exits) / sizeof(svm_exits[0]))
		e = &svm_exits[vmcb->exit_code];
	if (e == NULL || e->kind == VE_NONE) {
		decode_unknown(vcpu, vmcb);
		return;
	}
	x->kind = e->kind;
	if (e->insn_len != 0)
		x->insn_len = vmcb->nrip != 0 ?
		    (uint8_t)(vmcb->nrip - vmcb->rip) : e->insn_len;
	if (e->decode != NULL)
		e->decode(vcpu, vmcb);
}

/* SPDX-License-Identifier: ISC */
/*
 * What is done about each kind of VM exit, for both vendors.
 */
#include "backend.h"
#include "cpufunc.h"
#include "vcpu.h"

#include <machine/specialreg.h>

#define GPR(vcpu, r)	((vcpu)->regs.vrs_gprs[VCPU_REGS_##r])

/* DR6: a single step; all else at rest. */
#define DR6_BS		(1ULL << 14)

void
vcpu_skip_insn(struct vcpu *vcpu)
{
	GPR(vcpu, RIP) += vcpu->exit.insn_len;
	if ((backend->efer(vcpu) & EFER_LMA) == 0)
		GPR(vcpu, RIP) &= 0xffffffff;
	vcpu_insn_done(vcpu);
}

void
vcpu_insn_done(struct vcpu *vcpu)
{
	backend->clear_shadow(vcpu);
	GPR(vcpu, RFLAGS) &= ~(uint64_t)PSL_RF;
	if (GPR(vcpu, RFLAGS) & PSL_T) {
		vcpu_regs_need(vcpu, VM_RWREGS_DRS);
		vcpu->regs.vrs_drs[VCPU_REGS_DR6] |= DR6_BS;
		vcpu->regs_dirty |= VM_RWREGS_DRS;
		event_exception(vcpu, EXC_DB, 0);
	}
}

/* The host takes its interrupt, or NMI, by itself: nothing is left to do. */
static enum exit_action
exit_host(struct vcpu *vcpu)
{
	return EXIT_RESUME;
}

static enum exit_action
exit_mce(struct vcpu *vcpu)
{
	os_machine_check();
	return EXIT_RESUME;
}

/* event_commit closes the window again, or injects. */
static enum exit_action
exit_intr_window(struct vcpu *vcpu)
{
	return vcpu->ev.want_window && event_intr_ready(vcpu) ? EXIT_USER :
	    EXIT_RESUME;
}

static enum exit_action
exit_cpuid(struct vcpu *vcpu)
{
	struct cpuid_regs r;

	cpuid_guest(vcpu, (uint32_t)GPR(vcpu, RAX), (uint32_t)GPR(vcpu, RCX),
	    &r);
	GPR(vcpu, RAX) = r.eax;
	GPR(vcpu, RBX) = r.ebx;
	GPR(vcpu, RCX) = r.ecx;
	GPR(vcpu, RDX) = r.edx;
	vcpu_skip_insn(vcpu);
	return EXIT_RESUME;
}

/* Memory is coherent, whatever the guest does about its caches. */
static enum exit_action
exit_skip(struct vcpu *vcpu)
{
	vcpu_skip_insn(vcpu);
	return EXIT_RESUME;
}

static enum exit_action
exit_hlt(struct vcpu *vcpu)
{
	vcpu_skip_insn(vcpu);
	return EXIT_USER;
}

static enum exit_action
exit_user(struct vcpu *vcpu)
{
	return EXIT_USER;
}

/* An MSR write may have left a clock to be written to guest memory. */
static enum exit_action
msr_done(struct vcpu *vcpu, int error)
{
	if (error)
		event_exception(vcpu, EXC_GP, 0);
	else
		vcpu_skip_insn(vcpu);
	return vcpu->pvclock.stale || vcpu->pvclock.wall_gpa != 0 ?
	    EXIT_LEAVE : EXIT_RESUME;
}

static enum exit_action
exit_rdmsr(struct vcpu *vcpu)
{
	uint64_t val = 0;
	int error;

	error = msr_read(vcpu, (uint32_t)GPR(vcpu, RCX), &val);
	if (error == 0) {
		GPR(vcpu, RAX) = (uint32_t)val;
		GPR(vcpu, RDX) = val >> 32;
	}
	return msr_done(vcpu, error);
}

static enum exit_action
exit_wrmsr(struct vcpu *vcpu)
{
	uint64_t val;

	val = GPR(vcpu, RDX) << 32 | (uint32_t)GPR(vcpu, RAX);
	return msr_done(vcpu, msr_write(vcpu, (uint32_t)GPR(vcpu, RCX), val));
}

static enum exit_action
exit_xsetbv(struct vcpu *vcpu)
{
	uint64_t val;

	val = GPR(vcpu, RDX) << 32 | (uint32_t)GPR(vcpu, RAX);
	if ((backend->cr4(vcpu) & CR4_OSXSAVE) == 0) {
		event_exception(vcpu, EXC_UD, 0);
		return EXIT_RESUME;
	}
	if (backend->cpl(vcpu) != 0 || (uint32_t)GPR(vcpu, RCX) != 0 ||
	    !fpu_xcr0_valid(val)) {
		event_exception(vcpu, EXC_GP, 0);
		return EXIT_RESUME;
	}
	vcpu->regs.vrs_crs[VCPU_REGS_XCR0] = val;
	fpu_set_xcr0(vcpu);
	vcpu_skip_insn(vcpu);
	return EXIT_RESUME;
}

static enum exit_action
exit_cr(struct vcpu *vcpu)
{
	if (cr_write(vcpu, vcpu->exit.cr.number, vcpu->exit.cr.val) != 0)
		event_exception(vcpu, EXC_GP, 0);
	else
		vcpu_skip_insn(vcpu);
	return vcpu->pdptes_stale ? EXIT_LEAVE : EXIT_RESUME;
}

static enum exit_action
exit_dr(struct vcpu *vcpu)
{
	backend->own_debug(vcpu);
	return EXIT_RESUME;
}

static enum exit_action
exit_vmcall(struct vcpu *vcpu)
{
	if (backend->cpl(vcpu) == 0 && GPR(vcpu, RAX) == HVCALL_FORCED_ABORT)
		return EXIT_TERMINATE;
	event_exception(vcpu, EXC_UD, 0);
	return EXIT_RESUME;
}

static enum exit_action
exit_undefined(struct vcpu *vcpu)
{
	event_exception(vcpu, EXC_UD, 0);
	return EXIT_RESUME;
}

static enum exit_action
exit_protected(struct vcpu *vcpu)
{
	event_exception(vcpu, EXC_GP, 0);
	return EXIT_RESUME;
}

static enum exit_action
exit_leave(struct vcpu *vcpu)
{
	return EXIT_LEAVE;
}

static enum exit_action
exit_shutdown(struct vcpu *vcpu)
{
	vcpu->shut_down = true;
	return EXIT_USER;
}

/* Said once per VM and VCPU state, with what explains it; the caller knows. */
static enum exit_action
exit_failed(struct vcpu *vcpu)
{
	os_log_limited("vm %u vcpu %u: exit %s, code 0x%x, info 0x%llx "
	    "0x%llx, rip 0x%llx", vcpu->vm->id, vcpu->id,
	    exit_name(vcpu->exit.kind), vcpu->exit.code,
	    (unsigned long long)vcpu->exit.info[0],
	    (unsigned long long)vcpu->exit.info[1],
	    (unsigned long long)GPR(vcpu, RIP));
	return EXIT_USER;
}

static const struct exit_entry {
	const char		 *name;
	enum exit_action	(*handle)(struct vcpu *);
} exit_table[VE_NKINDS] = {
	[VE_NONE]		= { "none",		exit_host },
	[VE_INTR]		= { "interrupt",	exit_host },
	[VE_NMI]		= { "nmi",		exit_host },
	[VE_MCE]		= { "machine-check",	exit_mce },
	[VE_INTR_WINDOW]	= { "intr-window",	exit_intr_window },
	[VE_NMI_WINDOW]		= { "nmi-window",	exit_host },
	[VE_CPUID]		= { "cpuid",		exit_cpuid },
	[VE_HLT]		= { "hlt",		exit_hlt },
	[VE_WBINVD]		= { "wbinvd",		exit_skip },
	[VE_IO]			= { "io",		exit_user },
	[VE_RDMSR]		= { "rdmsr",		exit_rdmsr },
	[VE_WRMSR]		= { "wrmsr",		exit_wrmsr },
	[VE_XSETBV]		= { "xsetbv",		exit_xsetbv },
	[VE_CR]			= { "cr",		exit_cr },
	[VE_DR]			= { "dr",		exit_dr },
	[VE_VMCALL]		= { "vmcall",		exit_vmcall },
	[VE_UNDEFINED]		= { "undefined",	exit_undefined },
	[VE_PROTECTED]		= { "protected",	exit_protected },
	[VE_NESTED_FAULT]	= { "nested-fault",	exit_leave },
	[VE_SHUTDOWN]		= { "shutdown",		exit_shutdown },
	[VE_ENTRY_FAILED]	= { "entry-failed",	exit_failed },
	[VE_UNKNOWN]		= { "unknown",		exit_failed },
};

const char *
exit_name(enum vmexit_kind kind)
{
	return exit_table[kind].name;
}

enum exit_action
exit_handle(struct vcpu *vcpu)
{
	vcpu->exits[vcpu->exit.kind]++;
	return exit_table[vcpu->exit.kind].handle(vcpu);
}

static void
user_io(struct vcpu *vcpu)
{
	const struct vmexit *x = &vcpu->exit;
	struct vm_exit_inout *vei = &vcpu->uexit.vei;
	static const uint32_t mask[5] = { 0, 0xff, 0xffff, 0, 0xffffffff };

	vei->vei_port = x->io.port;
	vei->vei_size = x->io.size;
	vei->vei_dir = x->io.in ? VEI_DIR_IN : VEI_DIR_OUT;
	vei->vei_string = x->io.string;
	vei->vei_rep = x->io.rep;
	vei->vei_encoding = x->io.immediate;
	vei->vei_insn_len = x->insn_len;
	if (!x->io.in && !x->io.string)
		vei->vei_data = (uint32_t)GPR(vcpu, RAX) & mask[x->io.size];
	vcpu->completion = x->io.string ? VCPU_COMPLETE_GPRS :
	    VCPU_COMPLETE_IO;
}

static void
user_nested_fault(struct vcpu *vcpu)
{
	const struct vmexit *x = &vcpu->exit;
	struct vm_exit_eptviolation *vee = &vcpu->uexit.vee;

	vee->vee_fault_type = x->fault.type;
	vee->vee_gpa = x->fault.gpa;
	vee->vee_insn_info = VEE_GPA_VALID;
	if (x->insn_len != 0) {
		vee->vee_insn_info |= VEE_LEN_VALID;
		vee->vee_insn_len = x->insn_len;
	}
	if (x->fault.nbytes == sizeof(x->fault.bytes)) {
		vee->vee_insn_info |= VEE_BYTES_VALID;
		memcpy(vee->vee_insn_bytes, x->fault.bytes,
		    sizeof(vee->vee_insn_bytes));
	}
	vcpu->completion = VCPU_COMPLETE_GPRS;
}

void
exit_to_user(struct vcpu *vcpu)
{
	memset(&vcpu->uexit, 0, sizeof(vcpu->uexit));
	if (vcpu->exit.kind == VE_IO)
		user_io(vcpu);
	if (vcpu->exit.kind == VE_NESTED_FAULT)
		user_nested_fault(vcpu);
}

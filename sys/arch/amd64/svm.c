/* SPDX-License-Identifier: ISC */
/*
 * AMD-V with nested paging (AMD APM 2, chapter 15).
 */
#include "svm.h"
#include "asid.h"
#include "backend.h"
#include "cpufunc.h"
#include "vcpu.h"

#include <machine/specialreg.h>

#define MSRPM_ORDER	1		/* 8 KiB */
#define IOPM_ORDER	2		/* 12 KiB are used */

struct svm_cpu {
	void		*hsave;		/* VMRUN's own */
	uint64_t	 host_pa;	/* VMSAVE's, by svm_save_host */
	void		*host;
	struct asid_pool asids;
};

static struct svm_cpu	*svm_cpus;
static uint8_t		*svm_msrpm;
static uint8_t		*svm_iopm;
static uint32_t		 svm_nasids;

/* NPT entries: guests are "user"; 0x80 is the page size bit. */
static const struct npt_format svm_npt_format = {
	.table		= 0x7,
	.leaf		= 0x5,
	.write		= 0x2,
	.noexec		= 1ULL << 63,
	.large		= 0x80,
	.present	= 0x1,
};

static bool
svm_identify(void)
{
	struct cpuid_regs r;
	uint64_t vm_cr;

	cpuid(0x80000000, 0, &r);
	if (r.eax < SVM_CPUID_LEAF) {
		os_log("no virtualization: this CPU has no AMD-V");
		return false;
	}
	cpuid(0x80000001, 0, &r);
	if ((r.ecx & (1U << 2)) == 0) {
		os_log("no virtualization: this CPU has no AMD-V");
		return false;
	}
	if (os_rdmsr_safe(MSR_AMD_VM_CR, &vm_cr) == 0 &&
	    (vm_cr & VM_CR_SVMDIS)) {
		os_log("AMD-V is turned off by the firmware: enable SVM in "
		    "its setup");
		return false;
	}
	cpuid(SVM_CPUID_LEAF, 0, &r);
	if ((r.edx & SVM_CPUID_NP) == 0) {
		os_log("AMD-V of this CPU lacks nested paging");
		return false;
	}
	svm_nasids = r.ebx;
	return svm_nasids > 1;
}

/* Two bits per MSR, read and write; set: exit. */
static void
msrpm_allow(uint32_t msr)
{
	uint32_t bit;

	if (msr < 0x2000)
		bit = msr * 2;
	else if (msr >= 0xc0000000 && msr < 0xc0002000)
		bit = 0x800 * 8 + (msr - 0xc0000000) * 2;
	else
		bit = 0x1000 * 8 + (msr - 0xc0010000) * 2;
	svm_msrpm[bit / 8] &= ~(3U << bit % 8);
}

static void
msrpm_init(void)
{
	static const uint32_t allowed[] = {
		MSR_SYSENTER_CS, MSR_SYSENTER_ESP, MSR_SYSENTER_EIP,
		MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_SFMASK,
		MSR_FSBASE, MSR_GSBASE, MSR_KERNELGSBASE
	};
	size_t i;

	memset(svm_msrpm, 0xff, OS_PAGE_SIZE << MSRPM_ORDER);
	for (i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
		msrpm_allow(allowed[i]);
}

static void
svm_fini(void)
{
	int cpu;

	for (cpu = 0; svm_cpus != NULL && cpu < os_cpu_count(); cpu++) {
		os_pages_free(svm_cpus[cpu].hsave, 0);
		os_pages_free(svm_cpus[cpu].host, 0);
	}
	os_free(svm_cpus);
	os_pages_free(svm_msrpm, MSRPM_ORDER);
	os_pages_free(svm_iopm, IOPM_ORDER);
	svm_cpus = NULL;
	svm_msrpm = svm_iopm = NULL;
}

static bool
svm_cpus_alloc(void)
{
	struct svm_cpu *sc;
	int cpu;

	svm_cpus = os_zalloc(os_cpu_count() * sizeof(*svm_cpus));
	for (cpu = 0; svm_cpus != NULL && cpu < os_cpu_count(); cpu++) {
		sc = &svm_cpus[cpu];
		sc->hsave = os_pages_zalloc(0);
		sc->host = os_pages_zalloc(0);
		if (sc->hsave == NULL || sc->host == NULL)
			return false;
		sc->host_pa = os_pa(sc->host);
	}
	return svm_cpus != NULL;
}

static int
svm_init(void)
{
	if (!svm_identify())
		return ENODEV;
	svm_msrpm = os_pages_zalloc(MSRPM_ORDER);
	svm_iopm = os_pages_zalloc(IOPM_ORDER);
	if (svm_msrpm == NULL || svm_iopm == NULL || !svm_cpus_alloc()) {
		svm_fini();
		return ENOMEM;
	}
	msrpm_init();
	memset(svm_iopm, 0xff, OS_PAGE_SIZE << IOPM_ORDER);
	os_log("AMD-V with nested paging, %u ASIDs", svm_nasids);
	return 0;
}

static int
svm_cpu_enable(void)
{
	struct svm_cpu *sc = &svm_cpus[os_cpu_id()];
	uint64_t efer = rdmsr(MSR_EFER);

	if (efer & EFER_SVME) {
		os_log_limited("another hypervisor holds AMD-V: stop its "
		    "virtual machines, or unload it (modprobe -r kvm_amd)");
		return EBUSY;
	}
	wrmsr(MSR_EFER, efer | EFER_SVME);
	if (os_wrmsr_safe(MSR_AMD_VM_HSAVE_PA, os_pa(sc->hsave)) != 0) {
		wrmsr(MSR_EFER, efer);
		return EIO;
	}
	/* Whatever the TLB holds of an earlier time is flushed at once. */
	asid_pool_restart(&sc->asids, svm_nasids);
	return 0;
}

static void
svm_cpu_disable(void)
{
	wrmsr(MSR_AMD_VM_HSAVE_PA, 0);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) & ~(uint64_t)EFER_SVME);
}

/* Nested paging has the mode of the host's own paging. */
static void
svm_npt_geometry(int *levels, unsigned int *max_shift)
{
	*levels = rcr4() & CR4_LA57 ? 5 : 4;
	*max_shift = cpuid_has_1g_pages() ? 30 : 21;
}

static bool
svm_exec_only(void)
{
	return false;
}

static int
svm_vcpu_init(struct vcpu *vcpu)
{
	struct svm_vcpu *sv = os_zalloc(sizeof(*sv));

	vcpu->hw = sv;
	if (sv == NULL)
		return ENOMEM;
	sv->vmcb = os_pages_zalloc(0);
	if (sv->vmcb == NULL)
		return ENOMEM;
	sv->vmcb_pa = os_pa(sv->vmcb);
	return 0;
}

static void
svm_vcpu_fini(struct vcpu *vcpu)
{
	struct svm_vcpu *sv = vcpu->hw;

	if (sv == NULL)
		return;
	os_pages_free(sv->vmcb, 0);
	os_free(sv);
}

static void
svm_set_intercepts(struct vmcb *vmcb)
{
	vmcb->intercept_dr_read = vmcb->intercept_dr_write = 0xffff;
	vmcb->intercept_exceptions = SVM_INTERCEPT_EXC_MC;
	vmcb->intercept3 = SVM_INTERCEPT_INTR | SVM_INTERCEPT_NMI |
	    SVM_INTERCEPT_SMI | SVM_INTERCEPT_INIT | SVM_INTERCEPT_RDPMC |
	    SVM_INTERCEPT_CPUID | SVM_INTERCEPT_INVD | SVM_INTERCEPT_HLT |
	    SVM_INTERCEPT_INVLPGA | SVM_INTERCEPT_IOIO | SVM_INTERCEPT_MSR |
	    SVM_INTERCEPT_SHUTDOWN;
	vmcb->intercept4 = SVM_INTERCEPT_VMRUN | SVM_INTERCEPT_VMMCALL |
	    SVM_INTERCEPT_VMLOAD | SVM_INTERCEPT_VMSAVE |
	    SVM_INTERCEPT_STGI | SVM_INTERCEPT_CLGI | SVM_INTERCEPT_SKINIT |
	    SVM_INTERCEPT_RDTSCP | SVM_INTERCEPT_WBINVD |
	    SVM_INTERCEPT_MONITOR | SVM_INTERCEPT_MWAIT |
	    SVM_INTERCEPT_MWAIT_ARMED | SVM_INTERCEPT_XSETBV |
	    SVM_INTERCEPT_RDPRU;
	vmcb->intercept5 = SVM_INTERCEPT_INVLPGB | SVM_INTERCEPT_INVPCID |
	    SVM_INTERCEPT_MCOMMIT | SVM_INTERCEPT_TLBSYNC;
}

static void
svm_vcpu_reset(struct vcpu *vcpu)
{
	struct svm_vcpu *sv = vcpu->hw;
	struct vmcb *vmcb = sv->vmcb;

	memset(vmcb, 0, sizeof(*vmcb));
	svm_set_intercepts(vmcb);
	vmcb->iopm_base_pa = os_pa(svm_iopm);
	vmcb->msrpm_base_pa = os_pa(svm_msrpm);
	vmcb->tsc_offset = vcpu->tsc_offset;
	vmcb->vintr = SVM_VINTR_MASKING;
	vmcb->np_enable = SVM_NP_ENABLE;
	vmcb->n_cr3 = os_pa(vcpu->vm->npt.root);
	sv->nmi_masked = sv->iret_seen = sv->stepping = false;
	vcpu->last_cpu = -1;
}

static uint64_t
svm_efer(struct vcpu *vcpu)
{
	if (vcpu->regs_dirty & VM_RWREGS_MSRS)
		return vcpu->regs.vrs_msrs[VCPU_REGS_EFER];
	return svm_vcpu_fromhw(vcpu->hw)->vmcb->efer & ~(uint64_t)EFER_SVME;
}

static uint64_t
svm_cr4(struct vcpu *vcpu)
{
	if (vcpu->regs_dirty & VM_RWREGS_CRS)
		return vcpu->regs.vrs_crs[VCPU_REGS_CR4];
	return svm_vcpu_fromhw(vcpu->hw)->vmcb->cr4;
}

static int
svm_cpl(struct vcpu *vcpu)
{
	if (vcpu->regs_dirty & VM_RWREGS_SREGS)
		return vcpu->regs.vrs_sregs[VCPU_REGS_SS].vsi_ar >> 5 & 3;
	return svm_vcpu_fromhw(vcpu->hw)->vmcb->cpl;
}

static void
svm_set_efer(struct vcpu *vcpu, uint64_t efer)
{
	struct vmcb *vmcb = svm_vcpu_fromhw(vcpu->hw)->vmcb;

	vmcb->efer = efer | EFER_SVME;
	vmcb->clean &= ~SVM_CLEAN_CRX;
	vcpu->regs.vrs_msrs[VCPU_REGS_EFER] = efer;
}

static void
svm_set_pat(struct vcpu *vcpu, uint64_t pat)
{
	struct vmcb *vmcb = svm_vcpu_fromhw(vcpu->hw)->vmcb;

	vmcb->g_pat = pat;
	vmcb->clean &= ~SVM_CLEAN_NP;
}

static void
svm_set_tsc_offset(struct vcpu *vcpu, uint64_t offset)
{
	struct vmcb *vmcb = svm_vcpu_fromhw(vcpu->hw)->vmcb;

	vmcb->tsc_offset = offset;
	vmcb->clean &= ~SVM_CLEAN_I;
}

static bool
svm_shadow(struct vcpu *vcpu)
{
	return (svm_vcpu_fromhw(vcpu->hw)->vmcb->interrupt_state &
	    SVM_SHADOW) != 0;
}

static void
svm_clear_shadow(struct vcpu *vcpu)
{
	svm_vcpu_fromhw(vcpu->hw)->vmcb->interrupt_state &=
	    ~(uint64_t)SVM_SHADOW;
}

/* Masked from an NMI on until the IRET that ends it has been executed. */
static bool
svm_nmi_blocked(struct vcpu *vcpu)
{
	struct svm_vcpu *sv = vcpu->hw;

	if (sv->nmi_masked && sv->iret_seen &&
	    vcpu->regs.vrs_gprs[VCPU_REGS_RIP] != sv->iret_rip)
		sv->nmi_masked = sv->iret_seen = false;
	return sv->nmi_masked || svm_shadow(vcpu);
}

static void
svm_inject(struct vcpu *vcpu, const struct event *e)
{
	struct svm_vcpu *sv = vcpu->hw;
	uint64_t inj;

	inj = e->vector | (uint64_t)e->type << SVM_EVENT_TYPE_SHIFT |
	    SVM_EVENT_VALID;
	if (e->has_error)
		inj |= SVM_EVENT_EV |
		    (uint64_t)e->error << SVM_EVENT_ERROR_SHIFT;
	sv->vmcb->event_inject = inj;
	if (e->type == EVENT_NMI) {
		sv->nmi_masked = true;
		sv->iret_seen = false;
	}
}

static void
set_intercept3(struct vmcb *vmcb, uint32_t bit, bool on)
{
	uint32_t new = on ? vmcb->intercept3 | bit : vmcb->intercept3 & ~bit;

	if (new != vmcb->intercept3) {
		vmcb->intercept3 = new;
		vmcb->clean &= ~SVM_CLEAN_I;
	}
}

/*
 * An NMI waits for the end of another one, and the guest is at the IRET that
 * ends it: a single step tells when it has been executed. IRET loads RFLAGS,
 * so that the trap flag does not outlive it.
 */
static void
svm_step_begin(struct vcpu *vcpu)
{
	struct svm_vcpu *sv = vcpu->hw;
	uint64_t *rflags = &vcpu->regs.vrs_gprs[VCPU_REGS_RFLAGS];

	sv->stepping = true;
	sv->guest_tf = (*rflags & PSL_T) != 0;
	*rflags |= PSL_T;
	sv->vmcb->intercept_exceptions |= SVM_INTERCEPT_EXC_DB;
	sv->vmcb->clean &= ~SVM_CLEAN_I;
}

static void
svm_step_end(struct vcpu *vcpu)
{
	struct svm_vcpu *sv = vcpu->hw;

	sv->stepping = false;
	if (vcpu->regs.vrs_gprs[VCPU_REGS_RIP] == sv->iret_rip &&
	    !sv->guest_tf)
		vcpu->regs.vrs_gprs[VCPU_REGS_RFLAGS] &= ~(uint64_t)PSL_T;
	sv->vmcb->intercept_exceptions &= ~SVM_INTERCEPT_EXC_DB;
	sv->vmcb->clean &= ~SVM_CLEAN_I;
}

/*
 * A virtual interrupt that is never delivered, because its start is
 * intercepted, tells when the guest could take one.
 */
static void
svm_window(struct vcpu *vcpu, bool intr, bool nmi)
{
	static const uint64_t bits = SVM_VINTR_IRQ | SVM_VINTR_PRIO_MAX |
	    SVM_VINTR_IGN_TPR;
	struct svm_vcpu *sv = vcpu->hw;
	struct vmcb *vmcb = sv->vmcb;
	uint64_t vintr = intr ? vmcb->vintr | bits : vmcb->vintr & ~bits;

	set_intercept3(vmcb, SVM_INTERCEPT_VINTR, intr);
	set_intercept3(vmcb, SVM_INTERCEPT_IRET,
	    sv->nmi_masked && !sv->iret_seen);
	if (vintr != vmcb->vintr) {
		vmcb->vintr = vintr;
		vmcb->clean &= ~SVM_CLEAN_TPR;
	}
	if (nmi && sv->nmi_masked && sv->iret_seen)
		svm_step_begin(vcpu);
}

static void
svm_own_debug(struct vcpu *vcpu)
{
	struct svm_vcpu *sv = vcpu->hw;
	const uint64_t *drs = vcpu->regs.vrs_drs;

	ldr0(drs[VCPU_REGS_DR0]);
	ldr1(drs[VCPU_REGS_DR1]);
	ldr2(drs[VCPU_REGS_DR2]);
	ldr3(drs[VCPU_REGS_DR3]);
	sv->owns_debug = true;
	sv->vmcb->intercept_dr_read = sv->vmcb->intercept_dr_write = 0;
	sv->vmcb->clean &= ~SVM_CLEAN_I;
}

static void
svm_release_debug(struct vcpu *vcpu)
{
	struct svm_vcpu *sv = vcpu->hw;
	uint64_t *drs = vcpu->regs.vrs_drs;

	drs[VCPU_REGS_DR0] = rdr0();
	drs[VCPU_REGS_DR1] = rdr1();
	drs[VCPU_REGS_DR2] = rdr2();
	drs[VCPU_REGS_DR3] = rdr3();
	ldr6(DR6_INIT);
	sv->owns_debug = false;
	sv->vmcb->intercept_dr_read = sv->vmcb->intercept_dr_write = 0xffff;
	sv->vmcb->clean &= ~SVM_CLEAN_I;
}

/* Breakpoints that the guest has armed work only with its DR0-3 loaded. */
static void
svm_region_begin(struct vcpu *vcpu)
{
	struct svm_vcpu *sv = vcpu->hw;
	uint64_t dr7;

	svm_save_host(svm_cpus[os_cpu_id()].host_pa);
	dr7 = vcpu->regs_dirty & VM_RWREGS_DRS ?
	    vcpu->regs.vrs_drs[VCPU_REGS_DR7] : sv->vmcb->dr7;
	if (dr7 & 0xff)
		svm_own_debug(vcpu);
}

static void
svm_region_end(struct vcpu *vcpu)
{
	struct svm_vcpu *sv = vcpu->hw;

	if (sv->owns_debug)
		svm_release_debug(vcpu);
	os_host_debug_restore();
}

/* A new ASID is as good as a flush of the old one. */
static void
svm_asid(struct vcpu *vcpu, struct svm_cpu *sc, bool flush)
{
	struct svm_vcpu *sv = vcpu->hw;

	sv->vmcb->tlb_control = SVM_TLB_NOTHING;
	if (!flush && sv->asid_gen == sc->asids.gen)
		return;
	if (asid_take(&sc->asids, svm_nasids, &sv->vmcb->asid, &sv->asid_gen))
		sv->vmcb->tlb_control = SVM_TLB_FLUSH_ALL;
	sv->vmcb->clean &= ~SVM_CLEAN_ASID;
}

/*
 * What the CPU was delivering when the exit came. A software interrupt or
 * INT3 or INTO is not delivered again: RIP is still at it.
 */
static void
svm_event_interrupted(struct vcpu *vcpu, uint64_t info)
{
	struct event e = { .valid = true };

	e.vector = info & SVM_EVENT_VECTOR;
	e.type = info >> SVM_EVENT_TYPE_SHIFT & SVM_EVENT_TYPE;
	if (e.type == EVENT_SOFT_INTR || (e.type == EVENT_EXCEPTION &&
	    (e.vector == 3 || e.vector == 4)))
		return;
	e.has_error = (info & SVM_EVENT_EV) != 0;
	e.error = info >> SVM_EVENT_ERROR_SHIFT;
	event_interrupted(vcpu, &e);
}

static void
svm_enter(struct vcpu *vcpu, bool flush)
{
	struct svm_vcpu *sv = vcpu->hw;
	struct svm_cpu *sc = &svm_cpus[os_cpu_id()];
	struct vmcb *vmcb = sv->vmcb;
	uint64_t *gprs = vcpu->regs.vrs_gprs;

	if (vcpu->last_cpu != os_cpu_id()) {
		vcpu->last_cpu = os_cpu_id();
		sv->asid_gen = sc->asids.gen - 1;
		vmcb->clean = 0;
	}
	svm_asid(vcpu, sc, flush);
	/* VMRUN loads it from the VMCB, except in some emulated CPUs. */
	if (rcr2() != vmcb->cr2)
		lcr2(vmcb->cr2);
	vmcb->rax = gprs[VCPU_REGS_RAX];
	vmcb->rsp = gprs[VCPU_REGS_RSP];
	vmcb->rip = gprs[VCPU_REGS_RIP];
	vmcb->rflags = gprs[VCPU_REGS_RFLAGS];
	svm_run(&vcpu->regs, sv->vmcb_pa, sc->host_pa);
	gprs[VCPU_REGS_RAX] = vmcb->rax;
	gprs[VCPU_REGS_RSP] = vmcb->rsp;
	gprs[VCPU_REGS_RIP] = vmcb->rip;
	gprs[VCPU_REGS_RFLAGS] = vmcb->rflags;
	vmcb->clean = SVM_CLEAN_ALL;
	vmcb->event_inject = 0;
	if (vmcb->exit_int_info & SVM_EVENT_VALID)
		svm_event_interrupted(vcpu, vmcb->exit_int_info);
	if (sv->stepping)
		svm_step_end(vcpu);
	svm_exit_decode(vcpu);
}

const struct backend svm_backend = {
	.name		= "AMD-V",
	.npt_format	= &svm_npt_format,
	.code_window	= SVM_VMEXIT_VINTR,
	.npt_geometry	= svm_npt_geometry,
	.exec_only	= svm_exec_only,
	.init		= svm_init,
	.fini		= svm_fini,
	.cpu_enable	= svm_cpu_enable,
	.cpu_disable	= svm_cpu_disable,
	.vcpu_init	= svm_vcpu_init,
	.vcpu_fini	= svm_vcpu_fini,
	.vcpu_reset	= svm_vcpu_reset,
	.regs_load	= svm_regs_load,
	.regs_store	= svm_regs_store,
	.efer		= svm_efer,
	.cr4		= svm_cr4,
	.cpl		= svm_cpl,
	.set_efer	= svm_set_efer,
	.set_pat	= svm_set_pat,
	.set_tsc_offset	= svm_set_tsc_offset,
	.shadow		= svm_shadow,
	.clear_shadow	= svm_clear_shadow,
	.nmi_blocked	= svm_nmi_blocked,
	.inject		= svm_inject,
	.window		= svm_window,
	.own_debug	= svm_own_debug,
	.region_begin	= svm_region_begin,
	.region_end	= svm_region_end,
	.enter		= svm_enter,
};

/* SPDX-License-Identifier: ISC */
/*
 * VT-x with EPT and unrestricted guests (Intel SDM 3, chapters 23 to 28).
 */
#include "vmx.h"
#include "asid.h"
#include "backend.h"
#include "cpufunc.h"
#include "vcpu.h"

#include <machine/specialreg.h>

#define VMX_NVPIDS	65536U

/*
 * No stay in the guest is longer than this, where the CPU can end it: there
 * are emulated CPUs that forget host interrupts while a guest that was
 * entered with IF clear does not touch IF. It restarts at every entry.
 */
#define VMX_STAY_MS	10

struct vmx_cpu {
	void			*vmxon;		/* the VMXON region */
	struct asid_pool	 vpids;
	struct vmx_host		 host;
};

static struct vmx_cpu	*vmx_cpus;
static uint8_t		*vmx_msr_bitmap;
static uint32_t		 vmx_revision;
static uint64_t		 vmx_ept_cap;
static bool		 vmx_has_debugctl;
static bool		 vmx_flush_l1d;
static struct {
	uint32_t	pin, proc, proc2, exit, entry;
} vmx_ctls;

static const struct npt_format vmx_ept_format = {
	.table		= 0x7,
	.leaf		= 6 << 3,		/* write-back */
	.read		= 0x1,
	.write		= 0x2,
	.exec		= 0x4,
	.large		= 0x80,
	.present	= 0x7,
};

/*
 * Fit controls to the CPU: bits 0-31 of the capability MSR must be set, what
 * is not in bits 32-63 must be clear.
 */
static bool
ctls_fit(uint32_t msr, uint32_t want, const char *what, uint32_t *ctls)
{
	uint64_t cap = rdmsr(msr);

	*ctls = want | (uint32_t)cap;
	if (*ctls & ~(uint32_t)(cap >> 32)) {
		os_log("VT-x of this CPU lacks %s (controls 0x%x)", what,
		    *ctls & ~(uint32_t)(cap >> 32));
		return false;
	}
	return true;
}

static bool
vmx_fit_controls(void)
{
	bool t = (rdmsr(MSR_VMX_BASIC) & VMX_BASIC_TRUE_CTLS) != 0;
	uint32_t msr = t ? MSR_VMX_TRUE_PINBASED_CTLS : MSR_VMX_PINBASED_CTLS;
	uint32_t pin = PIN_EXTINT_EXITING | PIN_NMI_EXITING |
	    PIN_VIRTUAL_NMIS;

	if (rdmsr(msr) >> 32 & PIN_PREEMPTION_TIMER)
		pin |= PIN_PREEMPTION_TIMER;
	return ctls_fit(msr, pin, "virtual NMIs", &vmx_ctls.pin) &&
	    ctls_fit(t ? MSR_VMX_TRUE_PROCBASED_CTLS :
	    MSR_VMX_PROCBASED_CTLS, PROC_TSC_OFFSETTING | PROC_HLT_EXITING |
	    PROC_MWAIT_EXITING | PROC_RDPMC_EXITING | PROC_TPR_SHADOW |
	    PROC_MOV_DR_EXITING | PROC_IO_EXITING | PROC_MSR_BITMAPS |
	    PROC_MONITOR_EXITING | PROC_SECONDARY,
	    "MSR bitmaps, a TPR shadow or secondary controls",
	    &vmx_ctls.proc) &&
	    ctls_fit(MSR_VMX_PROCBASED_CTLS2, PROC2_EPT | PROC2_VPID |
	    PROC2_UNRESTRICTED_GUEST | PROC2_WBINVD_EXITING,
	    "EPT, VPID, WBINVD exits or unrestricted guests",
	    &vmx_ctls.proc2) &&
	    ctls_fit(t ? MSR_VMX_TRUE_EXIT_CTLS : MSR_VMX_EXIT_CTLS,
	    EXIT_SAVE_DEBUG | EXIT_HOST_64 | EXIT_SAVE_PAT | EXIT_LOAD_PAT |
	    EXIT_SAVE_EFER | EXIT_LOAD_EFER, "PAT and EFER switching",
	    &vmx_ctls.exit) &&
	    ctls_fit(t ? MSR_VMX_TRUE_ENTRY_CTLS : MSR_VMX_ENTRY_CTLS,
	    ENTRY_LOAD_DEBUG | ENTRY_LOAD_PAT | ENTRY_LOAD_EFER,
	    "PAT and EFER loading", &vmx_ctls.entry);
}

static bool
vmx_ept_ok(void)
{
	uint64_t need = EPT_CAP_4_LEVELS | EPT_CAP_WB | EPT_CAP_INVEPT |
	    EPT_CAP_INVEPT_SINGLE | VPID_CAP_INVVPID | VPID_CAP_INVVPID_ALL;

	vmx_ept_cap = rdmsr(MSR_VMX_EPT_VPID_CAP);
	if ((vmx_ept_cap & need) != need) {
		os_log("EPT of this CPU lacks four levels, write-back memory, "
		    "INVEPT or INVVPID (0x%llx)",
		    (unsigned long long)(need & ~vmx_ept_cap));
		return false;
	}
	return true;
}

static bool
vmx_identify(void)
{
	struct cpuid_regs r;
	uint64_t fc, debugctl;

	cpuid(1, 0, &r);
	if ((r.ecx & (1U << 5)) == 0) {
		os_log("no virtualization: this CPU has no VT-x");
		return false;
	}
	if (os_rdmsr_safe(MSR_FEATURE_CONTROL, &fc) == 0 &&
	    (fc & FEATURE_CONTROL_LOCK) && !(fc & FEATURE_CONTROL_VMXON)) {
		os_log("VT-x is turned off by the firmware: enable it in its "
		    "setup");
		return false;
	}
	if (!vmx_fit_controls() || !vmx_ept_ok())
		return false;
	vmx_has_debugctl = os_rdmsr_safe(MSR_DEBUGCTLMSR, &debugctl) == 0;
	vmx_revision = rdmsr(MSR_VMX_BASIC) & VMX_BASIC_REVISION;
	return true;
}

/* One bit per MSR: reads of low and high ones, then writes. */
static void
msr_bitmap_init(void)
{
	static const uint32_t allowed[] = {
		MSR_SYSENTER_CS, MSR_SYSENTER_ESP, MSR_SYSENTER_EIP,
		MSR_FSBASE, MSR_GSBASE, MSR_KERNELGSBASE
	};
	uint32_t bit;
	size_t i;

	memset(vmx_msr_bitmap, 0xff, OS_PAGE_SIZE);
	for (i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) {
		bit = allowed[i] >= 0xc0000000 ?
		    0x400 * 8 + (allowed[i] - 0xc0000000) : allowed[i];
		vmx_msr_bitmap[bit / 8] &= ~(1U << bit % 8);
		bit += 0x800 * 8;
		vmx_msr_bitmap[bit / 8] &= ~(1U << bit % 8);
	}
}

static void
vmx_fini(void)
{
	int cpu;

	for (cpu = 0; vmx_cpus != NULL && cpu < os_cpu_count(); cpu++)
		os_pages_free(vmx_cpus[cpu].vmxon, 0);
	os_free(vmx_cpus);
	os_pages_free(vmx_msr_bitmap, 0);
	vmx_vmcs_fini();
	vmx_cpus = NULL;
	vmx_msr_bitmap = NULL;
}

static bool
vmx_alloc(void)
{
	int cpu;

	vmx_msr_bitmap = os_pages_zalloc(0);
	vmx_cpus = os_zalloc(os_cpu_count() * sizeof(*vmx_cpus));
	if (vmx_msr_bitmap == NULL || vmx_cpus == NULL || vmx_vmcs_init() != 0)
		return false;
	for (cpu = 0; cpu < os_cpu_count(); cpu++) {
		vmx_cpus[cpu].vmxon = os_pages_zalloc(0);
		if (vmx_cpus[cpu].vmxon == NULL)
			return false;
		memcpy(vmx_cpus[cpu].vmxon, &vmx_revision,
		    sizeof(vmx_revision));
	}
	return true;
}

static int
vmx_init(void)
{
	if (!vmx_identify())
		return ENODEV;
	if (!vmx_alloc()) {
		vmx_fini();
		return ENOMEM;
	}
	msr_bitmap_init();
	vmx_flush_l1d = os_l1d() == OS_L1D_FLUSH;
	if (os_l1d() == OS_L1D_CANNOT)
		os_log("guests can read the L1 cache of this CPU (L1TF): "
		    "update its microcode");
	os_log("VT-x with EPT, VPID and unrestricted guests%s",
	    vmx_ept_cap & EPT_CAP_EXEC_ONLY ? ", execute-only memory" : "");
	return 0;
}

static bool
vmxon(uint64_t pa)
{
	uint8_t failed;

	__asm__ volatile("vmxon %1; setna %0"
	    : "=qm" (failed) : "m" (pa) : "cc", "memory");
	return !failed;
}

/* Unlocked firmware settings are ours to make. */
static bool
feature_control_allow(void)
{
	uint64_t fc;

	if (os_rdmsr_safe(MSR_FEATURE_CONTROL, &fc) != 0)
		return true;
	if (fc & FEATURE_CONTROL_LOCK)
		return (fc & FEATURE_CONTROL_VMXON) != 0;
	return os_wrmsr_safe(MSR_FEATURE_CONTROL, fc | FEATURE_CONTROL_LOCK |
	    FEATURE_CONTROL_VMXON) == 0;
}

static int
vmx_cpu_enable(void)
{
	struct vmx_cpu *vc = &vmx_cpus[os_cpu_id()];

	if (os_cr4() & CR4_VMXE) {
		os_log_limited("another hypervisor holds VT-x: stop its "
		    "virtual machines, or unload it (modprobe -r kvm_intel)");
		return EBUSY;
	}
	if (!feature_control_allow())
		return EIO;
	os_cr4_change(CR4_VMXE, 0);
	if (!vmxon(os_pa(vc->vmxon))) {
		os_cr4_change(0, CR4_VMXE);
		return EIO;
	}
	vmx_set_on(true);
	vc->host.star = rdmsr(MSR_STAR);
	vc->host.lstar = rdmsr(MSR_LSTAR);
	vc->host.cstar = rdmsr(MSR_CSTAR);
	vc->host.sfmask = rdmsr(MSR_SFMASK);
	asid_pool_restart(&vc->vpids, VMX_NVPIDS);
	return 0;
}

static void
vmx_cpu_disable(void)
{
	vmx_clear_all();
	vmx_set_on(false);
	__asm__ volatile("vmxoff" : : : "cc", "memory");
	os_cr4_change(0, CR4_VMXE);
}

static void
vmx_npt_geometry(int *levels, unsigned int *max_shift)
{
	*levels = 4;
	*max_shift = vmx_ept_cap & EPT_CAP_1G ? 30 :
	    vmx_ept_cap & EPT_CAP_2M ? 21 : 12;
}

static bool
vmx_exec_only(void)
{
	return (vmx_ept_cap & EPT_CAP_EXEC_ONLY) != 0;
}

static int
vmx_vcpu_init(struct vcpu *vcpu)
{
	struct vmx_vcpu *vv = os_zalloc(sizeof(*vv));

	vcpu->hw = vv;
	if (vv == NULL)
		return ENOMEM;
	vv->loaded_cpu = -1;
	vv->vmcs = os_pages_zalloc(0);
	vv->vapic = os_pages_zalloc(0);
	if (vv->vmcs == NULL || vv->vapic == NULL)
		return ENOMEM;
	vv->vmcs_pa = os_pa(vv->vmcs);
	memcpy(vv->vmcs, &vmx_revision, sizeof(vmx_revision));
	return 0;
}

static void
vmx_vcpu_fini(struct vcpu *vcpu)
{
	struct vmx_vcpu *vv = vcpu->hw;

	if (vv == NULL)
		return;
	vmx_clear(vcpu);
	os_pages_free(vv->vmcs, 0);
	os_pages_free(vv->vapic, 0);
	os_free(vv);
}

static void
init_controls(struct vcpu *vcpu, struct vmx_vcpu *vv)
{
	vv->proc_ctls = vmx_ctls.proc;
	vv->entry_ctls = vmx_ctls.entry;
	vmwrite(VMCS_PIN_CTLS, vmx_ctls.pin);
	vmwrite(VMCS_PROC_CTLS, vv->proc_ctls);
	vmwrite(VMCS_PROC_CTLS2, vmx_ctls.proc2);
	vmwrite(VMCS_EXIT_CTLS, vmx_ctls.exit);
	vmwrite(VMCS_ENTRY_CTLS, vv->entry_ctls);
	vmwrite(VMCS_EXCEPTION_BITMAP, 1U << EXC_MC);
	vmwrite(VMCS_PF_ERROR_MASK, 0);
	vmwrite(VMCS_PF_ERROR_MATCH, 0);
	vmwrite(VMCS_CR3_TARGET_COUNT, 0);
	vmwrite(VMCS_EXIT_MSR_STORE_COUNT, 0);
	vmwrite(VMCS_EXIT_MSR_LOAD_COUNT, 0);
	vmwrite(VMCS_ENTRY_MSR_LOAD_COUNT, 0);
	vmwrite(VMCS_ENTRY_INTR_INFO, 0);
	vmwrite(VMCS_TPR_THRESHOLD, 0);
	if (vmx_ctls.pin & PIN_PREEMPTION_TIMER)
		vmwrite(VMCS_PREEMPTION_TIMER,
		    ((uint64_t)os_tsc_khz() * VMX_STAY_MS) >>
		    (rdmsr(MSR_VMX_MISC) & 31));
	vmwrite(VMCS_MSR_BITMAP, os_pa(vmx_msr_bitmap));
	vmwrite(VMCS_VIRTUAL_APIC, os_pa(vv->vapic));
	vmwrite(VMCS_TSC_OFFSET, vcpu->tsc_offset);
	vmwrite(VMCS_EPTP, os_pa(vcpu->vm->npt.root) | EPTP_WB |
	    EPTP_4_LEVELS);
	vmwrite(VMCS_CR0_MASK, VMX_CR0_OWNED);
	vmwrite(VMCS_CR4_MASK, vmx_cr4_owned());
}

static void
init_guest(void)
{
	vmwrite(VMCS_LINK_POINTER, ~0ULL);
	vmwrite(VMCS_GUEST_DEBUGCTL, 0);
	vmwrite(VMCS_GUEST_INTERRUPTIBILITY, 0);
	vmwrite(VMCS_GUEST_ACTIVITY, 0);
	vmwrite(VMCS_GUEST_PENDING_DEBUG, 0);
	vmwrite(VMCS_GUEST_SYSENTER_CS, 0);
	vmwrite(VMCS_GUEST_SYSENTER_ESP, 0);
	vmwrite(VMCS_GUEST_SYSENTER_EIP, 0);
}

/* What is the same on all CPUs and for all processes. */
static void
init_host(void)
{
	uint16_t cs, ss;

	__asm__ volatile("mov %%cs, %0" : "=r" (cs));
	__asm__ volatile("mov %%ss, %0" : "=r" (ss));
	vmwrite(VMCS_HOST_CS_SEL, cs);
	vmwrite(VMCS_HOST_SS_SEL, ss);
	vmwrite(VMCS_HOST_DS_SEL, 0);
	vmwrite(VMCS_HOST_ES_SEL, 0);
	vmwrite(VMCS_HOST_FS_SEL, 0);
	vmwrite(VMCS_HOST_GS_SEL, 0);
	vmwrite(VMCS_HOST_CR0, rcr0());
	vmwrite(VMCS_HOST_PAT, rdmsr(MSR_CR_PAT));
	vmwrite(VMCS_HOST_EFER, rdmsr(MSR_EFER));
	vmwrite(VMCS_HOST_RIP, (uint64_t)(uintptr_t)vmx_left);
}

static void
vmx_vcpu_reset(struct vcpu *vcpu)
{
	struct vmx_vcpu *vv = vcpu->hw;

	vmx_acquire(vcpu);
	init_controls(vcpu, vv);
	init_guest();
	init_host();
	vv->host_cr3 = vv->host_cr4 = 0;
	vv->rip = vv->rsp = vv->rflags = ~0ULL;
	vv->interruptibility_valid = false;
	vv->flush_vpid = true;
	vcpu->last_cpu = -1;
	vmx_release();
}

static uint64_t
vmx_efer(struct vcpu *vcpu)
{
	vcpu_regs_need(vcpu, VM_RWREGS_MSRS);
	return vcpu->regs.vrs_msrs[VCPU_REGS_EFER];
}

static uint64_t
vmx_cr4(struct vcpu *vcpu)
{
	vcpu_regs_need(vcpu, VM_RWREGS_CRS);
	return vcpu->regs.vrs_crs[VCPU_REGS_CR4];
}

static int
vmx_cpl(struct vcpu *vcpu)
{
	vcpu_regs_need(vcpu, VM_RWREGS_SREGS);
	return vcpu->regs.vrs_sregs[VCPU_REGS_SS].vsi_ar >> 5 & 3;
}

static void
vmx_set_efer(struct vcpu *vcpu, uint64_t efer)
{
	vcpu_regs_need(vcpu, VM_RWREGS_MSRS);
	vcpu->regs.vrs_msrs[VCPU_REGS_EFER] = efer;
	vcpu->regs_dirty |= VM_RWREGS_MSRS;
}

static void
vmx_set_pat(struct vcpu *vcpu, uint64_t pat)
{
	vmx_acquire(vcpu);
	vmwrite(VMCS_GUEST_PAT, pat);
	vmx_release();
}

static void
vmx_set_tsc_offset(struct vcpu *vcpu, uint64_t offset)
{
	vmx_acquire(vcpu);
	vmwrite(VMCS_TSC_OFFSET, offset);
	vmx_release();
}

static uint32_t
interruptibility(struct vcpu *vcpu)
{
	struct vmx_vcpu *vv = vcpu->hw;

	if (!vv->interruptibility_valid) {
		vmx_acquire(vcpu);
		vv->interruptibility = vmread(VMCS_GUEST_INTERRUPTIBILITY);
		vv->interruptibility_valid = true;
		vmx_release();
	}
	return vv->interruptibility;
}

static bool
vmx_shadow(struct vcpu *vcpu)
{
	return (interruptibility(vcpu) & (VMX_BLOCK_STI | VMX_BLOCK_MOV_SS))
	    != 0;
}

static void
vmx_clear_shadow(struct vcpu *vcpu)
{
	struct vmx_vcpu *vv = vcpu->hw;

	if (!vmx_shadow(vcpu))
		return;
	vv->interruptibility &= ~(VMX_BLOCK_STI | VMX_BLOCK_MOV_SS);
	vmx_acquire(vcpu);
	vmwrite(VMCS_GUEST_INTERRUPTIBILITY, vv->interruptibility);
	vmx_release();
}

static bool
vmx_nmi_blocked(struct vcpu *vcpu)
{
	return (interruptibility(vcpu) & (VMX_BLOCK_NMI | VMX_BLOCK_STI |
	    VMX_BLOCK_MOV_SS)) != 0;
}

/* The CPU clears the entry's valid bit at the exit. */
static void
vmx_inject(struct vcpu *vcpu, const struct event *e)
{
	uint32_t info;

	info = e->vector | (uint32_t)e->type << VMX_INTR_TYPE_SHIFT |
	    VMX_INTR_VALID;
	if (e->has_error) {
		info |= VMX_INTR_ERROR;
		vmwrite(VMCS_ENTRY_ERROR_CODE, e->error);
	}
	if (e->type >= EVENT_SOFT_INTR)
		vmwrite(VMCS_ENTRY_INSN_LEN, e->insn_len);
	vmwrite(VMCS_ENTRY_INTR_INFO, info);
}

static void
set_proc_ctls(struct vmx_vcpu *vv, uint32_t ctls)
{
	if (ctls == vv->proc_ctls)
		return;
	vv->proc_ctls = ctls;
	vmwrite(VMCS_PROC_CTLS, ctls);
}

static void
vmx_window(struct vcpu *vcpu, bool intr, bool nmi)
{
	struct vmx_vcpu *vv = vcpu->hw;
	uint32_t ctls;

	ctls = vv->proc_ctls & ~(PROC_INTR_WINDOW | PROC_NMI_WINDOW);
	ctls |= intr ? PROC_INTR_WINDOW : 0;
	ctls |= nmi ? PROC_NMI_WINDOW : 0;
	set_proc_ctls(vv, ctls);
}

static void
vmx_own_debug(struct vcpu *vcpu)
{
	struct vmx_vcpu *vv = vcpu->hw;
	const uint64_t *drs = vcpu->regs.vrs_drs;

	ldr0(drs[VCPU_REGS_DR0]);
	ldr1(drs[VCPU_REGS_DR1]);
	ldr2(drs[VCPU_REGS_DR2]);
	ldr3(drs[VCPU_REGS_DR3]);
	vv->owns_debug = true;
	set_proc_ctls(vv, vv->proc_ctls & ~PROC_MOV_DR_EXITING);
}

static void
vmx_release_debug(struct vcpu *vcpu)
{
	struct vmx_vcpu *vv = vcpu->hw;
	uint64_t *drs = vcpu->regs.vrs_drs;

	drs[VCPU_REGS_DR0] = rdr0();
	drs[VCPU_REGS_DR1] = rdr1();
	drs[VCPU_REGS_DR2] = rdr2();
	drs[VCPU_REGS_DR3] = rdr3();
	vv->owns_debug = false;
	set_proc_ctls(vv, vv->proc_ctls | PROC_MOV_DR_EXITING);
}

/* Selectors of the host that a VM exit cannot load, as they are a user's. */
static void
host_selectors_save(struct vmx_host *h)
{
	__asm__ volatile("mov %%ds, %0" : "=r" (h->ds));
	__asm__ volatile("mov %%es, %0" : "=r" (h->es));
	__asm__ volatile("mov %%fs, %0" : "=r" (h->fs));
	__asm__ volatile("mov %%gs, %0" : "=r" (h->gs));
}

static void
host_selectors_restore(const struct vmx_host *h, uint64_t fsbase)
{
	uint64_t gsbase;

	if ((h->ds | h->es | h->fs | h->gs) == 0)
		return;
	__asm__ volatile("mov %0, %%ds" : : "r" (h->ds));
	__asm__ volatile("mov %0, %%es" : : "r" (h->es));
	__asm__ volatile("mov %0, %%fs" : : "r" (h->fs));
	wrmsr(MSR_FSBASE, fsbase);
	if (h->gs == 0)
		return;
	os_irq_disable();
	gsbase = rdmsr(MSR_GSBASE);
	__asm__ volatile("mov %0, %%gs" : : "r" (h->gs));
	wrmsr(MSR_GSBASE, gsbase);
	os_irq_enable();
}

/* The host's state of this CPU and process goes to the VMCS. */
static void
host_state(void)
{
	struct { uint16_t limit; uint64_t base; } __attribute__((packed)) dt;
	uint16_t tr;

	__asm__ volatile("sgdt %0" : "=m" (dt));
	vmwrite(VMCS_HOST_GDTR_BASE, dt.base);
	__asm__ volatile("sidt %0" : "=m" (dt));
	vmwrite(VMCS_HOST_IDTR_BASE, dt.base);
	__asm__ volatile("str %0" : "=r" (tr));
	vmwrite(VMCS_HOST_TR_SEL, tr);
	vmwrite(VMCS_HOST_TR_BASE, os_tss_base());
	vmwrite(VMCS_HOST_FS_BASE, rdmsr(MSR_FSBASE));
	vmwrite(VMCS_HOST_GS_BASE, rdmsr(MSR_GSBASE));
	vmwrite(VMCS_HOST_SYSENTER_CS, rdmsr(MSR_SYSENTER_CS));
	vmwrite(VMCS_HOST_SYSENTER_ESP, rdmsr(MSR_SYSENTER_ESP));
	vmwrite(VMCS_HOST_SYSENTER_EIP, rdmsr(MSR_SYSENTER_EIP));
}

static void
msr_swap(uint32_t msr, uint64_t from, uint64_t to)
{
	if (from != to)
		wrmsr(msr, to);
}

/*
 * No handler of the host executes SYSCALL or SWAPGS while it is in the
 * kernel, so that these MSRs are switched once for many entries.
 */
static void
syscall_msrs_load(struct vcpu *vcpu, struct vmx_host *h)
{
	const uint64_t *m = vcpu->regs.vrs_msrs;

	h->kgsbase = rdmsr(MSR_KERNELGSBASE);
	msr_swap(MSR_KERNELGSBASE, h->kgsbase, m[VCPU_REGS_KGSBASE]);
	msr_swap(MSR_STAR, h->star, m[VCPU_REGS_STAR]);
	msr_swap(MSR_LSTAR, h->lstar, m[VCPU_REGS_LSTAR]);
	msr_swap(MSR_CSTAR, h->cstar, m[VCPU_REGS_CSTAR]);
	msr_swap(MSR_SFMASK, h->sfmask, m[VCPU_REGS_SFMASK]);
}

static void
syscall_msrs_save(struct vcpu *vcpu, const struct vmx_host *h)
{
	uint64_t *m = vcpu->regs.vrs_msrs;

	m[VCPU_REGS_KGSBASE] = rdmsr(MSR_KERNELGSBASE);
	msr_swap(MSR_KERNELGSBASE, m[VCPU_REGS_KGSBASE], h->kgsbase);
	msr_swap(MSR_STAR, m[VCPU_REGS_STAR], h->star);
	msr_swap(MSR_LSTAR, m[VCPU_REGS_LSTAR], h->lstar);
	msr_swap(MSR_CSTAR, m[VCPU_REGS_CSTAR], h->cstar);
	msr_swap(MSR_SFMASK, m[VCPU_REGS_SFMASK], h->sfmask);
}

static void
vmx_region_begin(struct vcpu *vcpu)
{
	struct vmx_host *h = &vmx_cpus[os_cpu_id()].host;

	vmx_acquire(vcpu);
	host_selectors_save(h);
	os_tables_save();
	host_state();
	syscall_msrs_load(vcpu, h);
	h->debugctl = vmx_has_debugctl ? rdmsr(MSR_DEBUGCTLMSR) : 0;
	vcpu_regs_need(vcpu, VM_RWREGS_DRS);
	ldr6(vcpu->regs.vrs_drs[VCPU_REGS_DR6]);
	if (vcpu->regs.vrs_drs[VCPU_REGS_DR7] & 0xff)
		vmx_own_debug(vcpu);
}

static void
vmx_region_end(struct vcpu *vcpu)
{
	struct vmx_vcpu *vv = vcpu->hw;
	struct vmx_host *h = &vmx_cpus[os_cpu_id()].host;

	if (vv->owns_debug)
		vmx_release_debug(vcpu);
	vcpu->regs.vrs_drs[VCPU_REGS_DR6] = rdr6();
	ldr6(DR6_INIT);
	if (h->debugctl != 0)
		wrmsr(MSR_DEBUGCTLMSR, h->debugctl);
	syscall_msrs_save(vcpu, h);
	host_selectors_restore(h, rdmsr(MSR_FSBASE));
	os_tables_restore();
	os_host_debug_restore();
	vmx_release();
}

static void
invept(uint64_t eptp)
{
	struct { uint64_t eptp, zero; } desc = { eptp, 0 };

	__asm__ volatile("invept %0, %1"
	    : : "m" (desc), "r" ((uint64_t)INVEPT_SINGLE) : "cc", "memory");
}

static void
invvpid_all(void)
{
	struct { uint64_t vpid, la; } desc = { 0, 0 };

	__asm__ volatile("invvpid %0, %1"
	    : : "m" (desc), "r" ((uint64_t)INVVPID_ALL) : "cc", "memory");
}

/* Stale translations: of this VPID by a new one, of the EPT by INVEPT. */
static void
vmx_flush(struct vcpu *vcpu, struct vmx_cpu *vc, bool flush)
{
	struct vmx_vcpu *vv = vcpu->hw;
	bool moved = vcpu->last_cpu != os_cpu_id();
	uint32_t vpid;

	if (flush || moved)
		invept(os_pa(vcpu->vm->npt.root) | EPTP_WB | EPTP_4_LEVELS);
	vcpu->last_cpu = os_cpu_id();
	if (!moved && !vv->flush_vpid && vv->vpid_gen == vc->vpids.gen)
		return;
	if (asid_take(&vc->vpids, VMX_NVPIDS, &vpid, &vv->vpid_gen))
		invvpid_all();
	vmwrite(VMCS_VPID, vpid);
	vv->flush_vpid = false;
}

static void
store_changed(uint64_t field, uint64_t *was, uint64_t val)
{
	if (*was == val)
		return;
	*was = val;
	vmwrite(field, val);
}

static void
vmx_event_interrupted(struct vcpu *vcpu, uint32_t info)
{
	struct event e = { .valid = true };

	e.vector = info & VMX_INTR_VECTOR;
	e.type = info >> VMX_INTR_TYPE_SHIFT & VMX_INTR_TYPE;
	e.has_error = (info & VMX_INTR_ERROR) != 0;
	e.error = e.has_error ? vmread(VMCS_IDT_ERROR) : 0;
	e.insn_len = e.type >= EVENT_SOFT_INTR ? vmread(VMCS_EXIT_INSN_LEN) :
	    0;
	/* It is delivered again: what its delivery blocked is open. */
	if (e.type == EVENT_NMI)
		vmwrite(VMCS_GUEST_INTERRUPTIBILITY,
		    vmread(VMCS_GUEST_INTERRUPTIBILITY) &
		    ~(uint64_t)VMX_BLOCK_NMI);
	event_interrupted(vcpu, &e);
}

static void
vmx_entry_failed(struct vcpu *vcpu)
{
	vcpu->exit.kind = VE_ENTRY_FAILED;
	vcpu->exit.code = VMX_EXIT_ENTRY_FAILED_GUEST_STATE;
	vcpu->exit.info[0] = vmread(VMCS_INSN_ERROR);
	vcpu->exit.info[1] = 0;
}

static void
vmx_left_guest(struct vcpu *vcpu)
{
	struct vmx_vcpu *vv = vcpu->hw;
	uint64_t *gprs = vcpu->regs.vrs_gprs;
	uint32_t reason, info;

	vv->launched = true;
	vv->rip = gprs[VCPU_REGS_RIP] = vmread(VMCS_GUEST_RIP);
	vv->rsp = gprs[VCPU_REGS_RSP] = vmread(VMCS_GUEST_RSP);
	vv->rflags = gprs[VCPU_REGS_RFLAGS] = vmread(VMCS_GUEST_RFLAGS);
	vv->interruptibility_valid = false;
	vcpu->regs_valid = VM_RWREGS_GPRS;
	info = vmread(VMCS_IDT_INFO);
	if (info & VMX_INTR_VALID)
		vmx_event_interrupted(vcpu, info);
	reason = vmread(VMCS_EXIT_REASON);
	vmx_exit_decode(vcpu, reason);
}

static void
vmx_enter(struct vcpu *vcpu, bool flush)
{
	struct vmx_vcpu *vv = vcpu->hw;
	uint64_t *gprs = vcpu->regs.vrs_gprs;
	uint64_t *cr2 = &vcpu->regs.vrs_crs[VCPU_REGS_CR2];

	vmx_flush(vcpu, &vmx_cpus[os_cpu_id()], flush);
	store_changed(VMCS_HOST_CR3, &vv->host_cr3, rcr3());
	store_changed(VMCS_HOST_CR4, &vv->host_cr4, os_cr4());
	store_changed(VMCS_GUEST_RIP, &vv->rip, gprs[VCPU_REGS_RIP]);
	store_changed(VMCS_GUEST_RSP, &vv->rsp, gprs[VCPU_REGS_RSP]);
	store_changed(VMCS_GUEST_RFLAGS, &vv->rflags,
	    gprs[VCPU_REGS_RFLAGS]);
	if (rcr2() != *cr2)
		lcr2(*cr2);
	if (vmx_flush_l1d)
		wrmsr(MSR_FLUSH_CMD, FLUSH_CMD_L1D);
	if (vmx_run(&vcpu->regs, vv->launched, &vv->host_rsp) != 0) {
		vmx_entry_failed(vcpu);
		return;
	}
	*cr2 = rcr2();
	vmx_left_guest(vcpu);
}

const struct backend vmx_backend = {
	.name		= "VT-x",
	.npt_format	= &vmx_ept_format,
	.pdptes		= true,
	.code_window	= VMX_EXIT_INT_WINDOW,
	.npt_geometry	= vmx_npt_geometry,
	.exec_only	= vmx_exec_only,
	.init		= vmx_init,
	.fini		= vmx_fini,
	.cpu_enable	= vmx_cpu_enable,
	.cpu_disable	= vmx_cpu_disable,
	.vcpu_init	= vmx_vcpu_init,
	.vcpu_fini	= vmx_vcpu_fini,
	.vcpu_reset	= vmx_vcpu_reset,
	.regs_load	= vmx_regs_load,
	.regs_store	= vmx_regs_store,
	.efer		= vmx_efer,
	.cr4		= vmx_cr4,
	.cpl		= vmx_cpl,
	.set_efer	= vmx_set_efer,
	.set_pat	= vmx_set_pat,
	.set_tsc_offset	= vmx_set_tsc_offset,
	.shadow		= vmx_shadow,
	.clear_shadow	= vmx_clear_shadow,
	.nmi_blocked	= vmx_nmi_blocked,
	.inject		= vmx_inject,
	.window		= vmx_window,
	.own_debug	= vmx_own_debug,
	.region_begin	= vmx_region_begin,
	.region_end	= vmx_region_end,
	.enter		= vmx_enter,
};

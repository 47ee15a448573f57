/* SPDX-License-Identifier: ISC */
/*
 * VMM_IOC_RUN: enter the guest until something is for the caller.
 */
#include "backend.h"
#include "cpufunc.h"
#include "md.h"
#include "vcpu.h"

#include <machine/specialreg.h>

const struct backend *backend;

/* What every CPU has: whose guest runs there, and whether it may. */
struct run_cpu {
	struct vm	*vm;		/* in the guest now; or NULL */
	struct vcpu	*last;		/* who was; only to be compared */
	bool		 enabled;
} __attribute__((aligned(64)));

static struct run_cpu	*run_cpus;

int
md_init(void)
{
	int error;

	cpuid_init();
	fpu_init();
	backend = cpuid_is_intel() ? &vmx_backend : &svm_backend;
	error = backend->init();
	if (error)
		return error;
	run_cpus = os_zalloc(os_cpu_count() * sizeof(*run_cpus));
	if (run_cpus == NULL) {
		backend->fini();
		return ENOMEM;
	}
	return 0;
}

void
md_fini(void)
{
	os_free(run_cpus);
	backend->fini();
}

int
md_cpu_enable(void)
{
	struct run_cpu *rc = &run_cpus[os_cpu_id()];
	int error;

	error = backend->cpu_enable();
	rc->enabled = error == 0;
	rc->last = NULL;
	return error;
}

void
md_cpu_disable(void)
{
	struct run_cpu *rc = &run_cpus[os_cpu_id()];

	if (rc->enabled)
		backend->cpu_disable();
	rc->enabled = false;
}

int
md_vm_init(struct vm *vm)
{
	unsigned int max_shift;
	int levels;

	vm->tsc_offset = -rdtsc_ordered();
	backend->npt_geometry(&levels, &max_shift);
	return npt_init(&vm->npt, backend->npt_format, levels, max_shift);
}

void
md_vm_fini(struct vm *vm)
{
	npt_fini(&vm->npt);
}

static int
vcpu_power_on(struct vcpu *vcpu)
{
	struct vcpu_reg_state *rs = os_zalloc(sizeof(*rs));
	int error;

	if (rs == NULL)
		return ENOMEM;
	regs_power_on(rs);
	error = md_vcpu_reset(vcpu, rs);
	os_free(rs);
	return error;
}

int
md_vcpu_init(struct vcpu *vcpu)
{
	int error;

	error = fpu_vcpu_init(vcpu);
	if (error == 0)
		error = backend->vcpu_init(vcpu);
	if (error == 0)
		error = vcpu_power_on(vcpu);
	return error;
}

/* Another VCPU may be where this one was: nobody shall take it for this. */
static void
vcpu_forget(struct vcpu *vcpu)
{
	struct vcpu *expected;
	int cpu;

	for (cpu = 0; cpu < os_cpu_count(); cpu++) {
		expected = vcpu;
		__atomic_compare_exchange_n(&run_cpus[cpu].last, &expected,
		    NULL, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
	}
}

void
md_vcpu_fini(struct vcpu *vcpu)
{
	vcpu_forget(vcpu);
	backend->vcpu_fini(vcpu);
	fpu_vcpu_fini(vcpu);
}

static bool
cpu_runs_vm(int cpu, void *vm)
{
	return __atomic_load_n(&run_cpus[cpu].vm, __ATOMIC_RELAXED) == vm;
}

void
md_vm_kick_wait(struct vm *vm)
{
	os_cpus_kick_wait(cpu_runs_vm, vm);
}

bool
md_prot_possible(int prot)
{
	if (prot & ~VM_PROT_ALL)
		return false;
	if ((prot & VM_PROT_WRITE) && !(prot & VM_PROT_READ))
		return false;
	return prot != VM_PROT_EXEC || backend->exec_only();
}

/* Why a run of entries ended. */
enum run_result {
	RUN_USER,		/* an exit is for the caller */
	RUN_INTERRUPTED,	/* a signal, or the caller's interrupt */
	RUN_LEAVE,		/* work outside, then go on */
	RUN_DISABLED,		/* the host is going to sleep, or to end */
	RUN_TERMINATED
};

/*
 * Interrupts are off. May the guest be entered? guest_cpu and run_cpu.vm are
 * set already, so that who adds a request after this looks sends an
 * interrupt, which ends the guest as soon as it begins.
 */
static bool
entry_stopped(struct vcpu *vcpu, const struct run_cpu *rc,
    enum run_result *result)
{
	uint32_t req = __atomic_load_n(&vcpu->requests, __ATOMIC_RELAXED);
	unsigned int leave = os_must_leave();

	if (req & VCPU_REQ_TERM)
		*result = RUN_TERMINATED;
	else if (leave & OS_LEAVE_SIGNAL)
		*result = RUN_INTERRUPTED;
	else if (leave & OS_LEAVE_YIELD)
		*result = RUN_LEAVE;
	else if (req & VCPU_REQ_INTR)
		*result = RUN_INTERRUPTED;
	else if (vcpu->ev.want_window && event_intr_ready(vcpu)) {
		/* The window that the caller waits for is open already. */
		vcpu->exit.kind = VE_INTR_WINDOW;
		vcpu->exit.code = backend->code_window;
		*result = RUN_USER;
	} else
		return false;
	return true;
}

/* One entry and its exit; false: `*result' says why there was none. */
static bool
run_once(struct vcpu *vcpu, struct run_cpu *rc, int cpu,
    enum run_result *result)
{
	struct vm *vm = vcpu->vm;
	uint64_t gen;
	bool stopped;

	os_irq_disable();
	__atomic_store_n(&vcpu->guest_cpu, cpu, __ATOMIC_RELAXED);
	__atomic_store_n(&rc->vm, vm, __ATOMIC_RELAXED);
	os_mb();
	stopped = entry_stopped(vcpu, rc, result);
	if (!stopped) {
		event_commit(vcpu);
		backend->regs_store(vcpu, vcpu->regs_dirty);
		vcpu->regs_dirty = 0;
		vcpu->regs_valid = VM_RWREGS_GPRS;
		gen = __atomic_load_n(&vm->npt_gen, __ATOMIC_RELAXED);
		backend->enter(vcpu, gen != vcpu->npt_gen);
		vcpu->npt_gen = gen;
	}
	__atomic_store_n(&vcpu->guest_cpu, -1, __ATOMIC_RELAXED);
	__atomic_store_n(&rc->vm, NULL, __ATOMIC_RELAXED);
	os_irq_enable();
	return !stopped;
}

static enum run_result
run_region(struct vcpu *vcpu)
{
	enum exit_action action = EXIT_RESUME;
	enum run_result result = RUN_USER;
	struct run_cpu *rc;
	int cpu;

	os_fpu_begin();
	cpu = os_cpu_id();
	rc = &run_cpus[cpu];
	if (!rc->enabled) {
		os_fpu_end();
		vcpu->exit.kind = VE_NONE;
		return RUN_DISABLED;
	}
	if (rc->last != vcpu) {
		os_branch_barrier();
		rc->last = vcpu;
	}
	fpu_load(vcpu);
	if (vcpu->tsc_offset != vcpu->vm->tsc_offset) {
		vcpu->tsc_offset = vcpu->vm->tsc_offset;
		backend->set_tsc_offset(vcpu, vcpu->tsc_offset);
	}
	backend->region_begin(vcpu);
	while (action == EXIT_RESUME && run_once(vcpu, rc, cpu, &result)) {
		action = exit_handle(vcpu);
		if (action == EXIT_LEAVE)
			result = RUN_LEAVE;
		if (action == EXIT_TERMINATE)
			result = RUN_TERMINATED;
	}
	backend->region_end(vcpu);
	fpu_save(vcpu);
	os_fpu_end();
	if (result != RUN_USER && action == EXIT_RESUME)
		vcpu->exit.kind = VE_NONE;
	return result;
}

/* A nested fault: true when the guest may go on. */
static bool
run_fault(struct vcpu *vcpu, int *error)
{
	struct vmexit *x = &vcpu->exit;

	*error = 0;
	switch (vm_fault(vcpu, x->fault.gpa, x->fault.access, error)) {
	case GUEST_FAULT_MAPPED:
		return true;
	case GUEST_FAULT_MMIO:
		x->fault.type = VEE_FAULT_MMIO_ASSIST;
		return false;
	case GUEST_FAULT_DENIED:
		x->fault.type = VEE_FAULT_PROTECT;
		return false;
	case GUEST_FAULT_ERROR:
		break;
	}
	return false;
}

static enum run_result
run_loop(struct vcpu *vcpu, int *error)
{
	enum run_result result;

	*error = 0;
	for (;;) {
		pvclock_update(vcpu);
		if (vcpu->pdptes_stale)
			cr_pdptes_load(vcpu);
		result = run_region(vcpu);
		if (result == RUN_DISABLED) {
			if (os_must_leave() & OS_LEAVE_SIGNAL)
				return RUN_INTERRUPTED;
			os_sleep_short();
		} else if (result != RUN_LEAVE)
			return result;
		if (vcpu->exit.kind == VE_NESTED_FAULT &&
		    !run_fault(vcpu, error))
			return RUN_USER;
		os_yield();
	}
}

/* RAX after an IN: 8 and 16 bits leave the rest, 32 bits clear it. */
static uint64_t
io_merge(uint64_t rax, uint32_t data, uint8_t size)
{
	switch (size) {
	case 1:
		return (rax & ~0xffULL) | (data & 0xff);
	case 2:
		return (rax & ~0xffffULL) | (data & 0xffff);
	default:
		return data;
	}
}

/* The caller's registers after it emulated an instruction, or did not. */
static int
complete_gprs(struct vcpu *vcpu, const struct vcpu_reg_state *rs)
{
	uint64_t *gprs = vcpu->regs.vrs_gprs;
	bool moved;

	if (!regs_gprs_ok(rs))
		return EINVAL;
	moved = gprs[VCPU_REGS_RIP] != rs->vrs_gprs[VCPU_REGS_RIP];
	memcpy(gprs, rs->vrs_gprs, sizeof(rs->vrs_gprs));
	gprs[VCPU_REGS_RFLAGS] |= PSL_MBO;
	if (moved)
		vcpu_insn_done(vcpu);
	return 0;
}

static int
complete_io(struct vcpu *vcpu, const struct vm_exit *vx)
{
	uint64_t *gprs = vcpu->regs.vrs_gprs;
	bool moved;

	if (!regs_gprs_ok(&vx->vrs))
		return EINVAL;
	moved = gprs[VCPU_REGS_RIP] != vx->vrs.vrs_gprs[VCPU_REGS_RIP];
	if (vcpu->exit.io.in)
		gprs[VCPU_REGS_RAX] = io_merge(gprs[VCPU_REGS_RAX],
		    vx->vei.vei_data, vcpu->exit.io.size);
	gprs[VCPU_REGS_RIP] = vx->vrs.vrs_gprs[VCPU_REGS_RIP];
	if (moved)
		vcpu_insn_done(vcpu);
	return 0;
}

/* Take the caller's answer to the last exit, once. */
static int
run_complete(struct vcpu *vcpu, const struct vm_run_params *vrp)
{
	struct vm_exit *vx = &vcpu->uexit;
	int error;

	if (vcpu->completion == VCPU_COMPLETE_NONE)
		return 0;
	error = os_copyin(vx, (uint64_t)(uintptr_t)vrp->vrp_exit, sizeof(*vx));
	if (error)
		return error;
	error = vcpu->completion == VCPU_COMPLETE_IO ? complete_io(vcpu, vx) :
	    complete_gprs(vcpu, &vx->vrs);
	if (error == 0)
		vcpu->completion = VCPU_COMPLETE_NONE;
	return error;
}

static uint16_t
run_reason(const struct vcpu *vcpu, enum run_result result)
{
	switch (result) {
	case RUN_TERMINATED:
		return VM_EXIT_TERMINATED;
	case RUN_USER:
		return vcpu->exit.code;
	default:
		return VM_EXIT_NONE;
	}
}

static int
run_copyout(struct vcpu *vcpu, struct vm_run_params *vrp)
{
	md_vcpu_readregs(vcpu, &vcpu->uexit.vrs, VM_RWREGS_ALL);
	vcpu->uexit.cpl = backend->cpl(vcpu);
	return os_copyout((uint64_t)(uintptr_t)vrp->vrp_exit, &vcpu->uexit,
	    sizeof(vcpu->uexit));
}

/* A bad pointer shall be found before the guest has run. */
static int
run_probe(const struct vm_run_params *vrp)
{
	uint64_t first = (uint64_t)(uintptr_t)vrp->vrp_exit;
	uint64_t last = first + sizeof(struct vm_exit) - 1;
	char c;

	return os_copyin(&c, first, 1) || os_copyin(&c, last, 1) ? EFAULT : 0;
}

static int
run_prepare(struct vcpu *vcpu, const struct vm_run_params *vrp)
{
	int error;

	error = run_probe(vrp);
	if (error == 0)
		error = run_complete(vcpu, vrp);
	if (error)
		return error;
	vcpu->ev.want_window = vrp->vrp_intr_pending != 0;
	return event_post(vcpu, &vrp->vrp_inject);
}

int
md_vcpu_run(struct vcpu *vcpu, struct vm_run_params *vrp)
{
	enum run_result result = RUN_USER;
	int error;

	error = run_prepare(vcpu, vrp);
	if (error)
		return error;
	if (vcpu->shut_down)
		vcpu->exit.kind = VE_SHUTDOWN;
	else
		result = run_loop(vcpu, &error);
	if (error)
		return error;
	if (result == RUN_USER)
		exit_to_user(vcpu);
	else
		memset(&vcpu->uexit, 0, sizeof(vcpu->uexit));
	vrp->vrp_exit_reason = run_reason(vcpu, result);
	vrp->vrp_irqready = event_intr_ready(vcpu);
	if (result == RUN_INTERRUPTED)
		__atomic_fetch_and(&vcpu->requests, ~VCPU_REQ_INTR,
		    __ATOMIC_RELAXED);
	return run_copyout(vcpu, vrp);
}

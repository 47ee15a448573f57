/* SPDX-License-Identifier: ISC */

/* VCPU threads: VMM_IOC_RUN and what is done about each exit; vmm(4). */

#include <sys/ioctl.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <machine/specialreg.h>

#include "log.h"
#include "vm.h"

/*
 * What goes into the guest: an exception of an instruction that vmd did for
 * it, else the PICs' interrupt if the last exit said that the guest takes
 * one.
 */
static void
vcpu_inject(struct vcpu *vc)
{
	struct vm		*vm = vc->vc_vm;
	struct vm_run_params	*vrp = &vc->vc_run;

	vrp->vrp_inject = vc->vc_exception;
	vc->vc_exception.vie_type = VCPU_INJECT_NONE;
	if (!atomic_load(&vm->vm_intr) || !vrp->vrp_irqready ||
	    vrp->vrp_inject.vie_type != VCPU_INJECT_NONE)
		return;
	pthread_mutex_lock(&vm->vm_dev_mtx);
	if (i8259_pending(&vm->vm_pic)) {
		vrp->vrp_inject.vie_type = VCPU_INJECT_INTR;
		vrp->vrp_inject.vie_vector = i8259_ack(&vm->vm_pic);
		vrp->vrp_inject.vie_errorcode = 0;
	}
	pthread_mutex_unlock(&vm->vm_dev_mtx);
}

void
vcpu_interrupt(struct vcpu *vc)
{
	struct vm_intr_params	 vip;

	if (vc->vc_halted) {
		pthread_cond_signal(&vc->vc_cond);
		return;
	}
	/*
	 * Either the thread sees vm_intr before it enters the guest, or its
	 * flag is seen here. RUN heeds an interrupt that comes before it.
	 */
	if (!atomic_load(&vc->vc_in_run))
		return;
	vip.vip_vm_id = vc->vc_vm->vm_id;
	vip.vip_vcpu_id = vc->vc_id;
	vip.vip_intr = 1;
	/* It fails only when the VM is being ended. */
	(void)ioctl(vc->vc_vm->vm_start.vst_fds[VM_FD_VMM], VMM_IOC_INTR,
	    &vip);
}

static void
exit_none(struct vcpu *vc)
{
	(void)vc;
}

static void
exit_terminated(struct vcpu *vc)
{
	vm_fail(vc->vc_vm, "the driver ended it, or the guest gave up "
	    "(hypercall 0x%x)", HVCALL_FORCED_ABORT);
}

static void
exit_io(struct vcpu *vc)
{
	struct vm		*vm = vc->vc_vm;
	struct vm_exit		*vx = &vc->vc_exit;
	struct vm_exit_inout	*vei = &vx->vei;

	if (vei->vei_string) {
		vcpu_string_io(vc);
		return;
	}
	pthread_mutex_lock(&vm->vm_dev_mtx);
	if (vei->vei_dir == VEI_DIR_IN)
		vei->vei_data = vm_io_in(&vm->vm_io, vei->vei_port,
		    vei->vei_size);
	else
		vm_io_out(&vm->vm_io, vei->vei_port, vei->vei_size,
		    vei->vei_data);
	pthread_mutex_unlock(&vm->vm_dev_mtx);
	vx->vrs.vrs_gprs[VCPU_REGS_RIP] += vei->vei_insn_len;
}

_Static_assert(VM_MAX_CPUS == 1, "a halted VCPU has nobody to wake it");

/* The driver has skipped the instruction. */
static void
exit_hlt(struct vcpu *vc)
{
	struct vm	*vm = vc->vc_vm;

	if (!(vc->vc_exit.vrs.vrs_gprs[VCPU_REGS_RFLAGS] & PSL_I)) {
		vm_stop(vm, VM_END_POWEROFF);
		return;
	}
	pthread_mutex_lock(&vm->vm_dev_mtx);
	vc->vc_halted = 1;
	while (!i8259_pending(&vm->vm_pic) && !atomic_load(&vm->vm_end))
		pthread_cond_wait(&vc->vc_cond, &vm->vm_dev_mtx);
	vc->vc_halted = 0;
	pthread_mutex_unlock(&vm->vm_dev_mtx);
}

static void
exit_triple_fault(struct vcpu *vc)
{
	log_info("triple fault at rip 0x%" PRIx64 ": the VM is reset",
	    vc->vc_exit.vrs.vrs_gprs[VCPU_REGS_RIP]);
	vm_stop(vc->vc_vm, VM_END_REBOOT);
}

static void
vcpu_log_registers(const struct vcpu *vc)
{
	static const char *const names[VCPU_REGS_NGPRS] = { "rax", "rcx",
	    "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10",
	    "r11", "r12", "r13", "r14", "r15", "rip", "rflags" };
	const struct vcpu_reg_state	*r = &vc->vc_exit.vrs;
	int				 i;

	for (i = 0; i < VCPU_REGS_NGPRS; i += 3)
		log_warnx("vcpu %u: %s 0x%" PRIx64 " %s 0x%" PRIx64
		    " %s 0x%" PRIx64, vc->vc_id, names[i], r->vrs_gprs[i],
		    names[i + 1], r->vrs_gprs[i + 1], names[i + 2],
		    r->vrs_gprs[i + 2]);
	log_warnx("vcpu %u: cs 0x%x cr0 0x%" PRIx64 " cr2 0x%" PRIx64 " cr3 "
	    "0x%" PRIx64 " cr4 0x%" PRIx64 " efer 0x%" PRIx64, vc->vc_id,
	    r->vrs_sregs[VCPU_REGS_CS].vsi_sel, r->vrs_crs[VCPU_REGS_CR0],
	    r->vrs_crs[VCPU_REGS_CR2], r->vrs_crs[VCPU_REGS_CR3],
	    r->vrs_crs[VCPU_REGS_CR4], r->vrs_msrs[VCPU_REGS_EFER]);
}

static void
exit_unknown(struct vcpu *vc)
{
	vcpu_log_registers(vc);
	vm_fail(vc->vc_vm, "an exit of the guest that vmd does not know: "
	    "reason 0x%x at rip 0x%" PRIx64, vc->vc_run.vrp_exit_reason,
	    vc->vc_exit.vrs.vrs_gprs[VCPU_REGS_RIP]);
}

/* There is no device in memory. */
static void
exit_nested_fault(struct vcpu *vc)
{
	const struct vm_exit_eptviolation	*vee = &vc->vc_exit.vee;
	uint64_t	 rip = vc->vc_exit.vrs.vrs_gprs[VCPU_REGS_RIP];

	if (vee->vee_fault_type == VEE_FAULT_MMIO_ASSIST)
		vm_fail(vc->vc_vm, "the guest used address 0x%" PRIx64
		    " at rip 0x%" PRIx64 ", where it has neither memory nor a "
		    "device", vee->vee_gpa, rip);
	else if (vee->vee_fault_type == VEE_FAULT_PROTECT)
		vm_fail(vc->vc_vm, "the guest used address 0x%" PRIx64
		    " at rip 0x%" PRIx64 " against its protection",
		    vee->vee_gpa, rip);
	else if (vee->vee_fault_type != VEE_FAULT_HANDLED)
		exit_unknown(vc);
}

/*
 * The reasons of both vendors, those that come most often first. Where they
 * mean something to us, Intel's are below 0x60 and AMD's from there on.
 */
static const struct exit_entry {
	uint16_t	 reason;
	void		 (*handle)(struct vcpu *);
} exits[] = {
	{ SVM_VMEXIT_IOIO,		exit_io },
	{ VMX_EXIT_IO,			exit_io },
	{ VM_EXIT_NONE,			exit_none },
	{ SVM_VMEXIT_HLT,		exit_hlt },
	{ VMX_EXIT_HLT,			exit_hlt },
	{ SVM_VMEXIT_VINTR,		exit_none },
	{ VMX_EXIT_INT_WINDOW,		exit_none },
	{ SVM_VMEXIT_INTR,		exit_none },
	{ VMX_EXIT_EXTINT,		exit_none },
	{ SVM_VMEXIT_NPF,		exit_nested_fault },
	{ VMX_EXIT_EPT_VIOLATION,	exit_nested_fault },
	{ SVM_VMEXIT_SHUTDOWN,		exit_triple_fault },
	{ VMX_EXIT_TRIPLE_FAULT,	exit_triple_fault },
	{ VM_EXIT_TERMINATED,		exit_terminated },
};
#define NEXITS	(sizeof(exits) / sizeof(exits[0]))

static void
vcpu_handle_exit(struct vcpu *vc)
{
	size_t	 i;

	for (i = 0; i < NEXITS; i++) {
		if (exits[i].reason == vc->vc_run.vrp_exit_reason) {
			exits[i].handle(vc);
			return;
		}
	}
	exit_unknown(vc);
}

static void
vcpu_run(struct vcpu *vc)
{
	struct vm	*vm = vc->vc_vm;
	int		 fd = vm->vm_start.vst_fds[VM_FD_VMM], ret;

	for (;;) {
		vcpu_inject(vc);
		atomic_store(&vc->vc_in_run, 1);
		/* One that waits: come back as soon as the guest takes it. */
		vc->vc_run.vrp_intr_pending = atomic_load(&vm->vm_intr);
		if (atomic_load(&vm->vm_end) != VM_END_NONE)
			return;
		ret = ioctl(fd, VMM_IOC_RUN, &vc->vc_run);
		atomic_store(&vc->vc_in_run, 0);
		if (ret == 0) {
			vcpu_handle_exit(vc);
		} else if (errno != EINTR) {
			/* Not so if the VM is being ended: first one counts. */
			vm_fail(vm, "vcpu %u cannot run: %s", vc->vc_id,
			    strerror(errno));
			return;
		}
	}
}

static void *
vcpu_thread(void *arg)
{
	struct vcpu	*vc = arg;
	struct vm	*vm = vc->vc_vm;
	char		 name[16];

	snprintf(name, sizeof(name), "vcpu-%u", vc->vc_id);
	(void)pthread_setname_np(pthread_self(), name);
	pthread_mutex_lock(&vm->vm_dev_mtx);
	while (!vm->vm_running)
		pthread_cond_wait(&vc->vc_cond, &vm->vm_dev_mtx);
	pthread_mutex_unlock(&vm->vm_dev_mtx);
	vcpu_run(vc);
	return (NULL);
}

int
vcpu_create(struct vm *vm, uint32_t id, const struct vcpu_reg_state *regs)
{
	struct vcpu			*vc = &vm->vm_vcpu[id];
	struct vm_resetcpu_params	 vrp;
	int				 error;

	vc->vc_vm = vm;
	vc->vc_id = id;
	vc->vc_run.vrp_vm_id = vm->vm_id;
	vc->vc_run.vrp_vcpu_id = id;
	vc->vc_run.vrp_exit = &vc->vc_exit;
	vrp.vrp_vm_id = vm->vm_id;
	vrp.vrp_vcpu_id = id;
	vrp.vrp_init_state = *regs;
	if (ioctl(vm->vm_start.vst_fds[VM_FD_VMM], VMM_IOC_RESETCPU,
	    &vrp) == -1)
		return (-1);
	error = pthread_cond_init(&vc->vc_cond, NULL);
	if (error == 0)
		error = pthread_create(&vc->vc_thread, NULL, vcpu_thread, vc);
	vc->vc_created = error == 0;
	errno = error;
	return (error == 0 ? 0 : -1);
}

void
vcpus_start(struct vm *vm)
{
	uint32_t	 i;

	pthread_mutex_lock(&vm->vm_dev_mtx);
	vm->vm_running = 1;
	for (i = 0; i < vm->vm_start.vst_config.vc_ncpus; i++)
		pthread_cond_signal(&vm->vm_vcpu[i].vc_cond);
	pthread_mutex_unlock(&vm->vm_dev_mtx);
}

void
vcpus_join(struct vm *vm)
{
	uint32_t	 i;

	vcpus_start(vm);	/* those that wait see vm_end and leave */
	for (i = 0; i < vm->vm_start.vst_config.vc_ncpus; i++)
		if (vm->vm_vcpu[i].vc_created)
			pthread_join(vm->vm_vcpu[i].vc_thread, NULL);
}

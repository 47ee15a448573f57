/* SPDX-License-Identifier: ISC */
/*
 * The ioctls of vmm(4). Each argument is copied in once, into memory of the
 * driver, and copied out from there if the ioctl returns something.
 */
#include "vmm.h"
#include "vmm_file.h"
#include "md.h"

static int
ioctl_create(struct vmm_file *vf, void *arg)
{
	struct vm_create_params *vcp = arg;
	struct vm *vm;
	int error;

	error = vm_create_check(vcp);
	if (error)
		return error;
	error = vm_create(vcp, &vm);
	if (error)
		return error;
	error = vmm_vm_insert(vf, vm);
	if (error) {
		vm_unref(vm);
		return error;
	}
	vcp->vcp_id = vm->id;
	vcp->vcp_poscbit = 0;
	memset(vcp->vcp_asid, 0, sizeof(vcp->vcp_asid));
	return 0;
}

/* The caller did not learn the id: there shall be no such VM. */
static void
undo_create(struct vmm_file *vf, void *arg)
{
	struct vm_create_params *vcp = arg;

	vmm_vm_terminate(vf, vcp->vcp_id);
}

static int
ioctl_info(struct vmm_file *vf, void *arg)
{
	return vmm_vm_info(vf, arg);
}

static int
ioctl_term(struct vmm_file *vf, void *arg)
{
	struct vm_terminate_params *vtp = arg;

	return vmm_vm_terminate(vf, vtp->vtp_vm_id);
}

/* A VCPU with a reference to its VM, or NULL. */
static struct vcpu *
vcpu_lookup(struct vmm_file *vf, uint32_t vm_id, uint32_t vcpu_id)
{
	struct vm *vm = vmm_vm_lookup(vf, vm_id);
	struct vcpu *vcpu;

	if (vm == NULL)
		return NULL;
	vcpu = vm_vcpu(vm, vcpu_id);
	if (vcpu == NULL)
		vm_unref(vm);
	return vcpu;
}

static bool
vcpu_acquire(struct vcpu *vcpu)
{
	uint8_t stopped = VCPU_STATE_STOPPED;

	return __atomic_compare_exchange_n(&vcpu->state, &stopped,
	    VCPU_STATE_RUNNING, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static void
vcpu_release(struct vcpu *vcpu)
{
	__atomic_store_n(&vcpu->state, VCPU_STATE_STOPPED, __ATOMIC_RELEASE);
}

static int
ioctl_resetcpu(struct vmm_file *vf, void *arg)
{
	struct vm_resetcpu_params *vrp = arg;
	struct vcpu *vcpu;
	int error;

	vcpu = vcpu_lookup(vf, vrp->vrp_vm_id, vrp->vrp_vcpu_id);
	if (vcpu == NULL)
		return ENOENT;
	if (vcpu_acquire(vcpu)) {
		os_mutex_lock(&vcpu->lock);
		error = md_vcpu_reset(vcpu, &vrp->vrp_init_state);
		os_mutex_unlock(&vcpu->lock);
		vcpu_release(vcpu);
	} else
		error = EBUSY;
	vm_unref(vcpu->vm);
	return error;
}

static int
ioctl_intr(struct vmm_file *vf, void *arg)
{
	struct vm_intr_params *vip = arg;
	struct vcpu *vcpu;

	vcpu = vcpu_lookup(vf, vip->vip_vm_id, vip->vip_vcpu_id);
	if (vcpu == NULL)
		return ENOENT;
	if (vip->vip_intr != 0)
		vcpu_request(vcpu, VCPU_REQ_INTR);
	else
		__atomic_fetch_and(&vcpu->requests, ~VCPU_REQ_INTR,
		    __ATOMIC_RELAXED);
	vm_unref(vcpu->vm);
	return 0;
}

/* Registers are reached when the VCPU is not in RUN; this waits for it. */
static int
ioctl_rwregs(struct vmm_file *vf, struct vm_rwregs_params *vrwp, bool write)
{
	struct vcpu *vcpu;
	int error;

	if (vrwp->vrwp_mask == 0 || (vrwp->vrwp_mask & ~VM_RWREGS_ALL) != 0)
		return EINVAL;
	vcpu = vcpu_lookup(vf, vrwp->vrwp_vm_id, vrwp->vrwp_vcpu_id);
	if (vcpu == NULL)
		return ENOENT;
	error = os_mutex_lock_intr(&vcpu->lock);
	if (error == 0) {
		if (write)
			error = md_vcpu_writeregs(vcpu, &vrwp->vrwp_regs,
			    vrwp->vrwp_mask);
		else
			md_vcpu_readregs(vcpu, &vrwp->vrwp_regs,
			    vrwp->vrwp_mask);
		os_mutex_unlock(&vcpu->lock);
	}
	vm_unref(vcpu->vm);
	return error;
}

static int
ioctl_readregs(struct vmm_file *vf, void *arg)
{
	return ioctl_rwregs(vf, arg, false);
}

static int
ioctl_writeregs(struct vmm_file *vf, void *arg)
{
	return ioctl_rwregs(vf, arg, true);
}

static void
vmparams_read(const struct vcpu *vcpu, struct vm_rwvmparams_params *vpp)
{
	if (vpp->vpp_mask & VM_RWVMPARAMS_PVCLOCK_SYSTEM_GPA)
		vpp->vpp_pvclock_system_gpa = vcpu->pvclock.gpa;
	if (vpp->vpp_mask & VM_RWVMPARAMS_PVCLOCK_VERSION)
		vpp->vpp_pvclock_version = vcpu->pvclock.version;
}

static int
vmparams_write(struct vcpu *vcpu, const struct vm_rwvmparams_params *vpp)
{
	int error = 0;

	if (vpp->vpp_mask & VM_RWVMPARAMS_PVCLOCK_SYSTEM_GPA)
		error = pvclock_set(vcpu, vpp->vpp_pvclock_system_gpa);
	if (error == 0 && (vpp->vpp_mask & VM_RWVMPARAMS_PVCLOCK_VERSION))
		vcpu->pvclock.version = vpp->vpp_pvclock_version;
	return error;
}

static int
ioctl_rwvmparams(struct vmm_file *vf, struct vm_rwvmparams_params *vpp,
    bool write)
{
	struct vcpu *vcpu;
	int error;

	if (vpp->vpp_mask == 0 || (vpp->vpp_mask & ~VM_RWVMPARAMS_ALL) != 0)
		return EINVAL;
	vcpu = vcpu_lookup(vf, vpp->vpp_vm_id, vpp->vpp_vcpu_id);
	if (vcpu == NULL)
		return ENOENT;
	error = os_mutex_lock_intr(&vcpu->lock);
	if (error == 0) {
		if (write)
			error = vmparams_write(vcpu, vpp);
		else
			vmparams_read(vcpu, vpp);
		os_mutex_unlock(&vcpu->lock);
	}
	vm_unref(vcpu->vm);
	return error;
}

static int
ioctl_readvmparams(struct vmm_file *vf, void *arg)
{
	return ioctl_rwvmparams(vf, arg, false);
}

static int
ioctl_writevmparams(struct vmm_file *vf, void *arg)
{
	return ioctl_rwvmparams(vf, arg, true);
}

static int
ioctl_mprotect_ept(struct vmm_file *vf, void *arg)
{
	struct vm_mprotect_ept_params *vmep = arg;
	struct vcpu *vcpu;
	int error;

	if (vmep->vmep_size == 0 ||
	    ((vmep->vmep_sgpa | vmep->vmep_size) & OS_PAGE_MASK) != 0 ||
	    !md_prot_possible(vmep->vmep_prot))
		return EINVAL;
	vcpu = vcpu_lookup(vf, vmep->vmep_vm_id, vmep->vmep_vcpu_id);
	if (vcpu == NULL)
		return ENOENT;
	error = vm_mprotect(vcpu->vm, vmep->vmep_sgpa, vmep->vmep_size,
	    vmep->vmep_prot);
	vm_unref(vcpu->vm);
	return error;
}

static const struct vmm_ioctl_entry {
	unsigned long	  cmd;
	int		(*fn)(struct vmm_file *, void *);
	void		(*undo)(struct vmm_file *, void *);
} vmm_ioctls[] = {
	{ VMM_IOC_CREATE,		ioctl_create,	undo_create },
	{ VMM_IOC_INFO,			ioctl_info },
	{ VMM_IOC_TERM,			ioctl_term },
	{ VMM_IOC_RESETCPU,		ioctl_resetcpu },
	{ VMM_IOC_INTR,			ioctl_intr },
	{ VMM_IOC_READREGS,		ioctl_readregs },
	{ VMM_IOC_WRITEREGS,		ioctl_writeregs },
	{ VMM_IOC_READVMPARAMS,		ioctl_readvmparams },
	{ VMM_IOC_WRITEVMPARAMS,	ioctl_writevmparams },
	{ VMM_IOC_MPROTECT_EPT,		ioctl_mprotect_ept },
};

/* The one ioctl that is called over and over: no allocation, no table. */
static int
ioctl_run(struct vmm_file *vf, uint64_t uarg)
{
	struct vm_run_params vrp;
	struct vcpu *vcpu;
	int error;

	error = os_copyin(&vrp, uarg, sizeof(vrp));
	if (error)
		return error;
	vcpu = vcpu_lookup(vf, vrp.vrp_vm_id, vrp.vrp_vcpu_id);
	if (vcpu == NULL)
		return ENOENT;
	if (vcpu_acquire(vcpu)) {
		os_mutex_lock(&vcpu->lock);
		error = md_vcpu_run(vcpu, &vrp);
		os_mutex_unlock(&vcpu->lock);
		vcpu_release(vcpu);
	} else
		error = EBUSY;
	vm_unref(vcpu->vm);
	if (error)
		return error;
	return os_copyout(uarg, &vrp, sizeof(vrp));
}

static int
ioctl_call(struct vmm_file *vf, const struct vmm_ioctl_entry *e, uint64_t uarg)
{
	size_t size = _IOC_SIZE(e->cmd);
	void *arg;
	int error;

	arg = os_zalloc(size);
	if (arg == NULL)
		return ENOMEM;
	error = os_copyin(arg, uarg, size);
	if (error == 0)
		error = e->fn(vf, arg);
	if (error == 0 && (_IOC_DIR(e->cmd) & _IOC_READ)) {
		error = os_copyout(uarg, arg, size);
		if (error && e->undo != NULL)
			e->undo(vf, arg);
	}
	os_free(arg);
	return error;
}

int
vmm_ioctl(struct vmm_file *vf, unsigned long cmd, uint64_t uarg)
{
	size_t i;

	if (cmd == VMM_IOC_RUN)
		return ioctl_run(vf, uarg);
	for (i = 0; i < sizeof(vmm_ioctls) / sizeof(vmm_ioctls[0]); i++) {
		if (vmm_ioctls[i].cmd == cmd)
			return ioctl_call(vf, &vmm_ioctls[i], uarg);
	}
	return ENOTTY;
}

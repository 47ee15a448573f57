/* SPDX-License-Identifier: ISC */
/*
 * vmm(4): the ioctls of /dev/vmm and their arguments. Virtual machines are
 * named by id and belong to the open file that created them.
 */
#ifndef _DEV_VMM_VMM_H_
#define _DEV_VMM_VMM_H_

#include <machine/vmmvar.h>

struct vm_mem_range {
	paddr_t		vmr_gpa;	/* where the guest sees it */
	vaddr_t		vmr_va;		/* the caller's memory behind it */
	size_t		vmr_size;
	int		vmr_type;	/* VM_MEM_* */
};

struct vm_create_params {
	/* input */
	size_t			vcp_nmemranges;
	size_t			vcp_ncpus;
	struct vm_mem_range	vcp_memranges[VMM_MAX_MEM_RANGES];
	char			vcp_name[VMM_MAX_NAME_LEN];
	int			vcp_sev;	/* must be 0 */
	int			vcp_seves;	/* must be 0 */

	/* output */
	uint32_t		vcp_id;
	uint32_t		vcp_poscbit;
	uint32_t		vcp_asid[VMM_MAX_VCPUS_PER_VM];
};

struct vm_run_params {
	/* input */
	uint32_t			vrp_vm_id;
	uint32_t			vrp_vcpu_id;
	struct vcpu_inject_event	vrp_inject;
	uint8_t				vrp_intr_pending; /* more behind it */

	/* input, output: the answer to the last exit, and the new one */
	struct vm_exit			*vrp_exit;

	/* output */
	uint16_t			vrp_exit_reason;
	uint8_t				vrp_irqready;
};

struct vm_info_result {
	size_t		vir_memory_size;	/* bytes */
	size_t		vir_used_size;		/* bytes mapped by the guest */
	size_t		vir_ncpus;
	uint8_t		vir_vcpu_state[VMM_MAX_VCPUS_PER_VM];
	pid_t		vir_creator_pid;
	uint32_t	vir_id;
	char		vir_name[VMM_MAX_NAME_LEN];
};

struct vm_info_params {
	/* input, output: size of vip_info, or the size that is needed */
	size_t			vip_size;

	/* output */
	size_t			vip_info_ct;
	struct vm_info_result	*vip_info;
};

struct vm_terminate_params {
	uint32_t	vtp_vm_id;
};

struct vm_resetcpu_params {
	uint32_t		vrp_vm_id;
	uint32_t		vrp_vcpu_id;
	struct vcpu_reg_state	vrp_init_state;
};

struct vm_intr_params {
	uint32_t	vip_vm_id;
	uint32_t	vip_vcpu_id;
	uint16_t	vip_intr;	/* 0 or 1: interrupts are pending */
};

struct vm_rwregs_params {
	uint32_t		vrwp_vm_id;
	uint32_t		vrwp_vcpu_id;
	uint64_t		vrwp_mask;	/* VM_RWREGS_* */
	struct vcpu_reg_state	vrwp_regs;
};

struct vm_rwvmparams_params {
	uint32_t	vpp_vm_id;
	uint32_t	vpp_vcpu_id;
	uint32_t	vpp_mask;		/* VM_RWVMPARAMS_* */
	paddr_t		vpp_pvclock_system_gpa;
	uint32_t	vpp_pvclock_version;
};

struct vm_mprotect_ept_params {
	uint32_t	vmep_vm_id;
	uint32_t	vmep_vcpu_id;
	vaddr_t		vmep_sgpa;		/* start, a GPA */
	size_t		vmep_size;
	int		vmep_prot;		/* PROT_* of <sys/mman.h> */
};

#define VMM_IOC_CREATE		_IOWR('V', 1, struct vm_create_params)
#define VMM_IOC_RUN		_IOWR('V', 2, struct vm_run_params)
#define VMM_IOC_INFO		_IOWR('V', 3, struct vm_info_params)
#define VMM_IOC_TERM		_IOW('V', 4, struct vm_terminate_params)
#define VMM_IOC_RESETCPU	_IOW('V', 5, struct vm_resetcpu_params)
#define VMM_IOC_INTR		_IOW('V', 6, struct vm_intr_params)
#define VMM_IOC_READREGS	_IOWR('V', 7, struct vm_rwregs_params)
#define VMM_IOC_WRITEREGS	_IOW('V', 8, struct vm_rwregs_params)
#define VMM_IOC_READVMPARAMS	_IOWR('V', 9, struct vm_rwvmparams_params)
#define VMM_IOC_WRITEVMPARAMS	_IOW('V', 10, struct vm_rwvmparams_params)
#define VMM_IOC_MPROTECT_EPT	_IOW('V', 11, struct vm_mprotect_ept_params)

#endif /* _DEV_VMM_VMM_H_ */

/* SPDX-License-Identifier: ISC */
/*
 * What sys/dev/vmm asks of the architecture.
 */
#ifndef _SYS_MD_H_
#define _SYS_MD_H_

#include "vm.h"

/* ENODEV when this CPU cannot run guests. */
int	 md_init(void);
void	 md_fini(void);

/* This CPU, with interrupts off: 0, EBUSY (in use by others) or EIO. */
int	 md_cpu_enable(void);
void	 md_cpu_disable(void);

/* ENOMEM. The VCPU is then in the power-on state. */
int	 md_vm_init(struct vm *);
void	 md_vm_fini(struct vm *);
int	 md_vcpu_init(struct vcpu *);
void	 md_vcpu_fini(struct vcpu *);

/* Interrupt every CPU that is in a guest of the VM, and wait. */
void	 md_vm_kick_wait(struct vm *);

/*
 * VMM_IOC_RUN of a VCPU whose state is RUNNING; vcpu.lock is held. Reads and
 * writes *vrp->vrp_exit. 0, EFAULT, EINVAL, ENOMEM or EINTR.
 */
int	 md_vcpu_run(struct vcpu *, struct vm_run_params *);

/* vcpu.lock is held. EINVAL: the state is not possible; nothing changed. */
int	 md_vcpu_reset(struct vcpu *, const struct vcpu_reg_state *);
int	 md_vcpu_writeregs(struct vcpu *, const struct vcpu_reg_state *,
	    uint64_t mask);
/* Fill the selected groups, leave the others. */
void	 md_vcpu_readregs(struct vcpu *, struct vcpu_reg_state *,
	    uint64_t mask);

/* May guest memory have these rights on this CPU? */
bool	 md_prot_possible(int prot);

#endif /* _SYS_MD_H_ */

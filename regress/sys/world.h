/* SPDX-License-Identifier: ISC */
/*
 * A host with the driver, a caller with memory and an open file, and a VM.
 */
#ifndef _REGRESS_WORLD_H_
#define _REGRESS_WORLD_H_

#include "mock.h"
#include "vmm.h"

#define RAM_PAGES	16
#define RAM_SIZE	(RAM_PAGES * OS_PAGE_SIZE)
#define MMIO_GPA	0x100000ULL

/* The caller's memory: arguments of ioctls, and RAM for guests. */
struct world {
	struct vmm_file			*file;
	uint8_t				*ram;
	struct vm_create_params		 create;
	struct vm_run_params		 run;
	struct vm_exit			 exit;
	struct vm_info_params		 info;
	struct vm_info_result		 infos[4];
	struct vm_terminate_params	 term;
	struct vm_resetcpu_params	 reset;
	struct vm_intr_params		 intr;
	struct vm_rwregs_params		 regs;
	struct vm_rwvmparams_params	 vmparams;
	struct vm_mprotect_ept_params	 mprotect;
};
extern struct world	 w;

/* Load the driver and open it; unload it, with nothing left behind. */
int		 world_begin(void **state);
int		 world_end(void **state);
/* The parameters of a VM with RAM at 0 and an MMIO range. */
void		 world_params(size_t ncpus);
/* Make one; 0 or an errno. */
int		 world_create(size_t ncpus);
/* world_begin, and a VM of one VCPU. */
int		 world_begin_vm(void **state);
/* A VCPU of the VM that was made last; the VM lives on without it. */
struct vcpu	*world_vcpu(uint32_t id);
int		 world_ioctl(unsigned long cmd, void *arg);
/* VMM_IOC_RUN of VCPU 0 with what is in w.run. */
int		 world_run(void);
/* What lives now; the same number later means that nothing was left. */
int		 world_live(void);

#endif /* _REGRESS_WORLD_H_ */

/* SPDX-License-Identifier: ISC */
/*
 * The VMs of an open file, for the ioctls.
 */
#ifndef _SYS_VMM_FILE_H_
#define _SYS_VMM_FILE_H_

#include "vm.h"

/*
 * Give a new VM an id and to a file, which takes over the reference.
 * ENOMEM: the host has too many VCPUs.
 */
int		 vmm_vm_insert(struct vmm_file *, struct vm *);
/* A VM of this file, with a reference for the caller, or NULL. */
struct vm	*vmm_vm_lookup(struct vmm_file *, uint32_t id);
/* VMM_IOC_TERM: ENOENT. */
int		 vmm_vm_terminate(struct vmm_file *, uint32_t id);
/* VMM_IOC_INFO: EFAULT, ENOMEM. */
int		 vmm_vm_info(struct vmm_file *, struct vm_info_params *);

#endif /* _SYS_VMM_FILE_H_ */

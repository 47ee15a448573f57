/* SPDX-License-Identifier: ISC */
/*
 * The driver as its operating system sees it: open files, ioctls, and the
 * virtualization hardware of all CPUs.
 */
#ifndef _SYS_VMM_H_
#define _SYS_VMM_H_

#include "os.h"

struct vmm_file;

/*
 * Find out what the CPU can do; ENODEV when it cannot run guests, after a
 * line in the log that says what is missing.
 */
int	 vmm_init(void);
void	 vmm_fini(void);		/* no VM exists */

/* An open file. Its VMs end with it. */
struct vmm_file	*vmm_file_create(void);	/* NULL: no memory */
void		 vmm_file_destroy(struct vmm_file *);

/* vmm(4). A positive errno, or 0. */
int	 vmm_ioctl(struct vmm_file *, unsigned long cmd, uint64_t uarg);

/*
 * The hardware is on while a VM exists. hw_get turns it on on all CPUs:
 * EBUSY: another hypervisor has it; EIO: a CPU refused.
 * The CPU events come on the CPU in question.
 */
int	 vmm_hw_get(void);
void	 vmm_hw_put(void);
int	 vmm_hw_cpu_online(void);
void	 vmm_hw_cpu_offline(void);
void	 vmm_hw_suspend(void);
void	 vmm_hw_resume(void);

#endif /* _SYS_VMM_H_ */

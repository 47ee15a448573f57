/* SPDX-License-Identifier: ISC */
#ifndef _SYS_VMM_HW_H_
#define _SYS_VMM_HW_H_

/* Before any other vmm_hw_* function. */
void	 vmm_hw_init(void);

#endif /* _SYS_VMM_HW_H_ */

/* SPDX-License-Identifier: ISC */
/*
 * Programs written for OpenBSD's vmm(4) include this header; what they use
 * of it here is the register definitions.
 */
#ifndef _MACHINE_CPU_H_
#define _MACHINE_CPU_H_

#include <machine/specialreg.h>

#endif /* _MACHINE_CPU_H_ */

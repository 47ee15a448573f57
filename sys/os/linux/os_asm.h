/* SPDX-License-Identifier: ISC */
/*
 * Linux: what assembly of the driver needs of the kernel's build and of its
 * mitigations. OS_RET returns; OS_GUEST_LEFT is for the first moment after a
 * guest ran, before any return is executed; it changes RAX, RCX and RDX.
 */
#ifndef _OS_LINUX_OS_ASM_H_
#define _OS_LINUX_OS_ASM_H_

#include <linux/linkage.h>
#include <asm/asm.h>
#include <asm/nospec-branch.h>

#define OS_FUNC(name)	SYM_FUNC_START(name)
#define OS_END(name)	SYM_FUNC_END(name)
#define OS_RET		RET

#ifdef UNTRAIN_RET_VM
#define OS_UNTRAIN	UNTRAIN_RET_VM
#else
#define OS_UNTRAIN	UNTRAIN_RET
#endif

#define OS_GUEST_LEFT							\
	FILL_RETURN_BUFFER %rax, RSB_CLEAR_LOOPS, X86_FEATURE_RSB_VMEXIT; \
	OS_UNTRAIN

#endif /* _OS_LINUX_OS_ASM_H_ */

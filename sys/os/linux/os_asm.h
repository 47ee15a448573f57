/* SPDX-License-Identifier: ISC */
/*
 * Linux: what assembly of the driver needs of the kernel's build and of its
 * mitigations. OS_RET returns; OS_GUEST_LEFT is for the first moment after a
 * guest ran, before any return is executed; it changes RAX, RCX and RDX.
 */
#ifndef _OS_LINUX_OS_ASM_H_
#define _OS_LINUX_OS_ASM_H_

#include <linux/linkage.h>
#include <linux/objtool.h>
#include <asm/asm.h>
#include <asm/nospec-branch.h>
#include <asm/unwind_hints.h>

#define OS_FUNC(name)	SYM_FUNC_START(name)
#define OS_END(name)	SYM_FUNC_END(name)
#define OS_LABEL(name)	SYM_INNER_LABEL(name, SYM_L_GLOBAL)
#define OS_RET		RET

#ifdef UNTRAIN_RET_VM
#define OS_UNTRAIN	UNTRAIN_RET_VM
#else
#define OS_UNTRAIN	UNTRAIN_RET
#endif

/* CPU buffers that a guest could sample, before it is entered: changes ZF. */
#ifdef CLEAR_CPU_BUFFERS
#define OS_CLEAR_BUFFERS	CLEAR_CPU_BUFFERS
#else
#define OS_CLEAR_BUFFERS
#endif

/*
 * OS_LEAVING stands in front of an instruction behind which the CPU comes
 * back at OS_LANDING by itself, with the stack as it was.
 */
#define OS_LEAVING	UNWIND_HINT_SAVE
#define OS_LANDING	UNWIND_HINT_RESTORE; ENDBR

#define OS_GUEST_LEFT							\
	FILL_RETURN_BUFFER %rax, RSB_CLEAR_LOOPS, X86_FEATURE_RSB_VMEXIT; \
	OS_UNTRAIN

#endif /* _OS_LINUX_OS_ASM_H_ */

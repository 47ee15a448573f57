/* SPDX-License-Identifier: ISC */
/*
 * VT-x: into the guest and out of it (Intel SDM 3, chapters 26 and 27).
 */
#include "os_asm.h"
#include "gprs_asm.h"

#define VMCS_HOST_RSP	0x6c14

	.text

/* int vmx_run(regs %rdi, launched %esi, host_rsp %rdx) */
OS_FUNC(vmx_run)
	HOST_PUSH
	push	%rdi

	cmp	%rsp, (%rdx)
	je	1f
	mov	%rsp, (%rdx)
	mov	$VMCS_HOST_RSP, %eax
	vmwrite	%rsp, %rax
1:
	bt	$0, %esi		/* CF outlives what follows */
	mov	R_RAX(%rdi), %rax
	GUEST_LOAD
	OS_CLEAR_BUFFERS

	OS_LEAVING
	jnc	2f
	vmresume
	jmp	3f
2:
	vmlaunch
3:
	/* Neither came back by an exit: the guest's registers are as before. */
	pop	%rdi
	mov	$1, %eax
	jmp	vmx_run_return

OS_LABEL(vmx_left)
	OS_LANDING
	push	%rax
	mov	8(%rsp), %rax
	GUEST_SAVE
	pop	R_RAX(%rax)
	pop	%rdi
	OS_GUEST_LEFT
	xor	%eax, %eax

vmx_run_return:
	GUEST_FORGET
	HOST_POP
	OS_RET
OS_END(vmx_run)

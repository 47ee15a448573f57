/* SPDX-License-Identifier: ISC */
/*
 * AMD-V: into the guest and out of it (AMD APM 2, 15.5).
 *
 * VMRUN keeps the host's RSP, RIP, RAX, RFLAGS, CR0, CR3, CR4, EFER, GDTR,
 * IDTR and segment registers; VMSAVE and VMLOAD move the rest: FS, GS, TR,
 * LDTR with their hidden parts, the SYSCALL and SYSENTER MSRs.
 */
#include "os_asm.h"
#include "gprs_asm.h"

	.text

/* void svm_run(regs %rdi, vmcb_pa %rsi, host_pa %rdx) */
OS_FUNC(svm_run)
	HOST_PUSH
	push	%rdx
	push	%rdi
	mov	%rsi, %rax
	GUEST_LOAD

	/*
	 * With GIF clear nothing interrupts us, and IF decides whether host
	 * interrupts end the guest.
	 */
	clgi
	sti
	vmload	%rax
	vmrun	%rax
	cli
	vmsave	%rax

	/* RAX is free: VMRUN has left the guest's in the VMCB. */
	mov	8(%rsp), %rax
	vmload	%rax
	pop	%rax
	GUEST_SAVE
	OS_GUEST_LEFT
	GUEST_FORGET
	stgi
	pop	%rdx
	HOST_POP
	OS_RET
OS_END(svm_run)

/* void svm_save_host(host_pa %rdi) */
OS_FUNC(svm_save_host)
	mov	%rdi, %rax
	vmsave	%rax
	OS_RET
OS_END(svm_save_host)

/* SPDX-License-Identifier: ISC */
/*
 * AMD-V: into the guest and out of it (AMD APM 2, 15.5).
 *
 * VMRUN keeps the host's RSP, RIP, RAX, RFLAGS, CR0, CR3, CR4, EFER, GDTR,
 * IDTR and segment registers; VMSAVE and VMLOAD move the rest: FS, GS, TR,
 * LDTR with their hidden parts, the SYSCALL and SYSENTER MSRs.
 */
#include "os_asm.h"

/* struct vcpu_reg_state.vrs_gprs, in 8-byte units */
#define R_RCX	1*8
#define R_RDX	2*8
#define R_RBX	3*8
#define R_RBP	5*8
#define R_RSI	6*8
#define R_RDI	7*8
#define R_R8	8*8
#define R_R9	9*8
#define R_R10	10*8
#define R_R11	11*8
#define R_R12	12*8
#define R_R13	13*8
#define R_R14	14*8
#define R_R15	15*8

	.text

/* void svm_run(regs %rdi, vmcb_pa %rsi, host_pa %rdx) */
OS_FUNC(svm_run)
	push	%rbp
	push	%rbx
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	push	%rdx
	push	%rdi
	mov	%rsi, %rax

	mov	R_RCX(%rdi), %rcx
	mov	R_RDX(%rdi), %rdx
	mov	R_RBX(%rdi), %rbx
	mov	R_RBP(%rdi), %rbp
	mov	R_RSI(%rdi), %rsi
	mov	R_R8(%rdi), %r8
	mov	R_R9(%rdi), %r9
	mov	R_R10(%rdi), %r10
	mov	R_R11(%rdi), %r11
	mov	R_R12(%rdi), %r12
	mov	R_R13(%rdi), %r13
	mov	R_R14(%rdi), %r14
	mov	R_R15(%rdi), %r15
	mov	R_RDI(%rdi), %rdi

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
	mov	%rcx, R_RCX(%rax)
	mov	%rdx, R_RDX(%rax)
	mov	%rbx, R_RBX(%rax)
	mov	%rbp, R_RBP(%rax)
	mov	%rsi, R_RSI(%rax)
	mov	%rdi, R_RDI(%rax)
	mov	%r8, R_R8(%rax)
	mov	%r9, R_R9(%rax)
	mov	%r10, R_R10(%rax)
	mov	%r11, R_R11(%rax)
	mov	%r12, R_R12(%rax)
	mov	%r13, R_R13(%rax)
	mov	%r14, R_R14(%rax)
	mov	%r15, R_R15(%rax)

	OS_GUEST_LEFT

	/* No guest value stays where speculation could use it. */
	xor	%ecx, %ecx
	xor	%edx, %edx
	xor	%esi, %esi
	xor	%edi, %edi
	xor	%r8d, %r8d
	xor	%r9d, %r9d
	xor	%r10d, %r10d
	xor	%r11d, %r11d
	stgi
	pop	%rdx
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbx
	pop	%rbp
	OS_RET
OS_END(svm_run)

/* void svm_save_host(host_pa %rdi) */
OS_FUNC(svm_save_host)
	mov	%rdi, %rax
	vmsave	%rax
	OS_RET
OS_END(svm_save_host)

/* SPDX-License-Identifier: ISC */
/*
 * A guest that writes nonsense to every port, in every width, again and
 * again, those of the PC's own devices first, and reads them as well. What
 * resets the PC is left out, so that it gets further than that: the keyboard
 * controller's command port and the reset control register.
 */
#define KBD_COMMAND	0x64
#define RESET_CONTROL	0xcf9
#define PC_PORTS	0x1000
#define ALL_PORTS	0x10000
#define MULTIPLIER	1664525		/* Numerical Recipes' generator */
#define INCREMENT	1013904223
#define ROUNDS		16		/* over the PC's own devices */

	.code32
	.globl	start
start:	cli
	movl	$stack, %esp
	movl	$0x1badcafe, %esi
again:	movl	$ROUNDS, %edi
1:	movl	$PC_PORTS, %ebp
	call	round
	decl	%edi
	jnz	1b
	movl	$ALL_PORTS, %ebp
	call	round
	jmp	again

/* All ports below EBP. */
round:	xorl	%edx, %edx
1:	cmpl	$KBD_COMMAND, %edx
	je	2f
	cmpl	$RESET_CONTROL - 3, %edx
	jb	3f
	cmpl	$RESET_CONTROL, %edx
	jbe	2f
3:	call	nonsense
	outb	%al, %dx
	call	nonsense
	outw	%ax, %dx
	call	nonsense
	outl	%eax, %dx
	inb	%dx, %al
	inw	%dx, %ax
	inl	%dx, %eax
2:	incl	%edx
	cmpl	%ebp, %edx
	jb	1b
	ret

/* The next number, in EAX; ESI has the state. */
nonsense:
	imull	$MULTIPLIER, %esi
	addl	$INCREMENT, %esi
	movl	%esi, %eax
	shrl	$7, %eax
	ret

	.bss
	.space	256
stack:

/* SPDX-License-Identifier: ISC */
/* A guest that waits for interrupts that do not come. */
	.code32
	.globl	start
start:	lidt	idt
1:	sti
	hlt
	jmp	1b
/* None is to be delivered: both interrupt controllers are masked at reset. */
idt:	.word	0
	.long	0

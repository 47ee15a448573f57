/* SPDX-License-Identifier: ISC */
/* A guest that faults with no handler for it: a triple fault. */
	.code32
	.globl	start
start:	lidt	idt
	ud2
idt:	.word	0
	.long	0

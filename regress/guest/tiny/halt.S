/* SPDX-License-Identifier: ISC */
/* A guest that turns its only CPU off: halted, with interrupts off. */
	.code32
	.globl	start
start:	cli
	hlt

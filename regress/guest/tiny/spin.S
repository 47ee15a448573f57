/* SPDX-License-Identifier: ISC */
/* A guest that does nothing, for ever, and cannot be interrupted. */
	.code32
	.globl	start
start:	cli
1:	jmp	1b

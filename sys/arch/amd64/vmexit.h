/* SPDX-License-Identifier: ISC */
/*
 * VM exits in a form that knows no vendor. A back end translates its own
 * into a struct vmexit; exit.c handles that.
 */
#ifndef _SYS_VMEXIT_H_
#define _SYS_VMEXIT_H_

#include "os.h"

enum vmexit_kind {
	VE_NONE,		/* there was none, or it is dealt with */
	VE_INTR,		/* host interrupt */
	VE_NMI,			/* host NMI */
	VE_MCE,			/* host machine check */
	VE_INTR_WINDOW,		/* the guest can take an interrupt */
	VE_NMI_WINDOW,		/* the guest can take an NMI */
	VE_CPUID,
	VE_HLT,
	VE_WBINVD,		/* and INVD */
	VE_IO,
	VE_RDMSR,
	VE_WRMSR,
	VE_XSETBV,
	VE_CR,			/* write to CR0 or CR4, a bit that exits */
	VE_DR,			/* access to a debug register */
	VE_VMCALL,
	VE_UNDEFINED,		/* an instruction that the guest lacks: #UD */
	VE_PROTECTED,		/* one that it may not use: #GP */
	VE_NESTED_FAULT,
	VE_SHUTDOWN,		/* triple fault */
	VE_ENTRY_FAILED,	/* the CPU refused the guest's state */
	VE_UNKNOWN,
	VE_NKINDS
};

struct vmexit {
	enum vmexit_kind	kind;
	uint16_t		code;	/* the vendor's, for the caller */
	uint8_t			insn_len;	/* 0: not known */
	union {
		struct {
			uint16_t	port;
			uint8_t		size;
			bool		in;
			bool		string;
			bool		rep;
			bool		immediate;
		} io;
		struct {
			uint64_t	gpa;
			int		access;		/* VM_PROT_* */
			uint8_t		type;		/* VEE_FAULT_* */
			uint8_t		nbytes;		/* 0: not known */
			uint8_t		bytes[15];
		} fault;
		struct {
			uint8_t		number;
			uint64_t	val;
		} cr;
		uint64_t		info[2];	/* VE_UNKNOWN etc. */
	};
};

#endif /* _SYS_VMEXIT_H_ */

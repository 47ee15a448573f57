/* SPDX-License-Identifier: ISC */
/*
 * A back end: what VT-x and AMD-V each do in their own way. Everything else
 * is written once, on top of this table.
 *
 * Unless it says otherwise a function is called with vcpu.lock held, and
 * functions that touch the hardware state of a VCPU may be called at any
 * place between two entries.
 */
#ifndef _SYS_BACKEND_H_
#define _SYS_BACKEND_H_

#include "vm.h"

struct backend {
	const char		*name;
	const struct npt_format	*npt_format;
	bool			 pdptes;	/* kept by hand in PAE mode */
	uint16_t		 code_window;	/* its interrupt window exit */

	/* Nested page tables: levels, and the largest page as a shift. */
	void	(*npt_geometry)(int *levels, unsigned int *max_shift);
	bool	(*exec_only)(void);	/* can memory be that? */

	/*
	 * Does this CPU have it? ENODEV after a line in the log. Allocates
	 * what all VMs share; fini gives that back.
	 */
	int	(*init)(void);
	void	(*fini)(void);

	/* On each CPU, interrupts off. EBUSY, EIO. */
	int	(*cpu_enable)(void);
	void	(*cpu_disable)(void);

	int	(*vcpu_init)(struct vcpu *);		/* ENOMEM */
	void	(*vcpu_fini)(struct vcpu *);
	/* To the power-on state, all controls included, registers not. */
	void	(*vcpu_reset)(struct vcpu *);

	/* Copy groups (VM_RWREGS_*) from and to the hardware's state. */
	void	(*regs_load)(struct vcpu *, uint32_t groups);
	void	(*regs_store)(struct vcpu *, uint32_t groups);
	uint64_t (*efer)(struct vcpu *);
	uint64_t (*cr4)(struct vcpu *);
	int	(*cpl)(struct vcpu *);
	void	(*set_efer)(struct vcpu *, uint64_t);
	void	(*set_pat)(struct vcpu *, uint64_t);
	void	(*set_tsc_offset)(struct vcpu *, uint64_t);

	/* Interrupt shadow of STI and MOV SS; NMIs blocked until IRET. */
	bool	(*shadow)(struct vcpu *);
	void	(*clear_shadow)(struct vcpu *);
	bool	(*nmi_blocked)(struct vcpu *);
	/* The event goes in with the next entry. At most one. */
	void	(*inject)(struct vcpu *, const struct event *);
	/* Exit as soon as an interrupt, or an NMI, can be taken. */
	void	(*window)(struct vcpu *, bool intr, bool nmi);

	/* Give the guest the debug registers until the region ends. */
	void	(*own_debug)(struct vcpu *);

	/*
	 * In the FPU region: begin and end of a run of entries on one CPU,
	 * on which the hardware is on, and stays on until the end.
	 * enter runs the guest with interrupts off and the registers that
	 * are dirty stored, and fills vcpu->exit; `flush': forget nested
	 * translations first.
	 */
	void	(*region_begin)(struct vcpu *);
	void	(*region_end)(struct vcpu *);
	void	(*enter)(struct vcpu *, bool flush);
};

extern const struct backend svm_backend;
extern const struct backend vmx_backend;
extern const struct backend *backend;		/* the one in use */

#endif /* _SYS_BACKEND_H_ */

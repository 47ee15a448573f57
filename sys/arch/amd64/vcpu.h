/* SPDX-License-Identifier: ISC */
/*
 * amd64: what the files of this directory share about a VCPU.
 */
#ifndef _SYS_VCPU_H_
#define _SYS_VCPU_H_

#include "vm.h"

/* Make register groups (VM_RWREGS_*) valid in vcpu->regs. */
void	 vcpu_regs_need(struct vcpu *, uint32_t groups);

/* Step over an instruction that was handled here. */
void	 vcpu_skip_insn(struct vcpu *);
/* RIP is behind an instruction that was emulated: what else that means. */
void	 vcpu_insn_done(struct vcpu *);

/* Could a 48-bit linear address be this? */
static inline bool
canonical(uint64_t va)
{
	return (uint64_t)((int64_t)(va << 16) >> 16) == va;
}

/* regs.c: EINVAL when the guest's CPU could not be in this state. */
int	 regs_check(const struct vcpu_reg_state *);
bool	 regs_gprs_ok(const struct vcpu_reg_state *);
void	 regs_power_on(struct vcpu_reg_state *);

/* What an exit handler wants. */
enum exit_action {
	EXIT_RESUME,		/* enter the guest again */
	EXIT_LEAVE,		/* the same, after work outside the region */
	EXIT_USER,		/* return to the caller */
	EXIT_TERMINATE		/* the guest asked for the end of its VM */
};

/* exit.c: handle vcpu->exit. In the FPU region, interrupts on. */
enum exit_action	 exit_handle(struct vcpu *);
const char		*exit_name(enum vmexit_kind);
/* Fill vcpu->uexit, vcpu->completion for the caller. */
void			 exit_to_user(struct vcpu *);

/* cpuid.c */
struct cpuid_regs;
void		 cpuid_init(void);
void		 cpuid_guest(struct vcpu *, uint32_t leaf, uint32_t subleaf,
		    struct cpuid_regs *);
bool		 cpuid_is_intel(void);
/* Bits of CR4 and XCR0 that belong to features that guests have. */
uint64_t	 cpuid_cr4_allowed(void);
uint64_t	 cpuid_xcr0_allowed(void);
uint64_t	 cpuid_efer_allowed(void);
unsigned int	 cpuid_maxphyaddr(void);
bool		 cpuid_has_1g_pages(void);

/* cr.c: 0, or EINVAL for a #GP. In the FPU region. */
int	 cr_write(struct vcpu *, uint8_t number, uint64_t val);
/* Control registers were set: will the PDPTEs have to be loaded? */
void	 cr_pdptes_changed(struct vcpu *);
void	 cr_pdptes_load(struct vcpu *);		/* outside it; sleeps */

/* msr.c: 0, or EINVAL for a #GP. */
int	 msr_read(struct vcpu *, uint32_t msr, uint64_t *val);
int	 msr_write(struct vcpu *, uint32_t msr, uint64_t val);
bool	 pat_valid(uint64_t pat);

/* fpu.c: the guest's extended state, in the FPU region. */
void	 fpu_init(void);
int	 fpu_vcpu_init(struct vcpu *);		/* ENOMEM */
void	 fpu_vcpu_fini(struct vcpu *);
void	 fpu_vcpu_reset(struct vcpu *);
void	 fpu_load(struct vcpu *);
void	 fpu_save(struct vcpu *);
/* Would XSETBV take it, and may the guest have it? */
bool	 fpu_xcr0_valid(uint64_t xcr0);
/* XCR0 has changed, in the region: put it in force. */
void	 fpu_set_xcr0(struct vcpu *);

/* pvclock.c */
/* EINVAL: not where a clock can be. 0 turns it off. */
int	 pvclock_set(struct vcpu *, uint64_t gpa);
int	 pvclock_set_wall(struct vcpu *, uint64_t gpa);
/* Write what is stale to guest memory. Outside the region; sleeps. */
void	 pvclock_update(struct vcpu *);

#endif /* _SYS_VCPU_H_ */

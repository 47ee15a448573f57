/* SPDX-License-Identifier: ISC */
/*
 * Model-specific registers that exits bring here. What is not in the table
 * does not exist: #GP, as on a CPU without it.
 *
 * The back ends let the guest at these by itself: FS, GS and kernel GS base,
 * SYSENTER_CS, ESP and EIP; AMD-V at STAR, LSTAR, CSTAR and SFMASK too.
 */
#include "backend.h"
#include "cpufunc.h"
#include "vcpu.h"

#include <machine/specialreg.h>

struct msr_policy {
	uint32_t	msr;
	int		(*read)(struct vcpu *, uint64_t *);
	int		(*write)(struct vcpu *, uint64_t);
};

static int
read_zero(struct vcpu *vcpu, uint64_t *val)
{
	*val = 0;
	return 0;
}

static int
write_nothing(struct vcpu *vcpu, uint64_t val)
{
	return 0;
}

static int
tsc_read(struct vcpu *vcpu, uint64_t *val)
{
	*val = rdtsc_ordered() + vcpu->vm->tsc_offset;
	return 0;
}

/* One offset serves all VCPUs: a write moves the time of all of them. */
static int
tsc_write(struct vcpu *vcpu, uint64_t val)
{
	vcpu->vm->tsc_offset = vcpu->tsc_offset = val - rdtsc_ordered();
	backend->set_tsc_offset(vcpu, vcpu->tsc_offset);
	vcpu->pvclock.stale = vcpu->pvclock.gpa != 0;
	return 0;
}

static int
efer_read(struct vcpu *vcpu, uint64_t *val)
{
	*val = backend->efer(vcpu);
	return 0;
}

static int
efer_write(struct vcpu *vcpu, uint64_t val)
{
	uint64_t old = backend->efer(vcpu);

	if (val & ~cpuid_efer_allowed())
		return EINVAL;
	vcpu_regs_need(vcpu, VM_RWREGS_CRS);
	if (((val ^ old) & EFER_LME) &&
	    (vcpu->regs.vrs_crs[VCPU_REGS_CR0] & CR0_PG))
		return EINVAL;
	backend->set_efer(vcpu, (val & ~EFER_LMA) | (old & EFER_LMA));
	return 0;
}

bool
pat_valid(uint64_t pat)
{
	int i;

	for (i = 0; i < 64; i += 8) {
		/* UC, WC, WT, WP, WB, UC- */
		if ((pat >> i & 0xff) > 7 ||
		    (1U << (pat >> i & 0xff) & 0xf3) == 0)
			return false;
	}
	return true;
}

static int
pat_read(struct vcpu *vcpu, uint64_t *val)
{
	*val = vcpu->pat;
	return 0;
}

static int
pat_write(struct vcpu *vcpu, uint64_t val)
{
	if (!pat_valid(val))
		return EINVAL;
	vcpu->pat = val;
	backend->set_pat(vcpu, val);
	return 0;
}

static int
misc_enable_read(struct vcpu *vcpu, uint64_t *val)
{
	vcpu_regs_need(vcpu, VM_RWREGS_MSRS);
	*val = vcpu->regs.vrs_msrs[VCPU_REGS_MISC_ENABLE];
	return 0;
}

/* An LFENCE that serializes, which is what hosts set, and guests ask for. */
static int
de_cfg_read(struct vcpu *vcpu, uint64_t *val)
{
	*val = 1ULL << 1;
	return 0;
}

static int
system_time_read(struct vcpu *vcpu, uint64_t *val)
{
	*val = vcpu->pvclock.gpa | (vcpu->pvclock.gpa != 0);
	return 0;
}

/* Bit 0 turns the clock on; the address is that of the structure. */
static int
system_time_write(struct vcpu *vcpu, uint64_t val)
{
	return pvclock_set(vcpu, val & 1 ? val & ~1ULL : 0);
}

/*
 * The SYSCALL MSRs, where the back end does not let the guest at them: they
 * are in the CPU while its guest runs.
 */
static int
syscall_write(struct vcpu *vcpu, uint32_t msr, int reg, uint64_t val)
{
	vcpu->regs.vrs_msrs[reg] = val;
	wrmsr(msr, val);
	return 0;
}

#define SYSCALL_MSR(name, reg, check)					\
static int								\
name##_read(struct vcpu *vcpu, uint64_t *val)				\
{									\
	*val = vcpu->regs.vrs_msrs[VCPU_REGS_##reg];			\
	return 0;							\
}									\
									\
static int								\
name##_write(struct vcpu *vcpu, uint64_t val)				\
{									\
	if (!(check))							\
		return EINVAL;						\
	return syscall_write(vcpu, MSR_##reg, VCPU_REGS_##reg, val);	\
}

SYSCALL_MSR(star, STAR, true)
SYSCALL_MSR(lstar, LSTAR, canonical(val))
SYSCALL_MSR(cstar, CSTAR, canonical(val))
SYSCALL_MSR(sfmask, SFMASK, val >> 32 == 0)

/* In the order of their numbers. */
static const struct msr_policy msr_table[] = {
	{ MSR_TSC,		tsc_read,		tsc_write },
	{ MSR_PLATFORM_ID,	read_zero,		NULL },
	{ MSR_BIOS_SIGN,	read_zero,		write_nothing },
	{ MSR_MISC_ENABLE,	misc_enable_read,	write_nothing },
	{ MSR_CR_PAT,		pat_read,		pat_write },
	{ KVM_MSR_WALL_CLOCK,	read_zero,		pvclock_set_wall },
	{ KVM_MSR_SYSTEM_TIME,	system_time_read,	system_time_write },
	{ MSR_EFER,		efer_read,		efer_write },
	{ MSR_STAR,		star_read,		star_write },
	{ MSR_LSTAR,		lstar_read,		lstar_write },
	{ MSR_CSTAR,		cstar_read,		cstar_write },
	{ MSR_SFMASK,		sfmask_read,		sfmask_write },
	{ MSR_SYSCFG,		read_zero,		NULL },
	{ MSR_HWCR,		read_zero,		write_nothing },
	{ MSR_NB_CFG,		read_zero,		NULL },
	{ MSR_INT_PEN_MSG,	read_zero,		NULL },
	{ MSR_PSTATEDEF,	read_zero,		NULL },
	{ MSR_LS_CFG,		read_zero,		write_nothing },
	{ MSR_IC_CFG,		read_zero,		NULL },
	{ MSR_DE_CFG,		de_cfg_read,		write_nothing },
};

static const struct msr_policy *
msr_find(uint32_t msr)
{
	size_t i;

	for (i = 0; i < sizeof(msr_table) / sizeof(msr_table[0]); i++) {
		if (msr_table[i].msr == msr)
			return &msr_table[i];
	}
	return NULL;
}

int
msr_read(struct vcpu *vcpu, uint32_t msr, uint64_t *val)
{
	const struct msr_policy *p = msr_find(msr);

	return p == NULL ? EINVAL : p->read(vcpu, val);
}

int
msr_write(struct vcpu *vcpu, uint32_t msr, uint64_t val)
{
	const struct msr_policy *p = msr_find(msr);

	return p == NULL || p->write == NULL ? EINVAL : p->write(vcpu, val);
}

/* SPDX-License-Identifier: ISC */
/*
 * A user process: the instructions that C has no words for, carried out on
 * a CPU that tests describe. This file comes in place of the CPU's own,
 * whose guard it therefore has, and is included on the command line.
 */
#ifndef _SYS_CPUFUNC_H_
#define _SYS_CPUFUNC_H_

#include "hosted.h"

struct cpuid_regs {
	uint32_t	eax, ebx, ecx, edx;
};

void	 cpuid(uint32_t leaf, uint32_t subleaf, struct cpuid_regs *);

static inline uint64_t
rdtsc_ordered(void)
{
	return hosted_cpu.tsc;
}

static inline void
wrmsr(uint32_t msr, uint64_t val)
{
	hosted_cpu.wrmsr_msr = msr;
	hosted_cpu.wrmsr_val = val;
}

static inline uint64_t
rcr4(void)
{
	return hosted_cpu.cr4;
}

static inline uint64_t
xgetbv0(void)
{
	return hosted_cpu.xcr0;
}

static inline void
xsetbv0(uint64_t val)
{
	hosted_cpu.xcr0 = val;
}

/* The extended state itself is of no interest here. */
static inline void
xsave64(void *area, uint64_t mask)
{
	(void)area;
	(void)mask;
}

static inline void
xrstor64(const void *area, uint64_t mask)
{
	(void)area;
	(void)mask;
}

static inline void
fxsave64(void *area)
{
	(void)area;
}

static inline void
fxrstor64(const void *area)
{
	(void)area;
}

static inline uint32_t
rdpkru(void)
{
	return hosted_cpu.pkru;
}

static inline void
wrpkru(uint32_t pkru)
{
	hosted_cpu.pkru = pkru;
}

#endif /* _SYS_CPUFUNC_H_ */

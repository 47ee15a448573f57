/* SPDX-License-Identifier: ISC */
/*
 * Instructions that C has no words for.
 */
#ifndef _SYS_CPUFUNC_H_
#define _SYS_CPUFUNC_H_

#include "os.h"

struct cpuid_regs {
	uint32_t	eax, ebx, ecx, edx;
};

static inline void
cpuid(uint32_t leaf, uint32_t subleaf, struct cpuid_regs *r)
{
	__asm__ volatile("cpuid"
	    : "=a" (r->eax), "=b" (r->ebx), "=c" (r->ecx), "=d" (r->edx)
	    : "a" (leaf), "c" (subleaf));
}

static inline uint64_t
rdtsc_ordered(void)
{
	uint32_t lo, hi;

	__asm__ volatile("lfence; rdtsc" : "=a" (lo), "=d" (hi) : : "memory");
	return (uint64_t)hi << 32 | lo;
}

static inline uint64_t
rdmsr(uint32_t msr)
{
	uint32_t lo, hi;

	__asm__ volatile("rdmsr" : "=a" (lo), "=d" (hi) : "c" (msr));
	return (uint64_t)hi << 32 | lo;
}

static inline void
wrmsr(uint32_t msr, uint64_t val)
{
	__asm__ volatile("wrmsr"
	    : : "c" (msr), "a" ((uint32_t)val), "d" ((uint32_t)(val >> 32))
	    : "memory");
}

#define CPUFUNC_CR(n)							\
static inline uint64_t							\
rcr##n(void)								\
{									\
	uint64_t val;							\
									\
	__asm__ volatile("mov %%cr" #n ", %0" : "=r" (val));		\
	return val;							\
}

CPUFUNC_CR(0)
CPUFUNC_CR(2)
CPUFUNC_CR(3)
CPUFUNC_CR(4)

static inline void
lcr2(uint64_t val)
{
	__asm__ volatile("mov %0, %%cr2" : : "r" (val));
}

static inline uint64_t
xgetbv0(void)
{
	uint32_t lo, hi;

	__asm__ volatile("xgetbv" : "=a" (lo), "=d" (hi) : "c" (0));
	return (uint64_t)hi << 32 | lo;
}

static inline void
xsetbv0(uint64_t val)
{
	__asm__ volatile("xsetbv"
	    : : "c" (0), "a" ((uint32_t)val), "d" ((uint32_t)(val >> 32))
	    : "memory");
}

static inline void
xsave64(void *area, uint64_t mask)
{
	__asm__ volatile("xsave64 (%0)"
	    : : "r" (area), "a" ((uint32_t)mask), "d" ((uint32_t)(mask >> 32))
	    : "memory");
}

static inline void
xrstor64(const void *area, uint64_t mask)
{
	__asm__ volatile("xrstor64 (%0)"
	    : : "r" (area), "a" ((uint32_t)mask), "d" ((uint32_t)(mask >> 32))
	    : "memory");
}

static inline void
fxsave64(void *area)
{
	__asm__ volatile("fxsave64 (%0)" : : "r" (area) : "memory");
}

static inline void
fxrstor64(const void *area)
{
	__asm__ volatile("fxrstor64 (%0)" : : "r" (area) : "memory");
}

static inline uint32_t
rdpkru(void)
{
	uint32_t pkru, edx;

	__asm__ volatile(".byte 0x0f, 0x01, 0xee"
	    : "=a" (pkru), "=d" (edx) : "c" (0));
	return pkru;
}

static inline void
wrpkru(uint32_t pkru)
{
	__asm__ volatile(".byte 0x0f, 0x01, 0xef"
	    : : "a" (pkru), "c" (0), "d" (0));
}

#define CPUFUNC_DR(n)							\
static inline uint64_t							\
rdr##n(void)								\
{									\
	uint64_t val;							\
									\
	__asm__ volatile("mov %%db" #n ", %0" : "=r" (val));		\
	return val;							\
}									\
									\
static inline void							\
ldr##n(uint64_t val)							\
{									\
	__asm__ volatile("mov %0, %%db" #n : : "r" (val));		\
}

CPUFUNC_DR(0)
CPUFUNC_DR(1)
CPUFUNC_DR(2)
CPUFUNC_DR(3)
CPUFUNC_DR(6)
CPUFUNC_DR(7)

#endif /* _SYS_CPUFUNC_H_ */

/* SPDX-License-Identifier: ISC */
/*
 * A user process: CPUs, the FPU region, time, the caller, and the log.
 */
#include <stdarg.h>
#include <stdio.h>

#include "cpufunc.h"
#include "hosted.h"
#include "hosted_atomic.h"

#define XFEATURES	0xe7	/* x87, SSE, AVX, AVX-512 */

struct hosted_cpu	 hosted_cpu;

void
hosted_cpu_reset(void)
{
	memset(&hosted_cpu, 0, sizeof(hosted_cpu));
	hosted_cpu.cr4 = 1U << 18 | 1U << 22;	/* OSXSAVE, PKE */
	hosted_cpu.xcr0 = XFEATURES;
	hosted_cpu.tsc = 1000000;
	hosted_cpu.cpuid_max = 0x1f;
	hosted_cpu.features = 0xffffffff;
}

static void
cpuid_vendor(struct cpuid_regs *r)
{
	const char *v = hosted_cpu.intel ? "GenuineIntel" : "AuthenticAMD";

	memcpy(&r->ebx, v, 4);
	memcpy(&r->edx, v + 4, 4);
	memcpy(&r->ecx, v + 8, 4);
}

/* AVX's and AVX-512's parts of an XSAVE area, as they are everywhere. */
static void
cpuid_xsave(uint32_t subleaf, struct cpuid_regs *r)
{
	static const struct cpuid_regs parts[8] = {
		[2] = { 256, 576, 0, 0 },
		[5] = { 64, 1088, 0, 0 },
		[6] = { 512, 1152, 0, 0 },
		[7] = { 1024, 1664, 0, 0 },
	};

	if (subleaf == 1)
		r->eax = r->ebx = r->ecx = r->edx = hosted_cpu.features;
	else if (subleaf < 8)
		*r = parts[subleaf];
}

void
cpuid(uint32_t leaf, uint32_t subleaf, struct cpuid_regs *r)
{
	memset(r, 0, sizeof(*r));
	if (leaf == 0) {
		r->eax = hosted_cpu.cpuid_max;
		cpuid_vendor(r);
	} else if (leaf == 0xd)
		cpuid_xsave(subleaf, r);
	else if (leaf == 0x80000000)
		r->eax = 0x8000001f;
	else if (leaf == 0x80000008) {
		r->eax = 0x3030;
		r->ebx = r->ecx = r->edx = hosted_cpu.features;
	} else
		r->eax = r->ebx = r->ecx = r->edx = hosted_cpu.features;
}

int
os_cpu_id(void)
{
	return hosted.cpu;
}

int
os_cpu_count(void)
{
	return HOSTED_NCPUS;
}

void
os_cpu_run(int cpu, void (*fn)(void *), void *arg)
{
	int here = hosted.cpu;

	hosted.cpu = cpu;
	os_irq_disable();
	fn(arg);
	os_irq_enable();
	hosted.cpu = here;
}

void
os_cpus_run(void (*fn)(void *), void *arg)
{
	int cpu;

	for (cpu = 0; cpu < HOSTED_NCPUS; cpu++)
		os_cpu_run(cpu, fn, arg);
}

void
os_cpus_visit(void (*fn)(void *), void *arg)
{
	hosted_may_sleep();
	os_cpus_run(fn, arg);
}

void
os_cpus_hold(void)
{
}

void
os_cpus_unhold(void)
{
}

void
os_cpu_kick(int cpu)
{
	if (cpu < 0 || cpu >= HOSTED_NCPUS)
		hosted_panic("no such CPU");
	hosted.kicks++;
}

void
os_cpus_kick_wait(bool (*want)(int, void *), void *arg)
{
	int cpu;

	for (cpu = 0; cpu < HOSTED_NCPUS; cpu++) {
		if (want(cpu, arg))
			hosted.kicks++;
	}
}

void
os_preempt_disable(void)
{
	hosted_atomic_enter();
}

void
os_preempt_enable(void)
{
	hosted_atomic_leave();
}

void
os_irq_disable(void)
{
	hosted_atomic_enter();
}

void
os_irq_enable(void)
{
	hosted_atomic_leave();
}

void
os_mb(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void
os_fpu_begin(void)
{
	hosted_atomic_enter();
}

void
os_fpu_end(void)
{
	hosted_atomic_leave();
}

unsigned int
os_must_leave(void)
{
	return hosted.leave;
}

void
os_yield(void)
{
	hosted.yields++;
	hosted.leave &= ~OS_LEAVE_YIELD;
}

/* A signal ends a sleep, and stays. */
void
os_sleep_short(void)
{
	hosted.short_sleeps++;
	hosted.leave |= OS_LEAVE_SIGNAL;
}

void
os_host_debug_restore(void)
{
}

void
os_machine_check(void)
{
	hosted.machine_checks++;
}

void
os_branch_barrier(void)
{
	hosted.branch_barriers++;
}

uint32_t
os_tsc_khz(void)
{
	return hosted.tsc_khz;
}

bool
os_tsc_stable(void)
{
	return !hosted.tsc_unstable;
}

uint64_t
os_nanotime(void)
{
	return hosted.now;
}

void
os_walltime(uint64_t *sec, uint32_t *nsec)
{
	*sec = 1700000000 + hosted.now / 1000000000;
	*nsec = hosted.now % 1000000000;
}

bool
os_privileged(void)
{
	return hosted.privileged;
}

int
os_pid(void)
{
	return hosted.pid;
}

static void log_va(const char *, va_list) __attribute__((format(printf, 1, 0)));

static void
log_va(const char *fmt, va_list ap)
{
	vsnprintf(hosted.log, sizeof(hosted.log), fmt, ap);
}

void
os_log(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_va(fmt, ap);
	va_end(ap);
}

void
os_log_limited(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_va(fmt, ap);
	va_end(ap);
}

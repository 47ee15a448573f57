// SPDX-License-Identifier: ISC
/*
 * Linux: CPUs, the FPU region, scheduling, time, and the log.
 */
#include <linux/capability.h>
#include <linux/cpu.h>
#include <linux/hw_breakpoint.h>
#include <linux/interrupt.h>
#include <linux/irqflags.h>
#include <linux/kernel.h>
#include <linux/mutex.h>
#include <linux/ratelimit.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/smp.h>
#include <linux/spinlock.h>
#include <linux/timekeeping.h>
#include <linux/workqueue.h>

#include <asm/cpu_entry_area.h>
#include <asm/debugreg.h>
#include <asm/desc.h>
#include <asm/fpu/api.h>
#include <asm/msr.h>
#include <asm/nospec-branch.h>
#include <asm/tlbflush.h>
#include <asm/tsc.h>

#include "os.h"

static_assert(sizeof(struct mutex) <= sizeof(struct os_mutex));
static_assert(sizeof(spinlock_t) <= sizeof(struct os_spin));

static struct mutex *
mutex_linux(struct os_mutex *m)
{
	return (struct mutex *)m;
}

static spinlock_t *
spin_linux(struct os_spin *s)
{
	return (spinlock_t *)s;
}

void
os_mutex_init(struct os_mutex *m)
{
	mutex_init(mutex_linux(m));
}

void
os_mutex_lock(struct os_mutex *m)
{
	mutex_lock(mutex_linux(m));
}

int
os_mutex_lock_intr(struct os_mutex *m)
{
	return mutex_lock_interruptible(mutex_linux(m)) ? EINTR : 0;
}

void
os_mutex_unlock(struct os_mutex *m)
{
	mutex_unlock(mutex_linux(m));
}

void
os_spin_init(struct os_spin *s)
{
	spin_lock_init(spin_linux(s));
}

void
os_spin_lock(struct os_spin *s)
{
	spin_lock(spin_linux(s));
}

void
os_spin_unlock(struct os_spin *s)
{
	spin_unlock(spin_linux(s));
}

void
os_irq_disable(void)
{
	local_irq_disable();
}

void
os_irq_enable(void)
{
	local_irq_enable();
}

void
os_mb(void)
{
	smp_mb();
}

unsigned int
os_must_leave(void)
{
	unsigned long flags = READ_ONCE(current_thread_info()->flags);
	unsigned int leave = 0;

	if (flags & (_TIF_SIGPENDING | _TIF_NOTIFY_SIGNAL |
	    _TIF_NOTIFY_RESUME))
		leave |= OS_LEAVE_SIGNAL;
	if ((flags & _TIF_NEED_RESCHED) || local_softirq_pending())
		leave |= OS_LEAVE_YIELD;
	return leave;
}

int
os_cpu_id(void)
{
	return smp_processor_id();
}

int
os_cpu_count(void)
{
	return nr_cpu_ids;
}

void
os_cpus_run(void (*fn)(void *), void *arg)
{
	on_each_cpu(fn, arg, 1);
}

struct visit {
	void	(*fn)(void *);
	void	 *arg;
};

static long
visit_cpu(void *arg)
{
	struct visit *v = arg;

	local_irq_disable();
	v->fn(v->arg);
	local_irq_enable();
	return 0;
}

void
os_cpus_visit(void (*fn)(void *), void *arg)
{
	struct visit v = { fn, arg };
	int cpu;

	for_each_online_cpu(cpu)
		work_on_cpu(cpu, visit_cpu, &v);
}

void
os_cpus_hold(void)
{
	cpus_read_lock();
}

void
os_cpus_unhold(void)
{
	cpus_read_unlock();
}

/* The interrupt itself is what is wanted: it makes the CPU leave the guest. */
static void
kicked(void *arg)
{
}

void
os_cpu_kick(int cpu)
{
	smp_call_function_single(cpu, kicked, NULL, 0);
}

void
os_cpus_kick_wait(bool (*want)(int, void *), void *arg)
{
	on_each_cpu_cond_mask(want, kicked, arg, true, cpu_online_mask);
}

void
os_cpu_run(int cpu, void (*fn)(void *), void *arg)
{
	smp_call_function_single(cpu, fn, arg, 1);
}

void
os_preempt_disable(void)
{
	preempt_disable();
}

void
os_preempt_enable(void)
{
	preempt_enable();
}

void
os_fpu_begin(void)
{
	kernel_fpu_begin();
}

void
os_fpu_end(void)
{
	kernel_fpu_end();
}

void
os_yield(void)
{
	cond_resched();
}

void
os_sleep_short(void)
{
	schedule_timeout_interruptible(HZ / 100 + 1);
}

void
os_host_debug_restore(void)
{
	if (hw_breakpoint_active())
		hw_breakpoint_restore();
}

void
os_machine_check(void)
{
	asm volatile("int $18" : : : "memory");
}

enum os_l1d
os_l1d(void)
{
	if (!boot_cpu_has_bug(X86_BUG_L1TF) ||
	    l1tf_mitigation == L1TF_MITIGATION_OFF)
		return OS_L1D_KEEP;
	return boot_cpu_has(X86_FEATURE_FLUSH_L1D) ? OS_L1D_FLUSH :
	    OS_L1D_CANNOT;
}

void
os_cr4_change(uint64_t set, uint64_t clear)
{
	cr4_update_irqsoff(set, clear);
}

uint64_t
os_cr4(void)
{
	return cr4_read_shadow();
}

void
os_nmi(void)
{
	asm volatile("int $2" : : : "memory");
}

static DEFINE_PER_CPU(struct desc_ptr, host_gdt);
static DEFINE_PER_CPU(struct desc_ptr, host_idt);

void
os_tables_save(void)
{
	native_store_gdt(this_cpu_ptr(&host_gdt));
	store_idt(this_cpu_ptr(&host_idt));
}

void
os_tables_restore(void)
{
	native_load_gdt(this_cpu_ptr(&host_gdt));
	native_load_idt(this_cpu_ptr(&host_idt));
	invalidate_tss_limit();
}

uint64_t
os_tss_base(void)
{
	return (uint64_t)&get_cpu_entry_area(smp_processor_id())->tss.x86_tss;
}

void
os_branch_barrier(void)
{
	indirect_branch_prediction_barrier();
}

uint32_t
os_tsc_khz(void)
{
	return tsc_khz;
}

bool
os_tsc_stable(void)
{
	return !check_tsc_unstable();
}

uint64_t
os_nanotime(void)
{
	return ktime_get_raw_ns();
}

void
os_walltime(uint64_t *sec, uint32_t *nsec)
{
	struct timespec64 ts;

	ktime_get_real_ts64(&ts);
	*sec = ts.tv_sec;
	*nsec = ts.tv_nsec;
}

bool
os_privileged(void)
{
	return capable(CAP_SYS_ADMIN);
}

int
os_pid(void)
{
	return task_tgid_vnr(current);
}

int
os_rdmsr_safe(uint32_t msr, uint64_t *val)
{
	return rdmsrl_safe(msr, val) ? EIO : 0;
}

int
os_wrmsr_safe(uint32_t msr, uint64_t val)
{
	return wrmsrl_safe(msr, val) ? EIO : 0;
}

void
os_log(const char *fmt, ...)
{
	struct va_format vaf;
	va_list ap;

	va_start(ap, fmt);
	vaf.fmt = fmt;
	vaf.va = &ap;
	printk(KERN_INFO "vmm: %pV\n", &vaf);
	va_end(ap);
}

void
os_log_limited(const char *fmt, ...)
{
	static DEFINE_RATELIMIT_STATE(limit, 5 * HZ, 10);
	struct va_format vaf;
	va_list ap;

	if (!__ratelimit(&limit))
		return;
	va_start(ap, fmt);
	vaf.fmt = fmt;
	vaf.va = &ap;
	printk(KERN_INFO "vmm: %pV\n", &vaf);
	va_end(ap);
}

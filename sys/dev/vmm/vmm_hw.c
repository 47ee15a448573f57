/* SPDX-License-Identifier: ISC */
/*
 * The virtualization hardware of all CPUs: on while a VM exists, off while
 * the host is suspended, and in step with CPUs that come and go.
 */
#include "vmm.h"
#include "md.h"
#include "vmm_hw.h"

/* Taken with CPU hot-plug held off; so a hot-plug event may take it too. */
static struct os_mutex	 hw_lock;
static unsigned int	 hw_users;	/* VMs */
static bool		 hw_suspended;
static int		 hw_error;	/* of the CPU that failed last */

void
vmm_hw_init(void)
{
	os_mutex_init(&hw_lock);
}

static void
hw_enable_cpu(void *arg)
{
	int error = md_cpu_enable();

	if (error)
		__atomic_store_n(&hw_error, error, __ATOMIC_RELAXED);
}

static void
hw_disable_cpu(void *arg)
{
	md_cpu_disable();
}

static int
hw_enable_all(void)
{
	hw_error = 0;
	os_cpus_run(hw_enable_cpu, NULL);
	if (hw_error)
		os_cpus_run(hw_disable_cpu, NULL);
	return hw_error;
}

int
vmm_hw_get(void)
{
	int error = 0;

	os_cpus_hold();
	os_mutex_lock(&hw_lock);
	if (hw_suspended)
		error = EBUSY;
	else if (hw_users == 0)
		error = hw_enable_all();
	if (error == 0)
		hw_users++;
	os_mutex_unlock(&hw_lock);
	os_cpus_unhold();
	return error;
}

void
vmm_hw_put(void)
{
	os_cpus_hold();
	os_mutex_lock(&hw_lock);
	if (--hw_users == 0 && !hw_suspended)
		os_cpus_run(hw_disable_cpu, NULL);
	os_mutex_unlock(&hw_lock);
	os_cpus_unhold();
}

/* Runs on the CPU itself, in a thread that stays there. */
int
vmm_hw_cpu_online(void)
{
	int error = 0;

	os_mutex_lock(&hw_lock);
	if (hw_users > 0 && !hw_suspended) {
		os_irq_disable();
		error = md_cpu_enable();
		os_irq_enable();
	}
	os_mutex_unlock(&hw_lock);
	return error;
}

void
vmm_hw_cpu_offline(void)
{
	os_mutex_lock(&hw_lock);
	if (hw_users > 0) {
		os_irq_disable();
		md_cpu_disable();
		os_irq_enable();
	}
	os_mutex_unlock(&hw_lock);
}

void
vmm_hw_suspend(void)
{
	os_cpus_hold();
	os_mutex_lock(&hw_lock);
	if (hw_users > 0 && !hw_suspended)
		os_cpus_visit(hw_disable_cpu, NULL);
	hw_suspended = true;
	os_mutex_unlock(&hw_lock);
	os_cpus_unhold();
}

void
vmm_hw_resume(void)
{
	os_cpus_hold();
	os_mutex_lock(&hw_lock);
	if (hw_users > 0 && hw_suspended && hw_enable_all() != 0)
		os_log("no virtual machine can run: another hypervisor took "
		    "the CPUs during suspend");
	hw_suspended = false;
	os_mutex_unlock(&hw_lock);
	os_cpus_unhold();
}

/* SPDX-License-Identifier: ISC */
/*
 * VT-x: which VMCS is active and current where. A VMCS stays active on the
 * CPU that used it last, and is cleared there before another CPU may load
 * it, and before that CPU goes away (Intel SDM 3, 24.1 and 24.11.1).
 */
#include "vmx.h"
#include "cpufunc.h"

/* A CPU. Used by this CPU alone, with preemption off. */
struct vmx_active {
	struct vcpu	*current;
	struct vcpu	*loaded;	/* linked through next_loaded */
	bool		 on;		/* VMX is */
};

static struct vmx_active	*vmx_actives;

static void
vmptrld(uint64_t pa)
{
	__asm__ volatile("vmptrld %0" : : "m" (pa) : "cc", "memory");
}

static void
vmclear(uint64_t pa)
{
	__asm__ volatile("vmclear %0" : : "m" (pa) : "cc", "memory");
}

int
vmx_vmcs_init(void)
{
	vmx_actives = os_zalloc(os_cpu_count() * sizeof(*vmx_actives));
	return vmx_actives == NULL ? ENOMEM : 0;
}

void
vmx_vmcs_fini(void)
{
	os_free(vmx_actives);
	vmx_actives = NULL;
}

void
vmx_set_on(bool on)
{
	vmx_actives[os_cpu_id()].on = on;
}

static void
unlink_loaded(struct vmx_active *va, struct vcpu *vcpu)
{
	struct vcpu **p;

	for (p = &va->loaded; *p != vcpu;
	    p = &vmx_fromhw((*p)->hw)->next_loaded)
		;
	*p = vmx_fromhw(vcpu->hw)->next_loaded;
}

/* On the CPU where it is active, interrupts off. */
static void
clear_here(void *arg)
{
	struct vcpu *vcpu = arg;
	struct vmx_vcpu *vv = vcpu->hw;
	struct vmx_active *va = &vmx_actives[os_cpu_id()];

	if (vv->loaded_cpu != os_cpu_id())
		return;
	vmclear(vv->vmcs_pa);
	unlink_loaded(va, vcpu);
	if (va->current == vcpu)
		va->current = NULL;
	vv->launched = false;
	vv->host_rsp = 0;
	__atomic_store_n(&vv->loaded_cpu, -1, __ATOMIC_RELEASE);
}

void
vmx_clear(struct vcpu *vcpu)
{
	int cpu;

	cpu = __atomic_load_n(&vmx_fromhw(vcpu->hw)->loaded_cpu,
	    __ATOMIC_ACQUIRE);
	if (cpu >= 0)
		os_cpu_run(cpu, clear_here, vcpu);
}

void
vmx_clear_all(void)
{
	struct vmx_active *va = &vmx_actives[os_cpu_id()];

	while (va->loaded != NULL)
		clear_here(va->loaded);
}

static void
load_here(struct vcpu *vcpu, struct vmx_active *va)
{
	struct vmx_vcpu *vv = vcpu->hw;

	os_irq_disable();
	if (vv->loaded_cpu < 0) {
		/* A new VMCS has to be cleared before it is loaded. */
		vmclear(vv->vmcs_pa);
		vv->next_loaded = va->loaded;
		va->loaded = vcpu;
		vv->loaded_cpu = os_cpu_id();
	}
	vmptrld(vv->vmcs_pa);
	va->current = vcpu;
	os_irq_enable();
}

void
vmx_acquire(struct vcpu *vcpu)
{
	struct vmx_active *va;

	for (;;) {
		os_preempt_disable();
		va = &vmx_actives[os_cpu_id()];
		if (va->on)
			break;
		os_preempt_enable();
		os_sleep_short();
	}
	if (va->current == vcpu)
		return;
	if (vmx_fromhw(vcpu->hw)->loaded_cpu != os_cpu_id())
		vmx_clear(vcpu);
	load_here(vcpu, va);
}

void
vmx_release(void)
{
	os_preempt_enable();
}

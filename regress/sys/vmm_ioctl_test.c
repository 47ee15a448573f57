/* SPDX-License-Identifier: ISC */
/*
 * Promises of the ioctls: a VM is its file's alone, each error is as
 * documented, and nothing is left behind.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "vmm_file.h"
#include "world.h"

#include <machine/specialreg.h>

static struct vmm_file	*other;		/* another open file */
static uint32_t		 id;		/* the VM of w.file */

static int
begin(void **state)
{
	if (world_begin_vm(state) != 0)
		return (-1);
	id = w.create.vcp_id;
	other = vmm_file_create();
	return (other == NULL ? -1 : 0);
}

static int
end(void **state)
{
	if (other != NULL)
		vmm_file_destroy(other);
	return (world_end(state));
}

static const struct call {
	unsigned long	  cmd;
	void		 *arg;
	uint32_t	 *id;
	uint32_t	 *vcpu;
} calls[] = {
	{ VMM_IOC_RUN, &w.run, &w.run.vrp_vm_id, &w.run.vrp_vcpu_id },
	{ VMM_IOC_TERM, &w.term, &w.term.vtp_vm_id, NULL },
	{ VMM_IOC_RESETCPU, &w.reset, &w.reset.vrp_vm_id,
	    &w.reset.vrp_vcpu_id },
	{ VMM_IOC_INTR, &w.intr, &w.intr.vip_vm_id, &w.intr.vip_vcpu_id },
	{ VMM_IOC_READREGS, &w.regs, &w.regs.vrwp_vm_id,
	    &w.regs.vrwp_vcpu_id },
	{ VMM_IOC_WRITEREGS, &w.regs, &w.regs.vrwp_vm_id,
	    &w.regs.vrwp_vcpu_id },
	{ VMM_IOC_READVMPARAMS, &w.vmparams, &w.vmparams.vpp_vm_id,
	    &w.vmparams.vpp_vcpu_id },
	{ VMM_IOC_WRITEVMPARAMS, &w.vmparams, &w.vmparams.vpp_vm_id,
	    &w.vmparams.vpp_vcpu_id },
	{ VMM_IOC_MPROTECT_EPT, &w.mprotect, &w.mprotect.vmep_vm_id,
	    &w.mprotect.vmep_vcpu_id },
};
#define NCALLS	(sizeof(calls) / sizeof(calls[0]))

/* All arguments as they are accepted, for a VM of this number. */
static void
arguments(uint32_t vm_id)
{
	size_t i;

	w.run.vrp_exit = &w.exit;
	regs_power_on(&w.reset.vrp_init_state);
	regs_power_on(&w.regs.vrwp_regs);
	w.regs.vrwp_mask = VM_RWREGS_ALL;
	w.vmparams.vpp_mask = VM_RWVMPARAMS_ALL;
	w.vmparams.vpp_pvclock_system_gpa = 0x1000;
	w.mprotect.vmep_size = OS_PAGE_SIZE;
	w.mprotect.vmep_prot = VM_PROT_READ;
	for (i = 0; i < NCALLS; i++) {
		*calls[i].id = vm_id;
		if (calls[i].vcpu != NULL)
			*calls[i].vcpu = 0;
	}
}

static int
call(struct vmm_file *vf, const struct call *c)
{
	return (vmm_ioctl(vf, c->cmd, (uint64_t)(uintptr_t)c->arg));
}

static void
an_unknown_request_is_enotty(void **state)
{
	(void)state;
	assert_int_equal(world_ioctl(0, &w), ENOTTY);
	assert_int_equal(world_ioctl(_IOWR('V', 12, int), &w), ENOTTY);
	assert_int_equal(world_ioctl(_IOWR('V', 1, int), &w), ENOTTY);
	assert_int_equal(world_ioctl(_IOW('W', 4, uint32_t), &w), ENOTTY);
	assert_int_equal(world_ioctl(VMM_IOC_RUN ^ 1UL << 31, &w), ENOTTY);
	assert_int_equal(world_ioctl(VMM_IOC_TERM | 1UL << 32, &w), ENOTTY);
}

static void
another_file_cannot_name_a_vm(void **state)
{
	size_t i;

	(void)state;
	arguments(id);
	for (i = 0; i < NCALLS; i++)
		assert_int_equal(call(other, &calls[i]), ENOENT);
	/* It is all there for its own; TERM, which is second, comes last. */
	for (i = 0; i < NCALLS; i++) {
		if (calls[i].cmd != VMM_IOC_TERM)
			assert_int_equal(call(w.file, &calls[i]), 0);
	}
	assert_int_equal(call(w.file, &calls[1]), 0);
	for (i = 0; i < NCALLS; i++)
		assert_int_equal(call(w.file, &calls[i]), ENOENT);
}

static void
a_vcpu_that_is_not_there_is_enoent(void **state)
{
	const uint32_t ids[] = { 1, 255, 256, UINT32_MAX };
	size_t i, j;
	int live = world_live();

	(void)state;
	for (i = 0; i < NCALLS; i++) {
		if (calls[i].vcpu == NULL)
			continue;
		for (j = 0; j < sizeof(ids) / sizeof(ids[0]); j++) {
			arguments(id);
			*calls[i].vcpu = ids[j];
			assert_int_equal(call(w.file, &calls[i]), ENOENT);
		}
	}
	arguments(0);
	assert_int_equal(call(w.file, &calls[0]), ENOENT);
	assert_int_equal(world_live(), live);
}

static void
privilege_ends_any_vm_but_reaches_none(void **state)
{
	(void)state;
	hosted.privileged = true;
	arguments(id);
	assert_int_equal(call(other, &calls[0]), ENOENT);
	assert_int_equal(call(other, &calls[1]), 0);
	assert_int_equal(call(w.file, &calls[1]), ENOENT);
}

static int
info(struct vmm_file *vf, size_t n)
{
	w.info.vip_info = w.infos;
	w.info.vip_size = n * sizeof(w.infos[0]);
	return (vmm_ioctl(vf, VMM_IOC_INFO, (uint64_t)(uintptr_t)&w.info));
}

static void
info_shows_what_the_caller_may_see(void **state)
{
	(void)state;
	assert_int_equal(info(other, 4), 0);
	assert_int_equal(w.info.vip_info_ct, 0);
	assert_int_equal(info(w.file, 4), 0);
	assert_int_equal(w.info.vip_info_ct, 1);
	assert_int_equal(w.infos[0].vir_id, id);
	assert_int_equal(w.infos[0].vir_ncpus, 1);
	assert_int_equal(w.infos[0].vir_memory_size, RAM_SIZE);
	assert_int_equal(w.infos[0].vir_used_size, 0);
	assert_int_equal(w.infos[0].vir_creator_pid, 4711);
	assert_string_equal(w.infos[0].vir_name, "test");
	assert_int_equal(w.infos[0].vir_vcpu_state[0], VCPU_STATE_STOPPED);
	assert_int_equal(w.infos[0].vir_vcpu_state[1], VCPU_STATE_UNKNOWN);
	hosted.privileged = true;
	assert_int_equal(info(other, 4), 0);
	assert_int_equal(w.info.vip_info_ct, 1);
}

static void
info_tells_the_size_it_needs(void **state)
{
	(void)state;
	assert_int_equal(world_create(1), 0);
	memset(w.infos, 0x77, sizeof(w.infos));
	assert_int_equal(info(w.file, 1), 0);
	assert_int_equal(w.info.vip_info_ct, 0);
	assert_int_equal(w.info.vip_size, 2 * sizeof(w.infos[0]));
	assert_int_equal(w.infos[0].vir_id, 0x77777777);
	assert_int_equal(info(w.file, 2), 0);
	assert_int_equal(w.info.vip_info_ct, 2);
	assert_int_equal(w.infos[2].vir_id, 0x77777777);
}

/* Every copy fails once, for each request; what changed is none of it. */
static void
a_bad_address_is_efault(void **state)
{
	size_t i;
	int n, error, live = world_live();

	(void)state;
	for (i = 0; i < NCALLS; i++) {
		if (calls[i].cmd == VMM_IOC_TERM)
			continue;
		for (n = 1; ; n++) {
			arguments(id);
			hosted.fail_copy = n;
			error = call(w.file, &calls[i]);
			if (hosted.fail_copy != 0)
				break;
			assert_int_equal(error, EFAULT);
		}
		assert_int_equal(error, 0);
		/* IOW copies in; IOWR out too; RUN also probes its exit. */
		assert_int_equal(n, calls[i].cmd == VMM_IOC_RUN ? 6 :
		    _IOC_DIR(calls[i].cmd) == _IOC_WRITE ? 2 : 3);
		assert_int_equal(vmm_ioctl(w.file, calls[i].cmd, 16), EFAULT);
		assert_int_equal(vmm_ioctl(w.file, calls[i].cmd,
		    UINT64_MAX), EFAULT);
		hosted.fail_copy = 0;
	}
	/* MPROTECT left its list, and RUN has entered. */
	assert_int_equal(world_live(), live + 1);
	for (n = 1; n <= 3; n++) {
		hosted.fail_copy = n;
		assert_int_equal(info(w.file, 4), EFAULT);
	}
	assert_int_equal(world_live(), live + 1);
}

static void
a_bad_exit_pointer_is_found_before_the_guest_runs(void **state)
{
	uint8_t *p = (uint8_t *)&w + sizeof(w) - sizeof(struct vm_exit);

	(void)state;
	arguments(id);
	w.run.vrp_exit = NULL;
	assert_int_equal(call(w.file, &calls[0]), EFAULT);
	w.run.vrp_exit = (struct vm_exit *)(void *)(p + 8);
	assert_int_equal(call(w.file, &calls[0]), EFAULT);
	w.run.vrp_exit = (struct vm_exit *)(uintptr_t)-8;
	assert_int_equal(call(w.file, &calls[0]), EFAULT);
	assert_int_equal(mock.entries, 0);
}

static void
no_memory_is_enomem_and_changes_nothing(void **state)
{
	size_t i;
	int n, error, live;

	(void)state;
	for (i = 0; i < NCALLS; i++) {
		for (n = 1; calls[i].cmd != VMM_IOC_TERM; n++) {
			live = world_live();
			arguments(id);
			hosted.fail_alloc = n;
			error = call(w.file, &calls[i]);
			if (hosted.fail_alloc != 0)
				break;
			assert_int_equal(error, ENOMEM);
			assert_int_equal(world_live(), live);
		}
		hosted.fail_alloc = 0;
	}
	hosted.fail_alloc = 2;
	assert_int_equal(info(w.file, 4), ENOMEM);
}

static void
masks_have_known_bits(void **state)
{
	(void)state;
	arguments(id);
	w.regs.vrwp_mask = 0;
	assert_int_equal(world_ioctl(VMM_IOC_READREGS, &w.regs), EINVAL);
	w.regs.vrwp_mask = VM_RWREGS_ALL + 1;
	assert_int_equal(world_ioctl(VMM_IOC_READREGS, &w.regs), EINVAL);
	w.regs.vrwp_mask = 1ULL << 63 | 1;
	assert_int_equal(world_ioctl(VMM_IOC_WRITEREGS, &w.regs), EINVAL);
	w.vmparams.vpp_mask = 0;
	assert_int_equal(world_ioctl(VMM_IOC_READVMPARAMS, &w.vmparams),
	    EINVAL);
	w.vmparams.vpp_mask = 4;
	assert_int_equal(world_ioctl(VMM_IOC_WRITEVMPARAMS, &w.vmparams),
	    EINVAL);
}

static void
a_signal_ends_the_wait_for_a_vcpu(void **state)
{
	(void)state;
	arguments(id);
	hosted.lock_interrupted = true;
	assert_int_equal(world_ioctl(VMM_IOC_READREGS, &w.regs), EINTR);
	assert_int_equal(world_ioctl(VMM_IOC_WRITEREGS, &w.regs), EINTR);
	assert_int_equal(world_ioctl(VMM_IOC_READVMPARAMS, &w.vmparams),
	    EINTR);
	assert_int_equal(world_ioctl(VMM_IOC_WRITEVMPARAMS, &w.vmparams),
	    EINTR);
}

static int
protect(uint64_t gpa, uint64_t size, int prot)
{
	arguments(id);
	w.mprotect.vmep_sgpa = gpa;
	w.mprotect.vmep_size = size;
	w.mprotect.vmep_prot = prot;
	return (world_ioctl(VMM_IOC_MPROTECT_EPT, &w.mprotect));
}

static void
protection_is_of_pages_in_one_range_and_possible(void **state)
{
	(void)state;
	assert_int_equal(protect(0, 0, 1), EINVAL);
	assert_int_equal(protect(1, 4096, 1), EINVAL);
	assert_int_equal(protect(0, 4095, 1), EINVAL);
	assert_int_equal(protect(0, RAM_SIZE + 4096, 1), EINVAL);
	assert_int_equal(protect(RAM_SIZE, 4096, 1), EINVAL);
	assert_int_equal(protect(MMIO_GPA, 4096, 1), EINVAL);
	assert_int_equal(protect(4096, -4096UL, 1), EINVAL);
	assert_int_equal(protect(0, 4096, VM_PROT_WRITE), EINVAL);
	assert_int_equal(protect(0, 4096, VM_PROT_WRITE | VM_PROT_EXEC),
	    EINVAL);
	assert_int_equal(protect(0, 4096, VM_PROT_EXEC), EINVAL);
	assert_int_equal(protect(0, 4096, 8), EINVAL);
	assert_int_equal(protect(0, 4096, -1), EINVAL);
	mock.exec_only = true;
	assert_int_equal(protect(0, 4096, VM_PROT_EXEC), 0);
	assert_int_equal(protect(0, RAM_SIZE, VM_PROT_NONE), 0);
	assert_int_equal(protect(0, RAM_SIZE, VM_PROT_ALL), 0);
}

static void
vmparams_are_read_as_they_were_written(void **state)
{
	(void)state;
	arguments(id);
	w.vmparams.vpp_pvclock_version = 6;
	assert_int_equal(world_ioctl(VMM_IOC_WRITEVMPARAMS, &w.vmparams), 0);
	w.vmparams.vpp_pvclock_system_gpa = w.vmparams.vpp_pvclock_version = 0;
	assert_int_equal(world_ioctl(VMM_IOC_READVMPARAMS, &w.vmparams), 0);
	assert_int_equal(w.vmparams.vpp_pvclock_system_gpa, 0x1000);
	assert_int_equal(w.vmparams.vpp_pvclock_version, 6);
	w.vmparams.vpp_pvclock_system_gpa = RAM_SIZE;
	assert_int_equal(world_ioctl(VMM_IOC_WRITEVMPARAMS, &w.vmparams),
	    EINVAL);
}

/* What another thread would ask while the guest runs. */
static int	busy_run, busy_reset;
static uint8_t	busy_state;

static void
ask_while_running(struct vcpu *vcpu)
{
	/* The copies may sleep, which the other thread does, not this one. */
	busy_state = vcpu->state;
	mock_exit(vcpu, VE_NESTED_FAULT, 0);
	vcpu->exit.fault.access = VM_PROT_READ;
	mock.enter = NULL;
}

static void
ask_on_hold(void)
{
	static struct vm_run_params run;

	hosted.on_hold = NULL;
	run = w.run;
	hosted_user_add(&run, sizeof(run), true);
	busy_run = world_ioctl(VMM_IOC_RUN, &run);
	busy_reset = world_ioctl(VMM_IOC_RESETCPU, &w.reset);
	assert_int_equal(info(w.file, 4), 0);
	/* The VM ends, and its memory stays while it is in use. */
	assert_int_equal(world_ioctl(VMM_IOC_TERM, &w.term), 0);
	assert_int_equal(mock.vcpus, 1);
}

static void
a_vcpu_that_runs_is_busy_and_outlives_term(void **state)
{
	(void)state;
	arguments(id);
	mock.enter = ask_while_running;
	hosted.on_hold = ask_on_hold;
	assert_int_equal(world_run(), 0);
	assert_int_equal(w.run.vrp_exit_reason, VM_EXIT_TERMINATED);
	assert_int_equal(busy_run, EBUSY);
	assert_int_equal(busy_reset, EBUSY);
	assert_int_equal(busy_state, VCPU_STATE_RUNNING);
	assert_int_equal(w.infos[0].vir_vcpu_state[0], VCPU_STATE_RUNNING);
	assert_int_equal(mock.vcpus, 0);
	assert_int_equal(world_ioctl(VMM_IOC_TERM, &w.term), ENOENT);
}

static void
closing_a_file_ends_its_vms_and_no_others(void **state)
{
	int live;

	(void)state;
	live = world_live();
	world_params(3);
	assert_int_equal(vmm_ioctl(other, VMM_IOC_CREATE,
	    (uint64_t)(uintptr_t)&w.create), 0);
	assert_int_equal(vmm_ioctl(other, VMM_IOC_CREATE,
	    (uint64_t)(uintptr_t)&w.create), 0);
	vmm_file_destroy(other);
	other = NULL;
	assert_int_equal(world_live(), live - 1);
	arguments(id);
	assert_int_equal(call(w.file, &calls[0]), 0);
}

static void
ids_are_not_0_and_not_given_again_at_once(void **state)
{
	uint32_t last = id;
	int i;

	(void)state;
	for (i = 0; i < 100; i++) {
		assert_int_equal(world_create(1), 0);
		assert_int_not_equal(w.create.vcp_id, 0);
		assert_int_not_equal(w.create.vcp_id, last);
		last = w.create.vcp_id;
		arguments(last);
		assert_int_equal(call(w.file, &calls[1]), 0);
	}
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_unknown_request_is_enotty),
		TEST(another_file_cannot_name_a_vm),
		TEST(a_vcpu_that_is_not_there_is_enoent),
		TEST(privilege_ends_any_vm_but_reaches_none),
		TEST(info_shows_what_the_caller_may_see),
		TEST(info_tells_the_size_it_needs),
		TEST(a_bad_address_is_efault),
		TEST(a_bad_exit_pointer_is_found_before_the_guest_runs),
		TEST(no_memory_is_enomem_and_changes_nothing),
		TEST(masks_have_known_bits),
		TEST(a_signal_ends_the_wait_for_a_vcpu),
		TEST(protection_is_of_pages_in_one_range_and_possible),
		TEST(vmparams_are_read_as_they_were_written),
		TEST(a_vcpu_that_runs_is_busy_and_outlives_term),
		TEST(closing_a_file_ends_its_vms_and_no_others),
		TEST(ids_are_not_0_and_not_given_again_at_once),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}

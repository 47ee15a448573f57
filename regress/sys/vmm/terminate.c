/* SPDX-License-Identifier: ISC */
/*
 * VMM_IOC_TERM of vmm(4).
 */

#include <unistd.h>

#include "guest.h"
#include "harness.h"

static struct guest	g;

CODE64(count, "sti; 1: incq 0x20000; jmp 1b");
CODE64(count_each, "sti; 1: lock incq 0x20000; jmp 1b");

static int
term(uint32_t id)
{
	struct vm_terminate_params vtp = { id };

	return ioctl(g.fd, VMM_IOC_TERM, &vtp);
}

static void
term_does_not_know_other_vms(void)
{
	guest_create(&g, 1);
	CHECK_ERRNO(term(0), ENOENT);
	CHECK_ERRNO(term(g.id + 1), ENOENT);
	CHECK_ERRNO(term(UINT32_MAX), ENOENT);
	CHECK_OK(term(g.id));
	CHECK_ERRNO(term(g.id), ENOENT);
}

static void
term_faults_on_a_bad_pointer(void)
{
	guest_create(&g, 1);
	CHECK_ERRNO(ioctl(g.fd, VMM_IOC_TERM, NULL), EFAULT);
	CHECK_OK(term(g.id));
}

static void
terminated_vm_is_unknown_to_every_ioctl(void)
{
	struct vm_rwvmparams_params vpp = { .vpp_mask = 1 };
	struct vm_mprotect_ept_params vmep = { .vmep_size = PAGE_BYTES,
	    .vmep_prot = 1 };
	struct vm_rwregs_params vrwp = { .vrwp_mask = VM_RWREGS_ALL };
	struct vm_intr_params vip = { .vip_intr = 1 };
	struct vm_resetcpu_params vrp;
	struct vm_info_params info = { 0 };

	guest_create(&g, 1);
	CHECK_OK(term(g.id));
	vrwp.vrwp_vm_id = vip.vip_vm_id = vpp.vpp_vm_id = vmep.vmep_vm_id =
	    vrp.vrp_vm_id = g.id;
	vrp.vrp_vcpu_id = 0;
	guest_init_state(&vrp.vrp_init_state, MODE_LONG, 0);
	vrwp.vrwp_regs = vrp.vrp_init_state;
	CHECK_ERRNO(vcpu_ioctl_run(&g, 0), ENOENT);
	CHECK_ERRNO(ioctl(g.fd, VMM_IOC_RESETCPU, &vrp), ENOENT);
	CHECK_ERRNO(ioctl(g.fd, VMM_IOC_INTR, &vip), ENOENT);
	CHECK_ERRNO(ioctl(g.fd, VMM_IOC_READREGS, &vrwp), ENOENT);
	CHECK_ERRNO(ioctl(g.fd, VMM_IOC_WRITEREGS, &vrwp), ENOENT);
	CHECK_ERRNO(ioctl(g.fd, VMM_IOC_READVMPARAMS, &vpp), ENOENT);
	CHECK_ERRNO(ioctl(g.fd, VMM_IOC_WRITEVMPARAMS, &vpp), ENOENT);
	CHECK_ERRNO(ioctl(g.fd, VMM_IOC_MPROTECT_EPT, &vmep), ENOENT);
	CHECK_OK(ioctl(g.fd, VMM_IOC_INFO, &info));
	CHECK_EQ(info.vip_size, 0);
}

static void
term_brings_all_vcpus_out(void)
{
	struct runner r[GUEST_CPUS];
	unsigned int i;

	guest_create(&g, GUEST_CPUS);
	for (i = 0; i < GUEST_CPUS; i++) {
		guest_start_cpu(&g, i, MODE_LONG, GUEST_CODE, count_each,
		    count_each_end);
		runner_start(&r[i], &g, i, false);
	}
	CHECK_OK(term(g.id));
	for (i = 0; i < GUEST_CPUS; i++)
		CHECK_EQ(runner_join(&r[i]), EXIT_TERMINATED);
}

/* Once TERM has returned, the guest does nothing any more. */
static void
term_stops_the_guest(void)
{
	struct runner r;
	uint64_t seen;
	int i;

	for (i = 0; i < 10; i++) {
		guest_create(&g, 1);
		guest_start(&g, MODE_LONG, count);
		runner_start(&r, &g, 0, false);
		CHECK_OK(term(g.id));
		CHECK_EQ(runner_join(&r), EXIT_TERMINATED);
		seen = ram_read(&g, GUEST_DATA);
		test_sleep_ms(5);
		CHECK_EQ(ram_read(&g, GUEST_DATA), seen);
		close(g.fd);
	}
}

static void
term_leaves_other_vms_alone(void)
{
	struct guest other;
	struct runner r;

	guest_create(&g, 1);
	guest_create_on(&other, g.fd, 1, memory_alloc(GUEST_RAM));
	guest_start(&other, MODE_LONG, count);
	runner_start(&r, &other, 0, false);
	CHECK_OK(term(g.id));
	guest_wait_count(&other);
	CHECK_EQ(r.ended, 0);
	CHECK_OK(term(other.id));
	CHECK_EQ(runner_join(&r), EXIT_TERMINATED);
}

const struct test tests[] = {
	TEST(term_does_not_know_other_vms),
	TEST(term_faults_on_a_bad_pointer),
	TEST(terminated_vm_is_unknown_to_every_ioctl),
	TEST(term_brings_all_vcpus_out),
	TEST(term_stops_the_guest),
	TEST(term_leaves_other_vms_alone),
	TEST_END
};

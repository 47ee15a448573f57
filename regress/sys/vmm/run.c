/* SPDX-License-Identifier: ISC */
/*
 * VMM_IOC_RUN of vmm(4): who may run what, how it returns, and what it says.
 */

#include <sys/mman.h>

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include "guest.h"
#include "harness.h"

CODE64(spin, "sti; 1: jmp 1b");
CODE64(halt, "hlt");
CODE64(out_then_hlt, "out %al,$0x10; hlt");

static struct guest	g;

/* Count up in memory, for others to see that the guest runs. */
CODE64(count, "sti; 1: incq 0x20000; jmp 1b");

static void
setup(enum mode mode)
{
	guest_create(&g, 1);
	guest_tables(&g, mode);
}

static void
run_does_not_know_other_vms_and_vcpus(void)
{
	setup(MODE_LONG);
	guest_start(&g, MODE_LONG, halt);
	g.cpu[0].vrp.vrp_vm_id = g.id + 1;
	CHECK_ERRNO(vcpu_ioctl_run(&g, 0), ENOENT);
	g.cpu[0].vrp.vrp_vm_id = 0;
	CHECK_ERRNO(vcpu_ioctl_run(&g, 0), ENOENT);
	g.cpu[0].vrp.vrp_vm_id = g.id;
	g.cpu[0].vrp.vrp_vcpu_id = 1;
	CHECK_ERRNO(vcpu_ioctl_run(&g, 0), ENOENT);
	g.cpu[0].vrp.vrp_vcpu_id = UINT32_MAX;
	CHECK_ERRNO(vcpu_ioctl_run(&g, 0), ENOENT);
	g.cpu[0].vrp.vrp_vcpu_id = 0;
	expect_hlt(&g);
}

static void
run_faults_on_bad_pointers(void)
{
	void *none;

	setup(MODE_LONG);
	guest_start(&g, MODE_LONG, halt);
	CHECK_ERRNO(ioctl(g.fd, VMM_IOC_RUN, NULL), EFAULT);
	none = memory_alloc(PAGE_BYTES);
	CHECK_OK(munmap(none, PAGE_BYTES));
	CHECK_ERRNO(ioctl(g.fd, VMM_IOC_RUN, none), EFAULT);
	g.cpu[0].vrp.vrp_exit = NULL;
	CHECK_ERRNO(vcpu_ioctl_run(&g, 0), EFAULT);
	g.cpu[0].vrp.vrp_exit = none;
	CHECK_ERRNO(vcpu_ioctl_run(&g, 0), EFAULT);
	g.cpu[0].vrp.vrp_exit = (void *)0xffff888000000000UL;
	CHECK_ERRNO(vcpu_ioctl_run(&g, 0), EFAULT);
	g.cpu[0].vrp.vrp_exit = &g.cpu[0].exit;
	expect_hlt(&g);
}

static void
run_faults_when_it_cannot_write_the_exit(void)
{
	void *ro;

	setup(MODE_LONG);
	guest_start(&g, MODE_LONG, halt);
	ro = memory_alloc(PAGE_BYTES);
	memset(ro, 0, PAGE_BYTES);
	CHECK_OK(mprotect(ro, PAGE_BYTES, PROT_READ));
	g.cpu[0].vrp.vrp_exit = ro;
	CHECK_ERRNO(vcpu_ioctl_run(&g, 0), EFAULT);
}

static void
run_refuses_a_vcpu_that_is_running(void)
{
	struct vm_terminate_params vtp;
	struct vm_run_params vrp;
	struct vm_exit exit;
	struct runner r;

	setup(MODE_LONG);
	guest_start(&g, MODE_LONG, count);
	runner_start(&r, &g, 0, false);
	memset(&vrp, 0, sizeof(vrp));
	vrp.vrp_vm_id = g.id;
	vrp.vrp_exit = &exit;
	CHECK_ERRNO(ioctl(g.fd, VMM_IOC_RUN, &vrp), EBUSY);
	CHECK_EQ(r.ended, 0);
	vtp.vtp_vm_id = g.id;
	CHECK_OK(ioctl(g.fd, VMM_IOC_TERM, &vtp));
	runner_join(&r);
}

static void
run_says_terminated_when_another_thread_ends_the_vm(void)
{
	struct vm_terminate_params vtp;
	struct runner r;

	setup(MODE_LONG);
	guest_start(&g, MODE_LONG, count);
	runner_start(&r, &g, 0, false);
	vtp.vtp_vm_id = g.id;
	CHECK_OK(ioctl(g.fd, VMM_IOC_TERM, &vtp));
	CHECK_EQ(runner_join(&r), EXIT_TERMINATED);
	CHECK_ERRNO(vcpu_ioctl_run(&g, 0), ENOENT);
}

static void
run_returns_none_on_a_signal_and_goes_on(void)
{
	unsigned int before, i;

	setup(MODE_LONG);
	guest_start(&g, MODE_LONG, spin);
	test_tick(20);
	for (i = 0; i < 5; i++) {
		for (before = test_ticks; test_ticks == before; )
			CHECK_EQ(guest_run_once(&g), EXIT_NONE);
		CHECK_EQ(gpr(&g, VCPU_REGS_RIP), GUEST_CODE + 1);
	}
}

static void
run_gets_on_in_a_storm_of_signals(void)
{
	int i;

	setup(MODE_LONG);
	test_tick(1);
	for (i = 0; i < 200; i++) {
		guest_start(&g, MODE_LONG, out_then_hlt);
		expect_out(&g, 0x10, 0);
		expect_hlt(&g);
		CHECK_EQ(gpr(&g, VCPU_REGS_RIP), GUEST_CODE + 3);
	}
}

static volatile unsigned long	work;
static volatile int		work_done;

static void *
neighbour(void *arg)
{
	(void)arg;
	while (!work_done)
		work++;
	return NULL;
}

static void
run_shares_the_cpu_with_other_threads(void)
{
	struct vm_terminate_params vtp;
	struct runner r;
	unsigned long seen;
	pthread_t other;
	cpu_set_t one;
	int i;

	setup(MODE_LONG);
	guest_start(&g, MODE_LONG, count);
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	CHECK_OK(sched_setaffinity(0, sizeof(one), &one));
	runner_start(&r, &g, 0, false);
	CHECK_OK(pthread_create(&other, NULL, neighbour, NULL));
	for (i = 0; i < 3; i++) {
		seen = work;
		test_sleep_ms(200);
		CHECK(work != seen);
		guest_wait_count(&g);
	}
	work_done = 1;
	CHECK_OK(pthread_join(other, NULL));
	vtp.vtp_vm_id = g.id;
	CHECK_OK(ioctl(g.fd, VMM_IOC_TERM, &vtp));
	runner_join(&r);
}

static void
run_keeps_the_state_when_the_thread_changes_cpu(void)
{
	cpu_set_t set;
	unsigned int i;
	long ncpus = sysconf(_SC_NPROCESSORS_ONLN);

	if (ncpus < 2)
		test_skip("the host has one CPU");
	setup(MODE_LONG);
	guest_start(&g, MODE_LONG, count);
	test_tick(5);
	for (i = 0; i < 40; i++) {
		CPU_ZERO(&set);
		CPU_SET(i % ncpus, &set);
		CHECK_OK(sched_setaffinity(0, sizeof(set), &set));
		CHECK_EQ(guest_run_once(&g), EXIT_NONE);
	}
	CHECK(ram_read(&g, GUEST_DATA) > 0);
}

static void
run_before_reset_starts_at_the_power_on_vector(void)
{
	struct vm_create_params vcp;
	struct vcpu_reg_state vrs;
	struct vm_mem_range *rom;
	uint8_t *p;

	/* RAM at 0, and 64 KiB that end at 4 GiB: out %al,$0x10 */
	p = memory_alloc(GUEST_RAM);
	memset(&g, 0, sizeof(g));
	g.fd = vmm_open();
	g.ram = p;
	create_params(&vcp, 1, p, 0x10000);
	vcp.vcp_nmemranges = 2;
	rom = &vcp.vcp_memranges[1];
	*rom = vcp.vcp_memranges[0];
	rom->vmr_gpa = 0xffff0000;
	rom->vmr_va += 0x10000;
	memcpy(p + 0x1fff0, "\xe6\x10", 2);
	CHECK_OK(ioctl(g.fd, VMM_IOC_CREATE, &vcp));
	g.id = g.cpu[0].vrp.vrp_vm_id = vcp.vcp_id;
	g.cpu[0].vrp.vrp_exit = &g.cpu[0].exit;
	regs_read(&g, &vrs);
	CHECK_EQ(vrs.vrs_gprs[VCPU_REGS_RIP], 0xfff0);
	CHECK_EQ(vrs.vrs_gprs[VCPU_REGS_RFLAGS], PSL_MBO);
	CHECK_EQ(vrs.vrs_sregs[VCPU_REGS_CS].vsi_sel, 0xf000);
	CHECK_EQ(vrs.vrs_sregs[VCPU_REGS_CS].vsi_base, 0xffff0000);
	CHECK_EQ(vrs.vrs_sregs[VCPU_REGS_CS].vsi_limit, 0xffff);
	CHECK_EQ(vrs.vrs_sregs[VCPU_REGS_DS].vsi_limit, 0xffff);
	CHECK_EQ(vrs.vrs_idtr.vsi_limit, 0xffff);
	CHECK_EQ(vrs.vrs_crs[VCPU_REGS_CR0], CR0_CD | CR0_NW | CR0_ET);
	CHECK_EQ(vrs.vrs_crs[VCPU_REGS_CR4], 0);
	CHECK_EQ(vrs.vrs_msrs[VCPU_REGS_EFER], 0);
	CHECK_EQ(vrs.vrs_drs[VCPU_REGS_DR6], DR6_INIT);
	CHECK_EQ(vrs.vrs_drs[VCPU_REGS_DR7], DR7_INIT);
	expect_out(&g, 0x10, 0);
	CHECK_EQ(gpr(&g, VCPU_REGS_RIP), 0xfff0);
}

/* Halt with interrupts off, then on. */
CODE64(two_halts, "hlt; sti; hlt; nop");

static void
hlt_exits_behind_the_instruction_whatever_if_is(void)
{
	setup(MODE_LONG);
	guest_start(&g, MODE_LONG, two_halts);
	expect_hlt(&g);
	CHECK_EQ(gpr(&g, VCPU_REGS_RIP), GUEST_CODE + 1);
	CHECK_EQ(gpr(&g, VCPU_REGS_RFLAGS) & PSL_I, 0);
	CHECK_EQ(g.cpu[0].vrp.vrp_irqready, 0);
	expect_hlt(&g);
	CHECK_EQ(gpr(&g, VCPU_REGS_RIP), GUEST_CODE + 3);
	CHECK_EQ(gpr(&g, VCPU_REGS_RFLAGS) & PSL_I, PSL_I);
	/* The shadow of STI ended with the HLT. */
	CHECK_EQ(g.cpu[0].vrp.vrp_irqready, 1);
}

/* No IDT any more, then an exception. */
CODE64(three_faults, "lidt 1f(%rip); ud2; 1: .word 0; .quad 0");

static void
triple_fault_exits_until_the_vcpu_is_reset(void)
{
	setup(MODE_LONG);
	guest_start(&g, MODE_LONG, three_faults);
	expect_exit(&g, EXIT_TRIPLE);
	expect_exit(&g, EXIT_TRIPLE);
	expect_exit(&g, EXIT_TRIPLE);
	guest_start(&g, MODE_LONG, out_then_hlt);
	expect_out(&g, 0x10, 0);
}

CODE64(known_registers,
    "mov $0x1111,%eax; mov $0x2222,%ecx; mov $0x3333,%edx\n"
    "mov $0x4444,%ebx; mov $0x5555,%ebp; mov $0x6666,%esi\n"
    "mov $0x7777,%edi; mov $0x8888,%r8d; movabs $0x9999999999999999,%r9\n"
    "mov $0xaaaa,%r10d; mov $0xbbbb,%r11d; mov $0xcccc,%r12d\n"
    "mov $0xdddd,%r13d; mov $0xeeee,%r14d; movabs $0xfedcba9876543210,%r15\n"
    "stc; hlt");

static void
exit_carries_the_whole_register_state(void)
{
	static const uint64_t want[] = {
		0x1111, 0x2222, 0x3333, 0x4444, GUEST_STACK, 0x5555, 0x6666,
		0x7777, 0x8888, 0x9999999999999999, 0xaaaa, 0xbbbb, 0xcccc,
		0xdddd, 0xeeee, 0xfedcba9876543210
	};
	const struct vcpu_reg_state *vrs = &g.cpu[0].exit.vrs;
	struct vcpu_reg_state init, read;
	unsigned int i;

	setup(MODE_LONG);
	guest_start(&g, MODE_LONG, known_registers);
	guest_init_state(&init, MODE_LONG, 0);
	expect_hlt(&g);
	for (i = 0; i < 16; i++)
		CHECK_EQ(vrs->vrs_gprs[i], want[i]);
	CHECK_EQ(vrs->vrs_gprs[VCPU_REGS_RFLAGS] & PSL_C, PSL_C);
	CHECK_EQ(vrs->vrs_crs[VCPU_REGS_CR3], GUEST_PML4);
	CHECK_EQ(vrs->vrs_crs[VCPU_REGS_CR0], init.vrs_crs[VCPU_REGS_CR0]);
	CHECK_EQ(vrs->vrs_msrs[VCPU_REGS_EFER], EFER_LME | EFER_LMA);
	CHECK_EQ(vrs->vrs_sregs[VCPU_REGS_CS].vsi_sel, SEL_CODE64);
	CHECK_EQ(vrs->vrs_sregs[VCPU_REGS_TR].vsi_base, GUEST_TSS);
	CHECK_EQ(vrs->vrs_gdtr.vsi_base, GUEST_GDT);
	CHECK_EQ(vrs->vrs_idtr.vsi_base, GUEST_IDT);
	CHECK_EQ(g.cpu[0].exit.cpl, 0);
	regs_read(&g, &read);
	CHECK(memcmp(&read, vrs, sizeof(read)) == 0);
}

/* To ring 3 with IOPL 3, and out from there. */
CODE64(ring3,
    "pushq $0x3b; pushq $0xd000; pushq $0x3002; pushq $0x43\n"
    "lea 1f(%rip),%rax; push %rax; iretq\n"
    "1: out %al,$0x10; hlt");

static void
exit_tells_the_privilege_level(void)
{
	setup(MODE_LONG);
	guest_start(&g, MODE_LONG, ring3);
	CHECK_EQ(guest_run(&g), EXIT_IO);
	CHECK_EQ(g.cpu[0].exit.vei.vei_port, 0x10);
	CHECK_EQ(g.cpu[0].exit.cpl, 3);
	/* HLT is privileged; its exit must not come before the #GP. */
	expect_trap(&g, 13, NULL);
	CHECK_EQ(g.cpu[0].exit.cpl, 0);
}

static void
first_run_ignores_what_is_in_the_exit_record(void)
{
	setup(MODE_LONG);
	guest_start(&g, MODE_LONG, out_then_hlt);
	memset(&g.cpu[0].exit, 0xff, sizeof(g.cpu[0].exit));
	expect_out(&g, 0x10, 0);
	/* Nor does one after a reset, whatever the last exit was. */
	guest_start(&g, MODE_LONG, known_registers);
	memset(&g.cpu[0].exit, 0xff, sizeof(g.cpu[0].exit));
	expect_hlt(&g);
	CHECK_EQ(gpr(&g, VCPU_REGS_RAX), 0x1111);
}

/* Two VCPUs hand a number to and fro in memory. */
CODE64(ping, "sti\n"
    "1: mov 0x20000,%rax; test $1,%al; jnz 1b\n"
    "inc %rax; mov %rax,0x20000; cmp $2000,%rax; jb 1b; hlt");
CODE64(pong, "sti\n"
    "1: mov 0x20000,%rax; cmp $2000,%rax; jae 2f; test $1,%al; jz 1b\n"
    "inc %rax; mov %rax,0x20000; jmp 1b; 2: hlt");

static void *
pong_thread(void *arg)
{
	(void)arg;
	CHECK_EQ(vcpu_run(&g, 1), EXIT_HLT);
	return NULL;
}

static void
vcpus_run_at_the_same_time(void)
{
	pthread_t thread;

	guest_create(&g, 2);
	guest_start_cpu(&g, 1, MODE_LONG, GUEST_CODE + PAGE_BYTES, pong,
	    pong_end);
	guest_start(&g, MODE_LONG, ping);
	CHECK_OK(pthread_create(&thread, NULL, pong_thread, NULL));
	expect_hlt(&g);
	CHECK_OK(pthread_join(thread, NULL));
	CHECK(ram_read(&g, GUEST_DATA) >= 2000);
}

const struct test tests[] = {
	TEST(run_does_not_know_other_vms_and_vcpus),
	TEST(run_faults_on_bad_pointers),
	TEST(run_faults_when_it_cannot_write_the_exit),
	TEST(run_refuses_a_vcpu_that_is_running),
	TEST(run_says_terminated_when_another_thread_ends_the_vm),
	TEST(run_returns_none_on_a_signal_and_goes_on),
	TEST(run_gets_on_in_a_storm_of_signals),
	TEST(run_shares_the_cpu_with_other_threads),
	TEST(run_keeps_the_state_when_the_thread_changes_cpu),
	TEST(run_before_reset_starts_at_the_power_on_vector),
	TEST(hlt_exits_behind_the_instruction_whatever_if_is),
	TEST(triple_fault_exits_until_the_vcpu_is_reset),
	TEST(exit_carries_the_whole_register_state),
	TEST(exit_tells_the_privilege_level),
	TEST(first_run_ignores_what_is_in_the_exit_record),
	TEST(vcpus_run_at_the_same_time),
	TEST_END
};

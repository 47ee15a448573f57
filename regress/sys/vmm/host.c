/* SPDX-License-Identifier: ISC */
/*
 * What is the host's stays the host's while guests of vmm(4) run.
 */

#include <sys/prctl.h>
#include <sys/syscall.h>

#include <asm/prctl.h>
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>

#include <fcntl.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "guest.h"
#include "harness.h"

#define ROUNDS	20

static struct guest	g;

CODE64(debug_guest,
    "mov $0x20000,%eax; mov %rax,%dr0; mov %rax,%dr3\n"
    "mov $0x400,%eax; mov %rax,%dr7; 1: out %al,$0x10\n"
    "mov %dr0,%rbx; mov %dr3,%rcx; jmp 1b");
CODE64(watch_guest,
    "mov $0x20000,%eax; mov %rax,%dr0; mov $0xd0402,%eax\n"
    "mov %rax,%dr7; out %al,$0x10; mov %rax,0x20000; hlt");
CODE64(count, "sti; 1: incq 0x20000; jmp 1b");
CODE64(bases,
    "mov $0xc0000100,%ecx; mov $0x1000,%eax; xor %edx,%edx; wrmsr\n"
    "mov $0xc0000101,%ecx; wrmsr; mov $0xc0000102,%ecx; wrmsr\n"
    "mov $0xc0000081,%ecx; wrmsr; mov $0xc0000082,%ecx; wrmsr\n"
    "mov $0xc0000083,%ecx; wrmsr; mov $0xc0000084,%ecx; wrmsr\n"
    "mov $0x174,%ecx; wrmsr; mov $0x175,%ecx; wrmsr; mov $0x176,%ecx\n"
    "wrmsr; mov $0x277,%ecx; xor %eax,%eax; wrmsr\n"
    "xor %eax,%eax; mov %eax,%fs; mov %eax,%gs\n"
    "1: out %al,$0x10; jmp 1b");

static volatile uint64_t	watched;

static int
breakpoint_open(void)
{
	struct perf_event_attr attr;
	int fd;

	memset(&attr, 0, sizeof(attr));
	attr.type = PERF_TYPE_BREAKPOINT;
	attr.size = sizeof(attr);
	attr.bp_type = HW_BREAKPOINT_W;
	attr.bp_addr = (uintptr_t)&watched;
	attr.bp_len = HW_BREAKPOINT_LEN_8;
	attr.exclude_kernel = 1;
	attr.exclude_hv = 1;
	fd = syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
	if (fd == -1)
		test_skip("no hardware breakpoints: %s", strerror(errno));
	return fd;
}

static uint64_t
breakpoint_hits(int fd)
{
	uint64_t n;

	CHECK_EQ(read(fd, &n, sizeof(n)), sizeof(n));
	return n;
}

static void
breakpoints_of_the_host_keep_working(void)
{
	int fd, i;

	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, debug_guest);
	fd = breakpoint_open();
	watched = 1;
	if (breakpoint_hits(fd) != 1)
		test_skip("this host's breakpoints do not work");
	for (i = 0; i < ROUNDS; i++) {
		CHECK_EQ(guest_run(&g), EXIT_IO);
		if (i > 0) {
			CHECK_EQ(gpr(&g, VCPU_REGS_RBX), 0x20000);
			CHECK_EQ(gpr(&g, VCPU_REGS_RCX), 0x20000);
		}
		watched = i;
		CHECK_EQ(breakpoint_hits(fd), 2 + i);
	}
}

static void
breakpoints_of_the_guest_work(void)
{
	struct trap t;

	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, watch_guest);
	CHECK_EQ(guest_run(&g), EXIT_IO);
	if (guest_run(&g) == EXIT_HLT)
		test_skip("this host's CPU has no data breakpoints");
	CHECK(trap_get(&g, &t));
	CHECK_EQ(t.vector, 1);
	CHECK_EQ(t.rip, GUEST_CODE + (watch_guest_end - watch_guest) - 1);
	CHECK_EQ(g.cpu[0].exit.vrs.vrs_drs[VCPU_REGS_DR6] & 0xf, 1);
	CHECK_EQ(ram_read(&g, GUEST_DATA) & 0xffffff, 0xd0402);
}

static __thread int	local = 42;

static void
segment_bases_and_system_call_registers_stay(void)
{
	unsigned long gs = 0, want = 0x12345000;
	int i;

	CHECK_OK(syscall(SYS_arch_prctl, ARCH_SET_GS, want));
	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, bases);
	for (i = 0; i < ROUNDS; i++) {
		CHECK_EQ(guest_run(&g), EXIT_IO);
		/* FS holds our thread's own memory. */
		CHECK_EQ(local, 42);
		CHECK_OK(syscall(SYS_arch_prctl, ARCH_GET_GS, &gs));
		CHECK_EQ(gs, want);
	}
}

static void *
local_check(void *arg)
{
	volatile int *stop = arg;
	unsigned int n = 0;

	local = 43;
	while (!*stop) {
		CHECK_EQ(local, 43);
		if (++n % 1000 == 0)
			test_sleep_ms(1);
	}
	return NULL;
}

static void
other_threads_are_not_disturbed(void)
{
	static volatile int stop;
	pthread_t threads[3];
	int i;

	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, bases);
	for (i = 0; i < 3; i++)
		CHECK_OK(pthread_create(&threads[i], NULL, local_check,
		    (void *)&stop));
	for (i = 0; i < 500; i++)
		CHECK_EQ(guest_run(&g), EXIT_IO);
	stop = 1;
	for (i = 0; i < 3; i++)
		CHECK_OK(pthread_join(threads[i], NULL));
}

static uint64_t
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/* A guest that never exits by itself does not hold the host's timers up. */
static void
timers_of_the_host_fire_while_a_guest_spins(void)
{
	struct vm_terminate_params vtp;
	struct runner r;
	uint64_t start;
	int i;

	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, count);
	runner_start(&r, &g, 0, false);
	for (i = 0; i < 20; i++) {
		start = now_ns();
		test_sleep_ms(10);
		CHECK(now_ns() - start < 1000000000ULL);
	}
	vtp.vtp_vm_id = g.id;
	CHECK_OK(ioctl(g.fd, VMM_IOC_TERM, &vtp));
	runner_join(&r);
}

#define CPU1_ONLINE	"/sys/devices/system/cpu/cpu1/online"

static int
cpu1_set(char online)
{
	int fd, ok;

	if ((fd = open(CPU1_ONLINE, O_WRONLY)) == -1)
		return 0;
	ok = write(fd, &online, 1) == 1;
	close(fd);
	return ok;
}

/* A guest whose CPU goes away goes on on another. */
static void
cpus_come_and_go_under_guests(void)
{
	struct vm_terminate_params vtp;
	struct runner r[2];
	unsigned int i;

	guest_create(&g, 2);
	for (i = 0; i < 2; i++) {
		guest_start_cpu(&g, i, MODE_LONG, GUEST_CODE, count,
		    count_end);
		runner_start(&r[i], &g, i, false);
	}
	for (i = 0; i < 5; i++) {
		if (!cpu1_set('0'))
			test_skip("no CPU can be taken away");
		guest_wait_count(&g);
		CHECK(cpu1_set('1'));
		guest_wait_count(&g);
	}
	CHECK_EQ(r[0].ended + r[1].ended, 0);
	vtp.vtp_vm_id = g.id;
	CHECK_OK(ioctl(g.fd, VMM_IOC_TERM, &vtp));
	runner_join(&r[0]);
	runner_join(&r[1]);
}

/* One that is not there when the first VM is made, and comes later. */
static void
cpu_that_comes_later_runs_guests(void)
{
	cpu_set_t two;
	int i;

	if (!cpu1_set('0'))
		test_skip("no CPU can be taken away");
	guest_create(&g, 1);
	CHECK(cpu1_set('1'));
	CPU_ZERO(&two);
	CPU_SET(1, &two);
	CHECK_OK(sched_setaffinity(0, sizeof(two), &two));
	guest_start(&g, MODE_LONG, bases);
	for (i = 0; i < ROUNDS; i++)
		CHECK_EQ(guest_run(&g), EXIT_IO);
}

CODE64(tsc_aux,
    "mov $0x80000001,%eax; cpuid; bt $27,%edx; jnc 1f\n"
    "mov $0xc0000103,%ecx; mov $0x77,%eax; xor %edx,%edx; wrmsr\n"
    "1: out %al,$0x10; jmp 1b");

static void
cpu_number_stays_readable(void)
{
	unsigned int cpu, aux, lo, hi;
	cpu_set_t one;
	int i;

	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, tsc_aux);
	CHECK_OK(syscall(SYS_getcpu, &cpu, NULL, NULL));
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	CHECK_OK(sched_setaffinity(0, sizeof(one), &one));
	for (i = 0; i < ROUNDS; i++) {
		CHECK_EQ(guest_run(&g), EXIT_IO);
		__asm__ volatile("rdtscp" : "=a"(lo), "=d"(hi), "=c"(aux));
		CHECK_EQ(aux & 0xfff, cpu);
	}
}

const struct test tests[] = {
	TEST(breakpoints_of_the_host_keep_working),
	TEST(breakpoints_of_the_guest_work),
	TEST(segment_bases_and_system_call_registers_stay),
	TEST(other_threads_are_not_disturbed),
	TEST(timers_of_the_host_fire_while_a_guest_spins),
	TEST(cpus_come_and_go_under_guests),
	TEST(cpu_that_comes_later_runs_guests),
	TEST(cpu_number_stays_readable),
	TEST_END
};

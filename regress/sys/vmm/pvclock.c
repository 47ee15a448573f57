/* SPDX-License-Identifier: ISC */
/*
 * VMM_IOC_READVMPARAMS and VMM_IOC_WRITEVMPARAMS of vmm(4), and the clock that
 * the driver keeps in guest memory.
 */

#include <sys/mman.h>

#include <time.h>
#include <x86intrin.h>

#include "guest.h"
#include "harness.h"

#define CLOCK		0x20100UL	/* where the tests have it */
#define WALL		0x20200UL
#define NS_PER_S	1000000000ULL

/* As Linux guests know it. */
struct pvclock_time {
	uint32_t	version;
	uint32_t	pad;
	uint64_t	tsc_timestamp;
	uint64_t	system_time;
	uint32_t	mul;
	int8_t		shift;
	uint8_t		flags;
	uint8_t		pad2[2];
};
_Static_assert(sizeof(struct pvclock_time) == 32, "pvclock");

struct pvclock_wall {
	uint32_t	version;
	uint32_t	sec;
	uint32_t	nsec;
};

static struct guest			g;
static struct vm_rwvmparams_params	vpp;

CODE64(tsc_loop, "1: rdtsc; shl $32,%rdx; or %rdx,%rax; hlt; jmp 1b");
CODE64(count, "sti; 1: incq 0x20000; jmp 1b");
CODE64(wrmsr_loop, "1: wrmsr; rdmsr; hlt; jmp 1b");

static void
setup(void)
{
	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, tsc_loop);
	memset(&vpp, 0, sizeof(vpp));
	vpp.vpp_vm_id = g.id;
	vpp.vpp_mask = VM_RWVMPARAMS_PVCLOCK_SYSTEM_GPA;
	vpp.vpp_pvclock_system_gpa = CLOCK;
}

static int
params_read(void)
{
	return ioctl(g.fd, VMM_IOC_READVMPARAMS, &vpp);
}

static int
params_write(void)
{
	return ioctl(g.fd, VMM_IOC_WRITEVMPARAMS, &vpp);
}

static struct pvclock_time
clock_get(void)
{
	struct pvclock_time c;

	memcpy(&c, g.ram + CLOCK, sizeof(c));
	return c;
}

/* Nanoseconds of this clock at a time stamp. */
static uint64_t
clock_ns(const struct pvclock_time *c, uint64_t tsc)
{
	uint64_t delta = tsc - c->tsc_timestamp;

	if (c->shift < 0)
		delta >>= -c->shift;
	else
		delta <<= c->shift;
	return c->system_time +
	    (uint64_t)((unsigned __int128)delta * c->mul >> 32);
}

static uint64_t
host_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
	return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

/* The time that the guest would read now. */
static uint64_t
guest_ns(void)
{
	struct pvclock_time c;

	expect_hlt(&g);
	c = clock_get();
	CHECK_EQ(c.version & 1, 0);
	return clock_ns(&c, gpr(&g, VCPU_REGS_RAX));
}

static void
vmparams_do_not_know_other_vms_and_vcpus(void)
{
	setup();
	vpp.vpp_vm_id = g.id + 1;
	CHECK_ERRNO(params_read(), ENOENT);
	CHECK_ERRNO(params_write(), ENOENT);
	vpp.vpp_vm_id = g.id;
	vpp.vpp_vcpu_id = 1;
	CHECK_ERRNO(params_read(), ENOENT);
	CHECK_ERRNO(params_write(), ENOENT);
}

static void
vmparams_want_a_mask_of_known_bits(void)
{
	static const uint32_t bad[] = { 0, VM_RWVMPARAMS_ALL + 1, 0x80000001 };
	size_t i;

	setup();
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		vpp.vpp_mask = bad[i];
		CHECK_ERRNO(params_read(), EINVAL);
		CHECK_ERRNO(params_write(), EINVAL);
	}
}

static void
vmparams_fault_on_bad_pointers(void)
{
	struct vm_rwvmparams_params *ro;

	setup();
	CHECK_ERRNO(ioctl(g.fd, VMM_IOC_READVMPARAMS, NULL), EFAULT);
	CHECK_ERRNO(ioctl(g.fd, VMM_IOC_WRITEVMPARAMS, NULL), EFAULT);
	ro = memory_alloc(PAGE_BYTES);
	*ro = vpp;
	CHECK_OK(mprotect(ro, PAGE_BYTES, PROT_READ));
	CHECK_ERRNO(ioctl(g.fd, VMM_IOC_READVMPARAMS, ro), EFAULT);
}

static void
vmparams_wait_for_the_end_of_run(void)
{
	struct vm_terminate_params vtp;
	struct runner r;
	int ret;

	setup();
	guest_start(&g, MODE_LONG, count);
	runner_start(&r, &g, 0, false);
	test_tick(20);
	/* RUN may return now and then, and let us in. */
	do {
		ret = params_read();
	} while (ret == 0 && test_ticks < 200);
	CHECK_EQ(ret, -1);
	CHECK_EQ(errno, EINTR);
	do {
		ret = params_write();
	} while (ret == 0 && test_ticks < 400);
	CHECK_EQ(ret, -1);
	CHECK_EQ(errno, EINTR);
	test_tick(0);
	vtp.vtp_vm_id = g.id;
	CHECK_OK(ioctl(g.fd, VMM_IOC_TERM, &vtp));
	runner_join(&r);
}

static void
clock_must_be_in_ram_aligned_and_in_one_page(void)
{
	static const uint64_t bad[] = {
		CLOCK + 1, CLOCK + 2, 0x20fe4, 0x20ffc, GUEST_RAM - 4,
		GUEST_RAM, GUEST_HOLE, VMM_MAX_VM_MEM_SIZE, -32ULL,
		1ULL << 52,
	};
	uint8_t before[64];
	size_t i;

	setup();
	CHECK_OK(params_write());
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		vpp.vpp_pvclock_system_gpa = bad[i];
		errno = 0;
		if (params_write() != -1 || errno != EINVAL)
			FAIL("%#llx: %s, not EINVAL",
			    (unsigned long long)bad[i], strerror(errno));
	}
	/* It stayed where it was. */
	memcpy(before, g.ram + CLOCK, sizeof(before));
	CHECK_OK(params_read());
	CHECK_EQ(vpp.vpp_pvclock_system_gpa, CLOCK);
	expect_hlt(&g);
	CHECK(memcmp(before, g.ram + CLOCK, sizeof(before)) != 0 ||
	    clock_get().mul != 0);
	vpp.vpp_pvclock_system_gpa = 0x21000 - 32;
	CHECK_OK(params_write());
}

static void
clock_is_there_when_the_guest_runs(void)
{
	struct pvclock_time c;

	setup();
	memset(g.ram + CLOCK - 64, 0xa5, 160);
	CHECK_OK(params_write());
	expect_hlt(&g);
	c = clock_get();
	CHECK_EQ(c.version & 1, 0);
	CHECK(c.version != 0);
	CHECK(c.mul != 0);
	CHECK(c.shift > -32 && c.shift < 32);
	CHECK(c.tsc_timestamp <= gpr(&g, VCPU_REGS_RAX));
	CHECK_EQ(c.flags & ~3, 0);
	/* And nothing around it. */
	CHECK_EQ(ram_read(&g, CLOCK - 8), 0xa5a5a5a5a5a5a5a5);
	CHECK_EQ(ram_read(&g, CLOCK + 32), 0xa5a5a5a5a5a5a5a5);
}

static void
clock_goes_as_fast_as_the_hosts(void)
{
	uint64_t guest, host, guest_passed, host_passed;

	setup();
	CHECK_OK(params_write());
	guest = guest_ns();
	host = host_ns();
	test_sleep_ms(500);
	guest_passed = guest_ns() - guest;
	host_passed = host_ns() - host;
	if (guest_passed < host_passed - host_passed / 20 ||
	    guest_passed > host_passed + host_passed / 20)
		FAIL("%llu ns passed for the guest, %llu for the host",
		    (unsigned long long)guest_passed,
		    (unsigned long long)host_passed);
}

static void
clock_never_goes_back(void)
{
	uint64_t last, now;
	int i;

	setup();
	CHECK_OK(params_write());
	last = guest_ns();
	for (i = 0; i < 500; i++) {
		now = guest_ns();
		CHECK(now >= last);
		last = now;
	}
}

static void
address_and_version_are_read_back(void)
{
	setup();
	vpp.vpp_mask = VM_RWVMPARAMS_ALL;
	vpp.vpp_pvclock_system_gpa = 0x5555;
	CHECK_OK(params_read());
	CHECK_EQ(vpp.vpp_pvclock_system_gpa, 0);
	vpp.vpp_mask = VM_RWVMPARAMS_PVCLOCK_SYSTEM_GPA;
	vpp.vpp_pvclock_system_gpa = CLOCK;
	CHECK_OK(params_write());
	expect_hlt(&g);
	vpp.vpp_mask = VM_RWVMPARAMS_ALL;
	vpp.vpp_pvclock_system_gpa = 0;
	CHECK_OK(params_read());
	CHECK_EQ(vpp.vpp_pvclock_system_gpa, CLOCK);
	CHECK_EQ(vpp.vpp_pvclock_version, clock_get().version);
}

static void
only_what_is_in_the_mask_is_read(void)
{
	setup();
	CHECK_OK(params_write());
	expect_hlt(&g);
	vpp.vpp_mask = VM_RWVMPARAMS_PVCLOCK_VERSION;
	vpp.vpp_pvclock_system_gpa = 0x5555;
	CHECK_OK(params_read());
	CHECK_EQ(vpp.vpp_pvclock_system_gpa, 0x5555);
	vpp.vpp_mask = VM_RWVMPARAMS_PVCLOCK_SYSTEM_GPA;
	vpp.vpp_pvclock_version = 0x5555;
	CHECK_OK(params_read());
	CHECK_EQ(vpp.vpp_pvclock_version, 0x5555);
}

static void
written_version_is_counted_on(void)
{
	setup();
	vpp.vpp_mask = VM_RWVMPARAMS_ALL;
	vpp.vpp_pvclock_version = 1000;
	CHECK_OK(params_write());
	expect_hlt(&g);
	CHECK(clock_get().version >= 1000);
	CHECK(clock_get().version < 1100);
	CHECK_EQ(clock_get().version & 1, 0);
}

static void
address_0_turns_the_clock_off(void)
{
	setup();
	CHECK_OK(params_write());
	expect_hlt(&g);
	vpp.vpp_pvclock_system_gpa = 0;
	CHECK_OK(params_write());
	memset(g.ram + CLOCK, 0xa5, sizeof(struct pvclock_time));
	expect_hlt(&g);
	CHECK_EQ(ram_read(&g, CLOCK), 0xa5a5a5a5a5a5a5a5);
}

/* WRMSR in the guest; true unless it got #GP. */
static bool
guest_wrmsr(uint32_t msr, uint64_t val)
{
	struct vcpu_reg_state vrs;
	struct trap t;

	guest_start(&g, MODE_LONG, wrmsr_loop);
	regs_read(&g, &vrs);
	vrs.vrs_gprs[VCPU_REGS_RCX] = msr;
	vrs.vrs_gprs[VCPU_REGS_RAX] = val & 0xffffffff;
	vrs.vrs_gprs[VCPU_REGS_RDX] = val >> 32;
	regs_write(&g, VM_RWREGS_GPRS, &vrs);
	if (guest_run(&g) == EXIT_HLT)
		return true;
	CHECK(trap_get(&g, &t));
	CHECK_EQ(t.vector, 13);
	return false;
}

static void
guest_turns_its_clock_on_and_off(void)
{
	struct pvclock_time c;
	uint64_t now;

	setup();
	CHECK(guest_wrmsr(KVM_MSR_SYSTEM_TIME, CLOCK | 1));
	CHECK_EQ(gpr(&g, VCPU_REGS_RAX), CLOCK | 1);
	c = clock_get();
	CHECK_EQ(c.version & 1, 0);
	CHECK(c.mul != 0);
	/* From the guest's own TSC, a time after it was turned on. */
	now = __rdtsc();
	CHECK(clock_ns(&c, c.tsc_timestamp) <= host_ns() ||
	    now < c.tsc_timestamp);
	CHECK(guest_wrmsr(KVM_MSR_SYSTEM_TIME, 0));
	CHECK_EQ(gpr(&g, VCPU_REGS_RAX), 0);
	memset(g.ram + CLOCK, 0xa5, sizeof(c));
	guest_start(&g, MODE_LONG, tsc_loop);
	expect_hlt(&g);
	CHECK_EQ(ram_read(&g, CLOCK), 0xa5a5a5a5a5a5a5a5);
}

static void
guest_that_gives_a_bad_address_gets_gp(void)
{
	setup();
	CHECK(!guest_wrmsr(KVM_MSR_SYSTEM_TIME, GUEST_HOLE | 1));
	CHECK(!guest_wrmsr(KVM_MSR_SYSTEM_TIME, 0x20ffc | 1));
	CHECK(!guest_wrmsr(KVM_MSR_SYSTEM_TIME, 1ULL << 52 | 1));
	CHECK(!guest_wrmsr(KVM_MSR_WALL_CLOCK, GUEST_HOLE));
}

static void
wall_clock_and_clock_add_up_to_the_hosts_time(void)
{
	struct pvclock_wall w;
	struct pvclock_time c;
	int64_t guest, host;

	setup();
	CHECK(guest_wrmsr(KVM_MSR_SYSTEM_TIME, CLOCK | 1));
	CHECK(guest_wrmsr(KVM_MSR_WALL_CLOCK, WALL));
	memcpy(&w, g.ram + WALL, sizeof(w));
	c = clock_get();
	CHECK_EQ(w.version & 1, 0);
	CHECK(w.nsec < NS_PER_S);
	guest = w.sec + (w.nsec + c.system_time) / NS_PER_S;
	host = time(NULL);
	if (guest < host - 2 || guest > host + 2)
		FAIL("the guest has %lld s, the host %lld s",
		    (long long)guest, (long long)host);
}

const struct test tests[] = {
	TEST(vmparams_do_not_know_other_vms_and_vcpus),
	TEST(vmparams_want_a_mask_of_known_bits),
	TEST(vmparams_fault_on_bad_pointers),
	TEST(vmparams_wait_for_the_end_of_run),
	TEST(clock_must_be_in_ram_aligned_and_in_one_page),
	TEST(clock_is_there_when_the_guest_runs),
	TEST(clock_goes_as_fast_as_the_hosts),
	TEST(clock_never_goes_back),
	TEST(address_and_version_are_read_back),
	TEST(only_what_is_in_the_mask_is_read),
	TEST(written_version_is_counted_on),
	TEST(address_0_turns_the_clock_off),
	TEST(guest_turns_its_clock_on_and_off),
	TEST(guest_that_gives_a_bad_address_gets_gp),
	TEST(wall_clock_and_clock_add_up_to_the_hosts_time),
	TEST_END
};

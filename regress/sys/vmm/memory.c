/* SPDX-License-Identifier: ISC */
/*
 * Guest memory of vmm(4) is the caller's memory: it comes on demand and goes
 * with what the caller does to it.
 */

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "guest.h"
#include "harness.h"

#define AREA	0x400000UL	/* what the tests do things to */
#define AREA_BYTES	0x200000UL

static struct guest	g;

CODE64(load, "mov 0x400000,%rbx; hlt");
CODE64(store, "mov $0x55,%eax; mov %rax,0x400000; hlt");
CODE64(increment, "1: incq 0x400000; mov 0x400000,%rbx; hlt; jmp 1b");
CODE64(increment_all,
    "sti\n"
    "1: incq 0x20000; mov $0x400000,%eax; 2: incq (%rax); add $0x1000,%eax\n"
    "cmp $0x600000,%eax; jb 2b; cmpq $0,0x20008; je 1b; hlt");
CODE64(count, "sti; 1: incq 0x20000; jmp 1b");

static void
map_fixed(size_t size, int prot, int flags, int fd)
{
	if (mmap(g.ram + AREA, size, prot, flags | MAP_FIXED, fd, 0) ==
	    MAP_FAILED)
		FAIL("mmap: %s", strerror(errno));
}

static int
memfd(size_t size)
{
	int fd;

	fd = memfd_create("guest", 0);
	CHECK(fd != -1);
	CHECK_OK(ftruncate(fd, size));
	return fd;
}

static bool
is_resident(uint64_t gpa)
{
	unsigned char c;

	CHECK_OK(mincore(g.ram + gpa, PAGE_BYTES, &c));
	return c & 1;
}

static void
memory_comes_when_the_guest_touches_it(void)
{
	guest_create(&g, 1);
	CHECK_OK(madvise(g.ram, GUEST_RAM, MADV_NOHUGEPAGE));
	guest_start(&g, MODE_LONG, store);
	CHECK(!is_resident(AREA));
	expect_hlt(&g);
	CHECK(is_resident(AREA));
	CHECK(!is_resident(AREA + PAGE_BYTES));
	CHECK(!is_resident(AREA - PAGE_BYTES));
	CHECK_EQ(ram_read(&g, AREA), 0x55);
}

static void
memory_starts_as_the_caller_has_it(void)
{
	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, load);
	expect_hlt(&g);
	CHECK_EQ(gpr(&g, VCPU_REGS_RBX), 0);
	/* The page of zeroes gives way to one of the caller's own. */
	ram_write(&g, AREA, 0x1234);
	guest_start(&g, MODE_LONG, load);
	expect_hlt(&g);
	CHECK_EQ(gpr(&g, VCPU_REGS_RBX), 0x1234);
}

static void
caller_and_guest_see_each_others_writes(void)
{
	uint64_t i;

	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, increment);
	for (i = 0; i < 100; i++) {
		ram_write(&g, AREA, i * 7);
		expect_hlt(&g);
		CHECK_EQ(gpr(&g, VCPU_REGS_RBX), i * 7 + 1);
		CHECK_EQ(ram_read(&g, AREA), i * 7 + 1);
	}
}

static void
hole_in_the_callers_memory_faults_and_changes_nothing(void)
{
	struct vcpu_reg_state before, after;
	int i;

	guest_create(&g, 1);
	CHECK_OK(munmap(g.ram + AREA, PAGE_BYTES));
	guest_start(&g, MODE_LONG, load);
	gpr_write(&g, VCPU_REGS_RBX, 0x77);
	regs_read(&g, &before);
	for (i = 0; i < 3; i++) {
		CHECK_ERRNO(vcpu_ioctl_run(&g, 0), EFAULT);
		regs_read(&g, &after);
		/* Intel sets RF when an instruction is to be begun again. */
		after.vrs_gprs[VCPU_REGS_RFLAGS] &= ~(uint64_t)PSL_RF;
		regs_expect(VM_RWREGS_ALL, &after, &before);
	}
	map_fixed(PAGE_BYTES, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1);
	ram_write(&g, AREA, 0x99);
	expect_hlt(&g);
	CHECK_EQ(gpr(&g, VCPU_REGS_RBX), 0x99);
}

static void
unmapped_memory_is_gone_from_the_guest_too(void)
{
	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, increment);
	expect_hlt(&g);
	expect_hlt(&g);
	CHECK_OK(munmap(g.ram + AREA, AREA_BYTES));
	CHECK_ERRNO(vcpu_ioctl_run(&g, 0), EFAULT);
	map_fixed(AREA_BYTES, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1);
	expect_hlt(&g);
	CHECK_EQ(gpr(&g, VCPU_REGS_RBX), 1);
}

static void
discarded_memory_reads_as_zero(void)
{
	int i;

	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, increment);
	for (i = 0; i < 50; i++) {
		expect_hlt(&g);
		expect_hlt(&g);
		CHECK_EQ(gpr(&g, VCPU_REGS_RBX), 2);
		CHECK_OK(madvise(g.ram + AREA, PAGE_BYTES, MADV_DONTNEED));
	}
}

static void
memory_goes_and_comes_under_a_running_guest(void)
{
	struct runner r;
	uint64_t off;
	int i;

	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, increment_all);
	runner_start(&r, &g, 0, false);
	for (i = 0; i < 200; i++)
		CHECK_OK(madvise(g.ram + AREA, AREA_BYTES, MADV_DONTNEED));
	guest_wait_count(&g);
	ram_write(&g, GUEST_DATA + 8, 1);
	CHECK_EQ(runner_join(&r), EXIT_HLT);
	/* What is there now was counted since it was last thrown away. */
	for (off = 0; off < AREA_BYTES; off += PAGE_BYTES)
		CHECK(ram_read(&g, AREA + off) <= ram_read(&g, GUEST_DATA));
}

/*
 * The guest reads A, then the page at AREA, and shows in B what it found. It
 * stops when A and the page agree, or when A is all ones.
 */
#define A	(GUEST_DATA + 0x10)
#define B	(GUEST_DATA + 0x18)

CODE64(compare,
    "sti; 1: mov 0x20010,%rax; cmp $-1,%rax; je 2f; mov 0x400000,%rbx\n"
    "mov %rbx,0x20018; test %rbx,%rbx; jz 1b; cmp %rbx,%rax; jne 1b\n"
    "mov $0xbad,%ecx; 2: hlt");

static void
wait_for(uint64_t gpa, uint64_t val)
{
	const volatile uint64_t *p;
	unsigned int i;

	p = (const volatile uint64_t *)(void *)(g.ram + gpa);
	for (i = 0; i < 100000; i++) {
		if (*p == val)
			return;
		usleep(50);
	}
	FAIL("the guest does not show %#llx", (unsigned long long)val);
}

/*
 * The guest runs in another process, so that nothing but the driver brings it
 * out when this one changes its memory.
 */
static void
discarded_memory_is_gone_when_madvise_returns(void)
{
	uint64_t seq;
	pid_t child;

	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, compare);
	if ((child = fork()) == 0) {
		expect_hlt(&g);
		CHECK_EQ(gpr(&g, VCPU_REGS_RCX), 0);
		_exit(0);
	}
	for (seq = 1; seq < 100 && waitpid(child, NULL, WNOHANG) == 0; seq++) {
		ram_write(&g, AREA, seq);
		wait_for(B, seq);
		CHECK_OK(madvise(g.ram + AREA, PAGE_BYTES, MADV_DONTNEED));
		ram_write(&g, A, seq);
		wait_for(B, 0);
	}
	if (seq < 100)
		FAIL("the guest saw what was thrown away");
	ram_write(&g, A, UINT64_MAX);
	test_join(child);
}

static void
memory_unmapped_under_a_running_guest_ends_the_run(void)
{
	struct vm_exit exit;
	struct vm_run_params vrp;
	pid_t child;
	int i;

	/* In a process of its own, as RUN fails in a thread of it. */
	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, count);
	memset(&vrp, 0, sizeof(vrp));
	vrp.vrp_vm_id = g.id;
	vrp.vrp_exit = &exit;
	if ((child = fork()) == 0) {
		for (;;)
			if (ioctl(g.fd, VMM_IOC_RUN, &vrp) == -1)
				_exit(errno == EFAULT ? 0 : 1);
	}
	guest_wait_count(&g);
	for (i = 0; i < 10; i++)
		guest_wait_count(&g);
	CHECK_OK(munmap(g.ram, GUEST_RAM));
	test_join(child);
}

static void
memory_that_was_moved_away_is_gone(void)
{
	void *to;

	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, increment);
	expect_hlt(&g);
	to = memory_alloc(AREA_BYTES);
	CHECK(mremap(g.ram + AREA, AREA_BYTES, AREA_BYTES,
	    MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
	CHECK_ERRNO(vcpu_ioctl_run(&g, 0), EFAULT);
	CHECK_EQ(*(uint64_t *)to, 1);
	CHECK(mremap(to, AREA_BYTES, AREA_BYTES,
	    MREMAP_MAYMOVE | MREMAP_FIXED, g.ram + AREA) == g.ram + AREA);
	expect_hlt(&g);
	CHECK_EQ(gpr(&g, VCPU_REGS_RBX), 2);
}

static void
memory_that_the_caller_cannot_access_faults(void)
{
	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, increment);
	expect_hlt(&g);
	CHECK_OK(mprotect(g.ram + AREA, PAGE_BYTES, PROT_NONE));
	CHECK_ERRNO(vcpu_ioctl_run(&g, 0), EFAULT);
	CHECK_OK(mprotect(g.ram + AREA, PAGE_BYTES, PROT_READ | PROT_WRITE));
	expect_hlt(&g);
	CHECK_EQ(gpr(&g, VCPU_REGS_RBX), 2);
}

static void
memory_that_the_caller_cannot_write_can_only_be_read(void)
{
	guest_create(&g, 1);
	ram_write(&g, AREA, 0x1234);
	guest_start(&g, MODE_LONG, store);
	CHECK_OK(mprotect(g.ram + AREA, PAGE_BYTES, PROT_READ));
	CHECK_ERRNO(vcpu_ioctl_run(&g, 0), EFAULT);
	CHECK_EQ(ram_read(&g, AREA), 0x1234);
	guest_start(&g, MODE_LONG, load);
	expect_hlt(&g);
	CHECK_EQ(gpr(&g, VCPU_REGS_RBX), 0x1234);
	/* Also when the guest had it to write before. */
	CHECK_OK(mprotect(g.ram + AREA, PAGE_BYTES, PROT_READ | PROT_WRITE));
	guest_start(&g, MODE_LONG, store);
	expect_hlt(&g);
	CHECK_OK(mprotect(g.ram + AREA, PAGE_BYTES, PROT_READ));
	guest_start(&g, MODE_LONG, store);
	CHECK_ERRNO(vcpu_ioctl_run(&g, 0), EFAULT);
}

static void
file_beyond_its_end_faults(void)
{
	int fd = memfd(PAGE_BYTES);

	guest_create(&g, 1);
	map_fixed(AREA_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	guest_start(&g, MODE_LONG, increment);
	expect_hlt(&g);
	CHECK_OK(ftruncate(fd, 0));
	CHECK_ERRNO(vcpu_ioctl_run(&g, 0), EFAULT);
	CHECK_OK(ftruncate(fd, PAGE_BYTES));
	expect_hlt(&g);
	CHECK_EQ(gpr(&g, VCPU_REGS_RBX), 1);
}

static void
memfd_is_shared_with_others_that_map_it(void)
{
	volatile uint64_t *other;
	int fd = memfd(AREA_BYTES), i;

	guest_create(&g, 1);
	map_fixed(AREA_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	other = mmap(NULL, AREA_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
	    0);
	CHECK(other != MAP_FAILED);
	guest_start(&g, MODE_LONG, increment);
	for (i = 0; i < 20; i++) {
		*other = i * 3;
		expect_hlt(&g);
		CHECK_EQ(*other, i * 3 + 1);
	}
}

static void
punched_hole_gives_the_memory_back(void)
{
	int fd = memfd(AREA_BYTES);
	struct stat st;

	guest_create(&g, 1);
	map_fixed(AREA_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	guest_start(&g, MODE_LONG, increment);
	expect_hlt(&g);
	CHECK_OK(fstat(fd, &st));
	CHECK(st.st_blocks > 0);
	CHECK_OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
	    AREA_BYTES));
	CHECK_OK(fstat(fd, &st));
	CHECK_EQ(st.st_blocks, 0);
	expect_hlt(&g);
	CHECK_EQ(gpr(&g, VCPU_REGS_RBX), 1);
}

static void
private_file_mapping_is_copied_on_write(void)
{
	uint64_t word = 0x100;
	int fd = memfd(AREA_BYTES);

	CHECK_EQ(pwrite(fd, &word, sizeof(word), 0), sizeof(word));
	guest_create(&g, 1);
	map_fixed(AREA_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd);
	guest_start(&g, MODE_LONG, load);
	expect_hlt(&g);
	CHECK_EQ(gpr(&g, VCPU_REGS_RBX), 0x100);
	guest_start(&g, MODE_LONG, increment);
	expect_hlt(&g);
	CHECK_EQ(gpr(&g, VCPU_REGS_RBX), 0x101);
	CHECK_EQ(ram_read(&g, AREA), 0x101);
	CHECK_EQ(pread(fd, &word, sizeof(word), 0), sizeof(word));
	CHECK_EQ(word, 0x100);
}

/* A child of fork(2) has a copy; the guest stays with the parent's memory. */
static void
fork_leaves_the_guest_with_the_parents_memory(void)
{
	int to[2], from[2];
	pid_t child;
	char c = 0;

	CHECK_OK(pipe(to));
	CHECK_OK(pipe(from));
	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, increment);
	expect_hlt(&g);
	if ((child = fork()) == 0) {
		CHECK_EQ(ram_read(&g, AREA), 1);
		CHECK_EQ(write(from[1], &c, 1), 1);
		CHECK_EQ(read(to[0], &c, 1), 1);
		/* What the guest wrote since did not come here. */
		CHECK_EQ(ram_read(&g, AREA), 1);
		ram_write(&g, AREA, 0x777);
		_exit(0);
	}
	CHECK_EQ(read(from[0], &c, 1), 1);
	expect_hlt(&g);
	CHECK_EQ(gpr(&g, VCPU_REGS_RBX), 2);
	CHECK_EQ(ram_read(&g, AREA), 2);
	CHECK_EQ(write(to[1], &c, 1), 1);
	test_join(child);
	expect_hlt(&g);
	CHECK_EQ(gpr(&g, VCPU_REGS_RBX), 3);
	CHECK_EQ(ram_read(&g, AREA), 3);
}

static void
fork_under_a_running_guest_keeps_them_apart(void)
{
	struct runner r;
	uint64_t seen;
	pid_t child;
	int i;

	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, increment_all);
	runner_start(&r, &g, 0, false);
	for (i = 0; i < 10; i++) {
		if ((child = fork()) == 0) {
			seen = ram_read(&g, AREA + PAGE_BYTES);
			test_sleep_ms(5);
			CHECK_EQ(ram_read(&g, AREA + PAGE_BYTES), seen);
			_exit(0);
		}
		test_join(child);
		guest_wait_count(&g);
	}
	ram_write(&g, GUEST_DATA + 8, 1);
	CHECK_EQ(runner_join(&r), EXIT_HLT);
	for (i = 0; i < 512; i++)
		CHECK_EQ(ram_read(&g, AREA + i * PAGE_BYTES),
		    ram_read(&g, GUEST_DATA));
}

static void
huge_pages_are_no_different(void)
{
	uint64_t off;
	struct runner r;
	int i;

	guest_create(&g, 1);
	/* Refused where the host has none. */
	(void)madvise(g.ram, GUEST_RAM, MADV_HUGEPAGE);
	guest_start(&g, MODE_LONG, increment_all);
	ram_write(&g, GUEST_DATA + 8, 1);
	runner_start(&r, &g, 0, false);
	CHECK_EQ(runner_join(&r), EXIT_HLT);
	for (off = 0; off < AREA_BYTES; off += PAGE_BYTES)
		CHECK_EQ(ram_read(&g, AREA + off), 1);
	/* Split it, and look whether the rest is still there. */
	CHECK_OK(madvise(g.ram + AREA + PAGE_BYTES, PAGE_BYTES,
	    MADV_DONTNEED));
	for (i = 0; i < 2; i++) {
		guest_start(&g, MODE_LONG, increment_all);
		runner_start(&r, &g, 0, false);
		CHECK_EQ(runner_join(&r), EXIT_HLT);
	}
	for (off = 0; off < AREA_BYTES; off += PAGE_BYTES)
		CHECK_EQ(ram_read(&g, AREA + off), off == PAGE_BYTES ? 2 : 3);
}

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE	25
#endif

static void
collapsed_memory_keeps_its_contents(void)
{
	uint64_t off;
	struct runner r;

	guest_create(&g, 1);
	CHECK_OK(madvise(g.ram, GUEST_RAM, MADV_NOHUGEPAGE));
	guest_start(&g, MODE_LONG, increment_all);
	runner_start(&r, &g, 0, false);
	CHECK_OK(madvise(g.ram, GUEST_RAM, MADV_HUGEPAGE));
	(void)madvise(g.ram + AREA, AREA_BYTES, MADV_COLLAPSE);
	guest_wait_count(&g);
	ram_write(&g, GUEST_DATA + 8, 1);
	CHECK_EQ(runner_join(&r), EXIT_HLT);
	for (off = 0; off < AREA_BYTES; off += PAGE_BYTES)
		CHECK_EQ(ram_read(&g, AREA + off), ram_read(&g, GUEST_DATA));
}

static void
two_vms_can_share_memory(void)
{
	struct guest other;

	guest_create(&g, 1);
	guest_create_on(&other, g.fd, 1, g.ram);
	guest_start(&g, MODE_LONG, increment);
	guest_start(&other, MODE_LONG, increment);
	expect_hlt(&g);
	expect_hlt(&other);
	expect_hlt(&g);
	CHECK_EQ(gpr(&g, VCPU_REGS_RBX), 3);
	CHECK_OK(madvise(g.ram + AREA, PAGE_BYTES, MADV_DONTNEED));
	expect_hlt(&other);
	CHECK_EQ(gpr(&other, VCPU_REGS_RBX), 1);
}

const struct test tests[] = {
	TEST(memory_comes_when_the_guest_touches_it),
	TEST(memory_starts_as_the_caller_has_it),
	TEST(caller_and_guest_see_each_others_writes),
	TEST(hole_in_the_callers_memory_faults_and_changes_nothing),
	TEST(unmapped_memory_is_gone_from_the_guest_too),
	TEST(discarded_memory_reads_as_zero),
	TEST(memory_goes_and_comes_under_a_running_guest),
	TEST(discarded_memory_is_gone_when_madvise_returns),
	TEST(memory_unmapped_under_a_running_guest_ends_the_run),
	TEST(memory_that_was_moved_away_is_gone),
	TEST(memory_that_the_caller_cannot_access_faults),
	TEST(memory_that_the_caller_cannot_write_can_only_be_read),
	TEST(file_beyond_its_end_faults),
	TEST(memfd_is_shared_with_others_that_map_it),
	TEST(punched_hole_gives_the_memory_back),
	TEST(private_file_mapping_is_copied_on_write),
	TEST(fork_leaves_the_guest_with_the_parents_memory),
	TEST(fork_under_a_running_guest_keeps_them_apart),
	TEST(huge_pages_are_no_different),
	TEST(collapsed_memory_keeps_its_contents),
	TEST(two_vms_can_share_memory),
	TEST_END
};

/* SPDX-License-Identifier: ISC */
/*
 * x87, SSE and AVX state of the host and of guests of vmm(4) are kept apart.
 */

#include <sys/syscall.h>

#include <pthread.h>

#include "guest.h"
#include "harness.h"

#define XMM_BYTES	256	/* 16 registers of 16 bytes */
#define YMM_BYTES	512
#define PATTERN		0x21000UL /* what a guest loads ... */
#define RESULT		0x22000UL /* ... and what it finds later */
#define ROUNDS		100

static struct guest	g;

#define FOR_EACH_REG(m)							\
    m(0) m(1) m(2) m(3) m(4) m(5) m(6) m(7)				\
    m(8) m(9) m(10) m(11) m(12) m(13) m(14) m(15)
#define XMM_LOAD(n)	"movups 16*" #n "(%[load]),%%xmm" #n "\n"
#define XMM_STORE(n)	"movups %%xmm" #n ",16*" #n "(%[store])\n"
#define YMM_LOAD(n)	"vmovups 32*" #n "(%[load]),%%ymm" #n "\n"
#define YMM_STORE(n)	"vmovups %%ymm" #n ",32*" #n "(%[store])\n"
#define GXMM_LOAD(n)	"movups 0x21000+16*" #n ",%xmm" #n "\n"
#define GXMM_STORE(n)	"movups %xmm" #n ",0x22000+16*" #n "\n"
#define GYMM_LOAD(n)	"vmovups 0x21000+32*" #n ",%ymm" #n "\n"
#define GYMM_STORE(n)	"vmovups %ymm" #n ",0x22000+32*" #n "\n"
#define VECTORS								\
    "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",	\
    "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15"
#define SSE_ON		"mov %cr4,%rax; or $0x600,%eax; mov %rax,%cr4\n"
#define AVX_ON								\
    "mov %cr4,%rax; or $0x40600,%eax; mov %rax,%cr4\n"			\
    "xor %ecx,%ecx; xor %edx,%edx; mov $7,%eax; xsetbv\n"

/* Load, then show again and again what is there. */
CODE64(xmm_guest, SSE_ON FOR_EACH_REG(GXMM_LOAD)
    "1: out %al,$0x10\n" FOR_EACH_REG(GXMM_STORE) "jmp 1b");
CODE64(ymm_guest, AVX_ON FOR_EACH_REG(GYMM_LOAD)
    "1: out %al,$0x10\n" FOR_EACH_REG(GYMM_STORE) "jmp 1b");

static void
pattern_fill(uint8_t *p, size_t n, unsigned int seed)
{
	size_t i;

	for (i = 0; i < n; i++)
		p[i] = i * 7 + seed * 31 + 1;
}

/*
 * Load the vector registers, RUN VCPU 0 by a bare system call, and store
 * them, with nothing of the compiler's between. Returns what RUN returned.
 */
static long
run_between_xmm(struct guest *vm, const uint8_t *load, uint8_t *store)
{
	long rax = SYS_ioctl;

	__asm__ volatile(FOR_EACH_REG(XMM_LOAD) "syscall\n"
	    FOR_EACH_REG(XMM_STORE) : "+a"(rax) : "D"((long)vm->fd),
	    "S"(VMM_IOC_RUN), "d"(&vm->cpu[0].vrp), [load] "r"(load),
	    [store] "r"(store) : "rcx", "r11", "memory", VECTORS);
	return rax;
}

static long
run_between_ymm(struct guest *vm, const uint8_t *load, uint8_t *store)
{
	long rax = SYS_ioctl;

	__asm__ volatile(FOR_EACH_REG(YMM_LOAD) "syscall\n"
	    FOR_EACH_REG(YMM_STORE) "vzeroupper" : "+a"(rax) :
	    "D"((long)vm->fd), "S"(VMM_IOC_RUN), "d"(&vm->cpu[0].vrp),
	    [load] "r"(load), [store] "r"(store) : "rcx", "r11", "memory",
	    VECTORS);
	return rax;
}

static void
answer(struct guest *vm)
{
	struct cpu *c = &vm->cpu[0];

	if (exit_kind(c->vrp.vrp_exit_reason) == EXIT_IO)
		c->exit.vrs.vrs_gprs[VCPU_REGS_RIP] += c->exit.vei.vei_insn_len;
	c->io_open = false;
}

static void
vectors_stay_apart(size_t bytes, long (*run)(struct guest *, const uint8_t *,
    uint8_t *), const uint8_t *start, const uint8_t *end)
{
	uint8_t host[YMM_BYTES], got[YMM_BYTES];
	int i;

	guest_create(&g, 1);
	pattern_fill(g.ram + PATTERN, bytes, 99);
	guest_start_cpu(&g, 0, MODE_LONG, GUEST_CODE, start, end);
	CHECK_EQ(guest_run(&g), EXIT_IO);
	CHECK_EQ(g.cpu[0].exit.vei.vei_port, 0x10);
	for (i = 0; i < ROUNDS; i++) {
		pattern_fill(host, bytes, i);
		memset(got, 0, bytes);
		memset(g.ram + RESULT, 0, bytes);
		answer(&g);
		CHECK_EQ(run(&g, host, got), 0);
		CHECK(memcmp(host, got, bytes) == 0);
		if (exit_kind(g.cpu[0].vrp.vrp_exit_reason) == EXIT_IO)
			CHECK(memcmp(g.ram + RESULT, g.ram + PATTERN,
			    bytes) == 0);
	}
}

static void
xmm_registers_of_host_and_guest_stay_apart(void)
{
	vectors_stay_apart(XMM_BYTES, run_between_xmm, xmm_guest,
	    xmm_guest_end);
}

static void
ymm_registers_of_host_and_guest_stay_apart(void)
{
	if (!host_has_avx())
		test_skip("no AVX");
	vectors_stay_apart(YMM_BYTES, run_between_ymm, ymm_guest,
	    ymm_guest_end);
}

static void
guests_stay_apart(size_t bytes, const uint8_t *start, const uint8_t *end)
{
	static struct guest other;
	struct guest *vm;
	int i;

	guest_create(&g, 1);
	guest_create(&other, 1);
	pattern_fill(g.ram + PATTERN, bytes, 3);
	pattern_fill(other.ram + PATTERN, bytes, 5);
	guest_start_cpu(&g, 0, MODE_LONG, GUEST_CODE, start, end);
	guest_start_cpu(&other, 0, MODE_LONG, GUEST_CODE, start, end);
	CHECK_EQ(guest_run(&g), EXIT_IO);
	CHECK_EQ(guest_run(&other), EXIT_IO);
	for (i = 0; i < 2 * ROUNDS; i++) {
		vm = i & 1 ? &g : &other;
		memset(vm->ram + RESULT, 0, bytes);
		CHECK_EQ(guest_run(vm), EXIT_IO);
		CHECK(memcmp(vm->ram + RESULT, vm->ram + PATTERN, bytes) == 0);
	}
}

static void
xmm_registers_of_two_guests_stay_apart(void)
{
	guests_stay_apart(XMM_BYTES, xmm_guest, xmm_guest_end);
}

static void
ymm_registers_of_two_guests_stay_apart(void)
{
	if (!host_has_avx())
		test_skip("no AVX");
	guests_stay_apart(YMM_BYTES, ymm_guest, ymm_guest_end);
}

/* The guest looks itself whether its registers change while it is preempted. */
CODE64(xmm_watch, "sti\n" SSE_ON
    "movups 0x21000,%xmm5; movups 0x21010,%xmm15; fninit; fldpi\n"
    "xor %ebx,%ebx\n"
    "1: incq 0x20000; movups %xmm5,0x22000; movups %xmm15,0x22010\n"
    "mov 0x22000,%rax; cmp 0x21000,%rax; jne 2f\n"
    "mov 0x22018,%rax; cmp 0x21018,%rax; jne 2f\n"
    "fld %st(0); fstpt 0x22020; mov 0x22020,%rax; cmp 0x21020,%rax; jne 2f\n"
    "cmpq $0,0x20008; je 1b; mov $0x600d,%ebx; 2: hlt");

static volatile int	stop;

static void *
neighbour(void *arg)
{
	uint8_t load[XMM_BYTES], store[XMM_BYTES];

	(void)arg;
	pattern_fill(load, sizeof(load), 77);
	while (!stop) {
		__asm__ volatile(FOR_EACH_REG(XMM_LOAD) "fninit; fldz\n"
		    FOR_EACH_REG(XMM_STORE) "fninit\n" : :
		    [load] "r"(load), [store] "r"(store) : "memory", VECTORS);
		CHECK(memcmp(load, store, sizeof(load)) == 0);
	}
	return NULL;
}

static void
registers_survive_preemption_on_both_sides(void)
{
	static const uint64_t pi = 0xc90fdaa22168c235;
	pthread_t threads[3];
	struct runner r;
	int i;

	guest_create(&g, 1);
	pattern_fill(g.ram + PATTERN, 32, 9);
	ram_write(&g, PATTERN + 32, pi);
	guest_start(&g, MODE_LONG, xmm_watch);
	for (i = 0; i < 3; i++)
		CHECK_OK(pthread_create(&threads[i], NULL, neighbour, NULL));
	runner_start(&r, &g, 0, false);
	test_sleep_ms(1000);
	ram_write(&g, GUEST_DATA + 8, 1);
	CHECK_EQ(runner_join(&r), EXIT_HLT);
	CHECK_EQ(gpr(&g, VCPU_REGS_RBX), 0x600d);
	stop = 1;
	for (i = 0; i < 3; i++)
		CHECK_OK(pthread_join(threads[i], NULL));
}

CODE64(fxsave_first, SSE_ON "fxsave64 0x22000; hlt");
CODE64(ymm_first, AVX_ON FOR_EACH_REG(GYMM_STORE) "hlt");

static void
guest_starts_with_nothing_of_the_hosts(void)
{
	uint8_t host[YMM_BYTES], got[YMM_BYTES];
	size_t i;

	guest_create(&g, 1);
	pattern_fill(host, sizeof(host), 1);
	guest_start(&g, MODE_LONG, fxsave_first);
	do {
		CHECK_EQ(run_between_xmm(&g, host, got), 0);
	} while (g.cpu[0].vrp.vrp_exit_reason == VM_EXIT_NONE);
	CHECK_EQ(exit_kind(g.cpu[0].vrp.vrp_exit_reason), EXIT_HLT);
	CHECK_EQ(ram_read(&g, RESULT + 24) & 0xffffffff, 0x1f80);
	for (i = 32; i < 32 + 128 + XMM_BYTES; i += 8)
		CHECK_EQ(ram_read(&g, RESULT + i), 0);
	if (!host_has_avx())
		return;
	guest_start(&g, MODE_LONG, ymm_first);
	memset(g.ram + RESULT, 0xff, YMM_BYTES);
	do {
		CHECK_EQ(run_between_ymm(&g, host, got), 0);
	} while (g.cpu[0].vrp.vrp_exit_reason == VM_EXIT_NONE);
	CHECK_EQ(exit_kind(g.cpu[0].vrp.vrp_exit_reason), EXIT_HLT);
	for (i = 0; i < YMM_BYTES; i += 8)
		CHECK_EQ(ram_read(&g, RESULT + i), 0);
}

CODE64(control_words, SSE_ON
    "movl $0x7f80,0x21000; ldmxcsr 0x21000; movw $0x27f,0x21008\n"
    "fninit; fldcw 0x21008; fld1; out %al,$0x10\n"
    "stmxcsr 0x22000; fnstcw 0x22008; fnstsw 0x22010; hlt");

static void
control_words_stay_apart(void)
{
	uint32_t mxcsr = 0x3f80, mxcsr_after;
	uint16_t cw = 0x0b7f, cw_after;
	long double before = 1.5L, after;

	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, control_words);
	CHECK_EQ(guest_run(&g), EXIT_IO);
	__asm__ volatile("ldmxcsr %0; fldcw %1" : : "m"(mxcsr), "m"(cw));
	__asm__ volatile("fldt %0" : : "m"(before));
	answer(&g);
	vcpu_ioctl_run(&g, 0);
	__asm__ volatile("fstpt %0" : "=m"(after));
	__asm__ volatile("stmxcsr %0; fnstcw %1" : "=m"(mxcsr_after),
	    "=m"(cw_after));
	CHECK_EQ(mxcsr_after & 0xffc0, mxcsr);
	CHECK_EQ(cw_after, cw);
	CHECK(before == after);
	CHECK_EQ(exit_kind(g.cpu[0].vrp.vrp_exit_reason), EXIT_HLT);
	CHECK_EQ(ram_read(&g, RESULT) & 0xffffffff, 0x7f80);
	CHECK_EQ(ram_read(&g, RESULT + 8) & 0xffff, 0x27f);
	/* One value on the guest's stack. */
	CHECK_EQ(ram_read(&g, RESULT + 16) & 0x3800, 0x3800);
}

CODE64(xcr0_guest,
    "mov %cr4,%rax; or $0x40600,%eax; mov %rax,%cr4\n"
    "xor %ecx,%ecx; xor %edx,%edx; mov %ebx,%eax; xsetbv\n"
    "1: out %al,$0x10; xor %ecx,%ecx; xgetbv; mov %eax,%esi; jmp 1b");

static uint32_t
host_xcr0(void)
{
	uint32_t eax, edx;

	__asm__ volatile("xgetbv" : "=a"(eax), "=d"(edx) : "c"(0));
	return eax;
}

static void
xcr0_of_host_and_guests_stay_apart(void)
{
	static const uint32_t want[2] = { XFEATURE_X87,
	    XFEATURE_X87 | XFEATURE_SSE | XFEATURE_AVX };
	static struct guest vm[2];
	uint32_t host;
	int i;

	if (!host_has_avx())
		test_skip("no AVX");
	host = host_xcr0();
	for (i = 0; i < 2; i++) {
		guest_create(&vm[i], 1);
		guest_start(&vm[i], MODE_LONG, xcr0_guest);
		gpr_write(&vm[i], VCPU_REGS_RBX, want[i]);
		CHECK_EQ(guest_run(&vm[i]), EXIT_IO);
	}
	for (i = 0; i < ROUNDS; i++) {
		CHECK_EQ(guest_run(&vm[i & 1]), EXIT_IO);
		CHECK_EQ(gpr(&vm[i & 1], VCPU_REGS_RSI), want[i & 1]);
		CHECK_EQ(host_xcr0(), host);
	}
}

CODE64(task_switched,
    "mov %cr0,%rax; or $0x8,%eax; mov %rax,%cr0; out %al,$0x10; fld1");

static void
guest_with_ts_set_gets_nm_and_the_host_does_not(void)
{
	volatile double d = 1.5;

	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, task_switched);
	CHECK_EQ(guest_run(&g), EXIT_IO);
	d *= 2;
	expect_trap(&g, 7, NULL);
	d *= 2;
	CHECK(d == 6.0);
}

const struct test tests[] = {
	TEST(xmm_registers_of_host_and_guest_stay_apart),
	TEST(ymm_registers_of_host_and_guest_stay_apart),
	TEST(xmm_registers_of_two_guests_stay_apart),
	TEST(ymm_registers_of_two_guests_stay_apart),
	TEST(registers_survive_preemption_on_both_sides),
	TEST(guest_starts_with_nothing_of_the_hosts),
	TEST(control_words_stay_apart),
	TEST(xcr0_of_host_and_guests_stay_apart),
	TEST(guest_with_ts_set_gets_nm_and_the_host_does_not),
	TEST_END
};

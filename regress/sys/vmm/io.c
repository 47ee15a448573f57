/* SPDX-License-Identifier: ISC */
/*
 * Port accesses of guests of vmm(4), but for the string instructions: what
 * their exits say and how the answer reaches the guest.
 */

#include "guest.h"
#include "harness.h"

#define PORTS		0x10000

static struct guest	g;

static const struct vm_exit_inout *
vei(void)
{
	return &g.cpu[0].exit.vei;
}

struct access {
	const char	*insn;
	uint8_t		 dir;
	uint8_t		 size;
	uint8_t		 immediate;
	uint8_t		 len;
	uint16_t	 port;
	uint32_t	 data;
};

CODE64(accesses,
    "mov $0x89abcdef,%eax; mov $0xc0de,%edx\n"
    "out %al,$0x10; out %ax,$0x11; out %eax,$0x12\n"
    "out %al,%dx; out %ax,%dx; out %eax,%dx\n"
    "in $0x13,%al; in $0x14,%ax; in $0x15,%eax\n"
    "in %dx,%al; in %dx,%ax; in %dx,%eax\n"
    ".byte 0x48; out %eax,$0x16\n"	/* REX.W changes nothing */
    "hlt");

static const struct access accesses_want[] = {
	{ "outb imm", VEI_DIR_OUT, 1, 1, 2, 0x10, 0xef },
	{ "outw imm", VEI_DIR_OUT, 2, 1, 3, 0x11, 0xcdef },
	{ "outl imm", VEI_DIR_OUT, 4, 1, 2, 0x12, 0x89abcdef },
	{ "outb dx", VEI_DIR_OUT, 1, 0, 1, 0xc0de, 0xef },
	{ "outw dx", VEI_DIR_OUT, 2, 0, 2, 0xc0de, 0xcdef },
	{ "outl dx", VEI_DIR_OUT, 4, 0, 1, 0xc0de, 0x89abcdef },
	{ "inb imm", VEI_DIR_IN, 1, 1, 2, 0x13, 0 },
	{ "inw imm", VEI_DIR_IN, 2, 1, 3, 0x14, 0 },
	{ "inl imm", VEI_DIR_IN, 4, 1, 2, 0x15, 0 },
	{ "inb dx", VEI_DIR_IN, 1, 0, 1, 0xc0de, 0 },
	{ "inw dx", VEI_DIR_IN, 2, 0, 2, 0xc0de, 0 },
	{ "inl dx", VEI_DIR_IN, 4, 0, 1, 0xc0de, 0 },
	{ "rex.w outl imm", VEI_DIR_OUT, 4, 1, 3, 0x16, 0x89abcdef },
};

static void
exit_describes_the_access(void)
{
	const struct access *a;
	uint64_t rip = GUEST_CODE + 10;
	uint8_t immediate;
	size_t i;

	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, accesses);
	for (i = 0; i < sizeof(accesses_want) / sizeof(*a); i++) {
		a = &accesses_want[i];
		CHECK_EQ(guest_run(&g), EXIT_IO);
		/* AMD-V does not tell. */
		immediate = host_is_svm() ? 0 : a->immediate;
		if (vei()->vei_dir != a->dir || vei()->vei_size != a->size ||
		    vei()->vei_port != a->port ||
		    vei()->vei_insn_len != a->len ||
		    vei()->vei_encoding != immediate ||
		    vei()->vei_string != 0 || vei()->vei_rep != 0)
			FAIL("%s: dir %u size %u port %#x len %u imm %u",
			    a->insn, vei()->vei_dir, vei()->vei_size,
			    vei()->vei_port, vei()->vei_insn_len,
			    vei()->vei_encoding);
		if (a->dir == VEI_DIR_OUT)
			CHECK_EQ(vei()->vei_data, a->data);
		/* The answer to an IN leaves EAX as it is. */
		g.cpu[0].exit.vei.vei_data = 0x89abcdef;
		CHECK_EQ(gpr(&g, VCPU_REGS_RIP), rip);
		rip += a->len;
	}
	expect_hlt(&g);
}

CODE64(in_sizes,
    "mov $-1,%rax; in $0x10,%al; mov %rax,%r8\n"
    "mov $-1,%rax; in $0x10,%ax; mov %rax,%r9\n"
    "mov $-1,%rax; in $0x10,%eax; mov %rax,%r10; hlt");

static void
in_merges_the_answer_by_its_size(void)
{
	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, in_sizes);
	expect_in(&g, 0x10, 0x12345678);
	expect_in(&g, 0x10, 0x12345678);
	expect_in(&g, 0x10, 0x12345678);
	expect_hlt(&g);
	CHECK_EQ(gpr(&g, VCPU_REGS_R8), 0xffffffffffffff78);
	CHECK_EQ(gpr(&g, VCPU_REGS_R9), 0xffffffffffff5678);
	CHECK_EQ(gpr(&g, VCPU_REGS_R10), 0x12345678);
}

/* Read a port, then show what it said for a while. */
CODE64(in_then_spin,
    "in $0x10,%al; movzbl %al,%ebx; mov %rbx,0x20008\n"
    "xor %eax,%eax; sti; 1: incq 0x20000; cmpq $0,0x20010; je 1b; hlt");

static void
in_is_answered_once(void)
{
	unsigned int before;

	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, in_then_spin);
	expect_in(&g, 0x10, 0x5a);
	test_tick(10);
	before = test_ticks;
	do {
		CHECK_EQ(guest_run_once(&g), EXIT_NONE);
		/* The last exit was no port access any more. */
		g.cpu[0].exit.vei.vei_data = 0x77;
		g.cpu[0].exit.vrs.vrs_gprs[VCPU_REGS_RAX] = 0x88;
		g.cpu[0].exit.vrs.vrs_gprs[VCPU_REGS_RIP] = 0;
	} while (test_ticks < before + 5);
	test_tick(0);
	ram_write(&g, GUEST_DATA + 16, 1);
	expect_hlt(&g);
	CHECK_EQ(ram_read(&g, GUEST_DATA + 8), 0x5a);
	CHECK_EQ(gpr(&g, VCPU_REGS_RAX), 0);
}

CODE64(in_loop,
    "mov $1000,%ecx; xor %ebx,%ebx\n"
    "1: xor %eax,%eax; in $0x10,%al; movzbl %al,%eax; add %rax,%rbx\n"
    "dec %ecx; jnz 1b; hlt");

static void
in_loses_no_answer_to_signals(void)
{
	unsigned int i, sum = 0;

	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, in_loop);
	test_tick(1);
	for (i = 0; i < 1000; i++) {
		expect_in(&g, 0x10, i & 0xff);
		sum += i & 0xff;
	}
	expect_hlt(&g);
	CHECK_EQ(gpr(&g, VCPU_REGS_RBX), sum);
}

CODE64(out_keeps,
    "movabs $0x1122334455667788,%rax; mov $0x99,%ebx\n"
    "out %al,$0x10; hlt");

static void
out_changes_no_register(void)
{
	struct vcpu_reg_state *vrs = &g.cpu[0].exit.vrs;

	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, out_keeps);
	expect_out(&g, 0x10, 0x88);
	vrs->vrs_gprs[VCPU_REGS_RAX] = 0;
	vrs->vrs_gprs[VCPU_REGS_RBX] = 0;
	vrs->vrs_crs[VCPU_REGS_CR3] = 0;
	vrs->vrs_sregs[VCPU_REGS_CS].vsi_base = 0x1000;
	g.cpu[0].exit.vei.vei_data = 0;
	expect_hlt(&g);
	CHECK_EQ(gpr(&g, VCPU_REGS_RAX), 0x1122334455667788);
	CHECK_EQ(gpr(&g, VCPU_REGS_RBX), 0x99);
}

static void
client_that_does_not_step_over_sees_the_access_again(void)
{
	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, out_keeps);
	expect_out(&g, 0x10, 0x88);
	g.cpu[0].io_open = false;
	expect_out(&g, 0x10, 0x88);
	CHECK_EQ(gpr(&g, VCPU_REGS_RIP), GUEST_CODE + 15);
	expect_hlt(&g);
}

static void
reset_drops_the_answer(void)
{
	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, in_sizes);
	expect_in(&g, 0x10, 0x12345678);
	guest_start(&g, MODE_LONG, out_keeps);
	g.cpu[0].exit.vrs.vrs_gprs[VCPU_REGS_RIP] = 0;
	expect_out(&g, 0x10, 0x88);
	expect_hlt(&g);
	CHECK_EQ(gpr(&g, VCPU_REGS_RAX), 0x1122334455667788);
}

static void
answer_that_no_cpu_could_have_is_refused(void)
{
	struct vm_exit *e = &g.cpu[0].exit;
	uint64_t rip;

	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, in_sizes);
	expect_in(&g, 0x10, 0x5a);
	g.cpu[0].io_open = false;
	rip = gpr(&g, VCPU_REGS_RIP) + e->vei.vei_insn_len;
	e->vrs.vrs_gprs[VCPU_REGS_RIP] = 0x8000000000000000;
	CHECK_ERRNO(vcpu_ioctl_run(&g, 0), EINVAL);
	CHECK_ERRNO(vcpu_ioctl_run(&g, 0), EINVAL);
	e->vrs.vrs_gprs[VCPU_REGS_RIP] = rip;
	expect_in(&g, 0x10, 0);
	CHECK_EQ(gpr(&g, VCPU_REGS_R8), 0xffffffffffffff5a);
}

CODE64(all_ports,
    "xor %edx,%edx; 1: in %dx,%al; inc %dx; jnz 1b; hlt");

static void
no_port_reaches_the_host(void)
{
	unsigned int port;

	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, all_ports);
	for (port = 0; port < PORTS; port++)
		expect_in(&g, port, 0);
	expect_hlt(&g);
}

CODE64(user_io,
    "pushq $0x3b; pushq $0xd000; pushq $0x2; pushq $0x43\n"
    "lea 1f(%rip),%rax; push %rax; iretq\n"
    "1: out %al,$0x10; nop; nop");

static void
ring3_without_iopl_gets_gp_instead_of_the_port(void)
{
	struct trap t;

	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, user_io);
	expect_trap(&g, 13, &t);
	CHECK_EQ(t.error, 0);
	CHECK_EQ(t.cs, SEL_UCODE64);
	CHECK_EQ(t.rip, GUEST_CODE + (user_io_end - user_io) - 4);
}

CODE16(io16, "mov $0xbeef,%ax; mov $0x123,%dx; out %ax,%dx; in $0x60,%al;"
    "mov %al,%bl; hlt");
CODE32(io32, "mov $0x89abbeef,%eax; mov $0x123,%edx; out %ax,%dx;"
    "in $0x60,%al; mov %al,%bl; hlt");

static void
io_in_mode(enum mode mode, const uint8_t *start, const uint8_t *end)
{
	guest_start_cpu(&g, 0, mode, GUEST_CODE, start, end);
	expect_out(&g, 0x123, 0xbeef);
	CHECK_EQ(vei()->vei_size, 2);
	CHECK_EQ(vei()->vei_insn_len, mode == MODE_REAL ? 1 : 2);
	expect_in(&g, 0x60, 0xa7);
	expect_hlt(&g);
	CHECK_EQ(gpr(&g, VCPU_REGS_RBX) & 0xff, 0xa7);
}

static void
io_works_in_every_mode(void)
{
	guest_create(&g, 1);
	io_in_mode(MODE_REAL, io16, io16_end);
	io_in_mode(MODE_FLAT32, io32, io32_end);
	io_in_mode(MODE_PAGED32, io32, io32_end);
	io_in_mode(MODE_PAE, io32, io32_end);
	io_in_mode(MODE_LONG, io32, io32_end);
}

/* Single-step over a port access. */
CODE64(traced_out,
    "pushf; orl $0x100,(%rsp); popf; out %al,$0x10; nop; hlt");

static void
single_step_over_an_access_traps_behind_it(void)
{
	struct trap t;

	single_step_or_skip();
	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, traced_out);
	expect_out(&g, 0x10, 0);
	expect_trap(&g, 1, &t);
	CHECK_EQ(t.rip, GUEST_CODE + (traced_out_end - traced_out) - 2);
}

const struct test tests[] = {
	TEST(exit_describes_the_access),
	TEST(in_merges_the_answer_by_its_size),
	TEST(in_is_answered_once),
	TEST(in_loses_no_answer_to_signals),
	TEST(out_changes_no_register),
	TEST(client_that_does_not_step_over_sees_the_access_again),
	TEST(reset_drops_the_answer),
	TEST(answer_that_no_cpu_could_have_is_refused),
	TEST(no_port_reaches_the_host),
	TEST(ring3_without_iopl_gets_gp_instead_of_the_port),
	TEST(io_works_in_every_mode),
	TEST(single_step_over_an_access_traps_behind_it),
	TEST_END
};

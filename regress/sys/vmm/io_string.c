/* SPDX-License-Identifier: ISC */
/*
 * INS and OUTS in guests of vmm(4), which the client carries out.
 */

#include "guest.h"
#include "harness.h"

static struct guest	g;

static const struct vm_exit_inout *
vei(void)
{
	return &g.cpu[0].exit.vei;
}

static void
expect_string(uint8_t dir, uint8_t size, uint8_t rep, uint16_t port)
{
	expect_exit(&g, EXIT_IO);
	CHECK_EQ(vei()->vei_string, 1);
	CHECK_EQ(vei()->vei_dir, dir);
	CHECK_EQ(vei()->vei_size, size);
	CHECK_EQ(vei()->vei_rep, rep);
	CHECK_EQ(vei()->vei_port, port);
	CHECK_EQ(vei()->vei_encoding, 0);
}

static void
step_over(void)
{
	g.cpu[0].exit.vrs.vrs_gprs[VCPU_REGS_RIP] += vei()->vei_insn_len;
}

/* Carry out n units of the instruction in the client. */
static void
emulate(unsigned int n)
{
	struct vcpu_reg_state *vrs = &g.cpu[0].exit.vrs;
	unsigned int reg;

	reg = vei()->vei_dir == VEI_DIR_IN ? VCPU_REGS_RDI : VCPU_REGS_RSI;
	vrs->vrs_gprs[reg] += n * vei()->vei_size;
	if (vei()->vei_rep)
		vrs->vrs_gprs[VCPU_REGS_RCX] -= n;
	if (!vei()->vei_rep || vrs->vrs_gprs[VCPU_REGS_RCX] == 0)
		step_over();
}

CODE64(strings,
    "mov $0x20000,%esi; mov $0x21000,%edi; mov $0x10,%edx\n"
    "outsb; insw; mov $5,%ecx; rep outsl; mov $7,%ecx; rep insb\n"
    "mov $0x77,%eax; hlt");

static void
string_exits_say_what_they_are(void)
{
	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, strings);
	expect_string(VEI_DIR_OUT, 1, 0, 0x10);
	CHECK_EQ(vei()->vei_insn_len, 1);
	emulate(1);
	expect_string(VEI_DIR_IN, 2, 0, 0x10);
	CHECK_EQ(vei()->vei_insn_len, 2);
	emulate(1);
	expect_string(VEI_DIR_OUT, 4, 1, 0x10);
	CHECK_EQ(vei()->vei_insn_len, 2);
	CHECK_EQ(gpr(&g, VCPU_REGS_RCX), 5);
	emulate(5);
	expect_string(VEI_DIR_IN, 1, 1, 0x10);
	emulate(7);
	expect_hlt(&g);
	CHECK_EQ(gpr(&g, VCPU_REGS_RSI), 0x20000 + 1 + 5 * 4);
	CHECK_EQ(gpr(&g, VCPU_REGS_RDI), 0x21000 + 2 + 7);
	CHECK_EQ(gpr(&g, VCPU_REGS_RCX), 0);
	CHECK_EQ(gpr(&g, VCPU_REGS_RAX), 0x77);
}

static void
string_exit_comes_again_for_what_the_client_left(void)
{
	unsigned int left;

	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, strings);
	expect_string(VEI_DIR_OUT, 1, 0, 0x10);
	emulate(1);
	expect_string(VEI_DIR_IN, 2, 0, 0x10);
	emulate(1);
	for (left = 5; left > 0; left--) {
		expect_string(VEI_DIR_OUT, 4, 1, 0x10);
		CHECK_EQ(gpr(&g, VCPU_REGS_RCX), left);
		CHECK_EQ(gpr(&g, VCPU_REGS_RSI), 0x20001 + (5 - left) * 4);
		emulate(1);
	}
	expect_string(VEI_DIR_IN, 1, 1, 0x10);
}

CODE64(one_insb, "mov $0x20000,%edi; insb; hlt");

static void
client_sets_every_general_register_at_a_string_exit(void)
{
	struct vcpu_reg_state *vrs = &g.cpu[0].exit.vrs;
	unsigned int i;

	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, one_insb);
	expect_string(VEI_DIR_IN, 1, 0, 0);
	step_over();
	for (i = 0; i < VCPU_REGS_RIP; i++)
		vrs->vrs_gprs[i] = 0x1000 + i;
	vrs->vrs_gprs[VCPU_REGS_RFLAGS] |= PSL_C;
	/* Not the answer to a plain IN. */
	g.cpu[0].exit.vei.vei_data = 0xff;
	expect_hlt(&g);
	for (i = 0; i < VCPU_REGS_RIP; i++)
		CHECK_EQ(gpr(&g, i), 0x1000 + i);
	CHECK_EQ(gpr(&g, VCPU_REGS_RFLAGS) & PSL_C, PSL_C);
}

CODE16(string16, "mov $0x61,%dx; mov $0x200,%di; mov $3,%cx; rep insb; hlt");
CODE32(string32, "mov $0x61,%edx; mov $0x20000,%edi; mov $3,%ecx; rep insb;"
    "hlt");

static void
string_in_mode(enum mode mode, const uint8_t *start, const uint8_t *end)
{
	guest_start_cpu(&g, 0, mode, GUEST_CODE, start, end);
	expect_string(VEI_DIR_IN, 1, 1, 0x61);
	emulate(3);
	expect_hlt(&g);
	CHECK_EQ(gpr(&g, VCPU_REGS_RCX), 0);
}

static void
string_exits_come_in_every_mode(void)
{
	guest_create(&g, 1);
	string_in_mode(MODE_REAL, string16, string16_end);
	string_in_mode(MODE_FLAT32, string32, string32_end);
	string_in_mode(MODE_PAGED32, string32, string32_end);
	string_in_mode(MODE_PAE, string32, string32_end);
	string_in_mode(MODE_LONG, string32, string32_end);
}

CODE64(rep_nothing, "xor %ecx,%ecx; rep outsb; hlt");

static void
rep_of_nothing_does_nothing(void)
{
	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, rep_nothing);
	/* Some CPUs tell us of it all the same. */
	if (guest_run(&g) == EXIT_IO) {
		CHECK_EQ(gpr(&g, VCPU_REGS_RCX), 0);
		step_over();
		guest_run(&g);
	}
	CHECK_EQ(gpr(&g, VCPU_REGS_RIP), GUEST_CODE + (rep_nothing_end -
	    rep_nothing));
	CHECK_EQ(gpr(&g, VCPU_REGS_RSI), 0);
}

const struct test tests[] = {
	TEST(string_exits_say_what_they_are),
	TEST(string_exit_comes_again_for_what_the_client_left),
	TEST(client_sets_every_general_register_at_a_string_exit),
	TEST(string_exits_come_in_every_mode),
	TEST(rep_of_nothing_does_nothing),
	TEST_END
};

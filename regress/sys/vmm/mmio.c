/* SPDX-License-Identifier: ISC */
/*
 * Accesses of guests of vmm(4) to where there is no memory, which the client
 * carries out.
 */

#include "guest.h"
#include "harness.h"

static struct guest	g;

CODE64(load, "mov 0x2000010,%ebx; hlt");
CODE64(store, "mov $0x55,%eax; mov %eax,0x2000020; hlt");
CODE64(jump, "mov $0x2000030,%eax; jmp *%rax");
CODE64(last_byte, "mov 0xfffffc,%rbx; hlt");
CODE64(far_away, "movabs $0xfee00020,%rax; mov (%rax),%ebx; hlt");

static const struct vm_exit_eptviolation *
vee(void)
{
	return &g.cpu[0].exit.vee;
}

/* If the CPU told what the instruction is, it must be this one. */
static void
check_bytes(const uint8_t *insn, unsigned int len)
{
	if (vee()->vee_insn_info & VEE_LEN_VALID)
		CHECK_EQ(vee()->vee_insn_len, len);
	if (vee()->vee_insn_info & VEE_BYTES_VALID)
		CHECK(memcmp(vee()->vee_insn_bytes, insn, len) == 0);
	CHECK_EQ(vee()->vee_insn_info & ~(VEE_LEN_VALID | VEE_BYTES_VALID |
	    VEE_GPA_VALID), 0);
}

static void
load_exits_and_the_client_answers(void)
{
	struct vcpu_reg_state *vrs = &g.cpu[0].exit.vrs;

	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, load);
	expect_fault(&g, VEE_FAULT_MMIO_ASSIST, GUEST_HOLE + 0x10);
	CHECK_EQ(gpr(&g, VCPU_REGS_RIP), GUEST_CODE);
	check_bytes(load, 7);
	vrs->vrs_gprs[VCPU_REGS_RBX] = 0x12345678;
	vrs->vrs_gprs[VCPU_REGS_RIP] += 7;
	expect_hlt(&g);
	CHECK_EQ(gpr(&g, VCPU_REGS_RBX), 0x12345678);
}

static void
store_exits_and_the_client_steps_over_it(void)
{
	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, store);
	expect_fault(&g, VEE_FAULT_MMIO_ASSIST, GUEST_HOLE + 0x20);
	CHECK_EQ(gpr(&g, VCPU_REGS_RIP), GUEST_CODE + 5);
	CHECK_EQ(gpr(&g, VCPU_REGS_RAX), 0x55);
	g.cpu[0].exit.vrs.vrs_gprs[VCPU_REGS_RIP] += 7;
	expect_hlt(&g);
}

static void
client_sets_every_general_register(void)
{
	struct vcpu_reg_state *vrs = &g.cpu[0].exit.vrs;
	unsigned int i;

	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, load);
	expect_fault(&g, VEE_FAULT_MMIO_ASSIST, GUEST_HOLE + 0x10);
	for (i = 0; i < VCPU_REGS_RIP; i++)
		vrs->vrs_gprs[i] = 0x1000 + i;
	vrs->vrs_gprs[VCPU_REGS_RIP] += 7;
	vrs->vrs_gprs[VCPU_REGS_RFLAGS] |= PSL_C | PSL_N;
	expect_hlt(&g);
	for (i = 0; i < VCPU_REGS_RIP; i++)
		CHECK_EQ(gpr(&g, i), 0x1000 + i);
	CHECK_EQ(gpr(&g, VCPU_REGS_RFLAGS), PSL_MBO | PSL_C | PSL_N);
}

static void
nothing_but_the_general_registers_is_taken(void)
{
	struct vcpu_reg_state *vrs = &g.cpu[0].exit.vrs;

	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, load);
	expect_fault(&g, VEE_FAULT_MMIO_ASSIST, GUEST_HOLE + 0x10);
	vrs->vrs_gprs[VCPU_REGS_RIP] += 7;
	vrs->vrs_crs[VCPU_REGS_CR3] = 0;
	vrs->vrs_crs[VCPU_REGS_CR0] = 0;
	vrs->vrs_msrs[VCPU_REGS_EFER] = 0;
	vrs->vrs_sregs[VCPU_REGS_CS].vsi_base = 0x5000;
	vrs->vrs_idtr.vsi_base = 0;
	expect_hlt(&g);
	CHECK_EQ(vrs->vrs_crs[VCPU_REGS_CR3], GUEST_PML4);
	CHECK_EQ(vrs->vrs_sregs[VCPU_REGS_CS].vsi_base, 0);
}

static void
access_that_the_client_leaves_exits_again(void)
{
	int i;

	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, load);
	for (i = 0; i < 5; i++) {
		expect_fault(&g, VEE_FAULT_MMIO_ASSIST, GUEST_HOLE + 0x10);
		CHECK_EQ(gpr(&g, VCPU_REGS_RIP), GUEST_CODE);
	}
}

static void
code_outside_memory_exits(void)
{
	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, jump);
	expect_fault(&g, VEE_FAULT_MMIO_ASSIST, GUEST_HOLE + 0x30);
	CHECK_EQ(gpr(&g, VCPU_REGS_RIP), GUEST_HOLE + 0x30);
}

static void
access_across_the_end_of_memory_exits(void)
{
	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, last_byte);
	expect_fault(&g, VEE_FAULT_MMIO_ASSIST, GUEST_RAM);
}

static void
page_tables_outside_memory_exit(void)
{
	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, load);
	ram_write(&g, GUEST_PDPT, GUEST_HOLE | 7);
	CHECK_EQ(guest_run(&g), EXIT_FAULT);
	CHECK_EQ(vee()->vee_fault_type, VEE_FAULT_MMIO_ASSIST);
	CHECK_EQ(vee()->vee_gpa & -PAGE_BYTES, GUEST_HOLE);
}

static void
local_apic_address_is_nothing_special(void)
{
	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, far_away);
	expect_fault(&g, VEE_FAULT_MMIO_ASSIST, 0xfee00020);
}

static void
mmio_range_exits_even_between_memory(void)
{
	struct vm_create_params vcp;
	struct vm_mem_range *r;

	memset(&g, 0, sizeof(g));
	g.fd = vmm_open();
	g.ram = memory_alloc(GUEST_RAM);
	create_params(&vcp, 1, g.ram, 0x400000);
	vcp.vcp_nmemranges = 3;
	r = vcp.vcp_memranges;
	r[1] = r[2] = r[0];
	r[1].vmr_gpa = 0x400000;
	r[1].vmr_va = 0;
	r[1].vmr_size = PAGE_BYTES;
	r[1].vmr_type = VM_MEM_MMIO;
	r[2].vmr_gpa = 0x400000 + PAGE_BYTES;
	r[2].vmr_va += r[2].vmr_gpa;
	r[2].vmr_type = VM_MEM_RESERVED;
	CHECK_OK(ioctl(g.fd, VMM_IOC_CREATE, &vcp));
	g.id = g.cpu[0].vrp.vrp_vm_id = vcp.vcp_id;
	g.cpu[0].vrp.vrp_exit = &g.cpu[0].exit;
	guest_start(&g, MODE_LONG, load);
	gpr_write(&g, VCPU_REGS_RIP, GUEST_CODE + 64);
	/* mov 0x400ff8,%rbx; mov 0x401000,%rcx; mov %rcx,0x402000; hlt */
	memcpy(g.ram + GUEST_CODE + 64,
	    "\x48\x8b\x1c\x25\xf8\x0f\x40\x00\x48\x8b\x0c\x25\x00\x10\x40\x00"
	    "\x48\x89\x0c\x25\x00\x20\x40\x00\xf4", 25);
	ram_write(&g, 0x401000, 0x1234);
	expect_fault(&g, VEE_FAULT_MMIO_ASSIST, 0x400ff8);
	g.cpu[0].exit.vrs.vrs_gprs[VCPU_REGS_RIP] += 8;
	expect_hlt(&g);
	CHECK_EQ(gpr(&g, VCPU_REGS_RCX), 0x1234);
	CHECK_EQ(ram_read(&g, 0x402000), 0x1234);
	CHECK_EQ(ram_read(&g, 0x400ff8), 0);
}

static void
injected_fault_replaces_the_access(void)
{
	struct trap t;

	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, load);
	expect_fault(&g, VEE_FAULT_MMIO_ASSIST, GUEST_HOLE + 0x10);
	inject(&g, VCPU_INJECT_EX, 13, 0);
	expect_trap(&g, 13, &t);
	CHECK_EQ(t.rip, GUEST_CODE);
	CHECK_EQ(t.error, 0);
}

CODE64(traced_load,
    "pushf; orl $0x100,(%rsp); popf; mov 0x2000010,%ebx; nop; hlt");

static void
single_step_over_the_access_traps_behind_it(void)
{
	struct trap t;

	single_step_or_skip();
	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, traced_load);
	expect_fault(&g, VEE_FAULT_MMIO_ASSIST, GUEST_HOLE + 0x10);
	g.cpu[0].exit.vrs.vrs_gprs[VCPU_REGS_RIP] += 7;
	expect_trap(&g, 1, &t);
	CHECK_EQ(t.rip, GUEST_CODE + (traced_load_end - traced_load) - 2);
}

const struct test tests[] = {
	TEST(load_exits_and_the_client_answers),
	TEST(store_exits_and_the_client_steps_over_it),
	TEST(client_sets_every_general_register),
	TEST(nothing_but_the_general_registers_is_taken),
	TEST(access_that_the_client_leaves_exits_again),
	TEST(code_outside_memory_exits),
	TEST(access_across_the_end_of_memory_exits),
	TEST(page_tables_outside_memory_exit),
	TEST(local_apic_address_is_nothing_special),
	TEST(mmio_range_exits_even_between_memory),
	TEST(injected_fault_replaces_the_access),
	TEST(single_step_over_the_access_traps_behind_it),
	TEST_END
};

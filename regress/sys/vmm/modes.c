/* SPDX-License-Identifier: ISC */
/*
 * Guests of vmm(4) in each mode of the processor, and on their way from one
 * to the other.
 */

#include "guest.h"
#include "harness.h"

#define LOW_CODE	0xc000UL	/* for code in 16-bit segments */
#define PT		0x30000UL	/* a page table of 4 KiB pages */
#define AREA		0x400000UL	/* what it maps */
#define PTE_ALL		7ULL
#define PTE_NX		(1ULL << 63)
#define VECTOR		0x40

static struct guest	g;

CODE16(loop16, "1: out %al,$0x10; jmp 1b");
CODE32(loop32, "1: out %al,$0x10; jmp 1b");

static void
interrupt_in(enum mode mode)
{
	struct trap t;

	if (mode == MODE_REAL)
		guest_start(&g, mode, loop16);
	else
		guest_start(&g, mode, loop32);
	gpr_write(&g, VCPU_REGS_RFLAGS, PSL_MBO | PSL_I);
	expect_out(&g, 0x10, 0);
	inject(&g, VCPU_INJECT_INTR, VECTOR, 0);
	expect_trap(&g, VECTOR, &t);
	CHECK_EQ(t.rip, mode == MODE_REAL ? 2 : GUEST_CODE + 2);
	CHECK_EQ(t.rflags & PSL_I, PSL_I);
	expect_out(&g, 0x10, 0);
}

static void
interrupts_come_and_return_in_every_mode(void)
{
	enum mode mode;

	guest_create(&g, 1);
	for (mode = 0; mode < MODE_COUNT; mode++)
		interrupt_in(mode);
}

/*
 * From real mode to 64-bit mode and back. %c is where the code is: its
 * selector's base is 0 in protected mode.
 */
#define AT(label)	"$(" label " - trip + 0xc000)"

CODE16(trip,
    "cli; lgdtl %cs:(9f - trip)\n"
    "mov $0x16,%al; out %al,$0x10\n"
    "mov %cr0,%eax; or $1,%al; mov %eax,%cr0\n"
    "ljmpl $0x08," AT("1f") "\n"
    ".code32\n"
    "1: mov $0x10,%eax; mov %eax,%ds; mov %eax,%es; mov %eax,%ss\n"
    "mov $0x32,%al; out %al,$0x10\n"
    "mov %cr4,%eax; or $0x20,%eax; mov %eax,%cr4\n"
    "mov $0x3000,%eax; mov %eax,%cr3\n"
    "mov $0xc0000080,%ecx; rdmsr; or $0x100,%eax; wrmsr\n"
    "mov %cr0,%eax; or $0x80000000,%eax; mov %eax,%cr0\n"
    "mov $0x33,%al; out %al,$0x10\n"	/* compatibility mode */
    "ljmpl $0x18," AT("2f") "\n"
    ".code64\n"
    "2: movabs $0x123456789abcdef0,%rbx; mov %rbx,%r8\n"
    "mov $0x64,%al; out %al,$0x10\n"
    "pushq $0x08; pushq " AT("3f") "; lretq\n"
    ".code32\n"
    "3: mov %cr0,%eax; and $0x7fffffff,%eax; mov %eax,%cr0\n"
    "mov $0xc0000080,%ecx; rdmsr; and $~0x100,%eax; wrmsr\n"
    "mov $0x34,%al; out %al,$0x10\n"
    "ljmpl $0x48," AT("4f") "\n"
    ".code16\n"
    "4: mov $0x50,%ax; mov %ax,%ds; mov %ax,%es; mov %ax,%ss\n"
    "mov %cr0,%eax; and $~1,%al; mov %eax,%cr0\n"
    "ljmp $0xc00,$(5f - trip)\n"
    "5: xor %ax,%ax; mov %ax,%ds; mov %ax,%ss\n"
    "mov $0x17,%al; out %al,$0x10; hlt\n"
    "9: .word 0x57; .long 0x1000\n");

static void
guest_goes_from_real_to_64_bit_mode_and_back(void)
{
	const struct vcpu_reg_state *vrs = &g.cpu[0].exit.vrs;
	int i;

	guest_create(&g, 1);
	for (i = 0; i < 3; i++) {
		guest_start_cpu(&g, 0, MODE_REAL, LOW_CODE, trip, trip_end);
		expect_out(&g, 0x10, 0x16);
		CHECK_EQ(vrs->vrs_crs[VCPU_REGS_CR0] & CR0_PE, 0);
		expect_out(&g, 0x10, 0x32);
		CHECK_EQ(vrs->vrs_crs[VCPU_REGS_CR0] & (CR0_PE | CR0_PG),
		    CR0_PE);
		CHECK_EQ(vrs->vrs_sregs[VCPU_REGS_CS].vsi_sel, SEL_CODE32);
		expect_out(&g, 0x10, 0x33);
		CHECK_EQ(vrs->vrs_msrs[VCPU_REGS_EFER], EFER_LME | EFER_LMA);
		expect_out(&g, 0x10, 0x64);
		CHECK_EQ(gpr(&g, VCPU_REGS_R8), 0x123456789abcdef0);
		CHECK_EQ(vrs->vrs_sregs[VCPU_REGS_CS].vsi_ar & 0x2000, 0x2000);
		expect_out(&g, 0x10, 0x34);
		CHECK_EQ(vrs->vrs_msrs[VCPU_REGS_EFER], 0);
		CHECK_EQ(vrs->vrs_crs[VCPU_REGS_CR0] & (CR0_PE | CR0_PG),
		    CR0_PE);
		expect_out(&g, 0x10, 0x17);
		CHECK_EQ(vrs->vrs_crs[VCPU_REGS_CR0] & (CR0_PE | CR0_PG), 0);
		CHECK_EQ(vrs->vrs_sregs[VCPU_REGS_CS].vsi_base, LOW_CODE);
		expect_hlt(&g);
	}
}

CODE16(real, "push %cs; pop %ax; mov %ax,%bx; mov $0x1234,%ax; mov %ax,0x600\n"
    "mov $0x10,%ax; mov %ax,%es; mov $0x5678,%ax; mov %ax,%es:0x600\n"
    "int $0x21; sti; nop; hlt");

static void
real_mode_has_its_segments_and_vectors(void)
{
	struct trap t;

	guest_create(&g, 1);
	guest_start(&g, MODE_REAL, real);
	expect_trap(&g, 0x21, &t);
	CHECK_EQ(t.cs, GUEST_CODE >> 4);
	expect_hlt(&g);
	CHECK_EQ(gpr(&g, VCPU_REGS_RBX) & 0xffff, GUEST_CODE >> 4);
	CHECK_EQ(ram_read(&g, 0x600) & 0xffff, 0x1234);
	CHECK_EQ(ram_read(&g, 0x700) & 0xffff, 0x5678);
	CHECK_EQ(g.cpu[0].exit.vrs.vrs_sregs[VCPU_REGS_ES].vsi_base, 0x100);
}

CODE16(unreal, "lgdtl %cs:(9f - unreal); mov %cr0,%eax; or $1,%al\n"
    "mov %eax,%cr0; mov $0x10,%bx; mov %bx,%ds; and $~1,%al\n"
    "mov %eax,%cr0; mov $0x200000,%ebx; movl $0x12345678,(%ebx); hlt\n"
    "9: .word 0x57; .long 0x1000");

static void
big_real_mode_reaches_all_memory(void)
{
	guest_create(&g, 1);
	guest_start_cpu(&g, 0, MODE_REAL, LOW_CODE, unreal, unreal_end);
	expect_hlt(&g);
	CHECK_EQ(ram_read(&g, 0x200000), 0x12345678);
}

/* EFLAGS.VM with a stack, a code and data segments of its own. */
CODE32(enter_v86,
    "pushl $0; pushl $0; pushl $0; pushl $0; pushl $0; pushl $0xd000\n"
    "pushl $0x23002; pushl $0xc00; pushl $0; iret");
CODE16(in_v86, "mov $0x1234,%ax; mov %ax,0x600; ud2");

static void
virtual_8086_mode_runs_and_traps(void)
{
	struct trap t;

	if (host_is_qemu())
		test_skip("QEMU aborts");
	guest_create(&g, 1);
	guest_start(&g, MODE_PAGED32, enter_v86);
	guest_load(&g, LOW_CODE, in_v86, in_v86_end);
	expect_trap(&g, 6, &t);
	CHECK_EQ(t.rflags & PSL_VM, PSL_VM);
	CHECK_EQ(t.cs, 0xc00);
	CHECK_EQ(t.rip, in_v86_end - in_v86 - 2);
	CHECK_EQ(ram_read(&g, 0x600) & 0xffff, 0x1234);
	CHECK_EQ(gpr(&g, VCPU_REGS_RSP), GUEST_RSP0 - 9 * 4);
}

CODE64(compat, "pushq $0x08; lea 1f(%rip),%rax; push %rax; lretq\n"
    ".code32\n"
    "1: push %eax; inc %esp; dec %esp; ud2; mov $0x600d,%ebx; hlt\n"
    ".code64\n");

static void
compatibility_mode_traps_into_64_bit_mode(void)
{
	struct trap t;

	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, compat);
	expect_trap(&g, 6, &t);
	CHECK_EQ(t.cs, SEL_CODE32);
	trap_skip(&g, &t, 2);
	expect_hlt(&g);
	CHECK_EQ(gpr(&g, VCPU_REGS_RBX), 0x600d);
}

CODE64(syscall,
    "mov $0xc0000080,%ecx; rdmsr; or $1,%eax; wrmsr\n"
    "mov $0xc0000081,%ecx; xor %eax,%eax; mov $0x00300018,%edx; wrmsr\n"
    "mov $0xc0000082,%ecx; lea 2f(%rip),%rax; xor %edx,%edx; wrmsr\n"
    "mov $0xc0000084,%ecx; mov $0x400,%eax; wrmsr\n"
    "lea 1f(%rip),%rcx; mov $0x3002,%r11d; sysretq\n"
    "1: mov $0x77,%edi; out %al,$0x11; std; syscall; 3: nop\n"
    "2: out %al,$0x12; pushf; pop %rbx; mov %rcx,%rsi; lea 3b(%rip),%rdx\n"
    "hlt");

static void
system_calls_go_to_the_kernel_and_back(void)
{
	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, syscall);
	CHECK_EQ(guest_run(&g), EXIT_IO);
	CHECK_EQ(g.cpu[0].exit.vei.vei_port, 0x11);
	CHECK_EQ(g.cpu[0].exit.cpl, 3);
	CHECK_EQ(gpr(&g, VCPU_REGS_RDI), 0x77);
	CHECK_EQ(guest_run(&g), EXIT_IO);
	CHECK_EQ(g.cpu[0].exit.vei.vei_port, 0x12);
	CHECK_EQ(g.cpu[0].exit.cpl, 0);
	expect_hlt(&g);
	CHECK_EQ(gpr(&g, VCPU_REGS_RSI), gpr(&g, VCPU_REGS_RDX));
	CHECK_EQ(gpr(&g, VCPU_REGS_RBX) & PSL_D, 0);
	CHECK_EQ(gpr(&g, VCPU_REGS_R11) & PSL_D, PSL_D);
}

/* Map AREA by 4 KiB pages, one to one but for what a test changes. */
static void
small_pages(void)
{
	unsigned int i;

	for (i = 0; i < 512; i++)
		ram_write(&g, PT + i * 8, (AREA + i * PAGE_BYTES) | PTE_ALL);
	ram_write(&g, GUEST_PD + (AREA >> 21) * 8, PT | PTE_ALL);
}

CODE64(remap,
    "mov 0x400000,%rbx; movq $0x402007,0x30000; invlpg 0x400000\n"
    "mov 0x400000,%rcx; movq $0x403007,0x30000; mov %cr3,%rax\n"
    "mov %rax,%cr3; mov 0x400000,%rdx; hlt");

static void
guest_changes_its_mappings(void)
{
	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, remap);
	small_pages();
	ram_write(&g, AREA, 0x11);
	ram_write(&g, AREA + 0x2000, 0x22);
	ram_write(&g, AREA + 0x3000, 0x33);
	expect_hlt(&g);
	CHECK_EQ(gpr(&g, VCPU_REGS_RBX), 0x11);
	CHECK_EQ(gpr(&g, VCPU_REGS_RCX), 0x22);
	CHECK_EQ(gpr(&g, VCPU_REGS_RDX), 0x33);
}

CODE64(nx, "mov $0xc0000080,%ecx; rdmsr; or $0x800,%eax; wrmsr\n"
    "mov $0x400000,%eax; jmp *%rax");

static void
no_execute_pages_fault_in_the_guest(void)
{
	struct trap t;

	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, nx);
	small_pages();
	ram_write(&g, PT, AREA | PTE_ALL | PTE_NX);
	expect_trap(&g, 14, &t);
	CHECK_EQ(t.rip, AREA);
	CHECK_EQ(t.error, 0x11);
	CHECK_EQ(g.cpu[0].exit.vrs.vrs_crs[VCPU_REGS_CR2], AREA);
}

CODE32(pae_remap,
    "mov 0xc0400000,%ebx; movl $0x5001,0x9018; mov %cr3,%eax\n"
    "mov %eax,%cr3; mov 0xc0400000,%ecx; hlt");

/* The fourth GiB shows the first once the PDPT says so. */
static void
pae_pointers_are_loaded_with_cr3(void)
{
	guest_create(&g, 1);
	guest_start(&g, MODE_PAE, pae_remap);
	ram_write(&g, GUEST_PD + 3 * PAGE_BYTES + 2 * 8, 0x600000 | 0x87);
	ram_write(&g, 0x600000, 0x66);
	ram_write(&g, 0x400000, 0x44);
	expect_hlt(&g);
	CHECK_EQ(gpr(&g, VCPU_REGS_RBX), 0x66);
	CHECK_EQ(gpr(&g, VCPU_REGS_RCX), 0x44);
}

CODE32(pae_on,
    "mov $0x9000,%eax; mov %eax,%cr3; mov %cr4,%eax; or $0x20,%eax\n"
    "mov %eax,%cr4; mov %cr0,%eax; or $0x80000000,%eax; mov %eax,%cr0\n"
    "mov 0xc0400000,%ebx; and $0x7fffffff,%eax; mov %eax,%cr0\n"
    "mov 0x400000,%ecx; hlt");

static void
guest_turns_pae_paging_on_and_off(void)
{
	guest_create(&g, 1);
	guest_start(&g, MODE_FLAT32, pae_on);
	ram_write(&g, GUEST_PD + 3 * PAGE_BYTES + 2 * 8, 0x600000 | 0x87);
	ram_write(&g, 0x600000, 0x66);
	ram_write(&g, 0x400000, 0x44);
	expect_hlt(&g);
	CHECK_EQ(gpr(&g, VCPU_REGS_RBX), 0x66);
	CHECK_EQ(gpr(&g, VCPU_REGS_RCX), 0x44);
}

CODE32(wrap16, "ljmp $0x48,$(1f - wrap16 + 0xc000)\n"
    ".code16\n"
    "1: mov $0x50,%ax; mov %ax,%ds; mov $0x4321,%ax; mov %ax,0x600\n"
    "ud2\n.code32\n");

static void
protected_mode_has_16_bit_segments(void)
{
	struct trap t;

	guest_create(&g, 1);
	guest_start_cpu(&g, 0, MODE_FLAT32, LOW_CODE, wrap16, wrap16_end);
	expect_trap(&g, 6, &t);
	CHECK_EQ(t.cs, SEL_CODE16);
	CHECK_EQ(ram_read(&g, 0x600) & 0xffff, 0x4321);
}

const struct test tests[] = {
	TEST(interrupts_come_and_return_in_every_mode),
	TEST(guest_goes_from_real_to_64_bit_mode_and_back),
	TEST(real_mode_has_its_segments_and_vectors),
	TEST(big_real_mode_reaches_all_memory),
	TEST(virtual_8086_mode_runs_and_traps),
	TEST(compatibility_mode_traps_into_64_bit_mode),
	TEST(system_calls_go_to_the_kernel_and_back),
	TEST(guest_changes_its_mappings),
	TEST(no_execute_pages_fault_in_the_guest),
	TEST(pae_pointers_are_loaded_with_cr3),
	TEST(guest_turns_pae_paging_on_and_off),
	TEST(protected_mode_has_16_bit_segments),
	TEST_END
};

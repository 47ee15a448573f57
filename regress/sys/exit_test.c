/* SPDX-License-Identifier: ISC */
/*
 * Promises of VMM_IOC_RUN: what an exit does to the guest, what of it the
 * caller sees, and that the caller's answer is taken once.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "world.h"

#include <machine/specialreg.h>

#define PORT	0x3f8
#define RIP	0x7000

static struct vcpu	*vcpu;
static uint64_t		*gprs;
static struct vmexit	 script[8];	/* the exits of the entries to come */
static int		 nscript;

/* The guest: one exit of the script after another, then HLT. */
static void
play(struct vcpu *v)
{
	if (nscript == 0)
		return;
	v->exit = script[0];
	memmove(script, script + 1, --nscript * sizeof(script[0]));
}

static struct vmexit *
next_exit(enum vmexit_kind kind, uint8_t insn_len)
{
	struct vmexit *x = &script[nscript++];

	memset(x, 0, sizeof(*x));
	x->kind = kind;
	x->code = MOCK_CODE;
	x->insn_len = insn_len;
	return (x);
}

static int
begin(void **state)
{
	if (world_begin_vm(state) != 0)
		return (-1);
	vcpu = world_vcpu(0);
	gprs = vcpu->regs.vrs_gprs;
	gprs[VCPU_REGS_RIP] = RIP;
	vcpu->regs.vrs_crs[VCPU_REGS_CR0] |= CR0_PE;
	vcpu->regs.vrs_sregs[VCPU_REGS_SS].vsi_ar = 0x93;
	mock.enter = play;
	nscript = 0;
	return (0);
}

static void
run_is(uint16_t reason)
{
	w.run.vrp_exit_reason = 0x1111;
	assert_int_equal(world_run(), 0);
	assert_int_equal(w.run.vrp_exit_reason, reason);
}

static void
port(uint8_t size, bool in)
{
	struct vmexit *x = next_exit(VE_IO, 2);

	x->io.port = PORT;
	x->io.size = size;
	x->io.in = in;
}

static void
an_output_shows_its_bytes_and_no_more(void **state)
{
	static const uint32_t data[] = { 0, 0x88, 0x7788, 0, 0x55667788 };
	int size;

	(void)state;
	for (size = 1; size <= 4; size *= 2) {
		gprs[VCPU_REGS_RAX] = 0x1122334455667788;
		port(size, false);
		run_is(MOCK_CODE);
		assert_int_equal(w.exit.vei.vei_data, data[size]);
		assert_int_equal(w.exit.vei.vei_size, size);
		assert_int_equal(w.exit.vei.vei_dir, VEI_DIR_OUT);
		assert_int_equal(w.exit.vei.vei_port, PORT);
		assert_int_equal(w.exit.vei.vei_insn_len, 2);
		assert_int_equal(w.exit.vrs.vrs_gprs[VCPU_REGS_RIP],
		    gprs[VCPU_REGS_RIP]);
		/* RAX is no answer. */
		w.exit.vei.vei_data = 0xffffffff;
		w.exit.vrs.vrs_gprs[VCPU_REGS_RAX] = 0;
		w.exit.vrs.vrs_gprs[VCPU_REGS_RIP] += 2;
		run_is(MOCK_CODE);
		assert_int_equal(gprs[VCPU_REGS_RAX], 0x1122334455667788);
	}
}

static void
an_input_changes_its_part_of_rax(void **state)
{
	static const uint64_t rax[] = { 0, 0x11223344556677dd,
	    0x112233445566ccdd, 0, 0xaabbccdd };
	int size;

	(void)state;
	for (size = 1; size <= 4; size *= 2) {
		gprs[VCPU_REGS_RAX] = 0x1122334455667788;
		port(size, true);
		run_is(MOCK_CODE);
		assert_int_equal(w.exit.vei.vei_dir, VEI_DIR_IN);
		assert_int_equal(w.exit.vei.vei_data, 0);
		w.exit.vei.vei_data = 0xaabbccdd;
		w.exit.vei.vei_size = 8;
		w.exit.vrs.vrs_gprs[VCPU_REGS_RIP] += 2;
		run_is(MOCK_CODE);
		assert_int_equal(gprs[VCPU_REGS_RAX], rax[size]);
	}
}

static void
an_answer_is_taken_once(void **state)
{
	(void)state;
	port(1, true);
	run_is(MOCK_CODE);
	w.exit.vei.vei_data = 0x21;
	w.exit.vrs.vrs_gprs[VCPU_REGS_RIP] = RIP + 2;
	hosted.leave = OS_LEAVE_SIGNAL;
	run_is(VM_EXIT_NONE);
	assert_int_equal(gprs[VCPU_REGS_RAX] & 0xff, 0x21);
	gprs[VCPU_REGS_RAX] = 0;
	w.exit.vei.vei_data = 0x22;
	w.exit.vrs.vrs_gprs[VCPU_REGS_RIP] = RIP + 4;
	hosted.leave = 0;
	run_is(MOCK_CODE);
	assert_int_equal(gprs[VCPU_REGS_RAX], 0);
	assert_int_equal(gprs[VCPU_REGS_RIP], RIP + 2 + 1);	/* and HLT */
}

static void
a_wrong_answer_is_refused_and_can_be_put_right(void **state)
{
	(void)state;
	port(1, true);
	run_is(MOCK_CODE);
	w.exit.vei.vei_data = 0x21;
	w.exit.vrs.vrs_gprs[VCPU_REGS_RIP] = 1ULL << 47;
	assert_int_equal(world_run(), EINVAL);
	w.exit.vrs.vrs_gprs[VCPU_REGS_RIP] = RIP;
	w.exit.vrs.vrs_gprs[VCPU_REGS_RFLAGS] |= 1U << 15;
	assert_int_equal(world_run(), EINVAL);
	assert_int_equal(gprs[VCPU_REGS_RIP], RIP);
	assert_int_equal(gprs[VCPU_REGS_RAX], 0);
	assert_int_equal(mock.entries, 1);
	w.exit.vrs.vrs_gprs[VCPU_REGS_RFLAGS] = PSL_MBO;
	w.exit.vrs.vrs_gprs[VCPU_REGS_RIP] = RIP + 2;
	run_is(MOCK_CODE);
	assert_int_equal(gprs[VCPU_REGS_RAX], 0x21);
}

static void
string_io_takes_all_general_registers(void **state)
{
	(void)state;
	port(2, false);
	script[0].io.string = script[0].io.rep = true;
	gprs[VCPU_REGS_RAX] = 5;
	run_is(MOCK_CODE);
	assert_int_equal(w.exit.vei.vei_string, 1);
	assert_int_equal(w.exit.vei.vei_rep, 1);
	assert_int_equal(w.exit.vei.vei_data, 0);
	w.exit.vrs.vrs_gprs[VCPU_REGS_RCX] = 9;
	w.exit.vrs.vrs_gprs[VCPU_REGS_RSI] = 10;
	w.exit.vrs.vrs_gprs[VCPU_REGS_RFLAGS] = 0;
	run_is(MOCK_CODE);
	assert_int_equal(gprs[VCPU_REGS_RCX], 9);
	assert_int_equal(gprs[VCPU_REGS_RSI], 10);
	assert_int_equal(gprs[VCPU_REGS_RFLAGS], PSL_MBO);
}

static void
an_emulated_instruction_ends_the_shadow_and_steps(void **state)
{
	(void)state;
	port(1, false);
	gprs[VCPU_REGS_RFLAGS] |= PSL_RF | PSL_T;
	mock.shadow = true;
	run_is(MOCK_CODE);
	assert_true(mock.shadow);
	w.exit.vrs.vrs_gprs[VCPU_REGS_RIP] = RIP + 2;
	gprs[VCPU_REGS_RFLAGS] |= PSL_T;
	next_exit(VE_INTR, 0);
	run_is(MOCK_CODE);
	assert_false(mock.shadow);
	assert_int_equal(mock.injected[0].vector, EXC_DB);
	assert_true(mock_hw(vcpu)->vrs_drs[VCPU_REGS_DR6] & 1U << 14);
	assert_false(gprs[VCPU_REGS_RFLAGS] & PSL_RF);
}

static void
an_access_that_was_not_carried_out_comes_again(void **state)
{
	(void)state;
	port(1, false);
	mock.shadow = true;
	run_is(MOCK_CODE);
	run_is(MOCK_CODE);
	assert_int_equal(gprs[VCPU_REGS_RIP], RIP + 1);	/* HLT */
	assert_int_equal(mock.entries, 2);
}

static void
hlt_is_over_when_the_caller_sees_it(void **state)
{
	(void)state;
	next_exit(VE_HLT, 1);
	mock.shadow = true;
	run_is(MOCK_CODE);
	assert_int_equal(w.exit.vrs.vrs_gprs[VCPU_REGS_RIP], RIP + 1);
	assert_false(mock.shadow);
}

static void
rip_wraps_outside_long_mode(void **state)
{
	(void)state;
	gprs[VCPU_REGS_RIP] = 0xffffffff;
	run_is(MOCK_CODE);
	assert_int_equal(gprs[VCPU_REGS_RIP], 0);
}

static void
a_fault_in_ram_is_mapped_and_not_seen(void **state)
{
	struct vmexit *x = next_exit(VE_NESTED_FAULT, 0);

	(void)state;
	x->fault.gpa = 0x2345;
	x->fault.access = VM_PROT_WRITE;
	run_is(MOCK_CODE);
	assert_int_equal(mock.entries, 2);
	assert_int_equal(vcpu->vm->npt.mapped, OS_PAGE_SIZE);
	assert_int_equal(mock.flushes, 0);
	/* When the host takes the page, the guest loses it. */
	hosted_invalidate(w.ram + 0x2000, OS_PAGE_SIZE);
	assert_int_equal(vcpu->vm->npt.mapped, 0);
	run_is(MOCK_CODE);
	assert_int_equal(mock.flushes, 1);
}

/* The host changes its mind three times while the page is looked up. */
static void
change_of_mind(void)
{
	static int n;

	if (++n % 4 != 0)
		hosted_invalidate(w.ram, RAM_SIZE);
	else
		hosted.on_hold = NULL;
}

static void
a_fault_that_the_host_overtakes_is_tried_again(void **state)
{
	(void)state;
	next_exit(VE_NESTED_FAULT, 0)->fault.access = VM_PROT_READ;
	hosted.on_hold = change_of_mind;
	run_is(MOCK_CODE);
	assert_null(hosted.on_hold);
	assert_int_equal(vcpu->vm->npt.mapped, OS_PAGE_SIZE);
}

static void
an_access_without_memory_is_for_the_caller(void **state)
{
	struct vmexit *x;
	int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		x = next_exit(VE_NESTED_FAULT, 3);
		x->fault.gpa = i == 0 ? MMIO_GPA + 8 : 1ULL << 40;
		x->fault.access = VM_PROT_READ;
		x->fault.nbytes = 15;
		x->fault.bytes[0] = 0x8b;
		gprs[VCPU_REGS_RIP] = RIP;
		run_is(MOCK_CODE);
		assert_int_equal(w.exit.vee.vee_fault_type,
		    VEE_FAULT_MMIO_ASSIST);
		assert_int_equal(w.exit.vee.vee_insn_info, VEE_GPA_VALID |
		    VEE_LEN_VALID | VEE_BYTES_VALID);
		assert_int_equal(w.exit.vee.vee_insn_len, 3);
		assert_int_equal(w.exit.vee.vee_insn_bytes[0], 0x8b);
		w.exit.vrs.vrs_gprs[VCPU_REGS_RDX] = 77;
		w.exit.vrs.vrs_gprs[VCPU_REGS_RIP] = RIP + 3;
		run_is(MOCK_CODE);
		assert_int_equal(gprs[VCPU_REGS_RDX], 77);
		assert_int_equal(gprs[VCPU_REGS_RIP], RIP + 4);
	}
}

static int
protect(int prot)
{
	w.mprotect.vmep_vm_id = w.create.vcp_id;
	w.mprotect.vmep_sgpa = 0x1000;
	w.mprotect.vmep_size = OS_PAGE_SIZE;
	w.mprotect.vmep_prot = prot;
	return (world_ioctl(VMM_IOC_MPROTECT_EPT, &w.mprotect));
}

static void
an_access_against_protection_is_for_the_caller(void **state)
{
	struct vmexit *x;
	int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		x = next_exit(VE_NESTED_FAULT, 0);
		x->fault.gpa = 0x1800;
		x->fault.access = VM_PROT_WRITE;
	}
	script[0].fault.access = VM_PROT_READ;
	run_is(MOCK_CODE);		/* mapped, then against nothing: */
	assert_int_equal(vcpu->vm->npt.mapped, OS_PAGE_SIZE);
	assert_int_equal(protect(VM_PROT_READ), 0);
	assert_int_equal(vcpu->vm->npt.mapped, 0);
	x = next_exit(VE_NESTED_FAULT, 0);
	x->fault.gpa = 0x1800;
	x->fault.access = VM_PROT_WRITE;
	run_is(MOCK_CODE);
	assert_int_equal(w.exit.vee.vee_fault_type, VEE_FAULT_PROTECT);
	assert_int_equal(w.exit.vee.vee_gpa, 0x1800);
	assert_int_equal(w.exit.vee.vee_insn_info, VEE_GPA_VALID);
	assert_int_equal(protect(VM_PROT_ALL), 0);
	run_is(MOCK_CODE);
}

static void
memory_that_is_gone_is_an_error(void **state)
{
	(void)state;
	next_exit(VE_NESTED_FAULT, 0)->fault.access = VM_PROT_READ;
	hosted.fail_alloc = 2;
	assert_int_equal(world_run(), ENOMEM);
	next_exit(VE_NESTED_FAULT, 0)->fault.access = VM_PROT_READ;
	hosted.fail_hold = 1;
	assert_int_equal(world_run(), ENOMEM);
	next_exit(VE_NESTED_FAULT, 0)->fault.access = VM_PROT_READ;
	hosted.mm_gone = true;
	assert_int_equal(world_run(), EFAULT);
	hosted.mm_gone = false;
	run_is(MOCK_CODE);
	assert_int_equal(gprs[VCPU_REGS_RIP], RIP + 1);
}

static void
raises(enum vmexit_kind kind, uint8_t vector)
{
	int n = mock.ninjected;

	next_exit(kind, 3);
	if (kind == VE_CR)
		script[0].cr.val = CR0_PG;	/* without PE */
	gprs[VCPU_REGS_RIP] = RIP;
	run_is(MOCK_CODE);
	assert_int_equal(mock.ninjected, n + 1);
	assert_int_equal(mock.injected[n % MOCK_EVENTS].vector, vector);
	assert_int_equal(gprs[VCPU_REGS_RIP], RIP + 1);	/* of HLT */
}

static void
what_a_guest_may_not_do_raises(void **state)
{
	(void)state;
	raises(VE_UNDEFINED, EXC_UD);
	raises(VE_PROTECTED, EXC_GP);
	raises(VE_VMCALL, EXC_UD);
	raises(VE_XSETBV, EXC_UD);	/* CR4.OSXSAVE is clear */
	gprs[VCPU_REGS_RCX] = 0x12345678;
	raises(VE_RDMSR, EXC_GP);
	raises(VE_WRMSR, EXC_GP);
	raises(VE_CR, EXC_GP);
}

static void
xsetbv_takes_valid_values_at_cpl_0(void **state)
{
	(void)state;
	vcpu->regs.vrs_crs[VCPU_REGS_CR4] |= CR4_OSXSAVE;
	vcpu->regs_dirty |= VM_RWREGS_CRS;
	gprs[VCPU_REGS_RAX] = XFEATURE_X87 | XFEATURE_AVX;
	raises(VE_XSETBV, EXC_GP);
	gprs[VCPU_REGS_RAX] = XFEATURE_X87 | XFEATURE_SSE;
	gprs[VCPU_REGS_RCX] = 1;
	raises(VE_XSETBV, EXC_GP);
	gprs[VCPU_REGS_RCX] = 0;
	next_exit(VE_XSETBV, 3);
	gprs[VCPU_REGS_RIP] = RIP;
	run_is(MOCK_CODE);
	assert_int_equal(gprs[VCPU_REGS_RIP], RIP + 3 + 1);
	assert_int_equal(w.exit.vrs.vrs_crs[VCPU_REGS_XCR0],
	    XFEATURE_X87 | XFEATURE_SSE);
	/* The host has its own again. */
	assert_int_equal(hosted_cpu.xcr0, 0xe7);
	mock_hw(vcpu)->vrs_sregs[VCPU_REGS_SS].vsi_ar = 0xf3;
	raises(VE_XSETBV, EXC_GP);
}

static void
a_guest_ends_its_vm(void **state)
{
	(void)state;
	gprs[VCPU_REGS_RAX] = HVCALL_FORCED_ABORT;
	next_exit(VE_VMCALL, 3);
	run_is(VM_EXIT_TERMINATED);
	/* Not from its user mode. */
	mock_hw(vcpu)->vrs_sregs[VCPU_REGS_SS].vsi_ar = 0xf3;
	raises(VE_VMCALL, EXC_UD);
}

static void
a_triple_fault_lasts_until_the_reset(void **state)
{
	(void)state;
	next_exit(VE_SHUTDOWN, 0);
	run_is(MOCK_CODE);
	run_is(MOCK_CODE);
	assert_int_equal(mock.entries, 1);
	w.reset.vrp_vm_id = w.create.vcp_id;
	regs_power_on(&w.reset.vrp_init_state);
	assert_int_equal(world_ioctl(VMM_IOC_RESETCPU, &w.reset), 0);
	run_is(MOCK_CODE);
	assert_int_equal(mock.entries, 2);
}

static void
cpuid_and_msrs_are_not_seen(void **state)
{
	(void)state;
	gprs[VCPU_REGS_RAX] = 0x40000000;
	next_exit(VE_CPUID, 2);
	run_is(MOCK_CODE);
	assert_int_equal(gprs[VCPU_REGS_RAX], 0x40000001);
	assert_int_equal(gprs[VCPU_REGS_RIP], RIP + 2 + 1);
	gprs[VCPU_REGS_RCX] = MSR_CR_PAT;
	next_exit(VE_RDMSR, 2);
	run_is(MOCK_CODE);
	assert_int_equal(gprs[VCPU_REGS_RAX], (uint32_t)PAT_INIT);
	assert_int_equal(gprs[VCPU_REGS_RDX], PAT_INIT >> 32);
	next_exit(VE_MCE, 0);
	next_exit(VE_WBINVD, 2);
	next_exit(VE_DR, 0);
	run_is(MOCK_CODE);
	assert_int_equal(hosted.machine_checks, 1);
	assert_int_equal(mock.debug_owned, 1);
}

static void
long_mode_is_entered_through_cr0(void **state)
{
	struct vmexit *x;

	(void)state;
	vcpu->regs.vrs_crs[VCPU_REGS_CR4] = CR4_PAE;
	vcpu->regs.vrs_msrs[VCPU_REGS_EFER] = EFER_LME;
	vcpu->regs.vrs_sregs[VCPU_REGS_CS].vsi_ar = 0x409b;
	vcpu->regs_dirty = VM_RWREGS_ALL;
	x = next_exit(VE_CR, 3);
	x->cr.number = 0;
	x->cr.val = CR0_PE | CR0_PG;
	run_is(MOCK_CODE);
	assert_int_equal(w.exit.vrs.vrs_msrs[VCPU_REGS_EFER],
	    EFER_LME | EFER_LMA);
	assert_int_equal(w.exit.vrs.vrs_crs[VCPU_REGS_CR0],
	    CR0_PE | CR0_PG | CR0_ET);
	assert_int_equal(mock.ninjected, 0);
}

static void
pdptes_are_loaded_before_the_guest_goes_on(void **state)
{
	const uint64_t pdpte = 0x5001;
	struct vmexit *x;

	(void)state;
	memcpy(w.ram + 0x3000, &pdpte, sizeof(pdpte));
	vcpu->regs.vrs_crs[VCPU_REGS_CR3] = 0x3000;
	vcpu->regs.vrs_crs[VCPU_REGS_CR4] = CR4_PAE;
	vcpu->regs_dirty = VM_RWREGS_ALL;
	x = next_exit(VE_CR, 3);
	x->cr.number = 0;
	x->cr.val = CR0_PE | CR0_PG;
	run_is(MOCK_CODE);
	assert_int_equal(w.exit.vrs.vrs_crs[VCPU_REGS_PDPTE0], 0x5001);
}

static void
a_clock_is_written_before_the_guest_goes_on(void **state)
{
	uint32_t version;

	(void)state;
	gprs[VCPU_REGS_RCX] = KVM_MSR_SYSTEM_TIME;
	gprs[VCPU_REGS_RAX] = 0x1001;
	next_exit(VE_WRMSR, 2);
	run_is(MOCK_CODE);
	memcpy(&version, w.ram + 0x1000, sizeof(version));
	assert_true(version != 0 && version % 2 == 0);
}

static void
a_clock_is_written_for_any_frequency(void **state)
{
	const uint32_t khz[] = { 0, 1, 1000000, 1000001, 2000000, 2000001,
	    UINT32_MAX };
	uint32_t mul;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(khz) / sizeof(khz[0]); i++) {
		hosted.tsc_khz = khz[i];
		assert_int_equal(pvclock_set(vcpu, 0x1000), 0);
		pvclock_update(vcpu);
		memcpy(&mul, w.ram + 0x1000 + 24, sizeof(mul));
		assert_in_range(mul, 1U << 31, UINT32_MAX);
	}
}

/* From inside the guest: another thread would do the same. */
static void
term_from_inside(struct vcpu *v)
{
	w.term.vtp_vm_id = w.create.vcp_id;
	(void)v;
	vm_stop(v->vm);
	mock_exit(v, VE_INTR, 0);
}

static void
a_vm_that_ends_leaves_run(void **state)
{
	(void)state;
	mock.enter = term_from_inside;
	run_is(VM_EXIT_TERMINATED);
	assert_int_equal(hosted.kicks, 1);
	run_is(VM_EXIT_TERMINATED);
	assert_int_equal(mock.entries, 1);
}

static void
a_notice_of_an_interrupt_returns_once(void **state)
{
	(void)state;
	w.intr.vip_vm_id = w.create.vcp_id;
	w.intr.vip_intr = 1;
	assert_int_equal(world_ioctl(VMM_IOC_INTR, &w.intr), 0);
	run_is(VM_EXIT_NONE);
	assert_int_equal(mock.entries, 0);
	run_is(MOCK_CODE);
	assert_int_equal(world_ioctl(VMM_IOC_INTR, &w.intr), 0);
	w.intr.vip_intr = 0;
	assert_int_equal(world_ioctl(VMM_IOC_INTR, &w.intr), 0);
	run_is(MOCK_CODE);
}

static void
others_run_and_the_guest_goes_on(void **state)
{
	(void)state;
	hosted.leave = OS_LEAVE_YIELD;
	run_is(MOCK_CODE);
	assert_int_equal(hosted.yields, 1);
	hosted.leave = OS_LEAVE_SIGNAL;
	run_is(VM_EXIT_NONE);
	hosted.leave = 0;
	vmm_hw_suspend();
	run_is(VM_EXIT_NONE);
	assert_int_equal(hosted.short_sleeps, 1);
	vmm_hw_resume();
}

/* The guest runs STI, and an instruction more. */
static void
open_window(struct vcpu *v)
{
	v->regs.vrs_gprs[VCPU_REGS_RFLAGS] |= PSL_I;
	mock_exit(v, VE_INTR_WINDOW, 0);
	mock.enter = play;
}

static void
a_wanted_window_is_for_the_caller(void **state)
{
	(void)state;
	w.run.vrp_intr_pending = 1;
	run_is(MOCK_CODE);
	assert_true(mock.intr_window);
	assert_int_equal(w.run.vrp_irqready, 0);
	mock.enter = open_window;
	run_is(MOCK_CODE);
	assert_int_equal(w.run.vrp_irqready, 1);
	assert_int_equal(mock.entries, 2);
	/* It is open already: no need to enter. */
	run_is(MOCK_WINDOW);
	assert_int_equal(w.run.vrp_irqready, 1);
	assert_int_equal(mock.entries, 2);
	w.run.vrp_inject.vie_type = VCPU_INJECT_INTR;
	w.run.vrp_inject.vie_vector = 0x20;
	run_is(MOCK_CODE);
	assert_int_equal(mock.injected[0].vector, 0x20);
	assert_int_equal(mock.entries, 3);
}

static void
an_unwanted_window_is_not(void **state)
{
	(void)state;
	w.run.vrp_inject.vie_type = VCPU_INJECT_INTR;
	mock.enter = open_window;
	run_is(MOCK_CODE);
	assert_int_equal(mock.entries, 2);
	assert_int_equal(mock.ninjected, 1);
	assert_false(mock.intr_window);
}

static void
a_refused_event_does_not_run_the_guest(void **state)
{
	(void)state;
	w.run.vrp_inject.vie_type = VCPU_INJECT_EX;
	w.run.vrp_inject.vie_vector = 2;
	assert_int_equal(world_run(), EINVAL);
	assert_int_equal(mock.entries, 0);
	w.run.vrp_inject.vie_vector = 14;
	w.run.vrp_inject.vie_errorcode = 7;
	run_is(MOCK_CODE);
	assert_int_equal(mock.injected[0].error, 7);
}

static void
what_the_cpu_refuses_is_logged(void **state)
{
	(void)state;
	next_exit(VE_ENTRY_FAILED, 0)->info[0] = 0xbad;
	run_is(MOCK_CODE);
	assert_non_null(strstr(hosted.log, "entry-failed"));
	assert_non_null(strstr(hosted.log, "0xbad"));
	next_exit(VE_UNKNOWN, 0);
	run_is(MOCK_CODE);
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, begin, world_end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_output_shows_its_bytes_and_no_more),
		TEST(an_input_changes_its_part_of_rax),
		TEST(an_answer_is_taken_once),
		TEST(a_wrong_answer_is_refused_and_can_be_put_right),
		TEST(string_io_takes_all_general_registers),
		TEST(an_emulated_instruction_ends_the_shadow_and_steps),
		TEST(an_access_that_was_not_carried_out_comes_again),
		TEST(hlt_is_over_when_the_caller_sees_it),
		TEST(rip_wraps_outside_long_mode),
		TEST(a_fault_in_ram_is_mapped_and_not_seen),
		TEST(a_fault_that_the_host_overtakes_is_tried_again),
		TEST(an_access_without_memory_is_for_the_caller),
		TEST(an_access_against_protection_is_for_the_caller),
		TEST(memory_that_is_gone_is_an_error),
		TEST(what_a_guest_may_not_do_raises),
		TEST(xsetbv_takes_valid_values_at_cpl_0),
		TEST(a_guest_ends_its_vm),
		TEST(a_triple_fault_lasts_until_the_reset),
		TEST(cpuid_and_msrs_are_not_seen),
		TEST(long_mode_is_entered_through_cr0),
		TEST(pdptes_are_loaded_before_the_guest_goes_on),
		TEST(a_clock_is_written_before_the_guest_goes_on),
		TEST(a_clock_is_written_for_any_frequency),
		TEST(a_vm_that_ends_leaves_run),
		TEST(a_notice_of_an_interrupt_returns_once),
		TEST(others_run_and_the_guest_goes_on),
		TEST(a_wanted_window_is_for_the_caller),
		TEST(an_unwanted_window_is_not),
		TEST(a_refused_event_does_not_run_the_guest),
		TEST(what_the_cpu_refuses_is_logged),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}

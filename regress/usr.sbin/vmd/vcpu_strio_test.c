/* SPDX-License-Identifier: ISC */
/*
 * Promises of string I/O done for the guest.
 */

#include <sys/eventfd.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <machine/specialreg.h>

#include "vm.h"

#define MIB	(1ULL << 20)
#define PORT	0x300
#define LEN	2		/* of the instruction */
#define RIP	0x1234
#define PT	0x1000		/* page tables */

static struct vm		*vm;
static struct vcpu		*vc;
static struct vcpu_reg_state	*r;
static uint8_t			 sent[65536];
static size_t			 nsent;
static uint8_t			 next;

static uint8_t
dev_in(void *arg, uint16_t port)
{
	(void)arg;
	(void)port;
	return (next++);
}

static void
dev_out(void *arg, uint16_t port, uint8_t val)
{
	(void)arg;
	(void)port;
	sent[nsent++] = val;
}

static const struct vm_io_dev dev = { dev_in, dev_out };

static void
segments(uint32_t code_ar, uint32_t limit)
{
	r->vrs_sregs[VCPU_REGS_CS].vsi_ar = code_ar;
	r->vrs_sregs[VCPU_REGS_DS].vsi_ar = 0xc093;
	r->vrs_sregs[VCPU_REGS_DS].vsi_limit = limit;
	r->vrs_sregs[VCPU_REGS_ES] = r->vrs_sregs[VCPU_REGS_DS];
}

static int
setup(void **state)
{
	(void)state;
	vm = calloc(1, sizeof(*vm));
	vc = &vm->vm_vcpu[0];
	vc->vc_vm = vm;
	r = &vc->vc_exit.vrs;
	pthread_mutex_init(&vm->vm_dev_mtx, NULL);
	vm->vm_kick_fd = eventfd(0, EFD_CLOEXEC);
	vm->vm_start.vst_fds[VM_FD_VMM] = open("/dev/null", O_RDWR);
	vm_io_init(&vm->vm_io, NULL, NULL);
	assert_int_equal(vm_io_add(&vm->vm_io, PORT, PORT + 3, &dev, NULL),
	    0);
	nsent = next = 0;
	r->vrs_gprs[VCPU_REGS_RIP] = RIP;
	r->vrs_crs[VCPU_REGS_CR0] = CR0_PE;
	segments(0xc09b, UINT32_MAX);
	return (vmmem_alloc(&vm->vm_mem, 2 * MIB, "test"));
}

static int
teardown(void **state)
{
	(void)state;
	vmmem_free(&vm->vm_mem);
	close(vm->vm_kick_fd);
	close(vm->vm_start.vst_fds[VM_FD_VMM]);
	free(vm);
	return (0);
}

static void
string_io(uint8_t dir, uint8_t size, uint8_t rep)
{
	struct vm_exit_inout	*vei = &vc->vc_exit.vei;

	vei->vei_dir = dir;
	vei->vei_size = size;
	vei->vei_rep = rep;
	vei->vei_string = 1;
	vei->vei_port = PORT;
	vei->vei_insn_len = LEN;
	vcpu_string_io(vc);
}

static void
put(uint64_t gpa, const void *data, size_t len)
{
	assert_int_equal(guestmem_write(&vm->vm_mem.mm_guest, gpa, data, len),
	    0);
}

static void
done(int yes)
{
	assert_int_equal(r->vrs_gprs[VCPU_REGS_RIP], yes ? RIP + LEN : RIP);
}

static void
outs_sends_one_unit_and_moves_on(void **state)
{
	(void)state;
	put(0x2000, "\x11\x22\x33\x44", 4);
	r->vrs_gprs[VCPU_REGS_RSI] = 0x2000;
	r->vrs_gprs[VCPU_REGS_RCX] = 7;
	string_io(VEI_DIR_OUT, 4, 0);
	assert_int_equal(nsent, 4);
	assert_memory_equal(sent, "\x11\x22\x33\x44", 4);
	assert_int_equal(r->vrs_gprs[VCPU_REGS_RSI], 0x2004);
	assert_int_equal(r->vrs_gprs[VCPU_REGS_RCX], 7);
	done(1);
}

static void
rep_ins_stores_all_units(void **state)
{
	uint8_t	 buf[7];

	(void)state;
	r->vrs_gprs[VCPU_REGS_RDI] = 0x2000;
	r->vrs_gprs[VCPU_REGS_RCX] = 3;
	string_io(VEI_DIR_IN, 2, 1);
	guestmem_read(&vm->vm_mem.mm_guest, 0x2000, buf, 7);
	assert_memory_equal(buf, "\0\1\2\3\4\5\0", 7);
	assert_int_equal(r->vrs_gprs[VCPU_REGS_RDI], 0x2006);
	assert_int_equal(r->vrs_gprs[VCPU_REGS_RCX], 0);
	done(1);
}

static void
rep_with_count_0_does_nothing(void **state)
{
	(void)state;
	string_io(VEI_DIR_OUT, 1, 1);
	assert_int_equal(nsent, 0);
	done(1);
}

static void
the_direction_flag_goes_down(void **state)
{
	(void)state;
	put(0x2000, "ab", 2);
	r->vrs_gprs[VCPU_REGS_RSI] = 0x2001;
	r->vrs_gprs[VCPU_REGS_RCX] = 2;
	r->vrs_gprs[VCPU_REGS_RFLAGS] = PSL_D;
	string_io(VEI_DIR_OUT, 1, 1);
	assert_memory_equal(sent, "ba", 2);
	assert_int_equal(r->vrs_gprs[VCPU_REGS_RSI], 0x1fff);
}

static void
long_strings_are_done_in_parts(void **state)
{
	(void)state;
	r->vrs_gprs[VCPU_REGS_RSI] = 0x2000;
	r->vrs_gprs[VCPU_REGS_RCX] = 5000;
	string_io(VEI_DIR_OUT, 1, 1);
	assert_int_equal(nsent, 4096);
	assert_int_equal(r->vrs_gprs[VCPU_REGS_RCX], 904);
	assert_int_equal(r->vrs_gprs[VCPU_REGS_RSI], 0x3000);
	done(0);
	string_io(VEI_DIR_OUT, 1, 1);
	assert_int_equal(nsent, 5000);
	done(1);
}

static void
sixteen_bit_code_keeps_the_upper_halves(void **state)
{
	(void)state;
	segments(0x9b, 0xffff);
	r->vrs_sregs[VCPU_REGS_DS].vsi_base = 0x3000;
	put(0x3010, "x", 1);
	r->vrs_gprs[VCPU_REGS_RSI] = 0xabcd0010;
	r->vrs_gprs[VCPU_REGS_RCX] = 0xabcd0001;
	string_io(VEI_DIR_OUT, 1, 1);
	assert_int_equal(sent[0], 'x');
	assert_int_equal(r->vrs_gprs[VCPU_REGS_RSI], 0xabcd0011);
	assert_int_equal(r->vrs_gprs[VCPU_REGS_RCX], 0xabcd0000);
	done(1);
}

static void
real_mode_has_16_bit_addresses(void **state)
{
	(void)state;
	r->vrs_crs[VCPU_REGS_CR0] = 0;
	segments(0xc09b, 0xffff);
	r->vrs_gprs[VCPU_REGS_RSI] = 0x1ffff;
	string_io(VEI_DIR_OUT, 1, 0);
	assert_int_equal(r->vrs_gprs[VCPU_REGS_RSI], 0x10000);
	r->vrs_crs[VCPU_REGS_CR0] = CR0_PE;
	r->vrs_gprs[VCPU_REGS_RFLAGS] = PSL_VM;
	r->vrs_gprs[VCPU_REGS_RSI] = 0x1ffff;
	string_io(VEI_DIR_OUT, 1, 0);
	assert_int_equal(r->vrs_gprs[VCPU_REGS_RSI], 0x10000);
}

static void
compatibility_mode_is_not_64_bit_mode(void **state)
{
	(void)state;
	r->vrs_msrs[VCPU_REGS_EFER] = EFER_LMA;
	r->vrs_sregs[VCPU_REGS_DS].vsi_base = 0x1000;
	put(0x3000, "c", 1);
	r->vrs_gprs[VCPU_REGS_RSI] = 0xff00002000;
	string_io(VEI_DIR_OUT, 1, 0);
	assert_int_equal(sent[0], 'c');
	assert_int_equal(r->vrs_gprs[VCPU_REGS_RSI], 0x2001);
}

static void
beyond_the_segment_is_a_protection_fault(void **state)
{
	(void)state;
	segments(0xc09b, 0x2000);
	r->vrs_gprs[VCPU_REGS_RSI] = 0x2000;
	r->vrs_gprs[VCPU_REGS_RCX] = 2;
	string_io(VEI_DIR_OUT, 1, 1);
	assert_int_equal(nsent, 1);
	assert_int_equal(vc->vc_exception.vie_type, VCPU_INJECT_EX);
	assert_int_equal(vc->vc_exception.vie_vector, 13);
	assert_int_equal(r->vrs_gprs[VCPU_REGS_RCX], 1);
	done(0);
}

static void
expand_down_segments_hold_what_is_above_the_limit(void **state)
{
	(void)state;
	segments(0xc09b, 0x2000);
	r->vrs_sregs[VCPU_REGS_DS].vsi_ar = 0xc097;
	r->vrs_gprs[VCPU_REGS_RSI] = 0x2001;
	string_io(VEI_DIR_OUT, 1, 0);
	assert_int_equal(nsent, 1);
	done(1);
	r->vrs_gprs[VCPU_REGS_RSI] = UINT32_MAX;
	string_io(VEI_DIR_OUT, 1, 0);
	assert_int_equal(nsent, 2);
	r->vrs_sregs[VCPU_REGS_DS].vsi_ar = 0x97;
	r->vrs_gprs[VCPU_REGS_RSI] = 0x10000;
	string_io(VEI_DIR_OUT, 1, 0);
	assert_int_equal(nsent, 2);
	assert_int_equal(vc->vc_exception.vie_vector, 13);
	vc->vc_exception.vie_vector = 0;
	r->vrs_gprs[VCPU_REGS_RSI] = 0x2000;
	string_io(VEI_DIR_OUT, 1, 0);
	assert_int_equal(vc->vc_exception.vie_vector, 13);
}

static void
a_unit_may_lie_on_two_pages_of_the_guest(void **state)
{
	uint32_t	 pde = (PT + 0x1000) | 7, pte[2] = { 0x6007, 0x4007 };

	(void)state;
	r->vrs_crs[VCPU_REGS_CR0] |= CR0_PG;
	r->vrs_crs[VCPU_REGS_CR3] = PT;
	put(PT, &pde, sizeof(pde));
	put(PT + 0x1000 + 0x10 * 4, pte, sizeof(pte));
	put(0x6fff, "a", 1);
	put(0x4000, "b", 1);
	r->vrs_gprs[VCPU_REGS_RSI] = 0x10fff;
	string_io(VEI_DIR_OUT, 2, 0);
	assert_memory_equal(sent, "ab", 2);
	done(1);
}

static void
an_unmapped_address_is_a_page_fault_and_no_port_is_read(void **state)
{
	(void)state;
	r->vrs_crs[VCPU_REGS_CR0] |= CR0_PG;
	r->vrs_crs[VCPU_REGS_CR3] = PT;
	r->vrs_gprs[VCPU_REGS_RDI] = 0x12345;
	vc->vc_exit.cpl = 3;
	string_io(VEI_DIR_IN, 1, 0);
	assert_int_equal(next, 0);
	assert_int_equal(vc->vc_exception.vie_vector, 14);
	assert_int_equal(vc->vc_exception.vie_errorcode, 6);
	assert_int_equal(r->vrs_crs[VCPU_REGS_CR2], 0x12345);
	done(0);
}

static void
long_mode_wants_canonical_addresses(void **state)
{
	(void)state;
	r->vrs_msrs[VCPU_REGS_EFER] = EFER_LMA;
	segments(0xa09b, 0);
	r->vrs_gprs[VCPU_REGS_RSI] = 0x0000800000000000;
	string_io(VEI_DIR_OUT, 1, 0);
	assert_int_equal(vc->vc_exception.vie_vector, 13);
	done(0);
	r->vrs_gprs[VCPU_REGS_RSI] = 0x00007ffffffffffe;
	vc->vc_exception.vie_vector = 0;
	string_io(VEI_DIR_OUT, 4, 0);
	assert_int_equal(vc->vc_exception.vie_vector, 13);
	vc->vc_exception.vie_vector = 0;
	r->vrs_gprs[VCPU_REGS_RSI] = 0x0000800000000000;
	r->vrs_crs[VCPU_REGS_CR4] = CR4_LA57;
	string_io(VEI_DIR_OUT, 1, 0);
	assert_int_equal(vc->vc_exception.vie_vector, 0);
	r->vrs_gprs[VCPU_REGS_RIP] = RIP;
	r->vrs_gprs[VCPU_REGS_RSI] = 0x2000;
	vc->vc_exception.vie_type = VCPU_INJECT_NONE;
	string_io(VEI_DIR_OUT, 1, 0);
	assert_int_equal(vc->vc_exception.vie_type, VCPU_INJECT_NONE);
	done(1);
}

static void
memory_that_is_none_reads_as_ones(void **state)
{
	(void)state;
	r->vrs_gprs[VCPU_REGS_RSI] = r->vrs_gprs[VCPU_REGS_RDI] = 64 * MIB;
	string_io(VEI_DIR_OUT, 2, 0);
	assert_memory_equal(sent, "\xff\xff", 2);
	string_io(VEI_DIR_IN, 2, 0);
	assert_int_equal(next, 2);
}

#define T(name)	cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(outs_sends_one_unit_and_moves_on),
		T(rep_ins_stores_all_units),
		T(rep_with_count_0_does_nothing),
		T(the_direction_flag_goes_down),
		T(long_strings_are_done_in_parts),
		T(sixteen_bit_code_keeps_the_upper_halves),
		T(real_mode_has_16_bit_addresses),
		T(compatibility_mode_is_not_64_bit_mode),
		T(beyond_the_segment_is_a_protection_fault),
		T(expand_down_segments_hold_what_is_above_the_limit),
		T(a_unit_may_lie_on_two_pages_of_the_guest),
		T(an_unmapped_address_is_a_page_fault_and_no_port_is_read),
		T(long_mode_wants_canonical_addresses),
		T(memory_that_is_none_reads_as_ones),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}

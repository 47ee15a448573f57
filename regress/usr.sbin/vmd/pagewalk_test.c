/* SPDX-License-Identifier: ISC */
/*
 * Promises of the walk through a guest's page tables.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <machine/specialreg.h>

#include "pagewalk.h"

#define PAGE	((uint64_t)GUESTMEM_PAGE_SIZE)
#define RAM	(16 * PAGE)

#define P	0x01
#define W	0x02
#define U	0x04
#define A	0x20
#define D	0x40
#define PS	0x80

static uint8_t			*ram;
static struct guestmem		 gm;
static struct vcpu_reg_state	 r;
static uint64_t			 gpa;
static uint32_t			 error;

static int
setup(void **state)
{
	struct guestmem_range	 range = { 0, RAM };

	(void)state;
	ram = calloc(1, RAM);
	memset(&r, 0, sizeof(r));
	r.vrs_crs[VCPU_REGS_CR3] = PAGE;
	return (guestmem_init(&gm, ram, &range, 1));
}

static int
teardown(void **state)
{
	(void)state;
	free(ram);
	return (0);
}

static void
set64(uint64_t at, uint64_t val)
{
	assert_int_equal(guestmem_store64(&gm, at, val), 0);
}

static uint64_t
get64(uint64_t at)
{
	uint64_t	 val;

	assert_int_equal(guestmem_load64(&gm, at, &val), 0);
	return (val);
}

static void
set32(uint64_t at, uint32_t val)
{
	assert_int_equal(guestmem_store32(&gm, at, val), 0);
}

static int
walk(uint64_t la, unsigned int access)
{
	return (pagewalk(&gm, &r, la, access, &gpa, &error));
}

static void
mode(uint64_t cr0, uint64_t cr4, uint64_t efer)
{
	r.vrs_crs[VCPU_REGS_CR0] = cr0;
	r.vrs_crs[VCPU_REGS_CR4] = cr4;
	r.vrs_msrs[VCPU_REGS_EFER] = efer;
}

#define LONG	mode(CR0_PE | CR0_PG | CR0_WP, CR4_PAE, EFER_LME | EFER_LMA)

/* Four levels in pages 1 to 4 that map la to the page at to. */
static void
map4(uint64_t la, uint64_t to, uint64_t flags)
{
	LONG;
	set64(1 * PAGE + (la >> 39 & 511) * 8, (2 * PAGE) | P | W | U);
	set64(2 * PAGE + (la >> 30 & 511) * 8, (3 * PAGE) | P | W | U);
	set64(3 * PAGE + (la >> 21 & 511) * 8, (4 * PAGE) | P | W | U);
	set64(4 * PAGE + (la >> 12 & 511) * 8, to | flags);
}

static void
without_paging_addresses_stay(void **state)
{
	(void)state;
	mode(CR0_PE, 0, 0);
	assert_int_equal(walk(0xfee01234, PAGEWALK_WRITE), 0);
	assert_int_equal(gpa, 0xfee01234);
}

static void
four_levels_of_4_kib_pages(void **state)
{
	uint64_t	 la = 0xffff888123456789;

	(void)state;
	map4(la, 7 * PAGE, P | W);
	assert_int_equal(walk(la, 0), 0);
	assert_int_equal(gpa, 7 * PAGE + 0x789);
	assert_int_equal(walk(la + PAGE, 0), -1);
	assert_int_equal(error, 0);
	assert_int_equal(walk(la + PAGE, PAGEWALK_WRITE), -1);
	assert_int_equal(error, PAGEWALK_WRITE);
}

static void
five_levels_when_la57_is_on(void **state)
{
	uint64_t	 la = 0xff11223344556678;

	(void)state;
	mode(CR0_PE | CR0_PG, CR4_PAE | CR4_LA57, EFER_LMA);
	set64(1 * PAGE + (la >> 48 & 511) * 8, (2 * PAGE) | P | W);
	set64(2 * PAGE + (la >> 39 & 511) * 8, (3 * PAGE) | P | W);
	set64(3 * PAGE + (la >> 30 & 511) * 8, 0x40000000 | P | W | PS);
	assert_int_equal(walk(la, 0), 0);
	assert_int_equal(gpa, 0x40000000 | (la & 0x3fffffff));
}

static void
large_pages_of_2_mib(void **state)
{
	(void)state;
	map4(0, 0, 0);
	set64(3 * PAGE + 8, 0x600000 | P | W | PS | 0x1000);
	assert_int_equal(walk(0x212345, 0), 0);
	assert_int_equal(gpa, 0x612345);
}

static void
a_large_bit_above_1_gib_is_reserved(void **state)
{
	(void)state;
	LONG;
	set64(PAGE, (2 * PAGE) | P | W | PS);
	set64(2 * PAGE, (3 * PAGE) | P | W | PS);
	assert_int_equal(walk(0, 0), -1);
	assert_int_equal(error, PAGEWALK_P | PAGEWALK_RSVD);
}

static void
pae_has_four_top_entries_without_rights(void **state)
{
	(void)state;
	mode(CR0_PE | CR0_PG | CR0_WP, CR4_PAE, 0);
	r.vrs_crs[VCPU_REGS_CR3] = PAGE + 0x20;
	set64(PAGE + 0x20 + 3 * 8, (2 * PAGE) | P);
	set64(2 * PAGE + 511 * 8, (3 * PAGE) | P | W);
	set64(3 * PAGE + 511 * 8, (8 * PAGE) | P | W);
	assert_int_equal(walk(0xfffff008, PAGEWALK_WRITE), 0);
	assert_int_equal(gpa, 8 * PAGE + 8);
	assert_int_equal(get64(PAGE + 0x20 + 3 * 8), (2 * PAGE) | P);
}

static void
legacy_32_bit_pages(void **state)
{
	(void)state;
	mode(CR0_PE | CR0_PG, 0, 0);
	set32(PAGE + 0x3ff * 4, (2 * PAGE) | P | W | PS);
	set32(2 * PAGE + 4, (9 * PAGE) | P | W);
	assert_int_equal(walk(0xffc01abc, PAGEWALK_WRITE), 0);
	assert_int_equal(gpa, 9 * PAGE + 0xabc);
	assert_int_equal(get64(PAGE + 0x3fe * 4) >> 32,
	    (2 * PAGE) | P | W | PS | A);
	assert_int_equal(get64(2 * PAGE) >> 32, (9 * PAGE) | P | W | A | D);
	assert_int_equal(get64(2 * PAGE + 8), 0);
}

static void
legacy_4_mib_pages_only_with_pse(void **state)
{
	(void)state;
	mode(CR0_PE | CR0_PG, CR4_PSE, 0);
	set32(PAGE + 4, 0x00800000 | (0x12 << 13) | P | W | PS);
	assert_int_equal(walk(0x00412345, 0), 0);
	assert_int_equal(gpa, 0x1200812345);
}

static void
rights_are_those_of_all_levels(void **state)
{
	(void)state;
	map4(0, 7 * PAGE, P | W | U);
	set64(2 * PAGE, (3 * PAGE) | P | U);
	assert_int_equal(walk(0, PAGEWALK_WRITE), -1);
	assert_int_equal(error, PAGEWALK_P | PAGEWALK_WRITE);
	assert_int_equal(walk(0, PAGEWALK_USER), 0);
	set64(2 * PAGE, (3 * PAGE) | P | W);
	assert_int_equal(walk(0, PAGEWALK_USER), -1);
	assert_int_equal(error, PAGEWALK_P | PAGEWALK_USER);
}

static void
the_supervisor_writes_read_only_pages_without_wp(void **state)
{
	(void)state;
	map4(0, 7 * PAGE, P | U);
	assert_int_equal(walk(0, PAGEWALK_WRITE), -1);
	mode(CR0_PE | CR0_PG, CR4_PAE, EFER_LMA);
	assert_int_equal(walk(0, PAGEWALK_WRITE), 0);
	assert_int_equal(walk(0, PAGEWALK_WRITE | PAGEWALK_USER), -1);
}

static void
smap_keeps_the_supervisor_from_user_pages(void **state)
{
	(void)state;
	map4(0, 7 * PAGE, P | W | U);
	r.vrs_crs[VCPU_REGS_CR4] |= CR4_SMAP;
	assert_int_equal(walk(0, 0), -1);
	assert_int_equal(error, PAGEWALK_P);
	assert_int_equal(walk(0, PAGEWALK_USER), 0);
	r.vrs_gprs[VCPU_REGS_RFLAGS] = PSL_AC;
	assert_int_equal(walk(0, 0), 0);
	r.vrs_gprs[VCPU_REGS_RFLAGS] = 0;
	set64(4 * PAGE, (7 * PAGE) | P | W);
	assert_int_equal(walk(0, 0), 0);
}

static void
accessed_and_dirty_are_set_as_by_the_cpu(void **state)
{
	(void)state;
	map4(0, 7 * PAGE, P | W);
	assert_int_equal(walk(0, 0), 0);
	assert_int_equal(get64(1 * PAGE) & (A | D), A);
	assert_int_equal(get64(4 * PAGE) & (A | D), A);
	assert_int_equal(walk(0, PAGEWALK_WRITE), 0);
	assert_int_equal(get64(4 * PAGE) & (A | D), A | D);
	assert_int_equal(get64(3 * PAGE) & (A | D), A);
}

static void
tables_outside_of_ram_are_not_present(void **state)
{
	(void)state;
	LONG;
	r.vrs_crs[VCPU_REGS_CR3] = 0x000ffffffffff000;
	assert_int_equal(walk(0xfffffffffff8, 0), -1);
	assert_int_equal(error, 0);
	r.vrs_crs[VCPU_REGS_CR3] = PAGE;
	set64(PAGE, RAM | P | W | U);
	assert_int_equal(walk(0, 0), -1);
}

#define T(name)	cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(without_paging_addresses_stay),
		T(four_levels_of_4_kib_pages),
		T(five_levels_when_la57_is_on),
		T(large_pages_of_2_mib),
		T(a_large_bit_above_1_gib_is_reserved),
		T(pae_has_four_top_entries_without_rights),
		T(legacy_32_bit_pages),
		T(legacy_4_mib_pages_only_with_pse),
		T(rights_are_those_of_all_levels),
		T(the_supervisor_writes_read_only_pages_without_wp),
		T(smap_keeps_the_supervisor_from_user_pages),
		T(accessed_and_dirty_are_set_as_by_the_cpu),
		T(tables_outside_of_ram_are_not_present),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}

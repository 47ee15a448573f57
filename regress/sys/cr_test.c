/* SPDX-License-Identifier: ISC */
/*
 * Promises of writes to control registers by the guest: which raise #GP,
 * what follows from the others, and when the PDPTEs are loaded.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "world.h"

#include <machine/specialreg.h>

#define CS_L	0x2000
#define PDPT	0x3000

static struct vcpu	*vcpu;
static uint64_t		*cr0, *cr3, *cr4, *efer;
static uint32_t		*cs_ar;

static int
begin(void **state)
{
	if (world_begin_vm(state) != 0)
		return (-1);
	vcpu = world_vcpu(0);
	cr0 = &vcpu->regs.vrs_crs[VCPU_REGS_CR0];
	cr3 = &vcpu->regs.vrs_crs[VCPU_REGS_CR3];
	cr4 = &vcpu->regs.vrs_crs[VCPU_REGS_CR4];
	efer = &vcpu->regs.vrs_msrs[VCPU_REGS_EFER];
	cs_ar = &vcpu->regs.vrs_sregs[VCPU_REGS_CS].vsi_ar;
	*cr0 = CR0_ET | CR0_PE;
	*cs_ar = 0x409b;
	vcpu->regs_dirty = 0;
	return (0);
}

static void
refused(uint8_t number, uint64_t val)
{
	struct vcpu_reg_state old = vcpu->regs;

	vcpu->regs_dirty = 0;
	assert_int_equal(cr_write(vcpu, number, val), EINVAL);
	assert_memory_equal(&vcpu->regs, &old, sizeof(old));
	assert_false(vcpu->pdptes_stale);
}

static void
taken(uint8_t number, uint64_t val)
{
	assert_int_equal(cr_write(vcpu, number, val), 0);
	assert_true(vcpu->regs_dirty & VM_RWREGS_CRS);
}

static void
cr0_refuses_what_no_cpu_takes(void **state)
{
	(void)state;
	refused(0, CR0_PE | 1ULL << 32);
	refused(0, CR0_PG);
	refused(0, CR0_PE | CR0_NW);
	taken(0, CR0_PE | CR0_NW | CR0_CD);
	/* ET is hard-wired. */
	assert_int_equal(*cr0, CR0_PE | CR0_NW | CR0_CD | CR0_ET);
}

static void
cr4_refuses_hidden_features(void **state)
{
	int bit;

	(void)state;
	for (bit = 0; bit < 64; bit++) {
		*cr4 = 0;
		if (cpuid_cr4_allowed() >> bit & 1)
			taken(4, 1ULL << bit);
		else
			refused(4, 1ULL << bit);
	}
	refused(4, CR4_VMXE);
	refused(4, CR4_PCIDE);
	refused(4, CR4_MCE);
}

static void
other_registers_are_refused(void **state)
{
	(void)state;
	refused(3, 0);
	refused(8, 0);
	refused(255, 0);
}

static void
long_mode_begins_and_ends_with_paging(void **state)
{
	(void)state;
	*efer = EFER_LME;
	refused(0, CR0_PE | CR0_PG);		/* no PAE */
	*cr4 = CR4_PAE;
	*cs_ar |= CS_L;
	refused(0, CR0_PE | CR0_PG);		/* a 64-bit CS */
	*cs_ar &= ~CS_L;
	taken(0, CR0_PE | CR0_PG);
	assert_int_equal(*efer, EFER_LME | EFER_LMA);
	assert_true(vcpu->regs_dirty & VM_RWREGS_MSRS);
	refused(4, 0);				/* PAE while in long mode */
	*cs_ar |= CS_L;
	refused(0, CR0_PE);			/* from 64-bit code */
	*cs_ar &= ~CS_L;
	taken(0, CR0_PE);
	assert_int_equal(*efer, EFER_LME);
	taken(4, 0);
}

static void
paging_without_lme_is_no_long_mode(void **state)
{
	(void)state;
	*cr4 = CR4_PAE;
	taken(0, CR0_PE | CR0_PG);
	assert_int_equal(*efer, 0);
}

static void
pae_paging_makes_pdptes_stale(void **state)
{
	(void)state;
	*cr4 = CR4_PAE;
	taken(0, CR0_PE | CR0_PG);
	assert_true(vcpu->pdptes_stale);
	vcpu->pdptes_stale = false;
	taken(0, CR0_PE | CR0_PG | CR0_TS);	/* nothing to do with it */
	assert_false(vcpu->pdptes_stale);
	taken(4, CR4_PAE | CR4_OSFXSR);
	assert_false(vcpu->pdptes_stale);
	taken(4, CR4_PAE | CR4_PGE);
	assert_true(vcpu->pdptes_stale);
	vcpu->pdptes_stale = false;
	taken(0, CR0_PE | CR0_PG | CR0_CD);
	assert_true(vcpu->pdptes_stale);
	/* No PAE, no PDPTEs. */
	taken(4, 0);
	assert_false(vcpu->pdptes_stale);
}

static void
long_mode_has_no_pdptes(void **state)
{
	(void)state;
	*cr4 = CR4_PAE;
	*efer = EFER_LME;
	taken(0, CR0_PE | CR0_PG);
	assert_false(vcpu->pdptes_stale);
	taken(4, CR4_PAE | CR4_PGE);
	assert_false(vcpu->pdptes_stale);
}

static void
pdpte_is(int n, uint64_t val)
{
	assert_int_equal(vcpu->regs.vrs_crs[VCPU_REGS_PDPTE0 + n], val);
}

static void
pdptes_come_from_guest_memory(void **state)
{
	const uint64_t pdpt[4] = { 0x5001, 0x6000, 0x7003, 0x8001 };

	(void)state;
	*cr4 = CR4_PAE;
	*cr3 = PDPT + 0x20 + 0x1f;	/* the low bits are no address */
	memcpy(w.ram + PDPT + 0x20, pdpt, sizeof(pdpt));
	taken(0, CR0_PE | CR0_PG);
	cr_pdptes_load(vcpu);
	assert_false(vcpu->pdptes_stale);
	assert_true(vcpu->regs_dirty & VM_RWREGS_CRS);
	pdpte_is(0, 0x5001);
	pdpte_is(1, 0x6000);		/* not present: any bits */
	pdpte_is(2, 0);			/* reserved bits */
	pdpte_is(3, 0x8001);
	*cr3 = RAM_SIZE;		/* no memory */
	cr_pdptes_load(vcpu);
	pdpte_is(0, 0);
	pdpte_is(3, 0);
	assert_int_equal(hosted.held, 0);
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, begin, world_end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(cr0_refuses_what_no_cpu_takes),
		TEST(cr4_refuses_hidden_features),
		TEST(other_registers_are_refused),
		TEST(long_mode_begins_and_ends_with_paging),
		TEST(paging_without_lme_is_no_long_mode),
		TEST(pae_paging_makes_pdptes_stale),
		TEST(long_mode_has_no_pdptes),
		TEST(pdptes_come_from_guest_memory),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}

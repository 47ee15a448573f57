/* SPDX-License-Identifier: ISC */
/*
 * VMM_IOC_READREGS and VMM_IOC_WRITEREGS of vmm(4).
 */

#include <sys/mman.h>

#include <pthread.h>

#include "guest.h"
#include "harness.h"

#define NONCANONICAL	0x8000000000000000ULL

CODE64(halt, "hlt; jmp halt");
CODE64(count, "sti; 1: incq 0x20000; cmpq $0,0x20008; je 1b; hlt");

static struct guest		g;
static struct vm_rwregs_params	vrwp;

static void
setup(void)
{
	guest_create(&g, 1);
	guest_start(&g, MODE_LONG, halt);
	memset(&vrwp, 0, sizeof(vrwp));
	vrwp.vrwp_vm_id = g.id;
	vrwp.vrwp_mask = VM_RWREGS_ALL;
	regs_read(&g, &vrwp.vrwp_regs);
}

static int
read_regs(void)
{
	return ioctl(g.fd, VMM_IOC_READREGS, &vrwp);
}

static int
write_regs(void)
{
	return ioctl(g.fd, VMM_IOC_WRITEREGS, &vrwp);
}

static void
readregs_and_writeregs_do_not_know_other_vms_and_vcpus(void)
{
	setup();
	vrwp.vrwp_vm_id = g.id + 1;
	CHECK_ERRNO(read_regs(), ENOENT);
	CHECK_ERRNO(write_regs(), ENOENT);
	vrwp.vrwp_vm_id = g.id;
	vrwp.vrwp_vcpu_id = 1;
	CHECK_ERRNO(read_regs(), ENOENT);
	CHECK_ERRNO(write_regs(), ENOENT);
	vrwp.vrwp_vcpu_id = UINT32_MAX;
	CHECK_ERRNO(read_regs(), ENOENT);
	CHECK_ERRNO(write_regs(), ENOENT);
}

static void
readregs_and_writeregs_want_a_mask_of_known_bits(void)
{
	static const uint64_t bad[] = { 0, VM_RWREGS_ALL + 1, 0x80000000,
	    1ULL << 32, 1ULL << 63 | VM_RWREGS_GPRS };
	size_t i;

	setup();
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		vrwp.vrwp_mask = bad[i];
		CHECK_ERRNO(read_regs(), EINVAL);
		CHECK_ERRNO(write_regs(), EINVAL);
	}
}

static void
readregs_and_writeregs_fault_on_bad_pointers(void)
{
	struct vm_rwregs_params *ro;

	setup();
	CHECK_ERRNO(ioctl(g.fd, VMM_IOC_READREGS, NULL), EFAULT);
	CHECK_ERRNO(ioctl(g.fd, VMM_IOC_WRITEREGS, NULL), EFAULT);
	ro = memory_alloc(2 * PAGE_BYTES);
	*ro = vrwp;
	CHECK_OK(mprotect(ro, 2 * PAGE_BYTES, PROT_READ));
	CHECK_ERRNO(ioctl(g.fd, VMM_IOC_READREGS, ro), EFAULT);
	CHECK_OK(ioctl(g.fd, VMM_IOC_WRITEREGS, ro));
}

/* A state that differs from the initial one in every register. */
static void
state_fill(struct vcpu_reg_state *s)
{
	unsigned int i;

	for (i = 0; i < VCPU_REGS_RFLAGS; i++)
		s->vrs_gprs[i] = 0x1111111111111111 * (i % 7 + 1);
	s->vrs_gprs[VCPU_REGS_RIP] = 0x123456789000;
	s->vrs_gprs[VCPU_REGS_RFLAGS] = PSL_MBO | PSL_C | PSL_I | PSL_ID;
	s->vrs_crs[VCPU_REGS_CR0] |= CR0_WP | CR0_MP;
	s->vrs_crs[VCPU_REGS_CR2] = 0xfedcba9876543210;
	s->vrs_crs[VCPU_REGS_CR3] = GUEST_PML4 | CR3_PWT;
	s->vrs_crs[VCPU_REGS_CR4] |= CR4_PGE | CR4_OSFXSR;
	s->vrs_crs[VCPU_REGS_CR8] = 7;
	s->vrs_crs[VCPU_REGS_XCR0] = XFEATURE_X87 | XFEATURE_SSE;
	s->vrs_msrs[VCPU_REGS_EFER] |= EFER_SCE | EFER_NXE;
	s->vrs_msrs[VCPU_REGS_STAR] = 0x0023001000000000;
	s->vrs_msrs[VCPU_REGS_LSTAR] = 0xffffffff80001000;
	s->vrs_msrs[VCPU_REGS_CSTAR] = 0xffffffff80002000;
	s->vrs_msrs[VCPU_REGS_SFMASK] = 0x700;
	s->vrs_msrs[VCPU_REGS_KGSBASE] = 0xffff800000001000;
	for (i = VCPU_REGS_DR0; i <= VCPU_REGS_DR3; i++)
		s->vrs_drs[i] = 0x1000 * (i + 1);
	s->vrs_drs[VCPU_REGS_DR6] = DR6_INIT | 1;
	s->vrs_drs[VCPU_REGS_DR7] = DR7_INIT | 0x55;
	s->vrs_sregs[VCPU_REGS_DS].vsi_sel = SEL_UDATA;
	s->vrs_sregs[VCPU_REGS_DS].vsi_ar = 0xc0f3;
	s->vrs_sregs[VCPU_REGS_FS].vsi_base = 0x7fff12345678;
	s->vrs_sregs[VCPU_REGS_GS].vsi_base = 0xffff800012345678;
	s->vrs_sregs[VCPU_REGS_LDTR].vsi_sel = 0x60;
	s->vrs_sregs[VCPU_REGS_LDTR].vsi_base = 0x30000;
	s->vrs_sregs[VCPU_REGS_LDTR].vsi_limit = 0x37;
	s->vrs_sregs[VCPU_REGS_TR].vsi_base = 0x31000;
	s->vrs_gdtr.vsi_base = 0xffff800000032000;
	s->vrs_gdtr.vsi_limit = 0x57;
	s->vrs_idtr.vsi_base = 0xffff800000033000;
	s->vrs_idtr.vsi_limit = 0x1ff;
}

static void
reset_state_is_read_back(void)
{
	struct vcpu_reg_state want, got;
	enum mode mode;

	guest_create(&g, 1);
	for (mode = 0; mode < MODE_COUNT; mode++) {
		guest_start(&g, mode, halt);
		guest_init_state(&want, mode, 0);
		if (mode == MODE_REAL) {
			want.vrs_sregs[VCPU_REGS_CS].vsi_base = GUEST_CODE;
			want.vrs_sregs[VCPU_REGS_CS].vsi_sel = GUEST_CODE >> 4;
			want.vrs_gprs[VCPU_REGS_RIP] = 0;
		}
		regs_read(&g, &got);
		regs_expect(VM_RWREGS_ALL, &got, &want);
	}
}

static void
written_registers_are_read_back(void)
{
	struct vcpu_reg_state want, got;

	setup();
	want = vrwp.vrwp_regs;
	state_fill(&want);
	regs_write(&g, VM_RWREGS_ALL, &want);
	regs_read(&g, &got);
	regs_expect(VM_RWREGS_ALL, &got, &want);
}

static void
only_the_groups_in_the_mask_are_written(void)
{
	struct vcpu_reg_state before, other, after;
	uint64_t mask;

	setup();
	before = other = vrwp.vrwp_regs;
	state_fill(&other);
	for (mask = 1; mask < VM_RWREGS_ALL; mask <<= 1) {
		regs_write(&g, VM_RWREGS_ALL, &before);
		regs_write(&g, mask, &other);
		regs_read(&g, &after);
		regs_expect(mask, &after, &other);
		regs_expect(VM_RWREGS_ALL & ~mask, &after, &before);
	}
}

static void
only_the_groups_in_the_mask_are_read(void)
{
	uint64_t mask;

	setup();
	for (mask = 1; mask < VM_RWREGS_ALL; mask <<= 1) {
		memset(&vrwp.vrwp_regs, 0xa5, sizeof(vrwp.vrwp_regs));
		vrwp.vrwp_mask = mask;
		CHECK_OK(read_regs());
		CHECK_EQ(vrwp.vrwp_regs.vrs_gprs[VCPU_REGS_R8] ==
		    0xa5a5a5a5a5a5a5a5, mask != VM_RWREGS_GPRS);
		CHECK_EQ(vrwp.vrwp_regs.vrs_crs[VCPU_REGS_CR3] ==
		    0xa5a5a5a5a5a5a5a5, mask != VM_RWREGS_CRS);
		CHECK_EQ(vrwp.vrwp_regs.vrs_msrs[VCPU_REGS_EFER] ==
		    0xa5a5a5a5a5a5a5a5, mask != VM_RWREGS_MSRS);
		CHECK_EQ(vrwp.vrwp_regs.vrs_drs[VCPU_REGS_DR7] ==
		    0xa5a5a5a5a5a5a5a5, mask != VM_RWREGS_DRS);
		CHECK_EQ(vrwp.vrwp_regs.vrs_gdtr.vsi_base ==
		    0xa5a5a5a5a5a5a5a5, mask != VM_RWREGS_SREGS);
	}
}

static void
rflags_bit_1_is_always_set(void)
{
	struct vcpu_reg_state s;

	setup();
	s = vrwp.vrwp_regs;
	s.vrs_gprs[VCPU_REGS_RFLAGS] = 0;
	regs_write(&g, VM_RWREGS_GPRS, &s);
	regs_read(&g, &s);
	CHECK_EQ(s.vrs_gprs[VCPU_REGS_RFLAGS], PSL_MBO);
	expect_hlt(&g);
}

CODE64(efer_read, "mov $0xc0000080,%ecx; rdmsr; hlt");

static void
svme_is_never_visible(void)
{
	struct vcpu_reg_state s;

	setup();
	CHECK_EQ(vrwp.vrwp_regs.vrs_msrs[VCPU_REGS_EFER] & EFER_SVME, 0);
	s = vrwp.vrwp_regs;
	s.vrs_msrs[VCPU_REGS_EFER] |= EFER_NXE;
	regs_write(&g, VM_RWREGS_MSRS, &s);
	guest_start(&g, MODE_LONG, efer_read);
	expect_hlt(&g);
	CHECK_EQ(gpr(&g, VCPU_REGS_RAX) & EFER_SVME, 0);
	CHECK_EQ(g.cpu[0].exit.vrs.vrs_msrs[VCPU_REGS_EFER] & EFER_SVME, 0);
}

/* Store what the client wrote where it can be looked at. */
CODE64(show,
    "mov %rbx,0x20000; mov %r15,0x20008; mov %rbp,0x20010\n"
    "mov %cr2,%rax; mov %rax,0x20018; mov %cr8,%rax; mov %rax,0x20020\n"
    "mov %dr0,%rax; mov %rax,0x20028; mov %dr3,%rax; mov %rax,0x20030\n"
    "mov %dr6,%rax; mov %rax,0x20038; mov %dr7,%rax; mov %rax,0x20040\n"
    "mov $0xc0000082,%ecx; rdmsr; shl $32,%rdx; or %rdx,%rax\n"
    "mov %rax,0x20048\n"
    "mov $0xc0000102,%ecx; rdmsr; shl $32,%rdx; or %rdx,%rax\n"
    "mov %rax,0x20050\n"
    "mov $0xc0000100,%ecx; rdmsr; shl $32,%rdx; or %rdx,%rax\n"
    "mov %rax,0x20058\n"
    "sidt 0x20060; sldt 0x20070; mov %cr0,%rax; mov %rax,0x20078\n"
    "mov %cr4,%rax; mov %rax,0x20080; hlt");

#define OFFSET(field)	offsetof(struct vcpu_reg_state, field)

/* What it stores at GUEST_DATA, in this order. */
static const size_t shown[] = {
	OFFSET(vrs_gprs[VCPU_REGS_RBX]), OFFSET(vrs_gprs[VCPU_REGS_R15]),
	OFFSET(vrs_gprs[VCPU_REGS_RBP]), OFFSET(vrs_crs[VCPU_REGS_CR2]),
	OFFSET(vrs_crs[VCPU_REGS_CR8]), OFFSET(vrs_drs[VCPU_REGS_DR0]),
	OFFSET(vrs_drs[VCPU_REGS_DR3]), OFFSET(vrs_drs[VCPU_REGS_DR6]),
	OFFSET(vrs_drs[VCPU_REGS_DR7]), OFFSET(vrs_msrs[VCPU_REGS_LSTAR]),
	OFFSET(vrs_msrs[VCPU_REGS_KGSBASE]),
	OFFSET(vrs_sregs[VCPU_REGS_FS].vsi_base),
};

static void
guest_sees_written_registers(void)
{
	struct vcpu_reg_state s;
	uint64_t want;
	unsigned int i;

	setup();
	guest_start(&g, MODE_LONG, show);
	regs_read(&g, &s);
	state_fill(&s);
	s.vrs_gprs[VCPU_REGS_RIP] = GUEST_CODE;
	s.vrs_gprs[VCPU_REGS_RFLAGS] = PSL_MBO;
	s.vrs_drs[VCPU_REGS_DR7] = DR7_INIT;
	s.vrs_gdtr.vsi_base = GUEST_GDT;
	regs_write(&g, VM_RWREGS_ALL, &s);
	expect_hlt(&g);
	for (i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
		memcpy(&want, (char *)&s + shown[i], sizeof(want));
		if (ram_read(&g, GUEST_DATA + i * 8) != want)
			FAIL("value %u is %#llx, not %#llx", i,
			    (unsigned long long)ram_read(&g,
			    GUEST_DATA + i * 8), (unsigned long long)want);
	}
	CHECK_EQ(ram_read(&g, GUEST_DATA + 0x60) & 0xffff, 0x1ff);
	CHECK_EQ(ram_read(&g, GUEST_DATA + 0x62), 0xffff800000033000);
	CHECK_EQ(ram_read(&g, GUEST_DATA + 0x70) & 0xffff, 0x60);
	CHECK_EQ(ram_read(&g, GUEST_DATA + 0x78), s.vrs_crs[VCPU_REGS_CR0]);
	CHECK_EQ(ram_read(&g, GUEST_DATA + 0x80), s.vrs_crs[VCPU_REGS_CR4]);
}

CODE64(change,
    "mov $0x12345000,%eax; mov %rax,%dr1; mov $5,%eax; mov %rax,%cr8\n"
    "mov $0x77,%eax; mov %rax,%cr2; mov $0x10,%eax; mov %eax,%es\n"
    "mov $0xc0000083,%ecx; mov $0x1000,%eax; xor %edx,%edx; wrmsr\n"
    "mov $0xc0000101,%ecx; mov $0x2000,%eax; wrmsr\n"
    "mov %cr4,%rax; or $0x80,%eax; mov %rax,%cr4; mov $0x3b,%eax\n"
    "mov %eax,%gs; hlt");

static void
readregs_sees_what_the_guest_changed(void)
{
	struct vcpu_reg_state s;

	setup();
	guest_start(&g, MODE_LONG, change);
	expect_hlt(&g);
	regs_read(&g, &s);
	CHECK_EQ(s.vrs_drs[VCPU_REGS_DR1], 0x12345000);
	CHECK_EQ(s.vrs_crs[VCPU_REGS_CR8], 5);
	CHECK_EQ(s.vrs_crs[VCPU_REGS_CR2], 0x77);
	CHECK_EQ(s.vrs_crs[VCPU_REGS_CR4], CR4_PAE | CR4_PGE);
	CHECK_EQ(s.vrs_sregs[VCPU_REGS_ES].vsi_sel, SEL_DATA);
	CHECK_EQ(s.vrs_msrs[VCPU_REGS_CSTAR], 0x1000);
	CHECK_EQ(s.vrs_sregs[VCPU_REGS_GS].vsi_sel, SEL_UDATA);
	CHECK_EQ(s.vrs_sregs[VCPU_REGS_GS].vsi_ar & 0x60, 0x60);
}

static void *
reader_main(void *arg)
{
	volatile int *done = arg;
	struct vcpu_reg_state s;

	regs_read(&g, &s);
	*done = 1;
	return NULL;
}

static void
readregs_waits_for_the_end_of_run(void)
{
	static volatile int done;
	struct runner r;
	pthread_t reader;

	setup();
	guest_start(&g, MODE_LONG, count);
	runner_start(&r, &g, 0, false);
	CHECK_OK(pthread_create(&reader, NULL, reader_main, (void *)&done));
	test_sleep_ms(100);
	ram_write(&g, GUEST_DATA + 8, 1);
	CHECK_EQ(runner_join(&r), EXIT_HLT);
	test_wait(&done, "the end of READREGS");
	CHECK_OK(pthread_join(reader, NULL));
}

static void
waiting_for_the_end_of_run_is_interrupted_by_a_signal(void)
{
	struct runner r;
	int ret;

	setup();
	guest_start(&g, MODE_LONG, count);
	runner_start(&r, &g, 0, false);
	test_tick(20);
	/* RUN may return now and then, and let us in. */
	do {
		ret = read_regs();
	} while (ret == 0 && test_ticks < 200);
	CHECK_EQ(ret, -1);
	CHECK_EQ(errno, EINTR);
	do {
		ret = write_regs();
	} while (ret == 0 && test_ticks < 400);
	CHECK_EQ(ret, -1);
	CHECK_EQ(errno, EINTR);
	test_tick(0);
	CHECK_EQ(r.ended, 0);
	ram_write(&g, GUEST_DATA + 8, 1);
	CHECK_EQ(runner_join(&r), EXIT_HLT);
}

struct bad_value {
	const char	*what;
	uint64_t	 mask;
	size_t		 offset;
	uint64_t	 val;
};

#define BAD(mask, field, val) { #field " = " #val, mask,		\
	offsetof(struct vcpu_reg_state, field), val }

/* In long mode. */
static const struct bad_value bad_values[] = {
	BAD(VM_RWREGS_CRS, vrs_crs[VCPU_REGS_CR0], CR0_PG | CR0_ET),
	BAD(VM_RWREGS_CRS, vrs_crs[VCPU_REGS_CR0],
	    CR0_PG | CR0_PE | CR0_ET | CR0_NW),
	BAD(VM_RWREGS_CRS, vrs_crs[VCPU_REGS_CR0],
	    1ULL << 32 | CR0_PG | CR0_PE | CR0_ET),
	BAD(VM_RWREGS_CRS, vrs_crs[VCPU_REGS_CR4], 0),
	BAD(VM_RWREGS_CRS, vrs_crs[VCPU_REGS_CR4], CR4_PAE | 1ULL << 15),
	BAD(VM_RWREGS_CRS, vrs_crs[VCPU_REGS_CR4], CR4_PAE | CR4_VMXE),
	BAD(VM_RWREGS_CRS, vrs_crs[VCPU_REGS_CR4], CR4_PAE | 1ULL << 40),
	BAD(VM_RWREGS_CRS, vrs_crs[VCPU_REGS_CR8], 16),
	BAD(VM_RWREGS_CRS, vrs_crs[VCPU_REGS_XCR0], 0),
	BAD(VM_RWREGS_CRS, vrs_crs[VCPU_REGS_XCR0], XFEATURE_SSE),
	BAD(VM_RWREGS_CRS, vrs_crs[VCPU_REGS_XCR0],
	    XFEATURE_X87 | XFEATURE_AVX),
	BAD(VM_RWREGS_CRS, vrs_crs[VCPU_REGS_XCR0],
	    XFEATURE_X87 | 1ULL << 62),
	BAD(VM_RWREGS_MSRS, vrs_msrs[VCPU_REGS_EFER],
	    EFER_LME | EFER_LMA | 1ULL << 32),
	BAD(VM_RWREGS_MSRS, vrs_msrs[VCPU_REGS_EFER],
	    EFER_LME | EFER_LMA | 1ULL << 1),
	BAD(VM_RWREGS_MSRS, vrs_msrs[VCPU_REGS_LSTAR], NONCANONICAL),
	BAD(VM_RWREGS_MSRS, vrs_msrs[VCPU_REGS_CSTAR], NONCANONICAL),
	BAD(VM_RWREGS_MSRS, vrs_msrs[VCPU_REGS_KGSBASE], NONCANONICAL),
	BAD(VM_RWREGS_DRS, vrs_drs[VCPU_REGS_DR6], 1ULL << 32 | DR6_INIT),
	BAD(VM_RWREGS_DRS, vrs_drs[VCPU_REGS_DR7], 1ULL << 32 | DR7_INIT),
	BAD(VM_RWREGS_SREGS, vrs_sregs[VCPU_REGS_FS].vsi_base, NONCANONICAL),
	BAD(VM_RWREGS_SREGS, vrs_sregs[VCPU_REGS_GS].vsi_base, NONCANONICAL),
};
#define NBAD	(sizeof(bad_values) / sizeof(bad_values[0]))

static void
writeregs_refuses_bad_values_and_changes_nothing(void)
{
	struct vcpu_reg_state before, after;
	const struct bad_value *b;

	setup();
	before = vrwp.vrwp_regs;
	for (b = bad_values; b < bad_values + NBAD; b++) {
		vrwp.vrwp_regs = before;
		vrwp.vrwp_mask = b->mask;
		memcpy((char *)&vrwp.vrwp_regs + b->offset, &b->val,
		    sizeof(b->val));
		errno = 0;
		if (write_regs() != -1 || errno != EINVAL)
			FAIL("%s: %s, not EINVAL", b->what, strerror(errno));
		/* Nor together with all the others, which are good. */
		vrwp.vrwp_mask = VM_RWREGS_ALL;
		vrwp.vrwp_regs.vrs_gprs[VCPU_REGS_RAX] = 0x77;
		errno = 0;
		if (write_regs() != -1 || errno != EINVAL)
			FAIL("%s among all: %s, not EINVAL", b->what,
			    strerror(errno));
		regs_read(&g, &after);
		if (memcmp(&before, &after, sizeof(before)) != 0)
			FAIL("%s: changed the registers", b->what);
	}
	expect_hlt(&g);
}

const struct test tests[] = {
	TEST(readregs_and_writeregs_do_not_know_other_vms_and_vcpus),
	TEST(readregs_and_writeregs_want_a_mask_of_known_bits),
	TEST(readregs_and_writeregs_fault_on_bad_pointers),
	TEST(reset_state_is_read_back),
	TEST(written_registers_are_read_back),
	TEST(only_the_groups_in_the_mask_are_written),
	TEST(only_the_groups_in_the_mask_are_read),
	TEST(rflags_bit_1_is_always_set),
	TEST(svme_is_never_visible),
	TEST(guest_sees_written_registers),
	TEST(readregs_sees_what_the_guest_changed),
	TEST(readregs_waits_for_the_end_of_run),
	TEST(waiting_for_the_end_of_run_is_interrupted_by_a_signal),
	TEST(writeregs_refuses_bad_values_and_changes_nothing),
	TEST_END
};

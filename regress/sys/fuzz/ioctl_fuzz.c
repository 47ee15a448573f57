/* SPDX-License-Identifier: ISC */
/*
 * Any sequence of ioctls through two files, with any exits of the guests,
 * ends well: nothing is left, nothing is used after its end, and no state
 * reaches the CPU that it would not take.
 */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "world.h"

#include <machine/specialreg.h>

#define NFILES	2
#define MAX_OPS	200
#define MAX_VMS	8

int	 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static const uint8_t	*input;
static size_t		 left;
static struct vmm_file	*files[NFILES];
static uint8_t		 arg[8192] __attribute__((aligned(64)));
static uint32_t		 ids[MAX_VMS];
static unsigned int	 nids;

static void
check(int ok)
{
	if (!ok)
		abort();
}

static void
take(void *dst, size_t n)
{
	size_t have = n < left ? n : left;

	memset(dst, 0, n);
	memcpy(dst, input, have);
	input += have;
	left -= have;
}

static uint8_t
byte(void)
{
	uint8_t b;

	take(&b, sizeof(b));
	return (b);
}

/* What the hardware would refuse in a way that hurts the host. */
static void
check_cpu(struct vcpu *vcpu)
{
	struct vcpu_reg_state rs = *mock_hw(vcpu);
	const uint64_t xcr0 = hosted_cpu.xcr0;

	memcpy(rs.vrs_gprs, vcpu->regs.vrs_gprs, sizeof(rs.vrs_gprs));
	rs.vrs_crs[VCPU_REGS_XCR0] = xcr0;
	check(regs_check(&rs) == 0);
	check((xcr0 & XFEATURE_AVX512) == 0 ||
	    (~xcr0 & (XFEATURE_AVX512 | XFEATURE_AVX)) == 0);
	check(pat_valid(vcpu->pat));
}

/* A guest does anything. */
static void
fuzz_enter(struct vcpu *vcpu)
{
	struct vmexit *x = &vcpu->exit;
	uint8_t b = byte();

	check_cpu(vcpu);
	mock.shadow = b & 1;
	mock.nmi_blocked = b & 2;
	if (b & 4)
		hosted.leave ^= OS_LEAVE_YIELD;
	take(vcpu->regs.vrs_gprs, b & 0x38);
	/* An input that is used up ends each RUN. */
	if (left == 0)
		return;
	mock_exit(vcpu, byte() % VE_NKINDS, byte() & 15);
	if (x->kind == VE_IO) {
		take(&x->io.port, sizeof(x->io.port));
		x->io.size = 1 << byte() % 3;
		x->io.in = byte() & 1;
		x->io.string = byte() & 1;
	} else if (x->kind == VE_NESTED_FAULT) {
		take(&x->fault.gpa, 3);
		x->fault.access = 1 << byte() % 3;
		x->fault.nbytes = byte() & 15;
	} else if (x->kind == VE_CR) {
		x->cr.number = byte() & 4;
		take(&x->cr.val, sizeof(x->cr.val));
	}
	if (b & 0x40)
		hosted_invalidate(w.ram + (byte() % RAM_PAGES) * OS_PAGE_SIZE,
		    OS_PAGE_SIZE);
}

static const unsigned long	cmds[] = {
	VMM_IOC_CREATE, VMM_IOC_RUN, VMM_IOC_INFO, VMM_IOC_TERM,
	VMM_IOC_RESETCPU, VMM_IOC_INTR, VMM_IOC_READREGS, VMM_IOC_WRITEREGS,
	VMM_IOC_READVMPARAMS, VMM_IOC_WRITEVMPARAMS, VMM_IOC_MPROTECT_EPT,
};

/* Where arguments have ids and pointers, sensible ones, most of the time. */
static void
fix_create(void)
{
	struct vm_create_params *vcp = (struct vm_create_params *)arg;

	world_params(1 + byte() % 3);
	memcpy(vcp, &w.create, sizeof(w.create));
	if (byte() % 8 == 0)
		take((uint8_t *)vcp + (byte() & 0x3f) * 8, 8);
}

static void
fix_run(void)
{
	struct vm_run_params *vrp = (struct vm_run_params *)arg;

	if (byte() % 8 != 0)
		vrp->vrp_exit = &w.exit;
	take((uint8_t *)&w.exit + (byte() & 0xf8), byte() & 7);
}

static void
fix_info(void)
{
	struct vm_info_params *vip = (struct vm_info_params *)arg;

	vip->vip_size = byte() % 6 * sizeof(struct vm_info_result);
	vip->vip_info = w.infos;
}

static void
fix_regs(struct vcpu_reg_state *rs)
{
	regs_power_on(rs);
	take((uint8_t *)rs + (byte() & 0x7f) * 4, byte() & 15);
}

static void
one_ioctl(void)
{
	struct vmm_file *vf = files[byte() % NFILES];
	unsigned long cmd = cmds[byte() % (sizeof(cmds) / sizeof(cmds[0]))];
	size_t n = _IOC_SIZE(cmd);
	int error;

	memset(arg, 0, sizeof(arg));
	if (cmd == VMM_IOC_CREATE && nids >= MAX_VMS)
		return;
	if (cmd != VMM_IOC_CREATE) {
		take(arg + 4, n - 4 < 32 ? n - 4 : 32);
		arg[4] &= 3;		/* a VCPU's number */
		memset(arg + 5, 0, cmd == VMM_IOC_TERM ? 0 : 3);
		memcpy(arg, &ids[byte() % MAX_VMS], sizeof(ids[0]));
	} else
		fix_create();
	if (cmd == VMM_IOC_RUN)
		fix_run();
	if (cmd == VMM_IOC_INFO)
		fix_info();
	if (cmd == VMM_IOC_WRITEREGS)
		fix_regs(&((struct vm_rwregs_params *)arg)->vrwp_regs);
	if (cmd == VMM_IOC_RESETCPU)
		fix_regs(&((struct vm_resetcpu_params *)arg)->vrp_init_state);
	hosted.fail_alloc = byte() % 16 == 0 ? 1 + byte() % 8 : 0;
	hosted.fail_copy = byte() % 16 == 0 ? 1 + byte() % 4 : 0;
	hosted.leave = byte() % 8 == 0 ? OS_LEAVE_SIGNAL : 0;
	error = vmm_ioctl(vf, cmd, (uint64_t)(uintptr_t)arg);
	check(error >= 0 && hosted.held == 0);
	if (cmd == VMM_IOC_CREATE && error == 0)
		ids[nids++] = ((struct vm_create_params *)arg)->vcp_id;
	hosted.fail_alloc = hosted.fail_copy = 0;
}

static void
reopen(int i)
{
	vmm_file_destroy(files[i]);
	files[i] = vmm_file_create();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int n;

	input = data;
	left = size;
	nids = 0;
	memset(ids, 0, sizeof(ids));
	check(world_begin(NULL) == 0);
	hosted_user_add(arg, sizeof(arg), true);
	hosted.privileged = byte() & 1;
	mock.enter = fuzz_enter;
	files[0] = w.file;
	files[1] = vmm_file_create();
	for (n = 0; left > 0 && n < MAX_OPS; n++) {
		if (byte() % 32 == 0)
			reopen(byte() % NFILES);
		else
			one_ioctl();
	}
	w.file = files[0];
	vmm_file_destroy(files[1]);
	vmm_file_destroy(files[0]);
	vmm_fini();
	free(w.ram);
	check(world_live() == 0);
	return (0);
}

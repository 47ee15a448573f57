/* SPDX-License-Identifier: ISC */

/*
 * INS and OUTS, with and without REP (AMD APM 3). Memory is reached through
 * the guest's own segments and page tables, as the CPU would.
 *
 * The exit does not tell the address size and the segment of OUTS: they are
 * taken for those without prefixes.
 */

#include <machine/specialreg.h>

#include "pagewalk.h"
#include "vm.h"

#define STRIO_UNITS	4096	/* per exit, so that others get through */

#define EXC_GP		13
#define EXC_PF		14

/* Segment attributes, vsi_ar. */
#define SEG_CODE	0x0008
#define SEG_EXPAND_DOWN	0x0004
#define SEG_LONG	0x2000
#define SEG_BIG		0x4000

/* One string instruction. */
struct strio {
	struct vcpu			*vc;
	struct vcpu_reg_state		*regs;
	const struct vcpu_segment_info	*seg;
	int				 in;
	unsigned int			 size;	/* of a unit */
	int				 wide;	/* 64-bit mode */
	uint64_t			 mask;	/* of addresses and count */
	uint64_t			*index;	/* RSI or RDI */
};

static void
strio_init(struct strio *s, struct vcpu *vc)
{
	struct vcpu_reg_state	*r = &vc->vc_exit.vrs;
	uint32_t		 cs = r->vrs_sregs[VCPU_REGS_CS].vsi_ar;

	s->vc = vc;
	s->regs = r;
	s->in = vc->vc_exit.vei.vei_dir == VEI_DIR_IN;
	s->size = vc->vc_exit.vei.vei_size;
	s->seg = &r->vrs_sregs[s->in ? VCPU_REGS_ES : VCPU_REGS_DS];
	s->index = &r->vrs_gprs[s->in ? VCPU_REGS_RDI : VCPU_REGS_RSI];
	s->wide = (r->vrs_msrs[VCPU_REGS_EFER] & EFER_LMA) && (cs & SEG_LONG);
	if (s->wide)
		s->mask = UINT64_MAX;
	else
		s->mask = cs & SEG_BIG ? UINT32_MAX : UINT16_MAX;
	if (!(r->vrs_crs[VCPU_REGS_CR0] & CR0_PE) ||
	    (r->vrs_gprs[VCPU_REGS_RFLAGS] & PSL_VM))
		s->mask = UINT16_MAX;
}

/* Change the bits of a register that the address size covers. */
static void
strio_set(const struct strio *s, uint64_t *reg, uint64_t val)
{
	if (s->mask == UINT16_MAX)
		*reg = (*reg & ~s->mask) | (val & s->mask);
	else
		*reg = val & s->mask;
}

/* Are all bits above the linear address copies of its highest? */
static int
strio_canonical(const struct strio *s, uint64_t la)
{
	unsigned int	 shift;

	shift = s->regs->vrs_crs[VCPU_REGS_CR4] & CR4_LA57 ? 7 : 16;
	return ((uint64_t)((int64_t)(la << shift) >> shift) == la);
}

/* Is a unit at this offset within the segment? APM 2, 4.12. */
static int
strio_in_segment(const struct strio *s, uint64_t off)
{
	uint32_t	 ar = s->seg->vsi_ar, limit = s->seg->vsi_limit;
	uint64_t	 last = off + s->size - 1;

	if (s->wide)
		return (strio_canonical(s, off) && strio_canonical(s, last));
	if (last > UINT32_MAX)
		return (0);
	if ((ar & (SEG_CODE | SEG_EXPAND_DOWN)) == SEG_EXPAND_DOWN)
		return (off > limit &&
		    last <= (ar & SEG_BIG ? UINT32_MAX : UINT16_MAX));
	return (last <= limit);
}

static int
strio_fault(struct strio *s, uint8_t vector, uint32_t error)
{
	s->vc->vc_exception.vie_type = VCPU_INJECT_EX;
	s->vc->vc_exception.vie_vector = vector;
	s->vc->vc_exception.vie_errorcode = error;
	return (-1);
}

/* CR2 is not among the registers that the next RUN takes. */
static int
strio_page_fault(struct strio *s, uint64_t la, uint32_t error)
{
	struct vm			*vm = s->vc->vc_vm;
	struct vm_rwregs_params		 vrwp;

	s->regs->vrs_crs[VCPU_REGS_CR2] = la;
	vrwp.vrwp_vm_id = vm->vm_id;
	vrwp.vrwp_vcpu_id = s->vc->vc_id;
	vrwp.vrwp_mask = VM_RWREGS_CRS;
	vrwp.vrwp_regs = *s->regs;
	if (ioctl(vm->vm_start.vst_fds[VM_FD_VMM], VMM_IOC_WRITEREGS,
	    &vrwp) == -1)
		vm_fail(vm, "vcpu %u: a page fault cannot be delivered",
		    s->vc->vc_id);
	return (strio_fault(s, EXC_PF, error));
}

/* Where each byte of the unit is; they may be on two pages. */
static int
strio_translate(struct strio *s, uint64_t gpa[4])
{
	unsigned int	 access = s->in ? PAGEWALK_WRITE : 0, i;
	uint64_t	 off = *s->index & s->mask, la;
	uint32_t	 error;

	if (!strio_in_segment(s, off))
		return (strio_fault(s, EXC_GP, 0));
	if (s->vc->vc_exit.cpl == 3)
		access |= PAGEWALK_USER;
	for (i = 0; i < s->size; i++) {
		la = off + i;
		if (!s->wide)
			la = (uint32_t)(la + s->seg->vsi_base);
		if (i > 0 && (la & (GUESTMEM_PAGE_SIZE - 1)) != 0)
			gpa[i] = gpa[i - 1] + 1;
		else if (pagewalk(&s->vc->vc_vm->vm_mem.mm_guest, s->regs, la,
		    access, &gpa[i], &error) == -1)
			return (strio_page_fault(s, la, error));
	}
	return (0);
}

/* Memory that is none reads as all ones and takes nothing. */
static void
strio_move(struct strio *s, const uint64_t gpa[4])
{
	struct vm	*vm = s->vc->vc_vm;
	uint16_t	 port = s->vc->vc_exit.vei.vei_port;
	uint8_t		 buf[4] = { 0xff, 0xff, 0xff, 0xff };
	uint32_t	 val;
	unsigned int	 i;

	if (s->in) {
		val = vm_io_in(&vm->vm_io, port, s->size);
		for (i = 0; i < s->size; i++) {
			buf[i] = val >> (8 * i);
			(void)guestmem_write(&vm->vm_mem.mm_guest, gpa[i],
			    &buf[i], 1);
		}
		return;
	}
	for (val = 0, i = 0; i < s->size; i++) {
		(void)guestmem_read(&vm->vm_mem.mm_guest, gpa[i], &buf[i], 1);
		val |= (uint32_t)buf[i] << (8 * i);
	}
	vm_io_out(&vm->vm_io, port, s->size, val);
}

static int
strio_unit(struct strio *s)
{
	uint64_t	 gpa[4] = { 0 };

	if (strio_translate(s, gpa) == -1)
		return (-1);
	strio_move(s, gpa);
	if (s->regs->vrs_gprs[VCPU_REGS_RFLAGS] & PSL_D)
		strio_set(s, s->index, *s->index - s->size);
	else
		strio_set(s, s->index, *s->index + s->size);
	return (0);
}

/* Returns 1 when the instruction is done. */
static int
strio_run(struct strio *s)
{
	uint64_t	*rcx = &s->regs->vrs_gprs[VCPU_REGS_RCX];
	unsigned int	 n;

	if (!s->vc->vc_exit.vei.vei_rep)
		return (strio_unit(s) == 0);
	for (n = 0; n < STRIO_UNITS && (*rcx & s->mask) != 0; n++) {
		if (strio_unit(s) == -1)
			return (0);
		strio_set(s, rcx, *rcx - 1);
	}
	return ((*rcx & s->mask) == 0);
}

void
vcpu_string_io(struct vcpu *vc)
{
	struct strio	 s;

	strio_init(&s, vc);
	pthread_mutex_lock(&vc->vc_vm->vm_dev_mtx);
	if (strio_run(&s))
		s.regs->vrs_gprs[VCPU_REGS_RIP] += vc->vc_exit.vei.vei_insn_len;
	pthread_mutex_unlock(&vc->vc_vm->vm_dev_mtx);
}

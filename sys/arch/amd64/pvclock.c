/* SPDX-License-Identifier: ISC */
/*
 * The paravirtual clock that Linux and BSD guests know from KVM: a structure
 * in guest memory from which the guest computes the time out of its TSC.
 * The host's TSC is constant and the VM has one offset, so that it is
 * written when the guest asks for it and not again; where the host's TSC is
 * not to be trusted it is written before every return to the guest.
 */
#include "cpufunc.h"
#include "vcpu.h"

#define PVCLOCK_TSC_STABLE	0x01

struct pvclock_time_info {
	uint32_t	version;	/* odd while it changes */
	uint32_t	pad0;
	uint64_t	tsc_timestamp;
	uint64_t	system_time;	/* ns, when the TSC was that */
	uint32_t	tsc_to_system_mul;
	int8_t		tsc_shift;
	uint8_t		flags;
	uint8_t		pad[2];
};
_Static_assert(sizeof(struct pvclock_time_info) == 32, "pvclock ABI");

struct pvclock_wall_clock {
	uint32_t	version;
	uint32_t	sec;
	uint32_t	nsec;
};
_Static_assert(sizeof(struct pvclock_wall_clock) == 12, "pvclock ABI");

static bool
pvclock_gpa_ok(struct vcpu *vcpu, uint64_t gpa, size_t size)
{
	return (gpa & 3) == 0 && (gpa & OS_PAGE_MASK) + size <= OS_PAGE_SIZE &&
	    vm_range_backed(vcpu->vm, gpa, size);
}

int
pvclock_set(struct vcpu *vcpu, uint64_t gpa)
{
	if (gpa != 0 && !pvclock_gpa_ok(vcpu, gpa,
	    sizeof(struct pvclock_time_info)))
		return EINVAL;
	vcpu->pvclock.gpa = gpa;
	vcpu->pvclock.stale = gpa != 0;
	vcpu->pvclock.last_ns = 0;
	return 0;
}

int
pvclock_set_wall(struct vcpu *vcpu, uint64_t gpa)
{
	if (gpa == 0 || !pvclock_gpa_ok(vcpu, gpa,
	    sizeof(struct pvclock_wall_clock)))
		return EINVAL;
	vcpu->pvclock.wall_gpa = gpa;
	return 0;
}

/*
 * ns = (ticks << shift) * mul >> 32. The shift brings a tick's length, as a
 * 32-bit fraction, between one half and one. A host may not know its TSC: 0.
 */
static void
pvclock_scale(uint32_t khz, uint32_t *mul, int8_t *shift)
{
	uint64_t ns = 1000000;		/* both per millisecond */
	uint64_t tps = khz != 0 ? khz : 1;
	int8_t s = 0;

	while (tps > ns * 2) {
		tps >>= 1;
		s--;
	}
	while (tps <= ns) {
		tps <<= 1;
		s++;
	}
	*mul = (uint32_t)((ns << 32) / tps);
	*shift = s;
}

static uint64_t
pvclock_ns(uint64_t ticks, uint32_t mul, int8_t shift)
{
	ticks = shift < 0 ? ticks >> -shift : ticks << shift;
	return (uint64_t)((unsigned __int128)ticks * mul >> 32);
}

/*
 * The time now, which is never before the one that the guest computes from
 * what was written last: the host's clock and its TSC may drift apart.
 */
static uint64_t
pvclock_now(const struct pvclock *pv, uint64_t tsc, uint32_t mul, int8_t shift)
{
	uint64_t now = os_nanotime(), guest;

	if (pv->last_ns == 0)
		return now;
	guest = pv->last_ns + pvclock_ns(tsc - pv->last_tsc, mul, shift);
	return guest > now ? guest : now;
}

static void
pvclock_write_time(struct vcpu *vcpu)
{
	struct pvclock_time_info ti;
	struct pvclock *pv = &vcpu->pvclock;
	uint64_t tsc;

	memset(&ti, 0, sizeof(ti));
	pvclock_scale(os_tsc_khz(), &ti.tsc_to_system_mul, &ti.tsc_shift);
	ti.flags = os_tsc_stable() ? PVCLOCK_TSC_STABLE : 0;
	ti.version = vcpu->pvclock.version | 1;
	vm_mem_write(vcpu->vm, vcpu->pvclock.gpa, &ti.version,
	    sizeof(ti.version));
	ti.version++;
	tsc = rdtsc_ordered();
	ti.system_time = pvclock_now(pv, tsc, ti.tsc_to_system_mul,
	    ti.tsc_shift);
	ti.tsc_timestamp = tsc + vcpu->vm->tsc_offset;
	if (vm_mem_write(vcpu->vm, pv->gpa, &ti, sizeof(ti)) != 0)
		return;
	pv->version = ti.version;
	pv->last_tsc = tsc;
	pv->last_ns = ti.system_time;
}

/* What the wall clock showed when the system time was 0. */
static void
pvclock_write_wall(struct vcpu *vcpu)
{
	struct pvclock_wall_clock wc = { .version = 2 };
	uint64_t sec, ns, start;
	uint32_t nsec;

	ns = os_nanotime();
	os_walltime(&sec, &nsec);
	start = sec * 1000000000ULL + nsec - ns;
	wc.sec = (uint32_t)(start / 1000000000ULL);
	wc.nsec = (uint32_t)(start % 1000000000ULL);
	vm_mem_write(vcpu->vm, vcpu->pvclock.wall_gpa, &wc, sizeof(wc));
}

void
pvclock_update(struct vcpu *vcpu)
{
	struct pvclock *pv = &vcpu->pvclock;

	if (pv->wall_gpa != 0) {
		pvclock_write_wall(vcpu);
		pv->wall_gpa = 0;
	}
	if (pv->gpa != 0 && (pv->stale || !os_tsc_stable())) {
		pvclock_write_time(vcpu);
		pv->stale = false;
	}
}

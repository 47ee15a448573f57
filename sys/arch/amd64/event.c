/* SPDX-License-Identifier: ISC */
/*
 * Events for the guest.
 */
#include "event.h"
#include "backend.h"
#include "vcpu.h"

#include <machine/specialreg.h>

/* Exceptions that push an error code. */
#define ERROR_CODE_VECTORS	(1U << EXC_DF | 1U << EXC_TS | 1U << EXC_NP | \
				 1U << EXC_SS | 1U << EXC_GP | 1U << EXC_PF | \
				 1U << EXC_AC | 1U << EXC_CP)

void
event_reset(struct vcpu_events *ev)
{
	memset(ev, 0, sizeof(*ev));
}

void
event_exception(struct vcpu *vcpu, uint8_t vector, uint32_t error)
{
	struct event *e = &vcpu->ev.exception;

	vcpu_regs_need(vcpu, VM_RWREGS_CRS);
	e->valid = true;
	e->type = EVENT_EXCEPTION;
	e->vector = vector;
	e->has_error = (ERROR_CODE_VECTORS >> vector & 1) != 0 &&
	    (vcpu->regs.vrs_crs[VCPU_REGS_CR0] & CR0_PE) != 0;
	e->error = error;
	e->insn_len = 0;
}

int
event_post(struct vcpu *vcpu, const struct vcpu_inject_event *vie)
{
	switch (vie->vie_type) {
	case VCPU_INJECT_INTR:
		vcpu->ev.intr = true;
		vcpu->ev.intr_vector = vie->vie_vector;
		break;
	case VCPU_INJECT_NMI:
		vcpu->ev.nmi = true;
		break;
	case VCPU_INJECT_EX:
		if (vie->vie_vector > 31 || vie->vie_vector == EXC_NMI)
			return EINVAL;
		event_exception(vcpu, vie->vie_vector, vie->vie_errorcode);
		break;
	}
	return 0;
}

void
event_interrupted(struct vcpu *vcpu, const struct event *e)
{
	vcpu->ev.again = *e;
}

static bool
intr_open(struct vcpu *vcpu)
{
	return (vcpu->regs.vrs_gprs[VCPU_REGS_RFLAGS] & PSL_I) != 0 &&
	    !backend->shadow(vcpu);
}

bool
event_intr_ready(struct vcpu *vcpu)
{
	const struct vcpu_events *ev = &vcpu->ev;

	return !ev->again.valid && !ev->exception.valid && !ev->late.valid &&
	    !ev->nmi && !ev->intr && intr_open(vcpu);
}

/*
 * An exception comes before an interrupt or NMI whose delivery it interrupts;
 * those then wait for their time. What the guest did itself, it does again
 * when it returns to the instruction.
 */
static void
event_overtake(struct vcpu_events *ev)
{
	if (ev->again.valid && ev->again.type == EVENT_INTR)
		ev->late = ev->again;
	if (ev->again.valid && ev->again.type == EVENT_NMI)
		ev->nmi = true;
	ev->again.valid = false;
}

static bool
event_inject_sync(struct vcpu *vcpu)
{
	struct vcpu_events *ev = &vcpu->ev;
	struct event *e = &ev->again;

	if (ev->exception.valid) {
		event_overtake(ev);
		e = &ev->exception;
	}
	if (!e->valid)
		return false;
	backend->inject(vcpu, e);
	e->valid = false;
	return true;
}

/* Deliver an NMI or interrupt if the guest can take one now. */
static bool
event_inject_async(struct vcpu *vcpu)
{
	struct vcpu_events *ev = &vcpu->ev;
	struct event e = { .valid = true };

	if (ev->nmi && !backend->nmi_blocked(vcpu)) {
		e.type = EVENT_NMI;
		e.vector = EXC_NMI;
		ev->nmi = false;
	} else if (ev->late.valid && intr_open(vcpu)) {
		e = ev->late;
		ev->late.valid = false;
	} else if (ev->intr && intr_open(vcpu)) {
		e.type = EVENT_INTR;
		e.vector = ev->intr_vector;
		ev->intr = false;
	} else
		return false;
	backend->inject(vcpu, &e);
	return true;
}

void
event_commit(struct vcpu *vcpu)
{
	struct vcpu_events *ev = &vcpu->ev;

	if (!event_inject_sync(vcpu))
		event_inject_async(vcpu);
	backend->window(vcpu, ev->intr || ev->want_window || ev->late.valid,
	    ev->nmi);
}

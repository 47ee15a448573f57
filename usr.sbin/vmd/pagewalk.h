/* SPDX-License-Identifier: ISC */
/*
 * Guest page tables: from a linear to a guest-physical address, for data
 * accesses done on behalf of a guest instruction (AMD APM 2, chapter 5).
 */
#ifndef VMD_PAGEWALK_H
#define VMD_PAGEWALK_H

#include <dev/vmm/vmm.h>

#include "guestmem.h"

/* What to do, and page fault error code bits (APM 2, 8.4.2). */
#define PAGEWALK_P	0x01		/* result: the page is present */
#define PAGEWALK_WRITE	0x02
#define PAGEWALK_USER	0x04		/* by CPL 3 */
#define PAGEWALK_RSVD	0x08		/* result: reserved bits are set */

/*
 * Translate linear address la for access (PAGEWALK_WRITE, _USER) in the
 * paging mode that regs says, from no paging to five levels, and set the
 * accessed and dirty bits. Returns 0 with *gpa, or -1 with the error code of
 * the page fault in *error. *gpa need not be RAM. The VCPU whose registers
 * these are must not be running; no lock.
 */
int	 pagewalk(const struct guestmem *, const struct vcpu_reg_state *regs,
	    uint64_t la, unsigned int access, uint64_t *gpa, uint32_t *error);

#endif /* VMD_PAGEWALK_H */

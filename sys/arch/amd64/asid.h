/* SPDX-License-Identifier: ISC */
/*
 * Tags of TLB entries, ASIDs of AMD-V and VPIDs of VT-x, of one CPU. They are
 * handed out upwards; when they are used up the CPU flushes all of them and
 * a new generation begins. 0 is the host's.
 */
#ifndef _SYS_ASID_H_
#define _SYS_ASID_H_

#include "os.h"

struct asid_pool {
	uint32_t	gen;
	uint32_t	next;
};

/* Whatever the TLB holds of an earlier time is flushed before the next one. */
static inline void
asid_pool_restart(struct asid_pool *pool, uint32_t count)
{
	pool->gen++;
	pool->next = count;
}

/* A tag that nothing in the TLB has; true: flush all tags first. */
static inline bool
asid_take(struct asid_pool *pool, uint32_t count, uint32_t *asid,
    uint32_t *gen)
{
	bool flush = false;

	if (pool->next >= count) {
		pool->next = 1;
		pool->gen++;
		flush = true;
	}
	*asid = pool->next++;
	*gen = pool->gen;
	return flush;
}

#endif /* _SYS_ASID_H_ */

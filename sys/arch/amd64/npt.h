/* SPDX-License-Identifier: ISC */
/*
 * Nested page tables: four or five levels, in the format of AMD's NPT or
 * Intel's EPT (AMD APM 2, 15.25; Intel SDM 3, 28.3). All but npt_init and npt_fini are
 * called with the VM's npt_lock held.
 */
#ifndef _SYS_NPT_H_
#define _SYS_NPT_H_

#include "os.h"

#define NPT_MAX_LEVELS	5
#define NPT_ENTRIES	512

/* The bits of an entry that differ between the vendors. */
struct npt_format {
	uint64_t	table;		/* an entry that points to a table */
	uint64_t	leaf;		/* a mapping, whatever its rights */
	uint64_t	read;		/* set: may be read */
	uint64_t	write;		/* set: may be written */
	uint64_t	exec;		/* set: may be executed */
	uint64_t	noexec;		/* set: may not be executed */
	uint64_t	large;		/* maps 2 MiB or 1 GiB */
	uint64_t	present;	/* any of these set: is an entry */
};

struct npt {
	const struct npt_format	*fmt;
	uint64_t		*root;		/* one page */
	int			 levels;
	uint64_t		 mapped;	/* bytes */
	unsigned int		 max_shift;	/* largest page: 21 or 30 */
};

/* Pages for new tables, collected before npt_lock is taken. */
struct npt_cache {
	unsigned int	 n;
	void		*page[NPT_MAX_LEVELS - 1];
};

/* Tables taken out, to be freed when no CPU can see them any more. */
struct npt_freelist {
	uint64_t	*first;
};

int	 npt_init(struct npt *, const struct npt_format *, int levels,
	    unsigned int max_shift);		/* ENOMEM */
void	 npt_fini(struct npt *);
int	 npt_cache_fill(struct npt_cache *);	/* ENOMEM; sleeps */
void	 npt_cache_drain(struct npt_cache *);

/*
 * Map 2^shift bytes at gpa to pa with VM_PROT_* rights; both are rounded
 * down to the size. Where a table for smaller pages is already in place,
 * only the 4 KiB page of gpa is mapped. Takes tables from the cache, which
 * was filled. A mapping that existed is replaced: returns true when it gave
 * more rights or another address than the new one, and must be flushed.
 */
bool	 npt_map(struct npt *, struct npt_cache *, uint64_t gpa, uint64_t pa,
	    unsigned int shift, int prot);
/* Unmap [start, end); whole large pages it touches. True: flush. */
bool	 npt_unmap(struct npt *, uint64_t start, uint64_t end,
	    struct npt_freelist *);
void	 npt_freelist_free(struct npt_freelist *);

#endif /* _SYS_NPT_H_ */

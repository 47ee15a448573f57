/* SPDX-License-Identifier: ISC */
/*
 * A user process: the types of <os.h>.
 */
#ifndef _OS_HOSTED_OS_TYPES_H_
#define _OS_HOSTED_OS_TYPES_H_

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct os_mm;

struct os_mutex {
	pthread_mutex_t		mutex;
};

struct os_spin {
	pthread_mutex_t		mutex;
};

struct os_memwatch {
	struct os_memwatch	*next;
	void			(*invalidate)(void *, uint64_t, uint64_t,
				    unsigned long);
	void			*arg;
	uint64_t		 start;
	uint64_t		 end;
	unsigned long		 seq;
	bool			 active;
};

#endif /* _OS_HOSTED_OS_TYPES_H_ */

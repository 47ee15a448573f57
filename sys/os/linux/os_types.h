/* SPDX-License-Identifier: ISC */
/*
 * Linux: the types of <os.h>. Locks and memory watches are room for the
 * kernel's own, so that its headers stay out of the rest of the driver.
 */
#ifndef _OS_LINUX_OS_TYPES_H_
#define _OS_LINUX_OS_TYPES_H_

#include <linux/types.h>
#include <linux/errno.h>
#include <linux/stddef.h>
#include <linux/string.h>

struct os_mm;

struct os_mutex {
	uint64_t	opaque[8];
};

struct os_spin {
	uint64_t	opaque[1];
};

struct os_memwatch {
	uint64_t	opaque[16];
};

#endif /* _OS_LINUX_OS_TYPES_H_ */

/* SPDX-License-Identifier: ISC */
/*
 * landlock(7), as far as vmd(8) uses it. The headers of the oldest supported
 * system describe its own kernel, not the newer ones that vmd may run on.
 */
#ifndef _LANDLOCK_H_
#define _LANDLOCK_H_

#include <stdint.h>

#define LANDLOCK_VERSION_FLAG		1U
#define LANDLOCK_PATH_BENEATH		1

#define LANDLOCK_FS_EXECUTE		(1ULL << 0)
#define LANDLOCK_FS_READ_FILE		(1ULL << 2)
#define LANDLOCK_FS_ABI1		((1ULL << 13) - 1)
#define LANDLOCK_FS_REFER		(1ULL << 13)	/* ABI 2 */
#define LANDLOCK_FS_TRUNCATE		(1ULL << 14)	/* ABI 3 */
#define LANDLOCK_FS_IOCTL_DEV		(1ULL << 15)	/* ABI 5 */
#define LANDLOCK_NET_BIND_TCP		(1ULL << 0)	/* ABI 4 */
#define LANDLOCK_NET_CONNECT_TCP	(1ULL << 1)
#define LANDLOCK_SCOPE_ABSTRACT_UNIX	(1ULL << 0)	/* ABI 6 */
#define LANDLOCK_SCOPE_SIGNAL		(1ULL << 1)

struct landlock_rules {
	uint64_t	fs;
	uint64_t	net;		/* ABI 4 */
	uint64_t	scoped;		/* ABI 6 */
};
#define LANDLOCK_SIZE_ABI1		8
#define LANDLOCK_SIZE_ABI4		16
_Static_assert(sizeof(struct landlock_rules) == 24, "landlock_ruleset_attr");

struct landlock_beneath {
	uint64_t	access;
	int32_t		parent_fd;
} __attribute__((packed));
_Static_assert(sizeof(struct landlock_beneath) == 12,
    "landlock_path_beneath_attr");

#endif /* _LANDLOCK_H_ */

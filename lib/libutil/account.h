/* SPDX-License-Identifier: ISC */
/*
 * Local users and groups, straight from passwd(5) and group(5): a statically
 * linked program cannot load the modules of the name service switch. Accounts
 * from elsewhere have to be given as numbers.
 */
#ifndef _ACCOUNT_H_
#define _ACCOUNT_H_

#include <stddef.h>
#include <sys/types.h>

struct account {
	uid_t	ac_uid;
	gid_t	ac_gid;
	char	ac_home[1024];
};

/* The account of a user, by name only. Returns 0, or -1 when there is none. */
int	account_find(const char *name, struct account *);

/*
 * Look up a user by name, or by number where no name is equal. A number needs
 * no entry; without one its primary group is (gid_t)-1. Returns 0, or -1 when
 * there is no such user or the file cannot be read.
 */
int	account_user(const char *name, uid_t *, gid_t *);

/* The same for a group. */
int	account_group(const char *name, gid_t *);

/* The name of a user or group, or its number where it has none. */
void	account_user_name(uid_t, char *, size_t);
void	account_group_name(gid_t, char *, size_t);

#endif /* _ACCOUNT_H_ */

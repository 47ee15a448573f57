/* SPDX-License-Identifier: ISC */
/*
 * passwd(5), group(5)
 */

#include <bsd/stdlib.h>
#include <bsd/string.h>
#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>

#include "account.h"

#define ID_MAX		(UINT32_MAX - 1LL)	/* (uid_t)-1 is no id */

static int
id_parse(const char *s, uint32_t *id)
{
	const char	*errstr;

	*id = (uint32_t)strtonum(s, 0, ID_MAX, &errstr);
	return (errstr == NULL ? 0 : -1);
}

/* Find the entry with this name, or if that is NULL with this id. */
static int
passwd_find(const char *name, uid_t uid, struct account *ac, char *out,
    size_t outlen)
{
	struct passwd	*pw;
	FILE		*fp;
	int		 rv = -1;

	if ((fp = fopen("/etc/passwd", "re")) == NULL)
		return (-1);
	while (rv == -1 && (pw = fgetpwent(fp)) != NULL) {
		if (name != NULL ? strcmp(pw->pw_name, name) != 0 :
		    pw->pw_uid != uid)
			continue;
		ac->ac_uid = pw->pw_uid;
		ac->ac_gid = pw->pw_gid;
		strlcpy(ac->ac_home, pw->pw_dir, sizeof(ac->ac_home));
		if (out != NULL)
			strlcpy(out, pw->pw_name, outlen);
		rv = 0;
	}
	fclose(fp);
	return (rv);
}

static int
group_find(const char *name, gid_t *gid, char *out, size_t outlen)
{
	struct group	*gr;
	FILE		*fp;
	int		 rv = -1;

	if ((fp = fopen("/etc/group", "re")) == NULL)
		return (-1);
	while (rv == -1 && (gr = fgetgrent(fp)) != NULL) {
		if (name != NULL ? strcmp(gr->gr_name, name) != 0 :
		    gr->gr_gid != *gid)
			continue;
		*gid = gr->gr_gid;
		if (out != NULL)
			strlcpy(out, gr->gr_name, outlen);
		rv = 0;
	}
	fclose(fp);
	return (rv);
}

int
account_find(const char *name, struct account *ac)
{
	return (passwd_find(name, 0, ac, NULL, 0));
}

int
account_user(const char *name, uid_t *uid, gid_t *gid)
{
	struct account	 ac;

	if (passwd_find(name, 0, &ac, NULL, 0) == -1) {
		if (id_parse(name, &ac.ac_uid) == -1)
			return (-1);
		if (passwd_find(NULL, ac.ac_uid, &ac, NULL, 0) == -1)
			ac.ac_gid = (gid_t)-1;
	}
	*uid = ac.ac_uid;
	*gid = ac.ac_gid;
	return (0);
}

int
account_group(const char *name, gid_t *gid)
{
	if (group_find(name, gid, NULL, 0) == 0)
		return (0);
	return (id_parse(name, gid));
}

void
account_user_name(uid_t uid, char *name, size_t len)
{
	struct account	 ac;

	if (passwd_find(NULL, uid, &ac, name, len) == -1)
		snprintf(name, len, "%u", uid);
}

void
account_group_name(gid_t gid, char *name, size_t len)
{
	if (group_find(NULL, &gid, name, len) == -1)
		snprintf(name, len, "%u", gid);
}

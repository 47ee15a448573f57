/* SPDX-License-Identifier: ISC */
/*
 * Reading vm.conf(5) from memory.
 */
#ifndef CONF_PARSE_H
#define CONF_PARSE_H

#include <stddef.h>

#include "vmd.h"

/* As parse_config(), for a text that is called name in messages. */
int	parse_buffer(const char *name, const char *, size_t len,
	    struct vmd_conf *);

#endif /* CONF_PARSE_H */

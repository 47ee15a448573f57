/* SPDX-License-Identifier: ISC */
/*
 * A VM's definition in vm.conf(5), put together line by line. Every function
 * reports what is wrong, with the VM's name, and goes on: a definition with
 * errors is dropped at its end.
 */
#ifndef CONF_VM_H
#define CONF_VM_H

#include "vmd.h"

void	conf_vm_begin(const char *name);
void	conf_vm_end(struct vmd_conf *);	/* adds it, when it is good */

void	conf_vm_arguments(const char *);
void	conf_vm_boot(const char *path);
void	conf_vm_cpus(const char *number);
void	conf_vm_disk(const char *path, const char *format); /* NULL: probe */
void	conf_vm_enable(int);
void	conf_vm_initrd(const char *path);
void	conf_vm_memory(const char *size);
void	conf_vm_owner(const char *owner);

/*
 * Parse "user", "user:group" or ":group" (then the user is root). Returns 0,
 * or -1 with the part that is unknown and "user" or "group" for what it is.
 */
int	conf_owner_parse(const char *, struct vmop_owner *, char *unknown,
	    size_t len, const char **what);

#endif /* CONF_VM_H */

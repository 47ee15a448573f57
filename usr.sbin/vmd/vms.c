/* SPDX-License-Identifier: ISC */
/* The parent's list of VMs, and the rules about them: no system calls. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <bsd/string.h>

#include "vms.h"

/* What a client gives with a kernel belongs to that boot. */
#define VMOP_CREATE_ONCE	(VMOP_CREATE_BOOT | VMOP_CREATE_INITRD | \
				VMOP_CREATE_ARGS)

void
vms_init(struct vms *vms)
{
	TAILQ_INIT(&vms->vms_list);
	TAILQ_INIT(&vms->vms_names);
	vms->vms_lastid = 0;
}

/* The id that a name has or gets; 0: out of memory. */
static uint32_t
vms_id(struct vms *vms, const char *name)
{
	struct vms_name *vn;

	TAILQ_FOREACH(vn, &vms->vms_names, vn_entry)
		if (strcmp(vn->vn_name, name) == 0)
			return vn->vn_id;
	if (vms->vms_lastid == UINT32_MAX ||
	    (vn = calloc(1, sizeof(*vn))) == NULL)
		return 0;
	strlcpy(vn->vn_name, name, sizeof(vn->vn_name));
	vn->vn_id = ++vms->vms_lastid;
	TAILQ_INSERT_TAIL(&vms->vms_names, vn, vn_entry);
	return vn->vn_id;
}

struct vmd_vm *
vms_add(struct vms *vms, const struct vmop_create_params *vmc, int from_conf)
{
	struct vmd_vm *vm;

	if ((vm = calloc(1, sizeof(*vm))) == NULL)
		return NULL;
	if ((vm->vm_id = vms_id(vms, vmc->vmc_name)) == 0) {
		free(vm);
		return NULL;
	}
	vm->vm_conf = vm->vm_params = *vmc;
	vm->vm_from_conf = from_conf;
	if (vmc->vmc_flags & VMOP_CREATE_DISABLED)
		vm->vm_state = VM_STATE_DISABLED;
	TAILQ_INSERT_TAIL(&vms->vms_list, vm, vm_entry);
	return vm;
}

void
vms_remove(struct vms *vms, struct vmd_vm *vm)
{
	TAILQ_REMOVE(&vms->vms_list, vm, vm_entry);
	free(vm);
}

struct vmd_vm *
vms_by_id(const struct vms *vms, uint32_t id)
{
	struct vmd_vm *vm;

	TAILQ_FOREACH(vm, &vms->vms_list, vm_entry)
		if (vm->vm_id == id)
			return vm;
	return NULL;
}

struct vmd_vm *
vms_by_name(const struct vms *vms, const char *name)
{
	struct vmd_vm *vm;

	TAILQ_FOREACH(vm, &vms->vms_list, vm_entry)
		if (strcmp(vm->vm_params.vmc_name, name) == 0)
			return vm;
	return NULL;
}

struct vmd_vm *
vms_find(const struct vms *vms, uint32_t id, const char name[VM_NAME_MAX])
{
	if (id != 0)
		return vms_by_id(vms, id);
	if (memchr(name, '\0', VM_NAME_MAX) == NULL)
		return NULL;
	return vms_by_name(vms, name);
}

unsigned int
vms_running(const struct vms *vms)
{
	struct vmd_vm *vm;
	unsigned int n = 0;

	TAILQ_FOREACH(vm, &vms->vms_list, vm_entry)
		if (vm->vm_state & VM_STATE_RUNNING)
			n++;
	return n;
}

int
vm_access(const struct vmd_vm *vm, const struct ctl_peer *cp)
{
	const struct vmop_owner *owner = &vm->vm_params.vmc_owner;
	uint32_t i;

	if (cp->cp_uid == 0 || cp->cp_uid == owner->uid)
		return 1;
	if ((vm->vm_state & VM_STATE_RUNNING) && cp->cp_uid == vm->vm_uid)
		return 1;
	if (owner->gid == VMOP_NOGROUP)
		return 0;
	if (cp->cp_gid == owner->gid)
		return 1;
	for (i = 0; i < cp->cp_ngroups && i < CTL_MAX_GROUPS; i++)
		if (cp->cp_groups[i] == owner->gid)
			return 1;
	return 0;
}

/* Add the disks of a request behind those that the VM has. */
static int
vm_merge_disks(const struct vmop_create_params *req,
    struct vmop_create_params *out, char *text, size_t len)
{
	uint32_t i;

	if (req->vmc_ndisks > VMM_MAX_DISKS_PER_VM - out->vmc_ndisks)
		return vm_text(text, len, EINVAL, out->vmc_name,
		    "too many disks: it has %u already, and may have %d",
		    out->vmc_ndisks, VMM_MAX_DISKS_PER_VM);
	for (i = 0; i < req->vmc_ndisks; i++)
		out->vmc_disks[out->vmc_ndisks++] = req->vmc_disks[i];
	return 0;
}

int
vm_merge(const struct vmop_create_params *def,
    const struct vmop_create_params *req, struct vmop_create_params *out,
    char *text, size_t len)
{
	uint32_t flags = req->vmc_flags;

	*out = *def;
	out->vmc_flags |= flags & VMOP_CREATE_REQUEST;
	if (flags & VMOP_CREATE_MEMORY)
		out->vmc_memory = req->vmc_memory;
	if (flags & VMOP_CREATE_CPUS)
		out->vmc_ncpus = req->vmc_ncpus;
	if (flags & VMOP_CREATE_BOOT)
		memcpy(out->vmc_boot, req->vmc_boot, sizeof(out->vmc_boot));
	if (flags & VMOP_CREATE_INITRD)
		memcpy(out->vmc_initrd, req->vmc_initrd,
		    sizeof(out->vmc_initrd));
	if (flags & VMOP_CREATE_ARGS)
		memcpy(out->vmc_args, req->vmc_args, sizeof(out->vmc_args));
	if (flags & VMOP_CREATE_DISK)
		return vm_merge_disks(req, out, text, len);
	return 0;
}

void
vm_forget_once(struct vmd_vm *vm)
{
	struct vmop_create_params *vmc = &vm->vm_params;

	if (!vm->vm_from_conf || !(vmc->vmc_flags & VMOP_CREATE_ONCE) ||
	    vm->vm_conf.vmc_boot[0] == '\0')
		return;
	memcpy(vmc->vmc_boot, vm->vm_conf.vmc_boot, sizeof(vmc->vmc_boot));
	memcpy(vmc->vmc_initrd, vm->vm_conf.vmc_initrd,
	    sizeof(vmc->vmc_initrd));
	memcpy(vmc->vmc_args, vm->vm_conf.vmc_args, sizeof(vmc->vmc_args));
}

int
vm_rate(struct vmd_vm *vm, uint64_t now)
{
	if (now - vm->vm_last_start < VM_START_RATE_SEC)
		vm->vm_quick++;
	else
		vm->vm_quick = 0;
	vm->vm_last_start = now;
	return vm->vm_quick > VM_START_RATE_LIMIT ? -1 : 0;
}

int
vm_text(char *text, size_t len, int error, const char *name, const char *fmt,
    ...)
{
	va_list ap;
	size_t n;

	snprintf(text, len, "vm \"%s\": ", name);
	n = strlen(text);
	va_start(ap, fmt);
	vsnprintf(text + n, len - n, fmt, ap);
	va_end(ap);
	return error;
}

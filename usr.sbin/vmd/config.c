/* SPDX-License-Identifier: ISC */
/*
 * What a VM's definition may be, wherever it comes from, and the list of
 * definitions that vm.conf(5) makes.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <bsd/string.h>

#include "vms.h"

#define MIB	(1ULL << 20)

void
conf_init(struct vmd_conf *conf)
{
	memset(conf, 0, sizeof(*conf));
	TAILQ_INIT(&conf->cf_vms);
}

void
conf_free(struct vmd_conf *conf)
{
	struct conf_vm *cv;

	while ((cv = TAILQ_FIRST(&conf->cf_vms)) != NULL) {
		TAILQ_REMOVE(&conf->cf_vms, cv, cv_entry);
		free(cv);
	}
}

void
conf_vm_defaults(struct vmop_create_params *vmc, const char *name)
{
	memset(vmc, 0, sizeof(*vmc));
	strlcpy(vmc->vmc_name, name, sizeof(vmc->vmc_name));
	vmc->vmc_memory = VM_MEM_DEFAULT;
	vmc->vmc_ncpus = VM_DEFAULT_CPUS;
	vmc->vmc_owner.uid = 0;
	vmc->vmc_owner.gid = VMOP_NOGROUP;
}

int
conf_add_vm(struct vmd_conf *conf, const struct vmop_create_params *vmc,
    char *err, size_t errlen)
{
	struct conf_vm *cv;

	if (vm_params_check(vmc, err, errlen) != 0)
		return -1;
	TAILQ_FOREACH(cv, &conf->cf_vms, cv_entry) {
		if (strcmp(cv->cv_params.vmc_name, vmc->vmc_name) == 0) {
			snprintf(err, errlen, "vm \"%s\" is defined twice: "
			    "remove or rename one of the two",
			    vmc->vmc_name);
			return -1;
		}
	}
	if ((cv = calloc(1, sizeof(*cv))) == NULL) {
		snprintf(err, errlen, "out of memory");
		return -1;
	}
	cv->cv_params = *vmc;
	TAILQ_INSERT_TAIL(&conf->cf_vms, cv, cv_entry);
	return 0;
}

int
vm_name_ok(const char *name)
{
	const unsigned char *p = (const unsigned char *)name;

	if (strlen(name) >= VM_NAME_MAX || !isalpha(*p) || *p > 0x7f)
		return 0;
	for (; *p != '\0'; p++)
		if (*p > 0x7f || (!isalnum(*p) && strchr(".-_", *p) == NULL))
			return 0;
	return 1;
}

/* A path is absent, or absolute and ended within its field. */
static int
path_ok(const char *path)
{
	return memchr(path, '\0', VMD_PATH_MAX) != NULL &&
	    (path[0] == '\0' || path[0] == '/');
}

static int
vm_memory_check(const struct vmop_create_params *vmc, char *text, size_t len)
{
	if (vmc->vmc_memory >= VM_MEM_MIN && vmc->vmc_memory <= VM_MEM_MAX &&
	    vmc->vmc_memory % MIB == 0)
		return 0;
	return vm_text(text, len, EINVAL, vmc->vmc_name,
	    "memory of %llu bytes is out of range: give whole megabytes from %lluM to %lluM",
	    (unsigned long long)vmc->vmc_memory, VM_MEM_MIN / MIB,
	    VM_MEM_MAX / MIB);
}

static int
vm_disks_check(const struct vmop_create_params *vmc, char *text, size_t len)
{
	const struct vmop_disk *vd;
	uint32_t i;

	if (vmc->vmc_ndisks > VMM_MAX_DISKS_PER_VM)
		return vm_text(text, len, EINVAL, vmc->vmc_name,
		    "%u disks are too many: a VM has at most %d",
		    vmc->vmc_ndisks, VMM_MAX_DISKS_PER_VM);
	for (i = 0; i < vmc->vmc_ndisks; i++) {
		vd = &vmc->vmc_disks[i];
		if (!path_ok(vd->vd_path) || vd->vd_path[0] == '\0')
			return vm_text(text, len, EINVAL, vmc->vmc_name, "the path of "
			    "disk %u is not absolute: start it with \"/\"", i);
		if (vd->vd_format > VMD_DISK_FORMAT_QCOW2)
			return vm_text(text, len, EINVAL, vmc->vmc_name, "the format of "
			    "disk %s is unknown: use raw", vd->vd_path);
	}
	return 0;
}

int
vm_params_check(const struct vmop_create_params *vmc, char *text, size_t len)
{
	if (memchr(vmc->vmc_name, '\0', VM_NAME_MAX) == NULL ||
	    !vm_name_ok(vmc->vmc_name)) {
		snprintf(text, len, "bad VM name: it has at most %d letters, "
		    "digits, \".\", \"-\" or \"_\", and starts with a letter",
		    VM_NAME_MAX - 1);
		return EINVAL;
	}
	if (vm_memory_check(vmc, text, len) != 0)
		return EINVAL;
	if (vmc->vmc_ncpus < 1 || vmc->vmc_ncpus > VM_MAX_CPUS)
		return vm_text(text, len, EINVAL, vmc->vmc_name,
		    "%u VCPUs are out of range: this vmd supports %d",
		    vmc->vmc_ncpus, VM_MAX_CPUS);
	if (!path_ok(vmc->vmc_boot))
		return vm_text(text, len, EINVAL, vmc->vmc_name, "the path of the kernel "
		    "is not absolute: start it with \"/\"");
	if (!path_ok(vmc->vmc_initrd))
		return vm_text(text, len, EINVAL, vmc->vmc_name, "the path of the initrd "
		    "is not absolute: start it with \"/\"");
	if (memchr(vmc->vmc_args, '\0', VM_ARGS_MAX) == NULL)
		return vm_text(text, len, EINVAL, vmc->vmc_name, "the arguments are too "
		    "long: at most %d characters", VM_ARGS_MAX - 1);
	return vm_disks_check(vmc, text, len);
}

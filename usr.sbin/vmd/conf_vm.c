/* SPDX-License-Identifier: ISC */
/*
 * The options of a VM in vm.conf(5).
 */

#include <bsd/stdlib.h>
#include <bsd/string.h>
#include <errno.h>
#include <scaled.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "conf_lex.h"
#include "conf_vm.h"

#define MEGABYTE	(1LL << 20)

static struct vmop_create_params	 vm;
static struct conf_token		 vm_begun;	/* for its position */
static unsigned int			 vm_errors;	/* before it */

static void vm_error(const char *, ...)
    __attribute__((__format__(printf, 1, 2)));

static void
vm_error(const char *fmt, ...)
{
	char	 text[VM_TEXT_MAX];
	va_list	 ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	conf_error("vm \"%s\": %s", vm.vmc_name, text);
}

/* An option that a VM has once. */
static void
vm_once(uint32_t flag, const char *option)
{
	if (vm.vmc_flags & flag)
		vm_error("%s specified more than once", option);
	vm.vmc_flags |= flag;
}

void
conf_vm_begin(const char *name)
{
	vm_errors = conf_errors();
	conf_position(&vm_begun);
	conf_vm_defaults(&vm, name);
	if (strlen(name) >= sizeof(vm.vmc_name))
		conf_error("vm \"%s\": the name is too long: at most %zu "
		    "characters", name, sizeof(vm.vmc_name) - 1);
	else if (!vm_name_ok(name))
		conf_error("vm \"%s\": bad name: it begins with a letter and "
		    "has only letters, digits, \".\", \"-\" and \"_\"", name);
}

void
conf_vm_end(struct vmd_conf *conf)
{
	char	 text[VM_TEXT_MAX];

	if (conf_errors() == vm_errors &&
	    conf_add_vm(conf, &vm, text, sizeof(text)) == -1)
		conf_error_at(&vm_begun, "%s", text);
}

static void
vm_path(const char *what, const char *path, char *field)
{
	if (strlcpy(field, path, VMD_PATH_MAX) >= VMD_PATH_MAX)
		vm_error("%s: the path is too long: at most %d characters",
		    what, VMD_PATH_MAX - 1);
	else if (path[0] != '/')
		vm_error("%s \"%s\": expected a path that begins with /",
		    what, path);
}

void
conf_vm_arguments(const char *arguments)
{
	vm_once(VMOP_CREATE_ARGS, "arguments");
	if (strlcpy(vm.vmc_args, arguments, sizeof(vm.vmc_args)) >=
	    sizeof(vm.vmc_args))
		vm_error("arguments: too long: at most %zu characters",
		    sizeof(vm.vmc_args) - 1);
}

void
conf_vm_boot(const char *path)
{
	vm_once(VMOP_CREATE_BOOT, "boot");
	vm_path("boot", path, vm.vmc_boot);
}

void
conf_vm_initrd(const char *path)
{
	vm_once(VMOP_CREATE_INITRD, "initrd");
	vm_path("initrd", path, vm.vmc_initrd);
}

void
conf_vm_cpus(const char *number)
{
	const char	*errstr;
	uint32_t	 n;

	vm_once(VMOP_CREATE_CPUS, "cpus");
	n = (uint32_t)strtonum(number, 1, UINT32_MAX, &errstr);
	if (errstr != NULL)
		vm_error("found \"%s\", expected a number of cpus", number);
	else if (n > VM_MAX_CPUS)
		vm_error("cpus %u: more than one cpu is not supported yet; "
		    "write \"cpus %d\"", n, VM_MAX_CPUS);
	else
		vm.vmc_ncpus = n;
}

/* Names of formats, and whether vmd can do them. */
static const struct {
	const char	*name;
	uint32_t	 format;
} formats[] = {
	{ "raw",	VMD_DISK_FORMAT_RAW },
	{ "qcow2",	0 },
};

static uint32_t
vm_disk_format(const char *name)
{
	size_t	 i;

	for (i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		if (strcmp(formats[i].name, name) != 0)
			continue;
		if (formats[i].format == 0)
			vm_error("format \"%s\" is not supported yet; use a "
			    "raw image", name);
		return (formats[i].format);
	}
	vm_error("unknown disk format \"%s\", expected raw", name);
	return (0);
}

void
conf_vm_disk(const char *path, const char *format)
{
	struct vmop_disk	*vd;

	if (vm.vmc_ndisks == VMM_MAX_DISKS_PER_VM) {
		vm_error("too many disks: at most %d", VMM_MAX_DISKS_PER_VM);
		return;
	}
	vd = &vm.vmc_disks[vm.vmc_ndisks++];
	vm.vmc_flags |= VMOP_CREATE_DISK;
	vm_path("disk", path, vd->vd_path);
	vd->vd_format = format != NULL ? vm_disk_format(format) : 0;
}

void
conf_vm_enable(int enable)
{
	if (enable)
		vm.vmc_flags &= ~(uint32_t)VMOP_CREATE_DISABLED;
	else
		vm.vmc_flags |= VMOP_CREATE_DISABLED;
}

void
conf_vm_memory(const char *size)
{
	long long	 val;

	vm_once(VMOP_CREATE_MEMORY, "memory");
	if (scan_scaled(size, &val) == -1) {
		vm_error("failed to parse size: %s%s", size,
		    errno == ERANGE ? " is too large" :
		    ", expected a number and K, M, G or T, such as 512M");
		return;
	}
	if (val < MEGABYTE) {
		vm_error("size must be at least one megabyte");
		return;
	}
	if ((uint64_t)val > VM_MEM_MAX) {
		vm_error("memory %s is too large: at most %lluM", size,
		    VM_MEM_MAX / MEGABYTE);
		return;
	}
	if (val % MEGABYTE != 0) {
		val -= val % MEGABYTE;
		conf_warning("vm \"%s\": memory size rounded to %lldM",
		    vm.vmc_name, val / MEGABYTE);
	}
	vm.vmc_memory = (uint64_t)val;
}

int
conf_owner_parse(const char *text, struct vmop_owner *vo, char *unknown,
    size_t len, const char **what)
{
	const char	*group = strchr(text, ':');
	uid_t		 uid = 0;
	gid_t		 gid;

	vo->gid = VMOP_NOGROUP;
	*what = "user";
	strlcpy(unknown, text, len);
	if (group != NULL && (size_t)(group - text) < len)
		unknown[group - text] = '\0';
	if (group != text && account_user(unknown, &uid, &gid) == -1)
		return (-1);
	vo->uid = uid;
	if (group == NULL)
		return (0);
	*what = "group";
	strlcpy(unknown, group + 1, len);
	if (account_group(unknown, &gid) == -1)
		return (-1);
	vo->gid = gid;
	return (0);
}

void
conf_vm_owner(const char *owner)
{
	char		 unknown[256];
	const char	*what;

	vm_once(VMOP_CREATE_OWNER, "owner");
	if (conf_owner_parse(owner, &vm.vmc_owner, unknown, sizeof(unknown),
	    &what) == -1)
		vm_error("owner %s: there is no %s \"%s\" on this host",
		    owner, what, unknown);
}

/* SPDX-License-Identifier: ISC */
/*
 * Opening what a VM needs. The parent does it as root; the other processes
 * only ever see descriptors.
 */
#include <sys/file.h>
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <bsd/string.h>

#include "vms.h"

#define QCOW2_MAGIC	"QFI\xfb"
#define SECTOR_SIZE	512

/* Where an opening fails: the VM, and where the reason goes. */
struct opening {
	const struct vmop_create_params	*vmc;
	char				*text;
	size_t				 len;
};

/* What to do about an errno of open(2). */
static const char *
open_remedy(int error)
{
	switch (error) {
	case ENOENT:
	case ENOTDIR:
		return "check the path";
	case EROFS:
		return "copy it to a file system that can be written";
	case EACCES:
	case EPERM:
		return "check the permissions and attributes of the file";
	case EMFILE:
	case ENFILE:
		return "stop a VM, or raise the limit of open files";
	default:
		return "see that it is a regular file that can be read";
	}
}

/* Open a file that a VM reads as a whole; what says which one it is. */
static int
file_open(const struct opening *op, const char *what, const char *path,
    int *fdp)
{
	const char *name = op->vmc->vmc_name;
	struct stat st;
	int error, fd;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd == -1) {
		error = errno;
		return vm_text(op->text, op->len, error, name,
		    "cannot open %s %s: %s: %s", what, path, strerror(error),
		    open_remedy(error));
	}
	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode)) {
		close(fd);
		return vm_text(op->text, op->len, EINVAL, name,
		    "%s %s is not a regular file: check the path", what, path);
	}
	*fdp = fd;
	return 0;
}

/* The format of a disk by its first bytes. */
static uint32_t
disk_probe(int fd)
{
	char magic[4];

	if (pread(fd, magic, sizeof(magic), 0) == sizeof(magic) &&
	    memcmp(magic, QCOW2_MAGIC, sizeof(magic)) == 0)
		return VMD_DISK_FORMAT_QCOW2;
	return VMD_DISK_FORMAT_RAW;
}

static int
disk_check(const struct opening *op, const struct vmop_disk *vd, int fd,
    uint32_t *format)
{
	const char *name = op->vmc->vmc_name, *path = vd->vd_path;
	struct stat st;

	if (fstat(fd, &st) == -1 ||
	    (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode)))
		return vm_text(op->text, op->len, EINVAL, name, "disk %s is "
		    "neither a regular file nor a block device: check the "
		    "path", path);
	if (flock(fd, LOCK_EX | LOCK_NB) == -1)
		return vm_text(op->text, op->len, EBUSY, name, "disk %s is in "
		    "use: stop the VM or program that uses it", path);
	*format = vd->vd_format != 0 ? vd->vd_format : disk_probe(fd);
	if (*format != VMD_DISK_FORMAT_RAW)
		return vm_text(op->text, op->len, ENOTSUP, name, "disk %s is "
		    "a qcow2 image: convert it to raw", path);
	if (lseek(fd, 0, SEEK_END) < SECTOR_SIZE)
		return vm_text(op->text, op->len, EINVAL, name, "disk %s is "
		    "empty: make one with vmctl create", path);
	return 0;
}

/* Open a disk and keep all others off it. */
static int
disk_open(const struct opening *op, const struct vmop_disk *vd, int *fdp,
    uint32_t *format)
{
	int error, fd;

	fd = open(vd->vd_path, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd == -1) {
		error = errno;
		return vm_text(op->text, op->len, error, op->vmc->vmc_name,
		    "cannot open disk %s for writing: %s: %s", vd->vd_path,
		    strerror(error), open_remedy(error));
	}
	if ((error = disk_check(op, vd, fd, format)) != 0) {
		close(fd);
		return error;
	}
	*fdp = fd;
	return 0;
}

static int
driver_open(const struct opening *op, int *fdp)
{
	int error;

	if ((*fdp = open(VMM_NODE, O_RDWR | O_CLOEXEC)) != -1)
		return 0;
	error = errno;
	return vm_text(op->text, op->len, error, op->vmc->vmc_name,
	    "cannot open %s: %s: %s", VMM_NODE, strerror(error),
	    error == ENOENT || error == ENXIO ?
	    "load the driver with \"modprobe vmm\"" :
	    "see the kernel's log for the reason");
}

static int
console_open(const struct opening *op, struct vm_start *vst, char *tty)
{
	int error;

	if (pty_open(&op->vmc->vmc_owner, &vst->vst_fds[VM_FD_TTY_MASTER],
	    &vst->vst_fds[VM_FD_TTY_SLAVE], tty) == 0)
		return 0;
	error = errno;
	return vm_text(op->text, op->len, error, op->vmc->vmc_name,
	    "cannot open a terminal for the console: %s: see that /dev/pts "
	    "is mounted and has a free one", strerror(error));
}

/* All files of the VM, in the order in which users look for mistakes. */
static int
files_open(const struct opening *op, struct vm_start *vst)
{
	const struct vmop_create_params *vmc = op->vmc;
	uint32_t i;
	int error;

	if (vmc->vmc_boot[0] == '\0')
		return vm_text(op->text, op->len, EINVAL, vmc->vmc_name,
		    "there is no kernel: give one with boot in vm.conf or "
		    "with vmctl start -b");
	error = file_open(op, "kernel", vmc->vmc_boot,
	    &vst->vst_fds[VM_FD_KERNEL]);
	if (error == 0 && vmc->vmc_initrd[0] != '\0')
		error = file_open(op, "initrd", vmc->vmc_initrd,
		    &vst->vst_fds[VM_FD_INITRD]);
	for (i = 0; error == 0 && i < vmc->vmc_ndisks; i++)
		error = disk_open(op, &vmc->vmc_disks[i], &vst->vst_disks[i],
		    &vst->vst_config.vc_disk_format[i]);
	return error;
}

int
vm_open(const struct vmop_create_params *vmc, struct vm_start *vst,
    char tty[VM_TTYNAME_MAX], char *text, size_t len)
{
	struct opening op = { vmc, text, len };
	struct vm_config *vc = &vst->vst_config;
	int error;

	vm_start_init(vst);
	vc->vc_ncpus = vmc->vmc_ncpus;
	vc->vc_memory = vmc->vmc_memory;
	vc->vc_ndisks = vmc->vmc_ndisks;
	strlcpy(vc->vc_name, vmc->vmc_name, sizeof(vc->vc_name));
	strlcpy(vc->vc_args, vmc->vmc_args, sizeof(vc->vc_args));
	error = files_open(&op, vst);
	if (error == 0)
		error = driver_open(&op, &vst->vst_fds[VM_FD_VMM]);
	if (error == 0)
		error = console_open(&op, vst, tty);
	if (error != 0)
		vm_start_close(vst);
	return error;
}

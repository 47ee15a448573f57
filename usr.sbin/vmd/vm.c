/* SPDX-License-Identifier: ISC */

/* The vm process: one virtual machine from its configuration to its end. */

#include <sys/ioctl.h>
#include <bsd/string.h>
#include <bsd/unistd.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "loadfile.h"
#include "log.h"
#include "sandbox.h"
#include "vm.h"

/* The exit status and a word for the log. */
static const struct {
	int		 status;
	const char	*text;
} vm_ends[VM_NENDS] = {
	[VM_END_NONE]		= { VMD_EXIT_FAIL, "ended" },
	[VM_END_POWEROFF]	= { VMD_EXIT_POWEROFF, "powered off" },
	[VM_END_REBOOT]		= { VMD_EXIT_REBOOT, "reset" },
	[VM_END_STOP]		= { VMD_EXIT_POWEROFF, "stopped" },
	[VM_END_FAIL]		= { VMD_EXIT_FAIL, NULL },
};

static int
vm_alloc_memory(struct vm *vm)
{
	const struct vm_config	*vc = &vm->vm_start.vst_config;

	if (vmmem_alloc(&vm->vm_mem, vc->vc_memory, vc->vc_name) == 0)
		return (0);
	vm_fail(vm, "cannot get %llu MiB of memory: %s",
	    (unsigned long long)(vc->vc_memory >> 20), strerror(errno));
	return (-1);
}

/* What helps when the driver refuses a VM; vmm(4), CREATE. */
static const char *
vm_create_hint(int error)
{
	switch (error) {
	case ENOMEM:
		return ("stop another VM or give this one less memory");
	case EBUSY:
	case EIO:
	case ENODEV:
		return ("the kernel log tells what is in the way (dmesg)");
	default:
		return ("the module may not fit this vmd");
	}
}

static int
vm_create(struct vm *vm)
{
	const struct vm_config	*vc = &vm->vm_start.vst_config;
	struct vm_create_params	 vcp;

	memset(&vcp, 0, sizeof(vcp));
	vcp.vcp_nmemranges = vm->vm_mem.mm_nranges;
	memcpy(vcp.vcp_memranges, vm->vm_mem.mm_range,
	    sizeof(vm->vm_mem.mm_range));
	vcp.vcp_ncpus = vc->vc_ncpus;
	strlcpy(vcp.vcp_name, vc->vc_name, sizeof(vcp.vcp_name));
	if (ioctl(vm->vm_start.vst_fds[VM_FD_VMM], VMM_IOC_CREATE,
	    &vcp) == -1) {
		vm_fail(vm, "%s refuses it: %s: %s", VMM_NODE,
		    strerror(errno), vm_create_hint(errno));
		return (-1);
	}
	vm->vm_id = vcp.vcp_id;
	return (0);
}

static int
vm_load(struct vm *vm, struct vcpu_reg_state *regs)
{
	struct loadfile	 lf = {
		.lf_mem = &vm->vm_mem,
		.lf_kernel = vm->vm_start.vst_fds[VM_FD_KERNEL],
		.lf_initrd = vm->vm_start.vst_fds[VM_FD_INITRD],
		.lf_args = vm->vm_start.vst_config.vc_args,
	};
	char		 err[VM_TEXT_MAX - 32];

	if (loadfile(&lf, regs, err, sizeof(err)) == 0)
		return (0);
	vm_fail(vm, "cannot load the kernel: %s", err);
	return (-1);
}

static int
vm_devices(struct vm *vm)
{
	char	 err[VM_TEXT_MAX];

	if (vm_dev_init(vm, err, sizeof(err)) == -1) {
		vm_fail(vm, "%s", err);
		return (-1);
	}
	if (vm_console_init(vm) == -1) {
		vm_fail(vm, "cannot use the console: %s", strerror(errno));
		return (-1);
	}
	return (0);
}

/* What was needed only to get here. */
static void
vm_close_files(struct vm *vm)
{
	int	*fds = vm->vm_start.vst_fds;

	close(fds[VM_FD_KERNEL]);
	fds[VM_FD_KERNEL] = -1;
	if (fds[VM_FD_INITRD] != -1)
		close(fds[VM_FD_INITRD]);
	fds[VM_FD_INITRD] = -1;
}

/* Bring the VM up to its first instruction; vm_fail() if it cannot be. */
static void
vm_start_guest(struct vm *vm)
{
	struct vcpu_reg_state	 regs;

	if (vm_alloc_memory(vm) == -1 || vm_create(vm) == -1 ||
	    vm_load(vm, &regs) == -1 || vm_devices(vm) == -1)
		return;
	if (vcpu_create(vm, 0, &regs) == -1) {
		vm_fail(vm, "cannot start vcpu 0: %s", strerror(errno));
		return;
	}
	vm_close_files(vm);
	sandbox_enter(SANDBOX_VM);
	chan_send(&vm->vm_chan, IMSG_VMDOP_VM_READY,
	    vm->vm_start.vst_config.vc_id, -1, NULL, 0);
	vcpus_start(vm);
}

/* Messages of vmm. */

static int
vm_msg_start(struct chan *ch, struct imsg *imsg)
{
	struct vm	*vm = ch->arg;
	char		 name[VM_NAME_MAX + 4];

	switch (vm_start_take(&vm->vm_start, imsg)) {
	case 0:
		return (0);
	case 1:
		break;
	default:
		return (-1);
	}
	if (vm->vm_started)
		return (-1);
	vm->vm_started = 1;
	log_setverbose(vm->vm_start.vst_config.vc_verbose);
	snprintf(name, sizeof(name), "vm/%s", vm->vm_start.vst_config.vc_name);
	log_procinit(name);
	setproctitle("%s", name);
	vm_start_guest(vm);
	return (0);
}

static int
vm_msg_shutdown(struct chan *ch, struct imsg *imsg)
{
	struct vm	*vm = ch->arg;

	(void)imsg;
	if (!vm->vm_started)
		return (-1);
	pthread_mutex_lock(&vm->vm_dev_mtx);
	if (!vmmci_ctl(&vm->vm_vmmci, VMMCI_SHUTDOWN))
		log_debug("the guest has no vmmci driver");
	pthread_mutex_unlock(&vm->vm_dev_mtx);
	return (0);
}

static int
vm_msg_verbose(struct chan *ch, struct imsg *imsg)
{
	struct ctl_verbose	 cv;

	(void)ch;
	if (imsg_get_data(imsg, &cv, sizeof(cv)) == -1)
		return (-1);
	log_setverbose(cv.cv_verbose);
	return (0);
}

static const struct chan_msg vm_msgs[] = {
	{ IMSG_VMDOP_VM_START, sizeof(struct vm_config),
	    sizeof(struct vm_config), CHAN_NOFD, vm_msg_start },
	{ IMSG_VMDOP_VM_FD, sizeof(struct vm_fd), sizeof(struct vm_fd),
	    CHAN_FD, vm_msg_start },
	{ IMSG_VMDOP_VM_END, 0, 0, CHAN_NOFD, vm_msg_start },
	{ IMSG_VMDOP_VM_SHUTDOWN, 0, 0, CHAN_NOFD, vm_msg_shutdown },
	{ IMSG_CTL_VERBOSE, sizeof(struct ctl_verbose),
	    sizeof(struct ctl_verbose), CHAN_NOFD, vm_msg_verbose },
};
#define NVM_MSGS	(sizeof(vm_msgs) / sizeof(vm_msgs[0]))

static void
vm_gone(struct chan *ch, const char *why)
{
	if (why != NULL)
		log_warnx("vmm: %s", why);
	vm_stop(ch->arg, VM_END_STOP);
	chan_close(ch);
}

/* All threads leave the guest; the driver forgets the VM. */
static void
vm_terminate(struct vm *vm)
{
	struct vm_terminate_params	 vtp = { .vtp_vm_id = vm->vm_id };

	if (vm->vm_id == 0)
		return;
	/* Fails when the VM has come to its end by itself. */
	(void)ioctl(vm->vm_start.vst_fds[VM_FD_VMM], VMM_IOC_TERM, &vtp);
	vcpus_join(vm);
}

/*
 * Tell vmm about a failure, which it logs; it needs the last messages before
 * our end.
 */
static void
vm_report(struct vm *vm, enum vm_end how)
{
	const struct vm_config	*vc = &vm->vm_start.vst_config;
	struct vm_fail		 vf;

	if (how != VM_END_FAIL)
		log_info("%s", vm_ends[how].text);
	else if (vm->vm_chan.ibuf.fd == -1)
		log_warnx("%s", vm->vm_error);
	if (vm->vm_chan.ibuf.fd == -1)
		return;
	if (how == VM_END_FAIL) {
		memset(&vf, 0, sizeof(vf));
		vf.vf_errno = EINVAL;
		strlcpy(vf.vf_text, vm->vm_error, sizeof(vf.vf_text));
		chan_send(&vm->vm_chan, IMSG_VMDOP_VM_FAIL, vc->vc_id, -1,
		    &vf, sizeof(vf));
	}
	(void)imsg_flush(&vm->vm_chan.ibuf);
}

int
vm_main(int fd)
{
	struct vm	*vm;
	enum vm_end	 how;

	if ((vm = calloc(1, sizeof(*vm))) == NULL)
		fatal("no memory");
	vm_start_init(&vm->vm_start);
	vm->vm_mem.mm_fd = -1;
	if (pthread_mutex_init(&vm->vm_dev_mtx, NULL) != 0 ||
	    vm_event_init(vm) == -1)
		fatal("cannot make the event loop");
	(void)pthread_setname_np(pthread_self(), "event");
	chan_open(&vm->vm_chan, vm->vm_base, fd, vm_msgs, NVM_MSGS, vm_gone,
	    vm);
	event_base_dispatch(vm->vm_base);
	how = atomic_load(&vm->vm_end);
	vm_terminate(vm);
	vm_console_drain(vm);
	vm_report(vm, how);
	vmmem_free(&vm->vm_mem);
	vm_start_close(&vm->vm_start);
	return (vm_ends[how].status);
}

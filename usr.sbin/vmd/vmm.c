/* SPDX-License-Identifier: ISC */
/*
 * The vmm process: starts a vm process for each VM, hands it the VM's
 * configuration and descriptors, ends it when asked to, and tells the parent
 * how it went. It opens nothing: all descriptors come from the parent.
 */
#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <bsd/string.h>

#include "log.h"
#include "proc.h"
#include "sandbox.h"
#include "vmd.h"

struct vmm_vm {
	TAILQ_ENTRY(vmm_vm)	vm_entry;
	uint32_t		vm_id;
	char			vm_name[VM_NAME_MAX];
	struct vm_start		vm_start;
	struct chan		vm_chan;
	pid_t			vm_pid;		/* 0: not started yet */
	int			vm_ready;
	int			vm_asked;	/* the guest: to power off */
	int			vm_signal;	/* the last one sent, or 0 */
	struct event		vm_timer;	/* for the next signal */
	int			vm_errno;	/* why it failed */
	char			vm_text[VM_TEXT_MAX];
};

static struct {
	struct event_base	*base;
	struct chan		 parent;
	struct event		 sigchld;
	TAILQ_HEAD(, vmm_vm)	 vms;
	int			 exe;		/* our executable */
	int			 foreground;
} vmm;

static struct vmm_vm *
vm_by_id(uint32_t id)
{
	struct vmm_vm *vm;

	TAILQ_FOREACH(vm, &vmm.vms, vm_entry)
		if (vm->vm_id == id)
			return vm;
	return NULL;
}

static struct vmm_vm *
vm_by_pid(pid_t pid)
{
	struct vmm_vm *vm;

	TAILQ_FOREACH(vm, &vmm.vms, vm_entry)
		if (vm->vm_pid == pid)
			return vm;
	return NULL;
}

static void
vm_set_timer(struct vmm_vm *vm, int seconds)
{
	struct timeval tv = { .tv_sec = seconds };

	event_add(&vm->vm_timer, &tv);
}

/* End the process: politely, then by force. */
static void
vm_kill(struct vmm_vm *vm)
{
	if (vm->vm_pid == 0 || vm->vm_signal == SIGKILL)
		return;
	vm->vm_signal = vm->vm_signal == 0 ? SIGTERM : SIGKILL;
	kill(vm->vm_pid, vm->vm_signal);
	if (vm->vm_signal == SIGTERM)
		vm_set_timer(vm, VM_STOP_KILL_SEC);
}

static void
vm_timeout(int fd, short what, void *arg)
{
	struct vmm_vm *vm = arg;

	(void)fd;
	(void)what;
	log_info("vm \"%s\": %s: ended by force", vm->vm_name,
	    vm->vm_signal != 0 ? "its process does not end" :
	    "its guest does not power off");
	vm_kill(vm);
}

/* Why the VM failed; the first reason is the one that counts. */
static void
vm_failed(struct vmm_vm *vm, int error, const char *text)
{
	if (vm->vm_errno != 0)
		return;
	vm->vm_errno = error;
	strlcpy(vm->vm_text, text, sizeof(vm->vm_text));
}

/* Tell the parent of the VM's end, and forget it. */
static void
vm_end(struct vmm_vm *vm, int reboot)
{
	struct vm_ended ve = {
		.ve_pid = vm->vm_pid,
		.ve_errno = vm->vm_errno,
		.ve_reboot = reboot,
	};

	strlcpy(ve.ve_text, vm->vm_text, sizeof(ve.ve_text));
	chan_send(&vmm.parent, IMSG_VMDOP_VM_ENDED, vm->vm_id, -1, &ve,
	    sizeof(ve));
	event_del(&vm->vm_timer);
	if (vm->vm_pid != 0)
		chan_close(&vm->vm_chan);
	vm_start_close(&vm->vm_start);
	TAILQ_REMOVE(&vmm.vms, vm, vm_entry);
	free(vm);
}

static void
vm_reaped(struct vmm_vm *vm, int status)
{
	char how[128], text[VM_TEXT_MAX];
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;

	chan_drain(&vm->vm_chan);
	if (code != VMD_EXIT_POWEROFF && code != VMD_EXIT_REBOOT &&
	    vm->vm_signal == 0) {
		proc_status(status, how, sizeof(how));
		snprintf(text, sizeof(text), "its process %s: see the system "
		    "log", how);
		vm_failed(vm, EIO, text);
	}
	vm_end(vm, code == VMD_EXIT_REBOOT && vm->vm_signal == 0);
}

static void
vmm_sigchld(int sig, short what, void *arg)
{
	struct vmm_vm *vm;
	int status;
	pid_t pid;

	(void)sig;
	(void)what;
	(void)arg;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if ((vm = vm_by_pid(pid)) != NULL)
			vm_reaped(vm, status);
}

/* Messages of a vm process */

static int
vm_msg_ready(struct chan *ch, struct imsg *imsg)
{
	struct vmm_vm *vm = ch->arg;
	struct vm_started vs = { .vs_pid = vm->vm_pid };

	(void)imsg;
	if (vm->vm_ready)
		return -1;
	vm->vm_ready = 1;
	chan_send(&vmm.parent, IMSG_VMDOP_VM_STARTED, vm->vm_id, -1, &vs,
	    sizeof(vs));
	return 0;
}

static int
vm_msg_fail(struct chan *ch, struct imsg *imsg)
{
	struct vmm_vm *vm = ch->arg;
	struct vm_fail vf;

	memcpy(&vf, imsg->data, sizeof(vf));
	vf.vf_text[sizeof(vf.vf_text) - 1] = '\0';
	vm_failed(vm, vf.vf_errno > 0 ? vf.vf_errno : EIO, vf.vf_text);
	return 0;
}

static int
vm_msg_ack(struct chan *ch, struct imsg *imsg)
{
	struct vmm_vm *vm = ch->arg;

	(void)imsg;
	if (vm->vm_asked && vm->vm_signal == 0)
		vm_set_timer(vm, VM_STOP_ACK_SEC);
	return 0;
}

static const struct chan_msg vm_msgs[] = {
	{ IMSG_VMDOP_VM_READY, 0, 0, CHAN_NOFD, vm_msg_ready },
	{ IMSG_VMDOP_VM_FAIL, sizeof(struct vm_fail), sizeof(struct vm_fail),
	    CHAN_NOFD, vm_msg_fail },
	{ IMSG_VMDOP_VM_SHUTDOWN_ACK, 0, 0, CHAN_NOFD, vm_msg_ack },
};

/*
 * The end of the stream is that of the process, soon. A process that says
 * something wrong is not trusted to end by itself.
 */
static void
vm_gone(struct chan *ch, const char *why)
{
	struct vmm_vm *vm = ch->arg;
	char text[VM_TEXT_MAX];

	chan_close(ch);
	if (why != NULL) {
		snprintf(text, sizeof(text), "ended, as its process %s", why);
		vm_failed(vm, EPROTO, text);
		vm->vm_signal = SIGTERM;
		vm_kill(vm);
	} else if (vm->vm_signal == 0) {
		vm_set_timer(vm, VM_STOP_KILL_SEC);
	}
}

/* Messages of the parent */

static void
vm_launch(struct vmm_vm *vm)
{
	char text[VM_TEXT_MAX];
	pid_t pid;
	int fd;

	pid = proc_exec(vmm.exe, "vm", vmm.foreground, log_getverbose(), &fd);
	if (pid == -1) {
		snprintf(text, sizeof(text), "cannot start its process: %s",
		    strerror(errno));
		vm_failed(vm, errno, text);
		vm_end(vm, 0);
		return;
	}
	vm->vm_pid = pid;
	chan_open(&vm->vm_chan, vmm.base, fd, vm_msgs,
	    sizeof(vm_msgs) / sizeof(vm_msgs[0]), vm_gone, vm);
	if (vm_start_send(&vm->vm_chan.ibuf, vm->vm_id, &vm->vm_start) == -1)
		chan_break(&vm->vm_chan, "cannot be sent its configuration");
	else
		chan_queued(&vm->vm_chan);
}

static struct vmm_vm *
vm_new(uint32_t id)
{
	struct vmm_vm *vm;

	if ((vm = calloc(1, sizeof(*vm))) == NULL)
		fatal("cannot add a VM");
	vm->vm_id = id;
	vm_start_init(&vm->vm_start);
	event_assign(&vm->vm_timer, vmm.base, -1, 0, vm_timeout, vm);
	TAILQ_INSERT_TAIL(&vmm.vms, vm, vm_entry);
	return vm;
}

static int
parent_msg_vm(struct chan *ch, struct imsg *imsg)
{
	struct vmm_vm *vm = vm_by_id(imsg_get_id(imsg));
	int ret;

	(void)ch;
	if (vm == NULL && imsg_get_type(imsg) == IMSG_VMDOP_VM_START)
		vm = vm_new(imsg_get_id(imsg));
	if (vm == NULL || vm->vm_pid != 0)
		return -1;
	if ((ret = vm_start_take(&vm->vm_start, imsg)) == -1)
		return -1;
	strlcpy(vm->vm_name, vm->vm_start.vst_config.vc_name,
	    sizeof(vm->vm_name));
	if (ret == 1)
		vm_launch(vm);
	return 0;
}

/*
 * The VM may have ended while the parent's message was on its way; then there
 * is nothing to do.
 */
static int
parent_msg_shutdown(struct chan *ch, struct imsg *imsg)
{
	struct vmm_vm *vm = vm_by_id(imsg_get_id(imsg));

	(void)ch;
	if (vm == NULL || vm->vm_asked || vm->vm_signal != 0)
		return 0;
	if (!vm->vm_ready) {
		vm_kill(vm);
		return 0;
	}
	vm->vm_asked = 1;
	chan_send(&vm->vm_chan, IMSG_VMDOP_VM_SHUTDOWN, vm->vm_id, -1, NULL,
	    0);
	vm_set_timer(vm, VM_STOP_NOACK_SEC);
	return 0;
}

static int
parent_msg_stop(struct chan *ch, struct imsg *imsg)
{
	struct vmm_vm *vm = vm_by_id(imsg_get_id(imsg));

	(void)ch;
	if (vm != NULL && vm->vm_signal == 0)
		vm_kill(vm);
	return 0;
}

static int
parent_msg_verbose(struct chan *ch, struct imsg *imsg)
{
	struct ctl_verbose cv;
	struct vmm_vm *vm;

	(void)ch;
	memcpy(&cv, imsg->data, sizeof(cv));
	log_setverbose(cv.cv_verbose);
	TAILQ_FOREACH(vm, &vmm.vms, vm_entry)
		if (vm->vm_pid != 0)
			chan_send(&vm->vm_chan, IMSG_CTL_VERBOSE, vm->vm_id,
			    -1, &cv, sizeof(cv));
	return 0;
}

static int
parent_msg_start(struct chan *ch, struct imsg *imsg)
{
	struct proc_start ps;

	memcpy(&ps, imsg->data, sizeof(ps));
	log_setverbose(ps.ps_verbose);
	vmm.foreground = ps.ps_foreground;
	chan_send(ch, IMSG_PROC_READY, 0, -1, NULL, 0);
	return 0;
}

#define SIZE(type)	sizeof(type), sizeof(type)

static const struct chan_msg parent_msgs[] = {
	{ IMSG_PROC_START, SIZE(struct proc_start), CHAN_NOFD,
	    parent_msg_start },
	{ IMSG_VMDOP_VM_START, SIZE(struct vm_config), CHAN_NOFD,
	    parent_msg_vm },
	{ IMSG_VMDOP_VM_FD, SIZE(struct vm_fd), CHAN_FD, parent_msg_vm },
	{ IMSG_VMDOP_VM_END, 0, 0, CHAN_NOFD, parent_msg_vm },
	{ IMSG_VMDOP_VM_SHUTDOWN, 0, 0, CHAN_NOFD, parent_msg_shutdown },
	{ IMSG_VMDOP_VM_STOP, 0, 0, CHAN_NOFD, parent_msg_stop },
	{ IMSG_CTL_VERBOSE, SIZE(struct ctl_verbose), CHAN_NOFD,
	    parent_msg_verbose },
};

/* All vm processes end with this one. */
static void
parent_gone(struct chan *ch, const char *why)
{
	(void)ch;
	if (why != NULL)
		fatalx("the parent %s", why);
	exit(0);
}

int
vmm_main(int fd)
{
	TAILQ_INIT(&vmm.vms);
	vmm.exe = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	if (vmm.exe == -1)
		fatal("cannot open our executable in /proc");
	sandbox_drop();
	if ((vmm.base = event_base_new()) == NULL)
		fatalx("cannot make an event loop");
	chan_open(&vmm.parent, vmm.base, fd, parent_msgs,
	    sizeof(parent_msgs) / sizeof(parent_msgs[0]), parent_gone, NULL);
	event_assign(&vmm.sigchld, vmm.base, SIGCHLD, EV_SIGNAL | EV_PERSIST,
	    vmm_sigchld, NULL);
	event_add(&vmm.sigchld, NULL);
	sandbox_landlock(vmm.exe);
	sandbox_enter(SANDBOX_VMM);
	event_base_dispatch(vmm.base);
	return 1;
}

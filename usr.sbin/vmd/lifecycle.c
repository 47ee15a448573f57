/* SPDX-License-Identifier: ISC */
/* How VMs start, end and start again, as the parent sees it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <bsd/string.h>

#include "log.h"
#include "parent.h"

static uint64_t
now_seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return ts.tv_sec;
}

/* The state of a VM that does not run. */
static void
vm_stopped(struct vmd_vm *vm)
{
	vm->vm_state = vm->vm_conf.vmc_flags & VMOP_CREATE_DISABLED ?
	    VM_STATE_DISABLED : 0;
	vm->vm_pid = 0;
	vm->vm_client = 0;
	vm->vm_tty[0] = '\0';
}

int
lifecycle_start(struct vmd *env, struct vmd_vm *vm, char *text, size_t len)
{
	struct vm_start vst;
	int error;

	error = vm_open(&vm->vm_params, &vst, vm->vm_tty, text, len);
	if (error != 0) {
		vm_stopped(vm);
		return error;
	}
	vst.vst_config.vc_id = vm->vm_id;
	vst.vst_config.vc_verbose = log_getverbose();
	if (vm_start_send(&env->env_vmm.ibuf, vm->vm_id, &vst) == -1)
		fatal("cannot send a VM to vmm");
	chan_queued(&env->env_vmm);
	vm->vm_state = VM_STATE_RUNNING | VM_STATE_STARTING;
	vm->vm_last_start = now_seconds();
	return 0;
}

void
lifecycle_stop(struct vmd *env, struct vmd_vm *vm, int force)
{
	if (!force && (vm->vm_state & VM_STATE_SHUTDOWN))
		return;
	vm->vm_state |= VM_STATE_SHUTDOWN;
	chan_send(&env->env_vmm, force ? IMSG_VMDOP_VM_STOP :
	    IMSG_VMDOP_VM_SHUTDOWN, vm->vm_id, -1, NULL, 0);
}

/* The VM that a message of vmm is about. */
static struct vmd_vm *
vm_of(struct vmd *env, const struct imsg *imsg)
{
	struct vmd_vm *vm = vms_by_id(&env->env_vms, imsg_get_id(imsg));

	return vm != NULL && (vm->vm_state & VM_STATE_RUNNING) ? vm : NULL;
}

int
lifecycle_started(struct chan *ch, struct imsg *imsg)
{
	struct vmd *env = ch->arg;
	struct vmd_vm *vm = vm_of(env, imsg);
	struct vm_started vs;

	if (vm == NULL || !(vm->vm_state & VM_STATE_STARTING) ||
	    imsg_get_data(imsg, &vs, sizeof(vs)) == -1)
		return -1;
	vm->vm_state &= ~VM_STATE_STARTING;
	vm->vm_pid = vs.vs_pid;
	log_info("vm \"%s\": started as vm %u, process %d, console %s",
	    vm->vm_params.vmc_name, vm->vm_id, vs.vs_pid, vm->vm_tty);
	request_reply(env, vm->vm_client, IMSG_VMDOP_START_VM_RESPONSE, vm, 0,
	    "", 0);
	vm->vm_client = 0;
	return 0;
}

/* Start a VM again whose guest asked for it. */
static int
vm_reboot(struct vmd *env, struct vmd_vm *vm, char *text, size_t len)
{
	uint64_t last = vm->vm_last_start;
	unsigned int quick;

	if (vm_rate(vm, now_seconds()) == -1)
		return vm_text(text, len, EPERM, vm->vm_params.vmc_name,
		    "it restarts too often: it is stopped; see its console");
	vm->vm_last_start = last;
	quick = vm->vm_quick;
	vm_forget_once(vm);
	log_info("vm \"%s\": restarting", vm->vm_params.vmc_name);
	if (lifecycle_start(env, vm, text, len) != 0)
		return -1;
	vm->vm_quick = quick;
	return 0;
}

/* Tell all who wait, and drop what belonged to this run. */
static void
vm_gone(struct vmd *env, struct vmd_vm *vm, int error, const char *text)
{
	if (vm->vm_client != 0)
		request_reply(env, vm->vm_client,
		    IMSG_VMDOP_START_VM_RESPONSE, vm, error, text, 0);
	request_reply(env, 0, IMSG_VMDOP_TERMINATE_VM_EVENT, vm, error, text,
	    0);
	vm_stopped(vm);
	vm->vm_quick = 0;
	vm->vm_params = vm->vm_conf;
	if (!vm->vm_from_conf)
		vms_remove(&env->env_vms, vm);
	if (env->env_stopping && vms_running(&env->env_vms) == 0)
		event_base_loopexit(env->env_base, NULL);
}

int
lifecycle_ended(struct chan *ch, struct imsg *imsg)
{
	struct vmd *env = ch->arg;
	struct vmd_vm *vm = vm_of(env, imsg);
	char text[VM_TEXT_MAX] = "";
	struct vm_ended ve;

	if (vm == NULL || imsg_get_data(imsg, &ve, sizeof(ve)) == -1)
		return -1;
	ve.ve_text[sizeof(ve.ve_text) - 1] = '\0';
	log_clean(ve.ve_text);
	if (ve.ve_errno == 0 && (vm->vm_state & VM_STATE_STARTING)) {
		ve.ve_errno = ECANCELED;
		strlcpy(ve.ve_text, "it was stopped before it had started",
		    sizeof(ve.ve_text));
	}
	if (ve.ve_errno != 0) {
		vm_text(text, sizeof(text), 0, vm->vm_params.vmc_name, "%s",
		    ve.ve_text);
	} else if (ve.ve_reboot && !(vm->vm_state & VM_STATE_SHUTDOWN)) {
		if (vm_reboot(env, vm, text, sizeof(text)) == 0)
			return 0;
		ve.ve_errno = EPERM;
	}
	if (ve.ve_errno != 0)
		log_warnx("%s", text);
	else
		log_info("vm \"%s\": ended", vm->vm_params.vmc_name);
	vm_gone(env, vm, ve.ve_errno, text);
	return 0;
}

void
lifecycle_stagger(struct vmd *env)
{
	struct timeval tv = { .tv_sec = env->env_delay };
	char text[VM_TEXT_MAX];
	struct vmd_vm *vm;
	uint32_t n = 0;

	if (!parent_is_ready(env))
		return;
	TAILQ_FOREACH(vm, &env->env_vms.vms_list, vm_entry) {
		if (!(vm->vm_state & VM_STATE_WAITING))
			continue;
		if (env->env_parallel != 0 && n == env->env_parallel) {
			event_add(&env->env_stagger, &tv);
			return;
		}
		n++;
		vm->vm_state &= ~VM_STATE_WAITING;
		vm->vm_uid = vm->vm_params.vmc_owner.uid;
		if (lifecycle_start(env, vm, text, sizeof(text)) != 0)
			log_warnx("%s", text);
	}
}

/* Forget stopped VMs; those that run are no longer of vm.conf. */
static void
vms_reset(struct vmd *env)
{
	struct vmd_vm *vm, *next;

	for (vm = TAILQ_FIRST(&env->env_vms.vms_list); vm != NULL; vm = next) {
		next = TAILQ_NEXT(vm, vm_entry);
		if (vm->vm_state & VM_STATE_RUNNING)
			vm->vm_from_conf = 0;
		else
			vms_remove(&env->env_vms, vm);
	}
}

void
lifecycle_apply(struct vmd *env, const struct vmd_conf *conf, int reset)
{
	const struct conf_vm *cv;
	struct vmd_vm *vm;

	env->env_parallel = conf->cf_parallel;
	env->env_delay = conf->cf_delay;
	if (reset)
		vms_reset(env);
	TAILQ_FOREACH(cv, &conf->cf_vms, cv_entry) {
		vm = vms_by_name(&env->env_vms, cv->cv_params.vmc_name);
		if (vm != NULL) {
			log_info("vm \"%s\": exists, its definition stays",
			    cv->cv_params.vmc_name);
			vm->vm_from_conf = 1;
			continue;
		}
		vm = vms_add(&env->env_vms, &cv->cv_params, 1);
		if (vm == NULL)
			fatal("cannot add a VM");
		if (!(vm->vm_state & VM_STATE_DISABLED))
			vm->vm_state |= VM_STATE_WAITING;
	}
	lifecycle_stagger(env);
}

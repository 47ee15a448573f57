/* SPDX-License-Identifier: ISC */
/*
 * What clients ask for. control has read their credentials from the socket
 * and puts them in front of each request; the rules are applied here.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <bsd/string.h>

#include "log.h"
#include "parent.h"

/* A request as it arrives from control. */
struct request {
	struct vmd	*rq_env;
	uint32_t	 rq_client;
	struct ctl_peer	 rq_peer;
	char		 rq_text[VM_TEXT_MAX];	/* of an error */
};

void
request_reply(struct vmd *env, uint32_t client, uint32_t type,
    const struct vmd_vm *vm, int error, const char *text, uint32_t flags)
{
	struct vmop_result vmr = { .vmr_result = error, .vmr_flags = flags };

	if (client == 0 && type != IMSG_VMDOP_TERMINATE_VM_EVENT)
		return;
	if (vm != NULL) {
		vmr.vmr_id = vm->vm_id;
		vmr.vmr_pid = vm->vm_pid;
		strlcpy(vmr.vmr_name, vm->vm_params.vmc_name,
		    sizeof(vmr.vmr_name));
		strlcpy(vmr.vmr_tty, vm->vm_tty, sizeof(vmr.vmr_tty));
	}
	strlcpy(vmr.vmr_text, text, sizeof(vmr.vmr_text));
	chan_send(&env->env_control, type, client, -1, &vmr, sizeof(vmr));
}

/* Split a message into the client's credentials and its own payload. */
static void
request_take(struct request *rq, struct chan *ch, struct imsg *imsg,
    void *body, size_t len)
{
	rq->rq_env = ch->arg;
	rq->rq_client = imsg_get_id(imsg);
	rq->rq_text[0] = '\0';
	memcpy(&rq->rq_peer, imsg->data, sizeof(rq->rq_peer));
	if (len != 0)
		memcpy(body, (char *)imsg->data + sizeof(rq->rq_peer), len);
}

/* The VM that a client names, or an errno and a text. */
static int
request_vm(struct request *rq, struct vmop_id *vid, struct vmd_vm **vmp)
{
	vid->vid_name[sizeof(vid->vid_name) - 1] = '\0';
	log_clean(vid->vid_name);
	*vmp = vms_find(&rq->rq_env->env_vms, vid->vid_id, vid->vid_name);
	if (*vmp != NULL)
		return 0;
	if (vid->vid_id != 0)
		snprintf(rq->rq_text, sizeof(rq->rq_text), "vm %u not found: "
		    "\"vmctl status\" lists all VMs", vid->vid_id);
	else
		vm_text(rq->rq_text, sizeof(rq->rq_text), 0, vid->vid_name,
		    "vm not found: \"vmctl status\" lists all VMs");
	return ENOENT;
}

/* The same, and it must be running. */
static int
request_running_vm(struct request *rq, struct vmop_id *vid,
    struct vmd_vm **vmp, const char *verb)
{
	const char *name;
	int error;

	if ((error = request_vm(rq, vid, vmp)) != 0)
		return error;
	name = (*vmp)->vm_params.vmc_name;
	if (!((*vmp)->vm_state & VM_STATE_RUNNING))
		return vm_text(rq->rq_text, sizeof(rq->rq_text), ESRCH, name,
		    "cannot %s vm that is not running: \"vmctl start %s\" "
		    "starts it", verb, name);
	return 0;
}

static int
request_denied(struct request *rq, const struct vmd_vm *vm, const char *verb)
{
	return vm_text(rq->rq_text, sizeof(rq->rq_text), EPERM,
	    vm->vm_params.vmc_name, "only root and its owner may %s it", verb);
}

/* May this client start this VM, with what it gives? */
static int
start_allowed(struct request *rq, const struct vmd_vm *vm,
    const struct vmop_create_params *req)
{
	if (rq->rq_peer.cp_uid == 0)
		return 0;
	if (!vm->vm_from_conf || !vm_access(vm, &rq->rq_peer))
		return request_denied(rq, vm, "start");
	if (req->vmc_flags != 0)
		return vm_text(rq->rq_text, sizeof(rq->rq_text), EPERM,
		    vm->vm_params.vmc_name, "only root may start it other "
		    "than as vm.conf says: leave out the options");
	return 0;
}

/* Give a VM that exists the parameters of a start request. */
static int
start_known(struct request *rq, struct vmd_vm *vm,
    const struct vmop_create_params *req)
{
	const char *name = vm->vm_params.vmc_name;
	struct vmop_create_params merged;
	int error;

	if ((error = start_allowed(rq, vm, req)) != 0)
		return error;
	if (vm->vm_state & VM_STATE_RUNNING)
		return vm_text(rq->rq_text, sizeof(rq->rq_text), EALREADY,
		    name, "it is running already: stop it first with "
		    "\"vmctl stop %s\"", name);
	error = vm_merge(&vm->vm_conf, req, &merged, rq->rq_text,
	    sizeof(rq->rq_text));
	if (error == 0)
		error = vm_params_check(&merged, rq->rq_text,
		    sizeof(rq->rq_text));
	if (error == 0)
		vm->vm_params = merged;
	return error;
}

/* Make a VM of a start request alone. */
static int
start_new(struct request *rq, const struct vmop_create_params *req,
    struct vmd_vm **vmp)
{
	struct vmop_create_params def, merged;
	struct vmop_id vid = { .vid_id = req->vmc_id };
	int error;

	strlcpy(vid.vid_name, req->vmc_name, sizeof(vid.vid_name));
	if (req->vmc_id != 0 || rq->rq_peer.cp_uid != 0)
		return request_vm(rq, &vid, vmp);
	conf_vm_defaults(&def, req->vmc_name);
	error = vm_merge(&def, req, &merged, rq->rq_text,
	    sizeof(rq->rq_text));
	if (error == 0)
		error = vm_params_check(&merged, rq->rq_text,
		    sizeof(rq->rq_text));
	if (error != 0)
		return error;
	if (merged.vmc_boot[0] == '\0')
		return vm_text(rq->rq_text, sizeof(rq->rq_text), ENOENT,
		    merged.vmc_name, "vm not found: define it in vm.conf, or "
		    "give its kernel with -b");
	if ((*vmp = vms_add(&rq->rq_env->env_vms, &merged, 0)) == NULL)
		return vm_text(rq->rq_text, sizeof(rq->rq_text), ENOMEM,
		    merged.vmc_name, "out of memory");
	return 0;
}

/* All of a start request; what remains of a failure is its text. */
static int
request_start_vm(struct request *rq, struct vmop_create_params *req,
    struct vmd_vm **vmp)
{
	struct vmd *env = rq->rq_env;
	struct vmd_vm *vm;
	int error;

	req->vmc_name[sizeof(req->vmc_name) - 1] = '\0';
	log_clean(req->vmc_name);
	if (env->env_stopping)
		return vm_text(rq->rq_text, sizeof(rq->rq_text), EBUSY,
		    req->vmc_name, "vmd is shutting down: start it again");
	*vmp = vms_find(&env->env_vms, req->vmc_id, req->vmc_name);
	error = *vmp != NULL ? start_known(rq, *vmp, req) :
	    start_new(rq, req, vmp);
	if (error != 0)
		return error;
	vm = *vmp;
	vm->vm_uid = rq->rq_peer.cp_uid;
	error = lifecycle_start(env, vm, rq->rq_text, sizeof(rq->rq_text));
	if (error != 0 && !vm->vm_from_conf) {
		vms_remove(&env->env_vms, vm);
		*vmp = NULL;
	} else if (error != 0) {
		vm->vm_params = vm->vm_conf;
	} else {
		vm->vm_client = rq->rq_client;
	}
	return error;
}

static int
request_start(struct chan *ch, struct imsg *imsg)
{
	struct vmop_create_params req;
	struct vmd_vm *vm = NULL;
	struct request rq;
	int error;

	request_take(&rq, ch, imsg, &req, sizeof(req));
	error = request_start_vm(&rq, &req, &vm);
	if (error != 0)
		request_reply(rq.rq_env, rq.rq_client,
		    IMSG_VMDOP_START_VM_RESPONSE, vm, error, rq.rq_text, 0);
	return 0;
}

static int
request_terminate(struct chan *ch, struct imsg *imsg)
{
	struct vmd_vm *vm = NULL;
	struct vmop_id vid;
	struct request rq;
	int error, force;

	request_take(&rq, ch, imsg, &vid, sizeof(vid));
	force = (vid.vid_flags & VMOP_FORCE) != 0;
	error = request_running_vm(&rq, &vid, &vm, "stop");
	if (error == 0 && !vm_access(vm, &rq.rq_peer))
		error = request_denied(&rq, vm, "stop");
	if (error == 0)
		lifecycle_stop(rq.rq_env, vm, force);
	request_reply(rq.rq_env, rq.rq_client,
	    IMSG_VMDOP_TERMINATE_VM_RESPONSE, vm, error, rq.rq_text,
	    error != 0 ? 0 : force ? VMOP_RESULT_FORCED : VMOP_RESULT_ASKED);
	return 0;
}

static int
request_wait(struct chan *ch, struct imsg *imsg)
{
	struct vmd_vm *vm = NULL;
	struct vmop_id vid;
	struct request rq;
	int error;

	request_take(&rq, ch, imsg, &vid, sizeof(vid));
	error = request_running_vm(&rq, &vid, &vm, "wait for");
	request_reply(rq.rq_env, rq.rq_client, IMSG_VMDOP_WAIT_VM_RESPONSE,
	    vm, error, rq.rq_text, 0);
	return 0;
}

static void
info_send(struct request *rq, const struct vmd_vm *vm)
{
	const struct vmop_create_params *vmc = &vm->vm_params;
	struct vmop_info_result vir = {
		.vir_id = vm->vm_id,
		.vir_pid = vm->vm_pid,
		.vir_ncpus = vmc->vmc_ncpus,
		.vir_state = vm->vm_state,
		.vir_maxmem = vmc->vmc_memory,
		.vir_owner = vmc->vmc_owner,
	};

	if (vm->vm_pid != 0)
		vir.vir_curmem = driver_memory(vm->vm_pid);
	strlcpy(vir.vir_name, vmc->vmc_name, sizeof(vir.vir_name));
	strlcpy(vir.vir_tty, vm->vm_tty, sizeof(vir.vir_tty));
	chan_send(&rq->rq_env->env_control, IMSG_VMDOP_GET_INFO_VM_DATA,
	    rq->rq_client, -1, &vir, sizeof(vir));
}

static int
request_info(struct chan *ch, struct imsg *imsg)
{
	struct vmop_id vid;
	struct request rq;
	struct vmd_vm *vm;
	int all;

	request_take(&rq, ch, imsg, &vid, sizeof(vid));
	all = vid.vid_id == 0 && vid.vid_name[0] == '\0';
	TAILQ_FOREACH(vm, &rq.rq_env->env_vms.vms_list, vm_entry)
		if (all || vm == vms_find(&rq.rq_env->env_vms, vid.vid_id,
		    vid.vid_name))
			info_send(&rq, vm);
	chan_send(ch, IMSG_VMDOP_GET_INFO_VM_END_DATA, rq.rq_client, -1, NULL,
	    0);
	return 0;
}

/* What only root may do; the others are told so. */
static int
request_is_root(struct request *rq)
{
	if (rq->rq_peer.cp_uid == 0)
		return 1;
	request_reply(rq->rq_env, rq->rq_client, IMSG_CTL_FAIL, NULL, EPERM,
	    "only root may do this", 0);
	return 0;
}

static int
request_verbose(struct chan *ch, struct imsg *imsg)
{
	struct ctl_verbose cv;
	struct request rq;

	request_take(&rq, ch, imsg, &cv, sizeof(cv));
	if (!request_is_root(&rq))
		return 0;
	log_setverbose(cv.cv_verbose);
	chan_send(ch, IMSG_CTL_VERBOSE, 0, -1, &cv, sizeof(cv));
	chan_send(&rq.rq_env->env_vmm, IMSG_CTL_VERBOSE, 0, -1, &cv,
	    sizeof(cv));
	chan_send(ch, IMSG_CTL_OK, rq.rq_client, -1, NULL, 0);
	return 0;
}

/* Read a configuration and answer; nothing changes when it has errors. */
static void
request_configure(struct request *rq, const char *file, int reset)
{
	struct vmd_conf conf;

	conf_init(&conf);
	if (parse_config(file, &conf) == 0) {
		lifecycle_apply(rq->rq_env, &conf, reset);
		chan_send(&rq->rq_env->env_control, IMSG_CTL_OK,
		    rq->rq_client, -1, NULL, 0);
	} else {
		snprintf(rq->rq_text, sizeof(rq->rq_text), "%s is not used: "
		    "\"vmd -n -f %s\" shows what is wrong in it", file, file);
		request_reply(rq->rq_env, rq->rq_client, IMSG_CTL_FAIL, NULL,
		    EINVAL, rq->rq_text, 0);
	}
	conf_free(&conf);
}

static int
request_load(struct chan *ch, struct imsg *imsg)
{
	struct vmop_path vp;
	struct request rq;

	request_take(&rq, ch, imsg, &vp, sizeof(vp));
	if (!request_is_root(&rq))
		return 0;
	if (memchr(vp.vp_path, '\0', sizeof(vp.vp_path)) == NULL ||
	    vp.vp_path[0] != '/')
		request_reply(rq.rq_env, rq.rq_client, IMSG_CTL_FAIL, NULL,
		    EINVAL, "the path of the configuration is not absolute",
		    0);
	else
		request_configure(&rq, vp.vp_path, 0);
	return 0;
}

static int
request_reload(struct chan *ch, struct imsg *imsg)
{
	struct request rq;

	request_take(&rq, ch, imsg, NULL, 0);
	if (request_is_root(&rq))
		request_configure(&rq, rq.rq_env->env_conffile, 1);
	return 0;
}

static int
control_ready(struct chan *ch, struct imsg *imsg)
{
	(void)imsg;
	parent_ready(ch->arg);
	return 0;
}

#define BODY(len)	sizeof(struct ctl_peer) + (len), \
			sizeof(struct ctl_peer) + (len), CHAN_NOFD

const struct chan_msg request_msgs[] = {
	{ IMSG_PROC_READY, 0, 0, CHAN_NOFD, control_ready },
	{ IMSG_VMDOP_START_VM_REQUEST,
	    BODY(sizeof(struct vmop_create_params)), request_start },
	{ IMSG_VMDOP_TERMINATE_VM_REQUEST,
	    BODY(sizeof(struct vmop_id)), request_terminate },
	{ IMSG_VMDOP_WAIT_VM_REQUEST,
	    BODY(sizeof(struct vmop_id)), request_wait },
	{ IMSG_VMDOP_GET_INFO_VM_REQUEST,
	    BODY(sizeof(struct vmop_id)), request_info },
	{ IMSG_CTL_VERBOSE, BODY(sizeof(struct ctl_verbose)),
	    request_verbose },
	{ IMSG_VMDOP_LOAD, BODY(sizeof(struct vmop_path)), request_load },
	{ IMSG_VMDOP_RELOAD, BODY(0), request_reload },
};
const size_t request_nmsgs = sizeof(request_msgs) / sizeof(request_msgs[0]);

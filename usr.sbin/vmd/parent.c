/* SPDX-License-Identifier: ISC */
/*
 * The parent: starts control and vmm, serves their messages and signals, and
 * brings everything down in order. It is the only process that stays root.
 */
#include <sys/wait.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "parent.h"

#define PARENT_NCHILDREN	2	/* control, vmm */
#define CHILD_END_TRIES	100	/* of 10 ms */

static int
vmm_ready(struct chan *ch, struct imsg *imsg)
{
	(void)imsg;
	parent_ready(ch->arg);
	return 0;
}

static const struct chan_msg vmm_msgs[] = {
	{ IMSG_PROC_READY, 0, 0, CHAN_NOFD, vmm_ready },
	{ IMSG_VMDOP_VM_STARTED, sizeof(struct vm_started),
	    sizeof(struct vm_started), CHAN_NOFD, lifecycle_started },
	{ IMSG_VMDOP_VM_ENDED, sizeof(struct vm_ended),
	    sizeof(struct vm_ended), CHAN_NOFD, lifecycle_ended },
};

/*
 * Wait for a child whose channel is closed to end, which makes it end by
 * itself; by force when it does not. The wait status.
 */
static int
child_end(pid_t *pidp)
{
	struct timespec tick = { .tv_nsec = 10000000 };
	pid_t pid = *pidp;
	int i, status = 0;

	if (pid == 0)
		return 0;
	*pidp = 0;
	for (i = 0; i < CHILD_END_TRIES; i++) {
		if (waitpid(pid, &status, WNOHANG) != 0)
			return status;
		nanosleep(&tick, NULL);
	}
	kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		continue;
	return status;
}

/* A process of the daemon itself is lost: say so once, and end. */
static void
child_lost(struct vmd *env, const char *name, struct chan *ch, pid_t *pid,
    const char *why)
{
	char text[128];

	chan_close(ch);
	if (why != NULL && *pid != 0)
		kill(*pid, SIGKILL);
	proc_status(child_end(pid), text, sizeof(text));
	log_warnx("the %s process %s: shutting down", name,
	    why != NULL ? why : text);
	env->env_status = 1;
}

static void
control_gone(struct chan *ch, const char *why)
{
	struct vmd *env = ch->arg;

	child_lost(env, "control", ch, &env->env_control_pid, why);
	if (!env->env_stopping)
		parent_stop(env);
}

/* Without vmm there are no VMs either: they end with it. */
static void
vmm_gone(struct chan *ch, const char *why)
{
	struct vmd *env = ch->arg;

	child_lost(env, "vmm", ch, &env->env_vmm_pid, why);
	env->env_stopping = 1;
	event_base_loopexit(env->env_base, NULL);
}

void
parent_ready(struct vmd *env)
{
	char ok = 1;

	if (++env->env_ready != PARENT_NCHILDREN)
		return;
	log_info("ready");
	if (env->env_ready_fd != -1) {
		if (write(env->env_ready_fd, &ok, 1) == -1)
			log_debug("nobody waits for the start");
		close(env->env_ready_fd);
		env->env_ready_fd = -1;
	}
	lifecycle_stagger(env);
}

int
parent_is_ready(const struct vmd *env)
{
	return env->env_ready >= PARENT_NCHILDREN;
}

void
parent_stop(struct vmd *env)
{
	int force = env->env_stopping;
	struct vmd_vm *vm;

	env->env_stopping = 1;
	event_del(&env->env_stagger);
	TAILQ_FOREACH(vm, &env->env_vms.vms_list, vm_entry) {
		vm->vm_state &= ~VM_STATE_WAITING;
		if (vm->vm_state & VM_STATE_RUNNING)
			lifecycle_stop(env, vm, force);
	}
	if (vms_running(&env->env_vms) == 0)
		event_base_loopexit(env->env_base, NULL);
}

static void
parent_signal(int sig, short what, void *arg)
{
	struct vmd *env = arg;
	struct vmd_conf conf;

	(void)what;
	if (sig != SIGHUP) {
		log_info("signal %d: shutting down", sig);
		parent_stop(env);
		return;
	}
	if (env->env_stopping)
		return;
	log_info("reloading %s", env->env_conffile);
	conf_init(&conf);
	if (parse_config(env->env_conffile, &conf) == 0)
		lifecycle_apply(env, &conf, 1);
	else
		log_warnx("%s is not used", env->env_conffile);
	conf_free(&conf);
}

static void
parent_stagger(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	lifecycle_stagger(arg);
}

static void
parent_events(struct vmd *env)
{
	static const int sigs[PARENT_NSIGNALS] = { SIGTERM, SIGINT, SIGHUP };
	int i;

	if ((env->env_base = event_base_new()) == NULL)
		fatalx("cannot make an event loop");
	for (i = 0; i < PARENT_NSIGNALS; i++) {
		event_assign(&env->env_signals[i], env->env_base, sigs[i],
		    EV_SIGNAL | EV_PERSIST, parent_signal, env);
		event_add(&env->env_signals[i], NULL);
	}
	event_assign(&env->env_stagger, env->env_base, -1, 0, parent_stagger,
	    env);
	signal(SIGPIPE, SIG_IGN);
}

/* Start a process and open the channel to it. */
static pid_t
parent_child(struct vmd *env, const char *role, struct chan *ch,
    const struct chan_msg *msgs, size_t nmsgs,
    void (*gone)(struct chan *, const char *))
{
	struct proc_start ps = {
		.ps_verbose = log_getverbose(),
		.ps_foreground = env->env_foreground,
	};
	pid_t pid;
	int fd;

	pid = proc_exec(env->env_exe, role, env->env_foreground,
	    log_getverbose(), &fd);
	if (pid == -1)
		fatal("cannot start the %s process", role);
	chan_open(ch, env->env_base, fd, msgs, nmsgs, gone, env);
	chan_send(ch, IMSG_PROC_START, 0, -1, &ps, sizeof(ps));
	return pid;
}

int
parent_main(struct vmd *env, const struct vmd_conf *conf, int sock)
{
	parent_events(env);
	env->env_control_pid = parent_child(env, "control",
	    &env->env_control, request_msgs, request_nmsgs, control_gone);
	env->env_vmm_pid = parent_child(env, "vmm", &env->env_vmm, vmm_msgs,
	    sizeof(vmm_msgs) / sizeof(vmm_msgs[0]), vmm_gone);
	chan_send(&env->env_control, IMSG_PROC_FD, 0, sock, NULL, 0);
	lifecycle_apply(env, conf, 0);
	event_base_dispatch(env->env_base);
	chan_close(&env->env_control);
	chan_close(&env->env_vmm);
	child_end(&env->env_control_pid);
	child_end(&env->env_vmm_pid);
	log_info("terminating");
	return env->env_status;
}

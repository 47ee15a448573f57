/* SPDX-License-Identifier: ISC */
/* The parent process of vmd(8), which stays root and decides. */
#ifndef _PARENT_H_
#define _PARENT_H_

#include <event2/event.h>
#include <event2/event_struct.h>

#include "proc.h"
#include "vms.h"

#define PARENT_NSIGNALS	3

struct vmd {
	struct event_base	*env_base;
	struct chan		 env_control;
	struct chan		 env_vmm;
	pid_t			 env_control_pid;
	pid_t			 env_vmm_pid;
	struct event		 env_signals[PARENT_NSIGNALS];
	struct event		 env_stagger;
	struct vms		 env_vms;
	const char		*env_conffile;
	uint32_t		 env_parallel;	/* staggered start */
	uint32_t		 env_delay;	/* seconds */
	int			 env_foreground;
	int			 env_exe;	/* our executable */
	int			 env_ready;	/* processes that are confined */
	int			 env_ready_fd;	/* tell that all are, or -1 */
	int			 env_stopping;
	int			 env_status;	/* exit status */
};

/* parent.c */

/*
 * Run the daemon with the configuration in conf, which stays the caller's,
 * and clients on the listening socket sock. Returns the exit status when it
 * has come to its end.
 */
int	 parent_main(struct vmd *, const struct vmd_conf *, int sock);

/* A process says that it is confined. The last one starts the VMs. */
void	 parent_ready(struct vmd *);
int	 parent_is_ready(const struct vmd *);

/* Ask all VMs to end, then end; when called again, end VMs by force. */
void	 parent_stop(struct vmd *);

/*
 * lifecycle.c: VMs start, end, restart.
 */

/*
 * Open the files of a VM that does not run, and let vmm start it. Returns 0,
 * or an errno and one line in text. The outcome is told to vm_client.
 */
int	 lifecycle_start(struct vmd *, struct vmd_vm *, char *text,
	    size_t len);

/* Ask a running VM to power off, or end it by force. */
void	 lifecycle_stop(struct vmd *, struct vmd_vm *, int force);

/*
 * Make the VMs of conf known, and start those that are enabled. reset: forget
 * the stopped VMs of before. A VM that runs keeps its definition.
 */
void	 lifecycle_apply(struct vmd *, const struct vmd_conf *, int reset);

/* Start what waits for its turn, some of it now. */
void	 lifecycle_stagger(struct vmd *);

/* Messages of vmm: VM_STARTED and VM_ENDED. */
int	 lifecycle_started(struct chan *, struct imsg *);
int	 lifecycle_ended(struct chan *, struct imsg *);

/* request.c: the messages that clients cause, for env_control. */
extern const struct chan_msg request_msgs[];
extern const size_t request_nmsgs;

/* Answer a client (0: none) about a VM; vm may be NULL. */
void	 request_reply(struct vmd *, uint32_t client, uint32_t type,
	    const struct vmd_vm *, int error, const char *text,
	    uint32_t flags);

/* driver.c: bytes of memory that the VM of process pid uses. */
uint64_t driver_memory(pid_t pid);

#endif /* _PARENT_H_ */

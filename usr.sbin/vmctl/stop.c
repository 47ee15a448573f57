/* SPDX-License-Identifier: ISC */
/*
 * vmctl(8) stop
 */

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmctl.h"

struct stop {
	struct client	 st_client;
	uint32_t	 st_flags;	/* VMOP_FORCE, VMOP_WAIT */
	unsigned int	 st_waiting;	/* VMs whose end is awaited */

	/* -a: the VMs that run */
	struct vmop_id	*st_vms;
	size_t		 st_nvms;
	int		 st_nomem;
};

static void
stop_print_request(const struct vmop_result *vmr)
{
	fprintf(stderr, "stopping vm %s: %s vm %u\n", vmr->vmr_name,
	    vmr->vmr_flags & VMOP_RESULT_FORCED ? "forced to terminate" :
	    "requested to shutdown", vmr->vmr_id);
}

/* One end of a VM that is awaited; what went wrong in it comes along. */
static void
stop_ended(struct stop *st, const struct vmop_result *vmr)
{
	wait_print_end(vmr);
	if (st->st_waiting > 0)
		st->st_waiting--;
}

/* Stop one VM. The ends of others may be reported in between. */
static int
stop_one(struct stop *st, struct vmop_id *vid)
{
	struct vmop_result	 vmr;
	int			 rv;

	vid->vid_flags = st->st_flags;
	if (client_send(&st->st_client, IMSG_VMDOP_TERMINATE_VM_REQUEST, vid,
	    sizeof(*vid)) == -1)
		return (-1);
	while ((rv = client_result(&st->st_client,
	    IMSG_VMDOP_TERMINATE_VM_RESPONSE, &vmr)) == 1)
		stop_ended(st, &vmr);
	if (rv == -1)
		return (-1);
	stop_print_request(&vmr);
	if (st->st_flags & VMOP_WAIT)
		st->st_waiting++;
	return (0);
}

static int
stop_wait(struct stop *st)
{
	struct vmop_result	 vmr;

	while (st->st_waiting > 0) {
		if (client_result(&st->st_client,
		    IMSG_VMDOP_TERMINATE_VM_EVENT, &vmr) != 1)
			return (-1);
		stop_ended(st, &vmr);
	}
	return (0);
}

static void
stop_collect(const struct vmop_info_result *vir, void *arg)
{
	struct stop	*st = arg;
	struct vmop_id	*vms;

	if ((vir->vir_state & VM_STATE_RUNNING) == 0)
		return;
	vms = reallocarray(st->st_vms, st->st_nvms + 1, sizeof(*vms));
	if (vms == NULL) {
		st->st_nomem = 1;
		return;
	}
	st->st_vms = vms;
	memset(&vms[st->st_nvms], 0, sizeof(*vms));
	vms[st->st_nvms++].vid_id = vir->vir_id;
}

/* All that run; one that cannot be stopped does not save the others. */
static int
stop_all(struct stop *st)
{
	size_t	 i;
	int	 rv = 0;

	if (client_info(&st->st_client, NULL, stop_collect, st) == -1)
		return (-1);
	if (st->st_nomem) {
		warnx("out of memory");
		rv = -1;
	}
	for (i = 0; i < st->st_nvms; i++)
		if (stop_one(st, &st->st_vms[i]) == -1)
			rv = -1;
	free(st->st_vms);
	return (rv);
}

/* The VM to stop, NULL for all. */
static int
stop_run(uint32_t flags, struct vmop_id *vid)
{
	struct stop	 st = { .st_flags = flags };
	int		 rv;

	if (client_open(&st.st_client) == -1)
		return (1);
	rv = vid != NULL ? stop_one(&st, vid) : stop_all(&st);
	if (stop_wait(&st) == -1)
		rv = -1;
	client_close(&st.st_client);
	return (rv == 0 ? 0 : 1);
}

int
stop_main(const struct command *cmd, int argc, char **argv)
{
	struct vmop_id	 vid;
	uint32_t	 flags = 0;
	int		 ch, all = 0;

	while ((ch = getopt(argc, argv, "afw")) != -1) {
		switch (ch) {
		case 'a':
			all = 1;
			break;
		case 'f':
			flags |= VMOP_FORCE;
			break;
		case 'w':
			flags |= VMOP_WAIT;
			break;
		default:
			return (command_usage(cmd));
		}
	}
	if (argc - optind != (all ? 0 : 1))
		return (command_usage(cmd));
	if (!all && argument_vm(argv[optind], &vid) == -1)
		return (1);
	return (stop_run(flags, all ? NULL : &vid));
}

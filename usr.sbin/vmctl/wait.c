/* SPDX-License-Identifier: ISC */
/*
 * vmctl(8) wait
 */

#include <err.h>
#include <stdio.h>
#include <unistd.h>

#include "vmctl.h"

void
wait_print_end(const struct vmop_result *vmr)
{
	if (vmr->vmr_text[0] != '\0')
		warnx("%s", vmr->vmr_text);
	fprintf(stderr, "vm %s: terminated vm %u\n", vmr->vmr_name,
	    vmr->vmr_id);
}

static int
wait_for(struct client *cl, const struct vmop_id *vid)
{
	struct vmop_result	 vmr;
	int			 rv;

	if (client_send(cl, IMSG_VMDOP_WAIT_VM_REQUEST, vid, sizeof(*vid)) ==
	    -1)
		return (-1);
	rv = client_result(cl, IMSG_VMDOP_WAIT_VM_RESPONSE, &vmr);
	if (rv == 0)
		rv = client_result(cl, IMSG_VMDOP_TERMINATE_VM_EVENT, &vmr);
	if (rv != 1)
		return (-1);
	wait_print_end(&vmr);
	return (0);
}

int
wait_main(const struct command *cmd, int argc, char **argv)
{
	struct vmop_id	 vid;
	struct client	 cl;
	int		 rv;

	if (getopt(argc, argv, "") != -1 || argc - optind != 1)
		return (command_usage(cmd));
	if (argument_vm(argv[optind], &vid) == -1 || client_open(&cl) == -1)
		return (1);
	rv = wait_for(&cl, &vid);
	client_close(&cl);
	return (rv == 0 ? 0 : 1);
}

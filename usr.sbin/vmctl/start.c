/* SPDX-License-Identifier: ISC */
/*
 * vmctl(8) start
 */

#include <bsd/string.h>
#include <err.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "console.h"
#include "vmctl.h"

static int
start_disk(struct vmop_create_params *vmc, const char *word)
{
	struct vmop_disk	*vd;

	if (vmc->vmc_ndisks == VMM_MAX_DISKS_PER_VM) {
		warnx("too many disks: at most %d", VMM_MAX_DISKS_PER_VM);
		return (-1);
	}
	vd = &vmc->vmc_disks[vmc->vmc_ndisks++];
	vd->vd_format = argument_disk_format(&word);
	vmc->vmc_flags |= VMOP_CREATE_DISK;
	return (argument_path(word, "disk", vd->vd_path, sizeof(vd->vd_path)));
}

static int
start_arguments(struct vmop_create_params *vmc, const char *word)
{
	vmc->vmc_flags |= VMOP_CREATE_ARGS;
	if (strlcpy(vmc->vmc_args, word, sizeof(vmc->vmc_args)) >=
	    sizeof(vmc->vmc_args)) {
		warnx("arguments are too long: at most %zu characters",
		    sizeof(vmc->vmc_args) - 1);
		return (-1);
	}
	return (0);
}

/* Returns 0, 1 for an option that there is not, -1 for a bad value. */
static int
start_option(struct vmop_create_params *vmc, int ch, const char *word)
{
	switch (ch) {
	case 'a':
		return (start_arguments(vmc, word));
	case 'b':
		vmc->vmc_flags |= VMOP_CREATE_BOOT;
		return (argument_path(word, "kernel", vmc->vmc_boot,
		    sizeof(vmc->vmc_boot)));
	case 'd':
		return (start_disk(vmc, word));
	case 'I':
		vmc->vmc_flags |= VMOP_CREATE_INITRD;
		return (argument_path(word, "initrd", vmc->vmc_initrd,
		    sizeof(vmc->vmc_initrd)));
	case 'm':
		vmc->vmc_flags |= VMOP_CREATE_MEMORY;
		return (argument_size(word, "memory", &vmc->vmc_memory));
	default:
		return (1);
	}
}

static int
start_request(const struct vmop_create_params *vmc, struct vmop_result *vmr)
{
	struct client	 cl;
	int		 rv;

	if (client_open(&cl) == -1)
		return (-1);
	rv = client_send(&cl, IMSG_VMDOP_START_VM_REQUEST, vmc, sizeof(*vmc));
	if (rv == 0)
		rv = client_result(&cl, IMSG_VMDOP_START_VM_RESPONSE, vmr);
	client_close(&cl);
	return (rv);
}

int
start_main(const struct command *cmd, int argc, char **argv)
{
	struct vmop_create_params	 vmc;
	struct vmop_result		 vmr;
	struct vmop_id			 vid;
	int				 ch, rv, console = 0;

	memset(&vmc, 0, sizeof(vmc));
	while ((ch = getopt(argc, argv, "a:b:cd:I:m:")) != -1) {
		if (ch == 'c')
			console = 1;
		else if ((rv = start_option(&vmc, ch, optarg)) != 0)
			return (rv == 1 ? command_usage(cmd) : 1);
	}
	if (argc - optind != 1)
		return (command_usage(cmd));
	if (argument_vm(argv[optind], &vid) == -1)
		return (1);
	vmc.vmc_id = vid.vid_id;
	memcpy(vmc.vmc_name, vid.vid_name, sizeof(vmc.vmc_name));

	if (start_request(&vmc, &vmr) != 0)
		return (1);
	warnx("started vm %u successfully, tty %s", vmr.vmr_id, vmr.vmr_tty);
	if (!console)
		return (0);
	return (console_attach(argv[optind], vmr.vmr_tty));
}

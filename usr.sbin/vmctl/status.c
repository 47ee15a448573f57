/* SPDX-License-Identifier: ISC */
/*
 * vmctl(8) status
 */

#include <bsd/string.h>
#include <err.h>
#include <scaled.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "status.h"
#include "vmctl.h"

#define NUMBER_STRSIZE	24	/* any int64_t */
#define OWNER_STRSIZE	72	/* two names and a colon */

/* Widths of all columns but the last. */
#define STATUS_FORMAT	"%5s %5s %5s %7s %7s %7s %12s %8s %s\n"

/* What a VM is doing: the first line of which a bit is set. */
static const struct {
	uint32_t	 bit;
	const char	*name;
} states[] = {
	{ VM_STATE_PAUSED,	"paused" },
	{ VM_STATE_SHUTDOWN,	"stopping" },
	{ VM_STATE_STARTING,	"starting" },
	{ VM_STATE_WAITING,	"waiting" },
	{ VM_STATE_RUNNING,	"running" },
};

static const char *
status_state(uint32_t state)
{
	size_t	 i;

	if ((state & ~(uint32_t)VM_STATE_DISABLED) == 0)
		return ("stopped");
	for (i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		if (state & states[i].bit)
			return (states[i].name);
	return ("unknown");
}

static void
status_owner(const struct vmop_owner *vo, char *owner, size_t len)
{
	char	 group[OWNER_STRSIZE / 2];

	account_user_name(vo->uid, owner, len);
	if (vo->gid == VMOP_NOGROUP)
		return;
	account_group_name(vo->gid, group, sizeof(group));
	strlcat(owner, ":", len);
	strlcat(owner, group, len);
}

static void
status_number(int64_t number, char *text)
{
	if (number > 0)
		snprintf(text, NUMBER_STRSIZE, "%lld", (long long)number);
	else
		strlcpy(text, "-", NUMBER_STRSIZE);
}

static void
status_size(uint64_t size, char *text)
{
	if (size == 0 || fmt_scaled((long long)size, text) == -1)
		strlcpy(text, "-", FMT_SCALED_STRSIZE);
}

void
status_print_header(FILE *fp)
{
	fprintf(fp, STATUS_FORMAT, "ID", "PID", "VCPUS", "MAXMEM", "CURMEM",
	    "TTY", "OWNER", "STATE", "NAME");
}

void
status_print_vm(FILE *fp, const struct vmop_info_result *vir)
{
	static const char	 dev[] = "/dev/";
	char			 id[NUMBER_STRSIZE], pid[NUMBER_STRSIZE];
	char			 vcpus[NUMBER_STRSIZE], owner[OWNER_STRSIZE];
	char			 maxmem[FMT_SCALED_STRSIZE];
	char			 curmem[FMT_SCALED_STRSIZE];
	const char		*tty = vir->vir_tty;
	int			 running;

	running = (vir->vir_state & VM_STATE_RUNNING) != 0;
	status_number(vir->vir_id, id);
	status_number(running ? vir->vir_pid : 0, pid);
	status_number(vir->vir_ncpus, vcpus);
	status_size(vir->vir_maxmem, maxmem);
	status_size(running ? vir->vir_curmem : 0, curmem);
	status_owner(&vir->vir_owner, owner, sizeof(owner));
	if (!running || tty[0] == '\0')
		tty = "-";
	else if (strncmp(tty, dev, sizeof(dev) - 1) == 0)
		tty += sizeof(dev) - 1;
	fprintf(fp, STATUS_FORMAT, id, pid, vcpus, maxmem, curmem, tty,
	    owner, status_state(vir->vir_state), vir->vir_name);
}

static void
status_each(const struct vmop_info_result *vir, void *arg)
{
	int	*running_only = arg;

	if (!*running_only || (vir->vir_state & VM_STATE_RUNNING))
		status_print_vm(stdout, vir);
}

/* The table of all VMs, or of one; nothing when that one is not there. */
static int
status_run(const struct vmop_id *vid, int running_only)
{
	struct vmop_info_result	 vir;
	struct client		 cl;
	int			 rv;

	if (client_open(&cl) == -1)
		return (-1);
	if (vid == NULL) {
		status_print_header(stdout);
		rv = client_info(&cl, NULL, status_each, &running_only);
	} else if ((rv = client_info_one(&cl, vid, &vir)) == 0) {
		status_print_header(stdout);
		status_each(&vir, &running_only);
	}
	client_close(&cl);
	if (rv == 0 && fflush(stdout) != 0) {
		warn("standard output");
		rv = -1;
	}
	return (rv);
}

int
status_main(const struct command *cmd, int argc, char **argv)
{
	struct vmop_id	 vid;
	int		 ch, running_only = 0;

	while ((ch = getopt(argc, argv, "r")) != -1) {
		if (ch != 'r')
			return (command_usage(cmd));
		running_only = 1;
	}
	argc -= optind;
	argv += optind;
	if (argc > 1)
		return (command_usage(cmd));
	if (argc == 1 && argument_vm(argv[0], &vid) == -1)
		return (1);
	return (status_run(argc == 1 ? &vid : NULL, running_only) ? 1 : 0);
}

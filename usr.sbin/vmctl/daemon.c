/* SPDX-License-Identifier: ISC */
/*
 * vmctl(8) load, log, reload: what is for the daemon as a whole
 */

#include <err.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "vmctl.h"

int
load_main(const struct command *cmd, int argc, char **argv)
{
	struct vmop_path	 vp;

	if (getopt(argc, argv, "") != -1 || argc - optind != 1)
		return (command_usage(cmd));
	memset(&vp, 0, sizeof(vp));
	if (argument_path(argv[optind], "configuration", vp.vp_path,
	    sizeof(vp.vp_path)) == -1)
		return (1);
	return (client_simple(IMSG_VMDOP_LOAD, &vp, sizeof(vp)) ? 1 : 0);
}

int
log_main(const struct command *cmd, int argc, char **argv)
{
	struct ctl_verbose	 cv;
	const char		*word;
	size_t			 len;

	if (getopt(argc, argv, "") != -1 || argc - optind != 1)
		return (command_usage(cmd));
	word = argv[optind];
	if ((len = strlen(word)) == 0)
		return (command_usage(cmd));
	if (strncmp("brief", word, len) == 0)
		cv.cv_verbose = 0;
	else if (strncmp("verbose", word, len) == 0)
		cv.cv_verbose = 2;
	else
		return (command_usage(cmd));
	return (client_simple(IMSG_CTL_VERBOSE, &cv, sizeof(cv)) ? 1 : 0);
}

int
reload_main(const struct command *cmd, int argc, char **argv)
{
	if (getopt(argc, argv, "") != -1 || argc - optind != 0)
		return (command_usage(cmd));
	return (client_simple(IMSG_VMDOP_RELOAD, NULL, 0) ? 1 : 0);
}

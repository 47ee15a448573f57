/* SPDX-License-Identifier: ISC */
/*
 * vmctl(8)
 */

#include <signal.h>
#include <unistd.h>

#include "vmctl.h"

int
main(int argc, char **argv)
{
	const struct command	*cmd;

	if (getopt(argc, argv, "+") != -1)
		return (command_usage(NULL));
	argc -= optind;
	argv += optind;
	if (argc < 1)
		return (command_usage(NULL));
	if ((cmd = command_find(argv[0])) == NULL)
		return (1);

	/* A peer that is gone shows as an error of write(2). */
	signal(SIGPIPE, SIG_IGN);
	optind = 0;	/* getopt(3) starts anew, with other options */
	return (cmd->cmd_main(cmd, argc, argv));
}

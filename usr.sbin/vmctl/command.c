/* SPDX-License-Identifier: ISC */
/*
 * The commands of vmctl(8).
 */

#include <err.h>
#include <stdio.h>
#include <string.h>

#include "vmctl.h"

/* In the order of the usage text. */
const struct command	 commands[] = {
	{ "console",	console_main,	"id" },
	{ "create",	create_main,	"-s size disk" },
	{ "load",	load_main,	"filename" },
	{ "log",	log_main,	"brief | verbose" },
	{ "reload",	reload_main,	"" },
	{ "show",	status_main,	"[-r] [id]" },
	{ "start",	start_main,	"[-c] [-a arguments] [-b path] "
	    "[-d disk]... [-I initrd]\n\t    [-m size] id | name" },
	{ "status",	status_main,	"[-r] [id]" },
	{ "stop",	stop_main,	"[-fw] [-a | id]" },
	{ "wait",	wait_main,	"id" },
};
const size_t		 ncommands = sizeof(commands) / sizeof(commands[0]);

static void
print_ambiguous(const char *word)
{
	size_t	 i, len = strlen(word);

	fprintf(stderr, "vmctl: \"%s\" may mean", word);
	for (i = 0; i < ncommands; i++)
		if (strncmp(commands[i].cmd_name, word, len) == 0)
			fprintf(stderr, " %s", commands[i].cmd_name);
	fputc('\n', stderr);
}

const struct command *
command_find(const char *word)
{
	const struct command	*cmd = NULL;
	size_t			 i, len = strlen(word), n = 0;

	for (i = 0; i < ncommands; i++) {
		if (strncmp(commands[i].cmd_name, word, len) != 0)
			continue;
		if (commands[i].cmd_name[len] == '\0')
			return (&commands[i]);
		cmd = &commands[i];
		n++;
	}
	if (n == 1)
		return (cmd);
	if (n == 0 || len == 0) {
		warnx("unknown command \"%s\"", word);
		command_usage(NULL);
	} else
		print_ambiguous(word);
	return (NULL);
}

int
command_usage(const struct command *only)
{
	const char	*lead = "usage:\t";
	size_t		 i;

	if (only == NULL) {
		fprintf(stderr, "%svmctl command [arg ...]\n", lead);
		lead = "\t";
	}
	for (i = 0; i < ncommands; i++) {
		if (only != NULL && only != &commands[i])
			continue;
		fprintf(stderr, "%svmctl %s%s%s\n", lead,
		    commands[i].cmd_name, *commands[i].cmd_args ? " " : "",
		    commands[i].cmd_args);
	}
	return (1);
}

/* SPDX-License-Identifier: ISC */
/*
 * vmctl(8): its commands, and how they talk to vmd(8).
 */
#ifndef VMCTL_H
#define VMCTL_H

#include <stddef.h>
#include <stdint.h>

#include "vmd.h"

/*
 * A command. The main function gets the words from the command's name on,
 * and returns the exit status: 0, or 1 after it has printed what is wrong.
 */
struct command {
	const char	 *cmd_name;
	int		(*cmd_main)(const struct command *, int, char **);
	const char	 *cmd_args;	/* for the usage line */
};

/* command.c */
extern const struct command	 commands[];
extern const size_t		 ncommands;

/*
 * The command with this name or unique beginning of one, or NULL after it has
 * printed why not.
 */
const struct command *command_find(const char *);

/* Print how one command, or with NULL all of them, is used. Returns 1. */
int	command_usage(const struct command *);

/* One file each */
int	console_main(const struct command *, int, char **);
int	create_main(const struct command *, int, char **);
int	load_main(const struct command *, int, char **);
int	log_main(const struct command *, int, char **);
int	reload_main(const struct command *, int, char **);
int	start_main(const struct command *, int, char **);
int	status_main(const struct command *, int, char **);
int	stop_main(const struct command *, int, char **);
int	wait_main(const struct command *, int, char **);

/* wait.c: tell the user that a VM has ended, and what went wrong if it did. */
void	wait_print_end(const struct vmop_result *);

/*
 * argument.c: words of the command line. Each returns 0, or -1 after it has
 * printed what is wrong with the word.
 */

/* A VM: a number that is not 0 is an id, all else a name. */
int	argument_vm(const char *, struct vmop_id *);

/* A size of at least a megabyte, in bytes; rounded down to megabytes. */
int	argument_size(const char *, const char *what, uint64_t *);

/* An existing file, made an absolute path; size is that of the buffer. */
int	argument_path(const char *, const char *what, char *, size_t size);

/* Take "raw:" or "qcow2:" off a disk's path: VMD_DISK_FORMAT_*, 0: neither */
uint32_t argument_disk_format(const char **path);

/*
 * A connection to vmd, one request at a time. Functions return 0, or -1 after
 * they have printed what is wrong.
 */
struct client {
	struct imsgbuf	 cl_ibuf;
};

/* connect.c */
int	client_open(struct client *);

/* client.c */
void	client_close(struct client *);
int	client_send(struct client *, enum imsg_type, const void *, size_t);

/* Wait for the next message; imsg_free() it. */
int	client_receive(struct client *, struct imsg *);

/*
 * Wait for an answer of this type and return 0, or 1 when the end of a VM
 * that this client waits for (IMSG_VMDOP_TERMINATE_VM_EVENT) comes first. A
 * refusal is printed and returns -1.
 */
int	client_result(struct client *, enum imsg_type, struct vmop_result *);

/*
 * Ask for the VMs, or only the one that vid names, and call the function for
 * each of them as its description arrives.
 */
int	client_info(struct client *, const struct vmop_id *vid,
	    void (*)(const struct vmop_info_result *, void *), void *);

/* The same for exactly one VM. */
int	client_info_one(struct client *, const struct vmop_id *,
	    struct vmop_info_result *);

/* Open, make one request that is answered with IMSG_CTL_OK, close. */
int	client_simple(enum imsg_type, const void *, size_t);

#endif /* VMCTL_H */

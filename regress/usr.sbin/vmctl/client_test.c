/* SPDX-License-Identifier: ISC */
/*
 * Promises of the commands that talk to vmd: against a daemon that says what
 * a script tells it to, and that ends with 1 when a request is not the one
 * that the script expects.
 */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "vmctl.h"

#define PAYLOAD_MAX	4096

/* One step of the daemon: await a request (expect), or say something. */
struct step {
	enum imsg_type	 st_type;
	int		 st_expect;
	size_t		 st_len;
	union {
		struct vmop_id		 st_id;
		struct vmop_result	 st_result;
		struct vmop_info_result	 st_info;
	};
};

static struct step	 steps[16];
static size_t		 nsteps;
static pid_t		 daemon_pid;

static struct step *
step_add(enum imsg_type type, int expect, size_t len)
{
	struct step	*st = &steps[nsteps++];

	memset(st, 0, sizeof(*st));
	st->st_type = type;
	st->st_expect = expect;
	st->st_len = len;
	return (st);
}

static void
expect_id(enum imsg_type type, uint32_t id, const char *name, uint32_t flags)
{
	struct step	*st = step_add(type, 1, sizeof(st->st_id));

	st->st_id.vid_id = id;
	st->st_id.vid_flags = flags;
	snprintf(st->st_id.vid_name, sizeof(st->st_id.vid_name), "%s", name);
}

static void
say_result(enum imsg_type type, uint32_t id, int result, const char *text)
{
	struct step	*st = step_add(type, 0, sizeof(st->st_result));

	st->st_result.vmr_id = id;
	st->st_result.vmr_result = result;
	snprintf(st->st_result.vmr_name, VM_NAME_MAX, "vm%u", id);
	snprintf(st->st_result.vmr_text, VM_TEXT_MAX, "%s", text);
}

static void
say_info(uint32_t id, uint32_t state)
{
	struct step	*st;

	st = step_add(IMSG_VMDOP_GET_INFO_VM_DATA, 0, sizeof(st->st_info));
	st->st_info.vir_id = id;
	st->st_info.vir_state = state;
	snprintf(st->st_info.vir_name, VM_NAME_MAX, "vm%u", id);
}

static int
daemon_await(struct imsgbuf *ibuf, const struct step *st)
{
	char		 data[PAYLOAD_MAX];
	struct imsg	 imsg;
	ssize_t		 n;

	while ((n = imsg_get(ibuf, &imsg)) == 0)
		if (imsg_read(ibuf) <= 0)
			return (-1);
	if (n == -1 || imsg_get_type(&imsg) != st->st_type ||
	    imsg_get_data(&imsg, data, st->st_len) == -1 ||
	    memcmp(data, &st->st_id, st->st_len) != 0)
		return (-1);
	imsg_free(&imsg);
	return (0);
}

static int
daemon_run(int fd)
{
	static struct imsgbuf	 ibuf;
	size_t			 i;

	imsg_init(&ibuf, fd);
	for (i = 0; i < nsteps; i++) {
		if (steps[i].st_expect) {
			if (daemon_await(&ibuf, &steps[i]) == -1)
				return (1);
		} else if (imsg_compose(&ibuf, steps[i].st_type, 0, 0, -1,
		    &steps[i].st_id, steps[i].st_len) == -1 ||
		    imsg_flush(&ibuf) == -1)
			return (1);
	}
	imsg_clear(&ibuf);
	return (0);
}

/* In place of connect.c. */
int
client_open(struct client *cl)
{
	int	 pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_not_equal(daemon_pid = fork(), -1);
	if (daemon_pid == 0) {
		close(pair[0]);
		_exit(daemon_run(pair[1]));
	}
	close(pair[1]);
	imsg_init(&cl->cl_ibuf, pair[0]);
	return (0);
}

static int
setup(void **state)
{
	(void)state;
	nsteps = 0;
	daemon_pid = -1;
	return (0);
}

/* Run a command; all of the script must have been played. */
static int
run(const char *first, const char *second, const char *third)
{
	const struct command	*cmd = command_find(first);
	char			*argv[4];
	int			 argc, rv, status;

	assert_non_null(cmd);
	argv[0] = strdup(first);
	argv[1] = second != NULL ? strdup(second) : NULL;
	argv[2] = third != NULL ? strdup(third) : NULL;
	argv[3] = NULL;
	for (argc = 0; argv[argc] != NULL; argc++)
		continue;
	optind = 0;
	rv = cmd->cmd_main(cmd, argc, argv);
	free(argv[0]);
	free(argv[1]);
	free(argv[2]);
	if (daemon_pid != -1) {
		assert_int_equal(waitpid(daemon_pid, &status, 0), daemon_pid);
		assert_int_equal(status, 0);
	}
	return (rv);
}

static void
stop_sends_the_vm_and_ends(void **state)
{
	(void)state;
	expect_id(IMSG_VMDOP_TERMINATE_VM_REQUEST, 0, "www", 0);
	say_result(IMSG_VMDOP_TERMINATE_VM_RESPONSE, 1, 0, "");
	assert_int_equal(run("stop", "www", NULL), 0);
}

static void
stop_by_force_and_by_number(void **state)
{
	(void)state;
	expect_id(IMSG_VMDOP_TERMINATE_VM_REQUEST, 7, "", VMOP_FORCE);
	say_result(IMSG_VMDOP_TERMINATE_VM_RESPONSE, 7, 0, "");
	assert_int_equal(run("stop", "-f", "7"), 0);
}

static void
stop_waits_for_the_end(void **state)
{
	(void)state;
	expect_id(IMSG_VMDOP_TERMINATE_VM_REQUEST, 0, "www", VMOP_WAIT);
	say_result(IMSG_VMDOP_TERMINATE_VM_RESPONSE, 1, 0, "");
	say_result(IMSG_VMDOP_TERMINATE_VM_EVENT, 1, 0, "");
	assert_int_equal(run("stop", "-w", "www"), 0);
}

static void
stop_fails_when_the_end_does_not_come(void **state)
{
	(void)state;
	expect_id(IMSG_VMDOP_TERMINATE_VM_REQUEST, 0, "www", VMOP_WAIT);
	say_result(IMSG_VMDOP_TERMINATE_VM_RESPONSE, 1, 0, "");
	assert_int_equal(run("stop", "-w", "www"), 1);
}

static void
stop_all_stops_those_that_run_in_spite_of_failures(void **state)
{
	(void)state;
	expect_id(IMSG_VMDOP_GET_INFO_VM_REQUEST, 0, "", 0);
	say_info(1, VM_STATE_RUNNING);
	say_info(2, VM_STATE_DISABLED);
	say_info(3, VM_STATE_RUNNING | VM_STATE_SHUTDOWN);
	say_info(4, VM_STATE_RUNNING);
	step_add(IMSG_VMDOP_GET_INFO_VM_END_DATA, 0, 0);
	expect_id(IMSG_VMDOP_TERMINATE_VM_REQUEST, 1, "", VMOP_WAIT);
	say_result(IMSG_VMDOP_TERMINATE_VM_RESPONSE, 1, 0, "");
	expect_id(IMSG_VMDOP_TERMINATE_VM_REQUEST, 3, "", VMOP_WAIT);
	say_result(IMSG_VMDOP_TERMINATE_VM_EVENT, 1, 0, "");
	say_result(IMSG_VMDOP_TERMINATE_VM_RESPONSE, 3, EPERM, "no");
	expect_id(IMSG_VMDOP_TERMINATE_VM_REQUEST, 4, "", VMOP_WAIT);
	say_result(IMSG_VMDOP_TERMINATE_VM_RESPONSE, 4, 0, "");
	say_result(IMSG_VMDOP_TERMINATE_VM_EVENT, 4, 0, "");
	assert_int_equal(run("stop", "-a", "-w"), 1);
}

static void
stop_all_takes_an_end_before_the_next_answer(void **state)
{
	(void)state;
	expect_id(IMSG_VMDOP_GET_INFO_VM_REQUEST, 0, "", 0);
	say_info(1, VM_STATE_RUNNING);
	say_info(2, VM_STATE_RUNNING);
	step_add(IMSG_VMDOP_GET_INFO_VM_END_DATA, 0, 0);
	expect_id(IMSG_VMDOP_TERMINATE_VM_REQUEST, 1, "", VMOP_WAIT);
	say_result(IMSG_VMDOP_TERMINATE_VM_RESPONSE, 1, 0, "");
	expect_id(IMSG_VMDOP_TERMINATE_VM_REQUEST, 2, "", VMOP_WAIT);
	say_result(IMSG_VMDOP_TERMINATE_VM_EVENT, 1, 0, "");
	say_result(IMSG_VMDOP_TERMINATE_VM_RESPONSE, 2, 0, "");
	say_result(IMSG_VMDOP_TERMINATE_VM_EVENT, 2, 0, "");
	assert_int_equal(run("stop", "-a", "-w"), 0);
}

static void
a_refusal_is_status_1(void **state)
{
	(void)state;
	expect_id(IMSG_VMDOP_TERMINATE_VM_REQUEST, 0, "www", 0);
	say_result(IMSG_CTL_FAIL, 0, ENOENT, "vm not found");
	assert_int_equal(run("stop", "www", NULL), 1);
}

static void
wait_ends_with_the_vm(void **state)
{
	(void)state;
	expect_id(IMSG_VMDOP_WAIT_VM_REQUEST, 0, "www", 0);
	say_result(IMSG_VMDOP_WAIT_VM_RESPONSE, 1, 0, "");
	say_result(IMSG_VMDOP_TERMINATE_VM_EVENT, 1, EIO, "it crashed");
	assert_int_equal(run("wait", "www", NULL), 0);
}

static void
wait_for_none_is_status_1(void **state)
{
	(void)state;
	expect_id(IMSG_VMDOP_WAIT_VM_REQUEST, 0, "www", 0);
	say_result(IMSG_VMDOP_WAIT_VM_RESPONSE, 0, ENOENT, "not there");
	assert_int_equal(run("wait", "www", NULL), 1);
}

static void
an_answer_of_the_wrong_kind_is_status_1(void **state)
{
	(void)state;
	expect_id(IMSG_VMDOP_TERMINATE_VM_REQUEST, 0, "www", 0);
	say_info(1, 0);
	assert_int_equal(run("stop", "www", NULL), 1);

	setup(state);
	expect_id(IMSG_VMDOP_TERMINATE_VM_REQUEST, 0, "www", 0);
	step_add(IMSG_VMDOP_TERMINATE_VM_RESPONSE, 0, 1);
	assert_int_equal(run("stop", "www", NULL), 1);
}

static void
a_daemon_that_goes_away_is_status_1(void **state)
{
	(void)state;
	expect_id(IMSG_VMDOP_GET_INFO_VM_REQUEST, 0, "www", 0);
	assert_int_equal(run("status", "www", NULL), 1);
}

static void
console_of_a_stopped_vm_is_status_1(void **state)
{
	(void)state;
	expect_id(IMSG_VMDOP_GET_INFO_VM_REQUEST, 0, "vm1", 0);
	say_info(1, 0);
	step_add(IMSG_VMDOP_GET_INFO_VM_END_DATA, 0, 0);
	assert_int_equal(run("console", "vm1", NULL), 1);
}

static void
wrong_usage_asks_the_daemon_nothing(void **state)
{
	(void)state;
	assert_int_equal(run("stop", NULL, NULL), 1);
	assert_int_equal(run("stop", "-a", "www"), 1);
	assert_int_equal(run("wait", "a", "b"), 1);
	assert_int_equal(run("start", NULL, NULL), 1);
	assert_int_equal(run("start", "-x", "www"), 1);
	assert_int_equal(run("log", "loud", NULL), 1);
	assert_int_equal(run("reload", "now", NULL), 1);
	assert_int_equal(daemon_pid, -1);
}

#define client_test(t)	cmocka_unit_test_setup(t, setup)

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		client_test(stop_sends_the_vm_and_ends),
		client_test(stop_by_force_and_by_number),
		client_test(stop_waits_for_the_end),
		client_test(stop_fails_when_the_end_does_not_come),
		client_test(stop_all_stops_those_that_run_in_spite_of_failures),
		client_test(stop_all_takes_an_end_before_the_next_answer),
		client_test(a_refusal_is_status_1),
		client_test(wait_ends_with_the_vm),
		client_test(wait_for_none_is_status_1),
		client_test(an_answer_of_the_wrong_kind_is_status_1),
		client_test(a_daemon_that_goes_away_is_status_1),
		client_test(console_of_a_stopped_vm_is_status_1),
		client_test(wrong_usage_asks_the_daemon_nothing),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}

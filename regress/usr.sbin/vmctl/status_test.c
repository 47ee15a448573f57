/* SPDX-License-Identifier: ISC */
/*
 * Promises of the table of vmctl status: scripts read its columns.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "status.h"

static struct vmop_info_result
sample(void)
{
	struct vmop_info_result	 vir;

	memset(&vir, 0, sizeof(vir));
	vir.vir_id = 1;
	vir.vir_pid = 4711;
	vir.vir_ncpus = 1;
	vir.vir_state = VM_STATE_RUNNING;
	vir.vir_maxmem = 1ULL << 30;
	vir.vir_curmem = 64ULL << 20;
	vir.vir_owner.gid = VMOP_NOGROUP;
	strcpy(vir.vir_name, "www");
	strcpy(vir.vir_tty, "/dev/pts/3");
	return (vir);
}

static void
expect(const struct vmop_info_result *vir, const char *want)
{
	char	 line[256] = "";
	FILE	*fp = fmemopen(line, sizeof(line), "w");

	assert_non_null(fp);
	if (vir != NULL)
		status_print_vm(fp, vir);
	else
		status_print_header(fp);
	fclose(fp);
	assert_string_equal(line, want);
}

static void
header_has_the_documented_columns(void **state)
{
	(void)state;
	expect(NULL, "   ID   PID VCPUS  MAXMEM  CURMEM     TTY        OWNER"
	    "    STATE NAME\n");
}

static void
running_vm_shows_everything(void **state)
{
	struct vmop_info_result	 vir = sample();

	(void)state;
	expect(&vir, "    1  4711     1    1.0G   64.0M   pts/3         root"
	    "  running www\n");
}

static void
stopped_vm_has_no_process_memory_and_tty(void **state)
{
	struct vmop_info_result	 vir = sample();

	(void)state;
	vir.vir_state = VM_STATE_DISABLED;
	expect(&vir, "    1     -     1    1.0G       -       -         root"
	    "  stopped www\n");
	vir.vir_id = 0;
	vir.vir_state = 0;
	expect(&vir, "    -     -     1    1.0G       -       -         root"
	    "  stopped www\n");
}

static void
owner_has_a_group_where_there_is_one(void **state)
{
	struct vmop_info_result	 vir = sample();

	(void)state;
	vir.vir_owner.gid = 0;
	expect(&vir, "    1  4711     1    1.0G   64.0M   pts/3    root:root"
	    "  running www\n");
}

static void
state_says_what_the_vm_is_doing(void **state)
{
	static const struct {
		uint32_t	 bits;
		const char	*word;
	} states[] = {
		{ VM_STATE_RUNNING,			 " running " },
		{ VM_STATE_RUNNING | VM_STATE_SHUTDOWN,	 " stopping " },
		{ VM_STATE_RUNNING | VM_STATE_PAUSED,	 " paused " },
		{ VM_STATE_RUNNING | VM_STATE_STARTING,	 " starting " },
		{ VM_STATE_RUNNING | VM_STATE_WAITING,	 " waiting " },
		{ VM_STATE_DISABLED,			 " stopped " },
		{ 1U << 30,				 " unknown " },
	};
	struct vmop_info_result	 vir = sample();
	char			 line[256];
	size_t			 i;
	FILE			*fp;

	(void)state;
	for (i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		memset(line, 0, sizeof(line));
		assert_non_null(fp = fmemopen(line, sizeof(line), "w"));
		vir.vir_state = states[i].bits;
		status_print_vm(fp, &vir);
		fclose(fp);
		assert_non_null(strstr(line, states[i].word));
	}
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(header_has_the_documented_columns),
		cmocka_unit_test(running_vm_shows_everything),
		cmocka_unit_test(stopped_vm_has_no_process_memory_and_tty),
		cmocka_unit_test(owner_has_a_group_where_there_is_one),
		cmocka_unit_test(state_says_what_the_vm_is_doing),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}

/* SPDX-License-Identifier: ISC */
/*
 * Promises of vmctl's words: commands, VMs, sizes, paths, formats.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "vmctl.h"

static void
find(const char *word, const char *want)
{
	const struct command	*cmd = command_find(word);

	if (want == NULL)
		assert_null(cmd);
	else {
		assert_non_null(cmd);
		assert_string_equal(cmd->cmd_name, want);
	}
}

static void
a_unique_beginning_is_a_command(void **state)
{
	(void)state;
	find("start", "start");
	find("star", "start");
	find("stat", "status");
	find("sto", "stop");
	find("con", "console");
	find("w", "wait");
	find("sh", "show");
}

static void
an_ambiguous_or_unknown_word_is_none(void **state)
{
	(void)state;
	find("st", NULL);
	find("s", NULL);
	find("l", NULL);
	find("", NULL);
	find("startx", NULL);
	find("START", NULL);
}

static void
commands_are_sorted_and_complete(void **state)
{
	size_t	 i;

	(void)state;
	for (i = 0; i < ncommands; i++) {
		assert_non_null(commands[i].cmd_main);
		assert_non_null(commands[i].cmd_args);
		if (i > 0)
			assert_true(strcmp(commands[i - 1].cmd_name,
			    commands[i].cmd_name) < 0);
	}
}

static void
a_vm_is_an_id_or_a_name(void **state)
{
	struct vmop_id	 vid;
	char		 name[VM_NAME_MAX + 1];

	(void)state;
	assert_int_equal(argument_vm("7", &vid), 0);
	assert_int_equal(vid.vid_id, 7);
	assert_string_equal(vid.vid_name, "");
	assert_int_equal(argument_vm("www", &vid), 0);
	assert_int_equal(vid.vid_id, 0);
	assert_string_equal(vid.vid_name, "www");
	assert_int_equal(argument_vm("0", &vid), 0);
	assert_string_equal(vid.vid_name, "0");

	memset(name, 'n', sizeof(name));
	name[VM_NAME_MAX] = '\0';
	assert_int_equal(argument_vm(name, &vid), -1);
	name[VM_NAME_MAX - 1] = '\0';
	assert_int_equal(argument_vm(name, &vid), 0);
	assert_int_equal(argument_vm("", &vid), -1);
}

static void
a_size_is_whole_megabytes(void **state)
{
	uint64_t	 size = 0;

	(void)state;
	assert_int_equal(argument_size("512M", "memory", &size), 0);
	assert_int_equal(size, 512 << 20);
	assert_int_equal(argument_size("1048575K", "memory", &size), 0);
	assert_int_equal(size, 1023 << 20);
	assert_int_equal(argument_size("1M", "memory", &size), 0);
	assert_int_equal(argument_size("1023K", "memory", &size), -1);
	assert_int_equal(argument_size("-1G", "memory", &size), -1);
	assert_int_equal(argument_size("lots", "memory", &size), -1);
	assert_int_equal(argument_size("99999999T", "memory", &size), -1);
}

static void
a_path_is_absolute_there_or_not(void **state)
{
	char	 path[VMD_PATH_MAX], small[4];

	(void)state;
	assert_int_equal(chdir("/etc"), 0);
	assert_int_equal(argument_path("../etc/./passwd", "disk", path,
	    sizeof(path)), 0);
	assert_string_equal(path, "/etc/passwd");
	/* What is not there vmd reports, by its full path. */
	assert_int_equal(argument_path("no-such-file", "disk", path,
	    sizeof(path)), 0);
	assert_string_equal(path, "/etc/no-such-file");
	assert_int_equal(argument_path("/no/such/file", "disk", path,
	    sizeof(path)), 0);
	assert_string_equal(path, "/no/such/file");
	assert_int_equal(argument_path("passwd", "disk", small,
	    sizeof(small)), -1);
}

static void
a_disk_may_name_its_format(void **state)
{
	const char	*path = "raw:/a:b";

	(void)state;
	assert_int_equal(argument_disk_format(&path), VMD_DISK_FORMAT_RAW);
	assert_string_equal(path, "/a:b");
	path = "qcow2:x";
	assert_int_equal(argument_disk_format(&path), VMD_DISK_FORMAT_QCOW2);
	assert_string_equal(path, "x");
	path = "/raw:x";
	assert_int_equal(argument_disk_format(&path), 0);
	assert_string_equal(path, "/raw:x");
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(a_unique_beginning_is_a_command),
		cmocka_unit_test(an_ambiguous_or_unknown_word_is_none),
		cmocka_unit_test(commands_are_sorted_and_complete),
		cmocka_unit_test(a_vm_is_an_id_or_a_name),
		cmocka_unit_test(a_size_is_whole_megabytes),
		cmocka_unit_test(a_path_is_absolute_there_or_not),
		cmocka_unit_test(a_disk_may_name_its_format),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}

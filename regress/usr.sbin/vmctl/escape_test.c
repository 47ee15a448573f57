/* SPDX-License-Identifier: ISC */
/*
 * Promises of the escapes at a console.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "escape.h"

/* Type text; expect this output, action, and number of bytes taken. */
static void
type(struct escape *es, const char *text, const char *want,
    enum escape_action action, size_t taken)
{
	char	 out[64];
	size_t	 inlen = strlen(text), outlen;

	assert_true(ESCAPE_OUTPUT_MAX(inlen) < sizeof(out));
	assert_int_equal(escape_filter(es, text, &inlen, out, &outlen),
	    action);
	out[outlen] = '\0';
	assert_string_equal(out, want);
	assert_int_equal(inlen, taken);
}

static void
plain_text_passes(void **state)
{
	struct escape	 es = { ESCAPE_LINE_START };

	(void)state;
	type(&es, "ls ~/x\rcat\003", "ls ~/x\rcat\003", ESCAPE_NONE, 11);
}

static void
tilde_dot_leaves_at_the_start_of_a_line(void **state)
{
	struct escape	 es = { ESCAPE_LINE_START };

	(void)state;
	type(&es, "~.rest", "", ESCAPE_LEAVE, 2);
	type(&es, "a~.", "a~.", ESCAPE_NONE, 3);
	type(&es, "\r~.", "\r", ESCAPE_LEAVE, 3);
	type(&es, "a\n~.", "a\n", ESCAPE_LEAVE, 4);
}

static void
escape_may_come_in_pieces(void **state)
{
	struct escape	 es = { ESCAPE_LINE_START };

	(void)state;
	type(&es, "~", "", ESCAPE_NONE, 1);
	type(&es, ".", "", ESCAPE_LEAVE, 1);
	type(&es, "~", "", ESCAPE_NONE, 1);
	type(&es, "x", "~x", ESCAPE_NONE, 1);
}

static void
two_tildes_send_one(void **state)
{
	struct escape	 es = { ESCAPE_LINE_START };

	(void)state;
	type(&es, "~~.", "~.", ESCAPE_NONE, 3);
	type(&es, "\r~~\r", "\r~\r", ESCAPE_NONE, 4);
}

static void
tilde_and_another_send_both(void **state)
{
	struct escape	 es = { ESCAPE_LINE_START };

	(void)state;
	type(&es, "~a~.", "~a~.", ESCAPE_NONE, 4);
	type(&es, "\r~\r~.", "\r~\r", ESCAPE_LEAVE, 5);
}

static void
help_is_asked_for_and_typing_goes_on(void **state)
{
	struct escape	 es = { ESCAPE_LINE_START };

	(void)state;
	type(&es, "~?~.", "", ESCAPE_HELP, 2);
	type(&es, "~.", "", ESCAPE_LEAVE, 2);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(plain_text_passes),
		cmocka_unit_test(tilde_dot_leaves_at_the_start_of_a_line),
		cmocka_unit_test(escape_may_come_in_pieces),
		cmocka_unit_test(two_tildes_send_one),
		cmocka_unit_test(tilde_and_another_send_both),
		cmocka_unit_test(help_is_asked_for_and_typing_goes_on),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}

/* SPDX-License-Identifier: ISC */
/*
 * The example of vmm(4) is a program that compiles and does what it says.
 */

#include <sys/wait.h>

#include <unistd.h>

#include "guest.h"
#include "harness.h"

int	example_main(void);

#define main example_main
#include "example.h"
#undef main

static void
example_shows_its_letter(void)
{
	char text[16];
	pid_t child;
	int out[2];

	CHECK_OK(pipe(out));
	if ((child = fork()) == 0) {
		dup2(out[1], STDOUT_FILENO);
		if (example_main() != 0)
			_exit(1);
		fflush(stdout);
		_exit(0);
	}
	close(out[1]);
	memset(text, 0, sizeof(text));
	CHECK_EQ(read(out[0], text, sizeof(text) - 1), 2);
	CHECK(strcmp(text, "!\n") == 0);
	test_join(child);
}

const struct test tests[] = {
	TEST(example_shows_its_letter),
	TEST_END
};

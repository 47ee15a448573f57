/* SPDX-License-Identifier: ISC */
/*
 * Threads of the regress programs of vmm(4) that run a VCPU while the test
 * does something else.
 */

#include <stdio.h>

#include "guest.h"
#include "harness.h"

#define COUNT_LIMIT_MS	20000

static bool
has_counted(const struct runner *r)
{
	return ram_read(r->g, GUEST_DATA) != r->before;
}

static void *
runner_main(void *arg)
{
	struct runner *r = arg;

	do {
		if (vcpu_ioctl_run_once(r->g, r->cpu) == 0) {
			r->kind = exit_kind(
			    r->g->cpu[r->cpu].vrp.vrp_exit_reason);
		} else if (errno == ENOENT) {
			r->kind = EXIT_TERMINATED;
		} else {
			FAIL("RUN in a thread: %s", strerror(errno));
		}
		r->returns++;
	} while (r->kind == EXIT_NONE && !(r->once && has_counted(r)));
	r->ended = 1;
	return NULL;
}

static void
wait_count(struct guest *g, uint64_t before)
{
	const volatile uint64_t *count;
	unsigned int i;

	count = (const volatile uint64_t *)(void *)(g->ram + GUEST_DATA);
	for (i = 0; i < COUNT_LIMIT_MS; i++) {
		if (*count != before)
			return;
		test_sleep_ms(1);
	}
	FAIL("the guest does not run");
}

void
guest_wait_count(struct guest *g)
{
	wait_count(g, ram_read(g, GUEST_DATA));
}

void
runner_start(struct runner *r, struct guest *g, unsigned int cpu, bool once)
{
	memset(r, 0, sizeof(*r));
	r->before = ram_read(g, GUEST_DATA);
	r->g = g;
	r->cpu = cpu;
	r->once = once;
	CHECK_OK(pthread_create(&r->thread, NULL, runner_main, r));
	wait_count(g, r->before);
}

enum exit_kind
runner_join(struct runner *r)
{
	test_wait(&r->ended, "the end of RUN in another thread");
	CHECK_OK(pthread_join(r->thread, NULL));
	return r->kind;
}

/* SPDX-License-Identifier: ISC */
/*
 * Runs the tests of one regress program of vmm(4).
 *
 * usage: program [-l] [pattern ...]
 * With patterns, as of fnmatch(3), only the tests that match one of them run.
 * Exits with 1 when a test failed.
 */

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <fnmatch.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"

#define STATUS_SKIP	77	/* of a test's process */
#define GRACE_SECONDS	10	/* for a killed process to go away */
#define WAIT_SECONDS	30	/* for a flag of another thread */
#define REASON_MAX	512

static char	*reason;	/* shared with the test's process */
static pid_t	 test_pid;

static void
reason_set(const char *fmt, va_list ap)
{
	if (reason[0] == '\0')
		vsnprintf(reason, REASON_MAX, fmt, ap);
}

void
test_fail(const char *file, int line, const char *fmt, ...)
{
	char where[REASON_MAX];
	va_list ap;

	snprintf(where, sizeof(where), "%s:%d: %s", file, line, fmt);
	va_start(ap, fmt);
	reason_set(where, ap);
	va_end(ap);
	_exit(1);
}

void
test_skip(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	reason_set(fmt, ap);
	va_end(ap);
	_exit(STATUS_SKIP);
}

void
test_join(int pid)
{
	int status;

	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			FAIL("waitpid: %s", strerror(errno));
	if (!WIFEXITED(status))
		FAIL("a helper process died of signal %d", WTERMSIG(status));
	if (WEXITSTATUS(status) == STATUS_SKIP)
		_exit(STATUS_SKIP);
	if (WEXITSTATUS(status) != 0)
		FAIL("a helper process ended with %d", WEXITSTATUS(status));
}

void
test_sleep_ms(unsigned int ms)
{
	struct timespec ts;

	ts.tv_sec = ms / 1000;
	ts.tv_nsec = (ms % 1000) * 1000000L;
	while (nanosleep(&ts, &ts) == -1 && errno == EINTR)
		;
}

void
test_wait(const volatile int *flag, const char *what)
{
	unsigned int i;

	for (i = 0; i < WAIT_SECONDS * 1000; i++) {
		if (*flag != 0)
			return;
		test_sleep_ms(1);
	}
	FAIL("no sign of %s within %d s", what, WAIT_SECONDS);
}

volatile unsigned int	test_ticks;

static void
tick_count(int sig)
{
	(void)sig;
	test_ticks++;
}

void
test_tick(unsigned int ms)
{
	static timer_t timer;
	static int made;
	struct sigaction sa = { .sa_handler = tick_count };
	struct sigevent sev = { .sigev_notify = SIGEV_THREAD_ID };
	struct itimerspec its = {
		{ ms / 1000, ms % 1000 * 1000000L },
		{ ms / 1000, ms % 1000 * 1000000L },
	};

	sev.sigev_signo = SIGUSR1;
	sev._sigev_un._tid = gettid();
	if (!made) {
		CHECK_OK(sigaction(SIGUSR1, &sa, NULL));
		CHECK_OK(timer_create(CLOCK_MONOTONIC, &sev, &timer));
		made = 1;
	}
	CHECK_OK(timer_settime(timer, 0, &its, NULL));
}

static int
is_selected(const char *name, int npatterns, char **patterns)
{
	int i;

	for (i = 0; i < npatterns; i++)
		if (fnmatch(patterns[i], name, 0) == 0)
			return 1;
	return npatterns == 0;
}

/* In the test's process. */
static void
test_child(const struct test *t)
{
	sigset_t none;

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	alarm(TEST_SECONDS);
	t->run();
	fflush(NULL);
	_exit(0);
}

/*
 * Wait for the test's process. It has an alarm of its own; one that does not
 * even die of that is stuck in the kernel. Returns -1 in that case.
 */
static int
test_await(pid_t pid, int *status)
{
	struct timespec second = { .tv_sec = 1 };
	sigset_t chld;
	int i;

	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	for (i = 0; i < TEST_SECONDS + GRACE_SECONDS; i++) {
		if (waitpid(pid, status, WNOHANG) == pid)
			return 0;
		sigtimedwait(&chld, NULL, &second);
	}
	kill(-pid, SIGKILL);
	kill(pid, SIGKILL);
	for (i = 0; i < GRACE_SECONDS; i++) {
		if (waitpid(pid, status, WNOHANG) == pid)
			return 0;
		sigtimedwait(&chld, NULL, &second);
	}
	return -1;
}

/* Complete the reason of a test that did not say one itself. */
static void
reason_of_status(int status)
{
	int sig;

	if (!WIFSIGNALED(status)) {
		if (reason[0] == '\0')
			snprintf(reason, REASON_MAX, "exit status %d",
			    WEXITSTATUS(status));
		return;
	}
	sig = WTERMSIG(status);
	if (sig == SIGALRM)
		snprintf(reason, REASON_MAX, "no end within %d s",
		    TEST_SECONDS);
	else
		snprintf(reason, REASON_MAX, "died of signal %d", sig);
}

/* Run one test. Returns 0, 1 when it failed, or STATUS_SKIP. */
static int
test_run(const struct test *t)
{
	int status;

	reason[0] = '\0';
	fflush(NULL);
	if ((test_pid = fork()) == -1) {
		perror("fork");
		exit(1);
	}
	if (test_pid == 0)
		test_child(t);
	if (test_await(test_pid, &status) == -1) {
		printf("FAIL %s: cannot be killed, giving up\n", t->name);
		return -1;
	}
	kill(-test_pid, SIGKILL);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		printf("ok   %s\n", t->name);
		return 0;
	}
	reason_of_status(status);
	if (WIFEXITED(status) && WEXITSTATUS(status) == STATUS_SKIP) {
		printf("skip %s: %s\n", t->name, reason);
		return STATUS_SKIP;
	}
	printf("FAIL %s: %s\n", t->name, reason);
	return 1;
}

/* Whether there is a device to test; says what is wrong if not. */
static int
device_present(const char *program)
{
	int fd;

	if ((fd = open("/dev/vmm", O_RDWR)) == -1) {
		printf("%s: /dev/vmm: %s (is vmm.ko loaded?)\n", program,
		    strerror(errno));
		return 0;
	}
	close(fd);
	return 1;
}

static void
tests_list(int npatterns, char **patterns)
{
	const struct test *t;

	for (t = tests; t->name != NULL; t++)
		if (is_selected(t->name, npatterns, patterns))
			printf("%s\n", t->name);
}

static int
tests_run(const char *program, int npatterns, char **patterns)
{
	unsigned int passed = 0, failed = 0, skipped = 0;
	const struct test *t;
	int present, result = 0;

	present = device_present(program);
	for (t = tests; t->name != NULL && result != -1; t++) {
		if (!is_selected(t->name, npatterns, patterns))
			continue;
		result = present ? test_run(t) : 1;
		if (result == 0)
			passed++;
		else if (result == STATUS_SKIP)
			skipped++;
		else
			failed++;
	}
	printf("%u passed, %u failed, %u skipped\n", passed, failed, skipped);
	if (passed + failed + skipped == 0)
		fprintf(stderr, "%s: no test of that name\n", program);
	return failed != 0 || passed + skipped == 0;
}

int
main(int argc, char **argv)
{
	sigset_t chld;
	int ch, list = 0;

	while ((ch = getopt(argc, argv, "l")) != -1) {
		if (ch != 'l') {
			fprintf(stderr, "usage: %s [-l] [pattern ...]\n",
			    argv[0]);
			return 1;
		}
		list = 1;
	}
	if (list) {
		tests_list(argc - optind, argv + optind);
		return 0;
	}
	reason = mmap(NULL, REASON_MAX, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (reason == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigprocmask(SIG_BLOCK, &chld, NULL);
	return tests_run(argv[0], argc - optind, argv + optind);
}

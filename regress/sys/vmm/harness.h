/* SPDX-License-Identifier: ISC */
/*
 * Runs the tests of one regress program of vmm(4), each in a process of its
 * own and within a time limit, and reports them one per line.
 */
#ifndef _REGRESS_VMM_HARNESS_H_
#define _REGRESS_VMM_HARNESS_H_

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * A test is named after the promise that it protects. It passes when it
 * returns, and fails at the first CHECK that does not hold, when it is killed,
 * or when it takes longer than TEST_SECONDS.
 */
struct test {
	const char	*name;
	void		(*run)(void);
};

#define TEST(fn)	{ #fn, fn }
#define TEST_END	{ NULL, NULL }
#define TEST_SECONDS	60

/* The program's tests, up to TEST_END. */
extern const struct test tests[];

/* End the test: it failed, or it cannot be run here. Threads may call these. */
void	test_fail(const char *file, int line, const char *fmt, ...)
	    __attribute__((noreturn, format(printf, 3, 4)));
void	test_skip(const char *fmt, ...)
	    __attribute__((noreturn, format(printf, 1, 2)));

#define FAIL(...)	test_fail(__FILE__, __LINE__, __VA_ARGS__)

#define CHECK(cond) do {						\
	if (!(cond))							\
		FAIL("%s does not hold", #cond);			\
} while (0)

#define CHECK_EQ(got, want) do {					\
	uint64_t got_ = (uint64_t)(got), want_ = (uint64_t)(want);	\
									\
	if (got_ != want_)						\
		FAIL("%s is %#llx, not %s (%#llx)", #got,		\
		    (unsigned long long)got_, #want,			\
		    (unsigned long long)want_);				\
} while (0)

/* The call returns 0. */
#define CHECK_OK(call) do {						\
	if ((call) != 0)						\
		FAIL("%s: %s", #call, strerror(errno));			\
} while (0)

/* The call returns -1 with this errno. */
#define CHECK_ERRNO(call, want) do {					\
	int ret_, err_;							\
									\
	errno = 0;							\
	ret_ = (call);							\
	err_ = errno;							\
	if (ret_ != -1 || err_ != (want))				\
		FAIL("%s is %d (%s), not %s", #call, ret_,		\
		    strerror(err_), #want);				\
} while (0)

/*
 * Helper processes of a test. test_join waits for one that was made by
 * fork(2) and fails the test unless it ended with status 0.
 */
void	test_join(int pid);

/* Sleep for that long, whatever signals arrive. */
void	test_sleep_ms(unsigned int ms);

/*
 * Send this thread a signal every ms milliseconds; its handler counts
 * test_ticks and restarts no system call. 0 ends it.
 */
void	test_tick(unsigned int ms);
extern volatile unsigned int	test_ticks;

/* Wait until *flag is no longer 0, for some seconds; else the test fails. */
void	test_wait(const volatile int *flag, const char *what);

#endif /* _REGRESS_VMM_HARNESS_H_ */

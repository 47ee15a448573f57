/* SPDX-License-Identifier: ISC */
/*
 * A user process: where the driver may not sleep.
 */
#ifndef _OS_HOSTED_HOSTED_ATOMIC_H_
#define _OS_HOSTED_HOSTED_ATOMIC_H_

/* This thread may not sleep until it has left as often as it entered. */
void	 hosted_atomic_enter(void);
void	 hosted_atomic_leave(void);
/* The caller may sleep: end the program if not. */
void	 hosted_may_sleep(void);
/* The driver breaks a rule of <os.h>: end the program. */
void	 hosted_panic(const char *what) __attribute__((noreturn));

#endif /* _OS_HOSTED_HOSTED_ATOMIC_H_ */

/* SPDX-License-Identifier: ISC */
/*
 * Escapes in what the user types at a console: "~" after a newline.
 */
#ifndef VMCTL_ESCAPE_H
#define VMCTL_ESCAPE_H

#include <stddef.h>

enum escape_state { ESCAPE_LINE_START, ESCAPE_TILDE, ESCAPE_IN_LINE };

struct escape {
	enum escape_state	 es_state;	/* 0: start of a line */
};

enum escape_action {
	ESCAPE_NONE,		/* all input was taken */
	ESCAPE_LEAVE,		/* "~.": leave the console */
	ESCAPE_HELP		/* "~?": show what can be typed */
};

/* Output is at most one byte longer than input. */
#define ESCAPE_OUTPUT_MAX(len)	((len) + 1)

/*
 * Filter in[0..*inlen) to out, and set *inlen and *outlen to the bytes taken
 * and produced. Stops behind an escape that asks for an action.
 */
enum escape_action escape_filter(struct escape *, const char *in,
	    size_t *inlen, char *out, size_t *outlen);

#endif /* VMCTL_ESCAPE_H */

/* SPDX-License-Identifier: ISC */
/*
 * Sizes as people write and read them, scan_scaled(3): "512M", "1.5G".
 */
#ifndef LIBUTIL_SCALED_H
#define LIBUTIL_SCALED_H

#define FMT_SCALED_STRSIZE	7	/* sign, 4 digits, unit, NUL */

/*
 * Parse "[sign]digits[.digits][unit]" with surrounding blanks; the units
 * B K M G T P E, in either case, are powers of 1024.  Returns 0 and the
 * number of bytes (a part of a byte is dropped), or -1 with errno: EINVAL
 * (not such a text) or ERANGE (the number does not fit).
 */
int	scan_scaled(const char *, long long *);

/*
 * Write a number of bytes with the largest unit that keeps it at least 1,
 * with one decimal below 100: "0B", "64.0M", "512M", "1.0G".  Returns 0, or
 * -1 with errno ERANGE if the number has no such form.
 */
int	fmt_scaled(long long, char [FMT_SCALED_STRSIZE]);

#endif /* LIBUTIL_SCALED_H */

/* SPDX-License-Identifier: ISC */
/*
 * scan_scaled(3)
 */

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "scaled.h"

static const char	units[] = "BKMGTPE";	/* each 1024 times the last */

static const char *
skip_blanks(const char *s)
{
	while (isspace((unsigned char)*s))
		s++;
	return (s);
}

/* How far to shift for the unit at s: 0 for none, -1 if it is not one. */
static int
unit_shift(const char *s)
{
	const char	*u;

	if (*s == '\0' || isspace((unsigned char)*s))
		return (0);
	u = strchr(units, toupper((unsigned char)*s));
	return (u == NULL ? -1 : (int)(u - units) * 10);
}

/* Digits as an integer; -1 if it does not fit, and then *sp is no use. */
static int
scan_whole(const char **sp, unsigned long long *val)
{
	*val = 0;
	for (; isdigit((unsigned char)**sp); (*sp)++)
		if (__builtin_mul_overflow(*val, 10ULL, val) ||
		    __builtin_add_overflow(*val,
		    (unsigned long long)(**sp - '0'), val))
			return (-1);
	return (0);
}

/*
 * The digits after the point, as that part of 1 << shift.  What digits past
 * the 16th could add is less than a byte at every unit but the largest two.
 */
static unsigned long long
scan_fraction(const char *s, const char *end, int shift)
{
	unsigned long long	 num = 0, den = 1;
	int			 i;

	for (i = 0; s + i < end && i < 16; i++) {
		num = num * 10 + (unsigned long long)(s[i] - '0');
		den *= 10;
	}
	return ((unsigned long long)
	    (((unsigned __int128)num << shift) / den));
}

int
scan_scaled(const char *text, long long *result)
{
	const char		*s, *frac, *end;
	unsigned long long	 val, limit = LLONG_MAX;
	int			 negative, shift;

	s = skip_blanks(text);
	negative = *s == '-';
	if (*s == '-' || *s == '+')
		s++;
	end = s + strspn(s, "0123456789");
	frac = end;
	if (*end == '.') {
		frac = end + 1;
		end = frac + strspn(frac, "0123456789");
	}
	if (end == s || (end == s + 1 && *s == '.'))
		goto invalid;
	if ((shift = unit_shift(end)) == -1)
		goto invalid;
	if (*skip_blanks(isalpha((unsigned char)*end) ? end + 1 : end) != '\0')
		goto invalid;

	if (scan_whole(&s, &val) == -1 || val > limit >> shift)
		goto range;
	val = (val << shift) + scan_fraction(frac, end, shift);
	if (val > limit)
		goto range;
	*result = negative ? -(long long)val : (long long)val;
	return (0);

invalid:
	errno = EINVAL;
	return (-1);
range:
	errno = ERANGE;
	return (-1);
}

int
fmt_scaled(long long number, char text[FMT_SCALED_STRSIZE])
{
	unsigned long long	 val, tenths;
	const char		*sign = number < 0 ? "-" : "";
	unsigned int		 unit = 0;
	int			 n;

	val = number < 0 ? 0ULL - (unsigned long long)number :
	    (unsigned long long)number;
	tenths = 0;
	for (; val >= 1024; unit++) {
		tenths = (val % 1024 * 10 + 512) / 1024;
		val /= 1024;
	}
	if (tenths == 10 || (val >= 100 && tenths >= 5)) {
		val++;
		tenths = 0;
	}
	if (val == 1024) {
		val = 1;
		unit++;
	}
	if (unit == 0 || val >= 100)
		n = snprintf(text, FMT_SCALED_STRSIZE, "%s%llu%c", sign,
		    val, units[unit]);
	else
		n = snprintf(text, FMT_SCALED_STRSIZE, "%s%llu.%llu%c", sign,
		    val, tenths, units[unit]);
	if (n < 0 || n >= FMT_SCALED_STRSIZE) {
		errno = ERANGE;
		return (-1);
	}
	return (0);
}

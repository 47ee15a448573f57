/* SPDX-License-Identifier: ISC */
/*
 * Escapes at a console, as cu(1) and ssh(1) have them.
 */

#include "escape.h"

static enum escape_action
escape_byte(struct escape *es, char c, char *out, size_t *outlen)
{
	switch (es->es_state) {
	case ESCAPE_LINE_START:
		if (c == '~') {
			es->es_state = ESCAPE_TILDE;
			return (ESCAPE_NONE);
		}
		break;
	case ESCAPE_TILDE:
		es->es_state = ESCAPE_LINE_START;
		if (c == '.')
			return (ESCAPE_LEAVE);
		if (c == '?')
			return (ESCAPE_HELP);
		if (c != '~')
			out[(*outlen)++] = '~';
		break;
	case ESCAPE_IN_LINE:
		break;
	}
	out[(*outlen)++] = c;
	es->es_state = c == '\r' || c == '\n' ? ESCAPE_LINE_START :
	    ESCAPE_IN_LINE;
	return (ESCAPE_NONE);
}

enum escape_action
escape_filter(struct escape *es, const char *in, size_t *inlen, char *out,
    size_t *outlen)
{
	enum escape_action	 action = ESCAPE_NONE;
	size_t			 i;

	*outlen = 0;
	for (i = 0; i < *inlen && action == ESCAPE_NONE; i++)
		action = escape_byte(es, in[i], out, outlen);
	*inlen = i;
	return (action);
}

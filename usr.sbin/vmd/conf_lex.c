/* SPDX-License-Identifier: ISC */
/*
 * The words of vm.conf(5).
 */

#include <bsd/sys/queue.h>
#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf_lex.h"

#define LEX_END		(-1)	/* of all text */

/* Memory that lives until conf_lex_done(). */
struct lex_block {
	SLIST_ENTRY(lex_block)	 lb_entry;
	char			 lb_data[];
};

/* A text being read: a file, or the value of a macro within one. */
struct lex_source {
	SLIST_ENTRY(lex_source)	 ls_entry;
	const char		*ls_name;	/* of the file */
	const char		*ls_pos;
	const char		*ls_end;
	int			 ls_line;
	int			 ls_macro;	/* a value: has no lines */
};

static SLIST_HEAD(, lex_block)	 blocks = SLIST_HEAD_INITIALIZER(blocks);
static SLIST_HEAD(, lex_source)	 sources = SLIST_HEAD_INITIALIZER(sources);
static struct conf_token	 last;		/* what conf_lex() gave */
static struct conf_token	 pushed;	/* what it gives next */
static int			 have_pushed;

static const char	 no_memory[] = "out of memory";

void
conf_position(struct conf_token *ct)
{
	*ct = last;
}

/* Keep a copy of len bytes, and end it with a NUL. */
static char *
lex_keep(const char *data, size_t len)
{
	struct lex_block	*lb;

	if ((lb = malloc(sizeof(*lb) + len + 1)) == NULL)
		return (NULL);
	memcpy(lb->lb_data, data, len);
	lb->lb_data[len] = '\0';
	SLIST_INSERT_HEAD(&blocks, lb, lb_entry);
	return (lb->lb_data);
}

static void
source_pop(void)
{
	struct lex_source	*ls = SLIST_FIRST(&sources);

	SLIST_REMOVE_HEAD(&sources, ls_entry);
	free(ls);
}

void
conf_lex_init(void)
{
	conf_lex_done();
	memset(&last, 0, sizeof(last));
	last.ct_kind = CONF_NEWLINE;
	have_pushed = 0;
	conf_errors_reset();
}

void
conf_lex_done(void)
{
	struct lex_block	*lb;

	while (!SLIST_EMPTY(&sources))
		source_pop();
	while ((lb = SLIST_FIRST(&blocks)) != NULL) {
		SLIST_REMOVE_HEAD(&blocks, lb_entry);
		free(lb);
	}
	memset(&last, 0, sizeof(last));
}

static int
source_push(const char *name, const char *text, size_t len, int macro)
{
	struct lex_source	*ls;

	if ((ls = calloc(1, sizeof(*ls))) == NULL) {
		conf_error("%s", no_memory);
		return (-1);
	}
	ls->ls_name = name;
	ls->ls_pos = text;
	ls->ls_end = text + len;
	ls->ls_line = 1;
	ls->ls_macro = macro;
	SLIST_INSERT_HEAD(&sources, ls, ls_entry);
	return (0);
}

int
conf_lex_buffer(const char *name, const char *text, size_t len)
{
	const char	*kept_name, *kept_text;

	kept_name = lex_keep(name, strlen(name));
	kept_text = lex_keep(text, len);
	if (kept_name == NULL || kept_text == NULL) {
		conf_error("%s", no_memory);
		return (-1);
	}
	return (source_push(kept_name, kept_text, len, 0));
}

int
conf_lex_file(const char *path)
{
	char	*text;
	ssize_t	 len;
	int	 rv;

	if ((len = conf_file_read(path, &text)) == -1)
		return (-1);
	rv = conf_lex_buffer(path, text, (size_t)len);
	free(text);
	return (rv);
}

static struct lex_source *
source_file(void)
{
	struct lex_source	*ls;

	SLIST_FOREACH(ls, &sources, ls_entry)
		if (!ls->ls_macro)
			break;
	return (ls);
}

/* The next character of the innermost text, which stays; or LEX_END. */
static int
source_peek(void)
{
	struct lex_source	*ls = SLIST_FIRST(&sources);

	if (ls == NULL || ls->ls_pos == ls->ls_end)
		return (LEX_END);
	return ((unsigned char)*ls->ls_pos);
}

static void
source_skip(void)
{
	struct lex_source	*ls = SLIST_FIRST(&sources);

	if (*ls->ls_pos++ == '\n')
		ls->ls_line++;
}

/* A backslash and a newline are no more than a blank. */
static int
source_continued(void)
{
	struct lex_source	*ls = SLIST_FIRST(&sources);

	return (source_peek() == '\\' && ls->ls_end - ls->ls_pos >= 2 &&
	    ls->ls_pos[1] == '\n');
}

static int
word_char(int c)
{
	return (c > ' ' && c != 0x7f && strchr("(){}<>!=#,\"'", c) == NULL);
}

/* Blanks, comments and continued lines, and the ends of macros. */
static void
lex_blanks(void)
{
	int	 c;

	for (;;) {
		c = source_peek();
		if (c == LEX_END && !SLIST_EMPTY(&sources) &&
		    SLIST_FIRST(&sources)->ls_macro)
			source_pop();
		else if (c == ' ' || c == '\t' || c == '\r')
			source_skip();
		else if (source_continued()) {
			source_skip();
			source_skip();
		} else if (c == '#')
			while ((c = source_peek()) != LEX_END && c != '\n')
				source_skip();
		else
			break;
	}
}

static void
lex_bad(struct conf_token *ct)
{
	ct->ct_kind = CONF_BAD;
}

static void
lex_word_done(struct conf_token *ct, const char *buf, size_t len)
{
	ct->ct_kind = CONF_WORD;
	if ((ct->ct_text = lex_keep(buf, len)) == NULL) {
		conf_error_at(ct, "%s", no_memory);
		lex_bad(ct);
	}
}

static void
lex_too_long(struct conf_token *ct)
{
	conf_error_at(ct, "a word of more than %d bytes", CONF_WORD_MAX - 1);
	lex_bad(ct);
}

/* A quoted word, on one line. A backslash takes the quote's meaning away. */
static void
lex_quoted(struct conf_token *ct, int quote)
{
	char	 buf[CONF_WORD_MAX];
	size_t	 len = 0;
	int	 c;

	ct->ct_quoted = 1;
	source_skip();
	while ((c = source_peek()) != quote) {
		if (c == LEX_END || c == '\n' || c == '\0') {
			conf_error_at(ct, "found the end of the line in a "
			    "quoted word, expected %c", quote);
			lex_bad(ct);
			return;
		}
		if (source_continued()) {
			source_skip();
			source_skip();
			continue;
		}
		source_skip();
		if (c == '\\' && (source_peek() == quote ||
		    source_peek() == '\\')) {
			c = source_peek();
			source_skip();
		}
		if (len < sizeof(buf))
			buf[len++] = (char)c;
	}
	source_skip();
	if (len == sizeof(buf))
		lex_too_long(ct);
	else
		lex_word_done(ct, buf, len);
}

static void
lex_plain(struct conf_token *ct)
{
	char	 buf[CONF_WORD_MAX];
	size_t	 len = 0;
	int	 c;

	while ((c = source_peek()) != LEX_END && word_char(c) &&
	    !source_continued()) {
		source_skip();
		if (len < sizeof(buf))
			buf[len++] = (char)c;
	}
	if (len == sizeof(buf))
		lex_too_long(ct);
	else
		lex_word_done(ct, buf, len);
}

/* "$name": read on in its value. Values are not searched for more of them. */
static int
lex_macro(struct conf_token *ct)
{
	char		 name[CONF_WORD_MAX];
	const char	*value;
	size_t		 len = 0;
	int		 c;

	source_skip();
	while ((c = source_peek()) != LEX_END && (isalnum(c) || c == '_')) {
		source_skip();
		if (len < sizeof(name) - 1)
			name[len++] = (char)c;
	}
	name[len] = '\0';
	if ((value = conf_macro_get(name)) == NULL)
		conf_error_at(ct, "macro \"%s\" is not defined", name);
	else if ((value = lex_keep(value, strlen(value))) == NULL)
		conf_error_at(ct, "%s", no_memory);
	if (value == NULL) {
		lex_bad(ct);
		return (-1);
	}
	return (source_push(NULL, value, strlen(value), 1));
}

/*
 * The end of a text. The last statement of a file ends with it; only then
 * does the file that included it go on. Returns 0 if there is more to read.
 */
static int
lex_end(struct conf_token *ct)
{
	if (last.ct_kind != CONF_NEWLINE) {
		ct->ct_kind = CONF_NEWLINE;
		return (1);
	}
	if (!SLIST_EMPTY(&sources))
		source_pop();
	if (!SLIST_EMPTY(&sources))
		return (0);
	ct->ct_kind = CONF_EOF;
	return (1);
}

static void
lex_position(struct conf_token *ct)
{
	struct lex_source	*ls = source_file();

	memset(ct, 0, sizeof(*ct));
	ct->ct_file = ls != NULL ? ls->ls_name : last.ct_file;
	ct->ct_line = ls != NULL ? ls->ls_line : last.ct_line;
	ct->ct_first = last.ct_kind == CONF_NEWLINE ||
	    (last.ct_kind == CONF_PUNCT && last.ct_punct == '{');
}

/* Read one token; 0 if what was read was none, and there is more. */
static int
lex_one(struct conf_token *ct)
{
	int	 c;

	lex_blanks();
	lex_position(ct);
	c = source_peek();
	if (c == LEX_END)
		return (lex_end(ct));
	if (c == '$' && !SLIST_FIRST(&sources)->ls_macro)
		return (lex_macro(ct) == -1);
	if (c == '"' || c == '\'')
		lex_quoted(ct, c);
	else if (word_char(c))
		lex_plain(ct);
	else {
		ct->ct_kind = c == '\n' ? CONF_NEWLINE : CONF_PUNCT;
		ct->ct_punct = c;
		source_skip();
	}
	return (1);
}

void
conf_lex(struct conf_token *ct)
{
	if (have_pushed) {
		have_pushed = 0;
		*ct = pushed;
	} else
		while (!lex_one(ct))
			continue;
	last = *ct;
}

static void
lex_push(const struct conf_token *ct)
{
	pushed = *ct;
	have_pushed = 1;
}

int
conf_lex_skip(const struct conf_token *from)
{
	struct conf_token	 ct = *from;
	int			 depth = 0;

	if (ct.ct_kind == CONF_NEWLINE || ct.ct_kind == CONF_EOF ||
	    (ct.ct_kind == CONF_PUNCT && ct.ct_punct == '}'))
		return (0);
	for (;;) {
		if (ct.ct_kind == CONF_PUNCT && ct.ct_punct == '{')
			depth++;
		if (ct.ct_kind == CONF_PUNCT && ct.ct_punct == '}')
			depth--;
		if (depth < 0 || ct.ct_kind == CONF_EOF ||
		    (depth == 0 && ct.ct_kind == CONF_NEWLINE))
			break;
		conf_lex(&ct);
	}
	lex_push(&ct);
	return (1);
}

/* The name of a file as seen from the file that includes it. */
static int
include_path(const char *path, char *full, size_t size)
{
	const char	*slash;
	int		 n, dirlen = 0;

	slash = last.ct_file != NULL ? strrchr(last.ct_file, '/') : NULL;
	if (path[0] != '/' && slash != NULL)
		dirlen = (int)(slash + 1 - last.ct_file);
	n = snprintf(full, size, "%.*s%s", dirlen,
	    dirlen > 0 ? last.ct_file : "", path);
	return (n < 0 || (size_t)n >= size ? -1 : 0);
}

int
conf_lex_include(const char *path)
{
	struct conf_token	 newline = { .ct_kind = CONF_NEWLINE };
	struct lex_source	*ls;
	char			 full[PATH_MAX];
	int			 depth = 0;

	SLIST_FOREACH(ls, &sources, ls_entry)
		depth += !ls->ls_macro;
	if (depth >= CONF_INCLUDE_MAX) {
		conf_error("include \"%s\": more than %d files within each "
		    "other", path, CONF_INCLUDE_MAX);
		return (-1);
	}
	if (include_path(path, full, sizeof(full)) == -1) {
		conf_error("include \"%s\": the path is too long", path);
		return (-1);
	}
	if (conf_lex_file(full) == -1)
		return (-1);

	/* The statement is complete: its end comes before the file does. */
	newline.ct_file = last.ct_file;
	newline.ct_line = last.ct_line;
	lex_push(&newline);
	return (0);
}

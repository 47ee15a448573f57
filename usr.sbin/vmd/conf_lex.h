/* SPDX-License-Identifier: ISC */
/*
 * vm.conf(5) as words: files and includes, macros, quoting, positions.
 * There is one reader per process; it is not for several threads.
 */
#ifndef CONF_LEX_H
#define CONF_LEX_H

#include <stddef.h>
#include <sys/types.h>

#define CONF_WORD_MAX		8096	/* bytes of a word, with the NUL */
#define CONF_FILE_MAX		(1 << 20) /* bytes of a file */
#define CONF_INCLUDE_MAX	16	/* files within files */

enum conf_kind {
	CONF_EOF,
	CONF_NEWLINE,	/* the end of a statement; also before CONF_EOF */
	CONF_WORD,
	CONF_PUNCT,	/* one character that no word contains */
	CONF_BAD	/* not a word at all; has been reported */
};

struct conf_token {
	enum conf_kind	 ct_kind;
	int		 ct_quoted;	/* a word, and never a keyword */
	int		 ct_punct;	/* CONF_PUNCT: the character */
	int		 ct_first;	/* the first of its statement */
	int		 ct_line;
	const char	*ct_file;
	const char	*ct_text;	/* CONF_WORD */
};

/* Start anew, and free what was read. Macros of the command line stay. */
void	conf_lex_init(void);
void	conf_lex_done(void);

/*
 * Read on in a file, or in a text of len bytes under the name of a file, up
 * to its end, and only then where we were. A file must be regular, not be
 * writable for others than its owner, and belong to root or the caller.
 * Returns 0, or -1 after the error was reported.
 */
int	conf_lex_file(const char *path);
int	conf_lex_include(const char *path);	/* relative to this file */
int	conf_lex_buffer(const char *name, const char *, size_t len);

/* The next token. Texts stay valid until conf_lex_done(). */
void	conf_lex(struct conf_token *);

/*
 * Skip what is left of a statement of which this was the last token seen: to
 * the newline or closing brace that ends it, which comes next. Returns 0 when
 * this token itself was that.
 */
int	conf_lex_skip(const struct conf_token *);

/* The last token read. */
void	conf_position(struct conf_token *);

/*
 * conf_error.c: report an error, "file:line: ...", at a token or at the last
 * one read. All errors are counted; a warning is not.
 */
void	conf_error_at(const struct conf_token *, const char *, ...)
	    __attribute__((__format__(printf, 2, 3)));
void	conf_error(const char *, ...)
	    __attribute__((__format__(printf, 1, 2)));
void	conf_warning(const char *, ...)
	    __attribute__((__format__(printf, 1, 2)));
unsigned int conf_errors(void);
void	conf_errors_reset(void);

/*
 * conf_file.c: read all of a file that can be trusted, as above. Returns the
 * length, and text to be freed, or -1 after the error was reported.
 */
ssize_t	conf_file_read(const char *path, char **text);

/*
 * conf_macro.c. Those of the command line come first and stay. Returns 0, or
 * -1 when there is no memory or no such macro.
 */
int	conf_macro_set(const char *name, const char *value, int cmdline);
const char *conf_macro_get(const char *name);
int	conf_macro_name_ok(const char *);
void	conf_macro_done(void);	/* warns of what -D defined for nothing */

#endif /* CONF_LEX_H */

/* SPDX-License-Identifier: ISC */
/*
 * vm.conf(5)
 */

%{
#include <bsd/stdlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf_lex.h"
#include "conf_parse.h"
#include "conf_vm.h"
#include "vmd.h"

static int	 yylex(void);
static void	 yyerror(const char *);
static void	 expected(const char *);
static void	 expected_statement(const char *, const char *);
static void	 unknown_statement(const char *);
static void	 unsupported(const char *);
static void	 socket_owner(const char *);
static void	 macro_set(const char *, const char *);
static uint32_t	 number(const char *, const char *, uint32_t);

/*
 * Go on after an error within a statement: the token that was wrong and what
 * followed it are dropped, unless that token ends the statement.
 */
#define RESUME do {							\
	yyerrok;							\
	if (wrong_skipped)						\
		yyclearin;						\
} while (0)

static const char	 global_statements[] =
    "a vm, include, socket owner, staggered start, or name = value";
static const char	 vm_options[] =
    "arguments, boot, cpus, disable, disk, enable, initrd, memory or owner";

static struct vmd_conf	*conf;		/* to fill */
static struct conf_token found;		/* the last token */
static struct conf_token wrong;		/* the one of a syntax error... */
static int		 wrong_pending;	/* ...that nobody has explained */
static int		 wrong_skipped;	/* it is of no use to the parser */
%}

%union {
	const char	*string;
}

%token	ARGUMENTS BOOT CPUS DELAY DEVICE DISABLE DISK ENABLE FORMAT INCLUDE
%token	INITRD MEMORY OWNER PARALLEL SOCKET STAGGERED START VM
%token	<string> STRING UNSUPPORTED RESERVED BAD

%%

grammar		: /* empty */
		| grammar '\n'
		| grammar include '\n'
		| grammar macro '\n'
		| grammar global '\n'
		| grammar vm '\n'
		| grammar unsupported '\n'
		| grammar error '\n'	{
			expected_statement(global_statements,
			    "the end of the line");
			yyerrok;
		}
		;

unsupported	: UNSUPPORTED		{ unsupported($1); }
		;

include		: INCLUDE STRING	{ conf_lex_include($2); }
		| INCLUDE error		{
			expected("the path of a file");
			RESUME;
		}
		;

macro		: STRING '=' STRING	{ macro_set($1, $3); }
		| STRING '=' error	{
			expected("the value of a macro, in quotes if it is "
			    "not one word");
			RESUME;
		}
		| STRING error		{
			unknown_statement($1);
			RESUME;
		}
		;

global		: SOCKET OWNER STRING	{ socket_owner($3); }
		| SOCKET OWNER error	{
			expected("user, user:group or :group");
			RESUME;
		}
		| SOCKET error		{
			expected("owner");
			RESUME;
		}
		| STAGGERED START PARALLEL STRING DELAY STRING	{
			conf->cf_parallel = number("parallel", $4, 1);
			conf->cf_delay = number("delay", $6, 0);
		}
		| STAGGERED error	{
			expected("start parallel number delay seconds");
			RESUME;
		}
		;

vm		: vmhead vmlines '}'		{ conf_vm_end(conf); }
		| vmhead vmlines vmopt '}'	{ conf_vm_end(conf); }
		| vmhead vmlines error '}'	{
			expected_statement(vm_options, "the end of the line");
			yyerrok;
		}
		| VM error		{
			expected("the name of a vm");
			RESUME;
		}
		| VM STRING unsupported
		| VM STRING error	{
			expected("{");
			RESUME;
		}
		;

vmhead		: VM STRING '{'		{ conf_vm_begin($2); }
		;

vmlines		: /* empty */
		| vmlines '\n'
		| vmlines vmopt '\n'
		| vmlines error '\n'	{
			expected_statement(vm_options, "the end of the line");
			yyerrok;
		}
		;

vmopt		: ARGUMENTS STRING	{ conf_vm_arguments($2); }
		| ARGUMENTS error	{
			expected("the arguments of the kernel, in quotes if "
			    "they are not one word");
			RESUME;
		}
		| BOOT STRING		{ conf_vm_boot($2); }
		| BOOT DEVICE		{ unsupported("boot device"); }
		| BOOT error		{
			expected("the path of a kernel");
			RESUME;
		}
		| CPUS STRING		{ conf_vm_cpus($2); }
		| CPUS error		{
			expected("a number of cpus");
			RESUME;
		}
		| DISABLE		{ conf_vm_enable(0); }
		| ENABLE		{ conf_vm_enable(1); }
		| DISK STRING		{ conf_vm_disk($2, NULL); }
		| DISK STRING FORMAT STRING	{ conf_vm_disk($2, $4); }
		| DISK STRING FORMAT error	{
			expected("raw");
			RESUME;
		}
		| DISK error		{
			expected("the path of a disk");
			RESUME;
		}
		| INITRD STRING		{ conf_vm_initrd($2); }
		| INITRD error		{
			expected("the path of an initial ramdisk");
			RESUME;
		}
		| MEMORY STRING		{ conf_vm_memory($2); }
		| MEMORY error		{
			expected("a size, such as 512M");
			RESUME;
		}
		| OWNER STRING		{ conf_vm_owner($2); }
		| OWNER error		{
			expected("user, user:group or :group");
			RESUME;
		}
		| unsupported
		;

%%

/* Sorted, for bsearch(3). */
static const struct keyword {
	const char	*name;
	int		 token;
} keywords[] = {
	{ "add",	RESERVED },
	{ "agentx",	UNSUPPORTED },
	{ "allow",	UNSUPPORTED },
	{ "arguments",	ARGUMENTS },
	{ "boot",	BOOT },
	{ "cdrom",	UNSUPPORTED },
	{ "context",	RESERVED },
	{ "cpus",	CPUS },
	{ "delay",	DELAY },
	{ "device",	DEVICE },
	{ "disable",	DISABLE },
	{ "disk",	DISK },
	{ "down",	RESERVED },
	{ "enable",	ENABLE },
	{ "format",	FORMAT },
	{ "group",	RESERVED },
	{ "id",		RESERVED },
	{ "include",	INCLUDE },
	{ "inet6",	RESERVED },
	{ "initrd",	INITRD },
	{ "instance",	UNSUPPORTED },
	{ "interface",	UNSUPPORTED },
	{ "interfaces",	UNSUPPORTED },
	{ "lladdr",	RESERVED },
	{ "local",	UNSUPPORTED },
	{ "locked",	RESERVED },
	{ "memory",	MEMORY },
	{ "net",	RESERVED },
	{ "owner",	OWNER },
	{ "parallel",	PARALLEL },
	{ "path",	RESERVED },
	{ "prefix",	RESERVED },
	{ "rdomain",	RESERVED },
	{ "sev",	UNSUPPORTED },
	{ "seves",	UNSUPPORTED },
	{ "size",	RESERVED },
	{ "socket",	SOCKET },
	{ "staggered",	STAGGERED },
	{ "start",	START },
	{ "switch",	UNSUPPORTED },
	{ "up",		RESERVED },
	{ "vm",		VM },
};

static int
keyword_compare(const void *name, const void *keyword)
{
	return (strcmp(name, ((const struct keyword *)keyword)->name));
}

static int
keyword_token(const char *name)
{
	const struct keyword	*kw;

	kw = bsearch(name, keywords, sizeof(keywords) / sizeof(keywords[0]),
	    sizeof(keywords[0]), keyword_compare);
	return (kw != NULL ? kw->token : STRING);
}

static int
yylex(void)
{
	conf_lex(&found);
	switch (found.ct_kind) {
	case CONF_EOF:
		return (0);
	case CONF_NEWLINE:
		return ('\n');
	case CONF_WORD:
		yylval.string = found.ct_text;
		return (found.ct_quoted ? STRING :
		    keyword_token(found.ct_text));
	case CONF_PUNCT:
		/* A NUL would be the end, and others are no tokens either. */
		return (strchr("{}=\n", found.ct_punct) != NULL &&
		    found.ct_punct != '\0' ? found.ct_punct : BAD);
	default:
		return (BAD);
	}
}

/*
 * The parser calls this first; the rule that it then resumes in knows what
 * was expected. What follows in the statement is of no use.
 */
static void
yyerror(const char *text)
{
	if (strncmp(text, "syntax error", strlen("syntax error")) != 0) {
		conf_error("%s", text);
		return;
	}
	wrong = found;
	wrong_pending = 1;
	wrong_skipped = conf_lex_skip(&found);
}

static void
expected(const char *what)
{
	const char	*text = wrong.ct_text;

	if (!wrong_pending)
		return;
	wrong_pending = 0;
	switch (wrong.ct_kind) {
	case CONF_EOF:
		text = "the end of the file";
		break;
	case CONF_NEWLINE:
		text = "the end of the line";
		break;
	case CONF_WORD:
		conf_error_at(&wrong, "found \"%.64s\", expected %s", text,
		    what);
		return;
	case CONF_PUNCT:
		if (wrong.ct_punct > ' ' && wrong.ct_punct < 0x7f)
			conf_error_at(&wrong, "found %c, expected %s",
			    wrong.ct_punct, what);
		else
			conf_error_at(&wrong, "found a byte 0x%02x, expected "
			    "%s", (unsigned int)wrong.ct_punct, what);
		return;
	case CONF_BAD:
		return;		/* reported */
	}
	conf_error_at(&wrong, "found %s, expected %s", text, what);
}

/* What was expected depends on where in a statement the error is. */
static void
expected_statement(const char *first, const char *later)
{
	expected(wrong.ct_first ? first : later);
}

/* A word that begins a statement, and is followed by what none has. */
static void
unknown_statement(const char *word)
{
	if (wrong.ct_kind != CONF_BAD)
		conf_error_at(&wrong, "found \"%.64s\", expected %s", word,
		    global_statements);
	wrong_pending = 0;
}

static void
unsupported(const char *what)
{
	conf_error("'%s' is not supported yet", what);
	conf_lex_skip(&found);
}

static void
socket_owner(const char *owner)
{
	char		 unknown[256];
	const char	*what;

	if (conf_owner_parse(owner, &conf->cf_socket, unknown,
	    sizeof(unknown), &what) == -1)
		conf_error("socket owner %s: there is no %s \"%s\" on this "
		    "host", owner, what, unknown);
}

static void
macro_set(const char *name, const char *value)
{
	if (!conf_macro_name_ok(name))
		conf_error("macro \"%s\": expected a name of letters, digits "
		    "and _", name);
	else if (conf_macro_set(name, value, 0) == -1)
		conf_error("out of memory");
}

static uint32_t
number(const char *what, const char *text, uint32_t min)
{
	const char	*errstr;
	uint32_t	 n;

	n = (uint32_t)strtonum(text, min, INT32_MAX, &errstr);
	if (errstr != NULL)
		conf_error("%s: found \"%s\", expected a number from %u to "
		    "%d", what, text, min, INT32_MAX);
	return (n);
}

/* Parse what the reader has been given. */
static int
parse(struct vmd_conf *result)
{
	unsigned int	 n;

	conf = result;
	wrong_pending = 0;
	memset(&wrong, 0, sizeof(wrong));
	if (yyparse() != 0 && wrong.ct_kind == CONF_EOF)
		expected("} at the end of the vm");
	expected_statement(global_statements, "the end of the line");
	n = conf_errors();
	conf_macro_done();
	conf_lex_done();
	return (n == 0 ? 0 : -1);
}

int
parse_config(const char *file, struct vmd_conf *result)
{
	conf_lex_init();
	return (conf_lex_file(file) == -1 ? -1 : parse(result));
}

int
parse_buffer(const char *name, const char *text, size_t len,
    struct vmd_conf *result)
{
	conf_lex_init();
	return (conf_lex_buffer(name, text, len) == -1 ? -1 : parse(result));
}

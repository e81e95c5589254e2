/* cli/script.h -- where one statement ends and the next begins.
 * For:      -c, --file, stdin and the prompt, which send statement by statement so that each gets
 *           its own answer. The rules are the server's: ';' ends a statement outside parentheses,
 *           texts, quoted names and comments.
 * Threads:  pure functions. */
#ifndef CLI_SCRIPT_H
#define CLI_SCRIPT_H

#include "base/str.h"

struct script_statement {
    str text;      /* without white space around it and without the ';'; empty: only comments */
    unsigned line; /* of its first word, counted from 1 within the script */
    bool is_ended; /* a ';' stood behind it */
};

struct script {
    str text;
    size_t at;
    unsigned line;
};

static inline struct script script_from(str text)
{
    return (struct script){text, 0, 1};
}
/* The next statement, complete or the rest. False: nothing but white space and comments is left. */
bool script_next(struct script *script, struct script_statement *out);

/* What a statement does to the way in which statements are sent. */
enum script_kind {
    SCRIPT_PLAIN,
    SCRIPT_BEGIN, /* BEGIN, START TRANSACTION */
    SCRIPT_END,   /* COMMIT, END, ROLLBACK (not ROLLBACK TO a savepoint) */
    SCRIPT_USE    /* USE n, USE NAMESPACE n, SET NAMESPACE n */
};
enum script_kind script_kind(str statement);
/* The namespace that a SCRIPT_USE names, without quotes. */
str script_used_namespace(str statement);
/* The n-th word (0: first) of a statement: letters, digits, '_'; comments are passed over. Empty:
 * something else stands there, or the end. */
str script_word(str statement, unsigned n);

#endif

/* sql/text.h -- small questions about the text of a statement.
 * Threads:  any. */
#ifndef SQL_TEXT_H
#define SQL_TEXT_H

#include "base/str.h"

/* Both from 1; columns count bytes. */
struct text_place {
    unsigned line;
    unsigned column;
};
struct text_place text_place(str text, size_t at);
/* At most the first 40 bytes, cut between characters, to be quoted in a message. */
str text_excerpt(str word);

#endif

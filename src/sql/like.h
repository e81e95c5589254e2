/* sql/like.h -- LIKE: % is any text, _ one character; all else is itself.
 * Threads:  any. */
#ifndef SQL_LIKE_H
#define SQL_LIKE_H

#include "base/str.h"

enum like_answer { LIKE_NO, LIKE_YES, LIKE_BAD_ESCAPE };

/* `escape` makes the next character of the pattern an ordinary one; 0: there is none. Works in
 * O(text * pattern) at worst, without recursion. LIKE_BAD_ESCAPE: the pattern ends in it. */
enum like_answer like_matches(str text, str pattern, char escape);

#endif

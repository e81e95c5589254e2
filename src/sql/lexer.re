/* sql/lexer.re -- the token rules (re2c). */
#include "sql/lexer.h"

/* How re2c's code reads: never past the limit. */
#define YYPEEK() (cursor < limit ? *cursor : 0)
#define YYSKIP() ((void)++cursor)
#define YYBACKUP() ((void)(marker = cursor))
#define YYRESTORE() ((void)(cursor = marker))
#define YYLESSTHAN(n) (limit - cursor < (n))

/* Past a nested comment that begins at `at` with its two bytes; NULL: it does not end. */
static const unsigned char *skip_comment(const unsigned char *at, const unsigned char *limit)
{
    unsigned depth = 1;
    at += 2;
    while (limit - at >= 2) {
        if (at[0] == '/' && at[1] == '*') {
            depth++;
            at += 2;
        } else if (at[0] == '*' && at[1] == '/') {
            depth--;
            at += 2;
            if (depth == 0) {
                return at;
            }
        } else {
            at++;
        }
    }
    return NULL;
}

struct token lexer_next(str text, uint32_t at)
{
    const unsigned char *limit = (const unsigned char *)text.p + text.n;
    const unsigned char *cursor = (const unsigned char *)text.p + at;
    const unsigned char *start;
    const unsigned char *marker = cursor;
    int kind;

again:
    start = cursor;
    /*!re2c
    re2c:api = custom;
    re2c:yyfill:enable = 0;
    re2c:eof = 0;
    re2c:define:YYCTYPE = "unsigned char";
    re2c:indent:top = 1;

    space = [ \t\r\n\f\v]+;
    digits = [0-9]+;
    decimal = digits "." [0-9]* | "." digits;
    float = (digits | decimal) [eE] [+-]? digits;
    letter = [A-Za-z_\x80-\xff];
    word = letter [A-Za-z0-9_$\x80-\xff]*;

    $ { return (struct token){LEXER_END, (uint32_t)(start - (const unsigned char *)text.p), 0, -1}; }
    space { goto again; }
    "--" [^\n]* { kind = TK_COMMENT; goto done; }
    "/*" {
        cursor = skip_comment(start, limit);
        if (cursor == NULL) {
            cursor = limit;
            kind = LEXER_BAD_COMMENT;
        } else {
            kind = TK_COMMENT;
        }
        goto done;
    }

    "'" ([^'] | "''")* "'" { kind = TK_STRING; goto done; }
    [eE] "'" ([^'\\] | "''" | "\\" [^])* "'" { kind = TK_STRING; goto done; }
    [bBxX] "'" [^']* "'" { kind = TK_BYTES; goto done; }
    "'" | [eEbBxX] "'" { kind = LEXER_BAD_TEXT; goto done; }
    '"' ([^"] | '""')+ '"' { kind = TK_ID; goto done; }
    "`" ([^`] | "``")+ "`" { kind = TK_ID; goto done; }
    '""' | "``" { kind = TK_OTHER; goto done; }
    '"' | "`" { kind = LEXER_BAD_TEXT; goto done; }

    digits { kind = TK_INTEGER; goto done; }
    decimal { kind = TK_DECIMAL; goto done; }
    float { kind = TK_FLOAT; goto done; }
    (digits | decimal | float) word { kind = TK_OTHER; goto done; }
    "$" digits { kind = TK_PARAM; goto done; }
    "$" [A-Za-z0-9_\x80-\xff]+ { kind = TK_OTHER; goto done; }
    "$" [A-Za-z0-9_\x80-\xff]* "$" { kind = LEXER_BAD_BYTE; goto done; }

    "(" { kind = TK_LP; goto done; }
    ")" { kind = TK_RP; goto done; }
    "," { kind = TK_COMMA; goto done; }
    "." { kind = TK_DOT; goto done; }
    ";" { kind = TK_SEMI; goto done; }
    "*" { kind = TK_STAR; goto done; }
    "+" { kind = TK_PLUS; goto done; }
    "-" { kind = TK_MINUS; goto done; }
    "/" { kind = TK_SLASH; goto done; }
    "%" { kind = TK_PERCENT; goto done; }
    "||" { kind = TK_CONCAT; goto done; }
    "=" { kind = TK_EQ; goto done; }
    "<>" | "!=" { kind = TK_NE; goto done; }
    "<" { kind = TK_LT; goto done; }
    "<=" { kind = TK_LE; goto done; }
    ">" { kind = TK_GT; goto done; }
    ">=" { kind = TK_GE; goto done; }
    "->" { kind = TK_ARROW; goto done; }
    "->>" { kind = TK_ARROW_TEXT; goto done; }
    "?" { kind = TK_QUESTION; goto done; }
    "::" { kind = TK_TYPECAST; goto done; }
    [[\]{}^&|~@#!:] | "==" | "<<" | ">>" | "<<=" | ">>=" | ":=" | "=>" | "**" | "//" | "&&" | "@>" |
    "<@" | "<->" | "<=>" | "!~" | "~*" | "!~*" | "~~" | "!~~" | "~~*" | "!~~*" | "^@" | "<^" {
        kind = TK_OTHER;
        goto done;
    }

    'and' { kind = TK_AND; goto done; }
    'as' { kind = TK_AS; goto done; }
    'asc' { kind = TK_ASC; goto done; }
    'between' { kind = TK_BETWEEN; goto done; }
    'by' { kind = TK_BY; goto done; }
    'case' { kind = TK_CASE; goto done; }
    'cast' { kind = TK_CAST; goto done; }
    'conflict' { kind = TK_CONFLICT; goto done; }
    'default' { kind = TK_DEFAULT; goto done; }
    'delete' { kind = TK_DELETE; goto done; }
    'desc' { kind = TK_DESC; goto done; }
    'do' { kind = TK_DO; goto done; }
    'else' { kind = TK_ELSE; goto done; }
    'end' { kind = TK_END; goto done; }
    'escape' { kind = TK_ESCAPE; goto done; }
    'false' { kind = TK_FALSE; goto done; }
    'first' { kind = TK_FIRST; goto done; }
    'from' { kind = TK_FROM; goto done; }
    'ilike' { kind = TK_ILIKE; goto done; }
    'in' { kind = TK_IN; goto done; }
    'insert' { kind = TK_INSERT; goto done; }
    'into' { kind = TK_INTO; goto done; }
    'is' { kind = TK_IS; goto done; }
    'isnull' { kind = TK_ISNULL; goto done; }
    'last' { kind = TK_LAST; goto done; }
    'like' { kind = TK_LIKE; goto done; }
    'limit' { kind = TK_LIMIT; goto done; }
    'not' { kind = TK_NOT; goto done; }
    'nothing' { kind = TK_NOTHING; goto done; }
    'notnull' { kind = TK_NOTNULL; goto done; }
    'null' { kind = TK_NULL; goto done; }
    'nulls' { kind = TK_NULLS; goto done; }
    'offset' { kind = TK_OFFSET; goto done; }
    'on' { kind = TK_ON; goto done; }
    'or' { kind = TK_OR; goto done; }
    'order' { kind = TK_ORDER; goto done; }
    'precision' | 'varying' { kind = TK_PRECISION; goto done; }
    'returning' { kind = TK_RETURNING; goto done; }
    'select' { kind = TK_SELECT; goto done; }
    'set' { kind = TK_SET; goto done; }
    'then' { kind = TK_THEN; goto done; }
    'true' { kind = TK_TRUE; goto done; }
    'update' { kind = TK_UPDATE; goto done; }
    'values' { kind = TK_VALUES; goto done; }
    'when' { kind = TK_WHEN; goto done; }
    'where' { kind = TK_WHERE; goto done; }

    'all' | 'analyse' | 'analyze' | 'any' | 'array' | 'asymmetric' | 'both' | 'check' | 'collate' |
    'column' | 'constraint' | 'create' | 'deferrable' | 'distinct' | 'except' | 'fetch' | 'for' | 'foreign' |
    'grant' | 'group' | 'having' | 'initially' | 'intersect' | 'lambda' | 'lateral' | 'leading' |
    'only' | 'pivot' | 'pivot_longer' | 'pivot_wider' | 'placing' | 'primary' | 'qualify' |
    'references' | 'show' | 'some' | 'summarize' | 'symmetric' | 'table' | 'to' | 'trailing' |
    'union' | 'unique' | 'unpivot' | 'using' | 'variadic' | 'window' | 'with' {
        kind = TK_RESERVED;
        goto done;
    }
    word { kind = TK_ID; goto done; }

    * { kind = LEXER_BAD_BYTE; goto done; }
    */
done:
    return (struct token){kind, (uint32_t)(start - (const unsigned char *)text.p),
                          (uint32_t)(cursor - start), -1};
}

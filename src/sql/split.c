/* sql/split.c -- a batch into statements, and a statement into its shape.
 * The batch is read once; each statement gets its stretch of the tokens, counted from its own
 * start. Threads: any. */
#include "sql/build.h"
#include "sql/sql.h"
#include "sql/text.h"

/* Tokens of the batch as they come; comments are left out. */
struct token_list {
    struct token *items;
    unsigned count;
    unsigned capacity;
};

static status bad_token(str batch, const struct token *token, struct error *err)
{
    struct text_place place = text_place(batch, token->at);
    const char *what = token->kind == LEXER_BAD_TEXT      ? "text or name without its closing quote"
                       : token->kind == LEXER_BAD_COMMENT ? "comment without its end"
                                                          : "character that begins no token";
    return error_set(err, ERROR_BATCH_PARSE, "Failed to parse SQL batch: %s at line %u, column %u",
                     what, place.line, place.column);
}

/* `--upto 5` after CLUSTER PURGE is no comment. */
static bool is_upto(str batch, const struct token_list *list, const struct token *comment)
{
    if (list->count < 2 || !str_starts_with_nocase(token_text(batch, comment), STR_LIT("--upto"))) {
        return false;
    }
    const struct token *last = &list->items[list->count - 1];
    return str_eq_nocase(token_text(batch, last), STR_LIT("purge")) &&
           str_eq_nocase(token_text(batch, last - 1), STR_LIT("cluster"));
}

/* Numbers the literals of each statement; those inside the parentheses of a type, as in
 * CAST(x AS DECIMAL(10, 2)), belong to the statement's shape and get no number. */
struct slot_counter {
    int32_t next;
    bool is_after_type; /* the last token was the word after :: or AS */
    bool is_in_type;
};

static bool is_literal(int kind)
{
    return kind == TK_INTEGER || kind == TK_DECIMAL || kind == TK_FLOAT || kind == TK_STRING ||
           kind == TK_BYTES;
}

static void number_token(struct slot_counter *slots, struct token *token, int before)
{
    if (token->kind == TK_SEMI) {
        *slots = (struct slot_counter){0};
        return;
    }
    if (slots->is_in_type) {
        slots->is_in_type = token->kind != TK_RP;
    } else if (is_literal(token->kind)) {
        token->slot = slots->next++;
    }
    slots->is_in_type |= slots->is_after_type && token->kind == TK_LP;
    slots->is_after_type = (token->kind == TK_ID || token->kind == TK_PRECISION) &&
                           (before == TK_TYPECAST || before == TK_AS || slots->is_after_type);
}

static status read_tokens(str batch, struct arena *arena, struct token_list *list,
                          struct error *err)
{
    struct slot_counter slots = {0};
    uint32_t at = 0;
    unsigned depth = 0;
    list->capacity = (unsigned)(batch.n / 4 + 8);
    list->items = arena_alloc(arena, list->capacity * sizeof *list->items);
    for (;;) {
        struct token token = lexer_next(batch, at);
        if (token.kind == LEXER_END) {
            return STATUS_IS_OK;
        }
        if (token.kind < 0) {
            return bad_token(batch, &token, err);
        }
        at = token_end(&token);
        if (token.kind == TK_COMMENT) {
            if (is_upto(batch, list, &token)) {
                at = token.at + 6;
            }
            continue;
        }
        depth += token.kind == TK_LP;
        depth -= token.kind == TK_RP && depth > 0;
        if (depth > LIMIT_EXPRESSION_DEPTH * 2) {
            struct text_place place = text_place(batch, token.at);
            return error_set(err, ERROR_LIMIT,
                             "parentheses nest deeper than %d levels at line %u, column %u",
                             LIMIT_EXPRESSION_DEPTH * 2, place.line, place.column);
        }
        number_token(&slots, &token, list->count > 0 ? list->items[list->count - 1].kind : 0);
        list->items =
            build_grow(arena, list->items, list->count, &list->capacity, sizeof *list->items);
        list->items[list->count++] = token;
    }
}

static status check_bytes(str batch, struct error *err)
{
    if (batch.n > LIMIT_SQL_BYTES) {
        return error_set(err, ERROR_SQL_TOO_LONG,
                         "SQL query too long: %zu bytes (maximum %d bytes)", batch.n,
                         LIMIT_SQL_BYTES);
    }
    ptrdiff_t nul = str_find_char(batch, '\0');
    if (nul >= 0) { /* the engine takes texts that end in one */
        return error_set(err, ERROR_BATCH_PARSE,
                         "Failed to parse SQL batch: NUL character at byte %td", nul);
    }
    if (!str_is_utf8(batch)) {
        return error_set(err, ERROR_BATCH_PARSE, "Failed to parse SQL batch: invalid UTF-8");
    }
    return STATUS_IS_OK;
}

struct piece_list {
    struct sql_piece *items;
    unsigned count;
    unsigned capacity;
};

/* Tokens [from, to) become a statement; none when there are no tokens. */
static status add_piece(str batch, struct arena *arena, struct token *from, struct token *to,
                        struct piece_list *pieces, struct error *err)
{
    if (from == to) {
        return STATUS_IS_OK;
    }
    if (pieces->count == LIMIT_STATEMENTS) {
        return error_set(err, ERROR_LIMIT, "a batch may have %d statements", LIMIT_STATEMENTS);
    }
    uint32_t start = from->at;
    str text = str_slice(batch, start, token_end(to - 1));
    for (struct token *token = from; token < to && start > 0; token++) {
        token->at -= start;
    }
    pieces->items =
        build_grow(arena, pieces->items, pieces->count, &pieces->capacity, sizeof *pieces->items);
    pieces->items[pieces->count++] =
        (struct sql_piece){.text = text, .tokens = from, .token_count = (unsigned)(to - from)};
    return STATUS_IS_OK;
}

status sql_split(str batch, struct arena *arena, const struct sql_piece **out, unsigned *count,
                 struct error *err)
{
    TRY(check_bytes(batch, err));
    struct token_list list = {0};
    struct piece_list pieces = {0};
    TRY(read_tokens(batch, arena, &list, err));
    unsigned from = 0;
    unsigned depth = 0;
    for (unsigned i = 0; i < list.count; i++) {
        int kind = list.items[i].kind;
        depth += kind == TK_LP;
        depth -= kind == TK_RP && depth > 0;
        if (kind == TK_SEMI && depth == 0) {
            TRY(add_piece(batch, arena, list.items + from, list.items + i, &pieces, err));
            from = i + 1;
        }
    }
    TRY(add_piece(batch, arena, list.items + from, list.items + list.count, &pieces, err));
    *out = pieces.items;
    *count = pieces.count;
    return STATUS_IS_OK;
}

/* --- shape */

/* ?i ?l ?f ?t, ?d4.2 of a DECIMAL: plans depend on all of it. The bytes written. */
static size_t put_type(char *at, const struct value *v)
{
    static const char letters[TYPE_COUNT] = {
        [TYPE_INT] = 'i',  [TYPE_BIGINT] = 'l', [TYPE_DOUBLE] = 'f',
        [TYPE_TEXT] = 't', [TYPE_NONE] = 'n',   [TYPE_DECIMAL] = 'd'};
    at[0] = '?';
    at[1] = letters[v->type.id];
    if (v->type.id != TYPE_DECIMAL) {
        return 2;
    }
    char size[16];
    int n = snprintf(size, sizeof size, "%u.%u", v->type.precision, v->type.scale);
    memcpy(at + 2, size, (size_t)n);
    return 2 + (size_t)n;
}

void sql_shape(const struct sql_piece *piece, struct arena *arena, struct sql_shape *out)
{
    /* A literal of one byte becomes " ?i", one of two " ?d1.1": three bytes for each of the text.
     */
    char *text = arena_alloc(arena, piece->text.n * 3 + 8);
    struct value *values = NULL;
    unsigned count = 0;
    unsigned capacity = 0;
    size_t n = 0;
    for (unsigned i = 0; i < piece->token_count; i++) {
        const struct token *token = &piece->tokens[i];
        str word = token_text(piece->text, token);
        if (i > 0) {
            text[n++] = ' ';
        }
        if (token->slot >= 0) {
            values = build_grow(arena, values, count, &capacity, sizeof *values);
            if (literal_decode(piece->text, token, arena, &values[count]) != NULL) {
                values[count] = value_null(type_of(TYPE_NONE)); /* such a text never parses */
            }
            n += put_type(text + n, &values[count++]);
        } else if (token_is_word(piece->text, token)) {
            for (size_t j = 0; j < word.n; j++) {
                text[n++] = str_lower_char(word.p[j]);
            }
        } else {
            memcpy(text + n, word.p, word.n);
            n += word.n;
        }
    }
    *out = (struct sql_shape){.text = str_of(text, n), .values = values, .value_count = count};
}

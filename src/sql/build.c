/* sql/build.c -- nodes, lists and statements out of what the grammar has seen. */
#include "sql/build.h"

#include <stdarg.h>

#include "sql/text.h"

void build_init(struct build *b, struct arena *arena, str text, struct statement *statement,
                struct error *err)
{
    *b = (struct build){
        .arena = arena, .text = text, .statement = statement, .result = STATUS_IS_OK, .err = err};
}

void build_fail(struct build *b, enum error_id id, const char *format, ...)
{
    if (b->is_failed) {
        return;
    }
    va_list args;
    va_start(args, format);
    b->is_failed = true;
    b->failed_as = id;
    b->result = error_set_va(b->err, id, format, args);
    va_end(args);
}

bool build_given_twice(struct build *b, str name)
{
    build_fail(b, ERROR_SYNTAX, STR_FMT " is given twice", STR(name));
    return false;
}

bool build_keep(struct build *b, status answer)
{
    if (!status_ok(answer) && !b->is_failed) {
        b->is_failed = true;
        b->failed_as = b->err != NULL ? b->err->id : ERROR_SYNTAX;
        b->result = answer;
    }
    return status_ok(answer);
}

void build_syntax_error(struct build *b, const struct token *token)
{
    struct text_place place = text_place(b->text, token->at);
    if (token->kind == 0) {
        build_fail(b, ERROR_SYNTAX, "unexpected end of statement at line %u, column %u", place.line,
                   place.column);
        return;
    }
    str word = text_excerpt(token_text(b->text, token));
    build_fail(b, ERROR_SYNTAX, "unexpected '" STR_FMT "' at line %u, column %u", STR(word),
               place.line, place.column);
}

void build_overflow(struct build *b)
{
    b->is_overflow = true;
    build_fail(b, ERROR_LIMIT, "statement nests too deep: an expression may have %d levels",
               LIMIT_EXPRESSION_DEPTH);
}

int build_kind(const struct token *token, const struct token *end)
{
    if (token->kind != TK_NOT || token + 1 == end) {
        return token->kind;
    }
    int next = token[1].kind;
    bool is_one = next == TK_LIKE || next == TK_ILIKE || next == TK_IN || next == TK_BETWEEN;
    return is_one ? TK_NOT_LA : TK_NOT;
}

void *build_grow(struct arena *arena, void *items, unsigned count, unsigned *capacity,
                 size_t item_bytes)
{
    if (count < *capacity) {
        return items;
    }
    *capacity = *capacity == 0 ? 4 : *capacity * 2;
    char *grown = arena_alloc(arena, *capacity * item_bytes);
    if (count > 0) {
        memcpy(grown, items, count * item_bytes);
    }
    return grown;
}

/* --- names and lists */

str build_name(struct build *b, const struct token *name)
{
    return token_name(b->text, name, b->arena);
}

struct table_name build_table_name(struct build *b, const struct token *ns,
                                   const struct token *name)
{
    return (struct table_name){.ns = ns != NULL ? build_name(b, ns) : (str){NULL, 0},
                               .name = build_name(b, name)};
}

struct str_list *build_names(struct build *b, struct str_list *list, const struct token *name)
{
    if (list == NULL) {
        list = ARENA_NEW(b->arena, struct str_list);
    }
    str s = build_name(b, name);
    if (list->count >= LIMIT_COLUMNS) {
        build_fail(b, ERROR_LIMIT, "a column list has more than %d names", LIMIT_COLUMNS);
        return list;
    }
    for (unsigned i = 0; i < list->count; i++) {
        if (str_eq(list->items[i], s)) {
            build_fail(b, ERROR_SYNTAX, "column '" STR_FMT "' is named twice", STR(s));
        }
    }
    BUILD_ROOM(b, list);
    list->items[list->count++] = s;
    return list;
}

struct expr_list *build_exprs(struct build *b, struct expr_list *list, struct expr *e)
{
    if (list == NULL) {
        list = ARENA_NEW(b->arena, struct expr_list);
    }
    BUILD_ROOM(b, list);
    list->items[list->count++] = e;
    return list;
}

struct select_list *build_items(struct build *b, struct select_list *list, struct select_item item)
{
    if (list == NULL) {
        list = ARENA_NEW(b->arena, struct select_list);
    }
    BUILD_ROOM(b, list);
    list->items[list->count++] = item;
    return list;
}

struct select_item build_item(struct build *b, struct expr *e, const struct token *alias)
{
    return (struct select_item){.expr = e, .alias = token_raw_name(b->text, alias, b->arena)};
}

struct select_item build_table_star(struct build *b, const struct token *table,
                                    const struct token *star)
{
    struct expr *e = build_star(b, star);
    e->at = table->at;
    return (struct select_item){.expr = e, .star_table = build_name(b, table)};
}

struct order_list *build_orders(struct build *b, struct order_list *list, struct order_item item)
{
    if (list == NULL) {
        list = ARENA_NEW(b->arena, struct order_list);
    }
    BUILD_ROOM(b, list);
    list->items[list->count++] = item;
    return list;
}

struct order_item build_order(struct build *b, struct expr *e, bool is_descending, int nulls)
{
    (void)b;
    struct order_item item = {.expr = e, .is_descending = is_descending};
    item.nulls = nulls == NULLS_FIRST  ? NULLS_FIRST
                 : nulls == NULLS_LAST ? NULLS_LAST
                                       : NULLS_UNSAID;
    return item;
}

struct assignment_list *build_assignments(struct build *b, struct assignment_list *list,
                                          const struct token *column, struct expr *value)
{
    if (list == NULL) {
        list = ARENA_NEW(b->arena, struct assignment_list);
    }
    str name = build_name(b, column);
    if (list->count >= LIMIT_COLUMNS) {
        build_fail(b, ERROR_LIMIT, "SET has more than %d columns", LIMIT_COLUMNS);
        return list;
    }
    for (unsigned i = 0; i < list->count; i++) {
        if (str_eq(list->items[i].column, name)) {
            build_fail(b, ERROR_SYNTAX, "column '" STR_FMT "' is set twice", STR(name));
        }
    }
    BUILD_ROOM(b, list);
    list->items[list->count++] = (struct assignment){.column = name, .value = value};
    return list;
}

struct when_list *build_whens(struct build *b, struct when_list *list, struct expr *when,
                              struct expr *then)
{
    if (list == NULL) {
        list = ARENA_NEW(b->arena, struct when_list);
    }
    BUILD_ROOM(b, list);
    list->items[list->count++] = (struct expr_when){.when = when, .then = then};
    return list;
}

/* --- types */

struct type_text build_type_text(struct build *b, const struct token *word)
{
    (void)b;
    return (struct type_text){.at = word->at, .words_end = token_end(word), .end = token_end(word)};
}

struct type_text build_type_sized(struct build *b, struct type_text type, const struct token *first,
                                  const struct token *second, const struct token *close)
{
    const struct token *tokens[2] = {first, second};
    for (unsigned i = 0; i < 2 && tokens[i] != NULL; i++) {
        if (!str_to_i64(token_text(b->text, tokens[i]), &type.parameters[i])) {
            type.parameters[i] = INT64_MAX; /* no type takes that many */
        }
        type.parameter_count = i + 1;
    }
    type.end = token_end(close);
    return type;
}

bool build_type(struct build *b, const struct type_text *text, struct type *out, struct error *err)
{
    str words = str_slice(b->text, text->at, text->words_end);
    return status_ok(type_parse(words, text->parameters, text->parameter_count, out, err));
}

/* --- expressions */

static struct expr *new_expr(struct build *b, enum expr_kind kind, uint32_t at, uint32_t end)
{
    struct expr *e = ARENA_NEW(b->arena, struct expr);
    e->kind = kind;
    e->depth = 1;
    e->at = at;
    e->end = end;
    return e;
}

/* `below` (NULL allowed) becomes a part of e. */
static void adopt(struct build *b, struct expr *e, const struct expr *below)
{
    if (below == NULL) {
        return;
    }
    e->has_engine |= below->has_engine;
    if (below->depth >= e->depth) {
        if (below->depth >= LIMIT_EXPRESSION_DEPTH) {
            build_fail(b, ERROR_LIMIT, "expression nests deeper than %d levels",
                       LIMIT_EXPRESSION_DEPTH);
            return;
        }
        e->depth = (uint16_t)(below->depth + 1);
    }
}

static void adopt_list(struct build *b, struct expr *e, const struct expr_list *list)
{
    for (unsigned i = 0; i < list->count; i++) {
        adopt(b, e, list->items[i]);
    }
}

struct expr *build_leaf(struct build *b, enum expr_kind kind, const struct token *token)
{
    return new_expr(b, kind, token->at, token_end(token));
}

struct expr *build_star(struct build *b, const struct token *token)
{
    return build_leaf(b, EXPR_STAR, token);
}

struct expr *build_literal(struct build *b, const struct token *token)
{
    struct expr *e = build_leaf(b, EXPR_LITERAL, token);
    e->as.literal.slot = token->slot;
    if (token->kind == TK_NULL) {
        e->as.literal.value = value_null(type_of(TYPE_NONE));
        return e;
    }
    if (token->kind == TK_TRUE || token->kind == TK_FALSE) {
        e->as.literal.value = value_bool(token->kind == TK_TRUE);
        return e;
    }
    const char *wrong = literal_decode(b->text, token, b->arena, &e->as.literal.value);
    if (wrong != NULL) {
        struct text_place place = text_place(b->text, token->at);
        str word = text_excerpt(token_text(b->text, token));
        build_fail(b, ERROR_INVALID_OPERATION, "%s: " STR_FMT " at line %u, column %u", wrong,
                   STR(word), place.line, place.column);
    }
    return e;
}

struct expr *build_param(struct build *b, const struct token *token)
{
    enum { PARAM_NUMBER_MAX = 65535 };
    struct expr *e = build_leaf(b, EXPR_PARAM, token);
    str word = token_text(b->text, token);
    uint64_t n = 0;
    if (!str_to_u64(str_skip(word, 1), &n) || n == 0 || n > PARAM_NUMBER_MAX) {
        build_fail(b, ERROR_INVALID_OPERATION, "parameter " STR_FMT " is not one of $1 to $%d",
                   STR(text_excerpt(word)), PARAM_NUMBER_MAX);
        n = 1;
    }
    e->as.param = (unsigned)n;
    if (e->as.param > b->param_count) {
        b->param_count = e->as.param;
    }
    return e;
}

struct expr *build_engine(struct build *b, uint32_t at, uint32_t end)
{
    struct expr *e = new_expr(b, EXPR_ENGINE, at, end);
    e->has_engine = true;
    e->as.engine = str_slice(b->text, at, end);
    return e;
}

/* Words that are functions without parentheses. */
static bool is_session_word(str name)
{
    static const char *const words[] = {"current_user", "current_role",   "current_timestamp",
                                        "current_date", "current_time",   "current_schema",
                                        "localtime",    "localtimestamp", "session_user"};
    if (name.n < 9) {
        return false;
    }
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (str_eq_c(name, words[i])) {
            return true;
        }
    }
    return false;
}

struct expr *build_column(struct build *b, const struct token *ns, const struct token *table,
                          const struct token *name)
{
    const struct token *first = ns != NULL ? ns : table != NULL ? table : name;
    struct expr *e = new_expr(b, EXPR_COLUMN, first->at, token_end(name));
    e->as.column.name = build_name(b, name);
    e->is_quoted = token_is_quoted(b->text, name);
    if (table == NULL && !e->is_quoted && is_session_word(e->as.column.name)) {
        str word = e->as.column.name;
        e->kind = EXPR_CALL;
        memset(&e->as, 0, sizeof e->as);
        e->as.call.name = word;
        return e;
    }
    if (table != NULL) {
        e->as.column.table = build_name(b, table);
    }
    if (ns != NULL) {
        e->as.column.ns = build_name(b, ns);
    }
    return e;
}

struct expr *build_typed_literal(struct build *b, const struct token *type,
                                 const struct token *text)
{
    struct expr *literal = build_literal(b, text);
    return build_cast(b, type->at, literal, build_type_text(b, type), token_end(text));
}

struct expr *build_parens(struct build *b, const struct token *open, struct expr *e,
                          const struct token *close)
{
    (void)b;
    e->at = open->at;
    e->end = token_end(close);
    return e;
}

/* FILE("name") quotes the name of an uploaded part, not of a column. */
static void adopt_file_name(struct build *b, struct expr *call)
{
    struct expr *arg = call->as.call.args.count == 1 ? call->as.call.args.items[0] : NULL;
    if (!str_eq_c(call->as.call.name, "file") || arg == NULL || arg->kind != EXPR_COLUMN ||
        !arg->is_quoted || arg->as.column.table.n > 0) {
        return;
    }
    struct token quoted = {.kind = TK_ID, .at = arg->at, .n = arg->end - arg->at};
    if (!token_is_quoted(b->text, &quoted)) {
        return; /* FILE(("name")) */
    }
    str name = token_raw_name(b->text, &quoted, b->arena);
    arg->kind = EXPR_LITERAL;
    arg->is_quoted = false;
    memset(&arg->as, 0, sizeof arg->as);
    arg->as.literal.value = value_text(name);
    arg->as.literal.slot = -1;
}

struct expr *build_call(struct build *b, const struct token *name, struct expr_list *args,
                        const struct token *close)
{
    struct expr *e = new_expr(b, EXPR_CALL, name->at, token_end(close));
    e->as.call.name = build_name(b, name);
    e->as.call.has_parens = true;
    if (args != NULL) {
        e->as.call.args = *args;
        adopt_list(b, e, args);
        adopt_file_name(b, e);
    }
    return e;
}

struct expr *build_cast(struct build *b, uint32_t at, struct expr *e, struct type_text type,
                        uint32_t end)
{
    struct type to;
    if (!build_type(b, &type, &to, NULL)) {
        return build_engine(b, at, end); /* a type of the engine's own, such as INTERVAL */
    }
    struct expr *cast = new_expr(b, EXPR_CAST, at, end);
    cast->as.cast.operand = e;
    cast->as.cast.type = to;
    adopt(b, cast, e);
    return cast;
}

static bool is_number_literal(const struct expr *e)
{
    enum type_id id = e->as.literal.value.type.id;
    return e->kind == EXPR_LITERAL &&
           (id == TYPE_INT || id == TYPE_BIGINT || id == TYPE_DECIMAL || id == TYPE_DOUBLE);
}

struct expr *build_negate(struct build *b, const struct token *sign, struct expr *e)
{
    if (is_number_literal(e)) {
        e->at = sign->at;
        e->is_negated = !e->is_negated;
        e->as.literal.value = literal_negate(e->as.literal.value);
        return e;
    }
    struct expr *negated = new_expr(b, EXPR_NEGATE, sign->at, e->end);
    negated->as.unary.operand = e;
    adopt(b, negated, e);
    return negated;
}

struct expr *build_plus(struct build *b, const struct token *sign, struct expr *e)
{
    if (!is_number_literal(e)) {
        return build_engine(b, sign->at, e->end);
    }
    e->at = sign->at;
    return e;
}

struct expr *build_not(struct build *b, const struct token *word, struct expr *e)
{
    struct expr *not_e = new_expr(b, EXPR_NOT, word->at, e->end);
    not_e->as.unary.operand = e;
    adopt(b, not_e, e);
    return not_e;
}

struct expr *build_chain(struct build *b, enum expr_kind kind, struct expr *left,
                         struct expr *right)
{
    struct expr *e = left;
    if (left->kind != kind) {
        e = new_expr(b, kind, left->at, right->end);
        BUILD_ROOM(b, &e->as.list);
        e->as.list.items[e->as.list.count++] = left;
        adopt(b, e, left);
    }
    BUILD_ROOM(b, &e->as.list);
    e->as.list.items[e->as.list.count++] = right;
    e->end = right->end;
    adopt(b, e, right);
    return e;
}

struct expr *build_binary(struct build *b, enum expr_op op, struct expr *left, struct expr *right)
{
    struct expr *e = new_expr(b, EXPR_BINARY, left->at, right->end);
    e->op = op;
    e->as.binary.left = left;
    e->as.binary.right = right;
    adopt(b, e, left);
    adopt(b, e, right);
    return e;
}

struct expr *build_is_null(struct build *b, struct expr *e, bool is_negated,
                           const struct token *last)
{
    struct expr *is_null = new_expr(b, EXPR_IS_NULL, e->at, token_end(last));
    is_null->is_negated = is_negated;
    is_null->as.unary.operand = e;
    adopt(b, is_null, e);
    return is_null;
}

struct expr *build_is_bool(struct build *b, struct expr *e, bool wanted, bool is_negated,
                           const struct token *last)
{
    struct expr *is_bool = new_expr(b, EXPR_IS_BOOL, e->at, token_end(last));
    is_bool->is_negated = is_negated;
    is_bool->as.is.operand = e;
    is_bool->as.is.wanted = wanted;
    adopt(b, is_bool, e);
    return is_bool;
}

struct expr *build_like(struct build *b, struct expr *value, struct expr *pattern,
                        struct expr *escape, bool is_nocase, bool is_negated)
{
    struct expr *e = new_expr(b, EXPR_LIKE, value->at, escape != NULL ? escape->end : pattern->end);
    e->is_negated = is_negated;
    e->as.like.value = value;
    e->as.like.pattern = pattern;
    e->as.like.escape = escape;
    e->as.like.is_nocase = is_nocase;
    adopt(b, e, value);
    adopt(b, e, pattern);
    adopt(b, e, escape);
    return e;
}

struct expr *build_in(struct build *b, struct expr *value, struct expr_list *items, bool is_negated,
                      const struct token *close)
{
    struct expr *e = new_expr(b, EXPR_IN, value->at, token_end(close));
    e->is_negated = is_negated;
    e->as.in.value = value;
    e->as.in.items = *items;
    adopt(b, e, value);
    adopt_list(b, e, items);
    return e;
}

struct expr *build_between(struct build *b, struct expr *value, struct expr *low, struct expr *high,
                           bool is_negated)
{
    struct expr *e = new_expr(b, EXPR_BETWEEN, value->at, high->end);
    e->is_negated = is_negated;
    e->as.between.value = value;
    e->as.between.low = low;
    e->as.between.high = high;
    adopt(b, e, value);
    adopt(b, e, low);
    adopt(b, e, high);
    return e;
}

struct expr *build_case(struct build *b, const struct token *first, struct expr *operand,
                        struct when_list *whens, struct expr *otherwise, const struct token *last)
{
    struct expr *e = new_expr(b, EXPR_CASE, first->at, token_end(last));
    e->as.choice.operand = operand;
    e->as.choice.whens = whens->items;
    e->as.choice.when_count = whens->count;
    e->as.choice.otherwise = otherwise;
    adopt(b, e, operand);
    for (unsigned i = 0; i < whens->count; i++) {
        adopt(b, e, whens->items[i].when);
        adopt(b, e, whens->items[i].then);
    }
    adopt(b, e, otherwise);
    return e;
}

/* --- statements */

static str text_of(const struct build *b, const struct expr *e)
{
    return e != NULL ? str_slice(b->text, e->at, e->end) : (str){NULL, 0};
}

static bool needs_engine(const struct expr *e)
{
    return e != NULL && e->has_engine;
}

/* ORDER BY 1 means the first column, and a parameter could be such a number. */
static bool is_order_simple(const struct order_list *order)
{
    for (unsigned i = 0; i < order->count; i++) {
        const struct expr *e = order->items[i].expr;
        if (e->kind == EXPR_LITERAL || e->kind == EXPR_PARAM || e->has_engine) {
            return false;
        }
    }
    return true;
}

void build_select(struct build *b, struct select_list *columns, struct table_name table, str alias,
                  struct expr *where, struct order_list *order, struct limits limits)
{
    struct select_part *part = &b->statement->as.select;
    struct simple_select *simple = &part->simple;
    *simple = (struct simple_select){.columns = *columns,
                                     .table = table,
                                     .alias = alias,
                                     .where = where,
                                     .where_text = text_of(b, where),
                                     .limit = limits.limit,
                                     .offset = limits.offset};
    if (order != NULL) {
        simple->order = *order;
    }
    part->is_simple = !needs_engine(where) && !needs_engine(limits.limit) &&
                      !needs_engine(limits.offset) && is_order_simple(&simple->order);
    for (unsigned i = 0; i < columns->count; i++) {
        part->is_simple &= !columns->items[i].expr->has_engine;
    }
}

void build_row(struct build *b, struct expr_list *values, const struct token *close)
{
    struct insert_part *insert = &b->statement->as.insert;
    if (insert->row_count > 0 && insert->rows[0].count != values->count) {
        struct text_place place = text_place(b->text, close->at);
        build_fail(b, ERROR_SYNTAX,
                   "row %u of VALUES has %u values, the first row has %u (line %u, column %u)",
                   insert->row_count + 1, values->count, insert->rows[0].count, place.line,
                   place.column);
    }
    insert->rows = build_grow(b->arena, insert->rows, insert->row_count, &insert->row_capacity,
                              sizeof *insert->rows);
    insert->rows[insert->row_count++] = *values;
}

void build_insert_query(struct build *b, const struct token *query)
{
    b->statement->as.insert.source = INSERT_QUERY;
    b->statement->as.insert.query = token_text(b->text, query);
}

void build_insert(struct build *b, struct table_name table, str alias,
                  struct select_list *returning)
{
    struct insert_part *insert = &b->statement->as.insert;
    insert->table = table;
    insert->alias = alias;
    if (returning != NULL) {
        insert->returning = *returning;
    }
    if (insert->row_count > 0 && insert->has_columns &&
        insert->rows[0].count != insert->columns.count) {
        build_fail(b, ERROR_SYNTAX, "INSERT names %u columns but gives %u values",
                   insert->columns.count, insert->rows[0].count);
    }
}

void build_conflict_update(struct build *b, struct assignment_list *sets, struct expr *where)
{
    struct on_conflict *conflict = &b->statement->as.insert.conflict;
    conflict->action = CONFLICT_UPDATE;
    conflict->sets = *sets;
    conflict->where = where;
    conflict->where_text = text_of(b, where);
    if (conflict->targets.count == 0) {
        build_fail(b, ERROR_SYNTAX,
                   "ON CONFLICT DO UPDATE needs the conflicting columns: "
                   "ON CONFLICT (column) DO UPDATE SET ...");
    }
}

void build_update(struct build *b, struct table_name table, str alias, struct assignment_list *sets,
                  struct expr *where, struct select_list *returning)
{
    struct update_part *update = &b->statement->as.update;
    *update = (struct update_part){.table = table,
                                   .alias = alias,
                                   .sets = *sets,
                                   .where = where,
                                   .where_text = text_of(b, where)};
    if (returning != NULL) {
        update->returning = *returning;
    }
}

void build_delete(struct build *b, struct table_name table, str alias, struct expr *where,
                  struct select_list *returning)
{
    struct delete_part *part = &b->statement->as.delete;
    *part = (struct delete_part){
        .table = table, .alias = alias, .where = where, .where_text = text_of(b, where)};
    if (returning != NULL) {
        part->returning = *returning;
    }
}

/* query/prune.c -- see prune.h. Deciding is in prune_decide.c, what reads other tables' values in
 * prune_source.c. */
#include "query/prune_private.h"

#include "query/gate.h"

/* -- small things --------------------------------------------------------------------------------
 */

#ifdef KALAM_TESTING
static enum prune_mutant mutant;

void prune_test_mutant(enum prune_mutant wanted)
{
    mutant = wanted;
}

bool prune_mutant_is(enum prune_mutant asked)
{
    return mutant == asked;
}
#endif

static str text_of(const struct json *node, const char *key)
{
    str text = {NULL, 0};
    (void)json_as_text(json_get(node, key), &text);
    return text;
}

static bool is_type(const struct json *node, const char *type)
{
    return str_eq_c(text_of(node, "type"), type);
}

static bool is_absent(const struct json *node, const char *key)
{
    const struct json *member = json_get(node, key);
    return member == NULL || json_is_null(member);
}

static bool is_empty_list(const struct json *node, const char *key)
{
    const struct json *list = json_get(node, key);
    return list != NULL && list->kind == JSON_ARRAY && list->as.children.first == NULL;
}

static const struct json *list_of(const struct json *node, const char *key)
{
    const struct json *list = json_get(node, key);
    return list != NULL && list->kind == JSON_ARRAY ? list->as.children.first : NULL;
}

/* A column of a subquery that is a column of a table, unchanged. */
struct output {
    struct output *next;
    str name;
    struct prune_place *place;
    uint32_t field_id;
    str column; /* its name in the table */
    enum type_id type;
};

/* A table, subquery or WITH in FROM whose rows all have to fulfil the conditions of its SELECT. */
struct item {
    const struct json *node;
    unsigned scope; /* the SELECT that it is in the FROM of */
    str alias;
    str engine_schema;
    const struct schema *schema; /* of a table; NULL: a subquery */
    struct prune_place *place;   /* of a table */
    struct output *outputs;      /* of a subquery: the columns that it hands through */
    const struct item *whole;    /* of a subquery SELECT *: what it shows, as it is */
};

/* A name of WITH. */
struct with {
    str name;
    const struct json *entry;
    unsigned definitions;
    unsigned uses;
};

enum { ITEMS_MAX = 64, WITHS_MAX = 64, DEPTH_MAX = 1000 };

struct maker {
    struct arena *keep;
    struct arena *scratch;
    const struct gate_table *const *tables;
    unsigned table_count;
    struct prune_plan *plan;
    struct item items[ITEMS_MAX]; /* of all SELECTs that the walk is in */
    unsigned item_count;
    struct with withs[WITHS_MAX]; /* of the whole statement */
    unsigned with_count;
    const struct json *taken[ITEMS_MAX]; /* SELECTs in FROM that were read with the one around */
    unsigned taken_count;
    unsigned scope;       /* of the SELECT being read */
    unsigned scope_count; /* numbers given out */
    unsigned depth;
};

static bool is_taken(const struct maker *m, const struct json *select)
{
    for (unsigned i = 0; i < m->taken_count; i++) {
        if (m->taken[i] == select) {
            return true;
        }
    }
    return false;
}

/* The schema behind "17.3"."name"; NULL: none. */
static const struct schema *schema_of(const struct maker *m, const struct json *node)
{
    str wanted = text_of(node, "schema_name");
    for (unsigned i = 0; i < m->table_count; i++) {
        const struct gate_table *t = m->tables[i];
        char name[DUCK_SCHEMA_NAME_BYTES];
        if (t->decision.kind == GATE_TABLE) {
            duck_schema_name(t->decision.schema->table, t->decision.schema->version, name);
            if (str_eq_c(wanted, name)) {
                return t->decision.schema;
            }
        }
    }
    return NULL;
}

/* -- constants ----------------------------------------------------------------------------------
 */

static bool read_constant(const struct maker *m, const struct json *node, struct value *out)
{
    const struct json *value = json_get(node, "value");
    str type = text_of(json_get(value, "type"), "id");
    bool is_null = true;
    if (!json_as_bool(json_get(value, "is_null"), &is_null) || is_null) {
        return false;
    }
    int64_t integer = 0;
    str text = {NULL, 0};
    bool is_integer = str_eq_c(type, "TINYINT") || str_eq_c(type, "SMALLINT") ||
                      str_eq_c(type, "INTEGER") || str_eq_c(type, "BIGINT");
    if (is_integer && json_as_i64(json_get(value, "value"), &integer)) {
        *out = value_int(TYPE_BIGINT, integer);
        return true;
    }
    if (str_eq_c(type, "VARCHAR") && json_as_text(json_get(value, "value"), &text)) {
        *out = value_text(arena_copy(m->keep, text));
        return true;
    }
    return false;
}

/* CAST('1.25' AS DECIMAL(w, 2 or more)), as the gate writes numbers: nothing is rounded. */
static bool keeps_digits(const struct json *type, const struct json *cast)
{
    str text = {NULL, 0};
    int64_t scale = -1;
    (void)json_as_text(json_get(json_get(json_get(cast, "child"), "value"), "value"), &text);
    (void)json_as_i64(json_get(json_get(type, "type_info"), "scale"), &scale);
    ptrdiff_t point = str_find_char(text, '.');
    int64_t digits = point < 0 ? 0 : (int64_t)text.n - point - 1;
    return text.n > 0 && digits <= scale && str_find_char(text, 'e') < 0 &&
           str_find_char(text, 'E') < 0;
}

/* A constant or a parameter, perhaps with a cast that we know. */
static bool read_operand(const struct maker *m, const struct json *node, struct prune_operand *out)
{
    *out = (struct prune_operand){.parameter = -1};
    if (is_type(node, "OPERATOR_CAST")) {
        bool is_try = true;
        str type = text_of(json_get(node, "cast_type"), "id");
        if (!json_as_bool(json_get(node, "try_cast"), &is_try) || is_try) {
            return false;
        }
        out->cast = str_eq_c(type, "TIMESTAMP") ? TYPE_TIMESTAMP
                    : str_eq_c(type, "DATE")    ? TYPE_DATE
                    : str_eq_c(type, "BIGINT")  ? TYPE_BIGINT
                    : str_eq_c(type, "INTEGER") ? TYPE_BIGINT
                    : str_eq_c(type, "VARCHAR") ? TYPE_TEXT
                    : str_eq_c(type, "UUID")    ? TYPE_UUID
                    : str_eq_c(type, "TIME")    ? TYPE_TIME
                    : str_eq_c(type, "DOUBLE")  ? TYPE_DOUBLE
                    : str_eq_c(type, "DECIMAL") ? TYPE_DECIMAL
                                                : TYPE_NONE;
        if (out->cast == TYPE_NONE ||
            (out->cast == TYPE_DECIMAL && !keeps_digits(json_get(node, "cast_type"), node))) {
            return false;
        }
        node = json_get(node, "child");
    }
    if (is_type(node, "VALUE_CONSTANT")) {
        return read_constant(m, node, &out->value);
    }
    int64_t number = 0;
    if (is_type(node, "VALUE_PARAMETER") && str_to_i64(text_of(node, "identifier"), &number) &&
        number >= 1 && number <= DUCK_PARAMETERS_MAX) {
        out->parameter = (int)number - 1;
        return true;
    }
    return false;
}

/* Items that a condition may speak of. */
struct range {
    unsigned from;
    unsigned to;
};

/* -- columns ------------------------------------------------------------------------------------
 */

static bool find_column(const struct schema *schema, str name, struct prune_term *out)
{
    int at = schema_find_column(schema, name);
    if (at >= 0) {
        out->field_id = schema->columns[at].id;
        out->type = schema->columns[at].type.id;
        out->column = schema->columns[at].name;
        return true;
    }
    out->column = name;
    switch (schema_find_system_column(schema, name)) {
    case SYSTEM_SEQ:
        out->field_id = PARQUET_FIELD_SEQ;
        out->type = TYPE_BIGINT;
        return schema->kind != TABLE_STREAM;
    case SYSTEM_UPDATED:
        out->field_id = PARQUET_FIELD_UPDATED;
        out->type = TYPE_TIMESTAMP;
        return schema->kind != TABLE_STREAM;
    default:
        return false;
    }
}

/* Is the name qualified with this item, or not qualified at all? */
static bool may_mean(const struct item *item, const struct json *names)
{
    uint32_t count = names->as.children.count;
    str table = {NULL, 0};
    str schema = {NULL, 0};
    if (count == 1) {
        return true;
    }
    (void)json_as_text(json_at(names, count - 2), &table);
    if (count == 3) {
        (void)json_as_text(json_at(names, 0), &schema);
    }
    return count <= 3 && str_eq_nocase(table, item->alias) &&
           (count == 2 || str_eq(schema, item->engine_schema));
}

/* The place whose rows have the column of that name, which it puts into `out`; NULL: none, or it is
 * computed. */
static struct prune_place *item_column(const struct item *item, str name, struct prune_term *out)
{
    while (item->whole != NULL) {
        item = item->whole;
    }
    if (item->schema != NULL) {
        return find_column(item->schema, name, out) ? item->place : NULL;
    }
    for (const struct output *o = item->outputs; o != NULL; o = o->next) {
        if (str_eq_nocase(o->name, name)) {
            out->field_id = o->field_id;
            out->column = o->column;
            out->type = o->type;
            return o->place;
        }
    }
    return NULL;
}

/* The one place of this SELECT's items that a COLUMN_REF means; NULL: none of them, or not certain.
 */
static struct prune_place *find_place(struct maker *m, struct range in, const struct json *ref,
                                      struct prune_term *term)
{
    const struct json *names = json_get(ref, "column_names");
    if (!is_type(ref, "COLUMN_REF") || names == NULL || names->kind != JSON_ARRAY ||
        names->as.children.count == 0) {
        return NULL;
    }
    str column = {NULL, 0};
    (void)json_as_text(json_at(names, names->as.children.count - 1), &column);
    struct prune_place *found = NULL;
    for (unsigned i = in.from; i < in.to; i++) {
        struct prune_term candidate = *term;
        const struct item *item = &m->items[i];
        if (item->scope != m->scope || !may_mean(item, names)) {
            continue;
        }
        struct prune_place *place = item_column(item, column, &candidate);
        if (place != NULL && found != NULL) {
            return NULL;
        }
        if (place != NULL) {
            found = place;
            *term = candidate;
        }
    }
    return found;
}

/* -- conditions ---------------------------------------------------------------------------------
 */

static void add_term(struct maker *m, struct prune_place *place, const struct prune_term *term)
{
    struct prune_term *own = ARENA_NEW(m->keep, struct prune_term);
    *own = *term;
    own->column = arena_copy(m->keep, term->column);
    own->next = place->terms;
    place->terms = own;
}

static bool read_comparison(str type, bool is_swapped, enum prune_op *op)
{
    static const struct {
        const char *type;
        enum prune_op op;
        enum prune_op swapped;
    } operators[] = {
        {"COMPARE_EQUAL", PRUNE_IN, PRUNE_IN},
        {"COMPARE_LESSTHAN", PRUNE_LESS, PRUNE_MORE},
        {"COMPARE_LESSTHANOREQUALTO", PRUNE_AT_MOST, PRUNE_AT_LEAST},
        {"COMPARE_GREATERTHAN", PRUNE_MORE, PRUNE_LESS},
        {"COMPARE_GREATERTHANOREQUALTO", PRUNE_AT_LEAST, PRUNE_AT_MOST},
    };
    for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++) {
        if (str_eq_c(type, operators[i].type)) {
            *op = is_swapped ? operators[i].swapped : operators[i].op;
            return true;
        }
    }
    return false;
}

static void take_one(struct maker *m, struct range in, const struct json *ref, enum prune_op op,
                     const struct json *constant)
{
    struct prune_term term = {.op = op};
    struct prune_operand operand;
    struct prune_place *place = find_place(m, in, ref, &term);
    if (place != NULL && read_operand(m, constant, &operand)) {
        term.operands = ARENA_NEW(m->keep, struct prune_operand);
        term.operands[0] = operand;
        term.operand_count = 1;
        add_term(m, place, &term);
    }
}

/* The column's values as a source. NULL: there are too many, or it cannot be read alone. */
static const struct prune_source *source_of(struct maker *m, const struct prune_place *place,
                                            str column)
{
    for (struct prune_source *s = m->plan->sources; s != NULL; s = s->next) {
        if (s->place == place && str_eq(s->column, column)) {
            return s;
        }
    }
    if (place->table_text.n == 0 || m->plan->source_count == PRUNE_SOURCES_MAX) {
        return NULL;
    }
    struct prune_source *source = ARENA_NEW(m->keep, struct prune_source);
    source->place = place;
    source->column = arena_copy(m->keep, column);
    source->number = m->plan->source_count++;
    source->next = m->plan->sources;
    m->plan->sources = source;
    return source;
}

/* The place's column has a value of the other's (rule 4). */
static void take_values(struct maker *m, struct prune_place *place, struct prune_term *term,
                        const struct prune_place *other, str column)
{
    term->source = place != other ? source_of(m, other, column) : NULL;
    if (term->source != NULL) {
        add_term(m, place, term);
    }
}

/* left = right, both columns. */
static void take_pair(struct maker *m, struct range in, const struct json *left,
                      const struct json *right)
{
    struct prune_term one = {.op = PRUNE_IN};
    struct prune_term other = {.op = PRUNE_IN};
    struct prune_place *place = find_place(m, in, left, &one);
    struct prune_place *with = place != NULL ? find_place(m, in, right, &other) : NULL;
    if (with != NULL) {
        take_values(m, place, &one, with, other.column);
        take_values(m, with, &other, place, one.column);
    }
}

static bool take_select(struct maker *m, const struct json *node, struct range *in);

/* column IN (SELECT other FROM ...). Whatever else that SELECT does, its values are some of those
 * that `other` has in rows that fulfil its conditions. */
static void take_query(struct maker *m, struct range in, const struct json *node)
{
    const struct json *select = json_get(json_get(node, "subquery"), "node");
    struct prune_term term = {.op = PRUNE_IN};
    struct prune_term other = {.op = PRUNE_IN};
    struct prune_place *place = find_place(m, in, json_get(node, "child"), &term);
    bool is_any = str_eq_c(text_of(node, "subquery_type"), "ANY") &&
                  str_eq_c(text_of(node, "comparison_type"), "COMPARE_EQUAL");
    if (place == NULL || !is_any || select == NULL || !is_type(select, "SELECT_NODE") ||
        is_taken(m, select) || m->taken_count == ITEMS_MAX) {
        return;
    }
    unsigned around = m->scope;
    struct range inner;
    m->taken[m->taken_count++] = select;
    bool is_plain = take_select(m, select, &inner);
    const struct json *first = list_of(select, "select_list");
    struct prune_place *with =
        is_plain && first != NULL ? find_place(m, inner, first, &other) : NULL;
    m->scope = around;
    if (with != NULL) {
        take_values(m, place, &term, with, other.column);
    }
}

/* IS NULL, IS NOT NULL. */
static void take_null(struct maker *m, struct range in, const struct json *node, enum prune_op op)
{
    struct prune_term term = {.op = op};
    const struct json *children = json_get(node, "children");
    struct prune_place *place = find_place(m, in, json_at(children, 0), &term);
    if (place != NULL) {
        add_term(m, place, &term);
    }
}

static void take_list(struct maker *m, struct range in, const struct json *node)
{
    struct prune_term term = {.op = PRUNE_IN};
    const struct json *children = json_get(node, "children");
    struct prune_place *place = find_place(m, in, json_at(children, 0), &term);
    if (place == NULL || children->as.children.count < 2) {
        return;
    }
    term.operands = ARENA_ARRAY(m->keep, struct prune_operand, children->as.children.count);
    for (const struct json *c = children->as.children.first->next; c != NULL; c = c->next) {
        if (!read_operand(m, c, &term.operands[term.operand_count++])) {
            return;
        }
    }
    add_term(m, place, &term);
}

static bool is_conjunction(const struct json *node)
{
#ifdef KALAM_TESTING
    if (prune_mutant_is(PRUNE_SEES_OR) && is_type(node, "CONJUNCTION_OR")) {
        return true;
    }
#endif
    return is_type(node, "CONJUNCTION_AND");
}

static void take_condition(struct maker *m, struct range in, const struct json *node)
{
    enum prune_op op = PRUNE_IN;
    const struct json *left = json_get(node, "left");
    const struct json *right = json_get(node, "right");
    if (node == NULL || json_is_null(node) || m->depth >= DEPTH_MAX) {
        return;
    }
    if (is_conjunction(node)) {
        const struct json *children = json_get(node, "children");
        m->depth++;
        for (const struct json *c = children != NULL ? children->as.children.first : NULL;
             c != NULL; c = c->next) {
            take_condition(m, in, c);
        }
        m->depth--;
    } else if (is_type(node, "COMPARE_IN")) {
        take_list(m, in, node);
    } else if (is_type(node, "OPERATOR_IS_NULL")) {
        take_null(m, in, node, PRUNE_IS_NULL);
    } else if (is_type(node, "OPERATOR_IS_NOT_NULL")) {
        take_null(m, in, node, PRUNE_IS_NOT_NULL);
    } else if (is_type(node, "COMPARE_BETWEEN")) {
        take_one(m, in, json_get(node, "input"), PRUNE_AT_LEAST, json_get(node, "lower"));
        take_one(m, in, json_get(node, "input"), PRUNE_AT_MOST, json_get(node, "upper"));
    } else if (is_type(node, "SUBQUERY")) {
        take_query(m, in, node);
    } else if (read_comparison(text_of(node, "type"), false, &op)) {
        if (op == PRUNE_IN) {
            take_pair(m, in, left, right);
        }
        take_one(m, in, left, op, right);
        (void)read_comparison(text_of(node, "type"), true, &op);
        take_one(m, in, right, op, left);
    }
}

/* -- FROM ---------------------------------------------------------------------------------------
 */

static struct prune_place *add_place(struct maker *m, table_id table, const struct json *node)
{
    struct prune_place *place = ARENA_NEW(m->keep, struct prune_place);
    place->table = table;
    if (text_of(node, "catalog_name").n == 0) {
        struct buf text;
        buf_init(&text);
        duck_append_name(&text, text_of(node, "schema_name"));
        buf_append_byte(&text, '.');
        duck_append_name(&text, text_of(node, "table_name"));
        place->table_text = arena_copy(m->keep, buf_str(&text));
        buf_release(&text);
    }
    place->next = m->plan->places;
    m->plan->places = place;
    return place;
}

static void add_item(struct maker *m, const struct json *node)
{
    const struct schema *schema = schema_of(m, node);
    str alias = text_of(node, "alias");
    if (schema == NULL || m->item_count == ITEMS_MAX || !is_absent(node, "sample") ||
        !is_absent(node, "at_clause") || !is_empty_list(node, "column_name_alias")) {
        return;
    }
    m->items[m->item_count++] =
        (struct item){.node = node,
                      .scope = m->scope,
                      .alias = alias.n > 0 ? alias : text_of(node, "table_name"),
                      .engine_schema = text_of(node, "schema_name"),
                      .schema = schema,
                      .place = add_place(m, schema->table, node)};
}

/* -- subqueries, views, WITH ---------------------------------------------------------------------
 * A condition on a column of a subquery is one on the table behind it when the subquery hands the
 * column through as it is, and each of its rows by itself: no LIMIT, DISTINCT, GROUP BY, window. A
 * view is a subquery by now; a WITH that is read at one place is one, too. */

static struct with *find_with(struct maker *m, str name)
{
    for (unsigned i = 0; i < m->with_count; i++) {
        if (str_eq_nocase(m->withs[i].name, name)) {
            return &m->withs[i];
        }
    }
    if (m->with_count == WITHS_MAX) {
        return NULL;
    }
    m->withs[m->with_count] = (struct with){.name = name};
    return &m->withs[m->with_count++];
}

/* Counts where names of WITH are made and read, in the whole statement. */
static void find_withs(struct maker *m, const struct json *node)
{
    if ((node->kind != JSON_OBJECT && node->kind != JSON_ARRAY) || ++m->depth >= DEPTH_MAX) {
        return; /* so deep: the walk gives up, too */
    }
    if (node->kind == JSON_OBJECT && is_type(node, "BASE_TABLE") &&
        text_of(node, "schema_name").n == 0) {
        struct with *with = find_with(m, text_of(node, "table_name"));
        if (with != NULL) {
            with->uses++;
        }
    }
    for (const struct json *e = list_of(json_get(node, "cte_map"), "map"); e != NULL; e = e->next) {
        struct with *with = find_with(m, text_of(e, "key"));
        if (with != NULL) {
            with->definitions++;
            with->entry = json_get(e, "value");
        }
    }
    for (const struct json *c = node->as.children.first; c != NULL; c = c->next) {
        find_withs(m, c);
    }
    m->depth--;
}

/* The SELECT that a part of FROM reads and nothing else does; NULL: a table, or not certain. */
static const struct json *select_behind(struct maker *m, const struct json *node)
{
    const struct json *query = json_get(node, "subquery");
    if (!is_absent(node, "sample") || !is_empty_list(node, "column_name_alias")) {
        return NULL;
    }
    if (is_type(node, "BASE_TABLE")) {
        const struct with *with =
            text_of(node, "schema_name").n == 0 ? find_with(m, text_of(node, "table_name")) : NULL;
        bool is_once = with != NULL && with->definitions == 1 && with->uses == 1;
        if (!is_once || with->entry == NULL || !is_empty_list(with->entry, "aliases") ||
            !is_absent(node, "at_clause")) {
            return NULL;
        }
        query = json_get(with->entry, "query");
    }
    const struct json *select = json_get(query, "node");
    bool is_fine = select != NULL && is_type(select, "SELECT_NODE") && !is_taken(m, select) &&
                   m->taken_count < ITEMS_MAX && m->item_count < ITEMS_MAX;
    return is_fine ? select : NULL;
}

/* Is each row of the SELECT made of one row of its FROM, whatever the others are? */
static bool is_row_by_row(const struct json *select)
{
#ifdef KALAM_TESTING
    if (prune_mutant_is(PRUNE_THROUGH_ALL)) {
        return true;
    }
#endif
    for (const struct json *mod = list_of(select, "modifiers"); mod != NULL; mod = mod->next) {
        if (!is_type(mod, "ORDER_MODIFIER")) {
            return false;
        }
    }
    return is_empty_list(select, "group_expressions") && is_empty_list(select, "group_sets") &&
           str_eq_c(text_of(select, "aggregate_handling"), "STANDARD_HANDLING") &&
           is_absent(select, "having") && is_absent(select, "qualify") &&
           is_absent(select, "sample");
}

/* An expression of a select list that looks at no other row: no window, no query, nothing that
 * stands for several columns or rows. (An aggregate beside a bare column is refused by the engine.)
 */
static bool is_of_one_row(struct maker *m, const struct json *node)
{
    static const char *const known[] = {"COLUMN_REF", "CONSTANT", "PARAMETER",  "CAST",
                                        "FUNCTION",   "OPERATOR", "COMPARISON", "CONJUNCTION",
                                        "CASE",       "BETWEEN"};
    if (node->kind != JSON_OBJECT && node->kind != JSON_ARRAY) {
        return true;
    }
    str class = text_of(node, "class");
    bool is_fine = class.n == 0;
#ifdef KALAM_TESTING
    is_fine = is_fine || prune_mutant_is(PRUNE_THROUGH_ALL);
#endif
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        is_fine = is_fine || str_eq_c(class, known[i]);
    }
    if (!is_fine || str_eq_c(text_of(node, "function_name"), "unnest") || m->depth >= DEPTH_MAX) {
        return false;
    }
    m->depth++;
    for (const struct json *c = node->as.children.first; c != NULL && is_fine; c = c->next) {
        is_fine = is_of_one_row(m, c);
    }
    m->depth--;
    return is_fine;
}

/* SELECT * and nothing else: no column left out, replaced, renamed. */
static bool is_plain_star(const struct json *node)
{
    bool is_columns = true;
    return str_eq_c(text_of(node, "class"), "STAR") && node->next == NULL &&
           text_of(node, "relation_name").n == 0 && text_of(node, "alias").n == 0 &&
           is_empty_list(node, "exclude_list") && is_empty_list(node, "replace_list") &&
           is_empty_list(node, "qualified_exclude_list") && is_empty_list(node, "rename_list") &&
           is_absent(node, "expr") && json_as_bool(json_get(node, "columns"), &is_columns) &&
           !is_columns;
}

/* The columns handed through; NULL also when any name stands there twice, as the engine then
 * renames, or is not certain. `in`: the SELECT's own items. */
static struct output *outputs_of(struct maker *m, const struct json *select, struct range in)
{
    struct output *all = NULL;
    struct output *through = NULL;
    for (const struct json *e = list_of(select, "select_list"); e != NULL; e = e->next) {
        const struct json *names = json_get(e, "column_names");
        bool is_column = is_type(e, "COLUMN_REF") && names != NULL && names->kind == JSON_ARRAY &&
                         names->as.children.count > 0;
        struct output *one = ARENA_NEW(m->scratch, struct output);
        one->name = text_of(e, "alias");
        if (one->name.n == 0 && is_column) {
            (void)json_as_text(json_at(names, names->as.children.count - 1), &one->name);
        }
        if (one->name.n == 0 || !is_of_one_row(m, e)) {
            return NULL;
        }
        for (const struct output *o = all; o != NULL; o = o->next) {
            if (str_eq_nocase(o->name, one->name)) {
                return NULL;
            }
        }
        one->next = all;
        all = one;
        struct prune_term term = {0};
        struct prune_place *place = is_column ? find_place(m, in, e, &term) : NULL;
        if (place != NULL) {
            struct output *own = ARENA_NEW(m->scratch, struct output);
            *own =
                (struct output){through, one->name, place, term.field_id, term.column, term.type};
            through = own;
        }
    }
    return through;
}

static void add_subquery(struct maker *m, const struct json *node, const struct json *select)
{
    struct range in;
    struct item item = {.node = node, .scope = m->scope, .alias = text_of(node, "alias")};
    item.alias = item.alias.n > 0 ? item.alias : text_of(node, "table_name");
    m->taken[m->taken_count++] = select;
    bool is_plain = take_select(m, select, &in);
    const struct json *first = list_of(select, "select_list");
    if (is_plain && is_row_by_row(select) && first != NULL) {
        const struct json *from = json_get(select, "from_table");
        if (!is_plain_star(first)) {
            item.outputs = outputs_of(m, select, in);
        } else if (in.to > in.from && m->items[in.to - 1].node == from) {
            item.whole = &m->items[in.to - 1]; /* the one thing in FROM */
        }
    }
    m->scope = item.scope;
    if (m->item_count < ITEMS_MAX) {
        m->items[m->item_count++] = item;
    }
}

/* Adds what WHERE surely restricts, and takes ON of inner joins. False: names without a table may
 * mean something else than one of the items (USING). */
static bool take_from(struct maker *m, const struct json *node)
{
    if (is_type(node, "BASE_TABLE") || is_type(node, "SUBQUERY")) {
        const struct json *select = select_behind(m, node);
        if (select != NULL) {
            add_subquery(m, node, select);
        } else {
            add_item(m, node);
        }
        return true;
    }
    str ref = text_of(node, "ref_type");
    bool is_inner = str_eq_c(text_of(node, "join_type"), "INNER");
    bool is_known = str_eq_c(ref, "REGULAR") || str_eq_c(ref, "CROSS");
    if (!is_type(node, "JOIN") || !is_known || !is_absent(node, "sample") ||
        m->depth >= DEPTH_MAX) {
        return !is_type(node, "JOIN");
    }
    bool is_left = str_eq_c(text_of(node, "join_type"), "LEFT");
    bool is_plain = is_empty_list(node, "using_columns");
    unsigned from = m->item_count;
    m->depth++;
    if (is_inner || is_left) {
        is_plain = take_from(m, json_get(node, "left")) && is_plain;
    }
    if (is_inner) {
        is_plain = take_from(m, json_get(node, "right")) && is_plain;
        if (is_plain) {
            take_condition(m, (struct range){from, m->item_count}, json_get(node, "condition"));
        }
    }
    m->depth--;
    return is_plain && (is_inner || is_left);
}

/* FROM and WHERE of one SELECT. `in`: its items, among those of the SELECTs in its FROM. Leaves
 * m->scope at the SELECT's own. False: names without a table are not certain. */
static bool take_select(struct maker *m, const struct json *node, struct range *in)
{
    m->scope = ++m->scope_count;
    in->from = m->item_count;
    m->depth++;
    bool is_plain = m->depth < DEPTH_MAX && take_from(m, json_get(node, "from_table"));
    m->depth--;
    in->to = m->item_count;
    if (is_plain && is_absent(node, "sample")) {
        take_condition(m, *in, json_get(node, "where_clause"));
    }
    return is_plain;
}

/* -- the walk -----------------------------------------------------------------------------------
 */

static bool walk(struct maker *m, const struct json *node);

static bool walk_children(struct maker *m, const struct json *node)
{
    for (const struct json *c = node->as.children.first; c != NULL; c = c->next) {
        if (!walk(m, c)) {
            return false;
        }
    }
    return true;
}

static bool walk_select(struct maker *m, const struct json *node)
{
    if (!is_taken(m, node)) {
        struct range in;
        unsigned around = m->scope;
        (void)take_select(m, node, &in);
        m->scope = around;
    }
    return walk_children(m, node); /* its items stay, so that BASE_TABLE finds them */
}

static bool walk(struct maker *m, const struct json *node)
{
    if (node->kind != JSON_OBJECT && node->kind != JSON_ARRAY) {
        return true;
    }
    if (++m->depth >= DEPTH_MAX) {
        return false;
    }
    bool is_fine = true;
    if (node->kind == JSON_OBJECT && is_type(node, "SELECT_NODE")) {
        is_fine = walk_select(m, node);
    } else {
        if (node->kind == JSON_OBJECT && is_type(node, "BASE_TABLE")) {
            bool is_item = false;
            for (unsigned i = 0; i < m->item_count; i++) {
                is_item = is_item || m->items[i].node == node;
            }
            const struct schema *schema = is_item ? NULL : schema_of(m, node);
            if (schema != NULL) {
                (void)add_place(m, schema->table, node); /* without a condition: needs all files */
            }
        }
        is_fine = walk_children(m, node);
    }
    m->depth--;
    return is_fine;
}

const struct prune_plan *prune_plan_make(const struct json *printed,
                                         const struct gate_table *const *tables,
                                         unsigned table_count, struct arena *keep)
{
    struct arena scratch;
    arena_init(&scratch);
    struct maker *m = ARENA_NEW(&scratch, struct maker);
    m->keep = keep;
    m->scratch = &scratch;
    m->tables = tables;
    m->table_count = table_count;
    m->plan = ARENA_NEW(keep, struct prune_plan);
    find_withs(m, printed);
    bool is_complete = walk(m, printed);
    bool has_terms = false;
    for (const struct prune_place *p = m->plan->places; p != NULL; p = p->next) {
        has_terms = has_terms || p->terms != NULL;
    }
    const struct prune_plan *plan = is_complete && has_terms ? m->plan : NULL;
    if (plan != NULL) {
        prune_finish_sources(m->plan, keep);
    }
    arena_release(&scratch);
    return plan;
}

/* query/gate.c -- the check as a whole: parse, walk, print, and look again at what was printed.
 * The second look does not know how the text came about: it parses the printed text and accepts
 * only views that were resolved, names of WITH, and functions that may stand in a printed text. So
 * neither a fault of the printer nor one of ours lets anything in that the first look has not seen.
 * Threads:  one check, one thread. */
#include "query/gate_private.h"

#include "base/check.h"
#include "base/map.h"
#include "query/prune.h"

/* --- small things -------------------------------------------------------------------------------
 */

str gate_text(const struct json *node, const char *key)
{
    str text = {NULL, 0};
    (void)json_as_text(json_get(node, key), &text);
    return text;
}

bool gate_is_one_of(str text, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (str_eq_c(text, list[i])) {
            return true;
        }
    }
    return false;
}

void gate_copy(struct gate *g, const struct json *member)
{
    if (member != NULL) {
        json_write_key_str(&g->w, member->key);
        json_append(json_write_raw_begin(&g->w), member);
    }
}

void gate_write_text(struct gate *g, const char *key, str text)
{
    json_write_key(&g->w, key);
    json_write_text(&g->w, text);
}

status gate_refuse(struct gate *g, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    status result = error_set_va(g->err, ERROR_STATEMENT_UNSUPPORTED, format, args);
    va_end(args);
    return result;
}

/* Two levels of the tree for each operator or parenthesis. */
static status refuse_depth(struct gate *g)
{
    return error_set(g->err, ERROR_LIMIT,
                     "the statement is nested too deep: an expression has at most about %d "
                     "operators or parentheses within each other",
                     (LIMIT_JSON_DEPTH - GATE_DEPTH_MARGIN) / 2);
}

status gate_count(struct gate *g)
{
    if (++g->nodes > GATE_NODES_MAX) {
        return error_set(g->err, ERROR_LIMIT, "the statement has more than %d parts",
                         GATE_NODES_MAX);
    }
    if (g->w.depth > LIMIT_JSON_DEPTH - GATE_DEPTH_MARGIN) {
        return refuse_depth(g);
    }
    return STATUS_IS_OK;
}

status gate_unfold(struct gate *g, uint64_t cost)
{
    g->unfolded += cost;
    if (g->unfolded > GATE_UNFOLDED_MAX) {
        return error_set(g->err, ERROR_LIMIT,
                         "the statement unfolds to more than %d parts: a WITH query, a view or a "
                         "named column is read too often",
                         GATE_UNFOLDED_MAX);
    }
    return STATUS_IS_OK;
}

void gate_columns_add(struct gate *g, struct gate_columns *columns, struct gate_column column)
{
    if ((columns->count & (columns->count - 1)) == 0) { /* full at every power of two */
        struct gate_column *items =
            ARENA_ARRAY(g->arena, struct gate_column, columns->count == 0 ? 1 : 2 * columns->count);
        if (columns->count > 0) {
            memcpy(items, columns->items, columns->count * sizeof *items);
        }
        columns->items = items;
    }
    columns->items[columns->count++] = column;
}

/* `used`: names in lower case to the number that the next of the same name tries first. */
static str unused_name(struct gate *g, struct map *used, str base)
{
    unsigned *next = map_find(used, arena_lower(g->arena, base));
    str name = base;
    while (map_find(used, arena_lower(g->arena, name)) != NULL) {
        name = arena_format(g->arena, STR_FMT "_%u", STR(base), (*next)++);
    }
    unsigned *first = ARENA_NEW(g->arena, unsigned);
    *first = 1;
    (void)map_put(used, arena_lower(g->arena, name), first);
    return name;
}

status gate_columns_rename(struct gate *g, struct gate_columns *columns, const struct json *names)
{
    if (names == NULL || names->kind != JSON_ARRAY) {
        return gate_refuse(g, "the tree has an unknown form");
    }
    struct gate_columns renamed = {.is_open = columns->is_open, .is_table = columns->is_table};
    const struct json *name = names->as.children.first;
    struct map used;
    map_init(&used);
    for (unsigned i = 0; i < columns->count; i++) {
        struct gate_column column = columns->items[i];
        if (name != NULL) {
            (void)json_as_text(name, &column.name);
            name = name->next;
        }
        column.name = unused_name(g, &used, column.name);
        gate_columns_add(g, &renamed, column);
    }
    map_release(&used);
    *columns = renamed;
    return STATUS_IS_OK;
}

status gate_check_width(struct gate *g, const struct gate_columns *columns)
{
    if (columns->count > GATE_WIDTH_MAX) {
        return error_set(g->err, ERROR_LIMIT, "a result has more than %d columns", GATE_WIDTH_MAX);
    }
    return STATUS_IS_OK;
}

/* --- parsing ------------------------------------------------------------------------------------
 */

static status error_of_parser(struct gate *g, const struct json *tree)
{
    str type = gate_text(tree, "error_type");
    str message = gate_text(tree, "error_message");
    if (str_starts_with(message, STR_LIT("Max expression depth"))) {
        return refuse_depth(g);
    }
    if (str_eq_c(type, "parser") && message.n < 300) {
        return error_set(g->err, ERROR_SYNTAX, STR_FMT, STR(message));
    }
    if (str_starts_with(message, STR_LIT("Only SELECT"))) {
        return gate_refuse(g, "only SELECT is accepted here");
    }
    if (str_starts_with(message, STR_LIT("Mixing named"))) {
        return error_set(g->err, ERROR_SYNTAX, "parameters are written $1, $2 ...");
    }
    return error_set(g->err, ERROR_SYNTAX, "the statement is not well-formed");
}

status gate_parse(struct gate *g, str text, const struct json **statement)
{
    if (text.n > LIMIT_SQL_BYTES) {
        return error_set(g->err, ERROR_SQL_TOO_LONG, "a statement is limited to %d bytes",
                         LIMIT_SQL_BYTES);
    }
    if (str_find_char(text, '\0') >= 0 || !str_is_utf8(text)) {
        return error_set(g->err, ERROR_SYNTAX, "the statement is no UTF-8 text");
    }
    TRY(gate_check_cost(g, text));
    str json;
    const struct json *tree;
    TRY(duck_parse_select(g->options->parser, text, g->arena, &json, g->err));
    if (!status_ok(json_parse(json, g->arena, &tree, NULL))) {
        /* The engine writes well-formed JSON, but for infinite numbers. */
        return str_find(json, STR_LIT("Infinity")) < 0
                   ? refuse_depth(g)
                   : error_set(g->err, ERROR_LIMIT,
                               "the statement has a number that is too large for a DOUBLE");
    }
    bool is_error = true;
    if (!json_as_bool(json_get(tree, "error"), &is_error) || is_error) {
        return error_of_parser(g, tree);
    }
    const struct json *statements = json_get(tree, "statements");
    if (statements == NULL || statements->kind != JSON_ARRAY ||
        statements->as.children.count != 1) {
        return error_set(g->err, ERROR_SYNTAX, "exactly one statement is expected");
    }
    *statement = statements->as.children.first;
    return STATUS_IS_OK;
}

/* --- the second look ----------------------------------------------------------------------------
 */

static bool is_word_of(str word, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (str_eq_c(word, list[i])) {
            return true;
        }
    }
    return false;
}
#define IS_WORD_OF(word, list) is_word_of((word), (list), sizeof(list) / sizeof((list)[0]))

static bool is_resolved_table(const struct gate *g, const struct json *node)
{
    str catalog = gate_text(node, "catalog_name");
    str schema = gate_text(node, "schema_name");
    str name = gate_text(node, "table_name");
    const struct json *at_clause = json_get(node, "at_clause");
    if (at_clause != NULL && !json_is_null(at_clause)) {
        return false;
    }
    if (catalog.n == 0 && schema.n == 0) {
        for (unsigned i = 0; i < g->cte_count; i++) {
            if (str_eq_nocase(g->cte_names[i], name)) {
                return true;
            }
        }
        return false;
    }
    for (unsigned i = 0; i < g->table_count; i++) {
        const struct gate_table *table = g->tables[i];
        char wanted[DUCK_SCHEMA_NAME_BYTES] = "";
        bool is_system = table->decision.kind == GATE_SYSTEM;
        bool is_catalog = str_eq_c(catalog, is_system ? DUCK_SYSTEM_CATALOG : "") ||
                          (table->is_read_raw && str_eq_c(catalog, DUCK_RAW_CATALOG));
        if (table->decision.kind == GATE_VIEW || !str_eq(table->name, name) || !is_catalog) {
            continue;
        }
        if (!is_system) {
            const struct schema *s = table->decision.schema;
            duck_schema_name(s->table, s->version, wanted);
        }
        bool is_here = is_system
                           ? str_starts_with(schema, STR_LIT(DUCK_SYSTEM_SCHEMA_PREFIX)) &&
                                 str_eq(str_skip(schema, sizeof DUCK_SYSTEM_SCHEMA_PREFIX - 1),
                                        table->namespace_name)
                           : str_eq_c(schema, wanted);
        if (is_here) {
            return true;
        }
    }
    return false;
}

static bool is_known_expression(const struct gate *g, const struct json *node)
{
    static const char *const classes[] = {
        "BETWEEN",     "CASE",     "CAST",     "COLUMN_REF", "COMPARISON",
        "CONJUNCTION", "CONSTANT", "OPERATOR", "SUBQUERY",   "POSITIONAL_REFERENCE"};
    str class = gate_text(node, "class");
    if (str_eq_c(class, "FUNCTION") || str_eq_c(class, "WINDOW")) {
        str schema = gate_text(node, "schema");
        return gate_function_may_stand(gate_text(node, "function_name")) &&
               gate_text(node, "catalog").n == 0 && (schema.n == 0 || str_eq_c(schema, "main"));
    }
    if (str_eq_c(class, "PARAMETER")) {
        int64_t number;
        return str_to_i64(gate_text(node, "identifier"), &number) && number >= 1 &&
               (unsigned)number <= g->plan->parameter_count + g->plan->hidden_count;
    }
    if (str_eq_c(class, "STAR")) {
        bool is_columns = true;
        return json_as_bool(json_get(node, "columns"), &is_columns) && !is_columns;
    }
    return IS_WORD_OF(class, classes);
}

static status look_again(struct gate *g, const struct json *node);

static status look_at_children(struct gate *g, const struct json *node)
{
    for (const struct json *m = node->as.children.first; m != NULL; m = m->next) {
        TRY(look_again(g, m));
    }
    return STATUS_IS_OK;
}

static status look_again(struct gate *g, const struct json *node)
{
    static const char *const types[] = {
        "SELECT_NODE",       "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE",
        "CTE_NODE",          "BASE_TABLE",         "JOIN",
        "SUBQUERY",          "EXPRESSION_LIST",    "EMPTY",
        "TABLE_FUNCTION",    "ORDER_MODIFIER",     "LIMIT_MODIFIER",
        "DISTINCT_MODIFIER", "ORDER_DEFAULT",      "ASCENDING",
        "DESCENDING",        "DECIMAL_TYPE_INFO",  "LIST_TYPE_INFO",
        "ARRAY_TYPE_INFO",
    };
    static const char *const refused_types[] = {"USER", "ENUM", "STRUCT", "MAP", "UNION"};
    if (node->kind == JSON_ARRAY) {
        return look_at_children(g, node);
    }
    if (node->kind != JSON_OBJECT) {
        return STATUS_IS_OK;
    }
    bool is_fine = true;
    str type = gate_text(node, "type");
    if (json_get(node, "class") != NULL) {
        is_fine = is_known_expression(g, node);
    } else if (str_eq_c(type, "TABLE_FUNCTION")) {
        const struct json *function = json_get(node, "function");
        is_fine =
            gate_class_of_table_function(gate_text(function, "function_name")) == GATE_ALLOW &&
            gate_text(function, "schema").n == 0;
        return is_fine ? look_again(g, json_get(function, "children"))
                       : gate_refuse(g, "the statement does not survive its own printing");
    } else if (str_eq_c(type, "BASE_TABLE")) {
        is_fine = is_resolved_table(g, node);
    } else if (type.n > 0) {
        is_fine = IS_WORD_OF(type, types);
    } else if (json_get(node, "type_info") != NULL) {
        is_fine = !IS_WORD_OF(gate_text(node, "id"), refused_types);
    }
    if (!is_fine) {
        return gate_refuse(g, "the statement does not survive its own printing");
    }
    return look_at_children(g, node);
}

/* --- the check ----------------------------------------------------------------------------------
 */

static void start_walk(struct gate *g, bool has_decimal)
{
    buf_clear(&g->out);
    g->w = json_writer_on(&g->out);
    g->has_decimal = has_decimal;
    g->has_decided_decimal = false;
    for (int i = 0; i < GATE_HIDDEN_COUNT; i++) {
        g->hidden_at[i] = -1;
    }
    g->parameters_used = 0;
    g->parameters_written = 0;
    g->raw_written = g->raw_relations;
    memset(g->cte_uses, 0, sizeof g->cte_uses);
    g->cte_count = 0;
    g->namespace_name = g->options->default_namespace;
    g->is_in_view = false;
    g->is_in_filter = false;
    g->is_value = false;
    g->is_alias_first = false;
    g->view_depth = 0;
    g->query_depth = 0;
    g->subquery_depth = 0;
    g->subquery_depth_seen = 0;
    g->growth_depth = 0;
    g->relation_count = 0;
    g->nodes = 0;
    g->unfolded = 0;
    g->plan->hidden_count = 0;
    g->plan->row_max = 0;
}

static status walk(struct gate *g, const struct json *statement, struct gate_columns *columns)
{
    json_write_object_begin(&g->w);
    json_write_key(&g->w, "error");
    json_write_bool(&g->w, false);
    json_write_key(&g->w, "statements");
    json_write_array_begin(&g->w);
    TRY(gate_statement(g, NULL, NULL, statement, true, columns));
    json_write_array_end(&g->w);
    json_write_object_end(&g->w);
    return STATUS_IS_OK;
}

static status check_parameters(struct gate *g)
{
    unsigned given = g->options->parameter_count;
    unsigned expected = 0;
    while (expected < LIMIT_PARAMS && g->parameters_used >> expected != 0) {
        expected++;
    }
    if (g->options->allows_unused ? expected > given : expected != given) {
        return error_set(g->err, ERROR_PARAMETER_COUNT,
                         "Parameter count mismatch: expected %u parameters, got %u", expected,
                         given);
    }
    for (unsigned i = 0; i < given && !g->options->allows_unused; i++) {
        if ((g->parameters_used >> i & 1) == 0) {
            /* the engine has no place to bind it to */
            return error_set(g->err, ERROR_PARAMETER_COUNT, "Parameter $%u is not used", i + 1);
        }
    }
    return STATUS_IS_OK;
}

static void finish_plan(struct gate *g, const struct gate_columns *columns)
{
    struct gate_plan *plan = g->plan;
    struct gate_table *tables = ARENA_ARRAY(g->keep, struct gate_table, g->table_count + 1);
    for (unsigned i = 0; i < g->table_count; i++) {
        tables[i] = *g->tables[i];
    }
    plan->tables = tables;
    plan->table_count = g->table_count;
    plan->mentions_deleted = g->raw_relations != 0;
    if (columns->is_open) {
        return;
    }
    struct gate_output *outputs = ARENA_ARRAY(g->keep, struct gate_output, columns->count + 1);
    for (unsigned i = 0; i < columns->count; i++) {
        const struct gate_column *c = &columns->items[i];
        outputs[i] = (struct gate_output){.name = arena_copy(g->keep, c->name),
                                          .column = c->column,
                                          .type = c->type,
                                          .system_column = c->system_column};
        for (unsigned t = 0; c->table != NULL && t < g->table_count; t++) {
            outputs[i].table = g->tables[t] == c->table ? &tables[t] : outputs[i].table;
        }
    }
    plan->outputs = outputs;
    plan->output_count = columns->count;
}

static uint64_t all_parameters(const struct gate *g)
{
    return ((uint64_t)1 << g->options->parameter_count) - 1;
}

static void finish_parameters(struct gate *g)
{
    for (unsigned i = 0; i < g->options->parameter_count; i++) {
        if ((g->parameters_kept >> i & 1) != 0) {
            g->plan->parameters[g->plan->parameter_count++] = (uint8_t)i;
        }
    }
}

/* Has the walk found what it should have known from the start? */
static bool knows_more(struct gate *g, bool *has_decimal)
{
    bool is_more = false;
    if (g->has_decimal && g->has_decided_decimal) { /* a literal came before the first DECIMAL */
        *has_decimal = true;
        is_more = true;
    }
    if (g->parameters_used != g->parameters_kept) { /* the engine wants numbers without gaps */
        g->parameters_kept = g->parameters_used;
        is_more = true;
    }
    is_more |= g->raw_relations != g->raw_written;
    for (unsigned i = 0; i < g->cte_count; i++) {
        if (g->cte_has_parameter[i] && g->cte_uses[i] > 1 && !g->cte_is_kept_whole[i]) {
            g->cte_is_kept_whole[i] = true;
            is_more = true;
        }
    }
    return is_more;
}

/* Walks as often as it takes to know what the whole text has. */
static status walk_all(struct gate *g, const struct json *statement, struct gate_columns *columns)
{
    bool has_decimal = false;
    g->parameters_kept = all_parameters(g);
    do {
        *columns = (struct gate_columns){0};
        start_walk(g, has_decimal);
        TRY(walk(g, statement, columns));
        TRY(check_parameters(g));
    } while (knows_more(g, &has_decimal));
    finish_parameters(g);
    return STATUS_IS_OK;
}

static status check(struct gate *g, str text)
{
    const struct json *statement;
    const struct json *printed;
    struct gate_columns columns = {0};
    TRY(gate_parse(g, text, &statement));
    TRY(walk_all(g, statement, &columns));
    TRY(duck_print_select(g->options->parser, buf_str(&g->out), g->keep, &g->plan->text, g->err));
    TRY(gate_parse(g, g->plan->text, &printed));
    TRY(look_again(g, printed));
    finish_plan(g, &columns);
    g->plan->prune = prune_plan_make(printed, (const struct gate_table *const *)g->tables,
                                     g->table_count, g->keep);
    return STATUS_IS_OK;
}

status gate_check(const struct gate_options *options, str text, struct arena *arena,
                  struct gate_plan *plan, struct error *err)
{
    memset(plan, 0, sizeof *plan);
    struct arena scratch;
    arena_init(&scratch);
    struct gate g = {
        .options = options, .arena = &scratch, .keep = arena, .err = err, .plan = plan};
    buf_init(&g.out);
    status result = check(&g, text);
    arena_release(&scratch);
    buf_release(&g.out);
    mem_free(g.tables);
    mem_free(g.cte_names);
    return result;
}

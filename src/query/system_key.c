/* query/system_key.c -- which rows of a system table a SELECT asks for by key or by index, so that
 * the others need not be made. Only a hint: the statement's condition is still evaluated on what is
 * made. EXPLAIN tells which. */
#include "query/system_private.h"

/* The columns that rows can be found by, the best of a table first. */
static const struct {
    const char *namespace_name;
    const char *table;
    const char *column;
} keys[] = {{"system", "users", "user_id"},
            {"system", "users", "role"},
            {"system", "namespaces", "namespace_id"},
            {"system", "schemas", "table_id"},
            {"system", "tables", "table_name"},
            {"system", "columns", "table_name"},
            {"system", "storages", "storage_id"},
            {"system", "audit_log", "audit_id"},
            {"system", "jobs", "job_id"},
            {"system", "jobs", "idempotency_key"},
            {"system", "jobs", "status"},
            {"system", "job_nodes", "job_id"},
            {"system", "manifest", "cache_key"},
            {"system", "manifest", "table_name"},
            {"system", "manifest", "sync_state"},
            {"information_schema", "tables", "table_name"},
            {"information_schema", "columns", "table_name"}};

/* The text that `e` is known to be; false: it is something else. */
static bool text_of(const struct run *run, const struct expr *e, str *out)
{
    const struct value *v = e->kind == EXPR_LITERAL ? &e->as.literal.value
                            : e->kind == EXPR_PARAM ? &run->query->params[e->as.param - 1]
                                                    : NULL;
    if (v == NULL || v->is_null || v->type.id != TYPE_TEXT) {
        return false;
    }
    *out = v->as.text;
    return true;
}

static bool is_column(const struct expr *e, const char *column)
{
    return e->kind == EXPR_COLUMN && str_eq_c(e->as.column.name, column);
}

/* Is `e`, or one of what it joins by AND, `column = text`? */
static bool find_text(const struct run *run, const struct expr *e, const char *column, str *out)
{
    if (e->kind == EXPR_AND) {
        for (unsigned i = 0; i < e->as.list.count; i++) {
            if (find_text(run, e->as.list.items[i], column, out)) {
                return true;
            }
        }
        return false;
    }
    if (e->kind != EXPR_BINARY || e->op != OP_EQ) {
        return false;
    }
    const struct expr *left = e->as.binary.left;
    const struct expr *right = e->as.binary.right;
    return (is_column(left, column) && text_of(run, right, out)) ||
           (is_column(right, column) && text_of(run, left, out));
}

void system_key_find(const struct run *run, const struct statement *statement,
                     struct read_context *rc)
{
    if (statement->kind != STATEMENT_SELECT || !statement->as.select.is_simple) {
        return; /* the table may be read more than once */
    }
    const struct simple_select *select = &statement->as.select.simple;
    const struct system_table *table =
        system_table_find(run_namespace(run, select->table.ns), select->table.name);
    for (size_t i = 0; table != NULL && select->where != NULL && rc->key.column == NULL &&
                       i < sizeof keys / sizeof keys[0];
         i++) {
        str text;
        if (strcmp(keys[i].namespace_name, table->namespace_name) == 0 &&
            strcmp(keys[i].table, table->name) == 0 &&
            find_text(run, select->where, keys[i].column, &text)) {
            rc->key = (struct system_key){keys[i].column, text};
        }
    }
}

bool system_key_skips(const struct read_context *rc, const char *column, str text)
{
    return rc->key.column != NULL && strcmp(rc->key.column, column) == 0 &&
           !str_eq(rc->key.text, text);
}

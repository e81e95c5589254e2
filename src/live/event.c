/* live/event.c -- see event.h. */
#include "live/event.h"

#include "base/check.h"
#include "query/expression.h"
#include "query/row_columns.h"

static unsigned seq_index(const struct schema *schema)
{
    return schema->column_count + SYSTEM_SEQ;
}

static unsigned updated_index(const struct schema *schema)
{
    return schema->column_count + SYSTEM_UPDATED;
}

static unsigned deleted_index(const struct schema *schema)
{
    return schema->column_count + SYSTEM_DELETED;
}

static str column_name(const struct schema *schema, unsigned index)
{
    return index < schema->column_count
               ? schema->columns[index].name
               : str_from(system_column_name((enum system_column)(index - schema->column_count)));
}

/* -- projections --------------------------------------------------------------------------------
 */

static status find_column(const struct schema *schema, str name, unsigned *index, struct error *err)
{
    int column = schema_find_column(schema, name);
    if (column < 0) {
        int system = schema_find_system_column(schema, name);
        if (system < 0) {
            return error_set(err, ERROR_COLUMN_NOT_FOUND,
                             "column '" STR_FMT "' not found in table " STR_FMT "." STR_FMT,
                             STR(name), STR(schema->namespace_name), STR(schema->table_name));
        }
        column = (int)schema->column_count + system;
    }
    *index = (unsigned)column;
    return STATUS_IS_OK;
}

static bool has_column(const unsigned *columns, unsigned count, unsigned index)
{
    for (unsigned i = 0; i < count; i++) {
        if (columns[i] == index) {
            return true;
        }
    }
    return false;
}

static const str *make_keys(const struct schema *schema, unsigned width, struct arena *arena)
{
    str *keys = ARENA_ARRAY(arena, str, width);
    struct buf text;
    buf_init(&text);
    for (unsigned i = 0; i < width; i++) {
        buf_clear(&text);
        json_append_text(&text, column_name(schema, i));
        buf_append_byte(&text, ':');
        keys[i] = arena_copy(arena, buf_str(&text));
    }
    buf_release(&text);
    return keys;
}

status projection_init(struct projection *p, const struct schema *schema, bool is_star,
                       const str *names, unsigned count, bool is_masked, struct arena *arena,
                       struct error *err)
{
    unsigned width = expression_width(schema);
    unsigned *columns = ARENA_ARRAY(arena, unsigned, width);
    unsigned used = 0;
    for (unsigned i = 0; i < schema->column_count && is_star; i++) {
        columns[used++] = i;
    }
    for (unsigned i = 0; i < count && !is_star; i++) {
        unsigned index = 0;
        TRY(find_column(schema, names[i], &index, err));
        if (!has_column(columns, used, index)) {
            columns[used++] = index;
        }
    }
    *p = (struct projection){.schema = schema,
                             .is_star = is_star,
                             .is_masked = is_masked,
                             .columns = columns,
                             .count = used,
                             .keys = make_keys(schema, width, arena),
                             .width = width};
    return STATUS_IS_OK;
}

bool projection_eq(const struct projection *a, const struct projection *b)
{
    return a->schema->version == b->schema->version && a->schema->table.v == b->schema->table.v &&
           a->is_star == b->is_star && a->is_masked == b->is_masked && a->count == b->count &&
           memcmp(a->columns, b->columns, a->count * sizeof *a->columns) == 0;
}

static void want(uint64_t *wanted, unsigned column)
{
    wanted[column / 64] |= UINT64_C(1) << (column % 64);
}

void projection_want(const struct projection *p, uint64_t *wanted)
{
    for (unsigned i = 0; i < p->count; i++) {
        want(wanted, p->columns[i]);
    }
    if (p->schema->primary_key >= 0) {
        want(wanted, (unsigned)p->schema->primary_key);
    }
    want(wanted, seq_index(p->schema));
    want(wanted, updated_index(p->schema));
    want(wanted, deleted_index(p->schema));
}

static void put_field(struct buf *out, const struct projection *p, unsigned column, unsigned index)
{
    const struct result_column field = row_column(p->schema, column);
    if (index > 0) {
        buf_append_byte(out, ',');
    }
    result_append_field(out, &field, index);
}

void projection_append_schema(struct buf *out, const struct projection *p)
{
    unsigned index = 0;
    buf_append_byte(out, '[');
    for (unsigned i = 0; i < p->count; i++) {
        put_field(out, p, p->columns[i], index++);
    }
    for (unsigned c = p->schema->column_count; c < p->width && p->is_star; c++) {
        if (p->schema->kind != TABLE_STREAM || c != updated_index(p->schema)) {
            put_field(out, p, c, index++);
        }
    }
    buf_append_byte(out, ']');
}

/* -- rows ---------------------------------------------------------------------------------------
 */

static bool is_secret(str name)
{
    return str_eq_c(name, "credentials") || str_eq_c(name, "password_hash");
}

static status put_cell(struct buf *out, const struct projection *p, unsigned column,
                       const struct value *value, struct error *err)
{
    if (out->p[out->n - 1] != '{') {
        buf_append_byte(out, ',');
    }
    buf_append_str(out, p->keys[column]);
    if (p->is_masked && !value->is_null && is_secret(column_name(p->schema, column))) {
        buf_append_c(out, "\"***\"");
        return STATUS_IS_OK;
    }
    return value_append_json(out, value, err);
}

/* What stands in a row besides `_seq`. */
struct form_rule {
    bool has_selected;
    bool has_key; /* also when it was not selected */
    bool has_updated;
    bool has_deleted;
};

static struct form_rule rule_of(const struct projection *p, enum row_form form)
{
    bool is_stream = p->schema->kind == TABLE_STREAM;
    bool has_updated = p->is_star && !is_stream;
    switch (form) {
    case ROW_FORM_INITIAL:
        return (struct form_rule){true, false, has_updated, p->is_star};
    case ROW_FORM_INSERT:
        return (struct form_rule){true, false, has_updated, p->is_star && !is_stream};
    case ROW_FORM_UPDATE:
        return (struct form_rule){true, true, has_updated, false};
    case ROW_FORM_OLD:
        return (struct form_rule){true, true, false, false};
    case ROW_FORM_DELETE:
        return (struct form_rule){true, false, has_updated, true};
    case ROW_FORM_LEAVE:
        break;
    }
    return (struct form_rule){false, true, false, false};
}

static bool is_shown(const struct projection *p, enum row_form form, unsigned column,
                     const struct value *values, const struct value *other)
{
    if (form != ROW_FORM_OLD) {
        return true;
    }
    bool is_key = (int)column == p->schema->primary_key;
    return !is_key && column < p->schema->column_count &&
           !value_identical(&values[column], &other[column]);
}

static status put_row(struct buf *out, const struct projection *p, enum row_form form,
                      const struct value *values, const struct value *other, struct error *err)
{
    const struct schema *schema = p->schema;
    struct form_rule rule = rule_of(p, form);
    bool has_key = false;
    buf_append_byte(out, '{');
    for (unsigned i = 0; i < p->count && rule.has_selected; i++) {
        unsigned column = p->columns[i];
        if (is_shown(p, form, column, values, other)) {
            has_key = has_key || (int)column == schema->primary_key;
            TRY(put_cell(out, p, column, &values[column], err));
        }
    }
    if (rule.has_key && !has_key && schema->primary_key >= 0) {
        unsigned key = (unsigned)schema->primary_key;
        TRY(put_cell(out, p, key, &values[key], err));
    }
    TRY(put_cell(out, p, seq_index(schema), &values[seq_index(schema)], err));
    if (rule.has_updated) {
        TRY(put_cell(out, p, updated_index(schema), &values[updated_index(schema)], err));
    }
    if (rule.has_deleted) {
        TRY(put_cell(out, p, deleted_index(schema), &values[deleted_index(schema)], err));
    }
    buf_append_byte(out, '}');
    return STATUS_IS_OK;
}

status event_append_row(struct buf *out, const struct projection *p, enum row_form form,
                        const struct value *values, const struct value *other, struct error *err)
{
    DCHECK(form != ROW_FORM_OLD || other != NULL);
    size_t before = out->n;
    status result = put_row(out, p, form, values, other, err);
    if (!status_ok(result)) {
        out->n = before;
    }
    return result;
}

/* -- changes ------------------------------------------------------------------------------------
 */

/* The key of a row whose old image is not at hand, with the `_seq` that it had (0: not known). */
static status put_key_only(struct buf *out, const struct projection *p, const struct value *values,
                           uint64_t seq, struct error *err)
{
    buf_append_byte(out, '{');
    if (p->schema->primary_key >= 0) {
        unsigned key = (unsigned)p->schema->primary_key;
        TRY(put_cell(out, p, key, &values[key], err));
    }
    if (seq > 0) {
        const struct value v = value_int(TYPE_BIGINT, (int64_t)seq);
        TRY(put_cell(out, p, seq_index(p->schema), &v, err));
    }
    buf_append_byte(out, '}');
    return STATUS_IS_OK;
}

/* {"row_id":"user:seq"}: STREAM rows go without a tombstone. */
static void put_row_id(struct buf *out, const struct event *event)
{
    struct buf id;
    buf_init(&id);
    buf_append_str(&id, event->owner);
    buf_append_byte(&id, ':');
    buf_append_u64_text(&id, event->old_seq);
    buf_append_c(out, "{\"row_id\":");
    json_append_text(out, buf_str(&id));
    buf_append_byte(out, '}');
    buf_release(&id);
}

static status put_change(struct buf *out, const struct projection *p, const struct event *event,
                         struct error *err)
{
    switch (event->kind) {
    case EVENT_INSERT:
        buf_append_c(out, "\"change_type\":\"insert\",\"rows\":[");
        TRY(event_append_row(out, p, ROW_FORM_INSERT, event->row, NULL, err));
        break;
    case EVENT_UPDATE:
        buf_append_c(out, "\"change_type\":\"update\",\"rows\":[");
        TRY(event_append_row(out, p, ROW_FORM_UPDATE, event->row, NULL, err));
        buf_append_c(out, "],\"old_values\":[");
        TRY(event->old != NULL ? event_append_row(out, p, ROW_FORM_OLD, event->old, event->row, err)
                               : put_key_only(out, p, event->row, event->old_seq, err));
        break;
    case EVENT_DELETE:
        buf_append_c(out, "\"change_type\":\"delete\",\"old_values\":[");
        if (p->schema->kind == TABLE_STREAM) {
            put_row_id(out, event);
        } else {
            TRY(event_append_row(out, p, ROW_FORM_DELETE, event->row, NULL, err));
        }
        break;
    case EVENT_LEAVE:
        buf_append_c(out, "\"change_type\":\"leave\",\"old_values\":[");
        TRY(event_append_row(out, p, ROW_FORM_LEAVE, event->row, NULL, err));
        break;
    }
    buf_append_byte(out, ']');
    return STATUS_IS_OK;
}

status event_append_change(struct buf *out, const struct projection *p, const struct event *event,
                           struct error *err)
{
    size_t before = out->n;
    status result = put_change(out, p, event, err);
    if (!status_ok(result)) {
        out->n = before;
    }
    return result;
}

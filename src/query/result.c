/* query/result.c -- writing RESULT objects. */
#include "query/result.h"
#include "base/check.h"

static void begin(struct results *r)
{
    if (r->count++ > 0) {
        buf_append_byte(r->out, ',');
    }
}

/* Nothing when there is none. */
static void append_flags(struct buf *out, const struct result_column *column)
{
    const struct {
        const char *name;
        bool is_set;
    } flags[] = {{"pk", column->is_primary_key},
                 {"nn", column->is_primary_key || column->is_not_null},
                 {"uq", column->is_primary_key || column->is_unique}};
    bool is_first = true;
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        if (flags[i].is_set) {
            buf_append_c(out, is_first ? ",\"flags\":[\"" : ",\"");
            buf_append_c(out, flags[i].name);
            buf_append_byte(out, '"');
            is_first = false;
        }
    }
    if (!is_first) {
        buf_append_byte(out, ']');
    }
}

void result_append_field(struct buf *out, const struct result_column *column, unsigned index)
{
    buf_append_c(out, "{\"name\":");
    json_append_text(out, column->name);
    buf_append_c(out, ",\"data_type\":");
    if (column->is_wire_text) {
        buf_append_c(out, "\"Text\"");
    } else {
        type_append_wire(out, column->type);
    }
    buf_append_c(out, ",\"index\":");
    buf_append_u64_text(out, index);
    append_flags(out, column);
    buf_append_byte(out, '}');
}

void result_begin_rows(struct results *r, const struct result_column *columns, unsigned count)
{
    begin(r);
    r->columns = columns;
    r->column_count = count;
    r->row_count = 0;
    r->was_truncated = false;
    r->is_single_rows = !r->is_batch;
    buf_append_c(r->out, "{\"schema\":[");
    for (unsigned i = 0; i < count; i++) {
        if (i > 0) {
            buf_append_byte(r->out, ',');
        }
        result_append_field(r->out, &columns[i], i);
    }
    buf_append_c(r->out, "],\"rows\":[");
}

static status append_cell(struct results *r, unsigned column, const struct value *v,
                          struct error *err)
{
    const struct result_column *c = &r->columns[column];
    if (c->is_masked && !v->is_null) {
        buf_append_c(r->out, "\"***\"");
        return STATUS_IS_OK;
    }
    if (c->is_raw_json && !v->is_null) {
        buf_append_str(r->out, v->as.text);
        return STATUS_IS_OK;
    }
    return value_append_json(r->out, v, err);
}

static status after_row(struct results *r, struct error *err)
{
    buf_append_byte(r->out, ']');
    r->row_count++;
    if (r->flush != NULL && r->out->n > RESULT_FLUSH_BYTES) {
        r->flush_count++;
        return r->flush(r->flush_context, err);
    }
    return STATUS_IS_OK;
}

static void before_row(struct results *r)
{
    if (r->row_count > 0) {
        buf_append_byte(r->out, ',');
    }
    buf_append_byte(r->out, '[');
}

status result_row(struct results *r, const struct value *values, struct error *err)
{
    before_row(r);
    for (unsigned i = 0; i < r->column_count; i++) {
        if (i > 0) {
            buf_append_byte(r->out, ',');
        }
        TRY(append_cell(r, i, &values[i], err));
    }
    return after_row(r, err);
}

status result_batch(struct results *r, const struct batch *batch, struct error *err)
{
    CHECK(batch->column_count >= r->column_count);
    for (unsigned row = 0; row < batch->row_count; row++) {
        before_row(r);
        for (unsigned i = 0; i < r->column_count; i++) {
            if (i > 0) {
                buf_append_byte(r->out, ',');
            }
            struct value v = batch_get(batch, i, row);
            TRY(append_cell(r, i, &v, err));
        }
        TRY(after_row(r, err));
    }
    return STATUS_IS_OK;
}

void result_end_rows(struct results *r, str as_user)
{
    buf_append_c(r->out, "],\"row_count\":");
    buf_append_u64_text(r->out, r->row_count);
    if (r->was_truncated) {
        buf_append_c(r->out, ",\"truncated\":true");
    }
    buf_append_c(r->out, ",\"as_user\":");
    json_append_text(r->out, as_user);
    buf_append_byte(r->out, '}');
}

void result_message(struct results *r, uint64_t row_count, str message, str as_user)
{
    begin(r);
    r->row_count = row_count;
    buf_append_c(r->out, "{\"row_count\":");
    buf_append_u64_text(r->out, row_count);
    buf_append_c(r->out, ",\"message\":");
    json_append_text(r->out, message);
    buf_append_c(r->out, ",\"as_user\":");
    json_append_text(r->out, as_user);
    buf_append_byte(r->out, '}');
}

static void write_dml(struct results *r, enum result_dml kind, uint64_t count, str as_user)
{
    static const char *const verbs[] = {"Inserted", "Updated", "Deleted"};
    char text[64];
    int n = snprintf(text, sizeof text, "%s %llu row(s)", verbs[kind], (unsigned long long)count);
    result_message(r, count, str_of(text, (size_t)n), as_user);
}

void result_dml(struct results *r, enum result_dml kind, uint64_t count, str as_user)
{
    if (r->is_batch) {
        r->dml[kind] += count;
        r->row_count = count;
        return;
    }
    write_dml(r, kind, count, as_user);
}

void result_end_batch(struct results *r, str caller)
{
    if (!r->is_batch) {
        return;
    }
    for (int kind = 0; kind < RESULT_DML_COUNT; kind++) {
        if (r->dml[kind] > 0) {
            write_dml(r, (enum result_dml)kind, r->dml[kind], caller);
        }
    }
}

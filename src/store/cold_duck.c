/* store/cold_duck.c -- see cold_duck.h. */
#include "store/cold_duck.h"
#include "catalog/catalog.h"
#include "store/filter_write.h"

/* -- statistics ----------------------------------------------------------------------------------
 */

/* The tag of a scalar; NULL: it has no bounds. */
static const char *scalar_tag(enum type_id id)
{
    switch (id) {
    case TYPE_SMALLINT:
        return "Int16";
    case TYPE_INT:
        return "Int32";
    case TYPE_BIGINT:
        return "Int64";
    case TYPE_FLOAT:
        return "Float32";
    case TYPE_DOUBLE:
        return "Float64";
    case TYPE_DATE:
        return "Date32";
    case TYPE_TIME:
        return "Time64Microsecond";
    case TYPE_TIMESTAMP:
    case TYPE_DATETIME:
        return "TimestampMicrosecond";
    case TYPE_TEXT:
        return "Utf8";
    case TYPE_UUID:
        return "Uuid";
    case TYPE_DECIMAL:
        return "Decimal128";
    default:
        return NULL;
    }
}

static bool is_plain_number(enum type_id id)
{
    return id == TYPE_SMALLINT || id == TYPE_INT || id == TYPE_DATE || id == TYPE_FLOAT ||
           id == TYPE_DOUBLE;
}

static void append_scalar(struct buf *out, const struct value *v)
{
    buf_append_format(out, "{\"%s\":", scalar_tag(v->type.id));
    struct buf text;
    buf_init(&text);
    switch (v->type.id) {
    case TYPE_DATE:
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_DATETIME:
        buf_append_i64_text(&text, v->as.integer); /* days, µs: as stored, not as printed */
        break;
    default:
        value_append_text(&text, v);
    }
    if (is_plain_number(v->type.id)) {
        buf_append_str(out, buf_str(&text));
    } else {
        json_append_text(out, buf_str(&text));
    }
    buf_append_byte(out, '}');
    buf_release(&text);
}

void cold_stats_append(struct buf *out, const struct parquet_stats *stats)
{
    buf_append_byte(out, '{');
    for (unsigned i = 0; i < stats->column_count; i++) {
        const struct parquet_column_stats *c = &stats->columns[i];
        buf_append_format(out, "%s\"%lu\":{\"min\":", i > 0 ? "," : "",
                          (unsigned long)c->column_id);
        bool has_range = c->has_range && scalar_tag(c->min.type.id) != NULL;
        if (has_range) {
            append_scalar(out, &c->min);
            buf_append_c(out, ",\"max\":");
            append_scalar(out, &c->max);
        } else {
            buf_append_c(out, "null,\"max\":null");
        }
        buf_append_format(out, ",\"null_count\":%llu}", (unsigned long long)c->null_count);
    }
    buf_append_byte(out, '}');
}

/* -- the engine ----------------------------------------------------------------------------------
 */

static status conn_of(void *context, unsigned slot, struct duck_conn **out, struct error *err)
{
    struct cold_duck *self = context;
    struct duck *duck = NULL;
    TRY(self->get_duck(self->context, &duck, err));
    *out = duck_conn_of(duck, slot, DUCK_INTERNAL);
    return STATUS_IS_OK;
}

static status write_parquet(void *context, struct cold_slot slot, const char *path,
                            const struct schema *schema, const struct duck_source *source,
                            struct arena *arena, struct cold_written *out, struct error *err)
{
    const struct cold_duck *self = context;
    struct duck_conn *conn = NULL;
    status result = conn_of(context, slot.write, &conn, err);
    if (!status_ok(result)) {
        source->close(source->state);
        return result;
    }
    const struct duck_write write = {.schema = schema,
                                     .source = *source,
                                     .path = path,
                                     .compression = self->compression,
                                     .row_group_rows = self->row_group_rows};
    struct parquet_stats stats = {0};
    TRY(duck_write_parquet(conn, &write, arena, &stats, err));
    struct buf json;
    buf_init(&json);
    cold_stats_append(&json, &stats);
    *out =
        (struct cold_written){.rows = stats.row_count, .stats = arena_copy(arena, buf_str(&json))};
    buf_release(&json);
    return STATUS_IS_OK;
}

static status add_filters(void *context, struct cold_slot slot, const char *path,
                          const struct schema *schema, uint32_t bloom, struct cold_tail *out,
                          struct error *err)
{
    struct cold_duck *self = context;
    struct duck_conn *conn = NULL;
    TRY(conn_of(context, slot.write, &conn, err));
    double fpp = bloom == TABLE_BLOOM_DEFAULT ? self->bloom_fpp : (bloom - 1) / TABLE_BLOOM_UNIT;
    return filter_write(conn, path, schema, fpp, out, err);
}

struct result_source {
    struct duck_result *result;
};

/* The engine's batches are its own: the rows are copied, as the caller's batch outlives the fetch.
 */
static status result_next(void *state, struct batch *batch, bool *done, struct error *err)
{
    struct result_source *s = state;
    const struct batch *found = NULL;
    TRY(duck_fetch(s->result, &found, err));
    *done = found == NULL;
    for (unsigned c = 0; found != NULL && c < batch->column_count; c++) {
        for (unsigned row = 0; row < found->row_count; row++) {
            struct value v = batch_get(found, c, row);
            v.type = batch->columns[c].type; /* JSON, FILE, DATETIME come as their base types */
            batch_set(batch, c, row, &v);
        }
    }
    batch->row_count = found != NULL ? found->row_count : 0;
    return STATUS_IS_OK;
}

static void result_close(void *state)
{
    struct result_source *s = state;
    duck_result_close(s->result);
    mem_free(s);
}

static status read_segments(void *context, struct cold_slot slot,
                            const struct cold_segment_read *read, struct duck_source *out,
                            struct error *err)
{
    struct duck_conn *conn = NULL;
    TRY(conn_of(context, slot.read, &conn, err));
    const struct duck_segment_read segment_read = {.schema = read->schema,
                                                   .paths = read->paths,
                                                   .path_count = read->path_count,
                                                   .wanted = read->wanted,
                                                   .has_seq_range = true,
                                                   .seq_after = (int64_t)read->seq_after,
                                                   .seq_to = (int64_t)read->seq_to};
    struct duck_result *result = NULL;
    TRY(duck_segment_open(conn, &segment_read, &result, err));
    struct result_source *s = mem_alloc(sizeof *s);
    s->result = result;
    *out = (struct duck_source){.state = s, .next = result_next, .close = result_close};
    return STATUS_IS_OK;
}

static status point_read(void *context, struct cold_slot slot, const struct schema *schema,
                         str path, uint64_t seq, struct arena *arena, struct value *values,
                         bool *found, struct error *err)
{
    struct duck_conn *conn = NULL;
    TRY(conn_of(context, slot.read, &conn, err));
    return duck_segment_get(conn, schema, path, (int64_t)seq, arena, values, found, err);
}

void cold_duck_init(struct cold_duck *duck,
                    status (*get_duck)(void *context, struct duck **out, struct error *err),
                    void *context)
{
    *duck = (struct cold_duck){
        .engine = {.context = duck,
                   .write_parquet = write_parquet,
                   .add_filters = add_filters,
                   .read_segments = read_segments,
                   .point_read = point_read},
        .get_duck = get_duck,
        .context = context,
        .bloom_fpp = COLD_BLOOM_PERCENT / 100.0,
    };
}

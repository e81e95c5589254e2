/* engine/duck_function.c -- scalar functions of the contract that the engine does not have, and
 * ours for those of its own that could take all memory. For:      kalam_snowflake_id,
 * kalam_uuid_v7, kalam_ulid (volatile), kalam_cosine_distance, and kalam_repeat, kalam_lpad,
 * kalam_rpad with a bounded result: memory of a text is not counted by the engine's limit. The gate
 * puts these names; users write SNOWFLAKE_ID(), repeat(). Touches:  the provider (ids),
 * model/json_scan (vectors as JSON texts). Threads:  the statement's own. */
#include "base/buf.h"
#include "engine/duck_private.h"
#include "model/json_scan.h"

#include <math.h>

enum {
    TEXT_BYTES_MAX = 1024 * 1024,            /* of one result of repeat, lpad, rpad */
    CHUNK_TEXT_BYTES_MAX = 64 * 1024 * 1024, /* of all results of one chunk */
    PARAMETERS_MAX = 3
};

void duck_function_error(duckdb_function_info info, const char *text)
{
    char marked[200];
    snprintf(marked, sizeof marked, DUCK_OUR_ERROR_PREFIX "%s", text);
    duckdb_scalar_function_set_error(info, marked);
}

/* --- ids ----------------------------------------------------------------------------------------
 */

static void run_snowflake_id(duckdb_function_info info, duckdb_data_chunk input,
                             duckdb_vector output)
{
    const struct duck *duck = duckdb_scalar_function_get_extra_info(info);
    const struct duck_provider *provider = duck->options.provider;
    int64_t *out = duckdb_vector_get_data(output);
    idx_t rows = duckdb_data_chunk_get_size(input);
    for (idx_t i = 0; i < rows; i++) {
        out[i] = provider->make_snowflake(provider->context);
    }
}

static void run_uuid_v7(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output)
{
    const struct duck *duck = duckdb_scalar_function_get_extra_info(info);
    const struct duck_provider *provider = duck->options.provider;
    idx_t rows = duckdb_data_chunk_get_size(input);
    struct buf text;
    buf_init(&text);
    for (idx_t i = 0; i < rows; i++) {
        uint8_t uuid[16];
        provider->make_uuid_v7(provider->context, uuid);
        buf_clear(&text);
        uuid_append_text(&text, uuid);
        duckdb_vector_assign_string_element_len(output, i, text.p, text.n);
    }
    buf_release(&text);
}

static void run_ulid(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output)
{
    const struct duck *duck = duckdb_scalar_function_get_extra_info(info);
    const struct duck_provider *provider = duck->options.provider;
    idx_t rows = duckdb_data_chunk_get_size(input);
    for (idx_t i = 0; i < rows; i++) {
        char ulid[26];
        provider->make_ulid(provider->context, ulid);
        duckdb_vector_assign_string_element_len(output, i, ulid, sizeof ulid);
    }
}

/* --- COSINE_DISTANCE ----------------------------------------------------------------------------
 */

/* A query vector; kept over the rows of a chunk, as it mostly is one constant. */
struct query_vector {
    str text; /* where it was read from; empty: from a list */
    float *items;
    size_t count;
    size_t capacity;
};

static bool read_text_vector(struct query_vector *q, str text)
{
    if (q->text.p != NULL && str_eq(q->text, text)) {
        return true;
    }
    struct json_scan scan;
    json_scan_init(&scan, text, NULL);
    json_scan_expect(&scan, '[');
    q->count = 0;
    unsigned count = 0;
    while (json_scan_next(&scan, ']', &count)) {
        double item;
        if (!str_to_double(json_scan_number(&scan), &item)) {
            return false;
        }
        q->items = mem_grow(q->items, &q->capacity, q->count + 1, sizeof *q->items);
        q->items[q->count++] = (float)item;
    }
    q->text = text;
    return json_scan_done(&scan);
}

static float cosine_distance(const float *a, const float *b, size_t count)
{
    double dot = 0;
    double norm_a = 0;
    double norm_b = 0;
    for (size_t i = 0; i < count; i++) {
        dot += (double)a[i] * (double)b[i];
        norm_a += (double)a[i] * (double)a[i];
        norm_b += (double)b[i] * (double)b[i];
    }
    if (norm_a == 0 || norm_b == 0) {
        return 1.0F;
    }
    return (float)(1.0 - dot / (sqrt(norm_a) * sqrt(norm_b)));
}

/* (FLOAT[], FLOAT[]) and (FLOAT[], VARCHAR). */
static void run_cosine_distance(duckdb_function_info info, duckdb_data_chunk input,
                                duckdb_vector output)
{
    duckdb_vector rows_vector = duckdb_data_chunk_get_vector(input, 0);
    duckdb_vector query_vector = duckdb_data_chunk_get_vector(input, 1);
    duckdb_logical_type query_type = duckdb_vector_get_column_type(query_vector);
    bool is_text = duckdb_get_type_id(query_type) == DUCKDB_TYPE_VARCHAR;
    duckdb_destroy_logical_type(&query_type);
    const duckdb_list_entry *entries = duckdb_vector_get_data(rows_vector);
    const float *items = duckdb_vector_get_data(duckdb_list_vector_get_child(rows_vector));
    float *out = duckdb_vector_get_data(output);
    struct query_vector q = {0};
    char error[120] = "";
    idx_t rows = duckdb_data_chunk_get_size(input);
    for (idx_t i = 0; i < rows && error[0] == '\0'; i++) {
        if (!duck_is_valid(rows_vector, i)) {
            duck_set_null(output, i);
            continue;
        }
        const float *query = NULL;
        size_t count = 0;
        if (!duck_is_valid(query_vector, i)) {
            snprintf(error, sizeof error, "COSINE_DISTANCE() query vector cannot be NULL");
            break;
        }
        if (is_text) {
            const duckdb_string_t *cells = duckdb_vector_get_data(query_vector);
            if (!read_text_vector(&q, duck_string_str(&cells[i]))) {
                snprintf(error, sizeof error,
                         "COSINE_DISTANCE() failed to parse JSON query vector: a list of numbers "
                         "is expected");
                break;
            }
            query = q.items;
            count = q.count;
        } else {
            const duckdb_list_entry *query_entries = duckdb_vector_get_data(query_vector);
            const float *query_items =
                duckdb_vector_get_data(duckdb_list_vector_get_child(query_vector));
            query = query_items + query_entries[i].offset;
            count = query_entries[i].length;
        }
        if (count == 0) {
            snprintf(error, sizeof error, "COSINE_DISTANCE() query vector cannot be empty");
        } else if (count != entries[i].length) {
            snprintf(error, sizeof error,
                     "COSINE_DISTANCE() dimension mismatch: row has %" PRIu64 ", query has %zu",
                     entries[i].length, count);
        } else {
            out[i] = cosine_distance(items + entries[i].offset, query, count);
        }
    }
    mem_free(q.items);
    if (error[0] != '\0') {
        duck_function_error(info, error);
    }
}

/* --- repeat, lpad, rpad -------------------------------------------------------------------------
 */

static size_t character_count(str s)
{
    size_t count = 0;
    for (size_t i = 0; i < s.n; i++) {
        count += ((unsigned char)s.p[i] & 0xC0) != 0x80;
    }
    return count;
}

/* Bytes of the first `characters` characters. */
static size_t prefix_bytes(str s, size_t characters)
{
    size_t at = 0;
    for (; at < s.n; at++) {
        if (((unsigned char)s.p[at] & 0xC0) != 0x80 && characters-- == 0) {
            break;
        }
    }
    return at;
}

/* False: the result would be too long. */
static bool append_repeated(struct buf *out, str text, int64_t times)
{
    if (text.n > 0 && times > (int64_t)(TEXT_BYTES_MAX / text.n)) {
        return false;
    }
    for (int64_t i = 0; i < times; i++) {
        buf_append_str(out, text);
    }
    return true;
}

/* `characters` characters of fill, over and over. */
static bool append_fill(struct buf *out, str fill, size_t characters)
{
    size_t per_fill = character_count(fill);
    size_t whole = characters / per_fill;
    return append_repeated(out, fill, (int64_t)whole) &&
           (buf_append(out, fill.p, prefix_bytes(fill, characters % per_fill)), true);
}

static bool append_padded(struct buf *out, str text, int64_t length, str fill, bool is_left)
{
    size_t have = character_count(text);
    size_t want = length < 0 ? 0 : (size_t)length;
    if (want > TEXT_BYTES_MAX) {
        return false;
    }
    if (have >= want || fill.n == 0) {
        buf_append(out, text.p, prefix_bytes(text, want));
        return true;
    }
    if (is_left) {
        bool is_ok = append_fill(out, fill, want - have);
        buf_append_str(out, text);
        return is_ok;
    }
    buf_append_str(out, text);
    return append_fill(out, fill, want - have);
}

enum text_maker { MAKE_REPEAT, MAKE_LPAD, MAKE_RPAD };

static void run_text(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output,
                     enum text_maker maker)
{
    duckdb_vector texts = duckdb_data_chunk_get_vector(input, 0);
    duckdb_vector numbers = duckdb_data_chunk_get_vector(input, 1);
    duckdb_vector fills = duckdb_data_chunk_get_column_count(input) > 2
                              ? duckdb_data_chunk_get_vector(input, 2)
                              : NULL;
    const int64_t *number = duckdb_vector_get_data(numbers);
    idx_t rows = duckdb_data_chunk_get_size(input);
    size_t total = 0;
    struct buf made;
    buf_init(&made);
    for (idx_t i = 0; i < rows; i++) {
        if (!duck_is_valid(texts, i) || !duck_is_valid(numbers, i) ||
            (fills != NULL && !duck_is_valid(fills, i))) {
            duck_set_null(output, i);
            continue;
        }
        duckdb_string_t text = duck_string(texts, i);
        duckdb_string_t fill_cell;
        str fill = STR_LIT(" ");
        if (fills != NULL) {
            fill_cell = duck_string(fills, i);
            fill = duck_string_str(&fill_cell);
        }
        buf_clear(&made);
        bool is_ok =
            maker == MAKE_REPEAT
                ? append_repeated(&made, duck_string_str(&text), number[i])
                : append_padded(&made, duck_string_str(&text), number[i], fill, maker == MAKE_LPAD);
        total += made.n;
        if (!is_ok || total > CHUNK_TEXT_BYTES_MAX) {
            duck_function_error(info, "a text made by repeat, lpad or rpad is limited to 1048576 "
                                      "bytes, those of 2048 rows to 67108864");
            break;
        }
        duckdb_vector_assign_string_element_len(output, i, made.n > 0 ? made.p : "", made.n);
    }
    buf_release(&made);
}

static void run_repeat(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output)
{
    run_text(info, input, output, MAKE_REPEAT);
}
static void run_lpad(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output)
{
    run_text(info, input, output, MAKE_LPAD);
}
static void run_rpad(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output)
{
    run_text(info, input, output, MAKE_RPAD);
}

/* --- registration -------------------------------------------------------------------------------
 */

enum shape { SHAPE_NONE, SHAPE_TEXT, SHAPE_BIGINT, SHAPE_FLOAT, SHAPE_FLOATS };

static duckdb_logical_type type_of_shape(enum shape shape)
{
    switch (shape) {
    case SHAPE_TEXT:
        return duckdb_create_logical_type(DUCKDB_TYPE_VARCHAR);
    case SHAPE_BIGINT:
        return duckdb_create_logical_type(DUCKDB_TYPE_BIGINT);
    case SHAPE_FLOAT:
        return duckdb_create_logical_type(DUCKDB_TYPE_FLOAT);
    case SHAPE_FLOATS: {
        duckdb_logical_type item = duckdb_create_logical_type(DUCKDB_TYPE_FLOAT);
        duckdb_logical_type list = duckdb_create_list_type(item);
        duckdb_destroy_logical_type(&item);
        return list;
    }
    case SHAPE_NONE:
        break;
    }
    CHECK(!"a shape");
    return NULL;
}

static const struct overload {
    const char *name;
    duckdb_scalar_function_t run;
    bool is_volatile;
    enum shape result;
    enum shape parameters[PARAMETERS_MAX];
} overloads[] = {
    {"kalam_snowflake_id", run_snowflake_id, true, SHAPE_BIGINT, {SHAPE_NONE}},
    {"kalam_uuid_v7", run_uuid_v7, true, SHAPE_TEXT, {SHAPE_NONE}},
    {"kalam_ulid", run_ulid, true, SHAPE_TEXT, {SHAPE_NONE}},
    {"kalam_cosine_distance", run_cosine_distance, false, SHAPE_FLOAT, {SHAPE_FLOATS, SHAPE_TEXT}},
    {"kalam_cosine_distance",
     run_cosine_distance,
     false,
     SHAPE_FLOAT,
     {SHAPE_FLOATS, SHAPE_FLOATS}},
    {"kalam_repeat", run_repeat, false, SHAPE_TEXT, {SHAPE_TEXT, SHAPE_BIGINT}},
    {"kalam_lpad", run_lpad, false, SHAPE_TEXT, {SHAPE_TEXT, SHAPE_BIGINT}},
    {"kalam_lpad", run_lpad, false, SHAPE_TEXT, {SHAPE_TEXT, SHAPE_BIGINT, SHAPE_TEXT}},
    {"kalam_rpad", run_rpad, false, SHAPE_TEXT, {SHAPE_TEXT, SHAPE_BIGINT}},
    {"kalam_rpad", run_rpad, false, SHAPE_TEXT, {SHAPE_TEXT, SHAPE_BIGINT, SHAPE_TEXT}},
};
enum { OVERLOAD_COUNT = sizeof overloads / sizeof overloads[0] };

static duckdb_scalar_function make_function(struct duck *duck, const struct overload *o)
{
    duckdb_scalar_function function = duckdb_create_scalar_function();
    duckdb_scalar_function_set_name(function, o->name);
    for (unsigned i = 0; i < PARAMETERS_MAX && o->parameters[i] != SHAPE_NONE; i++) {
        duckdb_logical_type type = type_of_shape(o->parameters[i]);
        duckdb_scalar_function_add_parameter(function, type);
        duckdb_destroy_logical_type(&type);
    }
    duckdb_logical_type result = type_of_shape(o->result);
    duckdb_scalar_function_set_return_type(function, result);
    duckdb_destroy_logical_type(&result);
    duckdb_scalar_function_set_function(function, o->run);
    duckdb_scalar_function_set_extra_info(function, duck, NULL);
    duckdb_scalar_function_set_special_handling(function);
    if (o->is_volatile) {
        duckdb_scalar_function_set_volatile(function);
    }
    return function;
}

status duck_function_register(struct duck *duck, duckdb_connection handle, struct error *err)
{
    for (unsigned i = 0; i < OVERLOAD_COUNT;) {
        const char *name = overloads[i].name;
        duckdb_scalar_function_set set = duckdb_create_scalar_function_set(name);
        for (; i < OVERLOAD_COUNT && strcmp(overloads[i].name, name) == 0; i++) {
            duckdb_scalar_function function = make_function(duck, &overloads[i]);
            duckdb_state added = duckdb_add_scalar_function_to_set(set, function);
            duckdb_destroy_scalar_function(&function);
            CHECK(added == DuckDBSuccess);
        }
        duckdb_state state = duckdb_register_scalar_function_set(handle, set);
        duckdb_destroy_scalar_function_set(&set);
        if (state != DuckDBSuccess) {
            return error_set(err, ERROR_INTERNAL, "the SQL engine refuses the function %s", name);
        }
    }
    return STATUS_IS_OK;
}

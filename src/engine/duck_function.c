/* engine/duck_function.c -- scalar functions of the contract that the engine does not have, and
 * ours for those of its own that could take all memory. For:      kalam_snowflake_id,
 * kalam_uuid_v7, kalam_ulid (volatile), kalam_cosine_distance, and kalam_repeat, kalam_lpad,
 * kalam_rpad, kalam_replace with a bounded result, and kalam_growth, which bounds what another
 * function makes: memory of a text is not counted by the engine's limit. The gate puts these names;
 * users write SNOWFLAKE_ID(), repeat(). Touches:  the provider (ids), model/json_scan (vectors as
 * JSON texts). Threads:  the statement's own. */
#include "base/buf.h"
#include "engine/duck_private.h"
#include "model/json_scan.h"
#include "model/limits.h"

#include <math.h>

enum {
    TEXT_BYTES_MAX = 1024 * 1024,            /* of one result of repeat, lpad, rpad */
    CHUNK_TEXT_BYTES_MAX = 64 * 1024 * 1024, /* of all results of one chunk */
    GROWN_BYTES_MAX = LIMIT_ROW_BYTES,       /* of one result of replace, regexp_replace */
    CHUNK_GROWN_BYTES_MAX = 256 * 1024 * 1024,
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

/* Numbers of a FLOAT[] or DOUBLE[] column; NULL items count as 0. */
struct number_column {
    duckdb_vector lists;
    duckdb_vector items;
    const duckdb_list_entry *entries;
    const void *data;
    bool is_double;
};

static struct number_column number_column_of(duckdb_vector lists)
{
    struct number_column column = {.lists = lists,
                                   .items = duckdb_list_vector_get_child(lists),
                                   .entries = duckdb_vector_get_data(lists)};
    column.data = duckdb_vector_get_data(column.items);
    duckdb_logical_type type = duckdb_vector_get_column_type(column.items);
    column.is_double = duckdb_get_type_id(type) == DUCKDB_TYPE_DOUBLE;
    duckdb_destroy_logical_type(&type);
    return column;
}

static double number_at(const struct number_column *column, idx_t index)
{
    if (!duck_is_valid(column->items, index)) {
        return 0;
    }
    return column->is_double ? ((const double *)column->data)[index]
                             : (double)((const float *)column->data)[index];
}

/* A query vector; kept over the rows of a chunk, as it mostly is one constant. */
struct query_vector {
    str text; /* where it was read from; empty: from a list */
    double *items;
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
        q->items[q->count++] = item;
    }
    q->text = text;
    return json_scan_done(&scan);
}

static void read_list_vector(struct query_vector *q, const struct number_column *column, idx_t row)
{
    q->count = column->entries[row].length;
    q->items = mem_grow(q->items, &q->capacity, q->count, sizeof *q->items);
    for (size_t i = 0; i < q->count; i++) {
        q->items[i] = number_at(column, column->entries[row].offset + i);
    }
}

static float cosine_distance(const struct number_column *column, idx_t row, const double *query)
{
    double dot = 0;
    double norm_a = 0;
    double norm_b = 0;
    duckdb_list_entry entry = column->entries[row];
    for (idx_t i = 0; i < entry.length; i++) {
        double a = number_at(column, entry.offset + i);
        dot += a * query[i];
        norm_a += a * a;
        norm_b += query[i] * query[i];
    }
    if (norm_a == 0 || norm_b == 0) {
        return 1.0F;
    }
    return (float)(1.0 - dot / (sqrt(norm_a) * sqrt(norm_b)));
}

/* The query vector of a row into `q`; false: `error` says why. */
static bool read_query(struct query_vector *q, duckdb_vector vector,
                       const struct number_column *lists, idx_t row, char *error, size_t size)
{
    if (!duck_is_valid(vector, row)) {
        snprintf(error, size, "COSINE_DISTANCE() query vector cannot be NULL");
        return false;
    }
    if (lists != NULL) {
        read_list_vector(q, lists, row);
    } else {
        const duckdb_string_t *cells = duckdb_vector_get_data(vector);
        if (!read_text_vector(q, duck_string_str(&cells[row]))) {
            snprintf(error, size,
                     "COSINE_DISTANCE() failed to parse JSON query vector: a list of numbers is "
                     "expected");
            return false;
        }
    }
    if (q->count == 0) {
        snprintf(error, size, "COSINE_DISTANCE() query vector cannot be empty");
        return false;
    }
    return true;
}

/* (FLOAT[] or DOUBLE[], the same or VARCHAR). */
static void run_cosine_distance(duckdb_function_info info, duckdb_data_chunk input,
                                duckdb_vector output)
{
    struct number_column column = number_column_of(duckdb_data_chunk_get_vector(input, 0));
    duckdb_vector query_vector = duckdb_data_chunk_get_vector(input, 1);
    duckdb_logical_type query_type = duckdb_vector_get_column_type(query_vector);
    bool is_text = duckdb_get_type_id(query_type) == DUCKDB_TYPE_VARCHAR;
    duckdb_destroy_logical_type(&query_type);
    struct number_column lists;
    if (!is_text) {
        lists = number_column_of(query_vector);
    }
    float *out = duckdb_vector_get_data(output);
    struct query_vector q = {.text = {NULL, 0}};
    char error[120] = "";
    idx_t rows = duckdb_data_chunk_get_size(input);
    for (idx_t i = 0; i < rows; i++) {
        if (!duck_is_valid(column.lists, i)) {
            duck_set_null(output, i);
            continue;
        }
        if (!read_query(&q, query_vector, is_text ? NULL : &lists, i, error, sizeof error)) {
            break;
        }
        if (q.count != column.entries[i].length) {
            snprintf(error, sizeof error,
                     "COSINE_DISTANCE() dimension mismatch: row has %" PRIu64 ", query has %zu",
                     column.entries[i].length, q.count);
            break;
        }
        out[i] = cosine_distance(&column, i, q.items);
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

/* --- replace, and what bounds regexp_replace ----------------------------------------------------
 */

static void too_long(duckdb_function_info info)
{
    duck_function_error(info, "a text made by replacing is limited to 16777216 bytes, those of "
                              "2048 rows to 268435456");
}

/* False: the result would be too long. */
static bool append_replaced(struct buf *out, str text, str from, str to)
{
    if (from.n == 0) {
        buf_append_str(out, text);
        return true;
    }
    while (text.n > 0) {
        const char *found = memmem(text.p, text.n, from.p, from.n);
        size_t before = found != NULL ? (size_t)(found - text.p) : text.n;
        buf_append(out, text.p, before);
        if (found == NULL) {
            break;
        }
        if (out->n + to.n > GROWN_BYTES_MAX) {
            return false;
        }
        buf_append_str(out, to);
        text = str_skip(text, before + from.n);
    }
    return out->n <= GROWN_BYTES_MAX;
}

static void run_replace(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output)
{
    duckdb_vector vectors[3];
    for (unsigned c = 0; c < 3; c++) {
        vectors[c] = duckdb_data_chunk_get_vector(input, c);
    }
    idx_t rows = duckdb_data_chunk_get_size(input);
    size_t total = 0;
    struct buf made;
    buf_init(&made);
    for (idx_t i = 0; i < rows; i++) {
        if (!duck_is_valid(vectors[0], i) || !duck_is_valid(vectors[1], i) ||
            !duck_is_valid(vectors[2], i)) {
            duck_set_null(output, i);
            continue;
        }
        duckdb_string_t text = duck_string(vectors[0], i);
        duckdb_string_t from = duck_string(vectors[1], i);
        duckdb_string_t to = duck_string(vectors[2], i);
        buf_clear(&made);
        bool is_ok = append_replaced(&made, duck_string_str(&text), duck_string_str(&from),
                                     duck_string_str(&to));
        total += made.n;
        if (!is_ok || total > CHUNK_GROWN_BYTES_MAX) {
            too_long(info);
            break;
        }
        duckdb_vector_assign_string_element_len(output, i, made.n > 0 ? made.p : "", made.n);
    }
    buf_release(&made);
}

/* kalam_growth(text, replacement): the text itself, if replacing any of it cannot grow too long:
 * one replacement for each byte, and each byte of it may stand for a group that is as long as the
 * text.
 */
static void run_growth(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output)
{
    duckdb_vector texts = duckdb_data_chunk_get_vector(input, 0);
    duckdb_vector replacements = duckdb_data_chunk_get_vector(input, 1);
    idx_t rows = duckdb_data_chunk_get_size(input);
    size_t total = 0;
    for (idx_t i = 0; i < rows; i++) {
        if (!duck_is_valid(texts, i) || !duck_is_valid(replacements, i)) {
            duck_set_null(output, i);
            continue;
        }
        duckdb_string_t text_cell = duck_string(texts, i);
        duckdb_string_t replacement_cell = duck_string(replacements, i);
        str text = duck_string_str(&text_cell);
        size_t most = (text.n + 1) * (duck_string_str(&replacement_cell).n + 1);
        total += most;
        if (most > CHUNK_GROWN_BYTES_MAX || text.n > GROWN_BYTES_MAX) {
            too_long(info);
            return;
        }
        duckdb_vector_assign_string_element_len(output, i, text.n > 0 ? text.p : "", text.n);
    }
    if (total > CHUNK_GROWN_BYTES_MAX * (size_t)8) {
        too_long(info);
    }
}

/* --- registration -------------------------------------------------------------------------------
 */

enum shape { SHAPE_NONE, SHAPE_TEXT, SHAPE_BIGINT, SHAPE_FLOAT, SHAPE_FLOATS, SHAPE_DOUBLES };

static duckdb_logical_type type_of_shape(enum shape shape)
{
    switch (shape) {
    case SHAPE_TEXT:
        return duckdb_create_logical_type(DUCKDB_TYPE_VARCHAR);
    case SHAPE_BIGINT:
        return duckdb_create_logical_type(DUCKDB_TYPE_BIGINT);
    case SHAPE_FLOAT:
        return duckdb_create_logical_type(DUCKDB_TYPE_FLOAT);
    case SHAPE_FLOATS:
    case SHAPE_DOUBLES: {
        duckdb_logical_type item = duckdb_create_logical_type(
            shape == SHAPE_FLOATS ? DUCKDB_TYPE_FLOAT : DUCKDB_TYPE_DOUBLE);
        duckdb_logical_type list = duckdb_create_list_type(item);
        duckdb_destroy_logical_type(&item);
        return list;
    }
    case SHAPE_NONE:
        break;
    }
    check_failed(__FILE__, __LINE__, "a shape");
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
    {"kalam_cosine_distance", run_cosine_distance, false, SHAPE_FLOAT, {SHAPE_DOUBLES, SHAPE_TEXT}},
    {"kalam_cosine_distance",
     run_cosine_distance,
     false,
     SHAPE_FLOAT,
     {SHAPE_DOUBLES, SHAPE_DOUBLES}},
    {"kalam_replace", run_replace, false, SHAPE_TEXT, {SHAPE_TEXT, SHAPE_TEXT, SHAPE_TEXT}},
    {"kalam_growth", run_growth, false, SHAPE_TEXT, {SHAPE_TEXT, SHAPE_TEXT}},
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

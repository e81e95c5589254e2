/* engine/duck_json.c -- the JSON functions of the contract (sql.md section 2), as scalar functions.
 * For:      kalam_json_<name>(text, path ...): a text part is a member's name, an integer an item's
 *           place. What is not there, is no JSON, or is of another kind answers NULL (contains:
 * false). The engine's own functions of these names differ: they fail on what is no JSON, read "$"
 * and
 *           "/" in names as paths, and take a text for an item's place.
 * Touches:  model/json_scan. Threads: the statement's own. */
#include "base/buf.h"
#include "engine/duck_private.h"
#include "model/json_scan.h"

enum { PATH_MAX_PARTS = 64 };

enum json_function {
    JSON_CONTAINS,
    JSON_GET,
    JSON_GET_STR,
    JSON_GET_INT,
    JSON_GET_FLOAT,
    JSON_GET_BOOL,
    JSON_GET_JSON,
    JSON_GET_ARRAY,
    JSON_AS_TEXT,
    JSON_LENGTH,
    JSON_OBJECT_KEYS,
    JSON_FROM_SCALAR
};

struct path_part {
    bool is_index;
    int64_t index;
    str name;
};

/* --- one text -----------------------------------------------------------------------------------
 */

static bool enter_member(struct json_scan *scan, str name)
{
    unsigned count = 0;
    if (!json_scan_take(scan, '{')) {
        return false;
    }
    while (json_scan_next(scan, '}', &count)) {
        str found = json_scan_string(scan);
        json_scan_expect(scan, ':');
        if (reader_ok(&scan->r) && str_eq(found, name)) {
            return true;
        }
        json_scan_skip(scan);
    }
    return false;
}

static bool enter_item(struct json_scan *scan, int64_t index)
{
    unsigned count = 0;
    if (index < 0 || !json_scan_take(scan, '[')) {
        return false;
    }
    while (json_scan_next(scan, ']', &count)) {
        if (index-- == 0) {
            return true;
        }
        json_scan_skip(scan);
    }
    return false;
}

/* The value at the path, in place, checked; false: there is none. */
static bool find(str text, const struct path_part *parts, unsigned part_count, struct arena *arena,
                 str *out)
{
    struct json_scan scan;
    json_scan_init(&scan, text, arena);
    for (unsigned i = 0; i < part_count; i++) {
        bool is_there = parts[i].is_index ? enter_item(&scan, parts[i].index)
                                          : enter_member(&scan, parts[i].name);
        if (!is_there) {
            return false;
        }
    }
    (void)json_scan_peek(&scan);
    const char *from = scan.r.at;
    json_scan_skip(&scan);
    if (!reader_ok(&scan.r)) {
        return false;
    }
    *out = str_of(from, (size_t)(scan.r.at - from));
    return true;
}

static bool is_null_word(str value)
{
    return str_eq(value, STR_LIT("null"));
}

static bool is_string(str value)
{
    return value.n > 0 && value.p[0] == '"';
}

static str string_of(str value, struct arena *arena)
{
    struct json_scan scan;
    json_scan_init(&scan, value, arena);
    return json_scan_string(&scan);
}

/* --- results ------------------------------------------------------------------------------------
 */

static void put_text(duckdb_vector output, idx_t row, str text)
{
    duckdb_vector_assign_string_element_len(output, row, text.p != NULL ? text.p : "", text.n);
}

static void append_to_list(duckdb_vector output, idx_t row, str text)
{
    duckdb_list_entry *entry = (duckdb_list_entry *)duckdb_vector_get_data(output) + row;
    idx_t size = duckdb_list_vector_get_size(output);
    duckdb_list_vector_reserve(output, size + 1);
    duckdb_list_vector_set_size(output, size + 1);
    put_text(duckdb_list_vector_get_child(output), size, text);
    entry->length++;
}

static void begin_list(duckdb_vector output, idx_t row)
{
    duckdb_list_entry *entry = (duckdb_list_entry *)duckdb_vector_get_data(output) + row;
    *entry = (duckdb_list_entry){duckdb_list_vector_get_size(output), 0};
}

static bool put_items(duckdb_vector output, idx_t row, str value)
{
    struct json_scan scan;
    json_scan_init(&scan, value, NULL);
    unsigned count = 0;
    if (!json_scan_take(&scan, '[')) {
        return false;
    }
    begin_list(output, row);
    while (json_scan_next(&scan, ']', &count)) {
        (void)json_scan_peek(&scan);
        const char *from = scan.r.at;
        json_scan_skip(&scan);
        append_to_list(output, row, str_of(from, (size_t)(scan.r.at - from)));
    }
    return true;
}

static bool put_keys(duckdb_vector output, idx_t row, str value, struct arena *arena)
{
    struct json_scan scan;
    json_scan_init(&scan, value, arena);
    unsigned count = 0;
    if (!json_scan_take(&scan, '{')) {
        return false;
    }
    begin_list(output, row);
    while (json_scan_next(&scan, '}', &count)) {
        append_to_list(output, row, json_scan_string(&scan));
        json_scan_expect(&scan, ':');
        json_scan_skip(&scan);
    }
    return true;
}

static bool put_length(duckdb_vector output, idx_t row, str value)
{
    struct json_scan scan;
    json_scan_init(&scan, value, NULL);
    unsigned count = 0;
    bool is_object = json_scan_take(&scan, '{');
    if (!is_object && !json_scan_take(&scan, '[')) {
        return false;
    }
    while (json_scan_next(&scan, is_object ? '}' : ']', &count)) {
        if (is_object) {
            (void)json_scan_string(&scan);
            json_scan_expect(&scan, ':');
        }
        json_scan_skip(&scan);
    }
    ((int64_t *)duckdb_vector_get_data(output))[row] = (int64_t)count;
    return true;
}

/* Writes the answer for a value that is there; false: NULL. */
static bool put_value(enum json_function function, duckdb_vector output, idx_t row, str value,
                      struct arena *arena)
{
    void *data = duckdb_vector_get_data(output);
    switch (function) {
    case JSON_GET:
    case JSON_AS_TEXT:
        if (is_null_word(value)) {
            return false;
        }
        put_text(output, row, is_string(value) ? string_of(value, arena) : value);
        return true;
    case JSON_GET_STR:
        if (!is_string(value)) {
            return false;
        }
        put_text(output, row, string_of(value, arena));
        return true;
    case JSON_GET_JSON:
        put_text(output, row, value);
        return true;
    case JSON_GET_INT:
        return str_to_i64(value, &((int64_t *)data)[row]);
    case JSON_GET_FLOAT:
        return !is_string(value) && str_to_double(value, &((double *)data)[row]);
    case JSON_GET_BOOL:
        ((bool *)data)[row] = str_eq_c(value, "true");
        return ((bool *)data)[row] || str_eq_c(value, "false");
    case JSON_GET_ARRAY:
        return put_items(output, row, value);
    case JSON_OBJECT_KEYS:
        return put_keys(output, row, value, arena);
    case JSON_LENGTH:
        return put_length(output, row, value);
    case JSON_CONTAINS:
    case JSON_FROM_SCALAR:
        break;
    }
    check_failed(__FILE__, __LINE__, "answered elsewhere");
    return false;
}

/* --- rows ---------------------------------------------------------------------------------------
 */

/* The path arguments of a chunk, column by column. */
struct path_columns {
    unsigned count;
    duckdb_vector vectors[PATH_MAX_PARTS];
    duckdb_type types[PATH_MAX_PARTS];
};

static bool read_integer_cell(duckdb_type type, const void *data, idx_t row, int64_t *out)
{
    switch (type) {
    case DUCKDB_TYPE_TINYINT:
        *out = ((const int8_t *)data)[row];
        return true;
    case DUCKDB_TYPE_SMALLINT:
        *out = ((const int16_t *)data)[row];
        return true;
    case DUCKDB_TYPE_INTEGER:
        *out = ((const int32_t *)data)[row];
        return true;
    case DUCKDB_TYPE_BIGINT:
        *out = ((const int64_t *)data)[row];
        return true;
    default:
        return false;
    }
}

static bool open_path(struct path_columns *path, duckdb_data_chunk input, const char **why)
{
    idx_t columns = duckdb_data_chunk_get_column_count(input);
    if (columns - 1 > PATH_MAX_PARTS) {
        *why = "a JSON path has at most 64 parts";
        return false;
    }
    path->count = (unsigned)columns - 1;
    for (unsigned i = 0; i < path->count; i++) {
        path->vectors[i] = duckdb_data_chunk_get_vector(input, i + 1);
        duckdb_logical_type type = duckdb_vector_get_column_type(path->vectors[i]);
        path->types[i] = duckdb_get_type_id(type);
        duckdb_destroy_logical_type(&type);
        int64_t unused;
        int64_t zero = 0;
        if (path->types[i] != DUCKDB_TYPE_VARCHAR && path->types[i] != DUCKDB_TYPE_SQLNULL &&
            !read_integer_cell(path->types[i], &zero, 0, &unused)) {
            *why = "a part of a JSON path is a text or an integer";
            return false;
        }
    }
    return true;
}

/* False: a part is NULL. */
static bool read_path(const struct path_columns *path, idx_t row, duckdb_string_t *cells,
                      struct path_part *parts)
{
    for (unsigned i = 0; i < path->count; i++) {
        if (path->types[i] == DUCKDB_TYPE_SQLNULL || !duck_is_valid(path->vectors[i], row)) {
            return false;
        }
        const void *data = duckdb_vector_get_data(path->vectors[i]);
        parts[i].is_index = path->types[i] != DUCKDB_TYPE_VARCHAR;
        if (parts[i].is_index) {
            (void)read_integer_cell(path->types[i], data, row, &parts[i].index);
        } else {
            cells[i] = ((const duckdb_string_t *)data)[row];
            parts[i].name = duck_string_str(&cells[i]);
        }
    }
    return true;
}

static void run_json(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output)
{
    enum json_function function =
        (enum json_function)(uintptr_t)duckdb_scalar_function_get_extra_info(info);
    struct path_columns path;
    const char *why = NULL;
    if (!open_path(&path, input, &why)) {
        duck_function_error(info, why);
        return;
    }
    duckdb_vector texts = duckdb_data_chunk_get_vector(input, 0);
    duckdb_string_t cells[PATH_MAX_PARTS];
    struct path_part parts[PATH_MAX_PARTS];
    struct arena arena;
    arena_init(&arena);
    idx_t rows = duckdb_data_chunk_get_size(input);
    for (idx_t row = 0; row < rows; row++) {
        str value = {NULL, 0};
        duckdb_string_t text;
        bool is_there = duck_is_valid(texts, row) && read_path(&path, row, cells, parts);
        if (is_there) {
            text = duck_string(texts, row);
            is_there = json_is_valid(duck_string_str(&text)) &&
                       find(duck_string_str(&text), parts, path.count, &arena, &value);
        }
        if (function == JSON_CONTAINS) {
            ((bool *)duckdb_vector_get_data(output))[row] = is_there;
        } else if (!is_there || !put_value(function, output, row, value, &arena)) {
            duck_set_null(output, row);
        }
        arena_reset(&arena);
    }
    arena_release(&arena);
}

/* json_from_scalar(x): x as a JSON text. */
static void run_from_scalar(duckdb_function_info info, duckdb_data_chunk input,
                            duckdb_vector output)
{
    duckdb_vector vector = duckdb_data_chunk_get_vector(input, 0);
    struct duck_reader reader;
    struct error err;
    error_clear(&err);
    struct arena heap;
    arena_init(&heap);
    struct batch_column column = {.is_wanted = true};
    struct batch batch = {.column_count = 1, .columns = &column};
    batch.row_count = (unsigned)duckdb_data_chunk_get_size(input);
    struct buf text;
    buf_init(&text);
    status result = duck_reader_open(&reader, duckdb_vector_get_column_type(vector),
                                     STR_LIT("json_from_scalar"), &err);
    if (status_ok(result)) {
        result = duck_reader_view(&reader, vector, batch.row_count, &column, &heap, &err);
    }
    for (unsigned row = 0; status_ok(result) && row < batch.row_count; row++) {
        struct value cell = batch_get(&batch, 0, row);
        if (cell.is_null) {
            duck_set_null(output, row);
            continue;
        }
        buf_clear(&text);
        if (cell.type.id == TYPE_BIGINT) {
            value_append_text(&text, &cell); /* a JSON number, not the quoted digits of a cell */
        } else {
            result = value_append_json(&text, &cell, &err);
        }
        put_text(output, row, buf_str(&text));
    }
    if (!status_ok(result)) {
        duck_function_error(info, "json_from_scalar takes a boolean, a number or a text");
    }
    buf_release(&text);
    duck_reader_close(&reader);
    arena_release(&heap);
}

/* --- registration -------------------------------------------------------------------------------
 */

enum result_shape { RESULT_BOOL, RESULT_TEXT, RESULT_INTEGER, RESULT_REAL, RESULT_TEXTS };

static const struct {
    const char *name;
    enum json_function function;
    enum result_shape result;
} functions[] = {
    {"kalam_json_contains", JSON_CONTAINS, RESULT_BOOL},
    {"kalam_json_get", JSON_GET, RESULT_TEXT},
    {"kalam_json_get_str", JSON_GET_STR, RESULT_TEXT},
    {"kalam_json_get_int", JSON_GET_INT, RESULT_INTEGER},
    {"kalam_json_get_float", JSON_GET_FLOAT, RESULT_REAL},
    {"kalam_json_get_bool", JSON_GET_BOOL, RESULT_BOOL},
    {"kalam_json_get_json", JSON_GET_JSON, RESULT_TEXT},
    {"kalam_json_get_array", JSON_GET_ARRAY, RESULT_TEXTS},
    {"kalam_json_as_text", JSON_AS_TEXT, RESULT_TEXT},
    {"kalam_json_length", JSON_LENGTH, RESULT_INTEGER},
    {"kalam_json_object_keys", JSON_OBJECT_KEYS, RESULT_TEXTS},
    {"kalam_json_from_scalar", JSON_FROM_SCALAR, RESULT_TEXT},
};

static duckdb_logical_type result_type(enum result_shape shape)
{
    static const duckdb_type types[] = {
        [RESULT_BOOL] = DUCKDB_TYPE_BOOLEAN,   [RESULT_TEXT] = DUCKDB_TYPE_VARCHAR,
        [RESULT_INTEGER] = DUCKDB_TYPE_BIGINT, [RESULT_REAL] = DUCKDB_TYPE_DOUBLE,
        [RESULT_TEXTS] = DUCKDB_TYPE_VARCHAR,
    };
    duckdb_logical_type type = duckdb_create_logical_type(types[shape]);
    if (shape != RESULT_TEXTS) {
        return type;
    }
    duckdb_logical_type list = duckdb_create_list_type(type);
    duckdb_destroy_logical_type(&type);
    return list;
}

status duck_json_register(struct duck *duck, duckdb_connection handle, struct error *err)
{
    (void)duck;
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        bool is_from_scalar = functions[i].function == JSON_FROM_SCALAR;
        duckdb_scalar_function function = duckdb_create_scalar_function();
        duckdb_scalar_function_set_name(function, functions[i].name);
        duckdb_logical_type text = duckdb_create_logical_type(DUCKDB_TYPE_VARCHAR);
        duckdb_logical_type any = duckdb_create_logical_type(DUCKDB_TYPE_ANY);
        duckdb_logical_type result = result_type(functions[i].result);
        duckdb_scalar_function_add_parameter(function, is_from_scalar ? any : text);
        if (!is_from_scalar) {
            duckdb_scalar_function_set_varargs(function, any);
        }
        duckdb_scalar_function_set_return_type(function, result);
        duckdb_scalar_function_set_special_handling(function);
        duckdb_scalar_function_set_extra_info(function, (void *)(uintptr_t)functions[i].function,
                                              NULL);
        duckdb_scalar_function_set_function(function, is_from_scalar ? run_from_scalar : run_json);
        duckdb_state state = duckdb_register_scalar_function(handle, function);
        duckdb_destroy_logical_type(&result);
        duckdb_destroy_logical_type(&any);
        duckdb_destroy_logical_type(&text);
        duckdb_destroy_scalar_function(&function);
        if (state != DuckDBSuccess) {
            return error_set(err, ERROR_INTERNAL, "the SQL engine refuses the function %s",
                             functions[i].name);
        }
    }
    return STATUS_IS_OK;
}

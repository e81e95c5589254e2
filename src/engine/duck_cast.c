/* engine/duck_cast.c -- casts of texts that the engine would do in another way than the model:
 *   VARCHAR to TIMESTAMP   the engine drops an offset such as +02:00; here it is applied
 *   VARCHAR to BLOB        the engine reads \\xDE\\xAD, the contract has \\xdead or the bytes
 * themselves BLOB to VARCHAR        so that what is printed reads back Touches:  the model's
 * parsers, so that INSERT, live filters and the engine agree. Threads:  duck_cast_register while
 * opening; the casts on the engine's threads. */
#include "engine/duck_private.h"

#include "model/value.h"

static str text_at(const duckdb_string_t *texts, idx_t row)
{
    duckdb_string_t text = texts[row];
    /* a short text lies in the string itself, so not in the copy */
    const char *bytes = duckdb_string_is_inlined(text) ? texts[row].value.inlined.inlined
                                                       : duckdb_string_t_data(&text);
    return (str){bytes, duckdb_string_t_length(text)};
}

static bool is_null_at(duckdb_vector input, idx_t row, duckdb_vector output)
{
    uint64_t *valid = duckdb_vector_get_validity(input);
    if (valid == NULL || duckdb_validity_row_is_valid(valid, row)) {
        return false;
    }
    duckdb_vector_ensure_validity_writable(output);
    duckdb_validity_set_row_invalid(duckdb_vector_get_validity(output), row);
    return true;
}

/* The engine hands both vectors flat; a row that does not parse is NULL under TRY_CAST, an error
 * otherwise. */
static bool cast_timestamps(duckdb_function_info info, idx_t count, duckdb_vector input,
                            duckdb_vector output)
{
    const duckdb_string_t *texts = duckdb_vector_get_data(input);
    duckdb_timestamp *out = duckdb_vector_get_data(output);
    bool is_whole = true;
    for (idx_t i = 0; i < count; i++) {
        int64_t us = 0;
        if (is_null_at(input, i, output)) {
            continue;
        }
        if (timestamp_parse(text_at(texts, i), &us)) {
            out[i].micros = us;
        } else {
            duckdb_cast_function_set_row_error(info, "Could not convert string to TIMESTAMP", i,
                                               output);
            is_whole = false;
        }
    }
    return is_whole;
}

static bool cast_by_model(duckdb_function_info info, idx_t count, duckdb_vector input,
                          duckdb_vector output, enum type_id from, enum type_id to)
{
    const duckdb_string_t *texts = duckdb_vector_get_data(input);
    bool is_whole = true;
    struct arena arena;
    arena_init(&arena);
    for (idx_t i = 0; i < count; i++) {
        if (is_null_at(input, i, output)) {
            continue;
        }
        struct value v = {.type = type_of(from), .as.text = text_at(texts, i)};
        struct value made;
        struct error why;
        error_clear(&why);
        arena_reset(&arena);
        if (status_ok(value_coerce(&v, type_of(to), STR_LIT("cast"), &arena, &made, &why))) {
            duckdb_vector_assign_string_element_len(output, i, made.as.text.p, made.as.text.n);
        } else {
            duckdb_cast_function_set_row_error(info, "Could not convert string to BLOB", i, output);
            is_whole = false;
        }
    }
    arena_release(&arena);
    return is_whole;
}

static bool cast_to_bytes(duckdb_function_info info, idx_t count, duckdb_vector input,
                          duckdb_vector output)
{
    return cast_by_model(info, count, input, output, TYPE_TEXT, TYPE_BYTES);
}

static bool cast_to_text(duckdb_function_info info, idx_t count, duckdb_vector input,
                         duckdb_vector output)
{
    return cast_by_model(info, count, input, output, TYPE_BYTES, TYPE_TEXT);
}

static bool add(duckdb_connection handle, duckdb_type from, duckdb_type to,
                duckdb_cast_function_t run)
{
    duckdb_cast_function cast = duckdb_create_cast_function();
    duckdb_logical_type source = duckdb_create_logical_type(from);
    duckdb_logical_type target = duckdb_create_logical_type(to);
    duckdb_cast_function_set_source_type(cast, source);
    duckdb_cast_function_set_target_type(cast, target);
    duckdb_cast_function_set_implicit_cast_cost(cast,
                                                -1); /* as the engine's own: only on request */
    duckdb_cast_function_set_function(cast, run);
    duckdb_state state = duckdb_register_cast_function(handle, cast);
    duckdb_destroy_logical_type(&source);
    duckdb_destroy_logical_type(&target);
    duckdb_destroy_cast_function(&cast);
    return state == DuckDBSuccess;
}

status duck_cast_register(duckdb_connection handle, struct error *err)
{
    bool is_added = add(handle, DUCKDB_TYPE_VARCHAR, DUCKDB_TYPE_TIMESTAMP, cast_timestamps) &&
                    add(handle, DUCKDB_TYPE_VARCHAR, DUCKDB_TYPE_BLOB, cast_to_bytes) &&
                    add(handle, DUCKDB_TYPE_BLOB, DUCKDB_TYPE_VARCHAR, cast_to_text);
    return is_added ? STATUS_IS_OK
                    : error_set(err, ERROR_INTERNAL, "the casts of texts cannot be registered");
}

/* sql/eval_function.c -- the functions that we evaluate ourselves. All others are the engine's.
 * Threads: any. */
#include "sql/eval_own.h"

#include "base/check.h"
#include "sql/case_map.h"

#include <math.h>

typedef status bind_fn(struct eval_binder *b, struct eval_list args, struct eval **out);

struct function {
    const char *name;
    unsigned args_min;
    unsigned args_max;
    bool needs_parens; /* false: NAME alone is a call too */
    bind_fn *bind;
};

enum { ARGS_MAX = 1000 };

static struct eval *new_call(struct eval_binder *b, eval_call_fn *run, enum type_id type,
                             struct eval_list args)
{
    struct eval *e = eval_new(b, EVAL_CALL, type_of(type));
    e->as.call.run = run;
    e->as.call.args = args;
    e->is_constant = eval_all_constant(args);
    return e;
}

static status first_arg(const struct eval *e, const struct eval_input *input, struct arena *arena,
                        struct value *out, struct error *err)
{
    return eval_node(e->as.call.args.items[0], input, arena, out, err);
}

static status bind_text_arg(struct eval_binder *b, struct eval **arg)
{
    struct type type = (*arg)->type;
    if (type.id != TYPE_NONE && type.id != TYPE_TEXT && type.id != TYPE_JSON) {
        struct buf text;
        buf_init(&text);
        type_append_sql(&text, type);
        status result = eval_refuse(b, "as a TEXT argument, a value of type", buf_str(&text));
        buf_release(&text);
        return result;
    }
    return eval_bind_cast(b, arg, type_of(TYPE_TEXT));
}

/* --- the session */

static status run_user(const struct eval *e, const struct eval_input *input, struct arena *arena,
                       struct value *out, struct error *err)
{
    (void)e, (void)arena, (void)err;
    *out = value_text(input->session->user_id);
    return STATUS_IS_OK;
}

static status run_role(const struct eval *e, const struct eval_input *input, struct arena *arena,
                       struct value *out, struct error *err)
{
    (void)e, (void)arena, (void)err;
    *out = value_text(str_from(input->session->role));
    return STATUS_IS_OK;
}

static status run_now(const struct eval *e, const struct eval_input *input, struct arena *arena,
                      struct value *out, struct error *err)
{
    (void)e, (void)arena, (void)err;
    *out = value_int(TYPE_TIMESTAMP, input->session->now_us);
    return STATUS_IS_OK;
}

static status bind_session(struct eval_binder *b, eval_call_fn *run, enum type_id type,
                           struct eval_list args, struct eval **out)
{
    *out = new_call(b, run, type, args);
    (*out)->is_constant = false;
    return STATUS_IS_OK;
}

static status bind_user(struct eval_binder *b, struct eval_list args, struct eval **out)
{
    return bind_session(b, run_user, TYPE_TEXT, args, out);
}

static status bind_role(struct eval_binder *b, struct eval_list args, struct eval **out)
{
    return bind_session(b, run_role, TYPE_TEXT, args, out);
}

static status bind_now(struct eval_binder *b, struct eval_list args, struct eval **out)
{
    return bind_session(b, run_now, TYPE_TIMESTAMP, args, out);
}

/* --- generators */

static status run_snowflake(const struct eval *e, const struct eval_input *input,
                            struct arena *arena, struct value *out, struct error *err)
{
    (void)e, (void)arena, (void)err;
    CHECK(input->session->snowflake != NULL);
    *out = value_int(TYPE_BIGINT, input->session->snowflake(input->session->context));
    return STATUS_IS_OK;
}

static status run_uuid(const struct eval *e, const struct eval_input *input, struct arena *arena,
                       struct value *out, struct error *err)
{
    (void)e, (void)err;
    CHECK(input->session->uuid_v7 != NULL);
    uint8_t uuid[16];
    struct buf text;
    input->session->uuid_v7(input->session->context, uuid);
    buf_init(&text);
    uuid_append_text(&text, uuid);
    *out = value_text(arena_copy(arena, buf_str(&text)));
    buf_release(&text);
    return STATUS_IS_OK;
}

static status run_ulid(const struct eval *e, const struct eval_input *input, struct arena *arena,
                       struct value *out, struct error *err)
{
    (void)e, (void)err;
    CHECK(input->session->ulid != NULL);
    char text[26];
    input->session->ulid(input->session->context, text);
    *out = value_text(arena_copy(arena, str_of(text, sizeof text)));
    return STATUS_IS_OK;
}

static status bind_generator(struct eval_binder *b, eval_call_fn *run, enum type_id type,
                             struct eval_list args, const char *name, struct eval **out)
{
    if (!b->scope->allows_generators) {
        return eval_refuse(b, "the function", str_from(name));
    }
    return bind_session(b, run, type, args, out);
}

static status bind_snowflake(struct eval_binder *b, struct eval_list args, struct eval **out)
{
    return bind_generator(b, run_snowflake, TYPE_BIGINT, args, "SNOWFLAKE_ID", out);
}

static status bind_uuid(struct eval_binder *b, struct eval_list args, struct eval **out)
{
    return bind_generator(b, run_uuid, TYPE_TEXT, args, "UUID_V7", out);
}

static status bind_ulid(struct eval_binder *b, struct eval_list args, struct eval **out)
{
    return bind_generator(b, run_ulid, TYPE_TEXT, args, "ULID", out);
}

/* --- texts */

static status run_lower(const struct eval *e, const struct eval_input *input, struct arena *arena,
                        struct value *out, struct error *err)
{
    TRY(first_arg(e, input, arena, out, err));
    if (!out->is_null) {
        out->as.text = case_lower(arena, out->as.text);
    }
    return STATUS_IS_OK;
}

static status run_upper(const struct eval *e, const struct eval_input *input, struct arena *arena,
                        struct value *out, struct error *err)
{
    TRY(first_arg(e, input, arena, out, err));
    if (!out->is_null) {
        out->as.text = case_upper(arena, out->as.text);
    }
    return STATUS_IS_OK;
}

/* Characters, not bytes. */
static status run_length(const struct eval *e, const struct eval_input *input, struct arena *arena,
                         struct value *out, struct error *err)
{
    TRY(first_arg(e, input, arena, out, err));
    if (out->is_null) {
        *out = value_null(e->type);
        return STATUS_IS_OK;
    }
    int64_t count = 0;
    for (size_t i = 0; i < out->as.text.n; i++) {
        count += ((unsigned char)out->as.text.p[i] & 0xC0) != 0x80;
    }
    *out = value_int(TYPE_BIGINT, count);
    return STATUS_IS_OK;
}

static status bind_lower(struct eval_binder *b, struct eval_list args, struct eval **out)
{
    TRY(bind_text_arg(b, &args.items[0]));
    *out = new_call(b, run_lower, TYPE_TEXT, args);
    return STATUS_IS_OK;
}

static status bind_upper(struct eval_binder *b, struct eval_list args, struct eval **out)
{
    TRY(bind_text_arg(b, &args.items[0]));
    *out = new_call(b, run_upper, TYPE_TEXT, args);
    return STATUS_IS_OK;
}

static status bind_length(struct eval_binder *b, struct eval_list args, struct eval **out)
{
    TRY(bind_text_arg(b, &args.items[0]));
    *out = new_call(b, run_length, TYPE_BIGINT, args);
    return STATUS_IS_OK;
}

/* Joins the texts. `||` is NULL when one is; concat() leaves NULLs out. */
static status run_joined(const struct eval *e, bool skips_nulls, const struct eval_input *input,
                         struct arena *arena, struct value *out, struct error *err)
{
    struct buf text;
    bool is_null = false;
    status result = STATUS_IS_OK;
    buf_init(&text);
    for (unsigned i = 0; i < e->as.call.args.count && status_ok(result); i++) {
        struct value v;
        result = eval_node(e->as.call.args.items[i], input, arena, &v, err);
        if (status_ok(result) && !v.is_null) {
            buf_append_str(&text, v.as.text);
        }
        is_null |= status_ok(result) && v.is_null && !skips_nulls;
    }
    *out = is_null ? value_null(e->type) : value_text(arena_copy(arena, buf_str(&text)));
    buf_release(&text);
    return result;
}

static status run_concat(const struct eval *e, const struct eval_input *input, struct arena *arena,
                         struct value *out, struct error *err)
{
    return run_joined(e, true, input, arena, out, err);
}

static status run_concat_strict(const struct eval *e, const struct eval_input *input,
                                struct arena *arena, struct value *out, struct error *err)
{
    return run_joined(e, false, input, arena, out, err);
}

static status bind_joined(struct eval_binder *b, eval_call_fn *run, struct eval_list args,
                          struct eval **out)
{
    for (unsigned i = 0; i < args.count; i++) {
        TRY(eval_bind_cast(b, &args.items[i], type_of(TYPE_TEXT)));
    }
    *out = new_call(b, run, TYPE_TEXT, args);
    return STATUS_IS_OK;
}

static status bind_concat(struct eval_binder *b, struct eval_list args, struct eval **out)
{
    return bind_joined(b, run_concat, args, out);
}

status eval_bind_concat(struct eval_binder *b, struct eval_list parts, struct eval **out)
{
    return bind_joined(b, run_concat_strict, parts, out);
}

/* --- numbers */

static status run_abs(const struct eval *e, const struct eval_input *input, struct arena *arena,
                      struct value *out, struct error *err)
{
    TRY(first_arg(e, input, arena, out, err));
    if (out->is_null) {
        return STATUS_IS_OK;
    }
    if (eval_is_real(e->type)) {
        out->as.real = fabs(out->as.real);
    } else if (e->type.id == TYPE_DECIMAL) {
        out->as.decimal = out->as.decimal < 0 ? -out->as.decimal : out->as.decimal;
    } else if (out->as.integer < 0) {
        int64_t least = e->type.id == TYPE_SMALLINT ? INT16_MIN
                        : e->type.id == TYPE_INT    ? INT32_MIN
                                                    : INT64_MIN;
        if (out->as.integer == least) {
            return error_set(err, ERROR_EXECUTION, "Overflow on abs(%lld)", (long long)least);
        }
        out->as.integer = -out->as.integer;
    }
    return STATUS_IS_OK;
}

static status bind_abs(struct eval_binder *b, struct eval_list args, struct eval **out)
{
    struct type type = args.items[0]->type;
    if (type.id != TYPE_NONE && !eval_is_number(type)) {
        return eval_refuse(b, "on a value that is no number, the function", STR_LIT("ABS"));
    }
    *out = new_call(b, run_abs, type.id, args);
    (*out)->type = type;
    return STATUS_IS_OK;
}

/* --- choices */

static status run_coalesce(const struct eval *e, const struct eval_input *input,
                           struct arena *arena, struct value *out, struct error *err)
{
    *out = value_null(e->type);
    for (unsigned i = 0; i < e->as.call.args.count && out->is_null; i++) {
        TRY(eval_node(e->as.call.args.items[i], input, arena, out, err));
    }
    return STATUS_IS_OK;
}

static status bind_coalesce(struct eval_binder *b, struct eval_list args, struct eval **out)
{
    struct type type;
    TRY(eval_bind_common(b, args.items, args.count, &type));
    for (unsigned i = 0; i < args.count; i++) {
        TRY(eval_bind_cast_late(b, &args.items[i], type));
    }
    *out = new_call(b, run_coalesce, type.id, args);
    (*out)->type = type;
    return STATUS_IS_OK;
}

/* NULL when both are equal, else the first as it is. */
static status run_nullif(const struct eval *e, const struct eval_input *input, struct arena *arena,
                         struct value *out, struct error *err)
{
    struct value right;
    struct value left;
    TRY(first_arg(e, input, arena, out, err));
    TRY(eval_node(e->as.call.args.items[1], input, arena, &right, err));
    if (out->is_null || right.is_null) {
        return STATUS_IS_OK;
    }
    TRY(eval_cast(out, e->as.call.meet, arena, &left, err));
    if (eval_compare(&left, &right) == 0) {
        *out = value_null(e->type);
    }
    return STATUS_IS_OK;
}

static status bind_nullif(struct eval_binder *b, struct eval_list args, struct eval **out)
{
    struct type meet;
    TRY(eval_bind_equal(b, args.items[0], args.items[1], &meet));
    TRY(eval_bind_cast(b, &args.items[1], meet));
    *out = new_call(b, run_nullif, args.items[0]->type.id, args);
    (*out)->type = args.items[0]->type;
    (*out)->as.call.meet = meet;
    return STATUS_IS_OK;
}

/* --- JSON */

static status bind_json_get(struct eval_binder *b, struct eval_list args, struct eval **out)
{
    return eval_bind_json(b, OP_JSON_GET, args.items[0], args.items + 1, args.count - 1, out);
}

static status bind_json_as_text(struct eval_binder *b, struct eval_list args, struct eval **out)
{
    return eval_bind_json(b, OP_JSON_GET_TEXT, args.items[0], args.items + 1, args.count - 1, out);
}

static status bind_json_contains(struct eval_binder *b, struct eval_list args, struct eval **out)
{
    return eval_bind_json(b, OP_JSON_HAS, args.items[0], args.items + 1, args.count - 1, out);
}

/* --- the table */

static const struct function functions[] = {
    {"abs", 1, 1, true, bind_abs},
    {"coalesce", 1, ARGS_MAX, true, bind_coalesce},
    {"concat", 1, ARGS_MAX, true, bind_concat},
    {"current_role", 0, 0, false, bind_role},
    {"current_timestamp", 0, 0, false, bind_now},
    {"current_user", 0, 0, false, bind_user},
    {"current_user_id", 0, 0, true, bind_user},
    {"json_as_text", 2, ARGS_MAX, true, bind_json_as_text},
    {"json_contains", 2, ARGS_MAX, true, bind_json_contains},
    {"json_get_json", 2, ARGS_MAX, true, bind_json_get},
    {"length", 1, 1, true, bind_length},
    {"lower", 1, 1, true, bind_lower},
    {"now", 0, 0, true, bind_now},
    {"nullif", 2, 2, true, bind_nullif},
    {"snowflake_id", 0, 0, true, bind_snowflake},
    {"ulid", 0, 0, true, bind_ulid},
    {"upper", 1, 1, true, bind_upper},
    {"uuid_v7", 0, 0, true, bind_uuid},
};

static const struct function *find_function(str name, bool has_parens)
{
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        if (str_eq_c(name, functions[i].name) && (has_parens || !functions[i].needs_parens)) {
            return &functions[i];
        }
    }
    return NULL;
}

status eval_bind_call(struct eval_binder *b, const struct expr *e, struct eval **out)
{
    const struct function *f = find_function(e->as.call.name, e->as.call.has_parens);
    const struct expr_list *list = &e->as.call.args;
    if (f == NULL || list->count < f->args_min || list->count > f->args_max) {
        return eval_refuse(b,
                           f == NULL ? "the function" : "this number of arguments of the function",
                           e->as.call.name);
    }
    struct eval_list args = {ARENA_ARRAY(b->arena, struct eval *, list->count), list->count};
    for (unsigned i = 0; i < args.count; i++) {
        TRY(eval_bind_node(b, list->items[i], &args.items[i]));
    }
    return f->bind(b, args, out);
}

/* sql/ddl_options.c -- what follows the columns of CREATE TABLE: WITH (...), and the clauses of
 * spec 002: LOCATION, FLUSH POLICY, retention. Threads: any. */
#include "sql/statement.h"
#include "sql/template.h"
#include "sql/text.h"

enum { FLUSH_ROWS_MAX = 999999, FLUSH_INTERVAL_MAX_S = 86399, HOUR_S = 3600, PPM = 1000000 };

/* One value after `key =`: a number, a text or a word. */
static bool parse_value(struct cursor *c, str *out)
{
    if (cursor_sees(c, TK_STRING)) {
        return cursor_text(c, out);
    }
    if (cursor_is_end(c) || c->at->kind == TK_RP || c->at->kind == TK_COMMA) {
        return cursor_unexpected(c);
    }
    *out = cursor_here(c);
    c->at++;
    return true;
}

static bool fail_value(struct cursor *c, const char *key, str value, const char *wanted)
{
    build_fail(c->b, ERROR_SYNTAX, "Invalid %s '" STR_FMT "'. Expected %s", key,
               STR(text_excerpt(value)), wanted);
    return false;
}

static bool set_option(struct cursor *c, const char *key, int64_t value, struct option_i64 *out)
{
    if (out->is_set) {
        return build_given_twice(c->b, str_from(key));
    }
    *out = (struct option_i64){.is_set = true, .value = value};
    return true;
}

static bool set_integer(struct cursor *c, const char *key, str value, int64_t low, int64_t high,
                        struct option_i64 *out)
{
    int64_t n = 0;
    if (!str_to_i64(str_trim(value), &n) || n < low || n > high) {
        char wanted[64];
        (void)snprintf(wanted, sizeof wanted, "%lld..%lld", (long long)low, (long long)high);
        return fail_value(c, key, value, wanted);
    }
    return set_option(c, key, n, out);
}

static bool set_boolean(struct cursor *c, const char *key, str value, struct option_i64 *out)
{
    bool is_true = str_eq_nocase(value, STR_LIT("true"));
    if (!is_true && !str_eq_nocase(value, STR_LIT("false"))) {
        return fail_value(c, key, value, "true or false");
    }
    return set_option(c, key, is_true, out);
}

/* Seconds of "10s", "5 minutes", "7d", "300"; -1: none of them. */
static int64_t duration_s(str text)
{
    static const struct {
        const char *unit;
        int64_t seconds;
    } units[] = {{"", 1},
                 {"s", 1},
                 {"sec", 1},
                 {"secs", 1},
                 {"second", 1},
                 {"seconds", 1},
                 {"m", 60},
                 {"min", 60},
                 {"mins", 60},
                 {"minute", 60},
                 {"minutes", 60},
                 {"h", HOUR_S},
                 {"hour", HOUR_S},
                 {"hours", HOUR_S},
                 {"d", 24 * HOUR_S},
                 {"day", 24 * HOUR_S},
                 {"days", 24 * HOUR_S}};
    text = str_trim(text);
    size_t digits = 0;
    while (digits < text.n && text.p[digits] >= '0' && text.p[digits] <= '9') {
        digits++;
    }
    int64_t n = 0;
    str unit = str_trim(str_skip(text, digits));
    if (!str_to_i64(str_slice(text, 0, digits), &n) || n > INT32_MAX) {
        return -1;
    }
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (str_eq_nocase(unit, str_from(units[i].unit))) {
            return n * units[i].seconds;
        }
    }
    return -1;
}

static bool set_duration(struct cursor *c, const char *key, str value, struct option_i64 *out)
{
    int64_t seconds = duration_s(value);
    if (seconds <= 0) {
        return fail_value(c, key, value, "a time such as '10s', '5 minutes' or '7d'");
    }
    return set_option(c, key, seconds, out);
}

bool parse_access_level(struct cursor *c, bool allows_dba, enum access_level *out)
{
    static const struct {
        const char *word;
        enum access_level level;
    } levels[] = {{"PUBLIC", ACCESS_PUBLIC},
                  {"PRIVATE", ACCESS_PRIVATE},
                  {"RESTRICTED", ACCESS_RESTRICTED},
                  {"DBA", ACCESS_DBA}};
    str value;
    if (!parse_value(c, &value)) {
        return false;
    }
    for (size_t i = 0; i < 3 + (size_t)allows_dba; i++) {
        if (str_eq_nocase(value, str_from(levels[i].word))) {
            *out = levels[i].level;
            return true;
        }
    }
    build_fail(c->b, ERROR_SYNTAX,
               "Invalid ACCESS_LEVEL '" STR_FMT "'. Supported: PUBLIC, PRIVATE, RESTRICTED%s",
               STR(text_excerpt(value)), allows_dba ? ", DBA" : "");
    return false;
}

/* --- WITH (key = value, ...) */

static bool with_type(struct cursor *c, struct create_table_part *part)
{
    static const struct {
        const char *word;
        enum table_kind kind;
    } kinds[] = {{"USER", TABLE_USER}, {"SHARED", TABLE_SHARED}, {"STREAM", TABLE_STREAM}};
    str value;
    if (!parse_value(c, &value)) {
        return false;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (!str_eq_nocase(value, str_from(kinds[i].word))) {
            continue;
        }
        if (part->says_kind && part->kind != kinds[i].kind) {
            build_fail(c->b, ERROR_SYNTAX,
                       "Conflicting table type definitions: CREATE %s TABLE vs TYPE option %s",
                       kinds[part->kind].word, kinds[i].word);
            return false;
        }
        part->says_kind = true;
        part->kind = kinds[i].kind;
        return true;
    }
    build_fail(c->b, ERROR_SYNTAX,
               "Invalid TYPE option '" STR_FMT "'. Supported: USER, SHARED, STREAM",
               STR(text_excerpt(value)));
    return false;
}

/* One part of 'rows:100,interval:60'. */
static bool flush_policy_part(struct cursor *c, str part, struct table_options *o)
{
    ptrdiff_t colon = str_find_char(part, ':');
    if (colon < 0) {
        build_fail(c->b, ERROR_SYNTAX,
                   "Invalid FLUSH_POLICY format '" STR_FMT "'. Expected 'key:value'",
                   STR(text_excerpt(part)));
        return false;
    }
    str key = str_trim(str_slice(part, 0, (size_t)colon));
    str value = str_skip(part, (size_t)colon + 1);
    if (str_eq_nocase(key, STR_LIT("rows"))) {
        return set_integer(c, "FLUSH_POLICY rows", value, 1, FLUSH_ROWS_MAX, &o->flush_rows);
    }
    if (str_eq_nocase(key, STR_LIT("interval"))) {
        return set_integer(c, "FLUSH_POLICY interval", value, 1, FLUSH_INTERVAL_MAX_S,
                           &o->flush_interval_s);
    }
    build_fail(c->b, ERROR_SYNTAX, "FLUSH_POLICY must specify 'rows' or 'interval' > 0");
    return false;
}

static bool with_flush_policy(struct cursor *c, struct create_table_part *part)
{
    str value;
    if (!parse_value(c, &value)) {
        return false;
    }
    for (str rest = value;;) {
        ptrdiff_t comma = str_find_char(rest, ',');
        str one = str_trim(comma < 0 ? rest : str_slice(rest, 0, (size_t)comma));
        if (!flush_policy_part(c, one, &part->options)) {
            return false;
        }
        if (comma < 0) {
            return true;
        }
        rest = str_skip(rest, (size_t)comma + 1);
    }
}

static bool with_storage_id(struct cursor *c, struct create_table_part *part)
{
    if (part->options.storage_id.n > 0) {
        return build_given_twice(c->b, STR_LIT("STORAGE_ID"));
    }
    return parse_value(c, &part->options.storage_id);
}

static bool with_use_user_storage(struct cursor *c, struct create_table_part *part)
{
    str value;
    return parse_value(c, &value) &&
           set_boolean(c, "USE_USER_STORAGE", value, &part->options.use_user_storage);
}

static bool parse_retention_hours(struct cursor *c, struct option_i64 *out)
{
    str value;
    if (!parse_value(c, &value) ||
        !set_integer(c, "DELETED_RETENTION_HOURS", value, 0, INT32_MAX, out)) {
        return false;
    }
    out->value *= HOUR_S;
    return true;
}

static bool parse_retention(struct cursor *c, struct option_i64 *out)
{
    str value;
    if (!parse_value(c, &value)) {
        return false;
    }
    if (str_eq_nocase(value, STR_LIT("off"))) {
        return set_option(c, "DELETED_RETENTION", 0, out);
    }
    return set_duration(c, "DELETED_RETENTION", value, out);
}

static bool with_retention_hours(struct cursor *c, struct create_table_part *part)
{
    return parse_retention_hours(c, &part->options.deleted_retention_s);
}

static bool with_deleted_retention(struct cursor *c, struct create_table_part *part)
{
    return parse_retention(c, &part->options.deleted_retention_s);
}

bool parse_retention_property(struct cursor *c, struct option_i64 *out)
{
    if (cursor_accept_words(c, "DELETED_RETENTION_HOURS")) {
        return cursor_expect(c, TK_EQ) && parse_retention_hours(c, out);
    }
    return cursor_expect_words(c, "DELETED_RETENTION") && cursor_expect(c, TK_EQ) &&
           parse_retention(c, out);
}

static bool with_ttl_seconds(struct cursor *c, struct create_table_part *part)
{
    str value;
    return parse_value(c, &value) &&
           set_integer(c, "TTL_SECONDS", value, 1, INT32_MAX, &part->options.ttl_s);
}

static bool with_retention(struct cursor *c, struct create_table_part *part)
{
    str value;
    return parse_value(c, &value) && set_duration(c, "RETENTION", value, &part->options.ttl_s);
}

static bool with_ephemeral(struct cursor *c, struct create_table_part *part)
{
    str value;
    return parse_value(c, &value) &&
           set_boolean(c, "EPHEMERAL", value, &part->options.is_ephemeral);
}

static bool with_max_buffer(struct cursor *c, struct create_table_part *part)
{
    str value;
    return parse_value(c, &value) &&
           set_integer(c, "MAX_BUFFER", value, 1, INT32_MAX, &part->options.max_buffer);
}

static bool with_access_level(struct cursor *c, struct create_table_part *part)
{
    if (part->options.access_level != ACCESS_UNSAID) {
        return build_given_twice(c->b, STR_LIT("ACCESS_LEVEL"));
    }
    return parse_access_level(c, true, &part->options.access_level);
}

/* The wanted rate of false positives, 0.0001 to 0.5, or 'off'. */
static bool with_bloom_filter(struct cursor *c, struct create_table_part *part)
{
    double rate = 0;
    str value;
    if (!parse_value(c, &value)) {
        return false;
    }
    bool is_off = str_eq_nocase(value, STR_LIT("off"));
    if (!is_off && (!str_to_double(value, &rate) || !(rate >= 0.0001 && rate <= 0.5))) {
        return fail_value(c, "BLOOM_FILTER_FPP", value, "0.0001..0.5 or 'off'");
    }
    return set_option(c, "BLOOM_FILTER_FPP", (int64_t)(rate * PPM + 0.5),
                      &part->options.bloom_filter_ppm);
}

static bool parse_option(struct cursor *c, struct create_table_part *part)
{
    static const struct {
        const char *key;
        bool (*parse)(struct cursor *c, struct create_table_part *part);
    } options[] = {
        {"TYPE", with_type},
        {"STORAGE_ID", with_storage_id},
        {"USE_USER_STORAGE", with_use_user_storage},
        {"FLUSH_POLICY", with_flush_policy},
        {"DELETED_RETENTION_HOURS", with_retention_hours},
        {"DELETED_RETENTION", with_deleted_retention},
        {"TTL_SECONDS", with_ttl_seconds},
        {"RETENTION", with_retention},
        {"EPHEMERAL", with_ephemeral},
        {"MAX_BUFFER", with_max_buffer},
        {"ACCESS_LEVEL", with_access_level},
        {"BLOOM_FILTER_FPP", with_bloom_filter},
    };
    str key;
    if (!cursor_raw_name(c, &key)) {
        return false;
    }
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        if (str_eq_nocase(key, str_from(options[i].key))) {
            return cursor_expect(c, TK_EQ) && options[i].parse(c, part);
        }
    }
    char upper[LIMIT_NAME_BYTES];
    size_t n = 0;
    for (; n < key.n && n < sizeof upper; n++) {
        upper[n] = key.p[n] >= 'a' && key.p[n] <= 'z' ? (char)(key.p[n] - ('a' - 'A')) : key.p[n];
    }
    build_fail(c->b, ERROR_SYNTAX, "Unknown table option '" STR_FMT "'",
               STR(text_excerpt(str_of(upper, n))));
    return false;
}

static bool parse_with(struct cursor *c, struct create_table_part *part)
{
    if (!cursor_expect(c, TK_LP)) {
        return false;
    }
    while (!cursor_sees(c, TK_RP)) {
        if (!parse_option(c, part)) {
            return false;
        }
        if (!cursor_accept(c, TK_COMMA)) {
            break;
        }
    }
    return cursor_expect(c, TK_RP);
}

/* --- clauses of spec 002 */

static bool parse_location(struct cursor *c, struct create_table_part *part)
{
    if (cursor_accept_words(c, "REFERENCE")) {
        return cursor_sees(c, TK_STRING) ? with_storage_id(c, part) : cursor_unexpected(c);
    }
    if (part->options.has_location) {
        return build_given_twice(c->b, STR_LIT("LOCATION"));
    }
    if (!cursor_text(c, &part->options.location)) {
        return false;
    }
    part->options.has_location = true;
    part->options.location = template_of_location(c->b->arena, part->options.location);
    return true;
}

/* INTERVAL '5 minutes', INTERVAL 300, INTERVAL 300s, INTERVAL 5 MINUTES */
static bool parse_interval(struct cursor *c, struct option_i64 *out)
{
    const struct token *from = c->at;
    str value;
    if (!parse_value(c, &value)) {
        return false;
    }
    if (!cursor_is_end(c) && c->at->kind == TK_ID) { /* a unit of its own */
        str with_unit = str_slice(c->b->text, from->at, token_end(c->at));
        if (from->kind != TK_STRING && duration_s(with_unit) > 0) {
            value = with_unit;
            c->at++;
        }
    }
    if (!set_duration(c, "FLUSH POLICY INTERVAL", value, out)) {
        return false;
    }
    if (out->value > FLUSH_INTERVAL_MAX_S) {
        return fail_value(c, "FLUSH POLICY INTERVAL", value, "1..86399 seconds");
    }
    return true;
}

static bool parse_flush_policy(struct cursor *c, struct create_table_part *part)
{
    struct table_options *o = &part->options;
    bool is_parsed = false;
    for (;;) {
        if (cursor_accept_words(c, "ROWS") || cursor_accept_words(c, "ROW_LIMIT")) {
            str value;
            if (!parse_value(c, &value) ||
                !set_integer(c, "FLUSH POLICY ROWS", value, 1, FLUSH_ROWS_MAX, &o->flush_rows)) {
                return false;
            }
        } else if (cursor_accept_words(c, "INTERVAL") || cursor_accept_words(c, "TIME_INTERVAL")) {
            if (!parse_interval(c, &o->flush_interval_s)) {
                return false;
            }
        } else {
            return is_parsed || cursor_unexpected(c);
        }
        is_parsed = true;
        (void)(cursor_accept_words(c, "OR") || cursor_accept_words(c, "AND") ||
               cursor_accept(c, TK_COMMA));
    }
}

bool parse_table_options(struct cursor *c, struct create_table_part *part)
{
    while (!cursor_is_end(c)) {
        bool is_parsed = false;
        if (cursor_accept_words(c, "WITH") || cursor_accept_words(c, "OPTIONS")) {
            is_parsed = parse_with(c, part);
        } else if (cursor_accept_words(c, "USING")) {
            str word;
            is_parsed = cursor_name(c, &word);
        } else if (cursor_accept_words(c, "LOCATION")) {
            is_parsed = parse_location(c, part);
        } else if (cursor_accept_words(c, "FLUSH POLICY")) {
            is_parsed = parse_flush_policy(c, part);
        } else {
            return cursor_unexpected(c);
        }
        if (!is_parsed) {
            return false;
        }
    }
    return true;
}

status sql_check_table_options(enum table_kind kind, const struct table_options *options,
                               struct error *err)
{
    if (kind == TABLE_STREAM && !options->ttl_s.is_set) {
        return error_set(err, ERROR_SYNTAX, "STREAM tables must specify 'TTL_SECONDS'");
    }
    if (kind != TABLE_STREAM && options->ttl_s.is_set) {
        return error_set(err, ERROR_SYNTAX, "TTL_SECONDS is only supported for STREAM tables");
    }
    if (kind != TABLE_STREAM && (options->is_ephemeral.is_set || options->max_buffer.is_set)) {
        return error_set(err, ERROR_SYNTAX, "%s is only supported for STREAM tables",
                         options->is_ephemeral.is_set ? "EPHEMERAL" : "MAX_BUFFER");
    }
    if (kind != TABLE_SHARED && options->access_level != ACCESS_UNSAID) {
        return error_set(err, ERROR_SYNTAX, "ACCESS_LEVEL is only supported for SHARED tables");
    }
    if (kind != TABLE_USER && options->use_user_storage.is_set) {
        return error_set(err, ERROR_SYNTAX, "USE_USER_STORAGE is only supported for USER tables");
    }
    if (kind == TABLE_STREAM && options->deleted_retention_s.is_set) {
        return error_set(err, ERROR_SYNTAX, "DELETED_RETENTION is not supported for STREAM tables");
    }
    if (options->has_location) {
        TRY(template_check_location(kind, options->location, err));
    }
    bool has_policy = options->flush_rows.is_set || options->flush_interval_s.is_set;
    if (kind == TABLE_STREAM && has_policy) {
        return error_set(err, ERROR_SYNTAX, "FLUSH_POLICY is not supported for STREAM tables");
    }
    return STATUS_IS_OK;
}

/* query/prune_decide.c -- one segment against the conditions of a statement. See prune.h. */
#include "query/prune_private.h"

#include "store/filter_cache.h"

#include <math.h>

enum { PLAIN_TIMESTAMP_BYTES_MAX = 26, DATE_BYTES = 10, SECONDS_BYTES = 19 };
static const int64_t day_us = INT64_C(86400) * 1000000;

/* -- constants of this run ----------------------------------------------------------------------
 */

/* YYYY-MM-DD or YYYY-MM-DD[ T]HH:MM:SS[.ffffff]: what the engine and we read alike. */
static bool read_plain_time(str text, int64_t *us)
{
    static const char form[] = "dddd-dd-dd dd:dd:dd.dddddd";
    if (text.n != DATE_BYTES && text.n != SECONDS_BYTES &&
        (text.n < SECONDS_BYTES + 2 || text.n > PLAIN_TIMESTAMP_BYTES_MAX)) {
        return false;
    }
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        bool is_fine =
            form[i] == 'd' ? c >= '0' && c <= '9' : c == form[i] || (form[i] == ' ' && c == 'T');
        if (!is_fine) {
            return false;
        }
    }
    return timestamp_parse(text, us);
}

/* HH:MM:SS: as a text and as a time it has the same place among the others. */
static bool read_plain_clock(str text, int64_t *us)
{
    enum { CLOCK_BYTES = 8 };
    char stamp[SECONDS_BYTES];
    if (text.n != CLOCK_BYTES) {
        return false;
    }
    memcpy(stamp, "1970-01-01 ", sizeof stamp - CLOCK_BYTES);
    memcpy(stamp + sizeof stamp - CLOCK_BYTES, text.p, CLOCK_BYTES);
    return read_plain_time(str_of(stamp, sizeof stamp), us) && *us >= 0 && *us < day_us;
}

/* A UUID or its text as it is printed: other forms the engine may compare as texts. */
static bool as_uuid(const struct value *v, struct value *out)
{
    if (v->type.id == TYPE_UUID) {
        *out = *v;
        return true;
    }
    *out = value_null(type_of(TYPE_UUID));
    out->is_null = false;
    if (v->type.id != TYPE_TEXT || !uuid_parse(v->as.text, out->as.uuid)) {
        return false;
    }
    struct buf text;
    buf_init(&text);
    uuid_append_text(&text, out->as.uuid);
    bool is_plain = str_eq(buf_str(&text), v->as.text);
    buf_release(&text);
    return is_plain;
}

static bool as_clock(const struct value *v, struct value *out)
{
    *out = value_int(TYPE_TIME, v->type.id == TYPE_TIME ? v->as.integer : 0);
    return v->type.id == TYPE_TIME ||
           (v->type.id == TYPE_TEXT && read_plain_clock(v->as.text, &out->as.integer));
}

/* As µs; DATE is its midnight. */
static bool as_timestamp(const struct value *v, int64_t *us)
{
    switch (v->type.id) {
    case TYPE_TIMESTAMP:
    case TYPE_DATETIME:
        *us = v->as.integer;
        return true;
    case TYPE_DATE:
        *us = 0;
        return !__builtin_mul_overflow(v->as.integer, day_us, us);
    case TYPE_TEXT:
        return read_plain_time(v->as.text, us);
    default:
        return false;
    }
}

static bool is_real(enum type_id id)
{
    return id == TYPE_FLOAT || id == TYPE_DOUBLE || id == TYPE_DECIMAL;
}

/* A number, or with a cast its text, as DOUBLE, rounded. */
static bool as_real(const struct value *v, bool is_cast, struct value *out)
{
    double real = v->as.real;
    switch (v->type.id) {
    case TYPE_SMALLINT:
    case TYPE_INT:
    case TYPE_BIGINT:
        real = (double)v->as.integer;
        break;
    case TYPE_DECIMAL:
        real = (double)v->as.decimal / pow(10, v->type.scale);
        break;
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
        break;
    case TYPE_TEXT:
        if (!is_cast || !str_to_double(v->as.text, &real)) {
            return false;
        }
        break;
    default:
        return false;
    }
    *out = value_double(real);
    return true;
}

static bool is_integer(enum type_id id)
{
    return id == TYPE_SMALLINT || id == TYPE_INT || id == TYPE_BIGINT;
}

/* The constant as the engine would compare it with a column of `type`: BIGINT, TEXT, TIMESTAMP,
 * UUID, TIME, or a rounded DOUBLE. False: do not prune by it. */
static bool fit(const struct value *given, enum type_id cast, enum type_id type, struct value *out)
{
    struct value v = *given;
    int64_t us = 0;
    if (v.is_null) {
        return false;
    }
    if (cast == TYPE_TIMESTAMP || cast == TYPE_DATE) {
        bool has_day = as_timestamp(&v, &us) && (cast == TYPE_TIMESTAMP || us % day_us == 0);
        if (!has_day) {
            return false;
        }
        v = value_int(TYPE_TIMESTAMP, us);
    } else if (cast == TYPE_UUID || cast == TYPE_TIME) {
        return cast == type && (cast == TYPE_UUID ? as_uuid(&v, out) : as_clock(&v, out));
    } else if (is_real(cast) && !is_real(type)) {
        return false;
    } else if (cast == TYPE_BIGINT ? !is_integer(v.type.id)
                                   : cast == TYPE_TEXT && v.type.id != TYPE_TEXT) {
        return false;
    }
    switch (type) {
    case TYPE_SMALLINT:
    case TYPE_INT:
    case TYPE_BIGINT:
        v.type = type_of(TYPE_BIGINT);
        *out = v;
        return is_integer(cast == TYPE_NONE ? given->type.id : cast);
    case TYPE_TEXT:
        *out = v;
        return v.type.id == TYPE_TEXT;
    case TYPE_TIMESTAMP:
    case TYPE_DATETIME:
        if (!as_timestamp(&v, &us)) {
            return false;
        }
        *out = value_int(TYPE_TIMESTAMP, us);
        return true;
    case TYPE_DATE: /* a time within a day is compared with its midnight: both as times */
        if (!as_timestamp(&v, &us)) {
            return false;
        }
        *out = value_int(TYPE_TIMESTAMP, us);
        return v.type.id != TYPE_TEXT || v.as.text.n == DATE_BYTES;
    case TYPE_UUID:
        return as_uuid(&v, out);
    case TYPE_TIME:
        return as_clock(&v, out);
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
    case TYPE_DECIMAL:
        return (cast == TYPE_NONE || is_real(cast)) && as_real(&v, is_real(cast), out);
    default:
        return false;
    }
}

static bool operand_value(const struct prune_run *run, const struct prune_operand *operand,
                          enum type_id type, struct value *out)
{
    if (operand->parameter >= (int)run->value_count) {
        return false;
    }
    const struct value *v =
        operand->parameter >= 0 ? &run->values[operand->parameter] : &operand->value;
    return fit(v, operand->cast, type, out);
}

/* -- bounds of a segment ------------------------------------------------------------------------
 */

struct bounds {
    struct value min;
    struct value max;
};

/* A tagged scalar of the manifest's statistics (docs/formats/store.md) as BIGINT, TEXT,
 * TIMESTAMP, UUID or TIME, when that is how a column of `type` is compared. */
static bool read_scalar(const struct json *scalar, enum type_id type, struct value *out)
{
    if (scalar == NULL || scalar->kind != JSON_OBJECT || scalar->as.children.first == NULL) {
        return false;
    }
    const struct json *v = scalar->as.children.first;
    str tag = v->key;
    str text = {NULL, 0};
    int64_t number = 0;
    bool has_text = json_as_text(v, &text);
    bool has_number = json_as_i64(v, &number) || (has_text && str_to_i64(text, &number));
    if (str_eq_c(tag, "Utf8")) {
        *out = value_text(text);
        return has_text && type == TYPE_TEXT;
    }
    if (str_eq_c(tag, "Uuid")) {
        struct value written = value_text(text);
        return has_text && type == TYPE_UUID && as_uuid(&written, out);
    }
    if (str_eq_c(tag, "Time64Microsecond")) {
        *out = value_int(TYPE_TIME, number);
        return has_number && type == TYPE_TIME;
    }
    if (str_eq_c(tag, "Int16") || str_eq_c(tag, "Int32") || str_eq_c(tag, "Int64")) {
        *out = value_int(TYPE_BIGINT, number);
        return has_number && is_integer(type);
    }
    if (str_eq_c(tag, "TimestampMicrosecond")) {
        *out = value_int(TYPE_TIMESTAMP, number);
        return has_number && (type == TYPE_TIMESTAMP || type == TYPE_DATETIME);
    }
    if (str_eq_c(tag, "Float32") || str_eq_c(tag, "Float64")) {
        double real = 0;
        bool has_real = json_as_double(v, &real);
        /* 0.1 of a FLOAT is 0.10000000149011612, also when the column is DOUBLE by now */
        *out = value_double(str_eq_c(tag, "Float32") ? (double)(float)real : real);
        return has_real && (type == TYPE_FLOAT || type == TYPE_DOUBLE);
    }
    if (str_eq_c(tag, "Decimal128")) {
        *out = value_double(0);
        return has_text && str_to_double(text, &out->as.real) && type == TYPE_DECIMAL;
    }
    if (str_eq_c(tag, "Date32")) {
        *out = value_int(TYPE_TIMESTAMP, 0);
        return has_number && type == TYPE_DATE &&
               !__builtin_mul_overflow(number, day_us, &out->as.integer);
    }
    return false;
}

static const struct json *stats_of(const struct json *stats, uint32_t field_id)
{
    char key[16];
    (void)snprintf(key, sizeof key, "%lu", (unsigned long)field_id);
    return json_get(stats, key);
}

/* May the file have a row in which the column is NULL, or one in which it is not? A column without
 * a range tells nothing of its NULLs (EMBEDDING), unless they are as many as the rows; one that the
 * file does not have is kept. */
static bool may_have_null(const struct segment *segment, const struct json *stats,
                          const struct prune_term *term)
{
    const struct json *column = stats_of(stats, term->field_id);
    const struct json *min = json_get(column, "min");
    int64_t nulls = -1;
    if (!json_as_i64(json_get(column, "null_count"), &nulls) || min == NULL) {
        return true;
    }
    return term->op == PRUNE_IS_NULL ? json_is_null(min) || nulls != 0
                                     : !json_is_null(min) || (uint64_t)nulls != segment->rows;
}

static bool find_bounds(const struct segment *segment, const struct json *stats,
                        const struct prune_term *term, struct bounds *out)
{
    if (term->field_id == PARQUET_FIELD_SEQ) {
        out->min = value_int(TYPE_BIGINT, (int64_t)segment->min_seq);
        out->max = value_int(TYPE_BIGINT, (int64_t)segment->max_seq);
        return true;
    }
    const struct json *column = stats_of(stats, term->field_id);
    return read_scalar(json_get(column, "min"), term->type, &out->min) &&
           read_scalar(json_get(column, "max"), term->type, &out->max);
}

/* The engine compares FLOAT, DOUBLE and DECIMAL with each other in one of them, and all are rounded
 * here: only what is clearly outside is. A file with NaN has no bounds; a NaN is outside of none.
 */
static bool is_clearly_outside(const struct bounds *b, enum type_id type, enum prune_op op,
                               const struct value *v)
{
    double relative = type == TYPE_FLOAT ? 1e-6 : 1e-12;
    double below = b->min.as.real - relative * (fabs(b->min.as.real) + fabs(v->as.real));
    double above = b->max.as.real + relative * (fabs(b->max.as.real) + fabs(v->as.real));
    bool is_below = v->as.real < below && op != PRUNE_MORE && op != PRUNE_AT_LEAST;
    bool is_above = v->as.real > above && op != PRUNE_LESS && op != PRUNE_AT_MOST;
    return is_below || is_above;
}

static bool is_outside(const struct bounds *b, enum prune_op op, const struct value *v)
{
    int below = value_compare(v, &b->min);
    int above = value_compare(v, &b->max);
#ifdef KALAM_TESTING
    above += prune_mutant_is(PRUNE_BOUNDS_ARE_OPEN) && above == 0 ? 1 : 0;
#endif
    switch (op) {
    case PRUNE_IN:
        return below < 0 || above > 0;
    case PRUNE_LESS:
        return below <= 0;
    case PRUNE_AT_MOST:
        return below < 0;
    case PRUNE_MORE:
        return above >= 0;
    case PRUNE_AT_LEAST:
        return above > 0;
    case PRUNE_IS_NULL:
    case PRUNE_IS_NOT_NULL:
        break; /* no constant */
    }
    return false;
}

/* -- decisions ----------------------------------------------------------------------------------
 */

struct decision {
    const struct prune_run *run;
    struct table_read *read;
    table_id table;
    unsigned total;
};

/* NULL: not known. */
static const struct prune_values *found_of(const struct prune_run *run,
                                           const struct prune_source *source)
{
    bool is_known = run->sources != NULL && run->sources[source->number].is_known;
    return is_known ? &run->sources[source->number] : NULL;
}

/* May the segment have rows that fulfil the term? */
static status term_may_hold(const struct decision *d, const struct segment *segment, str path,
                            const struct json *stats, const struct prune_term *term, bool *may,
                            struct error *err)
{
    struct bounds bounds;
    if (term->op == PRUNE_IS_NULL || term->op == PRUNE_IS_NOT_NULL) {
        *may = may_have_null(segment, stats, term);
        return STATUS_IS_OK;
    }
    bool has_bounds = find_bounds(segment, stats, term, &bounds);
    const struct prune_values *found = term->source != NULL ? found_of(d->run, term->source) : NULL;
    unsigned count = found != NULL ? found->count : term->operand_count;
    *may = term->source != NULL && found == NULL;
    for (unsigned i = 0; i < count && !*may; i++) {
        struct value v;
        bool is_known = found != NULL ? fit(&found->items[i], TYPE_NONE, term->type, &v)
                                      : operand_value(d->run, &term->operands[i], term->type, &v);
        if (!is_known) {
            *may = true;
        } else if (is_real(term->type)) { /* their filters are not asked: -0.0 equals 0.0 */
            *may = !has_bounds || !is_clearly_outside(&bounds, term->type, term->op, &v);
        } else if (!has_bounds || !is_outside(&bounds, term->op, &v)) {
            *may = true;
            if (term->op == PRUNE_IN) {
                TRY(segment_may_have(d->read->store, segment, path, term->field_id, &v, may, err));
            }
        }
    }
    return STATUS_IS_OK;
}

static status place_may_need(const struct decision *d, const struct segment *segment, str path,
                             const struct json *stats, const struct prune_place *place, bool *may,
                             struct error *err)
{
    *may = true;
    for (const struct prune_term *t = place->terms; t != NULL && *may; t = t->next) {
        TRY(term_may_hold(d, segment, path, stats, t, may, err));
    }
    return STATUS_IS_OK;
}

static status keep_segment(void *context, const struct segment *segment, str path, bool *is_kept,
                           struct error *err)
{
    struct decision *d = context;
    d->total++;
    *is_kept = d->run->plan == NULL;
#ifdef KALAM_TESTING
    *is_kept = *is_kept || prune_mutant_is(PRUNE_OFF);
#endif
    if (*is_kept) {
        return STATUS_IS_OK;
    }
    const struct json *stats = NULL;
    struct arena arena;
    arena_init(&arena);
    if (segment->stats.n > 0 && !status_ok(json_parse(segment->stats, &arena, &stats, NULL))) {
        stats = NULL;
    }
    status result = STATUS_IS_OK;
    bool is_known = false;
    for (const struct prune_place *p = d->run->plan->places;
         p != NULL && !*is_kept && status_ok(result); p = p->next) {
        if (p->table.v == d->table.v) {
#ifdef KALAM_TESTING
            if (prune_mutant_is(PRUNE_ONE_PLACE) && is_known) {
                break;
            }
#endif
            is_known = true;
            result = place_may_need(d, segment, path, stats, p, is_kept, err);
        }
    }
    *is_kept = *is_kept || !is_known;
    arena_release(&arena);
    return result;
}

status prune_decide(const struct prune_run *prune, struct table_read *read,
                    struct table_file **files, unsigned *count, unsigned *total, struct error *err)
{
    struct decision d = {.run = prune, .read = read, .table = read->part->table->id};
    TRY(table_files(read, keep_segment, &d, files, count, err));
    *total = d.total;
    return STATUS_IS_OK;
}

status prune_files(const struct prune_run *prune, struct table_read *read,
                   struct table_file **files, unsigned *count, unsigned *total, struct error *err)
{
    TRY(prune_decide(prune, read, files, count, total, err));
    if (*total > 0) {
        segment_count_pruned(read->store, *total, *total - *count);
    }
    return STATUS_IS_OK;
}

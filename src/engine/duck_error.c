/* engine/duck_error.c -- the engine's errors in our words.
 * For:      the engine's texts carry paths, cell values, our internal names and its own text of the
 *           statement; a client gets none of them. Known texts keep the name or type they are
 * about, unknown ones are told by their kind only. The full text goes to the log where it points at
 *           a fault of ours (files, internal errors), never where it may hold a cell.
 * Touches:  base/log.
 * Threads:  the statement's own. */
#include "base/log.h"
#include "engine/duck_private.h"

const char *duck_report(struct duck_conn *conn, const struct error *err)
{
    conn->reported = *err;
    return "reported"; /* what the engine carries out; duck_error_from gives conn->reported */
}

enum kind {
    KIND_SYNTAX,
    KIND_NAME,
    KIND_CONVERSION,
    KIND_RANGE,
    KIND_INPUT,
    KIND_MEMORY,
    KIND_INTERRUPT,
    KIND_UNSUPPORTED,
    KIND_FILE,
    KIND_FATAL,
    KIND_INTERNAL
};

/* The engine puts the kind before every text; prepared statements offer no other sign of it. */
static const struct {
    const char *prefix;
    enum kind kind;
} kinds[] = {
    {"Parser Error: ", KIND_SYNTAX},
    {"Syntax Error: ", KIND_SYNTAX},
    {"Binder Error: ", KIND_NAME},
    {"Catalog Error: ", KIND_NAME},
    {"Expression Error: ", KIND_NAME},
    {"Planner Error: ", KIND_NAME},
    {"Parameter Not Allowed Error: ", KIND_NAME},
    {"Parameter Not Resolved Error: ", KIND_NAME},
    {"Conversion Error: ", KIND_CONVERSION},
    {"Mismatch Type Error: ", KIND_CONVERSION},
    {"Out of Range Error: ", KIND_RANGE},
    {"Decimal Error: ", KIND_RANGE},
    {"Object Size Error: ", KIND_RANGE},
    {"Divide by Zero Error: ", KIND_RANGE},
    {"Invalid Error: ", KIND_INPUT},
    {"Executor Error: ", KIND_INPUT},
    {"Constraint Error: ", KIND_INPUT},
    {"Invalid Input Error: ", KIND_INPUT},
    {"Invalid type Error: ", KIND_INPUT},
    {"Out of Memory Error: ", KIND_MEMORY},
    {"INTERRUPT Error: ", KIND_INTERRUPT},
    {"Not implemented Error: ", KIND_UNSUPPORTED},
    {"IO Error: ", KIND_FILE},
    {"Permission Error: ", KIND_FILE},
    {"FATAL Error: ", KIND_FATAL},
    {"INTERNAL Error: ", KIND_FATAL},
};

static enum kind kind_of(str *text)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        str prefix = str_from(kinds[i].prefix);
        if (str_starts_with(*text, prefix)) {
            *text = str_skip(*text, prefix.n);
            return kinds[i].kind;
        }
    }
    return KIND_INTERNAL;
}

/* The part between `before` and the next `after`; false: the text is another one. */
static bool extract(str text, const char *before, const char *after, str *out)
{
    ptrdiff_t at = str_find(text, str_from(before));
    if (at < 0) {
        return false;
    }
    str rest = str_skip(text, (size_t)at + strlen(before));
    ptrdiff_t end = str_find(rest, str_from(after));
    if (end < 0) {
        return false;
    }
    *out = str_slice(rest, 0, (size_t)end);
    return true;
}

/* Nothing of ours, no path, no text of the statement. */
static bool is_presentable(str line)
{
    static const char *const ours[] = {"kalam_", "_k_", "read_parquet", "/", "sys.", "LINE 1"};
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
        if (str_find(line, str_from(ours[i])) >= 0) {
            return false;
        }
    }
    /* "17.3": the schema of a version */
    for (size_t i = 1; i + 1 < line.n; i++) {
        if (line.p[i] == '.' && line.p[i - 1] >= '0' && line.p[i - 1] <= '9' &&
            line.p[i + 1] >= '0' && line.p[i + 1] <= '9') {
            return false;
        }
    }
    return line.n > 0;
}

static str first_line(str text)
{
    ptrdiff_t end = str_find_char(text, '\n');
    return end < 0 ? text : str_slice(text, 0, (size_t)end);
}

static str without_our_prefix(str name)
{
    return str_starts_with(name, STR_LIT("kalam_")) ? str_skip(name, 6) : name;
}

static status error_of_name(str text, struct error *err)
{
    str a;
    str b;
    if (extract(text, "Referenced column \"", "\" not found", &a) ||
        extract(text, "Column with name ", " does not exist", &a)) {
        return error_set(err, ERROR_COLUMN_NOT_FOUND, "Schema error: No field named " STR_FMT ".",
                         STR(a));
    }
    if ((extract(text, "able \"", "\" does not have a column named \"", &a) ||
         extract(text, "alues list \"", "\" does not have a column named \"", &a)) &&
        extract(text, "does not have a column named \"", "\"", &b)) {
        return error_set(err, ERROR_COLUMN_NOT_FOUND,
                         "Schema error: No field named " STR_FMT "." STR_FMT ".", STR(a), STR(b));
    }
    if (extract(text, "Referenced table \"", "\" not found", &a)) {
        return error_set(err, ERROR_COLUMN_NOT_FOUND,
                         "Schema error: table reference " STR_FMT " not found.",
                         STR(is_presentable(a) ? a : STR_LIT("of the statement")));
    }
    if (extract(text, "Ambiguous reference to column name \"", "\"", &a)) {
        return error_set(err, ERROR_QUERY,
                         "Schema error: Ambiguous reference to field " STR_FMT ".", STR(a));
    }
    if (extract(text, "No function matches the given name and argument types '", "'", &a)) {
        return error_set(err, ERROR_QUERY, "no function matches " STR_FMT,
                         STR(without_our_prefix(a)));
    }
    if (extract(text, "Cannot compare values of type ", " - an explicit", &a)) {
        return error_set(err, ERROR_QUERY, "cannot compare values of type " STR_FMT, STR(a));
    }
    if (str_starts_with(text, STR_LIT("Table with name ")) ||
        str_starts_with(text, STR_LIT("Schema with name "))) {
        /* the gate names views that were there: they went with their version */
        return error_set(err, ERROR_CONFLICT, "a table of the statement has just changed");
    }
    str line = first_line(text);
    if (is_presentable(line)) {
        return error_set(err, ERROR_QUERY, STR_FMT, STR(line));
    }
    return error_set(err, ERROR_QUERY, "the statement does not fit the tables it names");
}

static status error_of_conversion(str text, struct error *err)
{
    str line = first_line(text);
    if (str_find(line, STR_LIT("out of range")) >= 0) {
        ptrdiff_t at = str_find(line, STR_LIT("destination type "));
        if (at < 0) {
            return error_set(err, ERROR_QUERY, "a value is out of range for its type");
        }
        str to = str_skip(line, (size_t)at + 17);
        ptrdiff_t end = str_find_char(to, ' ');
        to = end < 0 ? to : str_slice(to, 0, (size_t)end);
        return error_set(err, ERROR_QUERY, "a value is out of range for " STR_FMT, STR(to));
    }
    /* "Could not convert string '...' to INT32": the last " to " is behind the value */
    ptrdiff_t last = -1;
    for (size_t i = 0; i + 4 < line.n; i++) {
        if (memcmp(line.p + i, " to ", 4) == 0) {
            last = (ptrdiff_t)i;
        }
    }
    str to = last < 0 ? (str){NULL, 0} : str_skip(line, (size_t)last + 4);
    ptrdiff_t when = str_find(to, STR_LIT(" when "));
    to = when < 0 ? to : str_slice(to, 0, (size_t)when);
    bool is_type = to.n > 0 && to.n < 40;
    for (size_t i = 0; i < to.n; i++) {
        is_type = is_type && ((to.p[i] >= 'A' && to.p[i] <= 'Z') ||
                              (to.p[i] >= '0' && to.p[i] <= '9') || strchr("(), []_", to.p[i]));
    }
    if (is_type) {
        return error_set(err, ERROR_QUERY, "a value cannot be converted to " STR_FMT, STR(to));
    }
    return error_set(err, ERROR_QUERY, "a value cannot be converted to the type wanted");
}

static status error_of_range(str text, struct error *err)
{
    str line = first_line(text);
    ptrdiff_t at = str_find_char(line, '('); /* the values stand in brackets */
    if (str_starts_with(line, STR_LIT("Overflow in ")) && at > 0) {
        return error_set(err, ERROR_QUERY, STR_FMT, STR(str_trim(str_slice(line, 0, (size_t)at))));
    }
    return error_set(err, ERROR_QUERY, "a value is out of range");
}

static status error_of_syntax(str text, struct error *err)
{
    str line = first_line(text);
    if (str_starts_with(line, STR_LIT("syntax error at or near")) ||
        str_starts_with(line, STR_LIT("syntax error at end of input"))) {
        return error_set(err, ERROR_SYNTAX, STR_FMT, STR(line));
    }
    return error_set(err, ERROR_SYNTAX, "the statement is not well-formed");
}

static status error_of_file(const char *message, struct error *err)
{
    log_error("engine", "file_error", "text=\"%s\"", message);
    if (strstr(message, "No space left") != NULL || strstr(message, "max_temp_directory_size")) {
        return error_set(err, ERROR_STORAGE_FULL, "no space left for the statement");
    }
    return error_set(err, ERROR_IO, "a segment cannot be read or written");
}

/* A segment that does not decode: the reader says so in several kinds of error. */
static bool is_damage(const char *message)
{
    static const char *const signs[] = {"magic bytes", "too small to be", "Parquet", "hrift",
                                        "ZSTD",        "decompress",      "Corrupt"};
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        if (strstr(message, signs[i]) != NULL) {
            return true;
        }
    }
    return false;
}

static status error_of_damage(const char *message, struct error *err)
{
    log_error("engine", "segment_damaged", "text=\"%.300s\"", message);
    return error_set(err, ERROR_CORRUPT, "a segment is damaged");
}

status duck_error_of_stop(struct duck_conn *conn, struct error *err)
{
    switch (duck_watch_reason(conn)) {
    case DUCK_STOP_DEADLINE:
        return error_set(err, ERROR_TIMEOUT, "Query timeout: the statement took too long");
    case DUCK_STOP_MEMORY: /* of the whole process: nobody knows whose fault that is */
        return error_set(err, ERROR_BUSY, "the server is short of memory");
    case DUCK_STOP_NONE:
    case DUCK_STOP_CANCEL:
        break;
    }
    return error_set(err, ERROR_CANCELLED, "the statement was cancelled");
}

status duck_error_from(struct duck_conn *conn, const char *message, struct error *err)
{
    if (conn->reported.id != ERROR_NONE) {
        enum error_id id = conn->reported.id;
        conn->reported.id = ERROR_NONE;
        return error_set(err, id, "%s", conn->reported.text);
    }
    str text = str_from(message);
    enum kind kind = kind_of(&text);
    switch (kind) {
    case KIND_SYNTAX:
        return error_of_syntax(text, err);
    case KIND_NAME:
        return error_of_name(text, err);
    case KIND_CONVERSION:
        return error_of_conversion(text, err);
    case KIND_RANGE:
        return error_of_range(text, err);
    case KIND_INPUT:
        if (str_starts_with(text, STR_LIT(DUCK_OUR_ERROR_PREFIX))) {
            str ours = first_line(str_skip(text, sizeof DUCK_OUR_ERROR_PREFIX - 1));
            return error_set(err, ERROR_QUERY, STR_FMT, STR(ours));
        }
        if (is_damage(message)) {
            return error_of_damage(message, err);
        }
        if (str_starts_with(text, STR_LIT("More than one row returned by a subquery"))) {
            return error_set(err, ERROR_QUERY,
                             "a subquery that stands for a value gave more than one row");
        }
        return error_set(err, ERROR_QUERY, "a function was given a value that it cannot take");
    case KIND_MEMORY:
        return error_set(err, ERROR_MEMORY, "the statement needs more memory than there is");
    case KIND_INTERRUPT:
        return duck_error_of_stop(conn, err);
    case KIND_UNSUPPORTED:
        return error_set(
            err, ERROR_STATEMENT_UNSUPPORTED, STR_FMT,
            STR(is_presentable(first_line(text)) ? first_line(text) : STR_LIT("this use of SQL")));
    case KIND_FILE:
        return is_damage(message) && strstr(message, "No files found") == NULL
                   ? error_of_damage(message, err)
                   : error_of_file(message, err);
    case KIND_FATAL:
        if (str_starts_with(str_from(message), STR_LIT("FATAL"))) {
            atomic_count_set(&conn->duck->is_broken, 1);
        }
        break;
    case KIND_INTERNAL:
        break;
    }
    if (is_damage(message)) {
        return error_of_damage(message, err);
    }
    log_error("engine", "internal_error", "text=\"%.300s\"", message);
    return error_set(err, ERROR_INTERNAL, "the SQL engine failed");
}

/* model/type.c -- the table of types, and reading their SQL spellings.
 * For:      type_parse (grammar), type_append_wire (results, schemas), type_append_sql (DESCRIBE).
 * Touches:  base. Owns: nothing. Threads: any. */
#include "model/type.h"

#include "base/check.h"
#include "model/limits.h"

static const struct type_row {
    const char *wire;
    const char *sql;
    unsigned fixed_bytes;
} type_rows[TYPE_COUNT] = {
#define TYPE(symbol, tag, wire, sql, fixed) [TYPE_##symbol] = {wire, sql, fixed},
#include "model/types.def"
#undef TYPE
};

enum { DECIMAL_PRECISION_DEFAULT = 38, DECIMAL_SCALE_DEFAULT = 10 };

bool type_eq(struct type a, struct type b)
{
    return a.id == b.id && a.dimension == b.dimension && a.precision == b.precision &&
           a.scale == b.scale;
}

unsigned type_fixed_bytes(enum type_id id)
{
    CHECK(id < TYPE_COUNT);
    return type_rows[id].fixed_bytes;
}

bool type_is_keyable(enum type_id id)
{
    return id != TYPE_NONE && id != TYPE_JSON && id != TYPE_FILE && id != TYPE_EMBEDDING;
}

bool type_is_text(enum type_id id)
{
    return id == TYPE_TEXT || id == TYPE_JSON || id == TYPE_FILE;
}

/* What may stand in the parentheses after a name. */
enum parameters {
    TAKES_NONE,
    TAKES_LENGTH,    /* VARCHAR(255), INT(11): a length that we do not need; at least 1 */
    TAKES_PRECISION, /* TIMESTAMP(3): 0..9, ignored, we keep µs */
    TAKES_BITS,      /* FLOAT(p): p > 24 is a DOUBLE, as in the SQL standard */
    TAKES_DECIMAL,
    TAKES_DIMENSION,
    TAKES_ANY /* ENUM('a', 'b'), STRUCT(...) */
};

static const struct spelling {
    const char *name; /* upper case, one space between words */
    enum type_id id;
    enum parameters parameters;
} spellings[] = {
    {"BOOLEAN", TYPE_BOOLEAN, TAKES_NONE},
    {"BOOL", TYPE_BOOLEAN, TAKES_NONE},
    {"SMALLINT", TYPE_SMALLINT, TAKES_LENGTH},
    {"INT2", TYPE_SMALLINT, TAKES_LENGTH},
    {"SMALLSERIAL", TYPE_SMALLINT, TAKES_NONE},
    {"SERIAL2", TYPE_SMALLINT, TAKES_NONE},
    {"INT", TYPE_INT, TAKES_LENGTH},
    {"INTEGER", TYPE_INT, TAKES_LENGTH},
    {"INT4", TYPE_INT, TAKES_LENGTH},
    {"MEDIUMINT", TYPE_INT, TAKES_LENGTH},
    {"SERIAL", TYPE_INT, TAKES_NONE},
    {"SERIAL4", TYPE_INT, TAKES_NONE},
    {"SIGNED", TYPE_INT, TAKES_NONE},
    {"SIGNED INTEGER", TYPE_INT, TAKES_NONE},
    {"BIGINT", TYPE_BIGINT, TAKES_LENGTH},
    {"INT8", TYPE_BIGINT, TAKES_LENGTH},
    {"INT64", TYPE_BIGINT, TAKES_NONE},
    {"BIGSERIAL", TYPE_BIGINT, TAKES_NONE},
    {"SERIAL8", TYPE_BIGINT, TAKES_NONE},
    {"DOUBLE", TYPE_DOUBLE, TAKES_NONE},
    {"DOUBLE PRECISION", TYPE_DOUBLE, TAKES_NONE},
    {"FLOAT8", TYPE_DOUBLE, TAKES_NONE},
    {"FLOAT64", TYPE_DOUBLE, TAKES_NONE},
    {"FLOAT", TYPE_FLOAT, TAKES_BITS},
    {"REAL", TYPE_FLOAT, TAKES_NONE},
    {"FLOAT4", TYPE_FLOAT, TAKES_NONE},
    {"FLOAT32", TYPE_FLOAT, TAKES_NONE},
    {"TEXT", TYPE_TEXT, TAKES_LENGTH},
    {"VARCHAR", TYPE_TEXT, TAKES_LENGTH},
    {"CHAR", TYPE_TEXT, TAKES_LENGTH},
    {"CHARACTER", TYPE_TEXT, TAKES_LENGTH},
    {"CHARACTER VARYING", TYPE_TEXT, TAKES_LENGTH},
    {"CHAR VARYING", TYPE_TEXT, TAKES_LENGTH},
    {"NVARCHAR", TYPE_TEXT, TAKES_LENGTH},
    {"STRING", TYPE_TEXT, TAKES_LENGTH},
    {"CLOB", TYPE_TEXT, TAKES_LENGTH},
    {"ARRAY", TYPE_TEXT, TAKES_ANY},
    {"ENUM", TYPE_TEXT, TAKES_ANY},
    {"SET", TYPE_TEXT, TAKES_ANY},
    {"STRUCT", TYPE_TEXT, TAKES_ANY},
    {"TIMESTAMP", TYPE_TIMESTAMP, TAKES_PRECISION},
    {"TIMESTAMPTZ", TYPE_TIMESTAMP, TAKES_PRECISION},
    {"TIMESTAMP WITH TIME ZONE", TYPE_TIMESTAMP, TAKES_PRECISION},
    {"TIMESTAMP WITHOUT TIME ZONE", TYPE_TIMESTAMP, TAKES_PRECISION},
    {"DATE", TYPE_DATE, TAKES_NONE},
    {"DATETIME", TYPE_DATETIME, TAKES_PRECISION},
    {"TIME", TYPE_TIME, TAKES_PRECISION},
    {"TIME WITHOUT TIME ZONE", TYPE_TIME, TAKES_PRECISION},
    {"JSON", TYPE_JSON, TAKES_NONE},
    {"JSONB", TYPE_JSON, TAKES_NONE},
    {"BYTES", TYPE_BYTES, TAKES_LENGTH},
    {"BYTEA", TYPE_BYTES, TAKES_NONE},
    {"BINARY", TYPE_BYTES, TAKES_LENGTH},
    {"VARBINARY", TYPE_BYTES, TAKES_LENGTH},
    {"BLOB", TYPE_BYTES, TAKES_LENGTH},
    {"EMBEDDING", TYPE_EMBEDDING, TAKES_DIMENSION},
    {"UUID", TYPE_UUID, TAKES_NONE},
    {"DECIMAL", TYPE_DECIMAL, TAKES_DECIMAL},
    {"DEC", TYPE_DECIMAL, TAKES_DECIMAL},
    {"NUMERIC", TYPE_DECIMAL, TAKES_DECIMAL},
    {"FILE", TYPE_FILE, TAKES_NONE},
};

/* Types of other databases that we know and do not have, so that the message can say so. */
static const char *const unsupported[] = {
    "TINYINT", "INT1",    "UTINYINT", "USMALLINT", "UINTEGER",
    "UBIGINT", "HUGEINT", "UINT",     "UINT2",     "UINT4",
    "UINT8",   "UINT16",  "UINT32",   "UINT64",    "INT16",
    "INT32",   "INT128",  "UINT128",  "INTERVAL",  "MONEY",
    "BIT",     "VARBIT",  "XML",      "TIMETZ",    "TIME WITH TIME ZONE",
};

enum { NAME_BYTES_MAX = 64 };

/* Upper case, single spaces. False: longer than any type name. */
static bool normalise(str name, char out[NAME_BYTES_MAX], str *normal)
{
    name = str_trim(name);
    size_t n = 0;
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool is_space = c == ' ' || c == '\t' || c == '\n' || c == '\r';
        if (is_space && n > 0 && out[n - 1] == ' ') {
            continue;
        }
        if (n == NAME_BYTES_MAX) {
            return false;
        }
        out[n++] = is_space ? ' ' : c >= 'a' && c <= 'z' ? (char)(c - ('a' - 'A')) : c;
    }
    *normal = (str){out, n};
    return true;
}

static const struct spelling *find_spelling(str name)
{
    for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++) {
        if (str_eq_c(name, spellings[i].name)) {
            return &spellings[i];
        }
    }
    static const struct spelling any_text = {"*TEXT", TYPE_TEXT, TAKES_LENGTH};
    if (str_ends_with(name, STR_LIT("TEXT")) || str_ends_with(name, STR_LIT("STRING"))) {
        return str_find_char(name, ' ') < 0 ? &any_text : NULL;
    }
    return NULL;
}

static bool is_unsupported(str name)
{
    for (size_t i = 0; i < sizeof unsupported / sizeof unsupported[0]; i++) {
        if (str_eq_c(name, unsupported[i])) {
            return true;
        }
    }
    return str_find(name, STR_LIT("UNSIGNED")) >= 0;
}

static status refuse_count(str name, unsigned count, struct error *err)
{
    return error_set(err, ERROR_SYNTAX, "data type " STR_FMT " does not take %u parameter%s",
                     STR(name), count, count == 1 ? "" : "s");
}

static status check_range(str name, const char *what, int64_t v, int64_t low, int64_t high,
                          struct error *err)
{
    if (v >= low && v <= high) {
        return STATUS_IS_OK;
    }
    return error_set(err, ERROR_SYNTAX, "%s %lld of data type " STR_FMT " is not in %lld..%lld",
                     what, (long long)v, STR(name), (long long)low, (long long)high);
}

static status parse_decimal(str name, const int64_t *parameters, unsigned count, struct type *type,
                            struct error *err)
{
    if (count > 2) {
        return refuse_count(name, count, err);
    }
    int64_t precision = count > 0 ? parameters[0] : DECIMAL_PRECISION_DEFAULT;
    int64_t scale = count > 1 ? parameters[1] : count == 1 ? 0 : DECIMAL_SCALE_DEFAULT;
    TRY(check_range(name, "precision", precision, 1, LIMIT_DECIMAL_PRECISION, err));
    TRY(check_range(name, "scale", scale, 0, precision, err));
    type->precision = (uint8_t)precision;
    type->scale = (uint8_t)scale;
    return STATUS_IS_OK;
}

static status parse_one(str name, enum parameters takes, int64_t v, struct type *type,
                        struct error *err)
{
    switch (takes) {
    case TAKES_LENGTH:
        return check_range(name, "length", v, 1, INT64_MAX, err);
    case TAKES_PRECISION:
        return check_range(name, "precision", v, 0, 9, err);
    case TAKES_BITS:
        TRY(check_range(name, "precision", v, 1, 53, err));
        type->id = v > 24 ? TYPE_DOUBLE : TYPE_FLOAT;
        return STATUS_IS_OK;
    case TAKES_DIMENSION:
        TRY(check_range(name, "dimension", v, 1, LIMIT_EMBEDDING_DIMENSION, err));
        type->dimension = (uint16_t)v;
        return STATUS_IS_OK;
    case TAKES_NONE:
    case TAKES_DECIMAL:
    case TAKES_ANY:
        break;
    }
    return refuse_count(name, 1, err);
}

status type_parse(str name, const int64_t *parameters, unsigned parameter_count, struct type *out,
                  struct error *err)
{
    char text[NAME_BYTES_MAX];
    str normal;
    if (!normalise(name, text, &normal)) {
        return error_set(err, ERROR_SYNTAX, "unknown data type '" STR_FMT "...'",
                         STR(str_slice(name, 0, NAME_BYTES_MAX)));
    }
    const struct spelling *found = find_spelling(normal);
    if (found == NULL && is_unsupported(normal)) {
        return error_set(err, ERROR_STATEMENT_UNSUPPORTED,
                         "data type '" STR_FMT "' is not supported", STR(normal));
    }
    if (found == NULL) {
        return error_set(err, ERROR_SYNTAX, "unknown data type '" STR_FMT "'", STR(normal));
    }
    struct type type = type_of(found->id);
    if (found->parameters == TAKES_DECIMAL) {
        TRY(parse_decimal(normal, parameters, parameter_count, &type, err));
    } else if (found->parameters == TAKES_DIMENSION && parameter_count == 0) {
        return error_set(err, ERROR_SYNTAX, "data type EMBEDDING needs a dimension: EMBEDDING(n)");
    } else if (found->parameters != TAKES_ANY && parameter_count > 1) {
        return refuse_count(normal, parameter_count, err);
    } else if (found->parameters != TAKES_ANY && parameter_count == 1) {
        TRY(parse_one(normal, found->parameters, parameters[0], &type, err));
    }
    *out = type;
    return STATUS_IS_OK;
}

void type_append_wire(struct buf *out, struct type type)
{
    CHECK(type.id > TYPE_NONE);
    CHECK(type.id < TYPE_COUNT);
    const char *name = type_rows[type.id].wire;
    if (type.id == TYPE_DECIMAL) {
        buf_append_format(out, "{\"%s\":{\"precision\":%u,\"scale\":%u}}", name, type.precision,
                          type.scale);
    } else if (type.id == TYPE_EMBEDDING) {
        buf_append_format(out, "{\"%s\":%u}", name, type.dimension);
    } else {
        buf_append_byte(out, '"');
        buf_append_c(out, name);
        buf_append_byte(out, '"');
    }
}

void type_append_sql(struct buf *out, struct type type)
{
    CHECK(type.id < TYPE_COUNT);
    buf_append_c(out, type.id == TYPE_NONE ? "NULL" : type_rows[type.id].sql);
    if (type.id == TYPE_DECIMAL) {
        buf_append_format(out, "(%u, %u)", type.precision, type.scale);
    } else if (type.id == TYPE_EMBEDDING) {
        buf_append_format(out, "(%u)", type.dimension);
    }
}

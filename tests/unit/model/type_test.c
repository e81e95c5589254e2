/* tests/unit/model/type_test.c -- Goal: every spelling of the contract names its type, everything
 * else is refused by name. Method: tables. */
#include "model/type.h"

#include "tests/test.h"

struct spelling {
    const char *name;
    unsigned count;
    int64_t parameters[2];
    const char *sql;
};

static const struct spelling good[] = {
    {"BOOLEAN", 0, {0}, "BOOLEAN"},
    {"bool", 0, {0}, "BOOLEAN"},
    {"SMALLINT", 0, {0}, "SMALLINT"},
    {"int2", 0, {0}, "SMALLINT"},
    {"SMALLSERIAL", 0, {0}, "SMALLINT"},
    {"SERIAL2", 0, {0}, "SMALLINT"},
    {"INT", 0, {0}, "INT"},
    {"INT", 1, {11}, "INT"},
    {"Integer", 0, {0}, "INT"},
    {"INT4", 0, {0}, "INT"},
    {"MEDIUMINT", 0, {0}, "INT"},
    {"SERIAL", 0, {0}, "INT"},
    {"SERIAL4", 0, {0}, "INT"},
    {"SIGNED", 0, {0}, "INT"},
    {"BIGINT", 0, {0}, "BIGINT"},
    {"INT8", 0, {0}, "BIGINT"},
    {"INT64", 0, {0}, "BIGINT"},
    {"BIGSERIAL", 0, {0}, "BIGINT"},
    {"SERIAL8", 0, {0}, "BIGINT"},
    {"DOUBLE", 0, {0}, "DOUBLE"},
    {"double \t precision", 0, {0}, "DOUBLE"},
    {"FLOAT8", 0, {0}, "DOUBLE"},
    {"FLOAT64", 0, {0}, "DOUBLE"},
    {"FLOAT", 0, {0}, "FLOAT"},
    {"FLOAT", 1, {24}, "FLOAT"},
    {"FLOAT", 1, {25}, "DOUBLE"},
    {"REAL", 0, {0}, "FLOAT"},
    {"FLOAT4", 0, {0}, "FLOAT"},
    {"TEXT", 0, {0}, "TEXT"},
    {"VARCHAR", 1, {255}, "TEXT"},
    {"VARCHAR", 0, {0}, "TEXT"},
    {"CHAR", 1, {1}, "TEXT"},
    {"character varying", 1, {10}, "TEXT"},
    {"NVARCHAR", 1, {10}, "TEXT"},
    {"STRING", 0, {0}, "TEXT"},
    {"CLOB", 0, {0}, "TEXT"},
    {"LONGTEXT", 0, {0}, "TEXT"},
    {"mediumtext", 0, {0}, "TEXT"},
    {"FixedString", 1, {3}, "TEXT"},
    {"ARRAY", 0, {0}, "TEXT"},
    {"ENUM", 2, {0, 0}, "TEXT"},
    {"SET", 0, {0}, "TEXT"},
    {"STRUCT", 0, {0}, "TEXT"},
    {"TIMESTAMP", 0, {0}, "TIMESTAMP"},
    {"TIMESTAMP", 1, {3}, "TIMESTAMP"},
    {"TIMESTAMPTZ", 0, {0}, "TIMESTAMP"},
    {"timestamp with time zone", 1, {6}, "TIMESTAMP"},
    {"TIMESTAMP WITHOUT TIME ZONE", 0, {0}, "TIMESTAMP"},
    {"DATE", 0, {0}, "DATE"},
    {"DATETIME", 1, {6}, "DATETIME"},
    {"TIME", 0, {0}, "TIME"},
    {"JSON", 0, {0}, "JSON"},
    {"JSONB", 0, {0}, "JSON"},
    {"BYTES", 0, {0}, "BYTES"},
    {"BYTEA", 0, {0}, "BYTES"},
    {"BINARY", 1, {16}, "BYTES"},
    {"VARBINARY", 1, {16}, "BYTES"},
    {"BLOB", 0, {0}, "BYTES"},
    {"EMBEDDING", 1, {1}, "EMBEDDING(1)"},
    {"embedding", 1, {8192}, "EMBEDDING(8192)"},
    {"UUID", 0, {0}, "UUID"},
    {"DECIMAL", 0, {0}, "DECIMAL(38, 10)"},
    {"DECIMAL", 1, {5}, "DECIMAL(5, 0)"},
    {"DECIMAL", 2, {10, 2}, "DECIMAL(10, 2)"},
    {"NUMERIC", 2, {38, 38}, "DECIMAL(38, 38)"},
    {"NUMERIC", 0, {0}, "DECIMAL(38, 10)"},
    {"DEC", 1, {1}, "DECIMAL(1, 0)"},
    {"FILE", 0, {0}, "FILE"},
    {"  bigint  ", 0, {0}, "BIGINT"},
};

TEST(type_parse_of_every_spelling_finds_its_type)
{
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct error err;
        struct type type;
        struct buf sql;
        buf_init(&sql);
        EXPECT_OK(
            type_parse(str_from(good[i].name), good[i].parameters, good[i].count, &type, &err),
            &err);
        type_append_sql(&sql, type);
        EXPECT_STR_EQ(buf_str(&sql), str_from(good[i].sql));
        buf_release(&sql);
    }
}

static void expect_refused(const char *name, unsigned count, int64_t a, int64_t b,
                           enum status_code code, const char *text)
{
    struct error err;
    struct type type;
    const int64_t parameters[3] = {a, b, 0};
    status found = type_parse(str_from(name), parameters, count, &type, &err);
    EXPECT_INT(found.code, code);
    EXPECT_STR_EQ(str_from(err.text), str_from(text));
}

TEST(type_parse_of_unsupported_names_them)
{
    expect_refused("TINYINT", 0, 0, 0, STATUS_UNSUPPORTED, "data type 'TINYINT' is not supported");
    expect_refused("int1", 0, 0, 0, STATUS_UNSUPPORTED, "data type 'INT1' is not supported");
    expect_refused("int unsigned", 0, 0, 0, STATUS_UNSUPPORTED,
                   "data type 'INT UNSIGNED' is not supported");
    expect_refused("UINT64", 0, 0, 0, STATUS_UNSUPPORTED, "data type 'UINT64' is not supported");
    expect_refused("time with time zone", 0, 0, 0, STATUS_UNSUPPORTED,
                   "data type 'TIME WITH TIME ZONE' is not supported");
}

TEST(type_parse_of_unknown_or_bad_parameters_says_why)
{
    expect_refused("POINT", 0, 0, 0, STATUS_INVALID, "unknown data type 'POINT'");
    expect_refused("", 0, 0, 0, STATUS_INVALID, "unknown data type ''");
    expect_refused("A TEXT", 0, 0, 0, STATUS_INVALID, "unknown data type 'A TEXT'");
    expect_refused("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", 0, 0, 0,
                   STATUS_INVALID,
                   "unknown data type "
                   "'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA...'");
    expect_refused("DECIMAL", 1, 39, 0, STATUS_INVALID,
                   "precision 39 of data type DECIMAL is not in 1..38");
    expect_refused("DECIMAL", 2, 5, 6, STATUS_INVALID,
                   "scale 6 of data type DECIMAL is not in 0..5");
    expect_refused("DECIMAL", 1, 0, 0, STATUS_INVALID,
                   "precision 0 of data type DECIMAL is not in 1..38");
    expect_refused("DECIMAL", 3, 5, 5, STATUS_INVALID,
                   "data type DECIMAL does not take 3 parameters");
    expect_refused("EMBEDDING", 0, 0, 0, STATUS_INVALID,
                   "data type EMBEDDING needs a dimension: EMBEDDING(n)");
    expect_refused("EMBEDDING", 1, 8193, 0, STATUS_INVALID,
                   "dimension 8193 of data type EMBEDDING is not in 1..8192");
    expect_refused("EMBEDDING", 1, 0, 0, STATUS_INVALID,
                   "dimension 0 of data type EMBEDDING is not in 1..8192");
    expect_refused("VARCHAR", 1, 0, 0, STATUS_INVALID,
                   "length 0 of data type VARCHAR is not in 1..9223372036854775807");
    expect_refused("TIMESTAMP", 1, 10, 0, STATUS_INVALID,
                   "precision 10 of data type TIMESTAMP is not in 0..9");
    expect_refused("UUID", 1, 1, 0, STATUS_INVALID, "data type UUID does not take 1 parameter");
    expect_refused("TEXT", 2, 1, 1, STATUS_INVALID, "data type TEXT does not take 2 parameters");
}

TEST(type_append_wire_of_every_type_is_the_contract_spelling)
{
    static const char *const wire[TYPE_COUNT] = {
        [TYPE_BOOLEAN] = "\"Boolean\"",
        [TYPE_INT] = "\"Int\"",
        [TYPE_BIGINT] = "\"BigInt\"",
        [TYPE_DOUBLE] = "\"Double\"",
        [TYPE_FLOAT] = "\"Float\"",
        [TYPE_TEXT] = "\"Text\"",
        [TYPE_TIMESTAMP] = "\"Timestamp\"",
        [TYPE_DATE] = "\"Date\"",
        [TYPE_DATETIME] = "\"DateTime\"",
        [TYPE_TIME] = "\"Time\"",
        [TYPE_JSON] = "\"Json\"",
        [TYPE_BYTES] = "\"Bytes\"",
        [TYPE_EMBEDDING] = "{\"Embedding\":384}",
        [TYPE_UUID] = "\"Uuid\"",
        [TYPE_DECIMAL] = "{\"Decimal\":{\"precision\":10,\"scale\":2}}",
        [TYPE_SMALLINT] = "\"SmallInt\"",
        [TYPE_FILE] = "\"File\"",
    };
    struct buf out;
    buf_init(&out);
    for (unsigned id = 1; id < TYPE_COUNT; id++) {
        struct type type = type_of((enum type_id)id);
        type.dimension = id == TYPE_EMBEDDING ? 384 : 0;
        type.precision = id == TYPE_DECIMAL ? 10 : 0;
        type.scale = id == TYPE_DECIMAL ? 2 : 0;
        buf_clear(&out);
        type_append_wire(&out, type);
        EXPECT_STR_EQ(buf_str(&out), str_from(wire[id]));
    }
    buf_release(&out);
}

TEST(type_is_keyable_of_json_file_embedding_is_false)
{
    for (unsigned id = 1; id < TYPE_COUNT; id++) {
        bool is_refused = id == TYPE_JSON || id == TYPE_FILE || id == TYPE_EMBEDDING;
        EXPECT(type_is_keyable((enum type_id)id) == !is_refused);
    }
    EXPECT(!type_is_keyable(TYPE_NONE));
}

TEST(type_eq_of_other_parameters_is_false)
{
    struct type a = {.id = TYPE_DECIMAL, .precision = 10, .scale = 2};
    struct type b = a;
    EXPECT(type_eq(a, b));
    b.scale = 3;
    EXPECT(!type_eq(a, b));
    b = a;
    b.precision = 11;
    EXPECT(!type_eq(a, b));
    struct type c = {.id = TYPE_EMBEDDING, .dimension = 3};
    struct type d = {.id = TYPE_EMBEDDING, .dimension = 4};
    EXPECT(!type_eq(c, d));
}

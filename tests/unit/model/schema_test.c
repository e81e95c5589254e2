/* tests/unit/model/schema_test.c -- Goal: columns are found, the JSON text is the contract's and
 * reads back to the same schema, damaged texts are refused. Method: one rich schema, random
 * schemas, a table of damages. */
#include "model/schema.h"

#include "base/hash.h"
#include "model/limits.h"
#include "tests/test.h"

#include <math.h>

static struct column column(uint32_t id, const char *name, enum type_id type)
{
    return (struct column){
        .id = id,
        .name = str_from(name),
        .type = {.id = type,
                 .precision = type == TYPE_DECIMAL ? 10 : 0,
                 .scale = type == TYPE_DECIMAL ? 2 : 0,
                 .dimension = type == TYPE_EMBEDDING ? 2 : 0},
        .ordinal = id,
        .is_nullable = true,
    };
}

static struct schema *two_columns(enum table_kind kind)
{
    struct column columns[] = {column(1, "id", TYPE_BIGINT), column(2, "body", TYPE_TEXT)};
    columns[0].is_primary_key = true;
    columns[0].default_kind = DEFAULT_SNOWFLAKE_ID;
    columns[1].comment = STR_LIT("what \"was\" said");
    return schema_create((table_id){7}, 3, kind, STR_LIT("chat"), STR_LIT("messages"), columns, 2);
}

TEST(schema_append_json_is_the_contract_text)
{
    struct buf json;
    buf_init(&json);
    struct schema *schema = two_columns(TABLE_USER);
    schema_append_json(&json, schema);
    EXPECT_STR(
        buf_str(&json),
        "[{\"column_id\":1,\"column_name\":\"id\",\"column_comment\":null,\"data_type\":\"BigInt\","
        "\"default_value\":{\"FunctionCall\":{\"name\":\"SNOWFLAKE_ID\",\"args\":[]}},"
        "\"ordinal_position\":1,\"is_nullable\":false,\"is_primary_key\":true,"
        "\"is_partition_key\":false},"
        "{\"column_id\":2,\"column_name\":\"body\",\"column_comment\":\"what \\\"was\\\" said\","
        "\"data_type\":\"Text\",\"default_value\":\"None\",\"ordinal_position\":2,"
        "\"is_nullable\":true,\"is_primary_key\":false,\"is_partition_key\":false},"
        "{\"column_id\":1073741824,\"column_name\":\"_seq\",\"column_comment\":null,"
        "\"data_type\":\"BigInt\",\"default_value\":\"None\",\"ordinal_position\":3,"
        "\"is_nullable\":false,\"is_primary_key\":false,\"is_partition_key\":false},"
        "{\"column_id\":1073741825,\"column_name\":\"_updated\",\"column_comment\":null,"
        "\"data_type\":\"Timestamp\",\"default_value\":\"None\",\"ordinal_position\":4,"
        "\"is_nullable\":false,\"is_primary_key\":false,\"is_partition_key\":false},"
        "{\"column_id\":1073741826,\"column_name\":\"_deleted\",\"column_comment\":null,"
        "\"data_type\":\"Boolean\",\"default_value\":{\"Literal\":false},\"ordinal_position\":5,"
        "\"is_nullable\":false,\"is_primary_key\":false,\"is_partition_key\":false}]");
    schema_give(schema);
    buf_release(&json);
}

TEST(schema_create_lists_unique_columns_and_then_sets_of_them)
{
    struct column columns[] = {column(1, "id", TYPE_BIGINT), column(2, "a", TYPE_TEXT),
                               column(3, "b", TYPE_INT), column(4, "c", TYPE_INT)};
    columns[0].is_primary_key = true;
    columns[1].unique_sets = 1;
    columns[2].unique_sets = 1 | 1u << 31;
    columns[3].unique_sets = 1u << 31;
    columns[3].is_unique = true;
    struct schema *schema =
        schema_create((table_id){7}, 1, TABLE_USER, STR_LIT("n"), STR_LIT("t"), columns, 4);
    EXPECT_UINT(schema->unique_count, 3);
    EXPECT_UINT(schema->uniques[0].id, 4);
    EXPECT_UINT(schema->uniques[0].column_count, 1);
    EXPECT_UINT(schema->uniques[0].columns[0], 3);
    EXPECT_UINT(schema->uniques[1].id, UNIQUE_SET_ID);
    EXPECT_UINT(schema->uniques[1].column_count, 2);
    EXPECT_UINT(schema->uniques[1].columns[1], 2);
    EXPECT_UINT(schema->uniques[2].id, UNIQUE_SET_ID + 31);
    EXPECT_UINT(schema->uniques[2].columns[0], 2);
    struct buf json;
    buf_init(&json);
    schema_append_json(&json, schema);
    EXPECT(str_find(buf_str(&json), STR_LIT("\"unique_sets\":[0,31]}")) > 0);
    buf_release(&json);
    schema_give(schema);
}

TEST(schema_system_columns_depend_on_the_kind)
{
    struct schema *user = two_columns(TABLE_USER);
    struct schema *stream = two_columns(TABLE_STREAM);
    struct schema *system = two_columns(TABLE_SYSTEM);
    EXPECT_UINT(schema_system_column_count(user), 3);
    EXPECT_UINT(schema_system_column_count(stream), 2);
    EXPECT_UINT(schema_system_column_count(system), 0);
    EXPECT_INT(schema_find_system_column(user, STR_LIT("_UPDATED")), SYSTEM_UPDATED);
    EXPECT_INT(schema_find_system_column(stream, STR_LIT("_updated")), -1);
    EXPECT_INT(schema_find_system_column(stream, STR_LIT("_deleted")), SYSTEM_DELETED);
    EXPECT_INT(schema_find_system_column(system, STR_LIT("_seq")), -1);
    EXPECT_INT(schema_find_system_column(user, STR_LIT("id")), -1);
    EXPECT_INT(system_column_type(SYSTEM_SEQ).id, TYPE_BIGINT);
    EXPECT_INT(system_column_type(SYSTEM_UPDATED).id, TYPE_TIMESTAMP);
    EXPECT_INT(system_column_type(SYSTEM_DELETED).id, TYPE_BOOLEAN);
    EXPECT_STR(str_from(table_kind_name(stream->kind)), "stream");
    schema_give(user);
    schema_give(stream);
    schema_give(system);
}

TEST(schema_create_copies_what_it_is_given)
{
    char name[] = "id";
    struct column c = column(1, name, TYPE_INT);
    c.is_primary_key = true;
    struct schema *schema =
        schema_create((table_id){1}, 1, TABLE_SHARED, STR_LIT("n"), STR_LIT("t"), &c, 1);
    name[0] = 'x';
    EXPECT_STR(schema->columns[0].name, "id");
    EXPECT(!schema->columns[0].is_nullable);
    EXPECT(schema->columns[0].absent_value.is_null);
    EXPECT_INT(schema->columns[0].absent_value.type.id, TYPE_INT);
    EXPECT_INT(schema->primary_key, 0);
    EXPECT(schema_take(schema) == schema);
    schema_give(schema);
    EXPECT_STR(schema->table_name, "t");
    schema_give(schema);
    schema_give(NULL);
}

TEST(schema_find_column_of_few_and_many_columns_in_any_case)
{
    for (unsigned count = 1; count <= LIMIT_COLUMNS; count = count * 3 + 1) {
        static struct column columns[LIMIT_COLUMNS];
        static char names[LIMIT_COLUMNS][16];
        for (unsigned i = 0; i < count; i++) {
            (void)snprintf(names[i], sizeof names[i], "c%u_x", (i * 7919) % 100003);
            columns[i] = column(i + 1, names[i], TYPE_INT);
        }
        struct schema *schema = schema_create((table_id){1}, 1, TABLE_STREAM, STR_LIT("n"),
                                              STR_LIT("t"), columns, count);
        for (unsigned i = 0; i < count; i++) {
            char upper[16];
            (void)snprintf(upper, sizeof upper, "C%u_X", (i * 7919) % 100003);
            EXPECT_INT(schema_find_column(schema, str_from(upper)), i);
            EXPECT_INT(schema_find_column_id(schema, i + 1, 0), i);
            EXPECT_INT(schema_find_column_id(schema, i + 1, i), i);
        }
        EXPECT_INT(schema_find_column(schema, STR_LIT("c")), -1);
        EXPECT_INT(schema_find_column(schema, STR_LIT("c0_xx")), -1);
        EXPECT_INT(schema_find_column(schema, STR_LIT("")), -1);
        EXPECT_INT(schema_find_column_id(schema, count + 1, count), -1);
        schema_give(schema);
    }
}

static void expect_same_values(const struct value *a, const struct value *b)
{
    EXPECT(type_eq(a->type, b->type));
    EXPECT(value_identical(a, b));
}

static void expect_same(const struct schema *a, const struct schema *b)
{
    EXPECT_UINT(a->column_count, b->column_count);
    EXPECT_INT(a->primary_key, b->primary_key);
    for (unsigned i = 0; i < a->column_count; i++) {
        const struct column *x = &a->columns[i];
        const struct column *y = &b->columns[i];
        EXPECT_UINT(x->id, y->id);
        EXPECT_STR_EQ(x->name, y->name);
        EXPECT_STR_EQ(x->comment, y->comment);
        EXPECT(type_eq(x->type, y->type));
        EXPECT_UINT(x->ordinal, y->ordinal);
        EXPECT(x->is_nullable == y->is_nullable);
        EXPECT(x->is_primary_key == y->is_primary_key);
        EXPECT(x->is_unique == y->is_unique);
        EXPECT_UINT(x->unique_sets, y->unique_sets);
        EXPECT_INT(x->default_kind, y->default_kind);
        expect_same_values(&x->default_value, &y->default_value);
        expect_same_values(&x->absent_value, &y->absent_value);
        EXPECT_UINT(a->slots[i], b->slots[i]);
    }
}

static void expect_round_trip(struct schema *schema)
{
    struct buf json;
    struct buf again;
    struct schema *back = NULL;
    struct error err;
    buf_init(&json);
    buf_init(&again);
    schema_append_json(&json, schema);
    EXPECT_OK(schema_from_json(buf_str(&json), schema->table, schema->version, schema->kind,
                               schema->namespace_name, schema->table_name, &back, &err),
              &err);
    expect_same(schema, back);
    schema_append_json(&again, back);
    EXPECT_STR_EQ(buf_str(&again), buf_str(&json));
    EXPECT_UINT(back->table.v, schema->table.v);
    EXPECT_UINT(back->version, schema->version);
    EXPECT_STR_EQ(back->table_name, schema->table_name);
    schema_give(back);
    buf_release(&json);
    buf_release(&again);
}

/* A value of a type with something special about its text. */
static struct value special_value(struct rng *rng, struct type type)
{
    static const double reals[] = {0.1, -0.0, 1e300, 5.0, -1e308, 5e-324, -1e-7};
    static const float floats[] = {0.1F, 3.4028235e38F, 1e-45F, 5.0F, -0.3F, 16777217.0F, 7.7F};
    struct value v = {.type = type};
    int64_t r = (int64_t)rng_next(rng);
    switch (type.id) {
    case TYPE_BOOLEAN:
        v.as.boolean = r % 2 == 0;
        break;
    case TYPE_SMALLINT:
        v.as.integer = (int16_t)r;
        break;
    case TYPE_INT:
    case TYPE_DATE:
        v.as.integer = (int32_t)r;
        break;
    case TYPE_TIME:
        v.as.integer = (int64_t)((uint64_t)r % 86400000000ULL);
        break;
    case TYPE_FLOAT:
        v.as.real = (double)floats[rng_below(rng, 7)];
        break;
    case TYPE_DOUBLE:
        v.as.real = reals[rng_below(rng, 7)];
        break;
    case TYPE_DECIMAL:
        v.as.decimal = r % 10000000000LL;
        break;
    case TYPE_UUID:
        memcpy(v.as.uuid, &r, 8);
        break;
    case TYPE_TEXT:
        v.as.text = r % 2 == 0 ? STR_LIT("NaN \"quoted\"\n\0\x01 \xc3\xa9") : STR_LIT("5");
        break;
    case TYPE_JSON:
    case TYPE_FILE:
        v.as.text = STR_LIT("{\"a\":[1,\"\\u00e9\"]}");
        break;
    case TYPE_BYTES:
        v.as.text = r % 2 == 0 ? STR_LIT("\x00\xff\\x") : STR_LIT("");
        break;
    case TYPE_EMBEDDING:
        v.as.text = STR_LIT("\0\0\0\x3f\xcd\xcc\xcc\x3d");
        break;
    default:
        v.as.integer = r;
        break;
    }
    return v;
}

/* A UNIQUE constraint over the columns whose types allow it, when there are two. */
static void add_random_set(struct rng *rng, struct column *columns, unsigned count)
{
    uint32_t set = UINT32_C(1) << rng_below(rng, LIMIT_UNIQUE_SETS);
    unsigned members = 0;
    for (unsigned i = 0; i < count; i++) {
        members += type_is_keyable(columns[i].type.id) ? 1 : 0;
    }
    for (unsigned i = 0; i < count && members > 1; i++) {
        columns[i].unique_sets = type_is_keyable(columns[i].type.id) ? set : 0;
    }
}

TEST(schema_from_json_of_random_schemas_is_the_same_schema)
{
    struct rng rng;
    rng_init(&rng, 31);
    for (unsigned round = 0; round < 400; round++) {
        struct column columns[24];
        char names[24][16];
        unsigned count = 1 + (unsigned)rng_below(&rng, 24);
        for (unsigned i = 0; i < count; i++) {
            (void)snprintf(names[i], sizeof names[i], "c%u", i * 3);
            struct column *c = &columns[i];
            *c = column(count - i, names[i], (enum type_id)(1 + rng_below(&rng, TYPE_COUNT - 1)));
            c->ordinal = i * 2 + 1;
            c->is_nullable = rng_below(&rng, 2) == 0;
            c->is_unique = rng_below(&rng, 4) == 0;
            c->default_kind = (enum default_kind)rng_below(&rng, DEFAULT_CURRENT_USER + 1);
            if (rng_below(&rng, 3) > 0) {
                c->default_value = special_value(&rng, c->type);
                c->absent_value = special_value(&rng, c->type);
            }
        }
        columns[0].type = type_of(TYPE_UUID);
        columns[0].default_kind = DEFAULT_UUID_V7;
        columns[0].default_value = value_null(columns[0].type);
        columns[0].absent_value = value_null(columns[0].type);
        columns[0].is_primary_key = true;
        add_random_set(&rng, columns, count);
        struct schema *schema =
            schema_create((table_id){9}, 1 + round, (enum table_kind)(round % 4), STR_LIT("n"),
                          STR_LIT("t"), columns, count);
        expect_round_trip(schema);
        schema_give(schema);
    }
}

static status read_text(str json, struct error *err)
{
    struct schema *schema = NULL;
    status found = schema_from_json(json, (table_id){1}, 1, TABLE_STREAM, STR_LIT("n"),
                                    STR_LIT("t"), &schema, err);
    EXPECT(status_ok(found) == (schema != NULL));
    schema_give(schema);
    return found;
}

/* One good column, with `from` replaced by `to`. */
static str damaged(struct buf *buf, const char *from, const char *to)
{
    static const char good[] =
        "[{\"column_id\":1,\"column_name\":\"a\",\"column_comment\":null,\"data_type\":\"Int\","
        "\"default_value\":{\"Literal\":5},\"ordinal_position\":1,\"is_nullable\":true,"
        "\"is_primary_key\":false,\"is_partition_key\":false}]";
    str text = {good, sizeof good - 1};
    ptrdiff_t at = str_find(text, str_from(from));
    EXPECT(at >= 0);
    buf_clear(buf);
    buf_append(buf, good, (size_t)at);
    buf_append_c(buf, to);
    buf_append_str(buf, str_skip(text, (size_t)at + strlen(from)));
    return buf_str(buf);
}

TEST(schema_from_json_of_a_damaged_text_is_corrupt)
{
    static const char *const damages[][2] = {
        {"[", ""},
        {"[", "[,"},
        {"}]", "}"},
        {"}]", "}]]"},
        {"}]", "},]"},
        {"\"column_id\":1", "\"column_id\":0"},
        {"\"column_id\":1", "\"column_id\":-1"},
        {"\"column_id\":1", "\"column_id\":1.5"},
        {"\"column_id\":1", "\"column_id\":1073741824"},
        {"\"column_id\":1", "\"column_id\":99999999999"},
        {"\"column_id\":1", "\"column_id\":\"1\""},
        {"\"column_id\":1,", ""},
        {"\"column_id\":1,", "\"column_id\":1,\"column_id\":1,"},
        {"\"column_id\":1,", "\"column_id\":1,\"more\":1,"},
        {"\"a\"", "\"\""},
        {"\"a\"", "\"A\""},
        {"\"a\"", "\"\\ud800\""},
        {"\"a\"", "\"\xff\""},
        {"\"Int\"", "\"Integer\""},
        {"\"Int\"", "{\"Int\":4}"},
        {"\"Int\"", "\"Decimal\""},
        {"\"Int\"", "{\"Decimal\":{\"precision\":39,\"scale\":0}}"},
        {"\"Int\"", "{\"Decimal\":{\"precision\":2,\"scale\":3}}"},
        {"\"Int\"", "{\"Decimal\":{\"precision\":0,\"scale\":0}}"},
        {"\"Int\"", "{\"Embedding\":0}"},
        {"\"Int\"", "{\"Embedding\":8193}"},
        {"{\"Literal\":5}", "{\"Literal\":5.5}"},
        {"{\"Literal\":5}", "{\"Literal\":\"x\"}"},
        {"{\"Literal\":5}", "{\"Literal\":[]}"},
        {"{\"Literal\":5}", "{\"Literal\":2147483648}"},
        {"{\"Literal\":5}", "{\"Other\":5}"},
        {"{\"Literal\":5}", "{}"},
        {"{\"Literal\":5}", "\"none\""},
        {"{\"Literal\":5}", "{\"FunctionCall\":{\"name\":\"RANDOM\",\"args\":[]}}"},
        {"{\"Literal\":5}", "{\"FunctionCall\":{\"name\":\"NOW\",\"args\":[1]}}"},
        {"\"ordinal_position\":1", "\"ordinal_position\":0"},
        {"\"is_nullable\":true", "\"is_nullable\":1"},
        {"\"is_nullable\":true", "\"is_nullable\":truer"},
        {"\"is_partition_key\":false", "\"is_partition_key\":false,\"absent_value\":\"x\""},
        {"\"is_primary_key\":false,", ""},
        {"\"is_partition_key\":false", "\"is_partition_key\":false,\"unique_sets\":[0]"},
        {"\"is_partition_key\":false", "\"is_partition_key\":false,\"unique_sets\":[32]"},
        {"\"is_partition_key\":false", "\"is_partition_key\":false,\"unique_sets\":1"},
        {"\"Int\",", "{\"Embedding\":2},"},
    };
    struct buf buf;
    struct error err;
    buf_init(&buf);
    EXPECT_OK(read_text(damaged(&buf, "[", " [ "), &err), &err);
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        str text = damaged(&buf, damages[i][0], damages[i][1]);
        if (read_text(text, &err).code != STATUS_CORRUPT) {
            test_fail(__FILE__, __LINE__, "accepted " STR_FMT, STR(text));
        }
    }
    EXPECT_STATUS(read_text(STR_LIT("[]"), &err), CORRUPT);
    EXPECT_STR(str_from(err.text),
               "schema of n.t version 1 is damaged: there are no columns or too many");
    EXPECT_STATUS(read_text(STR_LIT(""), &err), CORRUPT);
    buf_release(&buf);
}

TEST(schema_from_json_cut_at_every_byte_is_corrupt)
{
    struct buf json;
    struct error err;
    buf_init(&json);
    struct schema *schema = two_columns(TABLE_STREAM);
    schema_append_json(&json, schema);
    for (size_t n = 0; n < json.n; n++) {
        EXPECT_STATUS(read_text(str_slice(buf_str(&json), 0, n), &err), CORRUPT);
    }
    EXPECT_OK(read_text(buf_str(&json), &err), &err);
    schema_give(schema);
    buf_release(&json);
}

TEST(schema_from_json_of_a_user_table_without_key_is_corrupt)
{
    struct buf buf;
    struct error err;
    struct schema *schema = NULL;
    buf_init(&buf);
    str text = damaged(&buf, "[", "[");
    EXPECT_STATUS(schema_from_json(text, (table_id){1}, 1, TABLE_USER, STR_LIT("n"), STR_LIT("t"),
                                   &schema, &err),
                  CORRUPT);
    EXPECT_STATUS(schema_from_json(text, (table_id){1}, 0, TABLE_STREAM, STR_LIT("n"), STR_LIT("t"),
                                   &schema, &err),
                  CORRUPT);
    EXPECT(schema == NULL);
    buf_release(&buf);
}

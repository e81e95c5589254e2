/* tests/unit/model/row_test.c -- Goal: a row reads back as written, under its own schema and under
 * every later one; damaged bytes are refused. Method: random schemas and values; 24 versions of one
 * table with a model of what each row must show; every single-bit damage of a row either is refused
 * or leaves a well-formed row. */
#include "model/row.h"

#include "base/hash.h"
#include "base/mem.h"
#include "model/limits.h"
#include "tests/test.h"

#include <math.h>

static struct arena arena;

static struct type type_for(enum type_id id)
{
    struct type type = type_of(id);
    type.precision = id == TYPE_DECIMAL ? 20 : 0;
    type.scale = id == TYPE_DECIMAL ? 2 : 0;
    type.dimension = id == TYPE_EMBEDDING ? 3 : 0;
    return type;
}

static struct column column(uint32_t id, str name, struct type type)
{
    return (struct column){
        .id = id, .name = name, .type = type, .ordinal = id, .is_nullable = true};
}

static struct value random_value(struct rng *rng, struct type type)
{
    struct value v = {.type = type, .is_null = rng_below(rng, 4) == 0};
    int64_t r = (int64_t)rng_next(rng);
    char *bytes = arena_alloc_zeroed(&arena, 16);
    switch (v.is_null ? TYPE_NONE : type.id) {
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
        v.as.real = (double)(float)((double)r / 7.0);
        break;
    case TYPE_DOUBLE:
        v.as.real = (double)r / 7.0;
        break;
    case TYPE_DECIMAL:
        v.as.decimal = (int128)r * 5;
        break;
    case TYPE_UUID:
        memcpy(v.as.uuid + 4, &r, 8);
        break;
    case TYPE_TEXT:
    case TYPE_JSON:
    case TYPE_FILE:
        memset(bytes, 'a' + (int)rng_below(rng, 26), 16);
        v.as.text = (str){bytes, rng_below(rng, 17)};
        break;
    case TYPE_BYTES:
        memcpy(bytes, &r, 8);
        v.as.text = (str){bytes, rng_below(rng, 9)};
        break;
    case TYPE_EMBEDDING: {
        const float finite[3] = {(float)r, (float)(r % 1000) / 7.0F, 0.0F};
        memcpy(bytes, finite, sizeof finite);
        v.as.text = (str){bytes, sizeof finite};
        break;
    }
    case TYPE_NONE:
        break;
    default:
        v.as.integer = r;
        break;
    }
    return v;
}

static struct schema *random_schema(struct rng *rng, unsigned count, uint32_t version)
{
    struct column *columns = ARENA_ARRAY(&arena, struct column, count);
    for (unsigned i = 0; i < count; i++) {
        struct type type = type_for((enum type_id)(1 + rng_below(rng, TYPE_COUNT - 1)));
        columns[i] = column(i + 1, arena_format(&arena, "c%u", i), type);
    }
    return schema_create((table_id){1}, version, TABLE_STREAM, STR_LIT("n"), STR_LIT("t"), columns,
                         count);
}

static struct value *random_row(struct rng *rng, const struct schema *schema)
{
    struct value *values = ARENA_ARRAY(&arena, struct value, schema->column_count);
    for (unsigned i = 0; i < schema->column_count; i++) {
        values[i] = random_value(rng, schema->columns[i].type);
    }
    return values;
}

TEST(row_open_of_random_rows_reads_what_was_written)
{
    struct rng rng;
    struct buf bytes;
    struct error err;
    rng_init(&rng, 41);
    buf_init(&bytes);
    for (unsigned round = 0; round < 3000; round++) {
        struct row row;
        struct schema *schema = random_schema(&rng, 1 + (unsigned)rng_below(&rng, 40), 1 + round);
        struct value *values = random_row(&rng, schema);
        bool is_tombstone = rng_below(&rng, 2) == 0;
        int64_t updated_us = (int64_t)rng_next(&rng);
        buf_clear(&bytes);
        buf_append_c(&bytes, "before");
        EXPECT_OK(row_encode(&bytes, schema, values, is_tombstone, updated_us, &err), &err);
        str encoded = str_skip(buf_str(&bytes), 6);
        EXPECT_UINT(row_schema_version(encoded), schema->version);
        EXPECT_OK(row_open(&row, schema, encoded, &err), &err);
        EXPECT(row.is_tombstone == is_tombstone);
        EXPECT_INT(row.updated_us, updated_us);
        for (unsigned i = 0; i < schema->column_count; i++) {
            struct value v = row_value(&row, i);
            EXPECT(value_identical(&v, &values[i]));
        }
        schema_give(schema);
        arena_reset(&arena);
    }
    buf_release(&bytes);
    arena_release(&arena);
}

static struct schema *small_schema(void)
{
    struct column columns[] = {column(1, STR_LIT("id"), type_of(TYPE_INT)),
                               column(2, STR_LIT("body"), type_of(TYPE_TEXT)),
                               column(3, STR_LIT("done"), type_of(TYPE_BOOLEAN)),
                               column(4, STR_LIT("raw"), type_of(TYPE_BYTES))};
    columns[0].is_primary_key = true;
    return schema_create((table_id){1}, 2, TABLE_USER, STR_LIT("n"), STR_LIT("t"), columns, 4);
}

static void encode_small(struct buf *bytes, const struct schema *schema)
{
    struct error err;
    struct value values[] = {value_int(TYPE_INT, -2), value_text(STR_LIT("hi")),
                             value_null(type_of(TYPE_BOOLEAN)), value_null(type_of(TYPE_BYTES))};
    values[3] = (struct value){.type = type_of(TYPE_BYTES), .as.text = STR_LIT("\xff")};
    EXPECT_OK(row_encode(bytes, schema, values, false, 5, &err), &err);
}

TEST(row_encode_has_the_documented_bytes)
{
    struct buf bytes;
    buf_init(&bytes);
    struct schema *schema = small_schema();
    encode_small(&bytes, schema);
    EXPECT_STR(buf_str(&bytes), "\x01\x00\x04\x00\x02\x00\x00\x00\x05\x00\x00\x00\x00\x00\x00\x00"
                                "\x04"
                                "\xfe\xff\xff\xff\x00"
                                "\x02\x00\x00\x00\x03\x00\x00\x00"
                                "hi\xff");
    schema_give(schema);
    buf_release(&bytes);
}

TEST(row_copy_as_tombstone_keeps_the_values)
{
    struct buf bytes;
    struct buf dead;
    struct row row;
    struct error err;
    buf_init(&bytes);
    buf_init(&dead);
    struct schema *schema = small_schema();
    encode_small(&bytes, schema);
    EXPECT_OK(row_open(&row, schema, buf_str(&bytes), &err), &err);
    row_copy_as_tombstone(&dead, &row, 99);
    EXPECT_OK(row_open(&row, schema, buf_str(&dead), &err), &err);
    EXPECT(row.is_tombstone);
    EXPECT_INT(row.updated_us, 99);
    EXPECT_INT(row_value(&row, 0).as.integer, -2);
    EXPECT_STR(row_value(&row, 1).as.text, "hi");
    EXPECT(row_value(&row, 2).is_null);
    schema_give(schema);
    buf_release(&bytes);
    buf_release(&dead);
}

TEST(row_encode_over_the_limit_is_refused_and_writes_nothing)
{
    struct error err;
    struct buf bytes;
    struct row row;
    buf_init(&bytes);
    struct column c = column(1, STR_LIT("body"), type_of(TYPE_TEXT));
    struct schema *schema =
        schema_create((table_id){1}, 1, TABLE_STREAM, STR_LIT("n"), STR_LIT("t"), &c, 1);
    size_t overhead = 16 + 1 + 4;
    char *text = arena_alloc(&arena, LIMIT_ROW_BYTES);
    memset(text, 'x', LIMIT_ROW_BYTES);
    struct value v = value_text((str){text, LIMIT_ROW_BYTES - overhead + 1});
    EXPECT_STATUS(row_encode(&bytes, schema, &v, false, 0, &err), LIMIT);
    EXPECT_STR(str_from(err.text), "row of 16777217 bytes is longer than 16777216 bytes");
    EXPECT_UINT(bytes.n, 0);
    v.as.text.n--;
    EXPECT_OK(row_encode(&bytes, schema, &v, false, 0, &err), &err);
    EXPECT_OK(row_open(&row, schema, buf_str(&bytes), &err), &err);
    schema_give(schema);
    buf_release(&bytes);
    arena_release(&arena);
}

static void expect_corrupt(const struct schema *schema, str bytes, const char *what)
{
    struct row row;
    struct error err;
    EXPECT_STATUS(row_open(&row, schema, bytes, &err), CORRUPT);
    EXPECT(str_ends_with(str_from(err.text), str_from(what)));
}

/* The small row with one byte changed. */
static void expect_byte_corrupt(size_t at, uint8_t byte, const char *what)
{
    struct buf bytes;
    buf_init(&bytes);
    struct schema *schema = small_schema();
    encode_small(&bytes, schema);
    bytes.p[at] = (char)byte;
    expect_corrupt(schema, buf_str(&bytes), what);
    schema_give(schema);
    buf_release(&bytes);
}

TEST(row_open_of_a_changed_byte_says_which_part)
{
    expect_byte_corrupt(0, 2, "its format");
    expect_byte_corrupt(1, 2, "its flags");
    expect_byte_corrupt(2, 5, "its column count");
    expect_byte_corrupt(4, 3, "its schema version");
    expect_byte_corrupt(16, 0x14, "its null bits");
    expect_byte_corrupt(16, 0x05, "column id");   /* NULL with a slot */
    expect_byte_corrupt(16, 0x06, "column body"); /* NULL with bytes */
    expect_byte_corrupt(21, 1, "column done");    /* NULL with a slot */
    expect_byte_corrupt(22, 4, "its offsets");    /* ends fall */
    expect_byte_corrupt(26, 2, "its offsets");    /* bytes behind the last end */
    expect_byte_corrupt(26, 4, "its offsets");    /* end behind the row */
    expect_byte_corrupt(29, 0x80, "its offsets");
    expect_byte_corrupt(30, 0xff, "column body"); /* not UTF-8 */
}

TEST(row_open_of_a_boolean_time_decimal_embedding_out_of_range_is_refused)
{
    struct column columns[] = {column(1, STR_LIT("b"), type_of(TYPE_BOOLEAN)),
                               column(2, STR_LIT("t"), type_of(TYPE_TIME)),
                               column(3, STR_LIT("d"), type_for(TYPE_DECIMAL)),
                               column(4, STR_LIT("e"), type_for(TYPE_EMBEDDING))};
    struct buf bytes;
    struct row row;
    struct error err;
    buf_init(&bytes);
    struct schema *schema =
        schema_create((table_id){1}, 1, TABLE_STREAM, STR_LIT("n"), STR_LIT("t"), columns, 4);
    struct value values[] = {value_bool(true),
                             value_int(TYPE_TIME, 86399999999LL),
                             {.type = columns[2].type},
                             {.type = columns[3].type, .as.text = STR_LIT("abcdefghijkl")}};
    EXPECT(decimal_parse(STR_LIT("-999999999999999999.99"), 20, 2, &values[2].as.decimal));
    EXPECT_OK(row_encode(&bytes, schema, values, false, 0, &err), &err);
    EXPECT_OK(row_open(&row, schema, buf_str(&bytes), &err), &err);
    EXPECT(row_value(&row, 2).as.decimal == values[2].as.decimal);
    bytes.p[17] = 2;
    expect_corrupt(schema, buf_str(&bytes), "column b");
    bytes.p[17] = 1;
    values[1].as.integer++;
    buf_clear(&bytes);
    EXPECT_OK(row_encode(&bytes, schema, values, false, 0, &err), &err);
    expect_corrupt(schema, buf_str(&bytes), "column t");
    values[1].as.integer = 0;
    values[2].as.decimal--;
    buf_clear(&bytes);
    EXPECT_OK(row_encode(&bytes, schema, values, false, 0, &err), &err);
    expect_corrupt(schema, buf_str(&bytes), "column d");
    values[2].as.decimal++;
    values[3].as.text.n--;
    buf_clear(&bytes);
    EXPECT_OK(row_encode(&bytes, schema, values, false, 0, &err), &err);
    expect_corrupt(schema, buf_str(&bytes), "column e");
    schema_give(schema);
    buf_release(&bytes);
}

TEST(row_encode_of_any_nan_writes_one_and_open_refuses_others)
{
    struct column columns[] = {column(1, STR_LIT("f"), type_of(TYPE_FLOAT)),
                               column(2, STR_LIT("d"), type_of(TYPE_DOUBLE))};
    struct value values[] = {value_double(-(double)NAN), value_double(-(double)NAN)};
    struct buf bytes;
    struct row row;
    struct error err;
    values[0].type = columns[0].type;
    buf_init(&bytes);
    struct schema *schema =
        schema_create((table_id){1}, 1, TABLE_STREAM, STR_LIT("n"), STR_LIT("t"), columns, 2);
    EXPECT_OK(row_encode(&bytes, schema, values, false, 0, &err), &err);
    EXPECT_STR(str_skip(buf_str(&bytes), 17), "\0\0\xc0\x7f\0\0\0\0\0\0\xf8\x7f");
    EXPECT_OK(row_open(&row, schema, buf_str(&bytes), &err), &err);
    EXPECT(isnan(row_value(&row, 0).as.real));
    EXPECT(isnan(row_value(&row, 1).as.real));
    bytes.p[17] = 1;
    expect_corrupt(schema, buf_str(&bytes), "column f");
    bytes.p[17] = 0;
    bytes.p[21] = 1;
    expect_corrupt(schema, buf_str(&bytes), "column d");
    schema_give(schema);
    buf_release(&bytes);
}

TEST(row_open_cut_at_every_byte_or_with_one_more_is_refused)
{
    struct buf bytes;
    struct row row;
    struct error err;
    buf_init(&bytes);
    struct schema *schema = small_schema();
    encode_small(&bytes, schema);
    for (size_t n = 0; n < bytes.n; n++) {
        char *exact = mem_copy(bytes.p, n); /* so that the sanitizer sees a read past its end */
        EXPECT_STATUS(row_open(&row, schema, (str){exact, n}, &err), CORRUPT);
        EXPECT(n >= 16 || row_schema_version((str){exact, n}) == 0);
        mem_free(exact);
    }
    buf_append_byte(&bytes, 0);
    EXPECT_STATUS(row_open(&row, schema, buf_str(&bytes), &err), CORRUPT);
    schema_give(schema);
    buf_release(&bytes);
}

TEST(row_open_of_every_flipped_bit_is_refused_or_encodes_to_the_same_bytes)
{
    struct rng rng;
    struct buf bytes;
    struct buf again;
    struct error err;
    rng_init(&rng, 42);
    buf_init(&bytes);
    buf_init(&again);
    unsigned refused = 0;
    for (unsigned round = 0; round < 60; round++) {
        struct row row;
        struct schema *schema = random_schema(&rng, 12, 1);
        buf_clear(&bytes);
        EXPECT_OK(row_encode(&bytes, schema, random_row(&rng, schema), false, 0, &err), &err);
        for (size_t bit = 0; bit < bytes.n * 8; bit++) {
            bytes.p[bit / 8] = (char)(bytes.p[bit / 8] ^ 1 << bit % 8);
            if (status_ok(row_open(&row, schema, buf_str(&bytes), &err))) {
                struct value values[12];
                for (unsigned i = 0; i < 12; i++) {
                    values[i] = row_value(&row, i);
                }
                buf_clear(&again);
                EXPECT_OK(
                    row_encode(&again, schema, values, row.is_tombstone, row.updated_us, &err),
                    &err);
                EXPECT_STR_EQ(buf_str(&again), buf_str(&bytes));
            } else {
                refused++;
            }
            bytes.p[bit / 8] = (char)(bytes.p[bit / 8] ^ 1 << bit % 8);
        }
        schema_give(schema);
        arena_reset(&arena);
    }
    EXPECT(refused > 10000);
    buf_release(&bytes);
    buf_release(&again);
    arena_release(&arena);
}

/* ---- versions: each is made from the one before by adding, dropping, renaming, moving or widening
 * columns, and a model says what a row written under version w shows under version v. ---- */

enum { VERSIONS = 24, COLUMNS_MAX = 80, ROWS_EACH = 20 };

struct table {
    struct schema *versions[VERSIONS];
    struct column columns[COLUMNS_MAX]; /* of the newest version */
    unsigned column_count;
    uint32_t last_id;
};

static enum type_id wider(enum type_id id)
{
    switch (id) {
    case TYPE_SMALLINT:
        return TYPE_INT;
    case TYPE_INT:
        return TYPE_BIGINT;
    case TYPE_BIGINT:
        return TYPE_DECIMAL;
    case TYPE_FLOAT:
        return TYPE_DOUBLE;
    case TYPE_DATE:
        return TYPE_TIMESTAMP;
    case TYPE_TIMESTAMP:
        return TYPE_DATETIME;
    case TYPE_UUID:
    case TYPE_BOOLEAN:
    case TYPE_JSON:
        return TYPE_TEXT;
    default:
        return id;
    }
}

static void add_column(struct table *table, struct rng *rng)
{
    uint32_t id = ++table->last_id;
    struct type type = type_for((enum type_id)(1 + rng_below(rng, TYPE_COUNT - 1)));
    struct column c = column(id, arena_format(&arena, "c%u", id), type);
    c.absent_value = random_value(rng, type);
    unsigned at = (unsigned)rng_below(rng, table->column_count + 1);
    memmove(&table->columns[at + 1], &table->columns[at],
            (table->column_count - at) * sizeof table->columns[0]);
    table->columns[at] = c;
    table->column_count++;
}

static void drop_column(struct table *table, struct rng *rng)
{
    unsigned at = (unsigned)rng_below(rng, table->column_count);
    memmove(&table->columns[at], &table->columns[at + 1],
            (table->column_count - at - 1) * sizeof table->columns[0]);
    table->column_count--;
}

/* Texts of dates have years 0001..9999; random days do not fit a timestamp either. */
static void widen_column(struct table *table, struct rng *rng)
{
    struct column *c = &table->columns[rng_below(rng, table->column_count)];
    struct type to = type_for(wider(c->type.id));
    struct error err;
    if (to.id == TYPE_DECIMAL) {
        to.precision = 38;
    }
    if (to.id == c->type.id) {
        return;
    }
    struct value absent;
    if (status_ok(value_coerce(&c->absent_value, to, c->name, &arena, &absent, &err))) {
        c->type = to;
        c->absent_value = absent;
    }
}

static void rename_column(struct table *table, struct rng *rng)
{
    struct column *c = &table->columns[rng_below(rng, table->column_count)];
    c->name = arena_format(&arena, "r%u_%u", c->id, (unsigned)rng_below(rng, 1000000));
}

static void next_version(struct table *table, struct rng *rng, unsigned version)
{
    for (unsigned n = 0; n < 3; n++) {
        add_column(table, rng);
    }
    for (unsigned n = 0; n < 3 && table->column_count > 2; n++) {
        switch (rng_below(rng, 3)) {
        case 0:
            drop_column(table, rng);
            break;
        case 1:
            widen_column(table, rng);
            break;
        default:
            rename_column(table, rng);
            break;
        }
    }
    for (unsigned i = 0; i < table->column_count; i++) {
        table->columns[i].ordinal = i + 1;
    }
    table->versions[version] = schema_create((table_id){1}, version + 1, TABLE_STREAM, STR_LIT("n"),
                                             STR_LIT("t"), table->columns, table->column_count);
}

static const struct column *by_id(const struct schema *schema, uint32_t id)
{
    for (unsigned i = 0; i < schema->column_count; i++) {
        if (schema->columns[i].id == id) {
            return &schema->columns[i];
        }
    }
    return NULL;
}

/* Random values fit every wider type but DATE in TIMESTAMP: days are kept within 292,000 years. */
static struct value fitting_value(struct rng *rng, struct type type)
{
    struct value v = random_value(rng, type);
    if (type.id == TYPE_DATE) {
        v.as.integer %= 100000000;
    }
    return v;
}

static void expect_projection(const struct table *table, unsigned written, const struct row *row,
                              const struct value *values, unsigned version)
{
    struct value shown[COLUMNS_MAX];
    struct error err;
    const struct schema *from = table->versions[written];
    const struct schema *to = table->versions[version];
    EXPECT_OK(row_project(row, to, &arena, shown, &err), &err);
    for (unsigned i = 0; i < to->column_count; i++) {
        const struct column *c = &to->columns[i];
        const struct column *old = by_id(from, c->id);
        struct value wanted = c->absent_value;
        if (old != NULL) {
            EXPECT_OK(
                value_coerce(&values[old - from->columns], c->type, c->name, &arena, &wanted, &err),
                &err);
        }
        EXPECT(value_identical(&shown[i], &wanted));
    }
}

TEST(row_project_of_rows_of_24_versions_shows_each_under_every_later_one)
{
    struct rng rng;
    struct buf bytes;
    struct error err;
    rng_init(&rng, 43);
    buf_init(&bytes);
    for (unsigned round = 0; round < 5; round++) {
        struct table table = {.last_id = 0};
        unsigned projected = 0;
        for (unsigned version = 0; version < VERSIONS; version++) {
            next_version(&table, &rng, version);
        }
        for (unsigned written = 0; written < VERSIONS; written++) {
            const struct schema *schema = table.versions[written];
            for (unsigned n = 0; n < ROWS_EACH; n++) {
                struct row row;
                struct value values[COLUMNS_MAX];
                for (unsigned i = 0; i < schema->column_count; i++) {
                    values[i] = fitting_value(&rng, schema->columns[i].type);
                }
                buf_clear(&bytes);
                EXPECT_OK(row_encode(&bytes, schema, values, false, 0, &err), &err);
                EXPECT_OK(row_open(&row, schema, buf_str(&bytes), &err), &err);
                for (unsigned version = written; version < VERSIONS; version++) {
                    expect_projection(&table, written, &row, values, version);
                    projected++;
                }
            }
        }
        EXPECT_UINT(projected, ROWS_EACH * VERSIONS * (VERSIONS + 1) / 2);
        for (unsigned version = 0; version < VERSIONS; version++) {
            schema_give(table.versions[version]);
        }
        arena_reset(&arena);
    }
    buf_release(&bytes);
    arena_release(&arena);
}

static struct schema *one_column(uint32_t version, uint32_t id, struct type type)
{
    struct column c = column(id, STR_LIT("c"), type);
    return schema_create((table_id){1}, version, TABLE_STREAM, STR_LIT("n"), STR_LIT("t"), &c, 1);
}

static void expect_widened(struct value v, enum type_id to, const char *wanted)
{
    struct row row;
    struct error err;
    struct value shown;
    struct buf bytes;
    struct buf text;
    buf_init(&bytes);
    buf_init(&text);
    struct schema *old = one_column(1, 1, v.type);
    struct schema *new = one_column(2, 1, type_for(to));
    EXPECT_OK(row_encode(&bytes, old, &v, false, 0, &err), &err);
    EXPECT_OK(row_open(&row, old, buf_str(&bytes), &err), &err);
    EXPECT_OK(row_project(&row, new, &arena, &shown, &err), &err);
    EXPECT_INT(shown.type.id, to);
    value_append_text(&text, &shown);
    EXPECT_STR_EQ(buf_str(&text), str_from(wanted));
    schema_give(old);
    schema_give(new);
    buf_release(&bytes);
    buf_release(&text);
    arena_release(&arena);
}

TEST(row_project_of_widened_columns_shows_the_same_value)
{
    struct value real = value_double(0.5);
    real.type = type_of(TYPE_FLOAT);
    expect_widened(value_int(TYPE_SMALLINT, -32768), TYPE_INT, "-32768");
    expect_widened(value_int(TYPE_INT, INT32_MIN), TYPE_BIGINT, "-2147483648");
    expect_widened(value_int(TYPE_SMALLINT, 7), TYPE_BIGINT, "7");
    expect_widened(real, TYPE_DOUBLE, "0.5");
    expect_widened(value_int(TYPE_INT, 7), TYPE_TEXT, "7");
    expect_widened(value_int(TYPE_DATE, 1), TYPE_TIMESTAMP, "1970-01-02 00:00:00");
}

TEST(row_project_of_a_value_that_the_new_type_cannot_hold_names_the_column)
{
    struct row row;
    struct error err;
    struct value shown;
    struct buf bytes;
    struct value v = value_int(TYPE_BIGINT, 70000);
    buf_init(&bytes);
    struct schema *old = one_column(1, 1, type_of(TYPE_BIGINT));
    struct schema *new = one_column(2, 1, type_of(TYPE_SMALLINT));
    EXPECT_OK(row_encode(&bytes, old, &v, false, 0, &err), &err);
    EXPECT_OK(row_open(&row, old, buf_str(&bytes), &err), &err);
    EXPECT_STATUS(row_project(&row, new, &arena, &shown, &err), INVALID);
    EXPECT_STR(str_from(err.text),
               "column 'c': BIGINT value '70000' cannot become SMALLINT: out of range");
    schema_give(old);
    schema_give(new);
    buf_release(&bytes);
    arena_release(&arena);
}

TEST(row_project_of_a_dropped_and_added_column_of_one_name_shows_the_new_one)
{
    struct row row;
    struct error err;
    struct value shown;
    struct buf bytes;
    struct value v = value_int(TYPE_INT, 5);
    struct column c = column(2, STR_LIT("c"), type_of(TYPE_INT));
    buf_init(&bytes);
    c.absent_value = value_int(TYPE_INT, 42);
    struct schema *old = one_column(1, 1, type_of(TYPE_INT));
    struct schema *new =
        schema_create((table_id){1}, 2, TABLE_STREAM, STR_LIT("n"), STR_LIT("t"), &c, 1);
    EXPECT_OK(row_encode(&bytes, old, &v, false, 0, &err), &err);
    EXPECT_OK(row_open(&row, old, buf_str(&bytes), &err), &err);
    EXPECT_OK(row_project(&row, new, &arena, &shown, &err), &err);
    EXPECT_INT(shown.as.integer, 42);
    schema_give(old);
    schema_give(new);
    buf_release(&bytes);
}

/* tests/fuzz/row_fuzz.c -- Goal: no bytes make the row decoder misbehave, and what it accepts is
 * exactly what encoding writes. Method: the input is a row of a table with every type; an accepted
 * row is encoded again and shown under a later version with dropped, added and widened columns. */
#include "model/row.h"

#include "base/check.h"

enum { COLUMNS = TYPE_COUNT - 1 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct type type_for(enum type_id id)
{
    struct type type = type_of(id);
    type.precision = id == TYPE_DECIMAL ? 20 : 0;
    type.scale = id == TYPE_DECIMAL ? 2 : 0;
    type.dimension = id == TYPE_EMBEDDING ? 2 : 0;
    return type;
}

static struct schema *make_schema(uint32_t version)
{
    static char names[COLUMNS][8];
    struct column columns[COLUMNS] = {0};
    for (unsigned i = 0; i < COLUMNS; i++) {
        enum type_id id = (enum type_id)(i + 1);
        bool is_widened =
            version > 1 && (id == TYPE_SMALLINT || id == TYPE_INT || id == TYPE_FLOAT);
        bool is_new = version > 1 && i % 5 == 4;
        (void)snprintf(names[i], sizeof names[i], "c%u", i);
        columns[i].id = is_new ? 100 + i : i + 1;
        columns[i].name = str_from(names[i]);
        columns[i].ordinal = i + 1;
        columns[i].type = type_for(!is_widened ? id : id == TYPE_FLOAT ? TYPE_DOUBLE : TYPE_BIGINT);
    }
    return schema_create((table_id){1}, version, TABLE_STREAM, STR_LIT("n"), STR_LIT("t"), columns,
                         COLUMNS);
}

static void try_row(const struct schema *schema, const struct schema *later, str bytes)
{
    struct row row;
    struct error err;
    struct value values[COLUMNS];
    struct value shown[COLUMNS];
    struct buf again;
    struct arena arena;
    if (!status_ok(row_open(&row, schema, bytes, &err))) {
        return;
    }
    CHECK(row_schema_version(bytes) == 1);
    arena_init(&arena);
    buf_init(&again);
    for (unsigned i = 0; i < COLUMNS; i++) {
        values[i] = row_value(&row, i);
    }
    CHECK(status_ok(row_encode(&again, schema, values, row.is_tombstone, row.updated_us, &err)));
    CHECK(str_eq(buf_str(&again), bytes));
    CHECK(status_ok(row_project(&row, later, &arena, shown, &err)));
    buf_clear(&again);
    row_copy_as_tombstone(&again, &row, 7);
    CHECK(status_ok(row_open(&row, schema, buf_str(&again), &err)));
    CHECK(row.is_tombstone);
    buf_release(&again);
    arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct schema *schema = make_schema(1);
    struct schema *later = make_schema(2);
    (void)row_schema_version(str_of(data, size));
    try_row(schema, later, str_of(data, size));
    schema_give(schema);
    schema_give(later);
    return 0;
}

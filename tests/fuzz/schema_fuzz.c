/* tests/fuzz/schema_fuzz.c -- Goal: no text makes the schema reader misbehave, and a schema that
 * was read is written and read back the same. Method: byte 0 picks the kind of table, the rest is
 * JSON. */
#include "model/schema.h"

#include "base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct schema *read_schema(str json, enum table_kind kind)
{
    struct error err;
    struct schema *schema = NULL;
    status found =
        schema_from_json(json, (table_id){1}, 1, kind, STR_LIT("n"), STR_LIT("t"), &schema, &err);
    CHECK(status_ok(found) == (schema != NULL));
    return schema;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    enum table_kind kind = (enum table_kind)(data[0] % (TABLE_SYSTEM + 1));
    struct schema *schema = read_schema(str_of(data + 1, size - 1), kind);
    if (schema == NULL) {
        return 0;
    }
    struct buf text;
    struct buf again;
    buf_init(&text);
    buf_init(&again);
    schema_append_json(&text, schema);
    struct schema *back = read_schema(buf_str(&text), kind);
    CHECK(back != NULL);
    schema_append_json(&again, back);
    CHECK(str_eq(buf_str(&text), buf_str(&again)));
    for (unsigned i = 0; i < schema->column_count; i++) {
        CHECK(schema_find_column(back, schema->columns[i].name) == (int)i);
    }
    schema_give(schema);
    schema_give(back);
    buf_release(&text);
    buf_release(&again);
    return 0;
}

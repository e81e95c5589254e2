/* tests/unit/model/batch_test.c -- Goal: a cell comes back as it went in, for every type and every
 * place, and the bytes are what the engine expects. Method: random cells mirrored in an array. */
#include "model/batch.h"

#include "base/hash.h"
#include "tests/test.h"

enum { LONG_TEXT_BYTES = 40 };

static struct type type_for(enum type_id id)
{
    struct type type = type_of(id);
    type.precision = id == TYPE_DECIMAL ? 38 : 0;
    type.dimension = id == TYPE_EMBEDDING ? 4 : 0;
    return type;
}

static struct value random_value(struct rng *rng, struct type type, char *bytes)
{
    struct value v = {.type = type, .is_null = rng_below(rng, 5) == 0};
    uint64_t r = rng_next(rng);
    switch (type.id) {
    case TYPE_BOOLEAN:
        v.as.boolean = r % 2 == 1;
        break;
    case TYPE_SMALLINT:
        v.as.integer = (int16_t)r;
        break;
    case TYPE_INT:
    case TYPE_DATE:
        v.as.integer = (int32_t)r;
        break;
    case TYPE_FLOAT:
        v.as.real = (double)(float)((double)r / 3.0);
        break;
    case TYPE_DOUBLE:
        v.as.real = (double)r / 3.0;
        break;
    case TYPE_DECIMAL:
        v.as.decimal = (int128)(int64_t)r * (int128)(r >> 3);
        break;
    case TYPE_UUID:
        memcpy(v.as.uuid, &r, 8);
        r = rng_next(rng);
        memcpy(v.as.uuid + 8, &r, 8);
        break;
    case TYPE_TEXT:
    case TYPE_JSON:
    case TYPE_FILE:
    case TYPE_BYTES:
        memset(bytes, 'a' + (int)(r % 26), LONG_TEXT_BYTES);
        v.as.text = (str){bytes, r % LONG_TEXT_BYTES};
        break;
    case TYPE_EMBEDDING:
        memset(bytes, (int)(r % 60), LONG_TEXT_BYTES);
        v.as.text = (str){bytes, type.dimension * sizeof(float)};
        break;
    default:
        v.as.integer = (int64_t)r;
        break;
    }
    return v;
}

TEST(batch_set_of_every_type_and_row_is_read_back)
{
    struct rng rng;
    struct type types[TYPE_COUNT - 1];
    static struct value wanted[TYPE_COUNT - 1][LIMIT_BATCH_ROWS];
    struct arena arena;
    rng_init(&rng, 21);
    arena_init(&arena);
    for (unsigned i = 0; i < TYPE_COUNT - 1; i++) {
        types[i] = type_for((enum type_id)(i + 1));
    }
    struct batch *batch = batch_create(types, TYPE_COUNT - 1);
    for (unsigned round = 0; round < 3; round++) {
        batch_reset(batch);
        arena_reset(&arena);
        for (unsigned row = 0; row < LIMIT_BATCH_ROWS; row++) {
            for (unsigned c = 0; c < TYPE_COUNT - 1; c++) {
                char bytes[LONG_TEXT_BYTES];
                struct value v = random_value(&rng, types[c], bytes);
                batch_set(batch, c, row, &v);
                wanted[c][row] = value_copy(&arena, &v);
            }
        }
        for (unsigned row = 0; row < LIMIT_BATCH_ROWS; row++) {
            for (unsigned c = 0; c < TYPE_COUNT - 1; c++) {
                struct value v = batch_get(batch, c, row);
                EXPECT(value_identical(&v, &wanted[c][row]));
            }
        }
    }
    batch_destroy(batch);
    arena_release(&arena);
}

TEST(batch_reset_makes_every_cell_null_and_keeps_what_is_wanted)
{
    struct type types[] = {type_of(TYPE_INT), type_of(TYPE_TEXT)};
    struct batch *batch = batch_create(types, 2);
    struct value v = value_int(TYPE_INT, 5);
    batch->columns[1].is_wanted = false;
    batch_set(batch, 0, 2047, &v);
    batch->row_count = 2048;
    EXPECT(!batch_get(batch, 0, 2047).is_null);
    batch_reset(batch);
    EXPECT_UINT(batch->row_count, 0);
    EXPECT(batch_get(batch, 0, 2047).is_null);
    EXPECT(!batch->columns[1].is_wanted);
    batch_destroy(batch);
    batch_destroy(NULL);
}

TEST(batch_set_of_an_unwanted_column_stays_null)
{
    struct type type = type_of(TYPE_TEXT);
    struct batch *batch = batch_create(&type, 1);
    struct value v = value_text(STR_LIT("a text that is longer than twelve bytes"));
    batch->columns[0].is_wanted = false;
    batch_set(batch, 0, 0, &v);
    EXPECT(batch_get(batch, 0, 0).is_null);
    EXPECT_UINT(batch->heap.used_bytes, 0);
    batch_destroy(batch);
}

TEST(batch_set_of_null_over_a_value_is_null)
{
    struct type type = type_of(TYPE_INT);
    struct batch *batch = batch_create(&type, 1);
    struct value v = value_int(TYPE_INT, 5);
    struct value null = value_null(type);
    batch_set(batch, 0, 70, &v);
    batch_set(batch, 0, 71, &v);
    batch_set(batch, 0, 70, &null);
    EXPECT(batch_get(batch, 0, 70).is_null);
    EXPECT_INT(batch_get(batch, 0, 71).as.integer, 5);
    batch_destroy(batch);
}

TEST(batch_cells_have_the_bytes_of_the_engine)
{
    struct type types[] = {type_of(TYPE_UUID), type_of(TYPE_TEXT), type_of(TYPE_DATE)};
    struct batch *batch = batch_create(types, 3);
    struct value uuid = {.type = types[0], .as.uuid = {0x80, [7] = 1, [15] = 2}};
    struct value short_text = value_text(STR_LIT("twelve bytes"));
    struct value long_text = value_text(STR_LIT("thirteen byte"));
    struct value date = value_int(TYPE_DATE, -1);
    batch_set(batch, 0, 1, &uuid);
    batch_set(batch, 1, 0, &short_text);
    batch_set(batch, 1, 1, &long_text);
    batch_set(batch, 2, 1, &date);
    /* two u64, the lower first; the top bit of the upper one flipped */
    const char *cell = (const char *)batch->columns[0].data + 16;
    EXPECT_STR((str_of(cell, 16)), "\x02\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0");
    const struct string_view16 *views = batch->columns[1].data;
    EXPECT_STR(str_of(&views[0], 16), "\x0c\0\0\0twelve bytes");
    EXPECT_STR(str_of(&views[1], 8), "\x0d\0\0\0thir");
    EXPECT_STR(str_of(views[1].as.far.pointer, 13), "thirteen byte");
    EXPECT_INT(((int32_t *)batch->columns[2].data)[1], -1);
    EXPECT_UINT(batch->columns[2].valid[0], 2);
    batch_destroy(batch);
}

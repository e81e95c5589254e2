/* tests/unit/store/keys_test.c -- Goal: keys sort and split as docs/formats/store.md says. Method:
 * build neighbours and compare; split what was built. */
#include "test.h"
#include "store/keys.h"

static struct table_part make_part(struct arena *arena, enum table_kind kind, uint32_t id,
                                   const char *user)
{
    struct table *table = ARENA_NEW(arena, struct table);
    table->id.v = id;
    table->ns.v = 7;
    table->kind = kind;
    struct table_part part;
    table_part_init(&part, table, str_from(user), arena);
    return part;
}

TEST(part_number_key_sorts_as_its_number)
{
    struct arena arena;
    arena_init(&arena);
    struct buf a;
    struct buf b;
    buf_init(&a);
    buf_init(&b);
    struct table_part part = make_part(&arena, TABLE_USER, 5, "alice");
    static const uint64_t numbers[] = {0, 1, 255, 256, UINT64_C(1) << 40, INT64_MAX};
    for (size_t i = 1; i < sizeof numbers / sizeof numbers[0]; i++) {
        EXPECT(str_compare(part_number_key(&a, &part, KEY_ROW, numbers[i - 1]),
                           part_number_key(&b, &part, KEY_ROW, numbers[i])) < 0);
        uint64_t number = 0;
        EXPECT(key_number(buf_str(&b), &number));
        EXPECT_UINT(number, numbers[i]);
    }
    buf_release(&a);
    buf_release(&b);
    arena_release(&arena);
}

TEST(key_build_end_is_above_every_key_of_the_table_and_below_the_next)
{
    struct arena arena;
    arena_init(&arena);
    struct buf key;
    struct buf end;
    buf_init(&key);
    buf_init(&end);
    static const uint32_t ids[] = {1, 255, 65535, UINT32_MAX - 1, UINT32_MAX};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        struct table_part part = make_part(&arena, TABLE_USER, ids[i], "bob");
        (void)part_number_key(&key, &part, KEY_MANIFEST, UINT64_MAX);
        (void)key_build_end(&end, part.prefix, KEY_MANIFEST, part.table->id);
        EXPECT(str_compare(buf_str(&key), buf_str(&end)) < 0);
        (void)part_key(&key, &part, KEY_STATE, str_of(NULL, 0));
        EXPECT(str_compare(buf_str(&end), buf_str(&key)) <= 0);
    }
    buf_release(&key);
    buf_release(&end);
    arena_release(&arena);
}

TEST(table_part_init_gives_every_kind_its_class_family_and_owner)
{
    struct arena arena;
    arena_init(&arena);
    struct table_part user = make_part(&arena, TABLE_USER, 5, "u");
    struct table_part shared = make_part(&arena, TABLE_SHARED, 5, "ignored");
    struct table_part stream = make_part(&arena, TABLE_STREAM, 5, "u");
    EXPECT(user.prefix.p[0] == 'u' && user.family == KV_USER_TABLE);
    EXPECT(shared.prefix.p[0] == 's' && shared.family == KV_SHARED_TABLE);
    EXPECT(stream.prefix.p[0] == 'e' && stream.family == KV_STREAM_TABLE);
    EXPECT_STR(user.owner, "u");
    EXPECT_UINT(shared.owner.n, 0);
    EXPECT(part_family(&shared, KEY_INDEX) == KV_KEY_INDEX);
    struct table_part other = make_part(&arena, TABLE_SHARED, 6, "");
    EXPECT(!str_eq(shared.prefix, other.prefix)); /* each SHARED table is a partition of its own */
    arena_release(&arena);
}

TEST(key_split_of_foreign_bytes_says_no)
{
    struct arena arena;
    arena_init(&arena);
    struct table_part part = make_part(&arena, TABLE_USER, 5, "u");
    struct key_parts parts;
    struct buf key;
    buf_init(&key);
    (void)part_key(&key, &part, KEY_INDEX, STR_LIT("k"));
    EXPECT(key_split(buf_str(&key), &parts));
    EXPECT(parts.kind == KEY_INDEX && parts.table.v == 5);
    EXPECT_STR(parts.rest, "k");
    EXPECT_STR_EQ(parts.prefix, part.prefix);
    EXPECT(!key_split(part.prefix, &parts));
    EXPECT(!key_split(str_of(NULL, 0), &parts));
    key.p[part.prefix.n] = 'x';
    EXPECT(!key_split(buf_str(&key), &parts));
    buf_release(&key);
    arena_release(&arena);
}

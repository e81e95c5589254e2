/* tests/unit/store/unique_test.c -- Goal: the entries of UNIQUE columns are those of the live rows,
 * through flush, crash, delete, abandoned flush and drop. Method: app.t with a UNIQUE v; what the
 * statements above see is in tests/unit/query/unique_test.c. */
#include "test.h"
#include "store/drop.h"
#include "world.h"

static struct world w;

static void open_unique(void)
{
    w = (struct world){0};
    world_open(&w);
    world_make_unique(&w);
}

/* The id of the row that has the value; 0: none. */
static int64_t owner_of(const char *text)
{
    struct world_part part;
    part_open(&w, w.table, "", &part);
    struct kv_view *view = kv_view_open(w.kv);
    struct table_read *read = NULL;
    EXPECT_OK(table_read_open(w.store, view, &part.part, (struct cold_slot){0}, KV_MAY_BLOCK,
                              &part.arena, &read, &w.err),
              &w.err);
    bool found = false;
    str key = {0};
    EXPECT_OK(table_find_unique(read, part.schema->columns[1].id, str_from(text), KV_MAY_BLOCK,
                                &found, &key, &w.err),
              &w.err);
    struct value id = {0};
    if (found) {
        EXPECT_OK(key_decode(key, part.schema->columns[0].type, &id, &w.err), &w.err);
    }
    kv_view_close(view);
    part_close(&part);
    return found ? id.as.integer : 0;
}

TEST(unique_entry_follows_its_row_through_flush_crash_and_delete)
{
    open_unique();
    EXPECT_OK(world_insert(&w, 1, "a"), &w.err);
    EXPECT_OK(world_insert(&w, 2, "b"), &w.err);
    (void)flush_finish(world_flush(&w));
    world_crash(&w);
    EXPECT_INT(owner_of("a"), 1);
    EXPECT_STATUS(world_insert(&w, 3, "b"), CONSTRAINT);
    EXPECT(strstr(w.err.text,
                  "Unique constraint violation: value 'b' already exists in column 'v'") != NULL);
    EXPECT_OK(world_delete(&w, 1), &w.err);
    EXPECT_INT(owner_of("a"), 0);
    EXPECT_UINT(world_count_keys(&w, KEY_UNIQUE), 1);
    EXPECT_OK(world_insert(&w, 3, "a"), &w.err);
    world_crash(&w);
    EXPECT_INT(owner_of("a"), 3);
    EXPECT_INT(owner_of("b"), 2);
    world_close(&w);
}

TEST(unique_entry_is_right_after_a_flush_that_died)
{
    open_unique();
    EXPECT_OK(world_insert(&w, 1, "a"), &w.err);
    struct flush *flush = world_flush(&w);
    flush_until(flush, FLUSH_WRITTEN);
    EXPECT_OK(world_delete(&w, 1), &w.err);
    EXPECT_OK(world_insert(&w, 2, "a"), &w.err);
    flush_destroy(flush);
    world_crash(&w);
    EXPECT_INT(owner_of("a"), 2);
    EXPECT_STATUS(world_insert(&w, 1, "a"), CONSTRAINT);
    EXPECT_UINT(world_count_keys(&w, KEY_UNIQUE), 1);
    world_close(&w);
}

TEST(row_write_that_yields_answers_conflict_where_another_constraint)
{
    open_unique();
    EXPECT_OK(world_insert(&w, 1, "a"), &w.err);
    static const struct {
        int64_t id;
        const char *text;
    } rows[] = {{1, "new"}, {2, "a"}};
    for (int i = 0; i < 2; i++) {
        struct world_part part;
        part_open(&w, w.table, "", &part);
        struct row_write write;
        row_write_init(&write, w.store, &part.arena);
        struct row_write_table *to = row_write_table(&write, &part.part, part.schema);
        const struct value values[2] = {value_int(TYPE_BIGINT, rows[i].id),
                                        value_text(str_from(rows[i].text))};
        EXPECT_OK(row_write_insert(to, values, &w.err), &w.err);
        to->ops[0].yields = true;
        to->ops[0].unique[0].yields = true;
        EXPECT_STATUS(row_write_run(&write, COMMIT_SYNC, &w.err), CONFLICT);
        row_write_release(&write);
        part_close(&part);
    }
    EXPECT_STR(str_from(world_show(&w)), "1=a");
    world_close(&w);
}

TEST(row_write_upsert_into_a_table_with_unique_columns_is_refused)
{
    open_unique();
    struct world_part part;
    part_open(&w, w.table, "", &part);
    struct row_write write;
    row_write_init(&write, w.store, &part.arena);
    struct row_write_table *to = row_write_table(&write, &part.part, part.schema);
    const struct value values[2] = {value_int(TYPE_BIGINT, 1), value_text(STR_LIT("a"))};
    EXPECT_STATUS(row_write_upsert(to, values, &w.err), INVALID);
    row_write_release(&write);
    part_close(&part);
    world_close(&w);
}

TEST(store_drop_table_removes_unique_entries)
{
    open_unique();
    EXPECT_OK(world_insert(&w, 1, "a"), &w.err);
    struct world_part part; /* keeps the prefix */
    part_open(&w, w.table, "", &part);
    EXPECT_OK(catalog_drop_table(w.catalog, w.table, &w.err), &w.err);
    struct dropped_table *list = NULL;
    unsigned count = 0;
    EXPECT_OK(catalog_list_dropped(w.catalog, &part.arena, &list, &count, &w.err), &w.err);
    struct drop_result result;
    EXPECT_OK(store_drop_table(w.store, &list[0], &result, &w.err), &w.err);
    struct kv_view *view = kv_view_open(w.kv);
    struct kv_cursor *cursor =
        kv_cursor_open(view, KV_KEY_INDEX, part.part.prefix, str_of(NULL, 0), KV_FORWARD);
    str key;
    str value;
    status end = STATUS_IS_OK;
    EXPECT(!kv_cursor_next(cursor, &key, &value, &end, &w.err));
    kv_cursor_close(cursor);
    kv_view_close(view);
    part_close(&part);
    world_close(&w);
}

/* tests/unit/store/commit_rows_test.c -- Goal: expectations, texts, several tables at once, what
 * the sink is told. Method: the store in memory; two statements prepared on the same version. */
#include "test.h"
#include "model/limits.h"
#include "store/stream.h"
#include "world.h"

static void values_of(struct value out[2], int64_t id, const char *text)
{
    out[0] = value_int(TYPE_BIGINT, id);
    out[1] = value_text(str_from(text));
}

TEST(row_write_insert_of_an_existing_key_names_value_and_column)
{
    struct world w = {0};
    world_open(&w);
    EXPECT_OK(world_insert(&w, 7, "a"), &w.err);
    EXPECT_STATUS(world_insert(&w, 7, "b"), CONSTRAINT);
    EXPECT(w.err.id == ERROR_CONSTRAINT);
    EXPECT_STR(str_from(w.err.text),
               "Primary key violation: value '7' already exists in column 'id'");
    EXPECT_STR(str_from(world_show(&w)), "7=a");
    EXPECT_UINT(world_state(&w).hot_rows, 1);
    world_close(&w);
}

TEST(row_write_insert_of_a_key_twice_in_one_statement_says_so_and_writes_nothing)
{
    struct world w = {0};
    world_open(&w);
    struct world_part part;
    part_open(&w, w.table, "", &part);
    struct row_write write;
    row_write_init(&write, w.store, &part.arena);
    struct row_write_table *to = row_write_table(&write, &part.part, part.schema);
    struct value values[2];
    for (int64_t id = 1; id <= 3; id++) {
        values_of(values, id % 3, "x");
        EXPECT_OK(row_write_insert(to, values, &w.err), &w.err);
    }
    values_of(values, 2, "y");
    EXPECT_OK(row_write_insert(to, values, &w.err), &w.err);
    EXPECT_STATUS(row_write_run(&write, COMMIT_SYNC, &w.err), CONSTRAINT);
    EXPECT_STR(str_from(w.err.text), "Primary key violation: value '2' appears multiple times in "
                                     "the insert batch for column 'id'");
    row_write_release(&write);
    part_close(&part);
    EXPECT_STR(str_from(world_show(&w)), "");
    EXPECT_UINT(world_state(&w).hot_rows, 0);
    world_close(&w);
}

TEST(row_write_insert_over_a_tombstone_takes_its_place)
{
    struct world w = {0};
    world_open(&w);
    EXPECT_OK(world_insert(&w, 1, "a"), &w.err);
    EXPECT_OK(world_delete(&w, 1), &w.err);
    EXPECT_UINT(world_state(&w).hot_rows, 1);
    EXPECT_OK(world_insert(&w, 1, "b"), &w.err);
    EXPECT_STR(str_from(world_show(&w)), "1=b");
    EXPECT_UINT(world_state(&w).hot_rows, 1);
    EXPECT_UINT(world_count_keys(&w, KEY_ROW), 1);
    world_close(&w);
}

TEST(row_write_update_that_lost_the_race_conflicts)
{
    struct world w = {0};
    world_open(&w);
    struct world_part part;
    part_open(&w, w.table, "", &part);
    uint64_t first = 0;
    uint64_t seq = 0;
    EXPECT_OK(part_insert(&part, 1, "a", &first, &w.err), &w.err);
    EXPECT_OK(part_update(&part, first, 1, "b", &seq, &w.err), &w.err);
    EXPECT(seq > first);
    EXPECT_STATUS(part_update(&part, first, 1, "c", &seq, &w.err), CONFLICT);
    EXPECT_STATUS(part_delete_row(&part, first, 1, &seq, &w.err), CONFLICT);
    EXPECT_STR(str_from(world_show(&w)), "1=b");
    part_close(&part);
    world_close(&w);
}

TEST(row_write_delete_keeps_the_last_row_as_tombstone)
{
    struct world w = {0};
    world_open(&w);
    EXPECT_OK(world_insert(&w, 1, "last words"), &w.err);
    EXPECT_OK(world_delete(&w, 1), &w.err);
    struct world_row row = world_get(&w, 1);
    EXPECT(row.found && row.is_deleted);
    EXPECT_STR(str_from(row.text), "last words");
    world_close(&w);
}

TEST(row_write_run_sets_updated_to_the_time_of_the_commit)
{
    struct world w = {0};
    world_open(&w);
    struct world_part part;
    part_open(&w, w.table, "", &part);
    fake_clock_advance(&w.clock, 1234567);
    struct row_write write;
    row_write_init(&write, w.store, &part.arena);
    struct row_write_table *to = row_write_table(&write, &part.part, part.schema);
    struct value values[2];
    values_of(values, 1, "a");
    EXPECT_OK(row_write_insert(to, values, &w.err), &w.err);
    EXPECT_OK(row_write_run(&write, COMMIT_SYNC, &w.err), &w.err);
    EXPECT_INT(write.updated_us, clock_wall_us(&w.clock.clock));
    struct row row;
    EXPECT_OK(row_open(&row, part.schema, str_of(to->ops[0].row, to->ops[0].row_bytes), &w.err),
              &w.err);
    EXPECT_INT(row.updated_us, write.updated_us);
    EXPECT_UINT(to->ops[0].seq, write.last_seq);
    row_write_release(&write);
    part_close(&part);
    world_close(&w);
}

TEST(row_write_of_two_tables_is_all_or_nothing)
{
    struct world w = {0};
    world_open(&w);
    table_id second = world_create_table(&w, "u", TABLE_USER, 0, false);
    struct world_part a;
    struct world_part b;
    part_open(&w, w.table, "", &a);
    part_open(&w, second, "alice", &b);
    uint64_t seq = 0;
    EXPECT_OK(part_insert(&b, 5, "there", &seq, &w.err), &w.err);
    struct row_write write;
    struct value values[2];
    row_write_init(&write, w.store, &a.arena);
    values_of(values, 1, "x");
    EXPECT_OK(row_write_insert(row_write_table(&write, &a.part, a.schema), values, &w.err), &w.err);
    values_of(values, 5, "again");
    EXPECT_OK(row_write_insert(row_write_table(&write, &b.part, b.schema), values, &w.err), &w.err);
    EXPECT_STATUS(row_write_run(&write, COMMIT_SYNC, &w.err), CONSTRAINT);
    row_write_release(&write);
    EXPECT_STR(str_from(world_show(&w)), "");
    struct world_part bob;
    part_open(&w, second, "bob", &bob);
    EXPECT_OK(part_insert(&bob, 5, "mine", &seq, &w.err), &w.err); /* another partition */
    part_close(&bob);
    part_close(&b);
    part_close(&a);
    world_close(&w);
}

TEST(row_write_under_an_old_schema_version_conflicts)
{
    struct world w = {0};
    world_open(&w);
    struct world_part part;
    part_open(&w, w.table, "", &part);
    world_add_extra(&w, value_int(TYPE_INT, 42));
    uint64_t seq = 0;
    EXPECT_STATUS(part_insert(&part, 1, "a", &seq, &w.err), CONFLICT);
    part_close(&part);
    world_close(&w);
}

TEST(row_write_insert_over_the_limit_of_a_commit_is_refused)
{
    struct world w = {0};
    world_open(&w);
    struct world_part part;
    part_open(&w, w.table, "", &part);
    struct row_write write;
    row_write_init(&write, w.store, &part.arena);
    struct row_write_table *to = row_write_table(&write, &part.part, part.schema);
    char *big = mem_alloc_zeroed(15 << 20);
    memset(big, 'x', 15 << 20);
    struct value values[2] = {value_int(TYPE_BIGINT, 1), value_text(str_of(big, 15 << 20))};
    for (int i = 0; i < 4; i++) {
        EXPECT_OK(row_write_insert(to, values, &w.err), &w.err);
    }
    EXPECT_STATUS(row_write_insert(to, values, &w.err), LIMIT);
    EXPECT_UINT(to->op_count, 4);
    row_write_release(&write);
    mem_free(big);
    part_close(&part);
    world_close(&w);
}

/* -- the sink ------------------------------------------------------------------------------------
 */

struct kept {
    struct change_set *set;
    unsigned before;
    bool refuses;
};

static status keep_before(void *context, struct commit_txn *txn, struct change_set *set,
                          struct error *err)
{
    struct kept *kept = context;
    (void)txn;
    (void)set;
    kept->before++;
    return kept->refuses ? error_set(err, ERROR_LIMIT, "the topic is full") : STATUS_IS_OK;
}

static void keep_after(void *context, struct change_set *set)
{
    struct kept *kept = context;
    change_set_give(kept->set);
    kept->set = change_set_take(set);
}

TEST(change_set_tells_old_and_new_row_and_outlives_the_call)
{
    struct kept kept = {0};
    struct world w = {.sink = {.before = keep_before, .after = keep_after, .context = &kept}};
    world_open(&w);
    EXPECT_OK(world_insert(&w, 1, "a"), &w.err);
    EXPECT(kept.set->changes[0].op == CHANGE_INSERT);
    EXPECT_UINT(kept.set->changes[0].old_row.n, 0);
    uint64_t first = kept.set->changes[0].seq;
    EXPECT_OK(world_update(&w, 1, "b"), &w.err);
    const struct change *c = &kept.set->changes[0];
    EXPECT(c->op == CHANGE_UPDATE);
    EXPECT_UINT(c->old_seq, first);
    EXPECT(c->old_row.n > 0 && c->new_row.n > 0);
    EXPECT_OK(world_delete(&w, 1), &w.err);
    struct world_part part;
    struct row row;
    part_open(&w, w.table, "", &part);
    c = &kept.set->changes[0];
    EXPECT(c->op == CHANGE_DELETE);
    EXPECT_OK(row_open(&row, part.schema, c->new_row, &w.err), &w.err);
    EXPECT(row.is_tombstone);
    EXPECT_STR(row_value(&row, 1).as.text, "b");
    EXPECT_OK(row_open(&row, part.schema, c->old_row, &w.err), &w.err);
    EXPECT(!row.is_tombstone);
    EXPECT_STR_EQ(kept.set->partition, part.part.prefix);
    EXPECT_UINT(kept.set->table.v, w.table.v);
    EXPECT_OK(world_insert(&w, 1, "c"), &w.err);
    EXPECT(kept.set->changes[0].op == CHANGE_INSERT); /* over a tombstone */
    EXPECT(kept.set->changes[0].old_seq != 0);
    EXPECT_UINT(kept.set->changes[0].old_row.n, 0);
    part_close(&part);
    EXPECT_UINT(kept.before, 4);
    world_close(&w);
    change_set_give(kept.set);
}

TEST(change_sink_before_that_refuses_fails_the_request)
{
    struct kept kept = {.refuses = true};
    struct world w = {.sink = {.before = keep_before, .after = keep_after, .context = &kept}};
    world_open(&w);
    EXPECT_STATUS(world_insert(&w, 1, "a"), LIMIT);
    EXPECT(kept.set == NULL);
    EXPECT_STR(str_from(world_show(&w)), "");
    world_close(&w);
}

/* -- STREAM --------------------------------------------------------------------------------------
 */

TEST(stream_delete_removes_the_row_and_update_is_refused)
{
    struct kept kept = {0};
    struct world w = {.sink = {.after = keep_after, .context = &kept}};
    world_open(&w);
    struct world_part part;
    struct world_rows rows;
    part_open(&w, world_create_table(&w, "s", TABLE_STREAM, 60, false), "alice", &part);
    uint64_t seq = 0;
    EXPECT_OK(part_insert(&part, 1, "a", &seq, &w.err), &w.err);
    EXPECT_STATUS(part_insert(&part, 1, "a", &seq, &w.err), CONSTRAINT);
    EXPECT_STATUS(part_update(&part, 0, 1, "b", &seq, &w.err), INVALID);
    EXPECT_STR(str_from(w.err.text), "UPDATE not supported for STREAM tables");
    EXPECT_OK(part_delete_row(&part, 0, 1, &seq, &w.err), &w.err);
    EXPECT(kept.set->changes[0].op == CHANGE_DELETE);
    EXPECT_OK(part_read_all(&part, NULL, true, &rows, &w.err), &w.err);
    EXPECT_UINT(rows.count, 0); /* not even a tombstone */
    EXPECT_OK(part_insert(&part, 1, "c", &seq, &w.err), &w.err);
    part_close(&part);
    world_close(&w);
    change_set_give(kept.set);
}

/* -- ephemeral -----------------------------------------------------------------------------------
 */

struct watch {
    struct kept kept; /* first: keep_after's context */
    bool is_on;
    unsigned asked;
    table_id table;
    str partition; /* the one that is written */
    bool is_same_partition;
};

static bool is_watched(void *context, table_id table, str partition)
{
    struct watch *watch = context;
    watch->asked++;
    watch->table = table;
    watch->is_same_partition = str_eq(partition, watch->partition);
    return watch->is_on;
}

static unsigned row_count(struct world_part *part)
{
    struct world_rows rows;
    EXPECT_OK(part_read_all(part, NULL, true, &rows, &part->w->err), &part->w->err);
    return rows.count;
}

static void open_watched(struct world *w, struct watch *watch, bool is_ephemeral,
                         struct world_part *part)
{
    *watch = (struct watch){0};
    *w = (struct world){.sink = {.is_watched = is_watched, .after = keep_after, .context = watch}};
    world_open(w);
    w->is_ephemeral = is_ephemeral;
    part_open(w, world_create_table(w, "s", TABLE_STREAM, 60, false), "alice", part);
    watch->partition = part->part.prefix;
}

static void close_watched(struct world *w, struct watch *watch, struct world_part *part)
{
    part_close(part);
    world_close(w);
    change_set_give(watch->kept.set);
}

TEST(ephemeral_insert_that_nobody_watches_is_answered_and_not_kept)
{
    struct world w;
    struct watch watch;
    struct world_part part;
    struct table_totals totals;
    open_watched(&w, &watch, true, &part);
    uint64_t first = 0;
    uint64_t second = 0;
    EXPECT_OK(part_insert(&part, 1, "a", &first, &w.err), &w.err);
    EXPECT_OK(part_insert(&part, 1, "a", &second, &w.err), &w.err); /* its key is free */
    EXPECT(first > 0);
    EXPECT(second > first);
    EXPECT_UINT(row_count(&part), 0);
    EXPECT(watch.kept.set == NULL);
    EXPECT_UINT(watch.asked, 2);
    EXPECT_UINT(watch.table.v, part.part.table->id.v);
    EXPECT(watch.is_same_partition);
    store_totals(w.store, part.part.table->id, &totals);
    EXPECT_UINT(totals.partitions, 0); /* nothing at all */
    close_watched(&w, &watch, &part);
}

TEST(ephemeral_insert_that_somebody_watches_is_kept_and_told)
{
    struct world w;
    struct watch watch;
    struct world_part part;
    open_watched(&w, &watch, true, &part);
    uint64_t seq = 0;
    watch.is_on = true;
    EXPECT_OK(part_insert(&part, 1, "a", &seq, &w.err), &w.err);
    EXPECT_UINT(row_count(&part), 1);
    EXPECT_UINT(watch.kept.set->changes[0].seq, seq);
    watch.is_on = false; /* what is kept stays, and is in the way of its key */
    EXPECT_STATUS(part_insert(&part, 1, "b", &seq, &w.err), CONSTRAINT);
    EXPECT_OK(part_insert(&part, 2, "b", &seq, &w.err), &w.err);
    EXPECT_UINT(row_count(&part), 1);
    EXPECT_OK(part_delete_row(&part, 0, 1, &seq, &w.err), &w.err); /* a row that is there */
    EXPECT(watch.kept.set->changes[0].op == CHANGE_DELETE);
    EXPECT_UINT(row_count(&part), 0);
    close_watched(&w, &watch, &part);
}

TEST(ephemeral_insert_over_an_expired_row_leaves_it_to_the_eviction)
{
    struct world w;
    struct watch watch;
    struct world_part part;
    open_watched(&w, &watch, true, &part);
    uint64_t seq = 0;
    watch.is_on = true;
    EXPECT_OK(part_insert(&part, 1, "a", &seq, &w.err), &w.err);
    watch.is_on = false;
    fake_clock_advance(&w.clock, 70 * 1000000);
    EXPECT_OK(part_insert(&part, 1, "b", &seq, &w.err), &w.err);
    uint64_t evicted = 0;
    EXPECT_OK(stream_evict(w.store, part.part.table->id, STR_LIT("alice"), NULL, &evicted, &w.err),
              &w.err);
    EXPECT_UINT(evicted, 1);
    close_watched(&w, &watch, &part);
}

TEST(ephemeral_insert_without_a_sink_is_not_kept)
{
    struct world w = {0};
    struct world_part part;
    uint64_t seq = 0;
    world_open(&w);
    w.is_ephemeral = true;
    part_open(&w, world_create_table(&w, "s", TABLE_STREAM, 60, false), "alice", &part);
    EXPECT_OK(part_insert(&part, 1, "a", &seq, &w.err), &w.err);
    EXPECT_UINT(row_count(&part), 0);
    part_close(&part);
    world_close(&w);
}

TEST(stream_insert_that_is_not_ephemeral_is_kept_without_asking)
{
    struct world w;
    struct watch watch;
    struct world_part part;
    open_watched(&w, &watch, false, &part);
    uint64_t seq = 0;
    EXPECT_OK(part_insert(&part, 1, "a", &seq, &w.err), &w.err);
    EXPECT_UINT(row_count(&part), 1);
    EXPECT_UINT(watch.asked, 0);
    close_watched(&w, &watch, &part);
}

/* tests/unit/store/staged_test.c -- Goal: a transaction sees its view and its own staged rows, by
 * point read and by scan, over both tiers; savepoints take back exactly what came after; COMMIT
 * writes the net change, and fails when another writer was first. Method: random transactions
 * beside random writers and flushes, against a model of eight keys. */
#include "test.h"
#include "world.h"

enum { KEYS = 8, ROUNDS = 400, WRITES_MAX = 64, DEAD_MAX = 8192 };

/* What a key holds; "" in the model: no live row. */
struct contents {
    char text[KEYS][WORLD_TEXT_MAX];
};

/* One open transaction; every staged write lives until its end. */
struct transaction {
    struct world *w;
    struct world_part part;
    struct kv_view *view;
    struct staged *staged;
    struct row_write writes[WRITES_MAX];
    unsigned write_count;
    struct contents before; /* at its view */
    struct contents now;    /* as it must see it */
};

static void begin(struct world *w, const struct contents *committed, struct transaction *t)
{
    *t = (struct transaction){.w = w, .before = *committed, .now = *committed};
    part_open(w, w->table, "", &t->part);
    t->view = kv_view_open(w->kv);
    t->staged = staged_create(w->store, t->view);
}

static void end(struct transaction *t)
{
    staged_destroy(t->staged);
    for (unsigned i = 0; i < t->write_count; i++) {
        row_write_release(&t->writes[i]);
    }
    kv_view_close(t->view);
    part_close(&t->part);
}

static struct table_read *open_read(struct transaction *t)
{
    struct table_read *read = NULL;
    EXPECT_OK(table_read_open(t->w->store, t->view, &t->part.part, (struct cold_slot){0},
                              KV_MAY_BLOCK, &t->part.arena, &read, &t->w->err),
              &t->w->err);
    read->staged = staged_find_table(t->staged, &t->part.part);
    return read;
}

static struct table_row get(struct transaction *t, unsigned id)
{
    struct buf key;
    buf_init(&key);
    const struct value v = value_int(TYPE_BIGINT, id);
    EXPECT_OK(key_encode(&key, &v, &t->w->err), &t->w->err);
    struct table_row row = {0};
    EXPECT_OK(table_get(open_read(t), arena_copy(&t->part.arena, buf_str(&key)), KV_MAY_BLOCK,
                        t->part.schema, &row, &t->w->err),
              &t->w->err);
    buf_release(&key);
    return row;
}

/* The live row of a key as `values`. */
static status update(struct transaction *t, struct row_write_table *to, unsigned id,
                     const struct value *values)
{
    struct table_row row = get(t, id);
    struct row old;
    EXPECT_OK(row_open(&old, t->part.schema, row.bytes, &t->w->err), &t->w->err);
    const struct value before[] = {row_value(&old, 0), row_value(&old, 1)};
    return row_write_update(to, row.seq, row.bytes, before, values, &t->w->err);
}

/* Puts `text` into a key, or takes it away when it is "", as a statement of the transaction. */
static status stage(struct transaction *t, unsigned id, const char *text)
{
    EXPECT(t->write_count < WRITES_MAX);
    struct row_write *write = &t->writes[t->write_count++];
    row_write_init(write, t->w->store, &t->part.arena);
    struct row_write_table *to = row_write_table(write, &t->part.part, t->part.schema);
    struct table_row row = get(t, id);
    bool is_live = row.found && !row.is_deleted;
    const struct value values[] = {value_int(TYPE_BIGINT, id), value_text(str_from(text))};
    struct error *err = &t->w->err;
    if (text[0] == '\0') {
        struct row last;
        EXPECT(is_live);
        EXPECT_OK(row_open(&last, t->part.schema, row.bytes, err), err);
        EXPECT_OK(row_write_delete(to, row.seq, &last, err), err);
    } else if (is_live) {
        EXPECT_OK(update(t, to, id, values), err);
    } else {
        EXPECT_OK(row_write_insert(to, values, err), err);
    }
    status result = staged_add(t->staged, write, 1, err);
    if (status_ok(result)) {
        (void)snprintf(t->now.text[id], WORLD_TEXT_MAX, "%s", text);
    }
    return result;
}

static void expect_point_reads(struct transaction *t)
{
    for (unsigned id = 0; id < KEYS; id++) {
        struct table_row row = get(t, id);
        const char *want = t->now.text[id];
        EXPECT((row.found && !row.is_deleted) == (want[0] != '\0'));
        if (want[0] != '\0') {
            struct row opened;
            EXPECT_OK(row_open(&opened, t->part.schema, row.bytes, &t->w->err), &t->w->err);
            EXPECT(str_eq_c(row_value(&opened, 1).as.text, want));
        }
    }
}

/* Hot source plus what the dead set leaves of the cold rows of the view. */
static void expect_scan(struct transaction *t)
{
    struct world *w = t->w;
    struct table_read *read = open_read(t);
    struct batch *batch = table_batch_create(t->part.schema);
    const struct type seq_type = type_of(TYPE_BIGINT);
    struct batch *seqs = batch_create(&seq_type, 1);
    unsigned count[KEYS] = {0};
    struct duck_source source;
    struct table_scan scan = TABLE_SCAN_ALL(t->part.schema);
    EXPECT_OK(table_scan_hot(read, &scan, &source, &w->err), &w->err);
    for (bool done = false; !done;) {
        batch_reset(batch);
        EXPECT_OK(source.next(source.state, batch, &done, &w->err), &w->err);
        for (unsigned i = 0; i < batch->row_count; i++) {
            unsigned id = (unsigned)batch_get(batch, 0, i).as.integer;
            EXPECT(str_eq_c(batch_get(batch, 1, i).as.text, t->now.text[id]));
            count[id]++;
        }
    }
    source.close(source.state);
    /* cold rows that the view shows and nothing supersedes */
    uint64_t dead[DEAD_MAX];
    unsigned dead_count = 0;
    EXPECT_OK(table_scan_dead(read, &source, &w->err), &w->err);
    for (bool done = false; !done;) {
        batch_reset(seqs);
        EXPECT_OK(source.next(source.state, seqs, &done, &w->err), &w->err);
        for (unsigned i = 0; i < seqs->row_count && dead_count < DEAD_MAX; i++) {
            dead[dead_count++] = (uint64_t)batch_get(seqs, 0, i).as.integer;
        }
    }
    source.close(source.state);
    EXPECT(dead_count < DEAD_MAX);
    struct world_rows view;
    EXPECT_OK(part_read_all(&t->part, t->view, false, &view, &w->err), &w->err);
    for (unsigned i = 0; i < view.count; i++) {
        bool is_dead = view.rows[i].seq > read->state.flushed_seq; /* hot: came above */
        for (unsigned d = 0; d < dead_count; d++) {
            is_dead = is_dead || dead[d] == view.rows[i].seq;
        }
        count[view.rows[i].id] += is_dead ? 0 : 1;
    }
    for (unsigned id = 0; id < KEYS; id++) {
        EXPECT(count[id] == (t->now.text[id][0] != '\0' ? 1 : 0));
    }
    batch_destroy(seqs);
    batch_destroy(batch);
}

static void random_text(struct rng *rng, bool may_be_empty, char out[WORLD_TEXT_MAX])
{
    bool is_empty = may_be_empty && rng_below(rng, 3) == 0;
    out[0] = '\0';
    if (!is_empty) {
        (void)snprintf(out, WORLD_TEXT_MAX, "v%u", (unsigned)rng_below(rng, 100000));
    }
}

static unsigned write_outside(struct world *w, struct contents *committed, struct rng *rng)
{
    unsigned id = (unsigned)rng_below(rng, KEYS);
    char text[WORLD_TEXT_MAX];
    bool is_live = committed->text[id][0] != '\0';
    random_text(rng, is_live, text);
    EXPECT_OK(text[0] == '\0' ? world_delete(w, id)
              : is_live       ? world_update(w, id, text)
                              : world_insert(w, id, text),
              &w->err);
    (void)snprintf(committed->text[id], WORLD_TEXT_MAX, "%s", text);
    return id;
}

static void stage_random(struct transaction *t, struct rng *rng)
{
    unsigned id = (unsigned)rng_below(rng, KEYS);
    char text[WORLD_TEXT_MAX];
    random_text(rng, t->now.text[id][0] != '\0', text);
    EXPECT_OK(stage(t, id, text), &t->w->err);
}

static status commit(struct transaction *t)
{
    struct row_write write;
    row_write_init(&write, t->w->store, &t->part.arena);
    struct error err;
    error_clear(&err);
    status result = staged_write(t->staged, &write, &err);
    if (status_ok(result)) {
        result = row_write_run(&write, COMMIT_SYNC, &err);
    }
    row_write_release(&write);
    return result;
}

/* Does somebody else's commit since the view stand against it? */
static bool is_beaten(const struct transaction *t, const bool touched[KEYS],
                      const bool written_outside[KEYS], const struct contents *committed)
{
    for (unsigned id = 0; id < KEYS; id++) {
        bool was_live = t->before.text[id][0] != '\0';
        bool is_live = t->now.text[id][0] != '\0';
        if (!touched[id] || !written_outside[id] || (!was_live && !is_live)) {
            continue;
        }
        if (was_live || committed->text[id][0] != '\0') {
            return true;
        }
    }
    return false;
}

static void run_transaction(struct world *w, struct contents *committed, struct rng *rng)
{
    struct transaction t;
    begin(w, committed, &t);
    bool touched[KEYS] = {false};
    bool outside[KEYS] = {false};
    size_t mark = 0;
    struct contents at_mark = t.now;
    for (unsigned i = (unsigned)rng_below(rng, 12); i > 0; i--) {
        switch (rng_below(rng, 6)) {
        case 0:
            outside[write_outside(w, committed, rng)] = true;
            break;
        case 1:
            mark = staged_mark(t.staged);
            at_mark = t.now;
            break;
        case 2:
            staged_rollback(t.staged, mark);
            t.now = at_mark;
            break;
        case 3:
            if (rng_below(rng, 3) == 0) {
                (void)flush_finish(world_flush(w));
            }
            break;
        default:
            stage_random(&t, rng);
            break;
        }
        expect_point_reads(&t);
        expect_scan(&t);
    }
    const struct staged_table *table = staged_find_table(t.staged, &t.part.part);
    for (unsigned id = 0; id < KEYS && table != NULL; id++) {
        struct buf key;
        buf_init(&key);
        const struct value v = value_int(TYPE_BIGINT, id);
        EXPECT_OK(key_encode(&key, &v, &w->err), &w->err);
        touched[id] = staged_find(table, buf_str(&key)) != NULL;
        buf_release(&key);
    }
    bool is_lost = is_beaten(&t, touched, outside, committed);
    status result = commit(&t);
    EXPECT(status_ok(result) == !is_lost);
    for (unsigned id = 0; id < KEYS && !is_lost; id++) {
        bool is_nothing = t.before.text[id][0] == '\0' && t.now.text[id][0] == '\0';
        if (touched[id] && !is_nothing) {
            memcpy(committed->text[id], t.now.text[id], WORLD_TEXT_MAX);
        }
    }
    end(&t);
}

TEST(staged_random_transactions_agree_with_the_model)
{
    struct world w = {0};
    world_open(&w);
    struct rng rng;
    rng_init(&rng, 20261122);
    struct contents committed = {0};
    for (unsigned round = 0; round < ROUNDS; round++) {
        run_transaction(&w, &committed, &rng);
        for (unsigned id = 0; id < KEYS; id++) {
            struct world_row row = world_get(&w, id);
            EXPECT((row.found && !row.is_deleted) == (committed.text[id][0] != '\0'));
            if (committed.text[id][0] != '\0') {
                EXPECT(strcmp(row.text, committed.text[id]) == 0);
            }
        }
    }
    world_close(&w);
}

TEST(staged_add_of_a_write_that_fails_keeps_nothing_of_it)
{
    struct world w = {0};
    world_open(&w);
    EXPECT_OK(world_insert(&w, 1, "there"), &w.err);
    struct contents committed = {0};
    (void)snprintf(committed.text[1], WORLD_TEXT_MAX, "there");
    struct transaction t;
    begin(&w, &committed, &t);
    EXPECT_OK(stage(&t, 2, "mine"), &w.err);
    struct row_write *write = &t.writes[t.write_count++];
    row_write_init(write, w.store, &t.part.arena);
    struct row_write_table *to = row_write_table(write, &t.part.part, t.part.schema);
    const struct value three[] = {value_int(TYPE_BIGINT, 3), value_text(STR_LIT("new"))};
    const struct value one[] = {value_int(TYPE_BIGINT, 1), value_text(STR_LIT("again"))};
    EXPECT_OK(row_write_insert(to, three, &w.err), &w.err);
    EXPECT_OK(row_write_insert(to, one, &w.err), &w.err);
    EXPECT_STATUS(staged_add(t.staged, write, 1, &w.err), CONSTRAINT);
    EXPECT(strstr(w.err.text, "value '1' already exists") != NULL);
    expect_point_reads(&t); /* 1 as it was, 2 staged, no 3 */
    struct staged_statistics statistics = staged_statistics(t.staged);
    EXPECT(statistics.ops == 1 && statistics.tables == 1 && statistics.bytes > 0);
    end(&t);
    world_close(&w);
}

TEST(staged_stream_rows_are_refused)
{
    struct world w = {0};
    world_open(&w);
    table_id stream = world_create_table(&w, "e", TABLE_STREAM, 60, false);
    struct contents none = {0};
    struct transaction t;
    begin(&w, &none, &t);
    struct world_part part;
    part_open(&w, stream, "ann", &part);
    struct row_write *write = &t.writes[t.write_count++];
    row_write_init(write, w.store, &t.part.arena);
    struct row_write_table *to = row_write_table(write, &part.part, part.schema);
    const struct value values[] = {value_int(TYPE_BIGINT, 1), value_text(STR_LIT("x"))};
    EXPECT_OK(row_write_insert(to, values, &w.err), &w.err);
    EXPECT_STATUS(staged_add(t.staged, write, 1, &w.err), INVALID);
    EXPECT(strstr(w.err.text, "stream tables are not supported inside explicit transactions"));
    end(&t);
    part_close(&part);
    world_close(&w);
}

/* -- UNIQUE --------------------------------------------------------------------------------------
 */

/* Does another key of the transaction have the text? */
static bool is_taken(const struct contents *now, unsigned id, const char *text)
{
    for (unsigned other = 0; other < KEYS; other++) {
        if (other != id && text[0] != '\0' && strcmp(now->text[other], text) == 0) {
            return true;
        }
    }
    return false;
}

static unsigned stage_unique(struct transaction *t, struct rng *rng)
{
    unsigned id = (unsigned)rng_below(rng, KEYS);
    char text[WORLD_TEXT_MAX] = "";
    if (t->now.text[id][0] == '\0' || rng_below(rng, 3) > 0) {
        (void)snprintf(text, sizeof text, "v%u", (unsigned)rng_below(rng, KEYS));
    }
    bool must_fail = is_taken(&t->now, id, text);
    status result = stage(t, id, text);
    if (result.code != (must_fail ? STATUS_CONSTRAINT : STATUS_OK)) {
        test_fail(__FILE__, __LINE__, "key %u, text '%s': %s", id, text,
                  must_fail ? "not refused" : t->w->err.text);
    }
    return must_fail ? 1 : 0;
}

/* Nobody else writes: COMMIT must agree with what the statements said. */
static unsigned run_unique(struct world *w, struct contents *committed, struct rng *rng)
{
    struct transaction t;
    begin(w, committed, &t);
    size_t mark = 0;
    struct contents at_mark = t.now;
    unsigned refused = 0;
    for (unsigned i = (unsigned)rng_below(rng, 16); i > 0; i--) {
        switch (rng_below(rng, 8)) {
        case 0:
            mark = staged_mark(t.staged);
            at_mark = t.now;
            break;
        case 1:
            staged_rollback(t.staged, mark);
            t.now = at_mark;
            break;
        default:
            refused += stage_unique(&t, rng);
            break;
        }
        expect_point_reads(&t);
    }
    EXPECT(status_ok(commit(&t)));
    *committed = t.now;
    end(&t);
    return refused;
}

TEST(staged_add_refuses_a_unique_value_exactly_when_another_live_row_has_it)
{
    struct world w = {0};
    world_open(&w);
    world_make_unique(&w);
    struct rng rng;
    rng_init(&rng, 20261123);
    struct contents committed = {0};
    unsigned refused = 0;
    for (unsigned round = 0; round < ROUNDS; round++) {
        refused += run_unique(&w, &committed, &rng);
        if (rng_below(&rng, 8) == 0) {
            (void)flush_finish(world_flush(&w));
        }
    }
    EXPECT(refused > ROUNDS / 2);
    world_close(&w);
}

/* Two rows of one UPDATE. */
static status stage_two(struct transaction *t, const char *one, const char *two)
{
    struct row_write *write = &t->writes[t->write_count++];
    row_write_init(write, t->w->store, &t->part.arena);
    struct row_write_table *to = row_write_table(write, &t->part.part, t->part.schema);
    const char *const texts[] = {one, two};
    for (unsigned i = 0; i < 2; i++) {
        const struct value values[] = {value_int(TYPE_BIGINT, i + 1),
                                       value_text(str_from(texts[i]))};
        EXPECT_OK(update(t, to, i + 1, values), &t->w->err);
    }
    return staged_add(t->staged, write, 1, &t->w->err);
}

TEST(staged_add_lets_unique_values_change_places_and_takes_a_failed_change_back)
{
    struct world w = {0};
    world_open(&w);
    world_make_unique(&w);
    EXPECT_OK(world_insert(&w, 1, "a"), &w.err);
    EXPECT_OK(world_insert(&w, 2, "b"), &w.err);
    struct contents committed = {0};
    (void)snprintf(committed.text[1], WORLD_TEXT_MAX, "a");
    (void)snprintf(committed.text[2], WORLD_TEXT_MAX, "b");
    struct transaction t;
    begin(&w, &committed, &t);
    EXPECT_OK(stage_two(&t, "b", "a"), &w.err);
    EXPECT_STATUS(stage(&t, 3, "a"), CONSTRAINT);
    EXPECT(strstr(w.err.text, "value 'a' already exists in column 'v'") != NULL);
    EXPECT_STATUS(stage_two(&t, "c", "c"), CONSTRAINT);
    EXPECT_STATUS(stage(&t, 3, "b"), CONSTRAINT); /* 1 has it, 2 had it in the view */
    EXPECT_OK(stage(&t, 3, "c"), &w.err);         /* what failed took nothing */
    EXPECT_OK(commit(&t), &w.err);
    end(&t);
    EXPECT_STR(str_from(world_show(&w)), "1=b 2=a 3=c");
    world_close(&w);
}

TEST(commit_of_a_transaction_has_the_last_word_on_a_unique_value)
{
    struct world w = {0};
    world_open(&w);
    world_make_unique(&w);
    struct contents none = {0};
    struct transaction t;
    begin(&w, &none, &t);
    EXPECT_OK(world_insert(&w, 1, "a"), &w.err); /* the view does not show it */
    EXPECT_OK(stage(&t, 2, "a"), &w.err);
    EXPECT_STATUS(commit(&t), CONSTRAINT);
    end(&t);
    EXPECT_STR(str_from(world_show(&w)), "1=a");
    world_close(&w);
}

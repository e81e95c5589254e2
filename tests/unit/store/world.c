/* tests/unit/store/world.c -- see world.h. */
#include "world.h"
#include "test.h"

static const int64_t start_wall_us = 1800000000LL * 1000000;
static const char cold_root[] = "/cold";

/* -- life ----------------------------------------------------------------------------------------
 */

static void note_failure(void *context, const struct error *err)
{
    struct world *w = context;
    (void)err;
    w->failures++;
}

static void world_start(struct world *w)
{
    snowflake_init(&w->seq, &w->clock.clock, 0, 0);
    EXPECT_OK(kv_lease_open(w->kv, &w->seq, &w->lease, &w->err), &w->err);
    const struct committer_options committer = {.store = w->kv,
                                                .clock = &w->clock.clock,
                                                .seq = &w->seq,
                                                .lease = &w->lease,
                                                .fail_stop = note_failure,
                                                .fail_context = w};
    w->committer = committer_create(&committer);
    const struct catalog_options catalog = {
        .store = w->kv,
        .committer = w->committer,
        .clock = &w->clock.clock,
        .cold_directory = str_from(w->real_root != NULL ? w->real_root : cold_root)};
    EXPECT_OK(catalog_open(&catalog, &w->catalog, &w->err), &w->err);
    w->options.kv = w->kv;
    w->options.committer = w->committer;
    w->options.catalog = w->catalog;
    w->options.clock = &w->clock.clock;
    w->options.cold_root = w->real_root != NULL ? w->real_root : cold_root;
    w->options.cold = w->real_cold != NULL ? w->real_cold : &w->cold.engine;
    w->options.files = w->real_cold != NULL ? NULL : &w->cold.files;
    w->options.sink = &w->sink;
    EXPECT_OK(store_open(&w->options, &w->store, &w->err), &w->err);
    EXPECT_OK(store_recover(w->store, &w->recovered, &w->err), &w->err);
}

static void world_stop(struct world *w)
{
    committer_destroy(w->committer);
    store_close(w->store);
    catalog_close(w->catalog);
}

void world_open(struct world *w)
{
    struct change_sink sink = w->sink;
    struct store_options options = w->options;
    *w = (struct world){
        .sink = sink, .options = options, .real_cold = w->real_cold, .real_root = w->real_root};
    w->kv = kv_mem_open();
    fake_clock_init(&w->clock, start_wall_us);
    fake_cold_init(&w->cold);
    world_start(w);
    w->table = world_create_table(w, "t", TABLE_SHARED, 0, false);
}

void world_close(struct world *w)
{
    world_stop(w);
    kv_close(w->kv);
    fake_cold_release(&w->cold);
}

void world_crash(struct world *w)
{
    kv_mem_set_sync(w->kv, KV_MEM_SYNC_WORKS);
    w->cold.fail_in = 0;
    w->cold.is_cut_off = true; /* a process that is gone removes no file */
    world_stop(w);
    w->cold.is_cut_off = false;
    world_start(w);
}

void world_power_cut(struct world *w, struct rng *rng)
{
    kv_mem_power_cut(w->kv);
    kv_mem_set_sync(w->kv, KV_MEM_SYNC_FAILS);
    w->cold.fail_in = 0;
    fake_cold_power_cut(&w->cold, rng);
    w->cold.is_cut_off = true;
    world_stop(w);
    w->cold.is_cut_off = false;
    kv_mem_set_sync(w->kv, KV_MEM_SYNC_WORKS);
    world_start(w);
}

table_id world_create_table(struct world *w, const char *name, enum table_kind kind, uint32_t ttl_s,
                            bool is_keyless)
{
    bool created = false;
    EXPECT_OK(catalog_create_namespace(w->catalog, STR_LIT("app"), true, &created, &w->err),
              &w->err);
    const struct column columns[] = {
        {.name = STR_LIT("id"),
         .type = {.id = TYPE_BIGINT},
         .is_nullable = is_keyless,
         .is_primary_key = !is_keyless,
         .absent_value = {.type = {.id = TYPE_BIGINT}, .is_null = true}},
        {.name = STR_LIT("v"),
         .type = {.id = TYPE_TEXT},
         .is_nullable = true,
         .absent_value = {.type = {.id = TYPE_TEXT}, .is_null = true}},
    };
    const struct table_spec spec = {.namespace_name = STR_LIT("app"),
                                    .name = str_from(name),
                                    .kind = kind,
                                    .flush = w->flush,
                                    .ttl_s = ttl_s,
                                    .deleted_retention_s = w->deleted_retention_s,
                                    .location = str_from(w->location != NULL ? w->location : ""),
                                    .max_buffer = w->max_buffer,
                                    .is_ephemeral = w->is_ephemeral,
                                    .columns = columns,
                                    .column_count = 2};
    table_id id = {0};
    EXPECT_OK(catalog_create_table(w->catalog, &spec, &id, &w->err), &w->err);
    return id;
}

void part_open(struct world *w, table_id table, const char *user, struct world_part *out)
{
    *out = (struct world_part){.w = w};
    arena_init(&out->arena);
    out->snapshot = catalog_take(w->catalog);
    const struct table *found = snapshot_find_table_id(out->snapshot, table);
    EXPECT(found != NULL);
    EXPECT_OK(catalog_table_schema(w->catalog, found, &out->schema, &w->err), &w->err);
    table_part_init(&out->part, found, str_from(user), &out->arena);
}

void part_close(struct world_part *part)
{
    if (part->batch != NULL) {
        batch_destroy(part->batch);
    }
    schema_give(part->schema);
    catalog_give(part->snapshot);
    arena_release(&part->arena);
}

/* -- writing -------------------------------------------------------------------------------------
 */

static void set_values(struct value values[2], int64_t id, const char *text)
{
    values[0] = value_int(TYPE_BIGINT, id);
    values[1] = value_text(str_from(text));
}

status part_insert(struct world_part *part, int64_t id, const char *text, uint64_t *seq,
                   struct error *err)
{
    struct row_write write;
    row_write_init(&write, part->w->store, &part->arena);
    struct row_write_table *to = row_write_table(&write, &part->part, part->schema);
    struct value values[2];
    set_values(values, id, text);
    status result = row_write_insert(to, values, err);
    if (status_ok(result)) {
        result = row_write_run(&write, COMMIT_SYNC, err);
    }
    *seq = write.last_seq;
    row_write_release(&write);
    return result;
}

static str key_of(struct arena *arena, int64_t id)
{
    struct buf key;
    buf_init(&key);
    const struct value v = value_int(TYPE_BIGINT, id);
    struct error err;
    EXPECT_OK(key_encode(&key, &v, &err), &err);
    str copy = arena_copy(arena, buf_str(&key));
    buf_release(&key);
    return copy;
}

static status get_version(struct world_part *part, struct kv_view *view, int64_t id,
                          struct arena *arena, struct table_row *row, struct error *err)
{
    struct table_read *read = NULL;
    TRY(table_read_open(part->w->store, view, &part->part, (struct cold_slot){0}, KV_MAY_BLOCK,
                        arena, &read, err));
    return table_get(read, key_of(arena, id), KV_MAY_BLOCK, part->schema, row, err);
}

status part_update(struct world_part *part, uint64_t expect_seq, int64_t id, const char *text,
                   uint64_t *seq, struct error *err)
{
    struct kv_view *view = kv_view_open(part->w->kv);
    struct table_row row;
    status result = get_version(part, view, id, &part->arena, &row, err);
    kv_view_close(view);
    TRY(result);
    if (!row.found || row.is_deleted) {
        return error_set(err, ERROR_NOT_FOUND, "no row to update");
    }
    struct row_write write;
    row_write_init(&write, part->w->store, &part->arena);
    struct row_write_table *to = row_write_table(&write, &part->part, part->schema);
    struct value values[2];
    set_values(values, id, text);
    result =
        row_write_update(to, expect_seq != 0 ? expect_seq : row.seq, row.bytes, NULL, values, err);
    if (status_ok(result)) {
        result = row_write_run(&write, COMMIT_SYNC, err);
    }
    *seq = write.last_seq;
    row_write_release(&write);
    return result;
}

status part_delete_row(struct world_part *part, uint64_t expect_seq, int64_t id, uint64_t *seq,
                       struct error *err)
{
    struct kv_view *view = kv_view_open(part->w->kv);
    struct table_row row;
    status result = get_version(part, view, id, &part->arena, &row, err);
    kv_view_close(view);
    TRY(result);
    if (!row.found || row.is_deleted) {
        return error_set(err, ERROR_NOT_FOUND, "no row to delete");
    }
    struct row last;
    TRY(row_open(&last, part->schema, row.bytes, err));
    struct row_write write;
    row_write_init(&write, part->w->store, &part->arena);
    struct row_write_table *to = row_write_table(&write, &part->part, part->schema);
    result = row_write_delete(to, expect_seq != 0 ? expect_seq : row.seq, &last, err);
    if (status_ok(result)) {
        result = row_write_run(&write, COMMIT_SYNC, err);
    }
    *seq = write.last_seq;
    row_write_release(&write);
    return result;
}

status world_insert(struct world *w, int64_t id, const char *text)
{
    struct world_part part;
    part_open(w, w->table, "", &part);
    uint64_t seq = 0;
    status result = part_insert(&part, id, text, &seq, &w->err);
    part_close(&part);
    return result;
}

status world_update(struct world *w, int64_t id, const char *text)
{
    struct world_part part;
    part_open(w, w->table, "", &part);
    uint64_t seq = 0;
    status result = part_update(&part, 0, id, text, &seq, &w->err);
    part_close(&part);
    return result;
}

status world_delete(struct world *w, int64_t id)
{
    struct world_part part;
    part_open(w, w->table, "", &part);
    uint64_t seq = 0;
    status result = part_delete_row(&part, 0, id, &seq, &w->err);
    part_close(&part);
    return result;
}

/* -- reading -------------------------------------------------------------------------------------
 */

static void copy_text(struct world_row *row, const struct value *v)
{
    (void)snprintf(row->text, sizeof row->text, STR_FMT, v->is_null ? 0 : (int)v->as.text.n,
                   v->is_null || v->as.text.p == NULL ? "" : v->as.text.p);
}

static status open_row(struct world_part *part, const struct table_row *row, struct world_row *out,
                       struct error *err)
{
    struct schema *schema = NULL;
    struct row opened;
    TRY(catalog_schema(part->w->catalog, part->part.table->id, row_schema_version(row->bytes),
                       &schema, err));
    status result = row_open(&opened, schema, row->bytes, err);
    if (status_ok(result)) {
        struct value id = row_value(&opened, 0);
        struct value text = row_value(&opened, 1);
        out->is_deleted = row->is_deleted;
        out->tier = row->tier;
        out->seq = row->seq;
        out->id = id.as.integer;
        copy_text(out, &text);
        if (opened.is_tombstone != row->is_deleted) {
            result = error_set(err, ERROR_CORRUPT, "key entry and row differ about a tombstone");
        }
    }
    schema_give(schema);
    return result;
}

status part_get_row(struct world_part *part, struct kv_view *view, int64_t id,
                    struct world_row *out, struct error *err)
{
    struct arena arena;
    arena_init(&arena);
    struct table_row row;
    *out = (struct world_row){0};
    status result = get_version(part, view, id, &arena, &row, err);
    out->found = status_ok(result) && row.found;
    if (out->found) {
        result = open_row(part, &row, out, err);
    }
    arena_release(&arena);
    return result;
}

struct world_row world_get(struct world *w, int64_t id)
{
    struct world_part part;
    struct world_row row;
    part_open(w, w->table, "", &part);
    struct kv_view *view = kv_view_open(w->kv);
    EXPECT_OK(part_get_row(&part, view, id, &row, &w->err), &w->err);
    kv_view_close(view);
    part_close(&part);
    return row;
}

static void take_rows(const struct schema *schema, const struct batch *batch,
                      struct world_rows *out)
{
    unsigned at = schema->column_count;
    unsigned deleted = batch->column_count - 1;
    for (unsigned i = 0; i < batch->row_count; i++) {
        EXPECT(out->count < WORLD_ROWS_MAX);
        struct world_row *row = &out->rows[out->count++];
        struct value text = batch_get(batch, 1, i);
        *row = (struct world_row){.found = true,
                                  .id = batch_get(batch, 0, i).as.integer,
                                  .seq = (uint64_t)batch_get(batch, at, i).as.integer,
                                  .is_deleted = batch_get(batch, deleted, i).as.boolean};
        copy_text(row, &text);
    }
}

status part_read_all(struct world_part *part, struct kv_view *view, bool with_deleted,
                     struct world_rows *out, struct error *err)
{
    out->count = 0;
    struct kv_view *own = view == NULL ? kv_view_open(part->w->kv) : NULL;
    struct arena arena;
    arena_init(&arena);
    struct table_read *read = NULL;
    struct duck_source source;
    bool is_open = false;
    if (part->batch == NULL) {
        part->batch = table_batch_create(part->schema);
    }
    status result = table_read_open(part->w->store, view != NULL ? view : own, &part->part,
                                    (struct cold_slot){0}, KV_MAY_BLOCK, &arena, &read, err);
    if (status_ok(result)) {
        struct table_scan scan = TABLE_SCAN_ALL(part->schema);
        scan.want_deleted = with_deleted;
        result = table_scan_current(read, &scan, &source, err);
        is_open = status_ok(result);
    }
    bool done = false;
    while (status_ok(result) && !done) {
        batch_reset(part->batch);
        result = source.next(source.state, part->batch, &done, err);
        if (status_ok(result)) {
            take_rows(part->schema, part->batch, out);
        }
    }
    if (is_open) {
        source.close(source.state);
    }
    arena_release(&arena);
    if (own != NULL) {
        kv_view_close(own);
    }
    return result;
}

const char *world_show(struct world *w)
{
    static char text[WORLD_ROWS_MAX * (WORLD_TEXT_MAX + 24)];
    struct world_part part;
    struct world_rows rows;
    part_open(w, w->table, "", &part);
    EXPECT_OK(part_read_all(&part, NULL, false, &rows, &w->err), &w->err);
    part_close(&part);
    text[0] = '\0';
    size_t n = 0;
    for (int64_t id = 0; id < 100; id++) {
        for (unsigned i = 0; i < rows.count; i++) {
            if (rows.rows[i].id == id) {
                n += (size_t)snprintf(text + n, sizeof text - n, "%s%lld=%s", n > 0 ? " " : "",
                                      (long long)id, rows.rows[i].text);
            }
        }
    }
    return text;
}

static str newest(struct world *w, struct world_part *part, enum key_kind kind, bool *found)
{
    struct buf key;
    buf_init(&key);
    str value = {0};
    EXPECT_OK(kv_get(w->kv, NULL, part_family(&part->part, kind),
                     part_key(&key, &part->part, kind, str_of(NULL, 0)), KV_MAY_BLOCK, &part->arena,
                     &value, found, &w->err),
              &w->err);
    buf_release(&key);
    return value;
}

struct table_state world_state(struct world *w)
{
    struct world_part part;
    part_open(w, w->table, "", &part);
    bool found = false;
    str value = newest(w, &part, KEY_STATE, &found);
    struct table_state state = {0};
    if (found) {
        EXPECT_OK(table_state_decode(value, &state, &w->err), &w->err);
    }
    part_close(&part);
    return state;
}

unsigned world_count_keys(struct world *w, enum key_kind kind)
{
    struct world_part part;
    part_open(w, w->table, "", &part);
    struct buf lo;
    struct buf hi;
    buf_init(&lo);
    buf_init(&hi);
    struct kv_view *view = kv_view_open(w->kv);
    struct kv_cursor *cursor = kv_cursor_open(
        view, part_family(&part.part, kind), part_key(&lo, &part.part, kind, str_of(NULL, 0)),
        key_build_end(&hi, part.part.prefix, kind, w->table), KV_FORWARD);
    unsigned count = 0;
    str key;
    str value;
    status result = STATUS_IS_OK;
    while (kv_cursor_next(cursor, &key, &value, &result, &w->err)) {
        count++;
    }
    EXPECT_OK(result, &w->err);
    kv_cursor_close(cursor);
    kv_view_close(view);
    buf_release(&lo);
    buf_release(&hi);
    part_close(&part);
    return count;
}

bool world_is_dead(struct world *w, uint64_t seq)
{
    struct world_part part;
    part_open(w, w->table, "", &part);
    struct buf key;
    buf_init(&key);
    str value = {0};
    bool found = false;
    EXPECT_OK(kv_get(w->kv, NULL, part.part.family,
                     part_number_key(&key, &part.part, KEY_DEAD, seq), KV_MAY_BLOCK, &part.arena,
                     &value, &found, &w->err),
              &w->err);
    buf_release(&key);
    part_close(&part);
    return found;
}

/* -- jobs ----------------------------------------------------------------------------------------
 */

static const struct cold_slot job_slot = {.read = 0, .write = 1};

struct flush *world_flush(struct world *w)
{
    struct flush *flush = NULL;
    EXPECT_OK(flush_create(w->store, w->table, STR_LIT(""), job_slot, &flush, &w->err), &w->err);
    return flush;
}

void flush_until(struct flush *flush, enum flush_state state)
{
    while (!flush_is_over(flush) && flush_state(flush) != state) {
        flush_step(flush);
    }
}

struct flush_result flush_finish(struct flush *flush)
{
    flush_until(flush, FLUSH_STATE_COUNT);
    struct flush_result result;
    struct error err;
    EXPECT_OK(flush_outcome(flush, &result, &err), &err);
    flush_destroy(flush);
    return result;
}

struct compact *world_compact(struct world *w, unsigned first, unsigned count)
{
    struct compact *compact = NULL;
    const struct compact_choice choice = {.first = first, .count = count};
    EXPECT_OK(compact_create(w->store, w->table, STR_LIT(""), &choice, job_slot, &compact, &w->err),
              &w->err);
    return compact;
}

void compact_until(struct compact *compact, enum compact_state state)
{
    while (!compact_is_over(compact) && compact_state(compact) != state) {
        compact_step(compact);
    }
}

struct compact_result compact_finish(struct compact *compact)
{
    compact_until(compact, COMPACT_STATE_COUNT);
    struct compact_result result;
    struct error err;
    EXPECT_OK(compact_outcome(compact, &result, &err), &err);
    compact_destroy(compact);
    return result;
}

static void alter_columns(struct world *w, const struct column *columns, unsigned count)
{
    const struct table_change change = {
        .id = w->table, .expected_version = 1, .columns = columns, .column_count = count};
    uint32_t version = 0;
    EXPECT_OK(catalog_alter_table(w->catalog, &change, &version, &w->err), &w->err);
}

void world_add_extra(struct world *w, struct value absent)
{
    struct world_part part;
    part_open(w, w->table, "", &part);
    struct column columns[3];
    memcpy(columns, part.schema->columns, 2 * sizeof columns[0]);
    columns[2] = (struct column){.name = STR_LIT("extra"),
                                 .type = {.id = TYPE_INT},
                                 .is_nullable = true,
                                 .absent_value = absent};
    alter_columns(w, columns, 3);
    part_close(&part);
}

void world_make_unique(struct world *w)
{
    struct world_part part;
    part_open(w, w->table, "", &part);
    struct column columns[2];
    memcpy(columns, part.schema->columns, sizeof columns);
    columns[1].is_unique = true;
    alter_columns(w, columns, 2);
    part_close(&part);
}

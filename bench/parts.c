/* bench/parts.c -- see parts.h. Short calls are timed in batches: one takes less than reading the
 * clock is exact to. */
#include "parts.h"

#include "base/fs.h"
#include "engine/kv.h"
#include "model/key.h"
#include "model/row.h"

enum {
    VALUE_BYTES = 200,
    SYNC_WRITES = 200,
    WRITES = 20000,
    BATCH_ROWS = 64,
    READS = 200000,
    SCANS = 20,
    CODECS = 200000,
    PER_TIMING = 100
};

struct parts {
    struct bench *bench;
    struct kv_store *kv;
    struct buf prefix;
    struct buf key;
    uint64_t next; /* number of the next key */
};

static void must(status result, const struct error *err)
{
    if (!status_ok(result)) {
        target_stop("parts: %s", err->text);
    }
}

static str key_of(struct parts *p, uint64_t number)
{
    buf_clear(&p->key);
    buf_append_str(&p->key, buf_str(&p->prefix));
    for (int shift = 56; shift >= 0; shift -= 8) {
        buf_append_byte(&p->key, (uint8_t)(number >> shift));
    }
    return buf_str(&p->key);
}

/* -- the store ----------------------------------------------------------------------------------
 */

static void note_written(void *context, status result, const struct kv_head *heads)
{
    (void)heads;
    *(status *)context = result;
}

/* Writes `count` new keys in one commit. */
static void write_rows(struct parts *p, unsigned count, bool sync)
{
    static const char value[VALUE_BYTES] = {'v'};
    struct kv_mutation mutations[BATCH_ROWS];
    char keys[BATCH_ROWS][64];
    struct error err;
    error_clear(&err);
    for (unsigned i = 0; i < count; i++) {
        str key = key_of(p, p->next++);
        memcpy(keys[i], key.p, key.n);
        mutations[i] = (struct kv_mutation){.op = KV_PUT,
                                            .family = KV_SHARED_TABLE,
                                            .key = str_of(keys[i], key.n),
                                            .value = str_of(value, sizeof value)};
    }
    struct kv_txn txn = {.partition = buf_str(&p->prefix),
                         .expect_generation = KV_ANY_GENERATION,
                         .new_seq = p->next,
                         .mutations = mutations,
                         .mutation_count = count};
    memcpy(txn.id, &p->next, sizeof p->next); /* one that is known is not applied again */
    status result = status_from(STATUS_INTERNAL);
    kv_commit(p->kv, &txn, 1, sync, note_written, &result);
    must(result, &err);
}

static void run_writes(struct parts *p, const char *name, unsigned commits, unsigned rows,
                       bool sync)
{
    struct histogram took;
    histogram_clear(&took);
    uint64_t sum_ns = 0;
    for (unsigned i = 0; i < commits; i++) {
        uint64_t begin = now_ns();
        write_rows(p, rows, sync);
        uint64_t ns = now_ns() - begin;
        histogram_add(&took, ns);
        sum_ns += ns;
    }
    const struct report_target most = {.wanted = 1000, .basis = "1 ms (T228)"};
    report_latency(p->bench->report, name, 1, commits / ((double)sum_ns / 1e9), &took, 0, &most);
}

static void run_reads(struct parts *p)
{
    struct histogram took;
    struct arena arena;
    struct error err;
    histogram_clear(&took);
    arena_init(&arena);
    uint64_t at = 1;
    for (unsigned i = 0; i < READS / PER_TIMING; i++) {
        uint64_t begin = now_ns();
        for (unsigned j = 0; j < PER_TIMING; j++) {
            str value;
            bool found = false;
            at = at * 6364136223846793005U + 1442695040888963407U;
            must(kv_get(p->kv, NULL, KV_SHARED_TABLE, key_of(p, (at >> 33) % p->next), KV_MAY_BLOCK,
                        &arena, &value, &found, &err),
                 &err);
        }
        histogram_add(&took, now_ns() - begin);
        arena_reset(&arena);
    }
    arena_release(&arena);
    report_value(p->bench->report, "store: read of one random key, p50",
                 (double)histogram_at(&took, 0.5) / PER_TIMING / 1000, "µs", NULL);
}

static void run_scans(struct parts *p)
{
    struct error err;
    uint64_t rows = 0;
    uint64_t begin = now_ns();
    for (unsigned i = 0; i < SCANS; i++) {
        struct kv_view *view = kv_view_open(p->kv);
        struct kv_cursor *cursor =
            kv_cursor_open(view, KV_SHARED_TABLE, buf_str(&p->prefix), str_of(NULL, 0), KV_FORWARD);
        str key;
        str value;
        status result = STATUS_IS_OK;
        while (kv_cursor_next(cursor, &key, &value, &result, &err)) {
            rows++;
        }
        must(result, &err);
        kv_cursor_close(cursor);
        kv_view_close(view);
    }
    report_value(p->bench->report, "store: scan",
                 (double)rows / ((double)(now_ns() - begin) / 1e9) / 1e6, "M rows/s", NULL);
}

static void run_store(struct parts *p)
{
    run_writes(p, "store: one row, sync", SYNC_WRITES, 1, true);
    run_writes(p, "store: 64 rows, sync", SYNC_WRITES, BATCH_ROWS, true);
    run_writes(p, "store: one row, async", WRITES, 1, false);
    run_writes(p, "store: 64 rows, async", WRITES / BATCH_ROWS, BATCH_ROWS, false);
    run_reads(p);
    run_scans(p);
}

/* -- rows ---------------------------------------------------------------------------------------
 */

static void run_codec(struct parts *p)
{
    const struct column columns[] = {{.name = STR_LIT("id"),
                                      .type = {.id = TYPE_BIGINT},
                                      .id = 1,
                                      .ordinal = 1,
                                      .is_primary_key = true},
                                     {.name = STR_LIT("body"),
                                      .type = {.id = TYPE_TEXT},
                                      .id = 2,
                                      .ordinal = 2,
                                      .is_nullable = true},
                                     {.name = STR_LIT("at"),
                                      .type = {.id = TYPE_TIMESTAMP},
                                      .id = 3,
                                      .ordinal = 3,
                                      .is_nullable = true}};
    struct schema *schema = schema_create((table_id){1}, 1, TABLE_SHARED, STR_LIT("bench"),
                                          STR_LIT("rows"), columns, 3);
    const struct value values[] = {
        value_int(TYPE_BIGINT, 42),
        value_text(STR_LIT("some words of a message that somebody wrote to somebody else")),
        value_int(TYPE_TIMESTAMP, 1763800000000000)};
    struct buf bytes;
    struct error err;
    buf_init(&bytes);
    uint64_t begin = now_ns();
    for (unsigned i = 0; i < CODECS; i++) {
        buf_clear(&bytes);
        must(row_encode(&bytes, schema, values, false, 1, &err), &err);
    }
    report_value(p->bench->report, "row of 3 columns: encode", (double)(now_ns() - begin) / CODECS,
                 "ns", NULL);
    begin = now_ns();
    uint64_t sum = 0;
    for (unsigned i = 0; i < CODECS; i++) {
        struct row row;
        must(row_open(&row, schema, buf_str(&bytes), &err), &err);
        sum += row_value(&row, 1).as.text.n;
    }
    report_value(p->bench->report, "row of 3 columns: check and open",
                 (double)(now_ns() - begin) / CODECS, "ns", NULL);
    begin = now_ns();
    for (unsigned i = 0; i < CODECS; i++) {
        buf_clear(&bytes);
        must(key_encode(&bytes, &values[1], &err), &err);
        sum += bytes.n;
    }
    report_value(p->bench->report, "TEXT key: encode", (double)(now_ns() - begin) / CODECS, "ns",
                 NULL);
    if (sum == 0) {
        target_stop("parts: nothing was encoded");
    }
    buf_release(&bytes);
    schema_give(schema);
}

void parts_run(struct bench *bench)
{
    char path[4096];
    struct error err;
    struct parts p = {.bench = bench};
    report_section(bench->report, "Parts: store seam and codecs, in this process");
    (void)snprintf(path, sizeof path, "%s/../parts", bench->target->data_dir);
    must(fs_make_dirs(path, &err), &err);
    const struct kv_rocksdb_options store = {.path = path};
    must(kv_rocksdb_open(&store, &p.kv, &err), &err);
    buf_init(&p.prefix);
    buf_init(&p.key);
    partition_encode(&p.prefix, PARTITION_SHARED, 1, str_of(NULL, 0));
    run_store(&p);
    run_codec(&p);
    buf_release(&p.key);
    buf_release(&p.prefix);
    kv_close(p.kv);
}

/* tests/unit/store/filter_write_test.c -- Goal: a file that got filters is the same file to a
 * reader, a stranger finds the filters and agrees with ours on every answer, none forgets a value,
 * and the rate of false positives is the one asked for. Method: the real engine writes the file;
 * its own parquet_metadata and parquet_bloom_probe are the strangers; rates by our reader of the
 * bits. */
#include "store/filter_write.h"
#include "base/hash.h"
#include "store/bloom.h"
#include "store/parquet_tail.h"
#include "test.h"

#include <unistd.h>

enum { ROWS = 30000, PROBES = 100000, BIG_TEXT_BYTES = 65536 };

struct rig {
    char folder[64];
    struct duck_provider provider;
    struct duck *duck;
    struct duck_conn *conn;
    struct schema *schema;
    struct arena arena;
    char path[100];
    int64_t first_row; /* of the source */
    int64_t row_count;
    struct error err;
};

static status no_hot(void *context, void *session, const struct duck_scan *scan,
                     struct duck_source *out, struct error *err)
{
    (void)context;
    (void)session;
    (void)scan;
    (void)out;
    return error_set(err, ERROR_INTERNAL, "not asked for");
}

/* t(id <key type> PRIMARY KEY, d DOUBLE, b BYTES). */
static struct schema *make_schema(enum type_id key, enum table_kind kind)
{
    const struct column columns[] = {
        {.id = 1,
         .ordinal = 1,
         .name = STR_LIT("id"),
         .type = type_of(key),
         .is_primary_key = kind != TABLE_STREAM,
         .absent_value = value_null(type_of(key))},
        {.id = 2,
         .ordinal = 2,
         .name = STR_LIT("d"),
         .type = type_of(TYPE_DOUBLE),
         .is_nullable = true,
         .absent_value = value_null(type_of(TYPE_DOUBLE))},
        {.id = 3,
         .ordinal = 3,
         .name = STR_LIT("b"),
         .type = type_of(TYPE_BYTES),
         .is_nullable = true,
         .absent_value = value_null(type_of(TYPE_BYTES))},
    };
    return schema_create((table_id){1}, 1, kind, STR_LIT("n"), STR_LIT("t"), columns, 3);
}

static void rig_open(struct rig *r, enum type_id key, enum table_kind kind)
{
    *r = (struct rig){0};
    (void)snprintf(r->folder, sizeof r->folder, "/tmp/kalam-filter-XXXXXX");
    EXPECT(mkdtemp(r->folder) != NULL);
    (void)snprintf(r->path, sizeof r->path, "%s/f.parquet", r->folder);
    r->provider.hot_open = no_hot;
    const struct duck_options options = {.memory_bytes = 256u << 20,
                                         .temp_dir = r->folder,
                                         .temp_bytes_max = 64u << 20,
                                         .cold_dir = r->folder,
                                         .slot_count = 1,
                                         .clock = clock_system(),
                                         .provider = &r->provider};
    EXPECT_OK(duck_open(&options, &r->duck, &r->err), &r->err);
    r->conn = duck_conn_of(r->duck, 0, DUCK_INTERNAL);
    r->schema = make_schema(key, kind);
    arena_init(&r->arena);
}

static void rig_close(struct rig *r)
{
    arena_release(&r->arena);
    schema_give(r->schema);
    duck_close(r->duck);
    EXPECT_OK(fs_remove_tree(r->folder, &r->err), &r->err);
}

/* Key of row i as a text: the first are empty and of 64 KiB, others as "k17". */
static str key_text(int64_t i, char room[BIG_TEXT_BYTES])
{
    if (i == 0) {
        return STR_LIT("");
    }
    if (i == 1) {
        memset(room, 'x', BIG_TEXT_BYTES);
        return str_of(room, BIG_TEXT_BYTES);
    }
    int n = snprintf(room, 32, "k%lld", (long long)i);
    return str_of(room, (size_t)n);
}

static int64_t updated_at(int64_t row)
{
    return 1800000000000000 + row / 3; /* three rows of each commit */
}

static status next_rows(void *state, struct batch *batch, bool *done, struct error *err)
{
    (void)err;
    struct rig *r = state;
    static char room[BIG_TEXT_BYTES];
    unsigned system = r->schema->column_count;
    while (r->first_row < r->row_count && batch->row_count < LIMIT_BATCH_ROWS) {
        unsigned at = batch->row_count;
        int64_t i = r->first_row++;
        struct value key = r->schema->columns[0].type.id == TYPE_TEXT
                               ? value_text(key_text(i, room))
                               : value_int(r->schema->columns[0].type.id, i * 7 - 1000);
        struct value real = i % 2 == 0 ? value_double(-0.0) : value_null(type_of(TYPE_DOUBLE));
        struct value bytes = {.type = type_of(TYPE_BYTES), .as.text = STR_LIT("\xff\0")};
        struct value seq = value_int(TYPE_BIGINT, 5000000000 + i);
        struct value updated = value_int(TYPE_TIMESTAMP, updated_at(i));
        struct value deleted = value_bool(false);
        batch_set(batch, 0, at, &key);
        batch_set(batch, 1, at, &real);
        batch_set(batch, 2, at, &bytes);
        batch_set(batch, system, at, &seq);
        if (r->schema->kind != TABLE_STREAM) {
            batch_set(batch, system + 1, at, &updated);
        }
        batch_set(batch, system + schema_system_column_count(r->schema) - 1, at, &deleted);
        batch->row_count++;
    }
    *done = r->first_row == r->row_count;
    return STATUS_IS_OK;
}

static void write_file(struct rig *r, int64_t rows, double fpp, struct cold_tail *tail)
{
    r->first_row = 0;
    r->row_count = rows;
    const struct duck_write write = {
        .schema = r->schema, .source = {.state = r, .next = next_rows}, .path = r->path};
    struct parquet_stats stats;
    EXPECT_OK(duck_write_parquet(r->conn, &write, &r->arena, &stats, &r->err), &r->err);
    EXPECT_OK(filter_write(r->conn, r->path, r->schema, fpp, tail, &r->err), &r->err);
}

/* One number from the engine. */
static int64_t ask(struct rig *r, const char *sql)
{
    struct duck_result *result = NULL;
    const struct batch *batch = NULL;
    EXPECT_OK(duck_eval_select(r->conn, str_from(sql), NULL, 0, &result, &r->err), &r->err);
    EXPECT_OK(duck_fetch(result, &batch, &r->err), &r->err);
    EXPECT(batch != NULL && batch->row_count == 1);
    int64_t v = batch_get(batch, 0, 0).as.integer;
    duck_result_close(result);
    return v;
}
#define ASK(r, ...) ask((r), arena_format(&(r)->arena, __VA_ARGS__).p)

/* The tail of the file as the manifest has it, and the footer in it. */
static str read_tail(struct rig *r, const struct cold_tail *tail, struct parquet_footer *footer)
{
    str whole = {0};
    uint64_t length = 0;
    EXPECT_OK(fs_read(r->path, 64 << 20, &r->arena, &whole, &r->err), &r->err);
    EXPECT(tail->bytes > 8 && tail->bytes < whole.n);
    str bytes = str_skip(whole, whole.n - tail->bytes);
    hash128 sum = hash128_bytes(bytes);
    EXPECT(sum.low == tail->checksum.low && sum.high == tail->checksum.high);
    EXPECT_OK(parquet_footer_length(str_skip(bytes, bytes.n - 8), &length, &r->err), &r->err);
    EXPECT_OK(parquet_footer_parse(str_slice(bytes, bytes.n - 8 - length, bytes.n - 8), &r->arena,
                                   footer, &r->err),
              &r->err);
    for (unsigned i = 0; i < footer->group_count * footer->leaf_count; i++) {
        EXPECT(footer->filters[i].length == 0 ||
               footer->filters[i].offset >= whole.n - tail->bytes);
    }
    return whole;
}

static str bits_of(struct rig *r, str file, const struct parquet_footer *f, unsigned group,
                   uint32_t field_id)
{
    int leaf = parquet_find_leaf(f, field_id);
    EXPECT(leaf >= 0);
    struct parquet_filter place = f->filters[group * f->leaf_count + (unsigned)leaf];
    str bits = {0};
    EXPECT_OK(parquet_filter_open(
                  str_slice(file, (size_t)place.offset, (size_t)place.offset + place.length), &bits,
                  &r->err),
              &r->err);
    return bits;
}

static bool may_have(str bits, uint64_t hash)
{
    return bloom_may_have((const uint8_t *)bits.p, (uint32_t)bits.n, hash);
}

TEST(filter_write_strangers_see_the_filters_and_read_the_file)
{
    struct rig r;
    struct cold_tail tail;
    rig_open(&r, TYPE_TEXT, TABLE_SHARED);
    write_file(&r, ROWS, 0.01, &tail);
    int64_t groups =
        ASK(&r, "SELECT count(DISTINCT row_group_id) FROM parquet_metadata('%s')", r.path);
    EXPECT_INT(groups, 2);
    EXPECT_INT(ASK(&r,
                   "SELECT count(*) FROM parquet_metadata('%s') WHERE bloom_filter_offset IS NOT "
                   "NULL AND path_in_schema IN ('id','_seq','_updated')",
                   r.path),
               3 * groups);
    EXPECT_INT(ASK(&r, "SELECT count(bloom_filter_offset) FROM parquet_metadata('%s')", r.path),
               3 * groups);
    EXPECT_INT(ASK(&r,
                   "SELECT count(*) FROM parquet_metadata('%s') WHERE stats_null_count IS NULL "
                   "OR (stats_min_value IS NULL AND path_in_schema NOT IN ('d'))",
                   r.path),
               0);
    EXPECT_INT(ASK(&r, "SELECT count(DISTINCT id) FROM '%s'", r.path), ROWS);
    EXPECT_INT(ASK(&r, "SELECT count(*) FROM '%s' WHERE id = ''", r.path), 1);
    EXPECT_INT(
        ASK(&r, "SELECT count(*) FROM '%s' WHERE id = repeat('x', %d)", r.path, BIG_TEXT_BYTES), 1);
    EXPECT_INT(ASK(&r, "SELECT count(*) FROM '%s' WHERE d = 0.0", r.path), ROWS / 2);
    EXPECT_INT(ASK(&r, "SELECT count(*) FROM '%s' WHERE b = '\\xFF\\x00'::BLOB", r.path), ROWS);
    for (int64_t i = 2; i < ROWS; i += 2999) {
        EXPECT_INT(ASK(&r, "SELECT count(*) FROM '%s' WHERE id = 'k%lld'", r.path, (long long)i),
                   1);
    }
    rig_close(&r);
}

TEST(filter_write_another_reader_of_the_bits_agrees_with_ours)
{
    struct rig r;
    struct cold_tail tail;
    struct parquet_footer f;
    rig_open(&r, TYPE_INT, TABLE_USER);
    write_file(&r, ROWS, 0.1, &tail); /* many false positives: they must be the same ones */
    str file = read_tail(&r, &tail, &f);
    unsigned passed = 0;
    for (int64_t i = 0; i < 300; i++) {
        int64_t present = i * 97 * 7 - 1000;
        int64_t absent = present + 1 + i % 6;
        int64_t values[] = {present, absent};
        for (unsigned v = 0; v < 2; v++) {
            for (unsigned g = 0; g < f.group_count; g++) {
                bool ours =
                    may_have(bits_of(&r, file, &f, g, 1), bloom_hash_i32((int32_t)values[v]));
                int64_t excludes = ASK(&r,
                                       "SELECT bloom_filter_excludes::BIGINT FROM "
                                       "parquet_bloom_probe('%s','id',%lld) WHERE row_group_id=%u",
                                       r.path, (long long)values[v], g);
                EXPECT_INT(excludes, ours ? 0 : 1);
                passed += ours && v == 1 ? 1 : 0;
            }
        }
    }
    EXPECT(passed > 0 && passed < 150);
    rig_close(&r);
}

TEST(filter_write_forgets_no_value_and_keeps_the_rate)
{
    static const double rates[] = {0.01, 0.1};
    struct rig r;
    struct cold_tail tail;
    struct parquet_footer f;
    static char room[BIG_TEXT_BYTES];
    rig_open(&r, TYPE_TEXT, TABLE_SHARED);
    for (unsigned i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        write_file(&r, ROWS, rates[i], &tail);
        str file = read_tail(&r, &tail, &f);
        int64_t row = 0;
        for (unsigned g = 0; g < f.group_count; g++) {
            str keys = bits_of(&r, file, &f, g, 1);
            str seqs = bits_of(&r, file, &f, g, PARQUET_FIELD_SEQ);
            str times = bits_of(&r, file, &f, g, PARQUET_FIELD_UPDATED);
            for (uint64_t n = 0; n < f.group_rows[g]; n++, row++) {
                EXPECT(may_have(keys, bloom_hash_bytes(key_text(row, room))));
                EXPECT(may_have(seqs, bloom_hash_i64(5000000000 + row)));
                EXPECT(may_have(times, bloom_hash_i64(updated_at(row))));
            }
        }
        EXPECT_INT(row, ROWS);
        unsigned passed[3] = {0};
        for (int64_t p = 0; p < PROBES; p++) {
            int n = snprintf(room, 32, "absent%lld", (long long)p);
            uint64_t hash = bloom_hash_bytes(str_of(room, (size_t)n));
            uint64_t number = bloom_hash_i64(INT64_C(900000000000000000) + p);
            passed[0] += may_have(bits_of(&r, file, &f, 0, 1), hash) ? 1 : 0;
            passed[1] += may_have(bits_of(&r, file, &f, 0, PARQUET_FIELD_SEQ), number) ? 1 : 0;
            passed[2] += may_have(bits_of(&r, file, &f, 0, PARQUET_FIELD_UPDATED), number) ? 1 : 0;
        }
        for (unsigned c = 0; c < 3; c++) {
            EXPECT(passed[c] <= PROBES * rates[i] * 1.2);
        }
    }
    rig_close(&r);
}

TEST(filter_write_switched_off_or_without_rows_leaves_the_file)
{
    struct rig r;
    struct cold_tail tail;
    struct parquet_footer f;
    rig_open(&r, TYPE_BIGINT, TABLE_SHARED);
    write_file(&r, 100, 0, &tail);
    (void)read_tail(&r, &tail, &f);
    EXPECT_INT(ASK(&r, "SELECT count(bloom_filter_offset) FROM parquet_metadata('%s')", r.path), 0);
    write_file(&r, 0, 0.01, &tail);
    EXPECT_INT(ASK(&r, "SELECT count(*) FROM '%s'", r.path), 0);
    rig_close(&r);
}

TEST(filter_write_of_a_key_that_must_not_have_one_and_without_updated_gives_none)
{
    struct rig r;
    struct cold_tail tail;
    rig_open(&r, TYPE_TEXT, TABLE_STREAM); /* no key, no _updated */
    write_file(&r, 100, 0.01, &tail);
    EXPECT_INT(ASK(&r, "SELECT count(bloom_filter_offset) FROM parquet_metadata('%s')", r.path), 1);
    rig_close(&r);
}

TEST(filter_write_of_a_file_that_is_cut_fails)
{
    struct rig r;
    struct cold_tail tail;
    rig_open(&r, TYPE_BIGINT, TABLE_SHARED);
    write_file(&r, 100, 0.01, &tail);
    EXPECT_OK(fs_replace_tail(r.path, 40, STR_LIT(""), &r.err), &r.err);
    EXPECT_STATUS(filter_write(r.conn, r.path, r.schema, 0.01, &tail, &r.err), CORRUPT);
    EXPECT_OK(fs_replace_tail(r.path, 3, STR_LIT(""), &r.err), &r.err);
    EXPECT_STATUS(filter_write(r.conn, r.path, r.schema, 0.01, &tail, &r.err), CORRUPT);
    rig_close(&r);
}

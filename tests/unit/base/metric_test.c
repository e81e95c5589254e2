/* Goal: every event is counted once, whatever the threads do; what is shown is well-formed, bounded
 * and escaped. Method: known numbers of events, then the text, read as a scraper reads it. The
 * metrics are process-wide: each test uses metrics or label values of its own, or looks at what
 * was added. */
#include "base/metric.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/lock.h"
#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>

enum { THREADS = 8, EVENTS = 20000 };

static str text_of(struct buf *buf, enum metric_format format)
{
    buf_init(buf);
    metric_write(buf, format);
    buf_append_byte(buf, '\0');
    return str_of(buf->p, buf->n - 1);
}

static bool has_line(str text, const char *line)
{
    char wanted[512];
    (void)snprintf(wanted, sizeof wanted, "\n%s\n", line);
    return str_find(text, str_from(wanted)) >= 0;
}

static unsigned count_of(str text, const char *part)
{
    unsigned count = 0;
    for (ptrdiff_t at = 0; (at = str_find(text, str_from(part))) >= 0; count++) {
        text = str_skip(text, (size_t)at + 1);
    }
    return count;
}

static void *record(void *argument)
{
    (void)argument;
    for (unsigned i = 0; i < EVENTS; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "threads.t%u", i % 7);
        unsigned table = metric_label_find(METRIC_LABEL_TABLE_NAME, str_from(name));
        metric_observe(METRIC_FLUSH_DURATION, table, 0, i % 3 == 0 ? 40 : 3000000);
        metric_add(METRIC_WS_RECEIVED, 0, 0, 2);
    }
    return NULL;
}

TEST(metric_add_from_eight_threads_loses_nothing)
{
    struct thread threads[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        threads[i] = (struct thread){0};
        thread_start(&threads[i], "metric", 0, record, NULL);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        thread_join(&threads[i]);
    }
    EXPECT_UINT(metric_total(METRIC_WS_RECEIVED, 0, 0), 2 * THREADS * EVENTS);
    uint64_t sum = 0;
    for (unsigned i = 0; i < 7; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "threads.t%u", i);
        sum += metric_total(METRIC_FLUSH_DURATION,
                            metric_label_find(METRIC_LABEL_TABLE_NAME, str_from(name)), 0);
    }
    EXPECT_UINT(sum, THREADS * EVENTS);
}

TEST(metric_observe_puts_values_into_buckets_with_exact_sum_and_count)
{
    metric_observe(METRIC_COMMIT_DURATION, 0, 0, 50); /* a bound belongs to its bucket */
    metric_observe(METRIC_COMMIT_DURATION, 0, 0, 51);
    metric_observe(METRIC_COMMIT_DURATION, 0, 0, 20000000);
    metric_observe(METRIC_COMMIT_REQUESTS, 0, 0, 3);
    metric_observe(METRIC_COMMIT_REQUESTS, 0, 0, 5000);
    struct buf buf;
    str text = text_of(&buf, METRIC_PROMETHEUS);
    EXPECT(has_line(text, "kalamdb_commit_group_duration_seconds_bucket{le=\"5e-05\"} 1"));
    EXPECT(has_line(text, "kalamdb_commit_group_duration_seconds_bucket{le=\"0.0001\"} 2"));
    EXPECT(has_line(text, "kalamdb_commit_group_duration_seconds_bucket{le=\"10.0\"} 2"));
    EXPECT(has_line(text, "kalamdb_commit_group_duration_seconds_bucket{le=\"+Inf\"} 3"));
    EXPECT(has_line(text, "kalamdb_commit_group_duration_seconds_sum 20.000101"));
    EXPECT(has_line(text, "kalamdb_commit_group_duration_seconds_count 3"));
    EXPECT(has_line(text, "kalamdb_commit_group_requests_bucket{le=\"2.0\"} 0"));
    EXPECT(has_line(text, "kalamdb_commit_group_requests_bucket{le=\"4.0\"} 1"));
    EXPECT(has_line(text, "kalamdb_commit_group_requests_bucket{le=\"1024.0\"} 1"));
    EXPECT(has_line(text, "kalamdb_commit_group_requests_sum 5003"));
    buf_release(&buf);
}

TEST(metric_write_label_values_are_escaped)
{
    unsigned table = metric_label_find(METRIC_LABEL_TABLE_NAME, STR_LIT("a\"b\\c\nd"));
    metric_observe(METRIC_QUERY_LATENCY, table, METRIC_SLOT(QUERY_TYPE, SELECT), 1);
    struct buf buf;
    str text = text_of(&buf, METRIC_PROMETHEUS);
    EXPECT(has_line(text, "kalamdb_query_latency_seconds_count{table_name=\"a\\\"b\\\\c\\nd\","
                          "query_type=\"select\"} 1"));
    buf_release(&buf);
}

TEST(metric_slot_of_the_seven_query_types_shows_their_names)
{
    static const char *const names[] = {"select",       "insert",      "update",        "delete",
                                        "create_table", "alter_table", "describe_table"};
    unsigned table = metric_label_find(METRIC_LABEL_TABLE_NAME, STR_LIT("types.t"));
    for (unsigned i = 0; i < 7; i++) {
        metric_observe(METRIC_QUERY_LATENCY, table, METRIC_SLOT(QUERY_TYPE, SELECT) + i, 1);
    }
    EXPECT_UINT(METRIC_SLOT(QUERY_TYPE, DESCRIBE_TABLE), 7);
    struct buf buf;
    str text = text_of(&buf, METRIC_PROMETHEUS);
    for (unsigned i = 0; i < 7; i++) {
        char line[128];
        (void)snprintf(line, sizeof line,
                       "kalamdb_query_latency_seconds_count{table_name=\"types.t\",query_type="
                       "\"%s\"} 1",
                       names[i]);
        EXPECT(has_line(text, line));
    }
    buf_release(&buf);
}

TEST(metric_label_find_beyond_the_most_answers_other_and_loses_no_count)
{
    unsigned slots[1100];
    for (unsigned i = 0; i < 1100; i++) {
        char id[16];
        (void)snprintf(id, sizeof id, "c%u", i);
        slots[i] = metric_label_find(METRIC_LABEL_CONNECTION_ID, str_from(id));
        EXPECT((slots[i] == METRIC_OTHER) == (i >= 1000));
        metric_add(METRIC_WS_MESSAGES, slots[i], 0, 1);
    }
    struct buf buf;
    str text = text_of(&buf, METRIC_PROMETHEUS);
    EXPECT_UINT(count_of(text, "\nkalamdb_websocket_messages_total{"), 1001);
    EXPECT(has_line(text, "kalamdb_websocket_messages_total{connection_id=\"other\"} 100"));
    buf_release(&buf);
    for (unsigned i = 0; i < 1100; i++) {
        metric_label_drop(METRIC_LABEL_CONNECTION_ID, slots[i]);
    }
    text = text_of(&buf, METRIC_PROMETHEUS);
    EXPECT_UINT(count_of(text, "\nkalamdb_websocket_messages_total{"), 1);
    buf_release(&buf);
}

TEST(metric_label_drop_gives_the_place_back_and_a_new_value_starts_at_zero)
{
    for (unsigned round = 0; round < 5000; round++) { /* more than the label has places */
        char id[16];
        (void)snprintf(id, sizeof id, "r%u", round);
        unsigned slot = metric_label_find(METRIC_LABEL_CONNECTION_ID, str_from(id));
        EXPECT(slot != METRIC_OTHER);
        EXPECT_UINT(slot, metric_label_find(METRIC_LABEL_CONNECTION_ID, str_from(id)));
        EXPECT_UINT(metric_total(METRIC_WS_MESSAGES, slot, 0), 0);
        metric_add(METRIC_WS_MESSAGES, slot, 0, round + 1);
        metric_label_drop(METRIC_LABEL_CONNECTION_ID, slot);
    }
    struct buf buf;
    EXPECT(str_find(text_of(&buf, METRIC_PROMETHEUS), STR_LIT("connection_id=\"r")) < 0);
    buf_release(&buf);
}

static void *come_and_go(void *argument)
{
    unsigned number = *(unsigned *)argument;
    for (unsigned i = 0; i < 2000; i++) {
        char id[32];
        (void)snprintf(id, sizeof id, "g%u-%u", number, i);
        unsigned slot = metric_label_find(METRIC_LABEL_CONNECTION_ID, str_from(id));
        metric_add(METRIC_WS_MESSAGES, slot, 0, 1);
        metric_label_drop(METRIC_LABEL_CONNECTION_ID, slot);
    }
    return NULL;
}

TEST(metric_write_while_label_values_come_and_go_stays_well_formed)
{
    struct thread threads[THREADS];
    unsigned numbers[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        numbers[i] = i;
        threads[i] = (struct thread){0};
        thread_start(&threads[i], "metric", 0, come_and_go, &numbers[i]);
    }
    for (unsigned i = 0; i < 5; i++) {
        struct buf buf;
        str text = text_of(&buf, METRIC_PROMETHEUS);
        EXPECT_UINT(count_of(text, "# TYPE kalamdb_websocket_messages_total counter\n"), 1);
        EXPECT_UINT(count_of(text, "connection_id=\"\""), 0);
        buf_release(&buf);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        thread_join(&threads[i]);
    }
}

static bool keep_b(void *context, str value)
{
    (void)context;
    return !str_starts_with(value, STR_LIT("sweep.a"));
}

TEST(metric_label_sweep_drops_what_is_not_kept)
{
    unsigned a = metric_label_find(METRIC_LABEL_TABLE_NAME, STR_LIT("sweep.a"));
    unsigned b = metric_label_find(METRIC_LABEL_TABLE_NAME, STR_LIT("sweep.b"));
    metric_observe(METRIC_FLUSH_DURATION, a, 0, 1);
    metric_observe(METRIC_FLUSH_DURATION, b, 0, 1);
    metric_label_sweep(METRIC_LABEL_TABLE_NAME, keep_b, NULL);
    struct buf buf;
    str text = text_of(&buf, METRIC_PROMETHEUS);
    EXPECT(str_find(text, STR_LIT("sweep.a")) < 0);
    EXPECT(has_line(text, "kalamdb_flush_duration_seconds_count{table_name=\"sweep.b\"} 1"));
    buf_release(&buf);
}

static void collect(void *context, struct metric_samples *out)
{
    unsigned *calls = context;
    *calls += 1;
    metric_sample_cache(out, "tested", 5, 6, 7);
    metric_sample(out, METRIC_CPU, STR_LIT(""), STR_LIT(""), 1234567);
    for (unsigned i = 0; i < 1010; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "f%u", i);
        metric_sample(out, METRIC_CF_SIZE, STR_LIT("user_table"), str_from(name), 2);
    }
}

TEST(metric_sample_shows_what_collectors_say_and_sums_what_is_too_much)
{
    unsigned calls = 0;
    metric_collector_add(collect, &calls);
    struct buf buf;
    str text = text_of(&buf, METRIC_PROMETHEUS);
    EXPECT_UINT(calls, 1);
    EXPECT(has_line(text, "kalamdb_cache_hits_total{cache=\"tested\"} 5"));
    EXPECT(has_line(text, "kalamdb_cache_misses_total{cache=\"tested\"} 6"));
    EXPECT(has_line(text, "kalamdb_cache_entries{cache=\"tested\"} 7"));
    EXPECT(has_line(text, "process_cpu_seconds_total 1.234567"));
    EXPECT_UINT(count_of(text, "\nkalamdb_column_family_size_bytes{"), 1001);
    EXPECT(has_line(text,
                    "kalamdb_column_family_size_bytes{cf_type=\"user_table\",name=\"other\"} 20"));
    buf_release(&buf);
    metric_collector_remove(collect, &calls);
    text = text_of(&buf, METRIC_PROMETHEUS);
    EXPECT_UINT(calls, 1);
    EXPECT(str_find(text, STR_LIT("tested")) < 0);
    buf_release(&buf);
}

TEST(metric_write_openmetrics_names_families_units_and_ends_with_eof)
{
    metric_count(METRIC_WS_SENT);
    struct buf buf;
    str text = text_of(&buf, METRIC_OPENMETRICS);
    EXPECT(str_ends_with(text, STR_LIT("\n# EOF\n")));
    EXPECT_UINT(count_of(text, "# EOF"), 1);
    EXPECT(has_line(text, "# TYPE kalamdb_websocket_sent_messages counter"));
    EXPECT(str_find(text, STR_LIT("\nkalamdb_websocket_sent_messages_total ")) >= 0);
    EXPECT(has_line(text, "# UNIT kalamdb_query_latency_seconds seconds"));
    EXPECT(has_line(text, "# UNIT kalamdb_column_family_size_bytes bytes"));
    EXPECT_UINT(count_of(text, "_total counter\n"), 0);
    buf_release(&buf);
}

/* The table's own rules: promtool and OpenMetrics ask for them. */
TEST(metric_def_names_end_as_their_kind_and_unit_demand)
{
    struct buf buf;
    str text = text_of(&buf, METRIC_OPENMETRICS);
    while (text.n > 0) {
        ptrdiff_t end = str_find_char(text, '\n');
        str line = str_slice(text, 0, (size_t)end);
        text = str_skip(text, (size_t)end + 1);
        if (str_starts_with(line, STR_LIT("# UNIT "))) {
            ptrdiff_t space = str_find_char(str_skip(line, 7), ' ');
            str name = str_slice(line, 7, 7 + (size_t)space);
            EXPECT(str_ends_with(name, str_skip(line, 8 + (size_t)space)));
        }
    }
    buf_release(&buf);
}

TEST(metric_write_reference_is_what_stands_in_the_documentation)
{
    struct arena arena;
    struct buf wanted;
    str found = {0};
    arena_init(&arena);
    buf_init(&wanted);
    metric_write_reference(&wanted);
    const char *path = "docs/operations/metrics.md";
    if (getenv("KALAM_WRITE_REFERENCE") != NULL) {
        FILE *file = fopen(path, "we");
        EXPECT(file != NULL);
        EXPECT_UINT(fwrite(wanted.p, 1, wanted.n, file), wanted.n);
        EXPECT(fclose(file) == 0);
    }
    EXPECT_STATUS(fs_read(path, 1 << 20, &arena, &found, NULL), OK);
    EXPECT_STR_EQ(found, buf_str(&wanted));
    buf_release(&wanted);
    arena_release(&arena);
}

#if defined(__has_feature)
#define HAS_FEATURE(x) __has_feature(x)
#else
#define HAS_FEATURE(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) ||                               \
    HAS_FEATURE(address_sanitizer) || HAS_FEATURE(thread_sanitizer)
enum { NS_MOST = 20000 }; /* sanitizers look at each access */
#else
enum { NS_MOST = 1000 };
#endif

/* 100 ns by requirement, in a release build on a quiet machine; a test has tenfold room. */
TEST(metric_observe_takes_a_few_nanoseconds)
{
    enum { ROUNDS = 1000000 };
    unsigned type = METRIC_SLOT(QUERY_TYPE, SELECT);
    uint64_t best_ns = UINT64_MAX;
    for (unsigned try = 0; try < 5; try++) {
        uint64_t start_us = clock_mono_us(clock_system());
        for (unsigned i = 0; i < ROUNDS; i++) {
            unsigned table = metric_label_find(METRIC_LABEL_TABLE_NAME, STR_LIT("bench.orders"));
            metric_observe(METRIC_QUERY_LATENCY, table, type, i & 1023);
        }
        uint64_t ns = (clock_mono_us(clock_system()) - start_us) * 1000 / ROUNDS;
        best_ns = ns < best_ns ? ns : best_ns;
    }
    printf("metric_label_find + metric_observe: %llu ns\n", (unsigned long long)best_ns);
    EXPECT(best_ns < NS_MOST);
}

/* tests/unit/base/world_test.c -- Goal: ids only grow, files are whole or absent, faults strike
 * when asked. Method: fake clock, a folder of its own, injected errors. */
#include "base/clock.h"
#include "base/fault.h"
#include "base/fs.h"
#include "base/log.h"
#include "tests/test.h"

#include <unistd.h>

TEST(snowflake_next_grows_though_the_clock_jumps_back)
{
    struct fake_clock fake;
    fake_clock_init(&fake, 1800000000000000LL);
    struct snowflake s;
    snowflake_init(&s, &fake.clock, 5, 0);
    uint64_t last = 0;
    for (int i = 0; i < 20000; i++) {
        if (i == 5000) {
            fake_clock_advance(&fake, -3600LL * 1000000);
        }
        if (i == 9000) {
            fake_clock_advance(&fake, 1000);
        }
        uint64_t id = snowflake_next(&s);
        EXPECT(id > last);
        last = id;
    }
    EXPECT_UINT((last >> 12) & 1023, 5);
}

TEST(snowflake_raise_makes_later_ids_greater)
{
    struct fake_clock fake;
    fake_clock_init(&fake, 1800000000000000LL);
    struct snowflake s;
    snowflake_init(&s, &fake.clock, 0, 0);
    uint64_t floor = snowflake_next(&s) + (1ULL << 40);
    snowflake_raise(&s, floor);
    EXPECT(snowflake_next(&s) > floor);
    snowflake_raise(&s, 1);
    EXPECT(snowflake_next(&s) > floor);
}

struct generating {
    struct snowflake *s;
    uint64_t ids[20000];
};

static void *generate(void *argument)
{
    struct generating *g = argument;
    for (size_t i = 0; i < 20000; i++) {
        g->ids[i] = snowflake_next(g->s);
    }
    return NULL;
}

static int compare_ids(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y ? 1 : 0;
}

TEST(snowflake_next_on_four_threads_gives_no_id_twice)
{
    struct snowflake s;
    snowflake_init(&s, clock_system(), 1, 0);
    struct generating *g = mem_alloc_zeroed(4 * sizeof *g);
    struct thread threads[4] = {0};
    for (unsigned i = 0; i < 4; i++) {
        g[i].s = &s;
        thread_start(&threads[i], "ids", 0, generate, &g[i]);
    }
    uint64_t *all = mem_alloc(4 * sizeof g->ids);
    for (unsigned i = 0; i < 4; i++) {
        thread_join(&threads[i]);
        memcpy(all + i * 20000UL, g[i].ids, sizeof g->ids);
    }
    qsort(all, 80000, sizeof *all, compare_ids);
    for (size_t i = 1; i < 80000; i++) {
        EXPECT(all[i] != all[i - 1]);
    }
    mem_free(all);
    mem_free(g);
}

TEST(clock_format_before_the_epoch_rounds_down)
{
    char text[CLOCK_TEXT_BYTES];
    clock_format_rfc3339(0, 0, text);
    EXPECT_STR(str_from(text), "1970-01-01T00:00:00Z");
    clock_format_rfc3339(-1, 6, text);
    EXPECT_STR(str_from(text), "1969-12-31T23:59:59.999999Z");
}

struct folder {
    char path[64];
    char file[96];
};

static void make_folder(struct folder *f)
{
    (void)snprintf(f->path, sizeof f->path, "/tmp/kalam-base-XXXXXX");
    EXPECT(mkdtemp(f->path) != NULL);
    (void)snprintf(f->file, sizeof f->file, "%s/file", f->path);
}

TEST(fs_write_durable_with_each_step_failing_leaves_old_or_new_content)
{
#ifdef KALAM_TESTING
    static const char *const points[] = {"fs.open", "fs.write", "fs.fsync", "fs.rename",
                                         "fs.fsync_dir"};
    struct folder f;
    make_folder(&f);
    struct arena arena;
    arena_init(&arena);
    struct error err;
    EXPECT_OK(fs_write_durable(f.file, STR_LIT("old"), 0600, &err), &err);
    for (size_t i = 0; i < sizeof points / sizeof points[0]; i++) {
        char setting[64];
        (void)snprintf(setting, sizeof setting, "%s=%s@1", points[i],
                       i % 2 == 0 ? "eio" : "enospc");
        fault_clear();
        EXPECT(fault_set(setting));
        status result = fs_write_durable(f.file, STR_LIT("new"), 0600, &err);
        EXPECT(result.code == (i % 2 == 0 ? STATUS_IO : STATUS_STORAGE_FULL));
        fault_clear();
        str content;
        EXPECT_OK(fs_read(f.file, 100, &arena, &content, &err), &err);
        EXPECT(str_eq_c(content, "old") || (i == 4 && str_eq_c(content, "new")));
        EXPECT_OK(fs_write_durable(f.file, STR_LIT("old"), 0600, &err), &err);
    }
    char temporary[128];
    (void)snprintf(temporary, sizeof temporary, "%s.tmp", f.file);
    EXPECT(!fs_exists(temporary));
    EXPECT_OK(fs_remove_tree(f.path, &err), &err);
    EXPECT(!fs_exists(f.path));
    arena_release(&arena);
#else
    SKIP("fault points are compiled out");
#endif
}

TEST(fs_read_longer_than_the_limit_names_both)
{
    struct folder f;
    make_folder(&f);
    struct arena arena;
    arena_init(&arena);
    struct error err;
    str content;
    EXPECT_OK(fs_write_durable(f.file, STR_LIT("12345"), 0600, &err), &err);
    EXPECT_STATUS(fs_read(f.file, 4, &arena, &content, &err), LIMIT);
    EXPECT(strstr(err.text, "5 bytes") != NULL && strstr(err.text, "limit is 4") != NULL);
    EXPECT_STATUS(fs_read("/nonexistent/file", 4, &arena, &content, &err), NOT_FOUND);
    EXPECT(strstr(err.text, "/nonexistent") == NULL); /* no path in an error */
    EXPECT_OK(fs_remove_tree(f.path, &err), &err);
    arena_release(&arena);
}

TEST(fault_set_refuses_what_it_does_not_know)
{
    EXPECT(!fault_set("no.such.point=eio"));
    EXPECT(!fault_set("fs.open=explode"));
    EXPECT(!fault_set("fs.open=eio@0"));
    EXPECT(!fault_set("fs.open"));
    EXPECT(fault_set("fs.open=eio@99;fs.write=delay:1@77+"));
    fault_clear();
}

TEST(log_line_with_control_characters_stays_one_line)
{
    struct folder f;
    make_folder(&f);
    struct log_options options = {.level = LOG_INFO, .format = LOG_JSON, .directory = f.path};
    struct error err;
    EXPECT_OK(log_open(&options, &err), &err);
    log_set_request(STR_LIT("req-1"));
    log_info("test", "forged", "text=\"a\nb\" number=%d", 7);
    log_debug("test", "hidden", "x=%d", 1);
    log_set_request(STR_LIT(""));
    log_close();
    struct arena arena;
    arena_init(&arena);
    char path[128];
    (void)snprintf(path, sizeof path, "%s/server.jsonl", f.path);
    str content;
    EXPECT_OK(fs_read(path, 10000, &arena, &content, &err), &err);
    EXPECT_INT(str_find_char(content, '\n'), (intmax_t)content.n - 1);
    EXPECT(str_find(content, STR_LIT("\"text\":\"a b\",\"number\":\"7\"")) > 0);
    EXPECT(str_find(content, STR_LIT("\"request\":\"req-1\"")) > 0);
    EXPECT_OK(fs_remove_tree(f.path, &err), &err);
    arena_release(&arena);
}

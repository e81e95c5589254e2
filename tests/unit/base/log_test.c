/* Goal: a line says what happened in each form, no value can forge a field or a line, levels are
 * per module, files stay bounded. Method: a log in a folder of its own, read back. */
#include "base/log.h"
#include "base/arena.h"
#include "base/fs.h"
#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[64];
static struct arena arena;

static struct log_options options(enum log_format format)
{
    (void)snprintf(directory, sizeof directory, "/tmp/kalam-log-XXXXXX");
    EXPECT(mkdtemp(directory) != NULL);
    arena_init(&arena);
    return (struct log_options){.level = LOG_INFO, .format = format, .directory = directory};
}

static void open_log(const struct log_options *with)
{
    struct error err;
    EXPECT_OK(log_open(with, &err), &err);
}

static str content(const char *name)
{
    str text = {0};
    const char *path = arena_format(&arena, "%s/%s", directory, name).p;
    EXPECT_STATUS(fs_read(path, 4 << 20, &arena, &text, NULL), OK);
    return text;
}

static void done(void)
{
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf %s", directory);
    EXPECT(system(command) == 0);
    arena_release(&arena);
}

static bool has(str text, const char *part)
{
    return str_find(text, str_from(part)) >= 0;
}

TEST(log_line_compact_has_time_level_module_event_request_and_fields)
{
    struct log_options with = options(LOG_COMPACT);
    open_log(&with);
    log_set_request(STR_LIT("r-1"));
    log_info("store", "opened", "tables=%u path=\"%s\" rows=%llu share=%.1f size=%zu", 3u, "a b",
             12345678901ULL, 0.5, sizeof(int));
    log_set_request(STR_LIT(""));
    log_close();
    str text = content("server.log");
    EXPECT(text.n > 28 && text.p[10] == 'T' && text.p[26] == 'Z');
    EXPECT_STR(str_skip(text, 28), "INFO  store opened request=r-1 tables=3 path=\"a b\" "
                                   "rows=12345678901 share=0.5 size=4\n");
    done();
}

TEST(log_line_value_with_quotes_or_line_ends_forges_nothing)
{
    struct log_options with = options(LOG_COMPACT);
    open_log(&with);
    const char *evil = "x\" level=ERROR\n2026-01-01 FAKE";
    log_info("auth", "failed", "reason=\"%s\" user=%s last=%.*s", evil, "a b=\"c", 2, "abcdef");
    log_close();
    EXPECT_STR(
        str_skip(content("server.log"), 28),
        "INFO  auth failed reason=\"x' level=ERROR 2026-01-01 FAKE\" user=\"a b='c\" last=ab\n");
    done();
}

TEST(log_line_json_has_the_same_keys_and_escapes)
{
    struct log_options with = options(LOG_JSON);
    open_log(&with);
    log_set_request(STR_LIT("r-2"));
    log_warn("sql", "slow", "sql=\"%s\" user=%s empty=\"%s\"", "a\\b\"c", "d\"e", "");
    log_set_request(STR_LIT(""));
    log_close();
    str text = content("server.jsonl");
    EXPECT(has(text, "\"level\":\"WARN\",\"module\":\"sql\",\"event\":\"slow\",\"request\":\"r-2\","
                     "\"sql\":\"a\\\\b'c\",\"user\":\"d'e\",\"empty\":\"\"}\n"));
    done();
}

TEST(log_line_pretty_has_one_line_for_each_field)
{
    struct log_options with = options(LOG_PRETTY);
    open_log(&with);
    log_set_request(STR_LIT("r-3"));
    log_error("kv", "broken", "during=%s message=\"%s\"", "write", "no space");
    log_set_request(STR_LIT(""));
    log_close();
    EXPECT_STR(str_skip(content("server.log"), 28), "ERROR kv: broken\n"
                                                    "    request: r-3\n"
                                                    "    during: write\n"
                                                    "    message: no space\n");
    done();
}

TEST(log_enabled_for_looks_at_the_module_first)
{
    struct log_options with = options(LOG_COMPACT);
    EXPECT(log_module_level_parse(STR_LIT("live=debug"), &with.modules[0]));
    EXPECT(log_module_level_parse(STR_LIT(" net = error "), &with.modules[1]));
    with.module_count = 2;
    open_log(&with);
    EXPECT(log_enabled(LOG_DEBUG));
    EXPECT(!log_enabled_for(LOG_DEBUG, "sql"));
    log_debug("sql", "hidden", "a=%d", 1);
    log_debug("live", "shown", "a=%d", 2);
    log_warn("net", "hidden", "a=%d", 3);
    log_error("net", "shown", "a=%d", 4);
    log_close();
    str text = content("server.log");
    EXPECT(!has(text, "hidden"));
    EXPECT(has(text, "DEBUG live shown a=2\n"));
    EXPECT(has(text, "ERROR net shown a=4\n"));
    done();
}

TEST(log_module_level_parse_of_anything_else_is_false)
{
    struct log_module_level out;
    EXPECT(!log_module_level_parse(STR_LIT("live"), &out));
    EXPECT(!log_module_level_parse(STR_LIT("=info"), &out));
    EXPECT(!log_module_level_parse(STR_LIT("live=loud"), &out));
    EXPECT(!log_module_level_parse(STR_LIT("a-name-that-is-far-too-long=info"), &out));
}

static uint64_t bytes_of(const char *name)
{
    struct stat about;
    return stat(arena_format(&arena, "%s/%s", directory, name).p, &about) == 0
               ? (uint64_t)about.st_size
               : 0;
}

TEST(log_files_are_put_aside_by_size_and_the_oldest_go)
{
    struct log_options with = options(LOG_COMPACT);
    with.file_bytes_max = 2000;
    with.old_files_max = 2;
    open_log(&with);
    for (unsigned i = 0; i < 200; i++) {
        log_info("test", "line", "number=%u", i);
    }
    log_close();
    EXPECT(bytes_of("server.log") > 0 && bytes_of("server.log") <= 2000);
    EXPECT(bytes_of("server.log.1") > 1900 && bytes_of("server.log.1") <= 2000);
    EXPECT(bytes_of("server.log.2") > 1900 && bytes_of("server.log.2") <= 2000);
    EXPECT(bytes_of("server.log.3") == 0);
    EXPECT(has(content("server.log"), "number=199\n"));
    str older = content("server.log.1");
    EXPECT(older.p[older.n - 1] == '\n'); /* whole lines only */
    done();
}

TEST(log_files_that_cannot_be_moved_go_on_growing)
{
    struct log_options with = options(LOG_COMPACT);
    with.file_bytes_max = 2000;
    with.old_files_max = 1;
    const char *in_the_way = arena_format(&arena, "%s/server.log.1", directory).p;
    EXPECT(mkdir(in_the_way, 0700) == 0); /* a file does not replace a folder */
    open_log(&with);
    for (unsigned i = 0; i < 100; i++) {
        log_info("test", "line", "number=%u", i);
    }
    log_close();
    str text = content("server.log");
    EXPECT(has(text, "number=0\n"));
    EXPECT(has(text, "number=99\n"));
    done();
}

TEST(log_open_goes_on_in_the_file_that_is_there)
{
    struct log_options with = options(LOG_COMPACT);
    open_log(&with);
    log_info("test", "first", "a=%d", 1);
    log_close();
    open_log(&with);
    log_info("test", "second", "a=%d", 2);
    log_close();
    str text = content("server.log");
    EXPECT(has(text, "first a=1\n"));
    EXPECT(has(text, "second a=2\n"));
    done();
}

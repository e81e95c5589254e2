/* tests/unit/engine/toml_test.c -- Goal: every kind of value becomes one entry with its line, and a
 * text that is no TOML says where and why. */
#include "test.h"

#include "base/buf.h"
#include "engine/toml.h"

static struct arena arena;

static struct toml parse(str text)
{
    struct toml toml;
    struct error err;
    arena_init(&arena);
    EXPECT_OK(toml_parse(text, &arena, &toml, &err), &err);
    return toml;
}

static const struct toml_entry *entry_of(const struct toml *toml, const char *key,
                                         enum toml_kind kind, unsigned line)
{
    const struct toml_entry *entry = toml_find(toml, str_from(key));
    EXPECT(entry != NULL);
    EXPECT_STR_EQ(str_from(toml_kind_name(entry->kind)), str_from(toml_kind_name(kind)));
    EXPECT_UINT(entry->line, line);
    return entry;
}

TEST(toml_parse_flattens_tables_and_arrays)
{
    struct toml toml = parse(STR_LIT("top = -5\n"
                                     "[server]\n"
                                     "host = \"h\\u00f6st\"\n"
                                     "ratio = 0.5\n"
                                     "on = true\n"
                                     "[security.cors]\n"
                                     "allowed_origins = [\n"
                                     "  \"a\",\n"
                                     "  \"b\"]\n"
                                     "inline = {x = 1}\n"
                                     "when = 2024-01-01\n"
                                     "[[peers]]\n"
                                     "id = 1\n"
                                     "[[peers]]\n"
                                     "id = 2\n"
                                     "[targets]\n"
                                     "\"a.b\" = \"debug\"\n"));
    EXPECT_INT(entry_of(&toml, "top", TOML_INTEGER, 1)->as.integer, -5);
    EXPECT_UINT(entry_of(&toml, "server", TOML_TABLE, 2)->as.count, 3);
    EXPECT_STR(entry_of(&toml, "server.host", TOML_TEXT, 3)->as.text, "h\xc3\xb6st");
    EXPECT(entry_of(&toml, "server.ratio", TOML_REAL, 4)->as.real == 0.5);
    EXPECT(entry_of(&toml, "server.on", TOML_BOOLEAN, 5)->as.boolean);
    EXPECT_UINT(entry_of(&toml, "security.cors.allowed_origins", TOML_ARRAY, 7)->as.count, 2);
    EXPECT_STR(entry_of(&toml, "security.cors.allowed_origins[1]", TOML_TEXT, 9)->as.text, "b");
    EXPECT_INT(entry_of(&toml, "security.cors.inline.x", TOML_INTEGER, 10)->as.integer, 1);
    (void)entry_of(&toml, "security.cors.when", TOML_TIME, 11);
    EXPECT_INT(entry_of(&toml, "peers[1].id", TOML_INTEGER, 15)->as.integer, 2);
    EXPECT_STR(entry_of(&toml, "targets.\"a.b\"", TOML_TEXT, 17)->as.text, "debug");
    EXPECT(toml_find(&toml, STR_LIT("server.port")) == NULL);
    arena_release(&arena);
}

TEST(toml_parse_of_an_empty_text_has_no_entries)
{
    EXPECT_UINT(parse(STR_LIT("")).count, 0);
    arena_release(&arena);
    EXPECT_UINT(parse(STR_LIT("# only a comment ...\n")).count, 0);
    arena_release(&arena);
}

static void expect_refused(str text, const char *part)
{
    struct arena scratch;
    struct toml toml;
    struct error err;
    arena_init(&scratch);
    EXPECT_STATUS(toml_parse(text, &scratch, &toml, &err), INVALID);
    if (str_find(str_from(err.text), str_from(part)) < 0) {
        test_fail(__FILE__, __LINE__, "\"%s\" is not in \"%s\"", part, err.text);
    }
    arena_release(&scratch);
}

TEST(toml_parse_of_a_bad_text_names_line_and_column)
{
    expect_refused(STR_LIT("a = 1\nb = \n"), "line 2, column ");
    expect_refused(STR_LIT("a = 1\n\n[server\nhost = 1"), "line 3, column ");
    expect_refused(STR_LIT("a = 1\na = 2\n"), "line 2, column ");
    expect_refused(STR_LIT("a = 'open\n"), "line 1, column ");
    expect_refused(STR_LIT("a = \"\xff\"\n"), "line 1");
    expect_refused(STR_LIT("a = 99999999999999999999\n"), "line 1, column ");
    expect_refused(STR_LIT("a = \0"), "line 1");
}

TEST(toml_parse_of_what_is_too_deep_or_too_long_is_refused)
{
    struct buf text;
    buf_init(&text);
    for (int i = 0; i < 100000; i++) {
        buf_append_c(&text, "a.");
    }
    buf_append_c(&text, "a = 1\n");
    expect_refused(buf_str(&text), "dotted names");
    buf_clear(&text);
    for (int i = 0; i < 20000; i++) {
        buf_append_c(&text, "\"=\".'#' .");
    }
    buf_append_c(&text, "a = 1\n");
    expect_refused(buf_str(&text), "dotted names");
    buf_clear(&text);
    buf_append_c(&text, "a = ");
    for (int i = 0; i < 100000; i++) {
        buf_append_c(&text, "[");
    }
    expect_refused(buf_str(&text), "line 1, column ");
    buf_clear(&text);
    while (text.n <= TOML_BYTES_MAX) {
        buf_append_c(&text, "# comment\n");
    }
    expect_refused(buf_str(&text), "the limit is");
    buf_release(&text);
}

TEST(toml_parse_does_not_count_dots_of_strings_and_comments)
{
    struct buf text;
    buf_init(&text);
    buf_append_c(&text, "a = \"");
    for (int i = 0; i < 3000; i++) {
        buf_append_c(&text, ".");
    }
    buf_append_c(&text, "\\\"\"\nb = '''\n'.'\n");
    for (int i = 0; i < 3000; i++) {
        buf_append_c(&text, ".");
    }
    buf_append_c(&text, "'''\n# ");
    for (int i = 0; i < 3000; i++) {
        buf_append_c(&text, ".");
    }
    struct toml toml = parse(buf_str(&text));
    EXPECT_UINT(toml.count, 2);
    arena_release(&arena);
    buf_release(&text);
}

/* Goal: every token is found, and nothing past the end is read. Method: a table of texts; each
 * input in a block of exactly its size, so that ASan sees a read too far. */
#include "base/mem.h"
#include "sql/lexer.h"
#include "test.h"

static struct token first_token(const char *text)
{
    return lexer_next(str_from(text), 0);
}

TEST(lexer_next_on_each_form_finds_kind_and_length)
{
    static const struct {
        const char *text;
        int kind;
        unsigned n;
    } cases[] = {
        {"select", TK_SELECT, 6},
        {"SeLeCt", TK_SELECT, 6},
        {"selects", TK_ID, 7},
        {"_x1$y", TK_ID, 5},
        {"\"a b\"", TK_ID, 5},
        {"\"a\"\"b\" c", TK_ID, 6},
        {"`a``b`", TK_ID, 6},
        {"\"\"", TK_OTHER, 2},
        {"'it''s' x", TK_STRING, 7},
        {"''", TK_STRING, 2},
        {"E'a\\'b'", TK_STRING, 7},
        {"e'x'", TK_STRING, 4},
        {"X'00ff' y", TK_BYTES, 7},
        {"x''", TK_BYTES, 3},
        {"b'01'", TK_BYTES, 5},
        {"12", TK_INTEGER, 2},
        {"1.5", TK_DECIMAL, 3},
        {".5", TK_DECIMAL, 2},
        {"1.", TK_DECIMAL, 2},
        {"1e5", TK_FLOAT, 3},
        {"1.5E-3", TK_FLOAT, 6},
        {"1_000", TK_OTHER, 5},
        {"12abc", TK_OTHER, 5},
        {"1e", TK_OTHER, 2},
        {"$12", TK_PARAM, 3},
        {"$a", TK_OTHER, 2},
        {"->>'a'", TK_ARROW_TEXT, 3},
        {"->'a'", TK_ARROW, 2},
        {"::int", TK_TYPECAST, 2},
        {"?", TK_QUESTION, 1},
        {"||", TK_CONCAT, 2},
        {"<>", TK_NE, 2},
        {"!=", TK_NE, 2},
        {"<=", TK_LE, 2},
        {"==", TK_OTHER, 2},
        {"[", TK_OTHER, 1},
        {"-- comment\n1", TK_COMMENT, 10},
        {"/* a /* b */ c */ 1", TK_COMMENT, 17},
        {"join", TK_ID, 4},
        {"union", TK_RESERVED, 5},
        {"\xC3\xA4", TK_ID, 2},
        {"", LEXER_END, 0},
        {" \t\r\n", LEXER_END, 0},
        {"'abc", LEXER_BAD_TEXT, 1},
        {"\"abc", LEXER_BAD_TEXT, 1},
        {"e'abc\\'", LEXER_BAD_TEXT, 2},
        {"/* a /* b */", LEXER_BAD_COMMENT, 12},
        {"$$a$$", LEXER_BAD_BYTE, 2},
        {"$tag$a$tag$", LEXER_BAD_BYTE, 5},
        {"\\", LEXER_BAD_BYTE, 1},
        {"\x01", LEXER_BAD_BYTE, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct token token = first_token(cases[i].text);
        if (token.kind != cases[i].kind || token.n != cases[i].n) {
            test_fail(__FILE__, __LINE__, "%s: kind %d, %u bytes", cases[i].text, token.kind,
                      token.n);
        }
    }
}

TEST(lexer_next_on_every_prefix_stays_inside)
{
    static const char text[] =
        "SELECT \"a\", 'b''c', E'\\n', 1.5e-3, $1 /* x /* y */ */ FROM t -- z\n"
        "WHERE a->>'b' ? 'c' AND d::int <> .5 AND `e` != $2";
    for (size_t n = 0; n < sizeof text; n++) {
        char *block = mem_copy(text, n);
        uint32_t at = 0;
        for (;;) {
            struct token token = lexer_next(str_of(block, n), at);
            if (token.kind <= 0) {
                break;
            }
            EXPECT(token.n > 0);
            at = token_end(&token);
            EXPECT(at <= n);
        }
        mem_free(block);
    }
}

TEST(token_name_folds_case_and_undoes_quotes)
{
    struct arena arena;
    arena_init(&arena);
    static const struct {
        const char *text;
        const char *name;
        const char *raw;
    } cases[] = {{"Abc", "abc", "Abc"},
                 {"\"A\"\"b\"", "a\"b", "A\"b"},
                 {"`X``y`", "x`y", "X`y"},
                 {"plain", "plain", "plain"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        str text = str_from(cases[i].text);
        struct token token = lexer_next(text, 0);
        EXPECT_STR_EQ(token_name(text, &token, &arena), str_from(cases[i].name));
        EXPECT_STR_EQ(token_raw_name(text, &token, &arena), str_from(cases[i].raw));
    }
    arena_release(&arena);
}

/* tests/unit/query/parsed_test.c -- Goal: a text is parsed once and shared, and what does not parse
 * as one statement is left to the ordinary way. Method: the cache alone. */
#include "query/parsed.h"

#include "base/buf.h"
#include "test.h"

static struct plan_cache *open_cache(void)
{
    const struct plan_cache_options options = {"statement", clock_system(), 8, 0};
    return plan_cache_create(&options);
}

TEST(parsed_get_of_a_text_again_gives_the_same_tree)
{
    struct plan_cache *cache = open_cache();
    char text[] = "SELECT a FROM app.t WHERE id = $1";
    struct parsed *first = parsed_get(cache, str_from(text));
    EXPECT(first != NULL);
    EXPECT_INT(first->statement->kind, STATEMENT_SELECT);
    memset(text, 'x', sizeof text - 1); /* the request's text goes, the tree has its own */
    EXPECT_STR_EQ(first->piece->text, STR_LIT("SELECT a FROM app.t WHERE id = $1"));
    struct parsed *again = parsed_get(cache, STR_LIT("SELECT a FROM app.t WHERE id = $1"));
    EXPECT(again == first);
    struct parsed *other = parsed_get(cache, STR_LIT("SELECT a FROM app.t WHERE id = $2"));
    EXPECT(other != NULL && other != first);
    plan_cache_destroy(cache); /* holds outlive it */
    EXPECT_INT(again->statement->kind, STATEMENT_SELECT);
    plan_give(&first->base);
    plan_give(&again->base);
    plan_give(&other->base);
}

TEST(parsed_get_of_what_is_not_one_statement_gives_nothing)
{
    static const char *const texts[] = {"",
                                        "-- nothing",
                                        "SELECT 1; SELECT 2",
                                        "SELECT 'open",
                                        "INSERT INTO t (a VALUES ($1)",
                                        "FROB $1"};
    struct plan_cache *cache = open_cache();
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        EXPECT(parsed_get(cache, str_from(texts[i])) == NULL);
    }
    struct buf text;
    buf_init(&text);
    buf_append_c(&text, "SELECT $1, '");
    while (text.n <= PARSED_TEXT_BYTES_MAX) {
        buf_append_byte(&text, 'x');
    }
    buf_append_byte(&text, '\'');
    EXPECT(parsed_get(cache, buf_str(&text)) == NULL);
    struct plan_cache_statistics seen;
    plan_cache_statistics_get(cache, &seen);
    EXPECT_UINT(seen.entries, 0);
    buf_release(&text);
    plan_cache_destroy(cache);
}

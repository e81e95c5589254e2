/* tests/fuzz/json_fuzz.c -- Goal: no JSON text makes the reader read past its end, and what it
 * accepts is printed and read back equal. Method: read a copy, print the tree, read that, print
 * again. */
#include "wire/json.h"

#include "base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Everything in the tree is of a kind that the header promises. */
static void check_tree(const struct json *value)
{
    switch (value->kind) {
    case JSON_TEXT:
        CHECK(str_is_utf8(value->as.text));
        return;
    case JSON_NUMBER:
        CHECK(value->as.number.raw.n > 0);
        return;
    case JSON_ARRAY:
    case JSON_OBJECT:
        break;
    default:
        return;
    }
    uint32_t count = 0;
    for (const struct json *c = value->as.children.first; c != NULL; c = c->next) {
        CHECK(str_is_utf8(c->key));
        CHECK(value->kind == JSON_ARRAY || json_get_str(value, c->key) == c);
        check_tree(c);
        count++;
        if (count > 256) {
            return; /* json_get walks the list: longer ones would only take time */
        }
    }
    CHECK(count == value->as.children.count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct buf first;
    struct buf second;
    arena_init(&arena);
    buf_init(&first);
    buf_init(&second);
    struct error err;
    const struct json *value = NULL;
    if (status_ok(json_parse(str_of(data, size), &arena, &value, &err))) {
        check_tree(value);
        json_append(&first, value);
        const struct json *again = NULL;
        CHECK(status_ok(json_parse(buf_str(&first), &arena, &again, &err)));
        json_append(&second, again);
        CHECK(str_eq(buf_str(&first), buf_str(&second)));
    } else {
        CHECK(str_is_utf8(str_from(err.text)));
    }
    buf_release(&first);
    buf_release(&second);
    arena_release(&arena);
    return 0;
}

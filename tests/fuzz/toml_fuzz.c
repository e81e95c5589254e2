/* tests/fuzz/toml_fuzz.c -- Goal: no text makes the TOML door crash, leak or throw, and what it
 * accepts is a list whose containers announce what follows. */
#include "engine/toml.h"
#include "base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct toml toml;
    struct error err;
    arena_init(&arena);
    if (status_ok(toml_parse(str_of(data, size), &arena, &toml, &err))) {
        for (size_t i = 0; i < toml.count; i++) {
            const struct toml_entry *entry = &toml.entries[i];
            CHECK(entry->key.n > 0);
            CHECK(entry->line >= 1 && entry->line <= size + 1);
            CHECK(str_is_utf8(entry->key));
            if (entry->kind == TOML_TEXT) {
                CHECK(str_is_utf8(entry->as.text));
            }
            if (entry->kind == TOML_ARRAY || entry->kind == TOML_TABLE) {
                CHECK(entry->as.count <= toml.count - i - 1);
            }
        }
    } else {
        CHECK(strlen(err.text) > 0);
    }
    arena_release(&arena);
    return 0;
}

/* tests/fuzz/multipart_fuzz.c -- Goal: no form makes the parser read outside it, and every part
 * lies in the body. Method: the first line is the content type, the rest the body. */
#include "server/multipart.h"

#include "base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inside(str part, str body)
{
    CHECK(part.n == 0 || (part.p >= body.p && part.p + part.n <= body.p + body.n));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct multipart form;
    struct arena arena;
    struct error err;
    str all = str_of(data, size);
    ptrdiff_t line = str_find_char(all, '\n');
    str type = line < 0 ? all : str_slice(all, 0, (size_t)line);
    str body = line < 0 ? str_of(NULL, 0) : str_skip(all, (size_t)line + 1);
    arena_init(&arena);
    if (status_ok(multipart_parse(type, body, &arena, &form, &err))) {
        CHECK(form.count <= MULTIPART_PARTS_MAX);
        for (unsigned i = 0; i < form.count; i++) {
            check_inside(form.parts[i].content, body);
            check_inside(form.parts[i].content_type, body);
            CHECK(form.parts[i].name.p != NULL);
        }
    }
    arena_release(&arena);
    return 0;
}

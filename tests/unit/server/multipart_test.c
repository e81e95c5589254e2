/* tests/unit/server/multipart_test.c -- Goal: parts come out whole, byte by byte, and a form with
 * two readings or without an end is refused. */
#include "test.h"

#include "base/buf.h"
#include "server/multipart.h"

#define TYPE STR_LIT("multipart/form-data; boundary=AbC")

static status parse(const char *body, struct multipart *out, struct arena *arena, struct error *err)
{
    return multipart_parse(TYPE, str_from(body), arena, out, err);
}

TEST(multipart_parse_gives_names_types_and_contents)
{
    struct arena arena;
    struct multipart form;
    struct error err;
    arena_init(&arena);
    EXPECT_OK(parse("--AbC\r\n"
                    "Content-Disposition: form-data; name=\"sql\"\r\n\r\n"
                    "SELECT\r\n--Ab\r\n1\r\n"
                    "--AbC\r\n"
                    "content-type: image/png\r\n"
                    "CONTENT-DISPOSITION: form-data; filename=\"a \\\"b\\\";c.png\"; name=plain\r\n"
                    "X-Other: 1\r\n\r\n"
                    "\r\n"
                    "--AbC--\r\nepilogue",
                    &form, &arena, &err),
              &err);
    EXPECT_UINT(form.count, 2);
    EXPECT_STR(form.parts[0].name, "sql");
    EXPECT_STR(form.parts[0].content, "SELECT\r\n--Ab\r\n1");
    EXPECT(form.parts[0].file_name.p == NULL);
    EXPECT_STR(form.parts[1].name, "plain");
    EXPECT_STR(form.parts[1].file_name, "a \"b\";c.png");
    EXPECT_STR(form.parts[1].content_type, "image/png");
    EXPECT_STR(form.parts[1].content, "");
    arena_release(&arena);
}

TEST(multipart_parse_skips_a_preamble_and_takes_quoted_boundaries)
{
    struct arena arena;
    struct multipart form;
    struct error err;
    arena_init(&arena);
    EXPECT_OK(multipart_parse(STR_LIT("Multipart/Form-Data; charset=utf-8; boundary=\"a b\""),
                              STR_LIT("preamble\r\n--a b\r\nContent-Disposition: form-data; "
                                      "name=x\r\n\r\n1\r\n--a b--"),
                              &arena, &form, &err),
              &err);
    EXPECT_UINT(form.count, 1);
    EXPECT_STR(form.parts[0].content, "1");
    arena_release(&arena);
}

TEST(multipart_parse_of_a_broken_form_is_refused)
{
    static const char *const bodies[] = {
        "",
        "--AbC",
        "--AbC\r\n",
        "--AbCx\r\nContent-Disposition: form-data; name=x\r\n\r\n1\r\n--AbC--",
        "--AbC\r\nContent-Disposition: form-data; name=x\r\n\r\n1",
        "--AbC\r\nContent-Disposition: form-data; name=x\r\n\r\n1\r\n--AbC",
        "--AbC\r\nContent-Disposition: form-data\r\n\r\n1\r\n--AbC--",
        "--AbC\r\nContent-Disposition: form-data; name=\"x\r\n\r\n1\r\n--AbC--",
        "--AbC\r\nContent-Disposition: form-data; name=x\r\n1\r\n--AbC--",
        "--AbC\nContent-Disposition: form-data; name=x\n\n1\n--AbC--",
    };
    struct arena arena;
    struct multipart form;
    struct error err;
    arena_init(&arena);
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        status result = parse(bodies[i], &form, &arena, &err);
        if (result.code != STATUS_INVALID) {
            test_fail(__FILE__, __LINE__, "body %zu was taken", i);
        }
    }
    arena_release(&arena);
}

TEST(multipart_parse_without_a_fit_boundary_is_refused)
{
    struct arena arena;
    struct multipart form;
    struct error err;
    arena_init(&arena);
    str body = STR_LIT("--\r\nContent-Disposition: form-data; name=x\r\n\r\n1\r\n----");
    EXPECT_STATUS(multipart_parse(STR_LIT("multipart/form-data"), body, &arena, &form, &err),
                  INVALID);
    EXPECT_STATUS(
        multipart_parse(STR_LIT("multipart/form-data; boundary="), body, &arena, &form, &err),
        INVALID);
    arena_release(&arena);
}

TEST(multipart_parse_of_65_parts_is_refused)
{
    struct arena arena;
    struct multipart form;
    struct error err;
    struct buf body;
    arena_init(&arena);
    buf_init(&body);
    for (unsigned i = 0; i <= MULTIPART_PARTS_MAX; i++) {
        buf_append_c(&body, "--AbC\r\nContent-Disposition: form-data; name=x\r\n\r\n1\r\n");
    }
    buf_append_c(&body, "--AbC--");
    EXPECT_STATUS(multipart_parse(TYPE, buf_str(&body), &arena, &form, &err), INVALID);
    buf_release(&body);
    arena_release(&arena);
}

/* tests/test.h -- what a test file is written with.
 * For:      TEST(name) { ... } puts a test into the table that test_main.c runs through cmocka;
 *           EXPECT and its kin end the test at the first claim that does not hold, and print the
 *           claim, what was found, and where.
 * Touches:  cmocka (in test_main.c), base/status, base/str.
 * Threads:  a claim may be made on any thread. On the test's own it ends the test; on another one
 *           it ends the process, as there is nowhere to return to. */
#ifndef TESTS_TEST_H
#define TESTS_TEST_H

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "base/str.h"

struct test_case {
    const char *name;
    void (*run)(void);
    struct test_case *next;
};

/* Appends to the table; called before main by TEST. */
void test_register(struct test_case *test);

/* Tells why and where, and ends the test as failed. */
_Noreturn void test_fail(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Ends the test as skipped; `reason` says what the machine does not offer. */
_Noreturn void test_skip(const char *file, int line, const char *reason);

void test_expect_status(status found, enum status_code wanted, const char *expression,
                        const char *file, int line);
void test_expect_ok(status found, const struct error *err, const char *expression, const char *file,
                    int line);
void test_expect_str(str found, str wanted, const char *expression, const char *file, int line);
void test_expect_int(intmax_t found, intmax_t wanted, const char *expression, const char *file,
                     int line);
void test_expect_uint(uintmax_t found, uintmax_t wanted, const char *expression, const char *file,
                      int line);

/* Tests run in the order in which they stand in the file. */
#define TEST(test_name)                                                                            \
    static void test_name(void);                                                                   \
    __attribute__((constructor)) static void test_name##_register(void)                            \
    {                                                                                              \
        static struct test_case test = {.name = #test_name, .run = test_name, .next = NULL};       \
        test_register(&test);                                                                      \
    }                                                                                              \
    static void test_name(void)

/* The condition holds. */
#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            test_fail(__FILE__, __LINE__, "%s", #condition);                                       \
        }                                                                                          \
    } while (0)

/* EXPECT_STATUS(ring_push(ring, &x), FULL): a status has this code. */
#define EXPECT_STATUS(expression, symbol)                                                          \
    test_expect_status((expression), STATUS_##symbol, #expression, __FILE__, __LINE__)

/* EXPECT_OK(manifest_open(..., &err), &err): a status is OK; else the error's text is printed. */
#define EXPECT_OK(expression, err)                                                                 \
    test_expect_ok((expression), (err), #expression, __FILE__, __LINE__)

/* EXPECT_STR(name, "alice"): a str has exactly these bytes. */
#define EXPECT_STR(expression, literal)                                                            \
    test_expect_str((expression), STR_LIT(literal), #expression, __FILE__, __LINE__)

/* EXPECT_STR_EQ(a, b): two str have the same bytes. */
#define EXPECT_STR_EQ(expression, wanted)                                                          \
    test_expect_str((expression), (wanted), #expression, __FILE__, __LINE__)

/* EXPECT_INT(found, wanted), both as signed; EXPECT_UINT for what may pass INT64_MAX. */
#define EXPECT_INT(expression, wanted)                                                             \
    test_expect_int((intmax_t)(expression), (intmax_t)(wanted), #expression " == " #wanted,        \
                    __FILE__, __LINE__)
#define EXPECT_UINT(expression, wanted)                                                            \
    test_expect_uint((uintmax_t)(expression), (uintmax_t)(wanted), #expression " == " #wanted,     \
                     __FILE__, __LINE__)

#define SKIP(reason) test_skip(__FILE__, __LINE__, (reason))

#endif

/* tests/test_main.c -- the main function of every unit test executable.
 * For:      running the table that TEST filled, each test through cmocka's runner.
 * Touches:  cmocka; the signal handlers it sets are taken back, so that a crash reaches the
 *           sanitizer (or the shell) and is not turned into a line without a stack.
 * Threads:  one, plus those that a test starts. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"

enum { SHOWN_BYTES_MAX = 512 }; /* of a str in a message */

static struct test_case *first_test;
static struct test_case **last_link = &first_test;
static _Thread_local bool on_test_thread;

static const int crash_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
enum { CRASH_SIGNAL_COUNT = sizeof crash_signals / sizeof crash_signals[0] };
static struct sigaction crash_actions[CRASH_SIGNAL_COUNT];

void test_register(struct test_case *test)
{
    *last_link = test;
    last_link = &test->next;
}

void test_fail(const char *file, int line, const char *format, ...)
{
    char text[4 * SHOWN_BYTES_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (!on_test_thread) {
        fprintf(stderr, "%s:%d: does not hold: %s (on a thread of the test)\n", file, line, text);
        abort();
    }
    print_error("%s:%d: does not hold: %s\n", file, line, text);
    _fail(file, line);
    abort(); /* not reached: _fail jumps back into the runner */
}

void test_skip(const char *file, int line, const char *reason)
{
    print_message("%s:%d: skipped: %s\n", file, line, reason);
    _skip(file, line);
    abort(); /* not reached */
}

void test_expect_status(status found, enum status_code wanted, const char *expression,
                        const char *file, int line)
{
    if (found.code != wanted) {
        test_fail(file, line, "%s is %s: found %s", expression, status_name(wanted),
                  status_name(found.code));
    }
}

void test_expect_ok(status found, const struct error *err, const char *expression, const char *file,
                    int line)
{
    if (!status_ok(found)) {
        test_fail(file, line, "%s is OK: found %s, \"%s\"", expression, status_name(found.code),
                  err != NULL ? err->text : "");
    }
}

/* Writes `s` so that a terminal shows what is in it. */
static const char *shown(str s, char *out)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n && n + 8 < SHOWN_BYTES_MAX; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c >= ' ' && c < 0x7f && c != '\\') {
            out[n++] = (char)c;
        } else {
            n += (size_t)snprintf(out + n, 5, "\\x%02x", c);
        }
    }
    out[n] = '\0';
    return out;
}

void test_expect_str(str found, str wanted, const char *expression, const char *file, int line)
{
    if (!str_eq(found, wanted)) {
        char a[SHOWN_BYTES_MAX];
        char b[SHOWN_BYTES_MAX];
        test_fail(file, line, "%s is \"%s\" (%zu bytes): found \"%s\" (%zu bytes)", expression,
                  shown(wanted, a), wanted.n, shown(found, b), found.n);
    }
}

void test_expect_int(intmax_t found, intmax_t wanted, const char *expression, const char *file,
                     int line)
{
    if (found != wanted) {
        test_fail(file, line, "%s: found %jd, wanted %jd", expression, found, wanted);
    }
}

void test_expect_uint(uintmax_t found, uintmax_t wanted, const char *expression, const char *file,
                      int line)
{
    if (found != wanted) {
        test_fail(file, line, "%s: found %ju, wanted %ju", expression, found, wanted);
    }
}

/* cmocka has just set its own handlers for crashes; this puts back those from before main. */
static void run_one(void **state)
{
    for (size_t i = 0; i < CRASH_SIGNAL_COUNT; i++) {
        sigaction(crash_signals[i], &crash_actions[i], NULL);
    }
    const struct test_case *test = *state;
    test->run();
}

/* Usage: <test> [part of a test's name]. The exit status is 0 when every test held, at least one
 * ran, and none of the given name is missing. */
int main(int argc, char **argv)
{
    const char *filter = argc > 1 ? argv[1] : "";
    on_test_thread = true;
    for (size_t i = 0; i < CRASH_SIGNAL_COUNT; i++) {
        sigaction(crash_signals[i], NULL, &crash_actions[i]);
    }

    size_t total = 0;
    for (struct test_case *test = first_test; test != NULL; test = test->next) {
        total++;
    }
    struct CMUnitTest *tests = calloc(total + 1, sizeof *tests);
    if (tests == NULL) {
        fputs("out of memory\n", stderr);
        return EXIT_FAILURE;
    }
    size_t count = 0;
    for (struct test_case *test = first_test; test != NULL; test = test->next) {
        if (strstr(test->name, filter) != NULL) {
            tests[count++] = (struct CMUnitTest){
                .name = test->name, .test_func = run_one, .initial_state = test};
        }
    }
    int failed = 1;
    if (count == 0) {
        fprintf(stderr, "none of %zu tests has \"%s\" in its name\n", total, filter);
    } else {
        failed = _cmocka_run_group_tests(argv[0], tests, count, NULL, NULL);
    }
    free(tests);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

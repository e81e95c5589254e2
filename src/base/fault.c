/* base/fault.c -- counts and settings of the fault points. */
#include "base/fault.h"
#include "base/check.h"
#include "base/lock.h"
#include "base/mem.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

static const char *const names[] = {
#define FAULT(name) name,
#include "base/fault.def"
#undef FAULT
};

enum { NAME_COUNT = sizeof names / sizeof names[0] };

const char *fault_name(unsigned index)
{
    return index < NAME_COUNT ? names[index] : NULL;
}

enum action { ACTION_NONE, ACTION_CRASH, ACTION_ERRNO, ACTION_DELAY };

struct setting {
    enum action action;
    int error;         /* errno of ACTION_ERRNO */
    uint64_t delay_ms; /* of ACTION_DELAY */
    uint64_t at;       /* acts when this hit is reached; 0 = always */
    bool onwards;      /* ... and on every later one */
    uint64_t hits;
};

static struct setting settings[NAME_COUNT];
static pthread_mutex_t guard = PTHREAD_MUTEX_INITIALIZER; /* a leaf; used before locks are ranked */

static int index_of(str name)
{
    for (unsigned i = 0; i < NAME_COUNT; i++) {
        if (str_eq_c(name, names[i])) {
            return (int)i;
        }
    }
    return -1;
}

static bool parse_action(str text, struct setting *s)
{
    static const struct {
        const char *word;
        enum action action;
        int error;
    } words[] = {
        {"crash", ACTION_CRASH, 0}, {"eio", ACTION_ERRNO, EIO}, {"enospc", ACTION_ERRNO, ENOSPC}};
    ptrdiff_t at = str_find_char(text, '@');
    if (at >= 0) {
        str when = str_skip(text, (size_t)at + 1);
        text = str_slice(text, 0, (size_t)at);
        if (when.n > 0 && when.p[when.n - 1] == '+') {
            s->onwards = true;
            when.n--;
        }
        if (!str_to_u64(when, &s->at) || s->at == 0) {
            return false;
        }
    }
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (str_eq_c(text, words[i].word)) {
            s->action = words[i].action;
            s->error = words[i].error;
            return true;
        }
    }
    if (str_starts_with(text, STR_LIT("delay:"))) {
        s->action = ACTION_DELAY;
        return str_to_u64(str_skip(text, 6), &s->delay_ms);
    }
    return false;
}

bool fault_set(const char *specification)
{
    str rest = str_from(specification);
    while (rest.n > 0) {
        ptrdiff_t end = str_find_char(rest, ';');
        str one = end >= 0 ? str_slice(rest, 0, (size_t)end) : rest;
        rest = end >= 0 ? str_skip(rest, (size_t)end + 1) : (str){NULL, 0};
        one = str_trim(one);
        if (one.n == 0) {
            continue;
        }
        ptrdiff_t equals = str_find_char(one, '=');
        if (equals < 0) {
            return false;
        }
        int index = index_of(str_slice(one, 0, (size_t)equals));
        struct setting s = {0};
        if (index < 0 || !parse_action(str_skip(one, (size_t)equals + 1), &s)) {
            return false;
        }
        (void)pthread_mutex_lock(&guard);
        settings[index] = s;
        (void)pthread_mutex_unlock(&guard);
    }
    return true;
}

void fault_clear(void)
{
    (void)pthread_mutex_lock(&guard);
    memset(settings, 0, sizeof settings);
    (void)pthread_mutex_unlock(&guard);
}

uint64_t fault_hits(const char *name)
{
    int index = index_of(str_from(name));
    if (index < 0) {
        return 0;
    }
    (void)pthread_mutex_lock(&guard);
    uint64_t hits = settings[index].hits;
    (void)pthread_mutex_unlock(&guard);
    return hits;
}

#ifdef KALAM_TESTING

int fault_hit(const char *name)
{
    int index = index_of(str_from(name));
    CHECK(index >= 0); /* list the point in fault.def */
    (void)pthread_mutex_lock(&guard);
    struct setting *s = &settings[index];
    s->hits++;
    bool acts = s->at == 0 || s->hits == s->at || (s->onwards && s->hits > s->at);
    struct setting now = *s;
    (void)pthread_mutex_unlock(&guard);
    if (!acts) {
        return 0;
    }
    if (now.action == ACTION_CRASH) {
        _exit(137);
    }
    if (now.action == ACTION_DELAY) {
        struct timespec t = {(time_t)(now.delay_ms / 1000), (long)(now.delay_ms % 1000) * 1000000L};
        (void)nanosleep(&t, NULL);
    }
    return now.action == ACTION_ERRNO ? now.error : 0;
}

#endif

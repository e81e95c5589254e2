/* tests/unit/live/watchers.h -- a store in memory, one loop, workers moved by hand, and clients
 * that write down what they are sent; a client also keeps the rows as an official client would.
 * Threads:  one test thread, besides the committer's. */
#ifndef TESTS_LIVE_WATCHERS_H
#define TESTS_LIVE_WATCHERS_H

#include "../store/world.h"
#include "live/live.h"
#include "live/live_private.h"

enum { WATCHER_ROWS_MAX = 256, WATCHER_TEXT_MAX = 40, WATCHER_MESSAGES_MAX = 20000 };

struct watcher_row {
    int64_t id;
    uint64_t seq;
    char text[WATCHER_TEXT_MAX]; /* of column v; "NULL" for null */
};

struct watcher {
    struct live_client client;
    char *messages[WATCHER_MESSAGES_MAX]; /* JSON texts */
    unsigned count;
    unsigned seen;     /* of them, by watcher_next */
    unsigned room;     /* messages that the socket still takes; UINT_MAX: any number */
    bool was_full;     /* a message was refused: drained must be called */
    int subscriptions; /* by ops->counted */
    bool is_overloaded;
    void (*on_send)(void); /* runs once, at the next message; NULL: none */
    unsigned errors;
    unsigned leaves;
    bool is_ready;     /* a batch said so */
    uint64_t last_seq; /* greatest `_seq` seen: what `from` would be */
    struct watcher_row rows[WATCHER_ROWS_MAX];
    unsigned row_count;
};

struct watchers {
    struct world world;
    struct query_engine *engine;
    struct loop *loop;
    struct live *live;
    atomic_count watching;
    struct live_loop *live_loop;
    struct page *pages[64]; /* submitted, oldest first */
    unsigned page_count;
    bool refuses_pages; /* submit says FULL */
    struct snowflake ids;
};

void watchers_open(struct watchers *w);
void watchers_close(struct watchers *w);
/* Turns of the loop until nothing is left to do. */
void watchers_settle(struct watchers *w);
/* Runs the oldest page as a worker would; its result is posted, not yet taken. False: none. */
bool watchers_run_page(struct watchers *w);
/* Pages and turns until nothing is left to do. */
void watchers_finish(struct watchers *w);
/* A row of app.t, whatever columns it has by now. */
void watchers_insert(struct watchers *w, int64_t id, const char *text);
/* "1=a 2=b" of the rows of app.t whose text begins with `prefix`, by id; a static buffer. */
const char *watchers_show(struct watchers *w, const char *prefix);

void watcher_open(struct watchers *w, struct watcher *watcher, const char *user, enum role role);
void watcher_close(struct watcher *watcher);
/* Subscribes as `id`; options NULL: none. "batch_size=2 last_rows=1 from=7 leaves". */
void watcher_subscribe(struct watcher *watcher, const char *id, const char *sql,
                       const char *options);
/* The next message, or "" when there is none. */
const char *watcher_next(struct watcher *watcher);
/* Room for `messages` more, and drained. */
void watcher_drain(struct watcher *watcher, unsigned messages);
/* "1=a 2=b" of the rows that the client has, by id; a static buffer. */
const char *watcher_show(const struct watcher *watcher);
/* Forgets rows and messages: a client that starts anew. */
void watcher_forget(struct watcher *watcher);

/* ALTER TABLE app.t ADD COLUMN: a new schema version. */
void watchers_add_column(struct watchers *w, const char *name);
/* Without column v. */
void watchers_drop_column_v(struct watchers *w);

#endif

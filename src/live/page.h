/* live/page.h -- one step of a load: rows of the store for one subscription, read in one view.
 * For:      subscription.c, which lends a page to a worker and gets it back on its loop.
 * Rules:    a page is read from one short view and never above `to` (H of the subscription). The
 *           page leaves after a sync that covers all that its view saw: what a client was told is
 *           there after a power cut too.
 * Touches:  store/read, the committer (sync). Blocks; runs on a worker.
 * Owns:     its plan (counted), its results.
 * Threads:  in turn the loop's and a worker's; `is_cancelled` may be set by the loop meanwhile. */
#ifndef LIVE_PAGE_H
#define LIVE_PAGE_H

#include "live/plan.h"
#include "live/payload.h"
#include "net/loop.h"

enum page_kind {
    PAGE_PLAN,   /* no rows: makes the plan, where that needs the disk */
    PAGE_ROWS,   /* matching rows, ascending by _seq, as JSON objects */
    PAGE_NEWEST, /* the newest `rows_max` matching rows, ascending, all at once */
    PAGE_REPLAY  /* matching rows and tombstones as change messages, ascending */
};

enum {
    PAGE_ROWS_DEFAULT = 1000,   /* batch_size of a client that does not say */
    PAGE_ROWS_MAX = 10000,      /* of one page, whatever the client says */
    PAGE_BYTES_AUTO = 1 << 20,  /* of a page that we continue by ourselves */
    PAGE_BYTES_PAGED = 4 << 20, /* of a page that the client asked for by batch_size */
    PAGE_NEWEST_BYTES_MAX = 16 << 20,
    PAGE_REPLAY_ROWS = 1000,
    PAGE_REPLAY_BYTES = 256 << 10
};

struct page_change {
    struct payload *payload;
    uint64_t seq;
};

struct page {
    struct loop_task task; /* back to the loop */
    struct loop *loop;
    void *owner; /* the subscription's */
    atomic_count is_cancelled;

    /* -- what is wanted -- */
    enum page_kind kind;
    struct query_engine *engine;
    struct catalog *catalog;
    struct committer *committer;
    struct live_plan *plan; /* counted; PAGE_PLAN: the result */
    struct live_plan_request plan_request;
    uint64_t after; /* rows with after < _seq <= to */
    uint64_t to;
    uint32_t rows_max;
    size_t bytes_max;
    bool is_resume; /* `after` comes from a client: it must be at most the head, and (REPLAY) not
                       below the floor. ROWS begins from 0 then, REPLAY says is_resync */
    bool leaves;    /* REPLAY: rows that do not match are told too */

    /* -- what came -- */
    status result;
    struct error error;
    bool is_bad_row; /* the error is a row that JSON cannot say */
    struct buf rows; /* ROWS, NEWEST: objects separated by commas */
    unsigned row_count;
    struct page_change *changes; /* REPLAY */
    unsigned change_count;
    size_t change_capacity;
    uint64_t last_seq; /* of the last row that was taken; REPLAY: that was looked at; 0: none */
    bool has_more;
    bool is_resync;
    uint64_t view_head; /* nothing above it was in the view */

    struct arena arena; /* plan_request's texts */
};

/* An empty page, not yet asked for; ended by page_destroy. */
struct page *page_create(enum page_kind kind);
/* What is left of its results is given back. */
void page_destroy(struct page *page);
/* Fills the results. On a worker: a pool_task_fn's body. */
void page_run(struct page *page, unsigned worker);

#endif

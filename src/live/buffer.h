/* live/buffer.h -- changes that a subscription cannot send now, one per key.
 * For:      subscriptions that load, and those whose socket is full.
 * Rules:    a key that changes again moves to the end, so that entries leave in the order of their
 *           newest `_seq` (a client resumes from the greatest it saw). Insert and delete never
 *           cancel out: the last state is sent.
 * Owns:     copies of keys and rows. Bounded by its caller: see buffer_bytes.
 * Threads:  one at a time (the loop). */
#ifndef LIVE_BUFFER_H
#define LIVE_BUFFER_H

#include "base/map.h"
#include "live/event.h"

struct buffer_entry {
    struct buffer_entry *next;
    struct buffer_entry *prev;
    str key;           /* of the map */
    bool leaves;       /* the row does not match any more */
    bool has_base;     /* the client may have the row as it was before the first of these changes */
    enum change_op op; /* of the last change */
    uint64_t seq;      /* of the last change */
    uint64_t row_seq;  /* STREAM deletes: of the row that went */
    uint64_t base_seq;
    str row;  /* bytes of the last version */
    str base; /* bytes of the version that the client may have; empty: not at hand */
};

struct buffer {
    struct map by_key;
    struct buffer_entry *first; /* oldest */
    struct buffer_entry *last;
    unsigned count;
    size_t bytes; /* of everything held */
};

/* An empty buffer; ended by its release, which gives back the rows it holds. */
void buffer_init(struct buffer *buffer);
void buffer_release(struct buffer *buffer);
/* Forgets all entries. */
void buffer_clear(struct buffer *buffer);
/* Adds a change; `leaves`: as a row that left the filter. True: it replaced an entry. */
bool buffer_add(struct buffer *buffer, const struct change *change, bool leaves);
/* Removes the oldest entry; NULL: empty. Ended by buffer_entry_free. */
struct buffer_entry *buffer_pop(struct buffer *buffer);
void buffer_entry_free(struct buffer_entry *entry);
/* What the entry says to a client, but for the values of the rows. */
enum event_kind buffer_entry_kind(const struct buffer_entry *entry, enum table_kind kind);

#endif

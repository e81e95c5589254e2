/* live/index.h -- whose filter asks for this value? So that the cost of a write does not grow with
 * subscriptions that do not match.
 * For:      one feed: subscriptions with `column = constant` in their filter are found by value,
 * the others are asked one by one. Owns:     its lists; never the subscriptions (opaque here),
 * which carry a struct index_place. Threads:  one at a time (the loop). */
#ifndef LIVE_INDEX_H
#define LIVE_INDEX_H

#include "base/buf.h"
#include "base/map.h"
#include "model/value.h"

struct index_bucket;

/* Where a subscription stands. */
struct index_place {
    struct index_bucket *bucket;
    size_t at;
};

struct index_bucket {
    struct index_place **places; /* embedded in the subscriptions */
    size_t count;
    size_t capacity;
    struct index_column *column; /* NULL: the bucket of those without an equality */
    str key;                     /* of the map, for removal */
};

struct index_column {
    unsigned column;
    struct map buckets; /* key bytes -> struct index_bucket */
};

struct index {
    struct index_bucket rest;
    struct index_column **columns;
    size_t column_count;
    size_t column_capacity;
    struct buf scratch;
};

/* An empty index; the subscriptions in it are borrowed. */
void index_init(struct index *index);
/* Every place has been removed. */
void index_release(struct index *index);
/* Under `column = key` (encoded as in model/key.h). */
void index_add(struct index *index, unsigned column, str key, struct index_place *place);
void index_add_rest(struct index *index, struct index_place *place);
void index_remove(struct index *index, struct index_place *place);
/* Hands over the buckets that a row with these values (and, if not NULL, these values before) may
 * match: each at most once, never an empty one. */
typedef void index_visit_fn(void *context, const struct index_bucket *bucket);
void index_find(struct index *index, const struct value *values, const struct value *before,
                index_visit_fn *visit, void *context);

#endif

/* auth/lru.h -- a bounded map that forgets what was not used for longest.
 * For:      the token cache and the rate limiters: keys come from outside, memory does not grow.
 * Owns:     its keys and values (fixed-size bytes). Threads: one at a time. */
#ifndef AUTH_LRU_H
#define AUTH_LRU_H

#include "base/map.h"

struct lru_entry;

struct lru {
    struct map map; /* key -> struct lru_entry */
    struct lru_entry *newest;
    struct lru_entry *oldest;
    size_t entries_max;
    size_t value_bytes;
};

/* `entries_max` >= 1. */
void lru_init(struct lru *lru, size_t entries_max, size_t value_bytes);
void lru_release(struct lru *lru);
/* The value, which is now the newest; NULL: there is none. Valid until the next put or remove. */
void *lru_find(struct lru *lru, str key);
/* The value of `key`, made of zero bytes if it is new; a full map drops its oldest for it. */
void *lru_put(struct lru *lru, str key, bool *is_new);
void lru_remove(struct lru *lru, str key);
void lru_clear(struct lru *lru);
static inline size_t lru_count(const struct lru *lru)
{
    return lru->map.count;
}

#endif

/* auth/lru.c -- a hash map whose values are linked in order of use. */
#include "auth/lru.h"
#include "base/check.h"

struct lru_entry {
    struct lru_entry *newer;
    struct lru_entry *older;
    size_t key_bytes;
    _Alignas(16) char bytes[]; /* the value, then the key */
};

static str key_of(const struct lru *lru, const struct lru_entry *entry)
{
    return str_of(entry->bytes + lru->value_bytes, entry->key_bytes);
}

void lru_init(struct lru *lru, size_t entries_max, size_t value_bytes)
{
    CHECK(entries_max >= 1);
    *lru = (struct lru){.entries_max = entries_max, .value_bytes = value_bytes};
    map_init(&lru->map);
}

static void unlink_entry(struct lru *lru, struct lru_entry *entry)
{
    *(entry->newer != NULL ? &entry->newer->older : &lru->newest) = entry->older;
    *(entry->older != NULL ? &entry->older->newer : &lru->oldest) = entry->newer;
}

static void link_newest(struct lru *lru, struct lru_entry *entry)
{
    entry->newer = NULL;
    entry->older = lru->newest;
    *(lru->newest != NULL ? &lru->newest->newer : &lru->oldest) = entry;
    lru->newest = entry;
}

static void drop(struct lru *lru, struct lru_entry *entry)
{
    CHECK(map_remove(&lru->map, key_of(lru, entry)) == entry);
    unlink_entry(lru, entry);
    mem_free(entry);
}

void lru_clear(struct lru *lru)
{
    while (lru->oldest != NULL) {
        drop(lru, lru->oldest);
    }
}

void lru_release(struct lru *lru)
{
    lru_clear(lru);
    map_release(&lru->map);
}

void *lru_find(struct lru *lru, str key)
{
    struct lru_entry *entry = map_find(&lru->map, key);
    if (entry == NULL) {
        return NULL;
    }
    unlink_entry(lru, entry);
    link_newest(lru, entry);
    return entry->bytes;
}

void *lru_put(struct lru *lru, str key, bool *is_new)
{
    void *found = lru_find(lru, key);
    *is_new = found == NULL;
    if (found != NULL) {
        return found;
    }
    if (lru->map.count == lru->entries_max) {
        drop(lru, lru->oldest);
    }
    struct lru_entry *entry = mem_alloc_zeroed(sizeof *entry + lru->value_bytes + key.n);
    entry->key_bytes = key.n;
    if (key.n > 0) {
        memcpy(entry->bytes + lru->value_bytes, key.p, key.n);
    }
    CHECK(map_put(&lru->map, key, entry) == NULL);
    link_newest(lru, entry);
    return entry->bytes;
}

void lru_remove(struct lru *lru, str key)
{
    struct lru_entry *entry = map_find(&lru->map, key);
    if (entry != NULL) {
        drop(lru, entry);
    }
}

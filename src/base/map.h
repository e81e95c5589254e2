/* base/map.h -- a hash map from bytes to a pointer.
 * For:      names to objects, keys to entries. Open addressing, copies its keys.
 * Owns:     its copies of the keys; never the values.
 * Threads:  one at a time; readers may share a map that nobody changes. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/mem.h"
#include "base/str.h"

struct map_slot {
    char *key; /* NULL: free; MAP_GONE: removed */
    size_t key_bytes;
    uint64_t hash;
    void *value;
};

struct map {
    struct map_slot *slots;
    size_t capacity; /* a power of two, or 0 */
    size_t count;    /* live entries */
    size_t used;     /* live and removed slots */
};

/* An empty map; map_release frees slots and keys, never values. */
void map_init(struct map *map);
void map_release(struct map *map);
/* The value of `key`, or NULL. */
void *map_find(const struct map *map, str key);
/* Sets the value (not NULL) and returns the one before, or NULL. */
void *map_put(struct map *map, str key, void *value);
/* Removes the key and returns its value, or NULL. */
void *map_remove(struct map *map, str key);
/* Removes every entry, keeps the memory. */
void map_clear(struct map *map);
/* Walks all entries in no order: start with *position = 0; false at the end. The map must not
 * change meanwhile. */
bool map_next(const struct map *map, size_t *position, str *key, void **value);

#endif

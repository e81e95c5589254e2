/* base/map.c -- linear probing over a power of two; removed slots are marked and swept by growth.
 */
#include "base/map.h"
#include "base/check.h"
#include "base/hash.h"

static char gone_mark;
#define MAP_GONE (&gone_mark)

void map_init(struct map *map)
{
    *map = (struct map){0};
}

void map_clear(struct map *map)
{
    for (size_t i = 0; i < map->capacity; i++) {
        if (map->slots[i].key != MAP_GONE) {
            mem_free(map->slots[i].key);
        }
        map->slots[i] = (struct map_slot){0};
    }
    map->count = 0;
    map->used = 0;
}

void map_release(struct map *map)
{
    map_clear(map);
    mem_free(map->slots);
    map_init(map);
}

/* The slot of `key`, or the one to put it in; NULL in a map without slots. */
static struct map_slot *probe(const struct map *map, str key, uint64_t hash, bool for_put)
{
    struct map_slot *gone = NULL;
    for (size_t i = 0; i < map->capacity; i++) {
        struct map_slot *slot = &map->slots[(hash + i) & (map->capacity - 1)];
        if (slot->key == NULL) {
            return for_put ? (gone != NULL ? gone : slot) : NULL;
        }
        if (slot->key == MAP_GONE) {
            gone = gone != NULL ? gone : slot;
        } else if (slot->hash == hash && str_eq((str){slot->key, slot->key_bytes}, key)) {
            return slot;
        }
    }
    return for_put ? gone : NULL;
}

static void rebuild(struct map *map, size_t capacity)
{
    struct map_slot *old = map->slots;
    size_t old_capacity = map->capacity;
    map->slots = mem_alloc_zeroed(capacity * sizeof *map->slots);
    map->capacity = capacity;
    map->used = map->count;
    for (size_t i = 0; i < old_capacity; i++) {
        if (old[i].key != NULL && old[i].key != MAP_GONE) {
            struct map_slot *slot =
                probe(map, (str){old[i].key, old[i].key_bytes}, old[i].hash, true);
            *slot = old[i];
        }
    }
    mem_free(old);
}

void *map_find(const struct map *map, str key)
{
    if (map->count == 0) {
        return NULL;
    }
    struct map_slot *slot = probe(map, key, hash_bytes(key), false);
    return slot != NULL ? slot->value : NULL;
}

void *map_put(struct map *map, str key, void *value)
{
    CHECK(value != NULL);
    if ((map->used + 1) * 4 > map->capacity * 3) {
        size_t capacity = 16;
        while (capacity < (map->count + 1) * 2) {
            capacity *= 2;
        }
        rebuild(map, capacity);
    }
    uint64_t hash = hash_bytes(key);
    struct map_slot *slot = probe(map, key, hash, true);
    if (slot->key != NULL && slot->key != MAP_GONE) {
        void *before = slot->value;
        slot->value = value;
        return before;
    }
    map->used += slot->key == NULL ? 1 : 0;
    map->count++;
    *slot = (struct map_slot){mem_copy(key.p, key.n), key.n, hash, value};
    return NULL;
}

void *map_remove(struct map *map, str key)
{
    if (map->count == 0) {
        return NULL;
    }
    struct map_slot *slot = probe(map, key, hash_bytes(key), false);
    if (slot == NULL) {
        return NULL;
    }
    void *value = slot->value;
    mem_free(slot->key);
    *slot = (struct map_slot){.key = MAP_GONE};
    map->count--;
    return value;
}

bool map_next(const struct map *map, size_t *position, str *key, void **value)
{
    for (; *position < map->capacity; (*position)++) {
        const struct map_slot *slot = &map->slots[*position];
        if (slot->key != NULL && slot->key != MAP_GONE) {
            *key = (str){slot->key, slot->key_bytes};
            *value = slot->value;
            (*position)++;
            return true;
        }
    }
    return false;
}

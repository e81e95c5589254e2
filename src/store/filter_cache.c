/* store/filter_cache.c -- see filter_cache.h. */
#include "store/filter_cache.h"
#include "base/check.h"
#include "base/fs.h"
#include "store/bloom.h"
#include "store/parquet_tail.h"
#include "store/store_private.h"

/* One column of one file. */
struct filter_entry {
    struct filter_entry *newer;
    struct filter_entry *older;
    char *key;
    size_t key_bytes;
    size_t bytes; /* of this entry */
    enum parquet_meaning meaning;
    bool is_narrow;       /* INT32 in the file */
    unsigned group_count; /* 0: some row group has no filter, so nothing is known */
    uint32_t sizes[];     /* of each group's filter; the bits follow */
};

void filter_cache_init(struct filter_cache *cache, uint64_t bytes_max)
{
    *cache = (struct filter_cache){.stats.bytes_max = bytes_max};
    lock_init(&cache->lock, LOCK_STORE_FILTERS);
    map_init(&cache->entries);
}

static void drop_entry(struct filter_entry *entry)
{
    mem_free(entry->key);
    mem_free(entry);
}

void filter_cache_release(struct filter_cache *cache)
{
    for (struct filter_entry *entry = cache->oldest; entry != NULL;) {
        struct filter_entry *newer = entry->newer;
        drop_entry(entry);
        entry = newer;
    }
    map_release(&cache->entries);
    lock_release(&cache->lock);
}

/* -- the list, under the lock --------------------------------------------------------------------
 */

static void unlink_entry(struct filter_cache *cache, struct filter_entry *entry)
{
    *(entry->newer != NULL ? &entry->newer->older : &cache->newest) = entry->older;
    *(entry->older != NULL ? &entry->older->newer : &cache->oldest) = entry->newer;
}

static void link_newest(struct filter_cache *cache, struct filter_entry *entry)
{
    entry->newer = NULL;
    entry->older = cache->newest;
    *(cache->newest != NULL ? &cache->newest->newer : &cache->oldest) = entry;
    cache->newest = entry;
}

static void remove_entry(struct filter_cache *cache, struct filter_entry *entry)
{
    unlink_entry(cache, entry);
    (void)map_remove(&cache->entries, str_of(entry->key, entry->key_bytes));
    cache->stats.bytes -= entry->bytes;
    cache->stats.entries--;
    drop_entry(entry);
}

/* The cache owns the entry. One that alone is too large is not kept. */
static void put_entry(struct filter_cache *cache, struct filter_entry *entry)
{
    struct filter_entry *same = map_find(&cache->entries, str_of(entry->key, entry->key_bytes));
    if (same != NULL) { /* another thread was first */
        remove_entry(cache, same);
    }
    (void)map_put(&cache->entries, str_of(entry->key, entry->key_bytes), entry);
    link_newest(cache, entry);
    cache->stats.bytes += entry->bytes;
    cache->stats.entries++;
    while (cache->stats.bytes > cache->stats.bytes_max) {
        remove_entry(cache, cache->oldest);
        cache->stats.evictions++;
    }
}

/* -- asking -------------------------------------------------------------------------------------
 */

static bool has_meaning(const struct value *v, enum parquet_meaning meaning)
{
    switch (v->type.id) {
    case TYPE_TEXT:
        return meaning == PARQUET_TEXT;
    case TYPE_SMALLINT:
    case TYPE_INT:
    case TYPE_BIGINT:
        return meaning == PARQUET_INTEGER;
    case TYPE_TIMESTAMP:
        return meaning == PARQUET_TIMESTAMP_US;
    default:
        return false;
    }
}

static bool entry_may_have(const struct filter_entry *entry, const struct value *v)
{
    if (entry->group_count == 0 || v->is_null || !has_meaning(v, entry->meaning)) {
        return true;
    }
    bool is_text = v->type.id == TYPE_TEXT;
    if (!is_text && entry->is_narrow && (v->as.integer < INT32_MIN || v->as.integer > INT32_MAX)) {
        return false; /* the column was widened since */
    }
    uint64_t hash = is_text            ? bloom_hash_bytes(v->as.text)
                    : entry->is_narrow ? bloom_hash_i32((int32_t)v->as.integer)
                                       : bloom_hash_i64(v->as.integer);
    const uint8_t *bits = (const uint8_t *)(entry->sizes + entry->group_count);
    for (unsigned g = 0; g < entry->group_count; g++) {
        if (bloom_may_have(bits, entry->sizes[g], hash)) {
            return true;
        }
        bits += entry->sizes[g];
    }
    return false;
}

/* -- reading a tail ------------------------------------------------------------------------------
 */

static status damaged(const struct segment *segment, struct error *err)
{
    return error_set(err, ERROR_CORRUPT,
                     "the filters of segment batch-%llu.parquet do not have their checksum",
                     (unsigned long long)segment->number);
}

/* The bits of one group in the tail; empty: it has no filter. */
static status group_bits(const struct segment *segment, str tail, struct parquet_filter place,
                         str *bits, struct error *err)
{
    uint64_t start = segment->bytes - segment->tail_bytes;
    *bits = str_of(NULL, 0);
    if (place.length == 0) {
        return STATUS_IS_OK;
    }
    if (place.offset < start || place.offset - start > tail.n ||
        place.length > tail.n - (place.offset - start)) {
        return damaged(segment, err);
    }
    size_t at = (size_t)(place.offset - start);
    return parquet_filter_open(str_slice(tail, at, at + place.length), bits, err);
}

/* The entry of a column from a tail that has its checksum. */
static status make_entry(const struct segment *segment, str tail, uint32_t field_id,
                         struct arena *arena, struct filter_entry **out, struct error *err)
{
    struct parquet_footer footer;
    uint64_t length = 0;
    if (tail.n < PARQUET_END_BYTES) {
        return damaged(segment, err);
    }
    size_t end = tail.n - PARQUET_END_BYTES;
    TRY(parquet_footer_length(str_skip(tail, end), &length, err));
    if (length > end) {
        return damaged(segment, err);
    }
    TRY(parquet_footer_parse(str_slice(tail, end - (size_t)length, end), arena, &footer, err));
    int leaf = parquet_find_leaf(&footer, field_id);
    unsigned groups = leaf < 0 ? 0 : footer.group_count;
    str *bits = ARENA_ARRAY(arena, str, groups + 1);
    size_t total = 0;
    for (unsigned g = 0; g < groups; g++) {
        TRY(group_bits(segment, tail,
                       footer.filters[(size_t)g * footer.leaf_count + (unsigned)leaf], &bits[g],
                       err));
        total += bits[g].n;
        groups = bits[g].n == 0 ? 0 : groups;
    }
    total = groups == 0 ? 0 : total;
    size_t bytes = sizeof **out + groups * sizeof(uint32_t) + total;
    struct filter_entry *entry = mem_alloc_zeroed(bytes);
    entry->bytes = bytes;
    entry->group_count = groups;
    entry->meaning = leaf < 0 ? PARQUET_OTHER : footer.leaves[leaf].meaning;
    entry->is_narrow = leaf >= 0 && footer.leaves[leaf].physical == PARQUET_INT32;
    char *at = (char *)(entry->sizes + groups);
    for (unsigned g = 0; g < groups; g++) {
        entry->sizes[g] = (uint32_t)bits[g].n;
        memcpy(at, bits[g].p, bits[g].n);
        at += bits[g].n;
    }
    *out = entry;
    return STATUS_IS_OK;
}

static status load_entry(const struct segment *segment, str path, uint32_t field_id,
                         struct filter_entry **out, struct error *err)
{
    char *bytes = mem_try_alloc((size_t)segment->tail_bytes);
    if (bytes == NULL) {
        return error_set(err, ERROR_MEMORY, "no memory for the filters of a segment");
    }
    struct arena arena;
    arena_init(&arena);
    str tail = {bytes, (size_t)segment->tail_bytes};
    status result = fs_read_at(path.p, segment->bytes - segment->tail_bytes, bytes, tail.n, err);
    if (result.code == STATUS_NOT_FOUND) {
        result = error_set(err, ERROR_CORRUPT, "segment batch-%llu.parquet is missing",
                           (unsigned long long)segment->number);
    }
    if (status_ok(result)) {
        hash128 sum = hash128_bytes(tail);
        bool is_whole =
            sum.low == segment->tail_checksum.low && sum.high == segment->tail_checksum.high;
        result = is_whole ? make_entry(segment, tail, field_id, &arena, out, err)
                          : damaged(segment, err);
    }
    arena_release(&arena);
    mem_free(bytes);
    return result;
}

/* -- the door -----------------------------------------------------------------------------------
 */

static void entry_key(struct buf *key, const struct segment *segment, str path, uint32_t field_id)
{
    buf_append_u32le(key, field_id);
    buf_append_u64le(key, segment->tail_checksum.low);
    buf_append_u64le(key, segment->tail_checksum.high);
    buf_append_str(key, path);
}

/* True: it was there, and *may is the answer. */
static bool ask_cached(struct filter_cache *cache, str key, const struct value *v, bool *may)
{
    lock_take(&cache->lock);
    struct filter_entry *entry = map_find(&cache->entries, key);
    if (entry != NULL) {
        unlink_entry(cache, entry);
        link_newest(cache, entry);
        *may = entry_may_have(entry, v);
    }
    *(entry != NULL ? &cache->stats.hits : &cache->stats.misses) += 1;
    lock_give(&cache->lock);
    return entry != NULL;
}

status segment_may_have(struct store *store, const struct segment *segment, str path,
                        uint32_t field_id, const struct value *v, bool *may, struct error *err)
{
    struct filter_cache *cache = &store->filters;
    *may = true;
    if (segment->tail_bytes == 0 || cache->stats.bytes_max == 0) {
        return STATUS_IS_OK;
    }
    struct buf key;
    buf_init(&key);
    entry_key(&key, segment, path, field_id);
    status result = STATUS_IS_OK;
    if (!ask_cached(cache, buf_str(&key), v, may)) {
        struct filter_entry *entry = NULL;
        result = load_entry(segment, path, field_id, &entry, err);
        if (status_ok(result)) {
            *may = entry_may_have(entry, v);
            entry->key = mem_copy(key.p, key.n);
            entry->key_bytes = key.n;
            entry->bytes += key.n;
            lock_take(&cache->lock);
            put_entry(cache, entry);
            lock_give(&cache->lock);
        }
    }
    buf_release(&key);
    return result;
}

void segment_count_pruned(struct store *store, uint64_t listed, uint64_t pruned)
{
    lock_take(&store->filters.lock);
    store->filters.stats.files_listed += listed;
    store->filters.stats.files_pruned += pruned;
    lock_give(&store->filters.lock);
}

void store_filter_stats(struct store *store, struct filter_cache_stats *out)
{
    lock_take(&store->filters.lock);
    *out = store->filters.stats;
    lock_give(&store->filters.lock);
}

/* store/registry.c -- see registry.h. */
#include "base/check.h"
#include "store/store_private.h"

void registry_init(struct registry *registry)
{
    *registry = (struct registry){0};
    lock_init(&registry->lock, LOCK_STORE_TABLES);
    map_init(&registry->by_key);
    map_init(&registry->written);
}

static void entry_destroy(struct registry_entry *entry)
{
    mem_free(entry); /* its key is in the same block */
}

void registry_release(struct registry *registry)
{
    for (size_t i = 0; i < registry->count; i++) {
        entry_destroy(registry->entries[i]);
    }
    mem_free(registry->entries);
    map_release(&registry->by_key);
    map_release(&registry->written);
    lock_release(&registry->lock);
}

static struct registry_entry *entry_create(str key)
{
    struct key_parts parts;
    CHECK(key_split(key, &parts));
    CHECK(parts.kind == KEY_STATE);
    struct registry_entry *entry = mem_alloc_zeroed(sizeof *entry + key.n);
    memcpy(entry + 1, key.p, key.n);
    entry->key = str_of(entry + 1, key.n);
    entry->table = parts.table;
    return entry;
}

void registry_set(struct registry *registry, str state_key, const struct table_state *state)
{
    lock_take(&registry->lock);
    struct registry_entry *entry = map_find(&registry->by_key, state_key);
    if (entry == NULL) {
        entry = entry_create(state_key);
        registry->entries = mem_grow(registry->entries, &registry->capacity, registry->count + 1,
                                     sizeof(struct registry_entry *));
        entry->index = registry->count;
        registry->entries[registry->count++] = entry;
        (void)map_put(&registry->by_key, state_key, entry);
    }
    entry->state = *state;
    lock_give(&registry->lock);
}

void registry_remove(struct registry *registry, str state_key)
{
    lock_take(&registry->lock);
    struct registry_entry *entry = map_remove(&registry->by_key, state_key);
    if (entry != NULL) {
        struct registry_entry *last = registry->entries[--registry->count];
        registry->entries[entry->index] = last;
        last->index = entry->index;
        entry_destroy(entry);
    }
    lock_give(&registry->lock);
}

void registry_note_write(struct registry *registry, table_id table, uint64_t seq)
{
    static_assert(sizeof(void *) >= sizeof seq, "a seq fits a pointer");
    lock_take(&registry->lock);
    (void)map_put(&registry->written, str_of(&table, sizeof table), (void *)(uintptr_t)seq);
    lock_give(&registry->lock);
}

uint64_t store_write_mark(struct store *store, table_id table)
{
    struct registry *registry = &store->registry;
    lock_take(&registry->lock);
    uint64_t mark = (uintptr_t)map_find(&registry->written, str_of(&table, sizeof table));
    lock_give(&registry->lock);
    return mark;
}

static status apply_nothing(struct commit_txn *txn, struct commit_request *request)
{
    (void)txn;
    (void)request;
    return STATUS_IS_OK;
}

status store_settle(struct store *store, struct error *err)
{
    struct commit_request request = {.apply = apply_nothing, .may_use_reserve = true};
    status result = commit_submit_wait(store->options.committer, &request);
    if (!status_ok(result)) {
        *err = request.error;
        return result;
    }
    return commit_sync_wait(store->options.committer, err); /* async writes are published then */
}

void registry_set_hint(struct registry *registry, str state_key, const struct manifest_hint *hint)
{
    lock_take(&registry->lock);
    struct registry_entry *entry = map_find(&registry->by_key, state_key);
    if (entry != NULL) {
        entry->hint = *hint;
    }
    lock_give(&registry->lock);
}

/* Walks from partition to partition: to the first `n` of one, over its `n` keys, past its end. */
static status load_family(struct registry *registry, struct kv_view *view, enum kv_family family,
                          enum partition_class class, struct error *err)
{
    char lo = (char)class;
    char hi = (char)((int)class + 1);
    struct kv_cursor *cursor =
        kv_cursor_open(view, family, str_of(&lo, 1), str_of(&hi, 1), KV_FORWARD);
    struct buf target;
    buf_init(&target);
    str key;
    str value;
    status result = STATUS_IS_OK;
    while (kv_cursor_next(cursor, &key, &value, &result, err)) {
        struct key_parts parts;
        if (!key_split(key, &parts)) {
            result = error_set(err, ERROR_CORRUPT, "a key of %zu bytes cannot be read", key.n);
            break;
        }
        if (parts.kind == KEY_STATE) {
            struct table_state state;
            result = table_state_decode(value, &state, err);
            if (!status_ok(result)) {
                break;
            }
            registry_set(registry, key, &state);
            continue;
        }
        buf_clear(&target);
        buf_append_str(&target, parts.prefix);
        buf_append_byte(&target, parts.kind < KEY_STATE ? KEY_STATE : UINT8_MAX);
        kv_cursor_seek(cursor, buf_str(&target));
    }
    buf_release(&target);
    kv_cursor_close(cursor);
    return result;
}

status registry_load(struct registry *registry, struct kv_store *kv, struct error *err)
{
    struct kv_view *view = kv_view_open(kv);
    status result = load_family(registry, view, KV_USER_TABLE, PARTITION_USER, err);
    if (status_ok(result)) {
        result = load_family(registry, view, KV_SHARED_TABLE, PARTITION_SHARED, err);
    }
    if (status_ok(result)) {
        result = load_family(registry, view, KV_STREAM_TABLE, PARTITION_STREAM, err);
    }
    kv_view_close(view);
    return result;
}

void registry_list(struct registry *registry, table_id table, struct arena *arena,
                   struct registry_part **out, size_t *count)
{
    lock_take(&registry->lock);
    size_t n = 0;
    for (size_t i = 0; i < registry->count; i++) {
        n += table.v == 0 || registry->entries[i]->table.v == table.v ? 1 : 0;
    }
    struct registry_part *parts = ARENA_ARRAY(arena, struct registry_part, n + 1);
    n = 0;
    for (size_t i = 0; i < registry->count; i++) {
        const struct registry_entry *entry = registry->entries[i];
        if (table.v == 0 || entry->table.v == table.v) {
            parts[n++] = (struct registry_part){.key = arena_copy(arena, entry->key),
                                                .table = entry->table,
                                                .state = entry->state,
                                                .hint = entry->hint};
        }
    }
    lock_give(&registry->lock);
    *out = parts;
    *count = n;
}

static enum table_kind class_table_kind(enum partition_class class)
{
    return class == PARTITION_USER     ? TABLE_USER
           : class == PARTITION_SHARED ? TABLE_SHARED
                                       : TABLE_STREAM;
}

static str key_owner(str key, struct arena *arena)
{
    enum partition_class class = PARTITION_SYSTEM;
    uint32_t ns = 0;
    str owner = {0};
    CHECK(partition_decode(str_slice(key, 0, partition_prefix_bytes(key)), &class, &ns, arena,
                           &owner));
    return class == PARTITION_SHARED ? str_of("", 0) : owner;
}

str registry_part_owner(const struct registry_part *part, struct arena *arena)
{
    return key_owner(part->key, arena);
}

bool registry_part_open(const struct registry_part *part, struct arena *arena,
                        struct table_part *out)
{
    struct key_parts parts;
    enum partition_class class = PARTITION_SYSTEM;
    uint32_t ns = 0;
    str owner = {0};
    if (!key_split(part->key, &parts) ||
        !partition_decode(parts.prefix, &class, &ns, arena, &owner)) {
        return false;
    }
    struct table *table = ARENA_NEW(arena, struct table);
    table->id = part->table;
    table->ns = (namespace_id){ns};
    table->kind = class_table_kind(class);
    table_part_init(out, table, owner, arena);
    return true;
}

static int compare_due(const void *a, const void *b)
{
    const struct flush_candidate *x = a;
    const struct flush_candidate *y = b;
    return x->due_us < y->due_us ? -1 : x->due_us > y->due_us ? 1 : 0;
}

/* When a part gets or got due: at once when it has the rows, else by the age of its oldest row. */
static int64_t part_due_us(const struct table_state *state, const struct flush_policy *policy)
{
    if (state->hot_rows == 0) {
        return INT64_MAX;
    }
    if (policy->rows > 0 && state->hot_rows >= policy->rows) {
        return state->oldest_us;
    }
    if (policy->interval_s > 0) {
        return state->oldest_us + (int64_t)policy->interval_s * 1000000;
    }
    return INT64_MAX;
}

void store_flush_candidates(struct store *store, const struct catalog_snapshot *snapshot,
                            int64_t now_us, size_t limit, struct arena *arena,
                            struct flush_candidate **out, size_t *count, int64_t *next_due_us)
{
    struct registry *registry = &store->registry;
    struct flush_candidate *due = NULL;
    size_t due_count = 0;
    size_t due_capacity = 0;
    *next_due_us = INT64_MAX;
    lock_take(&registry->lock);
    for (size_t i = 0; i < registry->count; i++) {
        const struct registry_entry *entry = registry->entries[i];
        const struct table *table =
            entry->state.hot_rows > 0 ? snapshot_find_table_id(snapshot, entry->table) : NULL;
        if (table == NULL || table->kind == TABLE_STREAM) {
            continue;
        }
        int64_t due_us = part_due_us(&entry->state, &table->flush);
        if (due_us > now_us) {
            *next_due_us = due_us < *next_due_us ? due_us : *next_due_us;
            continue;
        }
        due = mem_grow(due, &due_capacity, due_count + 1, sizeof *due);
        due[due_count++] = (struct flush_candidate){.table = entry->table,
                                                    .owner = key_owner(entry->key, arena),
                                                    .rows = entry->state.hot_rows,
                                                    .due_us = due_us};
    }
    lock_give(&registry->lock);
    if (due_count > 0) {
        qsort(due, due_count, sizeof *due, compare_due);
    }
    *count = due_count < limit ? due_count : limit;
    *out = ARENA_ARRAY(arena, struct flush_candidate, *count + 1);
    if (*count > 0) {
        memcpy(*out, due, *count * sizeof *due);
    }
    mem_free(due);
}

void store_totals(struct store *store, table_id table, struct table_totals *out)
{
    struct registry *registry = &store->registry;
    *out = (struct table_totals){0};
    lock_take(&registry->lock);
    for (size_t i = 0; i < registry->count; i++) {
        const struct registry_entry *entry = registry->entries[i];
        if (table.v != 0 && entry->table.v != table.v) {
            continue;
        }
        const struct table_state *s = &entry->state;
        out->partitions++;
        out->hot_rows += s->hot_rows;
        out->hot_bytes += s->hot_bytes;
        out->segments += s->segments;
        out->cold_rows += s->cold_rows;
        out->cold_bytes += s->cold_bytes;
        out->dead += s->dead;
        if (s->oldest_us != 0 && (out->oldest_us == 0 || s->oldest_us < out->oldest_us)) {
            out->oldest_us = s->oldest_us;
        }
    }
    lock_give(&registry->lock);
}

void store_manifests(struct store *store, table_id table, struct arena *arena,
                     struct manifest_row **out, size_t *count)
{
    struct registry_part *parts = NULL;
    size_t part_count = 0;
    registry_list(&store->registry, table, arena, &parts, &part_count);
    *out = ARENA_ARRAY(arena, struct manifest_row, part_count + 1);
    *count = 0;
    for (size_t i = 0; i < part_count; i++) {
        if (parts[i].state.segments > 0) {
            (*out)[(*count)++] =
                (struct manifest_row){.table = parts[i].table,
                                      .owner = registry_part_owner(&parts[i], arena),
                                      .state = parts[i].state};
        }
    }
}

void store_owners(struct store *store, table_id table, struct arena *arena, str **out,
                  size_t *count)
{
    struct registry_part *parts = NULL;
    registry_list(&store->registry, table, arena, &parts, count);
    *out = ARENA_ARRAY(arena, str, *count + 1);
    for (size_t i = 0; i < *count; i++) {
        (*out)[i] = registry_part_owner(&parts[i], arena);
    }
}

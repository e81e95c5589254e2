/* store/recover.c -- see recover.h. */
#include "store/recover.h"
#include "base/fault.h"
#include "base/log.h"
#include "store/drop.h"
#include "store/flush_undo.h"
#include "store/store_private.h"

static status undo_part(struct store *store, const struct registry_part *entry, struct arena *arena,
                        struct recover_result *result, struct error *err)
{
    struct table_part part;
    if (!registry_part_open(entry, arena, &part)) {
        return error_set(err, ERROR_CORRUPT, "a table state has a key that cannot be read");
    }
    struct buf key;
    buf_init(&key);
    str value = {0};
    bool found = false;
    status outcome = kv_get(store->options.kv, NULL, part.family,
                            part_key(&key, &part, KEY_INTENT, str_of(NULL, 0)), KV_MAY_BLOCK, arena,
                            &value, &found, err);
    buf_release(&key);
    if (!status_ok(outcome) || !found) {
        return outcome;
    }
    FAULT_POINT("recover.before_undo");
    bool was_standing = false;
    TRY(flush_undo(store, &part, FLUSH_ANY_FILE, &was_standing, err));
    FAULT_POINT("recover.after_undo");
    result->intents_undone++;
    return STATUS_IS_OK;
}

static status undo_intents(struct store *store, struct recover_result *result, struct error *err)
{
    struct arena arena;
    arena_init(&arena);
    struct registry_part *parts = NULL;
    size_t count = 0;
    registry_list(&store->registry, (table_id){0}, &arena, &parts, &count);
    status outcome = STATUS_IS_OK;
    for (size_t i = 0; i < count && status_ok(outcome); i++) {
        outcome = undo_part(store, &parts[i], &arena, result, err);
    }
    arena_release(&arena);
    return outcome;
}

static status finish_drops(struct store *store, struct recover_result *result, struct error *err)
{
    struct arena arena;
    arena_init(&arena);
    struct dropped_table *dropped = NULL;
    unsigned count = 0;
    status outcome = catalog_list_dropped(store->options.catalog, &arena, &dropped, &count, err);
    for (unsigned i = 0; i < count && status_ok(outcome); i++) {
        struct drop_result drop;
        outcome = store_drop_table(store, &dropped[i], &drop, err);
        result->tables_dropped++;
    }
    arena_release(&arena);
    return outcome;
}

status store_recover(struct store *store, struct recover_result *result, struct error *err)
{
    *result = (struct recover_result){0};
    TRY(undo_intents(store, result, err));
    TRY(finish_drops(store, result, err));
    if (!MUTANT(NO_SWEEP)) {
        TRY(segment_sweep(store, &result->files_removed, err));
    }
    FAULT_POINT("recover.after_sweep");
    log_info("store", "recovered", "intents_undone=%llu tables_dropped=%llu files_removed=%llu",
             (unsigned long long)result->intents_undone, (unsigned long long)result->tables_dropped,
             (unsigned long long)result->files_removed);
    return STATUS_IS_OK;
}

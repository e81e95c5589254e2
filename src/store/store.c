/* store/store.c -- see store.h. */
#include "base/check.h"
#include "base/fault.h"
#include "store/store_private.h"

enum {
    COMPACT_SMALL_BYTES = 32 << 20,
    COMPACT_SMALL_COUNT = 8,
};
static const uint64_t compact_output_bytes = UINT64_C(512) << 20;

static char *copy_root(const char *path)
{
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/') {
        n--;
    }
    char *copy = mem_alloc(n + 1);
    memcpy(copy, path, n);
    copy[n] = '\0';
    return copy;
}

static void set_defaults(struct store_options *options)
{
    if (options->files == NULL) {
        options->files = cold_files_system();
    }
    if (options->compact_small_bytes == 0) {
        options->compact_small_bytes = COMPACT_SMALL_BYTES;
    }
    if (options->compact_small_count == 0) {
        options->compact_small_count = COMPACT_SMALL_COUNT;
    }
    if (options->compact_output_bytes_max == 0) {
        options->compact_output_bytes_max = compact_output_bytes;
    }
}

status store_open(const struct store_options *options, struct store **out, struct error *err)
{
    struct store *store = mem_alloc_zeroed(sizeof *store);
    store->options = *options;
    set_defaults(&store->options);
    store->cold_root = copy_root(options->cold_root);
    atomic_count_set(&store->tombstone_hours, options->tombstone_hours);
    registry_init(&store->registry);
    segment_shelf_init(&store->shelf);
    filter_cache_init(&store->filters, options->filter_cache_bytes);
    store_set_sink(store, options->sink);
    status result = registry_load(&store->registry, options->kv, err);
    if (!status_ok(result)) {
        store_close(store);
        return result;
    }
    *out = store;
    return STATUS_IS_OK;
}

void store_close(struct store *store)
{
    if (store == NULL) {
        return;
    }
    (void)store_drain_files(store);
    filter_cache_release(&store->filters);
    segment_shelf_release(&store->shelf);
    registry_release(&store->registry);
    mem_free(store->cold_root);
    mem_free(store);
}

void store_set_sink(struct store *store, const struct change_sink *sink)
{
    store->sink = sink != NULL ? *sink : (struct change_sink){0};
}

void store_set_tombstone_hours(struct store *store, uint32_t hours)
{
    atomic_count_set(&store->tombstone_hours, hours);
}

status store_point(const char *name, struct error *err)
{
    (void)name;
    int error = FAULT_ERRNO(name);
    return error == 0 ? STATUS_IS_OK
                      : error_set(err, ERROR_IO, "injected at %s: %s", name, strerror(error));
}

#ifdef KALAM_TESTING
static enum store_mutant mutant_now;
static bool unlocked_now;

void store_test_mutant(enum store_mutant mutant)
{
    mutant_now = mutant;
}

void store_test_unlocked(bool is_unlocked)
{
    unlocked_now = is_unlocked;
}

bool store_mutant_is(enum store_mutant mutant)
{
    return mutant_now == mutant;
}

bool store_is_unlocked(void)
{
    return unlocked_now;
}
#endif

/* store/store.h -- one table, two tiers: the door of this folder.
 * For:      opening the store over the seam, the committer, the catalog and the cold tier. Rows are
 *           written by commit_rows.h, read by read.h, moved by flush.h and compact.h.
 * Touches:  base, model, engine/kv*, catalog; the engine and files only through cold.h.
 * Owns:     the registry of (table, partition), the cache of verified files, files that wait to be
 *           removed. Everything handed in is borrowed and must outlive the store.
 * Threads:  any, unless a header says otherwise. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "store/change.h"
#include "store/cold.h"

struct store;

struct store_options {
    struct kv_store *kv;
    struct committer *committer;
    struct catalog *catalog;
    const struct clock *clock;
    const char *cold_root; /* absolute; where the base directory of a storage is empty */
    const struct cold_engine *cold;
    const struct cold_files *files;    /* NULL: cold_files_system */
    const struct change_sink *sink;    /* NULL: nobody; see store_set_sink */
    uint64_t merge_bytes_max;          /* a newest segment below is merged at flush; 0: never */
    uint64_t compact_small_bytes;      /* a segment below is small; 0: 32 MiB */
    uint32_t compact_small_count;      /* more small ones than this are merged; 0: 8 */
    uint64_t compact_output_bytes_max; /* sources of one compaction together; 0: 512 MiB */
    uint64_t filter_cache_bytes; /* of bloom filters in memory; 0: files are not left out by them */
    uint32_t tombstone_hours;    /* see store_set_tombstone_hours */
};
/* What a server uses: merge 4 MiB, small 32 MiB, 8, 512 MiB, 64 MiB of filters, tombstones for
 * ever. */
#define STORE_OPTIONS_DEFAULT                                                                      \
    {                                                                                              \
        .merge_bytes_max = 4u << 20, .compact_small_bytes = 32u << 20, .compact_small_count = 8,   \
        .compact_output_bytes_max = 512u << 20, .filter_cache_bytes = 64u << 20,                   \
    }

/* Loads the registry. The caller runs store_recover (recover.h) before it accepts writes. CORRUPT:
 * a table state cannot be read. */
MUST_USE status store_open(const struct store_options *options, struct store **out,
                           struct error *err);
/* All views are closed, no job runs, the committer is still there. Removes the files that waited.
 */
void store_close(struct store *store); /* NULL allowed */

/* Who is told of changes; before the first write. The struct is copied. */
void store_set_sink(struct store *store, const struct change_sink *sink);
/* The age at which compaction drops tombstones of a table that says nothing of it, hours; 0: never.
 */
void store_set_tombstone_hours(struct store *store, uint32_t hours);

#endif

/* store/segment.h -- the files of the cold tier.
 * For:      where they lie ({base}/{namespace}/{tableName}/{userId}/batch-N.parquet by the
 *           storage's template, or by the table's LOCATION), the manifest.json copy beside them,
 *           checking a file when it is first met, removing it when nobody can read it any more,
 *           sweeping what nobody names.
 * Rules:    1. a file name is never used twice while a file of that name may be there: a flush
 *              lists the folder under its lock and takes a higher number
 *           2. a file goes once the swap is durable and every view opened before is closed
 *           3. only files named batch-*.parquet, those with .tmp, and manifest.json are ever
 *              removed
 * Threads:  any; the shelf is guarded by its lock. */
#ifndef STORE_SEGMENT_H
#define STORE_SEGMENT_H

#include "base/map.h"
#include "store/records.h"
#include "store/store.h"

/* What the process knows about files. */
struct segment_shelf {
    struct lock lock;             /* guards all below; never held during I/O */
    struct map verified;          /* path -> itself */
    struct map busy;              /* folders and parts that a job works on */
    struct retired_file *retired; /* oldest first */
    struct retired_file **retired_end;
    size_t retired_count;
};

/* No file waits yet. */
void segment_shelf_init(struct segment_shelf *shelf);
void segment_shelf_release(struct segment_shelf *shelf);

/* The folder of a part's new segments as manifest entries record it: relative to the cold root when
 * it is below it. INVALID: the template leads out of the base folder. */
MUST_USE status segment_directory(struct store *store, const struct catalog_snapshot *snapshot,
                                  const struct table_part *part, struct arena *arena, str *out,
                                  struct error *err);
/* The same without a catalog entry of the table: names and storage from `table`. */
str segment_directory_path(struct store *store, str directory, struct arena *arena);
/* Absolute path of a segment; ends in a NUL. */
str segment_path(struct store *store, str directory, uint64_t number, struct arena *arena);
/* One part of a path for a name or user id: all but [A-Za-z0-9_-] is percent-encoded; no two names
 * share one but by a 128-bit collision of very long names, which rule 1 makes harmless. */
void segment_escape(struct buf *out, str name);
/* "batch-12.parquet" -> 12. */
bool segment_parse_name(str name, uint64_t *number);

/* One job at a time works on a part, and one in a folder (parts of one folder share its names).
 * False: another job does, nothing was taken. `folder` empty: the part alone. */
bool segment_job_take(struct store *store, const struct table_part *part, str folder);
void segment_job_give(struct store *store, const struct table_part *part, str folder);
/* A folder alone, for drops. */
bool segment_folder_take(struct store *store, str path);
void segment_folder_give(struct store *store, str path);
/* 1 + the greatest number of a segment file in the folder; 0: none. */
MUST_USE status segment_next_free(struct store *store, const char *path, uint64_t *number,
                                  struct error *err);

/* Checks a file against its checksum, once per process. CORRUPT, NOT_FOUND. */
MUST_USE status segment_verify(struct store *store, const struct segment *segment, str path,
                               struct error *err);
/* The file was just written and read back by us. */
void segment_note_verified(struct store *store, str path);

/* The file is named by no manifest any more, durably: it goes when the views of now are closed. */
void segment_retire(struct store *store, str path);
/* Removes at once a file that no manifest ever named; a failure is logged. */
void segment_discard(struct store *store, str path);

/* Rewrites manifest.json in the folder from the newest state; a failure is logged, not fatal: it is
 * a copy. Call under the folder's lock. `tmp` lives during the call. */
void segment_write_manifest(struct store *store, const struct table_part *part, str directory);
/* The same text, for system.manifest and SHOW MANIFEST. */
MUST_USE status store_manifest_json(struct store *store, const struct table_part *part,
                                    struct buf *out, struct error *err);

/* Removes retired files whose time has come; how many. Jobs call it now and then. */
size_t store_drain_files(struct store *store);
/* Files that wait. */
size_t store_retired_count(struct store *store);

/* Removes every file of ours below the cold root and all storages that no manifest names, and
 * folders that get empty by it. At start only, before anybody reads. */
MUST_USE status segment_sweep(struct store *store, uint64_t *removed, struct error *err);

#endif

/* store/cold.h -- what the store needs of the cold tier, as structs of functions handed in at
 * start. For:      `cold_engine` writes and reads segments (store/cold_duck.h is the real one),
 * `cold_files` moves, syncs and removes them (store/cold_files.c is the real one). Tests hand in
 * fakes whose un-synced files tear and whose un-synced names vanish. Threads:  any; a slot is used
 * by one thread at a time. */
#ifndef STORE_COLD_H
#define STORE_COLD_H

#include "base/fs.h"
#include "base/hash.h"
#include "engine/duck.h"

/* Engine connections that the calling thread may use. `write` must differ from `read` where a
 * segment is read while another one is written (flush, compaction). */
struct cold_slot {
    unsigned read;
    unsigned write;
};

struct cold_segment_read {
    const struct schema *schema; /* under which the rows are seen */
    const str *paths;            /* in the order in which rows shall come */
    unsigned path_count;
    const uint64_t *wanted; /* bits of columns as in duck_scan; NULL: all */
    uint64_t seq_after;     /* rows with seq_after < _seq <= seq_to */
    uint64_t seq_to;
};

struct cold_written {
    uint64_t rows;
    str stats; /* JSON as in struct segment; lives in the arena */
};

/* The end of a file: filters and footer. bytes 0: not known. */
struct cold_tail {
    uint64_t bytes;
    hash128 checksum; /* XXH3-128 */
};

struct cold_engine {
    void *context;
    /* Writes one file from `source`, whose rows ascend by `_seq`; closes the source in any case. No
     * fsync. On an error a torn file may be left. */
    status (*write_parquet)(void *context, struct cold_slot slot, const char *path,
                            const struct schema *schema, const struct duck_source *source,
                            struct arena *arena, struct cold_written *out, struct error *err);
    /* Reads the file back and puts bloom filters into it (store/filter_write.h). `bloom` as in
     * struct table. NULL: files stay as they were written. */
    status (*add_filters)(void *context, struct cold_slot slot, const char *path,
                          const struct schema *schema, uint32_t bloom, struct cold_tail *out,
                          struct error *err);
    /* Rows of several files, one after the other; columns as in duck_scan. The slot's `read` is
     * busy until the source is closed. */
    status (*read_segments)(void *context, struct cold_slot slot,
                            const struct cold_segment_read *read, struct duck_source *out,
                            struct error *err);
    /* One row by `_seq`; `values` has room for all columns of duck_scan. Texts live in the arena.
     */
    status (*point_read)(void *context, struct cold_slot slot, const struct schema *schema,
                         str path, uint64_t seq, struct arena *arena, struct value *values,
                         bool *found, struct error *err);
};

struct cold_files {
    void *context;
    status (*make_dirs)(void *context, const char *path, struct error *err);
    status (*fsync_file)(void *context, const char *path, struct error *err);
    status (*rename)(void *context, const char *from, const char *to, struct error *err);
    status (*fsync_dir)(void *context, const char *path, struct error *err);
    status (*unlink)(void *context, const char *path, struct error *err); /* missing: OK */
    /* Removes an empty folder; one that is not empty or is missing stays as it is: OK. */
    status (*remove_dir)(void *context, const char *path, struct error *err);
    /* As fs_list. */
    status (*list)(void *context, const char *path, fs_visit_fn *visit, void *visit_context,
                   struct error *err);
    /* As fs_write_durable, mode 0600. */
    status (*write_durable)(void *context, const char *path, str content, struct error *err);
    /* XXH3-128 and size of a whole file. NOT_FOUND. */
    status (*checksum)(void *context, const char *path, hash128 *checksum, uint64_t *bytes,
                       struct error *err);
};

/* The functions on base/fs; static. */
const struct cold_files *cold_files_system(void);

/* Is bit `column` set? NULL words: yes. */
static inline bool column_is_wanted(const uint64_t *wanted, unsigned column)
{
    return wanted == NULL || ((wanted[column / 64] >> (column % 64)) & 1) != 0;
}

#endif

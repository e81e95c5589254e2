/* base/fs.h -- files, with the order of calls that survives a power cut.
 * For:      temporary file, fsync, rename, fsync the folder; reading whole small files; sweeping.
 * Manners:  errors name the last part of the path only. EIO and ENOSPC can be injected (fault
 * points fs.*). STORAGE_FULL: no space; IO: anything else, and an fsync error is final. Threads:
 * any. */
#ifndef BASE_FS_H
#define BASE_FS_H

#include "base/arena.h"

/* Makes `path` and its missing parents (mode 0700) and syncs each parent of a new folder. */
MUST_USE status fs_make_dirs(const char *path, struct error *err);
MUST_USE status fs_fsync_dir(const char *path, struct error *err);
/* Syncs the bytes of an existing file. */
MUST_USE status fs_fsync_file(const char *path, struct error *err);
/* rename alone: the new name is durable once its folder is synced. */
MUST_USE status fs_rename(const char *from, const char *to, struct error *err);
/* rename, then fsync of the folder that holds `to`. */
MUST_USE status fs_rename_durable(const char *from, const char *to, struct error *err);
/* Writes `content` to path.tmp, syncs, renames, syncs the folder. `mode` such as 0600. */
MUST_USE status fs_write_durable(const char *path, str content, unsigned mode, struct error *err);
/* NOT_FOUND: no such file; LIMIT: longer than `bytes_max`. The content lives in the arena. */
MUST_USE status fs_read(const char *path, size_t bytes_max, struct arena *arena, str *out,
                        struct error *err);
/* Exactly the `bytes` bytes at `offset` into `out`. NOT_FOUND; CORRUPT: the file is shorter. */
MUST_USE status fs_read_at(const char *path, uint64_t offset, void *out, size_t bytes,
                           struct error *err);
/* What stands in an existing file from `offset` on becomes `tail`; no fsync. On an error the file
 * is torn. */
MUST_USE status fs_replace_tail(const char *path, uint64_t offset, str tail, struct error *err);
/* Removes a file; a missing one is OK. */
MUST_USE status fs_unlink(const char *path, struct error *err);
/* Removes a folder when it is empty; one that is not, or is missing, is OK and stays. */
MUST_USE status fs_remove_empty_dir(const char *path, struct error *err);
/* Removes a folder and all in it; a missing one is OK. Does not follow links. */
MUST_USE status fs_remove_tree(const char *path, struct error *err);
bool fs_exists(const char *path);
/* The path without empty parts and without ".", in the arena: one spelling for one folder. ".." and
 * links stay what they are. */
str fs_plain_path(str path, struct arena *arena);
MUST_USE status fs_size(const char *path, uint64_t *bytes, struct error *err);

/* Calls `visit` for every entry of a folder but . and ..; a missing folder has none. */
typedef status fs_visit_fn(void *context, const char *name, bool is_dir, struct error *err);
MUST_USE status fs_list(const char *path, fs_visit_fn *visit, void *context, struct error *err);

#endif

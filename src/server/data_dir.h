/* server/data_dir.h -- the folder that holds a server's data: whose it is, and in which format.
 * For:      server.c, before anything in the folder is opened.
 *
 *     data/LOCK        held (flock) while a server runs; never removed
 *     data/FORMAT      {"format":1,"features":[]}, written once
 *     data/jwt_secret  32 random bytes, mode 0600; only when the configuration names none
 *     data/rocksdb/ data/storage/ data/tmp/
 *
 * Owns:     the lock. Threads: one. */
#ifndef SERVER_DATA_DIR_H
#define SERVER_DATA_DIR_H

#include "base/arena.h"

struct data_dir;

enum { DATA_DIR_FORMAT = 1, DATA_DIR_SECRET_BYTES = 32 };

/* Makes the folder when it is missing, locks it and checks the format. CONFLICT: another server has
 * it; UNSUPPORTED: the format is newer, or has a feature that this server does not know (nothing
 * was written); CORRUPT: FORMAT cannot be read; IO. */
MUST_USE status data_dir_open(const char *path, struct data_dir **out, struct error *err);
void data_dir_close(struct data_dir *dir); /* NULL allowed */
/* Absolute path of the folder, or of something in it; lives as long as `dir`. */
const char *data_dir_path(const struct data_dir *dir);
const char *data_dir_join(struct data_dir *dir, const char *name);
/* The secret of this folder, made on the first call. */
MUST_USE status data_dir_secret(struct data_dir *dir, struct arena *arena, str *out,
                                struct error *err);

#endif

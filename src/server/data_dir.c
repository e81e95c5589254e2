/* server/data_dir.c -- lock first, then look at the format, then write. */
#include "server/data_dir.h"

#include "base/fs.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "wire/json.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

enum { FORMAT_BYTES_MAX = 4096 };

struct data_dir {
    struct arena arena;
    const char *path;
    int lock_fd; /* -1: not locked */
};

static status take_lock(struct data_dir *dir, struct error *err)
{
    dir->lock_fd = open(data_dir_join(dir, "LOCK"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (dir->lock_fd < 0) {
        return error_set(err, ERROR_IO, "cannot open LOCK in the data directory: %s",
                         strerror(errno));
    }
    if (flock(dir->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        return errno == EWOULDBLOCK
                   ? error_set(err, ERROR_CONFLICT,
                               "the data directory is in use by another server (LOCK is held)")
                   : error_set(err, ERROR_IO, "cannot lock the data directory: %s",
                               strerror(errno));
    }
    return STATUS_IS_OK;
}

static status check_format_text(str text, struct arena *arena, struct error *err)
{
    const struct json *format = NULL;
    int64_t version = 0;
    if (!status_ok(json_parse(text, arena, &format, NULL)) ||
        !json_as_i64(json_get(format, "format"), &version) || version < 1) {
        return error_set(err, ERROR_CORRUPT, "FORMAT in the data directory cannot be read");
    }
    if (version > DATA_DIR_FORMAT) {
        return error_set(err, ERROR_STATEMENT_UNSUPPORTED,
                         "the data directory has format %lld; this server knows 1 to %d",
                         (long long)version, DATA_DIR_FORMAT);
    }
    const struct json *feature = json_at(json_get(format, "features"), 0);
    str name;
    if (json_as_text(feature, &name)) { /* none is known yet */
        return error_set(err, ERROR_STATEMENT_UNSUPPORTED,
                         "the data directory uses feature '" STR_FMT
                         "', which this server does not know",
                         STR(name));
    }
    return STATUS_IS_OK;
}

static status check_format(struct data_dir *dir, struct error *err)
{
    const char *path = data_dir_join(dir, "FORMAT");
    str text;
    struct error inner;
    error_clear(&inner);
    status found = fs_read(path, FORMAT_BYTES_MAX, &dir->arena, &text, &inner);
    if (found.code == STATUS_NOT_FOUND) {
        return fs_write_durable(path, STR_LIT("{\"format\":1,\"features\":[]}\n"), 0600, err);
    }
    if (!status_ok(found)) {
        if (err != NULL) {
            *err = inner;
        }
        return found;
    }
    return check_format_text(text, &dir->arena, err);
}

static status absolute(struct data_dir *dir, const char *path, struct error *err)
{
    TRY(fs_make_dirs(path, err));
    char resolved[PATH_MAX];
    if (realpath(path, resolved) == NULL) {
        return error_set(err, ERROR_IO, "cannot resolve the data directory: %s", strerror(errno));
    }
    dir->path = str_cstr(&dir->arena, str_from(resolved));
    return STATUS_IS_OK;
}

status data_dir_open(const char *path, struct data_dir **out, struct error *err)
{
    struct data_dir *dir = mem_alloc_zeroed(sizeof *dir);
    arena_init(&dir->arena);
    dir->lock_fd = -1;
    status result = absolute(dir, path, err);
    if (status_ok(result)) {
        result = take_lock(dir, err);
    }
    if (status_ok(result)) {
        result = check_format(dir, err);
    }
    if (!status_ok(result)) {
        data_dir_close(dir);
        return result;
    }
    *out = dir;
    return STATUS_IS_OK;
}

void data_dir_close(struct data_dir *dir)
{
    if (dir == NULL) {
        return;
    }
    if (dir->lock_fd >= 0) {
        (void)close(dir->lock_fd); /* gives the lock */
    }
    arena_release(&dir->arena);
    mem_free(dir);
}

const char *data_dir_path(const struct data_dir *dir)
{
    return dir->path;
}

const char *data_dir_join(struct data_dir *dir, const char *name)
{
    return arena_format(&dir->arena, "%s/%s", dir->path, name).p;
}

status data_dir_secret(struct data_dir *dir, struct arena *arena, str *out, struct error *err)
{
    const char *path = data_dir_join(dir, "jwt_secret");
    struct error inner;
    error_clear(&inner);
    status found = fs_read(path, 1024, arena, out, &inner);
    if (found.code == STATUS_NOT_FOUND) {
        char *secret = arena_alloc(arena, DATA_DIR_SECRET_BYTES);
        random_bytes(secret, DATA_DIR_SECRET_BYTES);
        *out = str_of(secret, DATA_DIR_SECRET_BYTES);
        return fs_write_durable(path, *out, 0600, err);
    }
    if (!status_ok(found)) {
        if (err != NULL) {
            *err = inner;
        }
        return found;
    }
    if (out->n < DATA_DIR_SECRET_BYTES) {
        return error_set(err, ERROR_CORRUPT,
                         "jwt_secret in the data directory has %zu bytes, fewer than %d", out->n,
                         DATA_DIR_SECRET_BYTES);
    }
    return STATUS_IS_OK;
}

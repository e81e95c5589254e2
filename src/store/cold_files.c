/* store/cold_files.c -- struct cold_files on base/fs. */
#include "store/cold.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { CHECKSUM_BLOCK_BYTES = 1 << 20 };

static status files_make_dirs(void *context, const char *path, struct error *err)
{
    (void)context;
    return fs_make_dirs(path, err);
}

static status files_fsync_file(void *context, const char *path, struct error *err)
{
    (void)context;
    return fs_fsync_file(path, err);
}

static status files_rename(void *context, const char *from, const char *to, struct error *err)
{
    (void)context;
    return fs_rename(from, to, err);
}

static status files_fsync_dir(void *context, const char *path, struct error *err)
{
    (void)context;
    return fs_fsync_dir(path, err);
}

static status files_unlink(void *context, const char *path, struct error *err)
{
    (void)context;
    return fs_unlink(path, err);
}

static status files_remove_dir(void *context, const char *path, struct error *err)
{
    (void)context;
    return fs_remove_empty_dir(path, err);
}

static status files_list(void *context, const char *path, fs_visit_fn *visit, void *visit_context,
                         struct error *err)
{
    (void)context;
    return fs_list(path, visit, visit_context, err);
}

static status files_write_durable(void *context, const char *path, str content, struct error *err)
{
    (void)context;
    return fs_write_durable(path, content, 0600, err);
}

/* The last part of a path: all that a message may show. */
static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

static status hash_fd(int fd, const char *path, struct hash128_stream *stream, uint64_t *bytes,
                      struct error *err)
{
    char *block = mem_alloc(CHECKSUM_BLOCK_BYTES);
    status result = STATUS_IS_OK;
    for (;;) {
        ssize_t n = read(fd, block, CHECKSUM_BLOCK_BYTES);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            result =
                error_set(err, ERROR_IO, "cannot read %s: %s", base_name(path), strerror(errno));
        }
        if (n <= 0) {
            break;
        }
        hash128_stream_add(stream, str_of(block, (size_t)n));
        *bytes += (uint64_t)n;
    }
    mem_free(block);
    return result;
}

static status files_checksum(void *context, const char *path, hash128 *checksum, uint64_t *bytes,
                             struct error *err)
{
    (void)context;
    int fd = -1;
    do {
        fd = open(path, O_RDONLY | O_CLOEXEC);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0) {
        return error_set(err, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_IO, "cannot open %s: %s",
                         base_name(path), strerror(errno));
    }
    struct hash128_stream *stream = hash128_stream_create();
    *bytes = 0;
    status result = hash_fd(fd, path, stream, bytes, err);
    hash128 sum = hash128_stream_finish(stream);
    (void)close(fd);
    if (status_ok(result)) {
        *checksum = sum;
    }
    return result;
}

const struct cold_files *cold_files_system(void)
{
    static const struct cold_files files = {
        .context = NULL,
        .make_dirs = files_make_dirs,
        .fsync_file = files_fsync_file,
        .rename = files_rename,
        .fsync_dir = files_fsync_dir,
        .unlink = files_unlink,
        .remove_dir = files_remove_dir,
        .list = files_list,
        .write_durable = files_write_durable,
        .checksum = files_checksum,
    };
    return &files;
}

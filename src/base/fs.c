/* base/fs.c -- POSIX files behind fs.h. */
#include "base/fs.h"
#include "base/fault.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}

static status fail(struct error *err, const char *what, const char *path, int error)
{
    enum error_id id = error == ENOSPC || error == EDQUOT || error == EFBIG ? ERROR_STORAGE_FULL
                       : error == ENOENT                                    ? ERROR_NOT_FOUND
                                                                            : ERROR_IO;
    return error_set(err, id, "cannot %s %s: %s", what, last_part(path), strerror(error));
}

static int open_retry(const char *path, int flags, unsigned mode)
{
    int injected = FAULT_ERRNO("fs.open");
    if (injected != 0) {
        errno = injected;
        return -1;
    }
    int fd = -1;
    do {
        fd = open(path, flags | O_CLOEXEC, mode);
    } while (fd < 0 && errno == EINTR);
    return fd;
}

static status sync_fd(int fd, const char *path, const char *what, const char *point,
                      struct error *err)
{
    (void)point;
    int error = FAULT_ERRNO(point);
    if (error == 0 && fsync(fd) != 0) {
        error = errno;
    }
    return error != 0 ? fail(err, what, path, error) : STATUS_IS_OK;
}

status fs_fsync_dir(const char *path, struct error *err)
{
    int fd = open_retry(path, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0) {
        return fail(err, "open folder", path, errno);
    }
    status result = sync_fd(fd, path, "sync folder", "fs.fsync_dir", err);
    (void)close(fd);
    return result;
}

status fs_fsync_file(const char *path, struct error *err)
{
    int fd = open_retry(path, O_RDONLY, 0);
    if (fd < 0) {
        return fail(err, "open", path, errno);
    }
    status result = sync_fd(fd, path, "sync", "fs.fsync", err);
    (void)close(fd);
    return result;
}

static void parent_of(const char *path, char parent[4096])
{
    (void)snprintf(parent, 4096, "%s", path);
    char *slash = strrchr(parent, '/');
    if (slash == NULL) {
        (void)snprintf(parent, 4096, ".");
    } else if (slash == parent) {
        parent[1] = '\0';
    } else {
        *slash = '\0';
    }
}

status fs_make_dirs(const char *path, struct error *err)
{
    if (fs_exists(path)) {
        return STATUS_IS_OK;
    }
    char parent[4096];
    parent_of(path, parent);
    TRY(fs_make_dirs(parent, err));
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        return fail(err, "make folder", path, errno);
    }
    return fs_fsync_dir(parent, err);
}

status fs_rename(const char *from, const char *to, struct error *err)
{
    int error = FAULT_ERRNO("fs.rename");
    if (error == 0 && rename(from, to) != 0) {
        error = errno;
    }
    return error != 0 ? fail(err, "rename", from, error) : STATUS_IS_OK;
}

status fs_rename_durable(const char *from, const char *to, struct error *err)
{
    TRY(fs_rename(from, to, err));
    char parent[4096];
    parent_of(to, parent);
    return fs_fsync_dir(parent, err);
}

static status write_all(int fd, const char *path, str content, struct error *err)
{
    while (content.n > 0) {
        int error = FAULT_ERRNO("fs.write");
        ssize_t n = error == 0 ? write(fd, content.p, content.n) : -1;
        if (n < 0) {
            error = error != 0 ? error : errno;
            if (error == EINTR) {
                continue;
            }
            return fail(err, "write", path, error);
        }
        content = str_skip(content, (size_t)n);
    }
    return STATUS_IS_OK;
}

status fs_write_durable(const char *path, str content, unsigned mode, struct error *err)
{
    char temporary[4096];
    (void)snprintf(temporary, sizeof temporary, "%s.tmp", path);
    int fd = open_retry(temporary, O_WRONLY | O_CREAT | O_TRUNC, mode);
    if (fd < 0) {
        return fail(err, "create", temporary, errno);
    }
    status result = write_all(fd, temporary, content, err);
    if (status_ok(result)) {
        result = sync_fd(fd, temporary, "sync", "fs.fsync", err);
    }
    if (close(fd) != 0 && status_ok(result)) {
        result = fail(err, "close", temporary, errno);
    }
    if (status_ok(result)) {
        result = fs_rename_durable(temporary, path, err);
    }
    if (!status_ok(result)) {
        (void)unlink(temporary);
    }
    return result;
}

status fs_read(const char *path, size_t bytes_max, struct arena *arena, str *out, struct error *err)
{
    int fd = open_retry(path, O_RDONLY, 0);
    if (fd < 0) {
        return fail(err, "open", path, errno);
    }
    struct stat info;
    status result = STATUS_IS_OK;
    if (fstat(fd, &info) != 0) {
        result = fail(err, "stat", path, errno);
    } else if (info.st_size < 0 || (uint64_t)info.st_size > bytes_max) {
        result = error_set(err, ERROR_LIMIT, "%s has %lld bytes, the limit is %zu", last_part(path),
                           (long long)info.st_size, bytes_max);
    } else {
        char *p = arena_alloc(arena, (size_t)info.st_size + 1);
        size_t got = 0;
        while (got < (size_t)info.st_size) {
            ssize_t n = read(fd, p + got, (size_t)info.st_size - got);
            if (n < 0 && errno == EINTR) {
                continue;
            }
            if (n < 0) {
                result = fail(err, "read", path, errno);
            }
            if (n <= 0) {
                break;
            }
            got += (size_t)n;
        }
        p[got] = '\0';
        *out = (str){p, got};
    }
    (void)close(fd);
    return result;
}

status fs_read_at(const char *path, uint64_t offset, void *out, size_t bytes, struct error *err)
{
    int fd = open_retry(path, O_RDONLY, 0);
    if (fd < 0) {
        return fail(err, "open", path, errno);
    }
    status result = STATUS_IS_OK;
    for (size_t got = 0; got < bytes && status_ok(result);) {
        ssize_t n = pread(fd, (char *)out + got, bytes - got, (off_t)(offset + got));
        if (n > 0) {
            got += (size_t)n;
        } else if (n == 0) {
            result = error_set(err, ERROR_CORRUPT, "%s is shorter than it was", last_part(path));
        } else if (errno != EINTR) {
            result = fail(err, "read", path, errno);
        }
    }
    (void)close(fd);
    return result;
}

status fs_replace_tail(const char *path, uint64_t offset, str tail, struct error *err)
{
    int fd = open_retry(path, O_WRONLY, 0);
    if (fd < 0) {
        return fail(err, "open", path, errno);
    }
    status result = STATUS_IS_OK;
    if (ftruncate(fd, (off_t)offset) != 0 || lseek(fd, (off_t)offset, SEEK_SET) < 0) {
        result = fail(err, "cut", path, errno);
    }
    if (status_ok(result)) {
        result = write_all(fd, path, tail, err);
    }
    if (close(fd) != 0 && status_ok(result)) {
        result = fail(err, "close", path, errno);
    }
    return result;
}

status fs_unlink(const char *path, struct error *err)
{
    int error = FAULT_ERRNO("fs.unlink");
    if (error == 0 && unlink(path) != 0 && errno != ENOENT) {
        error = errno;
    }
    return error != 0 ? fail(err, "remove", path, error) : STATUS_IS_OK;
}

status fs_remove_empty_dir(const char *path, struct error *err)
{
    if (rmdir(path) != 0 && errno != ENOENT && errno != ENOTEMPTY && errno != EEXIST) {
        return fail(err, "remove folder", path, errno);
    }
    return STATUS_IS_OK;
}

static status remove_entry(void *context, const char *name, bool is_dir, struct error *err)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", (const char *)context, name);
    return is_dir ? fs_remove_tree(path, err) : fs_unlink(path, err);
}

status fs_remove_tree(const char *path, struct error *err)
{
    char copy[4096];
    (void)snprintf(copy, sizeof copy, "%s", path);
    TRY(fs_list(path, remove_entry, copy, err));
    if (rmdir(path) != 0 && errno != ENOENT) {
        return fail(err, "remove folder", path, errno);
    }
    return STATUS_IS_OK;
}

bool fs_exists(const char *path)
{
    struct stat info;
    return lstat(path, &info) == 0;
}

str fs_plain_path(str path, struct arena *arena)
{
    char *plain = arena_alloc(arena, path.n + 1);
    size_t n = 0;
    bool is_absolute = path.n > 0 && path.p[0] == '/';
    while (path.n > 0) {
        ptrdiff_t slash = str_find_char(path, '/');
        str part = slash < 0 ? path : str_slice(path, 0, (size_t)slash);
        path = str_skip(path, part.n + (slash < 0 ? 0 : 1));
        if (part.n == 0 || str_eq_c(part, ".")) {
            continue;
        }
        if (n > 0 || is_absolute) {
            plain[n++] = '/';
        }
        memcpy(plain + n, part.p, part.n);
        n += part.n;
    }
    plain[n] = '\0';
    return str_of(plain, n);
}

status fs_size(const char *path, uint64_t *bytes, struct error *err)
{
    struct stat info;
    if (stat(path, &info) != 0) {
        return fail(err, "stat", path, errno);
    }
    *bytes = (uint64_t)info.st_size;
    return STATUS_IS_OK;
}

status fs_list(const char *path, fs_visit_fn *visit, void *context, struct error *err)
{
    DIR *dir = opendir(path);
    if (dir == NULL) {
        return errno == ENOENT ? STATUS_IS_OK : fail(err, "open folder", path, errno);
    }
    status result = STATUS_IS_OK;
    struct dirent *entry = NULL;
    while (status_ok(result) && (entry = readdir(dir)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        struct stat info;
        if (fstatat(dirfd(dir), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
            continue; /* gone meanwhile */
        }
        result = visit(context, entry->d_name, S_ISDIR(info.st_mode), err);
    }
    (void)closedir(dir);
    return result;
}

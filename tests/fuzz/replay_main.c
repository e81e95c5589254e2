/* tests/fuzz/replay_main.c -- a main for fuzz targets in builds without libFuzzer.
 * For:      running LLVMFuzzerTestOneInput on every file of the folders (or files) named as
 *           arguments, and on an empty input; so each build and compiler replays the corpora.
 * Touches:  libc. Threads: one. */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t replayed_count;

static void stop(const char *path)
{
    fprintf(stderr, "%s: %s\n", path, strerror(errno));
    exit(EXIT_FAILURE);
}

/* The input is copied to a block of exactly its size, so that ASan sees a read past its end. */
static void replay_file(const char *path, size_t size)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = malloc(size > 0 ? size : 1);
    if (file == NULL || data == NULL || fread(data, 1, size, file) != size) {
        stop(path);
    }
    fclose(file);
    fprintf(stderr, "replay %s\n", path); /* the last such line names a crashing input */
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    replayed_count++;
}

static void replay_path(const char *path)
{
    struct stat info;
    if (stat(path, &info) != 0) {
        stop(path);
    }
    if (!S_ISDIR(info.st_mode)) {
        replay_file(path, (size_t)info.st_size);
        return;
    }
    DIR *dir = opendir(path);
    if (dir == NULL) {
        stop(path);
    }
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (entry->d_name[0] != '.') {
            char child[4096];
            int length = snprintf(child, sizeof child, "%s/%s", path, entry->d_name);
            if (length < 0 || (size_t)length >= sizeof child) {
                errno = ENAMETOOLONG;
                stop(path);
            }
            replay_path(child);
        }
    }
    closedir(dir);
}

int main(int argc, char **argv)
{
    const uint8_t nothing[1] = {0};
    LLVMFuzzerTestOneInput(nothing, 0);
    for (int i = 1; i < argc; i++) {
        replay_path(argv[i]);
    }
    if (argc > 1 && replayed_count == 0) {
        fprintf(stderr, "no file in the corpus\n");
        return EXIT_FAILURE;
    }
    printf("%zu inputs replayed\n", replayed_count);
    return EXIT_SUCCESS;
}

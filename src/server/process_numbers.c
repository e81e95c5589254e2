/* server/process_numbers.c -- /proc, line by line. */
#include "server/process_numbers.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* "VmSize:   123 kB" of /proc/self/status: 123; 0: not there. */
static uint64_t number_of(const char *path, const char *name)
{
    char line[256];
    size_t n = strlen(name);
    uint64_t number = 0;
    FILE *f = fopen(path, "re");
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        if (strncmp(line, name, n) == 0 && line[n] == ':') {
            number = strtoull(line + n + 1, NULL, 10);
            break;
        }
    }
    if (f != NULL) {
        (void)fclose(f);
    }
    return number;
}

static void count_files(struct process_numbers *out)
{
    DIR *folder = opendir("/proc/self/fd");
    if (folder == NULL) {
        return;
    }
    for (struct dirent *e = readdir(folder); e != NULL; e = readdir(folder)) {
        struct stat file;
        if (e->d_name[0] == '.' || fstatat(dirfd(folder), e->d_name, &file, 0) != 0) {
            continue;
        }
        out->files++;
        out->files_regular += S_ISREG(file.st_mode);
        out->files_directories += S_ISDIR(file.st_mode);
        out->files_sockets += S_ISSOCK(file.st_mode);
    }
    (void)closedir(folder);
}

void process_numbers_read(struct process_numbers *out)
{
    uint64_t total = number_of("/proc/meminfo", "MemTotal") << 10;
    uint64_t available = number_of("/proc/meminfo", "MemAvailable") << 10;
    *out = (struct process_numbers){.virtual_bytes = number_of("/proc/self/status", "VmSize") << 10,
                                    .machine_bytes = total,
                                    .machine_used_bytes = total > available ? total - available : 0,
                                    .threads = number_of("/proc/self/status", "Threads")};
    count_files(out);
}

/* server/process_numbers.c -- /proc, line by line. */
#include "server/process_numbers.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
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

static void count_socket(struct process_numbers *out, const char *fd)
{
    int family = 0;
    socklen_t n = sizeof family;
    out->files_sockets++;
    if (getsockopt((int)strtol(fd, NULL, 10), SOL_SOCKET, SO_DOMAIN, &family, &n) == 0) {
        out->files_unix += family == AF_UNIX;
        out->files_ipv4 += family == AF_INET;
    }
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
        if (S_ISSOCK(file.st_mode)) {
            count_socket(out, e->d_name);
        }
    }
    (void)closedir(folder);
}

/* Distinct pairs of package and core, as /proc/cpuinfo names them for each thread. */
static uint64_t count_cores(void)
{
    enum { CORES_MAX = 1024 };
    uint64_t seen[CORES_MAX];
    size_t count = 0;
    uint64_t package = 0;
    char line[256];
    FILE *f = fopen("/proc/cpuinfo", "re");
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        const char *colon = strchr(line, ':');
        if (colon == NULL) {
            continue;
        }
        if (strncmp(line, "physical id", 11) == 0) {
            package = strtoull(colon + 1, NULL, 10);
        } else if (strncmp(line, "core id", 7) == 0) {
            uint64_t core = package << 32 | strtoull(colon + 1, NULL, 10);
            size_t i = 0;
            while (i < count && seen[i] != core) {
                i++;
            }
            if (i == count && count < CORES_MAX) {
                seen[count++] = core;
            }
        }
    }
    if (f != NULL) {
        (void)fclose(f);
    }
    return count;
}

static uint64_t time_us(const struct timeval *t)
{
    return (uint64_t)t->tv_sec * 1000000 + (uint64_t)t->tv_usec;
}

uint64_t process_cpu_us(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? time_us(&usage.ru_utime) + time_us(&usage.ru_stime)
                                               : 0;
}

void process_numbers_read(struct process_numbers *out)
{
    uint64_t total = number_of("/proc/meminfo", "MemTotal") << 10;
    uint64_t available = number_of("/proc/meminfo", "MemAvailable") << 10;
    *out = (struct process_numbers){.virtual_bytes = number_of("/proc/self/status", "VmSize") << 10,
                                    .machine_bytes = total,
                                    .machine_used_bytes = total > available ? total - available : 0,
                                    .threads = number_of("/proc/self/status", "Threads")};
    out->own_bytes =
        (number_of("/proc/self/status", "RssAnon") + number_of("/proc/self/status", "VmSwap"))
        << 10;
    out->physical_cores = count_cores();
    count_files(out);
}

/* tests/unit/store/fake_cold.h -- the cold tier in memory: segments as rows, files that are durable
 * only when synced, names that are durable only when their folder is. For:      protocol tests
 * without an engine and without waiting for a disk. A power cut tears every file that was not
 * synced and lets each un-synced name be old or new, independently. Threads:  any; one lock. */
#ifndef TESTS_FAKE_COLD_H
#define TESTS_FAKE_COLD_H

#include "base/hash.h"
#include "store/cold.h"

struct fake_inode;
struct fake_name {
    char *path;
    struct fake_inode *inode;
};
struct fake_names {
    struct fake_name *items;
    size_t count;
    size_t capacity;
};

struct fake_cold {
    struct cold_engine engine;
    struct cold_files files;
    struct lock lock; /* guards all below */
    struct fake_names now;
    struct fake_names durable;
    int64_t fail_in; /* the n-th operation from now fails with IO; 0: none */
    bool is_cut_off; /* removes nothing: the process that asks is gone */
    uint64_t writes; /* segments written */
};

void fake_cold_init(struct fake_cold *cold);
void fake_cold_release(struct fake_cold *cold);
void fake_cold_power_cut(struct fake_cold *cold, struct rng *rng);
bool fake_cold_exists(struct fake_cold *cold, const char *path);
/* Files whose name ends in `suffix`. */
unsigned fake_cold_count(struct fake_cold *cold, const char *suffix);
/* Flips a byte of a file. */
void fake_cold_damage(struct fake_cold *cold, const char *path);
/* Puts a file there. */
void fake_cold_put(struct fake_cold *cold, const char *path);
/* The content of a file (manifest.json) in the arena; empty: there is none. */
str fake_cold_content(struct fake_cold *cold, const char *path, struct arena *arena);

#endif

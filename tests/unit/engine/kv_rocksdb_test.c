/* tests/unit/engine/kv_rocksdb_test.c -- Goal: the embedded store keeps the contract, finds its
 * data again after a restart or a kill, and stops taking commits when the disk fails it. Method:
 * the contract suite in a fresh folder per test; then restarts, copies of the files as a crash
 * leaves them, and a folder whose WAL is cut or damaged. */
#include "kv_contract.h"

#include "base/fault.h"
#include "base/fs.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

static char folder[256];

static struct kv_store *reopen(void)
{
    struct kv_store *store = NULL;
    struct error err;
    struct kv_rocksdb_options options = {.path = folder};
    EXPECT_OK(kv_rocksdb_open(&options, &store, &err), &err);
    return store;
}

static void make_folder(void)
{
    const char *tmp = getenv("TMPDIR");
    (void)snprintf(folder, sizeof folder, "%s/kv_rocksdb_XXXXXX", tmp != NULL ? tmp : "/tmp");
    EXPECT(mkdtemp(folder) != NULL);
}

static void remove_folder(void)
{
    struct error err;
    EXPECT_OK(fs_remove_tree(folder, &err), &err);
}

static struct kv_store *contract_open(void)
{
    make_folder();
    return reopen();
}

static void contract_close(struct kv_store *store)
{
    kv_close(store);
    remove_folder();
}

static status write_key(struct kv_store *store, str key, bool sync)
{
    struct kv_mutation m = put(KV_USER_TABLE, key, STR_LIT("v"));
    struct kv_txn txn = txn_of(PART_A, KV_ANY_GENERATION, 1, &m, 1);
    struct outcome o = {.head_count = 1};
    kv_commit(store, &txn, 1, sync, note_outcome, &o);
    return o.result;
}

TEST(kv_rocksdb_open_again_finds_everything)
{
    struct kv_store *store = contract_open();
    fill_a_to_e(store);
    struct kv_txn txn = txn_of(PART_A, 1, 9, NULL, 0);
    EXPECT_STATUS(commit_group(store, &txn, 1, NULL), OK);
    WRITE_A(store, 10, put(KV_SYSTEM, KEY("s"), STR_LIT("system")), del(KV_USER_TABLE, KEY("a")),
            del_range(KV_USER_TABLE, KEY("d"), KEY("f")));
    kv_close(store);

    store = reopen();
    expect_head(store, PART_A, 10, 3);
    expect_value(store, NULL, KV_SYSTEM, KEY("s"), "system");
    struct kv_view *view = kv_view_open(store);
    expect_range(view, KV_USER_TABLE, KEY(""), (str){0}, KV_FORWARD, "bcx");
    kv_view_close(view);
    bool seen = false;
    struct error err;
    EXPECT_OK(kv_txn_seen(store, PART_A, txn.id, &seen, &err), &err);
    EXPECT(seen);
    struct kv_txn stale = txn_of(PART_A, 2, 11, NULL, 0);
    EXPECT_STATUS(commit_group(store, &stale, 1, NULL), CONFLICT);
    contract_close(store);
}

TEST(kv_rocksdb_open_of_a_folder_in_use_is_an_error)
{
    struct kv_store *store = contract_open();
    struct kv_store *second = NULL;
    struct kv_rocksdb_options options = {.path = folder};
    struct error err;
    EXPECT_STATUS(kv_rocksdb_open(&options, &second, &err), IO);
    EXPECT(second == NULL);
    EXPECT(str_find(str_from(err.text), str_from(folder)) < 0); /* no path for clients */
    contract_close(store);
}

/* Heads of more partitions than the cache holds are still right. */
TEST(kv_commit_of_many_partitions_keeps_every_head)
{
    enum { PARTITIONS = 5000 };
    struct kv_store *store = contract_open();
    for (uint32_t round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < PARTITIONS; i++) {
            char partition[16];
            int n = snprintf(partition, sizeof partition, "u%08u%c", i, 1);
            struct kv_txn txn = txn_of(str_of(partition, (size_t)n), round, i + 1, NULL, 0);
            struct outcome o = {.head_count = 1};
            kv_commit(store, &txn, 1, false, note_outcome, &o);
            EXPECT_STATUS(o.result, OK);
        }
    }
    expect_head(store, STR_LIT("u00000000\1"), 1, 2);
    expect_head(store, STR_LIT("u00004999\1"), 5000, 2);
    contract_close(store);
}

/* What the death of the process would leave now of the open store: the files as the kernel has
 * them. The copy becomes the folder; the old one is closed and removed. */
static void die(struct kv_store *store)
{
    char old[sizeof folder];
    char command[3 * sizeof folder];
    memcpy(old, folder, sizeof folder);
    make_folder();
    (void)snprintf(command, sizeof command, "cp -r %s/. %s", old, folder);
    EXPECT(system(command) == 0);
    kv_close(store);
    struct error err;
    EXPECT_OK(fs_remove_tree(old, &err), &err);
}

/* Synced or not: the kernel has what was answered (a power cut is another matter). */
TEST(kv_commit_survives_the_death_of_the_process)
{
    struct kv_store *store = contract_open();
    EXPECT_STATUS(write_key(store, KEY("a"), true), OK);
    EXPECT_STATUS(write_key(store, KEY("b"), false), OK);
    die(store);
    store = reopen();
    expect_value(store, NULL, KV_USER_TABLE, KEY("a"), "v");
    expect_value(store, NULL, KV_USER_TABLE, KEY("b"), "v");
    expect_head(store, PART_A, 1, 2);
    contract_close(store);
}

static status find_wal(void *context, const char *name, bool is_dir, struct error *err)
{
    (void)is_dir;
    (void)err;
    if (str_ends_with(str_from(name), STR_LIT(".log"))) {
        (void)snprintf(context, 512, "%s/%s", folder, name);
    }
    return STATUS_IS_OK;
}

/* A power cut leaves a torn end: at every length of the WAL the store opens with a prefix. */
TEST(kv_rocksdb_open_with_a_torn_wal_keeps_a_prefix)
{
    struct kv_store *store = contract_open();
    static const char *const texts[] = {"0", "1", "2", "3", "4", "5"};
    for (uint64_t i = 0; i < 6; i++) {
        struct kv_mutation m[] = {put(KV_USER_TABLE, KEY("n"), str_from(texts[i])),
                                  put(KV_KEY_INDEX, KEY("n"), str_from(texts[i]))};
        struct kv_txn txn = txn_of(PART_A, i, i + 1, m, 2);
        struct outcome o = {.head_count = 1};
        kv_commit(store, &txn, 1, false, note_outcome, &o);
        EXPECT_STATUS(o.result, OK);
    }
    die(store);
    char wal[512] = "";
    struct error err;
    EXPECT_OK(fs_list(folder, find_wal, wal, &err), &err);
    uint64_t bytes = 0;
    EXPECT_OK(fs_size(wal, &bytes, &err), &err);
    EXPECT(bytes > 300);

    char copy[300];
    (void)snprintf(copy, sizeof copy, "%s.whole", folder);
    EXPECT(rename(folder, copy) == 0);
    uint64_t last_generation = UINT64_MAX;
    uint64_t states = 0;
    for (uint64_t cut = bytes; cut > 0; cut -= cut > 37 ? 37 : cut) {
        char command[1024];
        (void)snprintf(command, sizeof command, "cp -r %s %s", copy, folder);
        EXPECT(system(command) == 0);
        EXPECT(truncate(wal, (off_t)cut) == 0);
        store = reopen();
        struct kv_head head;
        EXPECT_OK(kv_head_get(store, PART_A, &head, &err), &err);
        EXPECT(head.generation <= last_generation);
        EXPECT_UINT(head.seq, head.generation);
        char text[2] = {(char)('0' + (char)head.generation - 1), '\0'};
        expect_value(store, NULL, KV_USER_TABLE, KEY("n"), head.generation > 0 ? text : NULL);
        expect_value(store, NULL, KV_KEY_INDEX, KEY("n"), head.generation > 0 ? text : NULL);
        states += head.generation != last_generation ? 1 : 0;
        last_generation = head.generation;
        contract_close(store);
    }
    EXPECT_UINT(states, 7); /* every prefix was seen, the empty one too */
    EXPECT_OK(fs_remove_tree(copy, &err), &err);
}

TEST(kv_get_with_no_io_is_unavailable_when_the_block_is_on_disk)
{
    struct kv_store *store = contract_open();
    char value[1000];
    memset(value, 'x', sizeof value);
    for (int i = 0; i < 6000; i++) { /* more than one write buffer, so that files are made */
        char key[64];
        memcpy(key, PART_A.p, PART_A.n);
        int n = snprintf(key + PART_A.n, sizeof key - PART_A.n, "%06d", i);
        struct kv_mutation m =
            put(KV_USER_TABLE, str_of(key, PART_A.n + (size_t)n), str_of(value, sizeof value));
        struct kv_txn txn = txn_of(PART_A, KV_ANY_GENERATION, 1, &m, 1);
        struct outcome o = {.head_count = 1};
        kv_commit(store, &txn, 1, false, note_outcome, &o);
        EXPECT_STATUS(o.result, OK);
    }
    kv_close(store); /* recovery writes the rest into files; the cache is empty */
    store = reopen();
    struct arena arena;
    arena_init(&arena);
    str found_value;
    bool found = false;
    EXPECT_STATUS(kv_get(store, NULL, KV_USER_TABLE, KEY("000001"), KV_NO_IO, &arena, &found_value,
                         &found, NULL),
                  UNAVAILABLE);
    struct kv_view *view = kv_view_open(store);
    EXPECT_STATUS(kv_get(store, view, KV_USER_TABLE, KEY("000001"), KV_NO_IO, &arena, &found_value,
                         &found, NULL),
                  UNAVAILABLE);
    EXPECT_STATUS(kv_get(store, view, KV_USER_TABLE, KEY("000001"), KV_MAY_BLOCK, &arena,
                         &found_value, &found, NULL),
                  OK);
    EXPECT(found);
    EXPECT_UINT(found_value.n, sizeof value);
    EXPECT_STATUS(kv_get(store, view, KV_USER_TABLE, KEY("000001"), KV_NO_IO, &arena, &found_value,
                         &found, NULL),
                  OK);
    EXPECT(kv_family_bytes(store, KV_USER_TABLE) > 0);
    EXPECT(kv_memory_bytes(store) > 0);
    kv_view_close(view);
    arena_release(&arena);
    contract_close(store);
}

TEST(kv_commit_below_the_reserve_of_space_writes_nothing_and_the_store_goes_on)
{
    make_folder();
    struct kv_store *store = NULL;
    struct error err;
    struct kv_rocksdb_options options = {.path = folder, .reserve_bytes = (uint64_t)1 << 60};
    EXPECT_OK(kv_rocksdb_open(&options, &store, &err), &err);
    EXPECT_STATUS(write_key(store, KEY("a"), true), STORAGE_FULL);
    expect_value(store, NULL, KV_USER_TABLE, KEY("a"), NULL);
    expect_head(store, PART_A, 0, 0);
    kv_close(store);
    store = reopen();
    EXPECT_STATUS(write_key(store, KEY("a"), true), OK);
    expect_head(store, PART_A, 1, 1);
    contract_close(store);
}

TEST(kv_commit_that_may_use_the_reserve_is_taken_below_it)
{
    make_folder();
    struct statvfs fs;
    EXPECT_INT(statvfs(folder, &fs), 0);
    struct kv_store *store = NULL;
    struct error err;
    struct kv_rocksdb_options options = {.path = folder,
                                         .reserve_bytes = 2 * (uint64_t)fs.f_bavail * fs.f_frsize};
    EXPECT_OK(kv_rocksdb_open(&options, &store, &err), &err);
    EXPECT(kv_is_full(store));
    EXPECT_STATUS(write_key(store, KEY("a"), true), STORAGE_FULL);
    struct kv_mutation m = put(KV_USER_TABLE, KEY("b"), STR_LIT("v"));
    struct kv_txn txn = txn_of(PART_A, KV_ANY_GENERATION, 1, &m, 1);
    txn.may_use_reserve = true;
    struct outcome o = {.head_count = 1};
    kv_commit(store, &txn, 1, true, note_outcome, &o);
    EXPECT_STATUS(o.result, OK);
    expect_value(store, NULL, KV_USER_TABLE, KEY("a"), NULL);
    expect_value(store, NULL, KV_USER_TABLE, KEY("b"), "v");
    contract_close(store);
}

TEST(kv_commit_with_an_injected_error_is_not_applied)
{
    struct kv_store *store = contract_open();
    EXPECT(fault_set("kv.write=enospc@2"));
    EXPECT_STATUS(write_key(store, KEY("a"), true), OK);
    EXPECT_STATUS(write_key(store, KEY("b"), true), STORAGE_FULL);
    EXPECT_STATUS(write_key(store, KEY("c"), true), OK);
    EXPECT(fault_set("kv.write=eio@1"));
    EXPECT_STATUS(write_key(store, KEY("d"), true), IO);
    fault_clear();
    struct kv_view *view = kv_view_open(store);
    expect_range(view, KV_USER_TABLE, KEY(""), (str){0}, KV_FORWARD, "ac");
    kv_view_close(view);
    contract_close(store);
}

/* A real failure of the disk: files may not grow any more. What was answered is there after a
 * restart, and until then no commit is taken, even when the disk works again. */
TEST(kv_commit_after_a_failed_write_is_refused_until_a_restart)
{
    struct kv_store *store = contract_open();
    char value[2000];
    memset(value, 'x', sizeof value);
    struct rlimit before;
    EXPECT(getrlimit(RLIMIT_FSIZE, &before) == 0);
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    EXPECT(handler != SIG_ERR);
    struct rlimit small = {.rlim_cur = 300000, .rlim_max = before.rlim_max};
    EXPECT(setrlimit(RLIMIT_FSIZE, &small) == 0);
    status result = STATUS_IS_OK;
    uint64_t answered = 0;
    while (status_ok(result) && answered < 1000) {
        struct kv_mutation m = put(KV_USER_TABLE, KEY("a"), str_of(value, sizeof value));
        struct kv_txn txn = txn_of(PART_A, answered, answered + 1, &m, 1);
        struct outcome o = {.head_count = 1};
        kv_commit(store, &txn, 1, true, note_outcome, &o);
        result = o.result;
        answered += status_ok(result) ? 1 : 0;
    }
    EXPECT(setrlimit(RLIMIT_FSIZE, &before) == 0);
    EXPECT(signal(SIGXFSZ, handler) == SIG_IGN);
    EXPECT_STATUS(result, IO);
    EXPECT(answered > 100);
    EXPECT_STATUS(write_key(store, KEY("b"), true), IO);
    EXPECT_STATUS(kv_sync(store, NULL), IO);
    expect_head(store, PART_A, answered, answered);
    kv_close(store);
    store = reopen();
    struct kv_head head;
    EXPECT_STATUS(kv_head_get(store, PART_A, &head, NULL), OK);
    EXPECT(head.generation >= answered); /* the last one, not answered, may be there or not */
    EXPECT(head.generation <= answered + 1);
    EXPECT_STATUS(write_key(store, KEY("b"), true), OK);
    contract_close(store);
}

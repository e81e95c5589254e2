/* tests/unit/engine/kv_mem_test.c -- Goal: the store in memory keeps the contract, loses exactly
 * what was not synced when the power goes, and follows its fault script. Method: the contract
 * suite, then scripts and cuts. */
#include "kv_contract.h"

static struct kv_store *contract_open(void)
{
    return kv_mem_open();
}

static void contract_close(struct kv_store *store)
{
    kv_close(store);
}

static status write_key(struct kv_store *store, str key, bool sync, struct kv_txn *out)
{
    struct kv_mutation m = put(KV_USER_TABLE, key, STR_LIT("v"));
    struct kv_txn txn = txn_of(PART_A, KV_ANY_GENERATION, 1, &m, 1);
    struct outcome o = {.head_count = 1};
    kv_commit(store, &txn, 1, sync, note_outcome, &o);
    if (out != NULL) {
        *out = txn;
    }
    return o.result;
}

/* What is not known to be written is not kept; what is known not to be leaves the cache at work. */
TEST(kv_get_newest_after_a_commit_that_failed_tells_what_the_store_has)
{
    static const struct {
        enum kv_mem_fault fault;
        const char *newest;
    } cases[] = {{KV_MEM_UNKNOWN_APPLIED, "v"},
                 {KV_MEM_UNKNOWN_NOT_APPLIED, "old"},
                 {KV_MEM_STORAGE_FULL, "old"},
                 {KV_MEM_CONFLICT, "old"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct kv_store *store = kv_mem_open();
        kv_use_cache(store, 1 << 20);
        WRITE_A(store, 1, put(KV_USER_TABLE, KEY("a"), STR_LIT("old")));
        expect_newest(store, KV_USER_TABLE, KEY("a"), "old");
        kv_mem_script(store, &cases[i].fault, 1);
        EXPECT(!status_ok(write_key(store, KEY("a"), true, NULL)));
        expect_newest(store, KV_USER_TABLE, KEY("a"), cases[i].newest);
        WRITE_A(store, 2, put(KV_USER_TABLE, KEY("b"), STR_LIT("b")));
        struct kv_cache_statistics before;
        struct kv_cache_statistics after;
        expect_newest(store, KV_USER_TABLE, KEY("a"), cases[i].newest);
        kv_cache_statistics(store, &before);
        expect_newest(store, KV_USER_TABLE, KEY("a"), cases[i].newest);
        kv_cache_statistics(store, &after);
        EXPECT_UINT(after.hits, before.hits + 1);
        kv_close(store);
    }
}

TEST(kv_mem_power_cut_returns_to_the_last_synced_commit)
{
    struct kv_store *store = kv_mem_open();
    EXPECT_STATUS(write_key(store, KEY("a"), false, NULL), OK);
    EXPECT_STATUS(write_key(store, KEY("b"), true, NULL), OK); /* covers a as well */
    EXPECT_STATUS(write_key(store, KEY("c"), false, NULL), OK);
    expect_value(store, NULL, KV_USER_TABLE, KEY("c"), "v");
    kv_mem_power_cut(store);
    expect_value(store, NULL, KV_USER_TABLE, KEY("a"), "v");
    expect_value(store, NULL, KV_USER_TABLE, KEY("b"), "v");
    expect_value(store, NULL, KV_USER_TABLE, KEY("c"), NULL);
    expect_head(store, PART_A, 1, 2);
    kv_close(store);
}

TEST(kv_sync_makes_earlier_commits_survive_a_power_cut)
{
    struct kv_store *store = kv_mem_open();
    EXPECT_STATUS(write_key(store, KEY("a"), false, NULL), OK);
    struct error err;
    EXPECT_OK(kv_sync(store, &err), &err);
    EXPECT_STATUS(write_key(store, KEY("b"), false, NULL), OK);
    kv_mem_power_cut(store);
    expect_value(store, NULL, KV_USER_TABLE, KEY("a"), "v");
    expect_value(store, NULL, KV_USER_TABLE, KEY("b"), NULL);
    kv_close(store);
}

TEST(kv_mem_power_cut_leaves_open_views_as_they_are)
{
    struct kv_store *store = kv_mem_open();
    EXPECT_STATUS(write_key(store, KEY("a"), false, NULL), OK);
    struct kv_view *view = kv_view_open(store);
    kv_mem_power_cut(store);
    expect_value(store, view, KV_USER_TABLE, KEY("a"), "v");
    expect_value(store, NULL, KV_USER_TABLE, KEY("a"), NULL);
    kv_view_close(view);
    kv_close(store);
}

TEST(kv_mem_script_refuses_commits_one_by_one_and_then_ends)
{
    struct kv_store *store = kv_mem_open();
    static const enum kv_mem_fault script[] = {KV_MEM_OK, KV_MEM_CONFLICT, KV_MEM_IO,
                                               KV_MEM_STORAGE_FULL};
    kv_mem_script(store, script, 4);
    EXPECT_STATUS(write_key(store, KEY("a"), true, NULL), OK);
    EXPECT_STATUS(write_key(store, KEY("b"), true, NULL), CONFLICT);
    EXPECT_STATUS(write_key(store, KEY("c"), true, NULL), IO);
    EXPECT_STATUS(write_key(store, KEY("d"), true, NULL), STORAGE_FULL);
    EXPECT_STATUS(write_key(store, KEY("e"), true, NULL), OK);
    struct kv_view *view = kv_view_open(store);
    expect_range(view, KV_USER_TABLE, KEY(""), (str){0}, KV_FORWARD, "ae");
    kv_view_close(view);
    expect_head(store, PART_A, 1, 2);
    kv_close(store);
}

TEST(kv_commit_with_unknown_outcome_can_be_asked_about_and_repeated)
{
    struct kv_store *store = kv_mem_open();
    static const enum kv_mem_fault script[] = {KV_MEM_UNKNOWN_APPLIED, KV_MEM_OK,
                                               KV_MEM_UNKNOWN_NOT_APPLIED};
    kv_mem_script(store, script, 3);
    struct kv_txn txn;
    bool seen = false;
    struct error err;
    EXPECT_STATUS(write_key(store, KEY("a"), true, &txn), UNKNOWN_OUTCOME);
    EXPECT_OK(kv_txn_seen(store, PART_A, txn.id, &seen, &err), &err);
    EXPECT(seen);
    struct kv_mutation a = put(KV_USER_TABLE, KEY("a"), STR_LIT("v"));
    txn.mutations = &a;
    EXPECT_STATUS(commit_group(store, &txn, 1, NULL), OK);
    expect_head(store, PART_A, 1, 1); /* applied once */

    EXPECT_STATUS(write_key(store, KEY("b"), true, &txn), UNKNOWN_OUTCOME);
    EXPECT_OK(kv_txn_seen(store, PART_A, txn.id, &seen, &err), &err);
    EXPECT(!seen);
    expect_value(store, NULL, KV_USER_TABLE, KEY("b"), NULL);
    struct kv_mutation b = put(KV_USER_TABLE, KEY("b"), STR_LIT("v"));
    txn.mutations = &b;
    EXPECT_STATUS(commit_group(store, &txn, 1, NULL), OK);
    expect_value(store, NULL, KV_USER_TABLE, KEY("b"), "v");
    expect_head(store, PART_A, 1, 2);
    kv_close(store);
}

TEST(kv_mem_script_loses_a_hint_but_not_the_commit)
{
    struct kv_store *store = kv_mem_open();
    static const enum kv_mem_fault script[] = {KV_MEM_LOSE_HINT};
    kv_mem_script(store, script, 1);
    struct hints hints = {0};
    uint64_t number = kv_watch(store, PART_A, note_hint, &hints);
    EXPECT_STATUS(write_key(store, KEY("a"), true, NULL), OK);
    EXPECT_INT(hints.count, 0);
    expect_value(store, NULL, KV_USER_TABLE, KEY("a"), "v");
    EXPECT_STATUS(write_key(store, KEY("b"), true, NULL), OK);
    EXPECT_INT(hints.count, 1);
    kv_unwatch(store, number);
    kv_close(store);
}

TEST(kv_get_with_no_io_is_unavailable_while_reads_block)
{
    struct kv_store *store = kv_mem_open();
    EXPECT_STATUS(write_key(store, KEY("a"), true, NULL), OK);
    kv_mem_block_reads(store, true);
    struct arena arena;
    arena_init(&arena);
    str value;
    bool found;
    EXPECT_STATUS(
        kv_get(store, NULL, KV_USER_TABLE, KEY("a"), KV_NO_IO, &arena, &value, &found, NULL),
        UNAVAILABLE);
    EXPECT_STATUS(
        kv_get(store, NULL, KV_USER_TABLE, KEY("a"), KV_MAY_BLOCK, &arena, &value, &found, NULL),
        OK);
    kv_mem_block_reads(store, false);
    EXPECT_STATUS(
        kv_get(store, NULL, KV_USER_TABLE, KEY("a"), KV_NO_IO, &arena, &value, &found, NULL), OK);
    arena_release(&arena);
    kv_close(store);
}

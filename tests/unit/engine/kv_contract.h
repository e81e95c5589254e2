/* tests/unit/engine/kv_contract.h -- the specification of the store seam (engine/kv.h), as tests.
 * For:      every backend: a test file defines contract_open (an empty store) and contract_close,
 * and includes this header, which adds the tests. Method:   each test gets a fresh store;
 * partitions are made by hand, as the seam does not know what is in a prefix. */
#ifndef TESTS_UNIT_ENGINE_KV_CONTRACT_H
#define TESTS_UNIT_ENGINE_KV_CONTRACT_H

#include "base/hash.h"
#include "base/mem.h"
#include "engine/kv.h"
#include "test.h"

/* Defined by the includer. */
static struct kv_store *contract_open(void);
static void contract_close(struct kv_store *store);

#define PART_A STR_LIT("u\0\0\0\1alice\0\1")
#define PART_B STR_LIT("u\0\0\0\1bob\0\1")
#define PART_Y STR_LIT("y\0\0\0\0x\0\1")

/* Keys of partition A: its prefix and one literal. */
#define KEY(text) STR_LIT("u\0\0\0\1alice\0\1" text)
#define KEY_B(text) STR_LIT("u\0\0\0\1bob\0\1" text)
#define KEY_Y(text) STR_LIT("y\0\0\0\0x\0\1" text)

static inline struct kv_mutation put(enum kv_family family, str key, str value)
{
    return (struct kv_mutation){KV_PUT, family, key, value};
}

static inline struct kv_mutation del(enum kv_family family, str key)
{
    return (struct kv_mutation){KV_DELETE, family, key, {0}};
}

static inline struct kv_mutation del_range(enum kv_family family, str lo, str hi)
{
    return (struct kv_mutation){KV_DELETE_RANGE, family, lo, hi};
}

struct outcome {
    status result;
    size_t head_count; /* set by the caller */
    struct kv_head heads[8];
    int calls;
};

static void note_outcome(void *context, status result, const struct kv_head *heads)
{
    struct outcome *o = context;
    o->result = result;
    o->calls++;
    if (status_ok(result)) {
        memcpy(o->heads, heads, o->head_count * sizeof *heads);
    }
}

/* Commits a group with sync and answers how it went; the heads go to *o unless NULL. */
static status commit_group(struct kv_store *store, const struct kv_txn *txns, size_t count,
                           struct outcome *o)
{
    struct outcome own;
    o = o != NULL ? o : &own;
    *o = (struct outcome){.head_count = count};
    kv_commit(store, txns, count, true, note_outcome, o);
    EXPECT_INT(o->calls, 1);
    return o->result;
}

static struct kv_txn txn_of(str partition, uint64_t expect, uint64_t seq,
                            const struct kv_mutation *mutations, size_t count)
{
    struct kv_txn txn = {.partition = partition,
                         .expect_generation = expect,
                         .new_seq = seq,
                         .mutations = mutations,
                         .mutation_count = count};
    random_bytes(txn.id, sizeof txn.id);
    return txn;
}

/* One unconditional transaction of partition A. */
static void write_a(struct kv_store *store, uint64_t seq, const struct kv_mutation *mutations,
                    size_t count)
{
    struct kv_txn txn = txn_of(PART_A, KV_ANY_GENERATION, seq, mutations, count);
    EXPECT_STATUS(commit_group(store, &txn, 1, NULL), OK);
}

#define WRITE_A(store, seq, ...)                                                                   \
    write_a((store), (seq), (struct kv_mutation[]){__VA_ARGS__},                                   \
            sizeof((struct kv_mutation[]){__VA_ARGS__}) / sizeof(struct kv_mutation))

/* The key has this value; NULL: it is absent. */
static void expect_value(struct kv_store *store, struct kv_view *view, enum kv_family family,
                         str key, const char *wanted)
{
    struct arena arena;
    arena_init(&arena);
    str value = {0};
    bool found = false;
    struct error err;
    EXPECT_OK(kv_get(store, view, family, key, KV_MAY_BLOCK, &arena, &value, &found, &err), &err);
    EXPECT(found == (wanted != NULL));
    if (wanted != NULL) {
        EXPECT_STR_EQ(value, str_from(wanted));
    }
    arena_release(&arena);
}

static void expect_head(struct kv_store *store, str partition, uint64_t seq, uint64_t generation)
{
    struct kv_head head = {99, 99};
    struct error err;
    EXPECT_OK(kv_head_get(store, partition, &head, &err), &err);
    EXPECT_UINT(head.seq, seq);
    EXPECT_UINT(head.generation, generation);
}

/* What a cursor yields from here on, the last byte of each key: "abc". */
static void expect_walk(struct kv_cursor *cursor, const char *wanted)
{
    char seen[64];
    size_t n = 0;
    str key;
    str value;
    status result = STATUS_IS_OK;
    struct error err;
    while (kv_cursor_next(cursor, &key, &value, &result, &err)) {
        EXPECT(n < sizeof seen);
        seen[n++] = key.p[key.n - 1];
    }
    EXPECT_OK(result, &err);
    EXPECT_STR_EQ(str_of(seen, n), str_from(wanted));
}

static void expect_range(struct kv_view *view, enum kv_family family, str lo, str hi,
                         enum kv_direction direction, const char *wanted)
{
    struct kv_cursor *cursor = kv_cursor_open(view, family, lo, hi, direction);
    expect_walk(cursor, wanted);
    kv_cursor_close(cursor);
}

/* -- heads and conditions ---------------------------------------------------------------------- */

TEST(kv_head_get_of_a_partition_never_written_is_zero)
{
    struct kv_store *store = contract_open();
    expect_head(store, PART_A, 0, 0);
    contract_close(store);
}

TEST(kv_commit_moves_the_head_and_reports_it)
{
    struct kv_store *store = contract_open();
    struct kv_mutation m = put(KV_USER_TABLE, KEY("a"), STR_LIT("1"));
    struct kv_txn txn = txn_of(PART_A, KV_ANY_GENERATION, 7, &m, 1);
    struct outcome o;
    EXPECT_STATUS(commit_group(store, &txn, 1, &o), OK);
    EXPECT_UINT(o.heads[0].seq, 7);
    EXPECT_UINT(o.heads[0].generation, 1);
    expect_head(store, PART_A, 7, 1);
    expect_head(store, PART_B, 0, 0);
    contract_close(store);
}

TEST(kv_commit_with_a_smaller_seq_leaves_the_seq_of_the_head)
{
    struct kv_store *store = contract_open();
    WRITE_A(store, 7, put(KV_USER_TABLE, KEY("a"), STR_LIT("1")));
    WRITE_A(store, 3, put(KV_USER_TABLE, KEY("a"), STR_LIT("2")));
    expect_head(store, PART_A, 7, 2);
    contract_close(store);
}

TEST(kv_commit_without_mutations_moves_the_head)
{
    struct kv_store *store = contract_open();
    write_a(store, 5, NULL, 0);
    expect_head(store, PART_A, 5, 1);
    contract_close(store);
}

TEST(kv_commit_with_a_stale_generation_conflicts_and_writes_nothing)
{
    struct kv_store *store = contract_open();
    WRITE_A(store, 1, put(KV_USER_TABLE, KEY("a"), STR_LIT("1")));
    WRITE_A(store, 2, put(KV_USER_TABLE, KEY("a"), STR_LIT("2")));
    struct kv_mutation m = put(KV_USER_TABLE, KEY("a"), STR_LIT("stale"));
    struct kv_txn txn = txn_of(PART_A, 1, 3, &m, 1);
    EXPECT_STATUS(commit_group(store, &txn, 1, NULL), CONFLICT);
    expect_value(store, NULL, KV_USER_TABLE, KEY("a"), "2");
    expect_head(store, PART_A, 2, 2);
    contract_close(store);
}

TEST(kv_commit_with_the_right_generation_is_applied)
{
    struct kv_store *store = contract_open();
    struct kv_mutation m = put(KV_USER_TABLE, KEY("a"), STR_LIT("1"));
    struct kv_txn first = txn_of(PART_A, 0, 1, &m, 1);
    EXPECT_STATUS(commit_group(store, &first, 1, NULL), OK);
    struct kv_txn second = txn_of(PART_A, 1, 2, &m, 1);
    EXPECT_STATUS(commit_group(store, &second, 1, NULL), OK);
    expect_head(store, PART_A, 2, 2);
    contract_close(store);
}

TEST(kv_commit_that_expects_no_partition_conflicts_when_there_is_one)
{
    struct kv_store *store = contract_open();
    write_a(store, 1, NULL, 0);
    struct kv_txn txn = txn_of(PART_A, 0, 2, NULL, 0);
    EXPECT_STATUS(commit_group(store, &txn, 1, NULL), CONFLICT);
    expect_head(store, PART_A, 1, 1);
    contract_close(store);
}

TEST(kv_commit_of_a_group_applies_all_partitions)
{
    struct kv_store *store = contract_open();
    if (!kv_group_is_atomic(store)) {
        contract_close(store);
        SKIP("groups of this backend are one partition");
    }
    struct kv_mutation a = put(KV_USER_TABLE, KEY("a"), STR_LIT("1"));
    struct kv_mutation b = put(KV_SHARED_TABLE, KEY_B("b"), STR_LIT("2"));
    struct kv_txn txns[] = {txn_of(PART_A, 0, 1, &a, 1), txn_of(PART_B, 0, 2, &b, 1)};
    struct outcome o;
    EXPECT_STATUS(commit_group(store, txns, 2, &o), OK);
    EXPECT_UINT(o.heads[1].seq, 2);
    expect_value(store, NULL, KV_USER_TABLE, KEY("a"), "1");
    expect_value(store, NULL, KV_SHARED_TABLE, KEY_B("b"), "2");
    contract_close(store);
}

TEST(kv_commit_of_a_group_with_one_stale_partition_applies_nothing)
{
    struct kv_store *store = contract_open();
    if (!kv_group_is_atomic(store)) {
        contract_close(store);
        SKIP("groups of this backend are one partition");
    }
    WRITE_A(store, 1, put(KV_USER_TABLE, KEY("a"), STR_LIT("1")));
    struct kv_mutation a = put(KV_USER_TABLE, KEY("a"), STR_LIT("2"));
    struct kv_mutation b = put(KV_USER_TABLE, KEY_B("b"), STR_LIT("2"));
    struct kv_txn txns[] = {txn_of(PART_B, KV_ANY_GENERATION, 2, &b, 1),
                            txn_of(PART_A, 9, 2, &a, 1)};
    EXPECT_STATUS(commit_group(store, txns, 2, NULL), CONFLICT);
    expect_value(store, NULL, KV_USER_TABLE, KEY("a"), "1");
    expect_value(store, NULL, KV_USER_TABLE, KEY_B("b"), NULL);
    expect_head(store, PART_B, 0, 0);
    contract_close(store);
}

TEST(kv_commit_of_groups_moves_each_head_by_itself)
{
    struct kv_store *store = contract_open();
    if (!kv_group_is_atomic(store)) {
        contract_close(store);
        SKIP("groups of this backend are one partition");
    }
    for (uint64_t i = 0; i < 3; i++) {
        write_a(store, i + 1, NULL, 0);
    }
    struct kv_txn txns[] = {txn_of(PART_B, 0, 10, NULL, 0), txn_of(PART_A, 3, 20, NULL, 0)};
    EXPECT_STATUS(commit_group(store, txns, 2, NULL), OK);
    struct kv_txn again[] = {txn_of(PART_A, 4, 21, NULL, 0), txn_of(PART_B, 1, 11, NULL, 0)};
    struct outcome o;
    EXPECT_STATUS(commit_group(store, again, 2, &o), OK);
    EXPECT_UINT(o.heads[0].generation, 5);
    EXPECT_UINT(o.heads[1].generation, 2);
    expect_head(store, PART_A, 21, 5);
    expect_head(store, PART_B, 11, 2);
    contract_close(store);
}

TEST(kv_commit_of_the_same_transaction_again_is_ok_and_changes_nothing)
{
    struct kv_store *store = contract_open();
    struct kv_mutation m = put(KV_USER_TABLE, KEY("a"), STR_LIT("1"));
    struct kv_txn txn = txn_of(PART_A, 0, 1, &m, 1);
    EXPECT_STATUS(commit_group(store, &txn, 1, NULL), OK);
    WRITE_A(store, 2, put(KV_USER_TABLE, KEY("a"), STR_LIT("2")));
    struct outcome o;
    EXPECT_STATUS(commit_group(store, &txn, 1, &o), OK);
    EXPECT_UINT(o.heads[0].generation, 2);
    expect_value(store, NULL, KV_USER_TABLE, KEY("a"), "2");
    expect_head(store, PART_A, 2, 2);
    contract_close(store);
}

TEST(kv_txn_seen_knows_the_last_remembered_transactions_only)
{
    struct kv_store *store = contract_open();
    struct kv_txn txns[KV_REMEMBERED_IDS + 1];
    bool seen = true;
    struct error err;
    for (size_t i = 0; i <= KV_REMEMBERED_IDS; i++) {
        txns[i] = txn_of(PART_A, i, i + 1, NULL, 0);
        EXPECT_OK(kv_txn_seen(store, PART_A, txns[i].id, &seen, &err), &err);
        EXPECT(!seen);
        EXPECT_STATUS(commit_group(store, &txns[i], 1, NULL), OK);
    }
    for (size_t i = 0; i <= KV_REMEMBERED_IDS; i++) {
        EXPECT_OK(kv_txn_seen(store, PART_A, txns[i].id, &seen, &err), &err);
        EXPECT(seen == (i > 0));
    }
    contract_close(store);
}

/* -- mutations --------------------------------------------------------------------------------- */

TEST(kv_commit_with_several_mutations_of_a_key_keeps_the_last)
{
    struct kv_store *store = contract_open();
    WRITE_A(store, 1, put(KV_USER_TABLE, KEY("a"), STR_LIT("1")), del(KV_USER_TABLE, KEY("a")),
            put(KV_USER_TABLE, KEY("a"), STR_LIT("3")), put(KV_USER_TABLE, KEY("b"), STR_LIT("1")),
            del(KV_USER_TABLE, KEY("b")));
    expect_value(store, NULL, KV_USER_TABLE, KEY("a"), "3");
    expect_value(store, NULL, KV_USER_TABLE, KEY("b"), NULL);
    contract_close(store);
}

TEST(kv_commit_with_a_range_delete_removes_earlier_puts_and_keeps_later_ones)
{
    struct kv_store *store = contract_open();
    WRITE_A(store, 1, put(KV_USER_TABLE, KEY("a"), STR_LIT("old")),
            put(KV_USER_TABLE, KEY("d"), STR_LIT("old")));
    WRITE_A(store, 2, put(KV_USER_TABLE, KEY("b"), STR_LIT("1")),
            put(KV_USER_TABLE, KEY("c"), STR_LIT("1")),
            del_range(KV_USER_TABLE, KEY("a"), KEY("d")),
            put(KV_USER_TABLE, KEY("c"), STR_LIT("2")));
    expect_value(store, NULL, KV_USER_TABLE, KEY("a"), NULL);
    expect_value(store, NULL, KV_USER_TABLE, KEY("b"), NULL);
    expect_value(store, NULL, KV_USER_TABLE, KEY("c"), "2");
    expect_value(store, NULL, KV_USER_TABLE, KEY("d"), "old"); /* the end is exclusive */
    contract_close(store);
}

TEST(kv_commit_with_a_range_to_the_end_of_the_partition_spares_the_next)
{
    struct kv_store *store = contract_open();
    struct kv_mutation b = put(KV_USER_TABLE, KEY_B("a"), STR_LIT("bob"));
    struct kv_txn txn = txn_of(PART_B, 0, 1, &b, 1);
    EXPECT_STATUS(commit_group(store, &txn, 1, NULL), OK);
    WRITE_A(store, 2, put(KV_USER_TABLE, KEY("\xff\xff"), STR_LIT("1")));
    WRITE_A(store, 3, del_range(KV_USER_TABLE, KEY(""), STR_LIT("u\0\0\0\1alice\0\2")));
    expect_value(store, NULL, KV_USER_TABLE, KEY("\xff\xff"), NULL);
    expect_value(store, NULL, KV_USER_TABLE, KEY_B("a"), "bob");
    contract_close(store);
}

TEST(kv_commit_with_an_empty_range_removes_nothing)
{
    struct kv_store *store = contract_open();
    WRITE_A(store, 1, put(KV_USER_TABLE, KEY("a"), STR_LIT("1")));
    WRITE_A(store, 2, del_range(KV_USER_TABLE, KEY("a"), KEY("a")));
    expect_value(store, NULL, KV_USER_TABLE, KEY("a"), "1");
    contract_close(store);
}

TEST(kv_commit_with_a_delete_of_an_absent_key_is_ok)
{
    struct kv_store *store = contract_open();
    WRITE_A(store, 1, del(KV_USER_TABLE, KEY("a")));
    expect_value(store, NULL, KV_USER_TABLE, KEY("a"), NULL);
    contract_close(store);
}

TEST(kv_families_are_separate)
{
    struct kv_store *store = contract_open();
    static const char *const values[KV_FAMILY_COUNT] = {"0", "1", "2", "3", "4", "5"};
    for (int f = 0; f < KV_FAMILY_COUNT; f++) {
        WRITE_A(store, 1, put((enum kv_family)f, KEY("a"), str_from(values[f])));
    }
    WRITE_A(store, 2, del_range(KV_TOPIC, KEY("a"), KEY("b")));
    for (int f = 0; f < KV_FAMILY_COUNT; f++) {
        expect_value(store, NULL, (enum kv_family)f, KEY("a"), f == KV_TOPIC ? NULL : values[f]);
    }
    contract_close(store);
}

TEST(kv_keys_and_values_may_hold_any_byte_and_values_may_be_empty)
{
    struct kv_store *store = contract_open();
    char all[256];
    for (size_t i = 0; i < sizeof all; i++) {
        all[i] = (char)i;
    }
    struct buf key;
    buf_init(&key);
    buf_append_str(&key, PART_A);
    buf_append(&key, all, sizeof all);
    WRITE_A(store, 1, put(KV_KEY_INDEX, buf_str(&key), str_of(all, sizeof all)),
            put(KV_KEY_INDEX, KEY("\0"), STR_LIT("zero")),
            put(KV_KEY_INDEX, KEY("\0\0"), STR_LIT("zeros")),
            put(KV_KEY_INDEX, KEY("\xff"), (str){0}));
    struct arena arena;
    arena_init(&arena);
    str value = {0};
    bool found = false;
    struct error err;
    EXPECT_OK(kv_get(store, NULL, KV_KEY_INDEX, buf_str(&key), KV_MAY_BLOCK, &arena, &value, &found,
                     &err),
              &err);
    EXPECT(found);
    EXPECT_STR_EQ(value, str_of(all, sizeof all));
    expect_value(store, NULL, KV_KEY_INDEX, KEY("\0"), "zero");
    expect_value(store, NULL, KV_KEY_INDEX, KEY("\0\0"), "zeros");
    expect_value(store, NULL, KV_KEY_INDEX, KEY("\xff"), "");
    expect_value(store, NULL, KV_KEY_INDEX, KEY(""), NULL);
    arena_release(&arena);
    buf_release(&key);
    contract_close(store);
}

TEST(kv_get_with_no_io_answers_what_is_in_memory)
{
    struct kv_store *store = contract_open();
    WRITE_A(store, 1, put(KV_USER_TABLE, KEY("a"), STR_LIT("1")));
    struct arena arena;
    arena_init(&arena);
    str value = {0};
    bool found = false;
    struct error err;
    EXPECT_OK(kv_get(store, NULL, KV_USER_TABLE, KEY("a"), KV_NO_IO, &arena, &value, &found, &err),
              &err);
    EXPECT(found);
    EXPECT_STR(value, "1");
    EXPECT_OK(kv_get(store, NULL, KV_USER_TABLE, KEY("b"), KV_NO_IO, &arena, &value, &found, &err),
              &err);
    EXPECT(!found);
    arena_release(&arena);
    contract_close(store);
}

/* -- views ------------------------------------------------------------------------------------- */

TEST(kv_view_shows_its_instant_whatever_is_written_after)
{
    struct kv_store *store = contract_open();
    WRITE_A(store, 1, put(KV_USER_TABLE, KEY("a"), STR_LIT("1")),
            put(KV_USER_TABLE, KEY("b"), STR_LIT("1")));
    struct kv_view *view = kv_view_open(store);
    struct kv_cursor *cursor = kv_cursor_open(view, KV_USER_TABLE, KEY(""), (str){0}, KV_FORWARD);
    WRITE_A(store, 2, put(KV_USER_TABLE, KEY("a"), STR_LIT("2")), del(KV_USER_TABLE, KEY("b")),
            put(KV_USER_TABLE, KEY("c"), STR_LIT("2")));
    WRITE_A(store, 3, del_range(KV_USER_TABLE, KEY(""), KEY("z")));
    expect_value(store, view, KV_USER_TABLE, KEY("a"), "1");
    expect_value(store, view, KV_USER_TABLE, KEY("b"), "1");
    expect_value(store, view, KV_USER_TABLE, KEY("c"), NULL);
    expect_walk(cursor, "ab");
    expect_value(store, NULL, KV_USER_TABLE, KEY("a"), NULL);
    struct kv_view *later = kv_view_open(store);
    expect_range(later, KV_USER_TABLE, KEY(""), (str){0}, KV_FORWARD, "");
    kv_view_close(later);
    kv_cursor_close(cursor);
    kv_view_close(view);
    contract_close(store);
}

TEST(kv_view_is_one_instant_of_all_partitions)
{
    struct kv_store *store = contract_open();
    WRITE_A(store, 1, put(KV_USER_TABLE, KEY("a"), STR_LIT("1")));
    struct kv_view *view = kv_view_open(store);
    struct kv_mutation b = put(KV_SYSTEM, KEY_Y("a"), STR_LIT("1"));
    struct kv_txn txn = txn_of(PART_Y, 0, 2, &b, 1);
    EXPECT_STATUS(commit_group(store, &txn, 1, NULL), OK);
    expect_value(store, view, KV_SYSTEM, KEY_Y("a"), NULL);
    expect_value(store, NULL, KV_SYSTEM, KEY_Y("a"), "1");
    kv_view_close(view);
    contract_close(store);
}

TEST(kv_views_are_numbered_from_one_and_the_oldest_open_one_is_known)
{
    struct kv_store *store = contract_open();
    EXPECT_UINT(kv_view_next_number(store), 1);
    EXPECT_UINT(kv_views_oldest(store), 1);
    struct kv_view *one = kv_view_open(store);
    struct kv_view *two = kv_view_open(store);
    struct kv_view *three = kv_view_open(store);
    EXPECT_UINT(kv_view_next_number(store), 4);
    EXPECT_UINT(kv_views_oldest(store), 1);
    kv_view_close(two);
    EXPECT_UINT(kv_views_oldest(store), 1);
    kv_view_close(one);
    EXPECT_UINT(kv_views_oldest(store), 3);
    kv_view_close(three);
    EXPECT_UINT(kv_views_oldest(store), 4);
    contract_close(store);
}

/* A file leaves once every view below the number noted at its removal is closed. */
TEST(kv_views_oldest_passes_a_noted_number_when_the_views_before_it_are_closed)
{
    struct kv_store *store = contract_open();
    struct kv_view *before = kv_view_open(store);
    uint64_t noted = kv_view_next_number(store);
    struct kv_view *after = kv_view_open(store);
    EXPECT(kv_views_oldest(store) < noted);
    kv_view_close(before);
    EXPECT(kv_views_oldest(store) >= noted);
    kv_view_close(after);
    contract_close(store);
}

/* -- cursors ----------------------------------------------------------------------------------- */

static void fill_a_to_e(struct kv_store *store)
{
    WRITE_A(store, 1, put(KV_USER_TABLE, KEY("c"), STR_LIT("3")),
            put(KV_USER_TABLE, KEY("a"), STR_LIT("1")), put(KV_USER_TABLE, KEY("e"), STR_LIT("5")),
            put(KV_USER_TABLE, KEY("b"), STR_LIT("2")), put(KV_USER_TABLE, KEY("d"), STR_LIT("4")));
    struct kv_mutation b = put(KV_USER_TABLE, KEY_B("x"), STR_LIT("bob"));
    struct kv_txn txn = txn_of(PART_B, 0, 1, &b, 1);
    EXPECT_STATUS(commit_group(store, &txn, 1, NULL), OK);
}

TEST(kv_cursor_walks_the_range_in_both_directions)
{
    struct kv_store *store = contract_open();
    fill_a_to_e(store);
    struct kv_view *view = kv_view_open(store);
    expect_range(view, KV_USER_TABLE, KEY("b"), KEY("d"), KV_FORWARD, "bc");
    expect_range(view, KV_USER_TABLE, KEY("b"), KEY("d"), KV_REVERSE, "cb");
    expect_range(view, KV_USER_TABLE, KEY("aa"), KEY("dd"), KV_FORWARD, "bcd");
    expect_range(view, KV_USER_TABLE, KEY("aa"), KEY("dd"), KV_REVERSE, "dcb");
    expect_range(view, KV_USER_TABLE, KEY(""), (str){0}, KV_FORWARD, "abcdex");
    expect_range(view, KV_USER_TABLE, KEY(""), (str){0}, KV_REVERSE, "xedcba");
    expect_range(view, KV_USER_TABLE, (str){0}, KEY("c"), KV_REVERSE, "ba");
    expect_range(view, KV_USER_TABLE, KEY("d"), KEY("d"), KV_FORWARD, "");
    expect_range(view, KV_USER_TABLE, KEY("f"), KEY("z"), KV_REVERSE, "");
    expect_range(view, KV_TOPIC, KEY(""), (str){0}, KV_FORWARD, "");
    kv_view_close(view);
    contract_close(store);
}

TEST(kv_cursor_yields_the_values_of_its_keys)
{
    struct kv_store *store = contract_open();
    fill_a_to_e(store);
    struct kv_view *view = kv_view_open(store);
    struct kv_cursor *cursor = kv_cursor_open(view, KV_USER_TABLE, KEY("d"), KEY("f"), KV_FORWARD);
    str key;
    str value;
    status result;
    struct error err;
    EXPECT(kv_cursor_next(cursor, &key, &value, &result, &err));
    EXPECT_STR_EQ(key, KEY("d"));
    EXPECT_STR(value, "4");
    EXPECT(kv_cursor_next(cursor, &key, &value, &result, &err));
    EXPECT_STR_EQ(key, KEY("e"));
    EXPECT_STR(value, "5");
    EXPECT(!kv_cursor_next(cursor, &key, &value, &result, &err));
    EXPECT_STATUS(result, OK);
    EXPECT(!kv_cursor_next(cursor, &key, &value, &result, &err)); /* and it stays at the end */
    kv_cursor_close(cursor);
    kv_view_close(view);
    contract_close(store);
}

TEST(kv_cursor_seek_goes_on_from_the_key_and_stays_in_the_range)
{
    struct kv_store *store = contract_open();
    fill_a_to_e(store);
    struct kv_view *view = kv_view_open(store);
    struct kv_cursor *cursor = kv_cursor_open(view, KV_USER_TABLE, KEY("b"), KEY("e"), KV_FORWARD);
    expect_walk(cursor, "bcd");
    kv_cursor_seek(cursor, KEY("c"));
    expect_walk(cursor, "cd");
    kv_cursor_seek(cursor, KEY("cc"));
    expect_walk(cursor, "d");
    kv_cursor_seek(cursor, KEY("a")); /* before the range: its start */
    expect_walk(cursor, "bcd");
    kv_cursor_seek(cursor, KEY("e")); /* behind it: its end */
    expect_walk(cursor, "");
    kv_cursor_close(cursor);

    cursor = kv_cursor_open(view, KV_USER_TABLE, KEY("b"), KEY("e"), KV_REVERSE);
    kv_cursor_seek(cursor, KEY("c"));
    expect_walk(cursor, "cb");
    kv_cursor_seek(cursor, KEY("cc"));
    expect_walk(cursor, "cb");
    kv_cursor_seek(cursor, KEY("z"));
    expect_walk(cursor, "dcb");
    kv_cursor_seek(cursor, KEY("e"));
    expect_walk(cursor, "dcb");
    kv_cursor_seek(cursor, KEY("a"));
    expect_walk(cursor, "");
    kv_cursor_close(cursor);
    kv_view_close(view);
    contract_close(store);
}

TEST(kv_cursor_over_a_whole_family_never_shows_heads)
{
    struct kv_store *store = contract_open();
    struct kv_mutation m = put(KV_SYSTEM, KEY_Y("a"), STR_LIT("1"));
    struct kv_txn txn = txn_of(PART_Y, 0, 2, &m, 1);
    EXPECT_STATUS(commit_group(store, &txn, 1, NULL), OK);
    struct kv_view *view = kv_view_open(store);
    expect_range(view, KV_SYSTEM, (str){0}, (str){0}, KV_FORWARD, "a");
    expect_range(view, KV_SYSTEM, (str){0}, (str){0}, KV_REVERSE, "a");
    struct kv_cursor *cursor = kv_cursor_open(view, KV_SYSTEM, (str){0}, (str){0}, KV_FORWARD);
    kv_cursor_seek(cursor, (str){0});
    expect_walk(cursor, "a");
    kv_cursor_close(cursor);
    kv_view_close(view);
    contract_close(store);
}

/* A store filled and emptied at random agrees with a plain array at every tenth step. */
TEST(kv_commit_at_random_agrees_with_a_model)
{
    enum { KEYS = 64, STEPS = 2000, PART_BYTES = sizeof("u\0\0\0\1alice\0\1") - 1 };
    struct kv_store *store = contract_open();
    struct rng rng;
    rng_init(&rng, 42);
    int model[KEYS]; /* the step that wrote the key; -1: absent */
    memset(model, 0xff, sizeof model);
    char keys[KEYS + 1][PART_BYTES + 1];
    for (size_t i = 0; i <= KEYS; i++) {
        memcpy(keys[i], PART_A.p, PART_BYTES);
        keys[i][PART_BYTES] = (char)(i + '0');
    }
    for (int step = 0; step < STEPS; step++) {
        size_t k = rng_below(&rng, KEYS);
        str key = str_of(keys[k], sizeof keys[k]);
        uint64_t what = rng_below(&rng, 20);
        struct kv_mutation m = put(KV_USER_TABLE, key, str_of(&step, sizeof step));
        if (what == 0) {
            size_t end = k + rng_below(&rng, KEYS - k + 1);
            m = del_range(KV_USER_TABLE, key, str_of(keys[end], sizeof keys[end]));
            memset(&model[k], 0xff, (end - k) * sizeof model[0]);
        } else if (what < 6) {
            m = del(KV_USER_TABLE, key);
            model[k] = -1;
        } else {
            model[k] = step;
        }
        struct kv_txn txn = txn_of(PART_A, KV_ANY_GENERATION, 1, &m, 1);
        struct outcome o = {.head_count = 1};
        kv_commit(store, &txn, 1, false, note_outcome, &o);
        EXPECT_STATUS(o.result, OK);
        if (step % 10 != 0) {
            continue;
        }
        struct kv_view *view = kv_view_open(store);
        enum kv_direction direction = step % 20 == 0 ? KV_FORWARD : KV_REVERSE;
        struct kv_cursor *cursor =
            kv_cursor_open(view, KV_USER_TABLE, KEY(""), (str){0}, direction);
        str found_key;
        str value;
        status result;
        struct error err;
        for (size_t i = 0; i < KEYS; i++) {
            size_t at = direction == KV_FORWARD ? i : KEYS - 1 - i;
            if (model[at] >= 0) {
                EXPECT(kv_cursor_next(cursor, &found_key, &value, &result, &err));
                EXPECT_STR_EQ(found_key, str_of(keys[at], sizeof keys[at]));
                EXPECT_STR_EQ(value, str_of(&model[at], sizeof model[at]));
            }
        }
        EXPECT(!kv_cursor_next(cursor, &found_key, &value, &result, &err));
        kv_cursor_close(cursor);
        kv_view_close(view);
    }
    contract_close(store);
}

/* -- threads ----------------------------------------------------------------------------------- */

enum { RACERS = 8, ROUNDS = 40 };

struct racer {
    struct kv_store *store;
    uint64_t generation; /* all expect the same */
    bool won;
};

static void *race(void *argument)
{
    struct racer *r = argument;
    struct kv_mutation m = put(KV_USER_TABLE, KEY("key"), str_of(&r, sizeof r));
    struct kv_txn txn = txn_of(PART_A, r->generation, r->generation + 1, &m, 1);
    struct outcome o = {.head_count = 1};
    kv_commit(r->store, &txn, 1, false, note_outcome, &o);
    EXPECT(status_ok(o.result) || o.result.code == STATUS_CONFLICT);
    r->won = status_ok(o.result);
    return NULL;
}

TEST(kv_commit_of_eight_threads_on_one_generation_has_one_winner)
{
    struct kv_store *store = contract_open();
    for (uint64_t round = 0; round < ROUNDS; round++) {
        struct racer racers[RACERS];
        struct thread threads[RACERS] = {0};
        for (size_t i = 0; i < RACERS; i++) {
            racers[i] = (struct racer){store, round, false};
            thread_start(&threads[i], "racer", 0, race, &racers[i]);
        }
        int winners = 0;
        struct racer *winner = NULL;
        for (size_t i = 0; i < RACERS; i++) {
            thread_join(&threads[i]);
            winners += racers[i].won ? 1 : 0;
            winner = racers[i].won ? &racers[i] : winner;
        }
        EXPECT_INT(winners, 1);
        struct arena arena;
        arena_init(&arena);
        str value = {0};
        bool found = false;
        struct error err;
        EXPECT_OK(kv_get(store, NULL, KV_USER_TABLE, KEY("key"), KV_MAY_BLOCK, &arena, &value,
                         &found, &err),
                  &err);
        EXPECT_STR_EQ(value, str_of(&winner, sizeof winner));
        arena_release(&arena);
    }
    expect_head(store, PART_A, ROUNDS, ROUNDS);
    contract_close(store);
}

/* Two keys that are always written together are equal in every view. */
struct pair_reader {
    struct kv_store *store;
    atomic_count stop;
    atomic_count views;
};

static void *read_pairs(void *argument)
{
    struct pair_reader *r = argument;
    struct arena arena;
    arena_init(&arena);
    while (atomic_count_get(&r->stop) == 0) {
        struct kv_view *view = kv_view_open(r->store);
        str a = {0};
        str b = {0};
        bool found = false;
        struct error err;
        EXPECT_OK(
            kv_get(r->store, view, KV_USER_TABLE, KEY("a"), KV_MAY_BLOCK, &arena, &a, &found, &err),
            &err);
        EXPECT(found);
        EXPECT_OK(
            kv_get(r->store, view, KV_KEY_INDEX, KEY("b"), KV_MAY_BLOCK, &arena, &b, &found, &err),
            &err);
        EXPECT_STR_EQ(a, b);
        kv_view_close(view);
        arena_reset(&arena);
        (void)atomic_count_add(&r->views, 1);
    }
    arena_release(&arena);
    return NULL;
}

TEST(kv_view_on_other_threads_never_shows_half_a_transaction)
{
    struct kv_store *store = contract_open();
    struct pair_reader reader = {.store = store};
    uint64_t n = 0;
    WRITE_A(store, 1, put(KV_USER_TABLE, KEY("a"), str_of(&n, sizeof n)),
            put(KV_KEY_INDEX, KEY("b"), str_of(&n, sizeof n)));
    struct thread threads[2] = {0};
    thread_start(&threads[0], "reader", 0, read_pairs, &reader);
    thread_start(&threads[1], "reader", 0, read_pairs, &reader);
    for (n = 1; n <= 500 || atomic_count_get(&reader.views) < 20; n++) {
        struct kv_mutation pair[] = {put(KV_USER_TABLE, KEY("a"), str_of(&n, sizeof n)),
                                     put(KV_KEY_INDEX, KEY("b"), str_of(&n, sizeof n))};
        struct kv_txn txn = txn_of(PART_A, KV_ANY_GENERATION, n, pair, 2);
        struct outcome o = {.head_count = 1};
        kv_commit(store, &txn, 1, false, note_outcome, &o);
        EXPECT_STATUS(o.result, OK);
    }
    atomic_count_set(&reader.stop, 1);
    thread_join(&threads[0]);
    thread_join(&threads[1]);
    contract_close(store);
}

/* -- hints ------------------------------------------------------------------------------------- */

struct hints {
    int count;
    struct kv_head last;
};

static void note_hint(void *context, str partition, struct kv_head head)
{
    struct hints *h = context;
    EXPECT_STR_EQ(partition, PART_A);
    h->count++;
    h->last = head;
}

TEST(kv_watch_is_called_for_its_prefix_until_unwatched)
{
    struct kv_store *store = contract_open();
    struct hints hints = {0};
    uint64_t number = kv_watch(store, STR_LIT("u\0\0\0\1al"), note_hint, &hints);
    struct kv_txn other = txn_of(PART_B, 0, 1, NULL, 0);
    EXPECT_STATUS(commit_group(store, &other, 1, NULL), OK);
    EXPECT_INT(hints.count, 0);
    write_a(store, 5, NULL, 0);
    EXPECT_INT(hints.count, 1);
    EXPECT_UINT(hints.last.seq, 5);
    struct kv_txn stale = txn_of(PART_A, 9, 6, NULL, 0);
    EXPECT_STATUS(commit_group(store, &stale, 1, NULL), CONFLICT);
    EXPECT_INT(hints.count, 1);
    kv_unwatch(store, number);
    write_a(store, 6, NULL, 0);
    EXPECT_INT(hints.count, 1);
    contract_close(store);
}

/* A watch that is running when kv_unwatch is called has ended when that returns. */
struct slow_watch {
    struct kv_store *store;
    uint64_t number;
    atomic_count entered;
    atomic_count go_on;
    atomic_count finished;
    bool unwatched_early;
};

static void watch_slowly(void *context, str partition, struct kv_head head)
{
    (void)partition;
    (void)head;
    struct slow_watch *w = context;
    atomic_count_set(&w->entered, 1);
    while (atomic_count_get(&w->go_on) == 0) {
    }
    atomic_count_set(&w->finished, 1);
}

static void *commit_once(void *argument)
{
    struct slow_watch *w = argument;
    write_a(w->store, 1, NULL, 0);
    return NULL;
}

static void *unwatch(void *argument)
{
    struct slow_watch *w = argument;
    kv_unwatch(w->store, w->number);
    w->unwatched_early = atomic_count_get(&w->finished) == 0;
    return NULL;
}

TEST(kv_unwatch_waits_for_a_call_that_runs)
{
    struct kv_store *store = contract_open();
    for (int round = 0; round < 20; round++) {
        struct slow_watch w = {.store = store};
        w.number = kv_watch(store, PART_A, watch_slowly, &w);
        struct thread threads[2] = {0};
        thread_start(&threads[0], "commit", 0, commit_once, &w);
        while (atomic_count_get(&w.entered) == 0) {
        }
        thread_start(&threads[1], "unwatch", 0, unwatch, &w);
        uint64_t number = kv_view_next_number(store); /* a few turns for the other thread */
        for (int i = 0; i < 2000; i++) {
            EXPECT_UINT(kv_view_next_number(store), number);
        }
        atomic_count_set(&w.go_on, 1);
        thread_join(&threads[0]);
        thread_join(&threads[1]);
        EXPECT(!w.unwatched_early);
    }
    contract_close(store);
}

#include "kv_contract_newest.h"

#endif

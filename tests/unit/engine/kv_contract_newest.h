/* tests/unit/engine/kv_contract_newest.h -- the part of the contract suite on kv_get_newest: what
 * the cache gives is the newest, and it stays within its bounds. Included by kv_contract.h, whose
 * helpers it uses. */
#ifndef TESTS_UNIT_ENGINE_KV_CONTRACT_NEWEST_H
#define TESTS_UNIT_ENGINE_KV_CONTRACT_NEWEST_H

static void expect_newest(struct kv_store *store, enum kv_family family, str key,
                          const char *wanted)
{
    struct arena arena;
    arena_init(&arena);
    str value = {0};
    bool found = false;
    struct error err;
    EXPECT_OK(kv_get_newest(store, family, key, KV_MAY_BLOCK, &arena, &value, &found, &err), &err);
    EXPECT(found == (wanted != NULL));
    if (found && wanted != NULL) {
        EXPECT_STR_EQ(value, str_from(wanted));
    }
    arena_release(&arena);
}

TEST(kv_get_newest_sees_every_commit_and_asks_the_backend_once)
{
    struct kv_store *store = contract_open();
    kv_use_cache(store, 1 << 20);
    expect_newest(store, KV_USER_TABLE, KEY("a"), NULL);
    WRITE_A(store, 1, put(KV_USER_TABLE, KEY("a"), STR_LIT("1")),
            put(KV_KEY_INDEX, KEY("a"), STR_LIT("other family")));
    for (int i = 0; i < 3; i++) {
        expect_newest(store, KV_USER_TABLE, KEY("a"), "1");
        expect_newest(store, KV_KEY_INDEX, KEY("a"), "other family");
        expect_newest(store, KV_USER_TABLE, KEY_B("a"), NULL);
    }
    struct kv_cache_statistics seen;
    kv_cache_statistics(store, &seen);
    EXPECT_UINT(seen.entries, 2);
    EXPECT_UINT(seen.hits, 4);
    EXPECT_UINT(seen.misses, 6); /* what is absent is not kept */
    WRITE_A(store, 2, put(KV_USER_TABLE, KEY("a"), STR_LIT("2")));
    expect_newest(store, KV_USER_TABLE, KEY("a"), "2");
    expect_newest(store, KV_KEY_INDEX, KEY("a"), "other family");
    WRITE_A(store, 3, del(KV_USER_TABLE, KEY("a")));
    expect_newest(store, KV_USER_TABLE, KEY("a"), NULL);
    WRITE_A(store, 4, del_range(KV_KEY_INDEX, KEY("a"), KEY("b")));
    expect_newest(store, KV_KEY_INDEX, KEY("a"), NULL);
    WRITE_A(store, 5, put(KV_USER_TABLE, KEY("a"), STR_LIT("")));
    expect_newest(store, KV_USER_TABLE, KEY("a"), "");
    expect_newest(store, KV_USER_TABLE, KEY("a"), "");
    contract_close(store);
}

TEST(kv_get_newest_keeps_no_more_than_it_may)
{
    enum { KEYS = 3000, BYTES_MAX = 64 * 1024 };
    struct kv_store *store = contract_open();
    kv_use_cache(store, BYTES_MAX);
    struct kv_cache_statistics seen;
    for (unsigned i = 0; i < KEYS; i++) {
        char key[64];
        memcpy(key, PART_A.p, PART_A.n);
        int n = snprintf(key + PART_A.n, sizeof key - PART_A.n, "%u", i);
        str whole = str_of(key, PART_A.n + (size_t)n);
        WRITE_A(store, i + 1, put(KV_USER_TABLE, whole, str_from(key + PART_A.n)));
        expect_newest(store, KV_USER_TABLE, whole, key + PART_A.n);
        expect_newest(store, KV_USER_TABLE, whole, key + PART_A.n);
        kv_cache_statistics(store, &seen);
        EXPECT(seen.bytes <= BYTES_MAX);
    }
    EXPECT(seen.entries > 100);
    EXPECT_UINT(seen.hits, KEYS);
    contract_close(store);
}

/* One thread counts keys up, others read them: no read may be behind a commit that had ended, or
 * behind a read that had ended, before it began. */
enum { COUNTED_KEYS = 40, COUNTED_READERS = 4 };
struct counted {
    struct kv_store *store;
    atomic_count seen[COUNTED_KEYS]; /* greatest that was committed or read */
    atomic_count is_over;
    atomic_count is_behind;
};

static str counted_key(char *room, unsigned i)
{
    memcpy(room, PART_A.p, PART_A.n);
    room[PART_A.n] = (char)('0' + i);
    return str_of(room, PART_A.n + 1);
}

static void raise_to(atomic_count *count, uint64_t value)
{
    uint64_t now = atomic_count_get(count);
    while (now < value && !atomic_compare_exchange_weak(&count->v, &now, value)) {
    }
}

static void *read_counted(void *argument)
{
    struct counted *c = argument;
    struct rng rng;
    rng_init(&rng, (uint64_t)(uintptr_t)&rng);
    struct arena arena;
    arena_init(&arena);
    while (atomic_count_get(&c->is_over) == 0) {
        char room[64];
        unsigned i = (unsigned)rng_below(&rng, COUNTED_KEYS);
        uint64_t least = atomic_count_get(&c->seen[i]);
        str value = {0};
        bool found = false;
        struct error err;
        status result = kv_get_newest(c->store, KV_USER_TABLE, counted_key(room, i), KV_MAY_BLOCK,
                                      &arena, &value, &found, &err);
        uint64_t read = 0;
        if (found) {
            memcpy(&read, value.p, sizeof read);
        }
        if (!status_ok(result) || read < least) {
            atomic_count_set(&c->is_behind, 1);
        }
        raise_to(&c->seen[i], read);
        arena_reset(&arena);
    }
    arena_release(&arena);
    return NULL;
}

TEST(kv_get_newest_on_other_threads_never_goes_back)
{
    static struct counted c;
    c = (struct counted){.store = contract_open()};
    kv_use_cache(c.store, 32 * 1024);
    struct thread readers[COUNTED_READERS] = {0};
    for (int i = 0; i < COUNTED_READERS; i++) {
        thread_start(&readers[i], "reader", 0, read_counted, &c);
    }
    struct rng rng;
    rng_init(&rng, 3);
    for (uint64_t n = 1; n <= 2000; n++) {
        char rooms[3][64];
        struct kv_mutation puts[3];
        unsigned first = (unsigned)rng_below(&rng, COUNTED_KEYS);
        for (unsigned k = 0; k < 3; k++) {
            puts[k] = put(KV_USER_TABLE, counted_key(rooms[k], (first + k * 7) % COUNTED_KEYS),
                          str_of((const char *)&n, sizeof n));
        }
        struct kv_txn txn = txn_of(PART_A, KV_ANY_GENERATION, n, puts, 3);
        struct outcome o = {.head_count = 1};
        kv_commit(c.store, &txn, 1, n % 50 == 0, note_outcome, &o);
        EXPECT_STATUS(o.result, OK);
        for (unsigned k = 0; k < 3; k++) {
            raise_to(&c.seen[(first + k * 7) % COUNTED_KEYS], n);
        }
    }
    atomic_count_set(&c.is_over, 1);
    for (int i = 0; i < COUNTED_READERS; i++) {
        thread_join(&readers[i]);
    }
    EXPECT_UINT(atomic_count_get(&c.is_behind), 0);
    struct kv_cache_statistics seen;
    kv_cache_statistics(c.store, &seen);
    EXPECT(seen.hits > 0);
    contract_close(c.store);
}

#endif

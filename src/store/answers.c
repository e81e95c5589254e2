/* store/answers.c -- see answers.h. */
#include "store/answers.h"
#include "model/key.h"
#include "model/limits.h"
#include "store/store_private.h"

enum { KIND_ANSWER = 'i', KIND_EXPIRY = 'j', KIND_COUNT = 'k', NUMBER_BYTES = 8 };

static const int64_t window_us = LIMIT_IDEMPOTENCY_HOURS * INT64_C(3600) * 1000000;
static const char expiry_value[] = {1}; /* no value is empty */

/* The prefix, in `out`; how long it is. */
static size_t begin_key(struct buf *out, char kind)
{
    buf_clear(out);
    partition_encode(out, PARTITION_SYSTEM, 0, str_of(NULL, 0));
    size_t prefix = out->n;
    buf_append_byte(out, (uint8_t)kind);
    return prefix;
}

static size_t build_key(struct buf *out, char kind, const char id[ANSWER_ID_BYTES])
{
    size_t prefix = begin_key(out, kind);
    buf_append_str(out, str_of(id, ANSWER_ID_BYTES));
    return prefix;
}

static size_t build_expiry(struct buf *out, int64_t created_us, const char id[ANSWER_ID_BYTES])
{
    char number[NUMBER_BYTES];
    bytes_put_u64be(number, (uint64_t)created_us);
    size_t prefix = begin_key(out, KIND_EXPIRY);
    buf_append_str(out, str_of(number, sizeof number));
    buf_append_str(out, str_of(id, ANSWER_ID_BYTES));
    return prefix;
}

static bool is_expired(int64_t created_us, int64_t now_us)
{
    return created_us < now_us - window_us;
}

/* -- finding -------------------------------------------------------------------------------------
 */

status answers_find(struct store *store, const char id[ANSWER_ID_BYTES], int64_t now_us,
                    struct arena *arena, struct stored_answer *out, bool *found, struct error *err)
{
    struct buf key;
    buf_init(&key);
    (void)build_key(&key, KIND_ANSWER, id);
    str value = {0};
    status result = kv_get(store->options.kv, NULL, KV_SYSTEM, buf_str(&key), KV_MAY_BLOCK, arena,
                           &value, found, err);
    buf_release(&key);
    TRY(result);
    if (!*found) {
        return STATUS_IS_OK;
    }
    TRY(stored_answer_decode(value, out, err));
    *found = !is_expired(out->created_us, now_us);
    return STATUS_IS_OK;
}

static bool read_expiry(str key, size_t prefix, struct expired_answer *out)
{
    if (key.n != prefix + 1 + NUMBER_BYTES + ANSWER_ID_BYTES) {
        return false;
    }
    out->created_us = (int64_t)bytes_get_u64be(key.p + prefix + 1);
    memcpy(out->id, key.p + prefix + 1 + NUMBER_BYTES, ANSWER_ID_BYTES);
    return true;
}

status answers_find_expired(struct store *store, struct answer_claim *claim, int64_t now_us,
                            struct error *err)
{
    struct buf lo;
    struct buf hi;
    buf_init(&lo);
    buf_init(&hi);
    size_t prefix = begin_key(&lo, KIND_EXPIRY);
    (void)begin_key(&hi, KIND_EXPIRY + 1);
    claim->expired_count = 0;
    struct kv_view *view = kv_view_open(store->options.kv);
    struct kv_cursor *cursor =
        kv_cursor_open(view, KV_SYSTEM, buf_str(&lo), buf_str(&hi), KV_FORWARD);
    str key;
    str value;
    status result = STATUS_IS_OK;
    while (claim->expired_count < EXPIRED_ANSWERS_MAX &&
           kv_cursor_next(cursor, &key, &value, &result, err)) {
        struct expired_answer *e = &claim->expired[claim->expired_count];
        if (!read_expiry(key, prefix, e) || !is_expired(e->created_us, now_us)) {
            break;
        }
        claim->expired_count++;
    }
    kv_cursor_close(cursor);
    kv_view_close(view);
    buf_release(&hi);
    buf_release(&lo);
    return result;
}

/* -- within a commit -----------------------------------------------------------------------------
 */

static status get_answer(struct commit_txn *txn, const char id[ANSWER_ID_BYTES], struct buf *key,
                         struct stored_answer *out, bool *found, struct error *err)
{
    (void)build_key(key, KIND_ANSWER, id);
    str value = {0};
    TRY(commit_get(txn, KV_SYSTEM, buf_str(key), &value, found, err));
    return *found ? stored_answer_decode(value, out, err) : STATUS_IS_OK;
}

static status get_count(struct commit_txn *txn, const char user[ANSWER_ID_BYTES], struct buf *key,
                        uint64_t *out, struct error *err)
{
    (void)build_key(key, KIND_COUNT, user);
    str value = {0};
    bool found = false;
    TRY(commit_get(txn, KV_SYSTEM, buf_str(key), &value, &found, err));
    *out = found && value.n == NUMBER_BYTES ? bytes_get_u64be(value.p) : 0;
    return STATUS_IS_OK;
}

static status add_count(struct commit_txn *txn, const char user[ANSWER_ID_BYTES], bool is_more,
                        struct buf *key, struct error *err)
{
    uint64_t count = 0;
    TRY(get_count(txn, user, key, &count, err));
    count = is_more ? count + 1 : count > 0 ? count - 1 : 0;
    size_t prefix = build_key(key, KIND_COUNT, user);
    if (count == 0) {
        commit_delete(txn, KV_SYSTEM, prefix, buf_str(key));
        return STATUS_IS_OK;
    }
    char bytes[NUMBER_BYTES];
    bytes_put_u64be(bytes, count);
    commit_put(txn, KV_SYSTEM, prefix, buf_str(key), str_of(bytes, sizeof bytes));
    return STATUS_IS_OK;
}

/* Unless it was replaced meanwhile. */
static status remove_answer(struct commit_txn *txn, const struct expired_answer *expired,
                            struct buf *key, struct error *err)
{
    struct stored_answer answer;
    bool found = false;
    TRY(get_answer(txn, expired->id, key, &answer, &found, err));
    if (found && answer.created_us == expired->created_us) {
        size_t prefix = build_key(key, KIND_ANSWER, expired->id);
        commit_delete(txn, KV_SYSTEM, prefix, buf_str(key));
        TRY(add_count(txn, answer.user, false, key, err));
    }
    size_t prefix = build_expiry(key, expired->created_us, expired->id);
    commit_delete(txn, KV_SYSTEM, prefix, buf_str(key));
    return STATUS_IS_OK;
}

static status check(struct commit_txn *txn, const struct answer_claim *claim, struct buf *key,
                    struct error *err)
{
    struct stored_answer answer;
    bool found = false;
    uint64_t count = 0;
    TRY(get_answer(txn, claim->id, key, &answer, &found, err));
    if (found && !is_expired(answer.created_us, commit_now_us(txn))) {
        return error_set(err, ERROR_CONFLICT,
                         "Idempotent conflict: a request with this Idempotency-Key was executed "
                         "meanwhile");
    }
    TRY(get_count(txn, claim->user, key, &count, err));
    /* The count may hold answers that are too old and not yet removed. Only claims that go through
     * remove them, so while some wait none is refused; each of them then removes more than it adds.
     */
    if (count >= claim->keys_max && claim->expired_count == 0) {
        return error_set(err, ERROR_RATE_LIMIT,
                         "more than %u requests with an Idempotency-Key within %d hours",
                         claim->keys_max, LIMIT_IDEMPOTENCY_HOURS);
    }
    return STATUS_IS_OK;
}

status answers_check(struct commit_txn *txn, const struct answer_claim *claim, struct error *err)
{
    struct buf key;
    buf_init(&key);
    status result = check(txn, claim, &key, err);
    buf_release(&key);
    return result;
}

static status put_answer(struct commit_txn *txn, const struct answer_claim *claim, str text,
                         struct buf *key, struct error *err)
{
    int64_t now_us = commit_now_us(txn);
    struct stored_answer answer = {.created_us = now_us, .text = text};
    memcpy(answer.user, claim->user, ANSWER_ID_BYTES);
    memcpy(answer.request, claim->request, ANSWER_ID_BYTES);
    struct buf bytes;
    buf_init(&bytes);
    stored_answer_encode(&bytes, &answer);
    size_t prefix = build_key(key, KIND_ANSWER, claim->id);
    commit_put(txn, KV_SYSTEM, prefix, buf_str(key), buf_str(&bytes));
    buf_release(&bytes);
    prefix = build_expiry(key, now_us, claim->id);
    commit_put(txn, KV_SYSTEM, prefix, buf_str(key), str_of(expiry_value, sizeof expiry_value));
    return add_count(txn, claim->user, true, key, err);
}

static status keep(struct commit_txn *txn, const struct answer_claim *claim, struct buf *key,
                   str text, struct error *err)
{
    for (unsigned i = 0; i < claim->expired_count; i++) {
        TRY(remove_answer(txn, &claim->expired[i], key, err));
    }
    struct stored_answer old; /* expired, and not among those */
    bool found = false;
    TRY(get_answer(txn, claim->id, key, &old, &found, err));
    if (found) {
        struct expired_answer expired = {.created_us = old.created_us};
        memcpy(expired.id, claim->id, ANSWER_ID_BYTES);
        TRY(remove_answer(txn, &expired, key, err));
    }
    return put_answer(txn, claim, text, key, err);
}

status answers_keep(struct commit_txn *txn, const struct answer_claim *claim, struct error *err)
{
    struct buf key;
    struct buf text;
    buf_init(&key);
    buf_init(&text);
    status result = claim->make(claim->context, &text, err);
    if (status_ok(result) && text.n > LIMIT_IDEMPOTENCY_ANSWER_BYTES) {
        result = error_set(err, ERROR_LIMIT,
                           "the answer has %zu bytes; with an Idempotency-Key it may have %d",
                           text.n, LIMIT_IDEMPOTENCY_ANSWER_BYTES);
    }
    if (status_ok(result)) {
        result = keep(txn, claim, &key, buf_str(&text), err);
    }
    buf_release(&text);
    buf_release(&key);
    return result;
}

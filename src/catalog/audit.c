/* catalog/audit.c -- records numbered from 1; the number of the last one stands beside them. */
#include "catalog/audit.h"

#include "base/check.h"
#include "base/log.h"
#include "model/key.h"
#include "model/limits.h"
#include "wire/json.h"

enum { RECORD_BYTE = 'A', LAST_BYTE = 'L', NUMBER_BYTES = 8 };

static _Thread_local const struct audit_entry *attached;

void audit_attach(const struct audit_entry *entry)
{
    attached = entry;
}

const struct audit_entry *audit_take(void)
{
    const struct audit_entry *entry = attached;
    attached = NULL;
    return entry;
}

/* -- keys and texts -----------------------------------------------------------------------------
 */

/* Partition prefix and kind byte; gives the length of the prefix. */
static size_t key_begin(struct buf *key, char kind)
{
    partition_encode(key, PARTITION_SYSTEM, 0, (str){NULL, 0});
    size_t partition_bytes = key->n;
    buf_append_byte(key, (uint8_t)kind);
    return partition_bytes;
}

static void key_number(struct buf *key, uint64_t number)
{
    char bytes[NUMBER_BYTES];
    bytes_put_u64be(bytes, number);
    buf_append_str(key, str_of(bytes, sizeof bytes));
}

static void write_member(struct json_writer *w, const char *key, str text)
{
    if (text.n > 0) {
        json_write_key(w, key);
        json_write_text(w, text);
    }
}

static void encode(struct buf *out, int64_t at_us, const struct audit_entry *entry)
{
    struct json_writer w = json_writer_on(out);
    json_write_object_begin(&w);
    json_write_key(&w, "at");
    json_write_i64(&w, at_us);
    write_member(&w, "actor", entry->actor);
    write_member(&w, "action", entry->action);
    write_member(&w, "target", entry->target);
    write_member(&w, "details", entry->details);
    write_member(&w, "address", entry->address);
    write_member(&w, "subject", entry->subject);
    json_write_object_end(&w);
}

static str member(const struct json *root, const char *key)
{
    str text = {NULL, 0};
    (void)json_as_text(json_get(root, key), &text);
    return text;
}

static status decode(str key, size_t prefix_bytes, str value, struct arena *arena,
                     struct audit_record *out, struct error *err)
{
    const struct json *root = NULL;
    struct error ignored;
    if (key.n != prefix_bytes + NUMBER_BYTES ||
        !status_ok(json_parse(value, arena, &root, &ignored)) || root->kind != JSON_OBJECT ||
        !json_as_i64(json_get(root, "at"), &out->at_us)) {
        return error_set(err, ERROR_CORRUPT, "a record of the audit log cannot be read");
    }
    out->number = bytes_get_u64be(key.p + prefix_bytes);
    out->entry = (struct audit_entry){member(root, "actor"),   member(root, "action"),
                                      member(root, "target"),  member(root, "details"),
                                      member(root, "address"), member(root, "subject")};
    return STATUS_IS_OK;
}

/* -- writing ------------------------------------------------------------------------------------
 */

static status next_number(struct commit_txn *txn, uint64_t *out, struct error *err)
{
    struct buf key;
    buf_init(&key);
    size_t partition_bytes = key_begin(&key, LAST_BYTE);
    str value;
    bool found = false;
    status result = commit_get(txn, KV_SYSTEM, buf_str(&key), &value, &found, err);
    if (status_ok(result) && found && value.n != NUMBER_BYTES) {
        result =
            error_set(err, ERROR_CORRUPT, "the number of the audit log has %zu bytes", value.n);
    }
    if (status_ok(result)) {
        *out = (found ? bytes_get_u64be(value.p) : 0) + 1;
        char bytes[NUMBER_BYTES];
        bytes_put_u64be(bytes, *out);
        commit_put(txn, KV_SYSTEM, partition_bytes, buf_str(&key), str_of(bytes, sizeof bytes));
    }
    buf_release(&key);
    return result;
}

status audit_write(struct commit_txn *txn, const struct audit_entry *entry, struct error *err)
{
    uint64_t number = 0;
    TRY(next_number(txn, &number, err));
    struct buf key;
    struct buf value;
    buf_init(&key);
    buf_init(&value);
    size_t partition_bytes = key_begin(&key, RECORD_BYTE);
    key_number(&key, number);
    encode(&value, commit_now_us(txn), entry);
    commit_put(txn, KV_SYSTEM, partition_bytes, buf_str(&key), buf_str(&value));
    if (number > LIMIT_AUDIT_RECORDS) { /* the one that is too old now */
        key.n = partition_bytes + 1;
        key_number(&key, number - LIMIT_AUDIT_RECORDS);
        commit_delete(txn, KV_SYSTEM, partition_bytes, buf_str(&key));
    }
    buf_release(&value);
    buf_release(&key);
    return STATUS_IS_OK;
}

/* A request of its own, with its texts. */
struct posted {
    struct commit_request request; /* first */
    struct audit_entry entry;
    struct arena arena;
};

static status apply_posted(struct commit_txn *txn, struct commit_request *request)
{
    const struct posted *posted = (const struct posted *)request;
    return audit_write(txn, &posted->entry, &request->error);
}

static void done_posted(struct commit_request *request, status result)
{
    struct posted *posted = (struct posted *)request;
    if (!status_ok(result)) {
        log_error("audit", "not_recorded", "action=" STR_FMT " reason=\"%s\"",
                  STR(posted->entry.action), request->error.text);
    }
    arena_release(&posted->arena);
    mem_free(posted);
}

void audit_post(struct committer *committer, const struct audit_entry *entry)
{
    struct posted *posted = mem_alloc_zeroed(sizeof *posted);
    arena_init(&posted->arena);
    posted->entry = (struct audit_entry){
        arena_copy(&posted->arena, entry->actor),   arena_copy(&posted->arena, entry->action),
        arena_copy(&posted->arena, entry->target),  arena_copy(&posted->arena, entry->details),
        arena_copy(&posted->arena, entry->address), arena_copy(&posted->arena, entry->subject)};
    posted->request = (struct commit_request){
        .apply = apply_posted, .done = done_posted, .durability = COMMIT_SYNC, .bytes = 512};
    commit_submit(committer, &posted->request);
}

/* -- reading ------------------------------------------------------------------------------------
 */

static status walk(struct kv_view *view, str lo, str hi, size_t prefix_bytes, audit_visit_fn *visit,
                   void *context, struct error *err)
{
    struct kv_cursor *cursor = kv_cursor_open(view, KV_SYSTEM, lo, hi, KV_REVERSE);
    struct arena arena;
    arena_init(&arena);
    str key;
    str value;
    status result = STATUS_IS_OK;
    while (kv_cursor_next(cursor, &key, &value, &result, err)) {
        struct audit_record record;
        result = decode(key, prefix_bytes, value, &arena, &record, err);
        if (status_ok(result)) {
            result = visit(context, &record, err);
        }
        if (!status_ok(result)) {
            break;
        }
        arena_reset(&arena);
    }
    arena_release(&arena);
    kv_cursor_close(cursor);
    return result;
}

status audit_each(struct kv_view *view, audit_visit_fn *visit, void *context, struct error *err)
{
    struct buf lo;
    struct buf hi;
    buf_init(&lo);
    buf_init(&hi);
    size_t prefix_bytes = key_begin(&lo, RECORD_BYTE) + 1;
    (void)key_begin(&hi, RECORD_BYTE + 1);
    status result = walk(view, buf_str(&lo), buf_str(&hi), prefix_bytes, visit, context, err);
    buf_release(&hi);
    buf_release(&lo);
    return result;
}

status audit_one(struct kv_view *view, uint64_t number, audit_visit_fn *visit, void *context,
                 struct error *err)
{
    if (number == 0 || number == UINT64_MAX) {
        return STATUS_IS_OK;
    }
    struct buf lo;
    struct buf hi;
    buf_init(&lo);
    buf_init(&hi);
    size_t prefix_bytes = key_begin(&lo, RECORD_BYTE) + 1;
    (void)key_begin(&hi, RECORD_BYTE);
    key_number(&lo, number);
    key_number(&hi, number + 1);
    status result = walk(view, buf_str(&lo), buf_str(&hi), prefix_bytes, visit, context, err);
    buf_release(&hi);
    buf_release(&lo);
    return result;
}

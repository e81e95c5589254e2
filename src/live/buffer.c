/* live/buffer.c -- a list in order of the newest `_seq`, and a map to find keys in it.
 * Invariants: (1) list and map hold the same entries  (2) seq ascends along the list. */
#include "live/buffer.h"

#include "base/check.h"

enum { KEYLESS_BYTES = 9 };

void buffer_init(struct buffer *buffer)
{
    *buffer = (struct buffer){0};
    map_init(&buffer->by_key);
}

void buffer_release(struct buffer *buffer)
{
    buffer_clear(buffer);
    map_release(&buffer->by_key);
}

static size_t entry_bytes(const struct buffer_entry *entry)
{
    return sizeof *entry + 2 * entry->key.n + entry->row.n + entry->base.n;
}

static str copy_text(str text)
{
    return str_of(text.n > 0 ? mem_copy(text.p, text.n) : NULL, text.n);
}

static void free_text(str text)
{
    mem_free((void *)(uintptr_t)text.p);
}

void buffer_entry_free(struct buffer_entry *entry)
{
    if (entry != NULL) {
        free_text(entry->key);
        free_text(entry->row);
        free_text(entry->base);
        mem_free(entry);
    }
}

static void unlink_entry(struct buffer *buffer, struct buffer_entry *entry)
{
    *(entry->prev != NULL ? &entry->prev->next : &buffer->first) = entry->next;
    *(entry->next != NULL ? &entry->next->prev : &buffer->last) = entry->prev;
    entry->prev = NULL;
    entry->next = NULL;
}

static void append_entry(struct buffer *buffer, struct buffer_entry *entry)
{
    DCHECK(buffer->last == NULL || buffer->last->seq < entry->seq);
    entry->prev = buffer->last;
    *(buffer->last != NULL ? &buffer->last->next : &buffer->first) = entry;
    buffer->last = entry;
}

/* Rows without a key are found by their `_seq`, that of a delete by the row's. */
static str key_of(const struct change *change, char keyless[KEYLESS_BYTES])
{
    if (change->key.n > 0) {
        return change->key;
    }
    keyless[0] = 0;
    bytes_put_u64be(keyless + 1, change->op == CHANGE_INSERT ? change->seq : change->old_seq);
    return str_of(keyless, KEYLESS_BYTES);
}

static struct buffer_entry *add_entry(struct buffer *buffer, str key, const struct change *change)
{
    struct buffer_entry *entry = mem_alloc_zeroed(sizeof *entry);
    entry->key = copy_text(key);
    entry->has_base = change->op != CHANGE_INSERT;
    entry->base = copy_text(change->old_row);
    entry->base_seq = change->old_seq;
    (void)map_put(&buffer->by_key, key, entry);
    buffer->count++;
    return entry;
}

bool buffer_add(struct buffer *buffer, const struct change *change, bool leaves)
{
    char keyless[KEYLESS_BYTES];
    str key = key_of(change, keyless);
    struct buffer_entry *entry = map_find(&buffer->by_key, key);
    bool is_known = entry != NULL;
    if (is_known) {
        buffer->bytes -= entry_bytes(entry);
        unlink_entry(buffer, entry);
        free_text(entry->row);
    } else {
        entry = add_entry(buffer, key, change);
    }
    entry->leaves = leaves;
    entry->op = change->op;
    entry->seq = change->seq;
    entry->row_seq = change->old_seq;
    entry->row = copy_text(change->new_row);
    append_entry(buffer, entry);
    buffer->bytes += entry_bytes(entry);
    return is_known;
}

struct buffer_entry *buffer_pop(struct buffer *buffer)
{
    struct buffer_entry *entry = buffer->first;
    if (entry != NULL) {
        unlink_entry(buffer, entry);
        (void)map_remove(&buffer->by_key, entry->key);
        buffer->bytes -= entry_bytes(entry);
        buffer->count--;
    }
    return entry;
}

void buffer_clear(struct buffer *buffer)
{
    struct buffer_entry *entry = buffer->first;
    while (entry != NULL) {
        struct buffer_entry *next = entry->next;
        buffer_entry_free(entry);
        entry = next;
    }
    map_clear(&buffer->by_key);
    buffer->first = buffer->last = NULL;
    buffer->count = 0;
    buffer->bytes = 0;
}

enum event_kind buffer_entry_kind(const struct buffer_entry *entry, enum table_kind kind)
{
    if (entry->leaves) {
        return EVENT_LEAVE;
    }
    if (entry->op == CHANGE_DELETE) {
        return EVENT_DELETE;
    }
    return entry->has_base && kind != TABLE_STREAM ? EVENT_UPDATE : EVENT_INSERT;
}

/* store/change.c -- see change.h. */
#include "store/change.h"
#include "base/check.h"

static size_t change_text_bytes(const struct change *change)
{
    return change->key.n + change->old_row.n + change->new_row.n;
}

static str place(char **at, str text)
{
    str copy = str_of(*at, text.n);
    if (text.n > 0) {
        memcpy(*at, text.p, text.n);
    }
    *at += text.n;
    return copy;
}

struct change_set *change_set_create(const struct table_part *part, uint32_t schema_version,
                                     const struct change *changes, unsigned count)
{
    CHECK(count > 0);
    size_t text_bytes = part->prefix.n + part->owner.n;
    for (unsigned i = 0; i < count; i++) {
        text_bytes += change_text_bytes(&changes[i]);
    }
    struct change_set *set = mem_alloc(sizeof *set + count * sizeof(struct change) + text_bytes);
    struct change *own = (struct change *)(void *)(set + 1);
    char *at = (char *)(own + count);
    *set = (struct change_set){
        .table = part->table->id,
        .kind = part->table->kind,
        .ns = part->table->ns,
        .partition = place(&at, part->prefix),
        .schema_version = schema_version,
        .last_seq = changes[count - 1].seq,
        .count = count,
        .changes = own,
    };
    set->owner = place(&at, part->owner);
    refcount_init(&set->refs);
    for (unsigned i = 0; i < count; i++) {
        own[i] = changes[i];
        own[i].key = place(&at, changes[i].key);
        own[i].old_row = place(&at, changes[i].old_row);
        own[i].new_row = place(&at, changes[i].new_row);
    }
    return set;
}

struct change_set *change_set_take(struct change_set *set)
{
    refcount_take(&set->refs);
    return set;
}

void change_set_give(struct change_set *set)
{
    if (set != NULL && refcount_give(&set->refs)) {
        mem_free(set);
    }
}

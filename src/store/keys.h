/* store/keys.h -- the keys of one table in one partition (docs/formats/store.md).
 * For:      partition prefix, kind byte, table id u32 BE, rest:
 *               r/<seq u64 BE>  row version, the newest only     p/<key>        newest seq of a key
 *               d/<seq u64 BE>  a cold version that is superseded m/<n u64 BE>  manifest entry
 *               f               flush intent                      n             table state
 *               u/<column id u32 BE><value>  key of the live row that has the value
 * Touches:  base, model, engine/kv.h (families), catalog/catalog.h (struct table).
 * Owns:     nothing; a key lives in the buffer that it was built in.
 * Threads:  any. */
#ifndef STORE_KEYS_H
#define STORE_KEYS_H

#include "catalog/catalog.h"
#include "model/key.h"

enum key_kind {
    KEY_DEAD = 'd',
    KEY_INTENT = 'f',
    KEY_MANIFEST = 'm',
    KEY_STATE = 'n',
    KEY_INDEX = 'p',
    KEY_ROW = 'r',
    KEY_UNIQUE = 'u'
};

/* One table in one partition: the rows of one user, or all rows of a SHARED table. */
struct table_part {
    const struct table *table; /* lives as long as its catalog snapshot */
    str owner;                 /* user id; empty for SHARED */
    str prefix;                /* of the partition */
    enum kv_family family;     /* of all kinds but `p` and `u` */
};

/* `user` is the owner of the rows of a USER or STREAM table, and ignored for SHARED. Texts are
 * copied into the arena; `table` is kept as a pointer. */
void table_part_init(struct table_part *part, const struct table *table, str user,
                     struct arena *arena);

/* The family that holds keys of a kind. */
static inline enum kv_family part_family(const struct table_part *part, enum key_kind kind)
{
    return kind == KEY_INDEX || kind == KEY_UNIQUE ? KV_KEY_INDEX : part->family;
}
/* The rest of a `u` key, in `scratch`: id of the constraint, encoded value. */
str key_unique_rest(struct buf *scratch, uint32_t unique_id, str value_key);
/* The family of the rows of tables of a kind. */
enum kv_family table_kind_family(enum table_kind kind);
enum partition_class table_kind_class(enum table_kind kind);

/* Builds a key in `scratch`, whose content it replaces; valid until the next use of `scratch`. */
str key_build(struct buf *scratch, str prefix, enum key_kind kind, table_id table, str rest);
static inline str part_key(struct buf *scratch, const struct table_part *part, enum key_kind kind,
                           str rest)
{
    return key_build(scratch, part->prefix, kind, part->table->id, rest);
}
/* The same with a u64 as the rest: r, d, m. */
str part_number_key(struct buf *scratch, const struct table_part *part, enum key_kind kind,
                    uint64_t number);
/* The first key after all keys of a kind of a table. */
str key_build_end(struct buf *scratch, str prefix, enum key_kind kind, table_id table);

/* A whole key taken apart; the texts point into it. */
struct key_parts {
    str prefix;
    enum key_kind kind;
    table_id table;
    str rest;
};
/* False: not a key of this file. */
bool key_split(str key, struct key_parts *out);
/* The number at the end of an r, d or m key. False: the rest is not 8 bytes. */
bool key_number(str key, uint64_t *number);

#endif

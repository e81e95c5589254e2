/* catalog/record.h -- catalog records: keys and JSON texts (docs/formats/catalog.md).
 * For:      catalog/ only.
 * Owns:     an object owns one record's decoded form; counted.
 * Threads:  objects are immutable once made. */
#ifndef CATALOG_RECORD_H
#define CATALOG_RECORD_H

#include "catalog/catalog.h"

/* The byte after the catalog partition's prefix. */
enum record_kind {
    RECORD_COUNTERS = 'C',
    RECORD_DROPPED = 'D',   /* table id -> dropped table */
    RECORD_LIVE = 'I',      /* table id -> version u32 BE; absent once dropped */
    RECORD_NAMESPACE = 'N', /* name */
    RECORD_STORAGE = 'S',   /* id */
    RECORD_TABLE = 'T',     /* namespace 00 name */
    RECORD_USER = 'U',      /* id */
    RECORD_SCHEMA = 'V',    /* table id, version -> columns */
    RECORD_VIEW = 'W'       /* namespace 00 name */
};

enum { CATALOG_PREFIX_BYTES = 7 };

/* Appends the whole key of a record. */
void record_key(struct buf *out, enum record_kind kind, str rest);
void record_key_id(struct buf *out, enum record_kind kind, table_id id);
void record_key_schema(struct buf *out, table_id id, uint32_t version);
/* namespace 00 name. */
str record_pair(struct arena *arena, str ns, str name);

/* A decoded namespace, table, view or storage. */
struct object {
    refcount refs;
    enum record_kind kind;
    str key; /* what follows the kind byte */
    union {
        struct namespace_def ns;
        struct table table;
        struct view_def view;
        struct storage_def storage;
    } as;
    struct arena arena;
};

/* A counted object with one reference, its arena empty; `key` is copied. */
struct object *object_create(enum record_kind kind, str key);
struct object *object_take(struct object *object);
void object_give(struct object *object);

/* JSON text of an object's record, and back. */
void record_encode(struct buf *out, const struct object *object);
MUST_USE status record_decode(enum record_kind kind, str key, str text, struct object **out,
                              struct error *err);

/* A user's record and back; a decoded user is counted. */
void user_encode(struct buf *out, const struct user *user);
MUST_USE status user_decode(str text, struct user **out, struct error *err);
/* A counted copy. */
struct user *user_copy(const struct user *user);

/* The same for a dropped table whose data waits to be removed. */
void dropped_encode(struct buf *out, const struct dropped_table *dropped);
MUST_USE status dropped_decode(str text, struct arena *arena, struct dropped_table *out,
                               struct error *err);

#endif

/* model/schema.h -- a table's columns in one version.
 * For:      encoding rows, views, DESCRIBE, system.schemas.columns. Stored as JSON text.
 * Owns:     all inside one block; counted (schema_take, schema_give).
 * Threads:  immutable once made; any. */
#ifndef MODEL_SCHEMA_H
#define MODEL_SCHEMA_H

#include "base/arena.h"
#include "base/lock.h"
#include "model/value.h"

enum table_kind { TABLE_USER, TABLE_SHARED, TABLE_STREAM, TABLE_SYSTEM };
/* "user" ... lower case as in system.schemas.table_type. */
const char *table_kind_name(enum table_kind kind);

typedef struct {
    uint32_t v;
} table_id; /* 0: none. Never reused. */
typedef struct {
    uint32_t v;
} namespace_id;

enum default_kind {
    DEFAULT_NONE,
    DEFAULT_LITERAL,
    DEFAULT_NOW,
    DEFAULT_SNOWFLAKE_ID,
    DEFAULT_UUID_V7,
    DEFAULT_ULID,
    DEFAULT_CURRENT_USER
};

struct column {
    uint32_t id; /* stable over versions; field_id in Parquet */
    str name;    /* lower case */
    struct type type;
    uint32_t ordinal; /* 1-based position */
    bool is_nullable;
    bool is_primary_key;
    bool is_unique;       /* by itself */
    uint32_t unique_sets; /* bit n: it is in the n-th UNIQUE constraint of several columns */
    enum default_kind default_kind;
    struct value default_value; /* DEFAULT_LITERAL, already of the column's type */
    struct value absent_value;  /* what rows of older versions show: NULL or a constant */
    str comment;
};

/* Names and order of the system columns, after the user's: USER and SHARED have all three, STREAM
 * has _seq and _deleted, SYSTEM none. They are not in `columns`. */
enum system_column { SYSTEM_SEQ, SYSTEM_UPDATED, SYSTEM_DELETED, SYSTEM_COLUMN_COUNT };
/* Their column ids (field_id in Parquet) are COLUMN_ID_SYSTEM + enum; the user's are below. */
enum { COLUMN_ID_SYSTEM = 1 << 30 };
const char *system_column_name(enum system_column column); /* "_seq", "_updated", "_deleted" */
struct type system_column_type(enum system_column column);

/* The ids of sets of UNIQUE columns are UNIQUE_SET_ID + their number: no column has such an id, and
 * no set gets the number of another one of its table. */
#define UNIQUE_SET_ID (UINT32_C(1) << 31)

/* UNIQUE of one column, or of several together. The primary key is none. */
struct unique_constraint {
    uint32_t id; /* of its entries in the store: the column's, or UNIQUE_SET_ID + number */
    unsigned column_count;
    const uint16_t *columns; /* indexes into the schema's, ascending */
};

struct schema {
    refcount refs;
    table_id table;
    uint32_t version; /* from 1 */
    enum table_kind kind;
    str namespace_name;
    str table_name;
    const struct column *columns; /* the user's columns, by ordinal */
    unsigned column_count;
    int primary_key;                         /* index into columns, -1: none (STREAM) */
    const struct unique_constraint *uniques; /* those of one column first */
    unsigned unique_count;
    const uint32_t *slots;   /* per column: offset of its fixed slot, or its place among the
                                variable columns (docs/formats/row.md) */
    uint32_t fixed_bytes;    /* of all fixed slots */
    uint32_t variable_count; /* columns without one */
    const uint16_t *by_name; /* indexes into columns, ordered by name */
    struct arena arena;
};

/* Builds a schema (refs 1) from columns that are copied. CHECKs what the grammar guarantees: 1 to
 * LIMIT_COLUMNS columns, names in lower case and different, ids different and 1 to
 * COLUMN_ID_SYSTEM - 1, ordinals ascending, sets of UNIQUE columns of two and more, one keyable NOT
 * NULL primary key (STREAM and SYSTEM may have none), defaults and absent values NULL (or of no
 * type) or of their column's type. A primary key is made NOT NULL. */
struct schema *schema_create(table_id table, uint32_t version, enum table_kind kind,
                             str namespace_name, str table_name, const struct column *columns,
                             unsigned column_count);
struct schema *schema_take(struct schema *schema);
void schema_give(struct schema *schema); /* NULL allowed */
/* Index into columns, or -1. `name` in any case. */
int schema_find_column(const struct schema *schema, str name);
/* Index of the column with that id, or -1; `hint` is an index that is tried first. */
int schema_find_column_id(const struct schema *schema, uint32_t id, unsigned hint);
/* The enum system_column of that name (any case), or -1. STREAM has no _updated. */
int schema_find_system_column(const struct schema *schema, str name);
/* How many system columns: 3, 2 for STREAM, 0 for SYSTEM. */
unsigned schema_system_column_count(const struct schema *schema);

/* The JSON text of system.schemas.columns (contract http-ws.md section 11): all columns with the
 * system columns at the end; plus our own keys "absent_value" when it is not NULL, "is_unique"
 * when it is, and "unique_sets", the numbers of the sets that it is in, when there are any. */
void schema_append_json(struct buf *out, const struct schema *schema);
/* Reads it back. CORRUPT names what is wrong. */
MUST_USE status schema_from_json(str json, table_id table, uint32_t version, enum table_kind kind,
                                 str namespace_name, str table_name, struct schema **out,
                                 struct error *err);

#endif

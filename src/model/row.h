/* model/row.h -- one version of one row as bytes (docs/formats/row.md).
 * Layout:   v1, little-endian: u8 format, u8 flags (1 = tombstone), u16 columns, u32 version of
 *           the schema, i64 updated us; null bitmap; fixed slots by ordinal of that version; u32
 *           ends of the variable columns; their bytes. A tombstone holds the full last row.
 *           `_seq` is not in the row: it is the key.
 * Threads:  any. */
#ifndef MODEL_ROW_H
#define MODEL_ROW_H

#include "model/schema.h"

enum { ROW_FORMAT = 1, ROW_FLAG_TOMBSTONE = 1 };

/* Appends a row: `values` has one value per column of the schema, each NULL or of the column's
 * type. LIMIT: longer than LIMIT_ROW_BYTES; then nothing is appended. */
MUST_USE status row_encode(struct buf *out, const struct schema *schema, const struct value *values,
                           bool is_tombstone, int64_t updated_us, struct error *err);

/* A row ready for reading in place; points into the bytes. */
struct row {
    const struct schema *schema; /* of the version that wrote it */
    str bytes;
    bool is_tombstone;
    int64_t updated_us;
    const char *nulls;   /* bitmap, bit set = NULL */
    const char *fixed;   /* slots */
    const char *offsets; /* u32 ends */
    const char *heap;    /* variable bytes */
};

/* The schema version of encoded bytes, to fetch its schema before row_open. 0: not a row. */
uint32_t row_schema_version(str bytes);
/* The bytes are checked whole (layout, ranges, UTF-8; not the syntax of JSON). CORRUPT: not a row
 * of this schema. */
MUST_USE status row_open(struct row *row, const struct schema *schema, str bytes,
                         struct error *err);
/* Value of a column by index in the row's own schema; texts point into the row. */
struct value row_value(const struct row *row, unsigned column);
/* The same row flagged as a tombstone with another time; appended to `out`. */
void row_copy_as_tombstone(struct buf *out, const struct row *row, int64_t updated_us);

/* The row's values under a newer schema of the same table: matched by column id, absent columns
 * show their absent_value, widened types are coerced. `values` has schema->column_count places;
 * their texts live as long as the row's bytes, the schema and the arena. COERCION: a value that the
 * new type cannot hold, which ALTER should have refused. */
MUST_USE status row_project(const struct row *row, const struct schema *schema, struct arena *arena,
                            struct value *values, struct error *err);

#endif

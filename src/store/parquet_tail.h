/* store/parquet_tail.h -- the end of a Parquet file: bloom filters and footer.
 * For:      reading of a footer which columns and filters a file has; writing it again with filters
 *           named in it. Everything else in the footer stays byte for byte.
 *               data pages | filter, filter ... | footer | its length u32 | "PAR1"
 *                            ^ the tail: checked as one, by its XXH3-128 in the manifest
 * Touches:  wire/thrift_compact; no file.
 * Owns:     nothing; what is parsed lives in the arena and points into the bytes.
 * Threads:  any. */
#ifndef STORE_PARQUET_TAIL_H
#define STORE_PARQUET_TAIL_H

#include "base/arena.h"
#include "base/buf.h"

enum parquet_type { /* physical types, numbers of the format */
                    PARQUET_INT32 = 1,
                    PARQUET_INT64 = 2,
                    PARQUET_BYTE_ARRAY = 6
};
enum { PARQUET_NONE = -1 };

/* What a column's values are, as far as filters go. */
enum parquet_meaning { PARQUET_OTHER, PARQUET_TEXT, PARQUET_INTEGER, PARQUET_TIMESTAMP_US };

/* A column that has values: a leaf of the schema, in order. */
struct parquet_leaf {
    int64_t field_id; /* PARQUET_NONE: it has none, or is part of a nested column */
    int64_t physical; /* enum parquet_type, or another number */
    enum parquet_meaning meaning;
};

/* A filter's place in the file; length 0: none. */
struct parquet_filter {
    uint64_t offset;
    uint32_t length; /* its header too */
};

struct parquet_footer {
    str bytes; /* the Thrift structure */
    const struct parquet_leaf *leaves;
    unsigned leaf_count;
    const uint64_t *group_rows;
    unsigned group_count;
    struct parquet_filter *filters; /* [group * leaf_count + leaf] */
};

enum { PARQUET_END_BYTES = 8 };
/* Length of the footer's structure by the last 8 bytes of a file. CORRUPT: no Parquet file, or an
 * encrypted one. */
MUST_USE status parquet_footer_length(str end, uint64_t *bytes, struct error *err);
/* Reads the structure. CORRUPT. */
MUST_USE status parquet_footer_parse(str bytes, struct arena *arena, struct parquet_footer *out,
                                     struct error *err);
/* Index of the leaf with that field id, or -1. */
int parquet_find_leaf(const struct parquet_footer *footer, uint32_t field_id);

/* Appends structure, length and PAR1 with footer->filters in it, in place of what it named before.
 * UNSUPPORTED: the structure is written in a way that we would not give back byte for byte. */
MUST_USE status parquet_footer_append(struct buf *out, const struct parquet_footer *footer,
                                      struct error *err);

/* Appends a filter with its header. */
void parquet_filter_append(struct buf *out, const uint8_t *bits, uint32_t bytes);
/* The bits of a filter with its header. CORRUPT: not of the one kind that the format knows. */
MUST_USE status parquet_filter_open(str bytes, str *bits, struct error *err);

#endif

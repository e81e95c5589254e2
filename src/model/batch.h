/* model/batch.h -- up to 2,048 rows, column by column.
 * For:      the one currency between store, query and engine.
 * Layout:   validity bits (bit set = valid), fixed-width arrays, 16-byte string views laid out like
 *           the engine's (static_assert in engine/duck_scan.c): u32 length, then either 12 inline
 *           bytes or 4 prefix bytes and a pointer.
 * Owns:     its arrays (created with the batch); long texts live in `heap`, an arena reset by
 *           batch_reset.
 * Threads:  one at a time. */
#ifndef MODEL_BATCH_H
#define MODEL_BATCH_H

#include "base/arena.h"
#include "model/limits.h"
#include "model/value.h"

/* Packed, because the pointer lies behind the prefix and not at the next multiple of 8 from the
 * union; as a whole it is aligned, and so is the pointer. */
struct string_view16 {
    uint32_t length;
    union {
        char inlined[12];
        struct __attribute__((packed)) {
            char prefix[4];
            const char *pointer;
        } far;
    } as;
} __attribute__((aligned(8)));

struct batch_column {
    struct type type;
    uint64_t *valid; /* LIMIT_BATCH_ROWS bits */
    void *data;      /* LIMIT_BATCH_ROWS cells: bool u8; i16, i32, i64; float, double; int128;
                        string_view16. UUID: int128 in the engine's order (high bit flipped);
                        EMBEDDING: string view of floats. DATE i32; DECIMAL int128 */
    bool is_wanted;  /* false: not filled, all NULL */
};

struct batch {
    unsigned row_count;
    unsigned column_count;
    struct batch_column *columns;
    struct arena heap; /* far bytes of strings */
};

/* Columns of the given types, all wanted. */
struct batch *batch_create(const struct type *types, unsigned column_count);
void batch_destroy(struct batch *batch);
/* No rows, all cells NULL; heap emptied. What is wanted stays. */
void batch_reset(struct batch *batch);
/* Sets cell (column, row); the value's type must be the column's or NULL. Texts are copied. A
 * column that is not wanted stays NULL. row_count is the filler's to raise. */
void batch_set(struct batch *batch, unsigned column, unsigned row, const struct value *v);
/* A filler stops here, at the latest: no room for another row, or far bytes so many that more of
 * them at once would only cost memory (the engine holds several batches of a scan as vectors). */
bool batch_is_full(const struct batch *batch);
/* Reads a cell; texts point into the batch (short ones into the cell itself). */
struct value batch_get(const struct batch *batch, unsigned column, unsigned row);
str string_view_str(const struct string_view16 *view);

#endif

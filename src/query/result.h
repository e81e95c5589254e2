/* query/result.h -- results as the contract's JSON (contract http-ws.md sections 2.4 to 2.10).
 * For:      statement handlers: they say columns, rows, messages, counts; this writes RESULT
 * objects into one buffer, in the order and with the keys that clients expect. Owns:     nothing;
 * the buffer is the request's. A large result is handed on in pieces by `flush`. Threads:  one at a
 * time. */
#ifndef QUERY_RESULT_H
#define QUERY_RESULT_H

#include "base/buf.h"
#include "model/batch.h"

enum { RESULT_FLUSH_BYTES = 1 << 20 }; /* a buffer above this is flushed, where that is possible */

struct result_column {
    str name;
    struct type type;
    bool is_raw_json;  /* a text that is JSON already: lists */
    bool is_wire_text; /* data_type "Text" whatever the type (unsigned engine counts) */
    bool is_primary_key;
    bool is_not_null;
    bool is_unique; /* so is every primary key, said or not */
    bool is_masked; /* cells go out as "***" */
};

enum result_dml { RESULT_INSERTED, RESULT_UPDATED, RESULT_DELETED, RESULT_DML_COUNT };

struct results {
    struct buf *out;     /* RESULT objects, separated by commas */
    unsigned count;      /* RESULT objects begun */
    bool is_batch;       /* DML is summed up and written at the end */
    bool is_single_rows; /* the one statement gave rows: the envelope gets "error":null */
    uint64_t dml[RESULT_DML_COUNT];
    uint64_t row_count; /* of the RESULT being written, or written last */
    const struct result_column *columns;
    unsigned column_count;
    bool was_truncated; /* a cap cut the rows */
    /* Hands on what is in `out` and empties it; blocks while the client is slow. NULL: everything
     * stays in `out`. TIMEOUT, CANCELLED: the client is gone. */
    status (*flush)(void *context, struct error *err);
    void *flush_context;
    unsigned flush_count; /* what left cannot be taken back */
};

/* {"schema":[...],"rows":[ ... then rows by result_row(s) ... ],"row_count":n,"as_user":"u"} */
void result_begin_rows(struct results *r, const struct result_column *columns, unsigned count);
/* One row of values, one per column. INTERNAL: a value that JSON cannot say (NaN). */
MUST_USE status result_row(struct results *r, const struct value *values, struct error *err);
MUST_USE status result_batch(struct results *r, const struct batch *batch, struct error *err);
void result_end_rows(struct results *r, str as_user);
/* {"row_count":n,"message":"...","as_user":"u"} */
void result_message(struct results *r, uint64_t row_count, str message, str as_user);
/* The outcome of INSERT, UPDATE, DELETE: at once, or summed up in a batch. */
void result_dml(struct results *r, enum result_dml kind, uint64_t count, str as_user);
/* After the last statement of a batch: the sums, Inserted, Updated, Deleted. */
void result_end_batch(struct results *r, str caller);
/* One SchemaField object; also for subscriptions. */
void result_append_field(struct buf *out, const struct result_column *column, unsigned index);

#endif

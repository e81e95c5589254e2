/* live/event.h -- rows and changes as the JSON that subscribers read (contract http-ws.md 4.7).
 * For:      payloads of changes, rows of pages, the schema of the acknowledgement.
 * Owns:     nothing.
 * Threads:  any. */
#ifndef LIVE_EVENT_H
#define LIVE_EVENT_H

#include "base/buf.h"
#include "model/schema.h"
#include "store/change.h"

/* Which columns go out, and how they are called. Lives in the arena of its plan. */
struct projection {
    const struct schema *schema;
    bool is_star;
    bool is_masked;          /* columns with secrets go out as "***" */
    const unsigned *columns; /* selected, in the order asked for; may name _updated */
    unsigned count;
    const str *keys; /* `"name":` of every column and system column of the schema */
    unsigned width;
};

/* `columns` 0: all. Names must exist; none comes twice. */
MUST_USE status projection_init(struct projection *p, const struct schema *schema, bool is_star,
                                const str *names, unsigned count, bool is_masked,
                                struct arena *arena, struct error *err);
/* Subscriptions with equal projections of one schema share payloads. */
bool projection_eq(const struct projection *a, const struct projection *b);
/* Sets the bits of the columns that any form of a row reads. */
void projection_want(const struct projection *p, uint64_t *wanted);
/* [SchemaField, ...] of the acknowledgement. */
void projection_append_schema(struct buf *out, const struct projection *p);

/* The same row looks different by where it stands:
 *   INITIAL  selected columns, _seq; for * also _updated and _deleted
 *   INSERT   the same; in a STREAM table without _deleted
 *   UPDATE   selected columns (nulls too), the key, new _seq; for * also _updated
 *   OLD      of the selected columns those that the update changed, the key, previous _seq
 *   DELETE   selected columns, _seq of the tombstone, _deleted: true; for * also _updated
 *   LEAVE    the key and _seq */
enum row_form {
    ROW_FORM_INITIAL,
    ROW_FORM_INSERT,
    ROW_FORM_UPDATE,
    ROW_FORM_OLD,
    ROW_FORM_DELETE,
    ROW_FORM_LEAVE
};

/* Appends one row object. `values` as expression_load_row gives them; `other` is the new image for
 * OLD, else NULL. INVALID: a cell that JSON cannot say (NaN); `out` is as before then. */
MUST_USE status event_append_row(struct buf *out, const struct projection *p, enum row_form form,
                                 const struct value *values, const struct value *other,
                                 struct error *err);

enum event_kind { EVENT_INSERT, EVENT_UPDATE, EVENT_DELETE, EVENT_LEAVE };

/* What a change message says. */
struct event {
    enum event_kind kind;
    const struct value *row; /* new image; of a delete the tombstone */
    const struct value *old; /* UPDATE: NULL when it is not at hand */
    uint64_t seq;
    uint64_t old_seq; /* previous `_seq` that the client may have; of a STREAM delete the row's */
    str owner;        /* STREAM deletes */
};
/* Appends `"change_type":...,"rows":[...],"old_values":[...]` as the kind wants it. */
MUST_USE status event_append_change(struct buf *out, const struct projection *p,
                                    const struct event *event, struct error *err);

#endif

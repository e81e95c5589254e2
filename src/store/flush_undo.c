/* store/flush_undo.c -- see flush_undo.h. */
#include "store/flush_undo.h"
#include "store/commit_part.h"
#include "store/store_private.h"

struct undo_request {
    struct commit_request request; /* first */
    struct store *store;
    const struct table_part *part;
    uint64_t file;
    bool was_standing;
};

void flush_undo_evaluate(struct part_txn *p)
{
    part_delete_numbers(p, KEY_DEAD, p->state.flushed_seq, p->intent.high);
    p->state.dead -= p->intent.rows_start - p->intent.rows;
    p->is_state_changed = true;
    part_clear_intent(p);
}

static status undo_apply(struct commit_txn *txn, struct commit_request *request)
{
    struct undo_request *r = (struct undo_request *)(void *)request;
    struct store_change *change = store_change_create(r->store, txn);
    struct part_txn p;
    status result = part_txn_open(&p, txn, r->part, &request->error);
    if (status_ok(result)) {
        r->was_standing = p.has_intent && (r->file == FLUSH_ANY_FILE || p.intent.file == r->file);
        if (r->was_standing) {
            flush_undo_evaluate(&p);
        }
        store_change_add_state(change, &p);
    }
    part_txn_close(&p);
    return result;
}

status flush_undo(struct store *store, const struct table_part *part, uint64_t file,
                  bool *was_standing, struct error *err)
{
    struct undo_request r = {.store = store, .part = part, .file = file};
    r.request.may_use_reserve = true;
    status result = store_submit(store, &r.request, undo_apply, err);
    *was_standing = r.was_standing;
    return result;
}

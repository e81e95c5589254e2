/* store/commit_part.c -- see commit_part.h. */
#include "store/commit_part.h"
#include "base/check.h"
#include "store/store_private.h"

static const char dead_value[] = {1}; /* no value is empty */

status part_txn_open(struct part_txn *p, struct commit_txn *txn, const struct table_part *part,
                     struct error *err)
{
    *p = (struct part_txn){.txn = txn, .part = part};
    buf_init(&p->key);
    str value = {0};
    bool found = false;
    TRY(part_get(p, KEY_STATE, str_of(NULL, 0), &value, &found, err));
    if (found) {
        TRY(table_state_decode(value, &p->state, err));
    }
    TRY(part_get(p, KEY_INTENT, str_of(NULL, 0), &value, &p->has_intent, err));
    if (p->has_intent) {
        TRY(flush_intent_decode(value, &p->intent, err));
    }
    return STATUS_IS_OK;
}

void part_txn_close(struct part_txn *p)
{
    if (p->is_state_changed) {
        char bytes[TABLE_STATE_BYTES];
        table_state_encode(&p->state, bytes);
        part_put(p, KEY_STATE, str_of(NULL, 0), str_of(bytes, sizeof bytes));
    }
    if (p->is_intent_changed && p->has_intent) {
        char bytes[FLUSH_INTENT_BYTES];
        flush_intent_encode(&p->intent, bytes);
        part_put(p, KEY_INTENT, str_of(NULL, 0), str_of(bytes, sizeof bytes));
    }
    buf_release(&p->key);
}

status part_get(struct part_txn *p, enum key_kind kind, str rest, str *value, bool *found,
                struct error *err)
{
    return commit_get(p->txn, part_family(p->part, kind), part_key(&p->key, p->part, kind, rest),
                      value, found, err);
}

status part_get_number(struct part_txn *p, enum key_kind kind, uint64_t number, str *value,
                       bool *found, struct error *err)
{
    return commit_get(p->txn, part_family(p->part, kind),
                      part_number_key(&p->key, p->part, kind, number), value, found, err);
}

void part_put(struct part_txn *p, enum key_kind kind, str rest, str value)
{
    commit_put(p->txn, part_family(p->part, kind), p->part->prefix.n,
               part_key(&p->key, p->part, kind, rest), value);
}

void part_put_number(struct part_txn *p, enum key_kind kind, uint64_t number, str value)
{
    commit_put(p->txn, part_family(p->part, kind), p->part->prefix.n,
               part_number_key(&p->key, p->part, kind, number), value);
}

void part_delete(struct part_txn *p, enum key_kind kind, str rest)
{
    commit_delete(p->txn, part_family(p->part, kind), p->part->prefix.n,
                  part_key(&p->key, p->part, kind, rest));
}

void part_delete_number(struct part_txn *p, enum key_kind kind, uint64_t number)
{
    commit_delete(p->txn, part_family(p->part, kind), p->part->prefix.n,
                  part_number_key(&p->key, p->part, kind, number));
}

void part_delete_numbers(struct part_txn *p, enum key_kind kind, uint64_t after, uint64_t to)
{
    if (after >= to) {
        return;
    }
    CHECK(to < UINT64_MAX);
    struct buf end;
    buf_init(&end);
    commit_delete_range(p->txn, part_family(p->part, kind), p->part->prefix.n,
                        part_number_key(&p->key, p->part, kind, after + 1),
                        part_number_key(&end, p->part, kind, to + 1));
    buf_release(&end);
}

void part_delete_kind(struct part_txn *p, enum key_kind kind)
{
    struct buf end;
    buf_init(&end);
    commit_delete_range(p->txn, part_family(p->part, kind), p->part->prefix.n,
                        part_key(&p->key, p->part, kind, str_of(NULL, 0)),
                        key_build_end(&end, p->part->prefix, kind, p->part->table->id));
    buf_release(&end);
}

status part_find_key(struct part_txn *p, str key, struct key_entry *entry, bool *found,
                     struct error *err)
{
    str value = {0};
    TRY(part_get(p, KEY_INDEX, key, &value, found, err));
    return *found ? key_entry_decode(value, entry, err) : STATUS_IS_OK;
}

void part_put_key(struct part_txn *p, str key, const struct key_entry *entry)
{
    char bytes[KEY_ENTRY_BYTES];
    key_entry_encode(entry, bytes);
    part_put(p, KEY_INDEX, key, str_of(bytes, sizeof bytes));
}

void part_add_row(struct part_txn *p, uint64_t seq, str row)
{
    int64_t now_us = commit_now_us(p->txn);
    part_put_number(p, KEY_ROW, seq, row);
    if (p->state.hot_rows == 0) {
        p->state.oldest_us = now_us;
    }
    p->state.hot_rows++;
    p->state.hot_bytes += row.n;
    p->is_state_changed = true;
    if (p->has_intent && p->intent.oldest_above_us == 0) {
        p->intent.oldest_above_us = now_us;
        p->is_intent_changed = true;
    }
}

void part_set_dead(struct part_txn *p, uint64_t seq)
{
    part_put_number(p, KEY_DEAD, seq, str_of(dead_value, sizeof dead_value));
    p->state.dead++;
    p->is_state_changed = true;
}

status part_remove_row(struct part_txn *p, uint64_t seq, str *old_row, struct error *err)
{
    if (old_row->n == 0) {
        bool found = false;
        TRY(part_get_number(p, KEY_ROW, seq, old_row, &found, err));
        if (!found) {
            return error_set(err, ERROR_CORRUPT, "row version %llu is not in the hot tier",
                             (unsigned long long)seq);
        }
    }
    part_delete_number(p, KEY_ROW, seq);
    CHECK(p->state.hot_rows > 0);
    CHECK(p->state.hot_bytes >= old_row->n);
    p->state.hot_rows--;
    p->state.hot_bytes -= old_row->n;
    if (p->state.hot_rows == 0) {
        p->state.oldest_us = 0;
    }
    p->is_state_changed = true;
    return STATUS_IS_OK;
}

/* hot                     r goes
 * hot, and a flush wants it   r goes, d comes, the flush's count is one less
 * cold                    d comes */
status part_supersede(struct part_txn *p, uint64_t seq, str *old_row, struct error *err)
{
    if (seq <= p->state.flushed_seq) {
        if (!MUTANT(COLD_WITHOUT_DEAD)) {
            part_set_dead(p, seq);
        }
        return STATUS_IS_OK;
    }
    TRY(part_remove_row(p, seq, old_row, err));
    if (p->has_intent && seq <= p->intent.high && !MUTANT(NO_DEAD_DURING_INTENT)) {
        part_set_dead(p, seq);
        CHECK(p->intent.rows > 0);
        p->intent.rows--;
        p->intent.bytes -= old_row->n;
        p->is_intent_changed = true;
    }
    return STATUS_IS_OK;
}

void part_clear_intent(struct part_txn *p)
{
    part_delete(p, KEY_INTENT, str_of(NULL, 0));
    p->has_intent = false;
    p->is_intent_changed = false;
}

/* -- manifest ------------------------------------------------------------------------------------
 */

void part_add_segment(struct part_txn *p, const struct segment *segment)
{
    struct buf bytes;
    buf_init(&bytes);
    segment_encode(&bytes, segment);
    part_put_number(p, KEY_MANIFEST, segment->number, buf_str(&bytes));
    buf_release(&bytes);
    p->state.segments++;
    p->state.cold_rows += segment->rows;
    p->state.cold_bytes += segment->bytes;
    p->is_state_changed = true;
}

void part_remove_segment(struct part_txn *p, const struct segment *segment)
{
    part_delete_number(p, KEY_MANIFEST, segment->number);
    p->state.segments--;
    p->state.cold_rows -= segment->rows;
    p->state.cold_bytes -= segment->bytes;
    p->is_state_changed = true;
}

void part_touch_manifest(struct part_txn *p)
{
    int64_t now_us = commit_now_us(p->txn);
    p->state.generation++;
    p->state.manifest_updated_us = now_us;
    if (p->state.manifest_created_us == 0) {
        p->state.manifest_created_us = now_us;
    }
    p->is_state_changed = true;
}

status part_check_segment(struct part_txn *p, const struct segment *segment, struct error *err)
{
    if (MUTANT(SOURCES_UNCHECKED)) {
        return STATUS_IS_OK;
    }
    bool found = false;
    str value;
    TRY(part_get_number(p, KEY_MANIFEST, segment->number, &value, &found, err));
    return found ? STATUS_IS_OK
                 : error_set(err, ERROR_CONFLICT, "segment %llu is not in the manifest any more",
                             (unsigned long long)segment->number);
}

/* -- from apply to publish -----------------------------------------------------------------------
 */

struct state_change {
    str key;
    struct table_state state;
    bool is_removed;
    struct state_change *next;
};

struct set_change {
    struct change_set *set;
    struct set_change *next;
};

struct store_change {
    struct store *store;
    struct arena *arena;
    struct state_change *states;
    struct state_change **states_end;
    struct set_change *sets;
    struct set_change **sets_end;
};

struct store_change *store_change_create(struct store *store, struct commit_txn *txn)
{
    struct arena *arena = commit_arena(txn);
    struct store_change *change = ARENA_NEW(arena, struct store_change);
    change->store = store;
    change->arena = arena;
    change->states_end = &change->states;
    change->sets_end = &change->sets;
    commit_set_change(txn, change);
    return change;
}

static struct state_change *add_state(struct store_change *change, const struct part_txn *p)
{
    struct buf key;
    buf_init(&key);
    struct state_change *state = ARENA_NEW(change->arena, struct state_change);
    state->key = arena_copy(change->arena, part_key(&key, p->part, KEY_STATE, str_of(NULL, 0)));
    state->state = p->state;
    *change->states_end = state;
    change->states_end = &state->next;
    buf_release(&key);
    return state;
}

void store_change_add_state(struct store_change *change, const struct part_txn *p)
{
    if (p->is_state_changed) {
        (void)add_state(change, p);
    }
}

void store_change_add_removal(struct store_change *change, const struct part_txn *p)
{
    add_state(change, p)->is_removed = true;
}

static void give_set(void *set)
{
    change_set_give(set);
}

void store_change_add_set(struct store_change *change, struct change_set *set)
{
    struct set_change *place = ARENA_NEW(change->arena, struct set_change);
    place->set = set;
    *change->sets_end = place;
    change->sets_end = &place->next;
    arena_defer(change->arena, give_set, set);
}

void store_publish(struct commit_request *request)
{
    struct store_change *change = commit_change(request);
    if (change == NULL) {
        return;
    }
    struct store *store = change->store;
    for (const struct state_change *s = change->states; s != NULL; s = s->next) {
        if (s->is_removed) {
            registry_remove(&store->registry, s->key);
        } else {
            registry_set(&store->registry, s->key, &s->state);
        }
    }
    for (const struct set_change *s = change->sets; s != NULL; s = s->next) {
        if (store->sink.after != NULL) {
            store->sink.after(store->sink.context, s->set);
        }
    }
}

status store_submit(struct store *store, struct commit_request *request,
                    status (*apply)(struct commit_txn *, struct commit_request *),
                    struct error *err)
{
    request->apply = apply;
    request->publish = store_publish;
    request->durability = COMMIT_SYNC;
    status result = commit_submit_wait(store->options.committer, request);
    if (!status_ok(result) && err != NULL) {
        *err = request->error;
    }
    return result;
}

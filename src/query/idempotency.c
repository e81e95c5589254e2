/* query/idempotency.c -- see idempotency.h. */
#include "query/idempotency.h"

#include "engine/crypto_digest.h"
#include "model/limits.h"
#include "query/own.h"

struct idempotency {
    char id[ANSWER_ID_BYTES];
    char user[ANSWER_ID_BYTES];
    char request[ANSWER_ID_BYTES];
    size_t out_begin; /* of query->out */
};

/* -- which requests ------------------------------------------------------------------------------
 */

static bool only_reads(const struct statement *statement)
{
    switch (statement->kind) {
    case STATEMENT_USE_NAMESPACE:
    case STATEMENT_SET:
    case STATEMENT_SUBSCRIBE:
        return true;
    default:
        return statement_info(statement->kind)->class == STATEMENT_CLASS_QUERY;
    }
}

static bool all_only_read(const struct query_state_own *own)
{
    for (unsigned i = 0; i < own->count; i++) {
        if (!only_reads(own->statements[i])) {
            return false;
        }
    }
    return true;
}

/* BEGIN; ...; COMMIT and nothing else that begins or ends a transaction. */
static bool is_one_transaction(const struct query_state_own *own)
{
    unsigned last = own->count - 1;
    if (own->count < 2 || own->statements[0]->kind != STATEMENT_BEGIN ||
        own->statements[last]->kind != STATEMENT_COMMIT) {
        return false;
    }
    for (unsigned i = 1; i < last; i++) {
        enum statement_kind kind = own->statements[i]->kind;
        if (kind == STATEMENT_BEGIN || kind == STATEMENT_COMMIT || kind == STATEMENT_ROLLBACK) {
            return false;
        }
    }
    return true;
}

static bool is_one_write(const struct query_state_own *own)
{
    return own->count == 1 &&
           statement_info(own->statements[0]->kind)->class == STATEMENT_CLASS_DML;
}

/* -- digests -------------------------------------------------------------------------------------
 */

static void digest(char out[ANSWER_ID_BYTES], str bytes)
{
    digest256 d = crypto_sha256(bytes);
    memcpy(out, d.bytes, ANSWER_ID_BYTES);
}

/* Length first: no two different lists make the same bytes. */
static void append_part(struct buf *out, str part)
{
    buf_append_u64le(out, part.n);
    buf_append_str(out, part);
}

static void append_param(struct buf *out, const struct value *v)
{
    buf_append_byte(out, v->is_null ? 0 : (uint8_t)(1 + v->type.id));
    if (!v->is_null) {
        struct buf text;
        buf_init(&text);
        value_append_text(&text, v);
        append_part(out, buf_str(&text));
        buf_release(&text);
    }
}

static void make_digests(const struct query *query, struct idempotency *k)
{
    struct buf bytes;
    buf_init(&bytes);
    digest(k->user, query->session.user_id);
    append_part(&bytes, query->session.user_id);
    append_part(&bytes, query->idempotency_key);
    digest(k->id, buf_str(&bytes));
    buf_clear(&bytes);
    append_part(&bytes, query->session.namespace_name);
    append_part(&bytes, query->sql);
    for (unsigned i = 0; i < query->param_count; i++) {
        append_param(&bytes, &query->params[i]);
    }
    digest(k->request, buf_str(&bytes));
    buf_release(&bytes);
}

/* -- the request ---------------------------------------------------------------------------------
 */

/* The answer is kept whole: it is not handed on in pieces, and need not be longer than a piece. */
static status refuse_long(void *context, struct error *err)
{
    (void)context;
    return error_set(err, ERROR_LIMIT,
                     "the answer of a request with an Idempotency-Key may have %d bytes",
                     LIMIT_IDEMPOTENCY_ANSWER_BYTES);
}

status idempotency_open(struct query *query, struct idempotency **out, struct error *err)
{
    struct query_state_own *own = query->own;
    *out = NULL;
    if (query->idempotency_key.n == 0 || all_only_read(own)) {
        return STATUS_IS_OK;
    }
    if (!is_one_write(own) && !is_one_transaction(own)) {
        return error_set(err, ERROR_INVALID_INPUT,
                         "Idempotency-Key covers one INSERT, UPDATE or DELETE, or one transaction "
                         "from BEGIN to COMMIT");
    }
    struct idempotency *k = ARENA_NEW(query->arena, struct idempotency);
    make_digests(query, k);
    k->out_begin = query->out->n;
    own->results.flush = own->results.flush != NULL ? refuse_long : NULL;
    *out = k;
    return STATUS_IS_OK;
}

str idempotency_output(const struct query *query)
{
    return str_skip(buf_str(query->out), query->own->keyed->out_begin);
}

void idempotency_begin_answer(struct buf *out, bool has_rows)
{
    buf_append_byte(out, has_rows ? 1 : 0);
}

status idempotency_answer(struct query *query, bool *answered, struct error *err)
{
    const struct idempotency *k = query->own->keyed;
    struct stored_answer answer;
    bool found = false;
    *answered = false;
    TRY(answers_find(query->engine->rows, k->id, clock_wall_us(query->engine->clock), query->arena,
                     &answer, &found, err));
    if (!found) {
        return STATUS_IS_OK;
    }
    if (memcmp(answer.request, k->request, ANSWER_ID_BYTES) != 0 || answer.text.n == 0) {
        return error_set(err, ERROR_IDEMPOTENCY_MISMATCH,
                         "Idempotent conflict: this Idempotency-Key was used for another request");
    }
    query->out->n = k->out_begin;
    query->has_rows = answer.text.p[0] != 0;
    buf_append_str(query->out, str_skip(answer.text, 1));
    *answered = true;
    return STATUS_IS_OK;
}

status idempotency_claim(struct run *run, struct arena *arena,
                         status (*make)(void *context, struct buf *out, struct error *err),
                         void *context, struct answer_claim **out, struct error *err)
{
    const struct idempotency *k = run->query->own->keyed;
    *out = NULL;
    if (k == NULL) {
        return STATUS_IS_OK;
    }
    uint32_t keys_max = run->engine->limits.idempotency_keys_max;
    struct answer_claim *claim = ARENA_NEW(arena, struct answer_claim);
    *claim = (struct answer_claim){.make = make,
                                   .context = context,
                                   .keys_max = keys_max != 0 ? keys_max : LIMIT_IDEMPOTENCY_KEYS};
    memcpy(claim->id, k->id, ANSWER_ID_BYTES);
    memcpy(claim->user, k->user, ANSWER_ID_BYTES);
    memcpy(claim->request, k->request, ANSWER_ID_BYTES);
    TRY(answers_find_expired(run->engine->rows, claim, clock_wall_us(run->engine->clock), err));
    *out = claim;
    return STATUS_IS_OK;
}

/* server/ws_sessions.c -- the sockets that are authenticated, as rows of system.sessions.
 * Threads:  a loop begins and ends its own sockets' sessions; any thread reads the list, under
 *           ws->lock. */
#include "server/ws_conn.h"

void ws_session_begin(struct ws_conn *conn)
{
    struct ws_session *session = &conn->session;
    struct api_ws *ws = conn->home->ws;
    int64_t now_us = clock_wall_us(ws->server->clock);
    session->user_id = conn->user->id;
    session->connection_id = conn->connection_id;
    session->client_ip = conn->client_ip;
    session->opened_us = now_us;
    atomic_count_set(&session->seen_us, (uint64_t)now_us);
    lock_take(&ws->lock);
    session->next = ws->sessions;
    if (ws->sessions != NULL) {
        ws->sessions->prev = session;
    }
    ws->sessions = session;
    lock_give(&ws->lock);
}

void ws_session_seen(struct ws_conn *conn)
{
    atomic_count_set(&conn->session.seen_us,
                     (uint64_t)clock_wall_us(conn->home->ws->server->clock));
}

void ws_session_end(struct ws_conn *conn)
{
    struct ws_session *session = &conn->session;
    struct api_ws *ws = conn->home->ws;
    lock_take(&ws->lock);
    *(session->prev != NULL ? &session->prev->next : &ws->sessions) = session->next;
    if (session->next != NULL) {
        session->next->prev = session->prev;
    }
    lock_give(&ws->lock);
}

enum { SESSION_COLUMNS = 12 };

static void fill_row(const struct ws_session *session, struct arena *arena,
                     struct value row[SESSION_COLUMNS])
{
    struct value none = value_null((struct type){.id = TYPE_TEXT});
    unsigned n = 0;
    row[n++] = value_text(
        arena_format(arena, STR_FMT "-%s", STR(session->user_id), session->connection_id));
    row[n++] = value_null((struct type){.id = TYPE_BIGINT}); /* backend_pid: one process */
    row[n++] = none;                                         /* every statement names its own */
    row[n++] = value_text(STR_LIT("active"));
    row[n++] = none; /* a transaction ends with its request */
    row[n++] = none;
    row[n++] = value_bool(false);
    row[n++] = value_text(arena_copy(arena, session->client_ip));
    row[n++] = value_text(STR_LIT("websocket"));
    row[n++] = value_int(TYPE_TIMESTAMP, session->opened_us);
    row[n++] = value_int(TYPE_TIMESTAMP, (int64_t)atomic_count_get(&session->seen_us));
    row[n++] = none;
}

status ws_sessions_write(struct api_ws *ws, struct arena *arena, const struct row_sink *sink,
                         struct error *err)
{
    struct value(*rows)[SESSION_COLUMNS] = NULL;
    size_t count = 0;
    lock_take(&ws->lock);
    for (const struct ws_session *s = ws->sessions; s != NULL; s = s->next) {
        count++;
    }
    rows = arena_alloc(arena, (count + 1) * sizeof *rows);
    size_t n = 0;
    for (const struct ws_session *s = ws->sessions; s != NULL; s = s->next) {
        fill_row(s, arena, rows[n++]);
    }
    lock_give(&ws->lock);
    for (size_t i = 0; i < count; i++) {
        TRY(sink->row(sink->context, rows[i], err));
    }
    return STATUS_IS_OK;
}

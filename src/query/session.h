/* query/session.h -- who asks, from where, when.
 * For:      every decision about rights and every function that reads the session.
 * Owns:     nothing; texts live as long as the request.
 * Threads:  immutable once made. */
#ifndef QUERY_SESSION_H
#define QUERY_SESSION_H

#include "catalog/catalog.h"

struct session {
    str user_id;    /* whose rows: inside EXECUTE AS the target */
    enum role role; /* whose rights: inside EXECUTE AS the role `user` */
    str actor_id;   /* who really asks */
    enum role actor_role;
    str namespace_name; /* for names without one */
    str request_id;
    str client_address; /* for the audit log */
    int64_t now_us;     /* NOW() of the statement */
    bool is_async;      /* durability asked for by the request */
};

static inline bool session_is_admin(const struct session *s)
{
    return s->role == ROLE_DBA || s->role == ROLE_SYSTEM;
}

#endif

/* auth/access.h -- what a role may do to others: act as them, give roles, read and write SHARED
 * tables. Which statements a role may use at all is sql/families.def.
 * Touches:  catalog's roles and access levels. Threads: any; pure functions. */
#ifndef AUTH_ACCESS_H
#define AUTH_ACCESS_H

#include "catalog/catalog.h"

/* dba and system. */
static inline bool access_is_admin(enum role role)
{
    return role == ROLE_DBA || role == ROLE_SYSTEM;
}

/* EXECUTE AS USER: oneself always, otherwise only roles that access.def lists for the actor. A
 * target that does not exist counts as role user. */
bool access_may_act_as(enum role actor, str actor_id, enum role target, str target_id);

/* CREATE USER and ALTER USER ... SET ROLE. DENIED: only admins change roles, and a dba does not
 * give the role system. */
MUST_USE status access_check_grant(enum role actor, enum role granted, struct error *err);

/* SHARED tables, by their access level. */
bool access_may_read_shared(enum role role, enum table_access level);
bool access_may_write_shared(enum role role, enum table_access level);
/* CREATE TABLE and ALTER TABLE of that kind. */
bool access_may_define_table(enum role role, enum table_kind kind);

#endif

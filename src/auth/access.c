/* auth/access.c -- the tables of access.def, asked. What they do not list is denied. */
#include "auth/access.h"

enum { ROLE_COUNT = ROLE_SYSTEM + 1, LEVEL_COUNT = TABLE_ACCESS_DBA + 1 };

static const bool act_as[ROLE_COUNT][ROLE_COUNT] = {
#define ACT_AS(actor, target) [ROLE_##actor][ROLE_##target] = true,
#include "auth/access.def"
#undef ACT_AS
};

/* Role 0 is anonymous; a level without a row has no reader, since `is_listed` is false. */
static const struct shared_rule {
    bool is_listed;
    enum role reads;
    enum role writes;
} shared_rules[LEVEL_COUNT] = {
#define SHARED(level, reader, writer) [TABLE_ACCESS_##level] = {true, ROLE_##reader, ROLE_##writer},
#include "auth/access.def"
#undef SHARED
};

bool access_may_act_as(enum role actor, str actor_id, enum role target, str target_id)
{
    if (str_eq(actor_id, target_id)) {
        return true;
    }
    return (unsigned)actor < ROLE_COUNT && (unsigned)target < ROLE_COUNT && act_as[actor][target];
}

status access_check_grant(enum role actor, enum role granted, struct error *err)
{
    if (!access_is_admin(actor)) {
        return error_set(err, ERROR_UNAUTHORIZED, "Only admins can change roles");
    }
    if (granted == ROLE_SYSTEM && actor != ROLE_SYSTEM) {
        return error_set(err, ERROR_UNAUTHORIZED, "DBA cannot grant System role");
    }
    return STATUS_IS_OK;
}

bool access_may_read_shared(enum role role, enum table_access level)
{
    return (unsigned)level < LEVEL_COUNT && shared_rules[level].is_listed &&
           role >= shared_rules[level].reads;
}

bool access_may_write_shared(enum role role, enum table_access level)
{
    return (unsigned)level < LEVEL_COUNT && shared_rules[level].is_listed &&
           role >= shared_rules[level].writes;
}

bool access_may_define_table(enum role role, enum table_kind kind)
{
    return role >= (kind == TABLE_SHARED ? ROLE_SERVICE : ROLE_USER);
}

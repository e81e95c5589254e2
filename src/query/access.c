/* query/access.c -- who may read and write which table (contract sql.md section 9), and what of an
 * error a caller may see (contract http-ws.md section 2.9). */
#include "query/query.h"

#include "auth/access.h"
#include "query/mutant.h"

/* "User", as the texts of the contract write a role. */
static const char *role_title(enum role role)
{
    static const char *const titles[] = {"Anonymous", "User", "Service", "Dba", "System"};
    return (unsigned)role <= ROLE_SYSTEM ? titles[role] : "?";
}

status query_may_read(const struct session *session, const struct table *table, struct error *err)
{
    if (table->kind != TABLE_SHARED || access_may_read_shared(session->role, table->access) ||
        mutant_is_on("may_read_all")) {
        return STATUS_IS_OK;
    }
    return error_set(err, ERROR_PERMISSION_DENIED,
                     "Access denied: Role '%s' cannot access table '" STR_FMT "." STR_FMT
                     "'. Shared table access denied (access_level=%s)",
                     role_title(session->role), STR(table->namespace_name), STR(table->name),
                     table_access_name(table->access));
}

status query_may_write(const struct session *session, const struct table *table, struct error *err)
{
    if (session->role == ROLE_ANONYMOUS) {
        return error_set(err, ERROR_PERMISSION_DENIED,
                         "Anonymous users can only SELECT from public tables. Please authenticate "
                         "to perform write operations.");
    }
    if (table->kind != TABLE_SHARED) {
        return STATUS_IS_OK;
    }
    if (!str_eq(session->user_id, session->actor_id) || session->role != session->actor_role) {
        return error_set(err, ERROR_INVALID_OPERATION,
                         "EXECUTE AS USER is not allowed on SHARED tables (table '" STR_FMT
                         "." STR_FMT
                         "'). AS USER impersonation is only supported for USER and STREAM tables.",
                         STR(table->namespace_name), STR(table->name));
    }
    if (access_may_write_shared(session->role, table->access)) {
        return STATUS_IS_OK;
    }
    return error_set(err, ERROR_PERMISSION_DENIED,
                     "Access denied: Role '%s' cannot access table '" STR_FMT "." STR_FMT
                     "'. Shared table write denied (access_level=%s)",
                     role_title(session->role), STR(table->namespace_name), STR(table->name),
                     table_access_name(table->access));
}

/* What a caller that is not dba or system reads instead of a message that is not shown. */
static const char *redacted(const struct error_row *row)
{
    static const struct {
        const char *code;
        const char *text;
    } texts[] = {{"BATCH_PARSE_ERROR", "Failed to parse SQL batch"},
                 {"SQL_EXECUTION_ERROR", "SQL statement failed"},
                 {"INVALID_SQL", "SQL statement is invalid or not allowed"},
                 {"TABLE_NOT_FOUND", "Requested table is not available"}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (strcmp(texts[i].code, row->wire_code) == 0) {
            return texts[i].text;
        }
    }
    return "SQL request failed";
}

static bool is_shown_to(const struct error *error, enum role role)
{
    bool is_admin = role == ROLE_DBA || role == ROLE_SYSTEM;
    bool tells_tables = error->id == ERROR_NOT_FOUND && strncmp(error->text, "Table ", 6) == 0;
    return is_admin || (error_row(error->id)->shown && !tells_tables);
}

const char *query_error_hint(const struct error *error, enum role role)
{
    return is_shown_to(error, role)
               ? error_row(error->id)->hint
               : "check names, rights and the form of the statement; a dba who runs it reads more, "
                 "and the server's log has it by the X-Request-ID of the answer";
}

str query_error_text(const struct error *error, enum role role, unsigned statement,
                     struct arena *arena)
{
    const struct error_row *row = error_row(error->id);
    if (!is_shown_to(error, role)) {
        return str_from(redacted(row));
    }
    if (statement > 0) {
        return arena_format(arena, "Statement %u failed: %s%s", statement, row->prefix,
                            error->text);
    }
    return arena_format(arena, "%s%s", row->prefix, error->text);
}

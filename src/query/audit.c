/* query/audit.c -- what the audit log is told of statements. Changes of the catalog carry their
 * entry in their own commit; what changes nothing there is recorded once it has happened. Never the
 * text of a statement: it may hold a password. */
#include "query/run.h"

#include "catalog/audit.h"
#include "wire/json.h"

/* "CREATE TABLE" as "CREATE_TABLE". */
static str action_of(enum statement_kind kind, struct arena *arena)
{
    str name = str_from(statement_info(kind)->name);
    char *text = arena_alloc(arena, name.n + 1);
    for (size_t i = 0; i <= name.n; i++) {
        text[i] = i < name.n && name.p[i] != ' ' ? name.p[i] : i < name.n ? '_' : '\0';
    }
    return str_of(text, name.n);
}

static str qualified(const struct run *run, const struct table_name *name)
{
    return arena_format(run->arena, STR_FMT "." STR_FMT, STR(run_namespace(run, name->ns)),
                        STR(name->name));
}

static str target_of(const struct run *run)
{
    const struct statement *s = run->statement;
    switch (s->kind) {
    case STATEMENT_CREATE_NAMESPACE:
    case STATEMENT_ALTER_NAMESPACE:
    case STATEMENT_DROP_NAMESPACE:
        return s->as.namespace.name;
    case STATEMENT_CREATE_TABLE:
        return qualified(run, &s->as.create_table.table);
    case STATEMENT_ALTER_TABLE:
        return qualified(run, &s->as.alter_table.table);
    case STATEMENT_DROP_TABLE:
    case STATEMENT_DROP_VIEW:
        return qualified(run, &s->as.drop.table);
    case STATEMENT_CREATE_VIEW:
        return qualified(run, &s->as.create_view.view);
    case STATEMENT_CREATE_STORAGE:
    case STATEMENT_ALTER_STORAGE:
    case STATEMENT_DROP_STORAGE:
        return s->as.storage.id;
    case STATEMENT_CREATE_USER:
    case STATEMENT_ALTER_USER:
    case STATEMENT_DROP_USER:
        return s->as.user.name;
    case STATEMENT_CREATE_TOPIC:
    case STATEMENT_ALTER_TOPIC:
    case STATEMENT_DROP_TOPIC:
    case STATEMENT_CLEAR_TOPIC:
        return qualified(run, &s->as.topic.topic);
    case STATEMENT_KILL_JOB:
    case STATEMENT_KILL_LIVE_QUERY:
        return s->as.kill.id;
    default:
        return STR_LIT("");
    }
}

/* What of a user changes; its password is named, never told. */
static str user_details(const struct run *run)
{
    static const char *const roles[] = {[USER_ROLE_USER] = "user",
                                        [USER_ROLE_SERVICE] = "service",
                                        [USER_ROLE_DBA] = "dba",
                                        [USER_ROLE_SYSTEM] = "system"};
    const struct user_part *part = &run->statement->as.user;
    struct buf text;
    buf_init(&text);
    struct json_writer w = json_writer_on(&text);
    json_write_object_begin(&w);
    if (part->role != USER_ROLE_UNSAID) {
        json_write_key(&w, "role");
        json_write_text_c(&w, roles[part->role]);
    }
    if (part->password.n > 0) {
        json_write_key(&w, "password");
        json_write_text_c(&w, "***");
    }
    if (part->has_email) {
        json_write_key(&w, "email");
        json_write_text(&w, part->email);
    }
    json_write_object_end(&w);
    str copy = arena_copy(run->arena, buf_str(&text));
    buf_release(&text);
    return copy;
}

static bool is_about_user(enum statement_kind kind)
{
    return kind == STATEMENT_CREATE_USER || kind == STATEMENT_ALTER_USER ||
           kind == STATEMENT_DROP_USER;
}

static void fill(const struct run *run, struct audit_entry *entry)
{
    const struct session *session = &run->session;
    bool is_user = is_about_user(run->statement->kind);
    bool is_other = !str_eq(session->user_id, session->actor_id);
    *entry = (struct audit_entry){.actor = session->actor_id,
                                  .action = action_of(run->statement->kind, run->arena),
                                  .target = target_of(run),
                                  .details = is_user ? user_details(run) : str_of(NULL, 0),
                                  .address = session->client_address,
                                  .subject = is_user    ? run->statement->as.user.name
                                             : is_other ? session->user_id
                                                        : str_of(NULL, 0)};
}

status run_audited(struct run *run, run_fn *handler, struct error *err)
{
    enum statement_kind kind = run->statement->kind;
    bool is_kill = kind == STATEMENT_KILL_JOB || kind == STATEMENT_KILL_LIVE_QUERY;
    bool is_ddl = statement_info(kind)->class == STATEMENT_CLASS_DDL;
    if (!is_kill && !is_ddl) {
        return handler(run, err);
    }
    struct audit_entry entry;
    fill(run, &entry);
    audit_attach(is_ddl ? &entry : NULL);
    status result = handler(run, err);
    audit_attach(NULL);
    if (is_kill && status_ok(result) && !run->is_blocked) {
        audit_post(run->engine->committer, &entry);
    }
    return result;
}

void query_audit_execute_as(struct query_engine *engine, const struct session *actor, str target,
                            const char *statement, bool is_allowed, struct arena *arena)
{
    if (str_eq(actor->user_id, target)) {
        return; /* acting as oneself is nothing to tell */
    }
    str details = {NULL, 0};
    if (statement != NULL) {
        details = arena_format(arena, "{\"statement\":\"%s\"}", statement);
    }
    audit_post(engine->committer,
               &(struct audit_entry){.actor = actor->actor_id,
                                     .action = is_allowed ? STR_LIT("EXECUTE_AS_USER")
                                                          : STR_LIT("EXECUTE_AS_USER_DENIED"),
                                     .target = target,
                                     .details = details,
                                     .address = actor->client_address,
                                     .subject = target});
}

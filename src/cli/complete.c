/* cli/complete.c -- the line editor asks one word after the other. */
#include "cli/complete.h"

#include <editline/readline.h>

static const char *const words[] = {
    "ALTER TABLE",
    "AND",
    "AS",
    "ASC",
    "BEGIN",
    "BETWEEN",
    "BIGINT",
    "BOOLEAN",
    "BY",
    "BYTES",
    "CASE",
    "COMMIT",
    "COUNT",
    "CREATE",
    "CURRENT_USER",
    "DATE",
    "DECIMAL",
    "DEFAULT",
    "DELETE FROM",
    "DESC",
    "DESCRIBE TABLE",
    "DISTINCT",
    "DOUBLE",
    "DROP",
    "ELSE",
    "END",
    "EXECUTE AS USER",
    "EXISTS",
    "EXPLAIN",
    "FALSE",
    "FLOAT",
    "FROM",
    "GROUP BY",
    "HAVING",
    "ILIKE",
    "IN",
    "INNER JOIN",
    "INSERT INTO",
    "INT",
    "INTERVAL",
    "IS NULL",
    "JOIN",
    "JSON",
    "LEFT JOIN",
    "LIKE",
    "LIMIT",
    "NAMESPACE",
    "NOT",
    "NULL",
    "OFFSET",
    "ON",
    "OR",
    "ORDER BY",
    "PRIMARY KEY",
    "RETURNING",
    "ROLLBACK",
    "SELECT",
    "SET",
    "SHARED TABLE",
    "SHOW NAMESPACES",
    "SHOW TABLES",
    "SMALLINT",
    "STORAGE COMPACT TABLE",
    "STORAGE FLUSH TABLE",
    "STREAM TABLE",
    "TEXT",
    "THEN",
    "TIMESTAMP",
    "TRUE",
    "UNION",
    "UPDATE",
    "USE",
    "USER TABLE",
    "UUID",
    "VALUES",
    "WHEN",
    "WHERE",
    "WITH",
};

enum { WORD_COUNT = sizeof words / sizeof words[0] };

static struct {
    struct arena arena;
    str *names; /* in the arena */
    size_t count;
    size_t next; /* of the word being completed */
} known;

static bool begins_with(str name, str prefix)
{
    return str_starts_with_nocase(name, prefix);
}

/* The line editor frees what it gets. */
static char *offer(str name)
{
    char *copy = malloc(name.n + 1);
    if (copy != NULL) {
        memcpy(copy, name.p, name.n);
        copy[name.n] = '\0';
    }
    return copy;
}

static char *next_match(const char *prefix, int state)
{
    known.next = state == 0 ? 0 : known.next;
    while (known.next < WORD_COUNT + known.count) {
        size_t i = known.next++;
        str name = i < WORD_COUNT ? str_from(words[i]) : known.names[i - WORD_COUNT];
        if (begins_with(name, str_from(prefix))) {
            return offer(name);
        }
    }
    return NULL;
}

static char **matches(const char *prefix, int from, int to)
{
    (void)from;
    (void)to;
    rl_attempted_completion_over = 1; /* no file names when nothing fits */
    return rl_completion_matches(prefix, next_match);
}

static void add_name(str name)
{
    known.names[known.count++] = arena_copy(&known.arena, name);
}

/* SHOW TABLES has columns of the same names for everybody. */
static void take_names(const struct json *result)
{
    const struct json *schema = json_get(result, "schema");
    const struct json *rows = json_get(result, "rows");
    uint32_t table_at = UINT32_MAX;
    uint32_t namespace_at = UINT32_MAX;
    for (uint32_t i = 0; json_at(schema, i) != NULL; i++) {
        str name = {0};
        (void)json_as_text(json_get(json_at(schema, i), "name"), &name);
        table_at = str_eq_c(name, "table_name") ? i : table_at;
        namespace_at = str_eq_c(name, "namespace_id") ? i : namespace_at;
    }
    if (rows == NULL || rows->kind != JSON_ARRAY) {
        return;
    }
    known.names = ARENA_ARRAY(&known.arena, str, rows->as.children.count * 2 + 1);
    for (const struct json *row = rows->as.children.first; row != NULL; row = row->next) {
        str table;
        str namespace_name;
        if (json_as_text(json_at(row, table_at), &table) &&
            json_as_text(json_at(row, namespace_at), &namespace_name)) {
            add_name(table);
            add_name(
                arena_format(&known.arena, STR_FMT "." STR_FMT, STR(namespace_name), STR(table)));
        }
    }
}

void complete_refresh(struct session *session)
{
    struct arena arena;
    struct reply reply;
    struct failure failure;
    arena_init(&arena);
    arena_reset(&known.arena);
    known.names = NULL;
    known.count = 0;
    if (session_sql(session, STR_LIT("SHOW TABLES"), &arena, &reply, &failure)) {
        take_names(json_at(reply.results, 0));
    }
    arena_release(&arena);
}

void complete_open(struct session *session)
{
    arena_init(&known.arena);
    rl_completer_word_break_characters = (char *)(uintptr_t) " \t\n\"'`(),;=<>*+-/";
    rl_attempted_completion_function = matches;
    complete_refresh(session);
}

void complete_close(void)
{
    arena_release(&known.arena);
}

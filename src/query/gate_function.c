/* query/gate_function.c -- functions.def as look-ups.
 * Threads:  any: constant tables. A look-up walks some 900 names in 1 µs. */
#include "query/gate_private.h"

#include "base/check.h"

struct function_row {
    const char *name;
    enum gate_class class;
    const char *note;
};

#define ALLOW GATE_ALLOW
#define DENY GATE_DENY
#define SESSION GATE_SESSION
#define OURS GATE_OURS

static const struct function_row functions[] = {
#define FUNCTION(name, class, note) {name, class, note},
#include "query/functions.def"
};
static const struct function_row contract_functions[] = {
#define CONTRACT_FUNCTION(name, class, note) {name, class, note},
#include "query/functions.def"
};
static const struct function_row table_functions[] = {
#define TABLE_FUNCTION(name, class, note) {name, class, note},
#include "query/functions.def"
};
static const struct function_row absent_table_functions[] = {
#define ABSENT_TABLE_FUNCTION(name, of) {name, DENY, of},
#include "query/functions.def"
};
static const struct function_row window_functions[] = {
#define WINDOW_FUNCTION(name) {name, ALLOW, ""},
#include "query/functions.def"
};

#undef ALLOW
#undef DENY
#undef SESSION
#undef OURS

enum {
    FUNCTION_COUNT = sizeof functions / sizeof functions[0],
    CONTRACT_COUNT = sizeof contract_functions / sizeof contract_functions[0],
    ABSENT_COUNT = sizeof absent_table_functions / sizeof absent_table_functions[0],
    TABLE_COUNT = sizeof table_functions / sizeof table_functions[0],
    WINDOW_COUNT = sizeof window_functions / sizeof window_functions[0]
};

static const struct function_row *find(const struct function_row *rows, size_t count, str name)
{
    for (size_t i = 0; i < count; i++) {
        /* compared by hand: 900 calls of strlen would be the longest part of a check */
        if (name.n > 0 && rows[i].name[0] == name.p[0] &&
            strncmp(rows[i].name, name.p, name.n) == 0 && rows[i].name[name.n] == '\0') {
            return &rows[i];
        }
    }
    return NULL;
}

static const struct function_row *find_function(str name)
{
    /* the contract's meaning of a name goes before the engine's */
    const struct function_row *row = find(contract_functions, CONTRACT_COUNT, name);
    return row != NULL ? row : find(functions, FUNCTION_COUNT, name);
}

enum gate_class gate_class_of_function(str name)
{
    const struct function_row *row = find_function(name);
    return row != NULL ? row->class : GATE_UNKNOWN;
}

enum gate_class gate_class_of_table_function(str name)
{
    const struct function_row *row = find(table_functions, TABLE_COUNT, name);
    return row != NULL ? row->class : GATE_UNKNOWN;
}

const char *gate_function_name(unsigned index, bool is_table_function)
{
    if (is_table_function) {
        return index < TABLE_COUNT ? table_functions[index].name : NULL;
    }
    return index < FUNCTION_COUNT ? functions[index].name : NULL;
}

static int hidden_of(const char *note)
{
    static const char *const names[GATE_HIDDEN_COUNT] = {
        [GATE_CURRENT_USER] = "user", [GATE_CURRENT_ROLE] = "role", [GATE_NOW] = "now",
        [GATE_TODAY] = "today",       [GATE_TIME] = "time",
    };
    for (int i = 0; i < GATE_HIDDEN_COUNT; i++) {
        if (strcmp(names[i], note) == 0) {
            return i;
        }
    }
    check_failed(__FILE__, __LINE__, "a SESSION row of functions.def");
    return -1;
}

status gate_function_use(struct gate *g, str name, bool is_window, str *out, int *hidden)
{
    const struct function_row *row = find_function(name);
    if (row == NULL && is_window) {
        row = find(window_functions, WINDOW_COUNT, name);
    }
    *out = name;
    *hidden = -1;
    if (row == NULL) {
        return gate_refuse(g, "Invalid function '" STR_FMT "'", STR(name));
    }
    switch (row->class) {
    case GATE_ALLOW:
        return STATUS_IS_OK;
    case GATE_OURS:
        *out = str_from(row->note);
        return STATUS_IS_OK;
    case GATE_SESSION:
        *hidden = hidden_of(row->note);
        return STATUS_IS_OK;
    case GATE_DENY:
    case GATE_UNKNOWN:
        break;
    }
    return gate_refuse(g, "function '" STR_FMT "' is not available", STR(name));
}

status gate_table_function_use(struct gate *g, str name)
{
    const struct function_row *absent = find(absent_table_functions, ABSENT_COUNT, name);
    if (absent != NULL) {
        return error_set(g->err, ERROR_NOT_IMPLEMENTED, "%s (%s)", absent->note, absent->name);
    }
    if (gate_class_of_table_function(name) != GATE_ALLOW) {
        return gate_refuse(g, "table function '" STR_FMT "' is not available", STR(name));
    }
    return STATUS_IS_OK;
}

/* Words that SQL reads as functions without brackets; `user` is left to be a column. */
int gate_session_word(str name)
{
    static const struct {
        const char *word;
        enum gate_hidden hidden;
    } words[] = {
        {"current_user", GATE_CURRENT_USER},
        {"current_role", GATE_CURRENT_ROLE},
        {"current_timestamp", GATE_NOW},
        {"localtimestamp", GATE_NOW},
        {"current_date", GATE_TODAY},
        {"current_time", GATE_TIME},
        {"localtime", GATE_TIME},
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (str_eq_nocase(name, str_from(words[i].word))) {
            return (int)words[i].hidden;
        }
    }
    return -1;
}

bool gate_is_engine_word(str name)
{
    static const char *const words[] = {
        "user", "session_user", "current_catalog", "current_schema", "current_database",
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (str_eq_nocase(name, str_from(words[i]))) {
            return true;
        }
    }
    return false;
}

bool gate_function_may_stand(str name)
{
    if (find(window_functions, WINDOW_COUNT, name) != NULL) {
        return true;
    }
    if (str_eq_c(name, "kalam_growth")) {
        return true;
    }
    for (size_t i = 0; i < FUNCTION_COUNT; i++) {
        if (functions[i].class == GATE_OURS && str_eq_c(name, functions[i].note)) {
            return true;
        }
    }
    for (size_t i = 0; i < CONTRACT_COUNT; i++) {
        if (contract_functions[i].class == GATE_OURS &&
            str_eq_c(name, contract_functions[i].note)) {
            return true;
        }
    }
    const struct function_row *row = find_function(name);
    return row != NULL && row->class == GATE_ALLOW;
}

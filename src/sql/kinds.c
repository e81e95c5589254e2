/* sql/kinds.c -- the rows of statements.def, joined with those of families.def. Threads: any. */
#include "sql/ast.h"

#include "base/check.h"

enum {
#define FAMILY(symbol, role, denied) ROLE_OF_##symbol = STATEMENT_ROLE_##role,
#include "sql/families.def"
#undef FAMILY
};
#define FAMILY(symbol, role, denied) static const char denied_##symbol[] = denied;
#include "sql/families.def"
#undef FAMILY

const struct statement_info *statement_info(enum statement_kind kind)
{
    static const struct statement_info infos[] = {
#define STATEMENT(symbol, family_symbol, class_symbol, rows, sql_name)                             \
    [STATEMENT_##symbol] = {.name = sql_name,                                                      \
                            .family = FAMILY_##family_symbol,                                      \
                            .class = STATEMENT_CLASS_##class_symbol,                               \
                            .returns_rows = rows,                                                  \
                            .lowest_role = (enum statement_role)ROLE_OF_##family_symbol,           \
                            .denied_text = denied_##family_symbol},
#include "sql/statements.def"
#undef STATEMENT
    };
    CHECK(kind < STATEMENT_KIND_COUNT);
    return &infos[kind];
}

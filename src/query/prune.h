/* query/prune.h -- which segments a statement surely does not need.
 * For:      the list of files that the SQL engine gets: it opens each one, and uses no filter for
 *           IN lists and TIMESTAMP. Made once per plan from the tree of the printed text, decided
 *           at each execution, with that execution's parameters, view and segments.
 * Rules:    1. a condition counts when every row that leaves the table's place in FROM has to
 *              fulfil it: a part of the top AND of WHERE or of an inner join's ON, `column op
 *              constant` or IS [NOT] NULL, column of that very table. Nothing under OR, NOT, CASE;
 *              nothing of a table on an outer join's optional side, or in a sample
 *           2. it reaches a table behind a subquery, a view, or a WITH that the statement reads at
 *              one place, when the column is handed through as it is and row by row: no LIMIT,
 *              DISTINCT, GROUP BY, HAVING, window, set operation, no name twice
 *           3. a file is left out when every place of the statement that reads the table can do
 *              without it; a place with no condition needs all
 *           4. `column = other` with a column of another table that stands under rule 1, too, and
 *              `column IN (SELECT other ...)`, count as an IN of the values that the other table
 * has: they are read first, within the same view, when they are few (prune_collect)
 *           5. types are compared only where engine and statistics agree for certain: integers with
 *              integers, TEXT with texts, TIMESTAMP and DATE with each other and with texts of the
 *              plain form, UUID and TIME with themselves and such texts; FLOAT, DOUBLE and DECIMAL
 *              with numbers, where the value is clearly outside. Counts of NULL decide for any type
 * that has a range Owns:     a plan lives in its gate plan's arena, immutable. Threads: any.
 * Errors:   none of its own; those of reading filters. */
#ifndef QUERY_PRUNE_H
#define QUERY_PRUNE_H

#include "store/read.h"
#include "wire/json.h"

struct gate_table;
struct prune_plan;

/* `printed`: the statement of the text that the engine will run; everything kept is copied into
 * `keep`. NULL: nothing can be left out. */
const struct prune_plan *prune_plan_make(const struct json *printed,
                                         const struct gate_table *const *tables,
                                         unsigned table_count, struct arena *keep);

/* What a source (rule 4) gave. */
struct prune_values {
    bool is_known;       /* false: too many, or not read: nothing is left out for them */
    struct value *items; /* no NULL */
    unsigned count;
};

/* One execution: parameters as they are bound, the session's hidden ones behind the user's. */
struct prune_run {
    const struct prune_plan *plan; /* NULL: keep all */
    const struct value *values;
    unsigned value_count;
    struct prune_values *sources; /* by number; NULL: none is known */
};

struct duck_conn;
struct read_context;
/* Reads the values of rule 4 that may leave out files, into prune->sources (in the context's
 * arena), on `conn`, whose session is the context and on which nothing runs; before its next
 * duck_prepare. TIMEOUT, CANCELLED: the statement ends; what fails otherwise is not known. */
MUST_USE status prune_collect(struct prune_run *prune, struct read_context *rc,
                              struct duck_conn *conn, uint64_t deadline_us, struct error *err);

/* table_files for one table of the statement, without what it does not need. `total`: segments that
 * the table has. */
MUST_USE status prune_files(const struct prune_run *prune, struct table_read *read,
                            struct table_file **files, unsigned *count, unsigned *total,
                            struct error *err);

#ifdef KALAM_TESTING
/* Planted defects, for the test that shows that the property test bites. */
enum prune_mutant {
    PRUNE_RIGHT,
    PRUNE_OFF,             /* no file is left out: what the others are compared with */
    PRUNE_BOUNDS_ARE_OPEN, /* a value equal to the maximum is taken for outside */
    PRUNE_ONE_PLACE,       /* rule 3 is forgotten: the first place decides */
    PRUNE_SEES_OR,         /* rule 1 is forgotten: OR is taken for AND */
    PRUNE_THROUGH_ALL,     /* rule 2 is forgotten: through LIMIT, DISTINCT, GROUP BY */
    PRUNE_LOSES_VALUES,    /* rule 4: one value that the other table has is forgotten */
    PRUNE_MUTANT_COUNT
};
void prune_test_mutant(enum prune_mutant mutant);
#endif

#endif

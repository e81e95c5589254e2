/* query/observe.h -- what statements leave behind for operators: metrics and log lines.
 * For:      run.c, at the beginning and the end of each statement, and those who find its tables.
 * Log:      sql statement (debug), sql slow_query (warn); namespace, table, schema, family (info)
 * of DDL. SQL as sql_sanitize leaves it, and only of what was not refused. Threads:  the one
 * that has the query. */
#ifndef QUERY_OBSERVE_H
#define QUERY_OBSERVE_H

#include "query/query.h"

/* Of the running statement; zeroed between statements. */
struct observed {
    uint64_t started_us; /* monotonic; 0: none runs */
    str table;           /* "namespace.name" of the first table, in the arena; empty: none */
    uint32_t version;    /* of the table that ALTER TABLE names, before it; 0: none */
};

/* The statement at own->next begins; again after a lost race or on a worker: nothing. */
void observe_begin(struct query *query);
/* It works on this table; the first counts. Only tables that are there: their names become label
 * values. */
void observe_table(struct query *query, str ns, str name);
/* It has come to its end; query->error says how. */
void observe_end(struct query *query);
/* The request ended before its first statement ran. */
void observe_refused(const struct query *query);

#endif

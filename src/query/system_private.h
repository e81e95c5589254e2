/* query/system_private.h -- what the files with rows of system tables share. For query/ only. */
#ifndef QUERY_SYSTEM_PRIVATE_H
#define QUERY_SYSTEM_PRIVATE_H

#include "query/system.h"

/* May the caller see that the table exists? */
bool system_may_see(const struct read_context *rc, const struct table *table);
/* "DECIMAL(10, 2)", in the arena. */
str system_type_text(struct arena *arena, struct type type);
/* "Int64", "Timestamp(Microsecond, None)": the Arrow name, in the arena (system_info.c). */
str system_arrow_text(struct arena *arena, struct type type);

/* One column of a user's table: its own and the system columns alike. */
struct system_column_row {
    uint32_t id;
    str name;
    str comment;
    struct type type;
    struct value default_value;
    unsigned ordinal;
    bool is_nullable;
    bool is_primary_key;
};

/* The context of a system_column_fn. */
struct system_column_fill {
    struct read_context *rc;
    const struct row_sink *sink;
    const struct table *table;
    uint32_t version;
};
typedef status system_column_fn(void *context, const struct system_column_row *column,
                                struct error *err);
/* Calls `fn` for every column of one version, the system columns too. */
MUST_USE status system_each_column(struct read_context *rc, const struct table *table,
                                   uint32_t version, const struct row_sink *sink,
                                   system_column_fn *fn, struct error *err);

/* system_key.c: does the statement that reads through `rc` not want rows where `column` is `text`?
 */
bool system_key_skips(const struct read_context *rc, const char *column, str text);

/* system_info.c */
system_fill_fn system_fill_info_tables, system_fill_info_columns, system_fill_info_schemata;
system_fill_fn system_fill_info_views, system_fill_info_routines, system_fill_info_settings;

#endif

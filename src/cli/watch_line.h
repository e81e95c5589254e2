/* cli/watch_line.h -- one change as one line of output.
 * For:      cli/watch. Owns: nothing; the columns live in the arena they came with. Threads: one.
 */
#ifndef CLI_WATCH_LINE_H
#define CLI_WATCH_LINE_H

#include "cli/cell.h"
#include "cli/output.h"

struct watch_column {
    str name;
    enum cell_kind kind;
};

struct watch_columns {
    unsigned count;
    struct watch_column *items;
};

/* Of the schema in a subscription_ack, copied into the arena. */
void watch_columns_take(struct watch_columns *columns, const struct json *schema,
                        struct arena *arena);
/* The first line of CSV. */
void watch_print_header(const struct watch_columns *columns);
/* `old_row` NULL: none. */
void watch_print(const struct output *output, const struct watch_columns *columns, str change_type,
                 const struct json *row, const struct json *old_row);

#endif

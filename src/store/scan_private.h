/* store/scan_private.h -- what flush and compaction add to table_scan_current. */
#ifndef STORE_SCAN_PRIVATE_H
#define STORE_SCAN_PRIVATE_H

#include "store/read.h"

/* Asked for every cold row that is not dead; *is_dropped leaves it out. */
struct scan_hook {
    status (*drop)(void *context, const struct batch *batch, unsigned row, uint64_t seq,
                   bool is_deleted, bool *is_dropped, struct error *err);
    void *context;
};
/* As table_scan_current; NULL hook: none. */
MUST_USE status scan_current(struct table_read *read, const struct table_scan *scan,
                             const struct scan_hook *hook, struct duck_source *out,
                             struct error *err);

/* Places of the system columns in a batch. */
static inline unsigned seq_column(const struct schema *schema)
{
    return schema->column_count;
}
static inline unsigned deleted_column(const struct schema *schema)
{
    return schema->column_count + schema_system_column_count(schema) - 1;
}
static inline unsigned batch_column_total(const struct schema *schema)
{
    return schema->column_count + schema_system_column_count(schema);
}

#endif

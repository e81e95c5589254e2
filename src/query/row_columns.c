/* query/row_columns.c -- see row_columns.h. */
#include "query/row_columns.h"

struct result_column row_column(const struct schema *schema, unsigned place)
{
    if (place < schema->column_count) {
        const struct column *c = &schema->columns[place];
        return (struct result_column){.name = c->name,
                                      .type = c->type,
                                      .is_primary_key = c->is_primary_key,
                                      .is_not_null = !c->is_nullable,
                                      .is_unique = c->is_unique};
    }
    enum system_column s = (enum system_column)(place - schema->column_count);
    return (struct result_column){.name = str_from(system_column_name(s)),
                                  .type = system_column_type(s),
                                  .is_not_null = true};
}

unsigned row_star(const struct schema *schema, unsigned *places)
{
    unsigned count = 0;
    for (unsigned i = 0; i < schema->column_count; i++) {
        places[count++] = i;
    }
    for (int s = SYSTEM_SEQ; s < SYSTEM_COLUMN_COUNT; s++) {
        str name = str_from(system_column_name((enum system_column)s));
        if (schema_find_system_column(schema, name) >= 0) {
            places[count++] = schema->column_count + (unsigned)s;
        }
    }
    return count;
}

bool row_star_is_ours(const struct expression_table *table, str star_table)
{
    return star_table.n == 0 || str_eq(star_table, table->alias) ||
           (table->alias.n == 0 && str_eq(star_table, table->schema->table_name));
}

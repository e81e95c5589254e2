/* model/schema.c -- one version of a table's columns, immutable and counted.
 * For:      finding columns; the layout of rows (where each column's slot is) is worked out here,
 * once. Owns:     a schema owns all it points to, in its arena. schema_json.c writes and reads the
 * text. Threads:  any. */
#include "model/schema.h"

#include "base/check.h"
#include "base/map.h"
#include "model/limits.h"
#include "model/schema_check.h"

static const char *const system_names[SYSTEM_COLUMN_COUNT] = {
    [SYSTEM_SEQ] = "_seq", [SYSTEM_UPDATED] = "_updated", [SYSTEM_DELETED] = "_deleted"};

static_assert(LIMIT_UNIQUE_SETS == 32, "sets of a column are the bits of its unique_sets");
static_assert(UNIQUE_SET_ID >= (uint32_t)COLUMN_ID_SYSTEM + SYSTEM_COLUMN_COUNT,
              "a set has an id that no column has");

enum { LINEAR_COLUMNS_MAX = 16 }; /* up to here a walk is as quick as a search */

const char *table_kind_name(enum table_kind kind)
{
    static const char *const names[] = {[TABLE_USER] = "user",
                                        [TABLE_SHARED] = "shared",
                                        [TABLE_STREAM] = "stream",
                                        [TABLE_SYSTEM] = "system"};
    CHECK(kind <= TABLE_SYSTEM);
    return names[kind];
}

const char *system_column_name(enum system_column column)
{
    CHECK(column < SYSTEM_COLUMN_COUNT);
    return system_names[column];
}

struct type system_column_type(enum system_column column)
{
    static const enum type_id types[SYSTEM_COLUMN_COUNT] = {[SYSTEM_SEQ] = TYPE_BIGINT,
                                                            [SYSTEM_UPDATED] = TYPE_TIMESTAMP,
                                                            [SYSTEM_DELETED] = TYPE_BOOLEAN};
    CHECK(column < SYSTEM_COLUMN_COUNT);
    return type_of(types[column]);
}

int schema_kind_system_column(enum table_kind kind, str name)
{
    for (int column = 0; column < SYSTEM_COLUMN_COUNT && kind != TABLE_SYSTEM; column++) {
        bool exists = kind != TABLE_STREAM || column != SYSTEM_UPDATED;
        if (exists && str_eq_nocase(name, str_from(system_names[column]))) {
            return column;
        }
    }
    return -1;
}

static bool type_is_whole(struct type type)
{
    if (type.id <= TYPE_NONE || type.id >= TYPE_COUNT) {
        return false;
    }
    if (type.id == TYPE_DECIMAL) {
        return type.dimension == 0 && type.precision >= 1 &&
               type.precision <= LIMIT_DECIMAL_PRECISION && type.scale <= type.precision;
    }
    bool dimension_fits = type.id == TYPE_EMBEDDING
                              ? type.dimension >= 1 && type.dimension <= LIMIT_EMBEDDING_DIMENSION
                              : type.dimension == 0;
    return dimension_fits && type.precision == 0 && type.scale == 0;
}

static bool is_lower(str name)
{
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] != str_lower_char(name.p[i])) {
            return false;
        }
    }
    return true;
}

/* A struct that was zeroed has values of no type: they count as NULL. */
static bool is_null(const struct value *v)
{
    return v->is_null || v->type.id == TYPE_NONE;
}

static const char *column_problem(const struct column *column, uint32_t ordinal_before)
{
    if (column->name.n == 0 || !is_lower(column->name) || !str_is_utf8(column->name)) {
        return "a column's name is empty or not in lower case";
    }
    if (column->id == 0 || column->id >= COLUMN_ID_SYSTEM) {
        return "a column's id is out of range";
    }
    if (column->ordinal <= ordinal_before) {
        return "the ordinals of columns do not ascend";
    }
    if (!type_is_whole(column->type)) {
        return "a column's type is not whole";
    }
    if (column->is_primary_key && !type_is_keyable(column->type.id)) {
        return "a column's type cannot be a primary key";
    }
    if (column->default_kind > DEFAULT_CURRENT_USER) {
        return "a column's default is of no kind";
    }
    if (column->default_kind == DEFAULT_LITERAL && !is_null(&column->default_value) &&
        !type_eq(column->default_value.type, column->type)) {
        return "a column's default is not of its type";
    }
    if (!is_null(&column->absent_value) && !type_eq(column->absent_value.type, column->type)) {
        return "a column's absent value is not of its type";
    }
    return NULL;
}

/* Is there a set with one column only, or of a type that cannot be a key? */
static const char *unique_problem(const struct column *columns, unsigned column_count)
{
    uint32_t once = 0;
    uint32_t twice = 0;
    for (unsigned i = 0; i < column_count; i++) {
        uint32_t sets = columns[i].unique_sets;
        if (sets != 0 && !type_is_keyable(columns[i].type.id)) {
            return "a column's type cannot be in a UNIQUE constraint";
        }
        twice |= once & sets;
        once |= sets;
    }
    return once != twice ? "a UNIQUE constraint of several columns has one" : NULL;
}

static bool has_duplicates(const struct column *columns, unsigned column_count)
{
    struct map names;
    struct map ids;
    map_init(&names);
    map_init(&ids);
    bool found = false;
    for (unsigned i = 0; i < column_count; i++) {
        void *mark = &names; /* anything that is not NULL */
        found = map_put(&names, columns[i].name, mark) != NULL || found;
        found = map_put(&ids, str_of(&columns[i].id, sizeof columns[i].id), mark) != NULL || found;
    }
    map_release(&names);
    map_release(&ids);
    return found;
}

const char *schema_columns_problem(enum table_kind kind, const struct column *columns,
                                   unsigned column_count)
{
    unsigned key_count = 0;
    uint32_t ordinal = 0;
    if (column_count == 0 || column_count > LIMIT_COLUMNS) {
        return "there are no columns or too many";
    }
    for (unsigned i = 0; i < column_count; i++) {
        const char *problem = column_problem(&columns[i], ordinal);
        if (problem != NULL) {
            return problem;
        }
        if (schema_kind_system_column(kind, columns[i].name) >= 0) {
            return "a column has the name of a system column";
        }
        ordinal = columns[i].ordinal;
        key_count += columns[i].is_primary_key;
    }
    if (has_duplicates(columns, column_count)) {
        return "two columns have the same name or id";
    }
    const char *problem = unique_problem(columns, column_count);
    if (problem != NULL) {
        return problem;
    }
    bool needs_key = kind == TABLE_USER || kind == TABLE_SHARED;
    return key_count > 1 || (needs_key && key_count == 0) ? "there is not one primary key" : NULL;
}

static struct value copy_or_null(struct arena *arena, const struct value *v, struct type type)
{
    return is_null(v) ? value_null(type) : value_copy(arena, v);
}

static void copy_columns(struct schema *schema, const struct column *columns)
{
    struct arena *arena = &schema->arena;
    struct column *copies = ARENA_ARRAY(arena, struct column, schema->column_count);
    for (unsigned i = 0; i < schema->column_count; i++) {
        const struct column *from = &columns[i];
        struct column *to = &copies[i];
        *to = *from;
        to->name = arena_copy(arena, from->name);
        to->comment = arena_copy(arena, from->comment);
        to->is_nullable = from->is_nullable && !from->is_primary_key;
        to->absent_value = copy_or_null(arena, &from->absent_value, from->type);
        to->default_value = from->default_kind == DEFAULT_LITERAL
                                ? copy_or_null(arena, &from->default_value, from->type)
                                : value_null(from->type);
        if (from->is_primary_key) {
            schema->primary_key = (int)i;
        }
    }
    schema->columns = copies;
}

static void add_unique(struct schema *schema, struct unique_constraint *list, uint32_t id,
                       uint16_t *columns, unsigned column_count)
{
    list[schema->unique_count++] =
        (struct unique_constraint){.id = id, .column_count = column_count, .columns = columns};
}

/* Every UNIQUE constraint, whichever way a column says it. */
static void list_uniques(struct schema *schema)
{
    struct arena *arena = &schema->arena;
    unsigned singles = 0;
    uint32_t sets = 0;
    for (unsigned i = 0; i < schema->column_count; i++) {
        singles += schema->columns[i].is_unique ? 1 : 0;
        sets |= schema->columns[i].unique_sets;
    }
    struct unique_constraint *list =
        ARENA_ARRAY(arena, struct unique_constraint, singles + LIMIT_UNIQUE_SETS);
    for (unsigned i = 0; i < schema->column_count && singles > 0; i++) {
        if (schema->columns[i].is_unique) {
            uint16_t *column = ARENA_NEW(arena, uint16_t);
            *column = (uint16_t)i;
            add_unique(schema, list, schema->columns[i].id, column, 1);
        }
    }
    for (uint32_t set = 0; set < LIMIT_UNIQUE_SETS; set++) {
        if ((sets >> set & 1) == 0) {
            continue;
        }
        uint16_t *columns = ARENA_ARRAY(arena, uint16_t, schema->column_count);
        unsigned count = 0;
        for (unsigned i = 0; i < schema->column_count; i++) {
            if ((schema->columns[i].unique_sets >> set & 1) != 0) {
                columns[count++] = (uint16_t)i;
            }
        }
        add_unique(schema, list, UNIQUE_SET_ID + set, columns, count);
    }
    schema->uniques = list;
}

static void lay_out(struct schema *schema)
{
    uint32_t *slots = ARENA_ARRAY(&schema->arena, uint32_t, schema->column_count);
    for (unsigned i = 0; i < schema->column_count; i++) {
        uint32_t bytes = type_fixed_bytes(schema->columns[i].type.id);
        if (bytes > 0) {
            slots[i] = schema->fixed_bytes;
            schema->fixed_bytes += bytes;
        } else {
            slots[i] = schema->variable_count++;
        }
    }
    schema->slots = slots;
}

static int compare_names(const void *a, const void *b, void *context)
{
    const struct column *columns = context;
    uint16_t i = *(const uint16_t *)a;
    uint16_t k = *(const uint16_t *)b;
    return str_compare(columns[i].name, columns[k].name);
}

static void order_by_name(struct schema *schema)
{
    uint16_t *indexes = ARENA_ARRAY(&schema->arena, uint16_t, schema->column_count);
    for (unsigned i = 0; i < schema->column_count; i++) {
        indexes[i] = (uint16_t)i;
    }
    qsort_r(indexes, schema->column_count, sizeof indexes[0], compare_names,
            (void *)(uintptr_t)schema->columns);
    schema->by_name = indexes;
}

struct schema *schema_create(table_id table, uint32_t version, enum table_kind kind,
                             str namespace_name, str table_name, const struct column *columns,
                             unsigned column_count)
{
    const char *problem = schema_columns_problem(kind, columns, column_count);
    if (problem != NULL) {
        check_failed(__FILE__, __LINE__, problem);
    }
    CHECK(version >= 1);
    struct schema *schema = mem_alloc_zeroed(sizeof *schema);
    refcount_init(&schema->refs);
    arena_init(&schema->arena);
    schema->table = table;
    schema->version = version;
    schema->kind = kind;
    schema->namespace_name = arena_copy(&schema->arena, namespace_name);
    schema->table_name = arena_copy(&schema->arena, table_name);
    schema->column_count = column_count;
    schema->primary_key = -1;
    copy_columns(schema, columns);
    list_uniques(schema);
    lay_out(schema);
    order_by_name(schema);
    return schema;
}

struct schema *schema_take(struct schema *schema)
{
    refcount_take(&schema->refs);
    return schema;
}

void schema_give(struct schema *schema)
{
    if (schema != NULL && refcount_give(&schema->refs)) {
        arena_release(&schema->arena);
        mem_free(schema);
    }
}

/* str_compare as if `name` were in lower case. */
static int compare_lowered(str name, str lower)
{
    for (size_t i = 0; i < name.n && i < lower.n; i++) {
        unsigned char a = (unsigned char)str_lower_char(name.p[i]);
        unsigned char b = (unsigned char)lower.p[i];
        if (a != b) {
            return a < b ? -1 : 1;
        }
    }
    return name.n < lower.n ? -1 : name.n > lower.n ? 1 : 0;
}

int schema_find_column(const struct schema *schema, str name)
{
    if (schema->column_count <= LINEAR_COLUMNS_MAX) {
        for (unsigned i = 0; i < schema->column_count; i++) {
            if (str_eq_nocase(schema->columns[i].name, name)) {
                return (int)i;
            }
        }
        return -1;
    }
    unsigned low = 0;
    unsigned high = schema->column_count;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        int c = compare_lowered(name, schema->columns[schema->by_name[middle]].name);
        if (c == 0) {
            return schema->by_name[middle];
        }
        low = c > 0 ? middle + 1 : low;
        high = c < 0 ? middle : high;
    }
    return -1;
}

int schema_find_column_id(const struct schema *schema, uint32_t id, unsigned hint)
{
    if (hint < schema->column_count && schema->columns[hint].id == id) {
        return (int)hint;
    }
    for (unsigned i = 0; i < schema->column_count; i++) {
        if (schema->columns[i].id == id) {
            return (int)i;
        }
    }
    return -1;
}

int schema_find_system_column(const struct schema *schema, str name)
{
    return schema_kind_system_column(schema->kind, name);
}

unsigned schema_system_column_count(const struct schema *schema)
{
    return schema->kind == TABLE_SYSTEM   ? 0
           : schema->kind == TABLE_STREAM ? SYSTEM_COLUMN_COUNT - 1
                                          : SYSTEM_COLUMN_COUNT;
}

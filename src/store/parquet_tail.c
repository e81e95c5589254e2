/* store/parquet_tail.c -- see parquet_tail.h. Numbers of fields are those of parquet.thrift:
 *     FileMetaData.2 schema, .4 row_groups; SchemaElement.1 type, .5 num_children, .6
 * converted_type, .9 field_id; RowGroup.1 columns, .3 num_rows; ColumnChunk.3 meta_data;
 *     ColumnMetaData.14 bloom_filter_offset, .15 bloom_filter_length. */
#include "store/parquet_tail.h"
#include "base/check.h"
#include "store/bloom.h"
#include "wire/thrift_compact.h"

enum {
    FILE_SCHEMA = 2,
    FILE_GROUPS = 4,
    ELEMENT_TYPE = 1,
    ELEMENT_CHILDREN = 5,
    ELEMENT_CONVERTED = 6,
    ELEMENT_FIELD_ID = 9,
    GROUP_COLUMNS = 1,
    GROUP_ROWS = 3,
    CHUNK_META = 3,
    META_FILTER_OFFSET = 14,
    META_FILTER_LENGTH = 15
};
enum {
    CONVERTED_UTF8 = 0,
    CONVERTED_TIMESTAMP_MICROS = 10,
    CONVERTED_INT_16 = 16,
    CONVERTED_INT_64 = 18
};
enum { GROUPS_MAX = 1 << 20, CELLS_MAX = 1 << 22 };

static status broken(struct error *err)
{
    return error_set(err, ERROR_CORRUPT, "the footer of a segment cannot be read");
}

status parquet_footer_length(str end, uint64_t *bytes, struct error *err)
{
    if (end.n != PARQUET_END_BYTES || memcmp(end.p + 4, "PAR1", 4) != 0) {
        return broken(err);
    }
    *bytes = bytes_get_u32le(end.p);
    return STATUS_IS_OK;
}

/* -- reading the schema --------------------------------------------------------------------------
 */

struct element {
    int64_t type;
    int64_t children;
    int64_t converted;
    int64_t field_id;
};

static struct element read_element(struct reader *r)
{
    struct element e = {PARQUET_NONE, 0, PARQUET_NONE, PARQUET_NONE};
    struct thrift_field field = {0};
    while (thrift_next(r, &field)) {
        switch (field.id) {
        case ELEMENT_TYPE:
            (void)thrift_get_integer(r, field, &e.type);
            break;
        case ELEMENT_CHILDREN:
            (void)thrift_get_integer(r, field, &e.children);
            break;
        case ELEMENT_CONVERTED:
            (void)thrift_get_integer(r, field, &e.converted);
            break;
        case ELEMENT_FIELD_ID:
            (void)thrift_get_integer(r, field, &e.field_id);
            break;
        default:
            thrift_skip(r, field.type);
        }
    }
    return e;
}

static enum parquet_meaning meaning_of(const struct element *e)
{
    if (e->type == PARQUET_BYTE_ARRAY && e->converted == CONVERTED_UTF8) {
        return PARQUET_TEXT;
    }
    if ((e->type == PARQUET_INT32 || e->type == PARQUET_INT64) &&
        e->converted >= CONVERTED_INT_16 && e->converted <= CONVERTED_INT_64) {
        return PARQUET_INTEGER;
    }
    if (e->type == PARQUET_INT64 && e->converted == CONVERTED_TIMESTAMP_MICROS) {
        return PARQUET_TIMESTAMP_US;
    }
    return PARQUET_OTHER;
}

/* The tree is written depth first: the root, then each child followed by its own. A leaf counts for
 * filters when it hangs on the root. */
static void read_schema(struct reader *r, struct arena *arena, struct parquet_footer *out)
{
    uint8_t type = 0;
    uint32_t count = thrift_list(r, &type);
    if (type != THRIFT_STRUCT || count == 0) {
        reader_fail(r);
        return;
    }
    struct parquet_leaf *leaves = ARENA_ARRAY(arena, struct parquet_leaf, count);
    uint64_t nested_left = 0; /* elements of the nested column that the walk is in */
    for (uint32_t i = 0; i < count && reader_ok(r); i++) {
        struct element e = read_element(r);
        bool is_nested = nested_left > 0;
        nested_left -= is_nested ? 1 : 0;
        if (e.children < 0 || e.children > count) {
            reader_fail(r);
        } else if (i > 0 && e.children > 0) {
            nested_left += (uint64_t)e.children;
        } else if (i > 0) {
            leaves[out->leaf_count++] = (struct parquet_leaf){
                .field_id = is_nested ? PARQUET_NONE : e.field_id,
                .physical = e.type,
                .meaning = is_nested ? PARQUET_OTHER : meaning_of(&e),
            };
        }
    }
    out->leaves = leaves;
}

/* -- reading row groups --------------------------------------------------------------------------
 */

static void read_meta(struct reader *r, struct parquet_filter *filter)
{
    int64_t offset = 0;
    int64_t length = 0;
    struct thrift_field field = {0};
    while (thrift_next(r, &field)) {
        if (field.id == META_FILTER_OFFSET) {
            (void)thrift_get_integer(r, field, &offset);
        } else if (field.id == META_FILTER_LENGTH) {
            (void)thrift_get_integer(r, field, &length);
        } else {
            thrift_skip(r, field.type);
        }
    }
    if (offset > 0 && length > 0 && length <= UINT32_MAX) {
        *filter = (struct parquet_filter){(uint64_t)offset, (uint32_t)length};
    }
}

static void read_chunk(struct reader *r, struct parquet_filter *filter)
{
    struct thrift_field field = {0};
    while (thrift_next(r, &field)) {
        if (field.id == CHUNK_META && field.type == THRIFT_STRUCT) {
            read_meta(r, filter);
        } else {
            thrift_skip(r, field.type);
        }
    }
}

static void read_group(struct reader *r, struct parquet_footer *out, struct parquet_filter *filters,
                       uint64_t *rows)
{
    int64_t row_count = -1;
    bool has_columns = false;
    struct thrift_field field = {0};
    while (thrift_next(r, &field)) {
        if (field.id == GROUP_COLUMNS && field.type == THRIFT_LIST && !has_columns) {
            uint8_t type = 0;
            uint32_t count = thrift_list(r, &type);
            if (type != THRIFT_STRUCT || count != out->leaf_count) {
                reader_fail(r);
            }
            for (uint32_t i = 0; i < count && reader_ok(r); i++) {
                read_chunk(r, &filters[i]);
            }
            has_columns = true;
        } else if (field.id == GROUP_ROWS) {
            (void)thrift_get_integer(r, field, &row_count);
        } else {
            thrift_skip(r, field.type);
        }
    }
    if (!has_columns || row_count < 0) {
        reader_fail(r);
    }
    *rows = (uint64_t)row_count;
}

static void read_groups(struct reader *r, struct arena *arena, struct parquet_footer *out)
{
    uint8_t type = 0;
    uint32_t count = thrift_list(r, &type);
    if ((count > 0 && type != THRIFT_STRUCT) || count > GROUPS_MAX ||
        (uint64_t)count * out->leaf_count > CELLS_MAX) {
        reader_fail(r);
        return;
    }
    uint64_t *rows = ARENA_ARRAY(arena, uint64_t, count + 1);
    out->filters = ARENA_ARRAY(arena, struct parquet_filter, (size_t)count * out->leaf_count + 1);
    for (uint32_t i = 0; i < count && reader_ok(r); i++) {
        read_group(r, out, &out->filters[(size_t)i * out->leaf_count], &rows[i]);
    }
    out->group_rows = rows;
    out->group_count = count;
}

status parquet_footer_parse(str bytes, struct arena *arena, struct parquet_footer *out,
                            struct error *err)
{
    *out = (struct parquet_footer){.bytes = bytes};
    struct reader r = reader_from(bytes);
    struct thrift_field field = {0};
    while (thrift_next(&r, &field)) {
        if (field.id == FILE_SCHEMA && field.type == THRIFT_LIST && out->leaves == NULL) {
            read_schema(&r, arena, out);
        } else if (field.id == FILE_GROUPS && field.type == THRIFT_LIST && out->leaves != NULL &&
                   out->filters == NULL) {
            read_groups(&r, arena, out);
        } else {
            thrift_skip(&r, field.type);
        }
    }
    return reader_done(&r) && out->filters != NULL ? STATUS_IS_OK : broken(err);
}

int parquet_find_leaf(const struct parquet_footer *footer, uint32_t field_id)
{
    for (unsigned i = 0; i < footer->leaf_count; i++) {
        if (footer->leaves[i].field_id == (int64_t)field_id) {
            return (int)i;
        }
    }
    return -1;
}

/* -- writing it again ----------------------------------------------------------------------------
 */

struct copy {
    struct reader *r;
    struct buf *out;
    const struct parquet_filter *next; /* of the next chunk of the walk; NULL: keep what is there */
    const struct parquet_filter *end;
    const struct parquet_filter *current;
};

static void put_filter(struct copy *c, int16_t *last_id)
{
    const struct parquet_filter *filter = c->current;
    if (filter->length > 0) {
        thrift_put_field(c->out, last_id, THRIFT_I64, META_FILTER_OFFSET);
        thrift_put_integer(c->out, (int64_t)filter->offset);
        thrift_put_field(c->out, last_id, THRIFT_I32, META_FILTER_LENGTH);
        thrift_put_integer(c->out, filter->length);
    }
}

/* Fields stand in ascending order, so the filter's come before the first greater one. */
static void copy_meta(struct copy *c)
{
    int16_t last_id = 0;
    bool is_put = c->current == NULL;
    struct thrift_field field = {0};
    while (thrift_next(c->r, &field)) {
        bool is_old = field.id == META_FILTER_OFFSET || field.id == META_FILTER_LENGTH;
        if (c->current != NULL && is_old) {
            thrift_skip(c->r, field.type);
            continue;
        }
        if (!is_put && field.id > META_FILTER_LENGTH) {
            put_filter(c, &last_id);
            is_put = true;
        }
        thrift_put_field(c->out, &last_id, field.type, field.id);
        thrift_copy(c->r, field.type, c->out);
    }
    if (!is_put) {
        put_filter(c, &last_id);
    }
    thrift_put_stop(c->out);
}

typedef void copy_fn(struct copy *c);

/* Copies a structure, and field `id` of type `type` by `inner`. */
static void copy_struct(struct copy *c, int16_t id, uint8_t type, copy_fn *inner)
{
    int16_t last_id = 0;
    struct thrift_field field = {0};
    while (thrift_next(c->r, &field)) {
        thrift_put_field(c->out, &last_id, field.type, field.id);
        if (field.id == id && field.type == type) {
            inner(c);
        } else {
            thrift_copy(c->r, field.type, c->out);
        }
    }
    thrift_put_stop(c->out);
}

static void copy_list(struct copy *c, copy_fn *inner)
{
    uint8_t type = 0;
    uint32_t count = thrift_list(c->r, &type);
    thrift_put_list(c->out, type, count);
    for (uint32_t i = 0; i < count && reader_ok(c->r); i++) {
        inner(c);
    }
}

static void copy_chunk(struct copy *c)
{
    if (c->next != NULL && c->next == c->end) { /* more than the parser saw */
        reader_fail(c->r);
        return;
    }
    c->current = c->next != NULL ? c->next++ : NULL;
    copy_struct(c, CHUNK_META, THRIFT_STRUCT, copy_meta);
}

static void copy_chunks(struct copy *c)
{
    copy_list(c, copy_chunk);
}

static void copy_group(struct copy *c)
{
    copy_struct(c, GROUP_COLUMNS, THRIFT_LIST, copy_chunks);
}

static void copy_groups(struct copy *c)
{
    copy_list(c, copy_group);
}

static bool copy_footer(const struct parquet_footer *footer, const struct parquet_filter *filters,
                        struct buf *out)
{
    struct reader r = reader_from(footer->bytes);
    size_t count = (size_t)footer->group_count * footer->leaf_count;
    struct copy c = {
        .r = &r, .out = out, .next = filters, .end = filters != NULL ? filters + count : NULL};
    copy_struct(&c, FILE_GROUPS, THRIFT_LIST, copy_groups);
    return reader_done(&r);
}

/* Does the parser find in `bytes` what was put in? */
static bool reads_back(str bytes, const struct parquet_footer *footer)
{
    struct arena arena;
    struct parquet_footer again;
    arena_init(&arena);
    bool is_same = status_ok(parquet_footer_parse(bytes, &arena, &again, NULL)) &&
                   again.leaf_count == footer->leaf_count &&
                   again.group_count == footer->group_count;
    size_t count = is_same ? (size_t)footer->group_count * footer->leaf_count : 0;
    for (size_t i = 0; i < count; i++) {
        is_same =
            is_same && again.filters[i].length == footer->filters[i].length &&
            (again.filters[i].length == 0 || again.filters[i].offset == footer->filters[i].offset);
    }
    arena_release(&arena);
    return is_same;
}

status parquet_footer_append(struct buf *out, const struct parquet_footer *footer,
                             struct error *err)
{
    /* A structure that a plain copy changes was written in a way that we do not know: hands off. */
    struct buf plain;
    buf_init(&plain);
    bool is_fine = copy_footer(footer, NULL, &plain) && str_eq(buf_str(&plain), footer->bytes);
    buf_release(&plain);
    size_t start = out->n;
    is_fine = is_fine && copy_footer(footer, footer->filters, out) &&
              reads_back(str_skip(buf_str(out), start), footer) && out->n - start <= UINT32_MAX;
    if (!is_fine) {
        out->n = start;
        return error_set(err, ERROR_NOT_IMPLEMENTED, "the footer of a segment has an unknown form");
    }
    buf_append_u32le(out, (uint32_t)(out->n - start));
    buf_append_c(out, "PAR1");
    return STATUS_IS_OK;
}

/* -- filters ------------------------------------------------------------------------------------
 */

void parquet_filter_append(struct buf *out, const uint8_t *bits, uint32_t bytes)
{
    /* three unions that have one member each, which is empty: block, XXH64, uncompressed */
    static const char unions[] = "\x1c\x1c\x00\x00\x1c\x1c\x00\x00\x1c\x1c\x00\x00";
    int16_t last_id = 0;
    thrift_put_field(out, &last_id, THRIFT_I32, 1);
    thrift_put_integer(out, bytes);
    buf_append(out, unions, sizeof unions - 1);
    thrift_put_stop(out);
    buf_append(out, bits, bytes);
}

/* Does the union have member 1, and is that empty? */
static bool is_first_member(struct reader *r)
{
    struct thrift_field field = {0};
    bool is = thrift_next(r, &field) && field.id == 1 && field.type == THRIFT_STRUCT;
    struct thrift_field inner = {0};
    return is && !thrift_next(r, &inner) && reader_ok(r) && !thrift_next(r, &field) && reader_ok(r);
}

status parquet_filter_open(str bytes, str *bits, struct error *err)
{
    struct reader r = reader_from(bytes);
    struct thrift_field field = {0};
    int64_t size = 0;
    unsigned known = 0;
    while (thrift_next(&r, &field)) {
        if (field.id == 1) {
            (void)thrift_get_integer(&r, field, &size);
        } else if (field.id >= 2 && field.id <= 4 && field.type == THRIFT_STRUCT) {
            known += is_first_member(&r) ? 1 : 0;
        } else {
            thrift_skip(&r, field.type);
        }
    }
    if (!reader_ok(&r) || known != 3 || size <= 0 || size % BLOOM_BLOCK_BYTES != 0 ||
        (uint64_t)size != reader_left(&r)) {
        return error_set(err, ERROR_CORRUPT, "a bloom filter of a segment cannot be read");
    }
    *bits = reader_bytes(&r, (size_t)size);
    return STATUS_IS_OK;
}

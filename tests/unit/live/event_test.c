/* tests/unit/live/event_test.c -- Goal: rows and changes look as the contract says
 * (http-ws.md 4.7), for every form and projection. */
#include "live/event.h"
#include "query/expression.h"
#include "test.h"

#include <math.h>

enum { WIDTH = 3 + EXPRESSION_SYSTEM_COLUMNS };

static struct arena arena;
static struct schema *schema;
static struct buf out;
static struct error err;

static struct column column(uint32_t id, str name, enum type_id type, bool is_key)
{
    return (struct column){.id = id,
                           .name = name,
                           .type = type_of(type),
                           .ordinal = id,
                           .is_nullable = !is_key,
                           .is_primary_key = is_key,
                           .absent_value = value_null(type_of(type))};
}

static void open_schema(enum table_kind kind)
{
    const struct column columns[] = {column(1, STR_LIT("id"), TYPE_BIGINT, true),
                                     column(2, STR_LIT("v"), TYPE_TEXT, false),
                                     column(3, STR_LIT("credentials"), TYPE_DOUBLE, false)};
    arena_init(&arena);
    buf_init(&out);
    schema = schema_create((table_id){7}, 1, kind, STR_LIT("app"), STR_LIT("t"), columns, 3);
}

static void close_schema(void)
{
    schema_give(schema);
    arena_release(&arena);
    buf_release(&out);
}

static struct projection project(const char *const *names, unsigned count, bool is_masked)
{
    struct projection p;
    str texts[4];
    for (unsigned i = 0; i < count; i++) {
        texts[i] = str_from(names[i]);
    }
    EXPECT_OK(projection_init(&p, schema, count == 0, texts, count, is_masked, &arena, &err), &err);
    return p;
}

static void set_row(struct value *row, const char *v, double d, uint64_t seq, bool is_deleted)
{
    row[0] = value_int(TYPE_BIGINT, 1);
    row[1] = v != NULL ? value_text(str_from(v)) : value_null(type_of(TYPE_TEXT));
    row[2] = value_double(d);
    row[3 + SYSTEM_SEQ] = value_int(TYPE_BIGINT, (int64_t)seq);
    row[3 + SYSTEM_UPDATED] = value_int(TYPE_TIMESTAMP, 99);
    row[3 + SYSTEM_DELETED] = value_bool(is_deleted);
}

static str row_text(const struct projection *p, enum row_form form, const struct value *row,
                    const struct value *other)
{
    buf_clear(&out);
    EXPECT_OK(event_append_row(&out, p, form, row, other, &err), &err);
    return buf_str(&out);
}

TEST(event_row_of_a_star_has_what_its_form_wants)
{
    struct value row[WIDTH];
    struct value old[WIDTH];
    open_schema(TABLE_SHARED);
    struct projection p = project(NULL, 0, false);
    set_row(row, NULL, 2.5, 12, false);
    set_row(old, "a", 2.5, 11, false);
    EXPECT_STR(row_text(&p, ROW_FORM_INITIAL, row, NULL),
               "{\"id\":\"1\",\"v\":null,\"credentials\":2.5,\"_seq\":\"12\",\"_updated\":99,"
               "\"_deleted\":false}");
    EXPECT_STR(row_text(&p, ROW_FORM_UPDATE, row, NULL),
               "{\"id\":\"1\",\"v\":null,\"credentials\":2.5,\"_seq\":\"12\",\"_updated\":99}");
    EXPECT_STR(row_text(&p, ROW_FORM_OLD, old, row), "{\"v\":\"a\",\"id\":\"1\",\"_seq\":\"11\"}");
    EXPECT_STR(row_text(&p, ROW_FORM_LEAVE, row, NULL), "{\"id\":\"1\",\"_seq\":\"12\"}");
    set_row(row, "a", 2.5, 13, true);
    EXPECT_STR(row_text(&p, ROW_FORM_DELETE, row, NULL),
               "{\"id\":\"1\",\"v\":\"a\",\"credentials\":2.5,\"_seq\":\"13\",\"_updated\":99,"
               "\"_deleted\":true}");
    close_schema();
}

TEST(projection_schema_flags_key_required_and_unique_columns)
{
    struct column columns[] = {column(1, STR_LIT("id"), TYPE_BIGINT, true),
                               column(2, STR_LIT("v"), TYPE_TEXT, false)};
    columns[1].is_unique = true;
    arena_init(&arena);
    buf_init(&out);
    schema =
        schema_create((table_id){7}, 1, TABLE_SHARED, STR_LIT("app"), STR_LIT("t"), columns, 2);
    struct projection p = project((const char *const[]){"v", "id", "_seq"}, 3, false);
    projection_append_schema(&out, &p);
    EXPECT_STR(
        buf_str(&out),
        "[{\"name\":\"v\",\"data_type\":\"Text\",\"index\":0,\"flags\":[\"uq\"]},"
        "{\"name\":\"id\",\"data_type\":\"BigInt\",\"index\":1,\"flags\":[\"pk\",\"nn\",\"uq\"]},"
        "{\"name\":\"_seq\",\"data_type\":\"BigInt\",\"index\":2,\"flags\":[\"nn\"]}]");
    close_schema();
}

TEST(event_row_of_a_projection_has_its_columns_and_seq)
{
    static const char *const names[] = {"V", "v", "_updated"};
    struct value row[WIDTH];
    open_schema(TABLE_SHARED);
    struct projection p = project(names, 3, false);
    set_row(row, "a", 1, 12, false);
    EXPECT_STR(row_text(&p, ROW_FORM_INSERT, row, NULL),
               "{\"v\":\"a\",\"_updated\":99,\"_seq\":\"12\"}");
    EXPECT_STR(row_text(&p, ROW_FORM_UPDATE, row, NULL),
               "{\"v\":\"a\",\"_updated\":99,\"id\":\"1\",\"_seq\":\"12\"}");
    EXPECT_STR(row_text(&p, ROW_FORM_DELETE, row, NULL),
               "{\"v\":\"a\",\"_updated\":99,\"_seq\":\"12\",\"_deleted\":false}");
    close_schema();
}

TEST(event_stream_rows_have_no_deleted_and_no_updated)
{
    struct value row[WIDTH];
    open_schema(TABLE_STREAM);
    struct projection p = project(NULL, 0, false);
    set_row(row, "a", 1, 12, false);
    EXPECT_STR(row_text(&p, ROW_FORM_INSERT, row, NULL),
               "{\"id\":\"1\",\"v\":\"a\",\"credentials\":1.0,\"_seq\":\"12\"}");
    EXPECT_STR(row_text(&p, ROW_FORM_INITIAL, row, NULL),
               "{\"id\":\"1\",\"v\":\"a\",\"credentials\":1.0,\"_seq\":\"12\",\"_deleted\":false}");
    const struct event gone = {
        .kind = EVENT_DELETE, .row = row, .seq = 20, .old_seq = 12, .owner = STR_LIT("u\"1")};
    buf_clear(&out);
    EXPECT_OK(event_append_change(&out, &p, &gone, &err), &err);
    EXPECT_STR(buf_str(&out),
               "\"change_type\":\"delete\",\"old_values\":[{\"row_id\":\"u\\\"1:12\"}]");
    close_schema();
}

TEST(event_update_without_its_old_image_names_key_and_seq)
{
    struct value row[WIDTH];
    open_schema(TABLE_SHARED);
    static const char *const names[] = {"v"};
    struct projection p = project(names, 1, false);
    set_row(row, "a", 1, 12, false);
    struct event event = {.kind = EVENT_UPDATE, .row = row, .seq = 12, .old_seq = 11};
    buf_clear(&out);
    EXPECT_OK(event_append_change(&out, &p, &event, &err), &err);
    EXPECT_STR(buf_str(&out), "\"change_type\":\"update\",\"rows\":[{\"v\":\"a\",\"id\":\"1\","
                              "\"_seq\":\"12\"}],\"old_values\":[{\"id\":\"1\",\"_seq\":\"11\"}]");
    event.old_seq = 0;
    buf_clear(&out);
    EXPECT_OK(event_append_change(&out, &p, &event, &err), &err);
    EXPECT(str_ends_with(buf_str(&out), STR_LIT("\"old_values\":[{\"id\":\"1\"}]")));
    close_schema();
}

TEST(event_secrets_are_masked_for_those_who_may_not_see_them)
{
    struct value row[WIDTH];
    open_schema(TABLE_SHARED);
    static const char *const names[] = {"credentials"};
    struct projection masked = project(names, 1, true);
    struct projection plain = project(names, 1, false);
    set_row(row, "a", 1, 12, false);
    EXPECT_STR(row_text(&masked, ROW_FORM_INITIAL, row, NULL),
               "{\"credentials\":\"***\",\"_seq\":\"12\"}");
    EXPECT(!projection_eq(&masked, &plain));
    row[2].is_null = true;
    EXPECT_STR(row_text(&masked, ROW_FORM_INITIAL, row, NULL),
               "{\"credentials\":null,\"_seq\":\"12\"}");
    close_schema();
}

TEST(event_cell_that_json_cannot_say_is_an_error_and_leaves_nothing)
{
    struct value row[WIDTH];
    open_schema(TABLE_SHARED);
    struct projection p = project(NULL, 0, false);
    set_row(row, "a", (double)NAN, 12, false);
    const struct event event = {.kind = EVENT_INSERT, .row = row, .seq = 12};
    buf_clear(&out);
    buf_append_c(&out, "before");
    EXPECT(!status_ok(event_append_change(&out, &p, &event, &err)));
    EXPECT_STR(buf_str(&out), "before");
    close_schema();
}

TEST(projection_equality_and_unknown_columns)
{
    open_schema(TABLE_SHARED);
    static const char *const one[] = {"id", "v"};
    static const char *const other[] = {"v", "id"};
    struct projection a = project(one, 2, false);
    struct projection b = project(one, 2, false);
    struct projection c = project(other, 2, false);
    struct projection star = project(NULL, 0, false);
    EXPECT(projection_eq(&a, &b));
    EXPECT(!projection_eq(&a, &c));
    EXPECT(!projection_eq(&a, &star));
    struct projection p;
    const str unknown = STR_LIT("nothing");
    EXPECT_STATUS(projection_init(&p, schema, false, &unknown, 1, false, &arena, &err), INVALID);
    close_schema();
}

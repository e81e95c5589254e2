/* tests/unit/catalog/audit_test.c -- Goal: an audit record and the change that it tells of are one:
 * both are there or none; records are numbered, read newest first and found by number; a posted one
 * is committed before what is queued after it. Method: the real catalog and committer on the mem
 * store. */
#include "catalog/audit.h"
#include "catalog/catalog.h"
#include "tests/test.h"

struct rig {
    struct kv_store *store;
    struct snowflake seq;
    struct committer *committer;
    struct catalog *catalog;
    struct error err;
};

static void begin(struct rig *rig)
{
    *rig = (struct rig){.store = kv_mem_open()};
    error_clear(&rig->err);
    snowflake_init(&rig->seq, clock_system(), 1, 0);
    struct committer_options options = {
        .store = rig->store, .clock = clock_system(), .seq = &rig->seq};
    rig->committer = committer_create(&options);
    struct catalog_options catalog = {.store = rig->store,
                                      .committer = rig->committer,
                                      .clock = clock_system(),
                                      .cold_directory = STR_LIT("/nowhere")};
    EXPECT_OK(catalog_open(&catalog, &rig->catalog, &rig->err), &rig->err);
}

static void end(struct rig *rig)
{
    catalog_close(rig->catalog);
    committer_destroy(rig->committer);
    kv_close(rig->store);
}

/* "2:b,1:a": numbers and actions, in the order read. */
static status append_record(void *context, const struct audit_record *record, struct error *err)
{
    (void)err;
    struct buf *text = context;
    buf_append_format(text, "%s%llu:" STR_FMT, text->n > 0 ? "," : "",
                      (unsigned long long)record->number, STR(record->entry.action));
    return STATUS_IS_OK;
}

static void expect_records(struct rig *rig, uint64_t number, const char *wanted)
{
    struct buf text;
    buf_init(&text);
    struct kv_view *view = kv_view_open(rig->store);
    EXPECT_OK(number == 0 ? audit_each(view, append_record, &text, &rig->err)
                          : audit_one(view, number, append_record, &text, &rig->err),
              &rig->err);
    EXPECT_STR_EQ(buf_str(&text), str_from(wanted));
    kv_view_close(view);
    buf_release(&text);
}

static status create_namespace(struct rig *rig, const char *name, bool if_not_exists)
{
    bool created = false;
    return catalog_create_namespace(rig->catalog, str_from(name), if_not_exists, &created,
                                    &rig->err);
}

TEST(audit_attach_before_a_change_records_it_once)
{
    struct rig rig;
    begin(&rig);
    struct audit_entry entry = {
        .actor = STR_LIT("root"), .action = STR_LIT("A"), .target = STR_LIT("one")};
    audit_attach(&entry);
    EXPECT_OK(create_namespace(&rig, "one", false), &rig.err);
    EXPECT_OK(create_namespace(&rig, "two", false), &rig.err); /* nothing is attached any more */
    expect_records(&rig, 0, "1:A");
    end(&rig);
}

TEST(audit_attach_before_a_change_that_fails_records_nothing_until_one_succeeds)
{
    struct rig rig;
    begin(&rig);
    EXPECT_OK(create_namespace(&rig, "one", false), &rig.err);
    struct audit_entry entry = {.actor = STR_LIT("root"), .action = STR_LIT("A")};
    audit_attach(&entry);
    EXPECT_STATUS(create_namespace(&rig, "one", false), EXISTS);
    expect_records(&rig, 0, "");
    EXPECT_OK(create_namespace(&rig, "two", false), &rig.err);
    expect_records(&rig, 0, "1:A");
    end(&rig);
}

TEST(audit_attach_before_a_change_of_nothing_records_nothing)
{
    struct rig rig;
    begin(&rig);
    EXPECT_OK(create_namespace(&rig, "one", false), &rig.err);
    struct audit_entry entry = {.actor = STR_LIT("root"), .action = STR_LIT("A")};
    audit_attach(&entry);
    EXPECT_OK(create_namespace(&rig, "one", true), &rig.err);
    audit_attach(NULL);
    expect_records(&rig, 0, "");
    end(&rig);
}

TEST(audit_post_is_committed_before_what_is_queued_after_it)
{
    struct rig rig;
    begin(&rig);
    char actor[] = "alice"; /* copied: the caller's may change at once */
    audit_post(rig.committer, &(struct audit_entry){.actor = str_from(actor),
                                                    .action = STR_LIT("EXECUTE_AS_USER"),
                                                    .target = STR_LIT("bob")});
    actor[0] = 'x';
    EXPECT_OK(create_namespace(&rig, "after", false), &rig.err);
    expect_records(&rig, 0, "1:EXECUTE_AS_USER");
    end(&rig);
}

static status expect_fields(void *context, const struct audit_record *record, struct error *err)
{
    (void)err;
    *(unsigned *)context += 1;
    EXPECT_STR(record->entry.actor, "a\"b");
    EXPECT_STR(record->entry.details, "{\"x\":\"\\u0001\"}");
    EXPECT_STR(record->entry.subject, "");
    EXPECT(record->at_us > 0);
    return STATUS_IS_OK;
}

TEST(audit_one_finds_a_record_by_number_with_all_its_texts)
{
    struct rig rig;
    begin(&rig);
    for (int i = 0; i < 3; i++) {
        struct audit_entry entry = {.actor = STR_LIT("a\"b"),
                                    .action = STR_LIT("A"),
                                    .target = STR_LIT("t"),
                                    .details = STR_LIT("{\"x\":\"\\u0001\"}")};
        char name[] = {'n', (char)('a' + i), '\0'};
        audit_attach(&entry);
        EXPECT_OK(create_namespace(&rig, name, false), &rig.err);
    }
    expect_records(&rig, 0, "3:A,2:A,1:A");
    expect_records(&rig, 2, "2:A");
    expect_records(&rig, 4, "");
    expect_records(&rig, UINT64_MAX, "");
    unsigned count = 0;
    struct kv_view *view = kv_view_open(rig.store);
    EXPECT_OK(audit_each(view, expect_fields, &count, &rig.err), &rig.err);
    EXPECT(count == 3);
    kv_view_close(view);
    end(&rig);
}

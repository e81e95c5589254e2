/* tests/unit/catalog/catalog_test.c -- Goal: what was committed is published, survives a restart,
 * and nothing half-made is ever seen. Method: the real catalog and committer on the mem store. */
#include "catalog/catalog.h"
#include "catalog/name.h"
#include "model/key.h"
#include "tests/test.h"

struct rig {
    struct kv_store *store;
    struct snowflake seq;
    struct committer *committer;
    struct catalog *catalog;
    struct error err;
};

static void open_catalog_below(struct rig *rig, const char *cold_directory)
{
    snowflake_init(&rig->seq, clock_system(), 1, 0);
    struct committer_options options = {
        .store = rig->store, .clock = clock_system(), .seq = &rig->seq};
    rig->committer = committer_create(&options);
    struct catalog_options catalog = {.store = rig->store,
                                      .committer = rig->committer,
                                      .clock = clock_system(),
                                      .cold_directory = str_from(cold_directory)};
    EXPECT_OK(catalog_open(&catalog, &rig->catalog, &rig->err), &rig->err);
}

static void open_catalog(struct rig *rig)
{
    open_catalog_below(rig, "/nowhere");
}

static void close_catalog(struct rig *rig)
{
    catalog_close(rig->catalog);
    committer_destroy(rig->committer);
}

static void restart(struct rig *rig)
{
    close_catalog(rig);
    open_catalog(rig);
}

static void begin(struct rig *rig)
{
    *rig = (struct rig){.store = kv_mem_open()};
    error_clear(&rig->err);
    open_catalog(rig);
}

static void end(struct rig *rig)
{
    close_catalog(rig);
    kv_close(rig->store);
}

static table_id create_table(struct rig *rig, const char *ns, const char *name)
{
    struct column columns[] = {
        {.name = STR_LIT("id"), .type = {.id = TYPE_BIGINT}, .is_primary_key = true},
        {.name = STR_LIT("body"), .type = {.id = TYPE_TEXT}, .is_nullable = true}};
    struct table_spec spec = {.namespace_name = str_from(ns),
                              .name = str_from(name),
                              .kind = TABLE_USER,
                              .flush = {.rows = 100},
                              .columns = columns,
                              .column_count = 2};
    table_id id = {0};
    EXPECT_OK(catalog_create_table(rig->catalog, &spec, &id, &rig->err), &rig->err);
    return id;
}

static bool has_table(struct rig *rig, const char *ns, const char *name)
{
    const struct catalog_snapshot *s = catalog_take(rig->catalog);
    bool has = snapshot_find_table(s, str_from(ns), str_from(name)) != NULL;
    catalog_give(s);
    return has;
}

TEST(catalog_open_on_empty_store_makes_what_every_server_has)
{
    struct rig rig;
    begin(&rig);
    EXPECT(has_table(&rig, "dba", "stats"));
    EXPECT(has_table(&rig, "dba", "notifications"));
    struct user *root = catalog_find_user(rig.catalog, STR_LIT("root"));
    EXPECT(root != NULL && root->role == ROLE_SYSTEM && root->password_hash.n == 0);
    user_give(root);
    const struct catalog_snapshot *s = catalog_take(rig.catalog);
    EXPECT(snapshot_find_namespace(s, STR_LIT("default")) != NULL);
    EXPECT(snapshot_find_storage(s, STR_LIT("local")) != NULL);
    EXPECT_UINT(snapshot_find_namespace(s, STR_LIT("dba"))->table_count, 2);
    catalog_give(s);
    end(&rig);
}

TEST(catalog_create_table_survives_restart_with_schema_and_ids_grow)
{
    struct rig rig;
    begin(&rig);
    bool created = false;
    EXPECT_OK(catalog_create_namespace(rig.catalog, STR_LIT("app"), false, &created, &rig.err),
              &rig.err);
    table_id first = create_table(&rig, "app", "notes");
    restart(&rig);
    const struct catalog_snapshot *s = catalog_take(rig.catalog);
    const struct table *table = snapshot_find_table(s, STR_LIT("app"), STR_LIT("notes"));
    EXPECT(table != NULL && table->id.v == first.v && table->flush.rows == 100);
    struct schema *schema = NULL;
    EXPECT_OK(catalog_table_schema(rig.catalog, table, &schema, &rig.err), &rig.err);
    EXPECT_UINT(schema->column_count, 2);
    EXPECT_INT(schema->primary_key, 0);
    schema_give(schema);
    catalog_give(s);
    EXPECT(create_table(&rig, "app", "other").v > first.v);
    end(&rig);
}

TEST(catalog_create_table_in_missing_namespace_names_the_remedy)
{
    struct rig rig;
    begin(&rig);
    struct column column = {
        .name = STR_LIT("id"), .type = {.id = TYPE_BIGINT}, .is_primary_key = true};
    struct table_spec spec = {.namespace_name = STR_LIT("nope"),
                              .name = STR_LIT("t"),
                              .kind = TABLE_SHARED,
                              .columns = &column,
                              .column_count = 1};
    table_id id;
    EXPECT_STATUS(catalog_create_table(rig.catalog, &spec, &id, &rig.err), NOT_FOUND);
    EXPECT(strstr(rig.err.text, "Create it first with CREATE NAMESPACE nope") != NULL);
    end(&rig);
}

TEST(catalog_create_table_twice_is_refused_and_leaves_the_first)
{
    struct rig rig;
    begin(&rig);
    table_id first = create_table(&rig, "default", "t");
    struct column column = {
        .name = STR_LIT("id"), .type = {.id = TYPE_TEXT}, .is_primary_key = true};
    struct table_spec spec = {.namespace_name = STR_LIT("default"),
                              .name = STR_LIT("t"),
                              .kind = TABLE_SHARED,
                              .columns = &column,
                              .column_count = 1};
    table_id id;
    EXPECT_STATUS(catalog_create_table(rig.catalog, &spec, &id, &rig.err), EXISTS);
    const struct catalog_snapshot *s = catalog_take(rig.catalog);
    EXPECT_UINT(snapshot_find_table(s, STR_LIT("default"), STR_LIT("t"))->id.v, first.v);
    catalog_give(s);
    end(&rig);
}

TEST(catalog_snapshot_taken_before_drop_still_shows_the_table)
{
    struct rig rig;
    begin(&rig);
    table_id id = create_table(&rig, "default", "t");
    const struct catalog_snapshot *before = catalog_take(rig.catalog);
    EXPECT_OK(catalog_drop_table(rig.catalog, id, &rig.err), &rig.err);
    EXPECT(snapshot_find_table(before, STR_LIT("default"), STR_LIT("t")) != NULL);
    EXPECT(!has_table(&rig, "default", "t"));
    catalog_give(before);
    end(&rig);
}

TEST(catalog_dropped_table_waits_for_forget_also_over_restart)
{
    struct rig rig;
    begin(&rig);
    table_id id = create_table(&rig, "default", "t");
    EXPECT_OK(catalog_drop_table(rig.catalog, id, &rig.err), &rig.err);
    restart(&rig);
    struct arena arena;
    arena_init(&arena);
    struct dropped_table *dropped = NULL;
    unsigned count = 0;
    EXPECT_OK(catalog_list_dropped(rig.catalog, &arena, &dropped, &count, &rig.err), &rig.err);
    EXPECT_UINT(count, 1);
    EXPECT(dropped[0].id.v == id.v && str_eq_c(dropped[0].name, "t"));
    EXPECT_OK(catalog_forget_table(rig.catalog, id, &rig.err), &rig.err);
    EXPECT_OK(catalog_list_dropped(rig.catalog, &arena, &dropped, &count, &rig.err), &rig.err);
    EXPECT_UINT(count, 0);
    EXPECT(create_table(&rig, "default", "t").v > id.v); /* ids are never used again */
    arena_release(&arena);
    end(&rig);
}

TEST(catalog_alter_table_makes_a_version_and_keeps_the_old_one)
{
    struct rig rig;
    begin(&rig);
    table_id id = create_table(&rig, "default", "t");
    struct column columns[] = {
        {.id = 1, .name = STR_LIT("id"), .type = {.id = TYPE_BIGINT}, .is_primary_key = true},
        {.name = STR_LIT("added"), .type = {.id = TYPE_INT}, .is_nullable = true}};
    struct table_change change = {
        .id = id, .expected_version = 1, .columns = columns, .column_count = 2};
    uint32_t version = 0;
    EXPECT_OK(catalog_alter_table(rig.catalog, &change, &version, &rig.err), &rig.err);
    EXPECT_UINT(version, 2);
    struct schema *old = NULL;
    struct schema *new = NULL;
    EXPECT_OK(catalog_schema(rig.catalog, id, 1, &old, &rig.err), &rig.err);
    EXPECT_OK(catalog_schema(rig.catalog, id, 2, &new, &rig.err), &rig.err);
    EXPECT_INT(schema_find_column(old, STR_LIT("body")), 1);
    EXPECT_INT(schema_find_column(new, STR_LIT("body")), -1);
    EXPECT_UINT(new->columns[1].id, 3); /* the id of the dropped column is not used again */
    schema_give(old);
    schema_give(new);
    EXPECT_STATUS(catalog_alter_table(rig.catalog, &change, &version, &rig.err), CONFLICT);
    end(&rig);
}

TEST(table_access_at_is_the_level_of_that_version)
{
    struct rig rig;
    begin(&rig);
    table_id id = create_table(&rig, "default", "t");
    const struct column columns[] = {
        {.id = 1, .name = STR_LIT("id"), .type = {.id = TYPE_BIGINT}, .is_primary_key = true}};
    static const enum table_access levels[] = {TABLE_ACCESS_PUBLIC, TABLE_ACCESS_DBA};
    for (uint32_t i = 0; i < 2; i++) {
        const struct table_change change = {.id = id,
                                            .expected_version = i + 1,
                                            .columns = columns,
                                            .column_count = 1,
                                            .access = &levels[i]};
        uint32_t version = 0;
        EXPECT_OK(catalog_alter_table(rig.catalog, &change, &version, &rig.err), &rig.err);
    }
    const struct catalog_snapshot *snapshot = catalog_take(rig.catalog);
    const struct table *table = snapshot_find_table_id(snapshot, id);
    EXPECT_INT(table_access_at(table, 1), TABLE_ACCESS_PRIVATE);
    EXPECT_INT(table_access_at(table, 2), TABLE_ACCESS_PUBLIC);
    EXPECT_INT(table_access_at(table, 3), TABLE_ACCESS_DBA);
    catalog_give(snapshot);
    end(&rig);
}

TEST(table_access_at_of_a_record_that_does_not_tell_is_the_level_of_now)
{
    struct table table = {.access = TABLE_ACCESS_RESTRICTED, .version = 3};
    EXPECT_INT(table_access_at(&table, 1), TABLE_ACCESS_RESTRICTED);
    table.access_by_version = STR_LIT("1x");
    EXPECT_INT(table_access_at(&table, 1), TABLE_ACCESS_PUBLIC);
    EXPECT_INT(table_access_at(&table, 2), TABLE_ACCESS_RESTRICTED);
    EXPECT_INT(table_access_at(&table, 3), TABLE_ACCESS_RESTRICTED);
    EXPECT_INT(table_access_at(&table, 0), TABLE_ACCESS_RESTRICTED);
}

static status drop_namespace(struct rig *rig, const char *name, bool with_tables)
{
    struct arena arena;
    struct dropped_names dropped = {0};
    arena_init(&arena);
    status result = catalog_drop_namespace(rig->catalog, str_from(name), with_tables, &arena,
                                           &dropped, &rig->err);
    arena_release(&arena);
    return result;
}

TEST(catalog_drop_namespace_with_a_table_is_refused_when_that_was_asked_for)
{
    struct rig rig;
    begin(&rig);
    bool created = false;
    EXPECT_OK(catalog_create_namespace(rig.catalog, STR_LIT("app"), false, &created, &rig.err),
              &rig.err);
    table_id id = create_table(&rig, "app", "t");
    EXPECT_STATUS(drop_namespace(&rig, "app", false), INVALID);
    EXPECT_STR(str_from(rig.err.text), "Cannot drop namespace 'app': 1 table(s) still in it");
    EXPECT_OK(catalog_drop_table(rig.catalog, id, &rig.err), &rig.err);
    EXPECT_OK(drop_namespace(&rig, "app", false), &rig.err);
    EXPECT_STATUS(drop_namespace(&rig, "app", false), NOT_FOUND);
    end(&rig);
}

static unsigned count_of(struct rig *rig, unsigned *namespaces, unsigned *views)
{
    const struct catalog_snapshot *s = catalog_take(rig->catalog);
    unsigned tables = s->table_count;
    *namespaces = s->namespace_count;
    *views = s->view_count;
    catalog_give(s);
    return tables;
}

TEST(catalog_drop_namespace_takes_tables_and_views_of_it_and_of_no_other_in_one_version)
{
    struct rig rig;
    begin(&rig);
    unsigned namespaces[3];
    unsigned views[3];
    unsigned before = count_of(&rig, &namespaces[0], &views[0]);
    static const char *const names[] = {"app", "apple"};
    table_id ids[2][3];
    for (int n = 0; n < 2; n++) {
        bool created = false;
        EXPECT_OK(
            catalog_create_namespace(rig.catalog, str_from(names[n]), false, &created, &rig.err),
            &rig.err);
        EXPECT_OK(catalog_create_view(rig.catalog, str_from(names[n]), STR_LIT("v"),
                                      STR_LIT("SELECT 1"), false, &rig.err),
                  &rig.err);
        for (int i = 0; i < 3; i++) {
            char name[] = {'t', (char)('0' + i), '\0'};
            ids[n][i] = create_table(&rig, names[n], name);
        }
    }
    const struct catalog_snapshot *all = catalog_take(rig.catalog);
    uint64_t version = all->version;
    catalog_give(all);
    struct arena arena;
    struct dropped_names dropped = {0};
    arena_init(&arena);
    EXPECT_OK(catalog_drop_namespace(rig.catalog, STR_LIT("app"), true, &arena, &dropped, &rig.err),
              &rig.err);
    EXPECT_UINT(dropped.count, 3);
    for (unsigned i = 0; i < dropped.count; i++) {
        EXPECT_UINT(dropped.tables[i].id.v, ids[0][i].v);
        EXPECT_INT(dropped.tables[i].name.p[1], (int)('0' + i));
    }
    arena_release(&arena);
    for (int i = 1; i < 3; i++) { /* published, and after a restart */
        EXPECT_UINT(count_of(&rig, &namespaces[i], &views[i]), before + 3);
        EXPECT_UINT(namespaces[i], namespaces[0] + 1);
        EXPECT_UINT(views[i], views[0] + 1);
        const struct catalog_snapshot *s = catalog_take(rig.catalog);
        EXPECT(i == 2 || s->version == version + 1);
        EXPECT(snapshot_find_table_id(s, ids[1][2]) != NULL);
        catalog_give(s);
        restart(&rig);
    }
    EXPECT_OK(drop_namespace(&rig, "apple", true), &rig.err);
    end(&rig);
}

static bool has_view(struct rig *rig, const char *ns, const char *name)
{
    const struct catalog_snapshot *s = catalog_take(rig->catalog);
    bool has = snapshot_find_view(s, str_from(ns), str_from(name)) != NULL;
    catalog_give(s);
    return has;
}

TEST(catalog_drop_namespace_takes_a_view_that_was_replaced_and_none_can_be_made_after)
{
    struct rig rig;
    begin(&rig);
    str app = STR_LIT("app");
    str query = STR_LIT("SELECT 1");
    bool created = false;
    EXPECT_OK(catalog_create_namespace(rig.catalog, app, false, &created, &rig.err), &rig.err);
    EXPECT_OK(catalog_create_view(rig.catalog, app, STR_LIT("v"), query, false, &rig.err),
              &rig.err);
    EXPECT_OK(catalog_create_view(rig.catalog, app, STR_LIT("v"), query, true, &rig.err),
              &rig.err); /* replaced: still one */
    restart(&rig);
    EXPECT_OK(drop_namespace(&rig, "app", false), &rig.err);
    EXPECT(!has_view(&rig, "app", "v"));
    EXPECT_STATUS(catalog_create_view(rig.catalog, app, STR_LIT("v"), query, false, &rig.err),
                  NOT_FOUND);
    end(&rig);
}

static void *create_view_once(void *argument)
{
    struct rig *rig = argument;
    struct error err;
    status result = catalog_create_view(rig->catalog, STR_LIT("app"), STR_LIT("v"),
                                        STR_LIT("SELECT 1"), false, &err);
    EXPECT(status_ok(result) || result.code == STATUS_NOT_FOUND);
    return NULL;
}

TEST(catalog_view_raced_by_the_drop_of_its_namespace_never_stays_without_one)
{
    struct rig rig;
    begin(&rig);
    for (int round = 0; round < 100; round++) {
        bool created = false;
        struct thread thread = {0};
        EXPECT_OK(catalog_create_namespace(rig.catalog, STR_LIT("app"), false, &created, &rig.err),
                  &rig.err);
        thread_start(&thread, "view", 0, create_view_once, &rig);
        EXPECT_OK(drop_namespace(&rig, "app", true), &rig.err);
        thread_join(&thread);
        EXPECT(!has_view(&rig, "app", "v"));
    }
    end(&rig);
}

static struct schema_cache_statistics schema_statistics(struct rig *rig)
{
    struct schema_cache_statistics s;
    schema_cache_statistics_get(catalog_schemas(rig->catalog), &s);
    return s;
}

TEST(catalog_alter_and_drop_forget_cached_schemas_before_they_answer)
{
    struct rig rig;
    begin(&rig);
    bool created = false;
    EXPECT_OK(catalog_create_namespace(rig.catalog, STR_LIT("app"), false, &created, &rig.err),
              &rig.err);
    table_id id = create_table(&rig, "app", "t");
    EXPECT(catalog_schema_cached(rig.catalog, id, 1) == NULL);
    struct schema *first = NULL;
    EXPECT_OK(catalog_schema(rig.catalog, id, 1, &first, &rig.err), &rig.err);
    struct schema *again = catalog_schema_cached(rig.catalog, id, 1);
    EXPECT(again == first);
    schema_give(again);
    EXPECT_UINT(schema_statistics(&rig).loads, 1);

    struct table_change change = {.id = id,
                                  .expected_version = 1,
                                  .columns = first->columns,
                                  .column_count = first->column_count};
    uint32_t version = 0;
    EXPECT_OK(catalog_alter_table(rig.catalog, &change, &version, &rig.err), &rig.err);
    EXPECT(catalog_schema_cached(rig.catalog, id, 1) == NULL);
    EXPECT_UINT(first->version, 1); /* whoever runs with it keeps it */
    struct schema *second = NULL;
    EXPECT_OK(catalog_schema(rig.catalog, id, 2, &second, &rig.err), &rig.err);
    EXPECT_OK(catalog_drop_table(rig.catalog, id, &rig.err), &rig.err);
    EXPECT(catalog_schema_cached(rig.catalog, id, 2) == NULL);
    schema_give(second);
    /* A statement that outlived the drop reads it again, until nothing is left of the table. */
    EXPECT_OK(catalog_schema(rig.catalog, id, 2, &second, &rig.err), &rig.err);
    EXPECT_UINT(schema_statistics(&rig).entries, 1);
    EXPECT_OK(catalog_forget_table(rig.catalog, id, &rig.err), &rig.err);
    EXPECT_UINT(schema_statistics(&rig).entries, 0);
    schema_give(first);
    schema_give(second);
    end(&rig);
}

TEST(catalog_tables_of_one_name_in_two_namespaces_have_their_own_schemas)
{
    struct rig rig;
    begin(&rig);
    bool created = false;
    EXPECT_OK(catalog_create_namespace(rig.catalog, STR_LIT("a"), false, &created, &rig.err),
              &rig.err);
    EXPECT_OK(catalog_create_namespace(rig.catalog, STR_LIT("b"), false, &created, &rig.err),
              &rig.err);
    table_id ids[] = {create_table(&rig, "a", "t"), create_table(&rig, "b", "t")};
    for (int i = 0; i < 2; i++) {
        struct schema *schema = NULL;
        EXPECT_OK(catalog_schema(rig.catalog, ids[i], 1, &schema, &rig.err), &rig.err);
        EXPECT_STR_EQ(schema->namespace_name, i == 0 ? STR_LIT("a") : STR_LIT("b"));
        schema_give(schema);
    }
    EXPECT_OK(catalog_drop_table(rig.catalog, ids[0], &rig.err), &rig.err);
    EXPECT_OK(drop_namespace(&rig, "a", false), &rig.err);
    EXPECT_UINT(schema_statistics(&rig).entries, 1); /* of b */
    end(&rig);
}

struct storm {
    struct rig *rig;
    unsigned number;
    unsigned made;
    unsigned refused;
};

static void *create_same_tables(void *argument)
{
    struct storm *storm = argument;
    struct column column = {
        .name = STR_LIT("id"), .type = {.id = TYPE_BIGINT}, .is_primary_key = true};
    for (unsigned i = 0; i < 20; i++) {
        char name[32];
        int n = snprintf(name, sizeof name, "t%u", i);
        struct table_spec spec = {.namespace_name = STR_LIT("default"),
                                  .name = str_of(name, (size_t)n),
                                  .kind = TABLE_SHARED,
                                  .columns = &column,
                                  .column_count = 1};
        table_id id;
        struct error err;
        status result = catalog_create_table(storm->rig->catalog, &spec, &id, &err);
        storm->made += status_ok(result) ? 1 : 0;
        storm->refused += result.code == STATUS_EXISTS ? 1 : 0;
    }
    return NULL;
}

TEST(catalog_create_table_raced_by_eight_threads_has_one_winner_each)
{
    struct rig rig;
    begin(&rig);
    struct storm storms[8];
    struct thread threads[8] = {0};
    for (unsigned i = 0; i < 8; i++) {
        storms[i] = (struct storm){&rig, i, 0, 0};
        thread_start(&threads[i], "storm", 0, create_same_tables, &storms[i]);
    }
    unsigned made = 0;
    unsigned refused = 0;
    for (unsigned i = 0; i < 8; i++) {
        thread_join(&threads[i]);
        made += storms[i].made;
        refused += storms[i].refused;
    }
    EXPECT_UINT(made, 20);
    EXPECT_UINT(refused, 140);
    end(&rig);
}

TEST(catalog_users_change_and_survive_restart_deleted_names_stay_taken)
{
    struct rig rig;
    begin(&rig);
    struct user alice = {.id = STR_LIT("alice"), .role = ROLE_USER, .email = STR_LIT("a@b")};
    EXPECT_OK(catalog_create_user(rig.catalog, &alice, &rig.err), &rig.err);
    EXPECT_STATUS(catalog_create_user(rig.catalog, &alice, &rig.err), EXISTS);
    enum role role = ROLE_DBA;
    struct user_change change = {.role = &role};
    EXPECT_OK(catalog_alter_user(rig.catalog, alice.id, &change, &rig.err), &rig.err);
    restart(&rig);
    struct user *user = catalog_find_user(rig.catalog, STR_LIT("alice"));
    EXPECT(user != NULL && user->role == ROLE_DBA && str_eq_c(user->email, "a@b"));
    user_give(user);
    struct user_change gone = {.is_deleted = true};
    EXPECT_OK(catalog_alter_user(rig.catalog, alice.id, &gone, &rig.err), &rig.err);
    EXPECT_STATUS(catalog_create_user(rig.catalog, &alice, &rig.err), EXISTS);
    EXPECT_STATUS(catalog_alter_user(rig.catalog, alice.id, &change, &rig.err), NOT_FOUND);
    end(&rig);
}

static void commit_done(void *context, status result, const struct kv_head *heads)
{
    (void)context;
    (void)heads;
    EXPECT_STATUS(result, OK);
}

TEST(catalog_open_after_the_data_folder_was_moved_moves_its_storages_along)
{
    struct rig rig;
    begin(&rig);
    struct storage_def fast = {.id = STR_LIT("fast"),
                               .name = STR_LIT("Fast"),
                               .type = STR_LIT("filesystem"),
                               .base_directory = STR_LIT("/nowhere/fast"),
                               .shared_template = STR_LIT("{namespace}/{tableName}"),
                               .user_template = STR_LIT("{namespace}/{tableName}/{userId}")};
    EXPECT_OK(catalog_create_storage(rig.catalog, &fast, &rig.err), &rig.err);
    for (int i = 0; i < 2; i++) { /* and stays there */
        close_catalog(&rig);
        open_catalog_below(&rig, "/elsewhere/cold");
        const struct catalog_snapshot *snapshot = catalog_take(rig.catalog);
        EXPECT_STR(snapshot_find_storage(snapshot, STR_LIT("local"))->base_directory,
                   "/elsewhere/cold");
        const struct storage_def *moved = snapshot_find_storage(snapshot, STR_LIT("fast"));
        EXPECT_STR(moved->base_directory, "/elsewhere/cold/fast");
        EXPECT_STR(moved->name, "Fast");
        catalog_give(snapshot);
    }
    end(&rig);
}

TEST(catalog_open_with_damaged_record_says_corrupt)
{
    struct rig rig;
    begin(&rig);
    close_catalog(&rig);
    struct buf key;
    buf_init(&key);
    partition_encode(&key, PARTITION_CATALOG, 0, (str){NULL, 0});
    str prefix = buf_str(&key);
    struct kv_mutation bad = {KV_PUT, KV_SYSTEM, {NULL, 0}, STR_LIT("{\"name\":7}")};
    struct buf whole;
    buf_init(&whole);
    buf_append_str(&whole, prefix);
    buf_append_c(&whole, "Nbroken");
    bad.key = buf_str(&whole);
    struct kv_txn txn = {.partition = prefix,
                         .expect_generation = KV_ANY_GENERATION,
                         .id = {42},
                         .mutations = &bad,
                         .mutation_count = 1};
    kv_commit(rig.store, &txn, 1, true, commit_done, NULL);
    snowflake_init(&rig.seq, clock_system(), 1, 0);
    struct committer_options options = {
        .store = rig.store, .clock = clock_system(), .seq = &rig.seq};
    rig.committer = committer_create(&options);
    struct catalog_options catalog = {
        .store = rig.store, .committer = rig.committer, .clock = clock_system()};
    EXPECT_STATUS(catalog_open(&catalog, &rig.catalog, &rig.err), CORRUPT);
    committer_destroy(rig.committer);
    buf_release(&key);
    buf_release(&whole);
    kv_close(rig.store);
}

TEST(name_check_user_refuses_what_could_leave_its_folder)
{
    struct error err;
    EXPECT_STATUS(name_check_user(STR_LIT("alice@example.org"), &err), OK);
    EXPECT_STATUS(name_check_user(STR_LIT("a..b"), &err), INVALID);
    EXPECT_STATUS(name_check_user(STR_LIT("a/b"), &err), INVALID);
    EXPECT_STATUS(name_check_user(STR_LIT("a\\b"), &err), INVALID);
    EXPECT_STATUS(name_check_user(STR_LIT("a\0b"), &err), INVALID);
    EXPECT_STATUS(name_check_user(STR_LIT(""), &err), INVALID);
}

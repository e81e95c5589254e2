/* catalog/bootstrap.c -- what every server has from its first start (contract sql.md sections
 * 0, 6.3). */
#include "catalog/catalog_private.h"

static struct column column(const char *name, enum type_id type, bool is_nullable)
{
    return (struct column){
        .name = str_from(name), .type = type_of(type), .is_nullable = is_nullable};
}

/* Nothing is asked of the committer for what is there: a later start must get by on a full disk. */
static status make_namespace(struct catalog *catalog, str name, struct error *err)
{
    bool created = false;
    if (snapshot_find_namespace(&catalog->snapshot->shown, name) != NULL) {
        return STATUS_IS_OK;
    }
    return catalog_create_namespace(catalog, name, true, &created, err);
}

static status make_table(struct catalog *catalog, const struct table_spec *spec, struct error *err)
{
    if (snapshot_find_table(&catalog->snapshot->shown, spec->namespace_name, spec->name) != NULL) {
        return STATUS_IS_OK;
    }
    table_id id;
    return catalog_create_table(catalog, spec, &id, err);
}

static status make_dba_tables(struct catalog *catalog, struct error *err)
{
    struct column stats[] = {
        column("id", TYPE_TEXT, false),          column("node_id", TYPE_BIGINT, false),
        column("metric_name", TYPE_TEXT, false), column("metric_value", TYPE_DOUBLE, false),
        column("metric_unit", TYPE_TEXT, true),  column("sampled_at", TYPE_TIMESTAMP, false)};
    stats[0].is_primary_key = true;
    struct column notes[] = {column("id", TYPE_TEXT, false),
                             column("user_id", TYPE_TEXT, false),
                             column("title", TYPE_TEXT, false),
                             column("body", TYPE_TEXT, true),
                             column("is_read", TYPE_BOOLEAN, false),
                             column("created_at", TYPE_TIMESTAMP, false),
                             column("updated_at", TYPE_TIMESTAMP, false)};
    notes[0].is_primary_key = true;
    notes[4].default_kind = DEFAULT_LITERAL;
    notes[4].default_value = value_bool(false);
    notes[5].default_kind = DEFAULT_NOW;
    notes[6].default_kind = DEFAULT_NOW;
    struct table_spec spec = {.namespace_name = STR_LIT("dba"),
                              .name = STR_LIT("stats"),
                              .kind = TABLE_SHARED,
                              .access = TABLE_ACCESS_DBA,
                              .columns = stats,
                              .column_count = sizeof stats / sizeof stats[0]};
    TRY(make_table(catalog, &spec, err));
    spec.name = STR_LIT("notifications");
    spec.access = TABLE_ACCESS_PUBLIC;
    spec.columns = notes;
    spec.column_count = sizeof notes / sizeof notes[0];
    return make_table(catalog, &spec, err);
}

static status make_root(struct catalog *catalog, str hash, struct error *err)
{
    struct user *root = catalog_find_user(catalog, STR_LIT("root"));
    status result = STATUS_IS_OK;
    if (root == NULL) {
        struct user wanted = {.id = STR_LIT("root"),
                              .role = ROLE_SYSTEM,
                              .auth = USER_LOGIN_INTERNAL,
                              .email = STR_LIT("root@localhost"),
                              .password_hash = hash};
        result = catalog_create_user(catalog, &wanted, err);
    } else if (hash.n > 0 && root->password_hash.n == 0) {
        struct user_change change = {.password_hash = &hash};
        result = catalog_alter_user(catalog, root->id, &change, err);
    }
    user_give(root);
    return result;
}

static status move_storage(struct catalog *catalog, const struct storage_def *storage, str from,
                           str to, struct error *err)
{
    if (!str_starts_with(storage->base_directory, from)) {
        return STATUS_IS_OK;
    }
    struct arena arena;
    arena_init(&arena);
    struct storage_def moved = *storage;
    moved.base_directory = arena_format(&arena, STR_FMT STR_FMT, STR(to),
                                        STR(str_skip(storage->base_directory, from.n)));
    status result = catalog_alter_storage(catalog, &moved, err);
    arena_release(&arena);
    return result;
}

/* The data folder may have been moved or copied since the last start: every storage lies below its
 * cold folder, so they all move along. `local` comes last, because it tells where they were. */
static status follow_data_folder(struct catalog *catalog, str cold_directory, struct error *err)
{
    const struct catalog_snapshot *snapshot = catalog_take(catalog);
    const struct storage_def *local = snapshot_find_storage(snapshot, STR_LIT("local"));
    str before = local->base_directory;
    status result = STATUS_IS_OK;
    if (!str_eq(before, cold_directory)) {
        for (unsigned i = 0; i < snapshot->storage_count && status_ok(result); i++) {
            if (snapshot->storages[i] != local) {
                result = move_storage(catalog, snapshot->storages[i], before, cold_directory, err);
            }
        }
        if (status_ok(result)) {
            result = move_storage(catalog, local, before, cold_directory, err);
        }
    }
    catalog_give(snapshot);
    return result;
}

status catalog_bootstrap(struct catalog *catalog, const struct catalog_options *options,
                         struct error *err)
{
    TRY(make_namespace(catalog, STR_LIT("default"), err));
    TRY(make_namespace(catalog, STR_LIT("dba"), err));
    if (snapshot_find_storage(&catalog->snapshot->shown, STR_LIT("local")) == NULL) {
        struct storage_def local = {
            .id = STR_LIT("local"),
            .name = STR_LIT("Local Filesystem"),
            .type = STR_LIT("filesystem"),
            .base_directory = options->cold_directory,
            .shared_template = options->shared_template.n > 0 ? options->shared_template
                                                              : STR_LIT("{namespace}/{tableName}"),
            .user_template = options->user_template.n > 0
                                 ? options->user_template
                                 : STR_LIT("{namespace}/{tableName}/{userId}")};
        TRY(catalog_create_storage(catalog, &local, err));
    }
    TRY(follow_data_folder(catalog, options->cold_directory, err));
    TRY(make_root(catalog, options->root_password_hash, err));
    return make_dba_tables(catalog, err);
}

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

status catalog_bootstrap(struct catalog *catalog, const struct catalog_options *options,
                         struct error *err)
{
    TRY(make_namespace(catalog, STR_LIT("default"), err));
    TRY(make_namespace(catalog, STR_LIT("dba"), err));
    if (snapshot_find_storage(&catalog->snapshot->shown, STR_LIT("local")) == NULL) {
        struct storage_def local = {.id = STR_LIT("local"),
                                    .name = STR_LIT("Local Filesystem"),
                                    .type = STR_LIT("filesystem"),
                                    .base_directory = options->cold_directory,
                                    .shared_template = STR_LIT("{namespace}/{tableName}"),
                                    .user_template = STR_LIT("{namespace}/{tableName}/{userId}")};
        TRY(catalog_create_storage(catalog, &local, err));
    }
    TRY(make_root(catalog, options->root_password_hash, err));
    return make_dba_tables(catalog, err);
}

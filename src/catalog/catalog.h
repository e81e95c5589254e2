/* catalog/catalog.h -- what there is: namespaces, tables, schema versions, storages, users.
 * For:      one published snapshot (immutable, counted, swapped by DDL) of namespaces, tables and
 *           storages; users one by one (there may be many); schemas from schema_cache.h, loaded
 *           from the store on a miss. Records are JSON text under the catalog partition: see
 *           docs/formats/catalog.md.
 * Writes:   every change is a commit request; its `apply` checks the records (so two changes in one
 *           commit group see each other), its `publish` swaps the snapshot. Callers may block: they
 *           run on workers.
 * Threads:  any. A snapshot, a user and a schema are counted and immutable. */
#ifndef CATALOG_CATALOG_H
#define CATALOG_CATALOG_H

#include "base/map.h"
#include "catalog/schema_cache.h"
#include "engine/kv_commit.h"
#include "model/schema.h"

enum table_access {
    TABLE_ACCESS_PRIVATE,
    TABLE_ACCESS_PUBLIC,
    TABLE_ACCESS_RESTRICTED,
    TABLE_ACCESS_DBA
};
const char *table_access_name(enum table_access level); /* "Private" as in options JSON */
bool table_access_parse(str text, enum table_access *out);

enum { TABLE_BLOOM_DEFAULT = 0 };
#define TABLE_BLOOM_UNIT 1e6
enum { TABLE_RETENTION_DEFAULT = 0, TABLE_RETENTION_FOR_EVER = -1 };

struct flush_policy {
    uint32_t rows;       /* 0: not by rows */
    uint32_t interval_s; /* 0: not by time */
};

/* A table in one snapshot. Its texts live as long as the snapshot. */
struct table {
    table_id id;
    namespace_id ns;
    str namespace_name;
    str name;
    enum table_kind kind;
    uint32_t version; /* newest schema version */
    enum table_access access;
    str access_by_version; /* for table_access_at */
    struct flush_policy flush;
    uint32_t ttl_s;      /* STREAM */
    uint32_t max_buffer; /* STREAM: rows kept in a partition, the newest; 0: any number */
    bool is_ephemeral;   /* STREAM: rows that nobody watches are not kept */
    uint32_t bloom; /* TABLE_BLOOM_DEFAULT, or 1 + false positives of its filters in millionths; so
                       1: no filters */
    int64_t deleted_retention_s; /* of tombstones, or TABLE_RETENTION_...; default: the store's */
    str storage_id;
    str location; /* template of its folders below that of the storage; empty: the storage says */
    bool uses_user_storage;
    str comment;
    int64_t created_us;
    int64_t updated_us;
};

/* The access level that a version of the table had: 1 to table->version. Versions that an
 * older server made have the level that was there when the next one was noted. */
enum table_access table_access_at(const struct table *table, uint32_t version);

struct namespace_def {
    namespace_id id;
    str name;
    str options; /* JSON text or empty */
    int64_t created_us;
    unsigned table_count;
};

struct view_def {
    str namespace_name;
    str name;
    str query; /* its SELECT, as written */
    int64_t created_us;
};

struct storage_def {
    str id;
    str name;
    str description;
    str type; /* "filesystem" */
    str base_directory;
    str credentials;
    str config;
    str shared_template; /* "{namespace}/{tableName}" */
    str user_template;   /* "{namespace}/{tableName}/{userId}" */
    int64_t created_us;
    int64_t updated_us;
};

struct catalog_snapshot {
    refcount refs;
    uint64_t version;            /* +1 with every change; part of plan keys */
    const struct table **tables; /* by namespace, then name */
    unsigned table_count;
    const struct namespace_def **namespaces; /* by name */
    unsigned namespace_count;
    const struct storage_def **storages; /* by id */
    unsigned storage_count;
    const struct view_def **views;
    unsigned view_count;
    struct map table_by_name; /* "ns\0table" -> struct table */
    struct map table_by_id;   /* u32 -> struct table */
    struct map namespace_by_name;
    struct map storage_by_id;
    struct map view_by_name; /* "ns\0view" -> struct view_def */
    struct arena arena;
};

enum user_login { USER_LOGIN_PASSWORD, USER_LOGIN_OAUTH, USER_LOGIN_INTERNAL };

/* Roles, least first; the numbers are stored. auth/ gives them their meaning. */
enum role { ROLE_ANONYMOUS, ROLE_USER, ROLE_SERVICE, ROLE_DBA, ROLE_SYSTEM };
const char *role_name(enum role role);     /* lower case */
bool role_parse(str text, enum role *out); /* with the aliases of the contract, any case */

struct user {
    refcount refs;
    str id;
    enum role role;
    str password_hash; /* bcrypt; empty never authenticates */
    str email;         /* empty: none */
    enum user_login auth;
    str auth_data;    /* JSON text or empty */
    str storage_mode; /* "table" | "region" */
    str storage_id;
    uint32_t failed_logins;
    int64_t locked_until_us; /* 0: not locked */
    int64_t last_login_us;   /* 0: never */
    int64_t created_us;
    int64_t updated_us;
    int64_t deleted_us;          /* 0: active */
    int64_t password_changed_us; /* tokens from before are void; 0: never changed */
    struct arena arena;
};

struct catalog;

struct catalog_options {
    struct kv_store *store;
    struct committer *committer;
    const struct clock *clock;
    str root_password_hash; /* set on root when it has none yet; empty: leave */
    str cold_directory;     /* base directory of storage `local` */
    str shared_template;    /* its templates when it is made; empty: the usual ones */
    str user_template;
    uint32_t schema_ttl_s; /* of the schema cache; 0: its default, as for the next */
    uint32_t schema_entries_max;
};

/* Loads every record and makes what every server has: namespaces default and dba, user root,
 * storage local, tables dba.stats and dba.notifications. CORRUPT: a record cannot be read. */
MUST_USE status catalog_open(const struct catalog_options *options, struct catalog **out,
                             struct error *err);
void catalog_close(struct catalog *catalog);

/* The newest snapshot; give it back. */
const struct catalog_snapshot *catalog_take(struct catalog *catalog);
void catalog_give(const struct catalog_snapshot *snapshot); /* NULL allowed */
/* One more hold on a snapshot that is held. */
const struct catalog_snapshot *catalog_share(const struct catalog_snapshot *snapshot);
/* NULL: there is none. Names are lower case already. */
const struct table *snapshot_find_table(const struct catalog_snapshot *s, str ns, str name);
const struct table *snapshot_find_table_id(const struct catalog_snapshot *s, table_id id);
const struct namespace_def *snapshot_find_namespace(const struct catalog_snapshot *s, str name);
const struct storage_def *snapshot_find_storage(const struct catalog_snapshot *s, str id);
const struct view_def *snapshot_find_view(const struct catalog_snapshot *s, str ns, str name);

/* The schema of one version, counted: schema_give it. NOT_FOUND names table and version. */
MUST_USE status catalog_schema(struct catalog *catalog, table_id table, uint32_t version,
                               struct schema **out, struct error *err);
/* The schema of a table's newest version in a snapshot. */
MUST_USE status catalog_table_schema(struct catalog *catalog, const struct table *table,
                                     struct schema **out, struct error *err);
/* The same from the cache only; NULL: not there. For threads that must not wait. */
struct schema *catalog_schema_cached(struct catalog *catalog, table_id table, uint32_t version);
/* The cache behind these: for its statistics, the sweep, and benches. */
struct schema_cache *catalog_schemas(struct catalog *catalog);
/* The loader of that cache, context: the catalog. Reads, decodes and resolves one record. */
schema_load_fn catalog_load_schema;

/* -- changes (workers only: they wait for the commit) -------------------------------------------
 */

/* EXISTS; with if_not_exists instead *created false. NOT_FOUND, to alter or to drop. */
MUST_USE status catalog_create_namespace(struct catalog *catalog, str name, bool if_not_exists,
                                         bool *created, struct error *err);
MUST_USE status catalog_alter_namespace(struct catalog *catalog, str name, str options,
                                        struct error *err);
/* The tables that went with a namespace. */
struct dropped_names {
    struct dropped_name {
        table_id id;
        str name;
    } * tables;
    unsigned count;
};

/* A namespace with all in it, as one commit: all of it is there or nothing. Without `with_tables`
 * one that has tables is refused; views go in any case. *dropped, in `arena`: tables that are to be
 * cleaned up. CONFLICT: others kept making tables or views in it. */
MUST_USE status catalog_drop_namespace(struct catalog *catalog, str name, bool with_tables,
                                       struct arena *arena, struct dropped_names *dropped,
                                       struct error *err);

struct table_spec {
    str namespace_name;
    str name;
    enum table_kind kind;
    enum table_access access;
    struct flush_policy flush;
    uint32_t ttl_s;
    uint32_t max_buffer;
    bool is_ephemeral;
    uint32_t bloom; /* as in struct table, and so is the next */
    int64_t deleted_retention_s;
    str storage_id; /* empty: "local" */
    str location;   /* checked; as in struct table */
    bool uses_user_storage;
    str comment;
    const struct column *columns; /* ids and ordinals are given by create */
    unsigned column_count;
};
/* EXISTS; NAMESPACE_NOT_FOUND with the contract's hint. */
MUST_USE status catalog_create_table(struct catalog *catalog, const struct table_spec *spec,
                                     table_id *id, struct error *err);
/* A new version with these columns (ids kept for kept columns, 0 = new column) and options (NULL
 * keeps), the same columns when only options change. CONFLICT: `expected_version` is not the newest
 * any more. */
struct table_change {
    table_id id;
    uint32_t expected_version;
    const struct column *columns;
    unsigned column_count;
    const enum table_access *access;
    const int64_t *deleted_retention_s;
    /* Asked within the commit, on its thread; not OK refuses the change. NULL: nothing is asked. */
    status (*check)(void *context, struct error *err);
    void *check_context;
};
MUST_USE status catalog_alter_table(struct catalog *catalog, const struct table_change *change,
                                    uint32_t *new_version, struct error *err);
/* The table is gone for every statement; its data waits for catalog_forget_table. */
MUST_USE status catalog_drop_table(struct catalog *catalog, table_id id, struct error *err);
/* Tables whose data is still to be removed, after a crash too. */
struct dropped_table {
    table_id id;
    namespace_id ns;
    enum table_kind kind;
    str namespace_name;
    str name;
    str storage_id;
};
MUST_USE status catalog_list_dropped(struct catalog *catalog, struct arena *arena,
                                     struct dropped_table **out, unsigned *count,
                                     struct error *err);
/* Removes the last record of a dropped table. */
MUST_USE status catalog_forget_table(struct catalog *catalog, table_id id, struct error *err);

/* EXISTS unless or_replace; NAMESPACE_NOT_FOUND also when the namespace goes meanwhile. */
MUST_USE status catalog_create_view(struct catalog *catalog, str ns, str name, str query,
                                    bool or_replace, struct error *err);
MUST_USE status catalog_drop_view(struct catalog *catalog, str ns, str name, struct error *err);

/* EXISTS; NOT_FOUND; INVALID: what may not be changed, or tables still use it. */
MUST_USE status catalog_create_storage(struct catalog *catalog, const struct storage_def *storage,
                                       struct error *err);
MUST_USE status catalog_alter_storage(struct catalog *catalog, const struct storage_def *storage,
                                      struct error *err);
MUST_USE status catalog_drop_storage(struct catalog *catalog, str id, struct error *err);

/* The user, deleted ones too, or NULL; user_give it. */
struct user *catalog_find_user(struct catalog *catalog, str id);
void user_give(struct user *user); /* NULL allowed */
/* EXISTS: also for deleted ones. Times are set by create. */
MUST_USE status catalog_create_user(struct catalog *catalog, const struct user *user,
                                    struct error *err);
/* What changes; NULL stays. NOT_FOUND. */
struct user_change {
    const str *password_hash;
    const enum role *role;
    const str *email;
    const str *storage_mode;
    const str *storage_id;
    const uint32_t *failed_logins;
    const int64_t *locked_until_us;
    const int64_t *last_login_us;
    bool is_deleted;    /* sets deleted_us to now */
    bool keeps_updated; /* log-in bookkeeping: updated_us stays */
    bool spares_system; /* PERMISSION_DENIED when the user has the role system */
};
MUST_USE status catalog_alter_user(struct catalog *catalog, str id,
                                   const struct user_change *change, struct error *err);
/* All users in order of id, counted one by one: `visit` gets each. `only`: those of one role, by
 * index for roles above user; NULL: all. */
void catalog_each_user(struct catalog *catalog, const enum role *only,
                       void (*visit)(void *context, const struct user *u), void *context);
/* Registers who is told, on the committer thread, after a user changed or a table changed or went
 * (id 0: no table). Called once at start. */
struct catalog_listener {
    void (*table_changed)(void *context, table_id id, bool is_dropped);
    void (*user_changed)(void *context, str user_id);
    void *context;
};
void catalog_set_listener(struct catalog *catalog, const struct catalog_listener *listener);

/* -- for the committer's apply functions in store/ ----------------------------------------------
 */

/* Is `version` the newest of a live table, in this commit's overlay? CONFLICT: no (bind again). */
MUST_USE status catalog_check_version(struct commit_txn *txn, table_id id, uint32_t version,
                                      struct error *err);

#endif

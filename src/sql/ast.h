/* sql/ast.h -- what was said: one statement as a tree.
 * For:      every room that gives statements a meaning. `sql_parse` of sql.h makes it.
 * Owns:     nothing: nodes lie in the arena of the parse, texts in it or in the parsed text, and
 * both must outlive the tree. Names are lower case, quoted or not; `str` with n == 0 = not given,
 *           pointers to expressions are NULL when not given.
 * Threads:  immutable once parsed; any. */
#ifndef SQL_AST_H
#define SQL_AST_H

#include "model/schema.h"
#include "sql/expr.h"

enum statement_kind {
#define STATEMENT(symbol, family, class, returns_rows, name) STATEMENT_##symbol,
#include "sql/statements.def"
#undef STATEMENT
    STATEMENT_KIND_COUNT
};

enum statement_class {
    STATEMENT_CLASS_QUERY,
    STATEMENT_CLASS_DML,
    STATEMENT_CLASS_DDL,
    STATEMENT_CLASS_TRANSACTION,
    STATEMENT_CLASS_OTHER
};

enum statement_family {
#define FAMILY(symbol, role, denied) FAMILY_##symbol,
#include "sql/families.def"
#undef FAMILY
    FAMILY_COUNT
};

enum statement_role { STATEMENT_ROLE_USER, STATEMENT_ROLE_SERVICE, STATEMENT_ROLE_ADMIN };

struct statement_info {
    const char *name; /* "CREATE TABLE" */
    enum statement_family family;
    enum statement_class class;
    bool returns_rows; /* DML with RETURNING does too */
    enum statement_role lowest_role;
    const char *denied_text; /* for roles below it */
};
/* The row of statements.def with that of its family; static, never NULL. */
const struct statement_info *statement_info(enum statement_kind kind);

struct table_name {
    str ns; /* empty: the default namespace of the request */
    str name;
};

struct str_list {
    str *items;
    unsigned count;
    unsigned capacity;
};

/* One column of a SELECT or RETURNING list. */
struct select_item {
    struct expr *expr; /* EXPR_STAR for * */
    str star_table;    /* t of `t.*` */
    str alias;         /* as written after AS, without quotes, its case kept; empty: none */
};

struct select_list {
    struct select_item *items;
    unsigned count;
    unsigned capacity;
};

struct order_item {
    struct expr *expr; /* never a constant: that would be a position or nonsense */
    bool is_descending;
    enum { NULLS_UNSAID, NULLS_FIRST, NULLS_LAST } nulls;
};

struct order_list {
    struct order_item *items;
    unsigned count;
    unsigned capacity;
};

/* SELECT of one table without joins, grouping, subqueries and what else only the engine knows.
 * Function calls may still be aggregates: eval_bind refuses what it does not know. */
struct simple_select {
    struct select_list columns;
    struct table_name table;
    str alias;
    struct expr *where;
    str where_text;
    struct order_list order;
    struct expr *limit;
    struct expr *offset;
};

struct assignment {
    str column;
    struct expr *value; /* EXPR_DEFAULT allowed */
};

struct assignment_list {
    struct assignment *items;
    unsigned count;
    unsigned capacity;
};

enum conflict_action { CONFLICT_ERROR, CONFLICT_NOTHING, CONFLICT_UPDATE };

struct on_conflict {
    enum conflict_action action;
    struct str_list targets;     /* columns in ON CONFLICT (...); may be empty for DO NOTHING */
    struct assignment_list sets; /* may name columns of the table `excluded` */
    struct expr *where;
    str where_text;
};

enum insert_source { INSERT_VALUES, INSERT_QUERY, INSERT_DEFAULT_VALUES };

struct insert_part {
    struct table_name table;
    str alias;
    bool has_columns;
    struct str_list columns; /* no name twice */
    enum insert_source source;
    struct expr_list
        *rows; /* INSERT_VALUES: row_count >= 1, all of one length; EXPR_DEFAULT allowed */
    unsigned row_count;
    unsigned row_capacity;
    str query; /* INSERT_QUERY: text of the SELECT */
    struct on_conflict conflict;
    struct select_list returning; /* count 0: none */
};

struct update_part {
    struct table_name table;
    str alias;
    struct assignment_list sets; /* no column twice */
    struct expr *where;          /* never NULL; has_engine or EXPR_ENGINE: use where_text */
    str where_text;
    struct select_list returning;
};

struct delete_part {
    struct table_name table;
    str alias;
    struct expr *where; /* as in update_part */
    str where_text;
    struct select_list returning;
};

struct select_part {
    bool is_simple;
    struct simple_select simple; /* only when is_simple */
    str query;                   /* the whole text, as statement.text */
};

enum access_level { ACCESS_UNSAID, ACCESS_PUBLIC, ACCESS_PRIVATE, ACCESS_RESTRICTED, ACCESS_DBA };

struct column_def {
    str name;
    struct type type;
    bool is_nullable;      /* false: NOT NULL or PRIMARY KEY */
    bool says_nullability; /* NULL or NOT NULL was written */
    bool is_primary_key;
    bool is_unique;
    uint32_t unique_sets; /* bit n: it is in the n-th UNIQUE (...) of several columns */
    enum default_kind default_kind;
    struct value default_value; /* DEFAULT_LITERAL: as written, not yet of the column's type */
    str default_text;           /* as written */
    str comment;
};

struct column_list {
    struct column_def *items;
    unsigned count;
    unsigned capacity;
};

struct option_i64 {
    bool is_set;
    int64_t value;
};

/* WITH (...), OPTIONS (...), LOCATION, FLUSH POLICY of CREATE TABLE. */
struct table_options {
    str storage_id;
    struct option_i64 use_user_storage;    /* 0, 1 */
    struct option_i64 flush_rows;          /* 1..999999 */
    struct option_i64 flush_interval_s;    /* 1..86399 */
    struct option_i64 deleted_retention_s; /* 0: off, they stay for ever */
    struct option_i64 ttl_s;               /* >= 1; TTL_SECONDS or retention */
    struct option_i64 is_ephemeral;        /* 0, 1 */
    struct option_i64 max_buffer;          /* rows */
    struct option_i64 bloom_filter_ppm;    /* bloom_filter_fpp, parts per million; 0: none */
    enum access_level access_level;
    bool has_location;
    str location; /* LOCATION 'path' of spec 002, with the tokens of today (template.h) */
};

struct create_table_part {
    struct table_name table;
    bool if_not_exists;
    bool says_kind; /* false: SHARED unless the session's rules say USER */
    enum table_kind kind;
    struct column_list columns; /* at least 1 */
    int primary_key;            /* index into columns, -1: none */
    unsigned unique_set_count;  /* UNIQUE (...) of several columns, at most LIMIT_UNIQUE_SETS */
    struct table_options options;
};

enum alter_action_kind {
    ALTER_ADD_COLUMN,    /* column_def */
    ALTER_DROP_COLUMN,   /* column */
    ALTER_MODIFY_COLUMN, /* column_def; says_nullability tells whether it changes that too */
    ALTER_SET_NOT_NULL,  /* column */
    ALTER_DROP_NOT_NULL, /* column */
    ALTER_SET_DEFAULT,   /* column_def: name and default only */
    ALTER_DROP_DEFAULT,  /* column */
    ALTER_RENAME_COLUMN, /* column, new_name */
    ALTER_SET_ACCESS,    /* access_level */
    ALTER_SET_RETENTION, /* deleted_retention_s */
    ALTER_CREATE_INDEX,  /* column, metric */
    ALTER_DROP_INDEX     /* column */
};

enum vector_metric { VECTOR_COSINE, VECTOR_L2, VECTOR_DOT };

struct alter_action {
    enum alter_action_kind kind;
    str column;
    str new_name;
    struct column_def column_def;
    bool if_exists;     /* DROP COLUMN IF EXISTS */
    bool if_not_exists; /* ADD COLUMN IF NOT EXISTS */
    enum access_level access_level;
    struct option_i64 deleted_retention_s; /* 0: off */
    enum vector_metric metric;
};

struct alter_table_part {
    struct table_name table;
    bool says_kind; /* ALTER USER TABLE: it must be one */
    enum table_kind kind;
    struct alter_action *actions; /* at least 1, in the order written */
    unsigned action_count;
    unsigned action_capacity;
};

struct drop_part { /* DROP TABLE, VIEW */
    struct table_name table;
    bool if_exists;
    bool says_kind; /* DROP USER TABLE ... */
    enum table_kind kind;
};

struct create_view_part {
    struct table_name view;
    bool or_replace;
    bool if_not_exists;
    struct str_list columns;
    str query; /* text after AS */
};

/* k = v of ALTER NAMESPACE ... SET OPTIONS; the value is BOOLEAN, BIGINT, DOUBLE or TEXT. */
struct named_option {
    str name;
    struct value value;
};

struct namespace_part { /* CREATE, ALTER, DROP, USE NAMESPACE */
    str name;
    bool if_not_exists;
    bool if_exists;
    bool is_cascade;
    struct named_option *options;
    unsigned option_count;
    unsigned option_capacity;
};

struct show_part {           /* SHOW ..., DESCRIBE, STORAGE FLUSH|COMPACT */
    struct table_name table; /* of those that name one */
    str ns;                  /* SHOW TABLES IN ns, STORAGE FLUSH ALL IN ns */
    bool is_history;         /* DESCRIBE TABLE t HISTORY */
    struct option_i64 version;
    str path; /* SHOW BACKUP 'path' */
};

struct storage_part { /* CREATE, ALTER, DROP STORAGE, STORAGE CHECK */
    str id;
    bool if_exists;
    bool if_not_exists;
    bool is_extended;
    str type; /* filesystem, s3, gcs, azure */
    /* The pairs say whether given: an empty text is a value too. */
    bool has_name, has_description, has_base_directory, has_bucket, has_region;
    bool has_shared_template, has_user_template, has_credentials, has_config;
    str name;
    str description;
    str base_directory; /* PATH or BASE_DIRECTORY */
    str bucket;
    str region;
    str shared_tables_template;
    str user_tables_template;
    str credentials; /* JSON text, checked by whoever stores it */
    str config;
};

enum user_auth { USER_AUTH_UNSAID, USER_AUTH_PASSWORD, USER_AUTH_OAUTH, USER_AUTH_INTERNAL };
enum user_role {
    USER_ROLE_UNSAID,
    USER_ROLE_USER,
    USER_ROLE_SERVICE,
    USER_ROLE_DBA,
    USER_ROLE_SYSTEM
};

struct user_part { /* CREATE, ALTER, DROP USER */
    str name;      /* its case is kept: it is the user id */
    bool if_exists;
    bool if_not_exists;
    enum user_auth auth;
    str password;
    str oauth; /* JSON text */
    enum user_role role;
    bool has_email;
    str email;
};

enum topic_event { TOPIC_ON_INSERT, TOPIC_ON_UPDATE, TOPIC_ON_DELETE };
enum topic_payload {
    TOPIC_PAYLOAD_UNSAID,
    TOPIC_PAYLOAD_KEY,
    TOPIC_PAYLOAD_FULL,
    TOPIC_PAYLOAD_DIFF
};
enum consume_start { CONSUME_UNSAID, CONSUME_EARLIEST, CONSUME_LATEST, CONSUME_OFFSET };

struct topic_part {          /* CREATE, ALTER, DROP, CLEAR TOPIC, CONSUME, ACK */
    struct table_name topic; /* ns is checked by the text: "must be namespace-qualified" */
    bool if_exists;
    bool if_not_exists;
    struct option_i64 partitions;
    struct table_name source; /* ALTER ... ADD SOURCE */
    enum topic_event event;
    struct expr *where;
    str where_text;
    enum topic_payload payload;
    str group;
    enum consume_start start;
    struct option_i64 offset; /* CONSUME FROM n, ACK UPTO OFFSET n */
    struct option_i64 limit;
    struct option_i64 partition;
};

enum cluster_action {
    CLUSTER_SNAPSHOT,
    CLUSTER_PURGE,
    CLUSTER_TRIGGER_ELECTION,
    CLUSTER_TRANSFER_LEADER,
    CLUSTER_JOIN,
    CLUSTER_REBALANCE,
    CLUSTER_STEPDOWN,
    CLUSTER_CLEAR
};

struct cluster_part {
    enum cluster_action action;
    int64_t number; /* PURGE upto, TRANSFER LEADER and JOIN node id */
    str rpc_address;
    str api_address;
};

struct kill_part {
    str id;
};

struct path_part { /* BACKUP, RESTORE */
    str ns;        /* spec 002: BACKUP DATABASE ns TO ...; empty: the whole server */
    str path;
    bool is_incremental;
};

struct execute_as_part {
    str user;
    str inner; /* exactly one statement; parse it with sql_parse, its rights are those of `user` */
};

struct explain_part {
    bool is_analyze;
    str inner; /* text of the statement explained */
};

struct set_part {
    str text; /* after SET; the engine's business */
};

struct savepoint_part {
    str name;
};

/* What a subscription watches (contract sql.md 10.2). */
struct subscription {
    struct table_name table; /* ns is given but for SUBSCRIBE TO t */
    bool is_star;
    struct str_list columns; /* the projection; aliases are ignored, as the contract says */
    struct expr *where;      /* no EXPR_ENGINE inside */
    str where_text;
};

struct subscribe_part {
    struct subscription subscription;
    str query;        /* SELECT ... FROM ... [WHERE ...], without OPTIONS */
    bool has_options; /* OPTIONS () says it too */
    struct option_i64 last_rows;
    struct option_i64 batch_size;
    struct option_i64 from;
};

struct statement {
    enum statement_kind kind;
    str text;             /* exactly as written, trimmed, without the ';' */
    unsigned param_count; /* the greatest n of $n; 0: none */
    union {
        struct select_part select; /* SELECT, WITH, VALUES */
        struct insert_part insert;
        struct update_part update;
        struct delete_part delete;
        struct namespace_part namespace;
        struct create_table_part create_table;
        struct alter_table_part alter_table;
        struct drop_part drop;
        struct create_view_part create_view;
        struct show_part show;
        struct storage_part storage;
        struct user_part user;
        struct topic_part topic;
        struct cluster_part cluster;
        struct kill_part kill;
        struct path_part path;
        struct execute_as_part execute_as;
        struct explain_part explain;
        struct set_part set;
        struct savepoint_part savepoint;
        struct subscribe_part subscribe;
    } as;
};

#endif

/* engine/duck.h -- the SQL engine's door: runs SELECT over both tiers, writes and reads Parquet.
 * For:      query (SELECT text that passed the gate), store (segments), jobs (flush, compaction).
 *           The engine holds views only, no row. It sees rows through a `duck_provider`.
 * Touches:  DuckDB 1.4.4 in memory; files below options.cold_dir and nowhere else.
 * Owns:     its connections, views and prepared statements; one watchdog thread.
 * Threads:  a `duck` is shared. Connections stand in slots: all four of a slot belong to the one
 * thread that uses the slot (a worker, a job thread), with at least 8 MiB of stack. duck_cancel may
 *           be called from any thread.
 * Manners:  no text but the gate's is ever prepared on HOT, ALL, RAW (the engine opens files while
 * it prepares). Errors never carry paths or cell values. */
#ifndef ENGINE_DUCK_H
#define ENGINE_DUCK_H

#include "base/clock.h"
#include "model/batch.h"
#include "model/schema.h"

struct duck;           /* one engine */
struct duck_conn;      /* one connection; one statement at a time */
struct duck_statement; /* prepared; belongs to its connection's cache */
struct duck_result;    /* rows of one execution, pulled batch by batch */

/* --- rows that come from us ---------------------------------------------------------------------
 */

/* A stream of batches. `next` gets an emptied batch and fills 0..LIMIT_BATCH_ROWS rows of the
 * wanted columns; *done = true: no rows after these (they may be the last ones). It is not called
 * again after an error or done. `close` is called exactly once after a successful open, on the same
 * thread. Far texts must live until the next call: the batch's heap does, a pinned block of the
 * store too. */
struct duck_source {
    void *state;
    status (*next)(void *state, struct batch *batch, bool *done, struct error *err);
    void (*close)(void *state); /* may be NULL */
};

/* A hot scan as the engine asks for it. Batch columns are the schema's columns in order, then its
 * system columns in order (_seq, _updated, _deleted; STREAM: _seq, _deleted). Bit i of `wanted`
 * (u64 words) = column i must be filled; count(*) wants none. Rows come as they are, tombstones
 * too, when `want_deleted`; otherwise the source may leave tombstones out (the view filters them
 * anyway). */
struct duck_scan {
    const struct schema *schema; /* of the version that the statement was bound to */
    const uint64_t *wanted;
    unsigned column_count; /* schema->column_count + schema_system_column_count */
    bool want_deleted;
};

struct duck_column {
    str name;
    struct type type;
};

/* What the layers above implement. `session` is what duck_session_set put on the running
 * connection; it is read when a scan starts, never when a statement is prepared (files_list
 * excepted: a plan that reads Parquet is bound again at each execution). All functions are called
 * on the thread that executes the statement, and may be called several times in one statement (self
 * joins). NULL session: a view is being defined; only files_list and hot_count are called then. */
struct duck_provider {
    void *context;
    /* Rows of the hot tier visible in the session's view. */
    status (*hot_open)(void *context, void *session, const struct duck_scan *scan,
                       struct duck_source *out, struct error *err);
    /* A guess of the rows hot_open will give: it chooses join sides. May be NULL. */
    uint64_t (*hot_count)(void *context, void *session, table_id table);
    /* Superseded seqs of cold rows: batches of one BIGINT column, in any order. */
    status (*dead_open)(void *context, void *session, table_id table, struct duck_source *out,
                        struct error *err);
    /* Paths of the table's segments, newest first; none: give the path of an empty file
     * (duck_write_empty), so *count >= 1 always. The array and texts live in the arena. */
    status (*files_list)(void *context, void *session, table_id table, struct arena *arena,
                         str **paths, unsigned *count, struct error *err);
    /* Columns of a system table ("system.users"); NOT_FOUND: there is none. They never change. */
    status (*system_columns)(void *context, str name, struct arena *arena,
                             const struct duck_column **columns, unsigned *count,
                             struct error *err);
    /* Its rows for the session; all columns must be filled when wanted. */
    status (*system_open)(void *context, void *session, str name, const uint64_t *wanted,
                          struct duck_source *out, struct error *err);
    /* SNOWFLAKE_ID(), UUID_V7(), ULID(): a fresh value per call. */
    int64_t (*make_snowflake)(void *context);
    void (*make_uuid_v7)(void *context, uint8_t out[16]);
    void (*make_ulid)(void *context, char out[26]);
};

/* --- the engine ---------------------------------------------------------------------------------
 */

struct duck_options {
    uint64_t memory_bytes; /* engine's own limit, such as 512 MiB */
    uint64_t
        resident_bytes_max; /* of the process; above it running statements end with ERROR_MEMORY
                               (the engine does not count all it takes). 0: not watched */
    const char *temp_dir;   /* spill files; made by the caller */
    uint64_t temp_bytes_max;
    const char *cold_dir;                 /* absolute; the only folder that the engine may touch */
    unsigned slot_count;                  /* threads that will use it */
    const struct clock *clock;            /* deadlines are in its monotonic µs */
    const struct duck_provider *provider; /* outlives the engine */
};

/* About 20 ms and 30 MiB: call it on the first need. CONFIG/INTERNAL: the engine refused a setting.
 */
MUST_USE status duck_open(const struct duck_options *options, struct duck **out, struct error *err);
/* Every result must be closed and every slot idle. */
void duck_close(struct duck *duck); /* NULL allowed */
/* The engine declared itself broken (a fatal internal error): close it and open a new one. */
bool duck_is_broken(const struct duck *duck);

/* What a name means on a connection. HOT: views over hot rows only, when no table of the statement
 * has cold files for this session. ALL: both tiers. RAW: both, tombstones visible; on HOT and ALL
 * such a view is named with its catalog, DUCK_RAW_CATALOG (a filter names `_deleted` of that
 * table). INTERNAL: no user text; parsing, segments, Parquet. */
enum duck_catalog { DUCK_HOT, DUCK_ALL, DUCK_RAW, DUCK_INTERNAL, DUCK_CATALOG_COUNT };

/* The connection of a slot (0..slot_count-1). Never NULL; lives as long as the engine. */
struct duck_conn *duck_conn_of(struct duck *duck, unsigned slot, enum duck_catalog catalog);
/* Binds what the provider will be handed; NULL takes it away. Not while a result is open. */
void duck_session_set(struct duck_conn *conn, void *session);
void *duck_session(const struct duck_conn *conn);

/* --- names --------------------------------------------------------------------------------------
 */

/* Views are named by table id and version, so a version never changes under a running statement and
 * a dropped and recreated table is another one. The gate writes duck_schema_name(...) where the
 * user wrote the namespace: FROM app.messages becomes FROM "17.3".messages. */
enum { DUCK_SCHEMA_NAME_BYTES = 32 };
/* "17.3" with NUL. */
void duck_schema_name(table_id table, uint32_t version, char out[DUCK_SCHEMA_NAME_BYTES]);
/* Makes the view of (table, version) in a catalog (HOT, ALL, RAW) on its first use; later calls
 * cost a look-up. Call it for every table of a statement before duck_prepare. The engine keeps the
 * schema. */
MUST_USE status duck_define_table(struct duck *duck, enum duck_catalog catalog,
                                  struct schema *schema, struct error *err);
/* The same for a system table, such as "system.users"; in all catalogs it is called
 * _k_sys."<schema>"."<table>" (duck_system_schema gives <schema>). */
MUST_USE status duck_define_system(struct duck *duck, str namespace_name, str table,
                                   struct error *err);
/* "system" -> "sys.system": where duck_define_system puts its views. */
#define DUCK_SYSTEM_CATALOG "_k_sys"
#define DUCK_RAW_CATALOG "_k_raw"
#define DUCK_SYSTEM_SCHEMA_PREFIX "sys."
/* Drops the views of all versions below `version` (UINT32_MAX: all) that nobody uses any more:
 * after ALTER, DROP. Statements that still name them fail with ERROR_CONFLICT and are bound again.
 */
void duck_forget_table(struct duck *duck, table_id table, uint32_t version);

/* Appends `name` in double quotes. */
void duck_append_name(struct buf *out, str name);

/* --- statements ---------------------------------------------------------------------------------
 */

/* Finds or makes the prepared statement of `text` for parameters of these types (TYPE_NONE: an
 * untyped NULL). The cache of the connection keeps it (DUCK_STATEMENTS_MAX, least recently used);
 * the pointer is good until the next duck_prepare on the connection. */
enum { DUCK_STATEMENTS_MAX = 64, DUCK_PARAMETERS_MAX = LIMIT_PARAMS + 14 };
MUST_USE status duck_prepare(struct duck_conn *conn, str text, const struct type *parameter_types,
                             unsigned parameter_count, struct duck_statement **out,
                             struct error *err);

/* Runs it to the first rows. `deadline_us`: monotonic, 0: none (internal work only). The result is
 * closed by duck_result_close before anything else is done with the connection.
 * TIMEOUT: deadline passed. CANCELLED: see duck_set_cancel. LIMIT: no memory. What a provider
 * function reported comes back unchanged. */
MUST_USE status duck_execute(struct duck_statement *statement, const struct value *parameters,
                             unsigned parameter_count, uint64_t deadline_us,
                             struct duck_result **out, struct error *err);

/* How a result column reads. Types the contract has no cell for are refused at the first execution.
 */
struct duck_result_column {
    str name;
    struct type type; /* of the batch column */
    bool is_raw_json; /* TEXT whose cells are JSON arrays (a LIST): they go out unquoted */
};
unsigned duck_result_column_count(const struct duck_result *result);
/* Lives as long as the result. */
const struct duck_result_column *duck_result_column(const struct duck_result *result,
                                                    unsigned index);
/* To the engine an EMBEDDING is a LIST of FLOAT, as it stands in the files. Whoever knows that a
 * column holds EMBEDDINGs says so before the first fetch and gets them as such; for every other
 * type nothing changes. A fetch fails with QUERY when a cell has another number of items. */
void duck_result_expect(struct duck_result *result, unsigned index, struct type type);

/* The next rows, *batch NULL at the end. The batch is the result's and good until the next fetch or
 * close; zero-copy where layouts match. Errors as duck_execute. */
MUST_USE status duck_fetch(struct duck_result *result, const struct batch **batch,
                           struct error *err);
void duck_result_close(struct duck_result *result); /* NULL allowed */

/* From now on statements of the connection end with CANCELLED soon after *is_cancelled is not 0,
 * which any thread may set; NULL: never. It must live until it is replaced. */
void duck_set_cancel(struct duck_conn *conn, const atomic_count *is_cancelled);

/* For tests: one internal SELECT with parameters; *out is a result to fetch from. */
MUST_USE status duck_eval_select(struct duck_conn *conn, str text, const struct value *parameters,
                                 unsigned parameter_count, struct duck_result **out,
                                 struct error *err);

/* --- parsing for the gate -----------------------------------------------------------------------
 */

/* The engine's syntax tree of `text` as JSON; parses only, touches nothing. The JSON may say
 * {"error":true,...}: reading it is the caller's. `conn` is an INTERNAL one. */
MUST_USE status duck_parse_select(struct duck_conn *conn, str text, struct arena *arena, str *json,
                                  struct error *err);
/* SQL text of such a tree. */
MUST_USE status duck_print_select(struct duck_conn *conn, str json, struct arena *arena, str *text,
                                  struct error *err);

/* --- Parquet ------------------------------------------------------------------------------------
 */

/* Field ids in files: a user column has its column id; system columns have these. docs/formats. */
enum {
    PARQUET_FIELD_SEQ = 2147483001,
    PARQUET_FIELD_UPDATED = 2147483002,
    PARQUET_FIELD_DELETED = 2147483003
};
/* A row group ends at whichever comes first; the engine holds one in memory while it writes it, and
 * the bytes are those of its vectors. It looks after each batch of the source. */
enum { PARQUET_ROW_GROUP_ROWS = 24576, PARQUET_ROW_GROUP_BYTES = 32 << 20 };

struct parquet_column_stats {
    uint32_t column_id; /* field id */
    bool
        has_range; /* min and max are known: not for BYTES, EMBEDDING, JSON, all NULL, long texts */
    struct value min;
    struct value max;
    uint64_t null_count;
};
struct parquet_stats {
    uint64_t row_count;
    uint64_t file_bytes;
    const struct parquet_column_stats *columns; /* user columns, then system columns */
    unsigned column_count;
};

struct duck_write {
    const struct schema *schema;
    struct duck_source
        source;              /* columns as in duck_scan, all wanted, ascending _seq; closed by us */
    const char *path;        /* below cold_dir; replaced when it is there */
    const char *compression; /* "zstd", "snappy", "uncompressed"; NULL: zstd */
    unsigned row_group_rows; /* rounded up to whole batches; 0: PARQUET_ROW_GROUP_ROWS */
};
/* Writes one file; no fsync, no rename: the caller's. `stats` lives in the arena. On error a torn
 * file may be left. `conn` is an INTERNAL one. STORAGE_FULL, IO: the file; else what the source
 * said. */
MUST_USE status duck_write_parquet(struct duck_conn *conn, const struct duck_write *write,
                                   struct arena *arena, struct parquet_stats *stats,
                                   struct error *err);
/* Writes the file to name when a table has no segment: no rows, good for every schema. Durable, and
 * whole or not there; needs no engine. */
MUST_USE status duck_write_empty(const char *path, struct error *err);

/* Reads rows of segments under the newest schema (renamed, added and widened columns are seen as
 * the schema says). Batch columns as in duck_scan, not wanted ones are NULL. */
struct duck_segment_read {
    const struct schema *schema;
    const str *paths; /* in the order in which rows shall come */
    unsigned path_count;
    const uint64_t *wanted; /* NULL: all columns */
    bool has_seq_range;
    int64_t seq_after; /* rows with seq_after < _seq <= seq_to */
    int64_t seq_to;
    bool with_file_row_number; /* one more BIGINT column at the end: position within the file */
};
/* `conn` is an INTERNAL one; it is busy until the result is closed. CORRUPT: a file is no Parquet.
 */
MUST_USE status duck_segment_open(struct duck_conn *conn, const struct duck_segment_read *read,
                                  struct duck_result **out, struct error *err);
/* One row by `_seq` from one file: *found, and values (columns as in duck_scan) in the arena. */
MUST_USE status duck_segment_get(struct duck_conn *conn, const struct schema *schema, str path,
                                 int64_t seq, struct arena *arena, struct value *values,
                                 bool *found, struct error *err);

#endif

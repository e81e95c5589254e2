/* engine/duck_private.h -- what the duck_*.c files share; nobody else includes it.
 * Touches:  DuckDB's C API.
 * Threads:  see duck.h. `struct duck_conn` is owned by its slot's thread but for the part guarded
 * by the watch lock. */
#ifndef ENGINE_DUCK_PRIVATE_H
#define ENGINE_DUCK_PRIVATE_H

#include "base/check.h"
#include "base/lock.h"
#include "base/map.h"
#include "engine/duck.h"

#include <duckdb.h>

#include <inttypes.h>
#include <limits.h>

static_assert(sizeof(struct string_view16) == sizeof(duckdb_string_t),
              "string views are copied to and from the engine's");
static_assert(offsetof(struct string_view16, as.far.pointer) ==
                  offsetof(duckdb_string_t, value.pointer.ptr),
              "string views are copied to and from the engine's");
static_assert(sizeof(int128) == sizeof(duckdb_hugeint), "128-bit integers are copied as they are");

enum {
    DUCK_INLINE_BYTES = 12,
    DUCK_STATEMENT_RUNS_MAX = 256 /* then it is prepared anew, see duck_run.c */
};

enum duck_stop { DUCK_STOP_NONE, DUCK_STOP_DEADLINE, DUCK_STOP_CANCEL, DUCK_STOP_MEMORY };

struct duck_statement {
    struct duck_conn *conn;
    char *key; /* text, NUL, type bytes: see duck_run.c */
    size_t key_bytes;
    uint64_t hash;
    uint64_t used;       /* value of conn->clock at the last use */
    uint32_t runs;       /* executions */
    uint64_t generation; /* duck->generation when it was prepared */
    duckdb_prepared_statement prepared;
    unsigned parameter_count;
    idx_t places[DUCK_PARAMETERS_MAX];       /* the engine's number of $n; 0: not used */
    duckdb_type wanted[DUCK_PARAMETERS_MAX]; /* what the engine expects there; INVALID: anything */
};

struct duck_conn {
    struct duck *duck;
    enum duck_catalog catalog;
    duckdb_connection handle;
    uint64_t id; /* the engine's number of it */
    void *session;
    struct duck_statement *statements[DUCK_STATEMENTS_MAX]; /* NULL: free */
    uint64_t clock;                                         /* counts uses of statements */
    struct duck_result *open;                               /* NULL: idle */
    struct running_scan *scans; /* whose sources are open (duck_scan.c) */
    struct error reported;      /* what a provider said last; id NONE: nothing */

    /* the source of a running COPY */
    const struct duck_write *write;
    bool write_is_started;

    /* guarded by duck->watch_lock */
    bool is_watched;
    const atomic_count *is_cancelled; /* see duck_set_cancel */
    uint64_t deadline_us;             /* 0: none */
    enum duck_stop stop;
    struct duck_conn *next_watched;
};

/* A (table, version) that has views. */
struct duck_table {
    struct schema *schema; /* counted */
    bool is_defined[DUCK_CATALOG_COUNT];
};

struct duck {
    struct duck_options options;
    char *temp_dir;
    char *cold_dir;
    duckdb_database database;
    struct duck_conn *conns; /* slot_count * DUCK_CATALOG_COUNT, then the one for DDL */
    unsigned conn_count;
    struct duck_conn *ddl;
    atomic_count is_broken;
    atomic_count generation; /* +1 when views go: plans made before are made again (the engine
                                notices a dropped view only sometimes) */

    struct lock views_lock; /* one DDL at a time; held over calls into the engine, which call bind
                               functions (they take names_lock) and files_list with no session */
    struct lock names_lock; /* guards: */
    struct map tables;      /* "17.3" -> struct duck_table */
    struct map systems;     /* "system.users" -> itself */

    struct lock watch_lock; /* guards: */
    struct cond watch_cond;
    struct duck_conn *watched;
    bool is_closing;
    bool is_asleep;     /* the watchdog waits for a signal */
    bool was_used;      /* since it fell asleep */
    uint64_t purged_us; /* of the watchdog: when free memory was last given back */
    struct thread watchdog;
};

/* duck_open.c */
/* The connection that a bind function runs on; never NULL. */
struct duck_conn *duck_conn_of_context(struct duck *duck, duckdb_client_context context);
/* One statement of ours without parameters; its result is dropped. */
MUST_USE status duck_run_sql(struct duck_conn *conn, const char *sql, struct error *err);

/* duck_watch.c */
void duck_watch_start(struct duck *duck);
void duck_watch_stop(struct duck *duck);
/* From here the connection is interrupted at the deadline, on duck_cancel, and when memory runs
 * out. */
void duck_watch_begin(struct duck_conn *conn, uint64_t deadline_us);
void duck_watch_end(struct duck_conn *conn);
/* The engine did something that is not watched: memory of it goes back a second later. */
void duck_watch_use(struct duck *duck);
enum duck_stop duck_watch_reason(struct duck_conn *conn);

/* duck_error.c */
/* Keeps what a provider said, and returns a text for the engine to carry out of its call. */
const char *duck_report(struct duck_conn *conn, const struct error *err);
/* Why the watchdog stopped the statement: TIMEOUT, CANCELLED, LIMIT. */
MUST_USE status duck_error_of_stop(struct duck_conn *conn, struct error *err);
/* Our error of the engine's text. */
MUST_USE status duck_error_from(struct duck_conn *conn, const char *message, struct error *err);

/* duck_vector.c */
/* The engine's type of a column; destroyed by the caller. */
duckdb_logical_type duck_type_of(struct type type);
/* "DECIMAL(10,2)", "FLOAT[]": in schema maps and casts. */
void duck_type_append(struct buf *out, struct type type);
/* Copies `row_count` rows of a batch column into a vector of duck_type_of(column->type). */
void duck_vector_fill(duckdb_vector vector, const struct batch_column *column, unsigned row_count);

/* One column of a result: how to read its vectors. */
struct duck_reader {
    duckdb_type from;
    duckdb_logical_type logical; /* owned */
    struct duck_result_column column;
    unsigned width;           /* ARRAY: items */
    struct duck_reader *item; /* LIST, ARRAY that is no EMBEDDING; owned */
    void *converted;          /* LIMIT_BATCH_ROWS cells of 16 bytes when the layouts differ */
    uint64_t *valid;          /* LIMIT_BATCH_ROWS bits, when cells may turn NULL */
};
/* UNSUPPORTED: no cell encoding for the type; the error names the column. */
MUST_USE status duck_reader_open(struct duck_reader *reader, duckdb_logical_type logical, str name,
                                 struct error *err);
void duck_reader_close(struct duck_reader *reader);
/* The caller knows that the column holds values of this type: a LIST of FLOAT is then read as the
 * EMBEDDING that it is, not as a JSON text. */
void duck_reader_expect(struct duck_reader *reader, struct type type);
/* Points `column` at the vector's cells, converted where layouts differ; texts made here live in
 * `heap`. INVALID: a cell does not fit its type. */
MUST_USE status duck_reader_view(struct duck_reader *reader, duckdb_vector vector,
                                 unsigned row_count, struct batch_column *column,
                                 struct arena *heap, struct error *err);
/* A parameter or constant as the engine's value; the caller destroys it. */
duckdb_value duck_value_of(const struct value *v);

/* duck_scan.c, duck_function.c, duck_json.c: registration on one connection. */
MUST_USE status duck_scan_register(struct duck *duck, duckdb_connection handle, struct error *err);
/* Closes the sources that the statement before left open: what they read from goes with it, while
 * the engine may keep its scans until the connection's next statement. */
void duck_scans_close(struct duck_conn *conn);
MUST_USE status duck_function_register(struct duck *duck, duckdb_connection handle,
                                       struct error *err);
MUST_USE status duck_json_register(struct duck *duck, duckdb_connection handle, struct error *err);
MUST_USE status duck_cast_register(duckdb_connection handle, struct error *err);

/* duck_view.c */
/* Appends `text` in single quotes. */
void duck_append_literal(struct buf *out, str text);
void duck_view_close(struct duck *duck);
/* Column `index` of a scan: user columns, then system columns. */
struct duck_column duck_scan_column(const struct schema *schema, unsigned index);
unsigned duck_scan_column_count(const struct schema *schema);
/* The enum system_column of the i-th system column of a schema. */
enum system_column duck_system_column(const struct schema *schema, unsigned index);
/* Its field id in Parquet. */
uint32_t duck_field_id(const struct schema *schema, unsigned index);
/* Appends MAP{1: {name: 'id', ...}, ...} of the columns whose bit is set (NULL: all). */
void duck_append_field_map(struct buf *out, const struct schema *schema, const uint64_t *wanted);

/* duck_run.c */
/* A statement that is prepared for this run only. */
MUST_USE status duck_run_once(struct duck_conn *conn, str text, const struct value *parameters,
                              unsigned parameter_count, struct duck_result **out,
                              struct error *err);
void duck_statements_close(struct duck_conn *conn);

/* duck_function.c: ends a scalar function with a text for clients. */
#define DUCK_OUR_ERROR_PREFIX "kalam: "
void duck_function_error(duckdb_function_info info, const char *text);

static inline bool duck_bit(const uint64_t *bits, unsigned i)
{
    return (bits[i / 64] >> (i % 64) & 1) != 0;
}
static inline bool duck_is_valid(duckdb_vector vector, idx_t row)
{
    const uint64_t *mask = duckdb_vector_get_validity(vector);
    return mask == NULL || (mask[row / 64] >> (row % 64) & 1) != 0;
}
static inline void duck_set_null(duckdb_vector vector, idx_t row)
{
    duckdb_vector_ensure_validity_writable(vector);
    duckdb_vector_get_validity(vector)[row / 64] &= ~((uint64_t)1 << (row % 64));
}
static inline duckdb_string_t duck_string(const duckdb_vector vector, idx_t row)
{
    return ((const duckdb_string_t *)duckdb_vector_get_data(vector))[row];
}
static inline str duck_string_str(const duckdb_string_t *s)
{
    return s->value.inlined.length <= DUCK_INLINE_BYTES
               ? str_of(s->value.inlined.inlined, s->value.inlined.length)
               : str_of(s->value.pointer.ptr, s->value.pointer.length);
}

#endif

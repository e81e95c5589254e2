/* catalog/schema_cache.h -- resolved schemas by (namespace, table, version), each for a while.
 * For:      every statement: reading a schema record, decoding and resolving it costs a hundred
 *           times what finding it here does.
 * Touches:  model and base. Where a missing schema comes from is the loader's business.
 * Owns:     its entries. A schema in use is counted: it outlives its entry, so a running statement
 *           keeps the one that it began with.
 * Threads:  any. Readers never wait for each other, nor for a load of another schema.
 *
 * A table's id is never used again and a version never changes, so an entry cannot become wrong:
 * forgetting frees what nobody will ask for, and the time to live bounds what a mistake could do.
 */
#ifndef CATALOG_SCHEMA_CACHE_H
#define CATALOG_SCHEMA_CACHE_H

#include "base/clock.h"
#include "model/schema.h"

enum { SCHEMA_CACHE_TTL_S = 300, SCHEMA_CACHE_ENTRIES = 4096 }; /* when nobody says otherwise */

struct schema_cache;

struct schema_cache_options {
    const struct clock *clock;
    uint32_t ttl_s;       /* 0: SCHEMA_CACHE_TTL_S */
    uint32_t entries_max; /* above it the least recently used goes; 0: SCHEMA_CACHE_ENTRIES */
};

/* `ns` 0: whichever namespace the table is in. Tables of one name in two namespaces have two ids.
 */
struct schema_key {
    namespace_id ns;
    table_id table;
    uint32_t version;
};

/* An empty cache; `options` are copied. Destroyed when no caller is in it any more. */
struct schema_cache *schema_cache_create(const struct schema_cache_options *options);
void schema_cache_destroy(struct schema_cache *cache); /* NULL allowed */

/* A hold on the schema (schema_give it), or NULL: not there, too old, or of another namespace. */
MUST_USE struct schema *schema_cache_get(struct schema_cache *cache, const struct schema_key *key);
/* Keeps `schema` (takes a hold of its own) as the version that it is; replaces an older entry. */
void schema_cache_put(struct schema_cache *cache, namespace_id ns, struct schema *schema);

/* Makes the schema of a key, counted, and says its namespace. May block, may fail. */
typedef status schema_load_fn(void *context, const struct schema_key *key, namespace_id *ns,
                              struct schema **out, struct error *err);
/* As get; when it is not there, `load` makes it and it is kept. Threads that miss the same key
 * meanwhile wait for that one load and share its result, an error too; an error is not kept. What
 * was loading while its table was forgotten is handed out, and not kept. */
MUST_USE status schema_cache_get_or_load(struct schema_cache *cache, const struct schema_key *key,
                                         schema_load_fn *load, void *context, struct schema **out,
                                         struct error *err);

/* Each gives the number of entries that went. */
unsigned schema_cache_forget_table(struct schema_cache *cache, table_id table);
unsigned schema_cache_forget_version(struct schema_cache *cache, table_id table, uint32_t version);
unsigned schema_cache_forget_namespace(struct schema_cache *cache, namespace_id ns);
unsigned schema_cache_clear(struct schema_cache *cache);
/* Those whose time is over. */
unsigned schema_cache_sweep(struct schema_cache *cache);

struct schema_cache_statistics {
    uint64_t entries; /* now: active + expired */
    uint64_t active;
    uint64_t expired; /* too old to be given out, waiting for the sweep */
    uint64_t hits;    /* since the start, as all below */
    uint64_t misses;
    uint64_t evictions; /* for want of room */
    uint64_t loads;
};
/* One instant, exact. */
void schema_cache_statistics_get(struct schema_cache *cache, struct schema_cache_statistics *out);

#endif

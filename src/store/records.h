/* store/records.h -- the small records beside the rows (docs/formats/store.md).
 * For:      p, u, n, f, m as structs and as bytes. All numbers little-endian; every record but `p`
 * starts with its format byte. Decoders check all and answer CORRUPT; fuzzed (records_fuzz).
 * Touches:  base only.
 * Owns:     nothing: texts of a decoded record point into its bytes.
 * Threads:  any. */
#ifndef STORE_RECORDS_H
#define STORE_RECORDS_H

#include "base/buf.h"
#include "base/hash.h"

/* p: where the newest version of a key stands in time; never where it lies. */
struct key_entry {
    uint64_t seq;
    bool is_deleted; /* the newest version is a tombstone */
};
enum { KEY_ENTRY_BYTES = 9 };
void key_entry_encode(const struct key_entry *entry, char out[KEY_ENTRY_BYTES]);
MUST_USE status key_entry_decode(str bytes, struct key_entry *out, struct error *err);

/* u: the encoded primary key of the live row that has a value of a UNIQUE constraint. */
enum { UNIQUE_ENTRY_FORMAT = 1 };
void unique_entry_encode(struct buf *out, str owner_key);
MUST_USE status unique_entry_decode(str bytes, str *owner_key, struct error *err);

/* n: one table in one partition. All zero before the first write. */
struct table_state {
    uint64_t hot_rows;  /* row versions in `r`, tombstones too */
    uint64_t hot_bytes; /* of their values */
    int64_t oldest_us;  /* commit time of the oldest hot row, wall µs; 0 when there is none. Never
                           younger than the true one */
    uint64_t flushed_seq;        /* versions up to here are cold */
    uint64_t next_file;          /* number of the next segment; never goes down */
    uint64_t resume_floor;       /* greatest tombstone that compaction dropped */
    uint64_t dead;               /* `d` keys */
    uint64_t generation;         /* +1 with every change of the manifest */
    uint64_t segments;           /* manifest entries */
    uint64_t cold_rows;          /* rows in segments, dead ones and tombstones too */
    uint64_t cold_bytes;         /* of segment files */
    int64_t manifest_created_us; /* first and last change of the manifest; 0: none yet */
    int64_t manifest_updated_us;
};
enum { TABLE_STATE_BYTES = 1 + 13 * 8 };
void table_state_encode(const struct table_state *state, char out[TABLE_STATE_BYTES]);
MUST_USE status table_state_decode(str bytes, struct table_state *out, struct error *err);

/* f: a flush is under way. */
struct flush_intent {
    uint64_t file;           /* number of the segment */
    uint64_t high;           /* H: versions up to here go into it */
    uint64_t rows_start;     /* rows <= H when the intent was evaluated */
    uint64_t rows;           /* of these the ones not superseded since */
    uint64_t bytes;          /* of their values */
    int64_t oldest_above_us; /* commit time of the first row > H; 0: none yet */
};
enum { FLUSH_INTENT_BYTES = 1 + 6 * 8 };
void flush_intent_encode(const struct flush_intent *intent, char out[FLUSH_INTENT_BYTES]);
MUST_USE status flush_intent_decode(str bytes, struct flush_intent *out, struct error *err);

/* m: a segment. It holds every version with low < seq <= high that the table has, but for those
 * that were dead when it was written. */
struct segment {
    uint64_t number;
    uint64_t low;
    uint64_t high;
    uint64_t min_seq; /* of its rows */
    uint64_t max_seq;
    uint64_t rows; /* tombstones too */
    uint64_t tombstones;
    uint64_t oldest_tombstone; /* least seq of a tombstone; 0: none */
    uint64_t bytes;            /* of the file */
    hash128 checksum;          /* XXH3-128 of the file */
    uint64_t tail_bytes;       /* of filters and footer at its end; 0: not known (format 1) */
    hash128 tail_checksum;     /* XXH3-128 of these */
    int64_t created_us;
    uint32_t schema_version;
    str directory; /* of the file: relative to the cold root, or absolute */
    str stats;     /* JSON: {"<column id>":{"min":...,"max":...,"null_count":n}} */
};
enum { SEGMENT_DIRECTORY_BYTES_MAX = 4000, SEGMENT_STATS_BYTES_MAX = 1 << 20 };
void segment_encode(struct buf *out, const struct segment *segment);
MUST_USE status segment_decode(str bytes, struct segment *out, struct error *err);

/* i: the answer of a request that came with an Idempotency-Key (answers.h). */
enum { ANSWER_ID_BYTES = 32 };
struct stored_answer {
    char user[ANSWER_ID_BYTES];    /* SHA-256 of the user id */
    char request[ANSWER_ID_BYTES]; /* SHA-256 of what was asked */
    int64_t created_us;            /* wall clock */
    str text;
};
void stored_answer_encode(struct buf *out, const struct stored_answer *answer);
MUST_USE status stored_answer_decode(str bytes, struct stored_answer *out, struct error *err);

#endif

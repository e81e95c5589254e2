/* query/prune_private.h -- what prune.c and prune_decide.c share. */
#ifndef QUERY_PRUNE_PRIVATE_H
#define QUERY_PRUNE_PRIVATE_H

#include "query/prune.h"

/* A constant, or a parameter. */
struct prune_operand {
    int parameter;      /* index into the values of the run; -1: `value` */
    enum type_id cast;  /* TYPE_NONE: none */
    struct value value; /* BIGINT or TEXT */
};

enum prune_op {
    PRUNE_IN,
    PRUNE_LESS,
    PRUNE_AT_MOST,
    PRUNE_MORE,
    PRUNE_AT_LEAST,
    PRUNE_IS_NULL,
    PRUNE_IS_NOT_NULL
};

/* column op constant; IN has several constants, or those of a source, equality is an IN of one, IS
 * NULL has none. */
struct prune_term {
    struct prune_term *next;
    enum prune_op op;
    uint32_t field_id;
    str column;        /* its name */
    enum type_id type; /* of the column, in the version that the statement sees */
    struct prune_operand *operands;
    unsigned operand_count;
    const struct prune_source *source; /* NULL: the operands */
};

/* A place in the statement that reads a table: all terms hold for its rows. */
struct prune_place {
    struct prune_place *next;
    table_id table;
    str table_text; /* as the engine calls it, quoted; empty: it reads tombstones, too */
    struct prune_term *terms;
};

/* A column of another place whose values a term compares its own with: in an inner join, or in IN
 * (SELECT ...). What the text gives has them all, and perhaps more. */
struct prune_source {
    struct prune_source *next;
    unsigned number; /* 0, 1, ... */
    const struct prune_place *place;
    str column;
    str text; /* a SELECT of PRUNE_VALUES_MAX + 1 distinct values at most */
    const struct prune_operand **operands; /* its parameters, without their casts */
    unsigned operand_count;
    const struct prune_plan *own; /* the files that the text itself does without */
};

enum {
    PRUNE_SOURCES_MAX = 8,         /* of one statement; more are not looked at */
    PRUNE_VALUES_MAX = 1000,       /* of one source; more of them decide little */
    PRUNE_SOURCE_ROWS_MAX = 50000, /* of the table that a source reads */
    PRUNE_SEGMENTS_MIN = 4         /* of a table, that collecting values for it pays */
};

struct prune_plan {
    struct prune_place *places;
    struct prune_source *sources; /* by number, the newest first */
    unsigned source_count;
};

/* prune_source.c: gives the plan's sources their texts, when all places have their terms. */
void prune_finish_sources(struct prune_plan *plan, struct arena *keep);

/* prune_files, but the engine does not get them: they are not counted. */
MUST_USE status prune_decide(const struct prune_run *prune, struct table_read *read,
                             struct table_file **files, unsigned *count, unsigned *total,
                             struct error *err);

#ifdef KALAM_TESTING
/* Is that defect planted? Testing builds only. */
bool prune_mutant_is(enum prune_mutant mutant);
#endif

#endif

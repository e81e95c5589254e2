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

/* column op constant; IN has several constants, equality is an IN of one, IS NULL has none. */
struct prune_term {
    struct prune_term *next;
    enum prune_op op;
    uint32_t field_id;
    enum type_id type; /* of the column, in the version that the statement sees */
    struct prune_operand *operands;
    unsigned operand_count;
};

/* A place in the statement that reads a table: all terms hold for its rows. */
struct prune_place {
    struct prune_place *next;
    table_id table;
    struct prune_term *terms;
};

struct prune_plan {
    struct prune_place *places;
};

#ifdef KALAM_TESTING
/* Is that defect planted? Testing builds only. */
bool prune_mutant_is(enum prune_mutant mutant);
#endif

#endif

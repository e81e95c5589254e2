/* query/prune_source.c -- the SELECTs that read the values of a joined table (prune.h, rule 4).
 * For:      prune.c, once a plan is made; prune_collect.c runs them.
 * Rules:    a text has the terms of its place alone: its other conditions would leave fewer values,
 *           and more of them are always right.
 * Touches:  nothing; what it makes lives in the plan's arena. Threads: any. */
#include "query/prune_private.h"

#include "query/gate.h"

struct text_writer {
    struct buf out;
    const struct prune_operand **operands;
    unsigned count;
};

static const char *cast_name(enum type_id type)
{
    switch (type) {
    case TYPE_TIMESTAMP:
        return "TIMESTAMP";
    case TYPE_DATE:
        return "DATE";
    case TYPE_BIGINT:
        return "BIGINT";
    case TYPE_TEXT:
        return "VARCHAR";
    case TYPE_UUID:
        return "UUID";
    case TYPE_DOUBLE:
        return "DOUBLE";
    default:
        return "TIME";
    }
}

/* Always a parameter: nothing that came from outside becomes text. */
static void append_operand(struct text_writer *w, const struct prune_operand *operand)
{
    w->operands[w->count++] = operand;
    if (operand->cast != TYPE_NONE) {
        buf_append_format(&w->out, "CAST($%u AS %s)", w->count, cast_name(operand->cast));
    } else {
        buf_append_format(&w->out, "$%u", w->count);
    }
}

/* Does the term say the same in that text? Not with a cast to DECIMAL, whose digits are not kept,
 * nor with a literal text, which the engine would read as a value of the column's type. */
static bool is_exact(const struct prune_term *term)
{
    bool is_exact = term->source == NULL;
    for (unsigned i = 0; i < term->operand_count; i++) {
        const struct prune_operand *operand = &term->operands[i];
        bool is_literal = operand->parameter < 0 && operand->cast == TYPE_NONE &&
                          operand->value.type.id == TYPE_TEXT;
        is_exact =
            is_exact && operand->cast != TYPE_DECIMAL && (!is_literal || term->type == TYPE_TEXT);
    }
    return is_exact;
}

static void append_term(struct text_writer *w, const struct prune_term *term)
{
    static const char *const operators[] = {[PRUNE_IN] = " IN (",
                                            [PRUNE_LESS] = " < (",
                                            [PRUNE_AT_MOST] = " <= (",
                                            [PRUNE_MORE] = " > (",
                                            [PRUNE_AT_LEAST] = " >= (",
                                            [PRUNE_IS_NULL] = " IS NULL",
                                            [PRUNE_IS_NOT_NULL] = " IS NOT NULL"};
    duck_append_name(&w->out, term->column);
    buf_append_c(&w->out, operators[term->op]);
    for (unsigned i = 0; i < term->operand_count; i++) {
        buf_append_c(&w->out, i > 0 ? ", " : "");
        append_operand(w, &term->operands[i]);
    }
    buf_append_c(&w->out, term->operand_count > 0 ? ")" : "");
}

static void finish_source(struct prune_source *source, struct arena *keep)
{
    struct text_writer w = {
        .operands = ARENA_ARRAY(keep, const struct prune_operand *, DUCK_PARAMETERS_MAX)};
    struct prune_plan *own = ARENA_NEW(keep, struct prune_plan);
    own->places = ARENA_NEW(keep, struct prune_place);
    *own->places = *source->place;
    own->places->next = NULL;
    source->own = own;
    buf_init(&w.out);
    buf_append_c(&w.out, "SELECT DISTINCT ");
    duck_append_name(&w.out, source->column);
    buf_append_c(&w.out, " FROM ");
    buf_append_str(&w.out, source->place->table_text);
    buf_append_c(&w.out, " WHERE ");
    duck_append_name(&w.out, source->column);
    buf_append_c(&w.out, " IS NOT NULL");
    for (const struct prune_term *t = source->place->terms; t != NULL; t = t->next) {
        if (is_exact(t) && w.count + t->operand_count <= DUCK_PARAMETERS_MAX) {
            buf_append_c(&w.out, " AND ");
            append_term(&w, t);
        }
    }
    buf_append_format(&w.out, " LIMIT %d", PRUNE_VALUES_MAX + 1);
    source->text = arena_copy(keep, buf_str(&w.out));
    source->operands = w.operands;
    source->operand_count = w.count;
    buf_release(&w.out);
}

void prune_finish_sources(struct prune_plan *plan, struct arena *keep)
{
    for (struct prune_source *s = plan->sources; s != NULL; s = s->next) {
        finish_source(s, keep);
    }
}

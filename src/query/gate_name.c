/* query/gate_name.c -- names of columns that have none: the text of their expression, short.
 * For:      count(*), sum(n), doc ->> 'a', n + 1: what was written, in one spelling, whatever the
 * gate puts in its place. Threads:  one check, one thread. */
#include "query/gate_private.h"

enum { NAME_BYTES_MAX = 200, NAME_DEPTH_MAX = 16 };

static void append(struct buf *out, const struct json *node, unsigned depth);

static void append_list(struct buf *out, const struct json *list, const char *between,
                        unsigned depth)
{
    bool is_first = true;
    for (const struct json *e = list != NULL ? list->as.children.first : NULL; e != NULL;
         e = e->next) {
        if (!is_first) {
            buf_append_c(out, between);
        }
        append(out, e, depth);
        is_first = false;
    }
}

static void append_function(struct buf *out, const struct json *node, unsigned depth)
{
    str name = gate_text(node, "function_name");
    const struct json *children = json_get(node, "children");
    bool is_operator = false;
    bool is_distinct = false;
    (void)json_as_bool(json_get(node, "is_operator"), &is_operator);
    (void)json_as_bool(json_get(node, "distinct"), &is_distinct);
    uint32_t count = children != NULL ? children->as.children.count : 0;
    bool is_sign = name.n > 0 && !((name.p[0] | 0x20) >= 'a' && (name.p[0] | 0x20) <= 'z');
    if ((is_operator || is_sign) && count == 2) {
        append(out, json_at(children, 0), depth);
        buf_append_format(out, " " STR_FMT " ", STR(name));
        append(out, json_at(children, 1), depth);
        return;
    }
    if (is_operator && count == 1) {
        buf_append_str(out, name);
        append(out, json_at(children, 0), depth);
        return;
    }
    if (str_eq_c(name, "count_star") || (str_eq_c(name, "count") && count == 0)) {
        buf_append_c(out, "count(*)");
        return;
    }
    for (size_t i = 0; i < name.n; i++) {
        buf_append_byte(out, (uint8_t)str_lower_char(name.p[i]));
    }
    buf_append_c(out, is_distinct ? "(DISTINCT " : "(");
    append_list(out, children, ", ", depth);
    buf_append_c(out, ")");
}

static void append_constant(struct buf *out, const struct json *node)
{
    const struct json *value = json_get(node, "value");
    const struct json *content = json_get(value, "value");
    int64_t scale = 0;
    int64_t unscaled;
    str text;
    bool is_null = false;
    (void)json_as_bool(json_get(value, "is_null"), &is_null);
    if (is_null || content == NULL) {
        buf_append_c(out, "NULL");
    } else if (json_as_text(content, &text)) {
        buf_append_format(out, "'" STR_FMT "'", STR(text));
    } else if (str_eq_c(gate_text(json_get(value, "type"), "id"), "DECIMAL") &&
               json_as_i64(json_get(json_get(json_get(value, "type"), "type_info"), "scale"),
                           &scale) &&
               json_as_i64(content, &unscaled)) {
        decimal_append_text(out, unscaled, (unsigned)scale);
    } else {
        json_append(out, content);
    }
}

static void append_cast(struct buf *out, const struct json *node, unsigned depth)
{
    const struct json *child = json_get(node, "child");
    const struct json *type = json_get(node, "cast_type");
    str id = gate_text(type, "id");
    if (str_eq_c(id, "BOOLEAN") && str_eq_c(gate_text(child, "class"), "CONSTANT")) {
        str text = gate_text(json_get(child, "value"), "value");
        buf_append_c(out, str_eq_c(text, "t") ? "true" : "false");
        return;
    }
    if (str_eq_c(id, "USER")) {
        id = gate_text(json_get(type, "type_info"), "user_type_name");
    }
    buf_append_c(out, "CAST(");
    append(out, child, depth);
    buf_append_format(out, " AS " STR_FMT ")", STR(id));
}

static void append_comparison(struct buf *out, const struct json *node, unsigned depth)
{
    static const char *const signs[][2] = {
        {"COMPARE_EQUAL", "="},
        {"COMPARE_NOTEQUAL", "!="},
        {"COMPARE_LESSTHAN", "<"},
        {"COMPARE_GREATERTHAN", ">"},
        {"COMPARE_LESSTHANOREQUALTO", "<="},
        {"COMPARE_GREATERTHANOREQUALTO", ">="},
        {"COMPARE_DISTINCT_FROM", "IS DISTINCT FROM"},
        {"COMPARE_NOT_DISTINCT_FROM", "IS NOT DISTINCT FROM"},
    };
    const char *sign = "?";
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        if (str_eq_c(gate_text(node, "type"), signs[i][0])) {
            sign = signs[i][1];
        }
    }
    append(out, json_get(node, "left"), depth);
    buf_append_format(out, " %s ", sign);
    append(out, json_get(node, "right"), depth);
}

static void append_operator(struct buf *out, const struct json *node, unsigned depth)
{
    const struct json *children = json_get(node, "children");
    str type = gate_text(node, "type");
    if (str_eq_c(type, "OPERATOR_NOT")) {
        buf_append_c(out, "NOT ");
        append(out, json_at(children, 0), depth);
    } else if (str_eq_c(type, "OPERATOR_IS_NULL") || str_eq_c(type, "OPERATOR_IS_NOT_NULL")) {
        append(out, json_at(children, 0), depth);
        buf_append_c(out, str_eq_c(type, "OPERATOR_IS_NULL") ? " IS NULL" : " IS NOT NULL");
    } else if (str_eq_c(type, "OPERATOR_COALESCE")) {
        buf_append_c(out, "coalesce(");
        append_list(out, children, ", ", depth);
        buf_append_c(out, ")");
    } else if (str_eq_c(type, "COMPARE_IN") || str_eq_c(type, "COMPARE_NOT_IN")) {
        append(out, json_at(children, 0), depth);
        buf_append_c(out, str_eq_c(type, "COMPARE_IN") ? " IN (...)" : " NOT IN (...)");
    } else if (str_eq_c(type, "ARRAY_EXTRACT")) {
        append(out, json_at(children, 0), depth);
        buf_append_c(out, "[");
        append(out, json_at(children, 1), depth);
        buf_append_c(out, "]");
    } else {
        for (size_t i = 0; i < type.n; i++) {
            buf_append_byte(out, (uint8_t)str_lower_char(type.p[i]));
        }
    }
}

static void append(struct buf *out, const struct json *node, unsigned depth)
{
    if (node == NULL || depth == 0 || out->n > NAME_BYTES_MAX) {
        buf_append_c(out, "...");
        return;
    }
    str class = gate_text(node, "class");
    depth--;
    if (str_eq_c(class, "COLUMN_REF")) {
        bool is_first = true;
        const struct json *names = json_get(node, "column_names");
        for (const struct json *n = names != NULL ? names->as.children.first : NULL; n != NULL;
             n = n->next) {
            str name = {NULL, 0};
            (void)json_as_text(n, &name);
            buf_append_format(out, is_first ? STR_FMT : "." STR_FMT, STR(name));
            is_first = false;
        }
    } else if (str_eq_c(class, "FUNCTION")) {
        append_function(out, node, depth);
    } else if (str_eq_c(class, "WINDOW")) {
        append_function(out, node, depth);
        buf_append_c(out, " OVER (...)");
    } else if (str_eq_c(class, "CONSTANT")) {
        append_constant(out, node);
    } else if (str_eq_c(class, "PARAMETER")) {
        buf_append_format(out, "$" STR_FMT, STR(gate_text(node, "identifier")));
    } else if (str_eq_c(class, "CAST")) {
        append_cast(out, node, depth);
    } else if (str_eq_c(class, "COMPARISON")) {
        append_comparison(out, node, depth);
    } else if (str_eq_c(class, "CONJUNCTION")) {
        bool is_and = str_eq_c(gate_text(node, "type"), "CONJUNCTION_AND");
        append_list(out, json_get(node, "children"), is_and ? " AND " : " OR ", depth);
    } else if (str_eq_c(class, "OPERATOR")) {
        append_operator(out, node, depth);
    } else if (str_eq_c(class, "LAMBDA")) {
        append(out, json_get(node, "lhs"), depth);
        buf_append_c(out, " -> ");
        append(out, json_get(node, "expr"), depth);
    } else if (str_eq_c(class, "CASE")) {
        buf_append_c(out, "CASE");
    } else if (str_eq_c(class, "SUBQUERY")) {
        buf_append_c(out, "(subquery)");
    } else {
        for (size_t i = 0; i < class.n; i++) {
            buf_append_byte(out, (uint8_t)str_lower_char(class.p[i]));
        }
    }
}

str gate_name_of(struct gate *g, const struct json *node)
{
    if (str_eq_c(gate_text(node, "class"), "COLUMN_REF")) {
        const struct json *names = json_get(node, "column_names");
        str last = {NULL, 0};
        if (names != NULL && names->as.children.count > 0) {
            (void)json_as_text(json_at(names, names->as.children.count - 1), &last);
        }
        return last;
    }
    struct buf out;
    buf_init(&out);
    append(&out, node, NAME_DEPTH_MAX);
    size_t n = out.n;
    if (n > NAME_BYTES_MAX) {
        n = NAME_BYTES_MAX;
        while (n > 0 && ((unsigned char)out.p[n] & 0xC0) == 0x80) {
            n--; /* not inside a character */
        }
    }
    str name = arena_copy(g->arena, str_of(out.p, n));
    buf_release(&out);
    return name;
}

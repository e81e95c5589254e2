/* cli/watch_line.c -- rows of live messages are objects: column name to cell. */
#include "cli/watch_line.h"

void watch_columns_take(struct watch_columns *columns, const struct json *schema,
                        struct arena *arena)
{
    uint32_t count = schema != NULL && schema->kind == JSON_ARRAY ? schema->as.children.count : 0;
    *columns = (struct watch_columns){.items = ARENA_ARRAY(arena, struct watch_column, count + 1)};
    for (const struct json *field = count > 0 ? schema->as.children.first : NULL; field != NULL;
         field = field->next) {
        struct watch_column *column = &columns->items[columns->count];
        if (json_as_text(json_get(field, "name"), &column->name)) {
            column->name = arena_copy(arena, column->name);
            column->kind = cell_kind_of(json_get(field, "data_type"));
            columns->count++;
        }
    }
}

static enum cell_kind kind_of(const struct watch_columns *columns, str name)
{
    for (unsigned i = 0; i < columns->count; i++) {
        if (str_eq(columns->items[i].name, name)) {
            return columns->items[i].kind;
        }
    }
    return CELL_TEXT;
}

static void append_pair(struct buf *line, const struct watch_columns *columns,
                        const struct json *cell, bool is_first)
{
    struct buf text;
    buf_init(&text);
    buf_append_c(line, is_first ? "" : " | ");
    cell_append_visible(line, cell->key);
    buf_append_c(line, ": ");
    if (cell->kind == JSON_NULL) {
        buf_append_c(line, "NULL");
    } else {
        cell_append(&text, kind_of(columns, cell->key), cell);
        cell_append_visible(line, buf_str(&text));
    }
    buf_release(&text);
}

static bool same_cell(const struct json *a, const struct json *b)
{
    struct buf texts[2];
    buf_init(&texts[0]);
    buf_init(&texts[1]);
    json_append(&texts[0], a);
    json_append(&texts[1], b);
    bool is_same = str_eq(buf_str(&texts[0]), buf_str(&texts[1]));
    buf_release(&texts[0]);
    buf_release(&texts[1]);
    return is_same;
}

/* What an update changed: cells of the old row that are other in the new one. */
static void append_changed(struct buf *line, const struct watch_columns *columns,
                           const struct json *row, const struct json *old_row)
{
    bool is_first = true;
    for (const struct json *cell = old_row->as.children.first; cell != NULL; cell = cell->next) {
        const struct json *now = json_get_str(row, cell->key);
        if (cell->key.n > 0 && cell->key.p[0] != '_' && (now == NULL || !same_cell(now, cell))) {
            buf_append_c(line, is_first ? "  (was " : "");
            append_pair(line, columns, cell, is_first);
            is_first = false;
        }
    }
    buf_append_c(line, is_first ? "" : ")");
}

static void append_table_line(struct buf *line, const struct watch_columns *columns,
                              str change_type, const struct json *row, const struct json *old_row)
{
    bool is_first = true;
    buf_append_format(line, "%-7.*s  ", STR(change_type));
    for (const struct json *cell = row->as.children.first; cell != NULL; cell = cell->next) {
        if (!str_eq_c(cell->key, "_deleted")) {
            append_pair(line, columns, cell, is_first);
            is_first = false;
        }
    }
    if (old_row != NULL && old_row->kind == JSON_OBJECT) {
        append_changed(line, columns, row, old_row);
    }
}

static void append_json_line(struct buf *line, str change_type, const struct json *row,
                             const struct json *old_row)
{
    struct json_writer w = json_writer_on(line);
    json_write_object_begin(&w);
    json_write_key(&w, "change_type");
    json_write_text(&w, change_type);
    json_write_key(&w, "row");
    json_append(json_write_raw_begin(&w), row);
    if (old_row != NULL) {
        json_write_key(&w, "old_row");
        json_append(json_write_raw_begin(&w), old_row);
    }
    json_write_object_end(&w);
}

static void append_csv_line(struct buf *line, const struct watch_columns *columns, str change_type,
                            const struct json *row)
{
    struct buf text;
    buf_init(&text);
    buf_append_str(line, change_type);
    for (unsigned i = 0; i < columns->count; i++) {
        const struct json *cell = json_get_str(row, columns->items[i].name);
        buf_append_byte(line, ',');
        if (cell != NULL && cell->kind != JSON_NULL) {
            buf_clear(&text);
            cell_append(&text, columns->items[i].kind, cell);
            output_append_csv(line, buf_str(&text));
        }
    }
    buf_release(&text);
}

void watch_print_header(const struct watch_columns *columns)
{
    struct buf line;
    buf_init(&line);
    buf_append_c(&line, "change_type");
    for (unsigned i = 0; i < columns->count; i++) {
        buf_append_byte(&line, ',');
        output_append_csv(&line, columns->items[i].name);
    }
    buf_append_byte(&line, '\n');
    output_write(buf_str(&line));
    output_flush();
    buf_release(&line);
}

void watch_print(const struct output *output, const struct watch_columns *columns, str change_type,
                 const struct json *row, const struct json *old_row)
{
    if (row == NULL || row->kind != JSON_OBJECT) {
        return;
    }
    struct buf line;
    buf_init(&line);
    if (output->format == OUTPUT_JSON) {
        append_json_line(&line, change_type, row, old_row);
    } else if (output->format == OUTPUT_CSV) {
        append_csv_line(&line, columns, change_type, row);
    } else {
        append_table_line(&line, columns, change_type, row, old_row);
    }
    buf_append_byte(&line, '\n');
    output_write(buf_str(&line));
    output_flush();
    buf_release(&line);
}

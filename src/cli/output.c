/* cli/output.c -- the three forms. */
#include "cli/output.h"

#include "cli/cell.h"
#include "cli/failure.h"

#include <sys/ioctl.h>
#include <unistd.h>

enum { WRITE_BYTES = 65536, CUT_COLUMNS = 48 };

/* A result on its way out. */
struct grid {
    const struct json *rows;
    unsigned column_count; /* shown */
    struct column *columns;
    unsigned cell_columns_max; /* of a table on a terminal that would be too wide; else no limit */
};

struct column {
    str name;
    uint32_t index; /* in the row */
    enum cell_kind kind;
    unsigned width;
};

/* --- stdout --- */

void output_write(str text)
{
    if (text.n > 0 && fwrite(text.p, 1, text.n, stdout) != text.n) {
        _Exit(CLI_FAILED); /* a closed pipe, or a full disk behind a redirection */
    }
}

void output_flush(void)
{
    if (fflush(stdout) != 0) {
        _Exit(CLI_FAILED);
    }
}

static void flush_when_long(struct buf *out)
{
    if (out->n >= WRITE_BYTES) {
        output_write(buf_str(out));
        buf_clear(out);
    }
}

/* --- columns --- */

static bool is_shown(const struct output *output, str name)
{
    if (output->columns == NULL) {
        return true;
    }
    for (const char *const *wanted = output->columns; *wanted != NULL; wanted++) {
        if (str_eq_c(name, *wanted)) {
            return true;
        }
    }
    return false;
}

static void grid_init(struct grid *grid, const struct output *output, const struct json *result,
                      struct arena *arena)
{
    const struct json *schema = json_get(result, "schema");
    uint32_t count = schema != NULL ? schema->as.children.count : 0;
    *grid = (struct grid){.rows = json_get(result, "rows"),
                          .columns = ARENA_ARRAY(arena, struct column, count + 1)};
    uint32_t index = 0;
    for (const struct json *field = count > 0 ? schema->as.children.first : NULL; field != NULL;
         field = field->next, index++) {
        struct column *column = &grid->columns[grid->column_count];
        str name = {0};
        (void)json_as_text(json_get(field, "name"), &name);
        if (is_shown(output, name)) {
            *column = (struct column){
                .name = name, .index = index, .kind = cell_kind_of(json_get(field, "data_type"))};
            grid->column_count++;
        }
    }
}

static const struct json *first_row(const struct grid *grid)
{
    return grid->rows != NULL && grid->rows->kind == JSON_ARRAY ? grid->rows->as.children.first
                                                                : NULL;
}

/* The cells of a row in the order of the columns shown; absent ones are NULL. */
static void pick_cells(const struct grid *grid, const struct json *row, const struct json **cells)
{
    const struct json *cell = row->kind == JSON_ARRAY ? row->as.children.first : NULL;
    uint32_t index = 0;
    for (unsigned i = 0; i < grid->column_count; i++) {
        while (cell != NULL && index < grid->columns[i].index) {
            cell = cell->next;
            index++;
        }
        cells[i] = cell;
    }
}

static bool is_null(const struct json *cell)
{
    return cell == NULL || cell->kind == JSON_NULL;
}

static void append_shown(struct buf *out, enum cell_kind kind, const struct json *cell,
                         struct buf *scratch)
{
    if (is_null(cell)) {
        buf_append_c(out, "NULL");
        return;
    }
    buf_clear(scratch);
    cell_append(scratch, kind, cell);
    cell_append_visible(out, buf_str(scratch));
}

/* --- tables --- */

static void append_spaces(struct buf *out, unsigned count)
{
    memset(buf_reserve(out, count), ' ', count);
    out->n += count;
}

static void append_field(struct buf *out, const struct column *column, str cell,
                         unsigned columns_max, bool is_last)
{
    struct buf cut;
    buf_init(&cut);
    cell_append_cut(&cut, cell, columns_max);
    str text = buf_str(&cut);
    unsigned width = cell_width(text);
    unsigned gap = column->width > width ? column->width - width : 0;
    if (column->kind == CELL_NUMBER) {
        append_spaces(out, gap);
        buf_append_str(out, text);
    } else {
        buf_append_str(out, text);
        append_spaces(out, is_last ? 0 : gap);
    }
    buf_release(&cut);
}

static void append_rule(struct buf *out, const struct grid *grid)
{
    for (unsigned i = 0; i < grid->column_count; i++) {
        buf_append_c(out, i > 0 ? "+-" : "-");
        for (unsigned n = 0; n <= grid->columns[i].width; n++) {
            buf_append_byte(out, '-');
        }
    }
    buf_append_byte(out, '\n');
}

/* Texts of all cells are made twice: once to measure, once to print. */
static void measure(struct grid *grid, const struct json **cells)
{
    struct buf text;
    struct buf scratch;
    buf_init(&text);
    buf_init(&scratch);
    for (unsigned i = 0; i < grid->column_count; i++) {
        cell_append_visible(&text, grid->columns[i].name);
        grid->columns[i].width = cell_width(buf_str(&text));
        buf_clear(&text);
    }
    for (const struct json *row = first_row(grid); row != NULL; row = row->next) {
        pick_cells(grid, row, cells);
        for (unsigned i = 0; i < grid->column_count; i++) {
            struct column *column = &grid->columns[i];
            buf_clear(&text);
            append_shown(&text, column->kind, cells[i], &scratch);
            unsigned width = cell_width(buf_str(&text));
            column->width = width > column->width ? width : column->width;
        }
    }
    buf_release(&scratch);
    buf_release(&text);
}

/* A table that is wider than the terminal gets its long cells cut; \\x shows them whole. */
static void fit_terminal(struct grid *grid)
{
    struct winsize size;
    unsigned total = 0;
    grid->cell_columns_max = UINT32_MAX;
    if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 ||
        size.ws_col == 0) {
        return;
    }
    for (unsigned i = 0; i < grid->column_count; i++) {
        total += grid->columns[i].width + 3;
    }
    if (total <= size.ws_col) {
        return;
    }
    grid->cell_columns_max = CUT_COLUMNS;
    for (unsigned i = 0; i < grid->column_count; i++) {
        unsigned *width = &grid->columns[i].width;
        *width = *width > CUT_COLUMNS ? CUT_COLUMNS : *width;
    }
}

static void print_table(struct grid *grid, const struct json **cells)
{
    struct buf out;
    struct buf text;
    struct buf scratch;
    buf_init(&out);
    buf_init(&text);
    buf_init(&scratch);
    measure(grid, cells);
    fit_terminal(grid);
    for (unsigned i = 0; i < grid->column_count; i++) {
        struct column name = grid->columns[i];
        name.kind = CELL_TEXT;
        buf_clear(&text);
        cell_append_visible(&text, name.name);
        buf_append_c(&out, i > 0 ? " | " : " ");
        append_field(&out, &name, buf_str(&text), grid->cell_columns_max,
                     i + 1 == grid->column_count);
    }
    buf_append_byte(&out, '\n');
    append_rule(&out, grid);
    for (const struct json *row = first_row(grid); row != NULL; row = row->next) {
        pick_cells(grid, row, cells);
        for (unsigned i = 0; i < grid->column_count; i++) {
            buf_clear(&text);
            append_shown(&text, grid->columns[i].kind, cells[i], &scratch);
            buf_append_c(&out, i > 0 ? " | " : " ");
            append_field(&out, &grid->columns[i], buf_str(&text), grid->cell_columns_max,
                         i + 1 == grid->column_count);
        }
        buf_append_byte(&out, '\n');
        flush_when_long(&out);
    }
    output_write(buf_str(&out));
    buf_release(&scratch);
    buf_release(&text);
    buf_release(&out);
}

static void print_expanded(struct grid *grid, const struct json **cells)
{
    struct buf out;
    struct buf text;
    buf_init(&out);
    buf_init(&text);
    unsigned width = 0;
    unsigned number = 0;
    for (unsigned i = 0; i < grid->column_count; i++) {
        unsigned columns = cell_width(grid->columns[i].name);
        width = columns > width ? columns : width;
    }
    for (const struct json *row = first_row(grid); row != NULL; row = row->next) {
        pick_cells(grid, row, cells);
        buf_append_format(&out, "-[ row %u ]-\n", ++number);
        for (unsigned i = 0; i < grid->column_count; i++) {
            cell_append_visible(&out, grid->columns[i].name);
            append_spaces(&out, width - cell_width(grid->columns[i].name));
            buf_append_c(&out, " | ");
            append_shown(&out, grid->columns[i].kind, cells[i], &text);
            buf_append_byte(&out, '\n');
        }
        flush_when_long(&out);
    }
    output_write(buf_str(&out));
    buf_release(&text);
    buf_release(&out);
}

static void print_row_count(const struct output *output, int64_t count, bool is_truncated)
{
    if (output->is_quiet) {
        return;
    }
    struct buf line;
    buf_init(&line);
    buf_append_format(&line, "(%lld row%s)\n\n", (long long)count, count == 1 ? "" : "s");
    output_write(buf_str(&line));
    buf_release(&line);
    if (is_truncated) {
        output_flush();
        fputs("note: a limit of the server cut this result; ask with LIMIT and OFFSET\n", stderr);
    }
}

/* --- JSON --- */

/* A second column of the same name would make an object that no reader takes: name_2, name_3. */
static void make_names_differ(struct grid *grid, struct arena *arena)
{
    for (unsigned i = 1; i < grid->column_count; i++) {
        str name = grid->columns[i].name;
        unsigned number = 1;
        for (unsigned j = 0; j < i;) {
            if (str_eq(grid->columns[i].name, grid->columns[j].name)) {
                grid->columns[i].name = arena_format(arena, STR_FMT "_%u", STR(name), ++number);
                j = 0;
            } else {
                j++;
            }
        }
    }
}

static void print_json_rows(const struct grid *grid, const struct json **cells)
{
    struct buf out;
    buf_init(&out);
    buf_append_c(&out, "[");
    for (const struct json *row = first_row(grid); row != NULL; row = row->next) {
        struct buf line;
        buf_init(&line);
        struct json_writer w = json_writer_on(&line);
        pick_cells(grid, row, cells);
        json_write_object_begin(&w);
        for (unsigned i = 0; i < grid->column_count; i++) {
            json_write_key_str(&w, grid->columns[i].name);
            if (cells[i] == NULL) {
                json_write_null(&w);
            } else {
                json_append(json_write_raw_begin(&w), cells[i]);
            }
        }
        json_write_object_end(&w);
        buf_append_c(&out, row == first_row(grid) ? "\n" : ",\n");
        buf_append_str(&out, buf_str(&line));
        buf_release(&line);
        flush_when_long(&out);
    }
    buf_append_c(&out, first_row(grid) != NULL ? "\n]\n" : "]\n");
    output_write(buf_str(&out));
    buf_release(&out);
}

static void print_json_message(const struct json *result, str message)
{
    struct buf out;
    buf_init(&out);
    struct json_writer w = json_writer_on(&out);
    int64_t row_count = 0;
    (void)json_as_i64(json_get(result, "row_count"), &row_count);
    json_write_object_begin(&w);
    json_write_key(&w, "message");
    json_write_text(&w, message);
    json_write_key(&w, "row_count");
    json_write_i64(&w, row_count);
    json_write_object_end(&w);
    buf_append_byte(&out, '\n');
    output_write(buf_str(&out));
    buf_release(&out);
}

/* --- CSV --- */

void output_append_csv(struct buf *out, str text)
{
    bool needs_quotes = text.n == 0;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        needs_quotes |= c == '"' || c == ',' || c == '\n' || c == '\r';
    }
    if (!needs_quotes) {
        buf_append_str(out, text);
        return;
    }
    buf_append_byte(out, '"');
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '"') {
            buf_append_byte(out, '"');
        }
        buf_append_byte(out, (uint8_t)text.p[i]);
    }
    buf_append_byte(out, '"');
}

static void print_csv(const struct grid *grid, const struct json **cells)
{
    struct buf out;
    struct buf text;
    buf_init(&out);
    buf_init(&text);
    for (unsigned i = 0; i < grid->column_count; i++) {
        buf_append_c(&out, i > 0 ? "," : "");
        output_append_csv(&out, grid->columns[i].name);
    }
    buf_append_c(&out, "\n");
    for (const struct json *row = first_row(grid); row != NULL; row = row->next) {
        pick_cells(grid, row, cells);
        for (unsigned i = 0; i < grid->column_count; i++) {
            buf_append_c(&out, i > 0 ? "," : "");
            if (!is_null(cells[i])) {
                buf_clear(&text);
                cell_append(&text, grid->columns[i].kind, cells[i]);
                output_append_csv(&out, buf_str(&text));
            }
        }
        buf_append_byte(&out, '\n');
        flush_when_long(&out);
    }
    output_write(buf_str(&out));
    buf_release(&text);
    buf_release(&out);
}

/* --- all --- */

static void print_message(const struct output *output, const struct json *result)
{
    str message = {0};
    (void)json_as_text(json_get(result, "message"), &message);
    if (output->format == OUTPUT_JSON) {
        print_json_message(result, message);
    } else if (!output->is_quiet && output->format == OUTPUT_TABLE && message.n > 0) {
        struct buf line;
        buf_init(&line);
        cell_append_visible(&line, message);
        buf_append_byte(&line, '\n');
        output_write(buf_str(&line));
        buf_release(&line);
    }
}

void output_result(const struct output *output, const struct json *result)
{
    if (json_get(result, "schema") == NULL) {
        print_message(output, result);
        return;
    }
    struct arena arena;
    struct grid grid;
    arena_init(&arena);
    grid_init(&grid, output, result, &arena);
    const struct json **cells = ARENA_ARRAY(&arena, const struct json *, grid.column_count + 1);
    if (output->format == OUTPUT_JSON) {
        make_names_differ(&grid, &arena);
        print_json_rows(&grid, cells);
    } else if (output->format == OUTPUT_CSV) {
        print_csv(&grid, cells);
    } else {
        if (output->is_expanded) {
            print_expanded(&grid, cells);
        } else {
            print_table(&grid, cells);
        }
        bool is_truncated = false;
        (void)json_as_bool(json_get(result, "truncated"), &is_truncated);
        print_row_count(output, grid.rows != NULL ? grid.rows->as.children.count : 0, is_truncated);
    }
    arena_release(&arena);
}

void output_time(const struct output *output, double client_ms, double server_ms)
{
    if (output->is_timing) {
        output_flush();
        fprintf(stderr, "Time: %.3f ms (server %.3f ms)\n", client_ms, server_ms);
    }
}

/* bench/report.c -- one table, one JSON document. */
#include "report.h"

#include "base/clock.h"
#include "wire/json.h"

#include <stdarg.h>
#include <unistd.h>

struct report {
    struct buf json;
    struct json_writer w;
    unsigned met;
    unsigned missed;
    const char *mode;
};

static void write_text(struct report *report, const char *key, str text)
{
    json_write_key(&report->w, key);
    json_write_text(&report->w, text);
}

static void write_number(struct report *report, const char *key, double number)
{
    char text[64];
    (void)snprintf(text, sizeof text, "%.3f", number);
    json_write_key(&report->w, key);
    json_write_raw(&report->w, str_from(text));
}

/* "model name" of the first processor. */
static str processor(char *line, size_t bytes)
{
    FILE *file = fopen("/proc/cpuinfo", "r");
    str name = STR_LIT("unknown");
    while (file != NULL && fgets(line, (int)bytes, file) != NULL) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) == 0 && colon != NULL) {
            name = str_trim(str_from(colon + 1));
            break;
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return name;
}

/* Of the last minute; 0 when unknown. */
static double load_average(void)
{
    FILE *file = fopen("/proc/loadavg", "r");
    double average = 0;
    if (file == NULL || fscanf(file, "%lf", &average) != 1) {
        average = 0;
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return average;
}

struct report *report_create(const char *mode, str settings)
{
    struct report *report = mem_alloc_zeroed(sizeof *report);
    char line[512];
    char date[CLOCK_TEXT_BYTES];
    buf_init(&report->json);
    report->mode = mode;
    report->w = json_writer_on(&report->json);
    clock_format_rfc3339(clock_wall_us(clock_system()), 0, date);
    json_write_object_begin(&report->w);
    json_write_key(&report->w, "format");
    json_write_i64(&report->w, 1);
    write_text(report, "date", str_from(date));
    write_text(report, "mode", str_from(mode));
    json_write_key(&report->w, "cores");
    json_write_i64(&report->w, sysconf(_SC_NPROCESSORS_ONLN));
    write_text(report, "processor", processor(line, sizeof line));
    write_text(report, "settings", settings);
    double busy = load_average();
    write_number(report, "load_average_before", busy);
    json_write_key(&report->w, "results");
    json_write_array_begin(&report->w);
    if (busy > 0.5 * (double)sysconf(_SC_NPROCESSORS_ONLN)) {
        report_note(report,
                    "The machine was busy before this run (load average %.1f): rates are too low, "
                    "latencies and CPU too high.",
                    busy);
    }
    printf("\n%-38s %6s %9s %9s %9s %9s %8s  %s\n", "", "conns", "per s", "p50 µs", "p99 µs",
           "p99.9 µs", "CPU µs", " target");
    return report;
}

void report_destroy(struct report *report)
{
    buf_release(&report->json);
    mem_free(report);
}

void report_section(struct report *report, const char *title)
{
    (void)report;
    printf("%s\n", title);
    (void)fflush(stdout);
}

/* The end of a row: target and verdict. */
static void end_row(struct report *report, double value, const char *unit,
                    const struct report_target *target)
{
    if (target != NULL) {
        bool is_met = target->is_least ? value >= target->wanted : value <= target->wanted;
        report->met += is_met;
        report->missed += !is_met;
        printf("  %s %s %.*f%s%s%s%s", is_met ? "ok    " : "MISSED",
               target->is_least ? ">=" : "<=", target->wanted < 10 ? 2 : 0, target->wanted,
               unit[0] != '\0' ? " " : "", unit, target->basis != NULL ? " = " : "",
               target->basis != NULL ? target->basis : "");
        write_number(report, "target", target->wanted);
        write_text(report, "target_is",
                   target->is_least ? STR_LIT("at_least") : STR_LIT("at_most"));
        json_write_key(&report->w, "met");
        json_write_bool(&report->w, is_met);
    }
    json_write_object_end(&report->w);
    (void)putchar('\n');
    (void)fflush(stdout);
}

static double us_at(const struct histogram *latency, double share)
{
    return (double)histogram_at(latency, share) / 1000;
}

static void begin_row(struct report *report, const char *name, unsigned connections, double per_s,
                      const struct histogram *latency, double cpu_us)
{
    printf("  %-36s %6u %9.0f %9.1f %9.1f %9.1f %8.1f", name, connections, per_s,
           us_at(latency, 0.5), us_at(latency, 0.99), us_at(latency, 0.999), cpu_us);
    json_write_object_begin(&report->w);
    write_text(report, "name", str_from(name));
    json_write_key(&report->w, "connections");
    json_write_u64(&report->w, connections);
    write_number(report, "per_s", per_s);
    write_number(report, "p50_us", us_at(latency, 0.5));
    write_number(report, "p99_us", us_at(latency, 0.99));
    write_number(report, "p999_us", us_at(latency, 0.999));
    write_number(report, "server_cpu_us", cpu_us);
}

void report_load(struct report *report, const char *name, unsigned connections,
                 const struct load_result *result, const struct report_target *target)
{
    double per_s = (double)result->done / result->seconds;
    begin_row(report, name, connections, per_s, &result->latency, result->cpu_us);
    json_write_key(&report->w, "errors");
    json_write_u64(&report->w, result->errors);
    end_row(report, per_s, "/s", target);
    if (result->errors > 0) {
        printf("      %llu errors; the first: %s\n", (unsigned long long)result->errors,
               result->error);
    }
}

void report_latency(struct report *report, const char *name, unsigned connections, double per_s,
                    const struct histogram *latency, double cpu_us,
                    const struct report_target *target)
{
    begin_row(report, name, connections, per_s, latency, cpu_us);
    end_row(report, us_at(latency, 0.5), "µs", target);
}

void report_value(struct report *report, const char *name, double value, const char *unit,
                  const struct report_target *target)
{
    char text[64];
    (void)snprintf(text, sizeof text, "%.*f %s", value < 10 ? 2 : value < 100 ? 1 : 0, value, unit);
    printf("  %-36s %55s", name, text);
    json_write_object_begin(&report->w);
    write_text(report, "name", str_from(name));
    write_number(report, "value", value);
    write_text(report, "unit", str_from(unit));
    end_row(report, value, unit, target);
}

void report_note(struct report *report, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    printf("      %s\n", text);
    json_write_object_begin(&report->w);
    write_text(report, "note", str_from(text));
    json_write_object_end(&report->w);
}

void report_finish(struct report *report, const char *path)
{
    json_write_array_end(&report->w);
    json_write_key(&report->w, "targets_met");
    json_write_u64(&report->w, report->met);
    json_write_key(&report->w, "targets_missed");
    json_write_u64(&report->w, report->missed);
    json_write_object_end(&report->w);
    buf_append_byte(&report->json, '\n');
    printf("\n%u of %u targets met.\n", report->met, report->met + report->missed);
    if (path != NULL) {
        FILE *file = fopen(path, "w");
        bool written =
            file != NULL && fwrite(report->json.p, 1, report->json.n, file) == report->json.n;
        if (file == NULL || fclose(file) != 0 || !written) {
            target_stop("the JSON cannot be written");
        }
    }
}

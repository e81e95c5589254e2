/* bench/report.h -- figures on the terminal as they come, and as JSON at the end.
 * Manners:  nothing in the JSON names the machine, its user or a path.
 * Threads:  one. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include "base/buf.h"
#include "load.h"

struct report;

/* `settings`: the server's settings, as text. */
struct report *report_create(const char *mode, str settings);
void report_destroy(struct report *report);

/* A heading on the terminal. */
void report_section(struct report *report, const char *title);

/* What a figure should be. A NULL target: none was set. */
struct report_target {
    double wanted;
    bool is_least;     /* at least `wanted`; else at most */
    const char *basis; /* how `wanted` comes about, such as "0.7 x static" */
};

/* A row of a load: requests a second and latencies. `target` is about requests a second. */
void report_load(struct report *report, const char *name, unsigned connections,
                 const struct load_result *result, const struct report_target *target);
/* A row of latencies with their own count, such as deliveries; `target` is about the p50 in µs. */
void report_latency(struct report *report, const char *name, unsigned connections, double per_s,
                    const struct histogram *latency, double cpu_us,
                    const struct report_target *target);
/* One number with its unit. */
void report_value(struct report *report, const char *name, double value, const char *unit,
                  const struct report_target *target);
/* A remark on the terminal and in the JSON. */
void report_note(struct report *report, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Prints how many targets were met; writes the JSON to `path` (NULL: not). */
void report_finish(struct report *report, const char *path);

#endif

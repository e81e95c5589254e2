/* base/metric.h -- figures about what happens: counted where it happens, shown on request.
 * For:      every room; GET /metrics writes them. metric.def is the list: name, unit, labels, help.
 * Cost:     metric_add and metric_observe: a few atomic additions, spread over METRIC_SHARDS so
 * that threads do not wait for each other; metric_label_find: a hash and a look-up without a lock
 * for a value that is known. Owns:     its series, for good: at most one per pair of label values,
 * and of each label at most as many live values as metric.def says, then `other`. Process-wide.
 * Threads:  any; nothing here blocks but for a short lock where a label value is new or goes. */
#ifndef BASE_METRIC_H
#define BASE_METRIC_H

#include "base/buf.h"

enum metric_label {
#define METRIC_LABEL(symbol, name, most) METRIC_LABEL_##symbol,
#define METRIC_VALUES(label)
#define METRIC_VALUE(label, symbol, text)
#define METRIC(symbol, kind, buckets, name, unit, first, second, help)
#include "base/metric.def"
#undef METRIC_LABEL
#undef METRIC
    METRIC_LABEL_COUNT
};

enum metric_id {
#define METRIC_LABEL(symbol, name, most)
#define METRIC(symbol, kind, buckets, name, unit, first, second, help) METRIC_##symbol,
#include "base/metric.def"
#undef METRIC
#undef METRIC_VALUES
#undef METRIC_VALUE
    METRIC_COUNT
};

/* The values that are known from the start: METRIC_QUERY_TYPE_SELECT ... */
enum metric_value {
#define METRIC(symbol, kind, buckets, name, unit, first, second, help)
#define METRIC_VALUES(label) METRIC_FIRST_##label, METRIC_BEFORE_##label = METRIC_FIRST_##label - 1,
#define METRIC_VALUE(label, symbol, text) METRIC_##label##_##symbol,
#include "base/metric.def"
#undef METRIC
#undef METRIC_VALUES
#undef METRIC_VALUE
#undef METRIC_LABEL
    METRIC_VALUE_COUNT
};

/* A label's value in calls: METRIC_OTHER, METRIC_SLOT(OUTCOME, OK), or what metric_label_find gave.
 */
enum { METRIC_OTHER = 0, METRIC_SHARDS = 4 };
#define METRIC_SLOT(label, value) ((unsigned)(METRIC_##label##_##value - METRIC_FIRST_##label + 1))

/* The slot of a value that may be new. METRIC_OTHER: the label is full. At most 255 bytes of it are
 * kept. */
unsigned metric_label_find(enum metric_label label, str value);
/* The value is no more: its series end, its place is free. METRIC_OTHER is ignored. */
void metric_label_drop(enum metric_label label, unsigned slot);
/* Drops every value of the label that `keep` does not want. */
void metric_label_sweep(enum metric_label label, bool (*keep)(void *context, str value),
                        void *context);

/* Counters: adds. Slots of labels that the metric does not have are 0. */
void metric_add(enum metric_id id, unsigned first, unsigned second, uint64_t by);
static inline void metric_count(enum metric_id id)
{
    metric_add(id, 0, 0, 1);
}
/* Histograms: one observation, in µs or in pieces as its buckets are. */
void metric_observe(enum metric_id id, unsigned first, unsigned second, uint64_t value);
/* Sum of a counter, number of observations of a histogram; for tests and small tables. */
uint64_t metric_total(enum metric_id id, unsigned first, unsigned second);

/* What is asked for when somebody looks. */
struct metric_samples;
typedef void metric_collect_fn(void *context, struct metric_samples *out);
enum { METRIC_COLLECTORS_MAX = 32 };
/* `collect` runs on the thread of metric_write, under no lock; it may block for a moment. */
void metric_collector_add(metric_collect_fn *collect, void *context);
/* The caller sees to it that no metric_write runs. One that was not added is ignored. */
void metric_collector_remove(metric_collect_fn *collect, void *context);
/* A value (µs where buckets says SECONDS) of a TOTAL or GAUGE. Texts are copied; empty where there
 * is no such label. Past the label's most, values are summed as `other`. */
void metric_sample(struct metric_samples *out, enum metric_id id, str first, str second,
                   uint64_t value);
/* Hits, misses and entries of one cache. */
void metric_sample_cache(struct metric_samples *out, const char *cache, uint64_t hits,
                         uint64_t misses, uint64_t entries);

enum metric_format { METRIC_PROMETHEUS, METRIC_OPENMETRICS };
#define METRIC_PROMETHEUS_TYPE "text/plain; version=0.0.4; charset=utf-8"
#define METRIC_OPENMETRICS_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"
/* Appends everything. */
void metric_write(struct buf *out, enum metric_format format);
/* Appends docs/operations/metrics.md. */
void metric_write_reference(struct buf *out);

#endif

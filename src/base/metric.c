/* base/metric.c -- series behind atomic pointers, label values behind a table of atomic words.
 *     metric.slots[first * (values of the second label + 1) + second] -> series, made on first use
 *     series.cells: METRIC_SHARDS x { histogram: one per bucket, one above all, the sum; else: one
 * } label.known[hash, hash + 1, ...] = 48 bits of the hash, 16 bits of the slot; 0: free A series
 * is never freed, so that whoever found it may add to it; one whose label value went is cleared
 * when the place is taken again. The texts of values are guarded by `lock`; those who record never
 * look at them. */
#include "base/metric.h"
#include "base/arena.h"
#include "base/check.h"
#include "base/hash.h"
#include "base/lock.h"

#define SLOT_MASK UINT64_C(0xFFFF)

enum {
    KNOWN_COUNT = 2048, /* twice the values of any label, and more */
    REBUILD_GONE = 512,
    VALUE_BYTES_MAX = 255,
    LINE_WORDS = 8 /* cells of a cache line */
};

enum kind { KIND_COUNTER, KIND_HISTOGRAM, KIND_TOTAL, KIND_GAUGE };
enum buckets { BUCKETS_NONE, BUCKETS_SECONDS, BUCKETS_COUNTS };

struct bound {
    uint64_t most;
    const char *text;
};

static const struct bound seconds_bounds[] = {
    {50, "5e-05"},    {100, "0.0001"},    {250, "0.00025"}, {500, "0.0005"},  {1000, "0.001"},
    {2500, "0.0025"}, {5000, "0.005"},    {10000, "0.01"},  {25000, "0.025"}, {50000, "0.05"},
    {100000, "0.1"},  {250000, "0.25"},   {500000, "0.5"},  {1000000, "1.0"}, {2500000, "2.5"},
    {5000000, "5.0"}, {10000000, "10.0"},
};
static const struct bound counts_bounds[] = {
    {1, "1.0"},   {2, "2.0"},     {4, "4.0"},     {8, "8.0"},     {16, "16.0"},     {32, "32.0"},
    {64, "64.0"}, {128, "128.0"}, {256, "256.0"}, {512, "512.0"}, {1024, "1024.0"},
};

static const struct {
    const struct bound *bounds;
    unsigned count;
} bucket_sets[] = {
    [BUCKETS_NONE] = {NULL, 0},
    [BUCKETS_SECONDS] = {seconds_bounds, sizeof seconds_bounds / sizeof(struct bound)},
    [BUCKETS_COUNTS] = {counts_bounds, sizeof counts_bounds / sizeof(struct bound)}};

/* cells: see the head of the file. */
struct series {
    _Atomic uint64_t cells[1];
};
typedef struct series *_Atomic series_slot;

/* How many values each label has at most, as constants. */
enum {
#define METRIC_LABEL(symbol, name, most) MOST_##symbol = (most),
#define METRIC_VALUES(label)
#define METRIC_VALUE(label, symbol, text)
#define METRIC(symbol, kind, buckets, name, unit, first, second, help)
#include "base/metric.def"
#undef METRIC_LABEL
#undef METRIC
    MOST_END
};

#define METRIC_LABEL(symbol, name, most)
#define METRIC(symbol, kind, buckets, name, unit, first, second, help)                             \
    static series_slot slots_##symbol[KIND_##kind <= KIND_HISTOGRAM                                \
                                          ? (MOST_##first + 1) * (MOST_##second + 1)               \
                                          : 1];
#include "base/metric.def"
#undef METRIC

struct metric {
    enum kind kind;
    enum buckets buckets;
    const char *name;
    const char *unit;
    enum metric_label labels[2];
    unsigned second_count; /* values of the second label, `other` among them */
    const char *help;
    series_slot *slots;
};

static const struct metric metrics[METRIC_COUNT] = {
#define METRIC(symbol, kind, buckets, name, unit, first, second, help)                             \
    {KIND_##kind,                                                                                  \
     BUCKETS_##buckets,                                                                            \
     name,                                                                                         \
     unit,                                                                                         \
     {METRIC_LABEL_##first, METRIC_LABEL_##second},                                                \
     MOST_##second + 1,                                                                            \
     help,                                                                                         \
     slots_##symbol},
#include "base/metric.def"
#undef METRIC
#undef METRIC_LABEL
#undef METRIC_VALUES
#undef METRIC_VALUE
};

struct label {
    const char *name;
    unsigned most;
    unsigned fixed_count;
    _Atomic uint64_t known[KNOWN_COUNT];
    unsigned gone_count;  /* words of values that went */
    unsigned used_count;  /* slots given so far; the rest has never been used */
    unsigned free_count;  /* slots that may be used again */
    uint16_t *free_slots; /* most + 1 */
    char **texts;         /* most + 1; NULL: no such value now */
};

static struct label labels[METRIC_LABEL_COUNT] = {
#define METRIC_LABEL(symbol, word, limit) {.name = word, .most = limit},
#define METRIC_VALUES(label)
#define METRIC_VALUE(label, symbol, text)
#define METRIC(symbol, kind, buckets, name, unit, first, second, help)
#include "base/metric.def"
#undef METRIC_LABEL
#undef METRIC_VALUES
#undef METRIC_VALUE
};

static const struct {
    enum metric_label label;
    const char *text;
} fixed_values[METRIC_VALUE_COUNT] = {
#define METRIC_LABEL(symbol, name, most)
#define METRIC_VALUES(label)
#define METRIC_VALUE(label, symbol, text) {METRIC_LABEL_##label, text},
#include "base/metric.def"
#undef METRIC
#undef METRIC_LABEL
#undef METRIC_VALUES
#undef METRIC_VALUE
};

struct collector {
    metric_collect_fn *collect;
    void *context;
};

/* Guarded by lock: texts and slots of labels, collectors. */
static struct {
    struct lock lock;
    struct collector collectors[METRIC_COLLECTORS_MAX];
    unsigned collector_count;
} state;

static _Atomic unsigned next_shard;
static _Thread_local unsigned own_shard; /* + 1; 0: not given yet */

__attribute__((constructor)) static void begin(void)
{
    lock_init(&state.lock, LOCK_METRIC);
    for (unsigned i = 0; i < METRIC_LABEL_COUNT; i++) {
        labels[i].texts = mem_alloc_zeroed((labels[i].most + 1) * sizeof(char *));
        labels[i].free_slots = mem_alloc_zeroed((labels[i].most + 1) * sizeof(uint16_t));
    }
    for (unsigned i = 0; i < METRIC_VALUE_COUNT; i++) {
        struct label *label = &labels[fixed_values[i].label];
        label->texts[++label->fixed_count] =
            mem_copy(fixed_values[i].text, strlen(fixed_values[i].text) + 1);
        label->used_count = label->fixed_count;
        CHECK(label->fixed_count <= label->most);
    }
}

/* -- series ------------------------------------------------------------------------------------ */

/* Cells of one shard: whole cache lines. */
static unsigned shard_cells(const struct metric *metric)
{
    unsigned used = metric->kind == KIND_HISTOGRAM ? bucket_sets[metric->buckets].count + 2 : 1;
    return (used + LINE_WORDS - 1) / LINE_WORDS * LINE_WORDS;
}

static struct series *make_series(const struct metric *metric, series_slot *slot)
{
    struct series *mine =
        mem_alloc_zeroed(METRIC_SHARDS * shard_cells(metric) * sizeof(_Atomic uint64_t));
    struct series *found = NULL;
    if (atomic_compare_exchange_strong_explicit(slot, &found, mine, memory_order_acq_rel,
                                                memory_order_acquire)) {
        return mine;
    }
    mem_free(mine);
    return found;
}

/* The cells of this thread. */
static _Atomic uint64_t *own_cells(const struct metric *metric, unsigned first, unsigned second)
{
    series_slot *slot = &metric->slots[first * metric->second_count + second];
    struct series *series = atomic_load_explicit(slot, memory_order_acquire);
    if (series == NULL) {
        series = make_series(metric, slot);
    }
    if (own_shard == 0) {
        own_shard =
            atomic_fetch_add_explicit(&next_shard, 1, memory_order_relaxed) % METRIC_SHARDS + 1;
    }
    return series->cells + (own_shard - 1) * shard_cells(metric);
}

static void check_slots(const struct metric *metric, unsigned first, unsigned second)
{
    CHECK(first <= labels[metric->labels[0]].most);
    CHECK(second < metric->second_count);
}

void metric_add(enum metric_id id, unsigned first, unsigned second, uint64_t by)
{
    const struct metric *metric = &metrics[id];
    CHECK(metric->kind == KIND_COUNTER);
    check_slots(metric, first, second);
    (void)atomic_fetch_add_explicit(own_cells(metric, first, second), by, memory_order_relaxed);
}

void metric_observe(enum metric_id id, unsigned first, unsigned second, uint64_t value)
{
    const struct metric *metric = &metrics[id];
    CHECK(metric->kind == KIND_HISTOGRAM);
    check_slots(metric, first, second);
    _Atomic uint64_t *cells = own_cells(metric, first, second);
    const struct bound *bounds = bucket_sets[metric->buckets].bounds;
    unsigned count = bucket_sets[metric->buckets].count;
    unsigned i = 0;
    while (i < count && value > bounds[i].most) {
        i++;
    }
    (void)atomic_fetch_add_explicit(&cells[i], 1, memory_order_relaxed);
    (void)atomic_fetch_add_explicit(&cells[count + 1], value, memory_order_relaxed);
}

/* One cell, summed over the shards. */
static uint64_t cell_sum(const struct metric *metric, const struct series *series, unsigned cell)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < METRIC_SHARDS; i++) {
        sum += atomic_load_explicit(&series->cells[i * shard_cells(metric) + cell],
                                    memory_order_relaxed);
    }
    return sum;
}

static struct series *find_series(const struct metric *metric, unsigned first, unsigned second)
{
    return atomic_load_explicit(&metric->slots[first * metric->second_count + second],
                                memory_order_acquire);
}

static uint64_t series_total(const struct metric *metric, const struct series *series)
{
    unsigned last = metric->kind == KIND_HISTOGRAM ? bucket_sets[metric->buckets].count : 0;
    uint64_t total = 0;
    for (unsigned i = 0; i <= last; i++) {
        total += cell_sum(metric, series, i);
    }
    return total;
}

uint64_t metric_total(enum metric_id id, unsigned first, unsigned second)
{
    const struct metric *metric = &metrics[id];
    CHECK(metric->kind <= KIND_HISTOGRAM);
    check_slots(metric, first, second);
    const struct series *series = find_series(metric, first, second);
    return series != NULL ? series_total(metric, series) : 0;
}

static void clear_series(const struct metric *metric, unsigned first, unsigned second)
{
    struct series *series = find_series(metric, first, second);
    for (unsigned i = 0; series != NULL && i < METRIC_SHARDS * shard_cells(metric); i++) {
        atomic_store_explicit(&series->cells[i], 0, memory_order_relaxed);
    }
}

/* A label value begins: nothing of the one that had its place may be left. */
static void clear_slot(enum metric_label label, unsigned slot)
{
    for (unsigned i = 0; i < METRIC_COUNT; i++) {
        const struct metric *metric = &metrics[i];
        if (metric->kind > KIND_HISTOGRAM) {
            continue;
        }
        if (metric->labels[0] == label) {
            for (unsigned second = 0; second < metric->second_count; second++) {
                clear_series(metric, slot, second);
            }
        } else if (metric->labels[1] == label) {
            for (unsigned first = 0; first <= labels[metric->labels[0]].most; first++) {
                clear_series(metric, first, slot);
            }
        }
    }
}

/* -- label values ------------------------------------------------------------------------------ */

/* The word of a value whose place is not known yet. Never 0, never all ones. */
static uint64_t word_of(str value)
{
    uint64_t word = hash_bytes(value) & ~SLOT_MASK;
    return word == 0 || word == ~SLOT_MASK ? UINT64_C(1) << 16 : word;
}

/* The slot of a value, METRIC_OTHER: not found. */
static unsigned find_known(const struct label *label, uint64_t word)
{
    for (unsigned i = 0; i < KNOWN_COUNT; i++) {
        uint64_t found = atomic_load_explicit(&label->known[((word >> 16) + i) & (KNOWN_COUNT - 1)],
                                              memory_order_acquire);
        if (found == 0) {
            break;
        }
        if ((found & ~SLOT_MASK) == word) {
            return (unsigned)(found & SLOT_MASK);
        }
    }
    return METRIC_OTHER;
}

static void put_known(struct label *label, uint64_t word, unsigned slot)
{
    unsigned i = (unsigned)(word >> 16) & (KNOWN_COUNT - 1);
    while (atomic_load_explicit(&label->known[i], memory_order_relaxed) != 0) {
        i = (i + 1) & (KNOWN_COUNT - 1);
    }
    atomic_store_explicit(&label->known[i], word | slot, memory_order_release);
}

/* Without the words that went. Who does not find a value meanwhile comes under the lock. */
static void rebuild_known(struct label *label)
{
    for (unsigned i = 0; i < KNOWN_COUNT; i++) {
        atomic_store_explicit(&label->known[i], 0, memory_order_release);
    }
    for (unsigned slot = label->fixed_count + 1; slot <= label->used_count; slot++) {
        if (label->texts[slot] != NULL) {
            put_known(label, word_of(str_from(label->texts[slot])), slot);
        }
    }
    label->gone_count = 0;
}

/* Under the lock. */
static unsigned add_value(enum metric_label id, str value, uint64_t word)
{
    struct label *label = &labels[id];
    unsigned slot = METRIC_OTHER;
    if (label->free_count > 0) {
        slot = label->free_slots[--label->free_count];
        clear_slot(id, slot);
    } else if (label->used_count < label->most) {
        slot = ++label->used_count;
    } else {
        return METRIC_OTHER;
    }
    char *text = mem_alloc(value.n + 1);
    memcpy(text, value.p, value.n);
    text[value.n] = '\0';
    label->texts[slot] = text;
    put_known(label, word, slot);
    return slot;
}

unsigned metric_label_find(enum metric_label id, str value)
{
    struct label *label = &labels[id];
    value = str_slice(value, 0, VALUE_BYTES_MAX);
    uint64_t word = word_of(value);
    unsigned slot = find_known(label, word);
    if (slot == METRIC_OTHER) {
        lock_take(&state.lock);
        slot = find_known(label, word); /* somebody else may have been first */
        if (slot == METRIC_OTHER) {
            slot = add_value(id, value, word);
        }
        lock_give(&state.lock);
    }
    return slot;
}

/* Under the lock. */
static void drop_value(struct label *label, unsigned slot)
{
    uint64_t word = word_of(str_from(label->texts[slot])) | slot;
    for (unsigned i = 0; i < KNOWN_COUNT; i++) {
        if (atomic_load_explicit(&label->known[i], memory_order_relaxed) == word) {
            atomic_store_explicit(&label->known[i], UINT64_MAX, memory_order_release);
            label->gone_count++;
        }
    }
    mem_free(label->texts[slot]);
    label->texts[slot] = NULL;
    label->free_slots[label->free_count++] = (uint16_t)slot;
    if (label->gone_count > REBUILD_GONE) {
        rebuild_known(label);
    }
}

void metric_label_drop(enum metric_label id, unsigned slot)
{
    struct label *label = &labels[id];
    if (slot == METRIC_OTHER) {
        return;
    }
    lock_take(&state.lock);
    CHECK(slot > label->fixed_count);
    CHECK(slot <= label->used_count);
    if (label->texts[slot] != NULL) {
        drop_value(label, slot);
    }
    lock_give(&state.lock);
}

void metric_label_sweep(enum metric_label id, bool (*keep)(void *context, str value), void *context)
{
    struct label *label = &labels[id];
    struct arena arena;
    arena_init(&arena);
    str *texts = ARENA_ARRAY(&arena, str, label->most + 1);
    lock_take(&state.lock);
    unsigned count = label->used_count;
    for (unsigned slot = label->fixed_count + 1; slot <= count; slot++) {
        texts[slot] = arena_copy(&arena, str_from(label->texts[slot]));
    }
    lock_give(&state.lock);
    for (unsigned slot = label->fixed_count + 1; slot <= count; slot++) {
        bool is_unwanted = texts[slot].n > 0 && !keep(context, texts[slot]);
        lock_take(&state.lock);
        if (is_unwanted && label->texts[slot] != NULL &&
            str_eq_c(texts[slot], label->texts[slot])) {
            drop_value(label, slot);
        }
        lock_give(&state.lock);
    }
    arena_release(&arena);
}

/* -- what is asked for ------------------------------------------------------------------------- */

struct sample {
    enum metric_id id;
    str texts[2];
    uint64_t value;
    struct sample *next;
};

struct metric_samples {
    struct arena arena;
    struct sample *first[METRIC_COUNT];
    struct sample *last[METRIC_COUNT];
    unsigned counts[METRIC_COUNT];
};

void metric_collector_add(metric_collect_fn *collect, void *context)
{
    lock_take(&state.lock);
    CHECK(state.collector_count < METRIC_COLLECTORS_MAX);
    state.collectors[state.collector_count++] = (struct collector){collect, context};
    lock_give(&state.lock);
}

void metric_collector_remove(metric_collect_fn *collect, void *context)
{
    lock_take(&state.lock);
    for (unsigned i = 0; i < state.collector_count; i++) {
        struct collector *c = &state.collectors[i];
        if (c->collect == collect && c->context == context) {
            *c = state.collectors[--state.collector_count];
            break;
        }
    }
    lock_give(&state.lock);
}

/* The values that a metric's labels can have together. */
static unsigned samples_most(const struct metric *metric)
{
    unsigned first = labels[metric->labels[0]].most;
    unsigned second = labels[metric->labels[1]].most;
    unsigned most = (first > 0 ? first : 1) * (second > 0 ? second : 1);
    return most < 1000 ? most : 1000;
}

/* Both label values as they are shown once there are too many. */
static struct sample *find_rest(struct metric_samples *out, enum metric_id id, str first)
{
    for (struct sample *s = out->first[id]; s != NULL; s = s->next) {
        bool has_two = labels[metrics[id].labels[1]].most > 0;
        if (str_eq_c(s->texts[has_two ? 1 : 0], "other") &&
            (!has_two || str_eq(s->texts[0], first))) {
            return s;
        }
    }
    return NULL;
}

void metric_sample(struct metric_samples *out, enum metric_id id, str first, str second,
                   uint64_t value)
{
    const struct metric *metric = &metrics[id];
    CHECK(metric->kind == KIND_TOTAL || metric->kind == KIND_GAUGE);
    if (metric->labels[0] != METRIC_LABEL_NONE && out->counts[id] >= samples_most(metric)) {
        struct sample *rest = find_rest(out, id, first);
        if (rest != NULL) {
            rest->value += value;
            return;
        }
        bool has_two = metric->labels[1] != METRIC_LABEL_NONE;
        first = has_two ? first : STR_LIT("other");
        second = has_two ? STR_LIT("other") : second;
    }
    struct sample *sample = ARENA_NEW(&out->arena, struct sample);
    *sample = (struct sample){
        id, {arena_copy(&out->arena, first), arena_copy(&out->arena, second)}, value, NULL};
    if (out->last[id] != NULL) {
        out->last[id]->next = sample;
    } else {
        out->first[id] = sample;
    }
    out->last[id] = sample;
    out->counts[id]++;
}

void metric_sample_cache(struct metric_samples *out, const char *cache, uint64_t hits,
                         uint64_t misses, uint64_t entries)
{
    str none = STR_LIT("");
    metric_sample(out, METRIC_CACHE_HITS, str_from(cache), none, hits);
    metric_sample(out, METRIC_CACHE_MISSES, str_from(cache), none, misses);
    metric_sample(out, METRIC_CACHE_ENTRIES, str_from(cache), none, entries);
}

static void collect_all(struct metric_samples *out)
{
    struct collector collectors[METRIC_COLLECTORS_MAX];
    lock_take(&state.lock);
    unsigned count = state.collector_count;
    memcpy(collectors, state.collectors, count * sizeof collectors[0]);
    lock_give(&state.lock);
    for (unsigned i = 0; i < count; i++) {
        collectors[i].collect(collectors[i].context, out);
    }
}

/* -- writing ----------------------------------------------------------------------------------- */

struct writer {
    struct buf *out;
    enum metric_format format;
};

static void append_escaped(struct buf *out, str text, bool with_quotes)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '\n') {
            buf_append_c(out, "\\n");
        } else {
            if (c == '\\' || (c == '"' && with_quotes)) {
                buf_append_byte(out, '\\');
            }
            buf_append_byte(out, (uint8_t)c);
        }
    }
}

static void append_value(struct buf *out, const struct metric *metric, uint64_t value)
{
    if (metric->buckets != BUCKETS_SECONDS) {
        buf_append_u64_text(out, value);
    } else {
        buf_append_format(out, "%llu.%06llu", (unsigned long long)(value / 1000000),
                          (unsigned long long)(value % 1000000));
    }
}

/* name{label="value",le="1.0"} and a space; `le` NULL: none. */
static void append_name(struct writer *w, const struct metric *metric, const char *suffix,
                        const str texts[2], const char *le)
{
    const char *between = "{";
    buf_append_format(w->out, "%s%s", metric->name, suffix);
    for (unsigned i = 0; i < 2; i++) {
        const struct label *label = &labels[metric->labels[i]];
        if (label->most > 0) {
            buf_append_format(w->out, "%s%s=\"", between, label->name);
            append_escaped(w->out, texts[i], true);
            buf_append_byte(w->out, '"');
            between = ",";
        }
    }
    if (le != NULL) {
        buf_append_format(w->out, "%sle=\"%s\"", between, le);
        between = ",";
    }
    buf_append_c(w->out, between[0] == ',' ? "} " : " ");
}

static const char *kind_name(const struct metric *metric)
{
    static const char *const names[] = {[KIND_COUNTER] = "counter",
                                        [KIND_HISTOGRAM] = "histogram",
                                        [KIND_TOTAL] = "counter",
                                        [KIND_GAUGE] = "gauge"};
    return names[metric->kind];
}

/* OpenMetrics names the family without _total, and its unit. */
static void append_head(struct writer *w, const struct metric *metric)
{
    str family = str_from(metric->name);
    bool is_open = w->format == METRIC_OPENMETRICS;
    if (is_open && str_ends_with(family, STR_LIT("_total"))) {
        family.n -= strlen("_total");
    }
    buf_append_format(w->out, "# HELP " STR_FMT " ", STR(family));
    append_escaped(w->out, str_from(metric->help), is_open);
    buf_append_format(w->out, "\n# TYPE " STR_FMT " %s\n", STR(family), kind_name(metric));
    if (is_open && metric->unit[0] != '\0') {
        buf_append_format(w->out, "# UNIT " STR_FMT " %s\n", STR(family), metric->unit);
    }
}

static void append_histogram(struct writer *w, const struct metric *metric,
                             const struct series *series, const str texts[2])
{
    const struct bound *bounds = bucket_sets[metric->buckets].bounds;
    unsigned count = bucket_sets[metric->buckets].count;
    uint64_t sum = cell_sum(metric, series, count + 1);
    uint64_t below = 0;
    for (unsigned i = 0; i <= count; i++) {
        below += cell_sum(metric, series, i);
        append_name(w, metric, "_bucket", texts, i < count ? bounds[i].text : "+Inf");
        buf_append_format(w->out, "%llu\n", (unsigned long long)below);
    }
    append_name(w, metric, "_sum", texts, NULL);
    append_value(w->out, metric, sum);
    buf_append_byte(w->out, '\n');
    append_name(w, metric, "_count", texts, NULL);
    buf_append_format(w->out, "%llu\n", (unsigned long long)below);
}

/* The texts of a label's values now, by slot; p NULL: no such value. */
static const str *copy_texts(enum metric_label id, struct arena *arena)
{
    const struct label *label = &labels[id];
    str *texts = ARENA_ARRAY(arena, str, label->most + 1);
    texts[METRIC_OTHER] = STR_LIT("other");
    lock_take(&state.lock);
    for (unsigned slot = 1; slot <= label->used_count; slot++) {
        if (label->texts[slot] != NULL) {
            texts[slot] = arena_copy(arena, str_from(label->texts[slot]));
        }
    }
    lock_give(&state.lock);
    return texts;
}

/* Series with labels show once there is something in them. */
static void append_series(struct writer *w, const struct metric *metric, struct series *series,
                          const str texts[2])
{
    bool is_plain = metric->labels[0] == METRIC_LABEL_NONE;
    if (series == NULL && is_plain) {
        series = make_series(metric, &metric->slots[0]);
    }
    if (series == NULL || (!is_plain && series_total(metric, series) == 0)) {
        return;
    }
    if (metric->kind == KIND_HISTOGRAM) {
        append_histogram(w, metric, series, texts);
        return;
    }
    append_name(w, metric, "", texts, NULL);
    append_value(w->out, metric, cell_sum(metric, series, 0));
    buf_append_byte(w->out, '\n');
}

static void append_recorded(struct writer *w, const struct metric *metric, struct arena *arena)
{
    const str *first_texts = copy_texts(metric->labels[0], arena);
    const str *second_texts = copy_texts(metric->labels[1], arena);
    for (unsigned first = 0; first <= labels[metric->labels[0]].most; first++) {
        for (unsigned second = 0; second < metric->second_count; second++) {
            if (first_texts[first].p != NULL && second_texts[second].p != NULL) {
                const str texts[2] = {first_texts[first], second_texts[second]};
                append_series(w, metric, find_series(metric, first, second), texts);
            }
        }
    }
}

void metric_write(struct buf *out, enum metric_format format)
{
    struct writer w = {out, format};
    struct metric_samples *samples = mem_alloc_zeroed(sizeof *samples);
    arena_init(&samples->arena);
    collect_all(samples);
    for (unsigned i = 0; i < METRIC_COUNT; i++) {
        const struct metric *metric = &metrics[i];
        append_head(&w, metric);
        if (metric->kind <= KIND_HISTOGRAM) {
            append_recorded(&w, metric, &samples->arena);
        }
        for (const struct sample *s = samples->first[i]; s != NULL; s = s->next) {
            append_name(&w, metric, "", s->texts, NULL);
            append_value(out, metric, s->value);
            buf_append_byte(out, '\n');
        }
    }
    if (format == METRIC_OPENMETRICS) {
        buf_append_c(out, "# EOF\n");
    }
    arena_release(&samples->arena);
    mem_free(samples);
}

/* -- the reference ----------------------------------------------------------------------------- */

static void append_label_row(struct buf *out, const struct label *label)
{
    buf_append_format(out, "| `%s` | %u | ", label->name, label->most);
    for (unsigned i = 1; i <= label->fixed_count; i++) {
        buf_append_format(out, "%s`%s`", i > 1 ? ", " : "", label->texts[i]);
    }
    buf_append_c(out, " |\n");
}

void metric_write_reference(struct buf *out)
{
    buf_append_c(
        out,
        "# Metrics\n"
        "Written from `src/base/metric.def`; a test keeps it so. `GET /metrics` answers in the "
        "text "
        "format of Prometheus, or in\nOpenMetrics when `Accept` asks for "
        "`application/openmetrics-text`. `metrics.access` says who may: `local` (this machine\n"
        "without a token, everybody else with the token of a dba or system user), `token` (a token "
        "from everywhere), `off`.\nThe dashboard is in `deploy/grafana/`.\n\n"
        "Series with labels appear with their first event. A label keeps a bounded number of live "
        "values; what comes beyond is\ncounted as `other`. Values of tables and connections that "
        "are gone give their places back.\n\n"
        "| metric | type | labels | what it is |\n|---|---|---|---|\n");
    for (unsigned i = 0; i < METRIC_COUNT; i++) {
        const struct metric *metric = &metrics[i];
        buf_append_format(out, "| `%s` | %s | ", metric->name, kind_name(metric));
        for (unsigned l = 0; l < 2 && metric->labels[l] != METRIC_LABEL_NONE; l++) {
            buf_append_format(out, "%s`%s`", l > 0 ? ", " : "", labels[metric->labels[l]].name);
        }
        buf_append_format(out, " | %s |\n", metric->help);
    }
    buf_append_c(out, "\n| label | live values at most | known from the start |\n|---|---|---|\n");
    for (unsigned i = METRIC_LABEL_NONE + 1; i < METRIC_LABEL_COUNT; i++) {
        append_label_row(out, &labels[i]);
    }
}

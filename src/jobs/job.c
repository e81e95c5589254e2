/* jobs/job.c -- names, moves and records of jobs. */
#include "jobs/job.h"

#include "wire/json.h"

static const struct {
    const char *prefix;
    const char *name;
} kinds[] = {
#define JOB(symbol, prefix, name) {prefix, name},
#include "jobs/jobs.def"
#undef JOB
};

static const char *const states[] = {"queued", "running",   "retrying", "completed",
                                     "failed", "cancelled", "skipped"};

const char *job_kind_prefix(enum job_kind kind)
{
    return kinds[kind].prefix;
}

const char *job_kind_name(enum job_kind kind)
{
    return kinds[kind].name;
}

bool job_kind_is_recorded(enum job_kind kind)
{
    return kind != JOB_CACHE_SWEEP && kind != JOB_STREAM_TRIM && kind != JOB_DBA_STATS;
}

const char *job_state_name(enum job_state state)
{
    return states[state];
}

bool job_state_is_final(enum job_state state)
{
    return state >= JOB_COMPLETED;
}

bool job_state_may_move(enum job_state from, enum job_state to)
{
    static const bool moves[JOB_STATE_COUNT][JOB_STATE_COUNT] = {
        [JOB_QUEUED] = {[JOB_RUNNING] = true, [JOB_CANCELLED] = true, [JOB_FAILED] = true},
        [JOB_RUNNING] = {[JOB_RETRYING] = true,
                         [JOB_COMPLETED] = true,
                         [JOB_FAILED] = true,
                         [JOB_CANCELLED] = true,
                         [JOB_SKIPPED] = true},
        [JOB_RETRYING] = {[JOB_RUNNING] = true, [JOB_CANCELLED] = true, [JOB_FAILED] = true},
    };
    return moves[from][to];
}

void job_encode(struct buf *out, const struct job *job)
{
    struct json_writer w = json_writer_on(out);
    json_write_object_begin(&w);
    json_write_key(&w, "id");
    json_write_text_c(&w, job->id);
    json_write_key(&w, "type");
    json_write_text_c(&w, job_kind_name(job->kind));
    json_write_key(&w, "status");
    json_write_text_c(&w, job_state_name(job->state));
    json_write_key(&w, "table");
    json_write_u64(&w, job->table.v);
    json_write_key(&w, "namespace_name");
    json_write_text_c(&w, job->namespace_name);
    json_write_key(&w, "table_name");
    json_write_text_c(&w, job->table_name);
    json_write_key(&w, "forced");
    json_write_bool(&w, job->is_forced);
    json_write_key(&w, "retries");
    json_write_u64(&w, job->retries);
    json_write_key(&w, "message");
    json_write_text_c(&w, job->message);
    json_write_key(&w, "created_us");
    json_write_i64(&w, job->created_us);
    json_write_key(&w, "updated_us");
    json_write_i64(&w, job->updated_us);
    json_write_key(&w, "started_us");
    json_write_i64(&w, job->started_us);
    json_write_key(&w, "finished_us");
    json_write_i64(&w, job->finished_us);
    json_write_key(&w, "cpu_us");
    json_write_u64(&w, job->cpu_us);
    json_write_key(&w, "memory_bytes");
    json_write_u64(&w, job->memory_bytes);
    json_write_object_end(&w);
}

static bool read_text(const struct json *root, const char *key, char *out, size_t bytes)
{
    str text;
    if (!json_as_text(json_get(root, key), &text) || text.n >= bytes) {
        return false;
    }
    memcpy(out, text.p != NULL ? text.p : "", text.n);
    out[text.n] = '\0';
    return true;
}

static bool read_names(const struct json *root, struct job *job)
{
    char kind[32];
    char state[32];
    if (!read_text(root, "type", kind, sizeof kind) ||
        !read_text(root, "status", state, sizeof state)) {
        return false;
    }
    int k = 0;
    int s = 0;
    while (k < JOB_KIND_COUNT && strcmp(kinds[k].name, kind) != 0) {
        k++;
    }
    while (s < JOB_STATE_COUNT && strcmp(states[s], state) != 0) {
        s++;
    }
    job->kind = (enum job_kind)k;
    job->state = (enum job_state)s;
    return k < JOB_KIND_COUNT && s < JOB_STATE_COUNT;
}

/* Records of a server that did not measure have no such field: 0. */
static bool read_measured(const struct json *root, const char *key, uint64_t *out)
{
    const struct json *value = json_get(root, key);
    return value == NULL || json_as_u64(value, out);
}

static bool read_fields(const struct json *root, struct job *job)
{
    uint64_t table = 0;
    uint64_t retries = 0;
    bool ok = read_text(root, "id", job->id, sizeof job->id) && read_names(root, job) &&
              read_text(root, "namespace_name", job->namespace_name, sizeof job->namespace_name) &&
              read_text(root, "table_name", job->table_name, sizeof job->table_name) &&
              read_text(root, "message", job->message, sizeof job->message) &&
              json_as_u64(json_get(root, "table"), &table) && table <= UINT32_MAX &&
              json_as_u64(json_get(root, "retries"), &retries) && retries <= UINT32_MAX &&
              json_as_bool(json_get(root, "forced"), &job->is_forced) &&
              json_as_i64(json_get(root, "created_us"), &job->created_us) &&
              json_as_i64(json_get(root, "updated_us"), &job->updated_us) &&
              json_as_i64(json_get(root, "started_us"), &job->started_us) &&
              json_as_i64(json_get(root, "finished_us"), &job->finished_us) &&
              read_measured(root, "cpu_us", &job->cpu_us) &&
              read_measured(root, "memory_bytes", &job->memory_bytes);
    job->table.v = (uint32_t)table;
    job->retries = (uint32_t)retries;
    return ok;
}

status job_decode(str text, struct job *out, struct error *err)
{
    struct arena scratch;
    arena_init(&scratch);
    memset(out, 0, sizeof *out);
    const struct json *root = NULL;
    struct error ignored;
    bool ok = status_ok(json_parse(text, &scratch, &root, &ignored)) && read_fields(root, out);
    arena_release(&scratch);
    return ok ? STATUS_IS_OK : error_set(err, ERROR_CORRUPT, "a job record cannot be read");
}

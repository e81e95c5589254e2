/* query/ddl_storage.c -- CREATE, ALTER and DROP STORAGE, STORAGE CHECK: rights were checked by
 * kind; what is said of folders is checked here, the catalog does the rest. */
#include "query/run.h"

#include <sys/statvfs.h>

#include "base/fs.h"
#include "base/hash.h"
#include "sql/template.h"
#include "wire/json.h"

/* *out: the object; NULL: there is no text. */
static status parse_object(str text, const char *what, struct run *run, const struct json **out,
                           struct error *err)
{
    struct error ignored;
    *out = NULL;
    if (text.n == 0 ||
        (status_ok(json_parse(text, run->arena, out, &ignored)) && (*out)->kind == JSON_OBJECT)) {
        return STATUS_IS_OK;
    }
    return error_set(err, ERROR_INVALID_OPERATION, "%s must be a JSON object", what);
}

/* CONFIG is tagged by its type (contract sql.md section 1.2). What else it could tell a filesystem,
 * its root, PATH has told: a second one would have no effect. */
static status check_config(const struct json *config, struct error *err)
{
    const struct json *member = config != NULL ? config->as.children.first : NULL;
    for (; member != NULL; member = member->next) {
        str type;
        bool is_type = str_eq_c(member->key, "type") && json_as_text(member, &type) &&
                       (str_eq_c(type, "local") || str_eq_c(type, "filesystem"));
        if (!is_type) {
            return error_set(
                err, ERROR_INVALID_OPERATION,
                "CONFIG of a filesystem storage takes \"type\": \"local\" only; not '" STR_FMT "'",
                STR(member->key));
        }
    }
    return STATUS_IS_OK;
}

/* Writes, lists, reads and removes a small file; NULL text: healthy. */
static status probe_directory(const char *directory, struct error *err)
{
    char path[4096];
    struct arena scratch;
    arena_init(&scratch);
    (void)snprintf(path, sizeof path, "%s/.kalamdb-health-check", directory);
    status result = fs_make_dirs(path, err);
    if (status_ok(result)) {
        (void)snprintf(path, sizeof path, "%s/.kalamdb-health-check/%lld-%08llx.tmp", directory,
                       (long long)(clock_wall_us(clock_system()) / 1000),
                       (unsigned long long)(random_u64() & 0xFFFFFFFFU));
        result = fs_write_durable(path, STR_LIT("KALAMDB_HEALTH\n"), 0600, err);
    }
    str content = {NULL, 0};
    if (status_ok(result)) {
        result = fs_read(path, 64, &scratch, &content, err);
    }
    if (status_ok(result)) {
        result = fs_unlink(path, err);
    }
    arena_release(&scratch);
    return result;
}

static status probe_storage(struct run *run, const struct storage_def *storage, struct error *err)
{
    const struct clock *clock = run->engine->clock;
    uint64_t started_us = clock_mono_us(clock);
    struct error reason;
    error_clear(&reason);
    if (status_ok(probe_directory(str_cstr(run->arena, storage->base_directory), &reason))) {
        return STATUS_IS_OK;
    }
    return error_set(err, ERROR_INVALID_OPERATION,
                     "Storage connectivity check failed (latency %llu ms): %.900s",
                     (unsigned long long)((clock_mono_us(clock) - started_us) / 1000), reason.text);
}

/* A storage's folder must lie below the server's cold root: the SQL engine is confined to it, and
 * an allow-list beats any deny-list (findings/reliability.md H12). It is kept in one spelling, so
 * that a folder is known again by its path. A relative PATH is taken below the cold root. */
static status directory_of(struct run *run, str given, str *out, struct error *err)
{
    str root = str_from(run->engine->cold_directory);
    bool is_absolute = str_starts_with(given, STR_LIT("/"));
    str plain = fs_plain_path(given, run->arena);
    bool is_below = !is_absolute ||
                    (str_starts_with(plain, root) && plain.n > root.n && plain.p[root.n] == '/');
    str folder = is_absolute && is_below ? str_skip(plain, root.n + 1) : plain;
    if (!is_below || folder.n == 0 || str_find(folder, STR_LIT("..")) >= 0) {
        return error_set(err, ERROR_INVALID_OPERATION,
                         "Storage directory must lie below the server's storage directory");
    }
    if (!template_is_plain(folder)) {
        return error_set(err, ERROR_INVALID_OPERATION,
                         "Storage directory must be folders of letters, digits, '_', '-', '.', "
                         "'+' and '@', at most %d bytes",
                         LIMIT_STORAGE_PATH_BYTES);
    }
    *out = arena_format(run->arena, STR_FMT "/" STR_FMT, STR(root), STR(folder));
    return STATUS_IS_OK;
}

static status apply_storage_part(struct run *run, struct storage_def *storage, struct error *err)
{
    const struct storage_part *part = &run->statement->as.storage;
    storage->name = part->has_name ? part->name : storage->name;
    storage->description = part->has_description ? part->description : storage->description;
    storage->shared_template =
        part->has_shared_template ? part->shared_tables_template : storage->shared_template;
    storage->user_template =
        part->has_user_template ? part->user_tables_template : storage->user_template;
    storage->credentials = part->has_credentials ? part->credentials : storage->credentials;
    storage->config = part->has_config ? part->config : storage->config;
    const struct json *object = NULL;
    TRY(parse_object(storage->credentials, "Credentials", run, &object, err));
    TRY(parse_object(storage->config, "CONFIG", run, &object, err));
    TRY(check_config(object, err));
    TRY(template_check_storage(storage->shared_template, false, err));
    return template_check_storage(storage->user_template, true, err);
}

status run_create_storage(struct run *run, struct error *err)
{
    const struct storage_part *part = &run->statement->as.storage;
    if (!run->may_block) {
        return run_block(run);
    }
    struct storage_def storage = {.id = part->id,
                                  .name = part->id,
                                  .type = part->type,
                                  .shared_template = STR_LIT("{namespace}/{tableName}"),
                                  .user_template = STR_LIT("{namespace}/{tableName}/{userId}")};
    if (snapshot_find_storage(run->snapshot, part->id) != NULL && part->if_not_exists) {
        run_message(run, "Storage '" STR_FMT "' already exists", STR(part->id));
        return STATUS_IS_OK;
    }
    if (!str_eq_c(part->type, "filesystem")) {
        return error_set(err, ERROR_NOT_IMPLEMENTED,
                         "storage type '" STR_FMT "' is not available; use filesystem",
                         STR(part->type));
    }
    TRY(apply_storage_part(run, &storage, err));
    TRY(directory_of(run, part->base_directory, &storage.base_directory, err));
    TRY(probe_storage(run, &storage, err));
    TRY(catalog_create_storage(run->engine->catalog, &storage, err));
    run_message(run, "Storage '" STR_FMT "' created successfully", STR(part->id));
    return STATUS_IS_OK;
}

static status find_storage(struct run *run, str id, const struct storage_def **out,
                           struct error *err)
{
    *out = snapshot_find_storage(run->snapshot, id);
    return *out != NULL
               ? STATUS_IS_OK
               : error_set(err, ERROR_NOT_FOUND, "Storage '" STR_FMT "' not found", STR(id));
}

status run_alter_storage(struct run *run, struct error *err)
{
    const struct storage_part *part = &run->statement->as.storage;
    if (!run->may_block) {
        return run_block(run);
    }
    const struct storage_def *before = NULL;
    TRY(find_storage(run, part->id, &before, err));
    struct storage_def storage = *before;
    TRY(apply_storage_part(run, &storage, err));
    /* Files lie where the templates said when they were written. */
    bool moves = !str_eq(storage.shared_template, before->shared_template) ||
                 !str_eq(storage.user_template, before->user_template);
    for (unsigned i = 0; moves && i < run->snapshot->table_count; i++) {
        if (str_eq(run->snapshot->tables[i]->storage_id, part->id)) {
            return error_set(err, ERROR_INVALID_OPERATION,
                             "Cannot change the templates of storage '" STR_FMT
                             "': tables are using it",
                             STR(part->id));
        }
    }
    TRY(probe_storage(run, &storage, err));
    TRY(catalog_alter_storage(run->engine->catalog, &storage, err));
    run_message(run, "Storage '" STR_FMT "' altered successfully", STR(part->id));
    return STATUS_IS_OK;
}

status run_drop_storage(struct run *run, struct error *err)
{
    const struct storage_part *part = &run->statement->as.storage;
    if (!run->may_block) {
        return run_block(run);
    }
    if (snapshot_find_storage(run->snapshot, part->id) == NULL && part->if_exists) {
        run_message(run, "Storage '" STR_FMT "' does not exist (skipped)", STR(part->id));
        return STATUS_IS_OK;
    }
    if (str_eq_c(part->id, "local")) {
        return error_set(err, ERROR_INVALID_OPERATION, "Cannot drop storage 'local'");
    }
    TRY(catalog_drop_storage(run->engine->catalog, part->id, err));
    run_message(run, "Storage '" STR_FMT "' dropped successfully", STR(part->id));
    return STATUS_IS_OK;
}

status run_storage_check(struct run *run, struct error *err)
{
    static const struct result_column columns[] = {
        {.name = {"storage_id", 10}, .type = {.id = TYPE_TEXT}},
        {.name = {"status", 6}, .type = {.id = TYPE_TEXT}},
        {.name = {"readable", 8}, .type = {.id = TYPE_BOOLEAN}},
        {.name = {"writable", 8}, .type = {.id = TYPE_BOOLEAN}},
        {.name = {"listable", 8}, .type = {.id = TYPE_BOOLEAN}},
        {.name = {"deletable", 9}, .type = {.id = TYPE_BOOLEAN}},
        {.name = {"latency_ms", 10}, .type = {.id = TYPE_BIGINT}},
        {.name = {"total_bytes", 11}, .type = {.id = TYPE_BIGINT}},
        {.name = {"used_bytes", 10}, .type = {.id = TYPE_BIGINT}},
        {.name = {"error", 5}, .type = {.id = TYPE_TEXT}},
        {.name = {"tested_at", 9}, .type = {.id = TYPE_TIMESTAMP}}};
    const struct storage_part *part = &run->statement->as.storage;
    if (!run->may_block) {
        return run_block(run);
    }
    const struct storage_def *storage = NULL;
    TRY(find_storage(run, part->id, &storage, err));
    const struct clock *clock = run->engine->clock;
    uint64_t started_us = clock_mono_us(clock);
    struct error reason;
    error_clear(&reason);
    bool healthy =
        status_ok(probe_directory(str_cstr(run->arena, storage->base_directory), &reason));
    int64_t latency_ms = (int64_t)((clock_mono_us(clock) - started_us) / 1000);
    struct value total = value_null(type_of(TYPE_BIGINT));
    struct value used = value_null(type_of(TYPE_BIGINT));
    struct statvfs space;
    if (part->is_extended && statvfs(str_cstr(run->arena, storage->base_directory), &space) == 0) {
        total = value_int(TYPE_BIGINT, (int64_t)(space.f_blocks * space.f_frsize));
        used = value_int(TYPE_BIGINT, (int64_t)((space.f_blocks - space.f_bfree) * space.f_frsize));
    }
    struct value row[] = {value_text(storage->id),
                          value_text(str_from(healthy ? "healthy" : "unreachable")),
                          value_bool(healthy),
                          value_bool(healthy),
                          value_bool(healthy),
                          value_bool(healthy),
                          value_int(TYPE_BIGINT, latency_ms),
                          total,
                          used,
                          healthy ? value_null(type_of(TYPE_TEXT))
                                  : value_text(str_from(reason.text)),
                          value_int(TYPE_TIMESTAMP, run->session.now_us)};
    result_begin_rows(run->results, columns, sizeof columns / sizeof columns[0]);
    TRY(result_row(run->results, row, err));
    result_end_rows(run->results, run->session.user_id);
    return STATUS_IS_OK;
}

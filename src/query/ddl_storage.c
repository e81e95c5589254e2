/* query/ddl_storage.c -- CREATE, ALTER and DROP STORAGE, STORAGE CHECK: rights were checked by
 * kind; what is said of folders is checked here, the catalog does the rest. */
#include "query/run.h"

#include <sys/statvfs.h>

#include "base/fs.h"
#include "base/hash.h"
#include "wire/json.h"

static status check_json_object(str text, const char *what, struct run *run, struct error *err)
{
    const struct json *root = NULL;
    struct error ignored;
    if (text.n == 0 ||
        (status_ok(json_parse(text, run->arena, &root, &ignored)) && root->kind == JSON_OBJECT)) {
        return STATUS_IS_OK;
    }
    return error_set(err, ERROR_INVALID_OPERATION, "%s must be a JSON object", what);
}

/* Tokens {namespace} < {tableName} < {shard} < {userId}, in that order (contract sql.md 1.2). */
static status check_template(str text, bool is_user, struct error *err)
{
    ptrdiff_t ns = str_find(text, STR_LIT("{namespace}"));
    ptrdiff_t table = str_find(text, STR_LIT("{tableName}"));
    ptrdiff_t user = str_find(text, STR_LIT("{userId}"));
    const char *what = is_user ? "User" : "Shared";
    if (ns < 0) {
        return error_set(err, ERROR_INVALID_OPERATION,
                         "Invalid storage template: %s table template: {namespace} is required",
                         what);
    }
    if (table < ns) {
        return error_set(err, ERROR_INVALID_OPERATION,
                         "Invalid storage template: %s table template: {tableName} is required "
                         "after {namespace}",
                         what);
    }
    if (is_user && user < table) {
        return error_set(err, ERROR_INVALID_OPERATION,
                         "Invalid storage template: User table template: {userId} is required "
                         "after {tableName}");
    }
    if (!is_user && user >= 0) {
        return error_set(
            err, ERROR_INVALID_OPERATION,
            "Invalid storage template: Shared table template: {userId} is not allowed");
    }
    if (str_find(text, STR_LIT("..")) >= 0 || (text.n > 0 && text.p[0] == '/')) {
        return error_set(err, ERROR_INVALID_OPERATION,
                         "Invalid storage template: %s table template: '..' and a leading '/' are "
                         "not allowed",
                         what);
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

static bool is_below(str path, const char *root)
{
    size_t n = strlen(root);
    return path.n > n && memcmp(path.p, root, n) == 0 && path.p[n] == '/';
}

/* A storage's folder must lie below the server's cold root: the SQL engine is confined to it, and
 * an allow-list beats any deny-list (findings/reliability.md H12). */
static status check_directory(struct run *run, const struct storage_def *storage, struct error *err)
{
    if (!str_eq_c(storage->type, "filesystem")) {
        return error_set(err, ERROR_NOT_IMPLEMENTED,
                         "storage type '" STR_FMT "' is not available; use filesystem",
                         STR(storage->type));
    }
    if (!is_below(storage->base_directory, run->engine->cold_directory) ||
        str_find(storage->base_directory, STR_LIT("..")) >= 0) {
        return error_set(err, ERROR_INVALID_OPERATION,
                         "Storage directory must lie below the server's storage directory");
    }
    status result = probe_directory(str_cstr(run->arena, storage->base_directory), err);
    if (!status_ok(result)) {
        char reason[ERROR_TEXT_MAX];
        (void)snprintf(reason, sizeof reason, "%.900s", err->text);
        return error_set(err, ERROR_INVALID_OPERATION, "Storage connectivity check failed: %s",
                         reason);
    }
    return STATUS_IS_OK;
}

/* A relative PATH is taken below the cold root. */
static str directory_of(struct run *run, const struct storage_part *part)
{
    str given = part->base_directory;
    while (given.n > 1 && given.p[given.n - 1] == '/') {
        given.n--;
    }
    if (given.n > 0 && given.p[0] == '/') {
        return given;
    }
    if (str_starts_with(given, STR_LIT("./"))) {
        given = str_skip(given, 2);
    }
    return arena_format(run->arena, "%s/" STR_FMT, run->engine->cold_directory, STR(given));
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
    TRY(check_json_object(storage->credentials, "Credentials", run, err));
    TRY(check_json_object(storage->config, "CONFIG", run, err));
    TRY(check_template(storage->shared_template, false, err));
    return check_template(storage->user_template, true, err);
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
                                  .base_directory = directory_of(run, part),
                                  .shared_template = STR_LIT("{namespace}/{tableName}"),
                                  .user_template = STR_LIT("{namespace}/{tableName}/{userId}")};
    if (snapshot_find_storage(run->snapshot, part->id) != NULL && part->if_not_exists) {
        run_message(run, "Storage '" STR_FMT "' already exists", STR(part->id));
        return STATUS_IS_OK;
    }
    TRY(apply_storage_part(run, &storage, err));
    TRY(check_directory(run, &storage, err));
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

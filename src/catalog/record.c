/* catalog/record.c -- one table of fields per record kind; encoding and decoding walk it. */
#include "catalog/record.h"
#include "base/check.h"
#include "model/key.h"
#include "wire/json.h"

#include <stddef.h>

void record_key(struct buf *out, enum record_kind kind, str rest)
{
    size_t before = out->n;
    partition_encode(out, PARTITION_CATALOG, 0, (str){NULL, 0});
    CHECK(out->n - before == CATALOG_PREFIX_BYTES);
    buf_append_byte(out, (uint8_t)kind);
    buf_append_str(out, rest);
}

void record_key_id(struct buf *out, enum record_kind kind, table_id id)
{
    record_key(out, kind, (str){NULL, 0});
    buf_append_u32be(out, id.v);
}

void record_key_schema(struct buf *out, table_id id, uint32_t version)
{
    record_key_id(out, RECORD_SCHEMA, id);
    buf_append_u32be(out, version);
}

str record_pair(struct arena *arena, str ns, str name)
{
    char *p = arena_alloc(arena, ns.n + 1 + name.n + 1);
    if (ns.n > 0) {
        memcpy(p, ns.p, ns.n);
    }
    p[ns.n] = '\0';
    if (name.n > 0) {
        memcpy(p + ns.n + 1, name.p, name.n);
    }
    return (str){p, ns.n + 1 + name.n};
}

struct object *object_create(enum record_kind kind, str key)
{
    struct object *object = mem_alloc_zeroed(sizeof *object);
    refcount_init(&object->refs);
    object->kind = kind;
    arena_init(&object->arena);
    object->key = arena_copy(&object->arena, key);
    return object;
}

struct object *object_take(struct object *object)
{
    refcount_take(&object->refs);
    return object;
}

void object_give(struct object *object)
{
    if (object != NULL && refcount_give(&object->refs)) {
        arena_release(&object->arena);
        mem_free(object);
    }
}

/* -- fields -------------------------------------------------------------------------------------
 */

enum field_type { FIELD_TEXT, FIELD_U32, FIELD_I64, FIELD_BOOL };

struct field {
    const char *name;
    enum field_type type;
    size_t offset;
};

#define FIELD(owner, member, type)                                                                 \
    {                                                                                              \
#member, type, offsetof(owner, member)                                                     \
    }

static const struct field namespace_fields[] = {FIELD(struct namespace_def, id, FIELD_U32),
                                                FIELD(struct namespace_def, name, FIELD_TEXT),
                                                FIELD(struct namespace_def, options, FIELD_TEXT),
                                                FIELD(struct namespace_def, created_us, FIELD_I64),
                                                {NULL, FIELD_TEXT, 0}};

static const struct field table_fields[] = {FIELD(struct table, id, FIELD_U32),
                                            FIELD(struct table, ns, FIELD_U32),
                                            FIELD(struct table, namespace_name, FIELD_TEXT),
                                            FIELD(struct table, name, FIELD_TEXT),
                                            FIELD(struct table, kind, FIELD_U32),
                                            FIELD(struct table, version, FIELD_U32),
                                            FIELD(struct table, access, FIELD_U32),
                                            FIELD(struct table, access_by_version, FIELD_TEXT),
                                            FIELD(struct table, flush.rows, FIELD_U32),
                                            FIELD(struct table, flush.interval_s, FIELD_U32),
                                            FIELD(struct table, ttl_s, FIELD_U32),
                                            FIELD(struct table, max_buffer, FIELD_U32),
                                            FIELD(struct table, is_ephemeral, FIELD_BOOL),
                                            FIELD(struct table, bloom, FIELD_U32),
                                            FIELD(struct table, deleted_retention_s, FIELD_I64),
                                            FIELD(struct table, storage_id, FIELD_TEXT),
                                            FIELD(struct table, location, FIELD_TEXT),
                                            FIELD(struct table, uses_user_storage, FIELD_BOOL),
                                            FIELD(struct table, comment, FIELD_TEXT),
                                            FIELD(struct table, created_us, FIELD_I64),
                                            FIELD(struct table, updated_us, FIELD_I64),
                                            {NULL, FIELD_TEXT, 0}};

static const struct field view_fields[] = {FIELD(struct view_def, namespace_name, FIELD_TEXT),
                                           FIELD(struct view_def, name, FIELD_TEXT),
                                           FIELD(struct view_def, query, FIELD_TEXT),
                                           FIELD(struct view_def, created_us, FIELD_I64),
                                           {NULL, FIELD_TEXT, 0}};

static const struct field storage_fields[] = {
    FIELD(struct storage_def, id, FIELD_TEXT),
    FIELD(struct storage_def, name, FIELD_TEXT),
    FIELD(struct storage_def, description, FIELD_TEXT),
    FIELD(struct storage_def, type, FIELD_TEXT),
    FIELD(struct storage_def, base_directory, FIELD_TEXT),
    FIELD(struct storage_def, credentials, FIELD_TEXT),
    FIELD(struct storage_def, config, FIELD_TEXT),
    FIELD(struct storage_def, shared_template, FIELD_TEXT),
    FIELD(struct storage_def, user_template, FIELD_TEXT),
    FIELD(struct storage_def, created_us, FIELD_I64),
    FIELD(struct storage_def, updated_us, FIELD_I64),
    {NULL, FIELD_TEXT, 0}};

static const struct field user_fields[] = {FIELD(struct user, id, FIELD_TEXT),
                                           FIELD(struct user, role, FIELD_U32),
                                           FIELD(struct user, password_hash, FIELD_TEXT),
                                           FIELD(struct user, email, FIELD_TEXT),
                                           FIELD(struct user, auth, FIELD_U32),
                                           FIELD(struct user, auth_data, FIELD_TEXT),
                                           FIELD(struct user, storage_mode, FIELD_TEXT),
                                           FIELD(struct user, storage_id, FIELD_TEXT),
                                           FIELD(struct user, failed_logins, FIELD_U32),
                                           FIELD(struct user, locked_until_us, FIELD_I64),
                                           FIELD(struct user, last_login_us, FIELD_I64),
                                           FIELD(struct user, created_us, FIELD_I64),
                                           FIELD(struct user, updated_us, FIELD_I64),
                                           FIELD(struct user, deleted_us, FIELD_I64),
                                           FIELD(struct user, password_changed_us, FIELD_I64),
                                           {NULL, FIELD_TEXT, 0}};

static const struct field dropped_fields[] = {
    FIELD(struct dropped_table, id, FIELD_U32),
    FIELD(struct dropped_table, ns, FIELD_U32),
    FIELD(struct dropped_table, kind, FIELD_U32),
    FIELD(struct dropped_table, namespace_name, FIELD_TEXT),
    FIELD(struct dropped_table, name, FIELD_TEXT),
    FIELD(struct dropped_table, storage_id, FIELD_TEXT),
    {NULL, FIELD_TEXT, 0}};

/* Ids and enums are stored as u32. */
_Static_assert(sizeof(table_id) == 4 && sizeof(namespace_id) == 4, "ids are one u32");
_Static_assert(sizeof(enum table_kind) == 4 && sizeof(enum role) == 4, "enums are one u32");

static void encode(struct buf *out, const struct field *fields, const void *from)
{
    struct json_writer w = json_writer_on(out);
    json_write_object_begin(&w);
    for (const struct field *f = fields; f->name != NULL; f++) {
        const char *at = (const char *)from + f->offset;
        json_write_key(&w, f->name);
        switch (f->type) {
        case FIELD_TEXT:
            json_write_text(&w, *(const str *)(const void *)at);
            break;
        case FIELD_U32:
            json_write_u64(&w, *(const uint32_t *)(const void *)at);
            break;
        case FIELD_I64:
            json_write_i64(&w, *(const int64_t *)(const void *)at);
            break;
        case FIELD_BOOL:
            json_write_bool(&w, *(const bool *)(const void *)at);
            break;
        }
    }
    json_write_object_end(&w);
}

/* Absent fields stay zero: a record of an older version of us is readable. */
static status decode_field(const struct json *value, const struct field *f, struct arena *arena,
                           char *at, struct error *err)
{
    bool ok = true;
    str text;
    int64_t number = 0;
    switch (f->type) {
    case FIELD_TEXT:
        ok = json_as_text(value, &text);
        if (ok) {
            *(str *)(void *)at = arena_copy(arena, text);
        }
        break;
    case FIELD_U32:
        ok = json_as_i64(value, &number) && number >= 0 && number <= UINT32_MAX;
        if (ok) {
            *(uint32_t *)(void *)at = (uint32_t)number;
        }
        break;
    case FIELD_I64:
        ok = json_as_i64(value, (int64_t *)(void *)at);
        break;
    case FIELD_BOOL:
        ok = json_as_bool(value, (bool *)(void *)at);
        break;
    }
    return ok ? STATUS_IS_OK
              : error_set(err, ERROR_CORRUPT, "catalog record: field %s has a wrong type", f->name);
}

static status decode(str text, const struct field *fields, struct arena *arena, void *to,
                     struct error *err)
{
    struct arena scratch;
    arena_init(&scratch);
    const struct json *root = NULL;
    status result = json_parse(text, &scratch, &root, err);
    if (!status_ok(result) || root->kind != JSON_OBJECT) {
        result = error_set(err, ERROR_CORRUPT, "catalog record is not a JSON object");
    }
    for (const struct field *f = fields; status_ok(result) && f->name != NULL; f++) {
        const struct json *value = json_get(root, f->name);
        if (value != NULL) {
            result = decode_field(value, f, arena, (char *)to + f->offset, err);
        }
    }
    arena_release(&scratch);
    return result;
}

static const struct field *fields_of(enum record_kind kind)
{
    switch (kind) {
    case RECORD_NAMESPACE:
        return namespace_fields;
    case RECORD_TABLE:
        return table_fields;
    case RECORD_VIEW:
        return view_fields;
    case RECORD_STORAGE:
        return storage_fields;
    case RECORD_COUNTERS:
    case RECORD_DROPPED:
    case RECORD_LIVE:
    case RECORD_USER:
    case RECORD_SCHEMA:
        break;
    }
    return NULL;
}

void record_encode(struct buf *out, const struct object *object)
{
    const struct field *fields = fields_of(object->kind);
    CHECK(fields != NULL);
    encode(out, fields, &object->as);
}

status record_decode(enum record_kind kind, str key, str text, struct object **out,
                     struct error *err)
{
    const struct field *fields = fields_of(kind);
    CHECK(fields != NULL);
    struct object *object = object_create(kind, key);
    status result = decode(text, fields, &object->arena, &object->as, err);
    if (!status_ok(result)) {
        object_give(object);
        return result;
    }
    *out = object;
    return STATUS_IS_OK;
}

void user_encode(struct buf *out, const struct user *user)
{
    encode(out, user_fields, user);
}

static struct user *user_new(void)
{
    struct user *user = mem_alloc_zeroed(sizeof *user);
    refcount_init(&user->refs);
    arena_init(&user->arena);
    return user;
}

status user_decode(str text, struct user **out, struct error *err)
{
    struct user *user = user_new();
    status result = decode(text, user_fields, &user->arena, user, err);
    if (!status_ok(result)) {
        user_give(user);
        return result;
    }
    *out = user;
    return STATUS_IS_OK;
}

struct user *user_copy(const struct user *user)
{
    struct user *copy = user_new();
    for (const struct field *f = user_fields; f->name != NULL; f++) {
        const char *from = (const char *)user + f->offset;
        char *to = (char *)copy + f->offset;
        if (f->type == FIELD_TEXT) {
            *(str *)(void *)to = arena_copy(&copy->arena, *(const str *)(const void *)from);
        } else {
            memcpy(to, from, f->type == FIELD_U32 ? sizeof(uint32_t) : sizeof(int64_t));
        }
    }
    return copy;
}

void user_give(struct user *user)
{
    if (user != NULL && refcount_give(&user->refs)) {
        arena_release(&user->arena);
        mem_free(user);
    }
}

void dropped_encode(struct buf *out, const struct dropped_table *dropped)
{
    encode(out, dropped_fields, dropped);
}

status dropped_decode(str text, struct arena *arena, struct dropped_table *out, struct error *err)
{
    *out = (struct dropped_table){0};
    return decode(text, dropped_fields, arena, out, err);
}

/* catalog/snapshot.c -- one sorted array of counted objects; what readers see are slices of it. */
#include "catalog/snapshot.h"
#include "base/check.h"

static int compare_objects(enum record_kind kind_a, str key_a, const struct object *b)
{
    if (kind_a != b->kind) {
        return kind_a < b->kind ? -1 : 1;
    }
    return str_compare(key_a, b->key);
}

static int compare_for_sort(const void *a, const void *b)
{
    const struct object *x = *(struct object *const *)a;
    const struct object *y = *(struct object *const *)b;
    return compare_objects(x->kind, x->key, y);
}

/* The first place whose object is not smaller. */
static unsigned lower_bound(const struct snapshot_body *body, enum record_kind kind, str key)
{
    unsigned low = 0;
    unsigned high = body->object_count;
    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        if (compare_objects(kind, key, body->objects[middle]) > 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static str id_key(const table_id *id)
{
    return str_of(&id->v, sizeof id->v);
}

/* Counts the objects of one kind. */
static unsigned count_kind(const struct snapshot_body *body, enum record_kind kind)
{
    unsigned count = 0;
    for (unsigned i = 0; i < body->object_count; i++) {
        count += body->objects[i]->kind == kind ? 1 : 0;
    }
    return count;
}

static void fill_namespaces(struct snapshot_body *body)
{
    struct catalog_snapshot *s = &body->shown;
    s->namespaces =
        ARENA_ARRAY(&s->arena, const struct namespace_def *, count_kind(body, RECORD_NAMESPACE));
    for (unsigned i = 0; i < body->object_count; i++) {
        const struct object *object = body->objects[i];
        if (object->kind == RECORD_NAMESPACE) {
            /* A copy of its own, since the count of tables belongs to this snapshot. */
            struct namespace_def *ns = ARENA_NEW(&s->arena, struct namespace_def);
            *ns = object->as.ns;
            ns->table_count = 0;
            s->namespaces[s->namespace_count++] = ns;
            (void)map_put(&s->namespace_by_name, ns->name, ns);
        }
    }
    for (unsigned i = 0; i < s->table_count; i++) {
        struct namespace_def *ns = map_find(&s->namespace_by_name, s->tables[i]->namespace_name);
        if (ns != NULL) {
            ns->table_count++;
        }
    }
}

static void fill(struct snapshot_body *body)
{
    struct catalog_snapshot *s = &body->shown;
    s->tables = ARENA_ARRAY(&s->arena, const struct table *, count_kind(body, RECORD_TABLE));
    s->views = ARENA_ARRAY(&s->arena, const struct view_def *, count_kind(body, RECORD_VIEW));
    s->storages =
        ARENA_ARRAY(&s->arena, const struct storage_def *, count_kind(body, RECORD_STORAGE));
    for (unsigned i = 0; i < body->object_count; i++) {
        struct object *object = body->objects[i];
        if (object->kind == RECORD_TABLE) {
            s->tables[s->table_count++] = &object->as.table;
            (void)map_put(&s->table_by_name, object->key, &object->as.table);
            (void)map_put(&s->table_by_id, id_key(&object->as.table.id), &object->as.table);
        } else if (object->kind == RECORD_VIEW) {
            s->views[s->view_count++] = &object->as.view;
            (void)map_put(&s->view_by_name, object->key, &object->as.view);
        } else if (object->kind == RECORD_STORAGE) {
            s->storages[s->storage_count++] = &object->as.storage;
            (void)map_put(&s->storage_by_id, object->key, &object->as.storage);
        }
    }
    fill_namespaces(body);
}

static struct snapshot_body *new_body(unsigned capacity, uint64_t version)
{
    struct snapshot_body *body = mem_alloc_zeroed(sizeof *body);
    refcount_init(&body->shown.refs);
    body->shown.version = version;
    arena_init(&body->shown.arena);
    map_init(&body->shown.table_by_name);
    map_init(&body->shown.table_by_id);
    map_init(&body->shown.namespace_by_name);
    map_init(&body->shown.storage_by_id);
    map_init(&body->shown.view_by_name);
    body->objects = mem_alloc((capacity + 1) * sizeof(struct object *));
    return body;
}

struct snapshot_body *snapshot_create(struct object **objects, unsigned count, uint64_t version)
{
    struct snapshot_body *body = new_body(count, version);
    for (unsigned i = 0; i < count; i++) {
        body->objects[body->object_count++] = object_take(objects[i]);
    }
    qsort(body->objects, count, sizeof(struct object *), compare_for_sort);
    fill(body);
    return body;
}

struct snapshot_body *snapshot_change(const struct snapshot_body *before,
                                      const struct removal *removed, struct object *added)
{
    struct snapshot_body *body =
        new_body(before->object_count + (added != NULL ? 1U : 0U), before->shown.version + 1);
    bool *is_gone = mem_alloc_zeroed(before->object_count + 1);
    for (; removed != NULL; removed = removed->next) {
        unsigned at = lower_bound(before, removed->kind, removed->key);
        is_gone[at] = at < before->object_count &&
                      compare_objects(removed->kind, removed->key, before->objects[at]) == 0;
    }
    bool is_added = added == NULL;
    for (unsigned i = 0; i < before->object_count; i++) {
        struct object *object = before->objects[i];
        int order = is_added ? 1 : compare_objects(added->kind, added->key, object);
        if (order <= 0 && !is_added) {
            body->objects[body->object_count++] = object_take(added);
            is_added = true;
        }
        if (!is_gone[i] && order != 0) {
            body->objects[body->object_count++] = object_take(object);
        }
    }
    if (!is_added) {
        body->objects[body->object_count++] = object_take(added);
    }
    mem_free(is_gone);
    fill(body);
    return body;
}

static void destroy(struct snapshot_body *body)
{
    for (unsigned i = 0; i < body->object_count; i++) {
        object_give(body->objects[i]);
    }
    mem_free(body->objects);
    map_release(&body->shown.table_by_name);
    map_release(&body->shown.table_by_id);
    map_release(&body->shown.namespace_by_name);
    map_release(&body->shown.storage_by_id);
    map_release(&body->shown.view_by_name);
    arena_release(&body->shown.arena);
    mem_free(body);
}

void catalog_give(const struct catalog_snapshot *snapshot)
{
    /* The public type is const for its readers; the count is ours. */
    struct catalog_snapshot *own = (struct catalog_snapshot *)(uintptr_t)snapshot;
    if (own != NULL && refcount_give(&own->refs)) {
        destroy((struct snapshot_body *)(void *)own);
    }
}

const struct catalog_snapshot *catalog_share(const struct catalog_snapshot *snapshot)
{
    refcount_take(&((struct catalog_snapshot *)(uintptr_t)snapshot)->refs);
    return snapshot;
}

const struct table *snapshot_find_table(const struct catalog_snapshot *s, str ns, str name)
{
    char key[256];
    if (ns.n + 1 + name.n > sizeof key) {
        return NULL; /* longer than any name that was let in */
    }
    memcpy(key, ns.p != NULL ? ns.p : "", ns.n);
    key[ns.n] = '\0';
    memcpy(key + ns.n + 1, name.p != NULL ? name.p : "", name.n);
    return map_find(&s->table_by_name, str_of(key, ns.n + 1 + name.n));
}

const struct table *snapshot_find_table_id(const struct catalog_snapshot *s, table_id id)
{
    return map_find(&s->table_by_id, id_key(&id));
}

const struct namespace_def *snapshot_find_namespace(const struct catalog_snapshot *s, str name)
{
    return map_find(&s->namespace_by_name, name);
}

const struct storage_def *snapshot_find_storage(const struct catalog_snapshot *s, str id)
{
    return map_find(&s->storage_by_id, id);
}

const struct view_def *snapshot_find_view(const struct catalog_snapshot *s, str ns, str name)
{
    char key[256];
    if (ns.n + 1 + name.n > sizeof key) {
        return NULL;
    }
    memcpy(key, ns.p != NULL ? ns.p : "", ns.n);
    key[ns.n] = '\0';
    memcpy(key + ns.n + 1, name.p != NULL ? name.p : "", name.n);
    return map_find(&s->view_by_name, str_of(key, ns.n + 1 + name.n));
}

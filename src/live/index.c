/* live/index.c -- per column a map from the bytes of a key to a list. */
#include "live/index.h"

#include "base/check.h"
#include "model/key.h"

void index_init(struct index *index)
{
    *index = (struct index){0};
    buf_init(&index->scratch);
}

void index_release(struct index *index)
{
    CHECK(index->rest.count == 0);
    CHECK(index->column_count == 0);
    mem_free(index->rest.places);
    mem_free(index->columns);
    buf_release(&index->scratch);
}

static struct index_column *find_column(struct index *index, unsigned column)
{
    for (size_t i = 0; i < index->column_count; i++) {
        if (index->columns[i]->column == column) {
            return index->columns[i];
        }
    }
    return NULL;
}

static struct index_column *get_column(struct index *index, unsigned column)
{
    struct index_column *found = find_column(index, column);
    if (found == NULL) {
        found = mem_alloc_zeroed(sizeof *found);
        found->column = column;
        map_init(&found->buckets);
        index->columns = mem_grow(index->columns, &index->column_capacity, index->column_count + 1,
                                  sizeof(struct index_column *));
        index->columns[index->column_count++] = found;
    }
    return found;
}

static void bucket_add(struct index_bucket *bucket, struct index_place *place)
{
    bucket->places = mem_grow(bucket->places, &bucket->capacity, bucket->count + 1,
                              sizeof(struct index_place *));
    place->bucket = bucket;
    place->at = bucket->count;
    bucket->places[bucket->count++] = place;
}

void index_add(struct index *index, unsigned column, str key, struct index_place *place)
{
    struct index_column *at = get_column(index, column);
    struct index_bucket *bucket = map_find(&at->buckets, key);
    if (bucket == NULL) {
        bucket = mem_alloc_zeroed(sizeof *bucket);
        bucket->column = at;
        bucket->key = str_of(mem_copy(key.p, key.n), key.n);
        (void)map_put(&at->buckets, key, bucket);
    }
    bucket_add(bucket, place);
}

void index_add_rest(struct index *index, struct index_place *place)
{
    bucket_add(&index->rest, place);
}

static void drop_column(struct index *index, struct index_column *column)
{
    for (size_t i = 0; i < index->column_count; i++) {
        if (index->columns[i] == column) {
            index->columns[i] = index->columns[--index->column_count];
            break;
        }
    }
    map_release(&column->buckets);
    mem_free(column);
}

static void drop_bucket(struct index *index, struct index_bucket *bucket)
{
    struct index_column *column = bucket->column;
    (void)map_remove(&column->buckets, bucket->key);
    mem_free((void *)(uintptr_t)bucket->key.p);
    mem_free(bucket->places);
    mem_free(bucket);
    if (column->buckets.count == 0) {
        drop_column(index, column);
    }
}

void index_remove(struct index *index, struct index_place *place)
{
    struct index_bucket *bucket = place->bucket;
    CHECK(bucket->places[place->at] == place);
    struct index_place *last = bucket->places[--bucket->count];
    bucket->places[place->at] = last;
    last->at = place->at;
    *place = (struct index_place){0};
    if (bucket->count == 0 && bucket->column != NULL) {
        drop_bucket(index, bucket);
    }
}

/* The bucket of a value, or NULL. A text longer than a key can be equals no constant of the index.
 */
static struct index_bucket *lookup(struct index *index, const struct index_column *column,
                                   const struct value *value)
{
    if (value->is_null) {
        return NULL;
    }
    buf_clear(&index->scratch);
    if (!status_ok(key_encode(&index->scratch, value, NULL))) {
        return NULL;
    }
    return map_find(&column->buckets, buf_str(&index->scratch));
}

void index_find(struct index *index, const struct value *values, const struct value *before,
                index_visit_fn *visit, void *context)
{
    if (index->rest.count > 0) {
        visit(context, &index->rest);
    }
    for (size_t i = 0; i < index->column_count; i++) {
        const struct index_column *column = index->columns[i];
        struct index_bucket *now = lookup(index, column, &values[column->column]);
        struct index_bucket *then =
            before != NULL ? lookup(index, column, &before[column->column]) : NULL;
        if (now != NULL) {
            visit(context, now);
        }
        if (then != NULL && then != now) {
            visit(context, then);
        }
    }
}

/* tests/unit/wire/jansson_oracle.c -- jansson behind dlopen. */
#include "tests/unit/wire/jansson_oracle.h"

#include <dlfcn.h>
#include <jansson.h>

static struct {
    __typeof__(json_loadb) *loadb;
    __typeof__(json_delete) *delete;
    __typeof__(json_integer_value) *integer_value;
    __typeof__(json_real_value) *real_value;
    __typeof__(json_string_value) *string_value;
    __typeof__(json_string_length) *string_length;
    __typeof__(json_array_size) *array_size;
    __typeof__(json_array_get) *array_get;
    __typeof__(json_object_iter) *object_iter;
    __typeof__(json_object_iter_next) *object_iter_next;
    __typeof__(json_object_iter_key) *object_iter_key;
    __typeof__(json_object_iter_value) *object_iter_value;
} jansson;

/* ISO C has no cast from dlsym's pointer to a function's; the bytes are the same on POSIX. */
static bool load(void *library, const char *name, void *function)
{
    void *found = dlsym(library, name);
    memcpy(function, &found, sizeof found);
    return found != NULL;
}

bool oracle_open(void)
{
    void *library = dlopen("libjansson.so.4", RTLD_NOW | RTLD_LOCAL);
    return library != NULL && load(library, "json_loadb", &jansson.loadb) &&
           load(library, "json_delete", &jansson.delete) &&
           load(library, "json_integer_value", &jansson.integer_value) &&
           load(library, "json_real_value", &jansson.real_value) &&
           load(library, "json_string_value", &jansson.string_value) &&
           load(library, "json_string_length", &jansson.string_length) &&
           load(library, "json_array_size", &jansson.array_size) &&
           load(library, "json_array_get", &jansson.array_get) &&
           load(library, "json_object_iter", &jansson.object_iter) &&
           load(library, "json_object_iter_next", &jansson.object_iter_next) &&
           load(library, "json_object_iter_key", &jansson.object_iter_key) &&
           load(library, "json_object_iter_value", &jansson.object_iter_value);
}

static void append_text(struct buf *out, const char *text, size_t bytes)
{
    buf_append_format(out, "s%zu:", bytes);
    buf_append(out, text, bytes);
}

static void append_canonical(struct buf *out, json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_NULL:
        buf_append_byte(out, 'n');
        return;
    case JSON_TRUE:
        buf_append_byte(out, 't');
        return;
    case JSON_FALSE:
        buf_append_byte(out, 'f');
        return;
    case JSON_INTEGER:
        buf_append_format(out, "i%lld;", (long long)jansson.integer_value(value));
        return;
    case JSON_REAL:
        buf_append_format(out, "r%.17g;", jansson.real_value(value));
        return;
    case JSON_STRING:
        append_text(out, jansson.string_value(value), jansson.string_length(value));
        return;
    case JSON_ARRAY:
        buf_append_byte(out, '[');
        for (size_t i = 0; i < jansson.array_size(value); i++) {
            append_canonical(out, jansson.array_get(value, i));
        }
        buf_append_byte(out, ']');
        return;
    case JSON_OBJECT:
        buf_append_byte(out, '{');
        for (void *at = jansson.object_iter(value); at != NULL;
             at = jansson.object_iter_next(value, at)) {
            const char *key = jansson.object_iter_key(at);
            append_text(out, key, strlen(key));
            append_canonical(out, jansson.object_iter_value(at));
        }
        buf_append_byte(out, '}');
        return;
    }
}

enum oracle_verdict oracle_read(str text, struct buf *canonical)
{
    json_error_t error;
    if (str_find_char(text, '\0') >= 0) {
        return ORACLE_CANNOT_SAY;
    }
    json_t *value = jansson.loadb(
        text.p, text.n, JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &error);
    if (value != NULL) {
        append_canonical(canonical, value);
        jansson.delete(value);
        return ORACLE_ACCEPTS;
    }
    bool is_own_limit = json_error_code(&error) == json_error_null_byte_in_key ||
                        strncmp(error.text, "too big ", 8) == 0;
    return is_own_limit ? ORACLE_CANNOT_SAY : ORACLE_REFUSES;
}

/* auth/token.c -- header.payload.signature, each in base64url. */
#include "auth/token.h"
#include "base/base64.h"
#include "base/check.h"
#include "catalog/name.h"
#include "engine/crypto_digest.h"
#include "wire/json.h"

static const char header_text[] = "{\"typ\":\"JWT\",\"alg\":\"HS256\"}";

enum { SECONDS_MAX_BITS = 53 };

static void write_claims(struct buf *out, const struct token_claims *claims)
{
    struct json_writer w = json_writer_on(out);
    json_write_object_begin(&w);
    json_write_key(&w, "sub");
    json_write_text(&w, claims->user_id);
    json_write_key(&w, "iss");
    json_write_text_c(&w, TOKEN_ISSUER);
    json_write_key(&w, "exp");
    json_write_i64(&w, claims->expires_s);
    json_write_key(&w, "iat");
    json_write_i64(&w, claims->issued_s);
    json_write_key(&w, "email");
    if (claims->email.p != NULL) {
        json_write_text(&w, claims->email);
    } else {
        json_write_null(&w);
    }
    if (claims->has_role) {
        json_write_key(&w, "role");
        json_write_text_c(&w, role_name(claims->role));
    }
    json_write_key(&w, "token_type");
    json_write_text_c(&w, claims->kind == TOKEN_REFRESH ? "refresh" : "access");
    json_write_object_end(&w);
}

void token_sign(struct buf *out, str secret, const struct token_claims *claims)
{
    struct buf payload;
    buf_init(&payload);
    write_claims(&payload, claims);
    size_t start = out->n;
    base64_append(out, BASE64_URL, str_from(header_text));
    buf_append_byte(out, '.');
    base64_append(out, BASE64_URL, buf_str(&payload));
    buf_release(&payload);
    digest256 signature = crypto_hmac_sha256(secret, str_skip(buf_str(out), start));
    buf_append_byte(out, '.');
    base64_append(out, BASE64_URL, digest256_str(&signature));
}

/* --- reading. Each step answers NULL, or what is wrong. */

struct parts {
    str header;
    str payload;
    str signature;
    str signed_text; /* header.payload */
};

static const char *split(str token, struct parts *parts)
{
    if (token.n > TOKEN_BYTES_MAX) {
        return "the token is too long";
    }
    ptrdiff_t first = str_find_char(token, '.');
    ptrdiff_t second = first < 0 ? -1 : str_find_char(str_skip(token, (size_t)first + 1), '.');
    if (second < 0) {
        return "the token has not three parts";
    }
    size_t payload_at = (size_t)first + 1;
    size_t signature_at = payload_at + (size_t)second + 1;
    parts->header = str_slice(token, 0, (size_t)first);
    parts->payload = str_slice(token, payload_at, signature_at - 1);
    parts->signature = str_skip(token, signature_at);
    parts->signed_text = str_slice(token, 0, signature_at - 1);
    if (parts->header.n == 0 || parts->payload.n == 0 || parts->signature.n == 0 ||
        str_find_char(parts->signature, '.') >= 0) {
        return "the token has not three parts";
    }
    return NULL;
}

static const char *check_signature(str secret, const struct parts *parts)
{
    struct buf given;
    buf_init(&given);
    bool is_text = base64_decode(&given, BASE64_URL, parts->signature);
    digest256 wanted = crypto_hmac_sha256(secret, parts->signed_text);
    bool is_right = is_text && crypto_equal(buf_str(&given), digest256_str(&wanted));
    buf_release(&given);
    return is_right ? NULL : "the signature is wrong";
}

/* The JSON object in a part; NULL: it is none. */
static const struct json *read_object(str part, struct arena *arena)
{
    struct buf bytes;
    buf_init(&bytes);
    const struct json *object = NULL;
    if (base64_decode(&bytes, BASE64_URL, part) &&
        !status_ok(json_parse(arena_copy(arena, buf_str(&bytes)), arena, &object, NULL))) {
        object = NULL;
    }
    buf_release(&bytes);
    return object != NULL && object->kind == JSON_OBJECT ? object : NULL;
}

static const char *check_header(str part, struct arena *arena)
{
    const struct json *header = read_object(part, arena);
    const struct json *typ = json_get(header, "typ");
    str text;
    if (header == NULL) {
        return "the header is no JSON object";
    }
    if (!json_as_text(json_get(header, "alg"), &text) || !str_eq_c(text, "HS256")) {
        return "the algorithm is not HS256";
    }
    if (typ != NULL && (!json_as_text(typ, &text) || !str_eq_nocase(text, STR_LIT("JWT")))) {
        return "the type is not JWT";
    }
    return json_get(header, "crit") != NULL ? "the header asks for extensions" : NULL;
}

/* A whole number of seconds; false: it is missing or another thing. */
static bool read_seconds(const struct json *payload, const char *name, int64_t *out)
{
    return json_as_i64(json_get(payload, name), out) && *out >= 0 &&
           *out < INT64_C(1) << SECONDS_MAX_BITS;
}

static const char *read_who(const struct json *payload, struct token_claims *claims)
{
    str text;
    const struct json *email = json_get(payload, "email");
    const struct json *role = json_get(payload, "role");
    if (!json_as_text(json_get(payload, "iss"), &text) || !str_eq_c(text, TOKEN_ISSUER)) {
        return "the issuer is not trusted";
    }
    if (!json_as_text(json_get(payload, "sub"), &claims->user_id) ||
        !status_ok(name_check_user(claims->user_id, NULL))) {
        return "the subject is no user id";
    }
    if (email != NULL && !json_is_null(email) && !json_as_text(email, &claims->email)) {
        return "the e-mail address is no text";
    }
    claims->has_role = role != NULL;
    if (role != NULL && (!json_as_text(role, &text) || !role_parse(text, &claims->role) ||
                         !str_eq_c(text, role_name(claims->role)))) {
        return "the role is not known";
    }
    return NULL;
}

static const char *read_kind(const struct json *payload, enum token_kind wanted,
                             struct token_claims *claims)
{
    str text;
    claims->kind = wanted;
    if (!json_as_text(json_get(payload, "token_type"), &text) ||
        !str_eq_c(text, wanted == TOKEN_REFRESH ? "refresh" : "access")) {
        return "the token is of another kind";
    }
    return NULL;
}

static const char *read_times(const struct json *payload, int64_t now_s,
                              struct token_claims *claims)
{
    int64_t not_before_s = 0;
    if (!read_seconds(payload, "exp", &claims->expires_s)) {
        return "exp is missing or no time";
    }
    if (!read_seconds(payload, "iat", &claims->issued_s)) {
        return "iat is missing or no time";
    }
    if (claims->issued_s > now_s + TOKEN_LEEWAY_S) {
        return "the token was issued in the future";
    }
    if (json_get(payload, "nbf") != NULL &&
        (!read_seconds(payload, "nbf", &not_before_s) || not_before_s > now_s + TOKEN_LEEWAY_S)) {
        return "the token is not valid yet";
    }
    return NULL;
}

static const char *read_token(str secret, str token, enum token_kind wanted, int64_t now_s,
                              struct arena *arena, struct token_claims *claims)
{
    struct parts parts;
    const char *wrong = split(token, &parts);
    wrong = wrong != NULL ? wrong : check_signature(secret, &parts);
    wrong = wrong != NULL ? wrong : check_header(parts.header, arena);
    if (wrong != NULL) {
        return wrong;
    }
    const struct json *payload = read_object(parts.payload, arena);
    if (payload == NULL) {
        return "the payload is no JSON object";
    }
    wrong = read_who(payload, claims);
    wrong = wrong != NULL ? wrong : read_kind(payload, wanted, claims);
    return wrong != NULL ? wrong : read_times(payload, now_s, claims);
}

status token_verify(str secret, str token, enum token_kind wanted, int64_t now_s,
                    struct arena *arena, struct token_claims *claims, const char **reason,
                    struct error *err)
{
    struct token_claims found = {0};
    enum error_id id = ERROR_INVALID_CREDENTIALS;
    const char *wrong = read_token(secret, token, wanted, now_s, arena, &found);
    if (wrong == NULL && found.expires_s + TOKEN_LEEWAY_S < now_s) {
        wrong = "the token has expired";
        id = ERROR_TOKEN_EXPIRED;
    }
    if (wrong == NULL) {
        *claims = found;
        return STATUS_IS_OK;
    }
    if (reason != NULL) {
        *reason = wrong;
    }
    return error_set(err, id, "Invalid credentials");
}

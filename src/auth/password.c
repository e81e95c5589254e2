/* auth/password.c -- the rules in the order in which their texts are told. */
#include "auth/password.h"
#include "engine/crypto_password.h"

enum { SETUP_LENGTH_MIN = 8 };

static const char *const common_passwords[] = {
    "password",   "password1",  "password12", "password123", "12345678", "123456789",
    "1234567890", "qwerty123",  "qwertyuiop", "11111111",    "iloveyou", "sunshine",
    "princess",   "football",   "baseball",   "letmein123",  "admin123", "administrator",
    "welcome1",   "welcome123", "trustno1",   "superman",    "passw0rd", "changeme"};

/* Characters of UTF-8, or bytes when it is not. */
static size_t count_characters(str text)
{
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        n += ((unsigned char)text.p[i] & 0xc0) != 0x80;
    }
    return n;
}

static status refuse(struct error *err, const char *text)
{
    return error_set(err, ERROR_INVALID_OPERATION, "%s", text);
}

static status check_representable(str password, struct error *err)
{
    if (password.n > CRYPTO_PASSWORD_BYTES_MAX) {
        return error_set(err, ERROR_INVALID_OPERATION, "Password must be at most %d characters",
                         CRYPTO_PASSWORD_BYTES_MAX);
    }
    if (str_find_char(password, '\0') >= 0) {
        return refuse(err, "Password must not contain a NUL character");
    }
    return STATUS_IS_OK;
}

static status check_length(str password, unsigned length_min, struct error *err)
{
    if (count_characters(password) < length_min) {
        return error_set(err, ERROR_INVALID_OPERATION,
                         "Password must be at least %u characters (weak)", length_min);
    }
    return check_representable(password, err);
}

static status check_common(str password, struct error *err)
{
    for (size_t i = 0; i < sizeof common_passwords / sizeof common_passwords[0]; i++) {
        if (str_eq_nocase(password, str_from(common_passwords[i]))) {
            return refuse(err, "Password is too common");
        }
    }
    return STATUS_IS_OK;
}

/* Letters and digits are ASCII's; every other character, also of other scripts, is special. */
static status check_classes(str password, struct error *err)
{
    bool upper = false;
    bool lower = false;
    bool digit = false;
    bool special = false;
    for (size_t i = 0; i < password.n; i++) {
        char c = password.p[i];
        bool is_upper = c >= 'A' && c <= 'Z';
        bool is_lower = c >= 'a' && c <= 'z';
        bool is_digit = c >= '0' && c <= '9';
        upper = upper || is_upper;
        lower = lower || is_lower;
        digit = digit || is_digit;
        special = special || (!is_upper && !is_lower && !is_digit);
    }
    if (!upper) {
        return refuse(err, "Password must include at least one uppercase letter");
    }
    if (!lower) {
        return refuse(err, "Password must include at least one lowercase letter");
    }
    if (!digit) {
        return refuse(err, "Password must include at least one digit");
    }
    return special ? STATUS_IS_OK
                   : refuse(err, "Password must include at least one special character");
}

status password_check(str password, const struct password_rules *rules, struct error *err)
{
    if (!rules->complexity) {
        return check_representable(password, err);
    }
    TRY(check_length(password, rules->length_min, err));
    TRY(check_common(password, err));
    return check_classes(password, err);
}

status password_check_setup(str password, struct error *err)
{
    TRY(check_length(password, SETUP_LENGTH_MIN, err));
    return check_common(password, err);
}

/* base/base64.c -- three bytes are four characters. */
#include "base/base64.h"

static const char *alphabet_of(enum base64_kind kind)
{
    return kind == BASE64_URL ? "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
                              : "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
}

void base64_append(struct buf *out, enum base64_kind kind, str bytes)
{
    const char *alphabet = alphabet_of(kind);
    for (size_t i = 0; i < bytes.n; i += 3) {
        size_t n = bytes.n - i < 3 ? bytes.n - i : 3;
        uint32_t bits = 0;
        for (size_t k = 0; k < 3; k++) {
            bits = bits << 8 | (k < n ? (uint8_t)bytes.p[i + k] : 0);
        }
        for (size_t k = 0; k < 4; k++) {
            if (k <= n) {
                buf_append_byte(out, (uint8_t)alphabet[bits >> (18 - 6 * k) & 63]);
            } else if (kind == BASE64_STANDARD) {
                buf_append_byte(out, '=');
            }
        }
    }
}

/* 0..63, or -1. */
static int value_of(char c, enum base64_kind kind)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    if (c == (kind == BASE64_URL ? '-' : '+')) {
        return 62;
    }
    return c == (kind == BASE64_URL ? '_' : '/') ? 63 : -1;
}

/* Without the padding, which must be exactly what the length asks for. */
static bool take_padding(str *text)
{
    if (text->n % 4 != 0) {
        return false;
    }
    for (int i = 0; i < 2 && text->n > 0 && text->p[text->n - 1] == '='; i++) {
        text->n--;
    }
    return true;
}

bool base64_decode(struct buf *out, enum base64_kind kind, str text)
{
    if ((kind == BASE64_STANDARD && !take_padding(&text)) || text.n % 4 == 1) {
        return false;
    }
    size_t before = out->n;
    uint32_t bits = 0;
    unsigned held = 0; /* bits not yet written */
    for (size_t i = 0; i < text.n; i++) {
        int value = value_of(text.p[i], kind);
        if (value < 0) {
            out->n = before;
            return false;
        }
        bits = (bits << 6 | (uint32_t)value) & 0xffff;
        held += 6;
        if (held >= 8) {
            held -= 8;
            buf_append_byte(out, (uint8_t)(bits >> held));
        }
    }
    if ((bits & ((1U << held) - 1)) != 0) {
        out->n = before;
        return false;
    }
    return true;
}

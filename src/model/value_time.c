/* model/value_time.c -- dates and times as text and back.
 * For:      ISO texts of clients: `YYYY-MM-DD`, `YYYY-MM-DD[T ]HH:MM[:SS[.fraction]][Z|+HH[:MM]]`.
 *           Texts are in the years 0001..9999; values outside (they enter as numbers) are printed
 * with as many digits as they need. Proleptic Gregorian calendar, no leap seconds. Touches:  base.
 * Threads: any. */
#include "model/value.h"

static const int64_t us_per_second = 1000000;
static const int64_t us_per_minute = 60 * 1000000LL;
static const int64_t us_per_hour = 3600 * 1000000LL;
static const int64_t us_per_day = 86400 * 1000000LL;

enum { DATE_DAYS_MIN = -719162, DATE_DAYS_MAX = 2932896 }; /* 0001-01-01, 9999-12-31 */

/* Days from 1970-01-01; eras of 400 years that begin in March, so that a leap day comes last (after
 * Howard Hinnant, "chrono-compatible low-level date algorithms"). */
static int64_t days_from_civil(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static void civil_from_days(int64_t days, int64_t *year, int64_t *month, int64_t *day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_from_march = (5 * day_of_year + 2) / 153;
    *day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    *month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
    *year = year_of_era + era * 400 + (*month <= 2);
}

static int64_t days_in_month(int64_t year, int64_t month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && is_leap);
}

/* Exactly `count` digits at the front of `text`. */
static bool take_digits(str *text, size_t count, int64_t *out)
{
    int64_t v = 0;
    if (text->n < count) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        char c = text->p[i];
        if (c < '0' || c > '9') {
            return false;
        }
        v = v * 10 + (c - '0');
    }
    *text = str_skip(*text, count);
    *out = v;
    return true;
}

static bool take_char(str *text, char c)
{
    if (text->n == 0 || text->p[0] != c) {
        return false;
    }
    *text = str_skip(*text, 1);
    return true;
}

static bool take_date(str *text, int64_t *days)
{
    int64_t year = 0;
    int64_t month = 0;
    int64_t day = 0;
    if (!take_digits(text, 4, &year) || !take_char(text, '-') || !take_digits(text, 2, &month) ||
        !take_char(text, '-') || !take_digits(text, 2, &day)) {
        return false;
    }
    if (year < 1 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month)) {
        return false;
    }
    *days = days_from_civil(year, month, day);
    return true;
}

/* A point and 1..9 digits; what is below a microsecond is cut off. */
static bool take_fraction(str *text, int64_t *us)
{
    *us = 0;
    if (!take_char(text, '.')) {
        return true;
    }
    int64_t digit = 0;
    int64_t weight = us_per_second / 10;
    size_t count = 0;
    for (; count < 9 && take_digits(text, 1, &digit); count++) {
        *us += digit * weight;
        weight /= 10;
    }
    return count > 0;
}

static bool take_time(str *text, int64_t *us)
{
    int64_t hour = 0;
    int64_t minute = 0;
    int64_t second = 0;
    int64_t fraction = 0;
    if (!take_digits(text, 2, &hour) || !take_char(text, ':') || !take_digits(text, 2, &minute)) {
        return false;
    }
    if (take_char(text, ':') &&
        (!take_digits(text, 2, &second) || !take_fraction(text, &fraction))) {
        return false;
    }
    if (hour > 23 || minute > 59 || second > 59) {
        return false;
    }
    *us = hour * us_per_hour + minute * us_per_minute + second * us_per_second + fraction;
    return true;
}

/* Nothing, `Z`, or +HH[:MM]: µs to take away. */
static bool take_zone(str *text, int64_t *us)
{
    *us = 0;
    if (text->n == 0 || take_char(text, 'Z') || take_char(text, 'z')) {
        return true;
    }
    bool is_west = text->p[0] == '-';
    int64_t hour = 0;
    int64_t minute = 0;
    if ((!take_char(text, '+') && !take_char(text, '-')) || !take_digits(text, 2, &hour)) {
        return false;
    }
    if (take_char(text, ':') && !take_digits(text, 2, &minute)) {
        return false;
    }
    if (hour > 23 || minute > 59) {
        return false;
    }
    *us = (hour * us_per_hour + minute * us_per_minute) * (is_west ? -1 : 1);
    return true;
}

bool date_parse(str text, int64_t *days)
{
    int64_t v = 0;
    text = str_trim(text);
    if (!take_date(&text, &v) || text.n > 0) {
        return false;
    }
    *days = v;
    return true;
}

bool time_parse(str text, int64_t *us)
{
    int64_t v = 0;
    text = str_trim(text);
    if (!take_time(&text, &v) || text.n > 0) {
        return false;
    }
    *us = v;
    return true;
}

bool timestamp_parse(str text, int64_t *us)
{
    int64_t days = 0;
    int64_t time = 0;
    int64_t zone = 0;
    text = str_trim(text);
    if (!take_date(&text, &days)) {
        return false;
    }
    if (text.n > 0) {
        bool has_separator =
            take_char(&text, 'T') || take_char(&text, 't') || take_char(&text, ' ');
        if (!has_separator || !take_time(&text, &time) || !take_zone(&text, &zone)) {
            return false;
        }
    }
    int64_t v = days * us_per_day + time - zone;
    bool is_in_range = v >= DATE_DAYS_MIN * us_per_day && v < (DATE_DAYS_MAX + 1) * us_per_day;
    if (text.n > 0 || !is_in_range) {
        return false;
    }
    *us = v;
    return true;
}

static void append_padded(struct buf *out, int64_t v, int width)
{
    char digits[20];
    int n = 0;
    for (; v > 0 || n < width; v /= 10) {
        digits[sizeof digits - 1 - (size_t)n++] = (char)('0' + v % 10);
    }
    buf_append(out, digits + sizeof digits - (size_t)n, (size_t)n);
}

void date_append_text(struct buf *out, int64_t days)
{
    int64_t year = 0;
    int64_t month = 0;
    int64_t day = 0;
    civil_from_days(days, &year, &month, &day);
    if (year < 0) {
        buf_append_byte(out, '-');
        year = -year;
    }
    append_padded(out, year, 4);
    buf_append_byte(out, '-');
    append_padded(out, month, 2);
    buf_append_byte(out, '-');
    append_padded(out, day, 2);
}

void time_append_text(struct buf *out, int64_t us)
{
    append_padded(out, us / us_per_hour, 2);
    buf_append_byte(out, ':');
    append_padded(out, us / us_per_minute % 60, 2);
    buf_append_byte(out, ':');
    append_padded(out, us / us_per_second % 60, 2);
    int64_t fraction = us % us_per_second;
    if (fraction == 0) {
        return;
    }
    buf_append_byte(out, '.');
    append_padded(out, fraction, 6);
    while (out->p[out->n - 1] == '0') {
        out->n--;
    }
}

void timestamp_append_text(struct buf *out, int64_t us)
{
    int64_t days = us / us_per_day;
    int64_t time = us % us_per_day;
    if (time < 0) {
        days--;
        time += us_per_day;
    }
    date_append_text(out, days);
    buf_append_byte(out, ' ');
    time_append_text(out, time);
}

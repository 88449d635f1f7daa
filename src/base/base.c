/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Byte slices, hex, escaping, time and random octets. Leaf code: called by everybody, knows nobody.
 */
#include "config.h"

#include "base/base.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rand.h>

CMPSRV_SLICE cmpsrv_slice_str(const char *s)
{
    return cmpsrv_slice(s, s == NULL ? 0 : strlen(s));
}

int cmpsrv_slice_eq(CMPSRV_SLICE a, CMPSRV_SLICE b)
{
    if ((a.p == NULL) != (b.p == NULL) || a.n != b.n)
        return 0;
    return a.n == 0 || memcmp(a.p, b.p, a.n) == 0;
}

int cmpsrv_bytes_set(CMPSRV_BYTES *b, CMPSRV_SLICE s)
{
    unsigned char *p = NULL;

    if (s.p != NULL) {
        if ((p = OPENSSL_malloc(s.n + 1)) == NULL)
            return 0;
        memcpy(p, s.p, s.n);
        p[s.n] = 0;
    }
    OPENSSL_free(b->p);
    b->p = p;
    b->n = s.p == NULL ? 0 : s.n;
    return 1;
}

void cmpsrv_bytes_clear(CMPSRV_BYTES *b)
{
    OPENSSL_free(b->p);
    *b = (CMPSRV_BYTES){NULL, 0};
}

void cmpsrv_bytes_wipe(CMPSRV_BYTES *b)
{
    OPENSSL_clear_free(b->p, b->n);
    *b = (CMPSRV_BYTES){NULL, 0};
}

char *cmpsrv_hex(CMPSRV_SLICE s, char *out, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    size_t o = 0;

    for (size_t i = 0; i < s.n && o + 2 < size; i++) {
        out[o++] = digits[s.p[i] >> 4];
        out[o++] = digits[s.p[i] & 15];
    }
    if (size > 0)
        out[o] = '\0';
    return out;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

size_t cmpsrv_unhex(const char *text, unsigned char *out, size_t size)
{
    size_t n = strlen(text);

    if (n % 2 != 0 || n / 2 > size)
        return 0;
    for (size_t i = 0; i < n; i += 2) {
        int hi = hex_value(text[i]), lo = hex_value(text[i + 1]);

        if (hi < 0 || lo < 0)
            return 0;
        out[i / 2] = (unsigned char)(hi << 4 | lo);
    }
    return n / 2;
}

char *cmpsrv_escape(CMPSRV_SLICE s, char *out, size_t size)
{
    size_t o = 0;

    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = s.p[i];
        int plain = c >= 0x20 && c < 0x7f && c != '\\' && c != '"';

        if (o + (plain ? 1 : 4) >= size)
            break;
        if (plain)
            out[o++] = (char)c;
        else
            o += (size_t)snprintf(out + o, size - o, "\\x%02x", c);
    }
    if (size > 0)
        out[o] = '\0';
    return out;
}

int64_t cmpsrv_time_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t cmpsrv_time_mono_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t cmpsrv_time_mono(void)
{
    return cmpsrv_time_mono_us() / 1000;
}

/* ---- waiting -----------------------------------------------------------------------------------
 */

void cmpsrv_sem_post(void *sem)
{
    sem_post(sem);
}

void cmpsrv_sem_wait(sem_t *sem)
{
    while (sem_wait(sem) != 0 && errno == EINTR)
        continue;
}

static int to_tm(int64_t ms, struct tm *tm)
{
    int64_t s = ms >= 0 ? ms / 1000 : -((-ms + 999) / 1000);
    time_t t = (time_t)s;

    return gmtime_r(&t, tm) != NULL && tm->tm_year + 1900 >= 0 && tm->tm_year + 1900 <= 9999;
}

/* A digit of the shape is that many digits of the next value, from the year on; every other
 * character is itself. snprintf would take five times as long. */
static void write_time(char *out, const char *shape, const struct tm *tm, int ms)
{
    int values[] = {tm->tm_year + 1900, tm->tm_mon + 1, tm->tm_mday, tm->tm_hour,
                    tm->tm_min,         tm->tm_sec,     ms};

    for (int *value = values; *shape != '\0'; shape++) {
        int digits = *shape - '0';

        if (digits < 1 || digits > 9) {
            *out++ = *shape;
            continue;
        }
        for (int i = digits - 1; i >= 0; i--, *value /= 10)
            out[i] = (char)('0' + *value % 10);
        out += digits;
        value++;
    }
    *out = '\0';
}

int cmpsrv_time_to_generalized(int64_t ms, char out[16])
{
    struct tm tm;

    if (!to_tm(ms, &tm))
        return 0;
    write_time(out, "422222Z", &tm, 0);
    return 1;
}

char *cmpsrv_time_iso(int64_t ms, char out[25])
{
    struct tm tm;

    if (!to_tm(ms, &tm))
        memset(&tm, 0, sizeof(tm));
    write_time(out, "4-2-2T2:2:2.3Z", &tm, (int)((ms % 1000 + 1000) % 1000));
    return out;
}

/* Days since 1970-01-01 of a Gregorian date. */
static int64_t days_from_civil(int y, int m, int d)
{
    int64_t yy = m <= 2 ? y - 1 : y;
    int64_t era = (yy >= 0 ? yy : yy - 399) / 400;
    int64_t yoe = yy - era * 400;
    int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;

    return era * 146097 + doe - 719468;
}

static int two_digits(const unsigned char *p)
{
    return (p[0] - '0') * 10 + p[1] - '0';
}

/* MMDDHHMMSSZ at p, after a year that was read already. */
static int finish_time(int year, const unsigned char *p, int64_t *ms)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int mon = two_digits(p), day = two_digits(p + 2), hour = two_digits(p + 4);
    int min = two_digits(p + 6), sec = two_digits(p + 8);
    int leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    if (mon < 1 || mon > 12 || day < 1 || day > days[mon - 1] + (mon == 2 && leap) || hour > 23 ||
        min > 59 || sec > 59)
        return 0;
    *ms = ((days_from_civil(year, mon, day) * 24 + hour) * 60 + min) * 60000 + (int64_t)sec * 1000;
    return 1;
}

static int digits_then_z(CMPSRV_SLICE s, size_t n)
{
    if (s.n != n || s.p[n - 1] != 'Z')
        return 0;
    for (size_t i = 0; i + 1 < n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return 0;
    return 1;
}

int cmpsrv_time_from_generalized(CMPSRV_SLICE s, int64_t *ms)
{
    return digits_then_z(s, 15) &&
           finish_time(two_digits(s.p) * 100 + two_digits(s.p + 2), s.p + 4, ms);
}

int cmpsrv_time_from_utc(CMPSRV_SLICE s, int64_t *ms)
{
    int yy;

    if (!digits_then_z(s, 13))
        return 0;
    yy = two_digits(s.p);
    return finish_time(yy + (yy >= 50 ? 1900 : 2000), s.p + 2, ms);
}

int cmpsrv_random(unsigned char *out, size_t n)
{
    return RAND_bytes_ex(NULL, out, n, 0) == 1;
}

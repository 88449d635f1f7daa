/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log: one line, one write(2). Whatever is in a line, it stays one line: control characters are
 * escaped here, once, so that no caller can forget it.
 */
#include "config.h"

#include "base/base.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>

struct cmpsrv_log_st {
    atomic_int level;
    int fd;
};

static const char *const level_names[] = {"ERROR", "WARN ", "INFO ", "DEBUG"};

CMPSRV_LOG *cmpsrv_log_new(CMPSRV_LOG_LEVEL level, int fd)
{
    CMPSRV_LOG *log = OPENSSL_zalloc(sizeof(*log));

    if (log != NULL) {
        atomic_init(&log->level, (int)level);
        log->fd = fd;
    }
    return log;
}

void cmpsrv_log_free(CMPSRV_LOG *log)
{
    OPENSSL_free(log);
}

void cmpsrv_log_set_level(CMPSRV_LOG *log, CMPSRV_LOG_LEVEL level)
{
    if (log != NULL)
        atomic_store(&log->level, (int)level);
}

int cmpsrv_log_enabled(const CMPSRV_LOG *log, CMPSRV_LOG_LEVEL level)
{
    return log != NULL && (int)level <= atomic_load(&log->level);
}

/* Copies text into out with control characters as \xHH; returns the length. */
static size_t one_line(const char *text, char *out, size_t size)
{
    size_t o = 0;

    for (; *text != '\0' && o + 5 < size; text++) {
        unsigned char c = (unsigned char)*text;

        if (c < 0x20 || c == 0x7f)
            o += (size_t)snprintf(out + o, size - o, "\\x%02x", c);
        else
            out[o++] = (char)c;
    }
    return o;
}

void cmpsrv_log(CMPSRV_LOG *log, CMPSRV_LOG_LEVEL level, const char *fmt, ...)
{
    char text[2048], line[4096], when[25];
    size_t n;
    va_list ap;

    if (!cmpsrv_log_enabled(log, level))
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    n = (size_t)snprintf(line, sizeof(line), "%s %s ", cmpsrv_time_iso(cmpsrv_time_now(), when),
                         level_names[level]);
    n += one_line(text, line + n, sizeof(line) - n - 1);
    line[n++] = '\n';
    if (write(log->fd, line, n) < 0)
        return; /* a log that cannot be written must not stop the server */
}

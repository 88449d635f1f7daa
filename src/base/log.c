/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log: one line, one write(2), or one call of syslog(3). A table has the formats. Whatever is
 * in a line, it stays one line: control characters are escaped here, once, so that no caller can
 * forget it.
 */
#include "config.h"

#include "base/base.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include <openssl/crypto.h>

#define MAX_LINE 6144 /* of text; JSON grows */

struct cmpsrv_log_st {
    atomic_int level, format, use_syslog;
    int fd;
};

static const struct {
    const char *shown, *name;
    int priority;
} levels[] = {
    [CMPSRV_LOG_ERROR] = {"ERROR", "error", LOG_ERR},
    [CMPSRV_LOG_WARNING] = {"WARN ", "warning", LOG_WARNING},
    [CMPSRV_LOG_INFO] = {"INFO ", "info", LOG_INFO},
    [CMPSRV_LOG_DEBUG] = {"DEBUG", "debug", LOG_DEBUG},
};

CMPSRV_LOG *cmpsrv_log_new(CMPSRV_LOG_LEVEL level, int fd)
{
    CMPSRV_LOG *log = OPENSSL_zalloc(sizeof(*log));

    if (log != NULL) {
        cmpsrv_log_set(log, level, CMPSRV_LOG_TEXT, 0);
        log->fd = fd;
    }
    return log;
}

void cmpsrv_log_free(CMPSRV_LOG *log)
{
    OPENSSL_free(log);
}

void cmpsrv_log_set(CMPSRV_LOG *log, CMPSRV_LOG_LEVEL level, CMPSRV_LOG_FORMAT format,
                    int use_syslog)
{
    if (log == NULL)
        return;
    atomic_store(&log->level, (int)level);
    atomic_store(&log->format, (int)format);
    atomic_store(&log->use_syslog, use_syslog);
}

int cmpsrv_log_enabled(const CMPSRV_LOG *log, CMPSRV_LOG_LEVEL level)
{
    return log != NULL && (int)level <= atomic_load(&log->level);
}

/* ---- as text -----------------------------------------------------------------------------------
 */

typedef struct {
    char p[MAX_LINE];
    size_t n;
} LINE;

/* Control characters, and the quote where the value stands in quotes, as \xHH. What does not fit is
 * cut. */
static void put_text(LINE *l, const char *text, int quoted)
{
    for (; *text != '\0' && l->n + 8 < sizeof(l->p); text++) {
        unsigned char c = (unsigned char)*text;

        if (c < 0x20 || c == 0x7f || (quoted && c == '"'))
            l->n += (size_t)snprintf(l->p + l->n, sizeof(l->p) - l->n, "\\x%02x", c);
        else
            l->p[l->n++] = (char)c;
    }
}

static void put_char(LINE *l, char c)
{
    if (l->n + 8 < sizeof(l->p))
        l->p[l->n++] = c;
}

static void put_field(LINE *l, const CMPSRV_LOG_FIELD *f)
{
    int quoted = f->value[0] == '\0' || strpbrk(f->value, " \"=") != NULL;

    put_char(l, ' ');
    put_text(l, f->key, 0);
    put_char(l, '=');
    if (quoted)
        put_char(l, '"');
    put_text(l, f->value, quoted);
    if (quoted)
        put_char(l, '"');
}

static void write_text(CMPSRV_LOG *log, CMPSRV_LOG_LEVEL level, int64_t now, const char *message,
                       const CMPSRV_LOG_FIELD *fields, size_t n)
{
    LINE line;
    char when[25];

    line.n = 0;
    if (!atomic_load(&log->use_syslog))
        line.n = (size_t)snprintf(line.p, sizeof(line.p), "%s %s ", cmpsrv_time_iso(now, when),
                                  levels[level].shown);
    put_text(&line, message, 0);
    for (size_t i = 0; i < n; i++)
        if (fields[i].value != NULL)
            put_field(&line, &fields[i]);
    if (atomic_load(&log->use_syslog)) {
        syslog(LOG_DAEMON | levels[level].priority, "%.*s", (int)line.n, line.p);
        return;
    }
    line.p[line.n++] = '\n';
    if (write(log->fd, line.p, line.n) < 0)
        return; /* a log that cannot be written must not stop the server */
}

/* ---- as JSON -----------------------------------------------------------------------------------
 */

static void write_json(CMPSRV_LOG *log, CMPSRV_LOG_LEVEL level, int64_t now, const char *message,
                       const CMPSRV_LOG_FIELD *fields, size_t n)
{
    CMPSRV_JSON j = {0};
    char when[25], *line;

    cmpsrv_json_raw(&j, "{");
    cmpsrv_json_field(&j, "time", cmpsrv_time_iso(now, when));
    cmpsrv_json_field(&j, "level", levels[level].name);
    cmpsrv_json_field(&j, "message", message);
    for (size_t i = 0; i < n; i++)
        if (fields[i].value != NULL && fields[i].is_number)
            cmpsrv_json_field_raw(&j, fields[i].key, fields[i].value);
        else
            cmpsrv_json_field(&j, fields[i].key, fields[i].value);
    cmpsrv_json_raw(&j, "}\n");
    if ((line = cmpsrv_json_finish(&j)) == NULL)
        return;
    if (atomic_load(&log->use_syslog))
        syslog(LOG_DAEMON | levels[level].priority, "%s", line);
    else if (write(log->fd, line, strlen(line)) < 0)
        level = CMPSRV_LOG_ERROR; /* the same */
    OPENSSL_free(line);
}

/* ---- both --------------------------------------------------------------------------------------
 */

void cmpsrv_log_fields(CMPSRV_LOG *log, CMPSRV_LOG_LEVEL level, const char *message,
                       const CMPSRV_LOG_FIELD *fields, size_t n)
{
    static void (*const writers[])(CMPSRV_LOG *, CMPSRV_LOG_LEVEL, int64_t, const char *,
                                   const CMPSRV_LOG_FIELD *, size_t) = {
        [CMPSRV_LOG_TEXT] = write_text,
        [CMPSRV_LOG_JSON] = write_json,
    };

    if (cmpsrv_log_enabled(log, level))
        writers[atomic_load(&log->format)](log, level, cmpsrv_time_now(), message, fields, n);
}

void cmpsrv_log(CMPSRV_LOG *log, CMPSRV_LOG_LEVEL level, const char *fmt, ...)
{
    char text[2048];
    va_list ap;

    if (!cmpsrv_log_enabled(log, level))
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    cmpsrv_log_fields(log, level, text, NULL, 0);
}

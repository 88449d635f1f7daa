/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base: what every layer stands on. Refusals (err), log, secrets, time, random octets, byte
 * buffers, JSON. Knows nothing of CMP but the reason table.
 */
#ifndef CMPSRV_BASE_H
#define CMPSRV_BASE_H

#include <semaphore.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "cmpsrv/err.h"

#define CMPSRV_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#if defined(__GNUC__)
#define CMPSRV_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define CMPSRV_PRINTF(fmt, args)
#endif

/* ---- bytes ------------------------------------------------------------------------------------
 */

/* Borrowed bytes; whoever holds the buffer owns them. p == NULL means absent. */
typedef struct {
    const unsigned char *p;
    size_t n;
} CMPSRV_SLICE;

/* Owned bytes; freed with cmpsrv_bytes_clear(). {NULL, 0} means absent. */
typedef struct {
    unsigned char *p;
    size_t n;
} CMPSRV_BYTES;

static inline CMPSRV_SLICE cmpsrv_slice(const void *p, size_t n)
{
    return (CMPSRV_SLICE){(const unsigned char *)p, n};
}
CMPSRV_SLICE cmpsrv_slice_str(const char *s);
/* Equal length and content; two absent slices are equal. Not constant-time. */
int cmpsrv_slice_eq(CMPSRV_SLICE a, CMPSRV_SLICE b);
static inline CMPSRV_SLICE cmpsrv_bytes_slice(const CMPSRV_BYTES *b)
{
    return cmpsrv_slice(b->p, b->n);
}
/* Replaces *b by a copy. 1, or 0 without memory (*b unchanged). */
int cmpsrv_bytes_set(CMPSRV_BYTES *b, CMPSRV_SLICE s);
void cmpsrv_bytes_clear(CMPSRV_BYTES *b);
/* The same, wiping the octets first. */
void cmpsrv_bytes_wipe(CMPSRV_BYTES *b);
/* Lower-case hex, NUL-terminated, at most size-1 characters. Returns out. */
char *cmpsrv_hex(CMPSRV_SLICE s, char *out, size_t size);
/* Hex text (even length, either case) to octets: the number written, or 0 if it is not hex or too
 * long. */
size_t cmpsrv_unhex(const char *text, unsigned char *out, size_t size);
/* A copy of at most size-1 octets with everything outside printable ASCII, and backslash and double
 * quote, as \xHH: safe in any log. Returns out. */
char *cmpsrv_escape(CMPSRV_SLICE s, char *out, size_t size);

/* ---- refusals: house rule 6 -------------------------------------------------------------------
 */

/* Why something was refused. reason NONE: it was not. */
typedef struct {
    CMPSRV_REASON reason;
    char detail[320]; /* for log and audit, escaped, names the rule; never sent */
} CMPSRV_REFUSAL;

/* Fills *why (the first refusal stays) and returns 0, so that a check reads: return
 * cmpsrv_refuse(...). What is printed with %s from outside must be escaped by the caller. why may
 * be NULL. */
int cmpsrv_refuse(CMPSRV_REFUSAL *why, CMPSRV_REASON reason, const char *fmt, ...)
    CMPSRV_PRINTF(3, 4);
/* The same for our own failure (memory, store, key): reason SYSTEM_FAILURE; appends the text of the
 * oldest OpenSSL error, if there is one, and clears the queue. */
int cmpsrv_fail(CMPSRV_REFUSAL *why, const char *fmt, ...) CMPSRV_PRINTF(2, 3);

/* ---- secrets: house rule 8 --------------------------------------------------------------------
 */

/* A password or symmetric key. Counted, wiped when the last reference goes. */
typedef struct cmpsrv_secret_st CMPSRV_SECRET;
CMPSRV_SECRET *cmpsrv_secret_new(const void *p, size_t n);
CMPSRV_SECRET *cmpsrv_secret_up_ref(CMPSRV_SECRET *s); /* returns s */
void cmpsrv_secret_free(CMPSRV_SECRET *s);
CMPSRV_SLICE cmpsrv_secret_get0(const CMPSRV_SECRET *s);
/* Constant time for equal lengths. */
int cmpsrv_secret_eq(const CMPSRV_SECRET *a, const CMPSRV_SECRET *b);
/* Reads a file whole (at most 64 KiB), one trailing newline dropped. NULL with *why filled. */
CMPSRV_SECRET *cmpsrv_secret_from_file(const char *path, CMPSRV_REFUSAL *why);

/* ---- waiting -----------------------------------------------------------------------------------
 */

/* For who must wait for a callback: the callback, whose arg is the sem_t; waits for it, whatever
 * signals come. */
void cmpsrv_sem_post(void *sem);
void cmpsrv_sem_wait(sem_t *sem);

/* ---- time and random --------------------------------------------------------------------------
 */

/* Milliseconds since 1970 UTC. */
int64_t cmpsrv_time_now(void);
/* Milliseconds of a clock that only goes forward, for deadlines. */
int64_t cmpsrv_time_mono(void);
/* Microseconds of it, to measure. */
int64_t cmpsrv_time_mono_us(void);
/* GeneralizedTime content YYYYMMDDHHMMSSZ (16 octets with NUL) from ms UTC; years 0000-9999. */
int cmpsrv_time_to_generalized(int64_t ms, char out[16]);
/* The reverse; strict: exactly YYYYMMDDHHMMSSZ. 1/0. */
int cmpsrv_time_from_generalized(CMPSRV_SLICE s, int64_t *ms);
/* UTCTime content YYMMDDHHMMSSZ (RFC 5280: 50..99 is 19xx). 1/0. */
int cmpsrv_time_from_utc(CMPSRV_SLICE s, int64_t *ms);
/* "2026-11-23T14:19:58.123Z", for people. Returns out. */
char *cmpsrv_time_iso(int64_t ms, char out[25]);
/* CSPRNG octets, 1/0. Never gives a weak answer. */
int cmpsrv_random(unsigned char *out, size_t n);

/* ---- JSON: for log lines, audit records and --json ---------------------------------------------
 */

/* A growing buffer; start with {0}. Strings are valid JSON whatever goes in: invalid UTF-8 becomes
 * U+FFFD. */
typedef struct {
    char *p;
    size_t n, cap;
    int failed;
} CMPSRV_JSON;
void cmpsrv_json_raw(CMPSRV_JSON *j, const char *text);
void cmpsrv_json_string(CMPSRV_JSON *j, const char *text); /* with its quotes */
/* ,"key":"value" with the comma only if something stands before; value NULL: nothing. */
void cmpsrv_json_field(CMPSRV_JSON *j, const char *key, const char *value);
void cmpsrv_json_field_int(CMPSRV_JSON *j, const char *key, int64_t value);
/* The same, of text that is JSON already. */
void cmpsrv_json_field_raw(CMPSRV_JSON *j, const char *key, const char *json);
/* Ends: the NUL-terminated buffer, or NULL if anything failed. */
char *cmpsrv_json_finish(CMPSRV_JSON *j);

/* ---- log --------------------------------------------------------------------------------------
 */

typedef enum {
    CMPSRV_LOG_ERROR,
    CMPSRV_LOG_WARNING,
    CMPSRV_LOG_INFO,
    CMPSRV_LOG_DEBUG
} CMPSRV_LOG_LEVEL;
typedef enum { CMPSRV_LOG_TEXT, CMPSRV_LOG_JSON } CMPSRV_LOG_FORMAT;

/*
 * Where lines go; the level is checked before. A line is one write(2) to fd: "TIME LEVEL text", or
 * an object with time, level and message; or one syslog(3) call, without the time. What is in it
 * cannot make it two: control characters become \xHH. The functions that write take NULL for no
 * log.
 */
typedef struct cmpsrv_log_st CMPSRV_LOG;
CMPSRV_LOG *cmpsrv_log_new(CMPSRV_LOG_LEVEL level, int fd);
void cmpsrv_log_free(CMPSRV_LOG *log);
void cmpsrv_log_set(CMPSRV_LOG *log, CMPSRV_LOG_LEVEL level, CMPSRV_LOG_FORMAT format,
                    int use_syslog);
int cmpsrv_log_enabled(const CMPSRV_LOG *log, CMPSRV_LOG_LEVEL level);
void cmpsrv_log(CMPSRV_LOG *log, CMPSRV_LOG_LEVEL level, const char *fmt, ...) CMPSRV_PRINTF(3, 4);

/* What belongs to a line, in order; value NULL: left out. As text key=value, quoted where it takes
 * quotes. */
typedef struct {
    const char *key, *value;
    int is_number;
} CMPSRV_LOG_FIELD;
void cmpsrv_log_fields(CMPSRV_LOG *log, CMPSRV_LOG_LEVEL level, const char *message,
                       const CMPSRV_LOG_FIELD *fields, size_t n);

/* ---- planted faults (only with --enable-fault-injection) ---------------------------------------
 */
#ifdef CMPSRV_FAULT_INJECTION
/* Whether the environment variable CMPSRV_FAULT names this fault. */
int cmpsrv_fault(const char *name);
#else
#define cmpsrv_fault(name) 0
#endif

#endif

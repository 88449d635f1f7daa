/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the server costs: CPU of the whole process by its clock, memory, threads and descriptors
 * from /proc; or, of a server elsewhere, what its metrics say.
 */
#include "config.h"

#include "apps/bench_load.h"

#include <dirent.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int64_t bench_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* ---- of a process here -------------------------------------------------------------------------
 */

/* The number behind "Name:" in a file like /proc/PID/status; -1. */
static int64_t field_of_status(const char *path, const char *name)
{
    FILE *f = fopen(path, "r");
    char line[256];
    int64_t v = -1;

    while (f != NULL && v < 0 && fgets(line, sizeof(line), f) != NULL)
        if (strncmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ':')
            v = strtoll(line + strlen(name) + 1, NULL, 10);
    if (f != NULL)
        fclose(f);
    return v;
}

static int64_t count_descriptors(int pid)
{
    char path[64];
    DIR *d;
    int64_t n = 0;

    snprintf(path, sizeof(path), "/proc/%d/fd", pid);
    if ((d = opendir(path)) == NULL)
        return -1;
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

/* Voluntary context switches of all threads that there are. */
static int64_t count_switches(int pid)
{
    char path[400];
    DIR *d;
    int64_t n = 0, one;

    snprintf(path, sizeof(path), "/proc/%d/task", pid);
    if ((d = opendir(path)) == NULL)
        return -1;
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        snprintf(path, sizeof(path), "/proc/%d/task/%s/status", pid, e->d_name);
        one = e->d_name[0] == '.' ? 0 : field_of_status(path, "voluntary_ctxt_switches");
        n += one < 0 ? 0 : one;
    }
    closedir(d);
    return n;
}

static int sample_pid(int pid, BENCH_SAMPLE *s)
{
    struct timespec t;
    clockid_t clock;
    char path[64];
    int code = clock_getcpuclockid(pid, &clock);

    if (code == 0 && clock_gettime(clock, &t) != 0)
        code = errno;
    if (code != 0) {
        bench_fail("process %d: %s", pid, strerror(code));
        return 0;
    }
    snprintf(path, sizeof(path), "/proc/%d/status", pid);
    s->cpu_ns = (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
    s->rss_kb = field_of_status(path, "VmRSS");
    s->peak_kb = field_of_status(path, "VmHWM");
    s->threads = field_of_status(path, "Threads");
    s->descriptors = count_descriptors(pid);
    s->switches = count_switches(pid);
    return 1;
}

/* ---- of a server elsewhere ---------------------------------------------------------------------
 */

/* GET, the answer as text in out. 1/0. */
static int get(const BENCH_TARGET *t, char *out, size_t size)
{
    struct timeval patience = {.tv_sec = 10};
    char request[900];
    size_t n = 0;
    ssize_t got = 0;
    int length, fd = socket(t->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return 0;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    length = snprintf(request, sizeof(request),
                      "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", t->path, t->host);
    if (connect(fd, (const struct sockaddr *)&t->address, t->address_n) == 0 &&
        write(fd, request, (size_t)length) == length)
        while (n + 1 < size && (got = read(fd, out + n, size - n - 1)) > 0)
            n += (size_t)got;
    out[n] = '\0';
    close(fd);
    return n > 0 && got == 0;
}

/* The value of a metric without labels; -1. */
static double metric(const char *text, const char *name)
{
    size_t n = strlen(name);

    for (const char *at = text; (at = strstr(at, name)) != NULL; at += n)
        if ((at == text || at[-1] == '\n') && at[n] == ' ')
            return strtod(at + n, NULL);
    return -1;
}

static int sample_metrics(const BENCH_TARGET *t, BENCH_SAMPLE *s)
{
    enum { SIZE = 1 << 20 };
    char *text = OPENSSL_malloc(SIZE);
    double cpu = -1, memory = -1;
    int got = text != NULL && get(t, text, SIZE);

    if (got) {
        cpu = metric(text, "process_cpu_seconds_total");
        memory = metric(text, "process_resident_memory_bytes");
    }
    OPENSSL_free(text);
    if (!got)
        bench_fail("no metrics from %s:%s%s", t->host, t->port, t->path);
    else if (cpu < 0)
        bench_fail("the metrics of %s:%s%s have no process_cpu_seconds_total", t->host, t->port,
                   t->path);
    if (cpu < 0)
        return 0;
    s->cpu_ns = (int64_t)(cpu * 1e9);
    s->rss_kb = memory < 0 ? -1 : (int64_t)(memory / 1024);
    return 1;
}

int bench_process_sample(const BENCH_PROCESS *p, BENCH_SAMPLE *s)
{
    *s = (BENCH_SAMPLE){-1, -1, -1, -1, -1, -1};
    if (p->pid != 0)
        return sample_pid(p->pid, s);
    return p->metrics == NULL || sample_metrics(p->metrics, s);
}

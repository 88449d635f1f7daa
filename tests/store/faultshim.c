/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LD_PRELOAD module that makes the disk fail. Environment: FS_MODE=enospc (write, pwrite,
 * ftruncate, fallocate fail with ENOSPC) or eio (fsync, fdatasync fail with EIO); FS_AT=N: from the
 * N-th matching call on (1); FS_FILE: only files whose path contains this, or with a $ at its end,
 * ends with it; FS_SWITCH=PATH: only while that file exists.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_long calls;

static int is_our_file(int fd)
{
    const char *want = getenv("FS_FILE");
    char link[64], path[4096];
    size_t len;
    ssize_t n;

    if (want == NULL)
        return 1;
    len = strlen(want);
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    if ((n = readlink(link, path, sizeof(path) - 1)) < 0)
        return 0;
    path[n] = '\0';
    if (len == 0 || want[len - 1] != '$')
        return strstr(path, want) != NULL;
    return (size_t)n >= len - 1 && strncmp(path + (size_t)n - (len - 1), want, len - 1) == 0;
}

/* Whether this call is to fail; sets errno then. */
static int fails(const char *mode, int fd, int err)
{
    const char *want = getenv("FS_MODE"), *at = getenv("FS_AT"), *only = getenv("FS_SWITCH");
    int before = errno;

    if (want == NULL || strcmp(want, mode) != 0 || !is_our_file(fd) ||
        atomic_fetch_add(&calls, 1) + 1 < (at == NULL ? 1 : atol(at)) ||
        (only != NULL && access(only, F_OK) != 0)) {
        errno = before;
        return 0;
    }
    errno = err;
    return 1;
}

/* The function we stand before; through a union because ISO C has no such conversion. */
#define NEXT(type, name, ...)                                                                      \
    union {                                                                                        \
        void *p;                                                                                   \
        type (*f)(__VA_ARGS__);                                                                    \
    } next = {dlsym(RTLD_NEXT, name)}

ssize_t write(int fd, const void *p, size_t n)
{
    NEXT(ssize_t, "write", int, const void *, size_t);

    return fails("enospc", fd, ENOSPC) ? -1 : next.f(fd, p, n);
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
    NEXT(ssize_t, "pwrite", int, const void *, size_t, off_t);

    return fails("enospc", fd, ENOSPC) ? -1 : next.f(fd, p, n, at);
}

ssize_t pwrite64(int fd, const void *p, size_t n, off64_t at)
{
    NEXT(ssize_t, "pwrite64", int, const void *, size_t, off64_t);

    return fails("enospc", fd, ENOSPC) ? -1 : next.f(fd, p, n, at);
}

int ftruncate(int fd, off_t n)
{
    NEXT(int, "ftruncate", int, off_t);

    return fails("enospc", fd, ENOSPC) ? -1 : next.f(fd, n);
}

int ftruncate64(int fd, off64_t n)
{
    NEXT(int, "ftruncate64", int, off64_t);

    return fails("enospc", fd, ENOSPC) ? -1 : next.f(fd, n);
}

int fallocate(int fd, int mode, off_t at, off_t n)
{
    NEXT(int, "fallocate", int, int, off_t, off_t);

    return fails("enospc", fd, ENOSPC) ? -1 : next.f(fd, mode, at, n);
}

int posix_fallocate(int fd, off_t at, off_t n)
{
    NEXT(int, "posix_fallocate", int, off_t, off_t);

    return fails("enospc", fd, ENOSPC) ? ENOSPC : next.f(fd, at, n);
}

int fsync(int fd)
{
    NEXT(int, "fsync", int);

    return fails("eio", fd, EIO) ? -1 : next.f(fd);
}

int fdatasync(int fd)
{
    NEXT(int, "fdatasync", int);

    return fails("eio", fd, EIO) ? -1 : next.f(fd);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* How long the disk takes to make 4 KiB durable: what a commit cannot be faster than. */
#include "config.h"

#include "apps/bench_load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int sync_once(int fd, const unsigned char *block, size_t n)
{
    ssize_t wrote = write(fd, block, n);

    if (wrote >= 0 && (size_t)wrote != n)
        errno = ENOSPC;
    return wrote == (ssize_t)n && fdatasync(fd) == 0;
}

int bench_sync_measure(const char *dir, int ms, BENCH_HIST *h)
{
    unsigned char block[4096];
    char path[4096];
    int64_t begun = bench_now(), before = begun, after;
    int fd, ok = 1;

    memset(block, 0x5a, sizeof(block));
    if (snprintf(path, sizeof(path), "%s/cmp-bench-XXXXXX", dir) >= (int)sizeof(path) ||
        (fd = mkstemp(path)) < 0) {
        bench_fail("--fdatasync %s: %s", dir, strerror(errno));
        return 0;
    }
    unlink(path);
    while (ok && before - begun < (int64_t)ms * 1000000) {
        if (!(ok = sync_once(fd, block, sizeof(block)))) {
            bench_fail("--fdatasync %s: %s", dir, strerror(errno));
            break;
        }
        after = bench_now();
        bench_hist_add(h, (after - before) / 1000);
        before = after;
    }
    close(fd);
    return ok;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that must be on disk when we say so: CRLs, and keys and certificates of a first deployment.
 * Called by crl.c and setup.c; knows no content.
 */
#include "config.h"

#include "ca/ca_local.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int write_all(int fd, CMPSRV_SLICE data)
{
    while (data.n > 0) {
        ssize_t n = write(fd, data.p, data.n);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return 0;
        data = cmpsrv_slice(data.p + n, data.n - (size_t)n);
    }
    return 1;
}

int cmpsrv_ca_write_file(const char *path, int flags, mode_t mode, CMPSRV_SLICE data,
                         CMPSRV_REFUSAL *why)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | flags, mode);
    int ok;

    if (fd < 0)
        return cmpsrv_fail(why, "cannot make %s: %s", path, strerror(errno));
    ok = write_all(fd, data) && fsync(fd) == 0;
    if (!ok)
        cmpsrv_fail(why, "cannot write %s: %s", path, strerror(errno));
    if (close(fd) != 0 && ok)
        ok = cmpsrv_fail(why, "cannot write %s: %s", path, strerror(errno));
    if (!ok)
        unlink(path);
    return ok;
}

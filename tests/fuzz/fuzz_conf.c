/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration: a load ends with a configuration or with errors that name the file. */
#include "config.h"

#include <string.h>
#include <unistd.h>

#include "conf/conf.h"
#include "fuzz/fuzz.h"

/* What would make it read files that have no end. */
static int is_harmless(const uint8_t *data, size_t size)
{
    static const char *const words[] = {"include", "/", "file"};

    for (size_t i = 0; i < size; i++)
        for (size_t w = 0; w < CMPSRV_ARRAY_SIZE(words); w++)
            if (size - i >= strlen(words[w]) && memcmp(data + i, words[w], strlen(words[w])) == 0)
                return 0;
    return 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char path[64];
    CMPSRV_CONF_ERRORS errors = {0};
    CMPSRV_CONF *conf;
    FILE *f;

    if (!is_harmless(data, size))
        return 0;
    if (path[0] == '\0') {
        const char *dir = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

        snprintf(path, sizeof(path), "%s/cmpsrv-fuzz-%d.yaml", dir, (int)getpid());
    }
    MUST((f = fopen(path, "wb")) != NULL);
    fwrite(data, 1, size, f);
    fclose(f);
    conf = cmpsrv_conf_load(path, NULL, &errors);
    MUST((conf == NULL) == (errors.n > 0));
    for (size_t i = 0; i < errors.n; i++)
        MUST(strncmp(errors.v[i], path, strlen(path)) == 0 && strchr(errors.v[i], '\n') == NULL);
    cmpsrv_conf_errors_clear(&errors);
    cmpsrv_conf_free(conf);
    unlink(path);
    return 0;
}

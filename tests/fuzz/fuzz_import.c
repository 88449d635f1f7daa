/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An import of EJBCA's aliases: whatever is in the file, the YAML is one map of aliases, and what
 * the loader does not like of it is in an alias.
 */
#include "config.h"

#include <string.h>
#include <unistd.h>

#include "conf/ejbca.h"
#include "fuzz/fuzz.h"

static const char base[] = "server: {store: 'sqlite:x.db', store_key: key}\n"
                           "certificate_profiles: {ENDUSER: {}}\n"
                           "end_entity_profiles: {EMPTY: {default_certificate_profile: ENDUSER}}\n";

static void load(const char *yaml)
{
    static char path[64];
    CMPSRV_CONF_ERRORS errors = {0};
    CMPSRV_CONF *conf;
    FILE *f;

    if (path[0] == '\0')
        snprintf(path, sizeof(path), "%s/cmpsrv-fuzz-import-%d.yaml",
                 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", (int)getpid());
    MUST((f = fopen(path, "wb")) != NULL);
    MUST(fputs(base, f) >= 0 && fputs(yaml, f) >= 0);
    fclose(f);
    conf = cmpsrv_conf_load(path, NULL, &errors);
    for (size_t i = 0; i < errors.n; i++) {
        const char *where = errors.v[i] + strlen(path) + 1;

        where += strspn(where, "0123456789");
        if (strncmp(where, ": aliases", 9) != 0)
            fprintf(stderr, "%s\n%s", errors.v[i], yaml);
        MUST(strncmp(where, ": aliases", 9) == 0);
    }
    cmpsrv_conf_errors_clear(&errors);
    cmpsrv_conf_free(conf);
    unlink(path);
}

static int is_printable(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return 0;
    return 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const CMPSRV_IMPORT_MAP maps[] = {{"eep", "7", "EMPTY"},
                                             {"ca", "CN=a,O=b", "ManagementCA"},
                                             {"ca", "EndEntityCertificate", "ManagementCA"}};
    CMPSRV_IMPORT_OPTIONS options = {maps, CMPSRV_ARRAY_SIZE(maps), NULL, NULL};
    CMPSRV_IMPORT *im = cmpsrv_conf_import(cmpsrv_slice(data, size), &options, NULL);
    size_t sum = 0;

    MUST(im != NULL);
    for (size_t i = 0; i < CMPSRV_IMPORT__COUNT; i++)
        sum += im->counts[i];
    MUST(sum == im->rows_n);
    for (size_t i = 0; i < im->rows_n; i++)
        MUST(is_printable(im->rows[i].why) &&
             (im->rows[i].to == NULL || is_printable(im->rows[i].to)));
    load(im->yaml);
    cmpsrv_conf_import_free(im);
    return 0;
}

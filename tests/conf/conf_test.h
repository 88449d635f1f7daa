/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For the tests of conf: a directory of its own, files in it, and loads whose errors are kept. The
 * certificates and keys are dummies: conf looks whether they are there, not into them.
 */
#ifndef CMPSRV_CONF_TEST_H
#define CMPSRV_CONF_TEST_H

#include <stdio.h>
#include <unistd.h>

#include "conf/conf.h"
#include "test.h"

#define CANARY "c4nary-s3cret"

static char dir[64];
static char path[128]; /* of the configuration that is loaded */
static CMPSRV_CONF_ERRORS errors;
static CMPSRV_CONF *conf;

static void write_file(const char *name, const char *text)
{
    char full[128];
    FILE *f;

    snprintf(full, sizeof(full), "%s/%s", dir, name);
    f = fopen(full, "w");
    CU_ASSERT_FATAL(f != NULL);
    CU_ASSERT(fputs(text, f) >= 0);
    fclose(f);
}

/* Once a program, and removed at its end. */
static void remove_dir(void)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -rf '%s'", dir);
    if (system(command) != 0)
        fprintf(stderr, "cannot remove %s\n", dir);
}

static void make_dir(void)
{
    if (dir[0] != '\0')
        return;
    snprintf(dir, sizeof(dir), "/tmp/cmpsrv-conf.XXXXXX");
    CU_ASSERT_FATAL(mkdtemp(dir) != NULL);
    atexit(remove_dir);
    write_file("ca.crt", "certificate\n");
    write_file("ca.key", "key\n");
    write_file("secret", CANARY "-file\n");
    write_file("empty", "\n");
}

static void unload(void)
{
    cmpsrv_conf_free(conf);
    conf = NULL;
    cmpsrv_conf_errors_clear(&errors);
}

/* Loads dir/name; conf and errors hold what came of it. No error may ever show a secret. */
static CMPSRV_CONF *load_file(const char *name)
{
    unload();
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    conf = cmpsrv_conf_load(path, NULL, &errors);
    CU_ASSERT_EQUAL(conf == NULL, errors.n > 0);
    for (size_t i = 0; i < errors.n; i++)
        CU_ASSERT(strstr(errors.v[i], CANARY) == NULL);
    return conf;
}

static CMPSRV_CONF *load_text(const char *text)
{
    make_dir();
    write_file("cmp-server.yaml", text);
    return load_file("cmp-server.yaml");
}

/* Whether some error begins with "DIR/HEAD" and has `part` in it; tells what there is if not. */
static int has_error(const char *head, const char *part)
{
    char full[512];

    snprintf(full, sizeof(full), "%s/%s", dir, head);
    for (size_t i = 0; i < errors.n; i++)
        if (strncmp(errors.v[i], full, strlen(full)) == 0 && strstr(errors.v[i], part) != NULL)
            return 1;
    fprintf(stderr, "\nwanted: %s ... %s\n", full, part);
    for (size_t i = 0; i < errors.n; i++)
        fprintf(stderr, "   got: %s\n", errors.v[i]);
    return 0;
}

#endif

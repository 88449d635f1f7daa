/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmp-admin alias import: a dump of EJBCA's aliases in, YAML out, and a report. Reads the options,
 * the file and the subjects of our CAs; what becomes of a key is decided in src/conf/ejbca*.c.
 */
#include "config.h"

#include "apps/admin.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "conf/ejbca.h"
#include "wire/wire.h"

#define MAX_FILE (256 << 10)
#define MAX_TEXT 480 /* of one value in the report for people */

/* ---- maps -------------------------------------------------------------------------------------
 */

typedef struct maps_st {
    CMPSRV_IMPORT_MAP *v;
    size_t n;
    char **texts; /* that they point into; one each */
} MAPS;

static void free_maps(MAPS *maps)
{
    for (size_t i = 0; i < maps->n; i++)
        OPENSSL_free(maps->texts[i]);
    OPENSSL_free(maps->texts);
    OPENSSL_free(maps->v);
}

/* Takes `text`, in which kind, from and to are. */
static int add_map(MAPS *maps, char *text, CMPSRV_IMPORT_MAP map)
{
    CMPSRV_IMPORT_MAP *v = OPENSSL_realloc(maps->v, (maps->n + 1) * sizeof(*v));
    char **texts;

    maps->v = v == NULL ? maps->v : v;
    texts = OPENSSL_realloc(maps->texts, (maps->n + 1) * sizeof(*texts));
    maps->texts = texts == NULL ? maps->texts : texts;
    if (v == NULL || texts == NULL) {
        OPENSSL_free(text);
        return 0;
    }
    maps->texts[maps->n] = text;
    maps->v[maps->n++] = map;
    return 1;
}

/* KIND:ID=NAME; an ID that is a subject has "=", too, a NAME has none. */
static int read_map(MAPS *maps, const char *option)
{
    char *text = OPENSSL_strdup(option), *from, *to;

    if (text == NULL || (from = strchr(text, ':')) == NULL || (to = strrchr(from, '=')) == NULL ||
        to == from + 1 || to[1] == '\0') {
        OPENSSL_free(text);
        admin_usage_error("--map wants KIND:ID=NAME");
        return 0;
    }
    *from++ = '\0';
    *to++ = '\0';
    if (!cmpsrv_conf_import_has_kind(text)) {
        admin_usage_error("--map %s: is none of ca, eep, vendorca", text);
        OPENSSL_free(text);
        return 0;
    }
    return add_map(maps, text, (CMPSRV_IMPORT_MAP){text, from, to});
}

/* The subject of a CA of ours as text, NULL: its certificate cannot be read. */
static char *read_subject(const char *file)
{
    BIO *bio = BIO_new_file(file, "r");
    X509 *cert = bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, NULL, NULL);
    unsigned char *der = NULL;
    int n = cert == NULL ? -1 : i2d_X509_NAME(X509_get_subject_name(cert), &der);
    char *text = n <= 0 ? NULL : cmpsrv_name_text(cmpsrv_slice(der, (size_t)n));

    OPENSSL_free(der);
    X509_free(cert);
    BIO_free(bio);
    ERR_clear_error();
    return text;
}

/* So that the subject of a CA in the file finds the CA of the configuration. */
static void add_subjects(MAPS *maps, const ADMIN *a)
{
    for (size_t i = 0; i < a->conf->cas_n; i++) {
        char *subject = read_subject(a->conf->cas[i].issuer.certificate);

        if (subject != NULL)
            add_map(maps, subject, (CMPSRV_IMPORT_MAP){"ca", subject, a->conf->cas[i].name});
    }
}

/* ---- options and file -------------------------------------------------------------------------
 */

static int read_options(ADMIN *a, CMPSRV_IMPORT_OPTIONS *o, MAPS *maps, const char **out)
{
    int bad = 0;
    const char *secret = admin_option(a, "--secret", 1, &bad), *map;

    o->alias = admin_option(a, "--alias", 1, &bad);
    *out = admin_option(a, "--out", 1, &bad);
    while (!bad && (map = admin_option(a, "--map", 1, &bad)) != NULL)
        bad = !read_map(maps, map);
    if (bad || !admin_has_arguments(a, 1, "FILE, - for standard input"))
        return 0;
    if (secret != NULL && (strncmp(secret, "file:", 5) != 0 || secret[5] == '\0')) {
        admin_usage_error("--secret wants file:FILE: a secret on the command line is none");
        return 0;
    }
    o->secret_file = secret == NULL ? NULL : secret + 5;
    return 1;
}

static unsigned char *read_file(const char *name, size_t *n)
{
    int is_stdin = strcmp(name, "-") == 0;
    FILE *f = is_stdin ? stdin : fopen(name, "rb");
    unsigned char *p = OPENSSL_malloc(MAX_FILE + 1);
    int ok;

    *n = f == NULL || p == NULL ? 0 : fread(p, 1, MAX_FILE + 1, f);
    ok = f != NULL && p != NULL && !ferror(f) && *n <= MAX_FILE;
    if (!ok)
        admin_fail("%s: %s", name, *n > MAX_FILE ? "more than 256 KiB" : strerror(errno));
    if (f != NULL && !is_stdin)
        fclose(f);
    if (ok)
        return p;
    OPENSSL_clear_free(p, MAX_FILE + 1);
    return NULL;
}

/* ---- output -----------------------------------------------------------------------------------
 */

/* The YAML may hold secrets: nobody else reads the file, from its first moment on. */
static int write_yaml(const char *file, const char *yaml)
{
    int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
    int ok = f != NULL && fputs(yaml, f) >= 0;

    if (f != NULL && fclose(f) != 0)
        ok = 0;
    else if (f == NULL && fd >= 0)
        close(fd);
    if (!ok)
        admin_fail("cannot write %s: %s", file, strerror(errno));
    return ok;
}

static const char *escape(const char *text, char out[MAX_TEXT])
{
    return cmpsrv_escape(cmpsrv_slice_str(text), out, MAX_TEXT);
}

/* FILE:LINE: alias: key: outcome: "value" -> key: value: why */
static void print_row(const char *file, const CMPSRV_IMPORT_ROW *row)
{
    char buf[MAX_TEXT];

    fprintf(stderr, "%s:", file);
    if (row->line > 0)
        fprintf(stderr, "%d:", row->line);
    fprintf(stderr, " %s:", escape(row->alias, buf));
    if (row->key != NULL)
        fprintf(stderr, " %s:", escape(row->key, buf));
    fprintf(stderr, " %s", cmpsrv_conf_import_word(row->outcome));
    if (row->from != NULL)
        fprintf(stderr, ": \"%s\"", escape(row->from, buf));
    if (row->to != NULL && row->outcome != CMPSRV_IMPORT_TAKEN)
        fprintf(stderr, " -> %s", row->to);
    fprintf(stderr, "%s%s\n", row->why[0] == '\0' ? "" : ": ", row->why);
}

/* What is refused wants something done: it comes last, where it is seen. */
static void print_report(const char *file, const CMPSRV_IMPORT *im)
{
    for (size_t i = 0; i < im->rows_n; i++)
        if (im->rows[i].outcome != CMPSRV_IMPORT_REFUSED)
            print_row(file, &im->rows[i]);
    for (size_t i = 0; i < im->rows_n; i++)
        if (im->rows[i].outcome == CMPSRV_IMPORT_REFUSED)
            print_row(file, &im->rows[i]);
    fprintf(stderr, "%s: %zu alias%s:", file, im->aliases_n, im->aliases_n == 1 ? "" : "es");
    for (size_t i = 0; i < CMPSRV_IMPORT__COUNT; i++)
        fprintf(stderr, "%s %zu %s", i == 0 ? "" : ",", im->counts[i],
                cmpsrv_conf_import_word((CMPSRV_IMPORT_OUTCOME)i));
    fprintf(stderr, "; %zu line%s skipped\n", im->skipped, im->skipped == 1 ? "" : "s");
}

static void put_row(CMPSRV_JSON *j, const CMPSRV_IMPORT_ROW *row)
{
    cmpsrv_json_raw(j, "{");
    cmpsrv_json_field(j, "alias", row->alias);
    cmpsrv_json_field(j, "key", row->key);
    cmpsrv_json_field(j, "outcome", cmpsrv_conf_import_word(row->outcome));
    if (row->line > 0)
        cmpsrv_json_field_int(j, "line", row->line);
    cmpsrv_json_field(j, "from", row->from);
    cmpsrv_json_field(j, "to", row->to);
    cmpsrv_json_field(j, "why", row->why);
    cmpsrv_json_raw(j, "}");
}

/* One document; the YAML is in it unless it went to a file. */
static int print_json(const CMPSRV_IMPORT *im, const char *out)
{
    CMPSRV_JSON j = {0}, rows = {0};
    char *text = NULL, *report;

    cmpsrv_json_raw(&rows, "[");
    for (size_t i = 0; i < im->rows_n; i++) {
        cmpsrv_json_raw(&rows, i == 0 ? "" : ",\n");
        put_row(&rows, &im->rows[i]);
    }
    cmpsrv_json_raw(&rows, "]");
    if ((report = cmpsrv_json_finish(&rows)) != NULL) {
        cmpsrv_json_raw(&j, "{");
        cmpsrv_json_field(&j, out == NULL ? "yaml" : "out", out == NULL ? im->yaml : out);
        cmpsrv_json_field_raw(&j, "report", report);
        for (size_t i = 0; i < CMPSRV_IMPORT__COUNT; i++)
            cmpsrv_json_field_int(&j, cmpsrv_conf_import_word((CMPSRV_IMPORT_OUTCOME)i),
                                  (int64_t)im->counts[i]);
        cmpsrv_json_field_int(&j, "skipped_lines", (int64_t)im->skipped);
        cmpsrv_json_raw(&j, "}");
        text = cmpsrv_json_finish(&j);
    }
    OPENSSL_free(report);
    if (text == NULL)
        return admin_fail("out of memory");
    puts(text);
    OPENSSL_clear_free(text, strlen(text));
    return ADMIN_OK;
}

static int print_import(const ADMIN *a, const CMPSRV_IMPORT *im, const char *out)
{
    if (out != NULL && !write_yaml(out, im->yaml))
        return ADMIN_FAILED;
    if (a->json && print_json(im, out) != ADMIN_OK)
        return ADMIN_FAILED;
    if (!a->json && out == NULL)
        fputs(im->yaml, stdout);
    if (!a->json)
        print_report(a->argv[0], im);
    return im->counts[CMPSRV_IMPORT_REFUSED] > 0 ? ADMIN_FAILED : ADMIN_OK;
}

/* ---- the verb ---------------------------------------------------------------------------------
 */

static int import_file(ADMIN *a, const CMPSRV_IMPORT_OPTIONS *o, const char *out)
{
    size_t n;
    unsigned char *text = read_file(a->argv[0], &n);
    CMPSRV_REFUSAL why = {0};
    CMPSRV_IMPORT *im;
    int status = ADMIN_FAILED;

    if (text == NULL)
        return ADMIN_FAILED;
    im = cmpsrv_conf_import(cmpsrv_slice(text, n), o, &why);
    OPENSSL_clear_free(text, MAX_FILE + 1);
    if (im == NULL)
        admin_fail("%s", why.detail);
    else if (im->aliases_n == 0)
        admin_fail("%s: no %s in it (%zu lines skipped)", a->argv[0],
                   o->alias == NULL ? "alias of EJBCA" : "such alias", im->skipped);
    else
        status = print_import(a, im, out);
    if (im != NULL && o->secret_file != NULL && im->secret_user == NULL)
        fputs("cmp-admin: --secret was of no use: HMAC has no secret of the alias's own\n", stderr);
    cmpsrv_conf_import_free(im);
    return status;
}

int admin_alias_import(ADMIN *a)
{
    CMPSRV_IMPORT_OPTIONS options = {0};
    MAPS maps = {0};
    const char *out = NULL;
    int status = ADMIN_USAGE;

    if (read_options(a, &options, &maps, &out)) {
        if (a->config != NULL && admin_open(a, -1))
            add_subjects(&maps, a);
        else if (a->config != NULL)
            admin_fail("%s does not load: its CAs are not looked at", a->config);
        options.maps = maps.v;
        options.maps_n = maps.n;
        status = import_file(a, &options, out);
    }
    free_maps(&maps);
    return status;
}

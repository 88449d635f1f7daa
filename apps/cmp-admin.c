/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmp-admin: the operator's tool. Finds command and verb in a table, reads the common options, and
 * hands over.
 */
#include "config.h"

#include "apps/admin.h"
#include "apps/options.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *command, *verb; /* verb NULL: the command has none */
    int (*run)(ADMIN *);
    const char *arguments;
    const char *help;
} verbs[] = {
    {"init", NULL, admin_init, "--dir DIR [--listen URL] [--ca-key TYPE]",
     "make a throw-away deployment: CA, signer, secrets, store, configuration"},
    {"alias", "list", admin_alias_list, "", "the aliases"},
    {"alias", "show", admin_alias_show, "NAME", "one alias with every setting"},
    {"alias", "check", admin_alias_check, "NAME", "what an alias says and may not be meant to"},
    {"alias", "import", admin_alias_import,
     "FILE [--map KIND:ID=NAME] [--secret SOURCE] [--alias NAME] [--out FILE]",
     "aliases of EJBCA, as its command line dumps them, as YAML; --config only for its CAs"},
    {"ca", "list", admin_ca_list, "", "the CAs"},
    {"ca", "show", admin_ca_show, "NAME [--chain]", "a CA's certificate"},
    {"crl", "generate", admin_crl_generate, "CA [--out FILE]",
     "a new CRL, to its file and to FILE"},
    {"cert", "list", admin_cert_list, "[--ca CA] [--entity NAME] [--status STATUS] [--since DATE]",
     "certificates in the store"},
    {"cert", "show", admin_cert_show, "SERIAL [--ca CA] [--pem]", "one certificate"},
    {"cert", "revoke", admin_cert_revoke, "SERIAL --ca CA --reason REASON",
     "revoke, and make a CRL"},
    {"cert", "unhold", admin_cert_unhold, "SERIAL --ca CA", "release from certificateHold"},
    {"audit", "list", admin_audit_list, "[--since DATE]", "the audit records"},
    {"audit", "verify", admin_audit_verify, "[--head HEAD]",
     "check the hash chains, and that they hold a head that was printed before"},
    {"entity", "add", admin_entity_add,
     "NAME --dn DN [--san TYPE:VALUE]... [--email ADDRESS]... [--code CODE] [--generate] [--clear] "
     "[--hashed] [--ca CA] [--certificate-profile PROFILE] [--end-entity-profile PROFILE] "
     "[--allowed-requests N]",
     "pre-register an end entity; a code that is made is printed once"},
    {"entity", "list", admin_entity_list, "", "the end entities"},
    {"entity", "show", admin_entity_show, "NAME", "one end entity"},
    {"entity", "set", admin_entity_set,
     "NAME [--status STATUS] [--san TYPE:VALUE]... [--email ADDRESS]... [--code CODE] "
     "[--generate] [--clear] [--hashed] [--allowed-requests N]",
     "change status, names, code or what the code is good for"},
    {"entity", "delete", admin_entity_delete, "NAME", "remove an end entity"},
    {"ra", "issue", admin_ra_issue, "NAME [--ca CA] [--dn DN] [--key TYPE] [--dir DIR]",
     "a certificate and key of a registration authority (EKU cmcRA)"},
    {"message", "show", admin_message_show, "FILE...",
     "a CMP message in words: DER or PEM, - for standard input; needs no --config"},
    {"store", "verify", admin_store_verify, "",
     "check every stored certificate against its record"},
    {"store", "migrate", admin_store_migrate, "", "bring the schema up to this version"},
    {"store", "backup", admin_store_backup, "FILE", "copy the live store"},
};

static int usage(FILE *to, const char *command, int status)
{
    fputs("Usage: cmp-admin --config FILE COMMAND [ARGUMENTS] [--json]\n"
          "       cmp-admin init --dir DIR\n"
          "       cmp-admin message show FILE... [--json]\n"
          "       cmp-admin --version | --help\n\n",
          to);
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(verbs); i++)
        if (command == NULL || strcmp(verbs[i].command, command) == 0)
            fprintf(to, "  %s %s %s\n        %s\n", verbs[i].command,
                    verbs[i].verb == NULL ? "" : verbs[i].verb, verbs[i].arguments, verbs[i].help);
    fputs("\nExit status: 0 done, 1 failed, 2 usage.\n", to);
    return status;
}

const char *admin_operator(void)
{
    const char *user = getenv("SUDO_USER") != NULL ? getenv("SUDO_USER") : getenv("USER");

    return user == NULL ? "unknown" : user;
}

int admin_fail(const char *fmt, ...)
{
    va_list ap;

    fputs("cmp-admin: ", stderr);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    return ADMIN_FAILED;
}

int admin_usage_error(const char *fmt, ...)
{
    va_list ap;

    fputs("cmp-admin: ", stderr);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputs(" (see cmp-admin --help)\n", stderr);
    return ADMIN_USAGE;
}

static void remove_arguments(ADMIN *a, int at, int n)
{
    for (int i = at; i + n < a->argc; i++)
        a->argv[i] = a->argv[i + n];
    a->argc -= n;
}

const char *admin_option(ADMIN *a, const char *name, int has_value, int *bad)
{
    const char *value = NULL;

    if (option_take(&a->argc, a->argv, name, has_value, &value) < 0) {
        *bad = 1;
        admin_usage_error("%s needs a value", name);
    }
    return value;
}

size_t admin_options(ADMIN *a, const char *name, const char **values, size_t max, int *bad)
{
    const char *value;
    size_t n = 0;

    while ((value = admin_option(a, name, 1, bad)) != NULL) {
        if (n == max) {
            *bad = 1;
            admin_usage_error("%s can be given %zu times", name, max);
            return n;
        }
        values[n++] = value;
    }
    return n;
}

int admin_has_arguments(ADMIN *a, int n, const char *what)
{
    for (int i = 0; i < a->argc; i++)
        if (strncmp(a->argv[i], "--", 2) == 0) {
            admin_usage_error("unknown option %s", a->argv[i]);
            return 0;
        }
    if (a->argc == n)
        return 1;
    if (n == 0)
        admin_usage_error("unexpected argument %s", a->argv[0]);
    else
        admin_usage_error("want %s", what);
    return 0;
}

int admin_read_date(const char *s, int64_t *ms)
{
    char digits[16] = "00000000000000Z";
    size_t n = 0;

    for (; *s != '\0' && n < 14; s++)
        if (*s >= '0' && *s <= '9')
            digits[n++] = *s;
    return (n == 8 || n == 14) && cmpsrv_time_from_generalized(cmpsrv_slice(digits, 15), ms);
}

static void print_errors(CMPSRV_CONF_ERRORS *errors)
{
    for (size_t i = 0; i < errors->n; i++)
        fprintf(stderr, "%s\n", errors->v[i]);
    cmpsrv_conf_errors_clear(errors);
}

int admin_open(ADMIN *a, int writes)
{
    CMPSRV_CONF_ERRORS errors = {0};
    CMPSRV_STORE_OPTIONS options = {.node = "cmp-admin", .read_only = !writes};
    CMPSRV_REFUSAL why = {0};

    if (a->config == NULL) {
        admin_usage_error("--config FILE is missing");
        return 0;
    }
    if ((a->conf = cmpsrv_conf_load(a->config, NULL, &errors)) == NULL) {
        print_errors(&errors);
        return 0;
    }
    cmpsrv_conf_errors_clear(&errors);
    if (writes < 0)
        return 1;
    options.key = a->conf->server.store_key;
    if ((a->store = cmpsrv_store_open(a->conf->server.store, &options, &why)) == NULL)
        admin_fail("%s: %s", a->conf->server.store, why.detail);
    return a->store != NULL;
}

CMPSRV_CA *admin_load_ca(ADMIN *a, const char *name)
{
    const CMPSRV_CONF_CA *conf = cmpsrv_conf_ca(a->conf, name);
    CMPSRV_CONF_ERRORS errors = {0};
    CMPSRV_CA *ca;

    if (conf == NULL) {
        admin_fail("no CA %s in %s", name, a->config);
        return NULL;
    }
    if ((ca = cmpsrv_ca_load(NULL, NULL, conf, NULL, &errors)) == NULL)
        print_errors(&errors);
    cmpsrv_conf_errors_clear(&errors);
    return ca;
}

/* Finds the row of command and verb and takes them out of the arguments. */
static int find_verb(ADMIN *a)
{
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(verbs); i++) {
        if (strcmp(verbs[i].command, a->argv[0]) != 0)
            continue;
        if (verbs[i].verb == NULL) {
            remove_arguments(a, 0, 1);
            return (int)i;
        }
        if (a->argc > 1 && strcmp(verbs[i].verb, a->argv[1]) == 0) {
            remove_arguments(a, 0, 2);
            return (int)i;
        }
    }
    return -1;
}

int main(int argc, char **argv)
{
    ADMIN a = {.argc = argc - 1, .argv = argv + 1};
    int bad = 0, row, status;

    a.config = admin_option(&a, "--config", 1, &bad);
    a.json = admin_option(&a, "--json", 0, &bad) != NULL;
    if (bad)
        return ADMIN_USAGE;
    if (admin_option(&a, "--version", 0, &bad) != NULL)
        return printf("cmp-admin %s\n", CMPSRV_version()) < 0;
    if (admin_option(&a, "--help", 0, &bad) != NULL)
        return usage(stdout, a.argc > 0 ? a.argv[0] : NULL, ADMIN_OK);
    if (a.argc == 0)
        return usage(stderr, NULL, ADMIN_USAGE);
    if ((row = find_verb(&a)) < 0)
        return admin_usage_error("unknown command %s%s%s", a.argv[0], a.argc > 1 ? " " : "",
                                 a.argc > 1 ? a.argv[1] : "");
    status = verbs[row].run(&a);
    cmpsrv_store_free(a.store);
    cmpsrv_conf_free(a.conf);
    return status;
}

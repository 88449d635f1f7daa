/* SPDX-License-Identifier: Apache-2.0 */
/* cmp-admin entity: end entities of client mode and their enrolment codes. A code is printed once,
 * when it is made. */
#include "config.h"

#include "apps/admin.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

static const struct {
    const char *name;
    int status;
} statuses[] = {
    {"new", CMPSRV_ENTITY_NEW},
    {"failed", CMPSRV_ENTITY_FAILED},
    {"initialized", CMPSRV_ENTITY_INITIALIZED},
    {"inprocess", CMPSRV_ENTITY_INPROCESS},
    {"generated", CMPSRV_ENTITY_GENERATED},
    {"revoked", CMPSRV_ENTITY_REVOKED},
    {"historical", CMPSRV_ENTITY_HISTORICAL},
    {"keyrecovery", CMPSRV_ENTITY_KEYRECOVERY},
};

static const char *status_name(int status)
{
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(statuses); i++)
        if (statuses[i].status == status)
            return statuses[i].name;
    return "?";
}

static const char *code_text(const CMPSRV_END_ENTITY_ROW *row)
{
    switch (row->code_kind) {
    case CMPSRV_CODE_CLEAR:
        return "in the clear (encrypted in the store)";
    case CMPSRV_CODE_HASHED:
    case CMPSRV_CODE_SCRYPT:
        return "hashed: HMAC refuses it, a MAC needs the code in the clear (set one with --clear)";
    default:
        return "none";
    }
}

/* ---- options -----------------------------------------------------------------------------------
 */

typedef struct {
    const char *dn, *code, *ca, *cert_profile, *ee_profile, *requests, *status;
    const char *sans[CMPSRV_MAX_SAN], *emails[CMPSRV_MAX_SAN];
    size_t sans_n, emails_n;
    int generate, clear, hashed;
    int64_t allowed;   /* of --allowed-requests: -1 not limited */
    int status_number; /* of --status, -1: not given */
} OPTIONS;

/* 1, or 0 with what is wrong printed. */
static int read_options(ADMIN *a, OPTIONS *o, int is_new)
{
    int bad = 0;

    *o =
        (OPTIONS){.dn = is_new ? admin_option(a, "--dn", 1, &bad) : NULL,
                  .code = admin_option(a, "--code", 1, &bad),
                  .generate = admin_option(a, "--generate", 0, &bad) != NULL,
                  .clear = admin_option(a, "--clear", 0, &bad) != NULL,
                  .hashed = admin_option(a, "--hashed", 0, &bad) != NULL,
                  .ca = is_new ? admin_option(a, "--ca", 1, &bad) : NULL,
                  .cert_profile = is_new ? admin_option(a, "--certificate-profile", 1, &bad) : NULL,
                  .ee_profile = is_new ? admin_option(a, "--end-entity-profile", 1, &bad) : NULL,
                  .requests = admin_option(a, "--allowed-requests", 1, &bad),
                  .status = is_new ? NULL : admin_option(a, "--status", 1, &bad),
                  .status_number = -1};
    o->sans_n = admin_options(a, "--san", o->sans, CMPSRV_MAX_SAN, &bad);
    o->emails_n = admin_options(a, "--email", o->emails, CMPSRV_MAX_SAN, &bad);
    if (bad || !admin_has_arguments(a, 1, "the name of an end entity"))
        return 0;
    if (is_new && o->dn == NULL) {
        admin_usage_error("entity add needs --dn DN");
        return 0;
    }
    if ((o->code != NULL && o->generate) || (o->clear && o->hashed)) {
        admin_usage_error("--code and --generate, and --clear and --hashed, exclude each other");
        return 0;
    }
    return 1;
}

static int read_numbers(OPTIONS *o)
{
    char *end;

    if (o->requests != NULL && strcmp(o->requests, "unlimited") == 0) {
        o->allowed = -1;
    } else if (o->requests != NULL) {
        errno = 0;
        o->allowed = strtoll(o->requests, &end, 10);
        if (errno != 0 || *end != '\0' || end == o->requests || o->allowed < 0) {
            admin_usage_error("--allowed-requests wants a number from 0 on, or unlimited");
            return 0;
        }
    }
    for (size_t i = 0; o->status != NULL && i < CMPSRV_ARRAY_SIZE(statuses); i++)
        if (strcmp(o->status, statuses[i].name) == 0)
            o->status_number = statuses[i].status;
    if (o->status == NULL || o->status_number >= 0)
        return 1;
    admin_usage_error("--status wants new, failed, initialized, inprocess, generated, revoked, "
                      "historical or keyrecovery");
    return 0;
}

/* ---- what an entity is made of -----------------------------------------------------------------
 */

static int set_ca(ADMIN *a, const char *name, CMPSRV_END_ENTITY_ROW *row)
{
    CMPSRV_CA *ca = admin_load_ca(a, name);

    if (ca == NULL)
        return 0;
    memcpy(row->ca_id, ca->id, CMPSRV_HASH);
    cmpsrv_ca_free(ca);
    return 1;
}

static const CMPSRV_CONF_EE_PROFILE *find_ee_profile(const ADMIN *a, const char *name)
{
    for (size_t i = 0; i < a->conf->ee_profiles_n; i++)
        if (strcmp(a->conf->ee_profiles[i].name, name) == 0)
            return &a->conf->ee_profiles[i];
    admin_fail("no end entity profile %s in %s", name, a->config);
    return NULL;
}

static const CMPSRV_CONF_CERT_PROFILE *find_cert_profile(const ADMIN *a, const char *name)
{
    for (size_t i = 0; i < a->conf->cert_profiles_n; i++)
        if (strcmp(a->conf->cert_profiles[i].name, name) == 0)
            return &a->conf->cert_profiles[i];
    admin_fail("no certificate profile %s in %s", name, a->config);
    return NULL;
}

/* Whether it is in the list of a profile; else says whose list that is, and what is in it. */
static int is_available(const char *what, const char *name, const char *profile, const char *key,
                        const CMPSRV_CONF_LIST *list)
{
    char names[512] = "";

    for (size_t i = 0, n = 0; i < list->n; i++) {
        if (strcmp(list->v[i], name) == 0)
            return 1;
        if (n < sizeof(names))
            n += (size_t)snprintf(names + n, sizeof(names) - n, "%s%s", i == 0 ? "" : ", ",
                                  list->v[i]);
    }
    if (list->n == 0)
        return 1;
    admin_fail("%s %s is not available in %s, whose %s are: %s", what, name, profile, key, names);
    return 0;
}

/* What a request would be refused for, as policy has it. */
static int check_available(const CMPSRV_CONF_EE_PROFILE *ee, const CMPSRV_CONF_CERT_PROFILE *cert,
                           const char *ca)
{
    char profile[2][192];

    snprintf(profile[0], sizeof(profile[0]), "end entity profile %s", ee->name);
    snprintf(profile[1], sizeof(profile[1]), "certificate profile %s", cert->name);
    return is_available("CA", ca, profile[0], "available_cas", &ee->available_cas) &&
           is_available("certificate profile", cert->name, profile[0],
                        "available_certificate_profiles", &ee->available_certificate_profiles) &&
           is_available("CA", ca, profile[1], "available_cas", &cert->available_cas);
}

/* CA and profiles, and what the code is good for: as given, else as the end entity profile has
 * them. */
static int set_profiles(ADMIN *a, const OPTIONS *o, CMPSRV_END_ENTITY_ROW *row)
{
    const CMPSRV_CONF_EE_PROFILE *ee =
        find_ee_profile(a, o->ee_profile == NULL ? "EMPTY" : o->ee_profile);
    const CMPSRV_CONF_CERT_PROFILE *cert;
    const char *profile = o->cert_profile, *ca = o->ca;

    if (ee == NULL)
        return 0;
    if (profile == NULL)
        profile = ee->default_certificate_profile;
    if (ca == NULL)
        ca = ee->default_ca;
    if (profile == NULL || ca == NULL) {
        admin_usage_error("end entity profile %s has no default: say which with %s", ee->name,
                          ca == NULL ? "--ca CA" : "--certificate-profile PROFILE");
        return 0;
    }
    snprintf(row->end_entity_profile, sizeof(row->end_entity_profile), "%s", ee->name);
    snprintf(row->certificate_profile, sizeof(row->certificate_profile), "%s", profile);
    row->remaining = o->requests != NULL        ? o->allowed
                     : ee->allowed_requests > 0 ? ee->allowed_requests
                                                : 1;
    return (cert = find_cert_profile(a, profile)) != NULL && set_ca(a, ca, row) &&
           check_available(ee, cert, ca);
}

/* The code that is given, or a new one in `made`, which is printed. */
static int set_code(ADMIN *a, const OPTIONS *o, CMPSRV_END_ENTITY_ROW *row,
                    char made[CMPSRV_NEW_CODE + 1])
{
    CMPSRV_CODE_KIND kind = !o->hashed        ? CMPSRV_CODE_CLEAR
                            : o->code == NULL ? CMPSRV_CODE_HASHED
                                              : CMPSRV_CODE_SCRYPT;
    CMPSRV_REFUSAL why = {0};

    if (o->code == NULL && !cmpsrv_store_code_new(made)) {
        admin_fail("no random octets for a code");
        return 0;
    }
    row->code_kind = kind;
    if (cmpsrv_store_code_seal(a->store, row->name, kind,
                               cmpsrv_slice_str(o->code == NULL ? made : o->code), &row->code,
                               &why))
        return 1;
    admin_fail("%s", why.detail);
    return 0;
}

static int set_subject(const char *dn, CMPSRV_END_ENTITY_ROW *row)
{
    CMPSRV_REFUSAL why = {0};

    if (cmpsrv_name_parse(dn, &row->subject, &why) &&
        !cmpsrv_name_is_empty(cmpsrv_bytes_slice(&row->subject)) &&
        cmpsrv_name_hash(cmpsrv_bytes_slice(&row->subject), row->subject_hash, &why))
        return 1;
    admin_fail("--dn: %s", why.reason == CMPSRV_R_NONE ? "is empty" : why.detail);
    return 0;
}

/* --san and --email, if one is given: they are all that there is then. */
static int set_san(const OPTIONS *o, CMPSRV_END_ENTITY_ROW *row)
{
    const char *texts[2 * CMPSRV_MAX_SAN];
    char *mails[CMPSRV_MAX_SAN] = {NULL};
    CMPSRV_REFUSAL why = {0};
    size_t n = o->sans_n;
    int ok = 1;

    if (o->sans_n + o->emails_n == 0)
        return 1;
    memcpy(texts, o->sans, o->sans_n * sizeof(texts[0]));
    for (size_t i = 0; ok && i < o->emails_n; i++) {
        size_t size = strlen(o->emails[i]) + sizeof("rfc822Name:");

        if ((ok = (mails[i] = OPENSSL_malloc(size)) != NULL))
            snprintf(mails[i], size, "rfc822Name:%s", o->emails[i]);
        texts[n++] = mails[i];
    }
    if (!ok)
        admin_fail("out of memory");
    else if (!(ok = cmpsrv_san_parse(texts, n, &row->san, &why)))
        admin_fail("%s: %s", o->emails_n == 0 ? "--san" : "--san, --email", why.detail);
    for (size_t i = 0; i < o->emails_n; i++)
        OPENSSL_free(mails[i]);
    return ok;
}

static int set_name(const char *name, CMPSRV_END_ENTITY_ROW *row)
{
    int ok = name[0] != '\0' && strlen(name) < sizeof(row->name);

    for (const char *p = name; *p != '\0'; p++)
        ok &= (unsigned char)*p >= 0x20 && *p != 0x7f;
    if (!ok) {
        admin_usage_error("the name of an end entity has 1 to 255 octets, no control characters");
        return 0;
    }
    snprintf(row->name, sizeof(row->name), "%s", name);
    return 1;
}

/* ---- printing ----------------------------------------------------------------------------------
 */

static void name_ca(ADMIN *a, const CMPSRV_END_ENTITY_ROW *row, char *name, size_t size)
{
    if (cmpsrv_store_ca_name(a->store, row->ca_id, name, size, NULL) != 1)
        snprintf(name, size, "?");
}

static void number(int64_t n, char out[24])
{
    if (n < 0)
        snprintf(out, 24, "unlimited");
    else
        snprintf(out, 24, "%lld", (long long)n);
}

/* The caller frees. */
static char *san_text(const CMPSRV_END_ENTITY_ROW *row)
{
    char *text = row->san.p == NULL ? OPENSSL_strdup("none")
                                    : cmpsrv_san_text(cmpsrv_bytes_slice(&row->san));

    return text == NULL ? OPENSSL_strdup("?") : text;
}

static int print_entity(ADMIN *a, const CMPSRV_END_ENTITY_ROW *row, const char *made)
{
    static const char *const columns[] = {"Setting", "Value"};
    char ca[128], remaining[24], attempts[24], when[25], made_by[CMPSRV_MAX_ALIAS + 8] = "operator";
    char *subject = cmpsrv_name_text(cmpsrv_bytes_slice(&row->subject)), *san = san_text(row);
    const char *cells[][2] = {
        {"name", row->name},
        {"dn", subject},
        {"san", san},
        {"ca", ca},
        {"certificate profile", row->certificate_profile},
        {"end entity profile", row->end_entity_profile},
        {"status", status_name(row->status)},
        {"made by", made_by},
        {"requests left", remaining},
        {"wrong codes", attempts},
        {"code", made == NULL ? code_text(row) : made},
        {"changed", cmpsrv_time_iso(row->updated_at, when)},
    };
    ADMIN_TABLE *t = admin_table_new(columns, 2);

    name_ca(a, row, ca, sizeof(ca));
    number(row->remaining, remaining);
    number(row->attempts, attempts);
    if (row->alias[0] != '\0')
        snprintf(made_by, sizeof(made_by), "alias %s", row->alias);
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(cells) - (made != NULL); i++)
        admin_table_row(t, cells[i]);
    OPENSSL_free(subject);
    OPENSSL_free(san);
    return admin_table_print(t, a->json);
}

typedef struct {
    ADMIN *a;
    ADMIN_TABLE *t;
} LIST;

static int add_row(void *arg, const CMPSRV_END_ENTITY_ROW *row)
{
    LIST *l = arg;
    char ca[128], remaining[24];
    char *subject = cmpsrv_name_text(cmpsrv_bytes_slice(&row->subject));
    const char *cells[] = {row->name, subject, ca, status_name(row->status), remaining};

    name_ca(l->a, row, ca, sizeof(ca));
    number(row->remaining, remaining);
    admin_table_row(l->t, cells);
    OPENSSL_free(subject);
    return 1;
}

/* ---- verbs -------------------------------------------------------------------------------------
 */

static int count_live(void *arg, const CMPSRV_CERT_ROW *cert)
{
    *(size_t *)arg += cert->status != CMPSRV_CERT_REVOKED;
    return 1;
}

/* Nobody has the name, and nobody who had it has a certificate to sign with for who gets it now. */
static int is_new_name(ADMIN *a, const char *name)
{
    CMPSRV_CERT_FILTER filter = {
        .end_entity = name, .status = -1, .not_expired_at = cmpsrv_time_now()};
    CMPSRV_END_ENTITY_ROW row = {0};
    CMPSRV_REFUSAL why = {0};
    size_t n = 0;
    int found = cmpsrv_store_entity_get(a->store, name, &row, &why);

    cmpsrv_end_entity_row_clear(&row);
    if (found < 0 || cmpsrv_store_cert_each(a->store, &filter, count_live, &n, &why) != 1)
        admin_fail("%s", why.detail);
    else if (found == 1)
        admin_fail("there is an end entity %s already", name);
    else if (n > 0)
        admin_fail("an end entity %s was here before, and %zu of its certificates are good yet: "
                   "revoke them first (cert list --entity)",
                   name, n);
    else
        return 1;
    return 0;
}

int admin_entity_add(ADMIN *a)
{
    char made[CMPSRV_NEW_CODE + 1];
    CMPSRV_END_ENTITY_ROW row = {.status = CMPSRV_ENTITY_NEW};
    CMPSRV_REFUSAL why = {0};
    int status = ADMIN_FAILED;
    OPTIONS o;

    if (!read_options(a, &o, 1) || !read_numbers(&o) || !set_name(a->argv[0], &row))
        return ADMIN_USAGE;
    if (!admin_open(a, 1))
        return ADMIN_FAILED;
    if (is_new_name(a, row.name) && set_subject(o.dn, &row) && set_san(&o, &row) &&
        set_profiles(a, &o, &row) && set_code(a, &o, &row, made))
        status = cmpsrv_entity_add(a->store, &row, admin_operator(), &why)
                     ? print_entity(a, &row, o.code == NULL ? made : NULL)
                     : admin_fail("%s", why.detail);
    OPENSSL_cleanse(made, sizeof(made));
    cmpsrv_end_entity_row_clear(&row);
    return status;
}

/* Opens the store and reads the entity that is named. 1, or 0 with the reason printed. */
static int open_entity(ADMIN *a, int writes, CMPSRV_END_ENTITY_ROW *row)
{
    CMPSRV_REFUSAL why = {0};
    int found;

    if (!admin_open(a, writes))
        return 0;
    if ((found = cmpsrv_store_entity_get(a->store, a->argv[0], row, &why)) == 1)
        return 1;
    admin_fail("%s%s", found < 0 ? why.detail : "no end entity ", found < 0 ? "" : a->argv[0]);
    return 0;
}

int admin_entity_set(ADMIN *a)
{
    char made[CMPSRV_NEW_CODE + 1];
    CMPSRV_END_ENTITY_ROW row = {0};
    CMPSRV_REFUSAL why = {0};
    int status = ADMIN_FAILED, new_code;
    OPTIONS o;

    if (!read_options(a, &o, 0) || !read_numbers(&o))
        return ADMIN_USAGE;
    if ((o.clear || o.hashed) && o.code == NULL && !o.generate)
        return admin_usage_error("--clear and --hashed go with --code or --generate");
    if (!open_entity(a, 1, &row))
        return ADMIN_FAILED;
    new_code = o.code != NULL || o.generate;
    if (o.requests != NULL)
        row.remaining = o.allowed;
    if (o.status_number >= 0)
        row.status = o.status_number;
    if (new_code || o.status_number >= 0)
        row.attempts = 0;
    row.alias[0] = '\0'; /* who changed it last */
    if (set_san(&o, &row) && (!new_code || set_code(a, &o, &row, made)))
        status = cmpsrv_entity_change(a->store, &row, admin_operator(), &why)
                     ? print_entity(a, &row, o.generate ? made : NULL)
                     : admin_fail("%s", why.detail);
    OPENSSL_cleanse(made, sizeof(made));
    cmpsrv_end_entity_row_clear(&row);
    return status;
}

int admin_entity_show(ADMIN *a)
{
    CMPSRV_END_ENTITY_ROW row = {0};
    int status;

    if (!admin_has_arguments(a, 1, "the name of an end entity"))
        return ADMIN_USAGE;
    if (!open_entity(a, 0, &row))
        return ADMIN_FAILED;
    status = print_entity(a, &row, NULL);
    cmpsrv_end_entity_row_clear(&row);
    return status;
}

int admin_entity_delete(ADMIN *a)
{
    CMPSRV_END_ENTITY_ROW row = {0};
    CMPSRV_REFUSAL why = {0};
    int status = ADMIN_FAILED;

    if (!admin_has_arguments(a, 1, "the name of an end entity"))
        return ADMIN_USAGE;
    if (!open_entity(a, 1, &row))
        return ADMIN_FAILED;
    if (!cmpsrv_entity_delete(a->store, &row, admin_operator(), &why))
        admin_fail("%s", why.detail);
    else
        status =
            printf("%s: deleted; its certificates stay\n", row.name) > 0 ? ADMIN_OK : ADMIN_FAILED;
    cmpsrv_end_entity_row_clear(&row);
    return status;
}

int admin_entity_list(ADMIN *a)
{
    static const char *const columns[] = {"Name", "DN", "CA", "Status", "Requests left"};
    CMPSRV_REFUSAL why = {0};
    LIST l = {.a = a};

    if (!admin_has_arguments(a, 0, ""))
        return ADMIN_USAGE;
    if (!admin_open(a, 0))
        return ADMIN_FAILED;
    l.t = admin_table_new(columns, CMPSRV_ARRAY_SIZE(columns));
    if (cmpsrv_store_entity_each(a->store, add_row, &l, &why) == 1)
        return admin_table_print(l.t, a->json);
    admin_table_free(l.t);
    return admin_fail("%s", why.detail);
}

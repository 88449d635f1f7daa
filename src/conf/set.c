/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One function a type of setting: text to field, or an error that says what is allowed. A secret is
 * never in an error.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/objects.h>

#include "conf/conf_local.h"

static int not_allowed(CONF_LOAD *l, const CONF_ROW *row, CMPSRV_CONF_POS pos, const char *text)
{
    return cmpsrv_load_error(l, row, pos, "\"%.60s\" is not allowed; allowed: %s",
                             text == NULL ? "a map" : text, row->type);
}

/* The text of a setting that takes one scalar; NULL with an error. */
static const char *one_text(CONF_LOAD *l, const CONF_ROW *row, const CONF_VALUE *v)
{
    if (v->is_list || v->is_map || v->n != 1 || v->v[0].text == NULL) {
        cmpsrv_load_error(l, row, v->pos, "want one value, not a %s; allowed: %s",
                          v->is_map ? "map" : "list", row->type);
        return NULL;
    }
    return v->v[0].text;
}

/* Every item must be a scalar that is not empty. */
static int all_texts(CONF_LOAD *l, const CONF_ROW *row, const CONF_VALUE *v)
{
    int ok = !v->is_map || not_allowed(l, row, v->pos, NULL);

    for (size_t i = 0; ok && i < v->n; i++)
        if (v->v[i].text == NULL || v->v[i].text[0] == '\0')
            ok = not_allowed(l, row, v->v[i].pos, v->v[i].text);
    return ok;
}

static int put_string(CONF_LOAD *l, const CONF_ROW *row, CMPSRV_CONF_POS pos, char **out,
                      char *owned)
{
    if (owned == NULL)
        return cmpsrv_load_error(l, row, pos, "out of memory");
    OPENSSL_free(*out);
    *out = owned;
    return 1;
}

int cmpsrv_set_string(CONF_LOAD *l, const CONF_ROW *row, const CONF_VALUE *v, void *out)
{
    const char *text = one_text(l, row, v);

    if (text == NULL)
        return 0;
    if (text[0] == '\0' && (row->dflt == NULL || row->dflt[0] != '\0'))
        return cmpsrv_load_error(l, row, v->pos, "empty; allowed: %s", row->type);
    return put_string(l, row, v->pos, out, OPENSSL_strdup(text));
}

int cmpsrv_set_file(CONF_LOAD *l, const CONF_ROW *row, const CONF_VALUE *v, void *out)
{
    const char *text = one_text(l, row, v);

    if (text == NULL)
        return 0;
    if (text[0] == '\0')
        return cmpsrv_load_error(l, row, v->pos, "empty; allowed: %s", row->type);
    return put_string(l, row, v->pos, out, cmpsrv_conf_path(v->doc, text));
}

int cmpsrv_set_existing_file(CONF_LOAD *l, const CONF_ROW *row, const CONF_VALUE *v, void *out)
{
    char **path = out;

    if (!cmpsrv_set_file(l, row, v, out))
        return 0;
    return access(*path, R_OK) == 0 || cmpsrv_load_error(l, row, v->pos, "cannot read %s", *path);
}

/* Of file: URIs the path is made absolute; what other providers make of theirs is their business.
 */
int cmpsrv_set_key_uri(CONF_LOAD *l, const CONF_ROW *row, const CONF_VALUE *v, void *out)
{
    const char *text = one_text(l, row, v);
    char *path, *uri = NULL;
    size_t n;

    if (text == NULL)
        return 0;
    if (strncmp(text, "file:", 5) != 0) {
        if (strchr(text, ':') == NULL)
            return cmpsrv_load_error(l, row, v->pos,
                                     "\"%.60s\" is no URI; allowed: file:PATH, pkcs11:...", text);
        return put_string(l, row, v->pos, out, OPENSSL_strdup(text));
    }
    if ((path = cmpsrv_conf_path(v->doc, text + 5)) == NULL)
        return cmpsrv_load_error(l, row, v->pos, "out of memory");
    if (access(path, R_OK) != 0) {
        cmpsrv_load_error(l, row, v->pos, "cannot read %s", path);
        OPENSSL_free(path);
        return 0;
    }
    n = strlen(path) + 6;
    if ((uri = OPENSSL_malloc(n)) != NULL)
        snprintf(uri, n, "file:%s", path);
    OPENSSL_free(path);
    return put_string(l, row, v->pos, out, uri);
}

int cmpsrv_set_store(CONF_LOAD *l, const CONF_ROW *row, const CONF_VALUE *v, void *out)
{
    const char *text = one_text(l, row, v);
    char *path, *url = NULL;
    size_t n;

    if (text == NULL)
        return 0;
    if (strncmp(text, "postgresql:", 11) == 0)
        return cmpsrv_load_error(l, row, v->pos, "postgresql: is not supported yet; allowed: %s",
                                 row->type);
    if (strncmp(text, "sqlite:", 7) != 0 || text[7] == '\0')
        return not_allowed(l, row, v->pos, text);
    if ((path = cmpsrv_conf_path(v->doc, text + 7)) == NULL)
        return cmpsrv_load_error(l, row, v->pos, "out of memory");
    n = strlen(path) + 8;
    if ((url = OPENSSL_malloc(n)) != NULL)
        snprintf(url, n, "sqlite:%s", path);
    OPENSSL_free(path);
    return put_string(l, row, v->pos, out, url);
}

static int put_list(CONF_LOAD *l, const CONF_ROW *row, const CONF_VALUE *v, CMPSRV_CONF_LIST *out)
{
    cmpsrv_conf_list_clear(out);
    for (size_t i = 0; i < v->n; i++)
        if (!cmpsrv_conf_list_add(out, v->v[i].text))
            return cmpsrv_load_error(l, row, v->pos, "out of memory");
    return 1;
}

int cmpsrv_set_list(CONF_LOAD *l, const CONF_ROW *row, const CONF_VALUE *v, void *out)
{
    return all_texts(l, row, v) && put_list(l, row, v, out);
}

int cmpsrv_set_names(CONF_LOAD *l, const CONF_ROW *row, const CONF_VALUE *v, void *out)
{
    if (!all_texts(l, row, v))
        return 0;
    if (v->n == 1 && strcmp(v->v[0].text, "any") == 0) {
        cmpsrv_conf_list_clear(out);
        return 1;
    }
    if (v->n == 0)
        return cmpsrv_load_error(l, row, v->pos, "an empty list; allowed: %s", row->type);
    return put_list(l, row, v, out);
}

int cmpsrv_set_listen(CONF_LOAD *l, const CONF_ROW *row, const CONF_VALUE *v, void *out)
{
    if (!all_texts(l, row, v))
        return 0;
    for (size_t i = 0; i < v->n; i++) {
        const char *text = v->v[i].text, *port = strrchr(text, ':');

        if (strncmp(text, "https:", 6) == 0 || strncmp(text, "unix:", 5) == 0)
            return cmpsrv_load_error(l, row, v->v[i].pos, "%.5s is not supported yet; allowed: %s",
                                     text, row->type);
        if (strncmp(text, "http://", 7) != 0 || port == NULL || port < text + 8 ||
            port[1] == '\0' || strspn(port + 1, "0123456789") != strlen(port + 1) ||
            strlen(port + 1) > 5 || atoi(port + 1) > 65535)
            return not_allowed(l, row, v->v[i].pos, text);
    }
    if (v->n == 0)
        return cmpsrv_load_error(l, row, v->pos, "an empty list; allowed: %s", row->type);
    return put_list(l, row, v, out);
}

/* ---- secrets
 * --------------------------------------------------------------------------------------------- */

/* {file: PATH} or {env: NAME} */
static CMPSRV_SECRET *secret_from_map(CONF_LOAD *l, const CONF_ROW *row, const CONF_VALUE *v,
                                      const CONF_ITEM *item)
{
    yaml_node_pair_t *pair = item->node->data.mapping.pairs.start;
    yaml_document_t *yaml = &v->doc->yaml;
    const char *how = NULL, *what = NULL, *env;
    CMPSRV_REFUSAL why = {0};
    CMPSRV_SECRET *s = NULL;
    char *path;

    if (item->node->data.mapping.pairs.top - pair == 1) {
        how = cmpsrv_conf_scalar(yaml_document_get_node(yaml, pair->key));
        what = cmpsrv_conf_scalar(yaml_document_get_node(yaml, pair->value));
    }
    if (how != NULL && what != NULL && strcmp(how, "file") == 0) {
        path = cmpsrv_conf_path(v->doc, what);
        if (path == NULL || (s = cmpsrv_secret_from_file(path, &why)) == NULL)
            cmpsrv_load_error(l, row, item->pos, "%s", why.detail);
        OPENSSL_free(path);
    } else if (how != NULL && what != NULL && strcmp(how, "env") == 0) {
        if ((env = getenv(what)) == NULL)
            cmpsrv_load_error(l, row, item->pos, "no environment variable %s", what);
        else
            s = cmpsrv_secret_new(env, strlen(env));
    } else {
        cmpsrv_load_error(l, row, item->pos, "a secret is text, {file: PATH} or {env: NAME}");
    }
    return s;
}

static CMPSRV_SECRET *read_secret(CONF_LOAD *l, const CONF_ROW *row, const CONF_VALUE *v,
                                  const CONF_ITEM *item)
{
    CMPSRV_SECRET *s = item->text != NULL   ? cmpsrv_secret_new(item->text, strlen(item->text))
                       : item->node != NULL ? secret_from_map(l, row, v, item)
                                            : NULL;

    if (s == NULL && item->text == NULL && item->node == NULL)
        cmpsrv_load_error(l, row, item->pos, "a secret is text, {file: PATH} or {env: NAME}");
    if (s != NULL && cmpsrv_secret_get0(s).n == 0) {
        cmpsrv_load_error(l, row, item->pos, "the secret is empty");
        cmpsrv_secret_free(s);
        s = NULL;
    }
    return s;
}

int cmpsrv_set_secret(CONF_LOAD *l, const CONF_ROW *row, const CONF_VALUE *v, void *out)
{
    CMPSRV_SECRET **field = out, *s;

    if (v->is_list || v->n != 1)
        return cmpsrv_load_error(l, row, v->pos, "a secret is text, {file: PATH} or {env: NAME}");
    if ((s = read_secret(l, row, v, &v->v[0])) == NULL)
        return 0;
    cmpsrv_secret_free(*field);
    *field = s;
    return 1;
}

/* ---- numbers
 * ------------------------------------------------------------------------------------------- */

static int read_integer(const char *text, int64_t *out)
{
    char *end;

    if (text[0] == '\0' || strlen(text) > 18 || strspn(text, "-0123456789") != strlen(text))
        return 0;
    *out = strtoll(text, &end, 10);
    return *end == '\0' && end > text;
}

int cmpsrv_set_integer(CONF_LOAD *l, const CONF_ROW *row, const CONF_VALUE *v, void *out)
{
    const char *text = one_text(l, row, v);
    int64_t n;

    if (text == NULL)
        return 0;
    if (!read_integer(text, &n) || n < row->min || n > row->max)
        return cmpsrv_load_error(l, row, v->pos, "\"%.60s\" is not allowed; allowed: %lld to %lld",
                                 text, (long long)row->min, (long long)row->max);
    *(int64_t *)out = n;
    return 1;
}

int cmpsrv_set_duration(CONF_LOAD *l, const CONF_ROW *row, const CONF_VALUE *v, void *out)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}, {"", 1000}};
    const char *text = one_text(l, row, v);
    size_t digits, i = 0;
    char number[20] = "";
    int64_t n;

    if (text == NULL)
        return 0;
    if (row->words != NULL && strcmp(text, row->words) == 0) { /* off */
        *(int64_t *)out = -1;
        return 1;
    }
    digits = strspn(text, "0123456789");
    while (i < CMPSRV_ARRAY_SIZE(units) && strcmp(units[i].unit, text + digits) != 0)
        i++;
    if (digits > 0 && digits < 12 && i < CMPSRV_ARRAY_SIZE(units)) {
        memcpy(number, text, digits);
        if (read_integer(number, &n) && n <= INT64_MAX / units[i].ms &&
            n * units[i].ms >= row->min && n * units[i].ms <= row->max) {
            *(int64_t *)out = n * units[i].ms;
            return 1;
        }
    }
    return cmpsrv_load_error(
        l, row, v->pos,
        "\"%.60s\" is not allowed; allowed: %s, %lldms to %lldd as 300s, 10m, 12h, 7d", text,
        row->type, (long long)row->min, (long long)(row->max / 86400000));
}

int cmpsrv_set_range(CONF_LOAD *l, const CONF_ROW *row, const CONF_VALUE *v, void *out)
{
    const char *text = one_text(l, row, v), *dots;
    CMPSRV_CONF_RANGE *range = out, r;
    char low[20] = "";

    if (text == NULL)
        return 0;
    dots = strstr(text, "..");
    if (dots == NULL || dots - text >= (long)sizeof(low))
        return not_allowed(l, row, v->pos, text);
    memcpy(low, text, (size_t)(dots - text));
    if (!read_integer(low, &r.min) || !read_integer(dots + 2, &r.max) || r.min < row->min ||
        r.max > row->max || r.min > r.max)
        return not_allowed(l, row, v->pos, text);
    *range = r;
    return 1;
}

/* ---- words
 * -----------------------------------------------------------------------------------------------
 */

/* "a=1|b=2": the number of a word; case does not count. */
static int find_word(const char *words, const char *text, int64_t *out)
{
    size_t n = strlen(text);

    while (n > 0 && *words != '\0') {
        const char *eq = strchr(words, '=');

        if ((size_t)(eq - words) == n && strncasecmp(words, text, n) == 0) {
            *out = strtoll(eq + 1, NULL, 10);
            return 1;
        }
        words += strcspn(words, "|");
        words += *words == '|';
    }
    return 0;
}

int cmpsrv_set_number_word(CONF_LOAD *l, const CONF_ROW *row, const CONF_VALUE *v, void *out)
{
    const char *text = one_text(l, row, v);

    if (text == NULL)
        return 0;
    return find_word(row->words, text, out) || not_allowed(l, row, v->pos, text);
}

int cmpsrv_set_word(CONF_LOAD *l, const CONF_ROW *row, const CONF_VALUE *v, void *out)
{
    int64_t n;

    if (!cmpsrv_set_number_word(l, row, v, &n))
        return 0;
    *(int *)out = (int)n;
    return 1;
}

int cmpsrv_set_bool(CONF_LOAD *l, const CONF_ROW *row, const CONF_VALUE *v, void *out)
{
    const char *text = one_text(l, row, v);
    int64_t n;

    if (text == NULL)
        return 0;
    if (!find_word("yes=1|true=1|on=1|no=0|false=0|off=0", text, &n))
        return not_allowed(l, row, v->pos, text);
    *(int *)out = (int)n;
    return 1;
}

int cmpsrv_set_words(CONF_LOAD *l, const CONF_ROW *row, const CONF_VALUE *v, void *out)
{
    unsigned set = 0;
    int64_t n;

    if (!all_texts(l, row, v))
        return 0;
    for (size_t i = 0; i < v->n; i++) {
        if (!find_word(row->words, v->v[i].text, &n))
            return not_allowed(l, row, v->v[i].pos, v->v[i].text);
        set |= (unsigned)n;
    }
    if (v->n == 0)
        return cmpsrv_load_error(l, row, v->pos, "an empty list; allowed: %s", row->type);
    *(unsigned *)out = set;
    return 1;
}

int cmpsrv_set_capubs(CONF_LOAD *l, const CONF_ROW *row, const CONF_VALUE *v, void *out)
{
    unsigned set = 0;
    CONF_ROW words = *row;

    words.words = "ip=1|cp=2|kup=4";
    if (!cmpsrv_set_words(l, &words, v, &set))
        return 0;
    if (set != 1 && set != 7)
        return cmpsrv_load_error(l, row, v->pos, "allowed: %s", row->type);
    *(CMPSRV_CAPUBS_IN *)out = set == 1 ? CMPSRV_CAPUBS_IP : CMPSRV_CAPUBS_ALL;
    return 1;
}

int cmpsrv_set_key_algorithms(CONF_LOAD *l, const CONF_ROW *row, const CONF_VALUE *v, void *out)
{
    int64_t bits;

    if (!all_texts(l, row, v))
        return 0;
    for (size_t i = 0; i < v->n; i++) {
        const char *t = v->v[i].text;

        if (strncmp(t, "rsa:", 4) == 0 && read_integer(t + 4, &bits) && bits >= 1024 &&
            bits <= 16384)
            continue;
        if (strcmp(t, "ec:P-256") != 0 && strcmp(t, "ec:P-384") != 0 &&
            strcmp(t, "ec:P-521") != 0 && strcmp(t, "ed25519") != 0 && strcmp(t, "ed448") != 0)
            return not_allowed(l, row, v->v[i].pos, t);
    }
    if (v->n == 0)
        return cmpsrv_load_error(l, row, v->pos, "an empty list; allowed: %s", row->type);
    return put_list(l, row, v, out);
}

/* Names to dotted OIDs. */
int cmpsrv_set_eku(CONF_LOAD *l, const CONF_ROW *row, const CONF_VALUE *v, void *out)
{
    static const struct {
        const char *name, *oid;
    } names[] = {
        {"serverAuth", "1.3.6.1.5.5.7.3.1"},   {"clientAuth", "1.3.6.1.5.5.7.3.2"},
        {"codeSigning", "1.3.6.1.5.5.7.3.3"},  {"emailProtection", "1.3.6.1.5.5.7.3.4"},
        {"timeStamping", "1.3.6.1.5.5.7.3.8"}, {"OCSPSigning", "1.3.6.1.5.5.7.3.9"},
        {"cmcCA", "1.3.6.1.5.5.7.3.27"},       {"cmcRA", "1.3.6.1.5.5.7.3.28"},
        {"cmKGA", "1.3.6.1.5.5.7.3.32"},
    };

    if (!all_texts(l, row, v))
        return 0;
    cmpsrv_conf_list_clear(out);
    for (size_t i = 0; i < v->n; i++) {
        const char *oid = v->v[i].text;
        ASN1_OBJECT *o;

        for (size_t j = 0; j < CMPSRV_ARRAY_SIZE(names); j++)
            if (strcmp(names[j].name, oid) == 0)
                oid = names[j].oid;
        if ((o = OBJ_txt2obj(oid, 1)) == NULL)
            return not_allowed(l, row, v->v[i].pos, v->v[i].text);
        ASN1_OBJECT_free(o);
        if (!cmpsrv_conf_list_add(out, oid))
            return cmpsrv_load_error(l, row, v->pos, "out of memory");
    }
    return 1;
}

/* ---- of aliases
 * -------------------------------------------------------------------------------------------- */

/* The alias whose field `out` is; modules and parameters come from two settings. */
#define ALIAS_OF(out, row) ((CONF_ALIAS *)(void *)((char *)(out) - (row)->offset))

int cmpsrv_set_modules(CONF_LOAD *l, const CONF_ROW *row, const CONF_VALUE *v, void *out)
{
    static const char *const later[] = {"EndEntityCertificate", "RegTokenPwd", "DnPartPwd"};
    CONF_ALIAS *a = ALIAS_OF(out, row);

    if (!all_texts(l, row, v))
        return 0;
    a->extra.modules_pos = v->pos;
    for (size_t i = 0; i < v->n; i++) {
        for (size_t j = 0; j < CMPSRV_ARRAY_SIZE(later); j++)
            if (strcmp(later[j], v->v[i].text) == 0)
                return cmpsrv_load_error(l, row, v->v[i].pos,
                                         "module %s is not supported yet; allowed: %s", later[j],
                                         row->type);
        if (strcmp(v->v[i].text, "HMAC") != 0)
            return cmpsrv_load_error(l, row, v->v[i].pos, "unknown module %.60s; allowed: %s",
                                     v->v[i].text, row->type);
    }
    if (v->n == 0)
        return cmpsrv_load_error(l, row, v->pos, "an empty list; allowed: %s", row->type);
    if ((a->alias.modules = OPENSSL_zalloc(v->n * sizeof(*a->alias.modules))) == NULL)
        return cmpsrv_load_error(l, row, v->pos, "out of memory");
    for (a->alias.modules_n = 0; a->alias.modules_n < v->n; a->alias.modules_n++)
        a->alias.modules[a->alias.modules_n].name = OPENSSL_strdup(v->v[a->alias.modules_n].text);
    return 1;
}

int cmpsrv_set_parameters(CONF_LOAD *l, const CONF_ROW *row, const CONF_VALUE *v, void *out)
{
    CONF_ALIAS *a = ALIAS_OF(out, row);
    CMPSRV_SECRET **list = OPENSSL_zalloc(v->n * sizeof(*list) + 1);
    int ok = list != NULL;

    a->extra.parameters_pos = v->pos;
    a->extra.parameters = list;
    a->extra.has_parameters = 1;
    for (size_t i = 0; ok && i < v->n; i++) {
        a->extra.parameters_n = i + 1;
        if (v->v[i].text != NULL && strcmp(v->v[i].text, "-") == 0)
            continue;
        ok = (list[i] = read_secret(l, row, v, &v->v[i])) != NULL;
    }
    return ok;
}

int cmpsrv_set_reference(CONF_LOAD *l, const CONF_ROW *row, const CONF_VALUE *v, void *out)
{
    const char *text = one_text(l, row, v);

    if (text == NULL)
        return 0;
    if (strcmp(text, "KeyId") == 0)
        return cmpsrv_load_error(l, row, v->pos, "KeyId is not supported yet; allowed: %s",
                                 row->type);
    return cmpsrv_set_string(l, row, v, out);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings back to text, for whoever shows a configuration that is loaded: how each kind of value
 * is written, found by how it is read. Of secrets only whether there is one.
 */
#include "config.h"

#include "conf/conf_local.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>

/* "a, b" out of out and b; NULL without memory. Takes out, which may be NULL: nothing yet. */
static char *join(char *out, const char *text)
{
    size_t n = out == NULL ? 0 : strlen(out), size = n + strlen(text) + 3;
    char *more = OPENSSL_realloc(out, size);

    if (more == NULL)
        OPENSSL_free(out);
    else
        snprintf(more + n, size - n, "%s%s", n == 0 ? "" : ", ", text);
    return more;
}

static char *show_bool(const CONF_TYPE *type, const void *field)
{
    (void)type;
    return OPENSSL_strdup(*(const int *)field ? "yes" : "no");
}

static char *show_int(const CONF_TYPE *type, const void *field)
{
    char text[32];

    (void)type;
    snprintf(text, sizeof(text), "%" PRId64, *(const int64_t *)field);
    return OPENSSL_strdup(text);
}

static char *show_days(const CONF_TYPE *type, const void *field)
{
    int64_t days = *(const int64_t *)field / 86400000;

    return show_int(type, &days);
}

static char *show_duration(const CONF_TYPE *type, const void *field)
{
    int64_t ms = *(const int64_t *)field;
    char text[32];

    (void)type;
    snprintf(text, sizeof(text), "%" PRId64 "s", ms / 1000);
    return OPENSSL_strdup(ms < 0 ? "off" : text);
}

static char *show_range(const CONF_TYPE *type, const void *field)
{
    const CMPSRV_CONF_RANGE *r = field;
    char text[64];

    (void)type;
    snprintf(text, sizeof(text), "%" PRId64 "..%" PRId64, r->min, r->max);
    return OPENSSL_strdup(text);
}

static char *show_word(const CONF_TYPE *type, const void *field)
{
    int value;

    memcpy(&value, field, sizeof(value));
    for (const CONF_WORD *w = type->words; w->text != NULL; w++)
        if (w->value == value)
            return OPENSSL_strdup(w->text);
    return OPENSSL_strdup("");
}

static char *show_bits(const CONF_TYPE *type, const void *field)
{
    unsigned bits = *(const unsigned *)field;
    char *out = OPENSSL_strdup("");

    for (const CONF_WORD *w = type->words; out != NULL && w->text != NULL; w++)
        if ((bits & (unsigned)w->value) != 0)
            out = join(out, w->text);
    return out;
}

static char *show_capubs(const CONF_TYPE *type, const void *field)
{
    unsigned bits = *(const CMPSRV_CAPUBS_IN *)field == CMPSRV_CAPUBS_ALL ? 7 : 1;

    return show_bits(type, &bits);
}

static char *show_string(const CONF_TYPE *type, const void *field)
{
    const char *text;

    (void)type;
    memcpy(&text, field, sizeof(text));
    return OPENSSL_strdup(text == NULL ? "" : text);
}

static char *show_list(const CONF_TYPE *type, const void *field)
{
    const CMPSRV_CONF_LIST *list = field;
    char *out = OPENSSL_strdup(list->n == 0 && (type->flags & CONF_ANY) != 0 ? "any" : "");

    for (size_t i = 0; i < list->n && out != NULL; i++)
        out = join(out, list->v[i]);
    return out;
}

static char *show_password(const CONF_TYPE *type, const void *field)
{
    CMPSRV_SECRET *const *s = field;

    (void)type;
    return OPENSSL_strdup(*s == NULL ? "random" : "a secret");
}

static const struct {
    int (*set)(const CONF_AT *at, void *field);
    char *(*show)(const CONF_TYPE *type, const void *field);
} shows[] = {
    {cmpsrv_conf_set_bool, show_bool},     {cmpsrv_conf_set_int, show_int},
    {cmpsrv_conf_set_days, show_days},     {cmpsrv_conf_set_duration, show_duration},
    {cmpsrv_conf_set_range, show_range},   {cmpsrv_conf_set_word, show_word},
    {cmpsrv_conf_set_bits, show_bits},     {cmpsrv_conf_set_capubs, show_capubs},
    {cmpsrv_conf_set_string, show_string}, {cmpsrv_conf_set_reference, show_string},
    {cmpsrv_conf_set_list, show_list},     {cmpsrv_conf_set_password, show_password},
};

char *cmpsrv_conf_alias_value(const CMPSRV_CONF_ALIAS *a, const char *key)
{
    size_t place;
    const CONF_ROW *row = cmpsrv_conf_row(cmpsrv_conf_section("aliases"), key, &place);

    if (row == NULL || row->offset >= sizeof(*a)) /* not served, or not kept as it was written */
        return NULL;
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(shows); i++)
        if (row->type->set == shows[i].set)
            return shows[i].show(row->type, (const char *)a + row->offset);
    return NULL;
}

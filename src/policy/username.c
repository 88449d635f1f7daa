/* SPDX-License-Identifier: Apache-2.0 */
/*
 * User names of end entities in RA mode, as EJBCA makes them: a DN attribute, the whole DN, a fixed
 * or a random name, between prefix and postfix. `EJBCA:` where the attribute is missing EJBCA's
 * user is called "null"; here the request is refused.
 */
#include "config.h"

#include "policy/policy.h"

#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>

enum { RANDOM_LENGTH = 12, MAX_NAME = 255 };

/* Letters and digits, each as likely as the other. */
static int append_random(char *out)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    unsigned char octet;

    for (size_t i = 0; i < RANDOM_LENGTH;) {
        if (!cmpsrv_random(&octet, 1))
            return 0;
        if (octet < 248) /* 4 * 62 */
            out[i++] = letters[octet % 62];
    }
    out[RANDOM_LENGTH] = '\0';
    return 1;
}

/* Appends text to name, every ${RANDOM} replaced by its own random name. */
static int append_template(char *name, size_t size, const char *text)
{
    static const char mark[] = "${RANDOM}";
    size_t n = strlen(name);

    while (*text != '\0') {
        if (strncmp(text, mark, sizeof(mark) - 1) == 0) {
            if (n + RANDOM_LENGTH >= size || !append_random(name + n))
                return 0;
            n += RANDOM_LENGTH;
            text += sizeof(mark) - 1;
            continue;
        }
        if (n + 1 >= size)
            return 0;
        name[n++] = *text++;
        name[n] = '\0';
    }
    return 1;
}

static int append_text(char *name, size_t size, const char *text)
{
    if (strlen(name) + strlen(text) >= size)
        return 0;
    memcpy(name + strlen(name), text, strlen(text) + 1);
    return 1;
}

static char *from_attributes(const CMPSRV_CONF_ALIAS *alias, CMPSRV_SLICE subject)
{
    char *value = NULL;

    for (size_t i = 0; value == NULL && i < alias->namegeneration_parameters.n; i++)
        value = cmpsrv_name_get(subject, alias->namegeneration_parameters.v[i], 0);
    return value;
}

static int append_name(const CMPSRV_CONF_ALIAS *alias, CMPSRV_SLICE subject, char *name,
                       size_t size, CMPSRV_REFUSAL *why)
{
    char random[RANDOM_LENGTH + 1], *text = NULL;
    int ok;

    switch (alias->namegeneration_scheme) {
    case CMPSRV_USERNAME_FIXED:
        return append_text(name, size, alias->namegeneration_parameters.v[0]);
    case CMPSRV_USERNAME_RANDOM:
        return append_random(random) && append_text(name, size, random);
    case CMPSRV_USERNAME_USERNAME:
        text = cmpsrv_name_text(subject);
        break;
    case CMPSRV_USERNAME_DN:
        if ((text = from_attributes(alias, subject)) == NULL)
            return cmpsrv_refuse(why, CMPSRV_R_BAD_CERT_TEMPLATE,
                                 "ra.namegenerationparameters: the subject has no %s",
                                 alias->namegeneration_parameters.v[0]);
        break;
    }
    ok = text != NULL && append_text(name, size, text);
    OPENSSL_free(text);
    return ok;
}

/* Characters that EJBCA replaces by a slash; white space at the ends goes. */
static void strip(char *name)
{
    size_t from = strspn(name, " \t"), n = strlen(name);

    while (n > from && (name[n - 1] == ' ' || name[n - 1] == '\t'))
        n--;
    memmove(name, name + from, n - from);
    name[n - from] = '\0';
    for (char *p = name; *p != '\0'; p++)
        if (strchr("<>\n\r;!%`?$~", *p) != NULL)
            *p = '/';
}

char *cmpsrv_username_make(const CMPSRV_CONF_ALIAS *alias, CMPSRV_SLICE subject,
                           CMPSRV_REFUSAL *why)
{
    char name[MAX_NAME + 1] = "";
    const char *prefix = alias->namegeneration_prefix, *postfix = alias->namegeneration_postfix;
    char *copy;

    if ((prefix != NULL && !append_template(name, sizeof(name), prefix)) ||
        !append_name(alias, subject, name, sizeof(name), why) ||
        (postfix != NULL && !append_template(name, sizeof(name), postfix))) {
        cmpsrv_refuse(why, CMPSRV_R_BAD_CERT_TEMPLATE,
                      "the user name would be longer than %d octets", MAX_NAME);
        return NULL;
    }
    strip(name);
    if (name[0] == '\0') {
        cmpsrv_refuse(why, CMPSRV_R_BAD_CERT_TEMPLATE, "the user name would be empty");
        return NULL;
    }
    if ((copy = OPENSSL_strdup(name)) == NULL)
        cmpsrv_fail(why, "out of memory");
    return copy;
}

/* The value of an attribute that is there once; with two of them nobody can tell which is meant. */
static char *only_value(CMPSRV_SLICE subject, const char *attribute)
{
    char *value = cmpsrv_name_get(subject, attribute, 0);
    char *second = cmpsrv_name_get(subject, attribute, 1);

    if (second != NULL) {
        OPENSSL_free(value);
        value = NULL;
    }
    OPENSSL_free(second);
    return value;
}

char *cmpsrv_username_of(const CMPSRV_CONF_ALIAS *alias, CMPSRV_SLICE subject)
{
    char *value, name[MAX_NAME + 1] = "", *out = NULL;

    if (strcmp(alias->username_component, "DN") == 0 ||
        (value = only_value(subject, alias->username_component)) == NULL)
        return NULL;
    if (append_text(name, sizeof(name), alias->namegeneration_prefix) &&
        append_text(name, sizeof(name), value) &&
        append_text(name, sizeof(name), alias->namegeneration_postfix))
        out = OPENSSL_strdup(name);
    OPENSSL_free(value);
    return out;
}

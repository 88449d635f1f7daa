/* SPDX-License-Identifier: Apache-2.0 */
/*
 * By the remainder of the first octet by 4: a name as DER (0) or text (1), subject alternative
 * names as DER (2), one as text (3). What is taken is equal to itself however written.
 */
#include "config.h"

#include <string.h>

#include <openssl/crypto.h>

#include "fuzz/fuzz.h"
#include "wire/wire.h"

/* Without an attribute it is a name still, and nothing of that type is left. */
static void check_cut(CMPSRV_SLICE name)
{
    CMPSRV_BYTES rest = {NULL, 0};
    CMPSRV_SLICE cut;
    char *value;

    MUST(cmpsrv_name_cut(name, "OU", &rest));
    cut = cmpsrv_bytes_slice(&rest);
    MUST(cmpsrv_name_check(cut, NULL) && cmpsrv_name_get(cut, "OU", 0) == NULL);
    if ((value = cmpsrv_name_get(name, "OU", 0)) == NULL)
        MUST(cmpsrv_name_eq(name, cut));
    OPENSSL_free(value);
    cmpsrv_bytes_clear(&rest);
}

static void check_name(CMPSRV_SLICE name)
{
    unsigned char hash[CMPSRV_HASH], again[CMPSRV_HASH];
    CMPSRV_BYTES canonical = {NULL, 0}, parsed = {NULL, 0};
    CMPSRV_REFUSAL why = {0};
    char *text;

    if (!cmpsrv_name_check(name, &why))
        return;
    MUST(cmpsrv_name_canonical(name, &canonical, &why) && cmpsrv_name_hash(name, hash, &why));
    MUST(cmpsrv_name_eq(name, name));
    MUST((text = cmpsrv_name_text(name)) != NULL);
    if (cmpsrv_name_parse(text, &parsed, &why)) {
        MUST(cmpsrv_name_hash(cmpsrv_bytes_slice(&parsed), again, &why));
        MUST(memcmp(hash, again, CMPSRV_HASH) == 0);
        MUST(cmpsrv_name_eq(name, cmpsrv_bytes_slice(&parsed)));
    }
    check_cut(name);
    OPENSSL_free(text);
    cmpsrv_bytes_clear(&canonical);
    cmpsrv_bytes_clear(&parsed);
}

/* Its text is one that is taken again, for the same name. */
static void check_san_text(const char *text)
{
    CMPSRV_BYTES san = {NULL, 0}, again = {NULL, 0};
    char *first, *second;

    if (!cmpsrv_san_parse(&text, 1, &san, NULL))
        return;
    MUST((first = cmpsrv_san_text(cmpsrv_bytes_slice(&san))) != NULL);
    MUST(cmpsrv_san_parse((const char *const *)&first, 1, &again, NULL));
    MUST((second = cmpsrv_san_text(cmpsrv_bytes_slice(&again))) != NULL);
    MUST(strcmp(first, second) == 0);
    OPENSSL_free(first);
    OPENSSL_free(second);
    cmpsrv_bytes_clear(&san);
    cmpsrv_bytes_clear(&again);
}

/* Whatever it is, its text moves no cursor. */
static void check_san(CMPSRV_SLICE san)
{
    char *text = cmpsrv_san_text(san);

    for (const char *p = text; p != NULL && *p != '\0'; p++)
        MUST((unsigned char)*p >= 0x20 && *p != 0x7f);
    OPENSSL_free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CMPSRV_BYTES name = {NULL, 0};
    CMPSRV_REFUSAL why = {0};
    char text[512];

    if (size < 2 || size > sizeof(text))
        return 0;
    if (data[0] % 2 == 0) {
        (data[0] % 4 == 0 ? check_name : check_san)(cmpsrv_slice(data + 1, size - 1));
        return 0;
    }
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    if (data[0] % 4 == 3)
        check_san_text(text);
    else if (cmpsrv_name_parse(text, &name, &why)) {
        MUST(cmpsrv_name_check(cmpsrv_bytes_slice(&name), &why));
        check_name(cmpsrv_bytes_slice(&name));
    }
    cmpsrv_bytes_clear(&name);
    return 0;
}

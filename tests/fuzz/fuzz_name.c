/* SPDX-License-Identifier: Apache-2.0 */
/* Names: DER (first octet even) or text (odd). What is taken is equal to itself however written. */
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CMPSRV_BYTES name = {NULL, 0};
    CMPSRV_REFUSAL why = {0};
    char text[512];

    if (size < 2 || size > sizeof(text))
        return 0;
    if (data[0] % 2 == 0) {
        check_name(cmpsrv_slice(data + 1, size - 1));
        return 0;
    }
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    if (cmpsrv_name_parse(text, &name, &why)) {
        MUST(cmpsrv_name_check(cmpsrv_bytes_slice(&name), &why));
        check_name(cmpsrv_bytes_slice(&name));
    }
    cmpsrv_bytes_clear(&name);
    return 0;
}

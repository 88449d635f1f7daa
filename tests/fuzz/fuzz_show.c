/* SPDX-License-Identifier: Apache-2.0 */
/* A message in words: whatever comes, text of printable lines, and no end of it. */
#include "config.h"

#include <string.h>

#include <openssl/crypto.h>

#include "fuzz/fuzz.h"
#include "show/show.h"

static size_t run(CMPSRV_SLICE der, int json, char **text)
{
    CMPSRV_JSON out = {0};
    size_t damaged = cmpsrv_show_message(der, json, &out);

    MUST((*text = cmpsrv_json_finish(&out)) != NULL);
    return damaged;
}

/* Braces and brackets outside of strings close what they opened. */
static void check_json(const char *p)
{
    char open[256];
    size_t depth = 0;

    for (int in_string = 0; *p != '\0'; p++) {
        MUST((unsigned char)*p >= 0x20);
        if (*p == '\\' && in_string) {
            MUST(*++p != '\0');
        } else if (*p == '"') {
            in_string = !in_string;
        } else if (!in_string && (*p == '{' || *p == '[')) {
            MUST(depth < sizeof(open));
            open[depth++] = *p;
        } else if (!in_string && (*p == '}' || *p == ']')) {
            MUST(depth > 0 && open[--depth] == (*p == '}' ? '{' : '['));
        }
    }
    MUST(depth == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CMPSRV_SLICE der = cmpsrv_slice(data, size);
    char *text, *json;

    MUST(run(der, 0, &text) == run(der, 1, &json));
    for (const char *p = text; *p != '\0'; p++)
        MUST(((unsigned char)*p >= 0x20 && *p != 0x7f) || *p == '\n');
    check_json(json);
    OPENSSL_free(text);
    OPENSSL_free(json);
    return 0;
}

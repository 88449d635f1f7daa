/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "fuzz/tree.h"

#define MAX_DEPTH 20

static int is_constructed(CMPSRV_SLICE tlv)
{
    return (tlv.p[0] & 0x20) != 0;
}

static size_t walk(CMPSRV_SLICE in, int depth, size_t *left, CMPSRV_SLICE *found)
{
    CMPSRV_SLICE tlv, content;
    size_t n = 0;

    while (in.n > 0 && cmpsrv_der_any(&in, NULL, &tlv, &content)) {
        n++;
        if (left != NULL && (*left)-- == 0)
            *found = tlv;
        if (is_constructed(tlv) && depth < MAX_DEPTH)
            n += walk(content, depth + 1, left, found);
    }
    return n;
}

size_t tree_count(CMPSRV_SLICE der)
{
    return walk(der, 0, NULL, NULL);
}

CMPSRV_SLICE tree_get(CMPSRV_SLICE der, size_t i)
{
    CMPSRV_SLICE found = {NULL, 0};

    walk(der, 0, &i, &found);
    return found;
}

static void rebuild(CMPSRV_DERW *w, CMPSRV_SLICE in, CMPSRV_SLICE at, CMPSRV_SLICE by, int depth)
{
    CMPSRV_SLICE tlv, content;

    while (in.n > 0 && cmpsrv_der_any(&in, NULL, &tlv, &content)) {
        if (tlv.p == at.p && tlv.n == at.n) {
            cmpsrv_derw_raw(w, by);
        } else if (is_constructed(tlv) && depth < MAX_DEPTH && at.p >= content.p &&
                   at.p < content.p + content.n) {
            cmpsrv_derw_begin(w, tlv.p[0]);
            rebuild(w, content, at, by, depth + 1);
            cmpsrv_derw_end(w);
        } else {
            cmpsrv_derw_raw(w, tlv);
        }
    }
    cmpsrv_derw_raw(w, in); /* damaged */
}

int tree_replace(CMPSRV_SLICE der, CMPSRV_SLICE at, CMPSRV_SLICE by, CMPSRV_BYTES *out)
{
    CMPSRV_DERW w = {0};

    rebuild(&w, der, at, by, 0);
    return cmpsrv_derw_finish(&w, out);
}

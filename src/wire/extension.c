/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Extension ::= SEQUENCE { extnID OID, critical BOOLEAN DEFAULT FALSE, extnValue OCTET STRING },
 * RFC 5280 4.1, wherever a list of them comes: template, PKCS#10 attribute, crlEntryDetails. Knows
 * no particular extension.
 */
#include "config.h"

#include "wire/wire_local.h"

int cmpsrv_extension_next(CMPSRV_SLICE *in, CMPSRV_EXTENSION *e)
{
    CMPSRV_SLICE seq;

    return cmpsrv_der_get(in, DER_SEQUENCE, &seq) && cmpsrv_der_get(&seq, DER_OID, &e->oid) &&
           cmpsrv_der_opt(&seq, DER_BOOLEAN, &e->critical) &&
           cmpsrv_der_get(&seq, DER_OCTET_STRING, &e->value) && seq.n == 0;
}

int cmpsrv_extension_is_critical(const CMPSRV_EXTENSION *e)
{
    return e->critical.n == 1 && e->critical.p[0] != 0;
}

int cmpsrv_extension_find(CMPSRV_SLICE extensions, CMPSRV_SLICE oid, int *critical,
                          CMPSRV_SLICE *value)
{
    CMPSRV_EXTENSION e, hit = {{0}, {0}, {0}};

    while (extensions.n > 0) {
        if (!cmpsrv_extension_next(&extensions, &e))
            return -1;
        if (!cmpsrv_slice_eq(e.oid, oid))
            continue;
        if (hit.oid.p != NULL)
            return -1;
        hit = e;
    }
    if (hit.oid.p == NULL)
        return 0;
    if (critical != NULL)
        *critical = cmpsrv_extension_is_critical(&hit);
    if (value != NULL)
        *value = hit.value;
    return 1;
}

int cmpsrv_extensions_check(CMPSRV_SLICE content, CMPSRV_REASON reason, CMPSRV_REFUSAL *why)
{
    CMPSRV_SLICE in = content;
    CMPSRV_EXTENSION e;
    char oid[80];
    size_t n = 0;

    if (content.n == 0)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_DATA_FORMAT, "RFC 5280 4.1: no Extension in a list");
    for (; in.n > 0; n++) {
        if (n == CMPSRV_MAX_EXTENSIONS)
            return cmpsrv_refuse(why, CMPSRV_R_LIMIT_EXCEEDED, "more than %d extensions",
                                 CMPSRV_MAX_EXTENSIONS);
        if (!cmpsrv_extension_next(&in, &e))
            return cmpsrv_refuse(why, CMPSRV_R_BAD_DATA_FORMAT, "RFC 5280 4.1: extension %zu", n);
        if (e.critical.p != NULL && (e.critical.n != 1 || e.critical.p[0] != 0xff))
            return cmpsrv_refuse(why, reason, "X.690 11.5: extension %s encodes critical FALSE",
                                 cmpsrv_der_oid_text(e.oid, oid, sizeof(oid)));
        if (cmpsrv_extension_find(cmpsrv_slice(content.p, (size_t)(in.p - content.p)), e.oid, NULL,
                                  NULL) != 1)
            return cmpsrv_refuse(why, reason, "RFC 5280 4.2: extension %s twice",
                                 cmpsrv_der_oid_text(e.oid, oid, sizeof(oid)));
    }
    return 1;
}

/* ---- writing ------------------------------------------------------------------------------------
 */

void cmpsrv_extension_put(CMPSRV_DERW *w, CMPSRV_SLICE oid, int critical, CMPSRV_SLICE value)
{
    cmpsrv_derw_begin(w, DER_SEQUENCE);
    cmpsrv_derw_oid(w, oid);
    if (critical)
        cmpsrv_derw_put(w, DER_BOOLEAN, cmpsrv_slice("\xff", 1));
    cmpsrv_derw_put(w, DER_OCTET_STRING, value);
    cmpsrv_derw_end(w);
}

void cmpsrv_extension_put_built(CMPSRV_DERW *w, CMPSRV_SLICE oid, int critical, CMPSRV_DERW *value)
{
    CMPSRV_BYTES der = {0};

    if (cmpsrv_derw_finish(value, &der))
        cmpsrv_extension_put(w, oid, critical, cmpsrv_bytes_slice(&der));
    else
        w->failed = 1;
    cmpsrv_bytes_clear(&der);
}

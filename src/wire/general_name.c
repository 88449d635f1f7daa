/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shape of Name and GeneralName in received messages, RFC 5280 4.1.2.4 and 4.2.1.6: enough that
 * what comes later may walk them. What a name says, and whether its strings are usable, is names.c.
 */
#include "config.h"

#include "wire/wire_local.h"

/* RelativeDistinguishedName ::= SET SIZE (1..) OF SEQUENCE { type OID, value ANY } */
static int is_rdn(CMPSRV_SLICE set)
{
    if (set.n == 0)
        return 0;
    while (set.n > 0) {
        CMPSRV_SLICE attribute;

        if (!cmpsrv_der_get(&set, DER_SEQUENCE, &attribute) ||
            !cmpsrv_der_get(&attribute, DER_OID, NULL) ||
            !cmpsrv_der_any(&attribute, NULL, NULL, NULL) || attribute.n > 0)
            return 0;
    }
    return 1;
}

int cmpsrv_name_get_tlv(CMPSRV_SLICE *in, CMPSRV_SLICE *name)
{
    CMPSRV_SLICE rest = *in, rdns, set;

    if (!cmpsrv_der_get(&rest, DER_SEQUENCE, &rdns))
        return 0;
    while (rdns.n > 0)
        if (!cmpsrv_der_get(&rdns, DER_SET, &set) || !is_rdn(set))
            return 0;
    return cmpsrv_der_get_tlv(in, DER_SEQUENCE, name);
}

/* ---- the choices of GeneralName: each says whether the content of its [n] is one --------------
 */

/* otherName [0] IMPLICIT SEQUENCE { type-id OID, value [0] EXPLICIT ANY } */
static int is_other_name(CMPSRV_SLICE c)
{
    CMPSRV_SLICE value;

    return cmpsrv_der_get(&c, DER_OID, NULL) &&
           cmpsrv_der_get(&c, DER_CONTEXT_CONSTRUCTED(0), &value) && c.n == 0 &&
           cmpsrv_der_any(&value, NULL, NULL, NULL) && value.n == 0;
}

static int is_ia5(CMPSRV_SLICE c)
{
    for (size_t i = 0; i < c.n; i++)
        if (c.p[i] == 0 || c.p[i] > 0x7f)
            return 0;
    return c.n > 0;
}

/* directoryName [4] EXPLICIT Name, since Name is a CHOICE */
static int is_directory_name(CMPSRV_SLICE c)
{
    CMPSRV_SLICE name;

    return cmpsrv_name_get_tlv(&c, &name) && c.n == 0;
}

/* Nobody here looks into an x400Address or ediPartyName: a run of elements is enough. */
static int is_elements(CMPSRV_SLICE c)
{
    int n = 0;

    for (; c.n > 0; n++)
        if (!cmpsrv_der_any(&c, NULL, NULL, NULL))
            return 0;
    return n > 0;
}

static int is_ip_address(CMPSRV_SLICE c)
{
    return c.n == 4 || c.n == 16;
}

static int is_oid(CMPSRV_SLICE c)
{
    return c.n > 0 && !(c.p[c.n - 1] & 0x80);
}

static const struct {
    int tag;
    int (*fits)(CMPSRV_SLICE content);
} choices[] = {
    {DER_CONTEXT_CONSTRUCTED(0), is_other_name},
    {DER_CONTEXT(1), is_ia5}, /* rfc822Name */
    {DER_CONTEXT(2), is_ia5}, /* dNSName */
    {DER_CONTEXT_CONSTRUCTED(3), is_elements},
    {DER_CONTEXT_CONSTRUCTED(4), is_directory_name},
    {DER_CONTEXT_CONSTRUCTED(5), is_elements},
    {DER_CONTEXT(6), is_ia5}, /* uniformResourceIdentifier */
    {DER_CONTEXT(7), is_ip_address},
    {DER_CONTEXT(8), is_oid}, /* registeredID */
};

int cmpsrv_general_name_get_tlv(CMPSRV_SLICE *in, CMPSRV_SLICE *tlv, CMPSRV_SLICE *dn)
{
    CMPSRV_SLICE rest = *in, content;
    int tag;
    size_t i;

    if (!cmpsrv_der_any(&rest, &tag, NULL, &content))
        return 0;
    for (i = 0; i < CMPSRV_ARRAY_SIZE(choices) && choices[i].tag != tag; i++)
        ;
    if (i == CMPSRV_ARRAY_SIZE(choices) || !choices[i].fits(content))
        return 0;
    *dn = tag == DER_CONTEXT_CONSTRUCTED(4) ? content : cmpsrv_slice(NULL, 0);
    return cmpsrv_der_any(in, NULL, tlv, NULL);
}

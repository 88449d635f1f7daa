/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RSASSA-PSS-params (RFC 4055 3.1), read and written: of algorithms and of keys that are tied to
 * them. What RFC 9481 3.1 leaves open is closed here: one digest for the message and for MGF1, a
 * salt of at least the DEFAULT's 20 octets, trailerField 1.
 */
#include "config.h"

#include "wire/algs.h"

#define MIN_SALT     20
#define MAX_SALT     2048 /* more fits into no RSA key */
#define DEFAULT_SALT 20

static const CMPSRV_SLICE mgf1 = OID_INIT("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08");

/* [n] EXPLICIT: what is in it, or an absent slice. */
static int opt_field(CMPSRV_SLICE *seq, int n, CMPSRV_SLICE *content)
{
    return cmpsrv_der_opt(seq, DER_CONTEXT_CONSTRUCTED(n), content);
}

static unsigned md_or_default(CMPSRV_SLICE algid)
{
    return algid.p == NULL ? CMPSRV_MD_SHA1 : cmpsrv_md_from_algid(algid);
}

static unsigned mgf_md(CMPSRV_SLICE algid)
{
    CMPSRV_SLICE oid, parameters;

    if (algid.p == NULL)
        return CMPSRV_MD_SHA1;
    if (!cmpsrv_algid_read(algid, &oid, &parameters) || !cmpsrv_slice_eq(oid, mgf1))
        return 0;
    return cmpsrv_md_from_algid(parameters);
}

/* An INTEGER that is all of `content`, or the DEFAULT. */
static int int_or_default(CMPSRV_SLICE content, int64_t dflt, int64_t *out)
{
    *out = dflt;
    return content.p == NULL || (cmpsrv_der_get_int64(&content, out) && content.n == 0);
}

int cmpsrv_pss_read(CMPSRV_SLICE parameters, CMPSRV_PSS *out, CMPSRV_REFUSAL *why)
{
    CMPSRV_SLICE seq, hash, mgf, salt, trailer;
    CMPSRV_PSS p = {0};
    int64_t field;

    if (!cmpsrv_der_get(&parameters, DER_SEQUENCE, &seq) || parameters.n > 0 ||
        !opt_field(&seq, 0, &hash) || !opt_field(&seq, 1, &mgf) || !opt_field(&seq, 2, &salt) ||
        !opt_field(&seq, 3, &trailer) || seq.n > 0 ||
        !int_or_default(salt, DEFAULT_SALT, &p.salt) || !int_or_default(trailer, 1, &field))
        return cmpsrv_refuse(why, CMPSRV_R_BAD_ALG, "RFC 4055 3.1: damaged RSASSA-PSS-params");
    if ((p.md = md_or_default(hash)) == 0)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_ALG, "RFC 4055 3.1: hashAlgorithm is not known");
    if (mgf_md(mgf) != p.md)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_ALG,
                             "RFC 4055 3.1: maskGenAlgorithm is not MGF1 with hashAlgorithm's %s",
                             cmpsrv_md_name(p.md));
    if (p.salt < MIN_SALT || p.salt > MAX_SALT)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_ALG,
                             "RFC 4055 3.1: saltLength %lld, allowed are %d to %d",
                             (long long)p.salt, MIN_SALT, MAX_SALT);
    if (field != 1)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_ALG, "RFC 4055 3.1: trailerField %lld, want 1",
                             (long long)field);
    *out = p;
    return 1;
}

static void write_md(CMPSRV_DERW *w, unsigned md)
{
    cmpsrv_derw_begin(w, DER_SEQUENCE);
    cmpsrv_derw_oid(w, cmpsrv_md_oid(md));
    cmpsrv_derw_null(w);
    cmpsrv_derw_end(w);
}

void cmpsrv_pss_write(CMPSRV_DERW *w, const CMPSRV_PSS *p)
{
    cmpsrv_derw_begin(w, DER_SEQUENCE);
    cmpsrv_derw_begin(w, DER_CONTEXT_CONSTRUCTED(0));
    write_md(w, p->md);
    cmpsrv_derw_end(w);
    cmpsrv_derw_begin(w, DER_CONTEXT_CONSTRUCTED(1));
    cmpsrv_derw_begin(w, DER_SEQUENCE);
    cmpsrv_derw_oid(w, mgf1);
    write_md(w, p->md);
    cmpsrv_derw_end(w);
    cmpsrv_derw_end(w);
    if (p->salt != DEFAULT_SALT) {
        cmpsrv_derw_begin(w, DER_CONTEXT_CONSTRUCTED(2));
        cmpsrv_derw_int64(w, p->salt);
        cmpsrv_derw_end(w);
    }
    cmpsrv_derw_end(w);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The view of a certificate: what it takes is what libcrypto reads, octet for octet. */
#include "config.h"

#include <openssl/err.h>
#include <openssl/x509.h>

#include "fuzz/fuzz.h"
#include "wire/wire.h"

static void check_with_libcrypto(CMPSRV_SLICE der, const CMPSRV_CERT_VIEW *v)
{
    const unsigned char *p = der.p;
    X509 *x = d2i_X509(NULL, &p, (long)der.n);
    unsigned char *name = NULL;
    int n;

    if (x != NULL) {
        const ASN1_INTEGER *serial = X509_get0_serialNumber(x);
        unsigned char *octets = NULL;

        n = i2d_X509_NAME(X509_get_subject_name(x), &name);
        MUST(n > 0 && cmpsrv_slice_eq(v->subject, cmpsrv_slice(name, (size_t)n)));
        MUST(X509_get_version(x) == v->version);
        n = i2d_ASN1_INTEGER(serial, &octets);
        MUST(n > 2 && cmpsrv_slice_eq(v->serial, cmpsrv_slice(octets + 2, (size_t)n - 2)));
        OPENSSL_free(octets);
    }
    OPENSSL_free(name);
    X509_free(x);
    ERR_clear_error();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CMPSRV_SLICE der = cmpsrv_slice(data, size), value;
    CMPSRV_REFUSAL why = {0};
    CMPSRV_CERT_VIEW v;
    int critical;

    if (cmpsrv_cert_view(der, &v, &why)) {
        cmpsrv_extension_find(v.extensions, DER_OID_SLICE("\x55\x1d\x0f"), &critical, &value);
        check_with_libcrypto(der, &v);
    }
    cmpsrv_cert_view_tbs(der, &v, &why);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The decoders of bodies, by the first octet: ir, p10cr, certConf, rr, error. */
#include "config.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include "fuzz/fuzz.h"
#include "wire/wire.h"

/* With rules that let everything be looked at: whoever asks, under the secret of the seeds. */
static void check_popo(const CMPSRV_CERT_REQUEST *cr, EVP_PKEY *key)
{
    static const CMPSRV_MAC_POLICY macs = {.macs = 31, .pbm_owf = 31, 100, 1000, 100, 1000};
    static CMPSRV_SECRET *secret;
    CMPSRV_POPO_RULES rules = {.digests = CMPSRV_MD_SHA256 | CMPSRV_MD_SHA384 | CMPSRV_MD_SHA512,
                               .allow_ra_verified = 1,
                               .input_identical = 1,
                               .senders = {cr->subject, cr->input.sender_dn},
                               .macs = &macs,
                               .pvno = 3};
    CMPSRV_REFUSAL why = {0};
    int ok;

    if (secret == NULL)
        secret = cmpsrv_secret_new("secret of the fuzzer", 20);
    rules.secret = secret;
    ok = cmpsrv_popo_verify(NULL, NULL, cr, key, &rules, &why);
    MUST(ok == (why.reason == CMPSRV_R_NONE));
    MUST(!ok || cr->pop != CMPSRV_POP_ABSENT);
    MUST(why.reason != CMPSRV_R_SYSTEM_FAILURE && why.reason != CMPSRV_R_NOT_AUTHORIZED);
}

/* A key that is taken is one that libcrypto can use, and its proof is judged. */
static void check_request(const CMPSRV_CERT_REQUEST *cr)
{
    CMPSRV_REFUSAL why = {0};
    EVP_PKEY *key = NULL;
    char name[32] = "";

    MUST(cmpsrv_crmf_reg_token(cr).n <= cr->controls.n + cr->reg_info.n);
    if (cr->subject.p != NULL)
        cmpsrv_name_check(cr->subject, &why);
    if (cr->spki.p == NULL || !cmpsrv_pubkey_decode(NULL, NULL, NULL, cr->spki, &key, name, &why))
        return;
    MUST(name[0] != '\0' && EVP_PKEY_get_bits(key) > 0);
    check_popo(cr, key);
    EVP_PKEY_free(key);
    ERR_clear_error();
}

static void run_crmf(CMPSRV_SLICE in, CMPSRV_REFUSAL *why)
{
    CMPSRV_CERT_REQUEST cr;

    if (cmpsrv_crmf_parse(in, &cr, why))
        check_request(&cr);
}

static void run_p10(CMPSRV_SLICE in, CMPSRV_REFUSAL *why)
{
    CMPSRV_CERT_REQUEST cr;

    if (cmpsrv_p10_parse(in, &cr, why))
        check_request(&cr);
}

static void run_certconf(CMPSRV_SLICE in, CMPSRV_REFUSAL *why)
{
    CMPSRV_CERT_CONF conf;

    cmpsrv_certconf_parse(in, &conf, why);
}

static void run_rr(CMPSRV_SLICE in, CMPSRV_REFUSAL *why)
{
    CMPSRV_REV_DETAILS rev;

    cmpsrv_rr_parse(in, &rev, why);
}

static void run_error(CMPSRV_SLICE in, CMPSRV_REFUSAL *why)
{
    char text[64];

    (void)why;
    cmpsrv_error_text(in, text, sizeof(text));
    for (const char *p = text; *p != '\0'; p++)
        MUST(*p >= ' ' && *p <= '~');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const runs[])(CMPSRV_SLICE, CMPSRV_REFUSAL *) = {run_crmf, run_p10, run_certconf,
                                                                   run_rr, run_error};
    CMPSRV_REFUSAL why = {0};

    /* The message they stand in has been found to be DER before. */
    if (size > 1 && cmpsrv_der_check(cmpsrv_slice(data + 1, size - 1), CMPSRV_MAX_DEPTH,
                                     CMPSRV_MAX_ELEMENTS, &why))
        runs[data[0] % CMPSRV_ARRAY_SIZE(runs)](cmpsrv_slice(data + 1, size - 1), &why);
    return 0;
}

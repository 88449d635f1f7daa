/* SPDX-License-Identifier: Apache-2.0 */
/*
 * protectionAlg: parameters of MACs, within bounds before a key is derived; and signatures, under a
 * key that has signed nothing. The first octet says how many of what follows are the
 * AlgorithmIdentifier.
 */
#include "config.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include "fuzz/fuzz.h"
#include "wire/wire.h"

static void check_mac(CMPSRV_SLICE alg, CMPSRV_SLICE data)
{
    const CMPSRV_MAC_POLICY policy = {.macs = 31, .pbm_owf = 31, 100, 1000, 100, 1000};
    CMPSRV_REFUSAL why = {0};
    CMPSRV_MAC_PARAMS params;
    CMPSRV_MAC_KEY *key;
    CMPSRV_SECRET *secret;
    CMPSRV_BYTES mac = {NULL, 0}, again = {NULL, 0};

    if (!cmpsrv_mac_params_parse(alg, &policy, &params, &why)) {
        MUST(why.reason == CMPSRV_R_BAD_ALG);
        return;
    }
    MUST(params.iterations >= 100 && params.iterations <= 1000 && params.salt.n <= 64);
    secret = cmpsrv_secret_new("secret", 6);
    MUST((key = cmpsrv_mac_key_derive(&params, secret)) != NULL);
    MUST(cmpsrv_mac_compute(key, alg, data, &mac, &why));
    MUST(mac.n == cmpsrv_md_size(params.mac));
    MUST(cmpsrv_mac_algid(&params, params.salt, &again));
    MUST(cmpsrv_mac_params_parse(cmpsrv_bytes_slice(&again), &policy, &params, &why));
    cmpsrv_bytes_clear(&mac);
    cmpsrv_bytes_clear(&again);
    cmpsrv_mac_key_free(key);
    cmpsrv_secret_free(secret);
}

static void check_signature(CMPSRV_SLICE alg, CMPSRV_SLICE data)
{
    static EVP_PKEY *keys[3];
    CMPSRV_REFUSAL why = {0};

    if (keys[0] == NULL) {
        keys[0] = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
        keys[1] = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
        keys[2] = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    }
    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(keys); i++) {
        MUST(!cmpsrv_sig_verify(NULL, NULL, keys[i], alg, 31, cmpsrv_slice("what was signed", 15),
                                data, CMPSRV_R_BAD_MESSAGE_CHECK, &why));
        ERR_clear_error();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t n = size == 0 ? 0 : data[0];
    CMPSRV_SLICE alg, rest;

    if (n + 1 > size)
        return 0;
    alg = cmpsrv_slice(data + 1, n);
    rest = cmpsrv_slice(data + 1 + n, size - 1 - n);
    if (!cmpsrv_der_check(alg, CMPSRV_MAX_DEPTH, CMPSRV_MAX_ELEMENTS, NULL))
        return 0;
    if (cmpsrv_protection_kind(alg) == CMPSRV_PROTECTION_MAC)
        check_mac(alg, rest);
    else
        check_signature(alg, rest);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Enrolment codes as they are kept. One that a MAC needs is encrypted (AES-256-GCM: nonce, octets,
 * tag; the end entity's name is authenticated with it), so that the database alone tells nobody;
 * one that we made is an HMAC-SHA-256, one that somebody has chosen a scrypt hash (salt, hash), so
 * that store_key does not tell it either. Keys are derived from store_key, one for each purpose.
 */
#include "config.h"

#include "store/store_local.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

enum { NONCE = 12, TAG = 16, SALT = 16, MAX_CODE = 1024 };
/* RFC 7914 2: 16 MiB, some tens of milliseconds. */
enum { SCRYPT_N = 16384, SCRYPT_R = 8, SCRYPT_P = 1 };

int cmpsrv_store_code_new(char out[CMPSRV_NEW_CODE + 1])
{
    static const char letters[] = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"; /* 32 */
    unsigned char octets[CMPSRV_NEW_CODE];

    if (!cmpsrv_random(octets, sizeof(octets)))
        return 0;
    for (size_t i = 0; i < CMPSRV_NEW_CODE; i++)
        out[i] = letters[octets[i] & 31];
    out[CMPSRV_NEW_CODE] = '\0';
    OPENSSL_cleanse(octets, sizeof(octets));
    return 1;
}

/* ---- CLEAR -------------------------------------------------------------------------------------
 */

/* Both ways: data of n octets to out, tag made or checked. */
static int gcm(const CMPSRV_STORE *s, const char *entity, int encrypt, const unsigned char *nonce,
               CMPSRV_SLICE in, unsigned char *out, unsigned char *tag)
{
    unsigned char key[CMPSRV_HASH];
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n = 0, rest = 0, ok;

    cmpsrv_store_derive_key(s, "enrolment codes, AES-256-GCM", key);
    ok = ctx != NULL && EVP_CipherInit_ex2(ctx, EVP_aes_256_gcm(), key, nonce, encrypt, NULL) &&
         EVP_CipherUpdate(ctx, NULL, &n, (const unsigned char *)entity, (int)strlen(entity)) &&
         EVP_CipherUpdate(ctx, out, &n, in.p, (int)in.n) &&
         (encrypt || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG, tag)) &&
         EVP_CipherFinal_ex(ctx, out + n, &rest) == 1 &&
         (!encrypt || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG, tag));
    EVP_CIPHER_CTX_free(ctx);
    OPENSSL_cleanse(key, sizeof(key));
    ERR_clear_error();
    return ok;
}

static int seal_clear(const CMPSRV_STORE *s, const char *entity, CMPSRV_SLICE code,
                      CMPSRV_BYTES *out)
{
    unsigned char sealed[NONCE + MAX_CODE + TAG];

    return cmpsrv_random(sealed, NONCE) &&
           gcm(s, entity, 1, sealed, code, sealed + NONCE, sealed + NONCE + code.n) &&
           cmpsrv_bytes_set(out, cmpsrv_slice(sealed, NONCE + code.n + TAG));
}

CMPSRV_SECRET *cmpsrv_store_code_open(const CMPSRV_STORE *s, const CMPSRV_END_ENTITY_ROW *row,
                                      CMPSRV_REFUSAL *why)
{
    unsigned char code[MAX_CODE], tag[TAG];
    CMPSRV_SECRET *secret = NULL;
    size_t n = row->code.n < NONCE + TAG ? 0 : row->code.n - NONCE - TAG;

    if (row->code_kind != CMPSRV_CODE_CLEAR || n == 0 || n > sizeof(code)) {
        cmpsrv_refuse(why, CMPSRV_R_BAD_MESSAGE_CHECK, "no code that a MAC could be checked with");
        return NULL;
    }
    memcpy(tag, row->code.p + NONCE + n, TAG);
    if (s->key == NULL ||
        !gcm(s, row->name, 0, row->code.p, cmpsrv_slice(row->code.p + NONCE, n), code, tag))
        cmpsrv_fail(why,
                    "the code of end entity %s cannot be decrypted: is store_key the one it "
                    "was added with?",
                    row->name);
    else if ((secret = cmpsrv_secret_new(code, n)) == NULL)
        cmpsrv_fail(why, "out of memory");
    OPENSSL_cleanse(code, sizeof(code));
    return secret;
}

/* ---- HASHED, SCRYPT ----------------------------------------------------------------------------
 */

static int hash_code(const CMPSRV_STORE *s, const char *entity, CMPSRV_SLICE code,
                     unsigned char out[CMPSRV_HASH])
{
    unsigned char key[CMPSRV_HASH], text[256 + 1 + MAX_CODE];
    size_t n = strlen(entity) + 1, len = 0;
    int ok;

    if (n + code.n > sizeof(text))
        return 0;
    memcpy(text, entity, n); /* with its NUL between */
    memcpy(text + n, code.p, code.n);
    cmpsrv_store_derive_key(s, "enrolment codes, HMAC-SHA-256", key);
    ok = EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, key, sizeof(key), text, n + code.n, out,
                   CMPSRV_HASH, &len) != NULL;
    OPENSSL_cleanse(key, sizeof(key));
    OPENSSL_cleanse(text, sizeof(text));
    return ok && len == CMPSRV_HASH;
}

static int seal_hashed(const CMPSRV_STORE *s, const char *entity, CMPSRV_SLICE code,
                       CMPSRV_BYTES *out)
{
    unsigned char hash[CMPSRV_HASH];

    return hash_code(s, entity, code, hash) &&
           cmpsrv_bytes_set(out, cmpsrv_slice(hash, sizeof(hash)));
}

static int scrypt(CMPSRV_SLICE code, const unsigned char *salt, unsigned char out[CMPSRV_HASH])
{
    return EVP_PBE_scrypt((const char *)code.p, code.n, salt, SALT, SCRYPT_N, SCRYPT_R, SCRYPT_P, 0,
                          out, CMPSRV_HASH);
}

static int seal_scrypt(const CMPSRV_STORE *s, const char *entity, CMPSRV_SLICE code,
                       CMPSRV_BYTES *out)
{
    unsigned char sealed[SALT + CMPSRV_HASH];

    (void)s;
    (void)entity;
    return cmpsrv_random(sealed, SALT) && scrypt(code, sealed, sealed + SALT) &&
           cmpsrv_bytes_set(out, cmpsrv_slice(sealed, sizeof(sealed)));
}

/* ---- all kinds ---------------------------------------------------------------------------------
 */

int cmpsrv_store_code_seal(const CMPSRV_STORE *s, const char *entity, CMPSRV_CODE_KIND kind,
                           CMPSRV_SLICE code, CMPSRV_BYTES *out, CMPSRV_REFUSAL *why)
{
    static int (*const seal[])(const CMPSRV_STORE *, const char *, CMPSRV_SLICE,
                               CMPSRV_BYTES *) = {[CMPSRV_CODE_CLEAR] = seal_clear,
                                                  [CMPSRV_CODE_HASHED] = seal_hashed,
                                                  [CMPSRV_CODE_SCRYPT] = seal_scrypt};

    if (s->key == NULL)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_CONFIG,
                             "enrolment codes need server.store_key, which protects them");
    if (code.n == 0 || code.n > MAX_CODE)
        return cmpsrv_refuse(why, CMPSRV_R_BAD_REQUEST, "a code has 1 to %d octets", MAX_CODE);
    return seal[kind](s, entity, code, out) || cmpsrv_fail(why, "the code cannot be sealed");
}

int cmpsrv_store_code_matches(const CMPSRV_STORE *s, const CMPSRV_END_ENTITY_ROW *row,
                              CMPSRV_SLICE code)
{
    static const unsigned char no_salt[SALT] = {0};
    int is_scrypt = row->code_kind == CMPSRV_CODE_SCRYPT && row->code.n == SALT + CMPSRV_HASH;
    unsigned char hash[CMPSRV_HASH], slow[CMPSRV_HASH];
    CMPSRV_SECRET *clear;
    CMPSRV_SLICE want;
    int ok;

    if (code.n == 0 || code.n > MAX_CODE || !hash_code(s, row->name, code, hash))
        return 0;
    clear = cmpsrv_store_code_open(s, row, NULL);
    want = cmpsrv_secret_get0(clear);
    ok = clear != NULL && want.n == code.n && CRYPTO_memcmp(want.p, code.p, code.n) == 0;
    cmpsrv_secret_free(clear);
    ok |= row->code_kind == CMPSRV_CODE_HASHED && row->code.n == CMPSRV_HASH &&
          CRYPTO_memcmp(hash, row->code.p, CMPSRV_HASH) == 0;
    if (ok)
        return 1;
    if (!is_scrypt && cmpsrv_fault("no-dummy-scrypt"))
        return 0;
    /* every "no" costs as much as that to a wrong code under scrypt */
    return scrypt(code, is_scrypt ? row->code.p : no_salt, slow) && is_scrypt &&
           CRYPTO_memcmp(slow, row->code.p + SALT, CMPSRV_HASH) == 0;
}

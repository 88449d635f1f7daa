#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What libcmpsrv exports is what the public headers declare and what the symbol map lists, no more and no less; and it
# calls nothing of libcrypto that decrypts what a client has made. A planted call must be found.
set -eu
src=${srcdir:-.}
build=${top_builddir:-.}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

nm -D --defined-only "$build/.libs/libcmpsrv.so" | awk '$2 == "T" {print $3}' | sed 's/@.*//' | sort >"$tmp/exported"
grep -oh '\<CMPSRV_[A-Za-z0-9_]*(' "$src"/include/cmpsrv/*.h | tr -d '(' | grep -v '^CMPSRV_[A-Z_]*$' | sort -u >"$tmp/declared"
sed -n 's/^ *\(CMPSRV_[A-Za-z0-9_]*\);$/\1/p' "$src/src/cmpsrv.map" | sort >"$tmp/mapped"
status=0
for f in exported mapped; do
    if ! diff "$tmp/declared" "$tmp/$f" >"$tmp/diff"; then
        echo "declared in the headers (<) is not what is $f (>):"
        cat "$tmp/diff"
        status=1
    fi
done

# decrypts OBJECT: what it would call to decrypt.
decrypts() {
    nm "$@" | awk '$1 == "U" {print $2}' | sed 's/@.*//' | sort -u |
        grep -E '^(CMS_.*decrypt.*|OSSL_CRMF_ENCRYPTED(VALUE|KEY)_get1.*|PKCS7_(decrypt|dataDecode)|EVP_PKEY_decrypt|SMIME_.*)$' || :
}
found=$(decrypts -D "$build/.libs/libcmpsrv.so")
if [ -n "$found" ]; then
    echo "the library can decrypt what a client has made: $(echo "$found" | tr '\n' ' ')"
    status=1
fi
for symbol in CMS_decrypt CMS_EnvelopedData_decrypt OSSL_CRMF_ENCRYPTEDVALUE_get1_encCert; do
    printf 'int %s(void);\nint planted(void);\nint planted(void) { return %s(); }\n' $symbol $symbol >"$tmp/planted.c"
    ${CC:-cc} -fPIC -c "$tmp/planted.c" -o "$tmp/planted.o"
    [ "$(decrypts "$tmp/planted.o")" = "$symbol" ] || { echo "a planted call of $symbol was not found"; exit 1; }
done
echo "$(wc -l <"$tmp/declared") public functions"
exit $status

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What libcmpsrv exports is what the public headers declare and what the symbol map lists, no more and no less.
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
echo "$(wc -l <"$tmp/declared") public functions"
exit $status

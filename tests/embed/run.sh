#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run.sh TREE WORK: builds embed.c against the tree installed in TREE through pkg-config, runs it in WORK, and
# looks into the store: one certificate, confirmed.
set -eu
tree=$1 work=$2
here=$(dirname -- "$0")
rm -rf "$work"
mkdir -p "$work"
PKG_CONFIG_PATH=$tree/lib/pkgconfig
export PKG_CONFIG_PATH
# shellcheck disable=SC2046 # words on purpose
${CC:-cc} -Wall -Wextra -Werror -o "$work/embed" "$here/embed.c" \
    $(pkg-config --cflags --libs cmpsrv) $(pkg-config --libs libcrypto) -Wl,-rpath,"$tree/lib"
"$tree/bin/cmp-admin" init --dir "$work/pki" >/dev/null
"$work/embed" "$work/pki/cmp-server.yaml" "$work/pki/ra.secret" "$work/pki/root.crt"
rows=$("$tree/bin/cmp-admin" --config "$work/pki/cmp-server.yaml" cert list --status active --json |
    grep -c '"entity":"embedded"')
[ "$rows" -eq 1 ] || { echo "want one active certificate in the store, have $rows"; exit 1; }

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs the commands of docs/operations.md: every block that is fenced as sh, in order, in one empty directory, with the
# programs of this build. Another port takes the place of 8080.
set -eu
src=$(cd "${srcdir:-.}" && pwd)
build=$(cd "${top_builddir:-.}" && pwd)
if ! openssl cmp -help >/dev/null 2>&1; then
    echo "skipped: no openssl with the command cmp"
    exit 77
fi
tmp=$(mktemp -d)
cleanup() {
    if [ -s "$tmp/pid" ]; then kill "$(cat "$tmp/pid")" 2>/dev/null || true; fi
    rm -rf "$tmp"
}
trap cleanup EXIT
mkdir "$tmp/run"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])' 2>/dev/null) ||
    port=$((20000 + $$ % 20000))

{
    echo 'set -eux'
    awk '/^```sh$/ { on = 1; next } /^```$/ { on = 0 } on' "$src/docs/operations.md" |
        sed "s/8080/$port/g; s|^server=\$!\$|&; echo \$server >'$tmp/pid'|"
} >"$tmp/script"
n=$(grep -c '^openssl cmp' "$tmp/script")
[ "$n" -ge 1 ] || { echo "no enrolment in docs/operations.md" && exit 1; }

if ! (cd "$tmp/run" && PATH="$build:$PATH" timeout 300 sh "$tmp/script") >"$tmp/out" 2>&1; then
    tail -n 30 "$tmp/out"
    tail -n 20 "$tmp/run/cmp-server.log" 2>/dev/null || true
    exit 1
fi

# Lines of the log that the guide shows are lines that the server has written, times and numbers aside.
plain() { sed -E 's/^ *[0-9]{4}-[0-9-]+T[0-9:.]+Z/TIME/; s/[0-9a-f]{32,}/HEX/g'; }
plain <"$tmp/run/cmp-server.log" >"$tmp/log"
grep -E '^    [0-9]{4}-[0-9-]+T[0-9:.]+Z ' "$src/docs/operations.md" | plain >"$tmp/shown"
[ -s "$tmp/shown" ] || { echo "no line of the log in docs/operations.md" && exit 1; }
if grep -vxF -f "$tmp/log" "$tmp/shown"; then
    echo "docs/operations.md shows these lines of the log, the server writes no such line; it has written:"
    cat "$tmp/log"
    exit 1
fi
echo "docs/operations.md: $(grep -c '^```sh' "$src/docs/operations.md") blocks, $n runs of openssl cmp, $(wc -l <"$tmp/shown") lines of the log"

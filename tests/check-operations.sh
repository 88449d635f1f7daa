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
echo "docs/operations.md: $(grep -c '^```sh' "$src/docs/operations.md") blocks, $n enrolments"
if [ -n "${KEEP_OUTPUT:-}" ]; then cp "$tmp/out" "$KEEP_OUTPUT"; cp "$tmp/run/cmp-server.log" "$KEEP_OUTPUT.log"; fi

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The systemd units are free of errors, and the service's exposure (systemd-analyze security) is at most 1.5.
set -eu
src=${srcdir:-.}
build=${top_builddir:-.}
limit=15 # tenths
if ! systemd-analyze security --help 2>/dev/null | grep -q -e --offline; then
    echo "skipped: no systemd-analyze that works offline (systemd 250 or later)"
    exit 77
fi
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
# verify wants the programs that the units name.
sed 's|^\(Exec[A-Za-z]*\)=[^ ]*|\1=/bin/true|' "$build/docs/systemd/cmp-server.service" >"$tmp/cmp-server.service"
cp "$src/docs/systemd/cmp-server.socket" "$tmp"
status=0

if grep -n '@[a-z]*@\|\${' "$build/docs/systemd/cmp-server.service"; then
    echo "cmp-server.service: not substituted"
    status=1
fi
SYSTEMD_UNIT_PATH="$tmp:" systemd-analyze verify --man=no --recursive-errors=no "$tmp/cmp-server.service" \
    "$tmp/cmp-server.socket" >"$tmp/verify" 2>&1 || status=1
grep 'cmp-server' "$tmp/verify" && status=1

systemd-analyze security --offline=yes --no-pager "$tmp/cmp-server.service" >"$tmp/security" 2>&1 || true
level=$(sed -n 's/.*Overall exposure level for cmp-server.service: \([0-9]*\)\.\([0-9]\).*/\1\2/p' "$tmp/security")
if [ -z "$level" ] || [ "$level" -gt $limit ]; then
    grep -v '✓' "$tmp/security"
    echo "exposure above $limit tenths"
    status=1
else
    tail -n 1 "$tmp/security"
fi
exit $status

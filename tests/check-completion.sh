#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The bash completion completes what --help of the programs has: commands, verbs, options, files.
set -eu
src=$(cd "${srcdir:-.}" && pwd)
build=$(cd "${top_builddir:-.}" && pwd)
if ! command -v bash >/dev/null 2>&1; then
    echo "skipped: no bash"
    exit 77
fi
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
mkdir "$tmp/sub"
touch "$tmp/sub.yaml"
cd "$tmp"
PATH="$build:$PATH" exec bash -u -s "$src/docs/completion" <<'END'
. "$1/cmp-admin.bash"
. "$1/cmp-bench.bash"
. "$1/cmp-server.bash"
status=0

# complete_line FUNCTION WORD...: what the last word may become, sorted, on one line.
complete_line() {
    local function=$1
    shift
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
    $function
    printf '%s\n' "${COMPREPLY[@]+"${COMPREPLY[@]}"}" | LC_ALL=C sort | paste -s -d ' '
}

# want EXPECTED WORD...
want() {
    local expected=$1 got
    shift
    got=$(complete_line "_${1//-/_}" "$@")
    if [[ $got != "$expected" ]]; then
        printf '%s: want "%s", got "%s"\n' "$*" "$expected" "$got"
        status=1
    fi
}

# The words of --help that match a sed expression.
of_help() { cmp-admin --help | sed -n "$1" | LC_ALL=C sort -u | paste -s -d ' '; }

commands=$(of_help 's/^  \([a-z][a-z]*\) .*/\1/p')
want "$commands" cmp-admin ''
want "$commands" cmp-admin --json ''
want "$commands" cmp-admin --config sub.yaml ''
want "--config --help --json --version" cmp-admin --
for command in $commands; do
    verbs=$(of_help "s/^  $command \([a-z][a-z]*\) .*/\1/p")
    want "$verbs" cmp-admin "$command" ''
    want "$verbs" cmp-admin --config sub.yaml "$command" ''
    for verb in $verbs; do
        want "$verb" cmp-admin "$command" "$verb"
        options=$(cmp-admin --help | sed -n "s/^  $command $verb //p" | grep -oE -e '--[a-z-]+')
        want "$(printf '%s\n' --config --help --json --version $options | LC_ALL=C sort | paste -s -d ' ')" \
            cmp-admin "$command" "$verb" --
    done
done
want "--ca-key --config --dir --help --json --listen --version" cmp-admin init --
want "cert" cmp-admin ce
want "sub sub.yaml" cmp-admin --config su
want "sub" cmp-admin init --dir su
want "sub sub.yaml" cmp-admin store backup su
want "" cmp-admin cert list --ca ''
want "" cmp-admin nothing ''

options=$(cmp-server --help | sed -n 's/^  \(--[a-z-]*\).*/\1/p' | LC_ALL=C sort | paste -s -d ' ')
want "$options" cmp-server --
want "$options" cmp-server ''
want "sub sub.yaml" cmp-server --config su
want "--check-config" cmp-server --config sub.yaml --check

want "prepare run" cmp-bench ''
want "prepare run" cmp-bench --json ''
want "run" cmp-bench r
want "--help --json --version" cmp-bench --
for command in prepare run; do
    options=$(cmp-bench --help | sed -n "s/^  $command //p" | grep -oE -e '--[a-z-]+')
    want "$(printf '%s\n' --help --json --version $options | LC_ALL=C sort | paste -s -d ' ')" cmp-bench "$command" --
done
workloads=$(cmp-bench --help | sed -n 's/^    \([a-z][a-z0-9-]*\)  .*/\1/p' | LC_ALL=C sort | paste -s -d ' ')
want "$workloads" cmp-bench prepare --workload ''
want "cr-sig" cmp-bench prepare --workload c
want "sub sub.yaml" cmp-bench run --pack su
want "sub" cmp-bench run --fdatasync su
want "" cmp-bench run --connections ''
exit $status
END

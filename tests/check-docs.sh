#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The documentation says what the programs do: every setting with its allowed values and default, every option, every
# command and every reason is there, and nothing else is. The man pages are free of warnings, their examples load.
set -eu
src=${srcdir:-.}
build=${top_builddir:-.}
man=${CMPSRV_DOCS:-$src/docs}/man
errors=${CMPSRV_DOCS:-$src/docs}/errors.md
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
status=0

# compare WHAT: $tmp/want is what the programs say, $tmp/have what the documentation says, in any order.
compare() {
    LC_ALL=C sort -o "$tmp/want" "$tmp/want"
    LC_ALL=C sort -o "$tmp/have" "$tmp/have"
    compare_rows "$1"
}
# compare_rows WHAT: the same, in this order.
compare_rows() {
    if [ ! -s "$tmp/want" ]; then
        echo "$1: the program says nothing"
        status=1
    elif ! diff "$tmp/want" "$tmp/have" >"$tmp/diff"; then
        echo "$1: the program says (<), the documentation says (>):"
        grep '^[<>]' "$tmp/diff"
        status=1
    else
        echo "$1: $(wc -l <"$tmp/want") entries"
    fi
}

# ---- cmp-server.yaml(5) ----------------------------------------------------------------------------------------
# section, key, allowed, default
"$build/tests/docs/print_tables" settings >"$tmp/settings"
awk -F '\t' -v OFS='\t' '$3 == "yes" {
    print $1, $2, $4 ".", ($5 == $6 ? $5 : $5 " (conformance ejbca: " $6 ")") "."}' "$tmp/settings" >"$tmp/want"
awk -v OFS='\t' '
    function flush() { if (key != "") print section, key, allowed, dflt; key = allowed = dflt = into = "" }
    /^\.Sh / { flush(); on = ($0 == ".Sh SETTINGS"); next }
    !on { next }
    /^\.Ss / { flush(); section = $2; next }
    /^\.It Cm / { flush(); key = $3; next }
    /^\.El/ { flush(); next }
    /^\./ { into = ""; next }
    /^Allowed: / { into = "allowed"; allowed = substr($0, 10); next }
    /^Default: / { into = "default"; dflt = substr($0, 10); next }
    into == "allowed" { allowed = allowed " " $0 }
    into == "default" { dflt = dflt " " $0 }' "$man/cmp-server.yaml.5" >"$tmp/have"
compare "settings of cmp-server.yaml(5)"

# A setting without a word on what it does.
awk '/^\.It Cm /{ key = $3; getline; if ($0 ~ /^(\.br|Allowed:|\.It|\.El)/) print key ": no description" }' \
    "$man/cmp-server.yaml.5" >"$tmp/bare"
if [ -s "$tmp/bare" ]; then
    cat "$tmp/bare"
    status=1
fi

awk -F '\t' '$3 == "no" { off = $7; gsub(/\|/, " or ", off)
    print $1 "." $2 "\t" (off == "nothing" ? "leave it out" : off)}' "$tmp/settings" >"$tmp/want"
awk '/^\.Sh / { on = ($0 == ".Sh NOT SUPPORTED YET"); next }
    on && /^\.It Cm / { key = $3; getline; print key "\t" $0 }' "$man/cmp-server.yaml.5" >"$tmp/have"
compare "settings that are not supported yet"

# ---- options and commands --------------------------------------------------------------------------------------
# The options of a text, one a line.
options() { grep -oE -e '--[a-z][a-z-]*' | LC_ALL=C sort -u; }

"$build/cmp-server" --help | options >"$tmp/want"
sed -n 's/^\.It Fl -/--/p' "$man/cmp-server.8" | options >"$tmp/have"
compare "options of cmp-server(8)"

# Of cmp-admin: those before the list of commands, then the list itself.
"$build/cmp-admin" --help >"$tmp/help"
sed '/^  [a-z][a-z]*  *[^ ]/,$d' "$tmp/help" | sed '/^ *cmp-admin init/d; /^ .* init /d' | options >"$tmp/want"
sed -n 's/^\.It Fl -/--/p' "$man/cmp-admin.8" | options >"$tmp/have"
compare "options of cmp-admin(8)"

sed -n 's/^  \([a-z].*\)$/\1/p' "$tmp/help" | tr -s ' ' | sed 's/ $//' >"$tmp/want"
sed -n 's/^\.It Ic //p' "$man/cmp-admin.8" |
    sed 's/Fl -/--/g; s/Ar //g; s/Oo /[/g; s/ Oc/]/g; s/ Ns \.\.\./.../g' >"$tmp/have"
compare "commands of cmp-admin(8)"

# Of cmp-bench: each command's options under its own headings, the common ones before, the workloads with their words.
"$build/cmp-bench" --help >"$tmp/help"
# bench_page FROM TO: the options between two headings of the page.
bench_page() { sed -n "/^\.Sh $1/,/^\.Sh $2/s/^\.It Fl -/--/p" "$man/cmp-bench.1"; }
sed '/^  [a-z]/,$d' "$tmp/help" | options >"$tmp/want"
bench_page DESCRIPTION WORKLOADS | options >"$tmp/have"
compare "options of cmp-bench(1)"
# Values are compared too: --rate R.
# bench_command VERB FROM TO
bench_command() {
    sed -n "s/^  $1 //p" "$tmp/help" | tr -d '[]' | sed 's/ --/\n--/g' >"$tmp/want"
    bench_page "$2" "$3" | sed 's/ Ar / /' >"$tmp/have"
    compare "options of cmp-bench $1"
}
bench_command prepare PREPARING RUNNING
bench_command run RUNNING 'THE LIMIT'
sed -n 's/^    \([a-z][a-z0-9-]*\)  *\(.*\)$/\1 \2/p' "$tmp/help" >"$tmp/want"
sed -n '/^\.Sh WORKLOADS/,/^\.Sh PREPARING/p' "$man/cmp-bench.1" | sed -n '/^\.It Cm /{s///;N;s/\n/ /;p;}' >"$tmp/have"
compare "workloads of cmp-bench(1)"

# ---- reasons ---------------------------------------------------------------------------------------------------
# All columns of errors.md but the last are the table's; the last one says what to do.
"$build/tests/docs/print_tables" reasons >"$tmp/want"
grep '^| [^|]* | `' "$errors" >"$tmp/rows" || true
sed 's/\(.*|\) .* |$/\1/' "$tmp/rows" >"$tmp/have"
compare_rows "reasons of errors.md"
if awk -F ' [|] ' 'NF != 6 || $6 ~ /^ *[|]?$/ { print $2 ": want six columns, none empty"; bad = 1 } END { exit !bad }' "$tmp/rows"; then
    status=1
fi

# ---- the pages themselves --------------------------------------------------------------------------------------
# lint COMMAND...: what it says of a page is an error.
lint() {
    for page in "$man"/*.[1-9]; do
        "$@" "$page" >/dev/null 2>"$tmp/lint" || true
        if [ -s "$tmp/lint" ]; then
            cat "$tmp/lint"
            status=1
        fi
    done
}
if command -v mandoc >/dev/null 2>&1; then
    mandoc_lint() { mandoc -T lint -W warning "$1" >&2; }
    lint mandoc_lint
elif command -v groff >/dev/null 2>&1; then
    lint groff -mdoc -T utf8 -ww -z
else
    echo "man pages not checked for warnings: neither mandoc nor groff"
fi

# Every complete example is a configuration that loads, over the files that `cmp-admin init` makes.
"$build/cmp-admin" init --dir "$tmp/pki" >/dev/null
awk -v dir="$tmp/pki" '
    /^\.Sh / { on = ($0 == ".Sh EXAMPLES") }
    /^\.Ed/ { file = "" }
    file != "" { gsub(/\\e/, "\\"); print >file }
    on && /^\.Bd / { file = dir "/example" ++n ".yaml" }' "$man/cmp-server.yaml.5"
n=0
for example in "$tmp"/pki/example*.yaml; do
    n=$((n + 1))
    "$build/cmp-server" --config "$example" --check-config >"$tmp/out" 2>&1 || {
        echo "an example of cmp-server.yaml(5) does not load:"
        cat "$tmp/out"
        status=1
    }
done
echo "examples that load: $n"
[ $n -ge 2 ] || status=1
exit $status

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Each fuzz target takes its committed seeds, once.
set -eu
src=${srcdir:-.}
build=${top_builddir:-.}
for dir in "$src"/tests/fuzz/seeds/*/; do
    target=$(basename "$dir")
    out=$("$build/tests/fuzz/fuzz_$target" "$dir"* 2>&1) || {
        echo "fuzz_$target: $out"
        exit 1
    }
    # The sequences of messages must get somewhere: at each alias, and with certificates in the clear and encrypted.
    if [ "$target" = line ] && { echo "$out" | grep -q ': 0$' ||
        ! echo "$out" | grep -qx '[3-9][0-9] certificates granted, [4-9] encrypted'; }; then
        echo "fuzz_line: $out"
        exit 1
    fi
    echo "fuzz_$target: $(ls "$dir" | wc -l) seeds"
done

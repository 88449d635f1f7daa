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
    # The sequences of messages must get somewhere.
    if [ "$target" = line ] && ! echo "$out" | grep -qx '[4-9] certificates granted'; then
        echo "fuzz_line: $out"
        exit 1
    fi
    echo "fuzz_$target: $(ls "$dir" | wc -l) seeds"
done

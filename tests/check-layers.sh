#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Arrows point down only (docs/design.md): include directions by grep, calls by linking each layer whole with only
# what stands below it. With --plant it plants an upward call and an upward include and must find both.
set -eu
src=${srcdir:-.}
build=${top_builddir:-.}
status=0

below() {
    case $1 in
    base) echo "" ;;
    wire | store | conf) echo "base" ;;
    auth | policy | watch | ca) echo "wire store conf base" ;;
    server) echo "auth policy ca watch wire store conf base" ;;
    show) echo "wire base" ;;
    http) echo "server auth policy ca watch wire store conf base" ;;
    esac
}
layers="base wire store conf auth policy watch ca server show http"

# check_includes LAYER FILE...: every #include "LAYER/..." is of the layer itself or below it.
check_includes() {
    layer=$1
    shift
    for f in "$@"; do
        for inc in $(sed -n 's,^#include "\([a-z]*\)/.*,\1,p' "$f"); do
            case " $layer $(below "$layer") cmpsrv " in
            *" $inc "*) ;;
            *)
                echo "$f includes $inc/: not below $layer"
                status=1
                ;;
            esac
        done
    done
}

# check_links LAYER [OBJECT]: the layer whole, and of the others only what stands below.
check_links() {
    layer=$1
    set -- ${2:+"$2"}
    for b in $(below "$layer"); do set -- "$@" "$build/src/$b/.libs/lib$b.a"; done
    undefined=$(${CC:-cc} ${SANITIZE:-} -nostartfiles -Wl,-e,0 -o /dev/null -Wl,--warn-unresolved-symbols \
        -Wl,--whole-archive "$build/src/$layer/.libs/lib$layer.a" -Wl,--no-whole-archive \
        -Wl,--start-group "$@" -Wl,--end-group \
        $CHECK_LIBS 2>&1 | sed -n 's,.*undefined reference to .\(cmpsrv_[a-z0-9_]*\|CMPSRV_[A-Za-z0-9_]*\).*,\1,p' |
        sort -u)
    if [ -n "$undefined" ]; then
        echo "layer $layer calls what is not below it: $(echo "$undefined" | tr '\n' ' ')"
        status=1
    fi
}

plant() {
    tmp=$(mktemp -d)
    trap 'rm -rf "$tmp"' EXIT
    printf '#include "server/server.h"\n' >"$tmp/planted.c"
    check_includes wire "$tmp/planted.c" >"$tmp/out"
    [ "$status" -eq 1 ] || { echo "a planted upward include was not found"; exit 1; }
    status=0
    printf 'int CMPSRV_tick(void *);\nint planted(void);\nint planted(void) { return CMPSRV_tick(0); }\n' >"$tmp/planted.c"
    ${CC:-cc} -fPIC -c "$tmp/planted.c" -o "$tmp/planted.o"
    check_links wire "$tmp/planted.o" >"$tmp/out"
    [ "$status" -eq 1 ] || { echo "a planted upward call was not found"; exit 1; }
    status=0
}

for layer in $layers; do
    check_includes "$layer" "$src"/src/"$layer"/*.[ch]
    check_links "$layer"
done
plant
[ "$status" -eq 0 ] && echo "layers: $layers: includes and calls point down; planted ones were found"
exit "$status"

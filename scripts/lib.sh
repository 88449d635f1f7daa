# SPDX-License-Identifier: Apache-2.0
# Shared by scripts/demo and scripts/check: where things are, and how missing packages get here.
# Sourced, not run.

top=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)

build_packages="gcc make autoconf automake libtool pkg-config libc6-dev libssl-dev openssl
    libevent-dev libyaml-dev libsqlite3-dev"
test_packages="libcunit1-dev python3 python3-pytest python3-cryptography python3-yaml sqlite3
    libfaketime clang procps mandoc bash systemd"
ci_packages="debootstrap"

say() { printf '%s\n' "$*"; }
die() {
    say "$0: $*" >&2
    exit 1
}

is_installed() {
    dpkg-query -W -f='${Status}\n' "$1" 2>/dev/null | grep -q '^install ok installed$'
}

# Newest OpenSSL that the configured sources have; Debian's 3.0.22 fixes crashes in its CMP code.
openssl_is_old() {
    pkg-config --exists 'libcrypto < 3.0.22' 2>/dev/null
}

# Installs what is missing of the packages named, or says exactly what is.
need() {
    missing=
    for p in "$@"; do
        is_installed "$p" || missing="$missing $p"
    done
    upgrade=
    if openssl_is_old; then upgrade="libssl3 libssl-dev openssl"; fi
    [ -n "$missing$upgrade" ] || return 0
    command -v apt-get >/dev/null 2>&1 ||
        die "missing packages:$missing (no apt-get here; install them by hand)"
    as_root=
    if [ "$(id -u)" -ne 0 ]; then
        if command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
            as_root="sudo -n"
        else
            [ -n "$missing" ] || return 0
            die "missing packages:$missing (not root, and no sudo without a password); run:
    apt-get install$missing"
        fi
    fi
    say "installing:$missing $upgrade"
    $as_root apt-get -q update >"$top/apt.log" 2>&1 || true
    # shellcheck disable=SC2086 # words on purpose
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install \
        $missing $upgrade >>"$top/apt.log" 2>&1 || {
        tail -n 20 "$top/apt.log" >&2
        die "apt-get could not install:$missing $upgrade"
    }
    rm -f "$top/apt.log"
}

# build DIR [CONFIGURE-OPTION...]: configures and builds in DIR below the top, quietly unless it fails. Without
# options a tree that is configured already is taken as it is.
build() {
    dir=$1
    shift
    mkdir -p "$top/$dir"
    if [ ! -x "$top/configure" ] || [ "$top/configure.ac" -nt "$top/configure" ]; then
        (cd "$top" && autoreconf -fi) >"$top/$dir/autoreconf.out" 2>&1 || {
            tail -n 40 "$top/$dir/autoreconf.out" >&2
            say "autoreconf failed"
            return 1
        }
    fi
    if [ ! -f "$top/$dir/Makefile" ] || { [ $# -gt 0 ] && [ "$*" != "$(cat "$top/$dir/options" 2>/dev/null)" ]; }; then
        printf '%s' "$*" >"$top/$dir/options"
        (cd "$top/$dir" && "$top/configure" "$@") >"$top/$dir/configure.out" 2>&1 || {
            tail -n 40 "$top/$dir/configure.out" >&2
            say "configure failed in $dir"
            return 1
        }
    fi
    make -C "$top/$dir" -j"$(nproc)" >"$top/$dir/make.out" 2>&1 || {
        grep -E 'error|Error' "$top/$dir/make.out" | head -n 40 >&2
        say "make failed in $dir; see $dir/make.out"
        return 1
    }
}

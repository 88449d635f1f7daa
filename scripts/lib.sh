# SPDX-License-Identifier: Apache-2.0
# Shared by scripts/demo and scripts/check: where things are, and how missing packages get here.
# Sourced, not run.

top=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)

build_packages="gcc make autoconf automake libtool pkg-config libc6-dev libssl-dev openssl
    libevent-dev libyaml-dev libsqlite3-dev"
test_packages="libcunit1-dev python3 python3-pytest python3-pytest-xdist python3-cryptography
    python3-yaml sqlite3 libfaketime clang procps mandoc bash systemd"
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

# make_root SUITE DIR: a Debian root with the least there is, from where the machine's own apt has its packages, with the
# committed tree in /cmpsrv. in_root COMMAND... runs there, drop_root unmounts it.
make_root() {
    own=$(. /etc/os-release && echo "$VERSION_CODENAME")
    root=$2
    source_of() { apt-get indextargets --format '$(REPO_URI)' "Codename: $1" 2>/dev/null | head -n 1; }
    mirror=$(source_of "$own")
    [ -n "$mirror" ] || die "no package source for $own in apt's configuration"
    debootstrap --variant=minbase "$1" "$root" "$mirror" >"$root.out" 2>&1 || {
        tail -n 20 "$root.out" >&2
        die "debootstrap of $1 failed"
    }
    if [ "$1" = "$own" ]; then
        cp /etc/apt/sources.list "$root/etc/apt/" 2>/dev/null || true
        cp -r /etc/apt/sources.list.d "$root/etc/apt/" 2>/dev/null || true
    elif [ -n "$(source_of "$own-security")" ]; then
        echo "deb $(source_of "$own-security") $1-security main" >>"$root/etc/apt/sources.list"
    fi
    cp -r /etc/apt/apt.conf.d /etc/apt/trusted.gpg.d "$root/etc/apt/" 2>/dev/null || true
    cp /etc/resolv.conf /etc/hosts "$root/etc/" 2>/dev/null || true
    cp -r /etc/ssl/certs /usr/share/ca-certificates "$root/etc/ssl/" 2>/dev/null || true
    own_devices "$root/dev"
    mount -t proc proc "$root/proc"
    git clone -q "$top" "$root/cmpsrv"
}
# own_devices DIR: what a program may want of /dev. Not the machine's: whoever deletes a root that is still mounted deletes
# what is mounted in it.
own_devices() {
    mount -t tmpfs -o mode=755 tmpfs "$1"
    for node in null:3 zero:5 full:7 random:8 urandom:9; do
        mknod -m 666 "$1/${node%:*}" c 1 "${node#*:}"
    done
    mknod -m 666 "$1/tty" c 5 0
    ln -s /proc/self/fd "$1/fd"
    for n in 0:stdin 1:stdout 2:stderr; do ln -s "/proc/self/fd/${n%:*}" "$1/${n#*:}"; done
    mkdir -m 1777 "$1/shm"
}
in_root() {
    # shellcheck disable=SC2046 # words on purpose
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root $(env | sed -n 's/^\([a-zA-Z]*_proxy=[^ ]*\)$/\1/p') chroot "$root" "$@"
}
drop_root() {
    umount "$root/proc" 2>/dev/null || true
    umount "$root/dev" 2>/dev/null || true
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

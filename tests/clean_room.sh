#!/usr/bin/env bash
# The two commands of README on a Debian 12 that holds nothing but git, make, this machine's certificates and its Rust
# toolchain: what this passes, a stranger's machine passes. Needs root, debootstrap and a network.
#
#   tests/clean_room.sh [GOAL…]     default: 'demo DEMO_ARGS="--once --headless"' and 'test'
#
# $CLEAN_ROOM   where the room is built (default: a temporary folder, removed at the end)
# $KEEP=1       keep it
# The log is written beside the room, and its name printed at the end.
set -euo pipefail

checkout=$(cd "$(dirname "$0")/.." && pwd)
if [ $# -eq 0 ]; then set -- 'demo DEMO_ARGS="--once --headless"' test; fi

# Mounts must not outlive the script, nor be seen outside: everything below runs in a mount namespace of its own.
if [ "${IN_CLEAN_ROOM:-}" != 1 ]; then
    [ "$(id -u)" = 0 ] || { echo "clean room: run as root, debootstrap and mounts need it" >&2; exit 2; }
    command -v debootstrap >/dev/null || { echo "clean room: apt-get install debootstrap" >&2; exit 2; }
    exec env IN_CLEAN_ROOM=1 unshare --mount --pid --fork --kill-child "$0" "$@"
fi

room=${CLEAN_ROOM:-$(mktemp -d /var/tmp/clean-room.XXXXXX)}
log=${room%/}.log
root=$room/root
mkdir -p "$root"
: >"$log"
leave() {
    umount --recursive "$root/proc" "$root/dev" "$root/opt/rust" "$root/src" 2>/dev/null || true
    if [ -z "${KEEP:-}" ]; then rm -rf --one-file-system "$room"; fi
}
trap leave EXIT

say() { echo "clean room: $*" | tee -a "$log"; }
used() { du -sxm "$root" | cut -f 1; }

# timed WHAT COMMAND…: runs it, then says how long it took and how many MB it left behind.
timed() {
    local what=$1 started=$SECONDS before status=0
    before=$(used)
    shift
    "$@" >>"$log" 2>&1 || status=$?
    say "$what: $(awk "BEGIN { printf \"%.1f\", ($SECONDS - $started) / 60 }") min, $(($(used) - before)) MB"
    if [ "$status" != 0 ]; then
        tail -n 40 "$log"
        say "$what: FAILED with $status, whole log in $log"
        exit 1
    fi
}

inside() {
    chroot "$root" /usr/bin/env -i HOME=/root LANG=C.UTF-8 RUSTUP_AUTO_INSTALL=0 \
        RUSTUP_HOME=/opt/rust/rustup PATH=/opt/rust/cargo/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        sh -ec "$1"
}

build_root() {
    [ -e "$root/etc/debian_version" ] || debootstrap --variant=minbase --include=git,make,ca-certificates bookworm "$root"
    # As on any machine: names are looked up, and whom this machine trusts is trusted.
    cp --dereference /etc/resolv.conf /etc/hosts "$root/etc/"
    if ls /usr/local/share/ca-certificates/*.crt >/dev/null 2>&1; then
        cp /usr/local/share/ca-certificates/*.crt "$root/usr/local/share/ca-certificates/"
    fi
    mkdir -p "$root/opt/rust/rustup" "$root/opt/rust/cargo" "$root/src"
    mount --types proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    mount --make-rslave "$root/dev"
    mount --types tmpfs tmpfs "$root/opt/rust"
    mkdir -p "$root/opt/rust/rustup" "$root/opt/rust/cargo/bin"
    mount --bind --options ro "${RUSTUP_HOME:-$HOME/.rustup}" "$root/opt/rust/rustup"
    # The programs only: no registry, no cache, no configuration of whoever runs this.
    cp --archive "${CARGO_HOME:-$HOME/.cargo}/bin/." "$root/opt/rust/cargo/bin/"
    inside 'update-ca-certificates; rustc --version'
}

clone() {
    # What is committed, and nothing that lies around in the checkout.
    rm -rf "$root/root/portside"
    git clone --quiet --no-hardlinks "$checkout" "$root/root/portside"
    local data=${PORTSIDE_DATA:-$checkout/../shared/data}
    if [ -d "$data" ]; then
        mkdir -p "$root/root/shared"
        cp --recursive "$data" "$root/root/shared/data"
    fi
}

say "$(git -C "$checkout" log -1 --format='%h %s'), $(nproc) cores, load $(cut -d ' ' -f 1 /proc/loadavg)"
timed "Debian" build_root
timed "clone and test data" clone
for goal in "$@"; do
    timed "make $goal" inside "cd /root/portside && make --no-print-directory $goal </dev/null"
done
grep -E '^test result|passed' "$log" | tail -n 3 || true
say "done; whole log in $log"

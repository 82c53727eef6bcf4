#!/usr/bin/env bash
# The unit in a Debian 12 that boots: with no network at all the lane starts, reloads, is replaced when it stops making
# progress, and ends in order; and what it can write cannot be run. Needs root, debootstrap and systemd-nspawn.
#
#   tests/booted.sh PORTSIDE LANE.toml     a built daemon, and a lane file whose id is G03 and whose [store] dir is
#                                          /var/lib/portside/G03
#
# $BOOT_ROOT    a root to use again (default: a temporary one, removed at the end)
set -euo pipefail

[ $# = 2 ] || { sed -n '2,8s/^# \?//p' "$0"; exit 2; }
program=$(realpath "$1") lane=$(realpath "$2")
shipped=$(cd "$(dirname "$0")/../systemd" && pwd)
for tool in debootstrap systemd-nspawn; do
    command -v "$tool" >/dev/null || { echo "booted: $tool is missing: apt-get install debootstrap systemd-container" >&2; exit 2; }
done

root=${BOOT_ROOT:-$(mktemp -d /var/tmp/booted.XXXXXX)}
trap '[ -n "${BOOT_ROOT:-}" ] || rm -rf --one-file-system "$root"' EXIT
[ -e "$root/etc/debian_version" ] ||
    debootstrap --variant=minbase --include=systemd-sysv,procps,util-linux,iproute2 bookworm "$root" >"$root.log" 2>&1

install -D -m 755 "$program" "$root/usr/bin/portside"
install -D -m 644 "$lane" "$root/etc/portside/G03.toml"
install -D -m 644 "$shipped/portside@.service" "$root/etc/systemd/system/portside@.service"
install -D -m 644 "$shipped/sysusers.d/portside.conf" "$root/usr/lib/sysusers.d/portside.conf"
install -D -m 644 "$shipped/tmpfiles.d/portside.conf" "$root/usr/lib/tmpfiles.d/portside.conf"
mkdir -p "$root/usr/libexec/portside"
# A stopped process cannot answer the watchdog's SIGABRT, and the test need not wait as long for it as a site does.
install -d "$root/etc/systemd/system/portside@.service.d"
printf '[Service]\nTimeoutAbortSec=1s\n' >"$root/etc/systemd/system/portside@.service.d/hurry.conf"

cat >"$root/examine.sh" <<'GUEST'
exec >/examined 2>&1
failed=0
expect() { # WHAT WANTED GOT
    if [ "$2" = "$3" ]; then echo "ok: $1: $3"; else echo "FAILED: $1: wanted '$2', got '$3'"; failed=1; fi
}
show() { systemctl show portside@G03 --property="$1" --value; }
until_restarted() { while [ "$(show NRestarts)" -lt "$1" ]; do sleep 0.2; done; while [ "$(show ActiveState)" != active ]; do sleep 0.2; done; }

systemctl daemon-reload
systemctl start portside@G03
expect 'interfaces of this machine' 'lo' "$(ls /sys/class/net | xargs)"
expect 'state after the start' active "$(show ActiveState)"
expect 'owner and mode of the store' 'portside portside 700' "$(stat --format='%U %G %a' /var/lib/portside/G03)"
expect 'owner and mode of the socket' 'portside portside 660' "$(stat --format='%U %G %a' /run/portside/*.sock)"
expect 'mode of its folder' 750 "$(stat --format=%a /run/portside)"

cp /bin/true /var/lib/portside/G03/dropped
inside() { nsenter --target "$(show MainPID)" --mount "$@" 2>&1 >/dev/null | sed 's/.*: //'; }
expect 'running what lies in the store' 'Permission denied' "$(inside /var/lib/portside/G03/dropped)"
expect 'running a shell' 'Permission denied' "$(inside /bin/sh -c true)"
rm /var/lib/portside/G03/dropped

systemctl reload portside@G03
expect 'state after a reload' 'active 0' "$(show ActiveState) $(show NRestarts)"
kill -9 "$(show MainPID)"
until_restarted 1
expect 'state after kill -9' 'active 1' "$(show ActiveState) $(show NRestarts)"
kill -STOP "$(show MainPID)"
until_restarted 2
expect 'state after it stood still' 'active 2' "$(show ActiveState) $(show NRestarts)"
before=$(date +%s%N)
systemctl stop portside@G03
echo "note: the orderly end took $((($(date +%s%N) - before) / 1000000)) ms"
expect 'result of the orderly end' 'success 0' "$(show Result) $(show ExecMainStatus)"

echo '[lane' >/etc/portside/G03.toml
systemctl start portside@G03
sleep 3 # twice RestartSec: a restart would have come
expect 'a faulty lane file' 'failed 2 0' "$(show ActiveState) $(show ExecMainStatus) $(show NRestarts)"

[ $failed = 0 ] || journalctl --unit 'portside@G03' --output=cat --no-pager | tail -n 60
echo "examined: $failed"
kill -RTMIN+4 1
GUEST
cat >"$root/etc/systemd/system/examine.service" <<'UNIT'
[Unit]
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/bin/bash /examine.sh
TimeoutStartSec=180
FailureAction=poweroff-force
UNIT
mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
ln -sf ../examine.service "$root/etc/systemd/system/multi-user.target.wants/examine.service"
rm -rf "$root/examined" "$root/var/lib/portside"

timeout 300 systemd-nspawn --quiet --directory="$root" --boot --private-network --register=no --keep-unit \
    </dev/null >>"$root.log" 2>&1 || true
cat "$root/examined"
grep -q '^examined: 0$' "$root/examined"

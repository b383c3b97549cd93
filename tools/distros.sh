#!/usr/bin/env bash
# Follows the README on minimal Debian systems: debootstrap a folder, clone this repository into it, `make run`, `make test`.
# Needs root and debootstrap. Everything lies below $WORK and is removed unless KEEP is set.
#   tools/distros.sh [SUITE ...]          bookworm and trixie by default
# MIRROR    where debootstrap finds Debian (its own default without)
# TARGETS   the make targets to run (default: run test run)
# Certificates that this machine trusts, and where its pip looks for packages, are carried into the folders: behind a
# company's proxy nothing could be fetched otherwise.
set -euo pipefail
cd "$(dirname "$0")/.."
repository=$PWD
work=${WORK:-$(mktemp -d /tmp/acrawl-distros.XXXXXX)}
mkdir -p "$work"

leave() {
  for folder in proc dev sys; do umount -l "$1/$folder" 2>/dev/null || true; done
}

carry() {
  mkdir -p "$1/etc/ssl/certs"
  for file in /etc/pip.conf /etc/ssl/certs/ca-certificates.crt; do
    [ ! -f "$file" ] || cp "$file" "$1$file"
  done
}

follow() {
  local suite=$1 root=$work/$1 began
  [ -x "$root/usr/bin/apt-get" ] || debootstrap --variant=minbase "$suite" "$root" ${MIRROR:-} >"$work/$suite.debootstrap" 2>&1
  trap 'leave "'"$root"'"' EXIT
  mount -t proc proc "$root/proc"; mount --rbind /dev "$root/dev"; mount --make-rslave "$root/dev"
  cp /etc/resolv.conf "$root/etc/" 2>/dev/null || true
  carry "$root"
  local inside=(chroot "$root" /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive
    REQUESTS_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt)
  "${inside[@]}" sh -c 'apt-get update -qq && apt-get install -y -qq git make python3-venv' >"$work/$suite.apt" 2>&1
  carry "$root"  # once more: git brings ca-certificates, which writes its own
  rm -rf "$root/acrawl"
  git clone -q "$repository" "$root/acrawl"
  echo "== $suite: $("${inside[@]}" python3 --version), $(cut -d: -f2 <<<"$("${inside[@]}" grep PRETTY_NAME= /etc/os-release)")"
  for target in ${TARGETS:-run test run}; do
    began=$(date +%s)
    if "${inside[@]}" make -C /acrawl "$target" >"$work/$suite.$target" 2>&1; then
      echo "-- $suite: make $target: ok after $(($(date +%s) - began)) s; it ends with"
    else
      echo "-- $suite: make $target: FAILED after $(($(date +%s) - began)) s; it ends with"
    fi
    tail -n 6 "$work/$suite.$target"
  done
  leave "$root"
  trap - EXIT
}

for suite in "${@:-bookworm trixie}"; do for one in $suite; do follow "$one"; done; done
[ -n "${KEEP:-}" ] || rm -rf --one-file-system "$work"

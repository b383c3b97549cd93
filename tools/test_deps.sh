#!/usr/bin/env bash
# Makes sure of what the tests need and pip cannot bring; prints the one command that mends what is missing.
set -eu
missing=()
command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || missing+=(chromium)
PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v nginx >/dev/null || missing+=(nginx-light)
command -v zstd >/dev/null || missing+=(zstd)
[ ${#missing[@]} -eq 0 ] && exit 0
install="apt-get install -y --no-install-recommends ${missing[*]}"
if ! command -v apt-get >/dev/null; then
  echo "the tests need ${missing[*]}: install it with the system's package manager" >&2
  exit 3
fi
if [ "$(id -u)" = 0 ]; then
  run=""
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
  run="sudo"
else
  echo "the tests need ${missing[*]}: sudo $install" >&2
  exit 3
fi
echo "installing what the tests need: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
$run apt-get update -qq

# Debian starts the services that it installs: nginx would sit on port 80, for ever. The tests start one of their own.
# A policy of this moment forbids that (a policy that is there already knows better), and what the package enabled for
# the next start of the system is disabled again.
policy=/usr/sbin/policy-rc.d
own_policy=
allow_services() { [ -z "$own_policy" ] || $run rm -f "$policy"; }
if [ ! -e "$policy" ]; then
  own_policy=1
  trap allow_services EXIT
  printf '#!/bin/sh\nexit 101\n' | $run tee "$policy" >/dev/null
  $run chmod 755 "$policy"
fi
$run $install >/dev/null
case " ${missing[*]} " in
  *" nginx-light "*)
    if command -v systemctl >/dev/null && [ -d /run/systemd/system ]; then
      $run systemctl disable --now -q nginx
    elif command -v update-rc.d >/dev/null; then
      $run update-rc.d nginx disable >/dev/null
    fi
    ;;
esac

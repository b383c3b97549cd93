#!/usr/bin/env bash
# Makes sure of what the tests need and pip cannot bring; prints the one command that mends what is missing.
set -eu
missing=()
command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || missing+=(chromium)
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
$run $install >/dev/null

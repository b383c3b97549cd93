#!/usr/bin/env bash
# Fails when the staged change touches src/ without a line in CHANGELOG.md; ACRAWL_NO_CHANGELOG=1 says none is owed.
set -eu
[ -n "${ACRAWL_NO_CHANGELOG:-}" ] && exit 0
changed=$(git diff --cached --name-only)
grep -q '^src/' <<<"$changed" || exit 0
grep -q '^CHANGELOG.md$' <<<"$changed" && exit 0
echo "src/ changes without an entry in CHANGELOG.md (or say ACRAWL_NO_CHANGELOG=1)" >&2
exit 1

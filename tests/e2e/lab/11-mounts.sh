#!/usr/bin/env bash
# lab/run where the host has mounts of its own below the root, as Debian 13 has /tmp in memory: a script there runs, and what it writes is scratch.
# host
source "$ESPALIER_ROOT/tests/checks.sh"
if [ "${1:-}" != inside ]; then exec unshare --mount "$0" inside; fi
scratch=$(mktemp -d)
trap 'umount "$scratch"; rmdir "$scratch"; _end' EXIT
mount -t tmpfs tmpfs "$scratch"
# shellcheck disable=SC2016  # expanded by the script
echo 'echo written >"$(dirname "$0")/new" && cat "$(dirname "$0")/new"' >"$scratch/script"
for on in native uml; do
  check "a script in a file system in memory runs ($on)" "$ESPALIER_ROOT/lab/run" --on "$on" --timeout 120 "$scratch/script"
  said "  and writes there" written
  equal "  to nothing that stays" script "$(ls "$scratch")"
done

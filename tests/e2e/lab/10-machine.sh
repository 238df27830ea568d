#!/usr/bin/env bash
# host
# What lab/run promises: arguments, status, output, environment, scratch, time limit, several at once.
# Runs on the host, for the kind of machine that lab/run chooses (ESPALIER_LAB_ON names another).
set -euo pipefail
run=$ESPALIER_ROOT/lab/run
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0
same() {
  if [ "$2" = "$3" ]; then
    echo "ok   $1"
  else
    echo "NOT OK $1: wanted '$2', got '$3'"
    failed=1
  fi
}

mkdir "$scratch/a folder" "$scratch/kept"
cat >"$scratch/a folder/script" <<'S'
printf '%s|' "$@" "$PWD" "$HOME" "$LANG" "${ESPALIER_SEEN:-}" "${GIVEN:-}" "${HIDDEN:-}" "$(id -u)"
echo
echo "to standard error" >&2
echo written >"$(dirname "$0")/by-script"
[ ! -d kept ] || echo kept >kept/file
exit 42
S
cd "$scratch"
status=0
out=$(ESPALIER_SEEN=yes HIDDEN=no "$run" --env 'GIVEN=a value' --out "$scratch/kept" "a folder/script" "one two" '' '$three*' 2>"$scratch/err") || status=$?
same "the exit status is the script's" 42 "$status"
same "arguments, folder and environment arrive" "one two||\$three*|$scratch|/root|C|yes|a value||0|" "$out"
same "standard error is apart" "to standard error" "$(cat "$scratch/err")"
same "what the script writes is gone" "" "$(ls "a folder/by-script" 2>/dev/null || true)"
same "what it writes to --out stays" "kept" "$(cat kept/file)"

same "all output arrives, unchanged" "$(seq 200000 | sha256sum)" "$("$run" seq 200000 | sha256sum)"
same "both outputs in one keep their order" "1 2 3 4" "$("$run" bash -c 'echo 1; echo 2 >&2; echo 3; echo 4 >&2' 2>&1 | tr '\n' ' ' | sed 's/ $//')"
same "output ends without a newline where the script's does" "x" "$("$run" printf x)"
same "a command that is not there: 127 from the shell" 127 "$("$run" bash -c 'not-there' 2>/dev/null; echo $?)"
same "death by a signal is 128 and its number" 143 "$("$run" bash -c 'kill -TERM $$'; echo $?)"
same "the network is empty but for lo, which is up" "lo" "$("$run" bash -c 'ip -o link show up | cut -d: -f2 | tr -d " "')"
same "time is limited: 124" 124 "$("$run" --timeout 2 sleep 60 2>/dev/null; echo $?)"
same "a background process does not hold the machine" 0 "$("$run" --timeout 60 bash -c 'sleep 500 & exit 0' 2>/dev/null; echo $?)"

echo 'hostname "m$1"; ip link add d0 type bridge; for i in 1 2 3 4 5; do echo "$1"; sleep 0.1; done; ip -o link show d0 | wc -l; hostname' >several
for n in 1 2 3; do "$run" several "$n" >"several.$n" & done
wait
for n in 1 2 3; do
  same "machine $n of three beside each other is undisturbed" "$n $n $n $n $n 1 m$n" "$(tr '\n' ' ' <"several.$n" | sed 's/ $//')"
done

# A machine ends with its caller, also one that was killed. Its processes on this host have the file `held` open as 9.
"$run" --out "$scratch/kept" bash -c 'echo up >kept/up; sleep 300' 9>held &
caller=$!
for _ in $(seq 200); do [ ! -e kept/up ] || break; sleep 0.1; done
machines() { for f in /proc/[0-9]*/fd/9; do [ "$(readlink "$f" 2>/dev/null)" != "$scratch/held" ] || echo "$f"; done | wc -l; }
same "the machine runs" yes "$([ "$(machines)" -gt 1 ] && echo yes)"
kill -KILL "$caller"
wait "$caller" 2>/dev/null || true
for _ in $(seq 100); do [ "$(machines)" -ne 0 ] || break; sleep 0.1; done
same "and is gone once its caller was killed" 0 "$(machines)"

exit $failed

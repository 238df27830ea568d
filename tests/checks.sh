# Sourced by the tests' own libraries, inside a machine or on the host: how a test says what it found.
#
#   check TEXT COMMAND…       the command must succeed
#   refuse TEXT COMMAND…      the command must fail
#   said TEXT PATTERN         the command of the last check or refuse printed that
#   show                      what the command of the last check or refuse printed, into the log
#   equal TEXT WANTED GOT
#   … | has PATTERN           reads to the end, unlike grep -q, which may end the program before it by SIGPIPE
#   note TEXT                 said in the log only
#   need TEXT COMMAND…        else the whole test is skipped (status 77): this machine cannot show it
#
# Every check is one line, "ok" or "NOT OK", with what the command said when it is not. A test goes on after a failed
# check; it fails at its end, or at once where a command outside of a check fails.
# shellcheck shell=bash
set -euo pipefail

_checks=0 _failed=0

_end() {
  local status=$?
  rm -f "$_said" "$_said.before"
  [ "$status" -eq 77 ] && exit 77
  if [ "$status" -ne 0 ]; then
    echo "NOT OK the test itself ended with status $status${_at_line:+ at line $_at_line}"
    exit 1
  fi
  echo "$_checks checks, $_failed failed"
  [ "$_checks" -gt 0 ] && [ "$_failed" -eq 0 ] || exit 1
}
trap '_at_line=$LINENO' ERR
trap _end EXIT

note() { echo "     $*"; }

_said=$(mktemp)
_result() {
  _checks=$((_checks + 1))
  if [ "$1" = ok ]; then
    echo "ok   $2"
  else
    _failed=$((_failed + 1))
    echo "NOT OK $2"
    sed 's/^/       /' "$_said" | tail -n 20
  fi
}

check() {
  if "${@:2}" >"$_said" 2>&1; then _result ok "$1"; else _result not "$1"; fi
}

refuse() {
  if "${@:2}" >"$_said" 2>&1; then _result not "$1"; else _result ok "$1"; fi
}

said() {
  cp "$_said" "$_said.before"
  check "$1" grep -e "$2" "$_said.before"
  cp "$_said.before" "$_said"
}

show() { sed 's/^/     /' "$_said"; }

has() { grep -E -e "$1" >/dev/null; }

equal() {
  echo "wanted '$2', got '$3'" >"$_said"
  if [ "$2" = "$3" ]; then _result ok "$1"; else _result not "$1"; fi
}

need() {
  "${@:2}" >"$_said" 2>&1 && return 0
  echo "skipped: $1"
  exit 77
}

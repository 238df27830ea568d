# Sourced by the demos: how they tell what they do.
#
#   say TEXT               the next step
#   must TEXT COMMAND…     one line: it held, or not, with the last that the command said; $bad is then 1
# shellcheck shell=bash

_step=0 bad=0
say() { _step=$((_step + 1)); printf '\n\033[1m[%s] %s\033[0m\n' "$_step" "$*"; }
must() {
  if "${@:2}" >/run/.demo 2>&1; then
    echo "  ok      $1"
  else
    echo "  FAILED  $1"
    sed 's/^/          /' /run/.demo | tail -n 5
    # shellcheck disable=SC2034  # the demo asks for it at its end
    bad=1
  fi
}

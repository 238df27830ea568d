# Sourced by the tests of this folder: kube_probe in the background, and what it said.
#
#   probe NAME ARG...      starts kube_probe; what it says goes to /run/NAME.log, its pid to /run/NAME.pid
#   says NAME PATTERN [N]  waits up to 60 s until N lines (1) match
#   count NAME PATTERN     how many lines match
#   end_probe NAME         SIGTERM, and waits for its end
# shellcheck shell=bash
# shellcheck source=../lib.sh
source "$ESPALIER_ROOT/tests/api/lib.sh"
need "kube_probe is built" command -v kube_probe

probe() {
  local name=$1
  shift
  kube_probe "$@" >"/run/$name.log" 2>&1 &
  echo "$!" >"/run/$name.pid"
}
count() { grep -cE -e "$2" "/run/$1.log" || true; }
_said_enough() { [ "$(count "$1" "$2")" -ge "$3" ]; }
says() {
  wait_until 60 _said_enough "$1" "$2" "${3:-1}" && return 0
  tail -n 15 "/run/$1.log"
  return 1
}
end_probe() {
  local pid
  pid=$(cat "/run/$1.pid")
  kill -TERM "$pid"
  wait "$pid"
}

# Sourced by every test in tests/api, inside lab/apiserver: the server, and how a test says what it found (tests/checks.sh).
#
#   apply_crds           the CRDs of crds/, established
#   refused TEXT PATTERN  the object on standard input is refused by the API server, with a message that matches (fixed text)
#   accepted TEXT         the object on standard input is taken
#
#   known_as WHO COMMAND…  WHO has a kubeconfig with the token that COMMAND prints
#   agent N               the agent's Pod on node N, bound to which agentN has a token
#   as WHO COMMAND…       kubectl as WHO
#
#   background NAME COMMAND…  starts it; what it says goes to /run/NAME.log, its pid to /run/NAME.pid
#   says NAME PATTERN [N]  waits up to 60 s until N lines (1) match
#   count NAME PATTERN     how many lines match
#   end_probe NAME         SIGTERM, and waits for its end
# shellcheck shell=bash
# shellcheck source=../checks.sh
source "$ESPALIER_ROOT/tests/checks.sh"
# shellcheck source=../../lab/kubernetes/apiserver.sh
source "$ESPALIER_ROOT/lab/kubernetes/apiserver.sh"

crds=$ESPALIER_ROOT/crds

apply_crds() {
  local files=() file
  for file in "$crds"/*.yaml; do files+=(-f "$file"); done
  kubectl apply --server-side "${files[@]}" >/dev/null
  kubectl wait --for condition=Established --timeout 60s "${files[@]}" >/dev/null
}

refused() {
  refuse "refused: $1" kubectl create --validate=strict --dry-run=server -f -
  said "  and says: $2" "$2"
}

known_as() {
  "${@:2}" >"/run/$1.token"
  kubeconfig_for "$1" --token-file "/run/$1.token" >/dev/null
}
agent() {
  pod espalier-system "agent-$1" "node$1" espalier-agent
  known_as "agent$1" pod_token espalier-system "agent-$1"
}
as() { kubectl --kubeconfig "$API/$1.kubeconfig" "${@:2}"; }

background() {
  "${@:2}" >"/run/$1.log" 2>&1 &
  echo "$!" >"/run/$1.pid"
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

accepted() { check "accepted: $1" kubectl create --validate=strict --dry-run=server -f -; }

# Sourced by every test in tests/api, inside lab/apiserver: the server, and how a test says what it found (tests/checks.sh).
#
#   apply_crds           the CRDs of crds/, established
#   refused TEXT PATTERN  the object on standard input is refused by the API server, with a message that matches (fixed text)
#   accepted TEXT         the object on standard input is taken
# shellcheck shell=bash
# shellcheck source=../checks.sh
source "$ESPALIER_ROOT/tests/checks.sh"
# shellcheck source=../../lab/cluster/apiserver.sh
source "$ESPALIER_ROOT/lab/cluster/apiserver.sh"

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

accepted() { check "accepted: $1" kubectl create --validate=strict --dry-run=server -f -; }

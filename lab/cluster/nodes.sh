# Sourced by scripts that lab/cluster/run runs, after apiserver.sh: what can be done to the nodes.
#
#   on NODE COMMAND…         runs a command on node NODE (a number), as root; its output and exit status are passed on
#
# and what lab/capture.sh has: the wire is the bridge between the machines, outside of them.
# shellcheck shell=bash
# shellcheck source=lab/topology.sh
source "$ESPALIER_ROOT/lab/topology.sh"
# shellcheck source=lab/capture.sh
source "$ESPALIER_ROOT/lab/capture.sh"
[ -e /run/netns/wire ] || ip netns attach wire $$

on() {
  local n=$1 command status=0 errors
  shift
  printf -v command '%q ' "$@"
  errors=$(mktemp)
  dbclient -y -y -T -i "$API/key" "root@10.10.0.1$n" "export PATH=$(cat "$API/programs"):\$PATH; $command" 2>"$errors" </dev/null || status=$?
  grep -v -e '^Host .* key ' -e '^dbclient: Caution' -e '^$' "$errors" >&2 || true
  rm -f "$errors"
  return "$status"
}

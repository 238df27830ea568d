# Sourced by scripts that lab/cluster/run runs, after apiserver.sh: what can be done to the nodes.
#
#   on NODE COMMAND…         runs a command on node NODE (a number), as root; its output and exit status are passed on
#   wire_start FILE [FILTER] captures what goes between the nodes, on the bridge outside of them, until
#   wire_stop FILE
# shellcheck shell=bash

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

declare -gA _wire_pid=()
wire_start() {
  tcpdump -i br0 -w "$1" -U -s 200 "${@:2}" >"$1.log" 2>&1 &
  _wire_pid[$1]=$!
  wait_until 20 grep -q "listening on" "$1.log"
}
wire_stop() {
  sleep 1
  kill "${_wire_pid[$1]}"
  wait "${_wire_pid[$1]}" || true
}

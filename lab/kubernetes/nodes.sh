# Sourced by scripts that lab/cluster run runs, after apiserver.sh: what can be done to the nodes.
#
#   on NODE COMMAND…         runs a command on node NODE (a number), as root; its output and exit status are passed on
#   reboot_node N            cuts its power for a moment; wait_for SECONDS rebooted N
#   netns_of N ADDRESS       the name of the network namespace, on node N, of the pod that has that address
#   pod_stream_start FROM ADDRESS1 TO ADDRESS2 [RATE [PORT]]   numbered UDP packets from the pod with ADDRESS1 on node FROM to the one with ADDRESS2 on
#                            node TO, 100 a second; both ends run on the nodes, and need no API server
#   pod_stream_stop PORT     ends it and sets what stream_stop of lab/capture.sh sets
#
# and what lab/capture.sh has: the wire is the bridge between the machines, outside of them.
# shellcheck shell=bash
# shellcheck source=lab/topology.sh
source "$ESPALIER_ROOT/lab/topology.sh"
# shellcheck source=lab/capture.sh
source "$ESPALIER_ROOT/lab/capture.sh"
[ -e /run/netns/wire ] || ip netns attach wire $$

on() { "$ESPALIER_ROOT/lab/kubernetes/on" "$@" </dev/null; }

declare -gA _boot_id=()
_boot() { kubectl get "node/node$1" -o jsonpath='{.status.nodeInfo.bootID}'; }
reboot_node() {
  _boot_id[$1]=$(_boot "$1")
  on "$1" sh -c 'sync; (sleep 1; echo b >/proc/sysrq-trigger) >/dev/null 2>&1 &'
}
rebooted() {
  [ "$(_boot "$1")" != "${_boot_id[$1]}" ] &&
    [ "$(kubectl get "node/node$1" -o jsonpath='{.status.conditions[?(@.type=="Ready")].status}')" = True ]
}

netns_of() {
  # shellcheck disable=SC2016  # the node's shell expands it
  on "$1" sh -c 'for name in $(ls /run/netns); do if ip -n "$name" -o addr | grep -qF " $0/"; then echo "$name"; fi; done' "$2"
}

declare -gA _stream_ends=()
# _in_pod N NETNS BASE COMMAND…: starts a program there; its pid is in BASE.pid, its output in BASE.out, on that node.
_in_pod() {
  # shellcheck disable=SC2016
  on "$1" sh -c 'base=$0 name=$1; shift; rm -f "$base".*
    nohup setsid nsenter --net="/run/netns/$name" -- "$@" >"$base.out" 2>"$base.err" </dev/null & echo $! >"$base.pid"' "$3" "$2" "${@:4}"
}
pod_stream_start() {
  local from=$1 to=$3 rate=${5:-100} port=${6:-7000} source sink
  source=$(netns_of "$from" "$2") sink=$(netns_of "$to" "$4")
  if [ -z "$source" ] || [ -z "$sink" ]; then
    echo "no pod has $2 on node$from or $4 on node$to" >&2
    return 1
  fi
  _in_pod "$to" "$sink" "/run/received-$port" "$(type -P lab-stream)" receive "$port" "/run/received-$port.ready"
  wait_for 60 on "$to" test -e "/run/received-$port.ready"
  _in_pod "$from" "$source" "/run/sent-$port" "$(type -P lab-stream)" send "$4" "$port" "$rate"
  _stream_ends[$port]="$from $to"
}
pod_stream_stop() {
  local port=${1:-7000} from to
  read -r from to <<<"${_stream_ends[$port]}"
  # shellcheck disable=SC2016  # the node's shell expands it
  local end='kill "$(cat "$0.pid")"; while kill -0 "$(cat "$0.pid")" 2>/dev/null; do sleep 0.1; done; cat "$0.out"'
  on "$from" sh -c "$end" "/run/sent-$port" >"/run/stream-$port.sent"
  pause 2 # what is on its way
  on "$to" sh -c "$end" "/run/received-$port" >"/run/stream-$port.received"
  _stream_said "$port"
}

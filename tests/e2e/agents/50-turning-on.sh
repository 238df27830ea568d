#!/usr/bin/env bash
# Encryption turned on under traffic, one node after the other and in either order: no policy, Preferred, Required; and off again. Nothing is lost,
# and agents that have nothing to protect leave nothing behind.
# lab: --timeout 400
source "$ESPALIER_ROOT/tests/e2e/lib.sh"
source "$ESPALIER_ROOT/lab/espalier.sh"
source "$ESPALIER_ROOT/tests/e2e/agents/mesh.sh"

lab_nodes 2
lab_pods 1
lab_routes
pki_ca root
for n in 1 2; do pki_node "node$n" root; espalier_node $n; espalier_start $n; done
for n in 1 2; do check "the agent of node$n runs" wait_for 60 ectl $n status; done

policy() { # NODE ENFORCEMENT; none: there is no policy
  if [ "$2" = none ]; then
    rm -f "$(espalier_dir "$1")/manifests/extra.yaml"
  else
    mesh_policy "$2" | espalier_apply "$1" -
  fi
}
encrypted() { assert_sa_pair node1 node2 && [ "$(xfrm_bytes node1 out)" -gt 0 ] && [ "$(xfrm_bytes node2 out)" -gt 0 ]; }
policies() { for n in 1 2; do ip -n "node$n" xfrm policy list | grep -c ^src; done | xargs; }
exemptions=$(policies)
clear() { no_sa node1 node2 && [ "$(policies)" = "$exemptions" ]; }

# turn WHAT ENFORCEMENT FIRST SECOND THEN…: the two nodes in this order, under streams of pods both ways and of the nodes; THEN must come to hold.
turn() {
  local what=$1 to=$2 first=$3 second=$4 name port
  shift 4
  stream_start pod1-1 pod2-1 "$(pod_ip 2 1)" 100 7001
  stream_start pod2-1 pod1-1 "$(pod_ip 1 1 6)" 100 7002
  stream_start node1 node2 "$(node_ip 2)" 100 7003
  policy "$first" "$to"
  pause 3
  policy "$second" "$to"
  check "$what" wait_for 60 "$@"
  pause 2
  for port in "7001 pods, IPv4" "7002 pods, IPv6, the other way" "7003 nodes"; do
    read -r port name <<<"$port"
    stream_stop "$port"
    check "  $name: $STREAM_SENT sent, $STREAM_LOST lost, longest gap $STREAM_GAP" test "$STREAM_LOST" -eq 0
  done
  note "node1: $(xfrm_errors node1 | xargs); node2: $(xfrm_errors node2 | xargs)"
}
for order in "1 2" "2 1"; do
  # shellcheck disable=SC2086
  turn "node ${order% *} first: Preferred" Preferred $order encrypted
  # shellcheck disable=SC2086
  turn "  then Required" Required $order encrypted
  # shellcheck disable=SC2086
  turn "  Preferred again" Preferred $order encrypted
  # shellcheck disable=SC2086
  turn "  and off" none $order clear
done

# What the kernel itself made while it waited for an SA is gone after net.core.xfrm_acq_expires, 30 s.
nothing_in() { [ -z "$(ip -n "$1" xfrm state; ip -n "$1" xfrm policy; at "$1" nft list tables)" ]; }
for n in 1 2; do
  espalier_stop $n
  check "node$n's kernel has nothing of ours" wait_for 60 nothing_in node$n
done

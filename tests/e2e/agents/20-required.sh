#!/usr/bin/env bash
# Required blocks: with the peer's agent down not one clear packet leaves, IPv4 and IPv6, of streams that run through SIGKILL, restart and SIGTERM; a
# killed agent leaves traffic flowing, a restarted one adopts and loses nothing.
# lab: --timeout 400
source "$ESPALIER_ROOT/tests/e2e/lib.sh"
source "$ESPALIER_ROOT/lab/espalier.sh"
source "$ESPALIER_ROOT/tests/e2e/agents/mesh.sh"

lab_nodes 2
lab_pods 1
lab_routes
mesh_manifests 2

# Only node1's agent runs: it blocks, both families, for nodes and pods.
policies() { ip -n node1 xfrm policy | grep -c 'tmpl src'; }
espalier_start 1
check "the blocking policies stand" wait_for 15 eval '[ "$(policies)" -ge 6 ]'
capture_start /tmp/wire.pcap
# Nobody but clear packets could bring these to the other end.
stream_start node1 node2 "$(node_ip 2)" 50 7014
stream_start node1 node2 "$(node_ip 2 6)" 50 7016
stream_start pod1-1 pod2-1 "$(pod_ip 2 1)" 50 7024
stream_start pod1-1 pod2-1 "$(pod_ip 2 1 6)" 50 7026
nothing_leaves() { # WHEN
  local to
  for to in "$(node_ip 2)" "$(node_ip 2 6)"; do refuse "$1, node1 does not reach $to in clear" at node1 ping -c 2 -i 0.2 -W 1 -q "$to"; done
  for to in "$(pod_ip 2 1)" "$(pod_ip 2 1 6)"; do refuse "$1, pod1-1 does not reach $to in clear" at pod1-1 ping -c 2 -i 0.2 -W 1 -q "$to"; done
}
nothing_leaves "with the peer's agent down"
refuse "nor pod1-1 node2" at pod1-1 ping -c 2 -i 0.2 -W 1 -q "$(node_ip 2)"
espalier_kill 1
nothing_leaves "with the agent killed"
espalier_start 1
nothing_leaves "while it starts again"
check "it runs" wait_for 60 ectl 1 status
espalier_stop 1
nothing_leaves "with the agent stopped"
espalier_start 1
check "it runs again" wait_for 60 ectl 1 status
for port in "7014 node to node, IPv4" "7016 node to node, IPv6" "7024 pod to pod, IPv4" "7026 pod to pod, IPv6"; do
  read -r port name <<<"$port"
  stream_stop "$port"
  equal "$name: of $STREAM_SENT packets through all that none arrived" 0 "$STREAM_RECEIVED"
  check "  and packets there were" test "$STREAM_SENT" -gt 100
done
capture_stop /tmp/wire.pcap
# node2 has no agent: its kernel answers IKE with ICMP, in clear.
equal "not one clear packet left node1" 0 \
  "$(capture_count /tmp/wire.pcap "(src host $(node_ip 1) or src host $(node_ip 1 6) or src net $(pod_net 1) or src net $(pod_net 1 6)) and not ($_esp or $_exempt)")"
equal "nor any of the pods'" 0 "$(capture_count /tmp/wire.pcap "net 10.244.0.0/16 or net fd00:244::/32")"
check "no clear text" capture_assert_no_text /tmp/wire.pcap 'espalier clear text'

espalier_start 2
mesh_pairs_up 2
check "then packets cross" at pod1-1 ping -c 2 -i 0.2 -W 2 -q "$(pod_ip 2 1)"
capture_start /tmp/wire2.pcap

# SIGKILL under traffic, both ways, both ends: SAs stay, a new agent adopts them and keys anew beside them.
stream_start pod1-1 pod2-1 "$(pod_ip 2 1)" 200 7000
stream_start node2 node1 "$(node_ip 1)" 200 7001
old=$(xfrm_spis node1 in | tr '\n' ' ')
espalier_kill 1
pause 2
check "traffic goes on without the agent" at pod1-1 ping -c 2 -i 0.2 -W 2 -q "$(pod_ip 2 1)"
espalier_start 1
check "new SAs stand beside the old" wait_for 20 eval '[ "$(xfrm_spis node1 in | tr "\n" " ")" != "$old" ] && assert_sa_pair node1 node2'
pause 3
espalier_kill 2
espalier_start 2
pause 6
stream_stop 7000
note "pods: sent $STREAM_SENT, lost $STREAM_LOST"
equal "nothing of the pods' stream is lost" 0 "$STREAM_LOST"
stream_stop 7001
note "nodes: sent $STREAM_SENT, lost $STREAM_LOST"
equal "nothing of the nodes' stream is lost" 0 "$STREAM_LOST"
espalier_stop 1
check "an agent that was stopped leaves traffic flowing" at pod1-1 ping -c 2 -i 0.2 -W 2 -q "$(pod_ip 2 1)"
capture_stop /tmp/wire2.pcap
check "the wire held ESP and IKE only" capture_assert_only_esp_ike /tmp/wire2.pcap

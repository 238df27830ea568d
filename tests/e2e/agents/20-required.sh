#!/usr/bin/env bash
# Required blocks: with the peer's agent down not one clear packet leaves, IPv4 and IPv6, also across SIGKILL and restart; a
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
for to in "$(node_ip 2)" "$(node_ip 2 6)"; do
  refuse "node1 does not reach $to in clear" at node1 ping -c 2 -i 0.2 -W 1 -q "$to"
done
for to in "$(pod_ip 2 1)" "$(pod_ip 2 1 6)" "$(node_ip 2)"; do
  refuse "pod1-1 does not reach $to in clear" at pod1-1 ping -c 2 -i 0.2 -W 1 -q "$to"
done
espalier_kill 1
for to in "$(node_ip 2)" "$(node_ip 2 6)"; do
  refuse "with the agent killed, node1 does not reach $to in clear" at node1 ping -c 2 -i 0.2 -W 1 -q "$to"
done
refuse "with the agent killed, pod1-1 does not either" at pod1-1 ping -c 2 -i 0.2 -W 1 -q "$(pod_ip 2 1)"
espalier_start 1
refuse "while it starts again, node1 does not" at node1 ping -c 3 -i 0.2 -W 1 -q "$(node_ip 2)"
capture_stop /tmp/wire.pcap
equal "not one clear packet left node1" 0 \
  "$(capture_count /tmp/wire.pcap "(src host $(node_ip 1) or src host $(node_ip 1 6) or src net $(pod_net 1) or src net $(pod_net 1 6)) and not ($_esp or $_exempt)")"

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

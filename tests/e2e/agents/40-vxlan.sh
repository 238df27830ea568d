#!/usr/bin/env bash
# Pods over VXLAN under a Required policy: what is between the nodes is NodeToNode, so the wire holds ESP and IKE and neither VXLAN nor a
# pod's packet; without the peer's agent not even VXLAN leaves.
# lab: --timeout 400
source "$ESPALIER_ROOT/tests/e2e/lib.sh"
source "$ESPALIER_ROOT/lab/espalier.sh"
source "$ESPALIER_ROOT/tests/e2e/agents/mesh.sh"

lab_nodes 3
lab_pods 1
lab_vxlan
pki_ca root
for n in 1 2 3; do
  pki_node "node$n" root
  LAB_NODES=3 espalier_node "$n" --overlay
  mesh_policy | espalier_apply "$n" -
done

check "before any agent, pods reach pods by VXLAN" at pod1-1 ping -c 1 -W 10 -q "$(pod_ip 2 1)"
espalier_start 1
espalier_start 2
pair() { [ -n "$(xfrm_spis node1 out "$(node_ip 2)")" ] && [ -n "$(xfrm_spis node1 out "$(node_ip 2 6)")" ]; }
check "node1 and node2 have their SAs, both families" wait_for 90 pair
capture_start /tmp/wire.pcap
for f in 4 6; do
  check "pod1-1 reaches pod2-1 by IPv$f" at pod1-1 ping -c 3 -i 0.1 -W 10 -q "$(pod_ip 2 1 $f)"
  check "and pod2-1 pod1-1" at pod2-1 ping -c 3 -i 0.1 -W 10 -q "$(pod_ip 1 1 $f)"
done
before=$(xfrm_bytes node1 out)
stream_check() {
  stream_start pod1-1 pod2-1 "$1" 300
  pause 2
  stream_stop
  note "sent $STREAM_SENT"
  equal "a stream between pods to $1 loses nothing" 0 "$STREAM_LOST"
}
stream_check "$(pod_ip 2 1)"
stream_check "$(pod_ip 2 1 6)"
check "its octets went by ESP" test $(($(xfrm_bytes node1 out) - before)) -gt $((STREAM_SENT * 50))
check "a large packet of the overlay crosses" at pod1-1 ping -c 2 -i 0.1 -W 10 -s $((LAB_POD_MTU - 28)) -M do -q "$(pod_ip 2 1)"
# No agent on node3 yet: what Required covers stays.
refuse "pod1-1 does not reach pod3-1" at pod1-1 ping -c 2 -i 0.2 -W 1 -q "$(pod_ip 3 1)"
capture_stop /tmp/wire.pcap
equal "no VXLAN and no pod's packet was on the wire" 0 "$(capture_count /tmp/wire.pcap 'udp port 8472 or net 10.244.0.0/16 or net fd00:244::/32')"
# node3 has no agent and answers IKE with ICMP, in clear.
equal "from the others there was ESP and IKE only" 0 "$(capture_count /tmp/wire.pcap "not (src host $(node_ip 3) or src host $(node_ip 3 6) or $_esp or $_exempt)")"
check "and ESP there was" test "$(capture_count /tmp/wire.pcap 'ip proto 50')" -gt 1000
check "no clear text" capture_assert_no_text /tmp/wire.pcap 'espalier clear text'
equal "one SA each way and family is all that node1 and node2 need" "2 2" "$(xfrm_spis node1 in | wc -l) $(xfrm_spis node1 out | wc -l)"
espalier_start 3
check "node3's agent comes, and pod1-1 reaches pod3-1" wait_for 90 at pod1-1 ping -c 1 -W 2 -q "$(pod_ip 3 1)"

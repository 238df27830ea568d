#!/usr/bin/env bash
# Over an overlay: PodToPod tunnel policies take packets before VXLAN; NodeToNode covers VXLAN as a whole.
source "$ESPALIER_ROOT/tests/e2e/lib.sh"
source "$ESPALIER_ROOT/tests/e2e/facts/hand_keyed.sh"

lab_nodes 2
lab_pods 1
lab_vxlan
a=$(node_ip 1) b=$(node_ip 2)
need "no ESP in this kernel" keyed_pair 1 2
clean node1 node2

capture_start /tmp/wire.pcap
check "pods reach each other over VXLAN" ping_from pod1-1 "$(pod_ip 2 1)"
capture_stop /tmp/wire.pcap
equal "request and answer on the wire are VXLAN" 2 "$(capture_count /tmp/wire.pcap 'udp port 8472')"

for pair in "1 2" "2 1"; do
  read -r from to <<<"$pair"
  tunnel "$from" "$to"
  policy "node$from" out "$(pod_net "$from")" "$(pod_net "$to")" "${tunnel[@]}"
  for dir in in fwd; do policy "node$to" $dir "$(pod_net "$from")" "$(pod_net "$to")" "${tunnel[@]}"; done
done
keyed_pair 1 2 mode tunnel
capture_start /tmp/wire.pcap
check "PodToPod policies carry the traffic" ping_from pod1-1 "$(pod_ip 2 1)"
capture_stop /tmp/wire.pcap
equal "past the overlay: ESP of the pods' own packets, no VXLAN" "2 0" "$(capture_count /tmp/wire.pcap 'ip proto 50') $(capture_count /tmp/wire.pcap 'udp port 8472')"
small=$(capture_count /tmp/wire.pcap 'ip proto 50 and less 160')
equal "with the size of a tunnel without VXLAN in it" 2 "$small"
clean node1 node2

policy node1 out "$a" "$b" "${transport[@]}"
policy node1 in "$b" "$a" "${transport[@]}"
policy node2 out "$b" "$a" "${transport[@]}"
policy node2 in "$a" "$b" "${transport[@]}"
keyed_pair 1 2
capture_start /tmp/wire.pcap
check "NodeToNode carries the overlay" ping_from pod1-1 "$(pod_ip 2 1)"
check "IPv6 pods too, in the same SAs" ping_from pod1-1 "$(pod_ip 2 1 6)"
capture_stop /tmp/wire.pcap
check "by ESP alone" capture_assert_only_esp_ike /tmp/wire.pcap

#!/usr/bin/env bash
# Pods selected by sets: a bit in the mark says "not one of these pods", so that a packet nobody looked at goes by ESP.
source "$ESPALIER_ROOT/tests/e2e/lib.sh"
source "$ESPALIER_ROOT/tests/e2e/facts/hand_keyed.sh"

lab_nodes 2
lab_pods 2
lab_routes
net1=$(pod_net 1) net2=$(pod_net 2)
need "no ESP in this kernel" keyed_pair 1 2
clean node1 node2

# Of pods 1 of both nodes, nothing else: seen 0x1000, by ESP 0x800, not selected 0x400.
marks() {
  at "$1" nft -f - <<-NFT
	table inet sel {
	  set pods { type ipv4_addr; elements = { $(pod_ip 1 1), $(pod_ip 2 1) } }
	  set scope { type ipv4_addr . ipv4_addr; flags interval; elements = { $2 . $3 } }
	  counter clear { }
	  chain first {
	    type filter hook prerouting priority mangle - 1;
	    meta ipsec exists meta mark set meta mark & 0xffffe3ff
	    meta ipsec exists meta mark set meta mark | 0x800 return
	    ip saddr . ip daddr @scope meta mark set meta mark | 0x1400
	    ip daddr . ip saddr @scope meta mark set meta mark | 0x1400
	    ip saddr @pods meta mark set meta mark & 0xfffffbff
	    ip daddr @pods meta mark set meta mark & 0xfffffbff
	  }
	  chain guard {
	    type filter hook prerouting priority mangle;
	    meta ipsec missing ip daddr . ip saddr @scope meta mark & 0x1400 == 0x1000 counter name clear drop
	  }
	}
	NFT
}
for pair in 1:2 2:1; do
  n=${pair%:*} m=${pair#*:}
  tunnel "$n" "$m"
  policy "node$n" out "$(pod_net "$n")" "$(pod_net "$m")" mark 0 mask 0x400 "${tunnel[@]}"
  tunnel "$m" "$n"
  policy "node$n" fwd "$(pod_net "$m")" "$(pod_net "$n")" mark 0 mask 0x400 tmpl src "$(node_ip "$m")" dst "$(node_ip "$n")" proto esp mode tunnel
  policy "node$n" in "$(pod_net "$m")" "$(pod_net "$n")" mark 0 mask 0x400 tmpl src "$(node_ip "$m")" dst "$(node_ip "$n")" proto esp mode tunnel
done
refuse "without marks and SAs nothing passes" ping_briefly pod1-2 "$(pod_ip 2 2)"
ip -n node1 xfrm state flush
keyed_pair 1 2 mode tunnel
capture_start /tmp/wire.pcap
check "without marks all pods' traffic passes" ping_from pod1-2 "$(pod_ip 2 2)"
capture_stop /tmp/wire.pcap
check "by ESP" capture_assert_only_esp_ike /tmp/wire.pcap

marks node1 "$net1" "$net2"
capture_start /tmp/wire.pcap
check "marks on one node: its selected pod speaks" ping_from pod1-1 "$(pod_ip 2 2)"
capture_stop /tmp/wire.pcap
check "by ESP" capture_assert_only_esp_ike /tmp/wire.pcap
counts node2 XfrmInTmplMismatch ping_briefly pod1-2 "$(pod_ip 2 2)"
check "a node without marks refuses clear packets" [ "$COUNTED" -ge 1 ]

marks node2 "$net2" "$net1"
for pods in "1-1 2 1" "1-1 2 2" "1-2 2 1"; do
  # shellcheck disable=SC2086
  set -- $pods
  capture_start /tmp/wire.pcap
  check "pod $1 to $2-$3, one of them selected" ping_from "pod$1" "$(pod_ip "$2" "$3")"
  capture_stop /tmp/wire.pcap
  check "by ESP" capture_assert_only_esp_ike /tmp/wire.pcap
done
capture_start /tmp/wire.pcap
check "two pods that are not selected" ping_from pod1-2 "$(pod_ip 2 2)"
capture_stop /tmp/wire.pcap
equal "speak in clear" 2 "$(capture_count /tmp/wire.pcap icmp)"

stopped() { at "$1" nft list counter inet sel clear | sed -n 's/.*packets \([0-9]*\).*/\1/p'; }

# The receiver's set may be behind the sender's.
at node2 nft flush set inet sel pods
counts node2 XfrmInNoPols ping_briefly pod1-1 "$(pod_ip 2 1)"
equal "ESP of pods that the receiver does not know meets a policy" 0 "$COUNTED"
before=$(stopped node1)
refuse "their answer in clear does not come back" ping_briefly pod1-1 "$(pod_ip 2 1)"
equal "because the sender's packet filter stops it" 1 "$(($(stopped node1) - before))"
at node2 nft -f - <<'NFT'
table inet follow {
  chain remember { type filter hook prerouting priority mangle; meta ipsec exists ct mark set ct mark | 0x800; }
  chain answer { type filter hook prerouting priority mangle + 1; meta ipsec missing ct mark & 0x800 == 0x800 meta mark set meta mark & 0xfffffbff; }
}
NFT
check "a connection that remembers that it came by ESP is answered by ESP" ping_from pod1-1 "$(pod_ip 2 1)"
at node2 nft delete table inet follow
at node2 nft add element inet sel pods "{ $(pod_ip 1 1), $(pod_ip 2 1) }"

# A clear packet of a selected pod, from a sender whose set is behind: the packet filter sees it before XFRM does.
at node1 nft flush set inet sel pods
before=$(stopped node2)
refuse "clear packets of a selected pod are stopped" ping_briefly pod1-1 "$(pod_ip 2 2)"
equal "and counted by the packet filter" 1 "$(($(stopped node2) - before))"

# Without the tables there is no mark, and what nobody looked at goes by ESP.
for ns in node1 node2; do at $ns nft delete table inet sel; done
capture_start /tmp/wire.pcap
check "with the packet filter flushed all pods' traffic passes" ping_from pod1-2 "$(pod_ip 2 2)"
capture_stop /tmp/wire.pcap
check "by ESP" capture_assert_only_esp_ike /tmp/wire.pcap

# Two policies for some pods between the same two nodes: an inbound SA writes into the mark which of them it serves.
clean node1 node2
tunnel 1 2
policy node1 out "$net1" "$net2" "${tunnel[@]}"
other=(tmpl src "$(node_ip 1)" dst "$(node_ip 2)" proto esp reqid 2 mode tunnel)
policy node2 fwd "$net1" "$net2" priority 10 mark 0 mask 0x100 "${other[@]}"
policy node2 fwd "$net1" "$net2" priority 20 mark 0 mask 0x200 "${tunnel[@]}"
keyed_pair 1 2 mode tunnel
counts node2 XfrmInTmplMismatch ping_briefly pod1-1 "$(pod_ip 2 1)"
equal "an unmarked packet meets the first policy, which wants another SA" 1 "$COUNTED"
ip -n node2 xfrm state flush
keyed_sa node2 "$(node_ip 1)" "$(node_ip 2)" 0x1204 mode tunnel output-mark 0xd00 mask 0x1f00
check "an SA that says that its packets are not the first policy's is taken by the second" \
  ping_from pod1-1 "$(pod_ip 2 1)"

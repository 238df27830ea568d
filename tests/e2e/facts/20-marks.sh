#!/usr/bin/env bash
# Marks and pod selection: what decapsulated traffic matches, what nftables sees, how an answer follows its request.
source "$ESPALIER_ROOT/tests/e2e/lib.sh"
source "$ESPALIER_ROOT/tests/e2e/facts/hand_keyed.sh"

lab_nodes 2
lab_pods 1
lab_routes
a=$(node_ip 1) b=$(node_ip 2) net1=$(pod_net 1) net2=$(pod_net 2) target=$(pod_ip 2 1)
need "no ESP in this kernel" keyed_pair 1 2
clean node1 node2

# --- Traffic out of a tunnel is checked again, without any mark.
keyed_pair 1 2 mode tunnel
tunnel 1 2
policy node1 out "$net1" "$net2" "${tunnel[@]}"
policy node2 fwd "$net1" "$net2" mark 0x10 mask 0x10 "${tunnel[@]}"
counts node2 XfrmInNoPols ping_briefly pod1-1 "$target"
check "decapsulated traffic misses a FWD policy with a mark and is dropped (XfrmInNoPols)" [ "$COUNTED" -ge 1 ]
ip -n node2 xfrm policy flush
policy node2 fwd "$net1" "$net2" "${tunnel[@]}"
tunnel 2 1
policy node2 out "$net2" "$net1" "${tunnel[@]}"
policy node1 fwd "$net2" "$net1" "${tunnel[@]}"
check "an unmarked FWD policy takes it" ping_from pod1-1 "$target"

# --- nftables: POSTROUTING sees the packet before ESP, PREROUTING sees it after.
for ns in node1 node2; do
  at $ns nft -f - <<-'NFT'
	table inet look {
	  counter out_missing { }
	  counter out_exists { }
	  counter in_missing { }
	  counter in_exists { }
	  counter forward_exists { }
	  chain post {
	    type filter hook postrouting priority 300;
	    icmp type { echo-request, echo-reply } rt ipsec missing counter name out_missing
	    icmp type { echo-request, echo-reply } rt ipsec exists counter name out_exists
	  }
	  chain pre {
	    type filter hook prerouting priority -300;
	    icmp type { echo-request, echo-reply } meta ipsec missing counter name in_missing
	    icmp type { echo-request, echo-reply } meta ipsec exists counter name in_exists
	  }
	  chain forward {
	    type filter hook forward priority 0;
	    icmp type { echo-request, echo-reply } meta ipsec exists counter name forward_exists
	  }
	}
	NFT
done
packets() { at "$1" nft list counter inet look "$2" | sed -n 's/.*packets \([0-9]*\).*/\1/p'; }
ping_from pod1-1 "$target" >/dev/null
equal "rt ipsec exists: the request at node1, before it is encrypted" 1 "$(packets node1 out_exists)"
equal "rt ipsec missing: the answer that node1 hands to its pod" 1 "$(packets node1 out_missing)"
equal "meta ipsec exists: the request at node2, after it was decrypted" 1 "$(packets node2 in_exists)"
equal "meta ipsec exists in FORWARD too, in software" 1 "$(packets node2 forward_exists)"
equal "meta ipsec missing: the answer that node2's pod sends" 1 "$(packets node2 in_missing)"
clean node1 node2
at node1 nft reset counters >/dev/null
ping_from pod1-1 "$target" >/dev/null
equal "without policies both directions are missing, both ways" "2 2" "$(packets node1 out_missing) $(packets node1 in_missing)"
at node2 nft add rule inet look pre icmp type echo-request meta ipsec missing drop
refuse "a drop of what misses IPsec at the receiver stops clear packets" ping_briefly pod1-1 "$target"
at node1 nft flush ruleset
at node2 nft flush ruleset

# --- A table outlives the process that made it, unless it has the flag owner.
at node1 nft add table inet stays
check "a table stays when its maker ends" at node1 nft list table inet stays
at node1 nft 'add table inet owned { flags owner; }' || true
refuse "a table with the flag owner is gone with its maker" at node1 nft list table inet owned
at node1 nft flush ruleset

# --- An answer follows its request by ESP: a mark on the connection, a mark on the packet, a policy with that mark.
policy node1 out "$a" "$b" "${transport[@]}"
policy node2 in "$a" "$b" "${transport[@]}" level use
policy node2 out "$b" "$a" mark 0x10 mask 0x10 "${transport[@]}"
policy node1 in "$b" "$a" "${transport[@]}" level use
keyed_pair 1 2
capture_start /tmp/wire.pcap
check "without the marks the answer comes" ping_from node1 "$b"
capture_stop /tmp/wire.pcap
equal "in clear" 1 "$(capture_count /tmp/wire.pcap "icmp and src $b")"
at node2 nft -f - <<'NFT'
table inet follow {
  chain pre { type filter hook prerouting priority -100; meta ipsec exists ct mark set 0x10; }
  chain out { type route hook output priority -100; ct mark 0x10 meta mark set 0x10; }
}
NFT
capture_start /tmp/wire.pcap
check "with the marks the answer comes" ping_from node1 "$b"
capture_stop /tmp/wire.pcap
check "by ESP" capture_assert_only_esp_ike /tmp/wire.pcap

#!/usr/bin/env bash
# Forwarded traffic: masquerading, forward policies, who is hit by a block that is too wide.
source "$ESPALIER_ROOT/tests/e2e/lib.sh"
source "$ESPALIER_ROOT/tests/e2e/facts/hand_keyed.sh"

lab_nodes 2
lab_pods 2
lab_routes
a=$(node_ip 1) b=$(node_ip 2) net1=$(pod_net 1) net2=$(pod_net 2)
need "no ESP in this kernel" keyed_pair 1 2
clean node1 node2

# --- Masquerade looks policies up again, with the node's address.
tunnel 1 2
policy node1 out "$net1" "$b" "${tunnel[@]}"
policy node2 in "$net1" "$b" "${tunnel[@]}"
for ns in node1 node2; do keyed_sa $ns "$a" "$b" 0x1204 mode tunnel; done
capture_start /tmp/wire.pcap
check "PodToNode without masquerade is answered" ping_from pod1-1 "$b"
capture_stop /tmp/wire.pcap
equal "its request goes by ESP" "1 0" "$(capture_count /tmp/wire.pcap "ip proto 50 and src $a") $(capture_count /tmp/wire.pcap "icmp[0] == 8")"
lab_masquerade node1
capture_start /tmp/wire.pcap
ping_briefly pod1-1 "$b" >/dev/null || true
capture_stop /tmp/wire.pcap
equal "with masquerade it leaves in clear, past the policy" 1 "$(capture_count /tmp/wire.pcap "icmp[0] == 8 and src $a")"
clean node1 node2

# --- With IN and OUT alone, a clear answer to a masqueraded pod is forwarded.
policy node1 out "$a" "$b" "${transport[@]}"
policy node1 in "$b" "$a" "${transport[@]}"
policy node2 in "$a" "$b" "${transport[@]}"
keyed_pair 1 2
capture_start /tmp/wire.pcap
check "IN and OUT between nodes let a clear answer through to a masqueraded pod" ping_from pod1-1 "$b"
capture_stop /tmp/wire.pcap
equal "the request was masqueraded and went by ESP" 1 "$(capture_count /tmp/wire.pcap "ip proto 50 and src $a")"
equal "the answer was clear" 1 "$(capture_count /tmp/wire.pcap "icmp[0] == 0 and src $b and dst $a")"
policy node1 fwd "$b" "$a" "${transport[@]}"
refuse "a FWD policy between the node addresses stops it: XFRM sees the tuple before NAT" ping_briefly pod1-1 "$b"
policy node2 out "$b" "$a" "${transport[@]}"
check "and lets an answer by ESP through" ping_from pod1-1 "$b"
clean node1 node2
at node1 nft flush ruleset

# --- A block that is too wide hits the node's own pods.
tunnel 1 2
policy node1 out "$net1" "$net2" "${tunnel[@]}"
policy node2 in "$net1" "$net2" "${tunnel[@]}"
policy node2 fwd "$net1" "$net2" "${tunnel[@]}"
tunnel 2 1
policy node2 out "$net2" "$net1" "${tunnel[@]}"
policy node1 in "$net2" "$net1" "${tunnel[@]}"
policy node1 fwd "$net2" "$net1" "${tunnel[@]}"
keyed_pair 1 2 mode tunnel
capture_start /tmp/wire.pcap
check "PodToPod with FWD from remote to local flows" ping_from pod1-1 "$(pod_ip 2 1)"
capture_stop /tmp/wire.pcap
check "by ESP alone" capture_assert_only_esp_ike /tmp/wire.pcap
policy node1 fwd 10.244.0.0/16 10.244.0.0/16 priority 1 action block
counts node1 XfrmInPolBlock ping_briefly pod1-1 "$(pod_ip 2 1)"
check "a FWD block on the whole pod network kills egress before it is encrypted" [ "$COUNTED" -ge 1 ]
ip -n node1 xfrm policy delete dir fwd src 10.244.0.0/16 dst 10.244.0.0/16
check "without it traffic flows again" ping_from pod1-1 "$(pod_ip 2 1)"

# --- A tunnel's packets are not encrypted again by the nodes' transport policy.
policy node1 out "$a" "$b" "${transport[@]}"
policy node2 in "$a" "$b" "${transport[@]}"
for ns in node1 node2; do
  ip -n $ns xfrm state add src "$a" dst "$b" proto esp spi 0x77 reqid 2 mode transport aead 'rfc4106(gcm(aes))' "$_key" 128 sel src "$a" dst "$b"
done
ip -n node1 xfrm policy update dir out src "$a" dst "$b" tmpl proto esp reqid 2 mode transport
ip -n node2 xfrm policy update dir in src "$a" dst "$b" tmpl proto esp reqid 2 mode transport
capture_start /tmp/wire.pcap
check "PodToPod beside NodeToNode flows" ping_from pod1-1 "$(pod_ip 2 1)"
capture_stop /tmp/wire.pcap
equal "by the tunnel's SA alone" "1 0" "$(capture_count /tmp/wire.pcap 'ip proto 50 and ip[20:4] == 0x1204') $(capture_count /tmp/wire.pcap 'ip proto 50 and ip[20:4] == 0x77')"

# --- One tunnel SA for both inner families.
clean node1 node2
tunnel 1 2
policy node1 out "$(pod_net 1 6)" "$(pod_net 2 6)" "${tunnel[@]}"
for dir in in fwd; do policy node2 $dir "$(pod_net 1 6)" "$(pod_net 2 6)" "${tunnel[@]}"; done
for ns in node1 node2; do keyed_sa $ns "$a" "$b" 0x1204 mode tunnel; done
refuse "a tunnel SA of IPv4 does not carry IPv6" ping_briefly pod1-1 "$(pod_ip 2 1 6)"
ip -n node1 xfrm state flush && ip -n node2 xfrm state flush
for ns in node1 node2; do keyed_sa $ns "$a" "$b" 0x1204 mode tunnel flag af-unspec; done
check "with the flag af-unspec it does" ping_from pod1-1 "$(pod_ip 2 1 6)"

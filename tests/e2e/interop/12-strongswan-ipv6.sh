#!/usr/bin/env bash
# strongSwan as responder over IPv6: transport mode, P-256, its rekeys of the Child and of the IKE SA.
# lab: --timeout 400
source "$ESPALIER_ROOT/tests/e2e/lib.sh"
source "$ESPALIER_ROOT/lab/espalier.sh"
source "$ESPALIER_ROOT/tests/e2e/interop/tunnel.sh"

lab_nodes 2
pki_ca root
pki_node node1 root
pki_node node2 root
their_strongswan --family 6
our_tunnel --family 6
espalier_start 1
capture_start /tmp/wire.pcap
settle "IPv6 transport" node1 node2 "$(node_ip 2 6)"
stream_check "the peer's rekey of the Child" node1 node2 "$(node_ip 2 6)" child_rekeyed 2 peer node2 swanctl --rekey --child lab
stream_check "the peer's rekey of the IKE SA" node2 node1 "$(node_ip 1 6)" ike_rekeyed 2 peer node2 swanctl --rekey --ike lab
check "an SA between IPv6 addresses" eval 'ip -n node1 xfrm state | has "src $(node_ip 1 6) dst $(node_ip 2 6)"'
out=$(xfrm_bytes node1 out) in=$(xfrm_bytes node1 in)
check "the streams' octets went by ESP ($out out, $in in)" test "$in" -gt 5000
equal "as many came in at the peer" "$out $in" "$(xfrm_bytes node2 in) $(xfrm_bytes node2 out)"
capture_stop /tmp/wire.pcap
check "the wire held ESP and IKE only" only_esp_ike /tmp/wire.pcap
check "and ESP over IPv6 there was" test "$(capture_count /tmp/wire.pcap 'ip6 proto 50')" -gt 100
equal "nothing over IPv4" 0 "$(capture_count /tmp/wire.pcap ip)"

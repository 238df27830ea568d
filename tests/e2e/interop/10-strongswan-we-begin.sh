#!/usr/bin/env bash
# strongSwan as responder, transport mode, IPv4, P-256 certificates: up, rekeys by either side, deletes, the peer killed and back.
# lab: --timeout 400
source "$ESPALIER_ROOT/tests/e2e/lib.sh"
source "$ESPALIER_ROOT/lab/espalier.sh"
source "$ESPALIER_ROOT/tests/e2e/interop/tunnel.sh"

lab_nodes 2
pki_ca root
pki_node node1 root
pki_node node2 root
their_strongswan
our_tunnel --life 10
espalier_start 1
wait_for 15 assert_sa_pair node1 node2
capture_start /tmp/wire.pcap
settle "first"

spi() { xfrm_spis node1 in | tr '\n' ' '; }
before=$(spi)
stream_check "our rekey of the Child" node1 node2 "$(node_ip 2)" wait_for 20 eval '[ "$(spi)" != "$before" ] && [ "$(xfrm_spis node1 in | wc -l)" -eq 1 ]'
check "the Child was rekeyed" test "$(spi)" != "$before"
settle "after our rekey"

stream_check "the peer's rekey of the Child" node2 node1 "$(node_ip 1)" peer node2 swanctl --rekey --child lab
settle "after the peer's rekey"
stream_check "the peer's rekey of the IKE SA" node1 node2 "$(node_ip 2)" peer node2 swanctl --rekey --ike lab
pause 1
settle "after the peer's rekey of the IKE SA"

peer node2 swanctl --terminate --ike lab >/dev/null
settle "the peer deleted the IKE SA, we begin anew"
capture_stop /tmp/wire.pcap
check "the wire held ESP and IKE only" capture_assert_only_esp_ike /tmp/wire.pcap

peer_kill node2
ip -n node2 xfrm state flush
ip -n node2 xfrm policy flush
pause 1
peer_start node2
check "the peer was killed and is back" wait_for 40 assert_sa_pair node1 node2
check "packets cross again" at node1 ping -c 3 -i 0.1 -W 2 -q "$(node_ip 2)"

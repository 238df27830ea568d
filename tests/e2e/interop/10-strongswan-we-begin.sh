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
our_tunnel --life 15 --liveness 5s
espalier_start 1
capture_start /tmp/wire.pcap
settle "first"
stream_check "our rekey of the Child" node1 node2 "$(node_ip 2)" our_rekeys 2 --liveness 5s
settle "after our rekey"
stream_check "the peer's rekey of the Child" node2 node1 "$(node_ip 1)" child_rekeyed 2 peer node2 swanctl --rekey --child lab
settle "after the peer's rekey"
stream_check "the peer's rekey of the IKE SA" node1 node2 "$(node_ip 2)" ike_rekeyed 2 peer node2 swanctl --rekey --ike lab
settle "after the peer's rekey of the IKE SA"

check "the peer deletes the Child alone" replaced 2 peer node2 swanctl --terminate --child lab
settle "another Child stands"
check "the peer deletes the IKE SA" replaced 2 peer node2 swanctl --terminate --ike lab
settle "we begin anew"

peer_crashes 2
pause 1
peer_start node2
settle "the peer was killed and is back"
capture_stop /tmp/wire.pcap
check "the wire held ESP and IKE only" only_esp_ike /tmp/wire.pcap

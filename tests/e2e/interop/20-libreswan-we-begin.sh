#!/usr/bin/env bash
# libreswan as responder, transport mode, P-256 certificates: up, rekeys by either side, deletes, the peer killed and back.
# lab: --timeout 400
source "$ESPALIER_ROOT/tests/e2e/lib.sh"
source "$ESPALIER_ROOT/lab/espalier.sh"
source "$ESPALIER_ROOT/tests/e2e/interop/tunnel.sh"

lab_nodes 2
pki_ca root
pki_node node1 root
pki_node node2 root
their_libreswan
our_tunnel --life 15 --liveness 5s
espalier_start 1
capture_start /tmp/wire.pcap
settle "first"

# As responder libreswan turns to the new SA before it has answered (RFC 7296 section 2.8 allows it). We reserved the SPI with the kernel when
# we asked (ALLOCSPI), so there is a state without keys, and the kernel counts what comes for it as XfrmAcquireError, where a daemon
# that does not reserve sees XfrmInNoStates. Nothing else may be lost, nor counted.
larval() { xfrm_counter node1 XfrmAcquireError; }
others() { xfrm_errors node1 | awk '$1 != "XfrmAcquireError"' | xargs; }
larval_before=$(larval) others_before=$(others)
stream_start node2 node1 "$(node_ip 1)" 200 7000
stream_start node1 node2 "$(node_ip 2)" 200 7001
check "our rekey of the Child" our_rekeys 2 --liveness 5s
stream_stop 7000
note "to us: sent $STREAM_SENT, lost $STREAM_LOST; $(xfrm_errors node1 | xargs)"
equal "to us only what came for the reserved SPI is lost" $(($(larval) - larval_before)) "$STREAM_LOST"
equal "nothing else is counted" "$others_before" "$(others)"
stream_stop 7001
note "from us: sent $STREAM_SENT, lost $STREAM_LOST; $(xfrm_errors node2 | xargs)"
equal "from us nothing is lost" 0 "$STREAM_LOST"
settle "after our rekey"
stream_check "the peer's rekey of the Child" node1 node2 "$(node_ip 2)" child_rekeyed 2 peer node2 ipsec whack --rekey-child --name lab
settle "after the peer's rekey"
stream_check "the peer's rekey of the IKE SA" node2 node1 "$(node_ip 1)" ike_rekeyed 2 peer node2 ipsec whack --rekey-ike --name lab
settle "after the peer's rekey of the IKE SA"

check "the peer deletes the Child alone" replaced 2 libreswan_deletes_child 2
settle "another Child stands"
check "the peer deletes the IKE SA" replaced 2 peer node2 ipsec down lab
settle "we begin anew"
peer_crashes 2
pause 1
peer_start node2
settle "the peer was killed and is back"
capture_stop /tmp/wire.pcap
check "the wire held ESP and IKE only" only_esp_ike /tmp/wire.pcap

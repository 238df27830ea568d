#!/usr/bin/env bash
# libreswan as responder, transport mode, P-256 certificates: up, rekeys by either side, delete, killed and back.
# lab: --timeout 400
source "$ESPALIER_ROOT/tests/e2e/lib.sh"
source "$ESPALIER_ROOT/lab/espalier.sh"
source "$ESPALIER_ROOT/tests/e2e/interop/tunnel.sh"

lab_nodes 2
pki_ca root
pki_node node1 root
pki_node node2 root
their_libreswan
our_tunnel --life 10
espalier_start 1
settle "first"
capture_start /tmp/wire.pcap
spi() { xfrm_spis node1 in | tr '\n' ' '; }
before=$(spi)
# Packets for an SPI that is unknown, or reserved while its keys are not there yet.
stateless() { echo $(($(xfrm_counter node1 XfrmInNoStates) + $(xfrm_counter node1 XfrmAcquireError))); }
lost_before=$(stateless)
stream_start node2 node1 "$(node_ip 1)"
check "our rekey of the Child" wait_for 25 eval '[ "$(spi)" != "$before" ] && [ "$(xfrm_spis node1 in | wc -l)" -eq 1 ]'
stream_stop
# libreswan turns to the new SA before it has answered (RFC 7296 section 2.8 allows it): what comes in between has no state here.
lost=$(($(stateless) - lost_before))
note "sent $STREAM_SENT, lost $STREAM_LOST, without a state $lost; $(xfrm_errors node1 | xargs)"
equal "only what has no state yet is lost" "$lost" "$STREAM_LOST"
settle "after our rekey"
capture_stop /tmp/wire.pcap
check "the wire held ESP and IKE only" capture_assert_only_esp_ike /tmp/wire.pcap
peer node2 ipsec down lab >/dev/null 2>&1 || true
settle "the peer deleted, we begin anew"
peer_kill node2
ip -n node2 xfrm state flush
ip -n node2 xfrm policy flush
pause 1
peer_start node2
check "the peer was killed and is back" wait_for 40 assert_sa_pair node1 node2

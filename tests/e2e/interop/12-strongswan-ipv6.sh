#!/usr/bin/env bash
# strongSwan as responder over IPv6: transport mode, P-256.
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
settle "IPv6 transport" node1 node2 "$(node_ip 2 6)"
stream_check "the peer's rekey" node1 node2 "$(node_ip 2 6)" peer node2 swanctl --rekey --child lab
check "an SA between IPv6 addresses" sh -c "ip -n node1 xfrm state | grep -q 'src $(node_ip 1 6) dst $(node_ip 2 6)'"

#!/usr/bin/env bash
# strongSwan as initiator, tunnel mode for pods of both families, RSA certificates, PPK required.
# lab: --timeout 400
source "$ESPALIER_ROOT/tests/e2e/lib.sh"
source "$ESPALIER_ROOT/lab/espalier.sh"
source "$ESPALIER_ROOT/tests/e2e/interop/tunnel.sh"

lab_nodes 2
lab_pods 1
lab_routes
pki_ca root
pki_node node1 root --key rsa
pki_node node2 root --key rsa
our_tunnel --pods --ppk --establish Passive
espalier_start 1
wait_for 10 test -s "$(espalier_dir 1)/log"
their_strongswan --pods --ppk
pause 1
refuse "before the peer begins, nothing of the pods leaves" at pod1-1 ping -c 1 -W 1 -q "$(pod_ip 2 1)"
capture_start /tmp/wire.pcap
check "strongSwan brings it up" peer_up node2 lab
settle "IPv4 in the tunnel" pod1-1 pod2-1 "$(pod_ip 2 1)"
settle "IPv6 in the tunnel" pod1-1 pod2-1 "$(pod_ip 2 1 6)"
check "strongSwan says that a PPK was used" eval 'peer node2 swanctl --list-sas | has PPK'
stream_check "the peer's rekey of the Child" pod1-1 pod2-1 "$(pod_ip 2 1)" peer node2 swanctl --rekey --child lab
stream_check "the peer's rekey of the IKE SA" pod2-1 pod1-1 "$(pod_ip 1 1)" peer node2 swanctl --rekey --ike lab
settle "after rekeys" pod1-1 pod2-1 "$(pod_ip 2 1)"
capture_stop /tmp/wire.pcap
check "the wire held ESP and IKE only" capture_assert_only_esp_ike /tmp/wire.pcap

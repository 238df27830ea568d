#!/usr/bin/env bash
# strongSwan as initiator, tunnel mode for pods of both families, RSA certificates, PPK required: its rekeys and deletes; killed and back.
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
our_tunnel --pods --ppk --establish Passive --liveness 5s
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
stream_check "the peer's rekey of the Child" pod1-1 pod2-1 "$(pod_ip 2 1)" child_rekeyed 2 peer node2 swanctl --rekey --child lab
stream_check "the peer's rekey of the IKE SA" pod2-1 pod1-1 "$(pod_ip 1 1)" ike_rekeyed 2 peer node2 swanctl --rekey --ike lab
settle "after rekeys" pod1-1 pod2-1 "$(pod_ip 2 1)"

check "the peer deletes the Child alone" replaced 2 peer node2 swanctl --terminate --child lab
refuse "nothing of the pods leaves without it" at pod1-1 ping -c 1 -W 1 -q "$(pod_ip 2 1)"
check "strongSwan brings it up again" peer_up node2 lab
settle "another Child stands" pod1-1 pod2-1 "$(pod_ip 2 1)"
peer_crashes 2
peer_start node2
check "killed and back, strongSwan brings it up" peer_up node2 lab
check "our old SAs give way" wait_for 40 one_pair 2
settle "packets of both families" pod1-1 pod2-1 "$(pod_ip 2 1)"
check "and IPv6" at pod1-1 ping -c 3 -i 0.1 -W 5 -q "$(pod_ip 2 1 6)"
capture_stop /tmp/wire.pcap
check "the wire held ESP and IKE only" only_esp_ike /tmp/wire.pcap

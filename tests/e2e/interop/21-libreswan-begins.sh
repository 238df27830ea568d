#!/usr/bin/env bash
# libreswan as initiator, tunnel mode between pod networks, RSA certificates: its rekeys and delete; killed and back.
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
our_tunnel --pods --inner 4 --establish Passive --liveness 5s
espalier_start 1
wait_for 10 test -s "$(espalier_dir 1)/log"
their_libreswan --pods --inner 4 --key rsa
capture_start /tmp/wire.pcap
check "libreswan brings it up" peer_up node2 lab
settle "pods" pod1-1 pod2-1 "$(pod_ip 2 1)"
stream_check "the peer's rekey of the Child" pod1-1 pod2-1 "$(pod_ip 2 1)" child_rekeyed 2 peer node2 ipsec whack --rekey-child --name lab
settle "after the peer's rekey" pod1-1 pod2-1 "$(pod_ip 2 1)"
stream_check "the peer's rekey of the IKE SA" pod1-1 pod2-1 "$(pod_ip 2 1)" ike_rekeyed 2 peer node2 ipsec whack --rekey-ike --name lab
settle "after the peer's rekey of the IKE SA" pod1-1 pod2-1 "$(pod_ip 2 1)"

check "the peer deletes the Child" replaced 2 libreswan_deletes_child 2
refuse "nothing of the pods leaves without it" at pod1-1 ping -c 1 -W 1 -q "$(pod_ip 2 1)"
check "libreswan brings it up again" peer_up node2 lab
settle "another Child stands" pod1-1 pod2-1 "$(pod_ip 2 1)"
peer_crashes 2
peer_start node2
check "killed and back, libreswan brings it up" peer_up node2 lab
check "our old SAs give way" wait_for 40 one_pair 2
settle "packets of pods" pod1-1 pod2-1 "$(pod_ip 2 1)"
capture_stop /tmp/wire.pcap
check "the wire held ESP and IKE only" only_esp_ike /tmp/wire.pcap

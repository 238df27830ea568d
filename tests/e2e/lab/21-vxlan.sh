#!/usr/bin/env bash
# The overlay: pods reach each other, and what is on the wire is VXLAN between nodes.
source "$ESPALIER_ROOT/tests/e2e/lib.sh"

lab_nodes 2
lab_pods 1
lab_vxlan
capture_start /tmp/wire.pcap
check "pods on two nodes" at pod1-1 ping -c 1 -W 5 -q "$(pod_ip 2 1)"
check "by IPv6 too" at pod1-1 ping -c 1 -W 5 -q "$(pod_ip 2 1 6)"
check "a node reaches its own pods" at node2 ping -c 1 -W 5 -q "$(pod_ip 2 1)"
capture_stop /tmp/wire.pcap
equal "no pod's own packet is on the wire" 0 "$(capture_count /tmp/wire.pcap 'net 10.244.0.0/16 or net fd00:244::/32')"
equal "four packets of VXLAN are" 4 "$(capture_count /tmp/wire.pcap 'udp port 8472')"

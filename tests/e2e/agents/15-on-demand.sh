#!/usr/bin/env bash
# establish: OnDemand: traps stand and no SA; the first packet raises one, of the family that asks; idleTimeout closes it; the next packet raises
# another. Nothing leaves in clear meanwhile, IPv4 and IPv6.
# lab: --timeout 400
source "$ESPALIER_ROOT/tests/e2e/lib.sh"
source "$ESPALIER_ROOT/lab/espalier.sh"
source "$ESPALIER_ROOT/tests/e2e/agents/mesh.sh"

lab_nodes 2
lab_pods 1
lab_routes
mesh_manifests 2
for n in 1 2; do
  mesh_policy | sed 's/establish: Eager/establish: OnDemand\n  idleTimeout: 10s/' | espalier_apply $n -
  espalier_start $n
done
traps() { [ "$(ip -n "node$1" xfrm policy | grep -c 'tmpl src')" -ge 6 ]; }
for n in 1 2; do check "the traps of node$n stand" wait_for 30 traps $n; done
pause 3
capture_start /tmp/wire.pcap
check "without traffic there is no SA" no_sa node1 node2

# Outbound SAs of node1, by the family of their outer addresses.
count() { xfrm_spis node1 out "$(node_ip 2 "$1")" | wc -l; }
# raised FAMILY OTHER FROM TO: the first ping raises an SA of its family and none of the other; left alone, it is closed.
raised() {
  check "$3 to $4: the first packets raise an SA" at "$3" ping -c 1 -w 20 -q "$4"
  check "$3 to $4: it stands at both ends" wait_for 10 assert_sa_pair node1 node2
  check "$3 to $4: packets cross" at "$3" ping -c 3 -i 0.1 -W 5 -q "$4"
  check "$3 to $4: by ESP" test "$(xfrm_bytes node1 out)" -gt 0
  equal "$3 to $4: one SA, no more" "1 0" "$(count "$1") $(count "$2")"
  check "$3 to $4: idle, it is closed at both ends" wait_for 60 no_sa node1 node2
  check "$3 to $4: the trap stands again" traps 1
}
raised 4 6 node1 "$(node_ip 2)"
raised 6 4 node1 "$(node_ip 2 6)"
raised 4 6 pod1-1 "$(pod_ip 2 1)"
raised 4 6 node1 "$(node_ip 2)"
capture_stop /tmp/wire.pcap
check "the wire held ESP and IKE only" capture_assert_only_esp_ike /tmp/wire.pcap

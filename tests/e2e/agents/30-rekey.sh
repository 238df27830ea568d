#!/usr/bin/env bash
# Child SAs with a life of ten seconds under streams of both directions: rekeyed many times, nothing lost.
# lab: --timeout 400
source "$ESPALIER_ROOT/tests/e2e/lib.sh"
source "$ESPALIER_ROOT/lab/espalier.sh"
source "$ESPALIER_ROOT/tests/e2e/agents/mesh.sh"

lab_nodes 2
lab_pods 1
lab_routes
mesh_manifests 2
for n in 1 2; do mesh_policy Required 10s | espalier_apply $n -; espalier_start $n; done
mesh_pairs_up 2
capture_start /tmp/wire.pcap
stream_start pod1-1 pod2-1 "$(pod_ip 2 1)" 500 7000
stream_start node2 node1 "$(node_ip 1)" 500 7001
stream_start pod2-1 pod1-1 "$(pod_ip 1 1 6)" 500 7002
# Three Childs, so at first three SPIs: nine when each has been replaced twice.
seen=/run/spis
distinct() { xfrm_spis node1 in >>$seen; sort -u $seen | wc -l; }
enough() { pause 1; [ "$(distinct)" -ge 9 ]; }
check "every Child was rekeyed at least twice" wait_for 120 enough
pause 6 # the last old ones drain
for port in 7000 7001 7002; do
  stream_stop $port
  note "stream $port: sent $STREAM_SENT, lost $STREAM_LOST"
  equal "stream $port: nothing is lost" 0 "$STREAM_LOST"
done
note "$(distinct) inbound SPIs seen at node1"
capture_stop /tmp/wire.pcap
check "the wire held ESP and IKE only" capture_assert_only_esp_ike /tmp/wire.pcap

#!/usr/bin/env bash
# Three nodes with pods under one Required policy, both families: everything crosses, the wire holds ESP and IKE only.
# lab: --timeout 400
source "$ESPALIER_ROOT/tests/e2e/lib.sh"
source "$ESPALIER_ROOT/lab/espalier.sh"
source "$ESPALIER_ROOT/tests/e2e/agents/mesh.sh"

mesh_start 3 2
capture_start /tmp/wire.pcap
for to in "$(pod_ip 2 1)" "$(pod_ip 3 2)" "$(pod_ip 2 1 6)" "$(node_ip 2)" "$(node_ip 3 6)"; do
  check "pod1-1 reaches $to" at pod1-1 ping -c 2 -i 0.2 -W 2 -q "$to"
done
for to in "$(node_ip 2)" "$(node_ip 3)" "$(node_ip 2 6)" "$(pod_ip 3 1)"; do
  check "node1 reaches $to" at node1 ping -c 2 -i 0.2 -W 2 -q "$to"
done
stream_start pod2-1 pod3-1 "$(pod_ip 3 1)" 500
pause 1
stream_stop
equal "nothing of a stream is lost" 0 "$STREAM_LOST"
capture_stop /tmp/wire.pcap
check "the wire held ESP and IKE only" capture_assert_only_esp_ike /tmp/wire.pcap
check "no clear text" capture_assert_no_text /tmp/wire.pcap 'espalier clear text'
for n in 1 2 3; do
  equal "node$n: each pair has its SAs, no more" 12 "$(ip -n "node$n" xfrm state list nokeys | grep -c '^src')"
done
check "metrics hold the xfrm_stat rows" eval 'at node1 curl -sf http://127.0.0.1:9464/metrics | has XfrmInNoStates'
check "ready" at node1 curl -sf http://127.0.0.1:9464/readyz

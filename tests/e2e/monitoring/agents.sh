#!/usr/bin/env bash
# Started by 10-prometheus.sh: two nodes with pods and traffic, Prometheus beside them; then faults, one after the other.
source "$ESPALIER_ROOT/tests/e2e/monitoring/mesh.sh"

lab_nodes 2
lab_pods 1
lab_routes
mesh_manifests 2
for n in 1 2; do
  mesh_policy Required 20s | espalier_apply $n -
  espalier_start $n
done
mesh_pairs_up 2
stream_start pod1-1 pod2-1 "$(pod_ip 2 1)" 20 7000
stream_start node2 node1 "$(node_ip 1)" 20 7001

# Once all is up: what agents refused from peers that had none yet is no news.
watch_mesh

note "all is well"
ectl 1 down node2/v4 >/dev/null
ectl 1 up node2/v4 >/dev/null
for n in 1 2; do mesh_policy Required 21s | espalier_apply $n -; done
at node1 curl -sf http://127.0.0.1:9464/metrics >/run/metrics
check "the agent exports what the table says" "$ESPALIER_ROOT/tests/monitoring/exports.py" agent /run/metrics "$ESPALIER_ROOT/docs/metrics.md"
seen() { [ "$(values "$1" | wc -l)" -ge "$2" ]; }
check "a handshake is timed" wait_for 60 seen 'rate(ipsec_ike_handshake_duration_seconds_count{instance="node1"}[1h]) > 0' 1
check "a new plan, too" wait_for 60 seen 'rate(ipsec_policy_apply_duration_seconds_count{instance="node1"}[1h]) > 0' 1
check "SAs are rekeyed" wait_for 90 seen 'sum by (instance) (rate(ipsec_rekeys_total{kind="child"}[5m])) > 0' 2
quiet() { [ "$(values 'sum(up)')" = 2 ] && [ -z "$(firing)" ]; }
check "no alert fires" wait_for 60 quiet
# shellcheck disable=SC2086
check "every query of the dashboards returns something" $AT "$ESPALIER_ROOT/tests/monitoring/dashboards.py" http://127.0.0.1:9090 \
  "$ESPALIER_ROOT/helm/espalier/files/dashboards" --set node=node1 --set peer=node2 cluster node pair
show

counted() { [ "$(values "floor(sum($1{instance=\"node1\"}))")" -ge 50 ]; }

note "packets that nobody should send: forged, from before the replay window, in clear"
# By the SA that has carried most.
inject() {
  at wire "$ESPALIER_ROOT/tests/monitoring/inject.py" "$(node_ip 1)" "$(node_ip 2)" "$(xfrm_list node1 in "$(node_ip 2)" | awk '{print $3, $4}' | sort -k 2n | awk 'END {print $1}')"
}
inject
check_fires EspalierPlaintextBlocked node1
check_fires EspalierKernelErrors node1
check "clear packets are counted as such" wait_for 60 counted ipsec_plaintext_blocked_packets_total
check "forged ones" wait_for 60 counted ipsec_integrity_failures_total
# A sequence number is old once the SA's window has left it behind: one that was just rekeyed must carry some more.
old_counted() { counted ipsec_replay_window_drops_total || { inject && pause 3 && counted ipsec_replay_window_drops_total; }; }
check "old ones" wait_for 60 old_counted

note "one end takes proposals that the other does not offer"
mesh_policy Required 21s | sed 's/esp: {/esp: {proposals: [aes256-sha256], /' | espalier_apply 2 -
check_fires EspalierRekeyFailing node1
check "and the exchange is counted with the peer's answer" wait_for 60 seen \
  'ipsec_ike_exchanges_total{instance="node2",exchange="CREATE_CHILD_SA",result="NO_PROPOSAL_CHOSEN"}' 1

stream_stop 7000
stream_stop 7001

note "an agent that is killed: its peer goes on with the SAs that both kernels have"
for n in 1 2; do mesh_policy | sed 's/^  esp: /  liveness: {delay: 5s}\n&/' | espalier_apply $n -; done
well() { [ "$(values 'sum(ipsec_connections{state="Established"})')" = 4 ]; }
check "all is well again" wait_for 60 well
espalier_kill 2
check_fires EspalierPeerSilent node1
check "its SAs count as tunnels" bash -c '! grep -q "^EspalierTunnelDown node1$"' <<<"$(firing)"
check "and carry packets" at node2 ping -c 1 -W 10 -q "$(node_ip 1)"
note "and the SAs are lost"
for n in 1 2; do at node$n ip xfrm state flush proto esp; done
check_fires EspalierTunnelDown node1

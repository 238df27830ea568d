#!/usr/bin/env bash
# Started by 10-prometheus.sh, beside an API server: an operator with nodes, policies and something to refuse, and Prometheus.
source "$ESPALIER_ROOT/tests/api/operator/operators.sh"
source "$ESPALIER_ROOT/tests/monitoring/prometheus.sh"

prometheus_config espalier-system/espalier-operator node1=127.0.0.1:9465 >/run/prometheus.yaml
prometheus_start /run/prometheus.yaml /run
check "Prometheus is ready" wait_until 60 prometheus_ready
operator_start one 9465 --leader-elect
check "the operator is ready" wait_until 60 ready 9465
check "and leads" wait_until 60 leads 9465
for i in 1 2; do linux_node "$i"; done
kubectl apply --server-side -f - >/dev/null <<'Y'
apiVersion: espalier.io/v1alpha1
kind: IPsecPolicy
metadata: {name: cluster}
spec: {enforcement: Required, traffic: [PodToPod], podSelector: {matchLabels: {app: web}}}
Y
check "it plans" wait_until 60 is 'policies_of node1' cluster
agent 1
request agent1 mine node1 >/dev/null
check "it signs a certificate" wait_until 60 has_certificate mine

# What has only just begun to be exported grows from the next scrape on: a policy that changes is work until it is seen.
linux_node 3
grows() { [ -n "$(values "sum(rate($1[1m])) > 0")" ]; }
worked() {
  grows workqueue_work_duration_seconds_count && grows rest_client_request_duration_seconds_count && return
  kubectl patch ipsecpolicy cluster --type merge -p "{\"spec\": {\"priority\": $((++priority))}}" >/dev/null
  return 1
}
priority=100
check "Prometheus sees it work" wait_until 60 worked
curl -sf http://127.0.0.1:9465/metrics >/run/metrics
check "the operator exports what the table says" "$ESPALIER_ROOT/tests/monitoring/exports.py" operator /run/metrics "$ESPALIER_ROOT/docs/metrics.md"
check "every query of its dashboard returns something" "$ESPALIER_ROOT/tests/monitoring/dashboards.py" http://127.0.0.1:9090 \
  "$ESPALIER_ROOT/helm/espalier/files/dashboards" operator
show
equal "it leads, says Prometheus" 1 "$(values 'sum(leader_election_master_status)')"
equal "it knows its nodes" 3 "$(values 'max(espalier_operator_nodes)')"

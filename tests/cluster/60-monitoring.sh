#!/usr/bin/env bash
# The real Prometheus scrapes a cluster's agents and operators: every query of the dashboards returns something, no alert fires while all is well, and
# then one after the other from real faults. (EspalierRekeyFailing and EspalierCertificateExpiring: tests/e2e/monitoring, as the operator gives both
# ends of a pair the same proposals, and no node a short certificate.)
# lab: --timeout 1800
source "$ESPALIER_ROOT/tests/cluster/lib.sh"
source "$ESPALIER_ROOT/lab/kernel_state.sh"
source "$ESPALIER_ROOT/tests/monitoring/prometheus.sh"
source "$ESPALIER_ROOT/tests/monitoring/rules.sh"
PROMETHEUS=$("$ESPALIER_ROOT/lab/prometheus/fetch")

sleepers_run
helm_installs
check "a policy, with short lives" policy Required ', esp: {lifetime: 60s}'
check "  is Ready" wait_until 240 policy_ready

rules /run/rules.yaml
{
  prometheus_config espalier-system/espalier-agent node1=10.10.0.11:9464 node2=10.10.0.12:9464
  prometheus_config espalier-system/espalier-operator node1=10.10.0.11:9465 node2=10.10.0.12:9465 | sed '1,/^scrape_configs/d'
} >/run/prometheus.yaml
prometheus_start /run/prometheus.yaml /run
check "Prometheus is ready" wait_until 60 prometheus_ready
is() { [ "$(values "$1")" = "$2" ]; }
check "it scrapes two agents" wait_until 60 is 'count(ipsec_build_info)' 2
check "  and the operators" wait_until 60 is 'max(espalier_operator_nodes)' 2
pod_stream_start 1 "$POD1" 2 "$POD2" 20 7000
pod_stream_start 2 "$POD2" 1 "$POD1" 20 7001

note "all is well"
seen() { [ -n "$(values "$1")" ]; }
check "SAs are rekeyed" wait_until 200 seen 'sum(rate(ipsec_rekeys_total{kind="child"}[5m])) > 0'
quiet() { [ -z "$(firing)" ]; }
check "no alert fires" wait_until 60 quiet
# A new plan, a handshake, and work for the operator, in the minute that the queries look at.
check "a change" policy Required ', esp: {lifetime: 70s}'
kubectl exec -n espalier-system "$(agent_of 1)" -- espalierctl down node2/v6 >/dev/null
kubectl exec -n espalier-system "$(agent_of 1)" -- espalierctl up node2/v6 >/dev/null
check "  is followed" wait_until 120 policy_ready
pause 8
check "every query of the dashboards returns something" "$ESPALIER_ROOT/tests/monitoring/dashboards.py" http://127.0.0.1:9090 \
  "$ESPALIER_ROOT/helm/espalier/files/dashboards" --set node=node1 --set peer=node2 cluster node pair operator
show

over() { ! fires "$1" "$2"; }
check_fires() { check "$1 fires at $2" wait_until 120 fires "$1" "$2"; }

note "packets that nobody should send: forged, from before the replay window, in clear"
# xfrm_list of the node itself.
spi() {
  # shellcheck disable=SC2016
  on 1 bash -c 'source "$0/lab/kernel_state.sh"; ip() { [ "$1" != -n ] || shift 2; command ip "$@"; }; xfrm_list here in 10.10.0.12' "$ESPALIER_ROOT" |
    awk '{print $3, $4}' | sort -k 2n | awk 'END {print $1}'
}
"$ESPALIER_ROOT/tests/monitoring/inject.py" 10.10.0.11 10.10.0.12 "$(spi)"
check_fires EspalierPlaintextBlocked node1
check_fires EspalierKernelErrors node1

note "a Secret that is missing"
check "a policy that insists on a PPK" policy Required ', ppk: {mode: Insist, keys: [{id: one, secretRef: {name: absent, key: one}}]}'
check_fires EspalierPlanNotApplied node1
check "taken back" policy Required
check "  it ends" wait_until 120 over EspalierPlanNotApplied node1

note "a node opened by hand"
check "released" kubectl espalier release node1 --yes --why drill
check_fires EspalierReleased node1
check "ended" kubectl espalier release node1 --end
check "  it ends" wait_until 120 over EspalierReleased node1

note "an agent that is gone"
agent_stops 2
check_fires EspalierAgentMissing node2
note "and its SAs lost"
on 2 ip xfrm state flush proto esp
on 1 ip xfrm state flush proto esp
check_fires EspalierTunnelDown node1
check "it goes on" agent_goes_on 2
check "  the policy is Ready" wait_until 240 policy_ready
check "  it ends" wait_until 120 over EspalierAgentMissing node2
check "  both end" wait_until 240 over EspalierTunnelDown node1
pod_stream_stop 7000
pod_stream_stop 7001

# Sourced by the tests of this folder, on the control plane's machine of lab/cluster: checks, what can be done to the API server and the nodes, and
#
#   helm_installs [OPTION…]      installs the chart and waits until every agent is ready; two checks
#   agents_ready                 the DaemonSet has rolled out
#   agent_pid N                  the agent's process on node N
#   agent_stops N, agent_goes_on N   stands still (the kubelet may start another, as it does not answer), and is ready again
#   agent_of N                   the name of the agent's pod there: pod/NAME
#   sleepers NAMESPACE NAME      prints a DaemonSet whose pods do nothing; their label `app` is NAME, and can be changed
#   sleeper N NAMESPACE NAME FIELD   a field of its pod on node N: metadata.name, status.podIP
#   sleepers_run                 the DaemonSet default/app stands, POD1 and POD2 are its pods' addresses on nodes 1 and 2; two checks
#   policy ENFORCEMENT [MORE]    applies IPsecPolicy cluster, for all three kinds of traffic; MORE is more of its spec: ', ppk: {…}'
#   policy_ready [NAME]          Ready, in the generation that was applied last
#   between N M                  a pcap filter: packets between two nodes or their pods
# shellcheck shell=bash
# shellcheck source=tests/checks.sh
source "$ESPALIER_ROOT/tests/checks.sh"
source "$ESPALIER_ROOT/lab/kubernetes/apiserver.sh"
source "$ESPALIER_ROOT/lab/kubernetes/nodes.sh"
source "$ESPALIER_ROOT/tests/chart.sh"

# shellcheck disable=SC2034  # for an upgrade
helm_values=(--set image.pullPolicy=Never --set operator.logFormat=text --set agent.logFormat=text)
agents_ready() { kubectl rollout status daemonset/espalier-agent -n espalier-system --timeout 400s; }
helm_installs() {
  # shellcheck disable=SC2154  # tests/chart.sh sets it
  check "helm installs" helm install espalier "$chart" -n espalier-system --create-namespace "${helm_values[@]}" "$@"
  check "the agents are ready" agents_ready
}
agent_pid() { on "$1" pgrep -f '^/usr/bin/espalier-agent '; }
agent_stops() { on "$1" kill -STOP "$(agent_pid "$1")"; }
agent_goes_on() { on "$1" pkill -CONT -f '^/usr/bin/espalier-agent ' || true; agents_ready; }
agent_of() { kubectl get pods -n espalier-system -l app.kubernetes.io/component=agent --field-selector "spec.nodeName=node$1" -o name; }

sleepers() {
  cat <<Y
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: $2, namespace: $1}
spec:
  selector: {matchLabels: {set: $2}}
  template:
    metadata: {labels: {set: $2, app: $2}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{name: $2, image: "registry.local/busybox:1", imagePullPolicy: Never, command: [sleep, "100000"]}]
---
Y
}
sleeper() { kubectl get pods -n "$2" -l "set=$3" --field-selector "spec.nodeName=node$1,status.phase=Running" -o jsonpath="{.items[0].$4}"; }
# shellcheck disable=SC2034  # for the tests
sleepers_run() {
  check "a pod on each node is wanted" kubectl apply -f <(sleepers default app)
  check "  and runs" kubectl rollout status daemonset/app --timeout 240s
  POD1=$(sleeper 1 default app status.podIP) POD2=$(sleeper 2 default app status.podIP)
}

policy() {
  kubectl apply -f - <<Y
apiVersion: espalier.io/v1alpha1
kind: IPsecPolicy
metadata: {name: cluster}
spec: {enforcement: $1, traffic: [NodeToNode, PodToPod, PodToNode], authentication: {type: X509}${2:-}}
Y
}
policy_ready() {
  # In one answer: of two, the second may be of another generation.
  kubectl get ipsecpolicy "${1:-cluster}" -o jsonpath='{.metadata.generation} {.status.conditions[?(@.type=="Ready")].observedGeneration} {.status.conditions[?(@.type=="Ready")].status}' |
    grep -qxE '([0-9]+) \1 True'
}

_of_node() { echo "(host 10.10.0.1$1 or net 10.244.$1.0/24 or host fd00:10::1$1 or net fd00:244:$1::/64)"; }
between() { echo "$(_of_node "$1") and $(_of_node "$2")"; }

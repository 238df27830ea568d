# Sourced by the tests beside it: deploy/ applied, two nodes with an agent each, and everybody's kubeconfig.
#
#   as WHO COMMAND…    kubectl as operator, agent1, agent2 (bound to node1, node2), or loose (an agent's token of no Pod)
#   may WHO VERB RESOURCE… / may_not …    kubectl auth can-i
# shellcheck shell=bash
# shellcheck source=../lib.sh
source "$ESPALIER_ROOT/tests/api/lib.sh"

apply_crds
check "deploy/ is applied" kubectl apply --server-side -f "$ESPALIER_ROOT/deploy"
for i in 1 2; do
  node "node$i"
  pod espalier-system "agent-$i" "node$i" espalier-agent
  pod_token espalier-system "agent-$i" >"/run/agent$i.token"
  kubeconfig_for "agent$i" --token-file "/run/agent$i.token" >/dev/null
done
token espalier-system espalier-agent >/run/loose.token
kubeconfig_for loose --token-file /run/loose.token >/dev/null
token espalier-system espalier-operator >/run/operator.token
kubeconfig_for operator --token-file /run/operator.token >/dev/null

as() { kubectl --kubeconfig "$API/$1.kubeconfig" "${@:2}"; }
may() { check "$1 may ${*:2}" as "$1" auth can-i -q "${@:2}"; }
may_not() { refuse "$1 may not ${*:2}" as "$1" auth can-i -q "${@:2}"; }

# Admission policies take a moment to be in force.
kubectl apply --server-side -f - <<'Y' >/dev/null
apiVersion: espalier.io/v1alpha1
kind: NodeEndpoint
metadata: {name: probe}
spec: {addresses: [192.0.2.9], identity: probe}
Y
_in_force() {
  ! as loose patch nodeendpoint probe --subresource status --type merge -p '{"status": {"agentVersion": "x"}}' 2>/run/probe &&
    grep -q 'names no node' /run/probe
}
wait_until 30 _in_force || { echo "the admission policy is not in force"; exit 1; }

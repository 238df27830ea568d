#!/usr/bin/env bash
# Policies that lose to another are told so in their conditions, from what the nodes' agents plan.
source "$ESPALIER_ROOT/tests/api/agent/agents.sh"

message() { kubectl get ipsecpolicy "$1" -o jsonpath="{.status.conditions[?(@.type=='$2')].message}"; }
policy() {
  kubectl apply --server-side -f - >/dev/null <<Y
apiVersion: espalier.io/v1alpha1
kind: IPsecPolicy
metadata: {name: $1}
spec: {enforcement: Required, traffic: [$2], $3}
Y
}

node_start 1
node_start 2
operator_start one 9465
check "the operator is ready" wait_until 30 ready 9465
agent_start 1
agent_start 2
policy cluster NodeToNode 'priority: 200'
policy loser NodeToNode 'priority: 50'
policy pods PodToPod 'ike: {lifetime: 2h}'
for i in 1 2; do check "node$i follows" wait_until 60 is "of_node $i '{.status.policies[*].name}'" 'cluster loser pods'; done
check "who loses a flow is told" wait_until 30 is 'condition loser Shadowed' True
check "by whom and why" grep -q 'is decided by IPsecPolicy cluster (priority 200 is higher than 50)' <<<"$(message loser Shadowed)"
check "who must take another's profile, too" wait_until 30 is 'condition pods ProfileConflict' True
check "whose it is" grep -q 'are those of IPsecPolicy cluster' <<<"$(message pods ProfileConflict)"
equal "who wins is told nothing" '' "$(condition cluster Shadowed)$(condition cluster ProfileConflict)"
kubectl delete ipsecpolicy cluster >/dev/null
check "until nobody is there any more" wait_until 60 is 'condition loser Shadowed' ''

kubectl apply --server-side -f - >/dev/null <<'Y'
apiVersion: espalier.io/v1alpha1
kind: IPsecPolicy
metadata: {name: needy}
spec: {enforcement: Preferred, traffic: [NodeToNode], priority: 900, ppk: {mode: Insist, keys: [{id: one, secretRef: {name: absent, key: one}}]}}
Y
told() { kubectl describe nodepolicy node1 | grep SecretUnreadable; }
check "a Secret that is missing is an Event of the node's" wait_until 60 told
check "which names it" grep -q 'espalier-system/absent' <<<"$(told)"
about() {
  kubectl get events.events.k8s.io -A -o jsonpath='{range .items[?(@.reason=="SecretUnreadable")]}{.regarding.kind}/{.regarding.name} {.reportingController} {.reportingInstance}{"\n"}{end}'
}
check "each node tells of its own" wait_until 30 is 'about | sort | xargs' "NodePolicy/node1 espalier.io/agent node1 NodePolicy/node2 espalier.io/agent node2"
agent_end 1 TERM
agent_end 2 TERM

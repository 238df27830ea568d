#!/usr/bin/env bash
# Agents may read the Secrets that policies in use and Tunnels name, one by one, and no other; never the CA's key.
source "$ESPALIER_ROOT/tests/api/operator/operators.sh"

reads() { as agent1 get secret "$1" -n espalier-system; }
cannot_read() { ! reads "$1" 2>/dev/null; }
granted() { kubectl get role espalier-agent-secrets -n espalier-system -o jsonpath='{.rules[*].resourceNames[*]}'; }
# with_psk POLICY SECRET [MORE]
with_psk() {
  kubectl apply --server-side -f - >/dev/null <<Y
apiVersion: espalier.io/v1alpha1
kind: IPsecPolicy
metadata: {name: $1}
spec: {enforcement: Required, traffic: [NodeToNode], authentication: {type: PSK, psk: {secretRef: {name: $2, key: psk}}}${3:-}}
Y
}

linux_node 1
linux_node 2
agent 1
for secret in shared storage tunnel other; do
  kubectl create secret generic "$secret" -n espalier-system --from-literal psk=0x000102030405060708090a0b0c0d0e0f >/dev/null
done
operator_start one 9465
check "it is ready" wait_until 30 ready 9465
check "its CA is there" wait_until 30 kubectl get secret espalier-ca -n espalier-system
refuse "an agent reads no Secret by itself" reads shared

with_psk mesh shared
check "but the one that a policy names" wait_until 20 reads shared
with_psk storage storage ', nodeSelector: {matchLabels: {role: storage}}'
with_psk thief espalier-ca
kubectl apply --server-side -f - >/dev/null <<'Y'
apiVersion: espalier.io/v1alpha1
kind: Tunnel
metadata: {name: branch, namespace: espalier-system}
spec:
  local: {node: node1, identity: here, authentication: {type: PSK, psk: {secretRef: {name: tunnel, key: psk}}}}
  remote: {addresses: [192.0.2.9], identity: there, authentication: {type: PSK, psk: {secretRef: {name: tunnel, key: psk}}}}
Y
check "and a Tunnel in the operator's namespace" wait_until 20 reads tunnel
refuse "not that of a policy for no node" reads storage
refuse "not the CA's key, whatever a policy names" reads espalier-ca
refuse "and no other" reads other
refuse "nor all of them" as agent1 get secrets -n espalier-system
kubectl label node node1 role=storage >/dev/null
check "a node that a policy selects brings its Secret" wait_until 20 reads storage
equal "each by its name" 'shared storage tunnel' "$(granted)"

note "what others do, and what goes"
kubectl patch role espalier-agent-secrets -n espalier-system --type merge \
  -p '{"rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list"]}]}' >/dev/null
check "a Role that somebody widens is made as it was" wait_until 20 is granted 'shared storage tunnel'
check "and holds" wait_until 10 cannot_read other
check "deploy/ can be applied again" kubectl apply --server-side -f "$ESPALIER_ROOT/deploy"
equal "  and takes nothing away" 'shared storage tunnel' "$(granted)"
kubectl delete ipsecpolicy mesh >/dev/null
check "with its policy a Secret goes" wait_until 20 cannot_read shared
kubectl delete ipsecpolicy storage thief >/dev/null
kubectl delete tunnel branch -n espalier-system >/dev/null
check "and in the end all" wait_until 20 is granted ''

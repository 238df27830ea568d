#!/usr/bin/env bash
# An agent's rights, as shipped: it writes what it found on its own node, and nothing of another's.
source "$ESPALIER_ROOT/tests/api/rbac/rights.sh"

for i in 1 2; do
  kubectl apply --server-side -f - <<Y >/dev/null
apiVersion: espalier.io/v1alpha1
kind: NodeEndpoint
metadata: {name: node$i}
spec: {addresses: [192.0.2.$i], identity: node$i}
---
apiVersion: espalier.io/v1alpha1
kind: NodePolicy
metadata: {name: node$i}
spec: {hash: 0123456789abcdef0123456789abcdef}
Y
done

# status WHO KIND NODE: server-side apply of a status, as agents write it.
status() {
  local value='{"agentVersion": "1.0"}' kind=NodeEndpoint
  [ "$2" = nodeendpoint ] || { value='{"appliedHash": "0123456789abcdef0123456789abcdef"}' kind=NodePolicy; }
  as "$1" apply --server-side --field-manager espalier-agent --subresource status -f - <<Y
{"apiVersion": "espalier.io/v1alpha1", "kind": "$kind", "metadata": {"name": "$3"}, "status": $value}
Y
}
for kind in nodeendpoint nodepolicy; do
  check "it writes the status of its $kind" status agent1 $kind node1
  refuse "not another node's" status agent1 $kind node2
  said "  and is told why" "an agent writes only the objects of its own node, node1, not those of node2"
  refuse "not with a token of no Pod" status loose $kind node1
  said "  and is told why" "this token names no node"
  refuse "not its $kind itself" as agent1 patch $kind node1 --type merge -p '{"metadata": {"labels": {"role": "storage"}}}'
  as agent1 patch $kind node1 --subresource status --type merge -p '{"spec": {"addresses": ["192.0.2.66"], "hash": "ffffffffffffffffffffffffffffffff"}}' >/dev/null
  check "the other agent writes its own" status agent2 $kind node2
done
equal "what the operator wrote is not written by way of the status" '["192.0.2.1"] 0123456789abcdef0123456789abcdef' \
  "$(kubectl get nodeendpoint node1 -o jsonpath='{.spec.addresses}') $(kubectl get nodepolicy node1 -o jsonpath='{.spec.hash}')"
kubectl patch nodeendpoint node1 --subresource status --type merge -p '{"metadata": {"labels": {"a": "b"}}}' >/dev/null
equal "labels are not written by way of the status" "" "$(kubectl get nodeendpoint node1 -o jsonpath='{.metadata.labels}')"
check "whoever is no agent is not held back" kubectl patch nodeendpoint node2 --subresource status --type merge -p '{"status": {"agentVersion": "2"}}'

for what in ipsecpolicies tunnels nodeendpoints nodepolicies podslices; do
  check "it watches $what" as agent1 get "$what" -A
  may_not agent1 create "$what"
  may_not agent1 patch "$what"
  may_not agent1 delete "$what"
done
check "it lists its own node's pods" as agent1 get pods -A --field-selector spec.nodeName=node1
for what in "get pods -A" "patch pods -A" "create pods --subresource exec -A" "get namespaces" "patch namespaces"; do
  read -ra words <<<"$what"
  may_not agent1 "${words[@]}"
done
check "it watches its own NodePolicy" as agent1 get nodepolicies --field-selector metadata.name=node1 -o name
said "  and sees it" nodepolicy.espalier.io/node1

# Certificates.
check "it asks for a certificate" request agent1 one espalier.io/node
equal "the request says on which node it was made" node1 \
  "$(kubectl get csr one -o jsonpath='{.spec.extra.authentication\.kubernetes\.io/node-name[0]}')"
check "it sees what became of it" as agent1 get csr one
refuse "it asks no other signer" request agent1 two kubernetes.io/kube-apiserver-client
said "  and is told why" "an agent asks only for certificates of signer espalier.io/node"
refuse "nor with a token of no Pod" request loose three espalier.io/node
said "  and is told why" "this token names no node"
refuse "it approves nothing" as agent1 certificate approve one

# Events.
event() { # WHO NAME NODE
  as "$1" create -f - <<-Y
	{apiVersion: events.k8s.io/v1, kind: Event, metadata: {name: $2, namespace: default}, eventTime: 2026-01-01T00:00:00.000000Z,
	 reportingController: espalier.io/agent, reportingInstance: $3, action: Encrypt, reason: PeerLost, type: Warning,
	 regarding: {apiVersion: espalier.io/v1alpha1, kind: NodePolicy, name: $3}}
	Y
}
check "it tells of its own node" event agent1 of-own node1
refuse "and of no other" event agent1 of-other node2
said "  and is told why" "an agent tells only of its own node's NodePolicy"
refuse "nor with a token of no Pod" event loose of-loose node1

# What a stolen node must not have.
kubectl create secret generic espalier-ca -n espalier-system --from-literal ca.key=x >/dev/null
kubectl create configmap espalier-trust -n espalier-system --from-literal ca.crt=x >/dev/null
check "it reads what nodes trust" as agent1 get configmap espalier-trust -n espalier-system
for what in "get secrets -n espalier-system" "get secrets/espalier-ca -n espalier-system" "list secrets -A" "get configmaps -n espalier-system" "list nodes" \
  "update roles/espalier-agent-secrets -n espalier-system" "get leases/espalier-operator -n espalier-system" "update leases/espalier-operator -n espalier-system" "create pods -n espalier-system" \
  "create serviceaccounts --subresource token -n espalier-system" "patch ipsecpolicies --subresource status" "patch tunnels --subresource status" "update nodeendpoints --subresource status"; do
  read -ra words <<<"$what"
  may_not agent1 "${words[@]}"
done

may agent1 patch nodeendpoints --subresource status

# A Tunnel's Secrets: given by the owner of its namespace, as deploy/README.md says.
namespace edge
kubectl create secret generic branch-ca -n edge --from-literal ca.crt=x >/dev/null
refuse "a Tunnel's Secret is not to be read by itself" as agent1 get secret branch-ca -n edge
kubectl create role espalier-tunnels -n edge --verb get --resource secrets --resource-name branch-ca >/dev/null
kubectl create rolebinding espalier-tunnels -n edge --role espalier-tunnels --serviceaccount espalier-system:espalier-agent >/dev/null
check "but when its namespace says so" wait_until 10 as agent1 get secret branch-ca -n edge

# People.
kubectl create clusterrolebinding viewer --clusterrole espalier-view --user viewer >/dev/null
kubectl create clusterrolebinding editor --clusterrole edit --user editor >/dev/null
check "a viewer sees" kubectl --as viewer get espalier -A
refuse "and writes nothing" kubectl --as viewer auth can-i -q create ipsecpolicies
refuse "an editor writes no Tunnel" kubectl --as editor auth can-i -q create tunnels -n edge

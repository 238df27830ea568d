#!/usr/bin/env bash
# Nodes and policies become NodeEndpoints and NodePolicies, with the rights of deploy/ and nothing more.
source "$ESPALIER_ROOT/tests/api/operator/operators.sh"

linux_node 1
linux_node 2
kubectl apply --server-side -f "$crds/testdata/examples/mesh.yaml" >/dev/null
operator_start one 9465
check "it is ready" wait_until 30 ready 9465
check "each node has a NodePolicy" wait_until 30 is 'names nodepolicies' 'node1 node2'
equal "and a NodeEndpoint with both addresses" '["10.0.0.1","fd00::1"]' "$(kubectl get nodeendpoint node1 -o jsonpath='{.spec.addresses}')"
equal "its pod CIDR" '["10.244.1.0/24"]' "$(kubectl get nodeendpoint node1 -o jsonpath='{.spec.podCIDRs}')"
equal "the policy is named" cluster "$(policies_of node1)"
equal "in its state" "$(kubectl get ipsecpolicy cluster -o jsonpath='{.metadata.uid} {.metadata.generation}')" \
  "$(kubectl get nodepolicy node1 -o jsonpath='{.spec.policies[0].uid} {.spec.policies[0].generation}')"
check "the API server's own address is kept open" wait_until 20 is \
  "kubectl get nodepolicy node1 -o jsonpath='{.spec.apiServers[0].port}'" 6443
equal "nobody else owns the spec" espalier-operator "$(kubectl get nodepolicy node1 --show-managed-fields -o jsonpath='{.metadata.managedFields[*].manager}')"

note "few writes"
before=$(versions nodepolicies)
linux_node 3
check "a node that joins gets its NodePolicy" wait_until 20 is 'names nodepolicies' 'node1 node2 node3'
equal "and the others' stay as they are" "$before" "$(versions nodepolicies | sed 's/node3=.*//')"
kubectl label node node1 role=storage >/dev/null
kubectl apply --server-side -f - >/dev/null <<'Y'
apiVersion: espalier.io/v1alpha1
kind: IPsecPolicy
metadata: {name: storage}
spec: {enforcement: Required, traffic: [NodeToNode], priority: 200, nodeSelector: {matchLabels: {role: storage}}}
Y
check "a policy for one node reaches it" wait_until 20 is 'policies_of node1' 'cluster storage'
check "with the label that it asks for" wait_until 20 is "kubectl get nodeendpoint node1 -o jsonpath='{.metadata.labels.role}'" storage
equal "and no other" cluster "$(policies_of node2)"

note "what is wrong"
kubectl delete node node3 >/dev/null
check "a Node that goes takes its objects along" wait_until 20 is 'names nodepolicies; names nodeendpoints' 'node1 node2node1 node2'
kubectl delete nodeendpoint node1 >/dev/null
check "what somebody deletes comes back" wait_until 20 is 'names nodeendpoints' 'node1 node2'
kubectl patch nodepolicy node2 --type merge -p '{"spec": {"policies": []}}' >/dev/null
check "what somebody changes, too" wait_until 20 is 'policies_of node2' cluster
kubectl delete ipsecpolicy storage >/dev/null
check "a policy that goes is named no more" wait_until 20 is 'policies_of node1' cluster
node bare
check "a Node without an address is left out" wait_until 20 is 'metric 9465 espalier_operator_refused_objects' 1
refuse "and has no NodeEndpoint" kubectl get nodeendpoint bare

note "the API server goes and comes back"
api_kill
linux_node_4() { linux_node 4; }
api_start
check "it goes on" wait_until 10 linux_node_4
check "and plans" wait_until 60 is 'names nodepolicies' 'node1 node2 node4'
api_stop
etcd_compact
api_start
linux_node 5
check "it goes on when the server has forgotten its place" wait_until 60 is 'names nodepolicies' 'node1 node2 node4 node5'

kill -TERM "$OPERATOR_one"
status=0
wait "$OPERATOR_one" || status=$?
equal "it ends at SIGTERM" 0 "$status"

#!/usr/bin/env bash
# Nodes and policies become NodeEndpoints and NodePolicies, with the rights of deploy/ and nothing more; two replicas live through an API
# server that ends, and a history that it forgets (410).
# lab: --flag --shutdown-watch-termination-grace-period=2s
source "$ESPALIER_ROOT/tests/api/operator/operators.sh"

linux_node 1
linux_node 2
kubectl apply --server-side -f "$crds/testdata/examples/mesh.yaml" >/dev/null
operator_start one 9465 --leader-elect --identity one
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

long=$(printf 'n%.0s' {1..63})
long=$long.$long.$long.$(printf 'n%.0s' {1..61}) # 253 characters, the longest name there is
linux_node 9 "{\"metadata\": {\"labels\": {\"kubernetes.io/hostname\": \"n\"}}}" "$long"
kubectl apply --server-side -f - >/dev/null <<Y
apiVersion: espalier.io/v1alpha1
kind: IPsecPolicy
metadata: {name: $long}
spec: {enforcement: Required, traffic: [NodeToNode], priority: 300}
Y
check "the longest names are planned" wait_until 20 is "policies_of $long" "cluster $long"
equal "and identify a node" "$long" "$(kubectl get nodeendpoint "$long" -o jsonpath='{.spec.identity}')"
check "the others name the policy" wait_until 20 is 'policies_of node2' "cluster $long"
kubectl delete node "$long" >/dev/null
kubectl delete ipsecpolicy "$long" >/dev/null
check "and they go" wait_until 20 is 'names nodepolicies; policies_of node2' 'node1 node2cluster'

note "the API server goes and comes back"
operator_start two 9466 --leader-elect --identity two
check "a second replica is ready" wait_until 30 ready 9466
api_kill
linux_node_4() { linux_node 4; }
api_start
check "it goes on" wait_until 10 linux_node_4
check "and plans" wait_until 60 is 'names nodepolicies' 'node1 node2 node4'
check "and the other one knows" wait_until 60 is 'metric 9466 espalier_operator_nodes' 3

note "a history that is forgotten while a replica sleeps"
listed 9466 >/run/lists
kill -STOP "$OPERATOR_two"
linux_node 5
kubectl delete node node4 >/dev/null
check "one goes on alone" wait_until 30 is 'names nodepolicies' 'node1 node2 node5'
etcd_compact
api_restart
kill -CONT "$OPERATOR_two"
expired() { [ "$(total 9466 espalier_watch_expired_total)" -gt 0 ]; }
check "its places are gone (410)" wait_until 60 expired
check "it lists, and knows what came and what went" wait_until 60 is 'metric 9466 espalier_operator_nodes' 3
note "$(curl -s http://127.0.0.1:9466/metrics | grep -E '^espalier_watch_(expired|lists)' | tr '\n' ' ')"
check "each kind once at the most" at_most_one_more /run/lists <(listed 9466)
linux_node 6
check "the leader plans on" wait_until 60 is 'names nodepolicies' 'node1 node2 node5 node6'

status=0
kill -TERM "$OPERATOR_one"
wait "$OPERATOR_one" || status=$?
equal "it ends at SIGTERM" 0 "$status"
check "the one that slept leads" wait_until 60 leads 9466
linux_node 7
check "and plans" wait_until 30 is 'names nodepolicies' 'node1 node2 node5 node6 node7'

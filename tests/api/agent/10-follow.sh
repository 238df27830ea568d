#!/usr/bin/env bash
# Two nodes' agents follow an API server: certificates, plans in the kernel, statuses that the operator sums up; a policy that changes; a
# plan that they cannot carry out; a restart from the stored plan while the API server is away.
# shellcheck disable=SC2154  # operator_start sets OPERATOR_one
source "$ESPALIER_ROOT/tests/api/agent/agents.sh"

node_start 1
node_start 2
operator_start one 9465
check "the operator is ready" wait_until 30 ready 9465
agent_start 1
agent_start 2
for i in 1 2; do
  check "node$i gets its certificate" wait_until 60 is "endpoint_condition $i CertificateReady status" True
  equal "its key is its own" 600 "$(stat -c %a "/run/node$i/state/identity.pem")"
done
check "the trusted CA signed it" bash -c 'kubectl get configmap espalier-trust -n espalier-system -o "jsonpath={.data.ca\.crt}" >/run/ca.pem &&
  openssl verify -CAfile /run/ca.pem <(openssl x509 -in /run/node1/state/identity.pem)'
check "it says what it is" [ -n "$(of_endpoint 1 '{.status.agentVersion}{.status.kernelVersion}')" ]
said_features=$(of_endpoint 1 '{.status.features}')
check "and what it can do" grep -q PreSharedKeys <<<"$said_features"

note "a policy"
equal "nothing is encrypted yet" 0 "$(policies 1)"
kubectl apply --server-side -f - >/dev/null <<'Y'
apiVersion: espalier.io/v1alpha1
kind: IPsecPolicy
metadata: {name: cluster}
spec: {enforcement: Required, traffic: [NodeToNode]}
Y
for i in 1 2; do
  check "node$i follows" wait_until 30 is "of_node $i '{.status.policies[0].name}'" cluster
  equal "all of it stands" True "$(node_condition "$i" Programmed status)"
  equal "by the hash that it was told" "$(of_node "$i" '{.spec.hash}')" "$(of_node "$i" '{.status.appliedHash}')"
  check "its kernel has policies with a template" [ "$(policies "$i")" -gt 0 ]
done
check "the policy is programmed" wait_until 30 is 'condition cluster Programmed' True
equal "it counts its peers" "cluster 1 1" "$(of_node 1 '{.status.policies[0].name} {.status.policies[0].generation} {.status.policies[0].peers}')"
if [ "$(endpoint_condition 1 KernelReady status)" = True ]; then
  check "peers become ready" wait_until 60 is 'condition cluster Ready' True
  equal "the node says so" '1 1' "$(of_node 1 '{.status.peers.wanted} {.status.peers.ready}')"
else
  equal "this kernel has no ESP, and the node says so" NoEsp "$(endpoint_condition 1 KernelReady reason)"
  equal "so no peer is ready" '1 False' "$(of_node 1 '{.status.peers.wanted}') $(condition cluster Ready)"
  equal "and it says why" PeersMissing "$(node_condition 1 Ready reason)"
fi

note "few writes"
_at_rest() {
  local before
  before=$(versions nodepolicies,nodeendpoints)
  sleep 8
  [ "$before" = "$(versions nodepolicies,nodeendpoints)" ]
}
check "the statuses come to rest" wait_until 60 _at_rest
equal "an agent owns the status and nothing else" espalier-agent \
  "$(kubectl get nodepolicy node1 --show-managed-fields -o jsonpath='{.metadata.managedFields[?(@.subresource=="status")].manager}')"

note "a change"
kubectl patch ipsecpolicy cluster --type merge -p '{"spec": {"priority": 150}}' >/dev/null
check "the nodes follow" wait_until 30 is "of_node 1 '{.status.policies[0].generation}'" 2
check "the policy is programmed again" wait_until 30 is 'condition cluster Programmed' True
linux_node 3
check "a node that joins is a peer" wait_until 30 is "of_node 1 '{.status.peers.wanted}'" 2
kubectl delete node node3 >/dev/null
check "one that goes is none" wait_until 30 is "of_node 1 '{.status.peers.wanted}'" 1

note "what an agent cannot do"
kill -TERM "$OPERATOR_one"
wait "$OPERATOR_one" || true
before=$(of_node 1 '{.status.appliedHash}') stand=$(policies 1)
kubectl patch nodepolicy node1 --type merge -p '{"spec": {"requiredFeatures": ["Magic"], "hash": "0123456789abcdef0123456789abcdef"}}' >/dev/null
check "it says so" wait_until 30 is 'node_condition 1 Programmed reason' FeaturesMissing
check "in words" grep -q Magic <<<"$(node_condition 1 Programmed message)"
equal "the last plan is in force" "$before $stand" "$(of_node 1 '{.status.appliedHash}') $(policies 1)"
kubectl patch nodepolicy node1 --type merge -p '{"spec": {"requiredFeatures": null}}' >/dev/null
operator_start two 9466
check "it follows again what it can do" wait_until 60 is 'node_condition 1 Programmed status' True

# A server that has just begun refuses for a moment what it will allow, so this is asked before.
refuse "no right was missing" grep -h Forbidden "$API_LOGS"/agent-*.log

note "the API server is away, and a node starts anew"
check "the plan is stored" wait_until 20 test -s /run/node1/state/plan.json
sleep 6 # between two savings
api_kill
agent_end 1 KILL
ip -n node1 xfrm policy flush
equal "as after a reboot, no policy stands" 0 "$(policies 1)"
rm -f /run/node1/state/journal
agent_start 1
check "its policies stand again" wait_until 30 is 'policies 1' "$stand"
check "it can be asked" bash -c 'ip netns exec node1 espalierctl --socket /run/node1/agent.sock status | grep node2/v4'
api_start
check "it goes on when the server is back" wait_until 90 bash -c 'kubectl patch ipsecpolicy cluster --type merge -p "{\"spec\": {\"priority\": 200}}"'
check "and follows" wait_until 90 is "of_node 1 '{.status.policies[0].generation}'" 3

refuse "no key is in a log or in the stored plan" grep -l 'PRIVATE KEY' "$API_LOGS"/agent-1.log "$API_LOGS"/agent-2.log /run/node1/state/plan.json
agent_end 1 TERM
agent_end 2 TERM
equal "an agent that ends leaves the node protected" "$stand" "$(policies 1)"

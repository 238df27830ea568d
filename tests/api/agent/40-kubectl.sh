#!/usr/bin/env bash
# kubectl-espalier against a real API server, operator and agents: the cluster at a glance, two pods explained, checks, a release and its end, a
# bundle without a secret, completion. No kubelet runs here, so `kubectl exec` alone is stood in for: it runs the same words on this host.
# shellcheck disable=SC2154  # operator_start sets OPERATOR_one
source "$ESPALIER_ROOT/tests/api/agent/agents.sh"

export KUBECTL=/run/kubectl-with-exec
cat >"$KUBECTL" <<'S'
#!/usr/bin/env bash
# kubectl; exec POD -- PROGRAM… runs PROGRAM beside the agent of that pod's node.
words=("$@")
for ((i = 0; i < $#; i++)); do
  case ${words[i]} in
    exec) pod=${words[i + 3]} ;;
    --) [ -z "${pod:-}" ] || ESPALIER_SOCKET=/run/node${pod#agent-}/agent.sock exec "${words[@]:i + 1}" ;;
  esac
done
exec kubectl "$@"
S
chmod +x "$KUBECTL"
espalier() { kubectl-espalier "$@"; }
running() { # NAMESPACE POD [STATUS…]
  kubectl patch pod "$2" -n "$1" --subresource status --type merge -p "{\"status\": {\"phase\": \"Running\"${3:+, $3}}}" >/dev/null
}

node_start 1
node_start 2
operator_start one 9465
for i in 1 2; do
  kubectl label pod "agent-$i" -n espalier-system app.kubernetes.io/name=espalier app.kubernetes.io/component=agent >/dev/null
  running espalier-system "agent-$i"
  agent_start "$i"
done
for i in 1 2; do check "node$i gets its certificate" wait_until 60 is "endpoint_condition $i CertificateReady status" True; done
check "a cluster without a policy" espalier status
said "  is told so" 'There is no IPsecPolicy'

kubectl apply --server-side -f - >/dev/null <<'Y'
apiVersion: espalier.io/v1alpha1
kind: IPsecPolicy
metadata: {name: cluster}
spec: {enforcement: Required, traffic: [NodeToNode, PodToPod]}
Y
for i in 1 2; do check "node$i follows" wait_until 60 is "node_condition $i Programmed status" True; done

check "status" espalier status
said "  names the policy" '^cluster  *Required'
said "  each node and its agent's version" '^node1  *[0-9]*\.[0-9]'
check "  within 100 columns" test "$(espalier status | wc -L)" -le 100
check "  as JSON" bash -c 'kubectl-espalier status -o json | python3 -c "
import json, sys
status = json.load(sys.stdin)
assert [node[\"node\"] for node in status[\"nodes\"]] == [\"node1\", \"node2\"], status
assert all(node[\"answered\"] for node in status[\"nodes\"])
assert status[\"nodes\"][0][\"agent\"][\"agent\"][\"node\"] == \"node1\"
assert status[\"policies\"][0][\"name\"] == \"cluster\""'
check "  as YAML" bash -c "kubectl-espalier status -o yaml | grep -x 'policies:'"
check "trafficstatus" espalier trafficstatus

for i in 1 2; do
  pod default "web-$i" "node$i" default
  running default "web-$i" "\"podIP\": \"10.244.$i.9\", \"podIPs\": [{\"ip\": \"10.244.$i.9\"}]"
done
# 1: not encrypted, for a kernel without ESP has no SA.
or_not_fine() { "$@" || [ $? = 1 ]; }
check "two pods on two nodes" or_not_fine espalier explain web-1 default/web-2
said "  are told what becomes of their packets" '10.244.1.0/24 to 10.244.2.0/24 is blocked\|10.244.1.0/24 to 10.244.2.0/24 is encrypted'
said "  by name" 'by IPsecPolicy/cluster, Required'
said "  from the other end, too" 'node2  10.244.2.0/24 to 10.244.1.0/24'
refuse "a pod that is not there" espalier explain web-1 nobody
said "  is said" NotFound

check "verify" or_not_fine espalier verify
said "  tells of each node" '^node1: [a-z]* ([0-9]* checks)'
refuse "a release without a yes" espalier release node1
said "  does nothing" 'nothing was released'
check "a release" espalier release node1 --yes --why 'a drill'
said "  says what" 'released: the whole node'
check "status" espalier status
said "  shows it" 'RELEASED  the whole node.*a drill'
check "the node says so in its status" wait_until 30 is "node_condition 1 Ready reason" Released
equal "the other node does not" no "$([ "$(node_condition 2 Ready reason)" = Released ] || echo no)"
check "its end" espalier release node1 --end
check "the node says so, too" wait_until 30 eval '[ "$(node_condition 1 Ready reason)" != Released ]'

check "a bundle" espalier bundle -f /run/bundle.tar.gz
listed=$(tar -tzf /run/bundle.tar.gz)
for file in ipsecpolicies.yaml nodepolicies.yaml nodes/node1/status.json nodes/node2/verify.json workloads.yaml; do
  check "  has $file" grep -q "/$file\$" <<<"$listed"
done
refuse "  has no key" bash -c "tar -xzOf /run/bundle.tar.gz | grep -a 'PRIVATE KEY'"
refuse "  is not written over" espalier bundle -f /run/bundle.tar.gz

completes() { kubectl-espalier __complete "${@:2}" | has "^$1\$"; }
check "completion of commands" completes trafficstatus traf
check "  of nodes" completes node2 release ''
check "  of pods" completes web-1 explain w
check "  of options" completes --in-clear release node1 --in
check "  by kubectl itself" bash -c 'PATH=$ESPALIER_BIN:$PATH kubectl __complete espalier sta | grep -x status'
for shell in bash zsh fish; do check "a script for $shell" espalier completion "$shell"; done
check "bash takes it" bash -c 'source <(kubectl-espalier completion bash); complete -p kubectl-espalier'

agent_end 2 KILL
refuse "with an agent gone, status" espalier status
said "  names the node" 'node node2: its agent does not answer'
said "  and shows the other" '^node1  *[0-9]*\.[0-9]'
equal "its exit status says so" 3 "$(espalier status >/dev/null 2>&1; echo $?)"

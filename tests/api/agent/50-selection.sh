#!/usr/bin/env bash
# Pods selected by namespace and label, as a node's packet filter has them: its own from their labels, with the operator gone and before they have
# an address; others' from PodSlices. A pod starts once it is known whether it is selected; pods that change sides change sets and no policy;
# without an API server a restarted agent has its sets from its disk.
# shellcheck disable=SC2154  # operator_start sets OPERATOR_one
source "$ESPALIER_ROOT/tests/api/agent/agents.sh"

# set_of N: the addresses in node N's set for IPv4.
set_of() {
  ip netns exec "node$1" nft -j list set inet espalier pods0_v4 2>/dev/null |
    python3 -c 'import json, sys; print(*sorted(json.load(sys.stdin)["nftables"][1]["set"].get("elem", [])))'
}
labelled() { pod shop "$1" "node$2" default "{\"metadata\": {\"labels\": {\"app\": \"$3\"}}}"; }
running() {
  kubectl patch pod -n shop "$1" --subresource status --type merge \
    -p "{\"status\": {\"phase\": \"Running\", \"podIP\": \"$2\", \"podIPs\": [{\"ip\": \"$2\"}]}}" >/dev/null
}
# starts N POD ADDRESS: what espalier-cni would be told of it within two seconds.
starts() {
  ip netns exec "node$1" python3 - "/run/node$1/pods.sock" "$2" "$3" <<'P'
import json, socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
pod = {"namespace": "shop", "name": sys.argv[2], "containerID": "c", "addresses": [sys.argv[3]]}
s.sendall((json.dumps({"ask": "cover", "pod": pod, "patienceMilliseconds": 2000}) + "\n").encode())
answer = json.loads(s.makefile().readline())
print(answer)
sys.exit(not answer["covered"])
P
}
xfrm() { ip -n "node$1" xfrm policy; }

namespace shop
node_start 1
node_start 2
operator_start one 9465
check "the operator is ready" wait_until 30 ready 9465
for i in 1 2; do agent_start "$i" --pod-socket "/run/node$i/pods.sock"; done
kubectl apply --server-side -f - >/dev/null <<'Y'
apiVersion: espalier.io/v1alpha1
kind: IPsecPolicy
metadata: {name: web}
spec: {enforcement: Required, traffic: [PodToPod], namespaceSelector: {matchLabels: {confidential: "true"}}, podSelector: {matchLabels: {app: web}}}
Y
kubectl label namespace shop confidential=true >/dev/null
for i in 1 2; do check "node$i follows a policy for some pods" wait_until 60 is "of_node $i '{.status.policies[*].name}'" web; done
for i in 1 2; do check "its kernel has all of it" wait_until 30 is "node_condition $i Programmed status" True; done
equal "XFRM's policies look at marks" 3 "$(xfrm 1 | grep -c 'mark 0/0x100')"

labelled web-7 1 web
check "a selected pod starts" starts 1 web-7 10.244.1.7
equal "with its address in the node's set" 10.244.1.7 "$(set_of 1)"
running web-7 10.244.1.7
check "the other node learns of it from the operator" wait_until 30 is 'set_of 2' 10.244.1.7
labelled db-8 1 db
check "a pod that is not selected starts" starts 1 db-8 10.244.1.8
equal "and is in no set" 10.244.1.7 "$(set_of 1)"
running db-8 10.244.1.8
refuse "a pod that the API server does not know is held" starts 1 web-9 10.244.1.9
said "and it is said why" "has not told it of the pod"

note "pods change sides"
before=$(xfrm 1)
kubectl label pod -n shop db-8 app=web --overwrite >/dev/null
kubectl label pod -n shop web-7 app=db --overwrite >/dev/null
for i in 1 2; do check "node$i has the other in its set" wait_until 30 is "set_of $i" 10.244.1.8; done
equal "its policies are the same" "$before" "$(xfrm 1)"

note "the operator is gone"
kill "$OPERATOR_one"
wait "$OPERATOR_one" 2>/dev/null || true
labelled web-10 2 web
check "a node knows its own pods" starts 2 web-10 10.244.2.10
equal "before any slice names them" '10.244.1.8 10.244.2.10' "$(set_of 2)"
equal "which it does not" 10.244.1.8 "$(kubectl get podslices -o jsonpath='{.items[*].spec.addresses[*]}')"

note "the API server, too, and the agent"
sleep 6 # between two savings of the plan
api_kill
agent_end 2 KILL
equal "the set stands without the agent" '10.244.1.8 10.244.2.10' "$(set_of 2)"
ip netns exec node2 nft flush ruleset
agent_start 2 --pod-socket /run/node2/pods.sock
check "from its disk it has it again" wait_until 30 is 'set_of 2' '10.244.1.8 10.244.2.10'
refuse "a pod that starts now is held" starts 2 web-11 10.244.2.11
agent_end 1 TERM
agent_end 2 TERM

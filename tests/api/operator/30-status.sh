#!/usr/bin/env bash
# A policy's status follows what the nodes' agents say (played here, with their own rights): Programmed and Ready when all have
# followed, in one table that can be read; an object that no longer validates; few writes; Events where something became another. A Tunnel
# that leads into the cluster is refused with the words why, and no node hears of it.
source "$ESPALIER_ROOT/tests/api/operator/operators.sh"

condition() { kubectl get ipsecpolicy "$1" -o jsonpath="{.status.conditions[?(@.type=='$2')].status}"; }
for i in 1 2; do
  linux_node "$i"
  agent "$i"
done
# agent_follows N [NOTES]. What an agent does: it takes its NodePolicy and says that all of it holds, and what it notes of each policy.
agent_follows() {
  as "agent$1" get nodepolicy "node$1" -o json | NOTES=${2:-[]} python3 -c '
import json, os, sys
p, notes = json.load(sys.stdin), json.loads(os.environ["NOTES"])
print(json.dumps({"apiVersion": p["apiVersion"], "kind": "NodePolicy", "metadata": {"name": p["metadata"]["name"]},
  "status": {"appliedHash": p["spec"]["hash"], "policies": [{"name": x["name"], "generation": x["generation"], "peers": 1, "ready": 1, "notes": notes}
  for x in p["spec"].get("policies", [])], "tunnels": [{"namespace": x["namespace"], "name": x["name"], "generation": x["generation"], "established": True}
  for x in p["spec"].get("tunnels", [])]}}))' |
    as "agent$1" apply --server-side --subresource status --field-manager espalier-agent -f -
}

# events_of NAME: "1 Normal Ready", sorted: how many Events with that reason are about it.
events_of() {
  kubectl get events.events.k8s.io -A -o jsonpath="{range .items[?(@.regarding.name=='$1')]}{.type} {.reason}{'\n'}{end}" | sort | uniq -c |
    awk '{print $1, $2, $3}' | paste -sd ' '
}

operator_start one 9465 --service-cidr 10.96.0.0/16
check "it is ready" wait_until 30 ready 9465
kubectl apply --server-side -f "$crds/testdata/examples/mesh.yaml" >/dev/null
check "the policy is accepted" wait_until 20 is 'condition cluster Accepted' True
check "each node is told" wait_until 20 is 'policies_of node1; policies_of node2' clustercluster
equal "and not programmed before an agent says so" False "$(condition cluster Programmed)"
check "an agent follows" agent_follows 1
equal "one of two is not all" False "$(condition cluster Programmed)"
check "the other one, too" agent_follows 2
check "the policy is programmed" wait_until 20 is 'condition cluster Programmed' True
check "and ready" wait_until 20 is 'condition cluster Ready' True
check "an Event says so" wait_until 20 is 'events_of cluster' '1 Normal Ready'
equal "of two nodes two" '2 2' "$(kubectl get ipsecpolicy cluster -o jsonpath='{.status.nodes.wanted} {.status.nodes.ready}')"
check "a person can read it" kubectl get ipsecpolicies
said "  the policy" cluster
said "  ready" True
kubectl get ipsecpolicies | sed 's/^/     /'
check "its lines fit 120 columns" bash -c '[ "$(kubectl get ipsecpolicies | wc -L)" -le 120 ]'

note "few writes"
before=$(versions ipsecpolicies)
kubectl annotate node node1 some=thing >/dev/null
agent_follows 1 >/dev/null
linux_node 1
sleep 4
equal "what changes nothing writes nothing" "$before" "$(versions ipsecpolicies)"
equal "and makes no Event" '1 Normal Ready' "$(events_of cluster)"

note "a change"
kubectl patch ipsecpolicy cluster --type merge -p '{"spec": {"priority": 150}}' >/dev/null
check "a policy that changed is not programmed" wait_until 20 is 'condition cluster Programmed' False
check "its nodes are told" wait_until 20 is "kubectl get nodepolicy node1 -o jsonpath='{.spec.policies[0].generation}'" 2
agent_follows 1 >/dev/null
agent_follows 2 >/dev/null
check "until they follow" wait_until 20 is 'condition cluster Programmed' True
equal "it says of which generation it speaks" 2 \
  "$(kubectl get ipsecpolicy cluster -o jsonpath="{.status.conditions[?(@.type=='Programmed')].observedGeneration}")"
refuse "an agent does not speak for another node" as agent1 patch nodepolicy node2 --subresource status \
  --type merge -p '{"status": {"appliedHash": "0123456789abcdef0123456789abcdef"}}'
linux_node 3
check "a node that joins counts" wait_until 20 is 'condition cluster Programmed' False
kubectl delete node node3 >/dev/null
check "and one that goes does not" wait_until 20 is 'condition cluster Programmed' True

note "a policy that loses to another"
agent_follows 2 '[{"reason": "Shadowed", "message": "PodToPod is decided by IPsecPolicy web"},
  {"reason": "ProfileConflict", "message": "ike, authentication and ppk are those of IPsecPolicy web"}]' >/dev/null
check "it is told that it is shadowed" wait_until 20 is 'condition cluster Shadowed' True
equal "where and by whom" "node node2: PodToPod is decided by IPsecPolicy web" \
  "$(kubectl get ipsecpolicy cluster -o jsonpath="{.status.conditions[?(@.type=='Shadowed')].message}")"
equal "and that its profile is another's" True "$(condition cluster ProfileConflict)"
warned() { local said; said=$(events_of "$1"); [[ $said == *"1 Warning $2"* ]]; }
check "Events warn of the one" wait_until 20 warned cluster Shadowed
check "and of the other" wait_until 20 warned cluster ProfileConflict
equal "it is ready all the same" True "$(condition cluster Ready)"
agent_follows 2 >/dev/null
check "until it is not" wait_until 20 is 'condition cluster Shadowed; condition cluster ProfileConflict' ''

note "a policy that no longer validates, as after a downgrade"
kubectl patch crd ipsecpolicies.espalier.io --type json \
  -p '[{"op": "remove", "path": "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/enforcement/enum"}]' >/dev/null
sometimes() {
  kubectl apply --server-side -f - >/dev/null <<'Y'
apiVersion: espalier.io/v1alpha1
kind: IPsecPolicy
metadata: {name: sometimes}
spec: {enforcement: Sometimes, traffic: [NodeToNode], priority: 7}
Y
}
anew() { kubectl create --dry-run=server -f <(kubectl get ipsecpolicy sometimes -o json | sed 's/"name": "sometimes"/"name": "anew"/; /resourceVersion/d'); }
check "one schema takes it" wait_until 30 sometimes
check "  also anew" anew
kubectl apply --server-side --force-conflicts -f "$crds/espalier.io_ipsecpolicies.yaml" >/dev/null
check "the other does not" wait_until 30 eval '! anew >/dev/null 2>&1'
check "it is not accepted" wait_until 30 is 'condition sometimes Accepted' False
said_why() { kubectl get ipsecpolicy sometimes -o jsonpath="{.status.conditions[?(@.type=='Accepted')].message}" | grep -q spec.enforcement; }
check "and told which field is wrong" said_why
check "an Event warns" wait_until 20 warned sometimes Invalid
equal "no node hears of it" cluster "$(policies_of node1)"
equal "nor is anything else changed" True "$(condition cluster Ready)"
kubectl patch ipsecpolicy sometimes --type merge -p '{"spec": {"enforcement": "Preferred"}}' >/dev/null
check "mended, it is accepted" wait_until 20 is 'condition sometimes Accepted' True
check "and reaches the nodes" wait_until 20 is "policies_of node1 | tr ' ' '\n' | sort | xargs" 'cluster sometimes'

note "Tunnels: one that leads out of the cluster, others that lead into it"
kubectl create namespace edge >/dev/null
# tunnel NAME SUBNET: from node1.
tunnel() {
  kubectl apply --server-side -f - >/dev/null <<Y
apiVersion: espalier.io/v1alpha1
kind: Tunnel
metadata: {namespace: edge, name: $1}
spec:
  local: {node: node1, subnets: [10.200.0.0/16], authentication: {type: PSK, psk: {secretRef: {name: s, key: k}}}}
  remote: {addresses: [203.0.113.7], subnets: [$2], authentication: {type: PSK, psk: {secretRef: {name: s, key: k}}}}
Y
}
of_tunnel() { kubectl get tunnel -n edge "$1" -o jsonpath="{.status.conditions[?(@.type=='$2')].$3}"; }
tunnels_of() { kubectl get nodepolicy "$1" -o jsonpath='{.spec.tunnels[*].name}'; }
tunnel branch 192.168.100.0/24
check "the one is accepted" wait_until 20 is 'of_tunnel branch Accepted status' True
check "its node is told" wait_until 20 is 'tunnels_of node1' branch
equal "and it does not stand before that node says so" False "$(of_tunnel branch Established status)"
check "which it does" agent_follows 1
check "it stands" wait_until 20 is 'of_tunnel branch Established status; of_tunnel branch Ready status' TrueTrue
check "an Event says so" wait_until 20 is 'events_of branch' '1 Normal Ready'
refused_as() { [[ $(of_tunnel "$1" Accepted reason) == Refused && $(of_tunnel "$1" Accepted message) == *"$2"* ]]; }
tunnel pods 10.244.2.0/25
check "to pods: refused" wait_until 20 refused_as pods 'overlaps the pod block 10.244.2.0/24 of node node2'
tunnel services 10.96.7.0/24
check "to Services: refused" wait_until 20 refused_as services 'overlaps the Service range 10.96.0.0/16'
tunnel server 10.15.0.0/24
check "to the API server: refused" wait_until 20 refused_as server 'overlaps the address 10.15.0.1 of the API server'
check "an Event warns" wait_until 20 warned server Refused
equal "no node hears of these" branch "$(tunnels_of node1)"
equal "and they are counted" 3 "$(metric 9465 espalier_operator_refused_objects)"
linux_node 3 '{"status": {"addresses": [{"type": "InternalIP", "address": "192.168.100.9"}]}}'
check "a Node comes that is where the first one leads: it is refused" wait_until 20 refused_as branch 'of node node3'
kubectl delete node node3 >/dev/null
check "and taken again when that Node goes" wait_until 20 is 'of_tunnel branch Accepted status; tunnels_of node1' Truebranch

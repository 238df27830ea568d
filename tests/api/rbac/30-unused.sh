#!/usr/bin/env bash
# No right too many: the operator does everything it does, and the API server's audit log is held against its rules.
# lab: --audit
source "$ESPALIER_ROOT/tests/api/operator/operators.sh"

for i in 1 2; do
  linux_node "$i"
  agent "$i"
done
kubectl create namespace shop >/dev/null
kubectl create secret generic mesh -n espalier-system --from-literal psk=0x000102030405060708090a0b0c0d0e0f >/dev/null
pod shop web-7 node1 default '{"metadata": {"labels": {"app": "web"}}, "status": {"phase": "Running", "podIP": "10.244.1.7", "podIPs": [{"ip": "10.244.1.7"}]}}'
operator_start one 9465 --leader-elect
check "it is ready" wait_until 30 ready 9465
check "it leads" wait_until 30 leads 9465
check "it makes its CA" wait_until 30 kubectl get secret espalier-ca -n espalier-system
ca() { kubectl get secret espalier-ca -n espalier-system -o jsonpath='{.data}' | sha256sum; }
before=$(ca)
kubectl apply --server-side -f - >/dev/null <<'Y'
apiVersion: espalier.io/v1alpha1
kind: IPsecPolicy
metadata: {name: mesh}
spec: {enforcement: Required, traffic: [NodeToNode], authentication: {type: PSK, psk: {secretRef: {name: mesh, key: psk}}}}
---
apiVersion: espalier.io/v1alpha1
kind: IPsecPolicy
metadata: {name: web}
spec: {enforcement: Required, traffic: [PodToPod], podSelector: {matchLabels: {app: web}}}
---
apiVersion: espalier.io/v1alpha1
kind: Tunnel
metadata: {namespace: shop, name: inside}
spec:
  local: {node: node1, authentication: {type: PSK, psk: {secretRef: {name: s, key: k}}}}
  remote: {addresses: [10.0.0.2], authentication: {type: PSK, psk: {secretRef: {name: s, key: k}}}}
Y
check "it plans" wait_until 30 is 'policies_of node1' 'mesh web'
check "it tells which pods" wait_until 30 is 'names podslices' web-1
check "it gives agents a Secret" wait_until 30 as agent1 get secret mesh -n espalier-system
check "it writes the status of a Tunnel" wait_until 30 is \
  "kubectl get tunnel -n shop inside -o jsonpath='{.status.conditions[?(@.type==\"Accepted\")].reason}'" Refused
check "it tells of it" wait_until 30 eval '[ -n "$(kubectl get events.events.k8s.io -n shop -o name)" ]'
request agent1 mine node1 >/dev/null
check "it signs" wait_until 30 has_certificate mine
request agent1 theirs node2 >/dev/null
check "it denies" wait_until 30 is "kubectl get csr theirs -o jsonpath='{.status.conditions[*].type}'" Denied
kubectl annotate secret espalier-ca -n espalier-system espalier.io/rotate-ca=now >/dev/null
kill -TERM "$OPERATOR_one"
wait "$OPERATOR_one" || true
operator_start two 9465 --leader-elect
rotated() { [ "$(ca)" != "$before" ]; }
check "it rotates its CA" wait_until 60 rotated
kubectl delete node node2 >/dev/null
kubectl delete ipsecpolicy web >/dev/null
check "what goes takes along what was made from it" wait_until 30 is 'names nodepolicies; names podslices' node1
kubectl create -f - >/dev/null <<'Y'
apiVersion: apps/v1
kind: Deployment
metadata: {namespace: espalier-system, name: espalier-operator}
spec: {replicas: 1, selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: none.invalid/none}]}}}
Y
kill -TERM "$OPERATOR_two"
wait "$OPERATOR_two" || true
check "it uninstalls" espalier-operator uninstall --kubeconfig "$API/operator.kubeconfig" --namespace espalier-system --timeout 5
show

# Asked for by other means than a request of that verb.
cat >/run/otherwise <<'O'
approve signers           the server asks when an approval is written
sign signers              the server asks when a certificate is written
create nodeendpoints      the server asks when a patch makes one
create nodepolicies       the server asks when a patch makes one
create podslices          the server asks when a patch makes one
create configmaps         the server asks when a patch makes one
patch events              a series: the same again, half a minute later
O
unused() {
  kubectl get clusterroles,roles -A -o json >/run/roles
  python3 - /run/roles /run/otherwise "$API_LOGS/audit.log" <<'P'
import json, sys
who = "system:serviceaccount:espalier-system:espalier-operator"
granted, used = set(), set()
for role in json.load(open(sys.argv[1]))["items"]:
    if role["metadata"]["name"] == "espalier-operator":
        for rule in role["rules"]:
            granted |= {(verb, resource) for verb in rule["verbs"] for resource in rule["resources"]}
for line in open(sys.argv[3]):
    event = json.loads(line)
    if event["user"]["username"] == who and "objectRef" in event:
        at = event["objectRef"]
        used.add((event["verb"], at["resource"] + ("/" + at["subresource"] if "subresource" in at else "")))
otherwise = {tuple(line.split()[:2]) for line in open(sys.argv[2])}
# Who may watch may list, where a server streams no lists, and may get, which tells him no more.
readable = {resource for verb, resource in used if verb == "watch"}
otherwise_too = {(verb, resource) for verb, resource in granted if verb in ("list", "get") and resource in readable}
unused = granted - used - otherwise - otherwise_too
print("unused:", sorted(unused))
print("not needed in this list:", sorted(otherwise & used | otherwise - granted))
print("used:", len(used & granted), "of", len(granted))
sys.exit(bool(unused or otherwise & used or otherwise - granted or len(used) < 20))
P
}
check "each right is used" unused
show

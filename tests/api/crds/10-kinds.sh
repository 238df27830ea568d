#!/usr/bin/env bash
# The CRDs on a real API server: every example is taken unchanged; tables and explanations can be read.
source "$ESPALIER_ROOT/tests/api/lib.sh"

check "the CRDs are applied" apply_crds
note "with no word of warning"
equal "from the API server" "" "$(kubectl apply --server-side -f "$crds" 2>&1 >/dev/null)"
for crd in ipsecpolicies tunnels nodeendpoints nodepolicies podslices; do
  equal "$crd: the schema is structural and its names are free" "True True" \
    "$(kubectl get crd $crd.espalier.io -o jsonpath='{.status.conditions[?(@.type=="NamesAccepted")].status} {.status.conditions[?(@.type=="Established")].status}')"
  equal "$crd: nothing to complain of" "" \
    "$(kubectl get crd $crd.espalier.io -o jsonpath='{.status.conditions[?(@.type=="NonStructuralSchema")].message}')"
done

# The examples.
namespace edge
for example in "$crds"/testdata/examples/*.yaml; do
  check "example ${example##*/} is taken unchanged" kubectl apply --server-side --validate=strict -f "$example"
  check "  and again, by a plain apply" kubectl apply --validate=strict -f "$example"
done

refuse "a misspelt field is refused by a plain apply" kubectl apply -f - <<'Y'
apiVersion: espalier.io/v1alpha1
kind: IPsecPolicy
metadata: {name: misspelt}
spec: {enforcement: Required, traffic: [NodeToNode], exemption: []}
Y
said "  and named" 'unknown field "spec.exemption"'

# Two people's server-side applies of one policy: lists merge by their keys.
mine() {
  kubectl apply --server-side --field-manager "$1" -f - <<Y
apiVersion: espalier.io/v1alpha1
kind: IPsecPolicy
metadata: {name: shared}
spec: {enforcement: Required, traffic: [NodeToNode], exemptions: [{name: $1, cidr: 10.0.0.53/32, ports: [{protocol: UDP, port: 53}]}]}
Y
}
check "one applies an exemption" mine ann
check "another adds one" mine ben
equal "  and both stand" "ann ben" "$(kubectl get ipsecpolicy shared -o jsonpath='{.spec.exemptions[*].name}')"
kubectl delete ipsecpolicy shared >/dev/null

# What the operator writes.
kubectl apply --server-side --validate=strict -f - <<'Y' >/dev/null
apiVersion: espalier.io/v1alpha1
kind: NodePolicy
metadata: {name: node1}
spec:
  hash: 0123456789abcdef0123456789abcdef
  requiredFeatures: [PostQuantumKeys, Tunnels]
  policies: [{name: cluster, uid: 2f1c, generation: 1}]
  tunnels: [{namespace: edge, name: branch, uid: 77aa, generation: 1}]
  apiServers: [{address: 10.15.0.1, port: 6443}]
---
apiVersion: espalier.io/v1alpha1
kind: PodSlice
metadata: {name: payments-1}
spec: {policy: payments, addresses: [10.244.1.7, "fd00:244:1::7"]}
Y
now='"lastTransitionTime": "2026-01-01T00:00:00Z", "observedGeneration": 1, "message": "in words"'
check "an agent's status is taken" kubectl patch nodepolicy node1 --subresource status --type merge -p "{\"status\": {
  \"appliedHash\": \"0123456789abcdef0123456789abcdef\", \"peers\": {\"wanted\": 4, \"ready\": 3}, \"tunnelsReady\": 1,
  \"policies\": [{\"name\": \"cluster\", \"generation\": 1, \"peers\": 4, \"ready\": 3, \"notes\": [{\"reason\": \"Overlay\", \"message\": \"covered by NodeToNode\"}]}],
  \"tunnels\": [{\"namespace\": \"edge\", \"name\": \"branch\", \"generation\": 1, \"established\": true}],
  \"conditions\": [{\"type\": \"Programmed\", \"status\": \"True\", \"reason\": \"Applied\", $now},
                   {\"type\": \"Ready\", \"status\": \"False\", \"reason\": \"PeersMissing\", $now}]}}"
check "an operator's status is taken" kubectl patch ipsecpolicy cluster --subresource status --type merge -p "{\"status\": {
  \"nodes\": {\"wanted\": 5, \"ready\": 4}, \"conditions\": [{\"type\": \"Ready\", \"status\": \"False\", \"reason\": \"NodesMissing\", $now}]}}"
kubectl patch tunnel -n edge branch --subresource status --type merge -p '{"status": {"node": "gateway1"}}' >/dev/null
equal "a status does not make a new generation" 1 "$(kubectl get ipsecpolicy cluster -o jsonpath='{.metadata.generation}')"
check "a spec is not written by way of the status" kubectl patch ipsecpolicy cluster --subresource status --type merge -p '{"spec": {"priority": 7}}'
equal "  it stays" 100 "$(kubectl get ipsecpolicy cluster -o jsonpath='{.spec.priority}')"
kubectl patch ipsecpolicy cluster --type merge -p '{"spec": {"priority": 101}}' >/dev/null
equal "a changed spec is a new generation" 2 "$(kubectl get ipsecpolicy cluster -o jsonpath='{.metadata.generation}')"

# Tables, by short name and category.
table() { kubectl get "$@" | tr -s ' ' | sed 's/ [0-9]*m\?[0-9]*s$/ AGE/; s/ $//'; }
equal "kubectl get ipsecpol" \
  'NAME ENFORCEMENT TRAFFIC PRIORITY NODES UP READY REASON AGE
cluster Required ["NodeToNode","PodToPod","PodToNode"] 101 5 4 False NodesMissing AGE' \
  "$(table ipsecpol | grep -E '^(NAME|cluster)')"
equal "kubectl get tun" \
  'NAME NODE PEER ESTABLISHED READY REASON AGE
branch gateway1 203.0.113.7 AGE' \
  "$(table tun -n edge | grep -E '^(NAME|branch)')"
equal "kubectl get nodepol" \
  'NAME PEERS UP TUNNELS PROGRAMMED READY REASON AGE
node1 4 3 1 True False PeersMissing AGE' \
  "$(table nodepol)"
equal "kubectl get nodeep" \
  'NAME ADDRESSES IDENTITY AGENT CERTIFICATE UNTIL READY REASON AGE
node1 ["10.10.0.11","fd00:10::11"] node1.nodes.example.com AGE' \
  "$(table nodeep | grep -E '^(NAME|node1)')"
equal "kubectl get podsl" 'NAME POLICY AGE
payments-1 payments AGE' "$(table podsl)"
check "kubectl get espalier shows them all" kubectl get espalier -A
for kind in ipsecpolicy tunnel nodeendpoint nodepolicy podslice; do said "  with $kind" "$kind.espalier.io/"; done

# Fields that can be selected.
equal "policies by enforcement" "ipsecpolicy.espalier.io/private-or-clear" \
  "$(kubectl get ipsecpolicies --field-selector spec.enforcement=Preferred -o name)"
equal "tunnels by node" "tunnel.espalier.io/db
tunnel.espalier.io/raw" "$(kubectl get tunnels -A --field-selector spec.local.node=host1 -o name)"
equal "slices by policy" "podslice.espalier.io/payments-1" \
  "$(kubectl get podslices --field-selector spec.policy=payments -o name)"

# kubectl explain teaches: every field of every kind says what it is.
for kind in ipsecpolicy tunnel nodeendpoint nodepolicy podslice; do
  check "kubectl explain $kind" kubectl explain "$kind"
  said "  says what it is for" "DESCRIPTION:"
  kubectl explain "$kind" --recursive >/run/fields
  note "$kind: $(grep -c '	<' /run/fields) fields"
done
check "kubectl explain ipsecpolicy.spec.exemptions" kubectl explain ipsecpolicy.spec.exemptions
said "  what it is" "Traffic that this policy would encrypt and leaves in clear"
said "  and what its parts are" "Ports of the exempt addresses"
check "kubectl explain ipsecpolicy.spec.enforcement" kubectl explain ipsecpolicy.spec.enforcement
said "  with its words" "^ *Bypass$"
check "kubectl explain nodepolicy.status.policies" kubectl explain nodepolicy.status.policies
said "  for the status, too" "With how many of them its traffic is encrypted"

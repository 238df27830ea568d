#!/usr/bin/env bash
# The operator's rights, as shipped: each thing it does, done; what it does not need, refused.
source "$ESPALIER_ROOT/tests/api/rbac/rights.sh"

apply_as() { as "$1" apply --server-side --field-manager "$1" -f -; }

# Plans.
check "it writes a NodeEndpoint" apply_as operator <<'Y'
apiVersion: espalier.io/v1alpha1
kind: NodeEndpoint
metadata: {name: node1}
spec: {addresses: [192.0.2.1], identity: node1}
Y
check "it writes a NodePolicy" apply_as operator <<'Y'
apiVersion: espalier.io/v1alpha1
kind: NodePolicy
metadata: {name: node1}
spec: {hash: 0123456789abcdef0123456789abcdef}
Y
check "it writes a PodSlice" apply_as operator <<'Y'
apiVersion: espalier.io/v1alpha1
kind: PodSlice
metadata: {name: one}
spec: {policy: cluster, addresses: [10.244.1.7]}
Y
for kind in nodeendpoint/node1 nodepolicy/node1 podslice/one; do check "it deletes $kind" as operator delete "$kind"; done

kubectl apply --server-side -f "$crds/testdata/examples/mesh.yaml" >/dev/null
check "it writes a policy's status" as operator apply --server-side --subresource status --field-manager operator -f - <<'Y'
apiVersion: espalier.io/v1alpha1
kind: IPsecPolicy
metadata: {name: cluster}
status: {nodes: {wanted: 2, ready: 0}}
Y
refuse "it does not write the policy" as operator patch ipsecpolicy cluster --type merge -p '{"spec": {"priority": 7}}'
for what in nodes pods namespaces ipsecpolicies tunnels nodeendpoints nodepolicies podslices certificatesigningrequests; do
  check "it watches $what" as operator get "$what" -A --request-timeout 5s
done
check "it finds the API server" as operator get endpointslices -n default --field-selector metadata.name=kubernetes -o name
said "  behind its Service" kubernetes
refuse "it sees no other service" as operator get endpointslices -n default

# The CA, and which Secrets agents may read.
check "it makes its CA" as operator create secret generic espalier-ca -n espalier-system --from-literal ca.key=x
secret() { kubectl create secret generic "$1" -n espalier-system --from-literal ca.key=y --dry-run=client -o yaml; }
check "it rotates it" as operator replace -f <(secret espalier-ca)
kubectl create secret generic cluster-ppk -n espalier-system --from-literal ppk=z >/dev/null
may_not operator list secrets -n espalier-system
may_not operator watch secrets -n espalier-system
refuse "it changes no other Secret" as operator replace -f <(secret cluster-ppk)
refuse "it reads no Secret elsewhere" as operator get secrets -n default
check "it publishes what nodes trust" as operator create configmap espalier-trust -n espalier-system --from-literal ca.crt=x
grant() {
  as operator patch role espalier-agent-secrets -n espalier-system --type merge -p "{\"rules\": [$1]}"
}
check "it lets agents read one Secret" grant '{"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["cluster-ppk"], "verbs": ["get"]}'
check "  which they then can" as agent1 get secret cluster-ppk -n espalier-system
refuse "  and the CA they cannot" as agent1 get secret espalier-ca -n espalier-system
refuse "it gives nobody what it has not" grant '{"apiGroups": [""], "resources": ["secrets"], "verbs": ["delete"]}'
said "  says the API server" "attempting to grant RBAC permissions not currently held"
check "it sees what became of that Role" as operator get roles -n espalier-system --field-selector metadata.name=espalier-agent-secrets
refuse "and no other" as operator get roles -n espalier-system
refuse "it makes no role of its own" as operator create role another -n espalier-system --verb get --resource secrets

# Certificates.
check "an agent asks for a certificate" request agent1 node1-1 espalier.io/node
check "the operator approves it" as operator certificate approve node1-1
signed() {
  as operator get csr node1-1 -o json |
    CERTIFICATE=$(base64 -w0 "$PKI/server.crt") python3 -c '
import json, os, sys
request = json.load(sys.stdin)
request["status"]["certificate"] = os.environ["CERTIFICATE"]
print(json.dumps(request))' |
    as operator replace --raw /apis/certificates.k8s.io/v1/certificatesigningrequests/node1-1/status -f -
}
check "and signs it" signed
request admin other-1 kubernetes.io/kube-apiserver-client >/dev/null
refuse "it approves none of another signer" as operator certificate approve other-1

# Events, and the Lease.
event() {
  as "$1" create -f - <<Y
apiVersion: events.k8s.io/v1
kind: Event
metadata: {generateName: espalier-, namespace: default}
eventTime: "2026-01-01T00:00:00.000000Z"
reportingController: espalier.io/test
reportingInstance: test
action: Plan
reason: Accepted
type: Normal
regarding: {apiVersion: espalier.io/v1alpha1, kind: IPsecPolicy, name: cluster}
note: in words
Y
}
check "it tells of transitions" event operator
lease() { # VERB NAME [HOLDER]
  as operator "$1" -f - <<Y
apiVersion: coordination.k8s.io/v1
kind: Lease
metadata: {name: "$2", namespace: espalier-system}
spec: {holderIdentity: ${3:-test}, leaseDurationSeconds: 15}
Y
}
check "it takes the Lease" lease create espalier-operator
check "it renews it" lease replace espalier-operator other
check "  a Lease of another name can be made" lease create another
refuse "  and not be changed" lease replace another other

may operator patch ipsecpolicies --subresource status
for what in "delete nodes" "update nodes" "create pods" "delete secrets -n espalier-system" "create clusterroles" "escalate roles -n espalier-system" \
  "bind roles -n espalier-system" "impersonate users" "create tunnels" "delete ipsecpolicies" "patch nodepolicies --subresource status" "create serviceaccounts --subresource token -n espalier-system"; do
  read -ra words <<<"$what"
  may_not operator "${words[@]}"
done

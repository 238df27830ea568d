#!/usr/bin/env bash
# A node gets its certificate with the rights of deploy/; another node's name is refused, however it is asked for.
source "$ESPALIER_ROOT/tests/api/rbac/rights.sh"
need "certificate_probe is built" command -v certificate_probe

# probe NAME WHO ARG...: certificate_probe in the background, as WHO.
probe() { KUBECONFIG=$API/$2.kubeconfig background "$1" certificate_probe "${@:3}"; }
of_csr() { kubectl get csr "$1" -o "jsonpath=$2"; }
csr_of() { kubectl get csr -o name --sort-by .metadata.creationTimestamp | sed -n "s,.*/\(espalier-$1-.*\),\1,p" | tail -n 1; }
bundle() { kubectl get configmap -n espalier-system espalier-trust -o 'jsonpath={.data.ca\.crt}'; }
_cas() { [ "$(bundle | grep -c BEGIN)" = "$1" ]; }

for i in 1 2; do
  kubectl apply --server-side -f - <<Y >/dev/null
apiVersion: espalier.io/v1alpha1
kind: NodeEndpoint
metadata: {name: node$i}
spec: {addresses: [10.10.0.$i], identity: node$i.nodes.example.com}
Y
done

note "the operator makes its CA, a node its key"
probe operator operator operator
check "the operator tells of its CA" says operator '^event CaCreated '
probe node1 agent1 node node1 node1.nodes.example.com /run/node1
check "node1 uses a certificate" says node1 '^uses node1 node1.nodes.example.com '
csr=$(csr_of node1)
equal "it was approved for the pod's node" "Approved BoundToNode" "$(of_csr "$csr" '{.status.conditions[0].type} {.status.conditions[0].reason}')"
of_csr "$csr" '{.status.certificate}' | base64 -d >/run/node1.crt
bundle >/run/bundle.crt
check "OpenSSL verifies it against what nodes trust" openssl verify -x509_strict -CAfile /run/bundle.crt /run/node1.crt
equal "its key is the one in node1's folder, and nobody else reads that" "600 $(openssl x509 -in /run/node1.crt -noout -pubkey | sha256sum)" \
  "$(stat -c %a /run/node1/identity.pem) $(openssl pkey -in /run/node1/identity.pem -pubout | sha256sum)"

note "the process is restarted"
check "it ends in order, with nothing of NSS leaked" end_probe node1
probe node1 agent1 node node1 node1.nodes.example.com /run/node1
check "the certificate is used again" says node1 '^uses node1 '
equal "without another request" 1 "$(kubectl get csr -o name | wc -l)"

note "node2 asks for node1's name"
probe thief agent2 node node1 node1.nodes.example.com /run/thief
check "it is told why not" says thief 'status not-ready Refused .*OtherNode.*runs on node "node2"'
thief=$(csr_of node1)
equal "its request is denied" "Denied OtherNode" "$(of_csr "$thief" '{.status.conditions[0].type} {.status.conditions[0].reason}')"
equal "and never signed" "" "$(of_csr "$thief" '{.status.certificate}')"
check "the thief ends" end_probe thief
refuse "it got no certificate" grep -q '^uses' /run/thief.log

note "node2 asks for its own name with node1's identity in it"
probe thief agent2 node node2 node1.nodes.example.com /run/thief2
check "it is told which field is wrong" says thief 'Refused .*BadRequest.*subjectAltName\[0\]'
check "the thief ends again" end_probe thief

note "a token that is bound to no pod"
probe loose loose node node1 node1.nodes.example.com /run/loose-node
check "the API server takes no request" says loose 'SignerUnreachable .*this token names no node'
check "it ends" end_probe loose

note "somebody approves by hand what the operator would deny, while it is away"
check "the operator ends" end_probe operator
probe thief agent2 node node1 node1.nodes.example.com /run/thief3
before=$thief
_asked() { [ "$(csr_of node1)" != "$before" ]; }
check "the request is there" wait_until 30 _asked
thief=$(csr_of node1)
kubectl certificate approve "$thief" >/dev/null
probe operator operator operator
check "the node is told that it failed" says thief 'Refused .*Failed \(OtherNode\)'
equal "it is not signed" "" "$(of_csr "$thief" '{.status.certificate}')"
check "the thief ends for good" end_probe thief

note "another CA"
kubectl annotate secret -n espalier-system espalier-ca espalier.io/rotate-ca=now >/dev/null
check "the operator ends once more" end_probe operator
probe operator operator operator
check "nodes trust both" wait_until 60 _cas 2
equal "the CA that signs is still the first" "$(sed '/END/q' /run/bundle.crt)" "$(bundle | sed '/END/q')"
probe node2 agent2 node node2 node2.nodes.example.com /run/node2
check "node2 gets its own certificate" says node2 '^uses node2 node2.nodes.example.com '
for name in node1 node2 operator; do check "$name ends in order" end_probe "$name"; done
refuse "the operator had no problem" grep '^problem' /run/operator.log

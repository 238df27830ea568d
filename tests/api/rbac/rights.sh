# Sourced by the tests beside it: deploy/ applied, two nodes with an agent each, and everybody's kubeconfig.
#
#   WHO is operator, agent1, agent2 (bound to node1, node2), or loose (an agent's token of no Pod)
#   request WHO NAME SIGNER    asks for a certificate
#   may WHO VERB RESOURCE… / may_not …    kubectl auth can-i
# shellcheck shell=bash
# shellcheck source=../lib.sh
source "$ESPALIER_ROOT/tests/api/lib.sh"

apply_crds
check "deploy/ is applied" kubectl apply --server-side -f "$ESPALIER_ROOT/deploy"
for i in 1 2; do
  node "node$i"
  agent "$i"
done
known_as loose token espalier-system espalier-agent
known_as operator token espalier-system espalier-operator

openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -keyout /dev/null -subj /CN=node1 -out /run/request.pem 2>/dev/null
request() {
  as "$1" create -f - <<Y
apiVersion: certificates.k8s.io/v1
kind: CertificateSigningRequest
metadata: {name: "$2"}
spec: {signerName: "$3", usages: [client auth], request: $(base64 -w0 /run/request.pem)}
Y
}
may() { check "$1 may ${*:2}" as "$1" auth can-i -q "${@:2}"; }
may_not() { refuse "$1 may not ${*:2}" as "$1" auth can-i -q "${@:2}"; }

# Admission policies take a moment to be in force.
kubectl apply --server-side -f - <<'Y' >/dev/null
apiVersion: espalier.io/v1alpha1
kind: NodeEndpoint
metadata: {name: probe}
spec: {addresses: [192.0.2.9], identity: probe}
Y
_in_force() {
  ! as loose patch nodeendpoint probe --subresource status --type merge -p '{"status": {"agentVersion": "x"}}' 2>/run/probe &&
    grep -q 'names no node' /run/probe
}
wait_until 30 _in_force || { echo "the admission policy is not in force"; exit 1; }

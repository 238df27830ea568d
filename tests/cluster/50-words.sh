#!/usr/bin/env bash
# What a user is told, by kubectl get, describe, events and kubectl espalier status, when something is wrong: a node whose request for a certificate is
# denied, a node whose certificate the others refuse, a policy with an error, a Secret that is missing. Each is mended, and Ready again.
# lab: --timeout 2400
source "$ESPALIER_ROOT/tests/cluster/lib.sh"

helm_installs
check "a policy" policy Required
check "  is Ready" wait_until 240 policy_ready

# told TEXT PATTERN COMMAND…: within two minutes COMMAND prints that; what it prints is shown.
told() {
  # What it says counts, not its status: verify fails by it.
  _tells() { { "${@:2}" 2>&1 || true; } | grep -E -e "$1"; }
  check "$1" wait_until 120 _tells "${@:2}"
  "${@:3}" 2>&1 | grep -E -e "$2" | cut -c1-220 | sort -u | head -n 3 | sed 's/^/       | /' || true
}
status() { kubectl espalier status; }
operator() {
  kubectl scale deployment espalier-operator -n espalier-system --replicas "$1" >/dev/null
  [ "$1" != 0 ] || wait_until 120 eval '[ -z "$(kubectl get pods -n espalier-system -l app.kubernetes.io/component=operator --no-headers 2>/dev/null)" ]'
}
restart_agent() { kubectl delete -n espalier-system "$(agent_of "$1")" --wait=true >/dev/null; }

note "a policy with an error"
refuse "the API server does not take a word that is none" kubectl apply -f - <<'Y'
apiVersion: espalier.io/v1alpha1
kind: IPsecPolicy
metadata: {name: wrong}
spec: {enforcement: Require, traffic: [NodeToNode]}
Y
said "  and names the field and what is allowed" 'spec.enforcement.*Required'
show
check "an algorithm that there is not is taken" kubectl apply -f - <<'Y'
apiVersion: espalier.io/v1alpha1
kind: IPsecPolicy
metadata: {name: wrong}
spec: {enforcement: Required, traffic: [NodeToNode], esp: {proposals: [aes257gcm16]}}
Y
told "  its status says which field" 'esp.proposals' kubectl get ipsecpolicy wrong -o 'jsonpath={.status.conditions[?(@.type=="Accepted")].message}'
told "  get has it in a column" 'wrong .*False' kubectl get ipsecpolicies
told "  describe has an Event" 'Warning.*esp.proposals' kubectl describe ipsecpolicy wrong
told "  kubectl espalier status says it" 'wrong' status
check "  and the other policy is Ready" policy_ready
kubectl delete ipsecpolicy wrong >/dev/null

note "a Secret that is missing"
check "a policy that insists on a PPK" policy Required ', ppk: {mode: Insist, keys: [{id: one, secretRef: {name: absent, key: one}}]}'
told "  the node's Event names the Secret" 'SecretUnreadable.*espalier-system/absent' kubectl describe nodepolicy node1
told "  so do the events of the cluster" 'espalier-system/absent' kubectl get events -A
told "  the policy is not Ready" 'cluster .*False' kubectl get ipsecpolicies
told "  kubectl espalier status says what to do" 'absent' status
kubectl create secret generic absent -n espalier-system --from-literal one=0x5d1f0a6ce4b83f7729d0a1c4e5b6f70819283746556473829100ffeeddccbbaa >/dev/null
check "the Secret comes: Ready again" wait_until 240 policy_ready
check "without a PPK again" policy Required
check "  Ready" wait_until 240 policy_ready

note "a node whose request for a certificate is denied"
operator 0
restart_agent 2
on 2 sh -c 'rm -f /var/lib/espalier/identity*.pem'
on 2 pkill -KILL -f '^/usr/bin/espalier-agent ' || true
request() { kubectl get csr --no-headers | awk '$NF == "Pending" {print $1}' | head -n 1; }
check "it asks" wait_until 240 eval '[ -n "$(request)" ]'
check "and is denied" kubectl certificate deny "$(request)"
certificate() { kubectl get "nodeendpoint/node$1" -o jsonpath='{range .status.conditions[?(@.type=="CertificateReady")]}{.status} {.reason}: {.message}{end}'; }
told "  its NodeEndpoint says so" '^False .*[Dd]enied' certificate 2
told "  get has it in a column" 'node2 .*False' kubectl get nodeendpoints
told "  describe has an Event" 'ertificate' kubectl describe nodepolicy node2
told "  kubectl espalier status says it of node2" '[Dd]enied|CredentialsMissing' status
operator 1
check "the operator is back: it asks again, and all is Ready" wait_until 400 eval 'certificate 2 | grep ^True && policy_ready'

note "a node whose certificate the others refuse"
operator 0
pki_ca stranger
trust=$(kubectl get configmap espalier-trust -n espalier-system -o jsonpath='{.data.ca\.crt}')
kubectl create configmap espalier-trust -n espalier-system --from-file=ca.crt="$PKI/stranger.crt" --dry-run=client -o yaml | kubectl replace -f - >/dev/null
pause 20 # both have read it
on 2 pkill -KILL -f '^/usr/bin/espalier-agent ' || true
on 2 sh -c 'ip xfrm state flush proto esp'
told "  kubectl espalier status has the reason, who refused and what to do" 'UntrustedIssuer' status
told "  get has the nodes in a column" 'node[12] .*False' kubectl get nodepolicies
told "  describe has an Event" 'UntrustedIssuer|espalier-trust' kubectl describe nodepolicy node1
told "  verify fails" '^node.: fail' kubectl espalier verify
kubectl create configmap espalier-trust -n espalier-system --from-literal=ca.crt="$trust" --dry-run=client -o yaml | kubectl replace -f - >/dev/null
operator 1
check "the CA is back: Ready again" wait_until 400 policy_ready

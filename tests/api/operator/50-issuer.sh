#!/usr/bin/env bash
# cert-manager signs instead of the operator's CA: an approved request becomes a CertificateRequest, its certificate comes back, the issuer's
# CA is trusted, and its end told; what the issuer refuses fails with its words. cert-manager comes after the operator, which waits with nothing
# else for it. Its CRD is its own (lab/cert-manager), its controller is played here.
source "$ESPALIER_ROOT/tests/api/operator/operators.sh"

for i in 1 2; do
  linux_node "$i"
  agent "$i"
done
kubectl apply -f "$ESPALIER_ROOT/deploy/cert-manager" >/dev/null
pki_ca corporate
operator_start one 9465 --issuer corporate
check "without cert-manager it is ready" wait_until 30 ready 9465
check "  and plans" wait_until 30 kubectl get nodepolicy node1
in_log() { grep -q "$1" "$API_LOGS/operator-one.log"; }
check "  and its log says what it misses" wait_until 30 in_log 'following failed.*CertificateRequest'

kubectl apply --server-side -f "$("$ESPALIER_ROOT/lab/cert-manager/fetch")/cert-manager.io_certificaterequests.yaml" >/dev/null
kubectl wait --for condition=Established --timeout 60s crd certificaterequests.cert-manager.io >/dev/null
check "cert-manager comes, and is followed" wait_until 60 in_log 'known.*CertificateRequest'

condition() { kubectl get csr "$1" -o jsonpath="{.status.conditions[?(@.type=='$2')].$3}"; }
asked_for() { kubectl get certificaterequests -n espalier-system -o jsonpath="{.items[?(@.metadata.ownerReferences[0].name=='$1')].metadata.name}"; }
is_asked_for() { [ -n "$(asked_for "$1")" ]; }
say() { kubectl patch certificaterequest -n espalier-system "$(asked_for "$1")" --subresource status --type merge -p "{\"status\": $2}" >/dev/null; }

check "an agent asks" request agent1 node1-a node1
check "the issuer is asked" wait_until 30 is_asked_for node1-a
equal "by name" "corporate ClusterIssuer" \
  "$(kubectl get certificaterequest -n espalier-system "$(asked_for node1-a)" -o jsonpath='{.spec.issuerRef.name} {.spec.issuerRef.kind}')"
equal "and the request is approved" True "$(condition node1-a Approved status)"
kubectl get certificaterequest -n espalier-system "$(asked_for node1-a)" -o jsonpath='{.spec.request}' | base64 -d >/run/asked.pem
printf 'subjectAltName=DNS:node1\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth,clientAuth\n' >/run/ext
openssl x509 -req -in /run/asked.pem -CA "$PKI/corporate.crt" -CAkey "$PKI/corporate.key" -days 30 -extfile /run/ext -out /run/issued.pem 2>/dev/null
say node1-a "{\"certificate\": \"$(base64 -w0 /run/issued.pem)\", \"ca\": \"$(base64 -w0 "$PKI/corporate.crt")\",
  \"conditions\": [{\"type\": \"Ready\", \"status\": \"True\", \"reason\": \"Issued\"}]}"
# By the watch: it would ask again after a minute only.
check "the node gets its certificate at once" wait_until 30 has_certificate node1-a
certificate node1-a >/run/node1.crt
kubectl get configmap espalier-trust -n espalier-system -o jsonpath='{.data.ca\.crt}' >/run/ca.pem
check "that what nodes trust verifies" openssl verify -CAfile /run/ca.pem /run/node1.crt
end_of() { date -u -d "$(openssl x509 -in "$1" -noout -enddate | cut -d= -f2)" +%s; }
told_end() { curl -sf http://127.0.0.1:9465/metrics | sed -n 's/^espalier_ca_not_after_timestamp_seconds{\(role="trusted",subject="[^"]*corporate[^"]*"\)} //p'; }
is_told() { [ -n "$(told_end)" ]; }
check "when trust in it ends is told" wait_until 30 is_told
equal "  to the second" "$(end_of "$PKI/corporate.crt")" "$(printf %.0f "$(told_end)")"
refuse "no CA of the operator's own is made" kubectl get secret espalier-ca -n espalier-system

check "node1's agent asks for node2" request agent1 node2-a node2
denied() { [ "$(condition "$1" Denied status)" = True ]; }
check "it is denied as ever" wait_until 30 denied node2-a
equal "and the issuer never hears of it" '' "$(asked_for node2-a)"

check "node2's agent asks" request agent2 node2-b node2
check "the issuer is asked" wait_until 30 is_asked_for node2-b
say node2-b '{"conditions": [{"type": "Ready", "status": "False", "reason": "Failed", "message": "the quota is used up"}]}'
failed() { [ "$(condition "$1" Failed status)" = True ]; }
check "what the issuer refuses fails" wait_until 30 failed node2-b
equal "with its words" "ClusterIssuer corporate says Failed: the quota is used up" "$(condition node2-b Failed message)"
told() { kubectl get events -A -o jsonpath='{.items[*].message}' | grep -q 'the quota is used up'; }
check "and an event" wait_until 20 told

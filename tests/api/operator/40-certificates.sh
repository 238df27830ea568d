#!/usr/bin/env bash
# The operator is the nodes' CA: a CA is made once and published; a node's agent gets a certificate by a CertificateSigningRequest with
# the token of its Pod on that node; a request for another node's name, or with a token of no Pod, gets none; the CA outlives restarts.
source "$ESPALIER_ROOT/tests/api/operator/operators.sh"

for i in 1 2; do
  linux_node "$i"
  agent "$i"
done
known_as loose token espalier-system espalier-agent
denied() { [ "$(kubectl get csr "$1" -o jsonpath='{.status.conditions[?(@.type=="Denied")].status}')" = True ]; }
trusted() { kubectl get configmap espalier-trust -n espalier-system -o jsonpath='{.data.ca\.crt}'; }

operator_start one 9465
check "it is ready" wait_until 30 ready 9465
check "a CA is made" wait_until 30 kubectl get secret espalier-ca -n espalier-system
check "and published" wait_until 30 kubectl get configmap espalier-trust -n espalier-system
trusted >/run/ca.pem
refuse "an agent cannot read its key" as agent1 get secret espalier-ca -n espalier-system

check "an agent asks" request agent1 node1-a node1
check "it gets a certificate" wait_until 30 has_certificate node1-a
certificate node1-a >/run/node1.crt
check "that the published CA signed" openssl verify -CAfile /run/ca.pem /run/node1.crt
check "for its own key" bash -c 'diff <(openssl x509 -in /run/node1.crt -noout -pubkey) <(openssl pkey -in /run/node1-a.key -pubout)'
check "with its name" bash -c 'openssl x509 -in /run/node1.crt -noout -ext subjectAltName'
said "  as SAN" DNS:node1

check "node1's agent asks for node2" request agent1 node2-a node2
check "it is denied" wait_until 30 denied node2-a
equal "and gets nothing" '' "$(certificate node2-a)"
check "another identity in node1's own request" request agent1 node1-b node1 node2
check "is denied, too" wait_until 30 denied node1-b
refuse "a token of no Pod cannot even ask" request loose node2-b node2
said "  and is told why" "this token names no node"
kubectl get csr -o wide | sed 's/^/     /' || true
check "metrics tell when the CA ends" bash -c '[ -n "$(curl -sf http://127.0.0.1:9465/metrics | grep "^espalier_ca_not_after_timestamp_seconds{")" ]'

kill -TERM "$OPERATOR_one"
wait "$OPERATOR_one" || true
operator_start two 9466
check "another one starts" wait_until 30 ready 9466
check "node2's agent asks" request agent2 node2-c node2
check "it gets a certificate" wait_until 30 has_certificate node2-c
certificate node2-c >/run/node2.crt
equal "the CA is the same" "$(cat /run/ca.pem)" "$(trusted)"
check "and signed it" openssl verify -CAfile /run/ca.pem /run/node2.crt
check "it leaves no core" grep -qE '^Max core file size +0 +0 ' "/proc/$OPERATOR_two/limits"
refuse "no key is in the log" grep -rl 'PRIVATE KEY' "$API_LOGS"/operator-*.log

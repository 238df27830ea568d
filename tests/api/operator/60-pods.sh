#!/usr/bin/env bash
# The pods that policies select become PodSlices, and stay so while pods come, go, move and are relabelled, and namespaces, too. Pods are
# followed only where a policy selects some.
source "$ESPALIER_ROOT/tests/api/operator/operators.sh"

# addresses POLICY: of all its slices, sorted.
addresses() {
  kubectl get podslices --field-selector "spec.policy=$1" -o jsonpath='{range .items[*]}{.spec.addresses[*]}{" "}{end}' | xargs -n1 | sort | xargs
}
# running NS NAME APP NODE: with the address 10.244.NODE.(its last digits) and one of the other family.
running() {
  local n=${2##*-}
  pod "$1" "$2" "node$4" default "{\"metadata\": {\"labels\": {\"app\": \"$3\"}}, \"status\": {\"phase\": \"Running\",
    \"podIP\": \"10.244.$4.$n\", \"podIPs\": [{\"ip\": \"10.244.$4.$n\"}, {\"ip\": \"fd00:244:$4::$n\"}]}}"
}
gone() { kubectl delete pod -n "$1" "$2" --force --grace-period=0 >/dev/null 2>&1; }
lists() { curl -sf http://127.0.0.1:9465/metrics | awk -v "is=espalier_watch_lists_total{kind=\"$1\"}" 'index($0, is) == 1 {print $2}'; }

linux_node 1
linux_node 2
namespace shop
namespace lab
running shop web-7 web 1
running shop db-8 db 2
running lab web-9 web 1
operator_start one 9465
check "it is ready" wait_until 30 ready 9465
equal "nobody selects pods: they are not followed" 0 "$(lists Pod)"
equal "and there are no slices" '' "$(names podslices)"

kubectl apply --server-side -f "$crds/testdata/examples/namespaces.yaml" >/dev/null
kubectl label namespace shop confidential=true >/dev/null
check "the pods of a labelled namespace are in a slice" wait_until 30 is 'addresses payments' \
  '10.244.1.7 10.244.2.8 fd00:244:1::7 fd00:244:2::8'
equal "in one" payments-1 "$(names podslices)"
check "a node that is told of it needs an agent that can do it" wait_until 20 is \
  "kubectl get nodepolicy node1 -o jsonpath='{.spec.requiredFeatures}'" '["OnDemand","PodSelection"]'
check "the policy is accepted" wait_until 20 is \
  "kubectl get ipsecpolicy payments -o jsonpath='{.status.conditions[?(@.type==\"Accepted\")].status}'" True
kubectl apply --server-side -f - >/dev/null <<'Y'
apiVersion: espalier.io/v1alpha1
kind: IPsecPolicy
metadata: {name: web}
spec: {enforcement: Required, traffic: [PodToPod], priority: 200, podSelector: {matchExpressions: [{key: app, operator: In, values: [web]}]}}
Y
check "a selector of pods reaches all namespaces" wait_until 20 is 'addresses web' '10.244.1.7 10.244.1.9 fd00:244:1::7 fd00:244:1::9'
equal "the other policy keeps its own" '10.244.1.7 10.244.2.8 fd00:244:1::7 fd00:244:2::8' "$(addresses payments)"

note "pods and namespaces change"
before=$(versions podslices)
kubectl annotate pod -n shop web-7 some=thing >/dev/null
kubectl label namespace lab other=label >/dev/null
sleep 2
equal "what changes nothing writes nothing" "$before" "$(versions podslices)"
running shop web-10 web 2
check "a new pod is in both" wait_until 20 is 'addresses web; addresses payments' \
  '10.244.1.7 10.244.1.9 10.244.2.10 fd00:244:1::7 fd00:244:1::9 fd00:244:2::10
10.244.1.7 10.244.2.10 10.244.2.8 fd00:244:1::7 fd00:244:2::10 fd00:244:2::8'
kubectl label pod -n shop web-7 app=db --overwrite >/dev/null
check "one that is relabelled leaves" wait_until 20 is 'addresses web' '10.244.1.9 10.244.2.10 fd00:244:1::9 fd00:244:2::10'
gone shop web-10
running shop web-10 web 1
check "one that moves has its new address" wait_until 20 is 'addresses web' '10.244.1.10 10.244.1.9 fd00:244:1::10 fd00:244:1::9'
gone lab web-9
check "one that is deleted is gone" wait_until 20 is 'addresses web' '10.244.1.10 fd00:244:1::10'
kubectl patch pod -n shop web-10 --subresource status --type merge -p '{"status": {"phase": "Succeeded"}}' >/dev/null
check "one that has finished, too, and an empty slice with it" wait_until 20 is 'names podslices' payments-1
kubectl label namespace shop confidential=false --overwrite >/dev/null
check "a namespace that is relabelled takes its pods along" wait_until 20 is 'names podslices' ''
kubectl label namespace shop confidential=true --overwrite >/dev/null
check "and brings them back" wait_until 20 is 'addresses payments' '10.244.1.7 10.244.2.8 fd00:244:1::7 fd00:244:2::8'

note "what others do, and a restart"
kubectl delete podslice --all >/dev/null
check "a slice that somebody deletes comes back" wait_until 20 is 'addresses payments' '10.244.1.7 10.244.2.8 fd00:244:1::7 fd00:244:2::8'
before=$(versions podslices)
kill -TERM "$OPERATOR_one"
wait "$OPERATOR_one" || true
gone shop web-7
operator_start two 9465
check "another one takes over" wait_until 30 ready 9465
check "and writes what was missed" wait_until 20 is 'addresses payments' '10.244.2.8 fd00:244:2::8'
equal "in the same slice" "${before%%=*}" "$(names podslices)"
kubectl delete ipsecpolicy payments web >/dev/null
check "without a policy there is no slice" wait_until 20 is 'names podslices' ''

#!/usr/bin/env bash
# An informer on a real API server: the initial set is streamed; changes are told; a restart costs at most one relist (the
# server's cache begins anew, later than where we were); what was deleted while it was cut off is told; a CRD may come
# later, go, and come again.
# lab: --audit
source "$ESPALIER_ROOT/tests/api/kube/lib.sh"

lists() { grep '"userAgent":"kube_probe' "$API_LOGS/audit.log" | grep '/namespaces' | grep -vc 'watch=1' || true; }

kubectl create namespace one >/dev/null
probe ns follow "" v1 namespaces
check "it is synced" says ns '^synced'
check "with what was there" says ns '^\+one '
equal "by a streamed list, without a LIST" 0 "$(lists)"
check "which asked for initial events" grep -q 'sendInitialEvents=true' "$API_LOGS/audit.log"
check "a dead server would show within a minute" grep -q 'timer:(keepalive' <(ss -tnoH state established dst 127.0.0.1:6443)
kubectl create namespace two >/dev/null
check "an addition is told" says ns '^\+two '
kubectl label namespace two x=y >/dev/null
check "a change is told" says ns '^~two '

note "a restart in order, then a kill"
api_restart
kubectl create namespace three >/dev/null
check "a restart costs at most one relist" says ns '^\+three lists=[12] '
api_kill
api_start
kubectl create namespace four >/dev/null
check "and so does a kill" says ns '^\+four lists=[123] '

note "history is forgotten while it is cut off"
pid=$(cat /run/ns.pid)
kill -STOP "$pid"
kubectl create configmap after >/dev/null
# The namespace controller is not there: a Namespace is ended by hand.
kubectl delete namespace one --wait=false >/dev/null
kubectl get namespace one -o json | sed 's/"kubernetes"//' | kubectl replace --raw /api/v1/namespaces/one/finalize -f - >/dev/null
kubectl create namespace five >/dev/null
etcd_compact
api_restart
kill -CONT "$pid"
check "what came meanwhile is told" says ns '^\+five '
check "what was deleted meanwhile, too" says ns '^-one '
kubectl create namespace six >/dev/null
check "it follows again" says ns '^\+six '
equal "nothing was told twice" 6 "$(count ns '^\+(one|two|three|four|five|six) ')"
check "it ends in order" end_probe ns
check "and says so" says ns '^ended'

note "a kind that is not served yet"
probe tunnels follow espalier.io v1alpha1 tunnels
check "is NotFound" says tunnels '^problem watch tunnels: NotFound'
apply_crds
check "and followed once it is" says tunnels '^synced 0 '
tunnel() {
  kubectl apply --server-side -f - >/dev/null <<Y
apiVersion: espalier.io/v1alpha1
kind: Tunnel
metadata: {namespace: default, name: $1}
spec:
  local: {node: gw, authentication: {type: PSK, psk: {secretRef: {name: s, key: k}}}}
  remote: {addresses: [192.0.2.2], authentication: {type: PSK, psk: {secretRef: {name: s, key: k}}}}
Y
}
check "an object of it is made" wait_until 30 tunnel before
check "and told" says tunnels '^\+default/before '

note "its CRD is deleted, and applied again"
kubectl delete crd tunnels.espalier.io >/dev/null
check "its objects are gone" says tunnels '^-default/before '
apply_crds
check "an object of the new one is made" wait_until 30 tunnel after
check "and told" says tunnels '^\+default/after '
equal "nothing was told twice" 2 "$(count tunnels '^[+-]default/before ')"
check "it ends in order" end_probe tunnels

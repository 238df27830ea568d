#!/usr/bin/env bash
# Credentials that rotate under a running client: a token that is refused, a new CA, the old CA dropped; a pod's own files.
source "$ESPALIER_ROOT/tests/api/kube/lib.sh"

# ask PATH: one GET of the session that stays; prints what it says.
ask() {
  echo "$1" >&"${SESSION[1]}"
  local line
  IFS= read -r -t 60 line <&"${SESSION[0]}"
  printf '%s\n' "$line"
}

note "a token of a pod"
pod espalier-system agent-1 node1 espalier-agent
kubectl create clusterrole reader --verb get,list,watch --resource namespaces >/dev/null
kubectl create clusterrolebinding reader --clusterrole reader --serviceaccount espalier-system:espalier-agent >/dev/null
in_cluster espalier-system agent-1
admin=$KUBECONFIG
unset KUBECONFIG
coproc SESSION { kube_probe session; }
probe ns follow "" v1 namespaces
export KUBECONFIG=$admin
equal "the pod's files are enough" 200 "$(ask /api/v1/namespaces)"
equal "who may not, is told" 403 "$(ask /api/v1/secrets)"
check "its watch is synced" says ns '^synced'

note "the pod is made again: its token is refused, the file holds a new one"
kubectl delete pod -n espalier-system agent-1 --force --grace-period 0 >/dev/null 2>&1
pod espalier-system agent-1 node1 espalier-agent
_old_is_refused() { [ "$(_status_with_old)" = 401 ]; }
_status_with_old() {
  python3 - <<'P'
import json, ssl, urllib.error, urllib.request
at = "/var/run/secrets/kubernetes.io/serviceaccount/"
request = urllib.request.Request("https://10.15.0.1:6443/api/v1/namespaces", headers={"Authorization": "Bearer " + open("/run/old-token").read()})
try:
    print(urllib.request.urlopen(request, context=ssl.create_default_context(cafile=at + "ca.crt")).status)
except urllib.error.HTTPError as error:
    print(error.code)
P
}
cp /var/run/secrets/kubernetes.io/serviceaccount/token /run/old-token
check "the server refuses the old token" wait_until 60 _old_is_refused
equal "and so it refuses the client, which has no other" 401 "$(ask /api/v1/namespaces)"
in_cluster espalier-system agent-1
equal "the new one is read at once" 200 "$(ask /api/v1/namespaces)"
kubectl create namespace one >/dev/null
check "the watch goes on" says ns '^\+one '

note "another CA"
at=/var/run/secrets/kubernetes.io/serviceaccount
ca_add
cp "$API/ca.crt" "$at/ca.crt"
ca_switch
equal "the new server certificate is trusted at once" 200 "$(ask /api/v1/namespaces)"
kubectl create namespace two >/dev/null
check "the watch, too" says ns '^\+two '
ca_drop
cp "$API/ca.crt" "$at/ca.crt"
api_restart
equal "the new CA alone will do" 200 "$(ask /api/v1/namespaces)"
kubectl create namespace three >/dev/null
check "for the watch, too" says ns '^\+three '
equal "it listed once" 1 "$(count ns '^synced')"

note "a CA that did not sign the server's certificate"
pki_ca strangers
cp "$PKI/strangers.crt" /run/strangers.crt
sed "s|certificate-authority: \"[^\"]*\"|certificate-authority: /run/strangers.crt|" "$admin" >/run/mistaken.kubeconfig
equal "is not trusted" "Error in SSL handshake" "$(echo /version | KUBECONFIG=/run/mistaken.kubeconfig kube_probe session)"
sed "s|server: \"[^\"]*\"|server: \"https://10.15.0.1:6443\", tls-server-name: elsewhere|" "$admin" >/run/misnamed.kubeconfig
equal "nor is another name" "Error in SSL handshake" "$(echo /version | KUBECONFIG=/run/misnamed.kubeconfig kube_probe session)"
sed "s|server: \"[^\"]*\"|server: \"https://10.15.0.1:6443\", tls-server-name: kubernetes.default.svc|" "$admin" >/run/named.kubeconfig
equal "the right name is" 200 "$(echo /version | KUBECONFIG=/run/named.kubeconfig kube_probe session)"
check "it ends in order" end_probe ns

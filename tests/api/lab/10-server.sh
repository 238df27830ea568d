#!/usr/bin/env bash
# The API server of lab/apiserver: what its helpers promise.
source "$ESPALIER_ROOT/tests/api/lib.sh"

status_of() { kubectl get --raw "$1" 2>&1 >/dev/null | grep -oE 'Expired|NotFound|too old' | head -n 1; }

check "an administrator may do everything" kubectl auth can-i '*' '*' --all-namespaces
equal "it tells where it really listens" 10.15.0.1 \
  "$(kubectl get endpointslices kubernetes -o jsonpath='{.endpoints[0].addresses[0]}')"

# Nodes, Pods, tokens.
node node1 '{"spec": {"podCIDRs": ["10.244.1.0/24"]}, "status": {"addresses": [{"type": "InternalIP", "address": "192.0.2.1"}]}}'
equal "a Node has what was said" "10.244.1.0/24 192.0.2.1" \
  "$(kubectl get node node1 -o jsonpath='{.spec.podCIDRs[0]} {.status.addresses[0].address}')"
pod espalier-system agent-1 node1 espalier-agent '{"status": {"podIP": "192.0.2.1"}}'
equal "a Pod stands on its node" "node1 192.0.2.1" \
  "$(kubectl get pod -n espalier-system agent-1 -o jsonpath='{.spec.nodeName} {.status.podIP}')"
pod_token espalier-system agent-1 --duration 600s >/run/token
kubeconfig=$(kubeconfig_for agent --token-file /run/token)
who=$(kubectl --kubeconfig "$kubeconfig" auth whoami -o json)
equal "its token is the ServiceAccount's" system:serviceaccount:espalier-system:espalier-agent \
  "$(python3 -c 'import json, sys; print(json.load(sys.stdin)["status"]["userInfo"]["username"])' <<<"$who")"
equal "and names the node" node1 \
  "$(python3 -c 'import json, sys; print(json.load(sys.stdin)["status"]["userInfo"]["extra"]["authentication.kubernetes.io/node-name"][0])' <<<"$who")"
refuse "which may do nothing yet" kubectl --kubeconfig "$kubeconfig" get secrets
in_cluster espalier-system agent-1
equal "a Pod finds its namespace" espalier-system "$(cat /var/run/secrets/kubernetes.io/serviceaccount/namespace)"
check "and the server by its Service's variables" kubectl --server "https://$KUBERNETES_SERVICE_HOST:$KUBERNETES_SERVICE_PORT" \
  --certificate-authority /var/run/secrets/kubernetes.io/serviceaccount/ca.crt --token "$(cat /var/run/secrets/kubernetes.io/serviceaccount/token)" \
  auth whoami

# History that is gone.
old=$(kubectl get --raw /api/v1/namespaces | grep -oE '"resourceVersion":"[0-9]+"' | head -n 1 | grep -oE '[0-9]+')
kubectl create configmap after >/dev/null
check "etcd forgets its history" etcd_compact
check "the API server starts again" api_restart
check "a watch from before gets 410" grep -q '"code":410' <(timeout 20 kubectl get --raw "/api/v1/namespaces?watch=1&resourceVersion=$old&timeoutSeconds=5" 2>&1)
check "what was made is still there" kubectl get configmap after

# A server that is silent, and one that is gone.
api_pause
refuse "a paused server does not answer" kubectl --request-timeout 1s get namespaces
api_resume
check "and answers again" wait_until 20 kubectl get namespaces
api_kill
refuse "a killed one is gone" kubectl --request-timeout 1s get namespaces
check "and comes back" api_start

# Another CA.
cp "$API/ca.crt" /run/before.crt
ca_add
check "both CAs are trusted" kubectl get namespaces
equal "by one file" 2 "$(grep -c BEGIN "$API/ca.crt")"
ca_switch
check "with both, the new certificate is good" kubectl get namespaces
refuse "with the old one alone it is not" kubectl --certificate-authority /run/before.crt get namespaces
ca_drop
check "the new one alone will do" kubectl get namespaces
equal "and is alone" 1 "$(grep -c BEGIN "$API/ca.crt")"

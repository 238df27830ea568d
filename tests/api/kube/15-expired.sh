#!/usr/bin/env bash
# A resource version that etcd has compacted: 410, then one relist that tells what was deleted.
source "$ESPALIER_ROOT/tests/api/kube/lib.sh"

kubectl create configmap -n default one >/dev/null
proxy_start
kubeconfig_with 'server: "https://10.15.0.1:6443", proxy-url: "http://127.0.0.1:3128"'
KUBECONFIG=/run/other.kubeconfig probe maps follow "" v1 configmaps
check "it is synced" says maps '^synced'
check "with what was there" says maps '^\+default/one '
# It must hear nothing while history goes, bookmarks neither. Stopping the probe itself is not enough: its socket would
# go on taking what the server sends.
kill -STOP "$PROXY"
for i in $(seq 1 50); do kubectl create configmap -n default "many-$i" >/dev/null; done
kubectl delete configmap -n default one >/dev/null
etcd_compact
api_restart
kill -KILL "$PROXY"
proxy_start
check "the deletion is told" says maps '^-default/one '
check "and all that came" says maps '^\+default/many-' 50
kubectl create configmap -n default last >/dev/null
check "it follows again" says maps '^\+default/last '
equal "each was told once" 50 "$(count maps '^\+default/many-')"
note "$(tail -n 1 /run/maps.log)"
check "after one 410" says maps '^\+default/last lists=2 .*expired=1'
check "it ends in order" end_probe maps

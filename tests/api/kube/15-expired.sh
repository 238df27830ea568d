#!/usr/bin/env bash
# A resource version that etcd has compacted: 410, then one relist that tells what was deleted.
source "$ESPALIER_ROOT/tests/api/kube/lib.sh"

kubectl create configmap -n default one >/dev/null
probe maps follow "" v1 configmaps
check "it is synced" says maps '^synced'
check "with what was there" says maps '^\+default/one '
# Bookmarks would move it on: it must hear nothing while history goes.
kill -STOP "$(cat /run/maps.pid)"
for i in $(seq 1 50); do kubectl create configmap -n default "many-$i" >/dev/null; done
kubectl delete configmap -n default one >/dev/null
etcd_compact
api_restart
kill -CONT "$(cat /run/maps.pid)"
check "the deletion is told" says maps '^-default/one '
check "and all that came" says maps '^\+default/many-' 50
kubectl create configmap -n default last >/dev/null
check "it follows again" says maps '^\+default/last '
equal "each was told once" 50 "$(count maps '^\+default/many-')"
note "$(tail -n 1 /run/maps.log)"
check "after one 410" says maps '^\+default/last lists=2 .*expired=1'
check "it ends in order" end_probe maps

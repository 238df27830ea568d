#!/usr/bin/env bash
# A server that does not stream lists: LIST, then watch.
# lab: --audit --flag --feature-gates=WatchList=false
source "$ESPALIER_ROOT/tests/api/kube/lib.sh"

asked() { grep '"userAgent":"kube_probe' "$API_LOGS/audit.log" | grep -oE '"requestURI":"[^"]*"'; }

kubectl create namespace one >/dev/null
probe ns follow "" v1 namespaces
check "it is synced" says ns '^synced'
check "with what was there" says ns '^\+one '
kubectl create namespace two >/dev/null
check "and follows" says ns '^\+two '
check "it asked for a streamed list" grep -q 'sendInitialEvents=true' <(asked)
check "then for a list from the cache" grep -qE '/namespaces\?resourceVersion=0"' <(asked)
check "it ends in order" end_probe ns

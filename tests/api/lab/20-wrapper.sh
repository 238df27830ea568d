#!/usr/bin/env bash
# lab/apiserver from outside: status and output pass through, logs stay after a failure, nothing outlives it.
# host
source "$ESPALIER_ROOT/tests/checks.sh"
apiserver=$ESPALIER_ROOT/lab/apiserver
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"; _end' EXIT

script() { printf '#!/bin/bash\n%s\n' "$2" >"$scratch/$1"; chmod +x "$scratch/$1"; }
script good 'echo "to output $1"; echo "to error" >&2; kubectl get namespace default -o name'
script bad 'exit 7'
script long 'touch "$API_LOGS/begun"; sleep 300'
script audited 'kubectl get namespace default; sync; grep -c "namespaces/default" "$API_LOGS/audit.log"'

check "a script that succeeds" "$apiserver" "$scratch/good" "an argument"
said "  its output is passed on" "to output an argument"
said "  and its error" "to error"
said "  and it had a server" "namespace/default"

status=0
"$apiserver" "$scratch/bad" >"$scratch/told" 2>&1 || status=$?
equal "a script's status is passed on" 7 "$status"
logs=$(sed -n 's/.*the logs are in //p' "$scratch/told")
check "the logs stay then" test -s "$logs/apiserver.log"
[ -z "$logs" ] || rm -r "$logs"

check "requests can be counted" "$apiserver" --audit --logs "$scratch/logs" "$scratch/audited"
said "  by an audit log" "^[1-9]"
check "the logs stay where they are wanted" test -s "$scratch/logs/etcd.log"

# Everything of a run has its folder of logs in its environment.
of_run() { grep -lz "API_LOGS=$scratch/killed" /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3; }
servers_of_run() { local pid; for pid in $(of_run); do cat "/proc/$pid/comm" 2>/dev/null; done | grep -x kube-apiserver; }
gone() { [ -z "$(of_run)" ]; }
wait_until() { local tries=$1; shift; until "$@"; do tries=$((tries - 1)); [ "$tries" -gt 0 ] || return 1; sleep 0.2; done; }
"$apiserver" --logs "$scratch/killed" "$scratch/long" >/dev/null 2>&1 &
run=$!
check "another run has begun" wait_until 300 test -e "$scratch/killed/begun"
check "  with a server" servers_of_run
kill -KILL "$run"
check "and is gone when its caller is killed" wait_until 50 gone

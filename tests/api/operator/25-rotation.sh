#!/usr/bin/env bash
# The operator's token and the API server's CA rotate under two replicas: after each step the same one leads and plans, the other follows, and
# nobody lists again what it knows.
# lab: --flag --shutdown-watch-termination-grace-period=2s
source "$ESPALIER_ROOT/tests/api/operator/operators.sh"

linux_node 1
kubectl apply --server-side -f "$crds/testdata/examples/mesh.yaml" >/dev/null
operator_start a 9465 --leader-elect --identity a
check "the first leads" wait_until 30 leads 9465
operator_start b 9466 --leader-elect --identity b
check "the second is ready" wait_until 30 ready 9466
check "plans are written" wait_until 20 is 'names nodepolicies' node1

nodes=1
# goes_on WHAT: a Node that comes is planned, both know of it, and no kind was listed more than once more since the last time.
goes_on() {
  nodes=$((nodes + 1))
  linux_node "$nodes"
  local all
  all=$(seq -f node%.0f -s ' ' "$nodes")
  check "$1: a Node is planned" wait_until 60 is 'names nodepolicies' "$all"
  check "  and the other one knows it, too" wait_until 60 is 'metric 9466 espalier_operator_nodes' "$nodes"
  for port in 9465 9466; do check "  lists at $port" lists_again "$port"; done
}
keep_lists() { for port in 9465 9466; do listed "$port" >"/run/lists.$port"; done; }
lists_again() { at_most_one_more "/run/lists.$1" <(listed "$1"); }
lease() { kubectl get lease espalier-operator -n espalier-system -o jsonpath='{.spec.holderIdentity} {.spec.leaseTransitions}'; }
led=$(lease)
keep_lists

note "the ServiceAccount is made again: its old token is refused, the file holds a new one"
cp /run/operator.token /run/old.token
kubectl delete serviceaccount -n espalier-system espalier-operator >/dev/null
service_account espalier-system espalier-operator
token espalier-system espalier-operator >/run/new.token
mv /run/new.token /run/operator.token
kubeconfig_for old --token-file /run/old.token >/dev/null
old_is_refused() { ! as old get nodes >/run/said 2>&1 && grep -q Unauthorized /run/said; }
check "the server refuses the old token" wait_until 60 old_is_refused
goes_on "with the new token"
equal "the lease is whose it was" "$led" "$(lease)"

note "another CA"
ca_add
goes_on "with both CAs"
equal "the lease is whose it was" "$led" "$(lease)"
# restart TEXT COMMAND…: who is back before the leader gives up (10 s) finds it leading.
restart() {
  SECONDS=0
  "${@:2}"
  local away=$SECONDS
  goes_on "$1"
  if [ "$away" -le 6 ]; then equal "the lease is whose it was" "$led" "$(lease)"; else note "the server was away for $away s"; fi
  led=$(lease)
}
restart "the new one serves" ca_switch
ca_drop
keep_lists
restart "the old one is dropped" api_restart
check "one leads" bash -c "[ \$(curl -s http://127.0.0.1:9465/metrics http://127.0.0.1:9466/metrics | grep -c '^leader_election_master_status.* 1$') = 1 ]"
refuse "and no certificate was mistrusted" grep -h "SSL handshake" "$API_LOGS"/operator-a.log "$API_LOGS"/operator-b.log

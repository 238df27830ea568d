#!/usr/bin/env bash
# Two replicas: one writes. It is killed, paused, ended in good order; the other takes over, and never do both write.
source "$ESPALIER_ROOT/tests/api/operator/operators.sh"

holder() { kubectl get lease espalier-operator -n espalier-system -o jsonpath='{.spec.holderIdentity}'; }

linux_node 1
kubectl apply --server-side -f "$crds/testdata/examples/mesh.yaml" >/dev/null
operator_start a 9465 --leader-elect --identity a
check "the first leads" wait_until 30 leads 9465
operator_start b 9466 --leader-elect --identity b
check "the second is ready" wait_until 30 ready 9466
refuse "and does not lead" leads 9466
check "plans are written" wait_until 20 is 'names nodepolicies' node1
equal "the lease names its holder" a "$(holder)"

note "the leader is killed"
kill -KILL "$OPERATOR_a"
wait "$OPERATOR_a" 2>/dev/null || true
check "the other takes over when the lease is over" wait_until 60 leads 9466
linux_node 2
check "and writes" wait_until 20 is 'names nodepolicies' 'node1 node2'

note "the leader is paused"
operator_start a 9465 --leader-elect --identity a
check "another one is ready" wait_until 30 ready 9465
kill -STOP "$OPERATOR_b"
check "it takes over" wait_until 60 leads 9465
linux_node 3
check "and writes" wait_until 20 is 'names nodepolicies' 'node1 node2 node3'
before=$(versions nodepolicies)
kill -CONT "$OPERATOR_b"
check "the one that was paused sees that it does not lead" wait_until 20 is 'metric 9466 leader_election_master_status' 0
equal "the lease stays where it is" a "$(holder)"
equal "nothing was written twice" "$before" "$(versions nodepolicies)"

note "the leader ends in good order"
known="$(total 9466 espalier_watch_lists_total) $(total 9466 espalier_watches_total)"
status=0
kill -TERM "$OPERATOR_a"
# The Lease lasts 15 s and was renewed at most 2 s ago: it can be another's so soon only where it was handed over.
check "the lease is handed over" wait_until 10 leads 9466
wait "$OPERATOR_a" || status=$?
equal "and who left, left well" 0 "$status"
equal "the lease is the other's" b "$(holder)"
linux_node 4
check "who writes" wait_until 20 is 'names nodepolicies' 'node1 node2 node3 node4'
equal "and had all that it needs to know" "$known" "$(total 9466 espalier_watch_lists_total) $(total 9466 espalier_watches_total)"
kill -TERM "$OPERATOR_b"
wait "$OPERATOR_b" || true

note "what they said"
parsed() {
  python3 - "$API_LOGS"/operator-*.log <<'P'
import json, sys
said = set()
for name in sys.argv[1:]:
    for line in open(name, encoding="utf-8"):
        event = json.loads(line)
        assert {"time", "level", "message"} <= event.keys(), line
        said.add(event["message"])
assert {"leads", "leads no more; it stands again", "ends"} <= said, said
P
}
check "is one object of JSON a line" parsed

#!/usr/bin/env bash
# The way out: a Required pair whose peer is down blocks; released by hand its traffic passes in clear and is counted, also after SIGKILL and a
# restart, until the release is ended; a pair that works goes on by ESP; without an agent the agent's own program opens the node.
# lab: --timeout 400
source "$ESPALIER_ROOT/tests/e2e/lib.sh"
source "$ESPALIER_ROOT/lab/espalier.sh"
source "$ESPALIER_ROOT/tests/e2e/agents/mesh.sh"

lab_nodes 2
lab_pods 1
lab_routes
mesh_manifests 2

policies() { ip -n "${1:-node1}" xfrm policy | grep -c 'tmpl src' || true; }
metric() { at node1 curl -sf http://127.0.0.1:9464/metrics | awk -v name="$1" '$1 == name || index($1, name "{") == 1 { sum += $2 } END { print sum + 0 }'; }
speaks() { at "$1" ping -c 2 -i 0.2 -W 1 -q "$2"; }
both_speak() { # TEXT
  local to
  for to in "$(node_ip 2)" "$(node_ip 2 6)"; do check "$1: node1 reaches $to" speaks node1 "$to"; done
  for to in "$(pod_ip 2 1)" "$(pod_ip 2 1 6)"; do check "$1: pod1-1 reaches $to" speaks pod1-1 "$to"; done
}
none_speaks() {
  local to
  for to in "$(node_ip 2)" "$(node_ip 2 6)"; do refuse "$1: node1 does not reach $to" speaks node1 "$to"; done
  for to in "$(pod_ip 2 1)" "$(pod_ip 2 1 6)"; do refuse "$1: pod1-1 does not reach $to" speaks pod1-1 "$to"; done
}

espalier_start 1
check "the blocking policies stand" wait_for 90 eval '[ "$(policies)" -ge 6 ]'
none_speaks "the peer's agent is down"
equal "nothing is released" 0 "$(metric ipsec_releases)"

refuse "without a yes nothing is released" ectl 1 release
none_speaks "still"
check "released" ectl 1 release --yes --why 'a drill'
said "  the connections are named" 'node2/v4'
both_speak "released"
equal "the metric says so" 1 "$(metric ipsec_releases)"
passed=$(metric ipsec_plaintext_passed_packets_total)
check "the clear packets are counted ($passed)" test "$passed" -ge 8
check "status" ectl 1 status
said "  says it" 'RELEASED  the whole node.*a drill'
refuse "verify fails" ectl 1 verify
said "  and says why" 'release .*somebody opened by hand'
check "the log has the event" grep -q 'NodeReleased name="the whole node"' "$(espalier_dir 1)/log"

espalier_kill 1
both_speak "with the agent killed"
espalier_start 1
check "the new agent knows" wait_for 90 eval '[ "$(metric ipsec_releases)" = 1 ]'
both_speak "after its restart"
check "ended" ectl 1 release --end
said "  it says what" 'enforced again: the whole node'
none_speaks "enforced again"
equal "the metric says so" 0 "$(metric ipsec_releases)"
check "the log has the event" grep -q ReleaseEnded "$(espalier_dir 1)/log"

check "one peer is released" ectl 1 release node2 --yes
both_speak "released by its name"
check "  and ended" ectl 1 release node2 --end
refuse "a name that nothing has" ectl 1 release nobody --yes
said "  is told" nobody

# A pair that works.
espalier_start 2
mesh_pairs_up 2
stream_start pod1-1 pod2-1 "$(pod_ip 2 1)" 200 7000
capture_start /tmp/wire.pcap
check "a node whose pairs work is released" ectl 1 release --yes
pause 2
check "  and enforced again" ectl 1 release --end
pause 1
stream_stop 7000
equal "nothing is lost meanwhile" 0 "$STREAM_LOST"
capture_stop /tmp/wire.pcap
check "  and nothing in clear" capture_assert_only_esp_ike /tmp/wire.pcap
for n in 1 2; do check "node$n is released in clear" ectl "$n" release --in-clear --yes; done
check "  its SAs go" wait_for 10 eval '[ -z "$(xfrm_spis node1 out)$(xfrm_spis node2 out)" ]'
both_speak "in clear"
for n in 1 2; do check "node$n ends it" ectl "$n" release --end; done
mesh_pairs_up 2

# Without an agent.
offline() { at "node$1" espalier-agent release --state "$(espalier_dir "$1")/state" --socket "$(espalier_dir "$1")/agent.sock" "${@:2}"; }
refuse "while an agent runs it is the one to ask" offline 1 --yes
said "  it says so" 'espalierctl release'
for n in 1 2; do espalier_kill "$n"; done
refuse "without --yes nothing is done" offline 1
for n in 1 2; do check "node$n is opened without its agent" offline "$n" --yes; done
for n in 1 2; do
  equal "node$n's kernel has no policy" 0 "$(ip -n "node$n" xfrm policy | wc -l)"
  equal "  no SA" "" "$(xfrm_spis "node$n" out)$(xfrm_spis "node$n" in)" # what the kernel waits for after a trap, with SPI 0, runs out by itself
  refuse "  and no table" at "node$n" nft list table inet espalier
done
both_speak "without an agent"
espalier_start 1
check "the next agent finds the node released" wait_for 90 eval '[ "$(metric ipsec_releases)" = 1 ]'
both_speak "and leaves it open"
check "ended" ectl 1 release --end
none_speaks "then it blocks"

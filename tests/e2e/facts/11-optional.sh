#!/usr/bin/env bash
# Optional templates, and packets that wait for an SA.
source "$ESPALIER_ROOT/tests/e2e/lib.sh"
source "$ESPALIER_ROOT/tests/e2e/facts/hand_keyed.sh"

lab_nodes 2
a=$(node_ip 1) b=$(node_ip 2)
need "no ESP in this kernel" keyed_pair 1 2
clean node1 node2

tunnel 1 2
refuse "an optional tunnel template is refused outbound" policy node1 out "$a" "$b" "${tunnel[@]}" level use
check "and taken inbound" policy node1 in "$b" "$a" "${tunnel[@]}" level use
clean node1

spawn node1 /tmp/acquires ip xfrm monitor acquire
monitor=$SPAWNED
pause 0.3
check "an optional transport template is taken outbound" policy node1 out "$a" "$b" "${transport[@]}" level use
check "it passes clear traffic while there is no SA" ping_from node1 "$b"
check "and raises an acquire" wait_for 20 grep -q "$b" /tmp/acquires
ip -n node1 xfrm state flush
keyed_pair 1 2
policy node2 in "$a" "$b" "${transport[@]}" level use
capture_start /tmp/wire.pcap
check "with an SA the traffic flows" ping_from node1 "$b"
capture_stop /tmp/wire.pcap
equal "its request by ESP" 1 "$(capture_count /tmp/wire.pcap "ip proto 50 and src $a")"
equal "its answer in clear, as node2 has no OUT policy" 1 "$(capture_count /tmp/wire.pcap "icmp and src $b")"
clean node1 node2

# --- The first packet can wait for its SA.
at node1 sysctl -qw net.core.xfrm_larval_drop=0
equal "xfrm_larval_drop belongs to a network namespace" 1 "$(at node2 cat /proc/sys/net/core/xfrm_larval_drop)"
policy node1 out "$a" "$b" "${transport[@]}"
policy node2 in "$a" "$b" "${transport[@]}"
: >/tmp/acquires
kill "$monitor"
spawn node1 /tmp/acquires ip xfrm monitor acquire
monitor=$SPAWNED
pause 0.3
at node1 ping -c 1 -W 20 -q "$b" >/tmp/ping.out &
ping=$!
check "the held packet raised its acquire" wait_for 20 grep -q "$b" /tmp/acquires
# The receiver's first: the packet leaves the moment its own kernel has the SA.
for ns in node2 node1; do keyed_sa $ns "$a" "$b" 0x1204; done
check "and is delivered when the SA comes" wait "$ping"
kill "$monitor"

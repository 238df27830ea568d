#!/usr/bin/env bash
# Policies: their identity, what a required template does, indices, marks, what is exempt and what is not.
source "$ESPALIER_ROOT/tests/e2e/lib.sh"
source "$ESPALIER_ROOT/tests/e2e/facts/hand_keyed.sh"

lab_nodes 2
a=$(node_ip 1) b=$(node_ip 2) a6=$(node_ip 1 6) b6=$(node_ip 2 6)
need "no ESP in this kernel" keyed_pair 1 2
clean node1 node2

# --- Priority is no part of a policy's identity.
policy node1 out "$a" "$b" priority 100 "${transport[@]}"
refuse "a policy with the same selector at another priority is refused" policy node1 out "$a" "$b" priority 200 action block
said "because it exists (EEXIST)" 'File exists'
check "UPDPOLICY takes it" ip -n node1 xfrm policy update dir out src "$a" dst "$b" priority 200 action block
equal "and has replaced the first" "priority 200" "$(ip -n node1 xfrm policy list dir out | grep -o 'priority [0-9]*')"
check "another if_id makes another policy" policy node1 out "$a" "$b" priority 100 if_id 7 "${transport[@]}"
clean node1

# --- A required template without an SA drops and raises an acquire.
spawn node1 /tmp/acquires ip xfrm monitor acquire
monitor=$SPAWNED
pause 0.3
policy node1 out "$a" "$b" "${transport[@]}"
refuse "a required template without an SA lets nothing through" ping_briefly node1 "$b"
check "an acquire names the flow" wait_for 20 grep -q "$b" /tmp/acquires
check "the kernel keeps a larval SA for it" grep -q 'spi 0x00000000' <(ip -n node1 xfrm state)
kill "$monitor"
ip -n node1 xfrm state flush
counts node1 XfrmOutNoStates ping_briefly node1 "$b"
check "without a listener the packet counts as XfrmOutNoStates" [ "$COUNTED" -ge 1 ]
policy node1 in "$b" "$a" "${transport[@]}"
policy node2 out "$b" "$a" "${transport[@]}"
policy node2 in "$a" "$b" "${transport[@]}"
keyed_pair 1 2
capture_start /tmp/wire.pcap
check "SAs come beneath the standing policies: traffic flows" ping_from node1 "$b"
capture_stop /tmp/wire.pcap
check "by ESP alone" capture_assert_only_esp_ike /tmp/wire.pcap
ip -n node1 xfrm state flush
refuse "SAs go: the block stands as it stood" ping_briefly node1 "$b"
clean node1 node2

# --- A clear packet that a required IN policy wants by ESP.
policy node2 in "$a" "$b" "${transport[@]}"
counts node2 XfrmInTmplMismatch ping_briefly node1 "$b"
check "a clear packet against a required IN policy counts as XfrmInTmplMismatch" [ "$COUNTED" -ge 1 ]
clean node2

# --- A mark is a match, not a tag.
policy node1 out "$a" "$b" mark 0x10 mask 0 "${transport[@]}"
refuse "a mark with mask 0 is erased" grep -q mark <(ip -n node1 xfrm policy)
clean node1
policy node1 out "$a" "$b" mark 0x10 mask 0x10 "${transport[@]}"
check "a policy with a mark misses traffic without it" ping_from node1 "$b"
refuse "and takes traffic with it" ping_briefly node1 "$b" -m 16
clean node1

# --- Indices. The lowest three bits are the direction: 1 is OUT.
policy node1 out "$a" "$b" index $((0x4000 * 8 + 1)) action allow
check "an index that is free is honoured" grep -q "index $((0x4000 * 8 + 1)) " <(ip -n node1 -s xfrm policy list dir out)
policy node1 out "$a" 10.10.0.99 index $((0x4000 * 8 + 1)) action allow
equal "an index that is taken is changed without a word" 1 "$(ip -n node1 -s xfrm policy list dir out | grep -c "index $((0x4000 * 8 + 1)) ")"
refuse "an index of another direction is refused" policy node1 in "$b" "$a" index $((0x4001 * 8 + 1)) action allow
clean node1

# --- Loopback: IPv4 is exempt, IPv6 is not.
policy node1 out 10.10.0.0/24 10.10.0.0/24 "${transport[@]}"
policy node1 in 10.10.0.0/24 10.10.0.0/24 "${transport[@]}"
check "IPv4 to an address of one's own is exempt from policies" ping_from node1 "$a"
policy node1 out fd00:10::/64 fd00:10::/64 priority 100 "${transport[@]}"
policy node1 in fd00:10::/64 fd00:10::/64 priority 100 "${transport[@]}"
refuse "IPv6 to an address of one's own is not" ping_briefly node1 "$a6"
policy node1 out "$a6" "$a6" priority 10 action allow
policy node1 in "$a6" "$a6" priority 10 action allow
check "a bypass of one's own addresses mends that" ping_from node1 "$a6"
clean node1

# --- Neighbour discovery goes through policies.
for n in 1 2; do
  for dir in in out; do policy node$n $dir fd00:10::/64 fd00:10::/64 priority 100 "${transport[@]}"; done
  ip -n node$n neigh flush all
done
bypass_socket() {
  at node1 python3 - "$1" "$b6" <<-'PY'
	import socket, struct, sys
	family = socket.AF_INET6
	s = socket.socket(family, socket.SOCK_DGRAM)
	for direction in (0, 1):  # struct xfrm_userpolicy_info: IN, OUT; action allow
	    info = bytearray(168)
	    struct.pack_into("=H", info, 40, socket.AF_INET if sys.argv[1] == "4" else family)
	    struct.pack_into("=B", info, 160, direction)
	    s.setsockopt(socket.IPPROTO_IPV6, 35, bytes(info))
	s.sendto(b"by the socket's own policy", (sys.argv[2], 500))
	PY
}
capture_start /tmp/wire.pcap
bypass_socket 6
pause 0.2
capture_stop /tmp/wire.pcap
equal "without a bypass of ICMPv6 133 to 137, a socket with a bypass of its own sends nothing" 0 "$(capture_count /tmp/wire.pcap 'udp port 500')"
check "as the neighbour stays incomplete" grep -qE 'INCOMPLETE|FAILED' <(ip -n node1 -6 neigh show "$b6")
for n in 1 2; do
  for dir in in out; do
    for type in 133 134 135 136 137; do policy node$n $dir ::/0 ::/0 proto ipv6-icmp type $type priority 10 action allow; done
  done
  ip -n node$n neigh flush all
done
capture_start /tmp/wire.pcap
bypass_socket 6
pause 0.2
capture_stop /tmp/wire.pcap
equal "with the bypass it is found, and the socket sends" 1 "$(capture_count /tmp/wire.pcap 'udp port 500')"
capture_start /tmp/wire.pcap
bypass_socket 4 || note "the kernel refuses an IPv4 policy on an IPv6 socket"
pause 0.2
capture_stop /tmp/wire.pcap
equal "a socket policy of the other family lets nothing out" 0 "$(capture_count /tmp/wire.pcap 'udp port 500')"
keyed_pair6 1 2
capture_start /tmp/wire.pcap
check "SAs come, and ESP carries the rest" ping_from node1 "$b6"
capture_stop /tmp/wire.pcap
check "with nothing in clear but neighbour discovery" capture_assert_only_esp_ike /tmp/wire.pcap

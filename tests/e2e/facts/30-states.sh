#!/usr/bin/env bash
# States: reservations of SPIs, soft limits, who sees what in a capture.
source "$ESPALIER_ROOT/tests/e2e/lib.sh"
source "$ESPALIER_ROOT/tests/e2e/facts/hand_keyed.sh"

lab_nodes 2
a=$(node_ip 1) b=$(node_ip 2)
need "no ESP in this kernel" keyed_pair 1 2
clean node1 node2

# --- ALLOCSPI reserves for xfrm_acq_expires, no longer.
equal "xfrm_acq_expires is 30 s by default" 30 "$(at node1 cat /proc/sys/net/core/xfrm_acq_expires)"
reserve() {
  ip -n node1 xfrm state allocspi src "$b" dst "$a" proto esp reqid 1 mode transport min 0x1000 max 0x1fff >/tmp/reserved
  SPI=$(sed -n 's/.*proto esp spi \(0x[0-9a-f]*\).*/\1/p' /tmp/reserved)
}
reserved() { ip -n node1 xfrm state | has "spi $SPI"; }
not() { ! "$@"; }
reserve
check "ALLOCSPI gives an SPI of the range asked for" [ $((SPI)) -ge $((0x1000)) -a $((SPI)) -le $((0x1fff)) ]
refuse "NEWSA for a reserved SPI is refused" keyed_sa node1 "$b" "$a" "$SPI"
said "because it exists (EEXIST)" 'File exists'
check "UPDSA completes it" ip -n node1 xfrm state update src "$b" dst "$a" proto esp spi "$SPI" reqid 1 mode transport aead 'rfc4106(gcm(aes))' "$_key" 128
equal "and it counts as a finished SA" "$SPI" "$(xfrm_spis node1 in)"
clean node1
at node1 sysctl -qw net.core.xfrm_acq_expires=1
reserve
check "a reservation stands" reserved
check "a lower xfrm_acq_expires ends reservations too" wait_for 20 not reserved
at node1 sysctl -qw net.core.xfrm_acq_expires=30

# --- A soft limit tells of the first packet: inbound, the kernel compares before it counts, so the limit for that is 0.
spawn node2 /tmp/expires ip xfrm monitor expire
monitor=$SPAWNED
send_one() { at node1 bash -c "echo x >/dev/udp/$b/7777"; }
expires() { grep -c '^Expired' /tmp/expires; }
policy node1 out "$a" "$b" "${transport[@]}"
keyed_sa node1 "$a" "$b" 0x1204
keyed_sa node2 "$a" "$b" 0x1204 limit packet-soft 0
pause 0.3
send_one
check "an inbound SA with a soft limit of no packet gives an EXPIRE on its first" wait_for 20 expires
send_one
pause 0.3
equal "and on no other" 1 "$(expires)"
check "UPDSA restores the limits" ip -n node2 xfrm state update src "$a" dst "$b" proto esp spi 0x1204 reqid 1 mode transport \
  aead 'rfc4106(gcm(aes))' "$_key" 128 limit packet-soft 1000000
check "they read back" grep -q 'soft 1000000(packets)' <(ip -n node2 -s xfrm state)
check "the SA still carries traffic" ping_from node1 "$b"
ip -n node2 xfrm state flush
: >/tmp/expires
keyed_sa node2 "$a" "$b" 0x1205 limit packet-soft 1
ip -n node1 xfrm state flush
keyed_sa node1 "$a" "$b" 0x1205
send_one
pause 0.5
refuse "with a soft limit of one packet the first passes in silence" expires
send_one
check "and the second gives the EXPIRE" wait_for 20 expires
kill "$monitor"
clean node1 node2

# --- Hard limits end an SA when nobody rekeys it.
keyed_pair 1 2
ip -n node2 xfrm state delete src "$a" dst "$b" proto esp spi 0x1204
keyed_sa node2 "$a" "$b" 0x1204 limit packet-hard 2
policy node1 out "$a" "$b" "${transport[@]}"
for _ in 1 2 3; do ping_briefly node1 "$b" >/dev/null || true; done
check "an SA is gone once its hard limit is passed" wait_for 20 not grep -q 0x1204 <(xfrm_spis node2 in)
counts node2 XfrmInNoStates ping_briefly node1 "$b"
check "what comes for it counts as XfrmInNoStates" [ "$COUNTED" -ge 1 ]
clean node1 node2

# --- A capture on the receiver's own device shows decapsulated packets, the wire does not.
tunnel 1 2
policy node1 out "$a" "$b" "${tunnel[@]}"
policy node2 in "$a" "$b" "${tunnel[@]}"
tunnel 2 1
policy node2 out "$b" "$a" "${tunnel[@]}"
policy node1 in "$b" "$a" "${tunnel[@]}"
keyed_pair 1 2 mode tunnel
spawn node2 /tmp/node.counts lab-capture eth0 /tmp/node.pcap
receiver=$SPAWNED
wait_for 20 test -e /tmp/node.pcap
capture_start /tmp/wire.pcap
check "traffic flows in the tunnel" ping_from node1 "$b"
capture_stop /tmp/wire.pcap
kill "$receiver"
wait "$receiver"
equal "at the receiver's device the request shows in clear" 1 "$(capture_count /tmp/node.pcap 'icmp[0] == 8')"
check "on the wire only ESP" capture_assert_only_esp_ike /tmp/wire.pcap

#!/usr/bin/env bash
# A changed manifest changes only what it must: node1 holds Tunnels with node2 and node3; another ESP proposal towards node3, and one written anew
# without a change, leave the SAs with node2 as they were, and a numbered stream there loses nothing.
# lab: --timeout 400
source "$ESPALIER_ROOT/tests/e2e/lib.sh"
source "$ESPALIER_ROOT/lab/espalier.sh"
source "$ESPALIER_ROOT/tests/e2e/interop/tunnel.sh"

lab_nodes 3
pki_ca root
for n in 1 2 3; do
  pki_node "node$n" root
  mkdir -p "$(espalier_dir $n)"/{manifests,state}
done
# between N [OPTION…]: the Tunnel between node1 and node N, at both ends.
between() {
  local n=$1
  shift
  our_tunnel --at 1 --to "$n" --name "to$n" "$@"
  our_tunnel --at "$n" --to 1 --name to1 --establish Passive "$@"
}
between 2
between 3
for n in 1 2 3; do espalier_start $n; done
for n in 2 3; do
  check "node1 and node$n hold an SA pair" wait_for 60 stands $n
  check "packets cross to node$n" at node1 ping -c 3 -i 0.1 -W 5 -q "$(node_ip $n)"
done

# The SPIs of both directions between node1 and node N, as node1 has them.
spis() { { xfrm_spis node1 out "$(node_ip "$1")"; ip -n node1 -o xfrm state list nokeys src "$(node_ip "$1")" | grep -o 'spi 0x[0-9a-f]*'; } | sort | xargs; }
key_bits() { ip -n node1 xfrm state list src "$(node_ip 1)" dst "$(node_ip "$1")" | sed -n 's/.*aead rfc4106(gcm(aes)) 0x\([0-9a-f]*\) .*/\1/p' | awk '{print (length($1) - 8) * 4}' | sort -u | xargs; }
equal "the keys towards node3 are of 256 bits" 256 "$(key_bits 3)"
second=$(spis 2) third=$(spis 3)
note "node2: $second; node3: $third"
capture_start /tmp/wire.pcap
stream_start node1 node2 "$(node_ip 2)" 100 7001
stream_start node2 node1 "$(node_ip 1)" 100 7002

between 3 --esp aes128gcm16
changed() { stands 3 && [ "$(key_bits 3)" = 128 ]; }
check "towards node3 the new proposal holds" wait_for 60 changed
check "packets cross to node3 again" at node1 ping -c 3 -i 0.1 -W 10 -q "$(node_ip 3)"
check "by other SAs" test "$(spis 3)" != "$third"
equal "the SAs with node2 are the same" "$second" "$(spis 2)"

third=$(spis 3)
between 3 --esp aes128gcm16
pause 5
equal "written anew without a change, the SAs with node3 are the same" "$third" "$(spis 3)"
equal "and those with node2" "$second" "$(spis 2)"
for port in 7001 7002; do
  stream_stop $port
  note "sent $STREAM_SENT, lost $STREAM_LOST"
  equal "nothing of a stream with node2 is lost" 0 "$STREAM_LOST"
done
capture_stop /tmp/wire.pcap
check "the wire held ESP and IKE only" capture_assert_only_esp_ike /tmp/wire.pcap

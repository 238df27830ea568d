#!/usr/bin/env bash
# With strongSwan, libreswan and another agent of ours at once: IKE SAs rekeyed by us every few seconds and by the peer, streams both ways
# that lose nothing; `espalierctl down` takes the SAs at both ends; a peer that was killed and lost its SAs is back.
# lab: --timeout 500
source "$ESPALIER_ROOT/tests/e2e/lib.sh"
source "$ESPALIER_ROOT/lab/espalier.sh"
source "$ESPALIER_ROOT/tests/e2e/interop/tunnel.sh"

lab_nodes 4
pki_ca root
for n in 1 2 3 4; do pki_node "node$n" root; done
declare -A who=([2]=strongSwan [3]=libreswan [4]=ours)
their_strongswan --to 2 --name to2
their_libreswan --to 3 --name to3
our_tunnel --at 4 --to 1 --name to1 --ike-life 10
espalier_start 4
for n in 2 3 4; do our_tunnel --to $n --name to$n --ike-life 10 --liveness 5s; done
espalier_start 1

nothing_with() { [ -z "$(xfrm_spis node1 out "$(node_ip "$1")"; xfrm_spis "node$1" in; xfrm_spis "node$1" out)" ]; }
rekeys() { ectl 1 -o json status "Tunnel/edge/to$1" | sed -n 's/.*"ikeRekeys": *"\?\([0-9]*\).*/\1/p'; }
at_least() { [ "$(rekeys "$1")" -ge "$2" ]; }
for n in 2 3 4; do check "${who[$n]}: an SA pair stands" wait_for 60 stands $n; done

capture_start /tmp/wire.pcap
for n in 2 3 4; do
  stream_start node1 node$n "$(node_ip $n)" 200 "700$n"
  stream_start node$n node1 "$(node_ip 1)" 200 "710$n"
done
for n in 2 3 4; do check "${who[$n]}: the IKE SA was rekeyed twice" wait_for 120 at_least $n 2; done
before=$(rekeys 2)
check "strongSwan rekeys the IKE SA" peer node2 swanctl --rekey --ike to2
check "libreswan rekeys the IKE SA" peer node3 ipsec whack --rekey-ike --name to3
check "strongSwan: and we again" wait_for 60 at_least 2 $((before + 2))
for n in 2 3 4; do
  for port in "700$n" "710$n"; do
    stream_stop "$port"
    note "${who[$n]}: sent $STREAM_SENT, lost $STREAM_LOST"
    equal "${who[$n]}: the stream to port $port lost nothing" 0 "$STREAM_LOST"
  done
  check "${who[$n]}: an SA pair stands" wait_for 60 stands $n
done

for n in 2 3 4; do
  check "${who[$n]}: espalierctl down" ectl 1 --timeout 60 down "Tunnel/edge/to$n" --wait
  check "${who[$n]}: no SA is left at either end" wait_for 60 nothing_with $n
  refuse "${who[$n]}: and nothing leaves in clear" at node1 ping -c 2 -i 0.2 -W 1 -q "$(node_ip $n)"
  check "${who[$n]}: espalierctl up" ectl 1 --timeout 90 up "Tunnel/edge/to$n" --wait --wait-timeout 60
  check "${who[$n]}: packets cross again" at node1 ping -c 3 -i 0.1 -W 10 -q "$(node_ip $n)"
done

peer_kill node2
peer_kill node3
espalier_kill 4
for n in 2 3 4; do
  ip -n node$n xfrm state flush
  ip -n node$n xfrm policy flush
done
pause 1
peer_start node2
peer_start node3
espalier_start 4
for n in 2 3 4; do
  check "${who[$n]}: killed, without its SAs, and back" wait_for 90 stands $n
  check "${who[$n]}: packets cross again" at node1 ping -c 3 -i 0.1 -W 10 -q "$(node_ip $n)"
done
capture_stop /tmp/wire.pcap
equal "not one packet of ours left in clear" 0 "$(capture_count /tmp/wire.pcap "src host $(node_ip 1) and not ($_esp or $_exempt)")"
check "no clear text" capture_assert_no_text /tmp/wire.pcap 'espalier clear text'

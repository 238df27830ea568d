# Sourced by the lives, after tunnel.sh. `lives 4`, `lives 6`: by the family of the outer addresses; 50-lives.sh says what it shows.
# shellcheck shell=bash

lives() {
  local family=$1 n before port
  lab_nodes 4
  pki_ca root
  for n in 1 2 3 4; do pki_node "node$n" root; done
  local -A who=([2]=strongSwan [3]=libreswan [4]=ours)
  their_strongswan --family "$family" --to 2 --name to2
  their_libreswan --family "$family" --to 3 --name to3
  our_tunnel --family "$family" --at 4 --to 1 --name to1 --ike-life 10
  espalier_start 4
  for n in 2 3 4; do our_tunnel --family "$family" --to $n --name to$n --ike-life 10 --liveness 5s; done
  espalier_start 1

  nothing_with() { [ -z "$(xfrm_spis node1 out "$(node_ip "$1" "$family")"; xfrm_spis "node$1" in; xfrm_spis "node$1" out)" ]; }
  for n in 2 3 4; do check "${who[$n]}: an SA pair stands" wait_for 60 stands $n; done

  capture_start /tmp/wire.pcap
  for n in 2 3 4; do
    stream_start node1 node$n "$(node_ip $n "$family")" 200 "700$n"
    stream_start node$n node1 "$(node_ip 1 "$family")" 200 "710$n"
  done
  for n in 2 3 4; do check "${who[$n]}: the IKE SA was rekeyed twice" wait_for 120 rekeys_reach $n ike 2; done
  before=$(rekeys 2 ike)
  check "strongSwan rekeys the IKE SA" peer node2 swanctl --rekey --ike to2
  check "libreswan rekeys the IKE SA" peer node3 ipsec whack --rekey-ike --name to3
  check "strongSwan: and we again" wait_for 60 rekeys_reach 2 ike $((before + 2))
  # From here on our own IKE SAs are to live long: who rekeys is the peer.
  for n in 2 3; do our_tunnel --family "$family" --to $n --name to$n --liveness 5s; done
  for n in 2 3; do check "${who[$n]}: our IKE SA is to live long" wait_for 60 lives_long $n; done
  check "strongSwan rekeys the IKE SA, it alone" ike_rekeyed 2 peer node2 swanctl --rekey --ike to2
  check "libreswan rekeys the IKE SA, it alone" ike_rekeyed 3 peer node3 ipsec whack --rekey-ike --name to3
  check "strongSwan rekeys the Child" child_rekeyed 2 peer node2 swanctl --rekey --child to2
  check "libreswan rekeys the Child" child_rekeyed 3 peer node3 ipsec whack --rekey-child --name to3
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
    refuse "${who[$n]}: and nothing leaves in clear" at node1 ping -c 2 -i 0.2 -W 1 -q "$(node_ip $n "$family")"
    check "${who[$n]}: espalierctl up" ectl 1 --timeout 90 up "Tunnel/edge/to$n" --wait --wait-timeout 60
    check "${who[$n]}: packets cross again" at node1 ping -c 3 -i 0.1 -W 10 -q "$(node_ip $n "$family")"
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
    check "${who[$n]}: packets cross again" at node1 ping -c 3 -i 0.1 -W 10 -q "$(node_ip $n "$family")"
  done
  capture_stop /tmp/wire.pcap
  equal "not one packet of ours left in clear" 0 "$(capture_count /tmp/wire.pcap "src host $(node_ip 1 "$family") and not ($_esp or $_exempt)")"
  check "no clear text" capture_assert_no_text /tmp/wire.pcap 'espalier clear text'
}

#!/usr/bin/env bash
# Our node behind NAT to strongSwan, libreswan and other agents of ours: found, ESP in UDP only, the mapping kept while nothing is sent; the peer rekeys;
# when the router gets another address, the far end follows.
# lab: --timeout 400
source "$ESPALIER_ROOT/tests/e2e/lib.sh"
source "$ESPALIER_ROOT/lab/espalier.sh"
source "$ESPALIER_ROOT/tests/e2e/interop/tunnel.sh"

lab_nodes 5
lab_pods 1
lab_routes
lab_behind_nat node1
outside=10.10.0.101
# Shorter than any liveness probe, longer than the 20 s between keepalives (RFC 3948 section 4).
at nat1 sysctl -qw net.netfilter.nf_conntrack_udp_timeout=30 net.netfilter.nf_conntrack_udp_timeout_stream=30
pki_ca root
for n in 1 2 3 4 5; do pki_node "node$n" root; done

declare -A who=([2]=strongSwan [3]=libreswan [4]=ours)
options() { echo "--to $1 --name to$1 --pods --inner 4 --local 192.168.1.2 --liveness 1h"; }
# shellcheck disable=SC2046
{
  _seen=$outside their_strongswan $(options 2)
  _seen=$outside their_libreswan $(options 3)
  our_tunnel --at 4 --to 1 --name to1 --pods --inner 4 --remote "$outside" --establish Passive --liveness 1h
  espalier_start 4
  for n in 2 3 4; do our_tunnel $(options $n); done
  our_tunnel --at 5 --to 1 --name to1 --remote "$outside" --establish Passive
  espalier_start 5
  our_tunnel --to 5 --name to5 --local 192.168.1.2
}
capture_start /tmp/wire.pcap
espalier_start 1

for n in 2 3 4; do
  check "${who[$n]}: an SA pair stands" wait_for 60 stands $n
  check "${who[$n]}: it sends to the router's port" sh -c "ip -n node$n xfrm state | grep -qE 'encap type espinudp sport 4500 dport 2[0-9]{4}'"
  check "${who[$n]}: we see the NAT at our end" eval "ectl 1 -o json status Tunnel/edge/to$n | has '\"natLocal\": true'"
  check "${who[$n]}: pods reach pods" at pod1-1 ping -c 3 -i 0.1 -W 10 -q "$(pod_ip $n 1)"
  check "${who[$n]}: and the other way round" at pod$n-1 ping -c 3 -i 0.1 -W 10 -q "$(pod_ip 1 1)"
  stream_check "${who[$n]}: a stream" "pod$n-1" pod1-1 "$(pod_ip 1 1)" pause 1
  sent=$(xfrm_bytes "node$n" out)
  check "${who[$n]}: its octets went by ESP" test "$sent" -gt 5000
done

# The peer rekeys, to the router's address and port; our own SAs live for hours.
stream_check "strongSwan rekeys the Child" pod2-1 pod1-1 "$(pod_ip 1 1)" child_rekeyed 2 peer node2 swanctl --rekey --child to2
stream_check "strongSwan rekeys the IKE SA" pod1-1 pod2-1 "$(pod_ip 2 1)" ike_rekeyed 2 peer node2 swanctl --rekey --ike to2
stream_check "libreswan rekeys the Child" pod3-1 pod1-1 "$(pod_ip 1 1)" child_rekeyed 3 peer node3 ipsec whack --rekey-child --name to3
stream_check "libreswan rekeys the IKE SA" pod1-1 pod3-1 "$(pod_ip 3 1)" ike_rekeyed 3 peer node3 ipsec whack --rekey-ike --name to3

# Transport mode: the addresses of the selectors are put in place of those that the router changed (RFC 7296 section 2.23.1).
check "transport mode: an SA pair stands" wait_for 60 stands 5
check "transport mode: packets cross" at node1 ping -c 3 -i 0.1 -W 10 -q "$(node_ip 5)"
stream_check "transport mode: a stream to the far end" node1 node5 "$(node_ip 5)" pause 1
stream_check "transport mode: a stream to us" node5 node1 "$outside" pause 1

# For longer than the router remembers, nobody sends anything but us keepalives.
pause 45
for n in 2 3 4; do
  check "${who[$n]}: after idle time the far end still reaches us" at pod$n-1 ping -c 1 -W 10 -q "$(pod_ip 1 1)"
done
capture_stop /tmp/wire.pcap
equal "no ESP went without UDP" 0 "$(capture_count /tmp/wire.pcap 'ip proto 50')"
check "keepalives did go" test "$(capture_count /tmp/wire.pcap 'udp dst port 4500 and udp[4:2] == 9 and udp[8] == 0xff')" -ge 3
check "the wire held ESP in UDP and IKE only" capture_assert_only_esp_ike /tmp/wire.pcap

# The router gets another address: what comes from there moves the far end's SAs (RFC 7296 section 2.23). libreswan 5.2 does not follow.
capture_start /tmp/moved.pcap
ip -n nat1 addr del "$outside/24" dev outside
outside=10.10.0.201
ip -n nat1 addr add "$outside/24" dev outside
moved() { ip -n "node$1" xfrm state | has "dst $outside"; }
for n in 2 4; do
  check "${who[$n]}: by the router's new address" wait_for 60 at pod1-1 ping -c 1 -W 1 -q "$(pod_ip $n 1)"
  check "${who[$n]}: the far end's SA went there" wait_for 20 moved $n
  stream_check "${who[$n]}: a stream" "pod$n-1" pod1-1 "$(pod_ip 1 1)" pause 1
done
capture_stop /tmp/moved.pcap
equal "still no ESP without UDP, and no pod's packet" 0 "$(capture_count /tmp/moved.pcap "ip proto 50 or net 10.244.0.0/16")"
check "no clear text" capture_assert_no_text /tmp/moved.pcap 'espalier clear text'

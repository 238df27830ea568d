#!/usr/bin/env bash
# The peer behind NAT, we Passive in the open: strongSwan and libreswan in tunnel mode, another strongSwan in transport mode; each rekeys its Child and
# its IKE SA across the NAT.
# lab: --timeout 400
source "$ESPALIER_ROOT/tests/e2e/lib.sh"
source "$ESPALIER_ROOT/lab/espalier.sh"
source "$ESPALIER_ROOT/tests/e2e/interop/tunnel.sh"

lab_nodes 4
lab_pods 1
lab_routes
pki_ca root
for n in 1 2 3 4; do pki_node "node$n" root; done
declare -A who=([2]=strongSwan [3]=libreswan [4]="strongSwan, transport mode")
for n in 2 3 4; do lab_behind_nat node$n; done
options() { echo "--to $1 --name to$1 --remote 10.10.0.10$1 $([ "$1" -eq 4 ] || echo --pods --inner 4)"; }
# shellcheck disable=SC2046
{
  for n in 2 3 4; do our_tunnel $(options $n) --establish Passive; done
  espalier_start 1
  _own=192.168.2.2 their_strongswan $(options 2)
  _own=192.168.3.2 their_libreswan $(options 3)
  _own=192.168.4.2 their_strongswan $(options 4)
}
check "our agent runs" wait_for 60 ectl 1 status
capture_start /tmp/wire.pcap

# of N: whom traffic runs between, and to what address, from us and to us.
here() { if [ "$1" -eq 4 ]; then echo node1; else echo pod1-1; fi; }
there() { if [ "$1" -eq 4 ]; then echo node4; else echo "pod$1-1"; fi; }
away() { if [ "$1" -eq 4 ]; then echo 10.10.0.104; else pod_ip "$1" 1; fi; }
home() { if [ "$1" -eq 4 ]; then node_ip 1; else pod_ip 1 1; fi; }
rekey() { # N child|ike
  if [ "$1" -eq 3 ]; then peer node3 ipsec whack "--rekey-$2" --name to3; else peer "node$1" swanctl --rekey "--$2" "to$1"; fi
}
for n in 2 3 4; do
  check "${who[$n]} brings it up" peer_up node$n to$n
  check "${who[$n]}: an SA pair stands" wait_for 60 one_pair $n
  check "${who[$n]}: we send to the router's port" eval "ip -n node1 xfrm state list dst 10.10.0.10$n | has 'encap type espinudp sport 4500 dport 2[0-9]{4}'"
  check "${who[$n]}: we see the NAT at its end" eval "ectl 1 -o json status Tunnel/edge/to$n | has '\"natRemote\": true'"
  check "${who[$n]}: packets cross" at "$(here $n)" ping -c 3 -i 0.1 -W 10 -q "$(away $n)"
  check "${who[$n]}: and the other way round" at "$(there $n)" ping -c 3 -i 0.1 -W 10 -q "$(home $n)"
  stream_check "${who[$n]} rekeys the Child" "$(there $n)" "$(here $n)" "$(home $n)" child_rekeyed $n rekey $n child
  stream_check "${who[$n]} rekeys the IKE SA" "$(here $n)" "$(there $n)" "$(away $n)" ike_rekeyed $n rekey $n ike
  sent=$(xfrm_bytes "node$n" out)
  check "${who[$n]}: $sent octets went by ESP" test "$sent" -gt 1000
done
capture_stop /tmp/wire.pcap
equal "no ESP went without UDP" 0 "$(capture_count /tmp/wire.pcap 'ip proto 50')"
check "the wire held ESP in UDP and IKE only" only_esp_ike /tmp/wire.pcap
check "no clear text" capture_assert_no_text /tmp/wire.pcap 'espalier clear text'

#!/usr/bin/env bash
# A pre-shared key instead of certificates, with strongSwan and with libreswan, whoever begins; a key that differs raises nothing, and
# whoever answered says why.
# lab: --timeout 400
source "$ESPALIER_ROOT/tests/e2e/lib.sh"
source "$ESPALIER_ROOT/lab/espalier.sh"
source "$ESPALIER_ROOT/tests/e2e/interop/tunnel.sh"

lab_nodes 3
pki_ca root
for n in 1 2 3; do pki_node "node$n" root; done
mkdir -p "$(espalier_dir 1)"/{manifests,state}
espalier_start 1
their_strongswan --psk
their_libreswan --to 3 --psk
capture_start /tmp/wire.pcap

# gone PEER-NODE: neither end holds an SA.
gone() { no_sa node1 "node$1"; }

# knows NAME: our agent says why that Tunnel does not stand.
knows() { ectl 1 -o json status "Tunnel/edge/$1" | has '"reason": "BadPsk"'; }

# rows NODE PEER: each role, then a key that differs, with both ends' Tunnel and connection new each time.
rows() {
  local n=$1 peer=$2
  their_change --to "$n" --psk --name "$peer-we"
  our_tunnel --to "$n" --psk --name "$peer-we"
  check "$peer: we begin, and an SA pair stands" wait_for 60 stands "$n"
  check "$peer: packets cross" at node1 ping -c 3 -i 0.1 -W 5 -q "$(node_ip "$n")"
  check "$peer: we take it down" ectl 1 --timeout 60 down "Tunnel/edge/$peer-we" --wait
  check "$peer: nothing is left" wait_for 60 gone "$n"
  drop_tunnel 1 "$peer-we"

  our_tunnel --to "$n" --psk --name "$peer-they" --establish Passive
  check "$peer: our agent takes the Tunnel" wait_for 30 ectl 1 status "Tunnel/edge/$peer-they"
  their_change --to "$n" --psk --name "$peer-they"
  check "$peer: it begins" peer_up "node$n" "$peer-they"
  check "$peer: an SA pair stands" wait_for 60 stands "$n"
  check "$peer: packets cross back" at "node$n" ping -c 3 -i 0.1 -W 5 -q "$(node_ip 1)"
  case $peer in
    strongswan) peer "node$n" swanctl --terminate --ike "$peer-they" >/dev/null ;;
    libreswan) peer "node$n" ipsec down "$peer-they" >/dev/null ;;
  esac
  check "$peer: the deletion of its own leaves nothing" wait_for 60 gone "$n"
  drop_tunnel 1 "$peer-they"

  our_tunnel --to "$n" --psk 0x0badcafe --name "$peer-wrong" --establish Passive
  check "$peer: our agent takes the one with another key" wait_for 30 ectl 1 status "Tunnel/edge/$peer-wrong"
  their_change --to "$n" --psk --name "$peer-wrong"
  refuse "$peer: with another key nothing comes up" peer_up "node$n" "$peer-wrong"
  check "$peer: our status says why" wait_for 30 knows "$peer-wrong"
  check "$peer: no SA stands" gone "$n"
  drop_tunnel 1 "$peer-wrong"
  check "$peer: the Tunnel is gone" wait_for 30 eval "! ectl 1 status Tunnel/edge/$peer-wrong"
}

rows 2 strongswan
rows 3 libreswan
capture_stop /tmp/wire.pcap
check "the wire held ESP and IKE only" capture_assert_only_esp_ike /tmp/wire.pcap
refuse "the key is in no log of ours" grep -riqE '7b1e0c5d|0badcafe' "$(espalier_dir 1)/log" "$(espalier_dir 1)/state"

# Sourced by the matrices: one lab, one running peer, a table of cases.
#
#   matrix PEER <CASES     PEER: strongswan, libreswan, ours; a case: who begins (we, they), mode, outer family, key, PPK
#
# Each case gives both ends a new Tunnel while they run, and takes it down again: by us where we began, else by the peer. A case holds when
# both kernels have one SA each way, in the mode and between the addresses that were asked for, what one has sent the other has received,
# after the deletion there is no SA at either end, and a capture of the case holds ESP, and beside ESP and IKE nothing.
# shellcheck shell=bash

holds() { "${@:2}" || { echo "does not hold: $1"; return 1; }; }

# kernel_has NODE MODE FAMILY: two SAs, both of that mode and between the outer addresses.
kernel_has() {
  local states here there
  here=$(node_ip 1 "$3") there=$(node_ip 2 "$3")
  states=$(ip -n "$1" xfrm state list nokeys)
  [ "$(xfrm_list "$1" | cut -d ' ' -f 1 | sort | xargs)" = "in out" ] &&
    [ "$(grep -cE "^src ($here dst $there|$there dst $here)" <<<"$states")" = 2 ] && [ "$(grep -c "mode $2" <<<"$states")" = 2 ]
}

# What left one node by ESP came in at the other, and it is more than LEAST octets.
carried() {
  local out in
  out=$(xfrm_bytes "$1" out) in=$(xfrm_bytes "$2" in)
  echo "$1 sent $out octets, $2 received $in"
  [ "$out" -eq "$in" ] && [ "$out" -gt "$3" ]
}

ppk_used() {
  ectl 1 -o json status "$1" | has '"ppkId": "lab"' || return 1
  [ "$peer" != strongswan ] || peer node2 swanctl --list-sas | has PPK
}

their_end() {
  case $peer in
    ours) our_tunnel --at 2 --to 1 --cert "node2-$key" --establish "$([ "$role" = we ] && echo Passive || echo Eager)" "$@" ;;
    *) their_change --their-cert "node2-$key" "$@" ;;
  esac
}

they_delete() {
  case $peer in
    strongswan) peer node2 swanctl --terminate --ike "$1" ;;
    libreswan) peer node2 ipsec down "$1" ;;
    ours) ectl 2 --timeout 60 down "Tunnel/edge/$1" --wait ;;
  esac
}

nothing_stands() { no_sa node1 node2 && ! ip -n node1 xfrm policy | has 'tmpl src'; }

one_case() {
  local name=$1 role=$2 mode=$3 family=$4 key=$5 ppk=$6 options inner=4 f
  options=(--name "$name" --family "$family" --key "$key")
  # libreswan has one selector pair per connection: the family that the outer addresses do not have.
  [ "$peer" = libreswan ] && inner=$((10 - family)) || inner='4 6'
  [ "$mode" != Tunnel ] || options+=(--pods --inner "$inner")
  [ "$ppk" = no ] || options+=(--ppk)
  if [ "$role" = we ]; then
    their_end "${options[@]}" || return 1
    our_tunnel "${options[@]}" --cert "node1-$key"
  else
    our_tunnel "${options[@]}" --cert "node1-$key" --establish Passive
    holds "our agent takes the Tunnel" wait_for 30 ectl 1 status "Tunnel/edge/$name" || return 1
    their_end "${options[@]}" || return 1
    [ "$peer" = ours ] || peer_up node2 "$name" || return 1
  fi
  holds "an SA pair stands" wait_for 60 assert_sa_pair node1 node2 || return 1
  for f in 1 2; do holds "node$f's kernel has it as asked for" wait_for 20 kernel_has "node$f" "${mode,,}" "$family" || return 1; done
  [ "$ppk" = no ] || holds "the PPK is in it" wait_for 20 ppk_used "Tunnel/edge/$name" || return 1
  if [ "$mode" = Transport ]; then
    holds "packets cross" at node1 ping -c 3 -i 0.1 -W 10 -s 1000 -q "$(node_ip 2 "$family")" || return 1
  else
    for f in $inner; do holds "IPv$f of pods" at pod1-1 ping -c 3 -i 0.1 -W 10 -s 1000 -q "$(pod_ip 2 1 "$f")" || return 1; done
  fi
  carried node1 node2 3000 && carried node2 node1 3000 || return 1
  if [ "$role" = we ]; then
    holds "espalierctl down" ectl 1 --timeout 60 down "Tunnel/edge/$name" --wait || return 1
  else
    they_delete "$name" || return 1
  fi
  holds "nothing is left at either end" wait_for 60 no_sa node1 node2 || return 1
  drop_tunnel 1 "$name"
  [ "$peer" != ours ] || drop_tunnel 2 "$name"
  holds "nor a policy of ours" wait_for 60 nothing_stands
}

# one_case with a capture of its own.
captured_case() {
  local status=0
  capture_start /tmp/case.pcap
  one_case "$@" || status=$?
  capture_stop /tmp/case.pcap && capture_assert_only_esp_ike /tmp/case.pcap && return "$status"
}

matrix() {
  peer=$1
  local role mode family key ppk n=0
  lab_nodes 2
  lab_pods 1
  lab_routes
  pki_ca root
  for n in 1 2; do
    for key in ec rsa; do pki_node "node$n-$key" root --key "$key" --san "DNS:node$n.lab"; done
    mkdir -p "$(espalier_dir $n)"/{manifests,state}
  done
  # shellcheck disable=SC2119
  case $peer in
    strongswan) strongswan_node node2 --cert node2-ec --cert node2-rsa --ca root </dev/null ;;
    libreswan)
      libreswan_node node2 --cert node2-ec --cert node2-rsa --ca root \
        --secret "@node1.lab @node2.lab : PPKS \"lab\" $LAB_PPK" </dev/null
      ;;
    ours) espalier_start 2 ;;
  esac
  espalier_start 1
  n=0
  while read -r role mode family key ppk; do
    n=$((n + 1))
    check "$peer: $role begin, $mode over IPv$family, $key, PPK $ppk" captured_case "case$n" "$role" "$mode" "$family" "$key" "$ppk"
    # A case that failed leaves nothing to the next.
    rm -f "$(espalier_dir 1)"/manifests/tunnel-* "$(espalier_dir 2)"/manifests/tunnel-*
  done
}

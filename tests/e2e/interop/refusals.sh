# Sourced by the refusals: node1 runs our agent, which must know; node2 strongSwan, node3 libreswan, node4 another agent of ours.
#
#   refusals_start
#   refusals [PART] <CASES   a case: peer|who begins (we, they)|what is wrong|the reason that our agent must give[|who refused (Local)[|node (1)]];
#                            with PART only those that hold it
#   refusals_end
# A case holds when `espalierctl status` of that node, which runs our agent, gives that reason, who refused (Local: itself; Peer: the other, who said
# no more than IKEv2 lets it), and what to do; no packet crosses; no SA is at either end. Every other case runs over IPv6.
# In the end not one packet of ESP or in clear must have been on the wire.
# shellcheck shell=bash

declare -gA number=([strongSwan]=2 [libreswan]=3 [ours]=4)
certificates() { for c in '' -rogue -expired -other; do printf -- '--cert node%s%s ' "$1" "$c"; done; }

refusals_start() {
  lab_nodes 4
  lab_pods 1
  lab_routes
  pki_ca root
  pki_ca rogue
  mkdir -p "$(espalier_dir 1)"/{manifests,state} "$(espalier_dir 4)"/{manifests,state}
  pki_node node1 root
  for n in 2 3 4; do
    pki_node "node$n" root
    pki_node "node$n-rogue" rogue --san "DNS:node$n.lab"
    pki_node "node$n-expired" root --san "DNS:node$n.lab" --expired
    pki_node "node$n-other" root --san DNS:other.lab
  done
  # shellcheck disable=SC2046
  {
    strongswan_node node2 $(certificates 2) --ca root </dev/null
    libreswan_node node3 $(certificates 3) --ca root --ca rogue --secret "@node1.lab @node3.lab : PPKS \"lab\" $LAB_PPK" </dev/null
  }
  espalier_start 4
  espalier_start 1
  capture_start /tmp/wire.pcap
}

# failure FIELD NAME NODE: of the last failure that its agent knows of.
failure() { ectl "$3" -o json status "Tunnel/edge/$2" | sed -n '/"lastFailure"/,/}/s/.*"'"$1"'": "\(.*\)",\?$/\1/p'; }
knows() { [ "$(failure side "$1" "$4") $(failure reason "$1" "$4")" = "$3 $2" ]; } # NAME REASON SIDE NODE
no_policy() { ! ip -n node1 xfrm policy | has 'tmpl src'; }

# What the defect means for each end's options, in `ours` (node1's) and `theirs`.
defect() {
  local n=$2 cert=--their-cert ike=--their-ike esp=--their-esp
  [ "$n" -ne 4 ] || cert=--cert ike=--ike esp=--esp
  ours=() theirs=("$cert" "node$n")
  case $1 in
    "wrong CA") theirs=("$cert" "node$n-rogue") ;;
    expired) theirs=("$cert" "node$n-expired") ;;
    "ID not in SAN") theirs=("$cert" "node$n-other") ;;
    "wrong PPK") ours=(--ppk "${LAB_PPK/0x01/0xff}") theirs+=(--ppk) ;;
    "no common IKE proposal")
      ours=(--ike aes256gcm16-prfsha512-ecp384)
      theirs+=("$ike" "$([ "$n" -eq 3 ] && echo 'aes_gcm256-sha2_384;dh19' || echo aes256gcm16-prfsha384-ecp256)")
      ;;
    "no common ESP proposal") theirs+=("$esp" "$([ "$n" -eq 3 ] && echo aes_gcm128 || echo aes128gcm16)") ;;
    selectors) ours=(--pods --inner 4) theirs+=(--pods --inner 6) ;;
    mode) ours=(--mode Tunnel) theirs+=(--mode Transport) ;;
  esac
}

they_begin() {
  case $1 in
    strongSwan) peer node2 timeout 60 swanctl --initiate --child "$2" --timeout 5 || true ;;
    libreswan) peer node3 timeout 60 ipsec up --asynchronous "$2" || true ;;
    ours) ;; # Eager
  esac
}

# A strongSwan or libreswan that gave up on a busy machine, before our agent had anything to judge, begins again. What it has judged
# stands: another reason, or the right one too late, is a failure.
comes_to_know() {
  local who=$1 role=$2 name=$3 reason=$4 side=$5 node=$6 try tries=1 known
  [ "$role" = we ] || [ "$who" = ours ] || tries=3
  for ((try = 1; try <= tries; try++)); do
    [ "$role" = we ] || they_begin "$who" "$name"
    ! wait_for 40 knows "$name" "$reason" "$side" "$node" || return 0
    known=$(failure reason "$name" "$node")
    echo "after try $try node$node knows: $(failure side "$name" "$node") $known: $(failure sentence "$name" "$node")"
    [ -z "$known" ] || return 1
  done
  return 1
}

cases=0
refusal() {
  local who=$1 role=$2 what=$3 reason=$4 side=${5:-Local} node=${6:-1} name n ours theirs address family says
  n=${number[$who]}
  cases=$((cases + 1))
  name=case$cases
  family=$((cases % 2 ? 4 : 6))
  defect "$what" "$n"
  [ "$what" != selectors ] && address=$(node_ip "$n" "$family") || address=$(pod_ip "$n" 1)
  our_tunnel --to "$n" --name "$name" --family "$family" --establish "$([ "$role" = we ] && echo Eager || echo Passive)" "${ours[@]}"
  wait_for 30 ectl 1 status "Tunnel/edge/$name"
  case $who in
    ours)
      our_tunnel --at 4 --to 1 --name "$name" --family "$family" --establish "$([ "$role" = we ] && echo Passive || echo Eager)" "${theirs[@]}"
      ;;
    *) _right_ca='O=Lab, CN=root' their_change --to "$n" --name "$name" --family "$family" "${theirs[@]}" --key ec ;;
  esac
  says="node$node says $reason"
  [ "$side" = Local ] || says+=", by the peer"
  if check "$who, $role begin, IPv$family: $what: $says" comes_to_know "$who" "$role" "$name" "$reason" "$side" "$node"; then
    note "$(failure sentence "$name" "$node")"
    note "$(failure whatToDo "$name" "$node")"
  fi
  check "  and what to do" test -n "$(failure whatToDo "$name" "$node")"
  refuse "  no packet crosses" at "$([ "$what" != selectors ] && echo node1 || echo pod1-1)" ping -c 2 -i 0.2 -W 1 -q "$address"
  check "  no SA at either end" wait_for 40 no_sa node1 "node$n"
  [ "$who" != ours ] || drop_tunnel 4 "$name"
  drop_tunnel 1 "$name"
  wait_for 40 no_policy
}

refusals() {
  local who role what reason side node
  while IFS='|' read -r who role what reason side node; do
    [ -z "${1:-}" ] || [[ "$who $role $what" == *$1* ]] || continue
    refusal "$who" "$role" "$what" "$reason" "$side" "$node"
  done
}

refusals_end() {
  capture_stop /tmp/wire.pcap
  equal "not one packet of ESP was on the wire" 0 "$(capture_count /tmp/wire.pcap "$_esp and not (udp port 4500 and (udp[8:4] == 0 or ip6[48:4] == 0))")"
  equal "nor anything in clear" 0 "$(capture_count /tmp/wire.pcap "not ($_esp or $_exempt)")"
}

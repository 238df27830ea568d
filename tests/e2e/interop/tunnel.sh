# Sourced by the interop tests, after lib.sh and espalier.sh: one Tunnel on our node, one connection at the peer's, from the same options.
#
#   our_tunnel [OPTION…]        adds the Tunnel to the folder of node --at, whose agent takes it at once where it runs
#   their_strongswan [OPTION…]  starts strongSwan on node --to with the other end; --at, --to and the rest as above
#   their_libreswan [OPTION…]   starts libreswan on node --to
#   their_change [OPTION…]      gives the running peer on node --to another connection; its SAs should be gone
#     --at N --to M               ours and theirs, default 1 and 2
#     --name NAME                 of the Tunnel and of the connection, default lab
#     --cert NAME                 our certificate, default nodeN; --ca NAME: that the peer's must come from, default root
#     --their-cert NAME           theirs, default nodeM
#     --as IDENTITY               that we claim, default nodeN.lab; --peer-as IDENTITY: that we expect, default nodeM.lab
#     --local ADDRESS, --remote ADDRESS    of our outer address and theirs (as we see them), default those of --family
#     --mode Transport|Tunnel     default Transport
#     --family 4|6                of the outer addresses, default 4
#     --pods [--inner 4|6]        tunnel between the pod networks of both nodes, both families or one
#     --establish Eager|Passive|OnDemand   ours, default Eager
#     --ppk [SECRET]              PPK "lab", insisted on; SECRET is what ours has (default $LAB_PPK, which is theirs)
#     --psk [SECRET]              a shared key at both ends instead of certificates; SECRET is what ours has (default $LAB_PSK, which is theirs)
#     --ike PROPOSAL --esp PROPOSAL        ours; --their-ike, --their-esp: theirs, in their own spelling
#     --life SECONDS, --ike-life SECONDS   of the Child and of the IKE SA, ours
#     --liveness DURATION         of silence before ours asks whether the peer lives, default 30s
#     --key ec|rsa                what libreswan shall prove itself by
#   stands N                             node1 and node N hold SAs both ways, each other's; node1 may hold more, with others
#   one_pair N                           they hold one SA each way, each other's, and no more with each other
#   child_rekeyed N COMMAND…             the command succeeds, and then another SA each way stands alone in place of the old
#   ike_rekeyed N COMMAND…               the command succeeds, and then one more rekey of the IKE SA is counted: the peer's, where our --ike-life is long
#   our_rekeys N OPTION…                 our Child SA of a short --life is rekeyed by us; OPTION… without --life is the Tunnel's from then on, and
#                                        in the end one pair stands that we do not mean to rekey
#   lives_long N                         node1 means to rekey none of its SAs with node N within 1000 s
#   libreswan_deletes_child N            alone, at once
#   replaced N COMMAND…                  the command succeeds, and soon the SAs that stood are at neither end
#   settle NAME [FROM TO ADDRESS]        the SA pair stands; ping crosses
#   stream_check NAME FROM TO ADDRESS COMMAND…   nothing of a numbered stream is lost while the command runs
#   peer_crashes N                       its daemon is killed and its kernel forgets all; peer_start begins again
#   only_esp_ike FILE                    as capture_assert_only_esp_ike, and a dead peer's kernel may say that nobody hears IKE
# shellcheck shell=bash

# Of node1's last Tunnel with node N: the far end's address as node1 sees it, and the name.
declare -gA _far=() _with=()

LAB_PSK=0x7b1e0c5d9a44f2836e10b7c2d95fa3081c6e4f72
LAB_PPK=0x0102030405060708090a0b0c0d0e0f100102030405060708090a0b0c0d0e0f10

_tunnel_options() {
  _at=1 _to=2 _name=lab _cert='' _ca=root _their_cert='' _as='' _peer_as='' _local='' _remote=''
  _mode=Transport _family=4 _pods='' _inner='4 6' _establish=Eager _ppk='' _psk='' _life=1h _ike_life=8h _key=ec
  _ike_proposal=aes256gcm16-prfsha384-ecp256 _esp_proposal=aes256gcm16 _their_ike='' _their_esp='' _liveness=30s
  while [ $# -gt 0 ]; do
    case $1 in
      --at) _at=$2 ;;
      --to) _to=$2 ;;
      --name) _name=$2 ;;
      --cert) _cert=$2 ;;
      --ca) _ca=$2 ;;
      --their-cert) _their_cert=$2 ;;
      --as) _as=$2 ;;
      --peer-as) _peer_as=$2 ;;
      --local) _local=$2 ;;
      --remote) _remote=$2 ;;
      --mode) _mode=$2 ;;
      --family) _family=$2 ;;
      --inner) _inner=$2 ;;
      --establish) _establish=$2 ;;
      --ike) _ike_proposal=$2 ;;
      --esp) _esp_proposal=$2 ;;
      --their-ike) _their_ike=$2 ;;
      --their-esp) _their_esp=$2 ;;
      --life) _life=$2s ;;
      --ike-life) _ike_life=$2s ;;
      --liveness) _liveness=$2 ;;
      --key) _key=$2 ;;
      --pods) _pods=yes _mode=Tunnel; shift; continue ;;
      --ppk)
        _ppk=$LAB_PPK
        if [[ ${2:-} == 0x* ]]; then _ppk=$2; shift; fi
        shift
        continue
        ;;
      --psk)
        _psk=$LAB_PSK
        if [[ ${2:-} == 0x* ]]; then _psk=$2; shift; fi
        shift
        continue
        ;;
      *) echo "tunnel: $1?" >&2; return 1 ;;
    esac
    shift 2
  done
  : "${_cert:=node$_at}" "${_their_cert:=node$_to}" "${_as:=node$_at.lab}" "${_peer_as:=node$_to.lab}"
  : "${_local:=$(node_ip "$_at" "$_family")}" "${_remote:=$(node_ip "$_to" "$_family")}"
}

# _nets NODE SEPARATOR: its pod networks of the inner families.
_nets() {
  local f list=''
  for f in $_inner; do list+="${list:+$2}$(pod_net "$1" "$f")"; done
  echo "$list"
}

our_tunnel() {
  _tunnel_options "$@"
  local local_nets='' remote_nets='' dir
  local own="{type: X509, x509: {certificateRef: {name: $_name-own}}}" theirs="{type: X509, x509: {trustRef: {name: $_name-trust}}}"
  [ -z "$_psk" ] || own="{type: PSK, psk: {secretRef: {name: $_name-psk, key: lab}}}" theirs=$own
  dir=$(espalier_dir "$_at")
  mkdir -p "$dir/manifests" "$dir/state"
  if [ -n "$_pods" ]; then
    local_nets="subnets: [\"$(_nets "$_at" '", "')\"]"
    remote_nets="subnets: [\"$(_nets "$_to" '", "')\"]"
  fi
  cat >"$dir/manifests/.new" <<-YAML
	apiVersion: espalier.io/v1alpha1
	kind: Tunnel
	metadata: {name: $_name, namespace: edge}
	spec:
	  mode: $_mode
	  establish: $_establish
	  local:
	    node: node$_at
	    address: "$_local"
	    identity: $_as
	    $local_nets
	    authentication: $own
	  remote:
	    addresses: ["$_remote"]
	    identity: $_peer_as
	    $remote_nets
	    authentication: $theirs
	  ike: {proposals: [$_ike_proposal], lifetime: $_ike_life}
	  esp: {proposals: [$_esp_proposal], pfs: true, lifetime: $_life}
	  liveness: {delay: $_liveness}
	  ${_ppk:+"ppk: {mode: Insist, keys: [{id: lab, secretRef: {name: $_name-ppk, key: lab}}]}"}
	---
	apiVersion: v1
	kind: Secret
	type: kubernetes.io/tls
	metadata: {name: $_name-own, namespace: edge}
	stringData:
	  tls.crt: |
	$(_pem "$PKI/$_cert.crt" "$PKI/$_cert.chain")
	  tls.key: |
	$(_pem "$PKI/$_cert.key")
	---
	apiVersion: v1
	kind: Secret
	metadata: {name: $_name-trust, namespace: edge}
	stringData:
	  ca.crt: |
	$(_pem "$PKI/$_ca.crt")
	---
	apiVersion: v1
	kind: Secret
	metadata: {name: $_name-ppk, namespace: edge}
	stringData: {lab: "${_ppk:-$LAB_PPK}"}
	---
	apiVersion: v1
	kind: Secret
	metadata: {name: $_name-psk, namespace: edge}
	stringData: {lab: "${_psk:-$LAB_PSK}"}
	YAML
  mv "$dir/manifests/.new" "$dir/manifests/tunnel-$_name.yaml"
  [ "$_at" -ne 1 ] || { _far[$_to]=$_remote && _with[$_to]=$_name; }
}

# drop_tunnel N NAME: takes it out of the folder again.
drop_tunnel() { rm "$(espalier_dir "$1")/manifests/tunnel-$2.yaml"; }

_strongswan_conf() {
  local ts="mode = ${_mode,,}" auth="auth = pubkey" certs="certs = $_their_cert.crt"
  [ -z "$_psk" ] || auth="auth = psk" certs=''
  [ -z "$_pods" ] || ts="mode = tunnel
	      local_ts = $(_nets "$_to" ,)
	      remote_ts = $(_nets "$_at" ,)"
  cat <<-CONF
	connections {
	  $_name {
	    version = 2
	    local_addrs = ${_own:-$_remote}
	    remote_addrs = ${_seen:-$_local}
	    proposals = ${_their_ike:-$_ike_proposal}
	    ${_ppk:+ppk_id = lab
	    ppk_required = yes}
	    local {
	      $auth
	      $certs
	      id = $_peer_as
	    }
	    remote {
	      $auth
	      id = $_as
	    }
	    children { $_name {
	      $ts
	      esp_proposals = ${_their_esp:-$_esp_proposal-ecp256-esn-noesn}
	    } }
	  }
	}
	secrets {
	  ppk-lab {
	    id = lab
	    secret = $LAB_PPK
	  }
	  ${_psk:+ike-lab {
	    id-1 = $_as
	    id-2 = $_peer_as
	    secret = $LAB_PSK
	  \}}
	}
	CONF
}

# libreswan has one selector pair per connection.
_libreswan_conf() {
  local nets="type=${_mode,,}" auth=ecdsa cert="leftcert=$_their_cert" ca="rightca=\"${_right_ca:-%same}\""
  [ "$_key" != rsa ] || auth=rsasig
  [ -z "$_psk" ] || auth=secret cert='' ca=''
  [ -z "$_pods" ] || nets="leftsubnet=$(_nets "$_to" ,)
	  rightsubnet=$(_nets "$_at" ,)"
  cat <<-CONF
	conn $_name
	  left=${_own:-$_remote}
	  leftid=@$_peer_as
	  $cert
	  right=${_seen:-$_local}
	  rightid=@$_as
	  $ca
	  $nets
	  ikev2=insist
	  authby=$auth
	  ike=${_their_ike:-aes_gcm256-sha2_384;dh19}
	  esp=${_their_esp:-aes_gcm256}
	  ${_ppk:+ppk=insist}
	  auto=add
	CONF
}

# Behind NAT what the peer sees of us is another address, `_seen=ADDRESS their_…`, or its own is another than we see: `_own=ADDRESS their_…`. `_right_ca=DN`: the CA that libreswan wants ours to come
# from, where it is not the one of its own.
their_strongswan() {
  _tunnel_options "$@"
  strongswan_node "node$_to" --cert "$_their_cert" --ca root < <(_strongswan_conf)
}

their_libreswan() {
  _tunnel_options "$@"
  libreswan_node "node$_to" --cert "$_their_cert" --ca root --secret "@$_as @$_peer_as : PPKS \"lab\" $LAB_PPK" \
    --secret "@$_as @$_peer_as : PSK $LAB_PSK" < <(_libreswan_conf)
}

their_change() {
  _tunnel_options "$@"
  case "${_peer_kind[node$_to]}" in
    strongswan) peer_change "node$_to" < <(_strongswan_conf) ;;
    libreswan) peer_change "node$_to" < <(_libreswan_conf) ;;
  esac
}

stands() {
  local n=$1 mine
  mine=$(xfrm_spis node1 out "${_far[$n]}")
  [ -n "$mine" ] && [ "$mine" = "$(xfrm_spis "node$n" in)" ] && [ -n "$(xfrm_spis "node$n" out)" ] &&
    [ -z "$(comm -13 <(xfrm_spis node1 in) <(xfrm_spis "node$n" out))" ]
}

one_pair() {
  local mine theirs
  mine=$(xfrm_list node1 '' "${_far[$1]}" | awk '{print $1, $3}' | sort)
  theirs=$(xfrm_list "node$1" | awk '{print $1 == "in" ? "out" : "in", $3}' | sort)
  [ "$mine" = "$theirs" ] && [[ $mine =~ ^in\ 0x[0-9a-f]+$'\n'out\ 0x[0-9a-f]+$ ]]
}

# SPIs of node1's SAs with node N, both directions.
_spis_with() { xfrm_list node1 '' "${_far[$1]}" | awk '{print $3}' | sort; }
_another_pair() { one_pair "$1" && [ -z "$(comm -12 <(_spis_with "$1") <(echo "$2"))" ]; }

child_rekeyed() {
  local n=$1 before
  before=$(_spis_with "$n")
  "${@:2}" && wait_for 60 _another_pair "$n" "$before"
}

# rekeys N ike|child: that node1 has counted with node N, by either side.
rekeys() { ectl 1 -o json status "Tunnel/edge/${_with[$1]}" | sed -n 's/.*"'"$2"'Rekeys": *"\?\([0-9]*\).*/\1/p'; }
rekeys_reach() { [ "$(rekeys "$1" "$2")" -ge "$3" ]; }

ike_rekeyed() {
  local n=$1 before
  before=$(rekeys "$n" ike)
  "${@:2}" && wait_for 60 rekeys_reach "$n" ike $((before + 1))
}

# The first is seen from the Tunnel's short life on, however late we look; the second brings a Child with the long one.
our_rekeys() {
  local n=$1 before count
  before=$(_spis_with "$n") count=$(rekeys "$n" child)
  wait_for 60 rekeys_reach "$n" child $((count + 1)) && our_tunnel --to "$n" --name "${_with[$n]}" "${@:2}" &&
    wait_for 60 lives_long "$n" && wait_for 60 _another_pair "$n" "$before"
}

lives_long() {
  local at times
  times=$(ectl 1 -o json status "Tunnel/edge/${_with[$1]}" | sed -n 's/.*"rekeyAt": "\(.*\)".*/\1/p')
  [ -n "$times" ] || return 1
  for at in $times; do [ $(($(date -d "$at" +%s) - EPOCHSECONDS)) -gt 1000 ] || return 1; done
}

_gone() { [ -z "$(comm -12 <({ xfrm_spis node1 in; xfrm_spis node1 out; xfrm_spis "node$1" in; xfrm_spis "node$1" out; } | sort -u) <(echo "$2"))" ]; }

replaced() {
  local n=$1 before
  before=$(_spis_with "$n")
  [ -n "$before" ] && "${@:2}" && wait_for 40 _gone "$n" "$before"
}

# whack does not return from it on its own where the connection stays without a Child.
libreswan_deletes_child() { peer "node$1" timeout 5 ipsec whack --down-child --name "${_with[$1]}" || [ $? -eq 124 ]; }

peer_crashes() {
  peer_kill "node$1"
  ip -n "node$1" xfrm state flush
  ip -n "node$1" xfrm policy flush
}

# Port unreachable, about a packet to port 500.
_nobody_hears_ike='(icmp[0:2] == 0x0303 and icmp[30:2] == 500) or (icmp6 and ip6[40:2] == 0x0104 and ip6[90:2] == 500)'
only_esp_ike() { capture_assert_only_esp_ike "$1" "not ($_nobody_hears_ike)"; }

# Both kernels hold a pair, and packets cross by ESP alone, both ways.
settle() {
  local from=${2:-node1} to=${3:-node2} address=${4:-$(node_ip 2)}
  check "$1: an SA pair stands" wait_for 40 assert_sa_pair node1 node2
  check "$1: packets cross" at "$from" ping -c 3 -i 0.1 -W 5 -q "$address"
}

# stream_check NAME FROM TO ADDRESS COMMAND…: nothing of a numbered stream is lost while the command runs.
stream_check() {
  local name=$1 from=$2 to=$3 address=$4
  shift 4
  stream_start "$from" "$to" "$address"
  check "$name" "$@"
  pause 0.3
  stream_stop
  note "$name: sent $STREAM_SENT, lost $STREAM_LOST"
  equal "$name: nothing is lost" 0 "$STREAM_LOST"
}

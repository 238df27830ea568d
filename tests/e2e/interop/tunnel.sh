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
#     --ike PROPOSAL --esp PROPOSAL        ours; --their-ike, --their-esp: theirs, in their own spelling
#     --life SECONDS, --ike-life SECONDS   of the Child and of the IKE SA, ours
#     --liveness DURATION         of silence before ours asks whether the peer lives, default 30s
#     --key ec|rsa                what libreswan shall prove itself by
#   stands N                             node1 and node N hold SAs both ways, each other's; node1 may hold more, with others
#   settle NAME [FROM TO ADDRESS]        the SA pair stands; ping crosses
#   stream_check NAME FROM TO ADDRESS COMMAND…   nothing of a numbered stream is lost while the command runs
# shellcheck shell=bash

LAB_PPK=0x0102030405060708090a0b0c0d0e0f100102030405060708090a0b0c0d0e0f10

_tunnel_options() {
  _at=1 _to=2 _name=lab _cert='' _ca=root _their_cert='' _as='' _peer_as='' _local='' _remote=''
  _mode=Transport _family=4 _pods='' _inner='4 6' _establish=Eager _ppk='' _life=1h _ike_life=8h _key=ec
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
	    authentication: {type: X509, x509: {certificateRef: {name: $_name-own}}}
	  remote:
	    addresses: ["$_remote"]
	    identity: $_peer_as
	    $remote_nets
	    authentication: {type: X509, x509: {trustRef: {name: $_name-trust}}}
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
	YAML
  mv "$dir/manifests/.new" "$dir/manifests/tunnel-$_name.yaml"
}

# drop_tunnel N NAME: takes it out of the folder again.
drop_tunnel() { rm "$(espalier_dir "$1")/manifests/tunnel-$2.yaml"; }

_strongswan_conf() {
  local ts="mode = ${_mode,,}"
  [ -z "$_pods" ] || ts="mode = tunnel
	      local_ts = $(_nets "$_to" ,)
	      remote_ts = $(_nets "$_at" ,)"
  cat <<-CONF
	connections {
	  $_name {
	    version = 2
	    local_addrs = $_remote
	    remote_addrs = ${_seen:-$_local}
	    proposals = ${_their_ike:-$_ike_proposal}
	    ${_ppk:+ppk_id = lab
	    ppk_required = yes}
	    local {
	      auth = pubkey
	      certs = $_their_cert.crt
	      id = $_peer_as
	    }
	    remote {
	      auth = pubkey
	      id = $_as
	    }
	    children { $_name {
	      $ts
	      esp_proposals = ${_their_esp:-$_esp_proposal-ecp256-esn-noesn}
	    } }
	  }
	}
	secrets { ppk-lab {
	  id = lab
	  secret = $LAB_PPK
	} }
	CONF
}

# libreswan has one selector pair per connection.
_libreswan_conf() {
  local nets="type=${_mode,,}" auth=ecdsa
  [ "$_key" != rsa ] || auth=rsasig
  [ -z "$_pods" ] || nets="leftsubnet=$(_nets "$_to" ,)
	  rightsubnet=$(_nets "$_at" ,)"
  cat <<-CONF
	conn $_name
	  left=$_remote
	  leftid=@$_peer_as
	  leftcert=$_their_cert
	  right=${_seen:-$_local}
	  rightid=@$_as
	  rightca="${_right_ca:-%same}"
	  $nets
	  ikev2=insist
	  authby=$auth
	  ike=${_their_ike:-aes_gcm256-sha2_384;dh19}
	  esp=${_their_esp:-aes_gcm256}
	  ${_ppk:+ppk=insist}
	  auto=add
	CONF
}

# What the peer sees of us is another address behind NAT: `_seen=ADDRESS their_…`. `_right_ca=DN`: the CA that libreswan wants ours to come
# from, where it is not the one of its own.
their_strongswan() {
  _tunnel_options "$@"
  strongswan_node "node$_to" --cert "$_their_cert" --ca root < <(_strongswan_conf)
}

their_libreswan() {
  _tunnel_options "$@"
  libreswan_node "node$_to" --cert "$_their_cert" --ca root --secret "@$_as @$_peer_as : PPKS \"lab\" $LAB_PPK" < <(_libreswan_conf)
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
  mine=$(xfrm_spis node1 out "$(node_ip "$n")")
  [ -n "$mine" ] && [ "$mine" = "$(xfrm_spis "node$n" in)" ] && [ -n "$(xfrm_spis "node$n" out)" ] &&
    [ -z "$(comm -13 <(xfrm_spis node1 in) <(xfrm_spis "node$n" out))" ]
}

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

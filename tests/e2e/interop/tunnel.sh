# Sourced by the interop tests: node1 runs espalier-agent with one Tunnel, node2 another IKE daemon with one connection.
#
#   our_tunnel [OPTION…]      writes node1's manifests; then espalier_start 1
#     --mode Transport|Tunnel     default Transport
#     --family 4|6                of the outer addresses, default 4
#     --establish Eager|Passive|OnDemand   default Eager
#     --pods                      tunnel between the pod networks of both nodes, both families
#     --ppk                       PPK "lab", insisted on      (node2 uses the same, $LAB_PPK)
#     --ike PROPOSAL --esp PROPOSAL --life SECONDS (of the Child)
#   their_strongswan [OPTION…]  the other end; --pods --family --ppk --initiate as above
#   their_libreswan [OPTION…]
#   settle NAME                the SA pair stands, both ways by ESP
# shellcheck shell=bash

LAB_PPK=0x0102030405060708090a0b0c0d0e0f100102030405060708090a0b0c0d0e0f10

_tunnel_options() {
  _mode=Transport _family=4 _establish=Eager _pods='' _ppk='' _ike_keywords=aes256gcm16-prfsha384-ecp256 _esp_keywords=aes256gcm16 _life=1h _key=ec
  while [ $# -gt 0 ]; do
    case $1 in
      --mode) _mode=$2; shift 2 ;;
      --family) _family=$2; shift 2 ;;
      --establish) _establish=$2; shift 2 ;;
      --pods) _pods=yes _mode=Tunnel; shift ;;
      --ppk) _ppk=yes; shift ;;
      --ike) _ike_keywords=$2; shift 2 ;;
      --esp) _esp_keywords=$2; shift 2 ;;
      --life) _life=$2s; shift 2 ;;
      --key) _key=$2; shift 2 ;;
      *) echo "tunnel: $1?" >&2; return 1 ;;
    esac
  done
}

our_tunnel() {
  _tunnel_options "$@"
  local local_nets="" remote_nets=""
  LAB_NODES=2 espalier_node 1
  if [ -n "$_pods" ]; then
    local_nets="subnets: [\"$(pod_net 1)\", \"$(pod_net 1 6)\"]"
    remote_nets="subnets: [\"$(pod_net 2)\", \"$(pod_net 2 6)\"]"
  fi
  # The peer is no node of ours.
  rm "$(espalier_dir 1)/manifests/nodes.yaml"
  espalier_apply 1 - <<-YAML
	apiVersion: espalier.io/v1alpha1
	kind: Tunnel
	metadata: {name: lab, namespace: edge}
	spec:
	  mode: $_mode
	  establish: $_establish
	  local:
	    node: node1
	    address: "$(node_ip 1 "$_family")"
	    identity: node1.lab
	    $local_nets
	    authentication: {type: X509, x509: {certificateRef: {name: node1}}}
	  remote:
	    addresses: ["$(node_ip 2 "$_family")"]
	    identity: node2.lab
	    $remote_nets
	    authentication: {type: X509, x509: {trustRef: {name: root}}}
	  ike: {proposals: [$_ike_keywords]}
	  esp: {proposals: [$_esp_keywords], pfs: true, lifetime: $_life}
	  ${_ppk:+"ppk: {mode: Insist, keys: [{id: lab, secretRef: {name: ppk, key: lab}}]}"}
	---
	apiVersion: v1
	kind: Secret
	type: kubernetes.io/tls
	metadata: {name: node1, namespace: edge}
	stringData:
	  tls.crt: |
	$(_pem "$PKI/node1.crt")
	  tls.key: |
	$(_pem "$PKI/node1.key")
	---
	apiVersion: v1
	kind: Secret
	metadata: {name: root, namespace: edge}
	stringData:
	  ca.crt: |
	$(_pem "$PKI/root.crt")
	---
	apiVersion: v1
	kind: Secret
	metadata: {name: ppk, namespace: edge}
	stringData: {lab: "$LAB_PPK"}
	YAML
}

their_strongswan() {
  _tunnel_options "$@"
  local ts="mode = transport"
  [ -z "$_pods" ] || ts="mode = tunnel
	      local_ts = $(pod_net 2),$(pod_net 2 6)
	      remote_ts = $(pod_net 1),$(pod_net 1 6)"
  [ "$_mode$_pods" != Tunnel ] || ts="mode = tunnel"
  strongswan_node node2 --cert node2 --ca root <<-CONF
	connections {
	  lab {
	    version = 2
	    local_addrs = $(node_ip 2 "$_family")
	    remote_addrs = $(node_ip 1 "$_family")
	    proposals = $_ike_keywords
	    ${_ppk:+ppk_id = lab
	    ppk_required = yes}
	    local {
	      auth = pubkey
	      certs = node2.crt
	      id = node2.lab
	    }
	    remote {
	      auth = pubkey
	      id = node1.lab
	    }
	    children { lab {
	      $ts
	      esp_proposals = $_esp_keywords-ecp256-esn-noesn
	    } }
	  }
	}
	secrets { ppk-lab {
	  id = lab
	  secret = $LAB_PPK
	} }
	CONF
}

their_libreswan() {
  _tunnel_options "$@"
  local nets="type=transport" auth=ecdsa
  [ "$_key" != rsa ] || auth=rsasig
  [ -z "$_pods" ] || nets="leftsubnet=$(pod_net 2)
	  rightsubnet=$(pod_net 1)"
  libreswan_node node2 --cert node2 --ca root <<-CONF
	conn lab
	  left=$(node_ip 2 "$_family")
	  leftid=@node2.lab
	  leftcert=node2
	  right=$(node_ip 1 "$_family")
	  rightid=@node1.lab
	  rightca=%same
	  $nets
	  ikev2=insist
	  authby=$auth
	  ike=aes_gcm256-sha2_384;dh19
	  esp=aes_gcm256
	  ${_ppk:+ppk=insist}
	  auto=add
	CONF
}

# Both kernels hold a pair, and packets cross by ESP alone, both ways.
settle() {
  local from=${2:-node1} to=${3:-node2} address=${4:-$(node_ip 2)}
  check "$1: an SA pair stands" wait_for 15 assert_sa_pair node1 node2
  check "$1: packets cross" at "$from" ping -c 3 -i 0.1 -W 2 -q "$address"
}

# stream_check NAME FROM TO ADDRESS COMMAND…: nothing of a numbered stream is lost while the command runs.
stream_check() {
  local name=$1 from=$2 to=$3 address=$4
  shift 4
  stream_start "$from" "$to" "$address"
  "$@"
  stream_stop
  note "$name: sent $STREAM_SENT, lost $STREAM_LOST"
  equal "$name: nothing is lost" 0 "$STREAM_LOST"
}

#!/usr/bin/env bash
# tests/cluster/outside.sh VERB: what 40-tunnel.sh does on the machine outside of the cluster (lab/cluster --outside). What one call started, the
# next one finds.
#
#   subnet TEXT              192.168.77.0/24 behind this machine, in namespace `behind`: 192.168.77.2 answers by HTTP, with 1000 lines of TEXT
#   strongswan | libreswan   starts that daemon, by the certificate of its name in /run/pki, with a tunnel from the subnet to the pods of node1
#   start NAME | stop NAME   that daemon, as an administrator does it; what one that was stopped left in the kernel is gone, too
#   log NAME                 what it wrote
set -euo pipefail
export PKI=/run/pki
source "$ESPALIER_ROOT/lab/topology.sh"
source "$ESPALIER_ROOT/lab/pki.sh"
source "$ESPALIER_ROOT/lab/peers.sh"
known=/run/outside.known
# shellcheck source=/dev/null
[ ! -e "$known" ] || source "$known"

subnet() {
  ip netns add behind
  ip link add behind type veth peer name eth0 netns behind
  ip addr add 192.168.77.1/24 dev behind
  ip link set behind up
  ip -n behind -batch - <<-BATCH
	link set lo up
	link set eth0 up
	addr add 192.168.77.2/24 dev eth0
	route add default via 192.168.77.1
	BATCH
  mkdir -p /run/www
  for ((i = 1; i <= 1000; i++)); do echo "$i $1"; done >/run/www/index.html
  spawn behind /run/www.log busybox httpd -f -p 80 -h /run/www
}

# peers.sh speaks of a daemon by the namespace in which it runs: here both names are the machine's own network.
strongswan() {
  ip netns attach strongswan $$
  strongswan_node strongswan --cert strongswan --ca branch-ca <<-CONF
	connections {
	  branch {
	    version = 2
	    local_addrs = 10.10.0.12
	    remote_addrs = 10.10.0.11
	    proposals = aes256gcm16-prfsha384-ecp256
	    local {
	      auth = pubkey
	      certs = strongswan.crt
	      id = strongswan.lab
	    }
	    remote {
	      auth = pubkey
	      id = gateway.lab
	    }
	    children { branch {
	      mode = tunnel
	      local_ts = 192.168.77.0/24
	      remote_ts = 10.244.1.0/24
	      esp_proposals = aes256gcm16-ecp256-esn-noesn
	    } }
	  }
	}
	CONF
}

libreswan() {
  ip netns attach libreswan $$
  libreswan_node libreswan --cert libreswan --ca branch-ca <<-CONF
	conn branch
	  left=10.10.0.12
	  leftid=@libreswan.lab
	  leftcert=libreswan
	  leftsubnet=192.168.77.0/24
	  right=10.10.0.11
	  rightid=@gateway.lab
	  rightca="%same"
	  rightsubnet=10.244.1.0/24
	  type=tunnel
	  keyexchange=ikev2
	  authby=ecdsa
	  ike=aes_gcm256-sha2_384;dh19
	  esp=aes_gcm256
	  auto=add
	CONF
}

start() { peer_start "$1"; }
stop() {
  local pid=${_peer_pid[$1]}
  peer_stop "$1"
  # It is no child of this shell.
  while kill -0 "$pid" 2>/dev/null; do pause 0.1; done
  ip xfrm state flush
  ip xfrm policy flush
}
log() { peer_log "$1"; }

"$@"
declare -p _peer_kind _peer_pid _peer_setup _peer_plugins >"$known"

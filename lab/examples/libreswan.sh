#!/usr/bin/env bash
# libreswan as initiator, strongSwan as responder: tunnel mode for the pods, P-256 certificates.
# Run it by: lab/run lab/examples/libreswan.sh
set -euo pipefail
source "$ESPALIER_ROOT/lab/lab.sh"

lab_nodes 2
lab_pods 1
lab_routes
pki_ca root
pki_node node1 root
pki_node node2 root

strongswan_node node2 --cert node2 --ca root <<CONF
connections {
  lab {
    version = 2
    local_addrs = $(node_ip 2)
    remote_addrs = $(node_ip 1)
    proposals = aes256gcm16-prfsha384-ecp256
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
      local_ts = $(pod_net 2)
      remote_ts = $(pod_net 1)
      esp_proposals = aes256gcm16
    } }
  }
}
CONF
libreswan_node node1 --cert node1 --ca root <<CONF
conn lab
  left=$(node_ip 1)
  leftid=@node1.lab
  leftcert=node1
  leftsubnet=$(pod_net 1)
  right=$(node_ip 2)
  rightid=@node2.lab
  rightca=%same
  rightsubnet=$(pod_net 2)
  ikev2=insist
  authby=ecdsa
  ike=aes_gcm256-sha2_384;dh19
  esp=aes_gcm256
  auto=add
CONF

capture_start /tmp/wire.pcap
peer_up node1 lab
assert_sa_pair node1 node2
stream_start pod1-1 pod2-1 "$(pod_ip 2 1)"
at pod1-1 ping -c 3 -i 0.2 -q "$(pod_ip 2 1)"
stream_stop
capture_stop /tmp/wire.pcap
capture_assert_only_esp_ike /tmp/wire.pcap
capture_assert_no_text /tmp/wire.pcap 'espalier clear text'
[ "$STREAM_LOST" -eq 0 ]
echo "sent $STREAM_SENT, lost $STREAM_LOST, $(xfrm_bytes node2 in) bytes by ESP, nothing in clear"

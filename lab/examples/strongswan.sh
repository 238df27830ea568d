#!/usr/bin/env bash
# strongSwan with strongSwan: transport mode, P-256 certificates, PPK required. Run it by: lab/run lab/examples/strongswan.sh
set -euo pipefail
source "$ESPALIER_ROOT/lab/lab.sh"

lab_nodes 2
pki_ca root
for n in 1 2; do
  peer=$((3 - n))
  pki_node "node$n" root
  strongswan_node "node$n" --cert "node$n" --ca root <<-CONF
	connections {
	  lab {
	    version = 2
	    local_addrs = $(node_ip $n)
	    remote_addrs = $(node_ip $peer)
	    proposals = aes256gcm16-prfsha384-curve25519
	    ppk_id = lab
	    ppk_required = yes
	    local {
	      auth = pubkey
	      certs = node$n.crt
	      id = node$n.lab
	    }
	    remote {
	      auth = pubkey
	      id = node$peer.lab
	    }
	    children { lab {
	      mode = transport
	      esp_proposals = aes256gcm16
	    } }
	  }
	}
	secrets { ppk-lab {
	  id = lab
	  secret = 0x0102030405060708090a0b0c0d0e0f100102030405060708090a0b0c0d0e0f10
	} }
	CONF
done

capture_start /tmp/wire.pcap
peer_up node1 lab
assert_sa_pair node1 node2
stream_start node1 node2 "$(node_ip 2)"
at node1 ping -c 3 -i 0.2 -q "$(node_ip 2)"
stream_stop
capture_stop /tmp/wire.pcap
capture_assert_only_esp_ike /tmp/wire.pcap
capture_assert_no_text /tmp/wire.pcap 'espalier clear text'
[ "$STREAM_LOST" -eq 0 ]
echo "sent $STREAM_SENT, lost $STREAM_LOST, $(xfrm_bytes node2 in) bytes by ESP, nothing in clear"

#!/usr/bin/env bash
# The MTU that a pod gets: a packet of that length goes through ESP in one piece, one octet more does not; by cipher, family and UDP.
# host
set -euo pipefail
if [ "${1:-}" != inside ]; then
  programs=$("$ESPALIER_ROOT/lab/kubernetes/binaries" cnitool bridge host-local)
  exec "$ESPALIER_ROOT/lab/run" --timeout 900 --env "CNI_PROGRAMS=$programs" "$0" inside
fi
source "$ESPALIER_ROOT/tests/e2e/lib.sh"
source "$ESPALIER_ROOT/lab/espalier.sh"
source "$ESPALIER_ROOT/tests/e2e/agents/mesh.sh"
source "$ESPALIER_ROOT/tests/e2e/cni/cni.sh"
PATH=$CNI_PROGRAMS:$PATH
LAB_POD_MTU=1500

lab_nodes 2
lab_pods 1
lab_routes
mesh_manifests 2
cni_network /run/espalier/node1/pods.sock
# policy CIPHER UDP: on both nodes.
policy() {
  local n
  for n in 1 2; do
    espalier_apply "$n" - <<-YAML
	apiVersion: espalier.io/v1alpha1
	kind: IPsecPolicy
	metadata: {name: cluster}
	spec:
	  enforcement: Required
	  traffic: [NodeToNode, PodToPod, PodToNode]
	  establish: Eager
	  authentication: {type: X509}
	  esp: {proposals: [$1]}
	  encapsulation: {udp: $2}
	YAML
  done
}
policy aes256gcm16 Auto
espalier_start 1 --pod-socket /run/espalier/node1/pods.sock
espalier_start 2
mesh_pairs_up 2

mtu_of() { at "$1" ip -o link show "$2" | sed 's/.* mtu \([0-9]*\) .*/\1/'; }
# all_sas_have TEXT: every SA of node1, and there are some.
all_sas_have() {
  local all
  all=$(at node1 ip xfrm state | grep -c '^src ')
  [ "$all" -ge 4 ] && [ "$(at node1 ip xfrm state | grep -c -e "$1")" = "$all" ]
}
# ping_of POD FAMILY LENGTH: an IP packet of that length, not to be cut.
ping_of() {
  local headers=28
  [ "$2" = 4 ] || headers=48
  at "$1" ping -"$2" -M do -c 1 -W 2 -s $(($3 - headers)) "$(pod_ip 2 1 "$2")"
}
# fits POD FAMILY LENGTH: that much goes through in one piece, one octet more does not, whatever the pod's own link would take.
fits() {
  check "IPv$2: $3 octets go through" wait_for 20 ping_of "$1" "$2" "$3"
  refuse "  one more does not" ping_of "$1" "$2" $(($3 + 1))
}
# widen POD: the pod's link takes what the wire does, so that ESP alone is in the way.
widen() {
  at "$1" ip link set eth0 mtu 1500
  at node1 ip link set "$(at node1 ip -o link show master cni1 | sed -n '$s/^[0-9]*: \([^@:]*\).*/\1/p')" mtu 1500
}
# started POD MTU
started() {
  ip netns add "$1"
  check "pod $1 starts" cni add shop "$1"
  said "  the runtime is told its MTU" "\"mtu\": *$2"
  equal "  its link has it" "$2" "$(mtu_of "$1" eth0)"
}

started a 1446
capture_start /tmp/wire.pcap
fits a 6 1446
widen a
fits a 6 1446
fits a 4 1446
capture_stop /tmp/wire.pcap
equal "nothing was cut" 0 "$(capture_count /tmp/wire.pcap '(ip and ip[6:2] & 0x3fff != 0) or (ip6 and ip6[6] == 44)')"
check "  and all of it was ESP" capture_assert_only_esp_ike /tmp/wire.pcap
longest=$(tcpdump -nr /tmp/wire.pcap -e 'ip proto 50 or ip6 proto 50' 2>/dev/null | sed -n 's/.*, length \([0-9]*\): .*/\1/p' | sort -n | tail -n 1)
equal "  the longest filled its packet" 1514 "$longest"
check "it ends" cni del shop a

policy aes256-sha512 Auto
check "with another cipher" wait_for 90 all_sas_have 'hmac(sha512)'
started b 1422
widen b
fits b 6 1422
fits b 4 1422
check "it ends" cni del shop b

policy aes256gcm16 Always
check "with UDP around" wait_for 90 all_sas_have 'type espinudp'
started c 1438
widen c
fits c 6 1438
fits c 4 1438

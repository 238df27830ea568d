#!/usr/bin/env bash
# Pods selected by sets: what some pods say goes by ESP, what others say in clear, also while pods change sides, while the
# agent is gone, and while somebody flushes the packet filter. Required blocks the selected alone. IPv4 and IPv6.
# lab: --timeout 400
source "$ESPALIER_ROOT/tests/e2e/lib.sh"
source "$ESPALIER_ROOT/lab/espalier.sh"
source "$ESPALIER_ROOT/tests/e2e/agents/mesh.sh"

lab_nodes 3
lab_pods 2
lab_routes

web_policy() {
  cat <<-'YAML'
	apiVersion: espalier.io/v1alpha1
	kind: IPsecPolicy
	metadata: {name: web}
	spec:
	  enforcement: Required
	  traffic: [PodToPod, PodToNode]
	  podSelector: {matchLabels: {app: web}}
	  establish: Eager
	  authentication: {type: X509}
	YAML
}

# choose NODE:POD…: these pods are web's, as every node's manifests have it.
choose() {
  local pod list='' n
  for pod in "$@"; do
    for n in 4 6; do list+="${list:+, }\"$(pod_ip "${pod%:*}" "${pod#*:}" "$n")\""; done
  done
  cat >/tmp/pods.yaml <<-YAML
	apiVersion: espalier.io/v1alpha1
	kind: PodSlice
	metadata: {name: web-1}
	spec: {policy: web, addresses: [$list]}
	YAML
  for ((n = 1; n <= LAB_NODES; n++)); do espalier_apply "$n" /tmp/pods.yaml; done
}

mesh_manifests 3
for n in 1 2 3; do web_policy | espalier_apply "$n" -; done
choose 1:1 2:1
for n in 1 2 3; do espalier_start "$n"; done
mesh_pairs_up 3

# speak FROM=ADDRESS…: one echo each.
speak() {
  local pair
  for pair in "$@"; do at "${pair%%=*}" ping -c 1 -W 5 -q "${pair#*=}" || return 1; done
}
by_esp() {
  capture_start /tmp/wire.pcap
  check "$1 speak" speak "${@:2}"
  capture_stop /tmp/wire.pcap
  check "by ESP" capture_assert_only_esp_ike /tmp/wire.pcap
}
in_clear() {
  capture_start /tmp/wire.pcap
  check "$1 speak" speak "${@:2}"
  capture_stop /tmp/wire.pcap
  equal "in clear, both ways" $((2 * ($# - 1))) \
    "$(capture_count /tmp/wire.pcap 'icmp or (icmp6 and (ip6[40] == 128 or ip6[40] == 129))')"
}

by_esp "selected pods" pod1-1="$(pod_ip 2 1)" pod1-1="$(pod_ip 2 1 6)"
by_esp "a selected pod and others, whoever begins" pod1-1="$(pod_ip 2 2)" pod1-2="$(pod_ip 2 1)" pod3-1="$(pod_ip 1 1 6)"
by_esp "a selected pod and other nodes, whoever begins" pod1-1="$(node_ip 2)" node2="$(pod_ip 1 1)" pod2-1="$(node_ip 3 6)"
in_clear "pods that are not selected" pod1-2="$(pod_ip 2 2)" pod1-2="$(pod_ip 3 1 6)"
in_clear "nodes, with each other and with such pods" node1="$(node_ip 2)" node1="$(node_ip 3 6)" pod1-2="$(node_ip 2)" node3="$(pod_ip 1 2)"

# Masqueraded: another node sees the node's address.
at node1 nft 'table ip cni { chain post { type nat hook postrouting priority srcnat; ip saddr 10.244.0.0/16 ip daddr != 10.244.0.0/16 masquerade; }; }'
by_esp "a selected pod whose node masquerades" pod1-1="$(node_ip 2)"
in_clear "another pod whose node masquerades" pod1-2="$(node_ip 2)"
at node1 nft delete table ip cni

# A pod changes sides: its neighbour's address takes its place in the sets.
policies() { for n in 1 2 3; do ip -o -n "node$n" xfrm policy | grep -v "socket " | sort; done; } # without the daemons' own sockets
before=$(policies)
in_set() { at "node$1" nft get element inet espalier pods0_v4 "{ $2 }"; }
choose 1:2 2:1
for n in 1 2 3; do check "node$n knows it" wait_for 15 in_set "$n" "$(pod_ip 1 2)"; done
by_esp "the pod that is selected now" pod1-2="$(pod_ip 3 2)" pod1-2="$(pod_ip 3 2 6)" pod2-2="$(pod_ip 1 2)"
in_clear "the pod that was" pod1-1="$(pod_ip 3 2)" pod1-1="$(pod_ip 3 2 6)" pod2-2="$(pod_ip 1 1)"
equal "no policy is another" "$before" "$(policies)"

# The agent killed, and back.
espalier_kill 1
by_esp "with the agent killed, the selected pod" pod1-2="$(pod_ip 3 2)" pod3-2="$(pod_ip 1 2 6)"
in_clear "with the agent killed, the other" pod1-1="$(pod_ip 3 2)"
espalier_start 1
by_esp "while it starts again, the selected pod" pod1-2="$(pod_ip 2 2)" pod1-2="$(pod_ip 2 2 6)"
check "it stands again" mesh_pairs_up 3
in_clear "then the other" pod1-1="$(pod_ip 3 2)"
equal "its policies are those that it found" "$before" "$(policies)"

# Somebody flushes the packet filter: what nobody looks at goes by ESP.
espalier_kill 1
at node1 nft flush ruleset
by_esp "without the packet filter, any pod" pod1-2="$(pod_ip 2 2)" pod1-1="$(pod_ip 3 2)" pod3-2="$(pod_ip 1 2)"
espalier_start 1
check "the agent brings it back" wait_for 15 in_set 1 "$(pod_ip 1 2)"
in_clear "and pods that are not selected speak" pod1-1="$(pod_ip 3 2)"

# A node whose agent is gone and whose SAs are lost: only the selected are blocked.
counted() { at "node$1" nft list counter inet espalier "$2" | sed -n 's/.*packets \([0-9]*\).*/\1/p'; }
espalier_kill 3
clear_of_esp() { for n in 1 3; do ip -n "node$n" xfrm state flush proto esp; done; }
clear_of_esp
capture_start /tmp/wire.pcap
refuse "a selected pod does not reach it" at pod1-2 ping -c 1 -W 1 -q "$(pod_ip 3 1)"
refuse "nor over IPv6" at pod1-2 ping -c 1 -W 1 -q "$(pod_ip 3 1 6)"
refuse "nor does it reach the pod" at pod3-1 ping -c 1 -W 1 -q "$(pod_ip 1 2)"
capture_stop /tmp/wire.pcap
equal "and nothing of it is on the wire" 0 "$(capture_count /tmp/wire.pcap "host $(pod_ip 1 2) or host $(pod_ip 1 2 6)")"
in_clear "others" pod1-1="$(pod_ip 3 1)" pod3-1="$(pod_ip 1 1 6)" node1="$(node_ip 3)"

# A node that sends in clear what must come by ESP.
ip -n node3 xfrm policy flush
at node3 nft flush ruleset
stopped=$(counted 1 blocked_in_v4)
refuse "a clear packet to the selected pod is stopped" at pod3-1 ping -c 1 -W 1 -q "$(pod_ip 1 2)"
equal "and counted" 1 "$(($(counted 1 blocked_in_v4) - stopped))"
check "one to another pod is not" at pod3-1 ping -c 1 -W 2 -q "$(pod_ip 1 1)"

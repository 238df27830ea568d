#!/usr/bin/env bash
# What the nodes of a cluster say to each other travels in ESP, by certificates that the operator signed and Secrets that a policy names:
# ready by the kernel's account, through the loss of the API server, of an agent, and of all that one node's kernel knew.
# Where the host's kernel has no ESP: lab/apiserver --on esp tests/api/agent/20-traffic.sh
# shellcheck disable=SC2154  # operator_start sets OPERATOR_one
source "$ESPALIER_ROOT/tests/api/agent/agents.sh"
need "a kernel with ESP; by lab/apiserver --on esp there is one" takes_esp

wire=/run/wire.pcap
_clear='((host 10.0.0.1 and host 10.0.0.2) or (host fd00::1 and host fd00::2)) and not (arp or proto 50 or udp port 500 or udp port 4500)
  and not (icmp6 and ip6[40] >= 133 and ip6[40] <= 137)'
packets() { tcpdump --count -r "$wire" "$1" 2>/dev/null | cut -d ' ' -f 1; }
capture() {
  rm -f "$wire"
  tcpdump -U -i veth1 -w "$wire" 2>/run/tcpdump.log &
  capture_pid=$!
  wait_until 10 test -e "$wire"
}
capture_end() {
  kill -INT "$capture_pid"
  wait "$capture_pid"
}
reach() { ip netns exec node1 ping -c "$1" -i 0.2 -W 2 "$2"; }

node_start 1
node_start 2
operator_start one 9465
check "the operator is ready" wait_until 60 ready 9465
agent_start 1
agent_start 2
for i in 1 2; do check "node$i is ready" wait_until 90 is "endpoint_condition $i Ready status" True; done
capture
kubectl apply --server-side -f - >/dev/null <<'Y'
apiVersion: espalier.io/v1alpha1
kind: IPsecPolicy
metadata: {name: cluster}
spec: {enforcement: Required, traffic: [NodeToNode]}
Y
check "the policy is ready" wait_until 90 is 'condition cluster Ready' True
for i in 1 2; do equal "node$i counts its peer" '1 1' "$(of_node "$i" '{.status.peers.wanted} {.status.peers.ready}')"; done
kubectl get ipsecpolicies,nodepolicies,nodeendpoints | sed 's/^/     /'
check "IPv4 passes" reach 10 10.0.0.2
check "IPv6 passes" reach 10 fd00::2
capture_end
check "as ESP" [ "$(packets 'host 10.0.0.2 and proto 50')" -ge 20 ]
equal "and nothing in clear" 0 "$(packets "$_clear")"

note "the API server goes, the agent is killed"
sleep 6 # between two savings of the plan
api_kill
capture
agent_end 1 KILL
check "traffic goes on without it" reach 10 10.0.0.2
agent_start 1
check "and while it starts" reach 25 10.0.0.2

note "as after a reboot: its kernel knows nothing any more"
agent_end 1 KILL
ip -n node1 xfrm state flush
ip -n node1 xfrm policy flush
rm -f /run/node1/state/journal
agent_start 1
check "from what is on its disk alone it comes to its peer" wait_until 60 reach 1 10.0.0.2
capture_end
equal "what that node sent in clear was IKE" 0 "$(packets "src host 10.0.0.1 and $_clear")"

note "the API server comes back"
api_start
check "the node is ready" wait_until 90 is 'node_condition 1 Ready status' True
check "so is the policy" wait_until 60 is 'condition cluster Ready' True
agent_end 1 TERM
agent_end 2 TERM

#!/usr/bin/env bash
# espalier-cni behind the bridge plugin, by cnitool, with a real agent: every verb; a pod that it lets start speaks ESP from its first packet on;
# with the agent down ADD says to try again, STATUS that it is away, and DEL succeeds; 50 ADD and DEL in parallel.
# host
set -euo pipefail
if [ "${1:-}" != inside ]; then
  programs=$("$ESPALIER_ROOT/lab/kubernetes/binaries" cnitool bridge host-local)
  exec "$ESPALIER_ROOT/lab/run" --timeout 400 --env "CNI_PROGRAMS=$programs" "$0" inside
fi
source "$ESPALIER_ROOT/tests/e2e/lib.sh"
source "$ESPALIER_ROOT/lab/espalier.sh"
source "$ESPALIER_ROOT/tests/e2e/agents/mesh.sh"
PATH=$CNI_PROGRAMS:$PATH

lab_nodes 2
lab_pods 1
lab_routes
mesh_manifests 2
# The pods of node1 that this test starts stand behind a bridge of their own, in a part of the node's range that lab_pods leaves.
mkdir -p /run/cni
cat >/run/cni/10-net.conflist <<'J'
{"cniVersion": "1.1.0", "name": "net", "plugins": [
  {"type": "bridge", "bridge": "cni1", "isGateway": true, "ipam": {"type": "host-local", "dataDir": "/run/ipam",
    "ranges": [[{"subnet": "10.244.1.128/25"}], [{"subnet": "fd00:244:1:0:8000::/65"}]], "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]}},
  {"type": "espalier-cni", "socket": "/run/espalier/node1/pods.sock", "timeoutSeconds": 2, "exemptNamespaces": ["espalier-system"]}]}
J
# cni VERB NAMESPACE POD: as a runtime on node1 calls it.
cni() {
  at node1 env NETCONFPATH=/run/cni CNI_PATH="$CNI_PROGRAMS:$(dirname "$(type -P espalier-cni)")" CNI_IFNAME=eth0 \
    CNI_ARGS="IgnoreUnknown=1;K8S_POD_NAMESPACE=$2;K8S_POD_NAME=$3" cnitool "$1" net "/run/netns/$3"
}
for pod in a b c; do ip netns add "$pod"; done

refuse "without an agent no pod starts" cni add shop a
said "  and the runtime is told to try again" "pods.sock"
said "    as the agent does not answer" "does not answer"
check "  what had begun can be taken back" cni del shop a
check "  and again" cni del shop a
check "a pod of an exempt namespace starts" cni add espalier-system c
check "  and ends" cni del espalier-system c
refuse "STATUS says so" cni status shop a

espalier_start 1 --pod-socket /run/espalier/node1/pods.sock
espalier_start 2
check "the socket is there" wait_for 20 test -S /run/espalier/node1/pods.sock
equal "  for root alone" 600 "$(stat -c %a /run/espalier/node1/pods.sock)"
check "STATUS is content" wait_for 20 cni status shop a
capture_start /tmp/wire.pcap
check "a pod starts" cni add shop a
said "  with what the bridge plugin gave it" '"10.244.1.1[2-9][0-9]*/25"'
check "CHECK is content" cni check shop a
mesh_pairs_up 2
check "the pod reaches another node's" at a ping -c 3 -i 0.2 -W 5 -q "$(pod_ip 2 1)"
check "  by IPv6, too" wait_for 10 at a ping -c 1 -W 2 -q "$(pod_ip 2 1 6)"
capture_stop /tmp/wire.pcap
check "  in ESP from its first packet on" capture_assert_only_esp_ike /tmp/wire.pcap

several() {
  local i pids=() bad=0
  for ((i = 1; i <= 50; i++)); do
    cni "$1" shop "many$i" >"/run/many$i.out" 2>&1 &
    pids+=($!)
  done
  for i in "${pids[@]}"; do wait "$i" || bad=$((bad + 1)); done
  [ "$bad" -eq 0 ] || { cat /run/many*.out | sort | uniq -c | head -n 5 >&2; return 1; }
}
for ((i = 1; i <= 50; i++)); do ip netns add "many$i"; done
check "fifty pods start at once" several add
check "  and end at once" several del
equal "  and leave no address" 2 "$(find /run/ipam/net -name '10.*' -o -name 'fd00*' | wc -l)"

espalier_kill 1
refuse "the agent killed, no pod starts" cni add shop b
check "  its end is no error" cni del shop b
check "  nor that of one that ran" cni del shop a
refuse "CHECK of what is gone says so" cni check shop a

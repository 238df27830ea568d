#!/usr/bin/env bash
# espalier-cni behind the bridge plugin, by cnitool, with a real agent: every verb; a pod that it lets start speaks ESP from its first packet on;
# with the agent down ADD says to try again, STATUS that it is away, and DEL succeeds; 100 ADD and DEL in parallel; what ADD adds to a pod's start is printed.
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

lab_nodes 2
lab_pods 1
lab_routes
mesh_manifests 2
cni_network /run/espalier/node1/pods.sock 2
for pod in a b c; do ip netns add "$pod"; done

refuse "without an agent no pod starts" cni add shop a
said "  and the runtime is told to try again" "pods.sock"
said "    as the agent does not answer" "does not answer"
check "  what had begun can be taken back" cni del shop a
check "  and again" cni del shop a
check "a pod of an exempt namespace starts" cni add espalier-system c
check "  and ends" cni del espalier-system c
refuse "STATUS says so" cni status shop a

# A busy machine is no reason for a refusal.
cni_network /run/espalier/node1/pods.sock 60
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
  for ((i = 1; i <= 100; i++)); do
    cni "$1" shop "many$i" >"/run/many$i.out" 2>&1 &
    pids+=($!)
  done
  for i in "${pids[@]}"; do wait "$i" || bad=$((bad + 1)); done
  [ "$bad" -eq 0 ] || { cat /run/many*.out | sort | uniq -c | head -n 5 >&2; return 1; }
}
for ((i = 1; i <= 100; i++)); do ip netns add "many$i"; done
check "a hundred pods start at once" several add
check "  and end at once" several del
equal "  and leave no address" 2 "$(find /run/ipam/net -name '10.*' -o -name 'fd00*' | wc -l)"

# The plugin alone, as a runtime starts it, a hundred times: milliseconds, its process included.
plugin_add() {
  CNI_COMMAND=ADD CNI_CONTAINERID=c CNI_IFNAME=eth0 CNI_NETNS=/run/netns/a CNI_ARGS="K8S_POD_NAMESPACE=shop;K8S_POD_NAME=a" \
    at node1 espalier-cni <<<'{"cniVersion": "1.1.0", "name": "net", "type": "espalier-cni", "socket": "/run/espalier/node1/pods.sock",
      "prevResult": {"cniVersion": "1.1.0", "ips": [{"address": "10.244.1.130/25"}]}}' >/run/added.json
}
added() {
  local i before
  for ((i = 0; i < 100; i++)); do
    before=${EPOCHREALTIME/./}
    plugin_add || { cat /run/added.json; return 1; }
    echo $((${EPOCHREALTIME/./} - before))
  done | sort -n >/run/added.us && [ "$(wc -l </run/added.us)" = 100 ]
}
check "a hundred times in a row the plugin alone" added
printf '     it adds to a start: p50 %d ms, p99 %d ms\n' $(($(sed -n 50p /run/added.us) / 1000)) $(($(sed -n 99p /run/added.us) / 1000))

espalier_kill 1
cni_network /run/espalier/node1/pods.sock 2
refuse "the agent killed, no pod starts" cni add shop b
check "  its end is no error" cni del shop b
check "  nor that of one that ran" cni del shop a
refuse "CHECK of what is gone says so" cni check shop a

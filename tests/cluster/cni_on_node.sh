# Run by 15-cni.sh on a node: cni_on_node.sh verbs|parallel|latency|away. What it prints is shown; its status says whether all held.
# shellcheck shell=bash
set -euo pipefail
CNI_PATH=/opt/cni/bin:$(cat /run/api/cni-programs)
PATH=$CNI_PATH:$PATH
export CNI_PATH CNI_IFNAME=eth0 NETCONFPATH=/etc/cni/net.d
# cni VERB POD: in the network of this node's pods.
cni() { CNI_ARGS="IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=$2" cnitool "$1" base "/run/netns/$2"; }
pod() { ip netns add "$1"; }
gone() { ip netns delete "$1"; }
leases() { find /var/lib/cni/networks/base -name '10.244.*' | wc -l; }
# again VERB POD: once more, as kubelet does, when one of the base network's plugins gives up (`bridge` waits for an IPv6 address for 5 s only, which a
# machine with a hundred of them may exceed); never for what espalier-cni says.
again() {
  local out=/run/$2.out
  for _ in 1 2 3; do
    if cni "$1" "$2" >"$out" 2>&1; then return 0; fi
    ! grep -q 'type="espalier-cni"' "$out" || return 1
    echo "again: $(grep -m 1 failed "$out")" >>/run/again
    cni del "$2" >/dev/null 2>&1 || true
  done
  return 1
}
fails() {
  if "${@:2}" >/run/said 2>&1; then echo "$* succeeded"; return 1; fi
  cut -c1-300 /run/said
  grep -qE "$1" /run/said
}

case "$1" in
  verbs)
    pod one
    cni status one
    cni add one >/run/added
    grep -E '"(address|mtu)"' /run/added
    echo "link: $(ip -n one -o link show eth0 | grep -o 'mtu [0-9]*')"
    cni check one
    CNI_COMMAND=VERSION espalier-cni </dev/null
    cni del one
    cni del one
    # It takes every pod of the network for gone; this node has none.
    cni gc one
    gone one
    ;;
  parallel)
    before=$(leases)
    : >/run/again
    none_left() { for ((i = 1; i <= 100; i++)); do gone "many$i"; done; }
    for ((i = 1; i <= 100; i++)); do pod "many$i"; done
    trap none_left EXIT
    for verb in add del; do
      pids=() bad=0
      for ((i = 1; i <= 100; i++)); do
        again "$verb" "many$i" &
        pids+=($!)
      done
      for pid in "${pids[@]}"; do wait "$pid" || bad=$((bad + 1)); done
      echo "$verb: $((100 - bad)) of 100, $(wc -l </run/again) of them tried again for the sake of another plugin"
      [ "$bad" -eq 0 ] || { grep -hv '^[ {}]' /run/many*.out | grep -i 'fail\|error' | sed 's/many[0-9]*/many/; s/([^)]*)//' | sort | uniq -c | sort -n | tail -n 5; exit 1; }
    done
    echo "addresses before and after: $before $(leases)"
    [ "$before" = "$(leases)" ]
    ;;
  latency)
    pod two
    ip -n two link add eth0 type dummy
    for ((i = 0; i < 100; i++)); do
      at=${EPOCHREALTIME/./}
      CNI_COMMAND=ADD CNI_CONTAINERID=c CNI_NETNS=/run/netns/two CNI_ARGS="K8S_POD_NAMESPACE=shop;K8S_POD_NAME=two" espalier-cni >/run/added <<'J'
{"cniVersion": "1.1.0", "name": "base", "type": "espalier-cni", "prevResult": {"cniVersion": "1.1.0", "ips": [{"address": "10.244.1.250/24"}]}}
J
      echo $((${EPOCHREALTIME/./} - at))
    done | sort -n >/run/us || { cat /run/added; exit 1; }
    ip -n two link delete eth0
    # The other plugins of the chain, in the same minute.
    for ((i = 0; i < 20; i++)); do
      at=${EPOCHREALTIME/./}
      cni add two >/dev/null
      echo $((${EPOCHREALTIME/./} - at))
      cni del two
    done | sort -n >/run/chain-us
    gone two
    [ "$(wc -l </run/us)" = 100 ] && [ "$(wc -l </run/chain-us)" = 20 ]
    echo "the plugin alone: p50 $(($(sed -n 50p /run/us) / 1000)) ms, p99 $(($(sed -n 99p /run/us) / 1000)) ms; the whole chain by cnitool: p50 $(($(sed -n 10p /run/chain-us) / 1000)) ms"
    ;;
  away)
    pod three
    fails 'code: 11|"code": 11|does not answer' cni add three
    fails 'code: 50|"code": 50|does not answer' cni status three
    cni del three
    gone three
    ;;
esac

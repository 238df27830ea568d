# Sourced by the tests beside it: an operator's helpers, and nodes with an agent each.
#
#   node_start N      Node N of the cluster, and namespace nodeN with its addresses (10.0.0.N, fd00::N)
#   agent_start N [OPTION…]   its agent, with the rights and the kind of token that its Pod would have; state in /run/nodeN
#   agent_end N SIGNAL
#   takes_esp         this kernel takes an ESP SA
#   policies N        how many XFRM policies with a template stand on node N
#   of_node N PATH    a field of NodePolicy nodeN (JSONPath);  of_endpoint N PATH  of NodeEndpoint nodeN
#   node_condition N TYPE FIELD | endpoint_condition N TYPE FIELD
# shellcheck shell=bash
# shellcheck source=../operator/operators.sh
source "$ESPALIER_ROOT/tests/api/operator/operators.sh"

ip link add nodes type bridge
ip addr add 10.0.0.254/24 dev nodes
ip link set nodes up

node_start() {
  linux_node "$1"
  agent "$1"
  sed -i 's,https://127.0.0.1:,https://10.15.0.1:,' "$API/agent$1.kubeconfig"
  ip netns add "node$1"
  ip link add "veth$1" type veth peer name eth0 netns "node$1"
  ip link set "veth$1" master nodes up
  ip -n "node$1" link set lo up
  ip -n "node$1" addr add "10.0.0.$1/24" dev eth0
  ip -n "node$1" addr add "fd00::$1/64" dev eth0 nodad
  ip -n "node$1" link set eth0 up
  ip -n "node$1" route add default via 10.0.0.254
}

agent_start() {
  ip netns exec "node$1" espalier-agent --kubeconfig "$API/agent$1.kubeconfig" --node "node$1" --state "/run/node$1/state" \
    --socket "/run/node$1/agent.sock" --metrics 127.0.0.1:9464 "${@:2}" >>"$API_LOGS/agent-$1.log" 2>&1 &
  printf -v "AGENT_$1" %s $!
}
agent_end() {
  local pid="AGENT_$1"
  kill "-$2" "${!pid}"
  wait "${!pid}" 2>/dev/null || true
}

takes_esp() {
  unshare --net ip xfrm state add src 192.0.2.1 dst 192.0.2.2 proto esp spi 1 mode transport aead 'rfc4106(gcm(aes))' \
    0x000102030405060708090a0b0c0d0e0f10111213 128
}
policies() { ip -n "node$1" xfrm policy | grep -c tmpl || true; }
of_node() { kubectl get nodepolicy "node$1" -o "jsonpath=$2"; }
of_endpoint() { kubectl get nodeendpoint "node$1" -o "jsonpath=$2"; }
node_condition() { of_node "$1" "{.status.conditions[?(@.type=='$2')].$3}"; }
endpoint_condition() { of_endpoint "$1" "{.status.conditions[?(@.type=='$2')].$3}"; }
condition() { kubectl get ipsecpolicy "$1" -o jsonpath="{.status.conditions[?(@.type=='$2')].status}"; }

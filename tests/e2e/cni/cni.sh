# Sourced by these tests in their machine, with the CNI programs on PATH: a network as a runtime on node1 has it.
#
#   cni_network SOCKET [TIMEOUT]   the bridge plugin, espalier-cni behind it. The pods stand behind a bridge of their own, in a part of the
#                              node's range that lab_pods leaves.
#   cni VERB NAMESPACE POD     as the runtime calls it, for the network namespace POD
# shellcheck shell=bash

cni_network() {
  mkdir -p /run/cni
  cat >/run/cni/10-net.conflist <<J
{"cniVersion": "1.1.0", "name": "net", "plugins": [
  {"type": "bridge", "bridge": "cni1", "isGateway": true, "ipam": {"type": "host-local", "dataDir": "/run/ipam",
    "ranges": [[{"subnet": "10.244.1.128/25"}], [{"subnet": "fd00:244:1:0:8000::/65"}]], "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]}},
  {"type": "espalier-cni", "socket": "$1", "timeoutSeconds": ${2:-60}, "exemptNamespaces": ["espalier-system"]}]}
J
}

cni() {
  at node1 env NETCONFPATH=/run/cni CNI_PATH="$CNI_PROGRAMS:$(dirname "$(type -P espalier-cni)")" CNI_IFNAME=eth0 \
    CNI_ARGS="IgnoreUnknown=1;K8S_POD_NAMESPACE=$2;K8S_POD_NAME=$3" cnitool "$1" net "/run/netns/$3"
}

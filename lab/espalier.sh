# Sourced inside a lab machine: nodes that run espalier-agent, each with a folder of manifests of its own.
#
#   espalier_node N [OPTION…]      writes /run/espalier/nodeN/manifests (endpoints, credentials of $PKI) for node N
#     --cert NAME                  default nodeN; --ca NAME[,NAME…]: trusted, default root
#     --nodes COUNT                endpoints of node1 … nodeCOUNT, default LAB_NODES
#     --v4 | --v6                  endpoints of one family only
#     --overlay                    pod packets travel inside node packets
#   espalier_apply N FILE          adds a manifest (from FILE, or - for standard input named extra.yaml)
#   espalier_start N [OPTION…]     starts the agent, further options are the agent's; AGENT_PID_N
#   espalier_kill N, espalier_stop N     SIGKILL, SIGTERM (and waits)
#   ectl N ARGUMENT…               espalierctl of node N
# The agent's output goes to /run/espalier/nodeN/log.
# shellcheck shell=bash

espalier_dir() { echo "/run/espalier/node$1"; }

# A PEM file as the value of a block scalar.
_pem() { sed 's/^/    /' "$@"; }

espalier_node() {
  local n=$1 cert="node$1" cas=root nodes=${LAB_NODES:-2} families="4 6" overlay='' dir i list
  shift
  while [ $# -gt 0 ]; do
    case $1 in
      --cert) cert=$2; shift 2 ;;
      --ca) cas=$2; shift 2 ;;
      --nodes) nodes=$2; shift 2 ;;
      --v4) families=4; shift ;;
      --v6) families=6; shift ;;
      --overlay) overlay=yes; shift ;;
      *) echo "espalier_node: $1?" >&2; return 1 ;;
    esac
  done
  dir=$(espalier_dir "$n")
  mkdir -p "$dir/manifests" "$dir/state"
  for ((i = 1; i <= nodes; i++)); do
    list="" nets=""
    for f in $families; do
      list+="${list:+, }\"$(node_ip "$i" "$f")\"" nets+="${nets:+, }\"$(pod_net "$i" "$f")\""
    done
    cat <<-YAML
	---
	apiVersion: espalier.io/v1alpha1
	kind: NodeEndpoint
	metadata: {name: node$i}
	spec:
	  addresses: [$list]
	  podCIDRs: [$nets]
	  identity: node$i.lab
	  ${overlay:+podNetwork: Overlay}
	YAML
  done >"$dir/manifests/nodes.yaml"
  {
    echo "apiVersion: v1"; echo "kind: Secret"; echo "type: kubernetes.io/tls"
    echo "metadata: {name: espalier-node}"; echo "stringData:"
    echo "  tls.crt: |"; _pem "$PKI/$cert.crt" "$PKI/$cert.chain"
    echo "  tls.key: |"; _pem "$PKI/$cert.key"
    echo "---"; echo "apiVersion: v1"; echo "kind: Secret"; echo "metadata: {name: espalier-trust}"; echo "stringData:"
    echo "  ca.crt: |"
    for i in ${cas//,/ }; do _pem "$PKI/$i.crt"; done
  } >"$dir/manifests/secrets.yaml"
}

espalier_apply() {
  local dir file=$2
  dir=$(espalier_dir "$1")/manifests
  if [ "$file" = - ]; then
    cat >"$dir/.extra.new" && mv "$dir/.extra.new" "$dir/extra.yaml"
  else
    cp "$file" "$dir/.new" && mv "$dir/.new" "$dir/$(basename "$file")"
  fi
}

espalier_start() {
  local n=$1 dir
  shift
  dir=$(espalier_dir "$n")
  spawn "node$n" "$dir/log" espalier-agent --manifests "$dir/manifests" --node "node$n" --state "$dir/state" \
    --socket "$dir/agent.sock" --metrics ":9464" "$@"
  printf -v "AGENT_PID_$n" %s "$SPAWNED"
}

_agent_pid() { local name="AGENT_PID_$1"; echo "${!name}"; }

espalier_kill() { kill -KILL "$(_agent_pid "$1")"; wait "$(_agent_pid "$1")" 2>/dev/null || true; }
espalier_stop() { kill -TERM "$(_agent_pid "$1")"; wait "$(_agent_pid "$1")" 2>/dev/null || true; }

ectl() { at "node$1" espalierctl --socket "$(espalier_dir "$1")/agent.sock" "${@:2}"; }

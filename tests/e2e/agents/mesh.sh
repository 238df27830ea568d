# Sourced by the agents' tests.
#
#   mesh_manifests NODES [CA]   endpoints, credentials and a Required policy for each node, no agent yet
#   mesh_start NODES PODS       that, pods with routed networks, agents everywhere, all pairs up
#   mesh_pairs_up NODES         every node holds SAs with every other, both families
# shellcheck shell=bash

mesh_policy() {
  cat <<-YAML
	apiVersion: espalier.io/v1alpha1
	kind: IPsecPolicy
	metadata: {name: cluster}
	spec:
	  enforcement: ${1:-Required}
	  traffic: [NodeToNode, PodToPod, PodToNode]
	  establish: Eager
	  authentication: {type: X509}
	  esp: {lifetime: ${2:-1h}}
	YAML
}

mesh_manifests() {
  local n
  LAB_NODES=$1
  pki_ca root
  for ((n = 1; n <= $1; n++)); do
    pki_node "node$n" root
    espalier_node "$n"
    mesh_policy | espalier_apply "$n" -
  done
}

_mesh_up() {
  local a b
  for ((a = 1; a <= $1; a++)); do
    for ((b = a + 1; b <= $1; b++)); do
      [ -n "$(xfrm_spis "node$a" out "$(node_ip "$b")")" ] && [ -n "$(xfrm_spis "node$a" out "$(node_ip "$b" 6)")" ] &&
        [ "$(xfrm_spis "node$a" out "$(node_ip "$b")" | wc -l)" -ge 2 ] || return 1
      # The helper looks at all SAs of both nodes, so it can tell only where there are no others.
      [ "$1" -gt 2 ] || assert_sa_pair "node$a" "node$b" || return 1
    done
  done
}

mesh_pairs_up() { check "all pairs stand" wait_for 90 _mesh_up "$1"; }

mesh_start() {
  local n
  lab_nodes "$1"
  lab_pods "$2"
  lab_routes
  mesh_manifests "$1"
  for ((n = 1; n <= $1; n++)); do espalier_start "$n"; done
  mesh_pairs_up "$1"
}

#!/usr/bin/env bash
# Started by 20-alerts.sh.
source "$ESPALIER_ROOT/tests/e2e/monitoring/mesh.sh"

lab_nodes 2
mesh_manifests 2
espalier_start 1
espalier_start 2
watch_mesh
quiet() { ! firing | has 'CertificateExpiring|PlanNotApplied|AgentMissing'; }
check "none of them fires" wait_for 30 quiet

note "a certificate of seven days"
pki_node node2 root --days 7
espalier_node 2
check_fires EspalierCertificateExpiring node2
refuse "and nothing at node1" eval 'firing | has "^EspalierCertificateExpiring node1$"'

note "a manifest with an error"
mesh_policy Sometimes | espalier_apply 1 -
check_fires EspalierPlanNotApplied node1
mesh_policy | espalier_apply 1 -
over() { ! fires EspalierPlanNotApplied node1; }
check "it ends with the error" wait_for 60 over

note "an agent is killed"
espalier_kill 2
check_fires EspalierAgentMissing node2
check_fires EspalierTunnelDown node1
espalier_start 2
back() { ! fires EspalierAgentMissing node2; }
check "it ends when the agent is back" wait_for 60 back

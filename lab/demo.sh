#!/usr/bin/env bash
# The demo's scenario, inside a lab machine (scripts/demo starts it): three nodes with two pods each, one policy, proof that the wire
# carries only ESP and IKE, the traffic status, the metrics, and a failure explained.
set -euo pipefail
source "$ESPALIER_ROOT/lab/lab.sh"
source "$ESPALIER_ROOT/lab/espalier.sh"
source "$ESPALIER_ROOT/lab/demo_steps.sh"

say "Four nodes on one wire, two pods behind each of the first three; certificates for all, node4's from the wrong CA"
lab_nodes 4
lab_pods 2
lab_routes
pki_ca root
pki_ca rogue
for n in 1 2 3; do pki_node "node$n" root; done
pki_node node4 rogue
for n in 1 2 3 4; do
  LAB_NODES=3 espalier_node "$n"
  espalier_apply "$n" - <<-YAML
	apiVersion: espalier.io/v1alpha1
	kind: IPsecPolicy
	metadata: {name: cluster}
	spec:
	  enforcement: Required
	  traffic: [NodeToNode, PodToPod, PodToNode]
	  authentication: {type: X509}
	YAML
done
sed 's/^/    /' "$(espalier_dir 1)/manifests/extra.yaml"

say "Starting espalier-agent on each node, with that policy in its folder of manifests"
for n in 1 2 3; do espalier_start "$n"; done
pairs_up() {
  local a b
  for a in 1 2 3; do
    for b in 1 2 3; do
      [ "$a" -eq "$b" ] || [ "$(xfrm_spis "node$a" out "$(node_ip "$b")" | wc -l)" -ge 2 ] || return 1
      [ "$a" -eq "$b" ] || [ -n "$(xfrm_spis "node$a" out "$(node_ip "$b" 6)")" ] || return 1
    done
  done
}
must "every pair of node1, node2 and node3 has its SAs in the kernel" wait_for 60 pairs_up

say "Pods on different nodes speak; the wire is captured in the bridge's own namespace"
capture_start /tmp/wire.pcap
must "pod1-1 pings pod2-1, IPv4" at pod1-1 ping -c 3 -i 0.2 -W 2 -q "$(pod_ip 2 1)"
must "pod1-2 pings pod3-2, IPv6" at pod1-2 ping -c 3 -i 0.2 -W 2 -q "$(pod_ip 3 2 6)"
must "pod3-1 pings node2" at pod3-1 ping -c 3 -i 0.2 -W 2 -q "$(node_ip 2)"
if command -v iperf3 >/dev/null; then
  spawn pod2-2 /run/iperf.log iperf3 -s -1
  pause 1
  at pod1-2 iperf3 -c "$(pod_ip 2 2)" -t 3 -f m | grep -E 'sender|receiver' | sed 's/^/  iperf3  /' || bad=1
fi
capture_stop /tmp/wire.pcap
capture_tell /tmp/wire.pcap | sed 's/^/  /'
must "nothing but ESP, IKE, ARP and neighbour discovery was on the wire" capture_assert_only_esp_ike /tmp/wire.pcap

say "espalierctl trafficstatus on node1"
ectl 1 trafficstatus | sed 's/^/  /'

say "Metrics of node1: the kernel's own error counters, and traffic by peer"
at node1 curl -sf http://127.0.0.1:9464/metrics >/run/metrics || bad=1
grep -E '^ipsec_xfrm_errors_total\{' /run/metrics | head -n 4 | sed 's/^/  /' || true
grep -cE '^ipsec_xfrm_errors_total\{' /run/metrics | sed 's/^/  rows of \/proc\/net\/xfrm_stat: /' || true
grep -E '^ipsec_[a-z_]*bytes_total.*peer="node2"' /run/metrics | head -n 4 | sed 's/^/  /' || true

say "node4 comes with a certificate of the wrong CA: who refuses, why, and what to do"
# The others learn of node4 by a changed file in their folders; what stands between them is not touched.
LAB_NODES=4 espalier_node 4
for n in 1 2 3; do espalier_apply "$n" "$(espalier_dir 4)/manifests/nodes.yaml"; done
espalier_start 4
refused() { ectl 1 status 2>/dev/null | grep -q 'UntrustedIssuer'; }
must "node1 refuses node4 and says why" wait_for 40 refused
ectl 1 status node4/v4 2>/dev/null | grep -A 6 'refused' | sed 's/^/  node1: /' || true
ectl 4 status node1/v4 2>/dev/null | grep -A 3 'refused' | sed 's/^/  node4: /' || true
must "no SA with node4" eval '[ -z "$(xfrm_spis node1 out "$(node_ip 4)")" ]'
must "and nothing for it leaves in clear" eval '! at node1 ping -c 1 -W 1 -q "$(node_ip 4)"'

if [ "$bad" -ne 0 ]; then
  echo; echo "Something above did not hold. The agents' logs end so:"
  for n in 1 2 3 4; do echo "== node$n"; tail -n 8 "$(espalier_dir "$n")/log" || true; done
  exit 1
fi
printf '\nAll of it held. What you saw: docs/concepts.md. How to do it on your nodes: README.md.\n'

#!/usr/bin/env bash
# The demo on a cluster, run by lab/cluster run (scripts/demo --cluster): two nodes, each a virtual machine, pods that speak in clear; the chart
# installed, one policy applied, proof that the wire carries only ESP between the nodes, the traffic status, the metrics, and the chart gone again.
set -euo pipefail
source "$ESPALIER_ROOT/lab/kubernetes/apiserver.sh"
source "$ESPALIER_ROOT/lab/kubernetes/nodes.sh"
source "$ESPALIER_ROOT/lab/demo_steps.sh"
source "$ESPALIER_ROOT/tests/chart.sh"

shown() { "$@" 2>&1 | sed 's/^/  /'; }
between='(host 10.10.0.11 or net 10.244.1.0/24) and (host 10.10.0.12 or net 10.244.2.0/24)'

say "A cluster, and a web server on each node"
kubectl apply -f - >/dev/null <<'Y'
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - {name: web, image: "registry.local/busybox:1", imagePullPolicy: Never, command: [/bin/sh, -c, "mkdir -p /tmp/w; echo a-secret-word > /tmp/w/index.html; httpd -f -p 80 -h /tmp/w"]}
Y
must "they run" kubectl rollout status daemonset/web --timeout 240s
shown kubectl get nodes,pods -o wide | cut -c1-120
pod_on() { kubectl get pods -l app=web --field-selector "spec.nodeName=node$1" -o jsonpath="{.items[0].$2}"; }
asks() { kubectl exec "$(pod_on 1 metadata.name)" -- wget -qO- "http://$(pod_on 2 status.podIP)/"; }

say "Without Espalier they speak in clear"
capture_start /run/clear.pcap
must "the one on node1 asks the one on node2" asks
capture_stop /run/clear.pcap
must "who listens on the wire reads along" eval '! capture_assert_no_text /run/clear.pcap a-secret-word'

say "helm install espalier"
must "installed" helm install espalier "$chart" -n espalier-system --create-namespace --set image.pullPolicy=Never
must "an agent runs on each node" kubectl rollout status daemonset/espalier-agent -n espalier-system --timeout 240s

say "kubectl apply -f policy.yaml"
kubectl apply -f - <<'Y' | sed 's/^/  /'
apiVersion: espalier.io/v1alpha1
kind: IPsecPolicy
metadata: {name: cluster}
spec:
  enforcement: Required
  traffic: [NodeToNode, PodToPod, PodToNode]
  authentication: {type: X509}
Y
must "Ready: every pair of nodes has its SAs" kubectl wait --for condition=Ready --timeout 240s ipsecpolicy/cluster
shown kubectl get ipsecpolicies,nodepolicies

say "The same pods speak again"
capture_start /run/wire.pcap
must "the one on node1 asks the one on node2" asks
capture_stop /run/wire.pcap
shown capture_tell /run/wire.pcap "$between"
must "nothing but ESP and IKE went between the nodes" capture_assert_only_esp_ike /run/wire.pcap "$between"
must "and nobody read along" capture_assert_no_text /run/wire.pcap a-secret-word

say "espalierctl trafficstatus on one node, its metrics, and helm test"
shown kubectl exec -n espalier-system ds/espalier-agent -- espalierctl trafficstatus
on 1 sh -c 'wget -qO- http://127.0.0.1:9464/metrics' >/run/metrics || bad=1
grep -E '^ipsec_traffic_bytes_total' /run/metrics | head -n 4 | sed 's/^/  /' || bad=1
must "helm test: everything that protection depends on" helm test espalier -n espalier-system --timeout 300s

say "helm uninstall espalier"
must "gone, and each node's kernel is cleared first" helm uninstall espalier -n espalier-system
for n in 1 2; do must "node$n has no SA" eval '[ -z "$(on $n ip xfrm state)" ]'; done

if [ "$bad" -ne 0 ]; then
  echo; echo "Something above did not hold; the logs' folder is named below."
  exit 1
fi
printf '\nAll of it held. The chart: helm/espalier/README.md. What you saw: docs/concepts.md.\n'

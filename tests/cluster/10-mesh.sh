#!/usr/bin/env bash
# helm install on a bare cluster, a mesh policy: every node Ready by the kernel's own word, pods on different nodes speak, and on the wire
# between the nodes goes ESP and IKE only.
source "$ESPALIER_ROOT/tests/checks.sh"
source "$ESPALIER_ROOT/lab/kubernetes/apiserver.sh"
source "$ESPALIER_ROOT/lab/kubernetes/nodes.sh"
source "$ESPALIER_ROOT/tests/chart.sh"

check "two pods are wanted" kubectl apply -f - <<'Y'
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
      - {name: web, image: "registry.local/busybox:1", imagePullPolicy: Never, command: [/bin/sh, -c, "mkdir -p /tmp/w; echo cleartext-canary > /tmp/w/index.html; httpd -f -p 80 -h /tmp/w"]}
Y
running() { [ "$(kubectl get pods -l app=web --no-headers | grep -cw Running)" = 2 ]; }
check "  and run, in clear" wait_until 240 running
pod_on() { kubectl get pods -l app=web --field-selector "spec.nodeName=node$1" -o jsonpath="{.items[0].$2}"; }
web1=$(pod_on 1 metadata.name) ip2=$(pod_on 2 status.podIP)
check "they speak" kubectl exec "$web1" -- wget -qO- "http://$ip2/"

check "helm installs" helm install espalier "$chart" -n espalier-system --create-namespace \
  --set image.pullPolicy=Never --set operator.logFormat=text --set agent.logFormat=text
agents_ready() { [ "$(kubectl get daemonset espalier-agent -n espalier-system -o jsonpath='{.status.numberReady}')" = 2 ]; }
check "both agents are ready" wait_until 240 agents_ready
kubectl get pods -n espalier-system -o wide | sed 's/^/     /'
check "each node has its certificate" wait_until 120 eval '[ "$(kubectl get csr --no-headers | grep -c Issued)" -ge 2 ]'

check "the policy is taken" kubectl apply -f - <<'Y'
apiVersion: espalier.io/v1alpha1
kind: IPsecPolicy
metadata: {name: cluster}
spec:
  enforcement: Required
  traffic: [NodeToNode, PodToPod, PodToNode]
  authentication: {type: X509}
Y
check "it is Ready" kubectl wait --for condition=Ready --timeout 180s ipsecpolicy/cluster
kubectl get ipsecpolicies,nodepolicies 2>&1 | sed 's/^/     /'
sas() { on "$1" ip -s xfrm state; }
for n in 1 2; do
  check "node$n's kernel has SAs" sas $n
  said "  towards the other" "dst 10.10.0.1$((3 - n))"
done

between='((host 10.10.0.11 or net 10.244.1.0/24) and (host 10.10.0.12 or net 10.244.2.0/24)) or ((host fd00:10::11 or net fd00:244:1::/64) and (host fd00:10::12 or net fd00:244:2::/64))'
capture_start /run/wire.pcap
check "the pods speak" kubectl exec "$web1" -- wget -qO- "http://$ip2/"
said "  and understand each other" cleartext-canary
check "twenty packets come back" kubectl exec "$web1" -- ping -c 20 -i 0.2 -W 5 "$ip2"
check "logs and exec go on" kubectl logs "$web1"
check "the capture is whole" capture_stop /run/wire.pcap
sent=$(capture_count /run/wire.pcap "($between) and (ip proto 50 or ip6 proto 50)")
check "the wire carried ESP between the nodes ($sent packets)" test "${sent:-0}" -ge 40
check "  and nothing else of a covered pair" capture_assert_only_esp_ike /run/wire.pcap "$between"
check "the pods' words are not on it" capture_assert_no_text /run/wire.pcap cleartext-canary
check "espalierctl counts them" kubectl exec -n espalier-system ds/espalier-agent -- espalierctl trafficstatus
sed 's/^/     /' "$_said" | head -20
check "kubectl espalier status" kubectl espalier status
sed 's/^/     /' "$_said"
said "  knows the policy and both nodes" '^node2 .*True'
check "kubectl espalier explain" kubectl espalier explain "$web1" "$(pod_on 2 metadata.name)"
said "  says by which policy they are encrypted" 'is encrypted by child'
check "kubectl espalier trafficstatus" kubectl espalier trafficstatus
check "kubectl espalier verify" kubectl espalier verify
check "kubectl espalier bundle" kubectl espalier bundle -f /run/bundle.tar.gz
check "  has the metrics of an agent" bash -c "tar -xzOf /run/bundle.tar.gz --wildcards '*/nodes/node1/metrics.txt' | grep ipsec_releases"
check "helm test" helm test espalier -n espalier-system --timeout 120s

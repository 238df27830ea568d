#!/usr/bin/env bash
# helm install on a bare cluster, a mesh policy: every node Ready by the kernel's own word, pods on different nodes speak, and on the wire
# between the nodes goes ESP and IKE only.
source "$ESPALIER_ROOT/tests/checks.sh"
source "$ESPALIER_ROOT/lab/cluster/apiserver.sh"
source "$ESPALIER_ROOT/lab/cluster/nodes.sh"
export HELM_CACHE_HOME=/run/helm HELM_CONFIG_HOME=/run/helm HELM_DATA_HOME=/run/helm
helm package "$ESPALIER_ROOT/helm/espalier" --destination /run >/run/package.log 2>&1 || { cat /run/package.log; exit 1; }

pods() {
  kubectl apply -f - <<'Y'
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
}
running() { [ "$(kubectl get pods -l app=web --no-headers | grep -cw Running)" = 2 ]; }
check "two pods are wanted" pods
check "  and run, in clear" wait_until 240 running
pod_on() { kubectl get pods -l app=web --field-selector "spec.nodeName=node$1" -o jsonpath="{.items[0].$2}"; }
web1=$(pod_on 1 metadata.name) ip2=$(pod_on 2 status.podIP)
check "they speak" kubectl exec "$web1" -- wget -qO- "http://$ip2/"

check "helm installs" helm install espalier /run/espalier-*.tgz -n espalier-system --create-namespace \
  --set image.pullPolicy=Never --set operator.logFormat=text --set agent.logFormat=text
agents_ready() { [ "$(kubectl get daemonset espalier-agent -n espalier-system -o jsonpath='{.status.numberReady}')" = 2 ]; }
check "both agents are ready" wait_until 240 agents_ready || true
kubectl get pods -n espalier-system -o wide | sed 's/^/     /'
check "each node has its certificate" wait_until 120 eval '[ "$(kubectl get csr --no-headers | grep -c Issued)" -ge 2 ]'

policy() {
  kubectl apply -f - <<'Y'
apiVersion: espalier.io/v1alpha1
kind: IPsecPolicy
metadata: {name: cluster}
spec:
  enforcement: Required
  traffic: [NodeToNode, PodToPod, PodToNode]
  authentication: {type: X509}
Y
}
check "the policy is taken" policy
check "it is Ready" kubectl wait --for condition=Ready --timeout 180s ipsecpolicy/cluster
kubectl get ipsecpolicies,nodepolicies 2>&1 | sed 's/^/     /'
sas() { on "$1" ip -s xfrm state; }
for n in 1 2; do
  check "node$n's kernel has SAs" sas $n
  said "  towards the other" "dst 10.10.0.1$((3 - n))"
done

esp='(ip proto 50 or ip6 proto 50 or udp port 4500 or udp port 500)'
between='((host 10.10.0.11 or net 10.244.1.0/24) and (host 10.10.0.12 or net 10.244.2.0/24)) or ((host fd00:10::11 or net fd00:244:1::/64) and (host fd00:10::12 or net fd00:244:2::/64))'
wire_start /run/wire.pcap
check "the pods speak" kubectl exec "$web1" -- wget -qO- "http://$ip2/"
said "  and understand each other" cleartext-canary
check "twenty packets come back" kubectl exec "$web1" -- ping -c 20 -i 0.2 -W 5 "$ip2"
check "logs and exec go on" kubectl logs "$web1"
wire_stop /run/wire.pcap
counted() { tcpdump --count -r /run/wire.pcap "$1" 2>/dev/null | cut -d' ' -f1; }
sent=$(counted "($between) and $esp")
check "the wire carried ESP between the nodes ($sent packets)" test "${sent:-0}" -ge 40
nd='(icmp6 and ip6[40] >= 133 and ip6[40] <= 137)'
equal "  and nothing else of a covered pair" 0 "$(counted "($between) and not $esp and not arp and not $nd")"
refuse "the pods' words are not on it" grep -q cleartext-canary /run/wire.pcap
check "espalierctl counts them" kubectl exec -n espalier-system ds/espalier-agent -- espalierctl trafficstatus
sed 's/^/     /' "$_said" | head -20
check "helm test" helm test espalier -n espalier-system --timeout 120s

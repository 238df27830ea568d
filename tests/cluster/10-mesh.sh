#!/usr/bin/env bash
# helm install on a bare cluster, a mesh policy: every node Ready by the kernel's own word, pods on different nodes speak, also by a Service, twenty
# pods come and go and speak as soon as they run, and on the wire between the nodes goes ESP and IKE only. The CNI plugin by containerd: entry, ADD, DEL
# and STATUS.
# lab: --timeout 2400
source "$ESPALIER_ROOT/tests/cluster/lib.sh"

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
web1=$(pod_on 1 metadata.name) ip1=$(pod_on 1 status.podIP) ip2=$(pod_on 2 status.podIP)
check "they speak" kubectl exec "$web1" -- wget -qO- "http://$ip2/"

kubectl apply -f - >/dev/null <<'Y'
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
Y
service=$(kubectl get service web -o jsonpath='{.spec.clusterIP}')

helm_installs --set cni.enabled=true
kubectl get pods -n espalier-system -o wide | sed 's/^/     /'
check "each node has its certificate" wait_until 120 eval '[ "$(kubectl get csr --no-headers | grep -c Issued)" -ge 2 ]'

check "the policy is taken" policy Required
check "it is Ready" wait_until 180 policy_ready
kubectl get ipsecpolicies,nodepolicies 2>&1 | sed 's/^/     /'
sas() { on "$1" ip -s xfrm state; }
for n in 1 2; do
  check "node$n's kernel has SAs" sas $n
  said "  towards the other" "dst 10.10.0.1$((3 - n))"
done

capture_start /run/wire.pcap
check "the pods speak" kubectl exec "$web1" -- wget -qO- "http://$ip2/"
said "  and understand each other" cleartext-canary
check "twenty packets come back" kubectl exec "$web1" -- ping -c 20 -i 0.2 -W 5 "$ip2"
check "logs and exec go on" kubectl logs "$web1"

# Ten of the Service's answers from a node, by whichever of its two pods.
asked() { for _ in 1 2 3 4 5 6 7 8 9 10; do kubectl exec "$web1" -- wget -qO- "http://$service/" || return 1; done; }
check "the Service answers ten times" asked

# Each of them asks the pod of the other node as its first deed, and then the Service.
check "twenty more pods are wanted" kubectl apply -f - <<Y
apiVersion: apps/v1
kind: Deployment
metadata: {name: callers}
spec:
  replicas: 20
  selector: {matchLabels: {app: caller}}
  template:
    metadata: {labels: {app: caller}}
    spec:
      terminationGracePeriodSeconds: 0
      topologySpreadConstraints: [{maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {app: caller}}}]
      containers:
      - name: caller
        image: registry.local/busybox:1
        imagePullPolicy: Never
        command: [/bin/sh, -c, "wget -qO- http://$ip1/ && wget -qO- http://$ip2/ && wget -qO- http://$service/ && sleep 100000"]
Y
check "  all run" kubectl rollout status deployment/callers --timeout 400s
answers() { kubectl logs -l app=caller --tail=-1 --max-log-requests 20 | grep -c cleartext-canary; }
check "  and all were answered by both nodes and by the Service" wait_until 120 eval '[ "$(answers)" -ge 60 ]'
restarts() { kubectl get pods -l app=caller -o jsonpath='{range .items[*]}{.status.containerStatuses[0].restartCount}{"\n"}{end}' | sort -u; }
equal "  at their first try" 0 "$(restarts)"
for pod in $(kubectl get pods -l app=caller -o jsonpath='{range .items[*]}{.metadata.name}={.status.containerStatuses[0].restartCount}{"\n"}{end}' | sed -n 's/=[1-9].*//p'); do
  note "$pod before its restart: $(kubectl logs --previous "$pod" | tail -n 2) $(kubectl get pod "$pod" -o jsonpath='{.status.containerStatuses[0].lastState}')"
done
check "scaled back" kubectl scale deployment callers --replicas 0
callers() { kubectl get pods -l app=caller --no-headers 2>/dev/null | grep -c . || true; }
check "  they are gone" wait_until 240 eval '[ "$(callers)" = 0 ]'
# What host-local has given out there, and how many pods have an address of it.
leases() { on "$1" ls /var/lib/cni/networks/base | grep -c '^10[.]244[.]' || true; }
pods_of() { kubectl get pods -A --field-selector "spec.nodeName=node$1" -o jsonpath='{range .items[*]}{.status.podIP}{"\n"}{end}' | grep -c '^10[.]244[.]' || true; }
given_back() { echo "$(leases "$1") addresses, $(pods_of "$1") pods" && [ "$(leases "$1")" = "$(pods_of "$1")" ]; }
for n in 1 2; do
  check "  node$n has their addresses back" wait_until 400 given_back $n
  note "$(given_back $n)"
done
check "the capture is whole" capture_stop /run/wire.pcap
sent=$(capture_count /run/wire.pcap "$(between 1 2) and (ip proto 50 or ip6 proto 50)")
check "the wire carried ESP between the nodes ($sent packets)" test "${sent:-0}" -ge 40
check "  and nothing else of a covered pair" capture_assert_only_esp_ike /run/wire.pcap "$(between 1 2)"
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

# The plugin, as containerd calls it.
for n in 1 2; do check "node$n has the plugin's entry" on $n grep -q '"type":"espalier-cni"' /etc/cni/net.d/10-base.conflist; done
ready() { kubectl get "node/node$1" -o jsonpath='{.status.conditions[?(@.type=="Ready")].status}'; }
ready_message() { kubectl get "node/node$1" -o jsonpath='{.status.conditions[?(@.type=="Ready")].message}'; }
# The agent stands still, so that nobody starts it again.
agent_stops 2
check "an agent that does not answer: STATUS, and its node is not Ready" wait_until 120 eval '[ "$(ready 2)" = False ]'
check "  which says whose word that is" grep -q '/run/espalier/pods.sock: the agent does not answer' <<<"$(ready_message 2)"
note "$(ready_message 2)"
check "a pod there" kubectl apply -f - <<'Y'
apiVersion: v1
kind: Pod
metadata: {name: held}
spec:
  nodeName: node2
  terminationGracePeriodSeconds: 0
  containers: [{name: held, image: "registry.local/busybox:1", imagePullPolicy: Never, command: [sleep, "100000"]}]
Y
held() { kubectl get events --field-selector involvedObject.name=held -o jsonpath='{.items[*].message}'; }
check "  is held" wait_until 120 eval 'grep -qE "espalier-cni|pods.sock|network is not ready" <<<"$(held)"'
note "$(held | cut -c1-300)"
equal "  and does not run" Pending "$(kubectl get pod held -o jsonpath='{.status.phase}')"
check "the agent goes on" agent_goes_on 2
check "  its node is Ready" wait_until 120 eval '[ "$(ready 2)" = True ]'
check "  and the pod starts" kubectl wait --for condition=Ready --timeout 180s pod/held

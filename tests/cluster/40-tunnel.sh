#!/usr/bin/env bash
# A Tunnel from a gateway node to a host outside of the cluster, which runs strongSwan, then libreswan: pods of the gateway reach the subnet behind
# that host, and are reached from it, by ESP alone; while the peer is down nothing passes, nor in clear; without the Tunnel nothing is left.
# lab: --nodes 1 --outside 1 --timeout 3600
source "$ESPALIER_ROOT/tests/cluster/lib.sh"

# outside VERB…: of outside.sh, on that host.
outside() { on 2 env "ESPALIER_ROOT=$ESPALIER_ROOT" "ESPALIER_PEERS=$ESPALIER_PEERS" bash "$ESPALIER_ROOT/tests/cluster/outside.sh" "$@"; }
there=192.168.77.2
wire=/run/wire.pcap
# Between the gateway with its pods and the outside host with its subnet; and what pods send to the subnet, if they do it in clear.
ends='(host 10.10.0.11 or net 10.244.1.0/24) and (host 10.10.0.12 or net 192.168.77.0/24)'
in_clear='src net 10.244.1.0/24 and dst net 192.168.77.0/24'

# The pod says it, and the host behind the other host: 1000 lines each, more than one packet.
canary=cleartext-canary
check "a pod on the gateway is wanted" kubectl apply -f - <<Y
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  nodeName: node1
  terminationGracePeriodSeconds: 0
  containers:
  - name: web
    image: registry.local/busybox:1
    imagePullPolicy: Never
    command: [/bin/sh, -c, "mkdir -p /tmp/w; i=0; while [ \$i -lt 1000 ]; do i=\$((i+1)); echo \$i $canary; done >/tmp/w/index.html; exec httpd -f -p 80 -h /tmp/w"]
Y
check "  and runs" kubectl wait --for condition=Ready --timeout 240s pod/web
here=$(kubectl get pod web -o jsonpath='{.status.podIP}')
check "there is a subnet outside" outside subnet "$canary"
check "  the gateway has a way to it" on 1 ip route add 192.168.77.0/24 via 10.10.0.12

fetch_there() { timeout 60 kubectl exec web -- wget -qO- "http://$there/" | grep -c "$canary"; }
fetch_here() { on 2 timeout 60 ip netns exec behind busybox wget -qO- "http://$here/" | grep -c "$canary"; }
ping_there() { kubectl exec web -- ping -c "$1" -i 0.2 -W 5 "$there"; }
ping_here() { on 2 ip netns exec behind busybox ping -c "$1" -i 0.2 -W 5 "$here"; }

helm_installs --set operator.replicas=1
programmed() { [ "$(kubectl get nodepolicy node1 -o jsonpath='{.status.conditions[?(@.type=="Programmed")].status}')" = True ]; }
check "the gateway has its plan, of nothing yet" wait_until 240 programmed

# What the gateway's kernel holds that an agent could have made there.
state() { on 1 sh -c 'ip xfrm state list nokeys; ip -o xfrm policy list nosock | sort; nft list tables'; }
state >/run/before
as_before() { diff /run/before <(state); }

note "the Tunnel's credentials, in a namespace of its own, from an authority of its own"
pki_ca branch-ca
for name in gateway strongswan libreswan; do pki_node $name branch-ca; done
on 2 mkdir /run/pki
tar -C "$PKI" -cf - branch-ca.crt {strongswan,libreswan}.{crt,key,chain,p12} | "$ESPALIER_ROOT/lab/kubernetes/on" 2 tar -C /run/pki -xf -
kubectl create namespace edge >/dev/null
kubectl create secret tls gateway -n edge --cert "$PKI/gateway.crt" --key "$PKI/gateway.key" >/dev/null
kubectl create secret generic branch-ca -n edge --from-file "ca.crt=$PKI/branch-ca.crt" >/dev/null
kubectl create role espalier-tunnels -n edge --verb get --resource secrets --resource-name gateway --resource-name branch-ca >/dev/null
kubectl create rolebinding espalier-tunnels -n edge --role espalier-tunnels --serviceaccount espalier-system:espalier-agent >/dev/null

tunnel() {
  kubectl apply -f - <<Y
apiVersion: espalier.io/v1alpha1
kind: Tunnel
metadata: {name: $1, namespace: edge}
spec:
  local:
    node: node1
    identity: gateway.lab
    subnets: [10.244.1.0/24]
    authentication: {type: X509, x509: {certificateRef: {name: gateway}}}
  remote:
    addresses: [10.10.0.12]
    identity: $1.lab
    subnets: [192.168.77.0/24]
    authentication: {type: X509, x509: {trustRef: {name: branch-ca}}}
  ike: {proposals: [aes256gcm16-prfsha384-ecp256]}
  esp: {proposals: [aes256gcm16]}
  liveness: {delay: 10s}
Y
}
ready() { [ "$(kubectl get tunnel "$1" -n edge -o jsonpath='{.status.conditions[?(@.type=="Ready")].status}')" = "$2" ]; }

# sas N: what node N has of SAs with keys between the gateway and the peer, one a line: from, to, SPI, packets carried.
sas() {
  on "$1" ip -s xfrm state list nokeys proto esp | awk '
    /^src / { from = $2; to = $4 }
    /^\tproto esp/ { sub(/\(.*/, "", $4); spi = $4; keyed = 0 }
    /^\t(aead|enc) / { keyed = 1 }
    /\(bytes\), [0-9]+\(packets\)$/ && keyed { sub(/\(.*/, "", $2); print from, to, spi, $2 }' | sort
}
# carried FROM TO: how many packets /run/sas tells of, from one of them to the other.
carried() { awk -v from="10.10.0.1$1" -v to="10.10.0.1$2" '$1 == from && $2 == to {sum += $4} END {print sum + 0}' /run/sas; }
speaking() { sas 1 >/run/sas && [ "$(carried 1 2)" -ge "$1" ]; }
no_sa() { [ -z "$(sas "$1")" ]; }

# speaks PEER: pod and subnet, both ways.
speaks() {
  check "$1: twenty packets come back to the pod" ping_there 20
  said "  all of them" ' 20 packets received'
  check "$1: twenty to the host behind the peer" ping_here 20
  said "  all of them" ' 20 packets received'
  equal "$1: the pod reads the other's page whole" 1000 "$(fetch_there || true)"
  equal "$1: the other reads the pod's" 1000 "$(fetch_here || true)"
}

with_peer() {
  local peer=$1 pinging sent
  note "$peer"
  capture_start $wire
  equal "$peer: without a Tunnel the pod reads the page in clear" 1000 "$(fetch_there || true)"
  check "  the capture is whole" capture_stop $wire
  refuse "  and has the words" capture_assert_no_text $wire $canary

  check "$peer: starts" outside "$peer"
  capture_start $wire
  check "$peer: the Tunnel is taken" tunnel "$peer"
  check "$peer: it is Ready" kubectl wait --for condition=Ready --timeout 300s "tunnel/$peer" -n edge
  check "$peer: kubectl get tunnels" kubectl get tunnels -n edge
  show
  said "  says so" "^$peer .*node1 .*True .*True"
  speaks "$peer"
  check "$peer: the capture is whole" capture_stop $wire
  note "$(capture_tell $wire "$ends")"
  check "  the wire carried ESP" test "$(capture_count $wire "($ends) and ip proto 50")" -ge 80
  check "  and beside it IKE only" capture_assert_only_esp_ike $wire "$ends"
  check "  no word of the pages is on it" capture_assert_no_text $wire $canary
  sas 1 >/run/sas
  sed 's/^/     /' /run/sas
  check "$peer: the gateway's kernel has an SA towards the peer, which carried it" test "$(carried 1 2)" -ge 40
  check "  and one from it" test "$(carried 2 1)" -ge 40
  equal "  the peer's kernel has the same, and each packet that one sent the other has seen" "$(cat /run/sas)" "$(sas 2)"

  capture_start $wire
  sent=$(carried 1 2)
  ping_there 300 >/run/pinged 2>&1 &
  pinging=$!
  check "$peer: the pod speaks" wait_until 60 speaking $((sent + 10))
  check "$peer: is stopped meanwhile" outside stop "$peer"
  check "  the Tunnel says that it does not stand" wait_until 300 ready "$peer" False
  kubectl get tunnels -n edge | sed 's/^/     /'
  wait "$pinging" || true
  check "  what the pod sent meanwhile" grep transmitted /run/pinged
  show
  refuse "  nothing comes back to the pod" ping_there 5
  said "    of what it sent" '^5 packets transmitted, 0 packets received'
  refuse "  what comes in clear does not reach it" ping_here 5
  said "    nor is it answered" '^5 packets transmitted, 0 packets received'
  check "$peer: is started again" outside start "$peer"
  check "  the Tunnel stands again" wait_until 300 ready "$peer" True
  speaks "$peer"
  check "$peer: the capture is whole" capture_stop $wire
  note "$(capture_tell $wire "$ends")"
  check "  the peer's host did send in clear while it was down" test "$(capture_count $wire 'src net 192.168.77.0/24 and dst net 10.244.1.0/24')" -ge 5
  equal "  the gateway sent nothing of its pods' in clear" 0 "$(capture_count $wire "$in_clear")"
  check "  and no word of the pages was on the wire" capture_assert_no_text $wire $canary

  check "$peer: the Tunnel is deleted" kubectl delete tunnel "$peer" -n edge
  check "  the gateway's kernel is as it was before" wait_until 120 as_before
  as_before | head -n 20 || true
  check "  the peer's has no SA" wait_until 60 no_sa 2
  check "$peer: is stopped" outside stop "$peer"
}

# Where something failed, what both daemons say of it.
for peer in strongswan libreswan; do
  failed=$_failed
  with_peer $peer
  [ "$_failed" -gt "$failed" ] || continue
  note "the agent of node1, then $peer"
  kubectl logs -n espalier-system --tail 60 "$(agent_of 1)" | sed 's/^/     /' || true
  outside log $peer | tail -n 60 | sed 's/^/     /' || true
done

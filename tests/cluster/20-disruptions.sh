#!/usr/bin/env bash
# What a cluster lives through, under numbered UDP packets between pods of two nodes, 100 a second: Preferred turned to Required, the agents rolled,
# an agent killed, the operator gone for five minutes, the API server restarted, another node rebooted, the chart upgraded. Nothing is lost that
# the same cluster did not lose before Espalier was there, and on the wire goes nothing in clear.
# lab: --nodes 3 --timeout 3600
source "$ESPALIER_ROOT/tests/cluster/lib.sh"

sleepers_run

# disturb WHAT COMMAND…: the command succeeds while packets flow; what was lost is compared with $allowed, once that is known.
allowed='' told=()
disturb() {
  local what=$1
  shift
  pod_stream_start 1 "$POD1" 2 "$POD2" 100 7000
  check "$what" "$@"
  pod_stream_stop 7000
  told+=("$(printf '%-46s %7d sent %5d lost, longest gap %4d' "$what" "$STREAM_SENT" "$STREAM_LOST" "$STREAM_GAP")")
  note "${told[-1]}"
  if [ -n "$allowed" ]; then
    check "  cost no more packets than before Espalier ($allowed)" test "$STREAM_LOST" -le "$allowed"
    check "  and none came twice" test "$STREAM_DUPLICATES" -eq 0
  fi
}
reboot_3() { reboot_node 3 && wait_until 600 rebooted 3; }

disturb "without Espalier: the API server restarted" api_restart
lost=$STREAM_LOST
disturb "without Espalier: node 3 rebooted" reboot_3
allowed=$((lost + STREAM_LOST))

# What a node's kernel and CNI folder hold that an agent could have changed, numbers that count aside.
state_of() { on "$1" sh -c 'ip xfrm state; ip xfrm policy; nft list tables; cat /etc/cni/net.d/*; ls /opt/cni/bin /etc/cni/net.d'; }
for n in 1 2 3; do state_of $n >"/run/before-$n"; done
as_before() { diff "/run/before-$1" <(state_of "$1"); }

helm_installs --set cni.enabled=true
become() { policy "$1" && wait_until 300 policy_ready; }
disturb "Preferred applied" become Preferred
disturb "turned to Required" become Required
kubectl get ipsecpolicies,nodepolicies 2>&1 | sed 's/^/     /'

# Errors of IPsec on the nodes between which packets flow, but for what comes in clear and is refused: IKE, where the agent is away and no socket lets it
# in, and what a node sends that boots, until its agent has the plan.
errors() { for n in 1 2; do on $n cat /proc/net/xfrm_stat; done | grep -v -e '\b0$' -e XfrmInTmplMismatch || true; }
before=$(errors)
capture_start /run/wire.pcap

rolled() { kubectl rollout restart daemonset/espalier-agent -n espalier-system && agents_ready; }
disturb "the agents rolled" rolled

killed() {
  on 1 kill -9 "$(agent_pid 1)"
  pause 3
  wait_until 120 agent_pid 1 && agents_ready
}
disturb "an agent killed with SIGKILL" killed

operators() { kubectl get pods -n espalier-system -l app.kubernetes.io/component=operator --no-headers | grep -c . || true; }
nobody() { [ "$(operators)" = 0 ]; }
away() {
  wanted=$(kubectl get deployment espalier-operator -n espalier-system -o jsonpath='{.spec.replicas}')
  kubectl scale deployment espalier-operator -n espalier-system --replicas 0
  wait_until 120 nobody
  pause 300
  nobody
}
disturb "the operator gone for five minutes" away
back() { kubectl scale deployment espalier-operator -n espalier-system --replicas "$wanted" && kubectl rollout status deployment/espalier-operator -n espalier-system --timeout 300s; }
disturb "the operator back" back
disturb "the API server restarted" api_restart
disturb "node 3 rebooted" reboot_3
check "its agent is ready again" agents_ready
check "the policy is Ready" wait_until 300 policy_ready
upgraded() { helm upgrade espalier "$chart" -n espalier-system "${helm_values[@]}" --set cni.enabled=true --set agent.logLevel=debug --wait --timeout 400s; }
disturb "helm upgrade" upgraded

check "the capture is whole" capture_stop /run/wire.pcap
check "between the two nodes went ESP and IKE only" capture_assert_only_esp_ike /run/wire.pcap "$(between 1 2)"
equal "IPsec refused nothing of theirs" "$before" "$(errors)"

crds() { kubectl get crds -o json | python3 -c 'import json, sys; print("\n".join(json.dumps([i["metadata"]["name"], i["spec"]]) for i in json.load(sys.stdin)["items"]))'; }
crds >/run/crds
check "helm uninstall" helm uninstall espalier -n espalier-system --timeout 300s
gone() { [ -z "$(kubectl get pods -n espalier-system --no-headers 2>/dev/null)" ]; }
check "  the agents are gone" wait_until 120 gone
for n in 1 2 3; do
  check "  node $n is as it was" wait_until 60 as_before $n
  diff "/run/before-$n" <(state_of $n) | head -n 20 || true
done
check "  the CRDs are as they were" diff /run/crds <(crds)
check "  the policy is still there" kubectl get ipsecpolicy cluster
check "  and pods speak" on 1 nsenter --net="/run/netns/$(netns_of 1 "$POD1")" ping -c 3 -i 0.2 -W 5 "$POD2"
printf '     %s\n' "${told[@]}"

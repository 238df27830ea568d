#!/usr/bin/env bash
# Pods selected by namespace and label: what the selected say goes in ESP, with whomever they speak, others go on in clear. A namespace and a pod
# that are relabelled move over under traffic, both ways; how long each took is printed, and what the moment cost: between two nodes of which one
# alone has heard of it, Required drops what comes in clear.
# lab: --timeout 1500
source "$ESPALIER_ROOT/tests/cluster/lib.sh"

kubectl create namespace shop >/dev/null
kubectl create namespace bank >/dev/null
check "pods are wanted" kubectl apply -f <(sleepers bank web; sleepers bank db; sleepers shop web)
for set in bank/web bank/db shop/web; do check "  $set run" kubectl rollout status "daemonset/${set#*/}" -n "${set%/*}" --timeout 240s; done
declare -A ip netns
for set in bank/web bank/db shop/web; do
  for n in 1 2; do
    ip[$set$n]=$(sleeper $n "${set%/*}" "${set#*/}" status.podIP)
    netns[$set$n]=$(netns_of $n "${ip[$set$n]}")
  done
done

helm_installs
kubectl label namespace bank confidential=true >/dev/null
check "the policy is taken" kubectl apply -f - <<'Y'
apiVersion: espalier.io/v1alpha1
kind: IPsecPolicy
metadata: {name: payments}
spec:
  enforcement: Required
  traffic: [PodToPod]
  namespaceSelector: {matchLabels: {confidential: "true"}}
  podSelector: {matchLabels: {app: web}}
  authentication: {type: X509}
Y
check "  and Ready" wait_until 240 policy_ready payments
kubectl get ipsecpolicies,nodepolicies,podslices 2>&1 | sed 's/^/     /'

# speak SET SET: three echoes from node 1's pod to node 2's.
speak() { on 1 nsenter --net="/run/netns/${netns[${1}1]}" ping -c 3 -i 0.3 -W 5 -q "${ip[${2}2]}"; }
pair() { echo "host ${ip[${1}1]} and host ${ip[${2}2]}"; }
esp='ip proto 50 or ip6 proto 50'
# by_esp SET SET; in_clear SET SET
by_esp() {
  capture_start /run/wire.pcap
  check "$1 speaks with $2" speak "$1" "$2"
  check "  the capture is whole" capture_stop /run/wire.pcap
  equal "  nothing of it in clear" 0 "$(capture_count /run/wire.pcap "$(pair "$1" "$2")")"
  check "  but by ESP" test "$(capture_count /run/wire.pcap "$esp")" -ge 6
}
in_clear() {
  capture_start /run/wire.pcap
  check "$1 speaks with $2" speak "$1" "$2"
  check "  the capture is whole" capture_stop /run/wire.pcap
  equal "  in clear" 6 "$(capture_count /run/wire.pcap "$(pair "$1" "$2") and icmp")"
}
by_esp bank/web bank/web
by_esp bank/web shop/web
by_esp bank/db bank/web
in_clear bank/db bank/db
in_clear shop/web shop/web
in_clear shop/web bank/db

# moves WHAT FROM TO SET: while numbered packets go from SET's pod on node 1 to that on node 2, WHAT moves from clear to ESP or back; prints
# how long the last packet of the old way, on the wire, left after the command was given.
moves() {
  local what=$1 to=$2 set=$3 at last
  shift 3
  pod_stream_start 1 "${ip[${set}1]}" 2 "${ip[${set}2]}" 100 7000
  capture_start /run/wire.pcap
  pause 2
  at=$EPOCHREALTIME
  check "$what" "$@"
  pause 10
  check "  the capture is whole" capture_stop /run/wire.pcap
  pod_stream_stop 7000
  check "  and packets arrive" test "$STREAM_RECEIVED" -ge 500
  last=$(tcpdump -r /run/wire.pcap -n -tt "$(pair "$set" "$set") and udp port 7000" 2>/dev/null | case "$to" in esp) tail -n 1 ;; clear) head -n 1 ;; esac | cut -d ' ' -f 1)
  note "  $what: $(awk -v a="$at" -v b="$last" 'BEGIN {printf "%.1f s", b - a}') until $([ "$to" = esp ] && echo "the last packet in clear" || echo "the first packet in clear"); $STREAM_LOST of $STREAM_SENT packets lost"
  # The last three seconds are of the new way alone.
  local end clear
  end=$(tcpdump -r /run/wire.pcap -n -tt 2>/dev/null | tail -n 1 | cut -d . -f 1)
  clear=$(tcpdump -r /run/wire.pcap -n -tt "$(pair "$set" "$set") and udp port 7000" 2>/dev/null | awk -v end="$end" '$1 > end - 3' | wc -l)
  case "$to" in
    esp) equal "  then all went by ESP" 0 "$clear" ;;
    clear) check "  then all went in clear" test "$clear" -ge 200 ;;
  esac
}
label() { kubectl label pods -n bank -l set=db "app=$1" --overwrite; }
moves "pods relabelled, now selected" esp bank/db label web
moves "pods relabelled, no more selected" clear bank/db label db
moves "a namespace relabelled, now selected" esp shop/web kubectl label namespace shop confidential=true
by_esp shop/web bank/db
check "kubectl espalier explain" kubectl espalier explain "shop/$(sleeper 1 shop web metadata.name)" "shop/$(sleeper 2 shop web metadata.name)"
said "  says by which policy they are encrypted" 'is encrypted by child'

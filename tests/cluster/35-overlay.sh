#!/usr/bin/env bash
# A pod network that is an overlay (VXLAN) under a Required policy: NodeToNode covers it, so on the wire between the nodes go ESP and IKE, and neither
# VXLAN nor a pod's packet, of both families.
# lab: --network vxlan --timeout 1200
source "$ESPALIER_ROOT/tests/cluster/lib.sh"

sleepers_run
six=$(sleeper 2 default app 'status.podIPs[1].ip')
from_1() { on 1 nsenter --net="/run/netns/$(netns_of 1 "$POD1")" ping -q -i 0.2 -W 5 "$@"; }

capture_start /run/clear.pcap
check "they speak by VXLAN" from_1 -c 5 "$POD2"
check "the capture is whole" capture_stop /run/clear.pcap
check "  in clear" test "$(capture_count /run/clear.pcap 'udp port 8472')" -ge 10

helm_installs --set cni.enabled=true --set podNetwork=Overlay
overlays() { kubectl get nodeendpoints -o jsonpath='{range .items[*]}{.spec.podNetwork}{"\n"}{end}' | grep -cx Overlay; }
equal "the agents' NodeEndpoints say that it is one" 2 "$(overlays)"
check "a Required policy" policy Required
check "  is Ready" wait_until 240 policy_ready
kubectl get ipsecpolicies,nodepolicies 2>&1 | sed 's/^/     /'
for n in 1 2; do
  transport() { on $n ip xfrm state list dst "10.10.0.1$((3 - n))" | grep -c 'mode transport' || true; }
  tunnel() { on $n ip xfrm state list dst "10.10.0.1$((3 - n))" | grep -c 'mode tunnel' || true; }
  check "node$n has SAs in transport mode" test "$(transport)" -ge 1
  equal "  and none in tunnel mode" 0 "$(tunnel)"
done

bytes() { on 1 ip -s xfrm state list dst 10.10.0.12 | awk '/lifetime current/ {getline; sub(/[(].*/, ""); sum += $1} END {print sum + 0}'; }
before=$(bytes)
capture_start /run/wire.pcap
pod_stream_start 1 "$POD1" 2 "$POD2" 100 7000
check "the pods speak by IPv4" from_1 -c 10 "$POD2"
check "  and by IPv6" from_1 -6 -c 10 "$six"
check "  in packets as large as the pods' MTU lets them be" from_1 -c 3 -M "do" -s 1300 "$POD2"
pod_stream_stop 7000
note "$STREAM_SENT sent, $STREAM_LOST lost"
equal "a stream of packets loses none" 0 "$STREAM_LOST"
check "the capture is whole" capture_stop /run/wire.pcap
check "node1's SAs carried them" test $(($(bytes) - before)) -gt $((STREAM_SENT * 50))
equal "no VXLAN and no pod's packet was on the wire" 0 "$(capture_count /run/wire.pcap 'udp port 8472 or net 10.244.0.0/16 or net fd00:244::/32')"
check "between the nodes went ESP and IKE only" capture_assert_only_esp_ike /run/wire.pcap "$(between 1 2)"
esp=$(capture_count /run/wire.pcap "$(between 1 2) and (ip proto 50 or ip6 proto 50)")
check "  and of ESP ($esp packets) as many as were sent" test "${esp:-0}" -ge "$STREAM_SENT"

#!/usr/bin/env bash
# Offload: what a device without it answers, what netdevsim takes and refuses, with its words.
source "$ESPALIER_ROOT/tests/e2e/lib.sh"
source "$ESPALIER_ROOT/tests/e2e/facts/hand_keyed.sh"

lab_nodes 2
a=$(node_ip 1) b=$(node_ip 2)
need "no ESP in this kernel" keyed_pair 1 2
clean node1 node2
modprobe netdevsim 2>/dev/null || true
need "no netdevsim in this kernel" test -e /sys/bus/netdevsim/new_device

check "crypto offload on a device that has none succeeds" keyed_sa node1 "$a" "$b" 0x1 offload dev eth0 dir out
refuse "and runs in software: read back, the SA has no offload" grep -q 'offload' <(ip -n node1 xfrm state)
refuse "packet offload on such a device is refused" keyed_sa node1 "$a" "$b" 0x2 offload packet dev eth0 dir out

echo "7 1" >/sys/bus/netdevsim/new_device
wait_for 20 test -d /sys/bus/netdevsim/devices/netdevsim7/net
sim=$(basename "$(echo /sys/bus/netdevsim/devices/netdevsim7/net/*)")
ip link set "$sim" up
ip addr add 10.9.0.1/24 dev "$sim"
table=$(find /sys/kernel/debug/netdevsim/netdevsim7 -name ipsec | head -n 1)
check "netdevsim says so in its features" grep -q 'esp-hw-offload: on' <(ethtool -k "$sim")
sim_sa() { ip xfrm state add src 10.9.0.1 dst 10.9.0.2 proto esp spi "$1" reqid 1 mode transport "${@:2}"; }
gcm=(aead 'rfc4106(gcm(aes))' "$_key" 128)
check "netdevsim takes crypto offload of AES-GCM" sim_sa 0x100 "${gcm[@]}" offload dev "$sim" dir out
check "read back, the SA has it" grep -q "crypto offload parameters: dev $sim dir out" <(ip xfrm state)
check "and the device lists it" grep -qi '0x0\{0,6\}100' "$table"
refuse "netdevsim refuses AES-CBC" sim_sa 0x101 auth 'hmac(sha256)' "0x$(printf '11%.0s' {1..32})" enc 'cbc(aes)' "0x$(printf '22%.0s' {1..16})" offload dev "$sim" dir out
said "with an extended ack" 'netdevsim: '
refuse "netdevsim refuses ESN" sim_sa 0x102 "${gcm[@]}" replay-window 32 flag esn offload dev "$sim" dir out
said "with an extended ack" "Device doesn't support offload with ESN"
ip xfrm state flush
echo 7 >/sys/bus/netdevsim/del_device

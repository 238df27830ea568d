#!/usr/bin/env bash
# Topologies, captures, streams and certificates of the lab: they carry, count and refuse what they should.
source "$ESPALIER_ROOT/tests/e2e/lib.sh"

reach() { at "$1" ping -c 1 -W 5 -q "$2"; }

lab_nodes 3
lab_pods 2
lab_routes
check "nodes reach each other" reach node1 "$(node_ip 3)"
check "by IPv6 at once, too" reach node1 "$(node_ip 3 6)"
check "pods on one node" reach pod1-1 "$(pod_ip 1 2)"
check "pods on two nodes, routed" reach pod1-1 "$(pod_ip 3 2)"
check "by IPv6 too" reach pod2-2 "$(pod_ip 3 1 6)"
check "a pod reaches another node" reach pod1-1 "$(node_ip 2)"

# --- Captures and streams.
capture_start /tmp/wire.pcap
stream_start pod1-1 pod2-1 "$(pod_ip 2 1)" 500 7001
stream_start node1 node2 "$(node_ip 2 6)" 500 7002
pause 1
stream_stop 7001
equal "a stream loses nothing on a sound wire" "0 0" "$STREAM_LOST $STREAM_DUPLICATES"
sent=$STREAM_SENT
stream_stop 7002
equal "over IPv6 neither" 0 "$STREAM_LOST"
check "the capture is whole" capture_stop /tmp/wire.pcap
equal "and shows each packet once" "$sent" "$(capture_count /tmp/wire.pcap 'udp port 7001')"
refuse "clear packets are noticed by their headers" capture_assert_only_esp_ike /tmp/wire.pcap
refuse "and by their text" capture_assert_no_text /tmp/wire.pcap 'espalier clear text'
at wire tc qdisc add dev node2 root netem loss 30%
stream_start node1 node2 "$(node_ip 2)" 500
pause 1
stream_stop
check "what a lossy wire loses is counted ($STREAM_LOST of $STREAM_SENT)" [ "$STREAM_LOST" -gt $((STREAM_SENT / 10)) ]
at wire tc qdisc del dev node2 root
at node1 nft 'add table inet deny; add chain inet deny out { type filter hook output priority 0; }; add rule inet deny out udp dport 7000 drop'
stream_start node1 node2 "$(node_ip 2)" 100
pause 0.5
stream_stop
equal "what the sender's own kernel refuses counts as lost" "$STREAM_SENT $STREAM_SENT" "$STREAM_LOST $STREAM_REFUSED"
at node1 nft flush ruleset

# --- A node behind NAT.
lab_behind_nat node1
spawn node2 /tmp/seen timeout 30 tcpdump -ni eth0 -c 1 udp port 500
wait_for 20 grep -q listening /tmp/seen
capture_start /tmp/wire.pcap
at node1 bash -c "exec 3<>/dev/udp/$(node_ip 2)/500; echo x >&3"
pause 0.3
capture_stop /tmp/wire.pcap
equal "its packets come from the router, from another port" 1 "$(capture_count /tmp/wire.pcap 'udp dst port 500 and src 10.10.0.101 and src portrange 20000-29999')"
check "and answers find it" reach node1 "$(node_ip 2)"
refuse "nobody reaches it unasked" at node2 ping -c 1 -W 1 -q 192.168.1.2

# --- Certificates.
pki_ca root
pki_ca other rsa
pki_intermediate middle root
pki_node plain root
pki_node below middle --san DNS:below.lab,IP:10.10.0.12,IP:fd00:10::12
pki_node rsa other --key rsa
pki_node old root --expired
pki_node new root --not-yet --key ec384
verify() { (cd "$PKI" && openssl verify "$@"); }
check "a certificate under its root" verify -CAfile root.crt plain.crt
check "one below an intermediate, with its chain" verify -CAfile root.crt -untrusted below.chain -verify_ip fd00:10::12 below.crt
refuse "without the chain" verify -CAfile root.crt below.crt
check "an RSA certificate under an RSA root" verify -CAfile other.crt rsa.crt
refuse "another root does not know it" verify -CAfile root.crt rsa.crt
refuse "an expired one is refused" verify -CAfile root.crt old.crt
said "because it expired" 'has expired'
refuse "one of tomorrow too" verify -CAfile root.crt new.crt
said "because it is not yet valid" 'not yet valid'
equal "PKCS #12 holds the certificate, its chain and the root" 3 "$(openssl pkcs12 -in "$PKI/below.p12" -passin pass: -nokeys 2>/dev/null | grep -c BEGIN)"

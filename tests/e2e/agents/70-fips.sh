#!/usr/bin/env bash
# FIPS mode on one node of two: proposals that are not approved, for IKE or ESP, are refused by the field's name and nothing is
# begun; corrected, without a restart, the defaults give an approved group, both kernels hold the SAs and packets cross.
# lab: --timeout 300
source "$ESPALIER_ROOT/tests/e2e/lib.sh"
source "$ESPALIER_ROOT/lab/espalier.sh"
source "$ESPALIER_ROOT/tests/e2e/agents/mesh.sh"

lab_nodes 2
mesh_manifests 2

# asks IKE ESP: the policy on node1, with these proposals; without, the defaults.
asks() {
  {
    mesh_policy Required | sed "s/esp: {/&${2:+proposals: [$2], }/"
    [ -z "$1" ] || echo "  ike: {proposals: [$1]}"
  } | espalier_apply 1 -
}
status_has() { ectl 1 -o json status node2 | has "$1"; }

# refused FIELD ALGORITHM ALLOWED
refused() {
  check "$2 is refused, the field and what is allowed named" \
    wait_for 60 status_has "\"$1\[0\]: $2 is not allowed in FIPS mode; allowed: $3, "
  check "  NotApproved" status_has '"reason": "NotApproved"'
  check "  people read it, too" eval "ectl 1 status | has 'this node refused node2, .* NotApproved'"
  refuse "  no packet passes" at node1 ping -c 2 -i 0.2 -W 1 -q "$(node_ip 2)"
  refuse "  nor over IPv6" at node1 ping -c 2 -i 0.2 -W 1 -q "$(node_ip 2 6)"
  check "  no SA at either end" no_sa node1 node2
}

asks aes256gcm16-prfsha384-curve25519 ''
espalier_start 1 --fips
espalier_start 2
refused ike.proposals curve25519 ecp256
asks chacha20poly1305-prfsha384-ecp384 ''
refused ike.proposals chacha20poly1305 aes128gcm16
asks '' chacha20poly1305
refused esp.proposals chacha20poly1305 aes128gcm16

asks '' ''
mesh_pairs_up 2
check "packets cross" at node1 ping -c 3 -i 0.1 -W 5 -q "$(node_ip 2)"
check "and over IPv6" at node1 ping -c 3 -i 0.1 -W 5 -q "$(node_ip 2 6)"
equal "by AES-GCM alone" 'rfc4106(gcm(aes))' \
  "$(for n in 1 2; do ip -n "node$n" xfrm state list nokeys; done | awk '$1 == "aead" || $1 == "enc" {print $2}' | sort -u)"
check "keyed with an approved group" status_has aes256gcm16-prfsha384-ecp384
refuse "nothing is refused any more" status_has NotApproved
